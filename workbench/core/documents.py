"""The JSON documents behind text-like artifacts: written by the engine, read by the views."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from workbench.core.problem import InputError


class Item(msgspec.Struct, omit_defaults=True):
    """One example as the model saw it: what a confusion cell or a lasso lists.

    `source` is the row (from 0) or line of the data it came from, -1 where there is none.
    """

    text: str
    label: str = ""
    predicted: str = ""
    score: float = 0.0
    group: str = ""
    source: int = -1


class ItemsDoc(msgspec.Struct):
    """Examples that other artifacts point into by position."""

    items: list[Item]


class ConfusionDoc(msgspec.Struct):
    """Counts of true (row) against predicted (column); `cells` lists item positions by 'row,column'."""

    labels: list[str]
    counts: list[list[int]]
    cells: dict[str, list[int]] = {}


class Column(msgspec.Struct, omit_defaults=True):
    """A table's column; `best` marks the better end for highlighting, `shade` colours cells from low to high."""

    name: str
    kind: Literal["text", "number"] = "number"
    unit: str = ""
    digits: int = 3
    best: Literal["", "high", "low"] = ""
    shade: bool = False


class MapAxes(msgspec.Struct, omit_defaults=True):
    """What a map's two directions measure, in an Embedding's meta under `axes`; `log_x` means that x is log10 of it."""

    x: str
    y: str
    log_x: bool = False


class TableDoc(msgspec.Struct, omit_defaults=True):
    """Named columns and rows of text and numbers; a missing value is null."""

    columns: list[Column]
    rows: list[list[Any]]
    caption: str = ""


class Span(msgspec.Struct, omit_defaults=True):
    """Characters [start, end) of a text with a label and a score (attributions: −1 … 1)."""

    start: int
    end: int
    label: str = ""
    score: float = 1.0


class SpannedText(msgspec.Struct, omit_defaults=True):
    """A text with predicted spans and, where known, the true ones (`gold`)."""

    text: str
    spans: list[Span]
    gold: list[Span] = []
    title: str = ""
    note: str = ""
    source: int = -1


class SpansDoc(msgspec.Struct, omit_defaults=True):
    """`labels` draws coloured labels, `scores` a heat over the text."""

    texts: list[SpannedText]
    mode: Literal["labels", "scores"] = "labels"
    labels: list[str] = []


class TextDoc(msgspec.Struct, omit_defaults=True):
    """A passage shown as it is."""

    text: str
    title: str = ""


class RowProblem(msgspec.Struct, omit_defaults=True):
    """A row of the user's data that cannot be used, and why."""

    row: int
    what: str


class DataPreview(msgspec.Struct, omit_defaults=True):
    """What was understood of a data file: its format, columns, first rows, and the model's view.

    `seen` shows the first examples as the tokenizer passes them to the model; `roles` proposes
    a column for each column knob; `problems` lists at most a hundred rows, `problem_count` all.
    """

    format: str
    detail: str
    columns: list[str]
    rows: list[list[str]]
    row_count: int = -1
    roles: dict[str, str] = {}
    labels: dict[str, int] = {}
    seen: list[SpannedText] = []
    problems: list[RowProblem] = []
    problem_count: int = 0


class ExamplesPage(msgspec.Struct, omit_defaults=True):
    """Some rows of a data set as they are labelled now, for correcting them.

    A text's `title` is its class (or the question), its `spans` are entities or answers, `source`
    its row or line, its `note` its part of divided data; `words` gives each text's words as (first
    character, end), where labels sit on words, and `prefixed` whether their tags are written B-… and I-….
    """

    kind: Literal["class", "spans", "answer"]
    total: int
    offset: int
    labels: list[str]
    texts: list[SpannedText]
    words: list[list[tuple[int, int]]] = []
    prefixed: bool = True


BackboneSource = Literal["package", "starter", "folder", "copy", "download"]


class BackboneInfo(msgspec.Struct, omit_defaults=True):
    """A pretrained encoder that can be chosen; `problem` says why it cannot be loaded, if so.

    `parameters` counts the numbers in its weight files, `size_bytes` those files; `path` is its
    folder on this machine, `origin` where that was copied or downloaded from.
    """

    address: str
    title: str
    source: BackboneSource
    architecture: str = ""
    parameters: int = 0
    licence: str = ""
    size_bytes: int = 0
    problem: str = ""
    path: str = ""
    origin: str = ""


class Answer(msgspec.Struct, omit_defaults=True):
    """What a model says to one input: a headline, ranked labels, spans, and how long it took."""

    model: str
    headline: str
    scores: list[tuple[str, float]] = []
    spans: SpannedText | None = None
    attribution: SpannedText | None = None
    seconds: float = 0.0
    note: str = ""


class AnswersDoc(msgspec.Struct):
    """Answers side by side, the base model first."""

    answers: list[Answer]


D = TypeVar("D")


def write(path: Path, document: Any) -> None:
    """Write a document as JSON."""
    path.write_bytes(msgspec.json.encode(document))


def read(path: Path, kind: type[D]) -> D:
    """Read a document; raises InputError naming the file when it is missing or garbled."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise InputError(
            "A file of this run is missing.",
            expected=f"{kind.__name__} at {path.name}",
            received="no such file",
            fix="The rest of the run is intact; run it again to get this view back.",
            place=str(path),
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            "A file of this run is damaged.",
            expected=f"a {kind.__name__} in JSON",
            received=str(error),
            fix="The rest of the run is intact; run it again to get this view back.",
            place=str(path),
        ) from None
