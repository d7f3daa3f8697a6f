"""Artifacts as recipes write them, in a folder of their own, for looking at views."""

from pathlib import Path

import numpy as np

from workbench.core import events as ev
from workbench.core.documents import (
    Column,
    ConfusionDoc,
    Item,
    ItemsDoc,
    Span,
    SpannedText,
    SpansDoc,
    TableDoc,
    TextDoc,
    write,
)

LIBRARIES = ["matplotlib", "monai", "networkx", "numpy", "pandas", "scipy", "skimage", "sklearn", "sympy", "torch"]
_WORDS = "compute the singular value decomposition of a sparse matrix and return an array with a shape".split()  # noqa: SIM905


def items(count: int = 900, *, seed: int = 0, errors: float = 0.12) -> list[Item]:
    """Sentences with a true and a predicted library."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        label = LIBRARIES[int(random.integers(10))]
        wrong = random.random() < errors
        predicted = LIBRARIES[int(random.integers(10))] if wrong else label
        text = " ".join(random.choice(_WORDS, size=8)) + f" ({number})"
        made.append(
            Item(text, label, predicted, float(random.uniform(0.4, 1)), "validation" if number % 3 else "test", number)
        )
    return made


def embedding(folder: Path, made: list[Item], *, seed: int = 0) -> ev.Artifact:
    """Clusters of points by label, some of them overlapping."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(10, 2)) * 4
    centres[3] = centres[4] + 0.5
    points = (
        np.array([centres[LIBRARIES.index(item.label)] for item in made]) + random.normal(size=(len(made), 2)) * 0.7
    )
    np.save(folder / "embedding.npy", points.astype(np.float32), allow_pickle=False)
    write(folder / "embedding.items.json", ItemsDoc(made))
    return ev.Artifact(
        slot="embedding", kind="embedding", path="embedding.npy", parts={"items": "embedding.items.json"}, step=100
    )


def confusion(folder: Path, made: list[Item]) -> ev.Artifact:
    """Counts of the items with the positions behind each cell."""
    counts = [[0] * 10 for _ in LIBRARIES]
    cells: dict[str, list[int]] = {}
    for at, item in enumerate(made):
        row, column = LIBRARIES.index(item.label), LIBRARIES.index(item.predicted)
        counts[row][column] += 1
        cells.setdefault(f"{row},{column}", []).append(at)
    write(folder / "confusion.json", ConfusionDoc(LIBRARIES, counts, cells))
    write(folder / "confusion.items.json", ItemsDoc(made))
    return ev.Artifact(
        slot="confusion", kind="confusion", path="confusion.json", parts={"items": "confusion.items.json"}, step=100
    )


def table(folder: Path) -> ev.Artifact:
    """Precision, recall and F1 per class, one value missing."""
    random = np.random.default_rng(2)
    columns = [
        Column("class", kind="text"), Column("precision", best="high"), Column("recall", best="high"),
        Column("F1", best="high"), Column("sentences", digits=0),
    ]  # fmt: skip
    rows = [[name, *map(float, random.uniform(0.8, 0.97, 3)), int(random.integers(60, 1300))] for name in LIBRARIES]
    rows[2][2] = None
    write(folder / "per_class.json", TableDoc(columns, rows))
    return ev.Artifact(slot="per_class", kind="table", path="per_class.json", step=100)


def spans(folder: Path, count: int = 40) -> ev.Artifact:
    """Named entities: right ones, a missed one, one of the wrong kind, markup and rare letters."""
    texts = [
        SpannedText(
            "Ada Lovelace met Charles Babbage in London while the Royal Society was in session.",
            [Span(0, 12, "PER", 0.98), Span(17, 32, "PER", 0.91), Span(36, 42, "ORG", 0.55), Span(53, 66, "ORG", 0.88)],
            gold=[Span(0, 12, "PER"), Span(17, 32, "PER"), Span(36, 42, "LOC"), Span(53, 66, "ORG")],
            title="row 12",
            source=12,
        ),
        SpannedText(
            "Türkiye'nin başkenti Ankara'dır; <b>İstanbul</b> & İzmir 😀 de büyük.",
            [Span(0, 7, "LOC", 0.99), Span(21, 27, "LOC", 0.97)],
            gold=[Span(0, 7, "LOC"), Span(21, 27, "LOC"), Span(36, 44, "LOC"), Span(51, 56, "LOC")],
            source=13,
        ),
        SpannedText("Nothing is named here.", [], gold=[], source=14),
    ]
    made = [texts[number % 3] for number in range(count)]
    write(folder / "examples.json", SpansDoc(made, labels=["LOC", "ORG", "PER"]))
    return ev.Artifact(slot="examples", kind="spans", path="examples.json", step=100)


def heat(folder: Path) -> ev.Artifact:
    """Token attributions of one sentence before and after tuning."""
    text = "Compute the singular value decomposition of a sparse matrix."
    bounds, start = [], 0
    for word in text.split():
        bounds.append((start, start + len(word)))
        start += len(word) + 1
    before = [
        Span(a, b, score=score) for (a, b), score in zip(bounds, [0.1, 0, 0.2, -0.3, 0.4, 0, 0, 0.1, -0.1], strict=True)
    ]
    after = [
        Span(a, b, score=score) for (a, b), score in zip(bounds, [0.2, 0, 0.7, 0.3, 0.9, 0, 0, 1.0, 0.6], strict=True)
    ]
    document = SpansDoc(
        [SpannedText(text, before, title="before tuning", note="numpy 0.21"),
         SpannedText(text, after, title="after tuning", note="scipy 0.93")], mode="scores",
    )  # fmt: skip
    write(folder / "attribution.json", document)
    return ev.Artifact(slot="attribution", kind="spans", path="attribution.json", step=100)


def text(folder: Path) -> ev.Artifact:
    """A passage."""
    write(folder / "text.json", TextDoc("A passage.\n<b>Shown as it is.</b>", title="note"))
    return ev.Artifact(slot="text", kind="text", path="text.json")
