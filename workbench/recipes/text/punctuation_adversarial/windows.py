"""Word streams as model inputs: word pieces, overlapping windows, and putting answers back together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError

IGNORED = -100
"""Label of positions that carry none: all pieces of a word but its last, and what is not a word."""


@dataclasses.dataclass(frozen=True)
class Windows:
    """Stretches of a word stream, padded to equal length T.

    `words` holds, at the last piece of each word, the word's position in the stream, -1 elsewhere.
    `decides` marks, for each word of the stream, the one window that sees it most from the middle.
    """

    ids: NDArray[np.int64]
    """(N, T)"""
    mask: NDArray[np.int64]
    """(N, T), 1 where a piece stands"""
    words: NDArray[np.int64]
    """(N, T)"""
    decides: NDArray[np.bool_]
    """(N, T)"""

    def __len__(self) -> int:
        return len(self.ids)

    def labels(self, of_words: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """A label per word, (words,), laid on the last pieces; IGNORED elsewhere, (N, T)."""
        table = np.asarray(of_words, dtype=np.int64)
        return np.where(self.words >= 0, table[np.maximum(self.words, 0)], IGNORED)


def cut(tokenizer: Any, words: Sequence[str], *, length: int, overlap: bool) -> Windows:
    """A word stream in windows of `length` pieces, [CLS] and [SEP] included.

    With overlap each window starts half a window after the one before; without, where it ended.
    """
    pieces = word_pieces(tokenizer, words, longest=length - 2)
    spans = _spans([len(one) for one in pieces], length - 2, overlap=overlap)
    first, last = _edges(tokenizer)
    ids = np.full((len(spans), length), tokenizer.pad_token_id or 0, np.int64)
    mask, places = np.zeros_like(ids), np.full_like(ids, -1)
    for row, (begin, end) in enumerate(spans):
        flat = [first, *(piece for word in pieces[begin:end] for piece in word), last]
        ids[row, : len(flat)] = flat
        mask[row, : len(flat)] = 1
        ends = np.cumsum([len(word) for word in pieces[begin:end]])
        places[row, ends] = np.arange(begin, end)
    return Windows(ids, mask, places, (places >= 0) & (_deciders(spans, len(pieces))[places] == _rows(ids)))


def _rows(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.arange(len(ids))[:, None]


def word_pieces(tokenizer: Any, words: Sequence[str], *, longest: int) -> list[list[int]]:
    """The pieces of every word, each word looked up once; a monstrous word keeps its end."""
    unique = sorted(set(words))
    # The blank makes byte-level and sentence-piece vocabularies see the start of a word.
    found = tokenizer([" " + word for word in unique], add_special_tokens=False)["input_ids"] if unique else []
    unknown = [tokenizer.unk_token_id if tokenizer.unk_token_id is not None else 0]
    table = {word: (pieces or unknown)[-longest:] for word, pieces in zip(unique, found, strict=True)}
    return [table[word] for word in words]


def _edges(tokenizer: Any) -> tuple[int, int]:
    first = tokenizer.cls_token_id if tokenizer.cls_token_id is not None else tokenizer.bos_token_id
    last = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
    if first is None or last is None:
        raise InputError(
            "This backbone's tokenizer does not mark where a text begins and ends.",
            expected="an encoder of the BERT family",
            received=type(tokenizer).__name__,
            fix="Choose another backbone.",
            field="backbone",
        )
    return first, last


def _spans(sizes: Sequence[int], room: int, *, overlap: bool) -> list[tuple[int, int]]:
    """Windows as word positions [begin, end), none with more than `room` pieces."""
    spans, begin, count = [], 0, len(sizes)
    while begin < count:
        end, filled = begin, 0
        while end < count and filled + sizes[end] <= room:
            filled += sizes[end]
            end += 1
        spans.append((begin, end))
        if end == count:
            break
        begin = _halfway(sizes, begin, end, filled) if overlap else end
    return spans


def _halfway(sizes: Sequence[int], begin: int, end: int, filled: int) -> int:
    passed, at = 0, begin
    while at < end - 1 and passed < filled / 2:
        passed += sizes[at]
        at += 1
    return max(at, begin + 1)


def _deciders(spans: Sequence[tuple[int, int]], count: int) -> NDArray[np.int64]:
    """For every word the window in which it lies farthest from an edge: its middle half, when they overlap.

    The two ends of the stream are no edges: nothing was cut off there.
    """
    chosen, distance = np.zeros(count, np.int64), np.full(count, -1.0)
    for row, (begin, end) in enumerate(spans):
        place = np.arange(begin, end, dtype=float)
        left = place - begin if begin > 0 else np.full(len(place), np.inf)
        right = end - 1 - place if end < count else np.full(len(place), np.inf)
        mine = np.minimum(left, right)
        better = mine > distance[begin:end]
        chosen[begin:end][better] = row
        distance[begin:end][better] = mine[better]
    return chosen


def stitch(windows: Windows, scores: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Scores per position, (N, T, k), as one row for every word of the stream, (count, k)."""
    joined = np.zeros((count, scores.shape[-1]), np.float32)
    joined[windows.words[windows.decides]] = scores[windows.decides]
    return joined
