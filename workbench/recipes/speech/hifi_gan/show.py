"""What a run shows: spectra beside the recording's, tables of distances, and sounds to compare by ear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workbench.core.audio import Segment, SoundMeta, Tier, TiersDoc, to_meta
from workbench.core.documents import Column, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Audio, ImageGrid, Outcomes, Table
from workbench.engine.speech.features import stft

from .data import Line
from .measures import Off

Floats = NDArray[np.float32]

WIDEST, TALL, TITLE, GAP = 1500, 160, 26, 8
"""Pixels of a picture across and up, of its title, and between pictures."""
SHOWN_S = 1.6
RANGE_DB = 70.0
AUDIBLE = 4
PAUSE_S = 0.4
# Anchors of a scale whose lightness rises evenly (viridis), from the lowest value to the highest.
_SCALE = np.array([(68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137),
                   (53, 183, 121), (110, 206, 88), (181, 222, 43), (253, 231, 37)], np.float64)  # fmt: skip
_COLUMNS = {
    "spectral_distance_db": Column("spectra", unit="dB", best="low", digits=2),
    "spectral_convergence": Column("convergence", best="low", digits=3),
    "cepstral_distance_db": Column("cepstra", unit="dB", best="low", digits=2),
    "pitch_error_semitones": Column("pitch off by", unit="st", best="low", digits=3),
    "voicing_error": Column("voiced wrongly", best="low", digits=3),
}


def spectra(job: Job, true: Floats, made: Mapping[str, Floats], rate_hz: int, *, title: str) -> None:
    """Spectrograms (0 to 8 kHz, upwards) of the first part of a recording, and of sounds made of its frames."""
    reference = _decibels(true, rate_hz)
    loudest = float(reference.max())
    tall = len(made) + 1
    sheet = Image.new("RGB", (WIDEST, tall * (TALL + TITLE) + (tall - 1) * GAP))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    rows = {"recording": reference} | {name: _decibels(wave, rate_hz) for name, wave in made.items()}
    for at, (name, values) in enumerate(rows.items()):
        top = at * (TALL + TITLE + GAP)
        pen.text((2, top + 2), name, fill=(225, 225, 225), font=font)
        sheet.paste(_picture(values, loudest), (0, top + TITLE))
    job.artifact("spectra", ImageGrid, sheet.save, title=title)


def _decibels(wave: Floats, rate_hz: int) -> Floats:
    """(T, F) of the first part of samples (n,)."""
    part = torch.from_numpy(wave[: round(SHOWN_S * rate_hz)].copy())[None]
    found: Floats = 20 * stft(part, rate_hz, window_s=0.032, hop_s=0.004)[0].abs().clamp(min=1e-6).log10().numpy()
    return found


def _picture(values: Floats, loudest: float) -> Image.Image:
    at = np.clip((values - loudest) / RANGE_DB + 1, 0, 1).T[::-1] * (len(_SCALE) - 1)
    colours = np.stack([np.interp(at, np.arange(len(_SCALE)), _SCALE[:, part]) for part in range(3)], -1)
    return Image.fromarray(colours.astype(np.uint8)).resize((WIDEST, TALL), Image.Resampling.BILINEAR)


# Numbers --------------------------------------------------------------------------------------


def distances(job: Job, found: Mapping[str, Mapping[str, float]], count: int) -> None:
    """Each way to make sound, and how far it is from the recordings."""
    columns = [Column("made by", "text"), *_COLUMNS.values()]
    rows: list[list[Any]] = [[name, *(_rounded(one.get(key)) for key in _COLUMNS)] for name, one in found.items()]
    caption = f"Means over {count} recordings by speakers that nothing has heard, made again out of their frames. "
    caption += "Spectra: mean difference of log magnitudes at four resolutions. Voiced wrongly: share of frames."
    job.artifact("distances", Table, TableDoc(columns, rows, caption), title="How far from the recording")


def utterances(job: Job, lines: Sequence[Line], off: Mapping[str, Sequence[Off]]) -> None:
    """Each recording of the test with its spectral and cepstral distance by each way."""
    columns = [Column("recording", "text"), Column("speaker", "text")]
    for name in off:
        columns += [Column(f"{name}: spectra", unit="dB", digits=2), Column("cepstra", unit="dB", digits=2)]
    rows: list[list[Any]] = []
    for at, line in enumerate(lines):
        row: list[Any] = [line.name, line.speaker]
        for one in off.values():
            row += [_rounded(one[at].spectral_db), _rounded(one[at].cepstral_db)]
        rows.append(row)
    job.artifact("utterances", Table, TableDoc(columns, rows, ""), title="Recordings of the test")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def outcomes(job: Job, found: Sequence[float]) -> None:
    """For claims: the spectral distance of each recording."""
    rows = np.array([[one, 1.0] for one in found], np.float32)
    job.artifact("outcomes", Outcomes, rows, meta={"columns": ["distance", "of"], "measure": "ratio"})


# Sound ----------------------------------------------------------------------------------------


def sounds(job: Job, lines: Sequence[Line], made: Mapping[str, Sequence[Floats]], rate_hz: int) -> None:
    """A few recordings, each followed by what was made of its frames, named below the sound."""
    pause = np.zeros(round(PAUSE_S * rate_hz), np.float32)
    parts: list[Floats] = []
    segments, at_s = [], 0.0
    for at, line in enumerate(lines[:AUDIBLE]):
        for name, wave in {"recording": line.wave, **{name: some[at] for name, some in made.items()}}.items():
            one = wave * np.float32(0.7 / max(float(np.abs(wave).max(initial=0.0)), 1e-3))
            segments.append(Segment(at_s, at_s + len(one) / rate_hz, f"{name}: {line.name}"))
            parts += [one, pause]
            at_s += (len(one) + len(pause)) / rate_hz
    wave = np.concatenate(parts)
    title = "Recordings, and what was made of their frames"
    job.artifact("sounds", Audio, lambda path: write_wave(path, wave, rate_hz), title=title,
                 meta=to_meta(SoundMeta(rate_hz, 1, len(wave), title)),
                 parts={"tiers": TiersDoc([Tier("sentences", "segments", segments)], len(wave) / rate_hz)})  # fmt: skip


def write_wave(path: Path, wave: Floats, rate_hz: int) -> None:
    """Samples (n,) as 16-bit WAV."""
    import soundfile

    soundfile.write(path, wave, rate_hz, subtype="PCM_16")
