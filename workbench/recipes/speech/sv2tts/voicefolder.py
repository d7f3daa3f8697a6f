"""A synthesiser in a folder: weights, phones, and the vectors of the voices that it has learned."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from workbench.core.cloning import LEARNED
from workbench.core.problem import InputError

from .data import HOP_S, WINDOW_S
from .synthesiser import Size, Synthesiser

SYNTHESISER, VOICES, CONFIG = "synthesiser.safetensors", LEARNED, "synthesiser.json"
Floats = NDArray[np.float32]


def save(folder: Path, synthesiser: Synthesiser, names: Mapping[str, int], voices: Mapping[str, Floats]) -> None:
    """Write it; the mel convention is told with it: 16 kHz, 50 ms windows, 12.5 ms hop, natural logarithm."""
    state = {name: one.detach().cpu().contiguous() for name, one in synthesiser.state_dict().items()}
    save_file(state, folder / SYNTHESISER)
    save_arrays({name: np.ascontiguousarray(one, np.float32) for name, one in voices.items()}, folder / VOICES)
    config = {
        "size": dataclasses.asdict(synthesiser.size), "phones": list(names), "sample_rate_hz": 16_000,
        "window_s": WINDOW_S, "hop_s": HOP_S, "features": "natural log of HTK mel magnitudes",
    }  # fmt: skip
    (folder / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False), encoding="utf-8")


def load(folder: Path) -> tuple[Synthesiser, dict[str, int], dict[str, Floats]]:
    """A synthesiser at inference, its phones' numbers and its voices; raises InputError where files do not fit."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        names = {str(name): at for at, name in enumerate(config["phones"])}
        synthesiser = Synthesiser(Size(**config["size"]))
        synthesiser.load_state_dict(load_file(folder / SYNTHESISER))
        voices = dict(load_arrays(folder / VOICES))
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "The synthesiser cannot be read.", expected=f"{SYNTHESISER}, {VOICES} and {CONFIG} that fit each other",
            received=f"{type(error).__name__}: {error}"[:200], fix="Take the model folder of a finished run.",
            field="model", place=folder.name,
        ) from None  # fmt: skip
    return synthesiser.eval(), names, voices
