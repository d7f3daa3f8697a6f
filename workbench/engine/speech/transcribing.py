"""A sound of any length as words: read piece by piece, decoded stretch by stretch, in memory that stays flat."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TypeAlias

import msgspec
import numpy as np

from workbench.core.audio import Segment, SoundFile
from workbench.core.problem import InputError
from workbench.core.transcripts import Transcript
from workbench.core.words import spaced
from workbench.engine.speech import ctcdecoding
from workbench.engine.speech.opening import as_float, samples_of
from workbench.engine.speech.recognisers import Emitter, Writer
from workbench.engine.speech.resampling import resample
from workbench.engine.speech.silences import LONGEST_S, Piece, first_piece

CONTEXT_S = 1.0
"""What a model hears beyond a cut that is not in silence; its frames there are thrown away."""
STRETCH_S = 60.0
"""Pieces that no silence parts are decoded together up to this length."""
MARGIN_S = 0.05
"""What the resampling filter reaches beyond a piece."""
SHORTEST_S = 0.1
"""A shorter sound is filled up with silence: a model's convolutions need this much."""
PAUSE_S, LONG_S = 0.5, 10.0
"""Segments end at pauses, and are parted at their longest pause while they are longer than this."""
Told: TypeAlias = Callable[[float], object]
Pieces: TypeAlias = Generator[Piece, float | None, None]
"""What is sent back is where the next piece begins."""
ENDS = (".", "!", "?", "…", "。", "！", "？")


class Excerpts:
    """Parts of a sound as the model wants them: one channel at its rate. The sound stays on disk."""

    def __init__(self, sound: SoundFile, rate_hz: int) -> None:
        self._sound, self._from_hz, self.rate_hz = sound, sound.meta.sample_rate_hz, rate_hz
        self.duration_s = len(samples_of(sound)) / self._from_hz

    def take(self, start_s: float, end_s: float) -> np.ndarray:
        """(n,) float32 samples of full scale 1 of [start_s, end_s), which is cut to the sound."""
        start_s, end_s = max(start_s, 0.0), min(end_s, self.duration_s)
        samples = samples_of(self._sound)  # mapped anew, so that what was read before counts as nobody's memory
        first = max(math.floor((start_s - MARGIN_S) * self._from_hz), 0)
        last = min(math.ceil((end_s + MARGIN_S) * self._from_hz), len(samples))
        found = resample(as_float(samples[first:last]), self._from_hz, self.rate_hz)
        skip = round((start_s - first / self._from_hz) * self.rate_hz)
        return found[skip : skip + max(round((end_s - start_s) * self.rate_hz), 0)]


def transcribe(
    sound: SoundFile, model: Emitter | Writer, *, start_s: float = 0.0, end_s: float = 0.0, beam: int = 1,
    told: Told = lambda _: None,
) -> Iterator[Transcript]:  # fmt: skip
    """What is said in [start_s, end_s) of a sound, a stretch at a time; `complete` on the last one.

    The mean of all channels is read, at the model's rate. To go on later from the `reached_s` of an answer gives
    the same words as never to have stopped. `told` hears after every piece how far it is, in seconds, and may raise
    to end the work. Raises InputError for a stretch outside the sound.
    """
    excerpts = Excerpts(sound, model.sample_rate_hz)
    end_s = min(end_s or excerpts.duration_s, excerpts.duration_s)
    if start_s < 0 or (start_s >= end_s and start_s > 0):
        raise InputError(
            "This stretch is outside the sound.", expected=f"a start between 0 and {end_s:.3f} s",
            received=f"{start_s:g} s", fix="Choose a stretch inside it.", field="start_s",
        )  # fmt: skip
    base = Transcript(
        duration_s=excerpts.duration_s, timed=isinstance(model, Emitter) or model.timed,
        notes=tuple(_notes(sound, model.sample_rate_hz)),
    )  # fmt: skip
    at_s = start_s
    pieces = _pieces(excerpts, start_s, end_s, told)
    if isinstance(model, Emitter):
        stretches = _emitted(pieces, excerpts, model, end_s, beam)
    else:
        stretches = _written(pieces, excerpts, model, end_s)
    for words, reached_s in stretches:
        yield _part(base, words, at_s, reached_s, complete=reached_s >= end_s - 1e-6)
        at_s = reached_s


def _part(base: Transcript, words: list[Segment], start_s: float, reached_s: float, *, complete: bool) -> Transcript:
    return msgspec.structs.replace(base, segments=segments_of(words), words=words, start_s=start_s,
                                   reached_s=reached_s, complete=complete)  # fmt: skip


def _notes(sound: SoundFile, rate_hz: int) -> Iterator[str]:
    meta = sound.meta
    if meta.sample_rate_hz != rate_hz:
        yield f"resampled from {spaced(meta.sample_rate_hz)} to {spaced(rate_hz)} Hz for the model"
    if meta.channels > 1:
        yield f"the mean of {meta.channels} channels was transcribed"
    yield from sound.notes


