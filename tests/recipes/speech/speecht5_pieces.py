"""Small networks, frames and items of the speecht5 recipe for its tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from workbench.engine import rng
from workbench.recipes.speech.speecht5 import data
from workbench.recipes.speech.speecht5.data import Item
from workbench.recipes.speech.speecht5.networks import Shape, Unified
from workbench.recipes.speech.speecht5.recipe import ST, SpeechT5, run

SMALL = run.presets["smoke"]
assert isinstance(SMALL, SpeechT5)
BINS = SMALL.mel_bins
PLACE: Any = SimpleNamespace(device=torch.device("cpu"), autocast=lambda: torch.autocast("cpu", enabled=False))


def model(seed: int = 0, params: SpeechT5 = SMALL, speakers: int = 3) -> Unified:
    rng.seed(seed)
    return Unified(Shape.of(params, speakers)).eval()


def mel(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, BINS)).astype(np.float32)


def item(task: str, frames: int = 40, seed: int = 0) -> Item:
    vector = data.vector_of(mel(30, seed + 7))
    return Item(f"{seed}", f"sentence {seed}", (f"voice {seed}",), mel(frames, seed), "a yellow boat",
                mel(frames, seed + 1), "un barco" if task == ST else "boat", seed % 3, vector)  # fmt: skip
