"""From CTC's label probabilities to words: greedy, by prefix beam search, with times and confidences.

Connectionist temporal classification (Graves et al. 2006); the search over prefixes follows its section 3.2
in the form of Hannun et al. 2014 (algorithm 1, without a language model). Label 0 is the blank.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from workbench.core.audio import Segment

BLANK = 0
SPACES = frozenset({" ", "|", "▁", "<space>"})
SILENT = frozenset({"<pad>", "<s>", "</s>", "<unk>", "[PAD]", "[UNK]", "[CLS]", "[SEP]", "<blank>"})
"""Labels that stand for no letter."""
PAUSE_S = 0.3
"""Letters this far apart are of two words: models that learned from single sentences write no space in a pause between
them. Of generated sounds of five sentences (two draws) 29 and 20 % of the words are wrong so, 44 and 36 % without."""
LEAST_LOG = math.log(1e-4)
"""Labels less likely than this extend no prefix."""
SURE_BLANK = math.log(0.9995)
"""Frames that are blank this surely leave every prefix as it is."""
NEVER = -math.inf


@dataclasses.dataclass(frozen=True)
class Label:
    """A label, the frames [first, last] that it was read in, and the mean log-probability of it there."""

    id: int
    first: int
    last: int
    log: float


def greedy(log_probabilities: np.ndarray) -> list[Label]:
    """The likeliest label of each of (T, V) frames, repeats joined and blanks left out."""
    if not len(log_probabilities):
        return []
    best = log_probabilities.argmax(1)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(best)) + 1, [len(best)]])
    found = []
    for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if (label := int(best[first])) != BLANK:
            found.append(Label(label, first, end - 1, float(log_probabilities[first:end, label].mean())))
    return found


def beam_search(log_probabilities: np.ndarray, width: int) -> list[tuple[tuple[int, ...], float]]:
    """The likeliest prefixes of (T, V) log-probabilities with their total log-probability, best first.

    All alignments of a prefix count together. Probabilities of pruned labels are lost, so the totals are
    lower bounds.
    """
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, NEVER)}
    for frame in log_probabilities:
        blank = float(frame[BLANK])
        if blank >= SURE_BLANK:
            beams = {prefix: (float(np.logaddexp(*ends)) + blank, NEVER) for prefix, ends in beams.items()}
            continue
        labels = [int(one) for one in np.flatnonzero(frame >= LEAST_LOG) if one != BLANK]
        beams = _extended(beams, labels, frame, blank)
        if len(beams) > width:
            kept = sorted(beams.items(), key=lambda one: (-_total(one[1]), one[0]))[:width]
            beams = dict(kept)
    ended = [(prefix, _total(ends)) for prefix, ends in beams.items()]
    return sorted(ended, key=lambda one: (-one[1], one[0]))


def _extended(
    beams: dict[tuple[int, ...], tuple[float, float]], labels: Sequence[int], frame: np.ndarray, blank: float
) -> dict[tuple[int, ...], tuple[float, float]]:
    """A frame further; for each prefix the log-probability of ending in a blank and in its last label."""
    found: dict[tuple[int, ...], tuple[float, float]] = {}
    values = frame.tolist()
    for prefix, (in_blank, in_label) in beams.items():
        either = _plus(in_blank, in_label)
        last = prefix[-1] if prefix else -1
        _add(found, prefix, either + blank, in_label + values[last] if prefix else NEVER)
        for label in labels:
            # A repeated label begins a new letter only after a blank.
            _add(found, (*prefix, label), NEVER, (in_blank if label == last else either) + values[label])
    return found


def _add(
    found: dict[tuple[int, ...], tuple[float, float]], prefix: tuple[int, ...], blank: float, label: float
) -> None:
    before = found.get(prefix, (NEVER, NEVER))
    found[prefix] = _plus(before[0], blank), _plus(before[1], label)


def _plus(one: float, other: float) -> float:
    """log(exp(one) + exp(other))."""
    high, low = (one, other) if one >= other else (other, one)
    return high if low == NEVER else high + math.log1p(math.exp(low - high))


def _total(ends: tuple[float, float]) -> float:
    return _plus(*ends)


def aligned(log_probabilities: np.ndarray, labels: Sequence[int]) -> list[Label]:
    """The likeliest alignment (Viterbi) of a label sequence to (T, V) frames; [] where it does not fit into them."""
    if not labels:
        return []
    states = np.full(2 * len(labels) + 1, BLANK)
    states[1::2] = labels
    frames, count = len(log_probabilities), len(states)
    skips = np.zeros(count, bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    score = np.full(count, NEVER)
    score[:2] = log_probabilities[0, states[:2]]
    came = np.zeros((frames, count), np.int8)
    for at in range(1, frames):
        stay, step, skip = score, np.roll(score, 1), np.where(skips, np.roll(score, 2), NEVER)
        step[0] = NEVER
        options = np.stack([stay, step, skip])
        came[at] = options.argmax(0)
        score = options.max(0) + log_probabilities[at, states]
    state = count - 1 if score[-1] >= score[-2] else count - 2
    if score[state] == NEVER:
        return []
    path = np.empty(frames, int)
    for at in range(frames - 1, -1, -1):
        path[at] = state
        state -= int(came[at, state])
    found = []
    for number, label in enumerate(labels):
        there = np.flatnonzero(path == 2 * number + 1)
        log = float(log_probabilities[there, label].mean())
        found.append(Label(int(label), int(there[0]), int(there[-1]), log))
    return found


def decode(log_probabilities: np.ndarray, beam: int) -> list[Label]:
    """Labels by greedy decoding (`beam` 1), or those of the likeliest of `beam` prefixes, in their best alignment."""
    plain = greedy(log_probabilities)
    if beam <= 1 or not len(log_probabilities):
        return plain
    best = beam_search(log_probabilities, beam)[0][0]
    if best == tuple(one.id for one in plain):
        return plain
    return aligned(log_probabilities, best) or plain


def words_of(labels: Sequence[Label], vocabulary: Sequence[str], starts_s: np.ndarray, frame_s: float) -> list[Segment]:
    """Words between spaces, or between pauses where a model wrote none; `starts_s` (T,) are the times of the frames.

    A word lasts from the first frame of its first letter to the end of the last frame of its last one. CTC marks
    letters with short spikes, so both lie inside what is heard. Its confidence is the geometric mean of its
    letters' probabilities.
    """
    words: list[Segment] = []
    held: list[Label] = []

    def close() -> None:
        if held:
            text = "".join(vocabulary[one.id].removeprefix("▁") for one in held)
            sure = math.exp(sum(one.log for one in held) / len(held))
            end = float(starts_s[held[-1].last]) + frame_s
            words.append(Segment(float(starts_s[held[0].first]), end, text, confidence=min(max(sure, 0.0), 1.0)))
            held.clear()

    for one in labels:
        text = vocabulary[one.id]
        if text in SPACES:
            close()
        elif text and text not in SILENT:
            pause_s = float(starts_s[one.first] - starts_s[held[-1].last]) - frame_s if held else 0.0
            if text.startswith("▁") or pause_s >= PAUSE_S:
                close()
            held.append(one)
    close()
    return words
