"""Speaker vectors: who speaks, as a point on the unit sphere; our own GE2E encoder, or a published x-vector model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine.speech.features import log_mel
from workbench.engine.speech.resampling import resample
from workbench.engine.speech.tracks import active, energy_db, frames_at, speech_runs

WEIGHTS, CARD = "speaker-encoder.safetensors", "speaker-encoder.json"
X_VECTORS = ("wav2vec2", "wavlm", "unispeech-sat", "data2vec-audio", "wav2vec2-conformer", "wav2vec2-bert")
"""Architectures that transformers has an x-vector head for."""
X_VECTOR_CROP_S = 3.0
TOGETHER = 64
ENERGY_HOP_S = 0.02
SHORTEST_S = 0.2
"""Less speech than this tells nobody apart."""


class Shape(msgspec.Struct, frozen=True):
    """What an encoder hears and how large it is; a `projection` of 0 leaves the LSTM's cells as they are."""

    sample_rate_hz: int = 16_000
    bins: int = 40
    window_s: float = 0.025
    hop_s: float = 0.020
    crop_s: float = 1.2
    """The length that it is trained on, and into which longer speech is cut."""
    level_db: float = -25.0
    layers: int = 3
    cells: int = 64
    projection: int = 0
    width: int = 64


class SpeakerEmbedder(Protocol):
    """What gives speaker vectors, whichever network is behind it."""

    width: int
    sample_rate_hz: int

    def embed(self, samples: np.ndarray, rate_hz: int = 0) -> np.ndarray:
        """One vector (width,) of length 1 for (n,) float32 mono samples; raises InputError where nobody speaks."""

    def embed_windows(
        self, samples: np.ndarray, window_s: float, step_s: float, rate_hz: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (n, width) of length 1 of windows that follow each other, and the windows' centres (n,) in s."""


class _Windowed(nn.Module):
    """Cuts sound into windows at the network's rate and level; `vectors` maps a batch of them."""

    sample_rate_hz: int
    crop_s: float
    level_db: float

    def vectors(self, windows: Tensor) -> Tensor:
        """Vectors (B, width) of length 1 of windows (B, samples)."""
        raise NotImplementedError

    def heard(self, samples: np.ndarray, rate_hz: int = 0) -> np.ndarray:
        """(n,) float32 samples at the network's rate and level, the level being that of the speech in it."""
        wave = _mono(samples)
        if rate_hz and rate_hz != self.sample_rate_hz:
            wave = resample(wave, rate_hz, self.sample_rate_hz)
        speech = cut_silence(wave, self.sample_rate_hz)
        return levelled(wave, self.level_db, speech if len(speech) else wave)

    @torch.no_grad()
    def embed(self, samples: np.ndarray, rate_hz: int = 0) -> np.ndarray:
        """See SpeakerEmbedder: the mean over windows that overlap by half, silence cut out."""
        wave = cut_silence(self.heard(samples, rate_hz), self.sample_rate_hz)
        if len(wave) < SHORTEST_S * self.sample_rate_hz:
            raise InputError(
                "There is too little speech to know the speaker by.", expected=f"{SHORTEST_S} s of speech at least",
                received=f"{len(wave) / self.sample_rate_hz:.2f} s of it in {spaced(len(samples))} samples",
                fix="Choose another sound, or a longer part of it.", field="sound",
            )  # fmt: skip
        length = round(self.crop_s * self.sample_rate_hz)
        starts = window_starts(len(wave), length, length // 2)
        mean = np.concatenate(list(self._batches(wave, starts, min(length, len(wave))))).mean(0)
        found: np.ndarray = mean / max(float(np.linalg.norm(mean)), 1e-9)
        return found

    @torch.no_grad()
    def embed_windows(
        self, samples: np.ndarray, window_s: float, step_s: float, rate_hz: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """See SpeakerEmbedder: silence stays in, so that times are right; a sound shorter than a window is one."""
        if window_s < SHORTEST_S or step_s <= 0:
            raise InputError(
                "These windows tell nobody apart.", expected=f"windows of {SHORTEST_S} s or more, a step above 0 s",
                received=f"windows of {window_s} s every {step_s} s", field="window_s",
            )  # fmt: skip
        wave = self.heard(samples, rate_hz)
        length = min(round(window_s * self.sample_rate_hz), len(wave))
        starts = window_starts(len(wave), length, max(round(step_s * self.sample_rate_hz), 1))
        found = np.concatenate(list(self._batches(wave, starts, length)))
        return found, (starts + length / 2) / self.sample_rate_hz

    def _batches(self, wave: np.ndarray, starts: np.ndarray, length: int) -> Iterator[np.ndarray]:
        where = next(self.parameters()).device
        for at in range(0, len(starts), TOGETHER):
            windows = np.stack([wave[start : start + length] for start in starts[at : at + TOGETHER].tolist()])
            yield self.vectors(torch.from_numpy(windows).to(where)).float().cpu().numpy()


class SpeakerEncoder(_Windowed):
    """Log-mel frames through an LSTM; the last frame's output, projected, is the speaker's direction.

    Wan and others, Generalized End-to-End Loss for Speaker Verification, 2018. Unlike some versions no ReLU
    follows, so the whole sphere is used.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.width, self.sample_rate_hz, self.crop_s = shape.width, shape.sample_rate_hz, shape.crop_s
        self.level_db = shape.level_db
        self.facts: dict[str, Any] = {}
        """What the card tells of the training."""
        self.register_buffer("mean", torch.zeros(shape.bins))
        self.register_buffer("deviation", torch.ones(shape.bins))
        self.lstm = nn.LSTM(shape.bins, shape.cells, shape.layers, batch_first=True, proj_size=shape.projection)
        self.project = nn.Linear(shape.projection or shape.cells, shape.width)

    def frames(self, windows: Tensor) -> Tensor:
        """Log-mel frames (B, T, bins) of (B, samples), before they are scaled."""
        shape = self.shape
        return log_mel(windows, shape.sample_rate_hz, bins=shape.bins, window_s=shape.window_s, hop_s=shape.hop_s)

    def forward(self, windows: Tensor) -> Tensor:
        """Vectors (B, width) of length 1."""
        states, _ = self.lstm((self.frames(windows) - self.mean) / self.deviation)
        return F.normalize(self.project(states[:, -1]), dim=-1)

    def vectors(self, windows: Tensor) -> Tensor:
        found: Tensor = self(windows)
        return found

    def scale_by(self, windows: Tensor) -> None:
        """Take each mel bin's mean and deviation, by which frames are scaled, from windows (B, samples)."""
        frames = self.frames(windows).flatten(0, 1)
        self.mean.copy_(frames.mean(0))
        self.deviation.copy_(frames.std(0).clamp(min=1e-3))

    def save(self, folder: Path, facts: Mapping[str, Any] | None = None) -> None:
        """Write weights and card (`facts`: how it was trained and how well it tells speakers apart)."""
        scratch = folder / f"{WEIGHTS}.tmp"
        save_file({name: one.detach().cpu().contiguous() for name, one in self.state_dict().items()}, scratch)
        card = {"network": "GE2E LSTM", "shape": msgspec.to_builtins(self.shape), "facts": dict(facts or self.facts)}
        (folder / CARD).write_text(json.dumps(card, indent=2), encoding="utf-8")
        scratch.replace(folder / WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> SpeakerEncoder:
        """An encoder at inference; raises InputError where the files do not fit each other."""
        try:
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            encoder = cls(msgspec.convert(card["shape"], Shape))
            encoder.load_state_dict(load_file(folder / WEIGHTS))
            encoder.facts = dict(card.get("facts", {}))
        except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _unfit(folder, f"{WEIGHTS} and {CARD} that fit each other",
                         f"{type(error).__name__}: {error}"[:200]) from None  # fmt: skip
        return encoder.eval()


class XVectorEncoder(_Windowed):
    """A published x-vector model (Wav2Vec2ForXVector, WavLMForXVector and the like) in the same slot."""

    def __init__(self, model: Any, *, normalise: bool, sample_rate_hz: int, title: str) -> None:
        super().__init__()
        self.model, self.normalise, self.title = model, normalise, title
        self.sample_rate_hz, self.crop_s, self.level_db = sample_rate_hz, X_VECTOR_CROP_S, -25.0
        self.width = int(model.config.xvector_output_dim)
        kernels = sum((one - 1) * two for one, two in zip(model.config.tdnn_kernel, model.config.tdnn_dilation,
                                                          strict=True))  # fmt: skip
        frame = int(np.prod(model.config.conv_stride))
        self.shortest = (kernels + 4) * frame + 400
        """Fewer samples leave nothing after the time-delay layers."""

    def vectors(self, windows: Tensor) -> Tensor:
        if windows.shape[1] < self.shortest:
            windows = windows.repeat(1, -(-self.shortest // windows.shape[1]))
        if self.normalise:
            mean, spread = windows.mean(1, keepdim=True), windows.var(1, keepdim=True, correction=0)
            windows = (windows - mean) / (spread + 1e-7).sqrt()
        return F.normalize(self.model(windows).embeddings, dim=-1)


def load_speaker_encoder(folder: Path) -> SpeakerEncoder | XVectorEncoder:
    """Our own encoder, that of a model or run folder, or a Hugging Face folder with an x-vector head.

    Raises InputError for other folders. Nothing is unpickled, and no code that comes along is run.
    """
    for place in (folder, folder / "model"):
        if (place / CARD).is_file():
            return SpeakerEncoder.load(place)
    if not (folder / "config.json").is_file():
        raise _unfit(folder, f"{CARD}, or config.json of a Wav2Vec2ForXVector or WavLMForXVector", "neither")
    return _published(folder)


def _published(folder: Path) -> XVectorEncoder:
    from transformers import AutoModelForAudioXVector

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind, heads = str(config.get("model_type")), config.get("architectures") or []
        if kind not in X_VECTORS or not any(str(one).endswith("ForXVector") for one in heads):
            raise _unfit(folder, "an x-vector model, such as WavLMForXVector", f"{', '.join(heads) or kind}")
        hearing = folder / "preprocessor_config.json"
        told = json.loads(hearing.read_text(encoding="utf-8")) if hearing.is_file() else {}
        model = AutoModelForAudioXVector.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
        ).eval()  # fmt: skip
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise _unfit(folder, "config.json and model.safetensors that fit each other",
                     f"{type(error).__name__}: {error}"[:200]) from None  # fmt: skip
    return XVectorEncoder(
        model, normalise=bool(told.get("do_normalize", True)), sample_rate_hz=int(told.get("sampling_rate", 16_000)),
        title=folder.name,
    ).eval()  # fmt: skip


def _unfit(folder: Path, expected: str, received: str) -> InputError:
    return InputError(
        "No speaker encoder can be read here.", expected=expected, received=received,
        fix="Choose the model folder of a finished run, or a downloaded x-vector model with safetensors.",
        field="encoder", place=folder.name,
    )  # fmt: skip


def _mono(samples: np.ndarray) -> np.ndarray:
    wave = np.asarray(samples, np.float32)
    if wave.ndim != 1 or not len(wave) or not np.isfinite(wave).all():
        raise InputError(
            "This is no sound to know a speaker by.", expected="(n,) finite samples of one channel",
            received=f"shape {wave.shape}" if wave.ndim != 1 or not len(wave) else "values that are no numbers",
            fix="Mix the channels, and check the file.", field="sound",
        )  # fmt: skip
    return wave


def cut_silence(wave: np.ndarray, rate_hz: int) -> np.ndarray:
    """(n,) samples without what lies before, after and between speech (pauses of 0.2 s or more); maybe none."""
    count = int(np.ceil(len(wave) / rate_hz / ENERGY_HOP_S))
    energy = np.empty(count)
    # In parts, so that memory does not grow with the frames' overlap.
    for at in range(0, count, 4096):
        centres = (np.arange(at, min(at + 4096, count)) + 0.5) * ENERGY_HOP_S * rate_hz
        energy[at : at + 4096] = energy_db(frames_at(wave, centres, max(round(0.025 * rate_hz), 2)))
    runs = speech_runs(active(energy, ENERGY_HOP_S), ENERGY_HOP_S)
    parts = [wave[round(start * rate_hz) : round(end * rate_hz)] for start, end in runs]
    return np.concatenate(parts) if parts else wave[:0]


def levelled(wave: np.ndarray, level_db: float, speech: np.ndarray) -> np.ndarray:
    """Samples, scaled so that `speech` has this level against full scale."""
    power = float(np.sqrt((speech.astype(np.float64) ** 2).mean())) if len(speech) else 0.0
    found: np.ndarray = wave * np.float32(10 ** (level_db / 20) / max(power, 1e-9))
    return found


def window_starts(samples: int, length: int, step: int) -> np.ndarray:
    """Where windows begin; the last one ends with the sound, so nothing is left out."""
    if samples <= length:
        return np.zeros(1, np.int64)
    starts = np.arange(0, samples - length + 1, step)
    return starts if starts[-1] == samples - length else np.append(starts, samples - length)
