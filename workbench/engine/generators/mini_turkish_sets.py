"""Mini-Turkish as data sets with fixed sizes: 'sample:mini-turkish-…'.

Train and validation share names and inflections; the test part has its own. The seed draws the
sentences of all parts, so runs of one seed see the same data whatever they train.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.core.words import spaced
from workbench.engine.generators import mini_turkish
from workbench.engine.generators.mini_turkish import Part
from workbench.engine.text.examples import (
    LabelledText,
    Loaded,
    QuestionAnswer,
    SplitName,
    TaggedSentence,
    take_balanced,
)

PARTS: tuple[tuple[SplitName, Part, int], ...] = (
    ("train", "train", 0),
    ("validation", "train", 1),
    ("test", "test", 2),
)
"""Split, the part of the grammar it uses, and what is added to the seed's thousandfold."""

SIZES = {
    "sentiment": (300, 100, 400),
    "entities": (300, 100, 400),
    "questions": (400, 100, 300),
    "topics": (210, 105, 350),
}
CORPUS_SEED = 20_200
"""The pretraining corpus is one text, whatever the seed of a run: the starter backbone read this one."""


def sentiment(*, seed: int = 0, limit: int = 0) -> Loaded[LabelledText]:
    """Reviews, 'olumlu' or 'olumsuz': 300 train, 100 validation, 400 test."""
    rows = [
        LabelledText(text, label, at, split)
        for split, part, own, count in _plan("sentiment")
        for at, (text, label) in enumerate(mini_turkish.sentiment(seed * 1000 + own, part, count))
    ]
    return _loaded(rows, limit, seed, "reviews")


def topics(*, seed: int = 0, limit: int = 0) -> Loaded[LabelledText]:
    """Texts on seven topics: 210 train, 105 validation, 350 test."""
    rows = [
        LabelledText(text, label, at, split)
        for split, part, own, count in _plan("topics")
        for at, (text, label) in enumerate(mini_turkish.topics(seed * 1000 + own, part, count))
    ]
    return _loaded(rows, limit, seed, "texts")


def entities(*, seed: int = 0, limit: int = 0) -> Loaded[TaggedSentence]:
    """Sentences with tagged names: 300 train, 100 validation, 400 test."""
    rows = [
        TaggedSentence(one.tokens, one.tags, (*[True] * (len(one.tokens) - 2), False, False), at, split)
        for split, part, own, count in _plan("entities")
        for at, one in enumerate(mini_turkish.entities(seed * 1000 + own, part, count))
    ]
    return _loaded(rows, limit, seed, "sentences")


def questions(*, seed: int = 0, limit: int = 0) -> Loaded[QuestionAnswer]:
    """Questions on short lives: 400 train, 100 validation, 300 test."""
    rows = [
        QuestionAnswer(one.question, one.context, ((one.start, one.answer),), False, f"{split}-{at}", at, split)
        for split, part, own, count in _plan("questions")
        for at, one in enumerate(mini_turkish.questions(seed * 1000 + own, part, count))
    ]
    return _loaded(rows, limit, seed, "questions")


def bundle(*, seed: int = 0, limit: int = 0) -> Loaded[LabelledText]:
    """What a look at all four sets at once shows: the reviews, and the sizes of the others."""
    found = sentiment(seed=seed, limit=limit)
    sizes = "; ".join(f"{name} {train}/{validation}/{test}" for name, (train, validation, test) in SIZES.items())
    return Loaded(found.examples, [], f"four mini-Turkish sets (generated), train/validation/test: {sizes}")


def corpus(*, seed: int = 0, limit: int = 0) -> Loaded[LabelledText]:
    """Plain texts, forty thousand sentences in all; the same for every seed."""
    texts = mini_turkish.corpus(CORPUS_SEED)
    rows = [LabelledText(text, "", at) for at, text in enumerate(texts[: limit or None])]
    return Loaded(rows, [], f"{spaced(len(rows))} mini-Turkish texts (generated)")


def _plan(task: str) -> list[tuple[SplitName, Part, int, int]]:
    return [(*part, count) for part, count in zip(PARTS, SIZES[task], strict=True)]


def _loaded(rows: Sequence[Any], limit: int, seed: int, noun: str) -> Loaded[Any]:
    chosen = take_balanced(rows, limit, seed)
    return Loaded(chosen, [], f"{spaced(len(chosen))} mini-Turkish {noun} (generated)")
