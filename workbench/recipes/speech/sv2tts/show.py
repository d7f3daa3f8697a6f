"""What a run shows: who is like whom, spectrograms beside the true ones, a map that can be heard, tables, sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from sklearn.decomposition import PCA
from torch import Tensor

from workbench.core.audio import Segment, SoundMeta, Tier, TiersDoc, to_meta
from workbench.core.documents import Column, Item, ItemsDoc, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Audio, Embedding, ImageGrid, Outcomes, Table
from workbench.engine.speech.bank.rendering import RATE_HZ

from .data import Data, Line
from .ge2e import similarities
from .recipe import NEAREST, NONE, RANDOM, UPPER, VECTOR, Sv2tts

if TYPE_CHECKING:
    from .cloning import Measured

Floats = NDArray[np.float32]

ACROSS, UP, GAP, TITLE = 4, 5, 10, 30
"""Pixels of a frame and of a mel bin in the spectrograms; between them, and for their titles."""
CELL = 16
CLIP_S = 1.5
PAUSE_S = 0.4
AUDIBLE = 6
# Anchors of a scale whose lightness rises evenly (viridis), from the lowest value to the highest.
_SCALE = np.array([(68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137),
                   (53, 183, 121), (110, 206, 88), (181, 222, 43), (253, 231, 37)], np.float64)  # fmt: skip


def coloured(values: Floats, low: float, high: float, across: int, up: int) -> NDArray[np.uint8]:
    """A matrix (rows, columns) as pixels, row 0 at the top, each cell `across` wide and `up` high."""
    at = np.clip((values - low) / max(high - low, 1e-6), 0, 1) * (len(_SCALE) - 1)
    colours = np.stack([np.interp(at, np.arange(len(_SCALE)), _SCALE[:, part]) for part in range(3)], -1)
    return np.repeat(np.repeat(colours.astype(np.uint8), up, 0), across, 1)


def _sheet(pictures: Sequence[tuple[str, NDArray[np.uint8]]]) -> Image.Image:
    """Pictures below each other, each under its title."""
    wide = max(one.shape[1] for _, one in pictures)
    tall = sum(one.shape[0] + TITLE + GAP for _, one in pictures) - GAP
    sheet = Image.new("RGB", (wide, tall))
    pen, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(20), 0
    for title, picture in pictures:
        pen.text((2, top + 2), title, fill=(225, 225, 225), font=font)
        sheet.paste(Image.fromarray(picture), (0, top + TITLE))
        top += TITLE + picture.shape[0] + GAP
    return sheet


def similarity(job: Any, vectors: Floats, names: Sequence[str]) -> None:
    """Cosines of development crops (speakers, M, D) with all centroids; a good encoder's diagonal stands out."""
    found = similarities(torch.from_numpy(vectors)).flatten(0, 1).numpy()
    each = vectors.shape[1]
    picture = coloured(found, -0.2, 1.0, each * CELL, CELL // 2)
    sheet = _sheet([(f"{len(names)} speakers' crops, centroids", picture)])
    job.artifact("similarity", ImageGrid, sheet.save,
                 title="How alike crops and speakers are: cosines from −0.2 (dark) to 1 (bright)")  # fmt: skip


def mels(job: Any, line: Line, made: Floats, told: Tensor, *, title: str) -> None:
    """A sentence by a voice unheard in training: the true frames, the synthesiser's, and which phone each frame has."""
    low, high = (float(one) for one in np.percentile(line.mels, (2, 99.5)))
    count = len(line.mels)
    wide = max(1, min(ACROSS, 1600 // max(count, 1)))
    pair = [coloured(one.T[::-1], low, high, wide, UP) for one in (line.mels, made)]
    left = _sheet([("true", pair[0])])
    right = _sheet([("synthesised", pair[1]), (_path_title(told), _path(told, len(made), wide))])
    sheet = Image.new("RGB", (left.width + GAP + right.width, max(left.height, right.height)))
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + GAP, 0))
    job.artifact("mels", ImageGrid, sheet.save, title=title)


def _path_title(told: Tensor) -> str:
    from .attention import diagonality

    if told.ndim == 1:
        return "phones (up) over frames, by their true lengths"
    return f"phones (up) that attention looks at; diagonality {diagonality(told):.2f}"


def _path(told: Tensor, frames: int, wide: int) -> NDArray[np.uint8]:
    """Phones over frames, from lengths (P,) or from attention's weights (steps, P)."""
    if told.ndim == 1:
        weights = np.repeat(np.eye(len(told), dtype=np.float32), told.numpy(), 0)
    else:
        often = -(-frames // len(told))
        weights = np.repeat(told.numpy(), often, 0)[:frames]
    return coloured(weights.T[::-1], 0, 1, wide, 4)


# The map ------------------------------------------------------------------------------------


def voices_map(
    job: Job, references: Mapping[str, Floats], asked: Floats, data: Data, cloned: Sequence[tuple[str, Floats, Line,
    Floats]],
) -> None:  # fmt: skip
    """Speaker vectors of what test speakers really said and of what was cloned, in two dimensions; each can be heard.

    `asked` are the vectors of the test's lines, `cloned` (speaker, vector, line, samples).
    """
    shown = {id(line) for _, _, line, _ in cloned}
    real = [(line, vector) for line, vector in zip(data.test, asked, strict=True) if id(line) in shown]
    vectors = [*references.values(), *(vector for _, vector in real), *(vector for _, vector, _, _ in cloned)]
    items = [Item("the voice's reference", name, group="reference") for name in references]
    items += [Item(line.text, line.speaker, group="real") for line, _ in real]
    items += [Item(line.text, name, group="cloned") for name, _, line, _ in cloned]
    waves = [np.concatenate([one.wave for one in data.references[name]]) for name in references]
    waves += [line.wave for line, _ in real]
    waves += [wave for _, _, _, wave in cloned]
    points = PCA(2, random_state=0).fit_transform(np.stack(vectors)) if len(vectors) > 2 else np.zeros((len(items), 2))
    length = round(CLIP_S * RATE_HZ)
    clips = [_loud(wave[: 2 * length])[:length] for wave in waves]
    ends = np.cumsum([len(one) for one in clips]) / RATE_HZ
    starts = [0.0, *ends[:-1].tolist()]
    path = job.folder / "artifacts" / "map-clips.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, np.concatenate(clips))
    job.artifact(
        "map", Embedding, np.asarray(points, np.float32), title="Voices that nothing has heard, real and cloned",
        parts={"items": ItemsDoc(items), "audio": path, "clips": [list(one) for one in zip(starts, ends.tolist(),
                                                                                         strict=True)]},
    )  # fmt: skip


def _loud(wave: Floats) -> Floats:
    found: Floats = wave * np.float32(0.7 / max(float(np.abs(wave).max(initial=0.0)), 1e-3))
    return found


# Numbers ------------------------------------------------------------------------------------

_COLUMNS = (
    ("cepstral_distance_db", "mel-cepstral distance", "dB", "low"), ("pitch_error_semitones", "pitch off by", "st",
                                                                    "low"),
    ("judge_cosine", "judge's cosine", "", "high"), ("cloned_error_rate", "equal error rate", "", "low"),
)  # fmt: skip
_WORDS = {VECTOR: "the voice's own vector", NEAREST: "the nearest voice in training", RANDOM: "a random vector",
          NONE: "no vector", UPPER: "a table that learned them"}  # fmt: skip


def conditions(job: Job, found: Sequence[Measured], true_rate: float) -> None:
    """Each way to be told a voice, by the same synthesiser, and what the judge makes of the true recordings."""
    columns = [Column("told", "text"), *(Column(title, unit=unit, best=best)  # type: ignore[arg-type]
                                         for _, title, unit, best in _COLUMNS)]  # fmt: skip
    rows: list[list[Any]] = [
        [_WORDS[one.name], *(_rounded(one.numbers.get(name)) for name, *_ in _COLUMNS)] for one in found
    ]
    rows.append(["(the true recordings)", None, None, None, _rounded(true_rate)])
    caption = "Voices and sentences that nothing has heard. The judge is an encoder that learned from yet other "
    caption += "speakers; its equal error rate says how often it takes one voice for another."
    job.artifact("conditions", Table, TableDoc(columns, rows, caption), title="How close cloned voices are")


def speakers(job: Job, found: Measured, data: Data, params: Sv2tts) -> None:
    """Each cloned speaker: what the voice is, where it was generated, and how close the clone came."""
    generated = [Column("variant", "text"), Column("tract"), Column("pitch knob", digits=0)] if data.speakers else []
    columns = [Column("speaker", "text"), *generated, Column("distance", unit="dB", best="low"),
               Column("judge's cosine", best="high")]  # fmt: skip
    rows: list[list[Any]] = []
    for name in data.references:
        voice = data.speakers.get(name)
        facts = [voice.variant, voice.tract, voice.pitch] if voice is not None else []
        at = [i for i, one in enumerate(data.test) if one.speaker == name]
        off = [found.distances[i] for i in at] if len(found.distances) == len(data.test) else []
        heard = [cosine for (line, _), cosine in zip(found.sounds, found.cosines, strict=True) if line.speaker == name]
        rows.append([name, *facts, _rounded(float(np.mean(off)) if off else None),
                     _rounded(float(np.mean(heard)))])  # fmt: skip
    job.artifact("speakers", Table, TableDoc(columns, rows, f"{params.references} reference sentences each."),
                 title="Cloned speakers")  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def outcomes(job: Job, rows: Floats) -> None:
    """For claims: the distance of each test utterance."""
    job.artifact("outcomes", Outcomes, rows, meta={"columns": ["distance", "of"], "measure": "ratio"})


# Sound --------------------------------------------------------------------------------------


def cloned(job: Job, sounds: Sequence[tuple[Line, Floats]]) -> None:
    """True and cloned sentences of a few voices, one after the other, named below the sound."""
    pause = np.zeros(round(PAUSE_S * RATE_HZ), np.float32)
    parts: list[Floats] = []
    segments = []
    at = 0.0
    for line, wave in sounds[:AUDIBLE]:
        for name, said in (("true", line.wave), ("cloned", wave)):
            one = _loud(said)
            segments.append(Segment(at, at + len(one) / RATE_HZ, f"{line.speaker}, {name}: {line.text}"))
            parts += [one, pause]
            at += (len(one) + len(pause)) / RATE_HZ
    wave = np.concatenate(parts)
    title = "Voices that nothing has heard: true, then cloned"
    job.artifact("cloned", Audio, lambda path: _write(path, wave), title=title,
                 meta=to_meta(SoundMeta(RATE_HZ, 1, len(wave), title)),
                 parts={"tiers": TiersDoc([Tier("sentences", "segments", segments)], len(wave) / RATE_HZ)})  # fmt: skip


def _write(path: Path, wave: Floats) -> None:
    import soundfile

    soundfile.write(path, wave, RATE_HZ, subtype="PCM_16")
