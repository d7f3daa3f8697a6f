"""What text recipes show of a model: confusions, tables, maps and worst mistakes, written through the job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.documents import Column, ConfusionDoc, Item, ItemsDoc, TableDoc
from workbench.core.job import Job
from workbench.core.kinds import Confusion, Embedding, Outcomes, Table
from workbench.core.words import spaced

SHORTEST = 400
MOST_WORST = 50


def shortened(text: str, longest: int = SHORTEST) -> str:
    """A text for a list: its beginning, with an ellipsis where it was cut."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def items_of(
    examples: Sequence[Any],
    labels: Sequence[str],
    predicted: Sequence[int] | np.ndarray,
    scores: Sequence[float] | np.ndarray,
    *,
    group: str = "",
) -> list[Item]:
    """Examples with `text`, `label` and `source`, beside what the model said of them and how surely."""
    return [
        Item(shortened(one.text), one.label, labels[int(guess)], round(float(score), 4), group or one.split, one.source)
        for one, guess, score in zip(examples, predicted, scores, strict=True)
    ]


def classification_metrics(
    true: Sequence[int] | np.ndarray, predicted: Sequence[int] | np.ndarray, labels: Sequence[str]
) -> dict[str, float]:
    """accuracy, macro_f1 (over the classes that occur on either side) and Matthews' correlation `mcc`.

    `true` and `predicted` are positions in `labels`, (N,).
    """
    from sklearn.metrics import matthews_corrcoef

    counts = count_pairs(true, predicted, len(labels))
    scores = _scores(counts)
    present = counts.sum(0) + counts.sum(1) > 0
    return {
        "accuracy": float(np.trace(counts) / max(counts.sum(), 1)),
        "macro_f1": float(scores["f1"][present].mean()) if present.any() else 0.0,
        "mcc": float(matthews_corrcoef(np.asarray(true), np.asarray(predicted))) if counts.sum() else 0.0,
    }


def count_pairs(true: Sequence[int] | np.ndarray, predicted: Sequence[int] | np.ndarray, classes: int) -> np.ndarray:
    """How often each class (row) was taken for each other one (column), (classes, classes) int64."""
    flat = np.asarray(true, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.asarray(np.bincount(flat, minlength=classes * classes).reshape(classes, classes))


def _scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    hit, said, were = np.diag(counts).astype(float), counts.sum(0), counts.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(said > 0, hit / said, 0.0)
        recall = np.where(were > 0, hit / were, 0.0)
        f1 = np.where(said + were > 0, 2 * hit / (said + were), 0.0)
    return {"precision": precision, "recall": recall, "f1": f1}


def confusion(
    job: Job,
    slot: str,
    *,
    labels: Sequence[str],
    true: Sequence[int] | np.ndarray,
    predicted: Sequence[int] | np.ndarray,
    items: list[Item] | None = None,
    title: str = "",
) -> Path:
    """Write a Confusion whose cells open their items; `items` stand in the order of `true`."""
    cells: dict[str, list[int]] = {}
    if items:
        for at, (row, column) in enumerate(zip(true, predicted, strict=True)):
            cells.setdefault(f"{int(row)},{int(column)}", []).append(at)
    document = ConfusionDoc(list(labels), count_pairs(true, predicted, len(labels)).tolist(), cells)
    parts = {"items": ItemsDoc(items)} if items else None
    return job.artifact(slot, Confusion, document, title=title, parts=parts)


def class_table(
    job: Job,
    slot: str,
    *,
    labels: Sequence[str],
    true: Sequence[int] | np.ndarray,
    predicted: Sequence[int] | np.ndarray,
    title: str = "",
    caption: str = "",
) -> Path:
    """Write precision, recall, F1 and the number of examples of every class."""
    counts = count_pairs(true, predicted, len(labels))
    scores = _scores(counts)
    columns = [
        Column("class", "text"),
        Column("precision", best="high"),
        Column("recall", best="high"),
        Column("F1", best="high"),
        Column("examples", digits=0),
    ]
    rows: list[list[Any]] = [
        [label, *(round(float(scores[name][at]), 4) for name in ("precision", "recall", "f1")), int(counts[at].sum())]
        for at, label in enumerate(labels)
    ]
    return job.artifact(slot, Table, TableDoc(columns, rows, caption), title=title)


def worst(job: Job, slot: str, items: Sequence[Item], *, title: str = "", most: int = MOST_WORST) -> Path:
    """Write the mistakes that the model was surest of, the surest first."""
    wrong = sorted((one for one in items if one.label != one.predicted), key=lambda one: -one.score)
    columns = [
        Column("text", "text"),
        Column("label", "text"),
        Column("predicted", "text"),
        Column("sure", digits=2),
        Column("row", digits=0),
    ]
    rows: list[list[Any]] = [
        [one.text, one.label, one.predicted, round(one.score, 4), one.source] for one in wrong[:most]
    ]
    caption = f"{spaced(len(wrong))} of {spaced(len(items))} are wrong" + (
        f"; the {most} surest" if len(wrong) > most else ""
    )
    return job.artifact(slot, Table, TableDoc(columns, rows, caption), title=title)


def embedding(job: Job, slot: str, *, features: np.ndarray, items: list[Item], title: str = "") -> Path:
    """Write a map (N, 2) of features (N, d), turned to lie as close as possible to the map before it.

    The map before is read from the run folder, so it stays steady across a resume as well.
    """
    points = flat_map(features, before=_last_map(job, slot))
    return job.artifact(slot, Embedding, points, title=title, parts={"items": ItemsDoc(items)})


def _last_map(job: Job, slot: str) -> np.ndarray | None:
    for path in sorted((job.folder / "artifacts").glob(f"{slot}-[0-9]*.npy"), reverse=True):
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except (OSError, ValueError):
            continue
    return None


def flat_map(features: np.ndarray, *, before: np.ndarray | None = None) -> np.ndarray:
    """Principal components of features (N, d) as points (N, 2) float32, scaled to a spread of one.

    With `before` of the same shape the points are turned and mirrored, never bent, towards it.
    """
    centred = np.nan_to_num(np.asarray(features, dtype=np.float32))
    centred = centred - centred.mean(0)
    if min(centred.shape) < 2:
        return np.zeros((len(centred), 2), np.float32)
    # The d x d covariance is small; its largest axes are those of the data.
    _, axes = np.linalg.eigh(centred.T @ centred)
    points = centred @ axes[:, :-3:-1]
    points /= max(float(np.sqrt((points**2).sum(1).mean())), 1e-9)
    if before is not None and before.shape == points.shape:
        left, _, right = np.linalg.svd(points.T @ before)
        points = points @ (left @ right)
    return np.asarray(points, dtype=np.float32)


def outcomes(job: Job, slot: str, right: Sequence[Any] | np.ndarray, *, columns: Sequence[str] = ("right",)) -> Path:
    """Write what each test item contributed, (N, k), for claims to resample."""
    table = np.asarray(right, dtype=np.float32)
    table = table.reshape(len(table), -1)
    return job.artifact(slot, Outcomes, table, meta={"columns": list(columns)})
