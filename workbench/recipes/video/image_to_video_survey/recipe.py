"""Compare ways of teaching a backbone of pictures and texts what time is, over one backbone and several tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import (
    ClipFolder,
    Clips,
    Confusion,
    Curve,
    Embedding,
    ImageGrid,
    Outcomes,
    Sample,
    Slot,
    Table,
)
from workbench.core.mixins import Training
from workbench.core.params import knob
from workbench.core.recipe import VIDEO, Paper, recipe

STRATEGIES = {
    "zero_shot": ("F0", "zero-shot"),
    "linear_probe": ("F1", "linear probe"),
    "post_transformer": ("F2", "post-network, transformer"),
    "post_gru": ("F2g", "post-network, GRU"),
    "post_convolution": ("F2c", "post-network, convolution"),
    "layer_decoder": ("F3", "multi-layer decoder"),
    "ladder": ("F4", "side network, ladder"),
    "dist": ("F4d", "side network, DiST"),
    "distilled": ("F5", "distilled 3D network"),
    "full_tuning": ("M1", "full fine-tuning"),
    "last_blocks": ("M2", "last blocks"),
    "layer_norms": ("M2n", "layer norms"),
    "biases": ("M2b", "biases"),
    "st_adapter": ("M3", "ST-Adapter"),
    "aim": ("M3a", "AIM adapters"),
    "low_rank": ("M4", "LoRA"),
    "prompts": ("M5", "prompts"),
    "divided_time": ("M6", "divided space-time"),
    "token_shift": ("M6s", "token shift"),
}
"""Knob of a strategy → its code in the survey's taxonomy (F: frozen features, M: modified ones) and its name."""

TASKS = {
    "motion": "motion (VAR)",
    "shape": "shape, few shots (VAR)",
    "retrieval": "retrieval (VTR)",
    "grounding": "grounding (TVG)",
    "questions": "questions (VideoQA)",
}

ONE_OF_EACH, FROZEN, MODIFIED, ALL, CHOSEN = "one of each kind", "frozen", "modified", "all", "as chosen"
SETS = {
    ONE_OF_EACH: ("linear_probe", "post_transformer", "dist", "full_tuning", "st_adapter"),
    FROZEN: tuple(name for name, (code, _) in STRATEGIES.items() if code.startswith("F")),
    MODIFIED: tuple(name for name, (code, _) in STRATEGIES.items() if code.startswith("M")),
    ALL: tuple(STRATEGIES),
}
_PICKED = {"compare": (CHOSEN,)}


