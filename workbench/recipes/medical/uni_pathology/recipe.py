"""Learn histology tiles without labels, then name tissue from few examples and find tumour on whole slides."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim, Gate
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import (
    Confusion,
    Curve,
    Embedding,
    ImageGrid,
    Outcomes,
    Sample,
    Slide,
    Slot,
    Table,
    TileFolders,
    WholeSlides,
)  # fmt: skip
from workbench.core.mixins import Training
from workbench.core.params import knob
from workbench.core.recipe import MEDICAL, Paper, recipe

LEARNS = {"encoder": ("self-supervised",)}
NETWORK = {"encoder": ("self-supervised", "random")}


class UniPathology(Training):
    """Knobs of pretraining, of the few-shot tests and of the slides; those of every training are the pretraining's."""

    encoder: Literal["self-supervised", "random", "hand-crafted", "weights"] = knob(
        "self-supervised", "What describes a tile: a network pretrained here without labels, one that has learned "
        "nothing, colour and local binary patterns, or published weights",
    )  # fmt: skip
    pretrain_on: Literal["slides", "natural pictures"] = knob(
        "slides", "What the encoder looks at before it sees a label", label="Pretrain on", when=LEARNS
    )
    pretrain_slides: int = knob(40, "Slides that tiles for pretraining are cut from", low=1, high=1_000_000,
                                unit="slides", when=LEARNS)  # fmt: skip
    max_steps: int = knob(900, "Steps of pretraining; 0 means by epochs", low=0, high=10_000_000,
                          label="Pretraining steps", when=LEARNS)  # fmt: skip
    batch: int = knob(16, "Tiles per pretraining step", low=2, high=4096, unit="tiles", when=LEARNS)
    learning_rate: float = knob(2e-3, "Pretraining's step size at its peak", low=1e-7, high=1.0, log=True, when=LEARNS)
    ibot: bool = knob(False, "Also restore hidden patches as the teacher sees them (iBOT)", label="iBOT", when=LEARNS)
    shots: int = knob(4, "Labelled tiles of each class that the pictures and the confusion are about", low=1, high=256,
                      unit="tiles")  # fmt: skip
    episodes: int = knob(100, "How often the labelled tiles are drawn anew", low=1, high=1000)
    mil_epochs: int = knob(20, "Passes over the training slides", low=1, high=1000, label="Slide epochs")
    weights: str = knob("", "Published weights: UNI's pytorch_model.bin, or safetensors", widget="path",
                        when={"encoder": ("weights",)})  # fmt: skip
    patch: int = knob(8, "Edge of the square that becomes one token", low=4, high=32, unit="pixels", more=True,
                      when=NETWORK)  # fmt: skip
    width: int = knob(96, "Width of the encoder; a multiple of the heads", low=16, high=1536, more=True, when=NETWORK)
    layers: int = knob(4, "Layers of the encoder", low=1, high=48, more=True, when=NETWORK)
    heads: int = knob(4, "Attention heads of the encoder", low=1, high=24, more=True, when=NETWORK)
    tile: int = knob(64, "Edge of a tile; a multiple of the patch", low=32, high=512, unit="pixels", more=True)
    small_crop: int = knob(32, "Edge of a small crop; a multiple of the patch", low=16, high=224, unit="pixels",
                           more=True, when=LEARNS)  # fmt: skip
    small_crops: int = knob(4, "Small crops beside the two large ones", low=0, high=16, more=True, when=LEARNS)
    prototypes: int = knob(128, "Prototypes that student and teacher compare with", low=16, high=131_072, more=True,
                           when=LEARNS)  # fmt: skip
    momentum: float = knob(0.97, "How much of the teacher stays at the first step; rises to 1", low=0.5, high=1.0,
                           more=True, when=LEARNS)  # fmt: skip
    temperature: float = knob(0.04, "How sharply the teacher speaks; lower is sharper", low=0.01, high=1.0, more=True,
                              when=LEARNS)  # fmt: skip
    koleo: float = knob(0.1, "Weight of the term that spreads features out (KoLeo)", low=0.0, high=10.0, more=True,
                        label="KoLeo", when=LEARNS)  # fmt: skip
    stain_mixing: float = knob(0.15, "How far the dyes of each view are changed, as another laboratory would stain; 0 "
                               "leaves them", low=0.0, high=1.0, more=True, when=LEARNS)  # fmt: skip
    layer_scale: float = knob(1.0, "LayerScale at the start", low=1e-6, high=1.0, log=True, more=True, when=NETWORK)
    weight_decay: float = knob(0.04, "AdamW's weight decay in pretraining", low=0.0, high=1.0, more=True, when=LEARNS)
    epochs: int = knob(3, "Passes over the unlabelled tiles", low=1, high=10_000, more=True, when=LEARNS)
    evaluations: int = knob(4, "How often validation tiles are looked at", low=1, high=1000, more=True, when=LEARNS)
    mil_rate: float = knob(3e-4, "Step size of the attention pooling", low=1e-7, high=1.0, log=True, more=True,
                           label="Slide rate")  # fmt: skip
    mil_width: int = knob(512, "Width of the attention pooling", low=8, high=4096, more=True, label="Slide width")
    mil_attention: int = knob(384, "Width of its attention", low=8, high=4096, more=True, label="Slide attention")
    tiles_per_slide: int = knob(100, "Tiles cut from each slide for pretraining", low=1, high=1_000_000, more=True)
    tiles_per_class: int = knob(4, "Tiles of each tissue from a generated labelled slide", low=1, high=1000, more=True)
    labelled_slides: int = knob(12, "Generated slides with labelled tiles", low=1, high=1000, more=True)
    validation_slides: int = knob(6, "Generated slides whose tiles settings are chosen by", low=1, high=1000, more=True)
    test_slides: int = knob(12, "Generated slides whose tiles are only tested on", low=1, high=1000, more=True)
    bags: int = knob(24, "Generated slides that the pooling learns from; as many are tested on", low=4, high=1000,
                     more=True, label="Whole slides")  # fmt: skip
    slide_size: int = knob(512, "Edge of a generated whole slide", low=192, high=16_384, unit="pixels", more=True)
    spacing: float = knob(0.5, "Scale at which own slides are read", low=0.1, high=16, unit="µm/px", more=True,
                          label="Magnification")  # fmt: skip
    keep_model: bool = knob(True, "Save the encoder, the prototypes and the pooling", more=True)


