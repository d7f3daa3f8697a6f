"""What tells a voice: statistics of its frames, a speaker encoder, or x-vectors that a corpus brings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.speech.bank.rendering import RATE_HZ
from workbench.engine.speech.speaker_encoder import CARD, SpeakerEmbedder, SpeakerEncoder, load_speaker_encoder

from .recipe import ENCODER, X_VECTORS, SpeechT5

Floats = NDArray[np.float32]

INSIDE = "speaker-encoder"
"""Where a model folder keeps a published encoder; our own lies beside the weights."""


class Teller(Protocol):
    """Gives a voice's vector, whichever way; `width` is 0 where it has that of statistics."""

    width: int

    def __call__(self, mel: Floats, wave: Callable[[], Floats], labels: Mapping[str, str]) -> Floats:
        """A vector (D,) of length 1 of normalised frames (T, bins), or of samples (n,) at 16 kHz."""


class Statistics:
    """Means and deviations of frames: nothing is learned, and nothing is known of other speakers."""

    width = 0

    def __call__(self, mel: Floats, wave: Callable[[], Floats], labels: Mapping[str, str]) -> Floats:
        from .data import vector_of

        found: Floats = vector_of(mel)
        return found


class Encoded:
    """What a speaker encoder hears, so that the voice of somebody never heard before can be spoken with."""

    def __init__(self, encoder: SpeakerEmbedder) -> None:
        self.encoder = encoder
        self.width = encoder.width

    def __call__(self, mel: Floats, wave: Callable[[], Floats], labels: Mapping[str, str]) -> Floats:
        samples = wave()
        try:
            found = self.encoder.embed(samples, RATE_HZ)
        except InputError:
            # Hardly any speech, as in a single word: all of it is listened to, silence as well.
            seconds = len(samples) / RATE_HZ
            rows, _ = self.encoder.embed_windows(samples, max(seconds, 0.2), max(seconds, 0.2), RATE_HZ)
            found = rows.mean(0) / max(float(np.linalg.norm(rows.mean(0))), 1e-9)
        return np.asarray(found, np.float32)


class Published:
    """The x-vectors that a manifest names in its third column, as the published checkpoints were trained with."""

    def __init__(self) -> None:
        self.width = 0

    def __call__(self, mel: Floats, wave: Callable[[], Floats], labels: Mapping[str, str]) -> Floats:
        if "x_vector" not in labels:
            raise InputError(
                "This speech brings no x-vectors.", expected="a manifest whose third column names .npy files",
                received="sounds without", fix="Let the speaker encoder tell the voices.", field="voices",
            )  # fmt: skip
        found = read_vector(Path(labels["x_vector"]))
        if self.width not in (0, len(found)):
            raise InputError(
                "The x-vectors of this manifest are not of one width.", expected=f"{self.width} numbers",
                received=str(len(found)), fix="Make them all with the same model.", field="tasks",
                place=Path(labels["x_vector"]).name,
            )  # fmt: skip
        self.width = len(found)
        return found


def read_vector(path: Path, field: str = "tasks") -> Floats:
    """The vector (D,) in a .npy; raises InputError where there is none."""
    try:
        found = np.load(path, allow_pickle=False).astype(np.float32).ravel()
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            "The voice cannot be read.", expected="a .npy with the x-vector that this checkpoint was trained with",
            received=f"{type(error).__name__}: {error}"[:200], fix="Choose another file, or leave it out.",
            field=field, place=path.name,
        ) from None  # fmt: skip
    return np.asarray(found, np.float32)


def teller(params: SpeechT5) -> Teller:
    """What the knobs ask for; raises InputError where the folder holds no speaker encoder."""
    if params.voices == ENCODER:
        return Encoded(encoder_at(params.encoder))
    return Published() if params.voices == X_VECTORS else Statistics()


def encoder_at(folder: str) -> SpeakerEmbedder:
    """The speaker encoder in a folder; the starter where none is named."""
    return load_speaker_encoder(Path(folder).expanduser() if folder else STARTERS / "speaker-encoder")


# Beside a model's weights ---------------------------------------------------------------------


def save(tell: Teller, folder: Path) -> None:
    """Keep the encoder with the model that has learned its vectors."""
    if not isinstance(tell, Encoded):
        return
    if isinstance(tell.encoder, SpeakerEncoder):
        tell.encoder.save(folder)
        return
    inside = folder / INSIDE
    inside.mkdir(exist_ok=True)
    published = tell.encoder
    published.model.save_pretrained(inside)  # type: ignore[attr-defined]
    heard = {"do_normalize": published.normalise, "sampling_rate": published.sample_rate_hz}  # type: ignore[attr-defined]
    (inside / "preprocessor_config.json").write_text(json.dumps(heard), encoding="utf-8")


def kept(folder: Path) -> Teller:
    """The teller of a model folder: its encoder's where it has one, statistics otherwise."""
    if (folder / CARD).is_file():
        return Encoded(load_speaker_encoder(folder))
    return Encoded(load_speaker_encoder(folder / INSIDE)) if (folder / INSIDE).is_dir() else Statistics()