class ImageToVideo(Training):
    """Which strategies meet which tasks, on how much data; what every cell of the grid shares."""

    compare: Literal["one of each kind", "frozen", "modified", "all", "as chosen"] = knob(
        ONE_OF_EACH, "Which strategies are compared: five of different kinds, those that leave the picture model's "
        "features as they are, those that modify them, all, or the ones switched on below", label="Strategies",
    )  # fmt: skip
    backbone: str = knob(
        "starter:mini-image-language", "The image-language backbone that all strategies share: the small one that "
        "comes along, or a CLIP or SigLIP folder", widget="backbone",
    )  # fmt: skip
    zero_shot: bool = knob(False, "Frame vectors compared with texts; nothing learns", label="F0 Zero-shot",
                           when=_PICKED)  # fmt: skip
    linear_probe: bool = knob(True, "One linear layer on the mean of frame vectors", label="F1 Linear probe",
                              when=_PICKED)  # fmt: skip
    post_transformer: bool = knob(True, "A transformer over frame vectors (CLIP4Clip)", label="F2 Post-transformer",
                                  when=_PICKED)  # fmt: skip
    post_gru: bool = knob(False, "A recurrent network over frame vectors", label="F2 Post-GRU", when=_PICKED)
    post_convolution: bool = knob(False, "Convolutions over frame vectors", label="F2 Post-convolution", when=_PICKED)
    layer_decoder: bool = knob(False, "A query that looks at the tokens of several blocks (EVL)",
                               label="F3 Multi-layer decoder", when=_PICKED)  # fmt: skip
    ladder: bool = knob(False, "A narrow network fed by every block", label="F4 Ladder", when=_PICKED)
    dist: bool = knob(True, "A narrow 3D encoder that exchanges with every block (DiST)", label="F4 DiST", when=_PICKED)
    distilled: bool = knob(False, "A small 3D network that also learns what the picture model says",
                           label="F5 Distillation", when=_PICKED)  # fmt: skip
    full_tuning: bool = knob(False, "Every weight of the picture side learns (ViFi-CLIP)", label="M1 Full fine-tuning",
                             when=_PICKED)  # fmt: skip
    last_blocks: bool = knob(False, "The last blocks learn", label="M2 Last blocks", when=_PICKED)
    layer_norms: bool = knob(False, "Layer norms learn", label="M2 Layer norms", when=_PICKED)
    biases: bool = knob(False, "Biases learn", label="M2 Biases", when=_PICKED)
    st_adapter: bool = knob(True, "A bottleneck with a convolution over time before each block", label="M3 ST-Adapter",
                            when=_PICKED)  # fmt: skip
    aim: bool = knob(False, "The frozen attention used again over time, with adapters", label="M3 AIM", when=_PICKED)
    low_rank: bool = knob(False, "Low-rank matrices beside queries and values", label="M4 LoRA", when=_PICKED)
    prompts: bool = knob(False, "Learned tokens that each block also looks at", label="M5 Prompts", when=_PICKED)
    divided_time: bool = knob(True, "Attention over time before that over space", label="M6 Divided space-time",
                              when=_PICKED)  # fmt: skip
    token_shift: bool = knob(False, "A quarter of the channels comes from the frame before, a quarter from the next; "
                             "every weight learns", label="M6 Token shift", when=_PICKED)  # fmt: skip
    motion: bool = knob(True, "Name what a clip's sprite does, or your own classes", label="Task: motion (VAR)")
    shape: bool = knob(False, "Name its shape from a few clips of each; generated clips only",
                       label="Task: shape, few shots")  # fmt: skip
    retrieval: bool = knob(False, "Find the clip of a caption, and the caption of a clip",
                           label="Task: retrieval (VTR)")  # fmt: skip
    grounding: bool = knob(False, "Find when in a longer clip a query happens", label="Task: grounding (TVG)")
    questions: bool = knob(False, "Answer questions about a clip", label="Task: questions (VideoQA)")
    clips: int = knob(400, "Generated clips that each strategy learns from", low=8, high=1_000_000, unit="clips")
    shots: int = knob(4, "Clips of each shape in the few-shot task", low=1, high=1024, unit="clips")
    frames: int = knob(8, "Frames of a clip, the same for all strategies", low=2, high=32, unit="frames")
    max_steps: int = knob(100, "Steps of each training; 0 means by epochs", low=0, high=10_000_000, label="Steps")
    batch: int = knob(40, "Clips per step", low=2, high=4096, unit="clips", more=True)
    learning_rate: float = knob(1e-3, "The middle one of the rates that every strategy tries; validation clips choose",
                                low=1e-7, high=1.0, log=True, more=True)  # fmt: skip
    rate_factor: float = knob(3.0, "How far the lower and the higher rate lie from it", low=1.1, high=100.0, more=True)
    rates: int = knob(3, "How many rates are tried", low=1, high=3, more=True)
    validation_clips: int = knob(160, "Generated clips that choose rates and weights", low=4, high=100_000,
                                 unit="clips", more=True)  # fmt: skip
    test_clips: int = knob(400, "Generated clips that are only tested on", low=8, high=100_000, unit="clips", more=True)
    scene_frames: int = knob(24, "Frames of a clip with several actions, for grounding", low=6, high=256, unit="frames",
                             more=True)  # fmt: skip
    depth: int = knob(4, "Layers of the post-transformer, and blocks that the decoder reads", low=1, high=24, more=True)
    bottleneck: int = knob(2, "The backbone's width over an ST-Adapter's", low=1, high=64, more=True)
    ladder_share: int = knob(8, "The backbone's width over the ladder's", low=1, high=64, more=True)
    integration: int = knob(64, "Width of DiST's integration branch", low=16, high=768, more=True)
    temporal: int = knob(24, "Width of DiST's temporal encoder", low=8, high=192, more=True)
    rank: int = knob(8, "Rank of LoRA's matrices", low=1, high=256, more=True)
    prompt_tokens: int = knob(8, "Learned tokens in each block", low=1, high=128, more=True)
    blocks_tuned: int = knob(1, "Blocks that learn, counted from the top", low=1, high=48, more=True)
    distillation: float = knob(1.0, "Weight of agreeing with the teacher (λ)", low=0.0, high=100.0, more=True)
    epochs: int = knob(10, "Passes over the training clips, where steps are 0", low=1, high=1000, more=True)
    evaluations: int = knob(2, "How often validation clips are looked at in a training", low=1, high=1000, more=True)
    weight_decay: float = knob(0.05, "AdamW's weight decay", low=0.0, high=1.0, more=True)
    warmup: float = knob(0.05, "Share of the steps in which the rate rises", low=0.0, high=1.0, more=True)
    patience: int = knob(
        0, "Stop after this many evaluations without a better one; 0 never stops early", low=0, high=100,
        unit="evaluations", label="Stop early after", more=True,
    )  # fmt: skip
    keep_model: bool = knob(True, "Save the strategy that validation prefers on the first task", more=True)


