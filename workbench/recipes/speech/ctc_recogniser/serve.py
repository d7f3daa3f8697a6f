"""A trained recogniser at work: what is said in a sound, word by word."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.documents import Answer, AnswersDoc

from .recipe import BANK

PIECE_S = 20.0
"""Longer sounds are heard in pieces, cut where they are quietest near the end of a piece."""
SEARCH_S = 5.0


class Heard(AnswersDoc):
    """Answers about a sound, with its words in time."""

    tiers: TiersDoc


def answer(job: Any, folder: Path, inputs: dict[str, Any]) -> Heard:
    """Transcribe inputs['sound'] (a file, or the sample's address); raises InputError for what is no sound."""
    began = time.perf_counter()
    model = _warm(job, folder)
    from workbench.engine.speech.listening import asked_wave

    asked = str(next((inputs[name] for name in ("sound", "speech") if inputs.get(name)), ""))
    wave, title = asked_wave(asked, BANK.address)
    from .show import words_of

    words: list[Segment] = []
    for start, piece in pieces(wave, model.sample_rate_hz):
        offset_s = start / model.sample_rate_hz
        words += [
            Segment(each.start_s + offset_s, each.end_s + offset_s, each.text, confidence=each.confidence)
            for each in words_of(model.emissions(piece), model)
        ]
    said = " ".join(each.text for each in words) or "nothing"
    sure = float(np.mean([each.confidence for each in words])) if words else 0.0
    tiers = TiersDoc([Tier("words", "words", words)], len(wave) / model.sample_rate_hz, title)
    scores = [("mean confidence of words", round(sure, 4))]
    return Heard([Answer("Best path", said, scores=scores, seconds=time.perf_counter() - began, note=title)], tiers)


def pieces(wave: NDArray[np.float32], rate_hz: int) -> list[tuple[int, NDArray[np.float32]]]:
    """First samples and samples of pieces of 20 s at most, each cut in the quietest tenth of a second of its last 5."""
    found, start = [], 0
    step = rate_hz // 10
    while len(wave) - start > PIECE_S * rate_hz:
        stop = start + round(PIECE_S * rate_hz)
        last = wave[stop - round(SEARCH_S * rate_hz) : stop]
        loud = np.square(last[: len(last) // step * step].reshape(-1, step)).mean(1)
        cut = stop - len(last) + int(loud.argmin()) * step + step // 2
        found.append((start, wave[start:cut]))
        start = cut
    return [*found, (start, wave[start:])]


def _warm(job: Any, folder: Path) -> Any:
    from workbench.engine.devices import choose
    from workbench.engine.speech.recogniser import WEIGHTS, CtcRecogniser

    weights = folder / WEIGHTS
    key = ("ctc-recogniser", str(folder), weights.stat().st_mtime_ns if weights.is_file() else 0, job.device)
    if key not in job.cache:
        job.cache[key] = CtcRecogniser.load(folder).to(choose(job.device, job.precision).device)
    return job.cache[key]