HISTOLOGY = Sample(
    "histology",
    "Generated histology",
    "Nine tissues stained by Beer and Lambert's law, alike in colour; test slides come from another centre.",
    generated=True,
)

# Chosen on validation tiles of seed 90 alone (SimpleShot, 4 shots): after 150 steps, balanced by Sinkhorn and Knopp,
# the student reaches 0.42, its teacher 0.38; with a running centre 0.38 and 0.35; after 900 steps 0.60 and 0.58.
# Random weights 0.24, features made by hand 0.76. The student is kept: the teacher's mean still holds the start.
# Carried out on seeds 0 to 2 with 150 steps, nothing was carried over to centre B (0.20 there, 0.41 at centre A). With
# 900 steps seed 3 alone gives 0.26 at B and 0.53 at A, natural pictures 0.25 and 0.42, random weights 0.18 and 0.25:
# what is learned at A is lost by the change of stain, blur and scale. Seeds 0 to 3 have been seen.
# The recipe itself, seed 90, validation tiles of centre A (`workbench run uni-pathology --seed 90 --max-steps N`): with
# dyes changed by 15 % 0.50 after 900 steps and 0.60 after 2,700; unchanged 0.54 after 900. An earlier script said 0.58
# against 0.54 for the change, and 0.75 after 2,700: one seed moves by more than the change does, so that nothing speaks
# for it or against it; all arms have it. Steps matter most, so the claim's arms take 2,700. (Centre B was looked at
# beside it, on seeds 90 and 91, and chose nothing.)
DESK = UniPathology()
_ARM = DESK.replace(max_steps=2700, keep_model=False)
_HAND, _RANDOM, _NATURAL = "colour + LBP", "random weights", "natural pictures"
_FEW, _MANY = "4 slides", "40 slides"
_MEASURE = "balanced_4_shots"


def _shots(text: str, than: str, *, by: float, asserted: bool = True) -> Better:
    return Better(text, _MEASURE, _MANY, than, by=by, asserted=asserted, items="outcomes")


CLAIM = Claim(
    arms={
        _HAND: _ARM.replace(encoder="hand-crafted"),
        _RANDOM: _ARM.replace(encoder="random"),
        _NATURAL: _ARM.replace(pretrain_on="natural pictures"),
        _FEW: _ARM.replace(pretrain_slides=4),
        _MANY: _ARM,
    },
    statements=(
        _shots("Pretraining on slides beats random weights by 10 points, four labelled tiles a class", _RANDOM,
               by=0.10),
        _shots("… and the same pretraining on natural pictures by 4", _NATURAL, by=0.04),
        _shots("… and features made by hand", _HAND, by=0.0),
        _shots("Forty slides teach more than four, at the same number of steps", _FEW, by=0.01, asserted=False),
        Better("With attention pooling, slides of the other centre are judged better than from random weights",
               "slide_auc", _MANY, _RANDOM, asserted=False),
        Better("… and better than from natural pictures", "slide_auc", _MANY, _NATURAL, asserted=False),
        Better("Attention lies on the tumour more than that on random weights does", "attention_auroc", _MANY,
               _RANDOM, asserted=False),
        Better("Without training, top tiles' likeness to the tumour prototype (MI-SimpleShot) judges slides better "
               "than from random weights", "mi_simpleshot_auc", _MANY, _RANDOM, asserted=False),
    ),
    gates=(
        Gate("Colour alone names less than 35 % of the tissues (11 % is chance)", "colour_probe", _MANY, 0.0, 0.35),
        Gate("The encoder names more than 30 % on validation slides of its own centre", "validation_4_shots", _MANY,
             0.3),
    ),
    seeds=3,
    note="Generated histology; encoders see no label. All pretraining arms take the same steps, the same number of "
    "views and, apart from the four slides' 400, the same number of tiles; all arms are tested by the same episodes, "
    "learned at centre A, named at centre B. Slides are 512 pixels wide; natural pictures stand for ImageNet.",
)  # fmt: skip


