"""The encoder as files: safetensors and a config, which another recipe or program takes as its upstream."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from workbench.core.problem import InputError

from .data import WINDOW_S
from .networks import Encoder
from .recipe import Tera

WEIGHTS, CONFIG = "encoder.safetensors", "config.json"
SHAPE = ("bins", "width", "layers", "heads", "hidden")


def put(path: Path, state: dict[str, Tensor]) -> None:
    """Write weights in one step, so that a killed run leaves the old file or the new one."""
    scratch = path.with_suffix(".tmp")
    save_file({name: one.detach().cpu().contiguous() for name, one in state.items()}, scratch)
    scratch.replace(path)


def save(folder: Path, encoder: nn.Module, params: Tera) -> None:
    """Write the encoder and what it hears: 16 kHz, −25 dB, log-mel, mean and variance of each utterance."""
    put(folder / WEIGHTS, dict(encoder.state_dict()))
    config = {
        "bins": params.mel_bins, "width": params.width, "layers": params.layers, "heads": params.heads,
        "hidden": params.hidden, "hop_s": params.hop_ms / 1000, "window_s": WINDOW_S, "sample_rate_hz": 16_000,
        "features": "log-mel", "normalised": "mean and variance of each utterance",
    }  # fmt: skip
    (folder / CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")


def load(folder: Path) -> tuple[Encoder, dict[str, float]]:
    """An encoder at inference, and its `hop_s` and `window_s`; raises InputError where the files do not fit."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        encoder = Encoder(**{name: int(config[name]) for name in SHAPE}, dropout=0.0)
        encoder.load_state_dict(load_file(folder / WEIGHTS))
        times = {name: float(config[name]) for name in ("hop_s", "window_s")}
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise InputError(
            "The encoder cannot be read.", expected=f"{WEIGHTS} and {CONFIG} that fit each other",
            received=f"{type(error).__name__}: {error}"[:200], fix="Take the model folder of a finished run.",
            field="model", place=folder.name,
        ) from None  # fmt: skip
    return encoder.eval(), times
