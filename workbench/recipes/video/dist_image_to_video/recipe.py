"""Teach a frozen image-language encoder to see motion: DiST, and what it is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim, Gate
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import ClipFolder, Clips, Confusion, Curve, Outcomes, Sample, Slot, Table
from workbench.core.mixins import Training
from workbench.core.params import knob
from workbench.core.recipe import VIDEO, Paper, recipe

DIST, BLIND, MEAN, TOKENS, PATCHES, ADAPTER, FULL = (
    "DiST", "DiST without space", "mean over frames", "temporal transformer", "transformer over patches",
    "ST-adapter", "full fine-tuning",
)  # fmt: skip
ARMS = (MEAN, TOKENS, PATCHES, BLIND, DIST, ADAPTER, FULL)
_OURS = {"arm": (DIST, BLIND)}


class DistImageToVideo(Training):
    """Knobs of the networks, of the clips and of the training."""

    arm: Literal[
        "DiST", "DiST without space", "mean over frames", "temporal transformer", "transformer over patches",
        "ST-adapter", "full fine-tuning",
    ] = knob(DIST, "What learns: DiST's networks beside the frozen encoder, or what they are compared with",
             label="Method")  # fmt: skip
    backbone: str = knob("starter:mini-image-language", "The image-language encoder: a CLIP or SigLIP folder",
                         widget="backbone")  # fmt: skip
    frames: int = knob(8, "Frames of a clip", low=2, high=64, unit="frames")
    gamma: int = knob(2, "The encoder sees every gamma-th frame, the temporal network sees all", low=1, high=4,
                      label="Frame ratio", when=_OURS)  # fmt: skip
    integration: int = knob(64, "Width of the integration branch; up to 64, or a multiple of it", low=32, high=768,
                            when=_OURS)  # fmt: skip
    temporal: int = knob(24, "Width of the temporal encoder", low=8, high=192, when=_OURS)
    repeats: int = knob(2, "How often the pooling looks at space, then at time", low=1, high=4, label="Pooling",
                        when=_OURS)  # fmt: skip
    learning_rate: float = knob(2e-3, "Step size at its peak", low=1e-7, high=1.0, log=True)
    epochs: int = knob(16, "Passes over the training clips", low=1, high=1000)
    batch: int = knob(40, "Clips per step", low=1, high=4096, unit="clips")
    classes: Literal["names", "learned vectors"] = knob(
        "names", "What a clip is compared with: the frozen text encoder's vectors of the class names, or learned ones",
        more=True,
    )  # fmt: skip
    taps: str = knob("all", "Blocks of the encoder that are read: all, or numbers from 1", more=True, when=_OURS,
                     label="Blocks read")  # fmt: skip
    encoder_rate: float = knob(0.1, "The encoder's own step size, as a share of the new weights'", low=0.0, high=1.0,
                               more=True, when={"arm": (FULL,)})  # fmt: skip
    mixup: float = knob(0.0, "How evenly two clips are blended (Beta's parameter); 0 never", low=0.0, high=5.0,
                        more=True)  # fmt: skip
    cutmix: float = knob(0.0, "How evenly a patch of another clip is pasted (Beta's parameter); 0 never", low=0.0,
                         high=5.0, more=True)  # fmt: skip
    smoothing: float = knob(0.0, "Share of the truth that is spread over all classes", low=0.0, high=0.5, more=True,
                            label="Label smoothing")  # fmt: skip
    crop: float = knob(1.0, "Smallest share of a frame that a training clip is cropped to; 1 never crops", low=0.1,
                       high=1.0, more=True)  # fmt: skip
    jitter: float = knob(0.0, "How far brightness, contrast and saturation of a training clip may change", low=0.0,
                         high=0.9, more=True, label="Colour jitter")  # fmt: skip
    grey: float = knob(0.0, "How often a training clip loses its colours", low=0.0, high=1.0, more=True)
    flip: bool = knob(False, "Mirror every second training clip; classes named left and right change places",
                      more=True)  # fmt: skip
    shuffle: bool = knob(True, "Also test with the frames of each clip in a random order", more=True,
                         label="Shuffle frames at test")  # fmt: skip
    compare: bool = knob(True, "Measure a training step of every method on this machine, for the table of costs",
                         more=True, label="Compare costs")  # fmt: skip
    clips: int = knob(800, "Generated clips to learn from", low=16, high=1_000_000, unit="clips", more=True)
    validation: int = knob(160, "Generated clips that choose the best step; of a folder, this many at most", low=8,
                           high=100_000, unit="clips", more=True)  # fmt: skip
    test: int = knob(400, "Generated clips that are only tested on", low=8, high=1_000_000, unit="clips", more=True)
    size: int = knob(32, "Edge of a generated clip", low=16, high=256, unit="pixels", more=True)
    evaluations: int = knob(4, "How often the validation clips are looked at", low=1, high=1000, more=True)
    weight_decay: float = knob(1e-4, "AdamW's weight decay", low=0.0, high=1.0, more=True)
    warmup: float = knob(0.15, "Share of the steps in which the rate rises", low=0.0, high=1.0, more=True)
    patience: int = knob(
        0, "Stop after this many evaluations without a better one; 0 never stops early", low=0, high=100,
        unit="evaluations", label="Stop early after", more=True,
    )  # fmt: skip
    keep_model: bool = knob(True, "Save what was learned", more=True)


SPRITES = Sample(
    "moving-sprites",
    "Moving sprites",
    "One of six shapes moves in one of eight ways, in pairs that differ in time's direction alone.",
    generated=True,
)

DESK = DistImageToVideo()
