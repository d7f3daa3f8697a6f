"""What a run shows: the table of tasks and arms, spectrograms in and out, cross-attention, sound beside sound."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workbench.core.audio import SoundMeta, to_meta
from workbench.core.documents import Column, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Audio, ImageGrid, Table
from workbench.engine.speech import vocoders
from workbench.engine.speech.bank.rendering import RATE_HZ

from .data import Item, Scale
from .decoding import Speech
from .doing import MEASURES, Done
from .recipe import ASR, SE, ST, TASKS, TTS, VC

Floats = NDArray[np.float32]
Rows = Mapping[str, tuple[Sequence[Item], Mapping[str, Done]]]
"""Of each task the test's examples, and what each arm made of them."""

PHASES = 40
ACROSS, UP, GAP, TITLE = 3, 4, 10, 26
"""Pixels of a frame and of a mel bin; between pictures, and for their titles."""
STEP_ACROSS, STATE_UP = 8, 2
"""Pixels of a decoder step and of an encoder state in pictures of attention."""
SHOWN_TEXTS = 6
# Anchors of a scale whose lightness rises evenly (viridis), from the lowest value to the highest.
_SCALE = np.array([(68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137),
                   (53, 183, 121), (110, 206, 88), (181, 222, 43), (253, 231, 37)], np.float64)  # fmt: skip
_WHAT = {
    "ASR": "recognition", "TTS": "speech from text", "ST": "translation", "VC": "voice conversion",
    "SE": "speech out of noise", "SID": "who speaks",
}  # fmt: skip


# The table ----------------------------------------------------------------------------------


def results(
    job: Job, rows: Rows, starts: Sequence[str], *, nothing: Mapping[str, float | None], rates: Mapping[str, float]
) -> None:  # fmt: skip
    """Task by arm: test errors, how much lower the first arm's is, and what doing nothing gives."""
    # Rows have units of their own, so that no column has a best row.
    columns = [Column("task", "text"), Column("error", "text"), *(Column(one) for one in starts)]
    if len(starts) > 1:
        columns.append(Column("lower by", unit="%", digits=1))
    columns.append(Column("nothing done"))
    found: list[list[Any]] = []
    for task in TASKS:
        if task not in rows or not rows[task][1]:
            continue
        arms = rows[task][1]
        errors = [arms[one].error if one in arms else None for one in starts]
        row: list[Any] = [f"{task}, {_WHAT[task]}", MEASURES[task], *(_rounded(one) for one in errors)]
        if len(starts) > 1:
            row.append(_less(errors))
        found.append([*row, _rounded(nothing.get(task))])
    chosen = "; ".join(
        f"{one}: " + ", ".join(f"{task} {rates[f'{one}/{task}']:g}" for task in rows if f"{one}/{task}" in rates)
        for one in starts
    )
    caption = (
        "Errors on new sentences, by new voices except for SID; lower is better. Speech is scored free-running: the "
        "decoder hears what it said itself. 'Nothing done' is the noisy or unconverted speech as it is, or guessing. "
        f"Rates that development examples chose: {chosen}. Test examples: "
        + ", ".join(f"{task} {len(items)}" for task, (items, _) in rows.items()) + "."
    )  # fmt: skip
    job.artifact("results", Table, TableDoc(columns, found, caption), title="Six tasks by what they start from")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _less(errors: Sequence[float | None]) -> float | None:
    first, second = errors[0], errors[1]
    return None if first is None or not second else round(100 * (second - first) / second, 2)


# Examples -----------------------------------------------------------------------------------


def examples(job: Job, rows: Rows, start: str, scale: Scale, *, vocoder: vocoders.Vocoder) -> None:
    """The first test example of each task: what went in, what was to come out, and what did."""
    spoken = [(task, rows[task][0][0], rows[task][1]) for task in (TTS, VC, SE) if task in rows and rows[task][1]]
    texts(job, rows)
    if spoken:
        spectrograms(job, spoken)
        looks = [(f"{task}, {start}", arms[start].speech[0]) for task, _, arms in spoken if start in arms]
        attention(job, looks)
    for task, item, arms in spoken:
        if item.said is not None:
            _sound(job, "reference", vocoder(scale.undo(item.said)), f"{task}, as it should be: {item.sentence}")
        for arm, done in arms.items():
            _sound(job, "generated", vocoder(scale.undo(done.speech[0].mel)), f"{task}, {arm}: {item.sentence}")
        if start in arms:
            for at, value in enumerate(arms[start].speech[0].stops.tolist()):
                job.metric("stop", value, series=task, step=at + 1)