SPRITES = Sample(
    "moving-sprites",
    "Moving sprites",
    "Generated clips of small shapes that move, turn or grow, with captions; each motion also runs backwards.",
    generated=True,
)


def only(params: ImageToVideo, *names: str) -> ImageToVideo:
    """The parameters with these strategies and no others."""
    chosen: dict[str, Any] = {name: name in names for name in STRATEGIES}
    return params.replace(compare="as chosen", **chosen)


DESK = ImageToVideo()
_ARM = ImageToVideo(motion=True, shape=True, keep_model=False)
_F1, _F2, _F4, _M1, _M3, _M6 = "F1 linear probe", "F2 post-network", "F4 DiST", "M1 full", "M3 ST-Adapter", "M6 divided"

CLAIM = Claim(
    arms={
        "F0 zero-shot": only(_ARM, "zero_shot"), _F1: only(_ARM, "linear_probe"), _F2: only(_ARM, "post_transformer"),
        _F4: only(_ARM, "dist"), _M1: only(_ARM, "full_tuning"), _M3: only(_ARM, "st_adapter"),
        _M6: only(_ARM, "divided_time"),
    },
    statements=(
        Better("x", "motion_accuracy", _M3, _F2, by=0.20),
    ),
    gates=(),
    seeds=3,
)  # fmt: skip


@recipe(
    tab=VIDEO,
    title="Image-to-video strategies",
    paper=Paper(
        "Image-to-Video Transfer Learning based on Image-Language Foundation Models: A Comprehensive Survey", 2025, "",
        "A model of pictures and texts knows things and words; strategies differ in how they add time to it.",
    ),
    reads={
        "clips": Slot(ClipFolder, "Videos", "Videos.", (SPRITES,)),
    },
    writes={
        "heat": ImageGrid, "strategies": Table, "score": Curve, "loss": Curve, "trade": Embedding,
        "confusion": Confusion, "predictions": Clips, "outcomes": Outcomes,
    },
    layout=(("heat", "trade"), ("strategies",), ("score", "loss"), ("predictions", "confusion")),
    presets={
        "smoke": only(
            ImageToVideo(max_steps=2, clips=16, validation_clips=8, test_clips=16, batch=8, frames=4, evaluations=1,
                         rates=1), "linear_probe", "st_adapter",
        ),
        "desk": DESK,
        "paper": ImageToVideo(compare="all", max_steps=0, epochs=20, frames=16, batch=32, integration=384, temporal=96),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: ImageToVideo) -> None:
    """Compare strategies."""
    from .method import train

    train(job, params)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What a slot's data is, as far as its first clips tell."""
    from .data import preview as look

    return look(slot, address, values)


def apply(job: Any, model: Path, inputs: dict[str, Any]) -> Any:
    """Name what happens in a clip, or rank captions for it."""
    from .serve import answer

    return answer(job, model, inputs)
