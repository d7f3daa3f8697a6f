"""Reports against hand-counted cases."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.documents import ConfusionDoc, Item, ItemsDoc, TableDoc, read
from workbench.engine.text import reports

TRUE, SAID = [0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 0, 2]
LABELS = ["a", "b", "c"]
ITEMS = [
    Item(f"t{at}", LABELS[t], LABELS[s], score=at / 10, source=at)
    for at, (t, s) in enumerate(zip(TRUE, SAID, strict=True))
]


class Desk:
    """A job that only keeps artifacts."""

    def __init__(self, folder) -> None:
        self.folder, self.told, self._count = folder, [], 0
        (folder / "artifacts").mkdir()

    def artifact(self, slot, kind, content, *, title="", parts=None, meta=None):
        from workbench.core.documents import write

        self._count += 1
        path = self.folder / "artifacts" / f"{slot}-{0:07d}-{self._count:05d}{kind.suffix}"
        np.save(path, content) if isinstance(content, np.ndarray) else write(path, content)
        self.told.append((slot, kind.name, parts or {}, meta or {}))
        return path


@pytest.fixture
def job(tmp_path):
    return Desk(tmp_path)


def test_that_metrics_are_those_counted_by_hand():
    found = reports.classification_metrics(TRUE, SAID, LABELS)
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["macro_f1"] == pytest.approx((0.5 + 0.8 + 2 / 3) / 3)
    assert -1 <= found["mcc"] <= 1


def test_that_a_class_nobody_has_or_says_does_not_lower_the_mean():
    assert reports.classification_metrics([0, 1], [0, 1], ["a", "b", "never"])["macro_f1"] == 1.0


def test_that_a_confusion_lists_the_items_of_each_cell(job):
    path = reports.confusion(job, "confusion", labels=LABELS, true=TRUE, predicted=SAID, items=ITEMS)
    found = read(path, ConfusionDoc)
    assert found.counts == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert found.cells["0,1"] == [1] and found.cells["1,1"] == [2, 3]
    assert isinstance(job.told[0][2]["items"], ItemsDoc)


def test_that_the_class_table_has_precision_recall_and_counts(job):
    found = read(reports.class_table(job, "per_class", labels=LABELS, true=TRUE, predicted=SAID), TableDoc)
    assert found.rows[1] == ["b", pytest.approx(2 / 3, abs=1e-4), 1.0, 0.8, 2]


def test_that_the_worst_mistakes_are_the_surest_ones(job):
    found = read(reports.worst(job, "worst", ITEMS), TableDoc)
    assert [row[0] for row in found.rows] == ["t4", "t1"]
    assert found.caption == "2 of 6 are wrong"


def test_that_a_map_stays_steady_while_features_turn(job):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 8)) * np.array([9, 4, 1, 1, 1, 1, 1, 1])
    turn, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    items = [Item("t")] * 40
    first = np.load(reports.embedding(job, "embedding", features=features, items=items))
    second = np.load(reports.embedding(job, "embedding", features=features @ turn, items=items))
    assert first.shape == (40, 2) and first.dtype == np.float32
    np.testing.assert_allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("features", [np.zeros((5, 4)), np.ones((1, 4)), np.full((6, 3), np.nan), np.ones((6, 1))])
def test_that_a_map_of_nothing_is_still_a_map(features):
    points = reports.flat_map(features)
    assert points.shape == (len(features), 2) and np.isfinite(points).all()


def test_that_long_texts_are_shortened_in_lists():
    assert reports.shortened("x" * 900).endswith("…") and len(reports.shortened("x" * 900)) <= reports.SHORTEST
    assert reports.shortened("short") == "short"
