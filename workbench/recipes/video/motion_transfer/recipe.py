"""Train on some variants of a motion and test on others: how much of the motion itself was learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim, Gate
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import (
    ClipFolder,
    Clips,
    Confusion,
    Curve,
    Embedding,
    Outcomes,
    Sample,
    Slot,
    Table,
)
from workbench.core.mixins import Training
from workbench.core.params import knob
from workbench.core.recipe import VIDEO, Paper, recipe

DIFFERENCING: Literal["differencing net"] = "differencing net"
DIST: Literal["DiST"] = "DiST"
TEXT: Literal["image-language"] = "image-language"
VIDEO_MODEL: Literal["video transformer"] = "video transformer"
COARSE: Literal["coarse"] = "coarse"
BOTH: Literal["coarse and fine"] = "coarse and fine"
DISENTANGLED: Literal["disentangled"] = "disentangled"
ON_COARSE: Literal["coarse motions"] = "coarse motions"
ON_FINE: Literal["variants by their names"] = "variants by their names"
STARTER = "starter:mini-image-language"
FROZEN = {"model": (DIST, TEXT)}


class MotionTransfer(Training):
    """Knobs of the protocol, of the generated clips and of what learns from them."""

    model: Literal["differencing net", "DiST", "image-language", "video transformer"] = knob(
        DIFFERENCING, "What watches the clips: a small 3-D net, DiST on a frozen image encoder, an image-language "
        "model that compares clips with names, or a video transformer's folder",
    )  # fmt: skip
    protocol: Literal["coarse motions", "variants by their names"] = knob(
        ON_COARSE, "What is named: the motion, or its variant through the text of its name, also where no clip of the "
        "variant was seen", when={"model": (TEXT,)},
    )  # fmt: skip
    direction: Literal["1 → 2", "2 → 1"] = knob("1 → 2", "Which set of variants is learned, and which one is unknown")
    heads: Literal["coarse", "coarse and fine", "disentangled"] = knob(
        COARSE, "What is learned beside the motion: nothing, its variant, or its variant kept apart from the motion",
        when={"model": (DIFFERENCING, DIST, VIDEO_MODEL)},
    )  # fmt: skip
    backbone: str = knob(
        STARTER, "The frozen image-language encoder: the shipped one, or a CLIP or SigLIP folder", widget="backbone",
        when=FROZEN,
    )  # fmt: skip
    video_model: str = knob("", "A VideoMAE, TimeSformer or ViViT folder", widget="folder", label="Video model",
                            when={"model": (VIDEO_MODEL,)})  # fmt: skip
    frozen: bool = knob(True, "Keep the video transformer as it is and learn the heads alone",
                        when={"model": (VIDEO_MODEL,)})  # fmt: skip
    channels: int = knob(24, "How wide the small net is, in channels of its first layer", low=4, high=512,
                         label="Scale", when={"model": (DIFFERENCING,)})  # fmt: skip
    classes: int = knob(10, "Generated coarse motions", low=2, high=10)
    frames: int = knob(8, "Frames of a clip", low=4, high=32, unit="frames")
    colour_bias: float = knob(0.0, "How often a training clip has its motion's own colour; test clips never do so",
                              low=0.0, high=1.0, label="Colour bias")  # fmt: skip
    background_bias: float = knob(0.0, "How often a training clip has its motion's own backdrop", low=0.0, high=1.0,
                                  label="Background bias")  # fmt: skip
    epochs: int = knob(30, "Passes over the training clips", low=1, high=1000)
    batch: int = knob(32, "Clips per step", low=1, high=4096, unit="clips")
    learning_rate: float = knob(4e-3, "Step size at its peak", low=1e-7, high=1.0, log=True)
    size: int = knob(32, "Edge of a frame", low=16, high=448, unit="pixels", more=True)
    train_clips: int = knob(30, "Generated training clips of each variant", low=1, high=10_000, unit="clips",
                            more=True)  # fmt: skip
    test_clips: int = knob(24, "Generated test clips of each variant", low=1, high=10_000, unit="clips", more=True)
    noise: float = knob(0.03, "Noise on generated frames, as a share of white", low=0.0, high=0.5, more=True)
    width: int = knob(56, "Width of what the heads read", low=4, high=4096, more=True,
                      when={"model": (DIFFERENCING, TEXT)})  # fmt: skip
    dropout: float = knob(0.3, "Dropout before the last layers", low=0.0, high=0.9, more=True)
    warmup: float = knob(0.1, "Share of the steps in which the rate rises", low=0.0, high=1.0, more=True)
    evaluations: int = knob(6, "How often both held-out parts are looked at; nothing is chosen by them", low=1,
                            high=1000, more=True)  # fmt: skip
    patience: int = knob(
        0, "Stop after this many evaluations; 0 never stops early", low=0, high=100, unit="evaluations",
        label="Stop early after", more=True,
    )  # fmt: skip
    keep_model: bool = knob(True, "Save what was learned", more=True)


MOTIONS = Sample(
    "drawn-motions",
    "Drawn motions",
    "Ten coarse motions with four variants each, by small shapes before still backdrops.",
    generated=True,
)

# Chosen on seeds 90 to 92 alone. The net and its rate are those of the first script; it gave K 94 to 96 %, U 49 to 52 %
# from Set 1, and no other net was tried. Bias there, in nine of ten training clips: colours alone lower K by 11 to 17
# points and U by 5 to 11, colours and backdrops K by 16 to 33 and U by 9 to 16. The image-language model was tried at
# rates 4e-3 and 1e-3 on seeds 90 and 91: alike for motions, 4e-3 better for known variants, so that all arms share it.
DESK = MotionTransfer()
_ARM = DESK.replace(keep_model=False)
_TEXT = _ARM.replace(model=TEXT)
ONE, TWO = "learned from Set 1", "learned from Set 2"
TIED, LOOKS = "colours tied to motions", "colours and backdrops tied to motions"
FINE, APART, WIDE = "coarse and fine heads", "disentangled heads", "twice as wide"
BY_MOTION, BY_VARIANT = "image-language, motions", "image-language, variants"


def _more(text: str, metric: str, better: str, than: str, *, by: float = 0.0, asserted: bool = True) -> Better:
    return Better(text, f"{metric}_accuracy", better, than, by=by, asserted=asserted, items=f"outcomes_{metric}")


CLAIM = Claim(
    arms={
        ONE: _ARM,
        TWO: _ARM.replace(direction="2 → 1"),
        TIED: _ARM.replace(colour_bias=0.9),
        LOOKS: _ARM.replace(colour_bias=0.9, background_bias=0.9),
        FINE: _ARM.replace(heads=BOTH),
        APART: _ARM.replace(heads=DISENTANGLED),
        WIDE: _ARM.replace(channels=48, width=112),
        BY_MOTION: _TEXT,
        BY_VARIANT: _TEXT.replace(protocol=ON_FINE),
    },
    statements=(
        _more("Motions of Set 2 are recognised at least 20 points worse, on the same clips, where Set 1's variants "
              "were learned instead of its own", "set_2", TWO, ONE, by=0.20),
        _more("… and those of Set 1 where Set 2's were", "set_1", ONE, TWO, by=0.20),
        _more("Colours and backdrops that are tied to motions in training lower what is recognised of known variants "
              "by 5 points", "known", ONE, LOOKS, by=0.05),
        _more("… and of unknown ones", "unknown", ONE, LOOKS, by=0.05),
        _more("Colours alone lower what is recognised of known variants by 5 points", "known", ONE, TIED, by=0.05,
              asserted=False),
        _more("… and of unknown ones", "unknown", ONE, TIED, by=0.05, asserted=False),
        Better("For an image-language model, unknown variants' own names are harder to find than their motion",
               "unknown_accuracy", BY_MOTION, BY_VARIANT),
        Better("Taught variants' names, it recognises more motions of unknown variants, whichever variant it says",
               "unknown_motion_accuracy", BY_VARIANT, BY_MOTION, asserted=False),
        _more("Motion and variant kept apart, more is recognised of unknown variants", "unknown", APART, ONE,
              asserted=False),
        _more("… and more than with both heads on one feature", "unknown", APART, FINE, asserted=False),
        _more("Twice as wide, the net recognises more of unknown variants", "unknown", WIDE, ONE, asserted=False),
    ),
    gates=(
        Gate("Learned from Set 1, 85 % of known variants' held-out clips are recognised", "known_accuracy", ONE, 0.85),
        Gate("Learned from Set 2, 85 % of known variants' held-out clips are recognised", "known_accuracy", TWO, 0.85),
    ),
    seeds=3,
    note="Drawn motions. All arms of a seed see the same motions for the same number of steps, and the same held-out "
    "clips. Known less unknown, averaged over both directions, is the mean of the first two margins. Chance is 10 % "
    "for motions, 5 % for variants.",
)  # fmt: skip


@recipe(
    tab=VIDEO,
    title="Motion transfer",
    paper=Paper(
        "Punching Bag vs. Punching Person: Motion Transferability in Videos",
        2025, "",
        "A model that knows falling from some variants is asked about variants that it never saw.",
    ),
    reads={
        "clips": Slot(
            ClipFolder, "Clips with two levels of classes",
            "A Syn-TA, SSv2-TA or Kinetics400-TA folder with its split files, or a CSV with path, coarse, fine and set "
            "(and split, start_s, end_s).",
            (MOTIONS,),
        ),
    },
    writes={
        "loss": Curve, "accuracy": Curve, "falls": Table, "known_and_unknown": Embedding, "confusion_known": Confusion,
        "confusion_unknown": Confusion, "clips": Clips, "map": Embedding, "fine": Table, "outcomes_known": Outcomes,
        "outcomes_unknown": Outcomes,
    },
    layout=(
        ("accuracy", "loss"), ("known_and_unknown", "falls"), ("confusion_known", "confusion_unknown"),
        ("clips", "map"), ("fine",),
    ),
    presets={
        "smoke": MotionTransfer(
            classes=3, frames=4, size=16, train_clips=3, test_clips=2, epochs=1, batch=8, channels=8, width=16,
            evaluations=2,
        ),
        "desk": DESK,
        "paper": MotionTransfer(
            model=TEXT, frames=16, size=224, epochs=30, batch=26, learning_rate=1e-3, weight_decay=0.2, width=512,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: MotionTransfer) -> None:
    """Learn motions from one set of their variants, and name them in variants that were never seen.

    Every coarse motion (*falling*) has fine variants (*straight*, *in a zigzag*; *obliquely*, *along a curve*), and
    the variants are divided into Set 1 and Set 2. A model learns the coarse motions from clips of one set. **K** is
    what it then recognises of held-out clips of the same variants, **U** of the other set's, which it never saw: the
    fall from K to U tells how much of what it learned is the variant and not the motion. Also told are the relative
    fall (K − U) / K and the harmonic mean 2KU / (K + U). Scores are averaged within each coarse motion, then over
    motions. Learn from the other set to see whether its clips are just harder: on the same clips, only the training
    differs.

    **Colour bias** and **background bias** tie the look of training clips to their motion; test clips are free of it,
    so a model that went by the look is found out. **Heads**: the motion alone; motion and variant on one feature; or
    *disentangled*, where the motion's part must not tell the variant (a reversed gradient) and lies across the
    variant's part. That formulation is ours: the paper's own details were not available.

    **Models**: a small 3-D net that is shown frames and their differences; DiST, a light temporal encoder beside a
    frozen image encoder; an image-language model that compares clips with the *text* of names, and can therefore be
    asked for variants by names of which it saw no clip; a folder of a video transformer (VideoMAE, TimeSformer,
    ViViT). The last weights are kept: no held-out clip chooses anything.

    The drawn clips are a small, flat stand-in for Syn-TA, and their numbers do not stand beside the paper's, whose
    thirteen models learned from real or rendered film.
    """
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """The taxonomy of the clips: motions, and their variants in both sets."""
    from .data import preview as look

    return look(slot, address, values)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Name the motion of a clip."""
    from .serve import answer

    return answer(job, model, inputs)