def _pieces(excerpts: Excerpts, start_s: float, end_s: float, told: Told) -> Pieces:
    """Pieces that follow each other; a Writer may ask to go on from elsewhere by `send`."""
    at_s = start_s
    while at_s < end_s - 1e-6:
        until_s = min(at_s + LONGEST_S + 1.0, end_s)
        piece = first_piece(excerpts.take(at_s, until_s), excerpts.rate_hz, at_s, last=until_s >= end_s)
        if end_s - piece.end_s < SHORTEST_S:
            piece = Piece(piece.start_s, end_s, True, piece.empty)
        moved: float | None = yield piece
        at_s = piece.end_s if moved is None else moved
        told(at_s)


def _emitted(
    pieces: Pieces, excerpts: Excerpts, model: Emitter, end_s: float, beam: int
) -> Iterator[tuple[list[Segment], float]]:
    held: list[np.ndarray] = []
    times: list[np.ndarray] = []
    began_s, clean = -1.0, True
    for piece in pieces:
        began_s = piece.start_s if began_s < 0 else began_s
        if not piece.empty:
            found, starts = _heard(excerpts, model, piece, clean=clean)
            held.append(found)
            times.append(starts)
        clean = piece.silent_end or piece.empty
        if clean or piece.end_s - began_s >= STRETCH_S or piece.end_s >= end_s - 1e-6:
            words = _decoded(model, held, times, beam)
            yield words, piece.end_s
            held, times, began_s = [], [], -1.0


def _heard(excerpts: Excerpts, model: Emitter, piece: Piece, *, clean: bool) -> tuple[np.ndarray, np.ndarray]:
    """The frames of a piece and their times, heard with a little before and after where no silence is."""
    before_s = 0.0 if clean else min(CONTEXT_S, piece.start_s)
    samples = excerpts.take(piece.start_s - before_s, piece.end_s + (0.0 if piece.silent_end else CONTEXT_S))
    found = np.asarray(model.emissions(_long_enough(samples, model.sample_rate_hz)), np.float32)
    starts = piece.start_s - before_s + np.arange(len(found)) * model.frame_s
    inside = (starts >= piece.start_s - 1e-6) & (starts < piece.end_s - 1e-6)
    return found[inside], starts[inside]


def _long_enough(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    lacking = round(SHORTEST_S * rate_hz) - len(samples)
    return np.pad(samples, (0, lacking)) if lacking > 0 else samples


def _decoded(model: Emitter, held: Sequence[np.ndarray], times: Sequence[np.ndarray], beam: int) -> list[Segment]:
    if not held:
        return []
    found, starts = np.concatenate(held), np.concatenate(times)
    labels = ctcdecoding.decode(found, beam)
    return ctcdecoding.words_of(labels, model.vocabulary, starts, model.frame_s)


def _written(pieces: Pieces, excerpts: Excerpts, model: Writer, end_s: float) -> Iterator[tuple[list[Segment], float]]:
    piece = next(pieces, None)
    while piece is not None:
        words: list[Segment] = []
        reached_s = piece.end_s
        if not piece.empty:
            over_s = CONTEXT_S if not piece.silent_end and model.timed else 0.0
            samples = excerpts.take(piece.start_s, piece.end_s + over_s)
            words = _moved(model.words(_long_enough(samples, model.sample_rate_hz)), piece.start_s, end_s)
            if over_s:
                # A word that the cut runs through is heard whole from where the word before it ends.
                kept = [one for one in words if one.end_s <= piece.end_s]
                cut = next((one for one in words if one.start_s < piece.end_s < one.end_s), None)
                if kept and cut is not None:
                    reached_s = max(kept[-1].end_s, piece.start_s + 0.5 * (piece.end_s - piece.start_s))
                words = [one for one in kept if one.end_s <= reached_s]
        yield words, reached_s
        try:
            piece = pieces.send(reached_s)
        except StopIteration:
            piece = None


def _moved(words: Sequence[Segment], by_s: float, end_s: float) -> list[Segment]:
    found = []
    for one in words:
        first = min(one.start_s + by_s, end_s)
        found.append(Segment(first, min(max(one.end_s + by_s, first), end_s), one.text, "", one.confidence))
    return found


def segments_of(words: Sequence[Segment]) -> list[Segment]:
    """Words as segments that end at pauses and at ends of sentences, the longer ones parted at their pauses.

    A segment's confidence is the mean of its words'.
    """
    groups: list[list[Segment]] = []
    for one in words:
        before = groups[-1][-1] if groups else None
        apart = before is None or one.start_s - before.end_s >= PAUSE_S or before.text.endswith(ENDS)
        if apart:
            groups.append([one])
        else:
            groups[-1].append(one)
    return [_segment(part) for group in groups for part in _parted(group)]


def _parted(group: list[Segment]) -> list[list[Segment]]:
    if group[-1].end_s - group[0].start_s <= LONG_S or len(group) < 4:
        return [group]
    inner = range(2, len(group) - 1)
    # Of equal pauses the one nearest to the middle.
    middle = (group[0].start_s + group[-1].end_s) / 2
    pauses = {at: round(group[at].start_s - group[at - 1].end_s, 2) for at in inner}
    cut = max(inner, key=lambda at: (pauses[at], -abs(group[at].start_s - middle)))
    return [*_parted(group[:cut]), *_parted(group[cut:])]


def _segment(words: Sequence[Segment]) -> Segment:
    sure = sum(one.confidence for one in words) / len(words)
    return Segment(words[0].start_s, words[-1].end_s, " ".join(one.text for one in words), confidence=sure)
