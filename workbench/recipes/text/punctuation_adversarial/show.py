"""Numbers, tables and pictures of punctuated text, from true and predicted marks."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import (
    Column,
    ConfusionDoc,
    Item,
    ItemsDoc,
    Span,
    SpannedText,
    SpansDoc,
    TableDoc,
)
from workbench.core.job import Job
from workbench.core.kinds import Confusion, Outcomes, Spans, Table
from workbench.engine.text import reports
from workbench.engine.text.examples import TaggedSentence

from .readers import ENDS, MARKS, SIGNS

MOST_ITEMS = 2_000
SHOWN = 12
AROUND = 6
DRAWS = 1_000


@dataclasses.dataclass(frozen=True)
class Score:
    """Precision, recall, F1 and how many marks truly stand."""

    precision: float
    recall: float
    f1: float
    count: int


def scores(gold: NDArray[np.int64], predicted: NDArray[np.int64]) -> dict[str, Score]:
    """By mark, and 'overall': pooled over the three marks. The class O counts nowhere."""
    counts = _counts(gold, predicted)
    named = {mark.lower(): _score(counts[place]) for place, mark in enumerate(MARKS[1:])}
    return named | {"overall": _score(counts.sum(0))}


def _counts(gold: NDArray[np.int64], predicted: NDArray[np.int64]) -> NDArray[np.int64]:
    """(3, 3): true positives, false positives and false negatives of each mark."""
    return np.array([
        [((gold == mark) & (predicted == mark)).sum(), ((gold != mark) & (predicted == mark)).sum(),
         ((gold == mark) & (predicted != mark)).sum()]
        for mark in range(1, len(MARKS))
    ])  # fmt: skip


def _score(counts: NDArray[np.int64]) -> Score:
    hits, false, missed = (int(value) for value in counts)
    precision, recall = hits / max(hits + false, 1), hits / max(hits + missed, 1)
    return Score(precision, recall, 2 * hits / max(2 * hits + false + missed, 1), hits + missed)


def outcomes(
    gold: NDArray[np.int64], predicted: NDArray[np.int64], sentence: NDArray[np.int64], sentences: int
) -> NDArray[np.float32]:
    """What each sentence contributes, (sentences, 9): tp, fp, fn of comma, period and question mark."""
    table = np.zeros((sentences, 9), np.float32)
    for place in range(1, len(MARKS)):
        is_, said = gold == place, predicted == place
        for kind, chosen in enumerate((is_ & said, ~is_ & said, is_ & ~said)):
            table[:, 3 * (place - 1) + kind] = np.bincount(sentence[chosen], minlength=sentences)
    return table


def write_outcomes(job: Job, slot: str, counts: NDArray[np.float32]) -> None:
    """Announce the counts for claims to resample; their measure is pooled F1."""
    columns = [f"{mark.lower()} {kind}" for mark in MARKS[1:] for kind in ("tp", "fp", "fn")]
    job.artifact(slot, Outcomes, counts, meta={"measure": "f1", "columns": columns})


def intervals(counts: NDArray[np.float32], *, seed: int) -> dict[str, tuple[float, float]]:
    """95 % intervals of F1 by mark and overall, resampling sentences."""
    chance = np.random.default_rng(seed)
    groups = np.array_split(np.arange(len(counts)), min(len(counts), 1000))
    summed = np.stack([counts[group].sum(0) for group in groups])
    weights = chance.multinomial(len(summed), np.full(len(summed), 1 / len(summed)), size=DRAWS)
    drawn = (weights @ summed).reshape(DRAWS, 3, 3)
    parts = {mark.lower(): drawn[:, place] for place, mark in enumerate(MARKS[1:])} | {"overall": drawn.sum(1)}
    return {name: _range(part) for name, part in parts.items()}


def _range(counts: NDArray[np.float64]) -> tuple[float, float]:
    f1 = 2 * counts[:, 0] / np.maximum(2 * counts[:, 0] + counts[:, 1] + counts[:, 2], 1)
    low, high = np.quantile(f1, [0.025, 0.975])
    return float(low), float(high)


# Text with marks ----------------------------------------------------------------------------


def punctuated(
    words: Sequence[str], marks: Sequence[str], sure: Sequence[float], gold: Sequence[str] | None = None
) -> SpannedText:
    """Words joined with their marks, capitals behind periods and question marks, marks as spans.

    A span covers the word and its sign, so that a missed mark (in `gold` only) has a place as well.
    """
    text, spans, truth, starts = "", list[Span](), list[Span](), True
    for place, (word, mark) in enumerate(zip(words, marks, strict=True)):
        begin = len(text) + (1 if text else 0)
        shown = word[:1].upper() + word[1:] if starts else word
        text += (" " if text else "") + shown + SIGNS[mark]
        if mark != "O":
            spans.append(Span(begin, len(text), mark, round(float(sure[place]), 4)))
        if gold is not None and gold[place] != "O":
            truth.append(Span(begin, len(text), gold[place]))
        starts = mark in ENDS
    return SpannedText(text, spans, truth)


def examples(job: Job, sentences: Sequence[TaggedSentence], probabilities: NDArray[np.float32]) -> None:
    """The first sentences with inserted marks against the true ones."""
    texts, at = [], 0
    for one in sentences[:SHOWN]:
        mine = probabilities[at : at + len(one.tokens)]
        at += len(one.tokens)
        marks = [MARKS[place] for place in mine.argmax(-1)]
        shown = punctuated(one.tokens, marks, mine.max(-1).tolist(), one.tags)
        shown.source = one.source
        shown.note = "" if tuple(marks) == one.tags else "differs"
        texts.append(shown)
    job.artifact("examples", Spans, SpansDoc(texts, "labels", list(MARKS[1:])), title="Marks put in, and true ones")


def mistakes(job: Job, words: Sequence[str], gold: NDArray[np.int64], probabilities: NDArray[np.float32]) -> None:
    """The 4 x 4 confusion, whose cells open words in their context, and the surest mistakes."""
    predicted, sure = probabilities.argmax(-1), probabilities.max(-1)
    told = np.flatnonzero((gold > 0) | (predicted > 0))[:MOST_ITEMS]
    items = [
        Item(_context(words, at), MARKS[gold[at]], MARKS[predicted[at]], round(float(sure[at]), 4), source=int(at))
        for at in told
    ]
    cells: dict[str, list[int]] = {}
    for place, at in enumerate(told):
        cells.setdefault(f"{gold[at]},{predicted[at]}", []).append(place)
    counts = reports.count_pairs(gold, predicted, len(MARKS)).tolist()
    document = ConfusionDoc(list(MARKS), counts, cells)
    job.artifact("confusion", Confusion, document, title="Marks", parts={"items": ItemsDoc(items)})
    reports.worst(job, "worst", items, title="Surest mistakes")


def _context(words: Sequence[str], at: int) -> str:
    before, after = words[max(0, at - AROUND) : at], words[at + 1 : at + 1 + AROUND]
    return " ".join([*before, f"[{words[at]}]", *after])


def feature_map(job: Job, tasks: Mapping[str, tuple[NDArray[np.float32], Sequence[str]]]) -> None:
    """Windows of each task as points, by their pooled shared features (N, d)."""
    items = [Item(text, task, group=task) for task, (_, texts) in tasks.items() for text in texts]
    features = np.concatenate([found for found, _ in tasks.values()])
    reports.embedding(job, "embedding", features=features, items=items, title="Shared features by task")


# Tables and files ---------------------------------------------------------------------------

_Row = tuple[str, Mapping[str, Score], Mapping[str, tuple[float, float]]]


def per_class(job: Job, parts: Sequence[_Row]) -> None:
    """Precision, recall and F1 with its interval for every mark, on every test text."""
    columns = [
        Column("text", "text"), Column("mark", "text"), Column("precision", best="high"), Column("recall", best="high"),
        Column("F1", best="high"), Column("F1 from"), Column("F1 to"), Column("marks", digits=0),
    ]  # fmt: skip
    titles = {"test": "test", "asr": "misheard test"}
    rows = [
        [titles[name], mark, *(round(v, 4) for v in (one.precision, one.recall, one.f1, *ranges[mark])), one.count]
        for name, found, ranges in parts
        for mark, one in found.items()
    ]
    caption = "Overall pools the three marks. Intervals: 95 %, resampling sentences."
    job.artifact("per_class", Table, TableDoc(columns, rows, caption), title="Marks on the test text")


def export(
    job: Job, words: Sequence[str], gold: NDArray[np.int64], probabilities: NDArray[np.float32], parts: Sequence[_Row]
) -> None:
    """artifacts/predictions.tsv (word, true mark, predicted mark, score) and artifacts/metrics.json."""
    folder = job.folder / "artifacts"
    folder.mkdir(exist_ok=True)
    predicted, sure = probabilities.argmax(-1), probabilities.max(-1)
    with (folder / "predictions.tsv").open("w", encoding="utf-8", newline="\n") as file:
        file.write("word\ttrue\tpredicted\tscore\n")
        for word, true, guess, score in zip(words, gold, predicted, sure, strict=True):
            file.write(f"{word}\t{MARKS[true]}\t{MARKS[guess]}\t{score:.4f}\n")
    document = {
        name: {mark: dataclasses.asdict(one) | {"interval": ranges[mark]} for mark, one in found.items()}
        for name, found, ranges in parts
    }
    (folder / "metrics.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