def texts(job: Job, rows: Rows) -> None:
    """Transcripts and translations beside what is right."""
    columns = [Column("task", "text"), Column("from", "text"), Column("right", "text"), Column("written", "text")]
    found = [[task, arm, item.answer, done.texts[at]]
             for task in (ASR, ST) if task in rows
             for at, item in enumerate(rows[task][0][:SHOWN_TEXTS])
             for arm, done in rows[task][1].items()]  # fmt: skip
    if found:
        job.artifact("texts", Table, TableDoc(columns, found, "First examples of the test."), title="Texts written")


def _coloured(
    values: Floats, low: float, high: float, *, across: int = ACROSS, up: int = UP
) -> NDArray[np.uint8]:  # fmt: skip
    """Frames (T, F) as pixels (F · up, T · across, 3), low frequencies at the bottom."""
    at = np.clip((values - low) / max(high - low, 1e-6), 0, 1).T[::-1] * (len(_SCALE) - 1)
    colours = np.stack([np.interp(at, np.arange(len(_SCALE)), _SCALE[:, part]) for part in range(3)], -1)
    return np.repeat(np.repeat(colours.astype(np.uint8), up, 0), across, 1)


def sheet(rows: Sequence[Sequence[tuple[str, NDArray[np.uint8]]]]) -> Image.Image:
    """Pictures with titles, row by row; all of a column begin at the same place."""
    columns = max(len(row) for row in rows)
    widths = [max((row[at][1].shape[1] for row in rows if at < len(row)), default=0) for at in range(columns)]
    talls = [max(picture.shape[0] for _, picture in row) + TITLE for row in rows]
    found = Image.new("RGB", (sum(widths) + GAP * (columns - 1), sum(talls) + GAP * (len(rows) - 1)))
    pen, font, top = ImageDraw.Draw(found), ImageFont.load_default(17), 0
    for row, tall in zip(rows, talls, strict=True):
        left = 0
        for at, (title, picture) in enumerate(row):
            words = title
            while len(words) > 4 and pen.textlength(words, font=font) > widths[at] - 2:
                words = f"{words.removesuffix('…')[:-1]}…"
            pen.text((left + 2, top + 2), words, fill=(225, 225, 225), font=font)
            found.paste(Image.fromarray(picture), (left, top + TITLE))
            left += widths[at] + GAP
        top += tall + GAP
    return found


def spectrograms(job: Job, spoken: Sequence[tuple[str, Item, Mapping[str, Done]]]) -> None:
    """For each spoken task a row: what went in, what should have come out, what each arm said."""
    rows = []
    for task, item, arms in spoken:
        if item.said is None:
            continue
        low, high = (float(one) for one in np.percentile(item.said, (2, 99.5)))
        row = [] if item.heard is None else [(f"{task}: heard", _coloured(item.heard, low, high))]
        row.append((f"{task}: right" if row else f"{task}: {item.read}", _coloured(item.said, low, high)))
        row += [(arm, _coloured(done.speech[0].mel[: 2 * len(item.said)], low, high)) for arm, done in arms.items()]
        rows.append(row)
    picture = sheet(rows)
    job.artifact("spectrograms", ImageGrid, picture.save, title="Mel spectrograms in and out, free-running")


def attention(job: Job, looks: Sequence[tuple[str, Speech]]) -> None:
    """Of each spoken example where every head of the last layer looked (up: input) while it spoke (across: output)."""
    rows = []
    for title, one in looks:
        high = max(float(np.percentile(one.looks, 99.5)), 1e-6)
        rows.append([(f"{title}, head {at + 1}", _coloured(head, 0, high, across=STEP_ACROSS, up=STATE_UP))
                     for at, head in enumerate(one.looks)])  # fmt: skip
    if rows:
        job.artifact("attention", ImageGrid, sheet(rows).save, title="Cross-attention, heads of the last layer")


# Sound --------------------------------------------------------------------------------------


def how(bins: int) -> dict[str, Any]:
    """What vocoders.choose is told of our network's frames, and of Griffin-Lim."""
    return {"mel": dataclasses.replace(vocoders.SPEECHT5, bins=bins), "iterations": PHASES}


def write_wave(path: Path, wave: Floats) -> None:
    """Write samples (n,) at 16 kHz as 16-bit WAV."""
    import soundfile

    soundfile.write(path, wave, RATE_HZ, subtype="PCM_16")


def _sound(job: Job, slot: str, wave: Floats, title: str) -> None:
    meta = to_meta(SoundMeta(RATE_HZ, 1, len(wave), title))
    job.artifact(slot, Audio, lambda path: write_wave(path, wave), title=title, meta=meta)
