"""Extractive question answering around a model: windows in, spans out, exact match and F1.

A long context is read through overlapping windows; a window without the answer points at [CLS].
The best span over all windows is the answer, mapped back to characters by the tokenizer's offsets
(SQuAD's procedure; transformers 5 no longer ships it).
"""

from __future__ import annotations

import dataclasses
import string
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from workbench.core.problem import InputError


@dataclasses.dataclass(frozen=True)
class Window:
    """One model input: the question and a stretch of the context.

    `offsets` has the context's characters [start, end) of each token, (-1, -1) elsewhere.
    """

    example: int
    ids: list[int]
    types: list[int]
    offsets: list[tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class Decoded:
    """An answer: characters [start, end) of the context; empty when there is none."""

    text: str
    start: int
    end: int
    score: float
    """Probability of this span within its window, from 0 to 1."""


def windows(
    tokenizer: Any, questions: Sequence[str], contexts: Sequence[str], *, max_length: int, stride: int
) -> list[Window]:
    """Cut question-context pairs into windows of `max_length` tokens that overlap by `stride` tokens.

    Raises InputError when a question leaves no room for the context.
    """
    special = tokenizer.num_special_tokens_to_add(pair=True)
    longest = max_length - special - max(stride, 1) - 1
    if longest < 1:
        raise InputError(
            "The windows are too short for their overlap.",
            expected=f"a longest input above {special + stride + 2} tokens",
            received=f"{max_length}",
            fix="Raise the longest input or lower the overlap.",
            field="doc_stride",
        )
    shortened = [_cut(tokenizer, question, longest) for question in questions]
    encoded = tokenizer(
        shortened, list(contexts), truncation="only_second", max_length=max_length, stride=stride,
        return_overflowing_tokens=True, return_offsets_mapping=True, return_token_type_ids=True,
    )  # fmt: skip
    return [_window(encoded, index) for index in range(len(encoded["input_ids"]))]


def _cut(tokenizer: Any, question: str, longest: int) -> str:
    """The question, cut where it would leave no room for the context."""
    offsets = tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return question if len(offsets) <= longest else question[: offsets[longest - 1][1]]


def _window(encoded: Any, index: int) -> Window:
    parts = encoded.sequence_ids(index)
    offsets = [
        tuple(pair) if part == 1 else (-1, -1)
        for pair, part in zip(encoded["offset_mapping"][index], parts, strict=True)
    ]
    return Window(
        encoded["overflow_to_sample_mapping"][index],
        encoded["input_ids"][index],
        encoded["token_type_ids"][index],
        offsets,
    )


def target(window: Window, start: int, end: int) -> tuple[int, int]:
    """First and last token of the characters [start, end); (0, 0), the [CLS], when not all inside."""
    inside = [at for at, (left, right) in enumerate(window.offsets) if left >= 0 and left < end and right > start]
    if not inside or start < 0 or end <= start:
        return 0, 0
    covered = window.offsets[inside[0]][0] <= start and window.offsets[inside[-1]][1] >= end
    return (inside[0], inside[-1]) if covered else (0, 0)


def decode(
    found: Sequence[Window],
    starts: Sequence[np.ndarray],
    ends: Sequence[np.ndarray],
    contexts: Sequence[str],
    *,
    max_answer: int = 30,
    may_refuse: bool = False,
) -> list[Decoded]:
    """The best span of every example over its windows.

    `starts` and `ends` are logits (T,) per window. A span starts before it ends and holds at most
    `max_answer` tokens; probabilities are normalised per window, so that a window that points to
    [CLS] leaves its spans little. With `may_refuse` the empty answer wins when [CLS] beats every span.
    """
    best: defaultdict[int, list[tuple[float, float, int, int]]] = defaultdict(list)
    for window, start, end in zip(found, starts, ends, strict=True):
        best[window.example].append(_best_span(window, _log_softmax(start), _log_softmax(end), max_answer))
    answers = []
    for example, context in enumerate(contexts):
        score, _, left, right = max(best[example])
        refuse = min(refusal for _, refusal, _, _ in best[example])
        if left < 0 or (may_refuse and refuse > score):
            answers.append(Decoded("", 0, 0, float(np.exp(refuse))))
        else:
            answers.append(Decoded(context[left:right], left, right, float(np.exp(score))))
    return answers


def _best_span(window: Window, start: np.ndarray, end: np.ndarray, max_answer: int) -> tuple[float, float, int, int]:
    """(log-probability of the best span, of [CLS], first and behind-last character)."""
    refuse = float(start[0] + end[0])
    inside = np.array([left >= 0 and right > left for left, right in window.offsets])
    if not inside.any():
        return -np.inf, refuse, -1, -1
    size = len(window.offsets)
    scores = np.where(inside, start[:size], -np.inf)[:, None] + np.where(inside, end[:size], -np.inf)[None, :]
    allowed = np.triu(np.ones((size, size), dtype=bool)) & ~np.triu(np.ones((size, size), dtype=bool), max_answer)
    scores = np.where(allowed, scores, -np.inf)
    first, last = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return float(scores[first, last]), refuse, window.offsets[first][0], window.offsets[last][1]


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted: np.ndarray = logits - logits.max()
    return shifted - float(np.log(np.exp(shifted).sum()))


# ---------------------------------------------------------------- measuring


_ARTICLES = {"english": {"a", "an", "the"}}


def normalise(text: str, *, language: str = "english") -> list[str]:
    """Words without case, punctuation and (in English only) articles, as SQuAD compares them.

    Turkish I and İ are folded to ı and i before lower-casing; other languages keep their articles,
    since 'a' or 'an' may carry meaning there.
    """
    if language == "turkish":
        text = text.replace("I", "ı").replace("İ", "i")
    text = unicodedata.normalize("NFC", text).lower()
    kept = "".join(" " if letter in string.punctuation or letter in "’‘“”«»…–" else letter for letter in text)
    return [word for word in kept.split() if word not in _ARTICLES.get(language, set())]


def exact_match(answer: str, truths: Iterable[str], *, language: str = "english") -> float:
    """1.0 when the answer equals one of the true ones after normalising; no truths mean 'no answer'."""
    wanted = [normalise(truth, language=language) for truth in truths] or [[]]
    return float(normalise(answer, language=language) in wanted)


def overlap_f1(answer: str, truths: Iterable[str], *, language: str = "english") -> float:
    """The best F1 of shared words with one of the true answers; no truths mean 'no answer'."""
    mine = normalise(answer, language=language)
    return max(_word_f1(mine, normalise(truth, language=language)) for truth in list(truths) or [""])


def _word_f1(mine: list[str], truth: list[str]) -> float:
    if not mine or not truth:
        return float(mine == truth)
    shared = sum((Counter(mine) & Counter(truth)).values())
    return 2 * shared / (len(mine) + len(truth))
