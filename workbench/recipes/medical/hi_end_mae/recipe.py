"""Pretrain a 3-D transformer on unlabelled CT by masking, then segment organs from a few labelled scans."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import Attention, CtScans, Curve, Labels, Outcomes, Sample, Slot, Table, Volume
from workbench.core.mixins import Training
from workbench.core.params import knob
from workbench.core.recipe import MEDICAL, Paper, recipe
from workbench.core.segmenting import ModelTold

MODALITY = "CT"
MASKED = ("Hi-End-MAE", "plain MAE")


class HiEndMae(Training):
    """Knobs of both phases; those of every training belong to the pretraining."""

    pretrain: Literal["Hi-End-MAE", "plain MAE", "none"] = knob(
        "Hi-End-MAE", "How the encoder learns without labels: hierarchical decoder, plain decoder, or not at all",
        label="Pretraining",
    )  # fmt: skip
    max_steps: int = knob(
        300, "Steps of pretraining; 0 means by epochs", low=0, high=10_000_000, label="Pretraining steps",
        when={"pretrain": MASKED},
    )  # fmt: skip
    batch: int = knob(8, "Crops per pretraining step", low=1, high=4096, unit="crops", when={"pretrain": MASKED})
    learning_rate: float = knob(
        2e-3, "Pretraining's step size at its peak", low=1e-7, high=1.0, log=True, when={"pretrain": MASKED}
    )
    mask_share: float = knob(
        0.75, "Share of the patches that are hidden", low=0.5, high=0.9, when={"pretrain": MASKED}, label="Mask ratio"
    )
    crop: int = knob(36, "Edge of the cube that the network sees; a multiple of the patch", low=12, high=128,
                     unit="voxels")  # fmt: skip
    patch: int = knob(6, "Edge of the cube that becomes one token", low=4, high=16, unit="voxels")
    taps: str = knob("2, 4, 6, 8", "The four layers that decoders read, counted from 1; the last is the normalised end")
    decoder_depth: int = knob(
        2, "Self-attention blocks before the decoder asks the encoder", low=0, high=12, when={"pretrain": MASKED}
    )
    shots: int = knob(4, "Labelled scans to learn the segmentation from", low=1, high=1000, unit="scans")
    fine_steps: int = knob(240, "Steps of segmentation training", low=1, high=10_000_000)
    fine_rate: float = knob(2e-3, "Segmentation's step size at its peak", low=1e-7, high=1.0, log=True)
    encoder_rate: float = knob(
        1.0, "Factor on the segmentation's step size for the encoder", low=0.0, high=1.0, more=True
    )
    second_rate: float = knob(
        0.0, "A second step size to try; the validation scans choose. 0 tries none", low=0.0, high=1.0, more=True
    )
    ladder: bool = knob(False, "Also learn from one and from eight labelled scans", label="1, 4 and 8 shots", more=True)
    decoder: Literal["hierarchical", "last layer only", "without self-attention"] = knob(
        "hierarchical", "Ablations: every cross-attention asks the encoder's end; or none has self-attention before it",
        more=True, when={"pretrain": ("Hi-End-MAE",)},
    )  # fmt: skip
    weights: str = knob(
        "", "Published weights (.pth or .safetensors) to start the encoder from", widget="path", more=True
    )
    width: int = knob(96, "Width of the encoder; a multiple of 6 and of the heads", low=24, high=1536, more=True)
    layers: int = knob(8, "Layers of the encoder", low=4, high=48, more=True)
    heads: int = knob(4, "Attention heads of encoder and decoder", low=1, high=32, more=True)
    decoder_width: int = knob(
        48, "Width of the decoder; a multiple of 6 and of the heads", low=24, high=1536, more=True
    )
    features: int = knob(8, "Channels of the segmentation's convolutions at full size", low=2, high=64, more=True)
    fine_batch: int = knob(1, "Crops per step of segmentation training", low=1, high=256, unit="crops", more=True)
    augment: bool = knob(
        True, "Pretraining crops are mirrored (0.5 an axis), turned by 90° (0.3) and changed in brightness (0.1)",
        more=True,
    )  # fmt: skip
    window_low: float = knob(-175.0, "Values below are cut", low=-1024, high=3000, unit="HU", more=True)
    window_high: float = knob(250.0, "Values above are cut", low=-1000, high=4000, unit="HU", more=True)
    spacing: float = knob(
        1.5, "Voxel edge to which own scans are resampled; the phantom has its own", low=0.5, high=10, unit="mm",
        more=True,
    )  # fmt: skip
    unlabelled: int = knob(150, "Generated scans without labels", low=4, high=10_000, unit="scans", more=True)
    validation: int = knob(4, "Labelled scans that choose weights and rate", low=1, high=1000, unit="scans", more=True)
    test: int = knob(20, "Labelled scans that are only tested on", low=1, high=1000, unit="scans", more=True)
    size: int = knob(40, "Edge of a generated scan (320 mm)", low=16, high=128, unit="voxels", more=True)
    epochs: int = knob(3, "Passes over the unlabelled scans", low=1, high=10_000, more=True)
    evaluations: int = knob(4, "How often held-out scans are looked at in each phase", low=1, high=1000, more=True)
    patience: int = knob(
        0, "Stop a phase after this many evaluations without a better one; 0 never stops early", low=0, high=100,
        unit="evaluations", label="Stop early after", more=True,
    )  # fmt: skip
    rarity: float = knob(
        0.0, "How much more a rare organ's voxels count in cross-entropy: its share of the voxels to minus this power",
        low=0.0, high=1.0, more=True,
    )  # fmt: skip
    weight_decay: float = knob(0.05, "AdamW's weight decay in pretraining", low=0.0, high=1.0, more=True)
    fine_decay: float = knob(1e-5, "AdamW's weight decay in segmentation training", low=0.0, high=1.0, more=True)
    keep_model: bool = knob(True, "Save the trained model", more=True)
    continue_from: str = knob(
        "", "The folder of a model of this recipe whose segmentation training goes on; its network and organs must be "
        "the same. Nothing is pretrained then. Empty: begin anew", widget="path", more=True, label="Continue from",
    )  # fmt: skip


PHANTOM = Sample(
    "torso-phantom",
    "Torso phantoms",
    "Generated CT of a torso: eight organs, the soft ones within 25 HU of each other.",
    generated=True,
)

# Chosen on seeds 100, 110 and 120, which the claim does not use. With all voxels alike, 240 steps at 2e-3 leave
# spleen, right kidney and aorta at Dice 0 from whatever weights (0.57 in all, seed 110): each has below 1 % of the
# voxels. With rarity 0.5 they are found (0.68 from random weights, 0.77 after pretraining; seed 110, 2e-3 alone).
# Scans stay as they lie, without the paper's mirrored and turned crops, since test scans lie alike; not measured by
# itself. Guessing each hidden patch by the mean of its place misses by 0.37 to 0.40. The held-out error is 0.49 after
# 300 steps of 8 crops, 0.392 against 0.401 after 1,000 (seed 110), 0.367 against 0.387 after 1,800; after 2,000 steps
# of 4 crops 0.390 against 0.385 (a plain MAE's: 0.441; seed 120). Noise leaves 0.07. Probes start from a high floor,
# since scans lie alike: tokens of a random encoder still hold place and brightness, and every training loses some.
DESK = HiEndMae(augment=False, evaluations=2, max_steps=1000, batch=4, rarity=0.5)
_ARM = DESK.replace(max_steps=2000, keep_model=False, second_rate=4e-3)
_HI_END, _MAE, _SCRATCH = "Hi-End-MAE", "MAE", "scratch"


def _dice(text: str, better: str, than: str, *, by: float = 0.0) -> Better:
    return Better(text, "dice", better, than, by=by, asserted=by > 0, items="outcomes")


CLAIM = Claim(
    arms={
        _SCRATCH: _ARM.replace(pretrain="none"),
        _MAE: _ARM.replace(pretrain="plain MAE"),
        _HI_END: _ARM,
        "last layer only": _ARM.replace(decoder="last layer only"),
        "without self-attention": _ARM.replace(decoder="without self-attention"),
    },
    statements=(
        _dice("Pretraining by Hi-End-MAE beats starting from random weights, four labelled scans", _HI_END, _SCRATCH,
              by=0.05),
        Better("The encoder's tapped layers tell organs better (linear probe) than a plain MAE's", "probe_taps",
               _HI_END, _MAE, items="outcomes_probe"),
        Better("… and than those of an encoder that has learned nothing", "probe_taps", _HI_END, _SCRATCH,
               asserted=False, items="outcomes_probe"),
        _dice("Hi-End-MAE segments better than a plain MAE of equal size and steps", _HI_END, _MAE),
        _dice("Asking several layers beats asking the last one alone", _HI_END, "last layer only"),
        _dice("Self-attention before each question helps", _HI_END, "without self-attention"),
        _dice("A plain MAE beats starting from random weights", _MAE, _SCRATCH),
    ),
    seeds=3,
    note="Generated torsos; all arms see the same scans, crops' order and steps, and try the same two rates of "
    "segmentation training, chosen by validation scans. Dice over eight organs, background not counted.",
)  # fmt: skip


@recipe(
    tab=MEDICAL,
    title="Masked pretraining that asks every layer",
    paper=Paper(
        "Hi-End-MAE: Hierarchical encoder-driven masked autoencoders are stronger vision learners for medical image "
        "segmentation",
        2025,
        "2502.08347",
        "Hidden patches are restored by asking the encoder's layers, deep to shallow, so all of them learn.",
    ),
    reads={
        "scans": Slot(
            CtScans, "Scans without labels",
            "A folder with CT volumes at any depth: DICOM series, NIfTI, NRRD, MHA. Scans that stand among the "
            "labelled ones as well are left out.",
            (PHANTOM,),
        ),
        "cases": Slot(
            CtScans, "Labelled scans",
            "An nnU-Net or Decathlon data set: dataset.json with names of labels, imagesTr and labelsTr; one channel.",
            (PHANTOM,),
        ),
    },
    writes={
        "reconstruction": Curve, "loss": Curve, "dice": Curve, "original": Volume, "masked": Volume,
        "restored": Volume, "segmentation": Labels, "attention": Attention, "probes": Table, "per_organ": Table,
        "outcomes": Outcomes, "outcomes_probe": Outcomes,
    },
    layout=(
        ("original", "masked", "restored"), ("reconstruction", "loss", "dice"), ("segmentation", "per_organ"),
        ("attention", "probes"),
    ),
    presets={
        "smoke": HiEndMae(
            size=24, crop=24, patch=6, width=48, layers=4, taps="1, 2, 3, 4", decoder_width=24, decoder_depth=1,
            unlabelled=6, validation=2, test=2, max_steps=4, batch=2, shots=1, fine_steps=3, fine_batch=1, features=2,
            evaluations=2,
        ),
        "desk": DESK,
        "paper": HiEndMae(
            crop=96, patch=12, width=1536, layers=12, heads=16, taps="4, 7, 10, 12", decoder_width=528,
            max_steps=0, epochs=1000, batch=192, learning_rate=1e-4, warmup=0.01, features=32, fine_steps=15_000,
            fine_batch=4, augment=True, fine_rate=1e-4, evaluations=50,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: HiEndMae) -> None:
    """Learn from unlabelled CT what tissue looks like, then segment organs from a handful of labelled scans.

    **Pretraining** hides three quarters of a scan's patches. In a plain masked autoencoder a strong decoder
    fills them in by itself and the encoder's middle layers stay weak. Here the decoder has to *ask the encoder*:
    its tokens query the encoder's layers by cross-attention, from deep to shallow, so that every layer learns
    something worth asking for. Only the encoder is kept.

    **Segmentation** puts a UNETR on the encoder, which reads the same layers, and trains both on a few labelled
    scans. Weights and rate are chosen on validation scans; test scans are used once, at the end.

    The linear probes tell what each layer knows about organs before any label was seen. The attention view
    shows, for every patch (row), which visible patches it asked, one *head* for each tapped layer, the deepest
    first. The rate rises and falls linearly, in both phases and for all arms, where the paper has a cosine.
    """
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a slot's data is, as far as its first scans tell."""
    from .data import preview as look

    return look(slot, address, values)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Segment one scan with a trained model, by sliding window."""
    from .serve import answer

    return answer(job, model, inputs)


def told(card: dict[str, Any]) -> ModelTold | None:
    """What a saved model reads, by its card; None for an encoder that has not learned to segment.

    Its images all lie alike, so mirrored readings would show it organs on the wrong side.
    """
    if card.get("task") != "segmentation":
        return None
    return ModelTold((MODALITY,), MODALITY, tuple(str(one["name"]) for one in card["labels"]))
