"""What a run shows: where the decoder looked, which intents are mistaken for which, slots, single commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workbench.core.audio import Segment, SoundMeta, Tier, TiersDoc, to_meta
from workbench.core.documents import Column, ConfusionDoc, Item, ItemsDoc, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Confusion, ImageGrid, Outcomes, Table, Tiers
from workbench.engine.speech.listening import RATE_HZ
from workbench.engine.stages import Stage

from .data import HOP_S, Intent, Utterance
from .decoding import Guess
from .networks import SLOTS

Floats = NDArray[np.float32]

ACROSS, UP = 4, 5
"""Pixels of a frame and of a mel bin."""
ROW, NAMES, GAP = 44, 190, 6
STATE_FRAMES = 4
LISTED = 500
STATE_S = STATE_FRAMES * HOP_S


def said(intent: Intent) -> str:
    """An intent in words; `none` is left out."""
    return ", ".join(one for one in intent if one != "none")


# Recognition --------------------------------------------------------------------------------


def recognised(stage: Stage, utterances: Sequence[Utterance], heard: Sequence[Sequence[str]]) -> None:
    """A few utterances kept aside: the units that were said and those that the CTC head hears."""
    glue = " " if any(len(unit) > 1 for one in utterances for unit in one.units) else ""
    rows: list[list[Any]] = [[one.text, glue.join(one.units), glue.join(found)]
                             for one, found in zip(utterances, heard, strict=False)]  # fmt: skip
    columns = [Column("sentence", "text"), Column("said", "text"), Column("heard", "text")]
    stage.artifact("recognised", Table, TableDoc(columns, rows, "Utterances kept aside, by greedy CTC."),
                   title="What the recogniser hears")  # fmt: skip


# Commands -----------------------------------------------------------------------------------


def slots(
    job: Job, parts: Sequence[tuple[str, Sequence[Utterance], Sequence[Guess]]], train: Sequence[Utterance]
) -> None:  # fmt: skip
    """The share of commands, and of each slot, that is right; what naming the most frequent value would give."""
    columns = [Column("commands", "text"), Column("all three", best="high"),
               *(Column(slot, best="high") for slot in SLOTS), Column("number", digits=0)]  # fmt: skip
    rows: list[list[Any]] = []
    for name, utterances, found in parts:
        if utterances:
            right = _right(utterances, found)
            rows.append([name, *(round(float(one), 4) for one in (right.all(1).mean(), *right.mean(0))),
                         len(utterances)])  # fmt: skip
    intents = [one.intent for one in train if one.intent is not None]
    most = max(sorted(set(intents)), key=intents.count)
    values = tuple(max(sorted({one[at] for one in intents}), key=[one[at] for one in intents].count)
                   for at in range(len(SLOTS)))  # fmt: skip
    test = [one.intent for one in parts[0][1] if one.intent is not None]
    rows.append(["most frequent value", round(sum(one == most for one in test) / len(test), 4),
                 *(round(sum(one[at] == values[at] for one in test) / len(test), 4) for at in range(len(SLOTS))),
                 len(test)])  # fmt: skip
    job.artifact("slots", Table, TableDoc(columns, rows, "The share that is right; a command counts if all slots are."),
                 title="Commands understood")  # fmt: skip


def _right(utterances: Sequence[Utterance], found: Sequence[Guess]) -> NDArray[np.bool_]:
    return np.array([[one.intent is not None and one.intent[at] == each.intent[at] for at in range(len(SLOTS))]
                     for one, each in zip(utterances, found, strict=True)])  # fmt: skip


def outcomes(job: Job, utterances: Sequence[Utterance], found: Sequence[Guess]) -> None:
    """For claims: of each test speaker how many commands were understood, of how many (speakers, 2)."""
    right: NDArray[np.bool_] = np.all(_right(utterances, found), axis=1)
    who = np.array([one.speaker for one in utterances])
    counts = [[float(right[who == one].sum()), float((who == one).sum())] for one in sorted(set(who.tolist()))]
    job.artifact("outcomes", Outcomes, np.array(counts, np.float32),
                 meta={"columns": ["right", "of"], "measure": "ratio"})  # fmt: skip


def confusion(job: Job, utterances: Sequence[Utterance], found: Sequence[Guess]) -> None:
    """True against named intents; combinations that are no intent of the test are counted together."""
    names = sorted({said(one.intent) for one in utterances if one.intent is not None})
    other = "no intent of the data"
    places = {name: at for at, name in enumerate([*names, other])}
    counts = np.zeros((len(places), len(places)), int)
    cells: dict[str, list[int]] = {}
    for at, (one, each) in enumerate(zip(utterances, found, strict=True)):
        row = places[said(one.intent)] if one.intent is not None else places[other]
        column = places.get(said(each.intent), places[other])
        counts[row, column] += 1
        cells.setdefault(f"{row},{column}", []).append(at)
    keep = [at for at in range(len(places)) if counts[at].any() or counts[:, at].any()]
    moved = {at: place for place, at in enumerate(keep)}
    shown = {",".join(str(moved[int(part)]) for part in key.split(",")): value for key, value in cells.items()}
    items = [Item(one.text or one.name, said(one.intent) if one.intent else "", said(each.intent), each.probability,
                  one.speaker, at) for at, (one, each) in enumerate(zip(utterances, found, strict=True))]  # fmt: skip
    labels = [*names, other]
    doc = ConfusionDoc([labels[at] for at in keep], counts[np.ix_(keep, keep)].tolist(), shown)
    job.artifact("confusion", Confusion, doc, title="True (row) against named intent, test commands",
                 parts={"items": ItemsDoc(items)})  # fmt: skip


def predictions(job: Job, utterances: Sequence[Utterance], found: Sequence[Guess]) -> None:
    """Test commands one by one, those that were mistaken first."""
    pairs = sorted(zip(utterances, found, strict=True), key=lambda one: (one[0].intent == one[1].intent, one[0].name))
    columns = [Column("command", "text"), Column("speaker", "text"), Column("meant", "text"), Column("named", "text"),
               Column("probability", digits=2), Column("right", "text")]  # fmt: skip
    rows: list[list[Any]] = [
        [one.text or one.name, one.speaker, said(one.intent) if one.intent else "", said(each.intent),
         round(each.probability, 4), "yes" if one.intent == each.intent else "no"]
        for one, each in pairs[:LISTED]
    ]  # fmt: skip
    caption = f"The first {LISTED} of {len(pairs)}." if len(pairs) > LISTED else ""
    job.artifact("predictions", Table, TableDoc(columns, rows, caption), title="Test commands, mistakes first")


# Where the decoder looks ----------------------------------------------------------------------


def to_be_shown(
    utterances: Sequence[Utterance], found: Sequence[Guess]
) -> tuple[Utterance, Guess] | None:  # fmt: skip
    """A command with a sound: the surest of those that are right, or the first there is."""
    there = [(one, each) for one, each in zip(utterances, found, strict=True) if one.wave is not None]
    right = [pair for pair in there if pair[0].intent == pair[1].intent]
    if right:
        return max(right, key=lambda pair: (pair[1].intent[2] != "none", pair[1].probability))
    return there[0] if there else None


def attended(job: Job, one: Utterance, guess: Guess, weights: Floats) -> None:
    """One command as a picture (spectrogram, and where each slot's step looked) and as a sound with tiers."""
    job.artifact("attention", ImageGrid, lambda path: picture(one, guess, weights).save(path, format="PNG"),
                 title=f"Where the decoder looks: {one.text or one.name}")  # fmt: skip
    if one.wave is None:
        return
    seconds = len(one.wave) / RATE_HZ
    tiers = [Tier("words", "words", list(one.words))] if one.words else []
    for slot, value, row in zip(SLOTS, guess.intent, weights, strict=True):
        tiers.append(Tier(slot, "segments", [_stretch(value, row, seconds)]))
    title = f"{one.text or one.name}: {said(guess.intent)}"
    meta = to_meta(SoundMeta(RATE_HZ, 1, len(one.wave), title))
    path = job.folder / "artifacts" / "attended-command.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, one.wave)
    job.artifact("attended", Tiers, TiersDoc(tiers, seconds, title), title=title, meta=meta, parts={"audio": path})


def _stretch(value: str, weights: Floats, seconds: float) -> Segment:
    """Around the strongest weight, as far as weights are at least half of it."""
    top = int(weights.argmax())
    first = last = top
    while first > 0 and weights[first - 1] >= weights[top] / 2:
        first -= 1
    while last + 1 < len(weights) and weights[last + 1] >= weights[top] / 2:
        last += 1
    start_s, end_s = max((first - 0.5) * STATE_S, 0.0), min((last + 0.5) * STATE_S, seconds)
    return Segment(start_s, max(end_s, start_s + HOP_S), value, confidence=round(float(weights[first : last + 1].sum()),
                                                                                 4))  # fmt: skip


def _write(path: Path, wave: Floats) -> None:
    import soundfile

    soundfile.write(path, wave * np.float32(0.9 / max(float(np.abs(wave).max()), 0.9)), RATE_HZ, subtype="PCM_16")


def picture(one: Utterance, guess: Guess, weights: Floats) -> Image.Image:
    """The spectrogram over three rows of weights (3, states), each scaled to its own maximum."""
    frames = one.frames
    low, high = (float(each) for each in np.percentile(frames, (2, 99)))
    wide, tall = len(frames) * ACROSS, frames.shape[1] * UP
    colours = mpl.colormaps["viridis"]
    top = colours(np.clip((frames.T[::-1] - low) / max(high - low, 1e-6), 0, 1), bytes=True)[..., :3]
    sheet = Image.new("RGB", (NAMES + wide, tall + len(SLOTS) * (ROW + GAP)))
    sheet.paste(Image.fromarray(top).resize((wide, tall), Image.Resampling.NEAREST), (NAMES, 0))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(20)
    for at, (slot, value, row) in enumerate(zip(SLOTS, guess.intent, weights, strict=True)):
        heat = mpl.colormaps["inferno"](row / max(float(row.max()), 1e-9), bytes=True)[None, :, :3]
        line = Image.fromarray(heat).resize((len(row) * STATE_FRAMES * ACROSS, ROW), Image.Resampling.BILINEAR)
        below = tall + GAP + at * (ROW + GAP)
        sheet.paste(line.crop((0, 0, wide, ROW)), (NAMES, below))
        pen.text((8, below + 1), slot, fill=(160, 160, 160), font=ImageFont.load_default(15))
        pen.text((8, below + 18), value, fill=(235, 235, 235), font=font)
    pen.text((8, 4), "spectrogram", fill=(160, 160, 160), font=ImageFont.load_default(15))
    return sheet
