"""A task done on examples and scored: one way for all arms, development and test alike."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.engine.devices import Place
from workbench.engine.speech.transcripts import edits

from . import decoding, objectives, scores, words
from .data import Item, Scale
from .decoding import Speech
from .networks import Unified
from .recipe import ASR, SE, SID, ST, TTS, VC, SpeechT5

Floats = NDArray[np.float32]

TOGETHER = 16
LISTED = 5
TEXT_RATIO = 1.5
"""A transcript has at most so many times as many characters as the encoder has states, and ten more."""
MEASURES = {
    ASR: "wrong characters", TTS: "distortion, dB", ST: "1 − chrF", VC: "distortion, dB", SE: "spectral distance, dB",
    SID: "wrong speakers",
}  # fmt: skip


@dataclasses.dataclass
class Done:
    """Answers in the order of the examples, and how wrong they are: one number, and its items' counts (N, k)."""

    task: str
    error: float
    counts: Floats
    texts: list[str] = dataclasses.field(default_factory=list)
    speech: list[Speech] = dataclasses.field(default_factory=list)
    speakers: list[int] = dataclasses.field(default_factory=list)


@torch.no_grad()
def do(
    model: Unified, task: str, items: Sequence[Item], params: SpeechT5, *, place: Place, scale: Scale
) -> Done:  # fmt: skip
    """Do a task on examples, free-running, and score it."""
    model.eval()
    found = Done(task, 0.0, np.zeros((0, 1), np.float32))
    for at in range(0, len(items), TOGETHER):
        _batch(found, model, items[at : at + TOGETHER], params, place)
    found.counts = _counts(found, items, scale)
    found.error = error_of(found, items)
    return found


def _batch(found: Done, model: Unified, items: Sequence[Item], params: SpeechT5, place: Place) -> None:
    batch = {name: one.to(place.device) for name, one in objectives.batch_of(found.task, items).items()}
    with place.autocast():
        encoded = objectives.encode(model, batch)
        if found.task == SID:
            found.speakers += model.speaker_of(encoded).argmax(-1).tolist()
        elif found.task in (ASR, ST):
            written = decoding.write(
                model, encoded, beam=params.beam, longest=int(encoded.mask.sum(1).max() * TEXT_RATIO) + 10,
                ctc_weight=params.ctc_weight if found.task == ASR else 0.0,
            )  # fmt: skip
            found.texts += [words.decode(one.ids) for one in written]
        else:
            known = [len(one.said) for one in items if one.said is not None] if found.task == SE else None
            found.speech += decoding.speak(
                model, encoded, batch["vectors"], threshold=params.stop_threshold, ratio=params.length_ratio,
                frames=known,
            )  # fmt: skip


def _counts(found: Done, items: Sequence[Item], scale: Scale) -> Floats:
    """What each example adds to the error: (wrong, of) for characters, else (error,)."""
    if found.task == SID:
        rows = [[float(said != one.speaker)] for said, one in zip(found.speakers, items, strict=True)]
    elif found.task in (ASR, ST):
        truths = [words.plain(one.answer) for one in items]
        rows = [[float(edits(said, true)), float(len(true))]
                for said, true in zip(found.texts, truths, strict=True)]  # fmt: skip
    else:
        measure = scores.spectral_distance_db if found.task == SE else scores.distortion_db
        rows = [[measure(scale.undo(said.mel), scale.undo(one.said))]
                for said, one in zip(found.speech, items, strict=True) if one.said is not None]  # fmt: skip
    return np.array(rows, np.float32)


def error_of(found: Done, items: Sequence[Item]) -> float:
    """One number, lower being better."""
    if found.task == ST:
        return 1 - scores.chrf(found.texts, [words.plain(one.answer) for one in items])
    if found.task == ASR:
        return float(found.counts[:, 0].sum() / max(float(found.counts[:, 1].sum()), 1.0))
    return float(found.counts[:, 0].mean())


def nothing_done(task: str, items: Sequence[Item], scale: Scale, speakers: int) -> float | None:
    """The error of leaving what was heard as it is, or of guessing the speaker; None where that means nothing."""
    if task == SID:
        return 1 - 1 / max(speakers, 1)
    if task not in (SE, VC):
        return None
    measure = scores.spectral_distance_db if task == SE else scores.distortion_db
    pairs = [(one.heard, one.said) for one in items if one.heard is not None and one.said is not None]
    return float(np.mean([measure(scale.undo(heard), scale.undo(said)) for heard, said in pairs]))


def floored(error: float, count: int) -> float:
    """The log of an error, an error of none counting as half an example's."""
    return math.log(max(error, 0.5 / max(count, 1)))


@dataclasses.dataclass
class Told(Done):
    """An answer without a truth to score it by; for SID the likeliest speakers with their shares."""

    ranked: list[tuple[int, float]] = dataclasses.field(default_factory=list)


@torch.no_grad()
def told(model: Unified, task: str, item: Item, params: SpeechT5, *, place: Place) -> Told:
    """Do a task on one example whose answer nobody knows."""
    model.eval()
    found = Told(task, 0.0, np.zeros((0, 1), np.float32))
    if task == SID:
        batch = {name: one.to(place.device) for name, one in objectives.batch_of(task, [item]).items()}
        shares = model.speaker_of(objectives.encode(model, batch)).float().softmax(-1)[0]
        best = shares.topk(min(LISTED, len(shares)))
        found.ranked = list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
    else:
        _batch(found, model, [item], params, place)
    return found