@recipe(
    tab=MEDICAL,
    title="Self-supervised pathology encoder",
    paper=Paper(
        "A General-Purpose Self-Supervised Model for Computational Pathology (UNI)",
        2023,
        "2308.15474",
        "An encoder that learned from unlabelled slides names tissue from a few examples, and slides by attention.",
    ),
    reads={
        "tiles": Slot(
            TileFolders, "Labelled tiles",
            "A folder of class folders, as NCT-CRC-HE-100K has it. Pretraining looks at the pictures, not the names.",
            (HISTOLOGY,),
        ),
        "test_tiles": Slot(
            TileFolders, "Test tiles",
            "The same classes from other patients, as CRC-VAL-HE-7K. Without it, the sample tests the sample only.",
            (HISTOLOGY,),
        ),
        "slides": Slot(
            WholeSlides, "Whole slides",
            "A CSV with slide_id, label and, better, case_id, beside the slides or their CLAM features (h5). Slides "
            "of one case stay together.",
            (HISTOLOGY,),
        ),
    },
    writes={
        "loss": Curve, "tile_accuracy": Curve, "slide_loss": Curve, "protocols": Table, "confusion": Confusion,
        "map": Embedding, "crops": ImageGrid, "retrieval": ImageGrid, "slide": Slide, "slides": Table,
        "outcomes": Outcomes,
    },
    layout=(("loss", "tile_accuracy", "slide_loss"), ("map", "confusion", "protocols"), ("retrieval", "crops"),
            ("slide", "slides")),
    presets={
        "smoke": UniPathology(
            pretrain_slides=2, tiles_per_slide=12, labelled_slides=3, validation_slides=1, test_slides=2,
            tiles_per_class=2, max_steps=4, batch=4, width=24, layers=2, prototypes=32, small_crops=2, episodes=3,
            evaluations=2, bags=4, slide_size=256, mil_epochs=2, mil_width=16, mil_attention=8,
        ),
        "desk": DESK,
        "paper": UniPathology(
            tile=224, patch=16, width=1024, layers=24, heads=16, layer_scale=1e-5, small_crop=96, small_crops=8,
            pretrain_slides=100_000, tiles_per_slide=1000, prototypes=131_072, momentum=0.992, batch=3072,
            max_steps=125_000, learning_rate=2e-3, ibot=True, episodes=1000, mil_rate=1e-4, slide_size=4096,
            evaluations=50, stain_mixing=0.0,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: UniPathology) -> None:
    """Learn from unlabelled slides what tissue looks like, then name tissue from a handful of labelled tiles.

    **Pretraining** follows DINOv2: a student sees large and small crops of a tile and says what its teacher, the
    running mean of the student, says of other crops of it; KoLeo keeps features apart, iBOT adds hidden patches.
    No label is used. The encoder is then frozen.

    **Tiles** are named by SimpleShot (class means of centred, unit-length features), by nearest neighbours and by a
    linear probe, from 1, 4 and 16 labelled tiles a class, drawn many times. What is estimated comes from the
    labelled tiles, never from the test tiles, which come from other slides of another centre.

    **Slides** are bags of tiles. Gated attention (ABMIL) learns from slide labels alone which tiles matter; the
    heat map shows its attention. MI-SimpleShot judges a slide without training, by its five tiles most like the
    tumour prototype. The rate of pretraining rises and falls linearly, where the paper has a cosine, and the teacher
    is balanced over the batch (Sinkhorn and Knopp) rather than by a running centre. The student's weights are kept,
    as its teacher lags behind in a short run; the paper keeps the teacher's.

    Published UNI weights are for non-commercial use; that covers what is trained on their output as well.
    """
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a slot's data is: classes and their tiles, or the list of slides."""
    from .data import preview as look

    return look(slot, address, values)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Name a tile, with its nearest labelled tiles, or map a slide."""
    from .serve import answer

    return answer(job, model, inputs)
