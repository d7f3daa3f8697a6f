"""Pretrain a 3-D transformer on radiance grids by masking, then name voxels, find boxes or refine grids."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim, Gate
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import Boxes, Curve, ImageGrid, Outcomes, RadianceGrid, RadianceGrids, Sample, Slot, Table
from workbench.core.mixins import Training
from workbench.core.params import knob
from workbench.core.recipe import SCENES, Paper, recipe

MAE: Literal["NeRF-MAE"] = "NeRF-MAE"
UNWEIGHTED: Literal["without opacity weighting"] = "without opacity weighting"
SHIPPED: Literal["shipped encoder"] = "shipped encoder"
NONE: Literal["none"] = "none"
SWIN: Literal["Swin"] = "Swin"
UNET: Literal["conv U-Net"] = "conv U-Net"
LABELS: Literal["labels"] = "labels"
BOXES: Literal["boxes"] = "boxes"
BOTH: Literal["labels and boxes"] = "labels and boxes"
SUPER: Literal["super-resolution"] = "super-resolution"
ALL: Literal["all"] = "all"
PRETRAINED = (MAE, UNWEIGHTED)
_NAMES = {"task": (LABELS, BOTH, ALL)}
_FINDS = {"task": (BOXES, BOTH, ALL)}
_REFINES = {"task": (SUPER, ALL)}
_MASKS = {"pretrain": PRETRAINED}
_TAKES = {"pretrain": (*PRETRAINED, SHIPPED)}
_ATTENDS = {"network": (SWIN,)}


class NerfMae(Training):
    """Knobs of both phases; those of every training belong to the pretraining."""

    pretrain: Literal["NeRF-MAE", "without opacity weighting", "shipped encoder", "none"] = knob(
        MAE, "How the network learns without labels: colours of what is there and opacity of what is hidden; colours "
        "of all voxels alike; elsewhere (the encoder that comes along has learned from 4,000 rooms); or not at all",
        label="Pretraining",
    )  # fmt: skip
    task: Literal["labels", "boxes", "labels and boxes", "super-resolution", "all"] = knob(
        BOTH, "What is then learned from few grids: each voxel's class, boxes around things, a finer grid"
    )
    max_steps: int = knob(
        300, "Steps of pretraining; 0 means by epochs", low=0, high=10_000_000, label="Pretraining steps", when=_MASKS,
    )  # fmt: skip
    batch: int = knob(4, "Grids per pretraining step", low=1, high=4096, unit="grids", when=_MASKS)
    learning_rate: float = knob(1e-3, "Pretraining's step size at its peak", low=1e-7, high=1.0, log=True, when=_MASKS)
    mask_share: float = knob(0.75, "Share of the blocks that are hidden", low=0.1, high=0.9, when=_MASKS,
                             label="Mask ratio")  # fmt: skip
    block: int = knob(2, "Edge of a hidden block", low=1, high=16, unit="tokens", when=_MASKS)
    shots: int = knob(16, "Labelled grids to learn the task from", low=1, high=100_000, unit="grids")
    fine_steps: int = knob(200, "Steps of the task's training", low=1, high=10_000_000)
    fine_rate: float = knob(5e-3, "The task's step size at its peak", low=1e-7, high=1.0, log=True)
    boxes: Literal["aligned", "turned"] = knob("aligned", "Boxes along the axes, or turned about z", when=_FINDS,
                                               label="Box kind")  # fmt: skip
    side: int = knob(32, "Edge of the cube that grids are filled up to; grids must not be larger", low=8, high=512,
                     unit="voxels")  # fmt: skip
    second_rate: float = knob(
        0.0, "A second step size to try; the validation grids choose. 0 tries none", low=0.0, high=1.0, more=True
    )
    box_rate: float = knob(
        2e-3, "The step size for boxes; 0 takes the task's", low=0.0, high=1.0, more=True, when=_FINDS
    )
    network: Literal["Swin", "conv U-Net"] = knob(SWIN, "The network; a plain U-Net is not pretrained", more=True)
    weights: str = knob(
        "", "NeRF-MAE's published weights (.pt or .safetensors; CC BY-NC 4.0) to start from", widget="path", more=True,
        when=_ATTENDS,
    )  # fmt: skip
    continue_from: str = knob(
        "", "The folder of a model of this recipe whose pretrained network is taken; nothing is pretrained then. "
        "Empty: begin anew", widget="path", more=True, label="Continue from",
    )  # fmt: skip
    density: Literal["as the files say", "alpha", "relu", "exp"] = knob(
        "as the files say", "What densities of own grids mean where a file does not say it", more=True
    )
    patch: int = knob(2, "Edge of the cube that becomes one token", low=2, high=16, unit="voxels", more=True)
    width: int = knob(24, "Width of the first stage; a multiple of 6 and of its heads", low=6, high=384, more=True)
    depths: str = knob("2, 2, 2", "Blocks of each stage", more=True, when=_ATTENDS)
    heads: str = knob("3, 6, 12", "Attention heads of each stage", more=True, when=_ATTENDS)
    window: int = knob(4, "Edge of an attention window", low=2, high=8, unit="tokens", more=True, when=_ATTENDS)
    drop_path: float = knob(0.0, "How often the deepest block is passed over in training", low=0.0, high=0.9, more=True,
                            when=_ATTENDS)  # fmt: skip
    transfer: Literal["encoder", "encoder and decoder"] = knob(
        "encoder", "What of the pretrained network the voxel tasks begin with", more=True, when=_TAKES
    )
    fine_batch: int = knob(4, "Grids per step of the task's training", low=1, high=1024, unit="grids", more=True)
    augment: bool = knob(True, "Grids are mirrored and turned by 90°, each with probability 0.5", more=True)
    rarity: float = knob(
        0.5, "How much more a rare class's voxels count: its share of the voxels to minus this power", low=0.0,
        high=1.0, more=True, when=_NAMES,
    )  # fmt: skip
    pyramid: int = knob(48, "Width of the detector's feature pyramid", low=8, high=512, more=True, when=_FINDS)
    proposals: int = knob(30, "Most boxes of a grid that are kept and scored", low=1, high=2500, more=True, when=_FINDS)
    candidates: int = knob(300, "Places of each level that boxes are taken from before overlapping ones go", low=1,
                           high=10_000, more=True, when=_FINDS)  # fmt: skip
    upscale: int = knob(2, "How many times finer the refined grid is", low=2, high=4, more=True, when=_REFINES)
    unlabelled: int = knob(150, "Generated rooms without labels", low=2, high=50_000, unit="grids", more=True)
    validation: int = knob(
        12, "Labelled grids that choose weights and rate", low=1, high=10_000, unit="grids", more=True
    )
    test: int = knob(40, "Labelled grids that are only tested on", low=1, high=10_000, unit="grids", more=True)
    epochs: int = knob(8, "Passes over the unlabelled grids", low=1, high=100_000, more=True)
    evaluations: int = knob(4, "How often held-out grids are looked at in each phase", low=1, high=1000, more=True)
    patience: int = knob(
        0, "Stop a phase after this many evaluations without a better one; 0 never stops early", low=0, high=100,
        unit="evaluations", label="Stop early after", more=True,
    )  # fmt: skip
    weight_decay: float = knob(1e-3, "AdamW's weight decay in both phases", low=0.0, high=1.0, more=True)
    keep_model: bool = knob(True, "Save the trained model", more=True)


ROOMS = Sample(
    "furnished-rooms",
    "Furnished rooms",
    "Generated rooms with three to eight things, blurred and gapped as radiance fields are.",
    generated=True,
)


def tasks_of(params: NerfMae) -> tuple[str, ...]:
    """The tasks of a run, in their order."""
    return {BOTH: (LABELS, BOXES), ALL: (LABELS, BOXES, SUPER)}.get(params.task, (params.task,))


# Chosen on rooms of seeds 90 and 91, which the claim does not use, alike for all arms: tokens of 2 voxels (of 4, the
# same labelled rooms give less from random weights and with pretraining), 5e-3 for classes and 2e-3 for boxes (best of
# these two for the scratch and for the pretrained network). The decoder is left behind: it only knows grids of which
# three quarters are hidden, and begun from it classes are named worse. What else was seen, and why 300 steps of
# pretraining are too few, stands in decisions/radiance-grid-pretraining.md.
DESK = NerfMae(learning_rate=2e-3)
_ARM = DESK.replace(keep_model=False)
_SCRATCH, _MAE, _UNET = "scratch", "MAE", "conv U-Net"


CLAIM = Claim(
    arms={
        _SCRATCH: _ARM.replace(pretrain=NONE),
        _MAE: _ARM.replace(pretrain=SHIPPED),
        _UNET: _ARM.replace(pretrain=NONE, network=UNET),
    },
    statements=(
        Better("Pretraining by masking names voxels better than random weights, 16 labelled rooms", "room_miou", _MAE,
               _SCRATCH, by=0.03, items="outcomes"),
        Better("… and finds boxes better", "room_ap25", _MAE, _SCRATCH, items="outcomes_boxes"),
        Better("After a quarter of the steps it names voxels of validation rooms better", "early_labels", _MAE,
               _SCRATCH, asserted=False),
        Better("… and finds boxes better", "early_boxes", _MAE, _SCRATCH, asserted=False),
        Better("The pretrained transformer names voxels better than a plain U-Net from random weights", "room_miou",
               _MAE, _UNET, asserted=False, items="outcomes"),
        Better("… and finds boxes better", "room_ap25", _MAE, _UNET, asserted=False, items="outcomes_boxes"),
    ),
    gates=(
        Gate("From random weights the network names voxels better than by guessing", "room_miou", _SCRATCH, 0.2),
    ),
    seeds=3,
    note="Generated rooms; all arms see the same labelled rooms, order, steps, batch and rates. The pretrained "
    "network is the shipped one, which has seen 4,000 rooms without labels that are in no run's data. Rooms of no two "
    "parts or seeds are alike. IoU over six classes, empty space not counted, mean over rooms; AP25 of aligned boxes, "
    "as many proposals for every arm.",
)  # fmt: skip


@recipe(
    tab=SCENES,
    title="Masked pretraining on radiance grids",
    paper=Paper(
        "NeRF-MAE: Masked AutoEncoders for Self-Supervised 3D Representation Learning for Neural Radiance Fields",
        2024,
        "2404.01300",
        "Hidden blocks of radiance grids are restored; the network then learns labels and boxes from few of them.",
    ),
    reads={
        "grids": Slot(
            RadianceGrids, "Grids without labels",
            "NeRF-MAE's pretraining folder (features/*.npz, and a split file), any folder of such .npz, or a CSV with "
            "scene and rgbsigma_path.",
            (ROOMS,),
        ),
        "scenes": Slot(
            RadianceGrids, "Grids with boxes or labels",
            "NeRF-RPN's folder: features/*.npz with aabb/*.npy (N, 6), obb/*.npy (N, 7) or labels/*.npy (W, L, H), and "
            "a split file; or a CSV with scene, rgbsigma_path, boxes_path (and labels_path, split).",
            (ROOMS,),
        ),
    },
    writes={
        "original": RadianceGrid, "masked": RadianceGrid, "restored": RadianceGrid, "pictures": ImageGrid,
        "answers": ImageGrid, "reconstruction": Curve, "loss": Curve, "mean_iou": Curve, "average_precision": Curve,
        "psnr": Curve, "found": Boxes, "named": RadianceGrid, "finer": RadianceGrid, "per_class": Table,
        "per_overlap": Table, "against_interpolation": Table, "outcomes": Outcomes, "outcomes_boxes": Outcomes,
    },
    layout=(
        ("original", "masked", "restored"), ("pictures", "answers"),
        ("reconstruction", "loss", "mean_iou", "average_precision"), ("found", "named"),
        ("per_class", "per_overlap"), ("finer", "against_interpolation", "psnr"),
    ),
    presets={
        "smoke": NerfMae(
            side=16, patch=4, block=1, width=12, depths="1, 1", heads="2, 4", task=ALL, max_steps=4, batch=2, shots=2,
            fine_steps=3, fine_batch=2, unlabelled=3, validation=2, test=2, pyramid=16, evaluations=2, candidates=40,
            proposals=10,
        ),
        "desk": DESK,
        "paper": NerfMae(
            side=160, width=96, depths="2, 2, 18, 2", heads="3, 6, 12, 24", drop_path=0.1, block=4, max_steps=0,
            epochs=1200, batch=32, learning_rate=1e-4, warmup=0.05, clip=0.1, fine_steps=20_000, fine_batch=8,
            fine_rate=1e-4, second_rate=3e-4, box_rate=0.0, patch=4, boxes="turned",
            transfer="encoder and decoder", pyramid=256, candidates=2500, proposals=300, shots=100,
            evaluations=20, unlabelled=1500,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: NerfMae) -> None:
    """Learn from radiance grids without labels, then name voxels, find boxes or refine grids from a few labelled ones.

    A radiance field that was trained on posed photographs is read out as a grid of colour and opacity. **Pretraining**
    hides three quarters of such a grid, in blocks, and restores them with a 3-D Swin transformer and a decoder with
    skips. Hidden tokens are replaced *after* positions were added, so the network has to find out from its neighbours
    what they were. Colours count wherever something is there, hidden or not; opacity counts where it was hidden.

    Then the network learns a **task** from few labelled grids: each voxel's class (weighted cross-entropy), boxes (an
    anchor-free detector on a feature pyramid; along the axes, or turned about z), or a finer grid. Weights and rate are
    chosen on validation grids; test grids are used once, at the end. Boxes of different arms are scored with the same
    greatest number of proposals.

    **What to expect at desk size**, from 16 generated rooms and 200 steps: classes at a mean IoU of 0.4 to 0.5; boxes
    at an AP25 of about 0.8 and an AP50 of about 0.3. The turn of turned boxes is hardly learned: measured with the true
    turned boxes, aligned ones do as well. Pretraining restores hidden blocks far better than the mean room, and the
    tasks gain nothing from it. A finer grid has the colours of interpolation, whose errors are noise that the coarse
    grid came with, and an opacity that is some 3 dB better than interpolation's: the run tells both.

    Own grids are NeRF-MAE's or NeRF-RPN's `.npz`; a file that does not say what its densities mean needs the knob
    *Density*. Published weights load into the paper's sizes; they and the published data must not be used commercially
    (CC BY-NC 4.0). The rate rises and falls linearly, in both phases and for all arms, where the paper has one cycle of
    a cosine.
    """
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a slot's data is, as far as its first grids tell."""
    from .data import preview as look

    return look(slot, address, values)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Find boxes and name voxels in one grid with a trained model."""
    from .serve import answer

    return answer(job, model, inputs)
