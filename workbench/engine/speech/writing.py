"""Sounds as files: a part of one, at any rate, in what libsndfile writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from workbench.core.audio import SoundFile
from workbench.core.cloning import SYNTHETIC
from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine.speech.opening import samples_of
from workbench.engine.speech.resampling import resample_stream
from workbench.engine.speech.sources import BLOCK_VALUES

FORMATS = {
    ".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS"), ".mp3": ("MP3", "MPEG_LAYER_III")
}  # fmt: skip
RATES_HZ = (4000, 384_000)


def export_sound(
    sound: SoundFile, out: Path, *, start_s: float = 0.0, end_s: float = 0.0, sample_rate_hz: int = 0,
    channel: int | None = None, progress: Callable[[int, int], None] = lambda done, of: None,
) -> Path:  # fmt: skip
    """Write a sound or a stretch of it (`end_s` 0: to its end); rate 0 keeps the rate, channel -1 mixes to mono.

    int16 samples at their own rate are copied bit by bit to WAV and FLAC; float32 goes to WAV as such. What says of
    itself that it is synthetic speech says so in its parts and copies.
    Memory does not grow with the length. Raises InputError for what cannot be written.
    """
    import soundfile

    rate, channels = sound.meta.sample_rate_hz, sound.meta.channels
    to_hz = sample_rate_hz or rate
    first, last = round(start_s * rate), round(end_s * rate) if end_s else sound.meta.samples
    _check(sound, out, range(first, last), to_hz, channel)
    samples = samples_of(sound)[first:last]
    kind, subtype = FORMATS[out.suffix.lower()]
    if kind == "WAV" and samples.dtype == np.float32:
        subtype = "FLOAT"
    elif kind == "FLAC" and samples.dtype == np.float32:
        subtype = "PCM_24"
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f"{out.stem}.{os.getpid()}.tmp{out.suffix}")
    count = channels if channel is None else 1
    try:
        with soundfile.SoundFile(str(scratch), "w", to_hz, count, subtype, format=kind) as file:
            if is_synthetic(Path(sound.source)):
                file.comment = SYNTHETIC
            for block in _blocks(samples, rate, to_hz, channel, progress):
                file.write(block)
        scratch.replace(out)
    except soundfile.LibsndfileError as error:
        raise InputError(
            "This sound cannot be written in this format.", expected=f"what {kind} can hold",
            received=f"{count} channels at {to_hz} Hz: {error}", fix="Write a WAV, or choose another rate.",
            field="out", place=out.name,
        ) from None  # fmt: skip
    finally:
        scratch.unlink(missing_ok=True)
    return out


def is_synthetic(path: Path) -> bool:
    """Whether a sound's file says that it is synthetic speech made here; a file that is gone or unreadable does not."""
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            return str(file.comment) == SYNTHETIC
    except (soundfile.LibsndfileError, OSError, ValueError, RuntimeError):
        return False


def _check(sound: SoundFile, out: Path, part: range, to_hz: int, channel: int | None) -> None:
    if out.suffix.lower() not in FORMATS:
        raise InputError(
            f"A sound cannot be written as {out.suffix or 'a file without an ending'}.", expected=", ".join(FORMATS),
            received=out.name, fix="Choose one of these endings.", field="out",
        )  # fmt: skip
    if Path(sound.source).exists() and out.exists() and out.samefile(sound.source):
        raise InputError(
            "This would write over the sound itself.", expected="another file", received=str(out),
            fix="Choose another name.", field="out",
        )  # fmt: skip
    if not 0 <= part.start < part.stop <= sound.meta.samples:
        raise InputError(
            "There is no such part of the sound.", expected=f"times within {sound.meta.duration_s:.3f} s",
            received=f"samples {spaced(part.start)} to {spaced(part.stop)}", fix="Choose another part.",
            field="start_s",
        )  # fmt: skip
    if not RATES_HZ[0] <= to_hz <= RATES_HZ[1] and to_hz != sound.meta.sample_rate_hz:
        raise InputError(
            "Nothing plays at this sample rate.", expected=f"{spaced(RATES_HZ[0])} to {spaced(RATES_HZ[1])} Hz",
            received=f"{to_hz} Hz", fix="Choose 16000, 22050, 44100 or 48000.", field="sample_rate_hz",
        )  # fmt: skip
    if channel is not None and channel >= sound.meta.channels:
        raise InputError(
            "There is no such channel.", expected=f"0 to {sound.meta.channels - 1}, or -1 for the mean",
            received=str(channel), field="channel",
        )  # fmt: skip


def _blocks(
    samples: np.ndarray, rate: int, to_hz: int, channel: int | None, progress: Callable[[int, int], None]
) -> Iterator[np.ndarray]:
    size = max(BLOCK_VALUES // samples.shape[1], 1)
    scale = np.float32(1 / 32768 if samples.dtype == np.int16 else 1)

    def pieces() -> Iterator[np.ndarray]:
        for start in range(0, len(samples), size):
            progress(start, len(samples))
            block = samples[start : start + size]
            if channel is not None and channel >= 0:
                block = block[:, channel : channel + 1]
            if to_hz == rate and channel != -1:
                yield block
                continue
            values = block.astype(np.float32) * scale
            yield values.mean(1, keepdims=True) if channel == -1 else values

    count = samples.shape[1] if channel is None else 1
    yield from resample_stream(pieces(), rate, to_hz, count)
