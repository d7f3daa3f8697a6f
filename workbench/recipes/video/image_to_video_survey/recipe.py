"""Compare ways of teaching a backbone of pictures and texts what time is, over one backbone and several tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.core.claim import Better, Claim, Gate
from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.kinds import (
    Clip,
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
    "both_sides": ("M1t", "full fine-tuning, texts too"),
    "last_blocks": ("M2", "last blocks"),
    "layer_norms": ("M2n", "layer norms"),
    "biases": ("M2b", "biases"),
    "st_adapter": ("M3", "ST-Adapter"),
    "aim": ("M3a", "AIM adapters"),
    "low_rank": ("M4", "LoRA"),
    "prompts": ("M5", "prompts"),
    "text_context": ("M5t", "learned text context"),
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
    linear_probe: bool = knob(True, "One linear layer on the mean of frame vectors", label="F1 Linear",
                              when=_PICKED)  # fmt: skip
    post_transformer: bool = knob(True, "A transformer over frame vectors (CLIP4Clip)", label="F2 Transformer",
                                  when=_PICKED)  # fmt: skip
    post_gru: bool = knob(False, "A recurrent network over frame vectors", label="F2 GRU", when=_PICKED)
    post_convolution: bool = knob(False, "Convolutions over frame vectors", label="F2 Convolution", when=_PICKED)
    layer_decoder: bool = knob(False, "A query that looks at the tokens of several blocks (EVL)",
                               label="F3 Decoder", when=_PICKED)  # fmt: skip
    ladder: bool = knob(False, "A narrow network fed by every block", label="F4 Ladder", when=_PICKED)
    dist: bool = knob(True, "A narrow 3D encoder that exchanges with every block (DiST)", label="F4 DiST", when=_PICKED)
    distilled: bool = knob(False, "A small 3D network that also learns what the picture model says",
                           label="F5 Distilled", when=_PICKED)  # fmt: skip
    full_tuning: bool = knob(False, "Every weight of the picture side learns", label="M1 Full",
                             when=_PICKED)  # fmt: skip
    both_sides: bool = knob(False, "Every weight of the picture side and of the text side learns (ViFi-CLIP)",
                            label="M1 Both sides", when=_PICKED)  # fmt: skip
    last_blocks: bool = knob(False, "The last blocks learn", label="M2 Last blocks", when=_PICKED)
    layer_norms: bool = knob(False, "Layer norms learn", label="M2 Norms", when=_PICKED)
    biases: bool = knob(False, "Biases learn", label="M2 Biases", when=_PICKED)
    st_adapter: bool = knob(True, "A bottleneck with a convolution over time before each block", label="M3 ST-Adapter",
                            when=_PICKED)  # fmt: skip
    aim: bool = knob(False, "The frozen attention used again over time, with adapters", label="M3 AIM", when=_PICKED)
    low_rank: bool = knob(False, "Low-rank matrices beside queries and values", label="M4 LoRA", when=_PICKED)
    prompts: bool = knob(False, "Learned tokens that each block also looks at", label="M5 Prompts", when=_PICKED)
    text_context: bool = knob(False, "Learned tokens at the beginning of every text (CoOp); pictures stay as they are",
                              label="M5 Text context", when=_PICKED)  # fmt: skip
    divided_time: bool = knob(True, "Attention over time before that over space", label="M6 Divided",
                              when=_PICKED)  # fmt: skip
    token_shift: bool = knob(False, "A quarter of the channels comes from the frame before, a quarter from the next; "
                             "every weight learns", label="M6 Shift", when=_PICKED)  # fmt: skip
    motion: bool = knob(True, "Task: name what a clip's sprite does, or your own classes")
    shape: bool = knob(False, "Task: name its shape, or your own classes, from a few clips of each")  # fmt: skip
    retrieval: bool = knob(False, "Task: find the clip of a caption, and the caption of a clip")  # fmt: skip
    grounding: bool = knob(False, "Task: find when in a longer clip a query happens")
    questions: bool = knob(False, "Task: answer questions about a clip")
    clips: int = knob(400, "Clips that each strategy learns from", low=8, high=1_000_000, unit="clips")
    shots: int = knob(4, "Clips of each class in the few-shot task", low=1, high=1024, unit="clips")
    frames: int = knob(8, "Frames of a clip, the same for all strategies", low=2, high=32, unit="frames")
    max_steps: int = knob(100, "Steps of each training; 0 means by epochs", low=0, high=10_000_000, label="Steps")
    few_shot_steps: int = knob(50, "Steps of each training with few shots", low=1, high=10_000_000, more=True)
    batch: int = knob(20, "Clips per step", low=2, high=4096, unit="clips", more=True)
    learning_rate: float = knob(1e-3, "The middle one of the rates that every strategy tries; validation clips choose",
                                low=1e-7, high=1.0, log=True, more=True)  # fmt: skip
    rate_factor: float = knob(3.0, "How far the lower and the higher rate lie from it", low=1.1, high=100.0, more=True)
    rates: int = knob(3, "How many rates are tried", low=1, high=3, more=True)
    validation_clips: int = knob(160, "Generated clips that choose rates and weights", low=4, high=100_000,
                                 unit="clips", more=True)  # fmt: skip
    test_clips: int = knob(400, "Generated clips that are only tested on", low=8, high=100_000, unit="clips", more=True)
    scene_frames: int = knob(24, "Frames of a longer clip, for grounding", low=15, high=256, unit="frames",
                             more=True)  # fmt: skip
    depth: int = knob(4, "Layers of the post-transformer, and blocks that the decoder reads", low=1, high=24, more=True)
    bottleneck: int = knob(2, "The backbone's width over an ST-Adapter's", low=1, high=64, more=True)
    ladder_share: int = knob(8, "The backbone's width over the ladder's", low=1, high=64, more=True)
    integration: int = knob(64, "Width of DiST's integration branch", low=16, high=768, more=True)
    temporal: int = knob(24, "Width of DiST's temporal encoder", low=8, high=192, more=True)
    rank: int = knob(8, "Rank of LoRA's matrices", low=1, high=256, more=True)
    prompt_tokens: int = knob(8, "Learned tokens in each block, or before every text", low=1, high=128, more=True)
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


# Chosen on the validation clips of seed 90 alone: 800 clips and 300 steps of 20 clips, the rates around 1e-3.
DESK = ImageToVideo(shape=True)
_ARM = ImageToVideo(shape=True, clips=800, max_steps=300, few_shot_steps=75, keep_model=False)
_F0, _F1, _F2, _F4 = "F0 zero-shot", "F1 linear probe", "F2 post-network", "F4 DiST"
_M1, _M3, _M6 = "M1 full fine-tuning", "M3 ST-Adapter", "M6 divided space-time"
_MOTION, _SHAPE = "motion_accuracy", "shape_accuracy"
CEILING = 0.55
"""What a strategy without order may reach on motion: half, since each motion has its reversal, and some luck."""

CLAIM = Claim(
    arms={
        _F0: only(_ARM, "zero_shot"), _F1: only(_ARM, "linear_probe"), _F2: only(_ARM, "post_transformer"),
        _F4: only(_ARM, "dist"), _M1: only(_ARM, "full_tuning"), _M3: only(_ARM, "st_adapter"),
        _M6: only(_ARM, "divided_time"),
    },
    gates=tuple(
        Gate(f"{arm} cannot know the order of frames: at most {CEILING} on motion", _MOTION, arm, 0.0, CEILING)
        for arm in (_F0, _F1, _M1)
    ),
    statements=(
        Better("Adapters inside the frozen encoder name motions better than a network over frame vectors", _MOTION,
               _M3, _F2, by=0.20, items="outcomes"),
        Better("… and so does attention over time inside it", _MOTION, _M6, _F2, by=0.20, asserted=False,
               items="outcomes"),
        Better("… and so does a side network (DiST)", _MOTION, _F4, _F2, by=0.20, asserted=False, items="outcomes"),
        Better("With four clips of each shape a linear probe stays at most 3 points behind full fine-tuning",
               "shape_accuracy_3_ahead", _F1, _M1, asserted=False, items="outcomes_shape_3_ahead"),
        Better("… and is ahead of it", _SHAPE, _F1, _M1, asserted=False, items="outcomes_shape"),
        Better("A step of the linear probe takes less memory than one of the adapters", "peak_memory_mb", _F1, _M3,
               lower=True),
        Better("… and one of the post-network", "peak_memory_mb", _F2, _M3, lower=True),
        Better("… and one of DiST", "peak_memory_mb", _F4, _M3, lower=True, asserted=False),
        Better("A step of the post-network takes less time than one of the adapters", "step_seconds", _F2, _M3,
               lower=True, asserted=False),
        Better("… and one of DiST", "step_seconds", _F4, _M3, lower=True, asserted=False),
        Better("The winner differs between tasks: on shapes zero-shot is ahead of the adapters, which win on motion",
               _SHAPE, _F0, _M3, asserted=False, items="outcomes_shape"),
    ),
    seeds=3,
    note="Moving sprites; every arm has the same clips, steps, batch and three rates, of which validation clips choose "
    "one. Shape is learned from four clips of each class. Memory and time are those of a training step in which the "
    "frozen backbone looks at the frames anew. Text vectors are frozen in all arms. Settings were chosen on seed 90.",
)  # fmt: skip


@recipe(
    tab=VIDEO,
    title="Image-to-video strategies",
    paper=Paper(
        "Image-to-Video Transfer Learning based on Image-Language Foundation Models: A Comprehensive Survey", 2025, "",
        "A model of pictures and texts knows things and words; strategies differ in how they add time to it.",
    ),
    reads={
        "clips": Slot(
            ClipFolder, "Videos",
            "A folder with one folder of videos for each class, or a list with labels; or a folder of MSR-VTT "
            "(MSRVTT_data.json), MSRVTT-QA (train_qa.json) or Charades-STA (charades_sta_train.txt) with its videos.",
            (SPRITES,),
        ),
    },
    writes={
        "grid": Table, "results_by_parameters": Embedding, "strategies": Table, "score": Curve, "loss": Curve,
        "predictions": Clips, "confusion": Confusion, "retrieved": Table, "spans": Clip, "outcomes": Outcomes,
    },
    layout=(
        ("grid",), ("strategies",), ("score", "loss"), ("results_by_parameters", "confusion"),
        ("predictions", "spans"), ("retrieved",),
    ),
    presets={
        "smoke": only(
            ImageToVideo(retrieval=True, grounding=True, max_steps=2, clips=12, validation_clips=8, test_clips=12,
                         batch=4, frames=2, scene_frames=15, evaluations=1, rates=1),
            "linear_probe", "st_adapter",
        ),
        "desk": DESK,
        "paper": ImageToVideo(
            compare="all", shape=True, retrieval=True, clips=10_000, validation_clips=1_000, test_clips=2_000,
            max_steps=0, epochs=20, frames=16, batch=32, integration=384, temporal=96, evaluations=10,
        ),
    },
    claim=CLAIM,
)  # fmt: skip
def run(job: Job, params: ImageToVideo) -> None:
    """Compare ways of teaching a frozen or tuned picture model what time is: one backbone, many strategies, one press.

    A backbone such as CLIP knows things and words, but not the order of frames. The survey sorts what can be done by
    one question: do its own features stay as they are (**F**, frozen), or are they modified (**M**)? Every strategy
    here turns the same frames into a vector that is compared with texts; each grid cell is one strategy on one task.

    - **F0** zero-shot: the mean of frame vectors, nothing learns. **F1** linear probe on it.
    - **F2** a network over frame vectors: transformer (CLIP4Clip), GRU or convolution.
    - **F3** a query that reads the tokens of several blocks, with what moved between frames (EVL).
    - **F4** a side network fed by every block: a ladder, or DiST.
    - **F5** a small 3D network that learns the task and what the picture model says of the frames (distillation).
    - **M1** every weight of the picture side learns, or of both sides. **M2** only the last blocks, norms or biases.
    - **M3** adapters in the blocks: ST-Adapter, AIM. **M4** low-rank matrices (LoRA, by peft).
    - **M5** prompts in the picture model's blocks, or learned context before every text (CoOp).
    - **M6** time inside the blocks: divided space-time attention, token shift.

    No gradient enters the backbone with F; M hands it through every block (M5t: of the text side), and changes the
    backbone's own weights with M1, M2, M4 and token shift. Text vectors are the same for all but M1t and M5t. The table
    says so for each, with trainable parameters, and with memory and time of a training step. Modules that are hung in
    start at zero: untrained, those strategies are F0.

    **Tasks**: *motion* names what happens, or your own classes (VAR). *Shape* names classes from a few clips of each.
    *Retrieval* finds clips by captions and back (VTR; R@1 from text to video counts, clips with equal captions are all
    right). *Grounding* finds when a query happens (TVG, mean IoU). *Questions* are answered from a list (VideoQA);
    beside it stands what the question alone gives away. Boxes over time (STVG), captioning, tracking and segmentation
    are not here, nor are X-CLIP's message tokens.

    **Equal terms**: every strategy has the same clips, frames, steps, batch and heads, and tries the same rates, of
    which validation clips choose one; the test is taken once. What the frozen backbone saw is kept for all F
    strategies alike, to train faster; memory and time are measured without that. Rates fall linearly after the warm-up.

    A strategy that cannot know the order of frames (F0, F1, M1, M2, M4, M5t) names at most every second motion of the
    sprites, for each motion also runs backwards. The model that is kept is the one that validation prefers on
    the first task; give it a clip and it answers, with retrieval after you write captions, one a line.
    """
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
