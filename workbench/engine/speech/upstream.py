"""A pretrained speech encoder as files and at work: any recipe's upstream, from sound to states.

A folder holds `encoder.safetensors` and `encoder.json` (shape, hop, window, the layer that tells most). `starter()` is
the small one that comes along, pretrained by the recipe `tera`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from workbench.core.problem import InputError
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.speech import features
from workbench.engine.speech.encoder import Encoder
from workbench.engine.speech.listening import levelled

Floats = NDArray[np.float32]

WEIGHTS, CONFIG = "encoder.safetensors", "encoder.json"
STARTER = "speech-encoder"
SHAPE = ("bins", "width", "layers", "heads", "hidden")
RATE_HZ = 16_000
LEVEL_DB = -25.0
LONGEST = 1500
"""Frames that an encoder is given at once; longer sounds are cut there."""
TOGETHER = 16


@dataclasses.dataclass(frozen=True)
class Upstream:
    """An encoder at inference, `hop_s` and `window_s` of its log-mel frames, and the layer that tells most of phones.

    `encoder` is a module as any other: a recipe that fine-tunes it calls `encoder(frames, lengths)` itself, with
    `frames` from here.
    """

    encoder: Encoder
    hop_s: float
    window_s: float
    layer: int

    @property
    def bins(self) -> int:
        """Mel bins of a frame."""
        return self.encoder.read.in_features

    @property
    def width(self) -> int:
        """How many features a frame has."""
        return self.encoder.width

    def frames(self, wave: Floats) -> Tensor:
        """Normalised log-mel frames (T, bins) of samples (n,) at 16 kHz; frame k is centred at k · hop_s."""
        mels = log_mels(wave, bins=self.bins, window_s=self.window_s, hop_s=self.hop_s)
        return features.cmvn(mels[None], torch.tensor([len(mels)]))[0]

    @torch.no_grad()
    def states(self, waves: Sequence[Floats]) -> list[Tensor]:
        """What goes into the first layer and comes out of each, (T, layers + 1, width) of each sound."""
        device = next(self.encoder.parameters()).device
        frames = [self.frames(one) for one in waves]
        pieces = [one[at : at + LONGEST] for one in frames for at in range(0, len(one), LONGEST)]
        found: list[Tensor] = []
        for at in range(0, len(pieces), TOGETHER):
            batch, lengths = features.padded(pieces[at : at + TOGETHER])
            layers = torch.stack(self.encoder(batch.to(device), lengths.to(device)), 2).cpu()
            found += [one[:length] for one, length in zip(layers, lengths.tolist(), strict=True)]
        parts = iter(found)
        return [torch.cat([next(parts) for _ in range(0, len(one), LONGEST)]) for one in frames]

    def features(self, wave: Floats) -> Floats:
        """Features (T, width) of a sound (n,) at 16 kHz: the states of `layer`."""
        chosen: Floats = self.states([wave])[0][:, self.layer].contiguous().numpy()
        return chosen


def log_mels(wave: Floats, *, bins: int, window_s: float, hop_s: float) -> Tensor:
    """Log-mel frames (T, bins) of samples (n,) at 16 kHz, brought to −25 dB first; not yet normalised."""
    samples = torch.from_numpy(levelled(wave))[None]
    return features.log_mel(samples, RATE_HZ, bins=bins, window_s=window_s, hop_s=hop_s)[0]


def put(path: Path, state: dict[str, Tensor]) -> None:
    """Write weights in one step, so that a killed run leaves the old file or the new one."""
    scratch = path.with_suffix(".tmp")
    save_file({name: one.detach().cpu().contiguous() for name, one in state.items()}, scratch)
    scratch.replace(path)


def save(folder: Path, upstream: Upstream, **facts: Any) -> None:
    """Write an upstream's two files; `facts` are kept in its configuration."""
    put(folder / WEIGHTS, dict(upstream.encoder.state_dict()))
    encoder = upstream.encoder
    config = {
        "bins": upstream.bins, "width": encoder.width, "layers": len(encoder.layers), "heads": encoder.heads,
        "hidden": encoder.hidden, "layer": upstream.layer, "hop_s": upstream.hop_s, "window_s": upstream.window_s,
        "sample_rate_hz": RATE_HZ, "features": "log-mel", "normalised": "mean and variance of each utterance", **facts,
    }  # fmt: skip
    (folder / CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")


def load(folder: Path, *, dropout: float = 0.0) -> Upstream:
    """An upstream in eval mode; raises InputError where its files are missing or do not fit each other."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        encoder = Encoder(**{name: int(config[name]) for name in SHAPE}, dropout=dropout)
        encoder.load_state_dict(load_file(folder / WEIGHTS))
        layer = int(config["layer"]) or len(encoder.layers)
        found = Upstream(encoder.eval(), float(config["hop_s"]), float(config["window_s"]), layer)
        if not 0 < layer <= len(encoder.layers):
            raise ValueError(f"layer {layer} of {len(encoder.layers)}")
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise InputError(
            "The encoder cannot be read.", expected=f"{WEIGHTS} and {CONFIG} that fit each other",
            received=f"{type(error).__name__}: {error}"[:200], fix="Take the model folder of a finished run.",
            field="model", place=folder.name,
        ) from None  # fmt: skip
    return found


def starter() -> Path:
    """The folder of the encoder that comes along, pretrained on synthetic speech."""
    return STARTERS / STARTER
