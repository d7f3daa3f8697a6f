"""Which column holds the text and which the label: guessed from names and values, or as chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.core.problem import InputError, did_you_mean
from workbench.engine.text.tables import Row, Table

TEXT_NAMES = (
    "text", "sentence", "review", "content", "comment", "document", "body", "tweet", "message", "utterance",
    "review_text", "reviewtext", "metin", "yorum", "description", "title", "headline", "input", "premise", "query",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "category", "class", "target", "sentiment", "topic", "kategori", "etiket", "intent", "emotion",
    "y", "rating", "stars", "score", "polarity", "output", "durum",
)  # fmt: skip
TOKEN_NAMES = ("tokens", "words", "token", "word", "form")
TAG_NAMES = ("ner_tags", "tags", "ner", "labels", "label", "tag", "pos_tags", "upos", "entities")
SPLIT_NAMES = ("split", "fold", "subset", "partition")
KNOWN_NAMES = frozenset(
    (*TEXT_NAMES, *LABEL_NAMES, *TOKEN_NAMES, *TAG_NAMES, *SPLIT_NAMES, "id", "idx", "index", "question", "context")
)
MOST_CLASSES = 1_000

ROLES = {
    "text_column": ("the text", TEXT_NAMES),
    "label_column": ("the label", LABEL_NAMES),
    "tokens_column": ("the words", TOKEN_NAMES),
    "tags_column": ("the tags", TAG_NAMES),
    "question_column": ("the question", ("question", "soru")),
    "context_column": ("the context", ("context", "passage", "paragraph", "baglam")),
    "answer_column": ("the answer", ("answers", "answer", "cevap")),
}
"""Knob that names a column → what it is for, and the names it goes by."""


def guess(table: Table, rows: Sequence[Row]) -> dict[str, str]:
    """A proposal for each role that the table can fill, by name first, then by the values."""
    lower = {name.lower().strip(): name for name in reversed(table.columns)}
    found = {role: _by_name(lower, names) for role, (_, names) in ROLES.items()}
    lists = {name for at, name in enumerate(table.columns) if any(_is_list(row, at) for row in rows[:20])}
    found["tokens_column"] = next(
        (name for name in table.columns if name in lists and found["tokens_column"] == name), ""
    )
    found["tags_column"] = next(
        (lower[name] for name in TAG_NAMES if lower.get(name) in lists and lower[name] != found["tokens_column"]), ""
    )
    plain = [name for name in table.columns if name not in lists]
    if found["text_column"] not in plain:
        found["text_column"] = _longest(table, rows, [name for name in plain if name != found["label_column"]])
    if found["label_column"] not in plain or found["label_column"] == found["text_column"]:
        found["label_column"] = _fewest_values(table, rows, [name for name in plain if name != found["text_column"]])
    return {role: name for role, name in found.items() if name}


def _by_name(lower: Mapping[str, str], names: Sequence[str]) -> str:
    return next((lower[name] for name in names if name in lower), "")


def _is_list(row: Row, at: int) -> bool:
    return at < len(row.values) and isinstance(row.values[at], list | tuple)


def values_of(table: Table, rows: Sequence[Row], name: str) -> list[str]:
    """The filled values of a column in rows of the right shape, as text."""
    at = table.columns.index(name)
    return [as_text(row.values[at]) for row in rows if not row.problem and as_text(row.values[at])]


def as_text(value: Any) -> str:
    """A value as text without surrounding blanks; '' for a missing one."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _longest(table: Table, rows: Sequence[Row], names: Sequence[str]) -> str:
    lengths = {name: values_of(table, rows, name) for name in names}
    means = {name: sum(map(len, values)) / len(values) for name, values in lengths.items() if values}
    return max(means, key=means.__getitem__, default="")


def _fewest_values(table: Table, rows: Sequence[Row], names: Sequence[str]) -> str:
    """The column with the fewest different values, when they repeat as labels do."""
    counts = {}
    for name in names:
        values = values_of(table, rows, name)
        different = len(set(values))
        if different >= 2 and different <= max(2, len(values) // 2) and max(map(len, values)) <= 80:
            counts[name] = different
    return min(counts, key=counts.__getitem__, default="")


def place_of(table: Table, role: str, chosen: str, guesses: Mapping[str, str]) -> int:
    """The position of a role's column; raises InputError, on the role's knob, when there is none."""
    purpose = ROLES[role][0]
    if chosen and chosen not in table.columns:
        raise InputError(
            f"There is no column {chosen!r}.",
            expected="one of " + ", ".join(map(repr, table.columns[:30])),
            received=repr(chosen),
            fix=did_you_mean(chosen, table.columns),
            field=role,
            place=str(table.path),
        )
    name = chosen or guesses.get(role, "")
    if not name:
        raise InputError(
            f"No column could be recognised as {purpose}.",
            expected=f"a column that holds {purpose}",
            received="the columns " + ", ".join(map(repr, table.columns[:30])),
            fix=f"Choose the column that holds {purpose}, or another file.",
            field=role,
            place=str(table.path),
        )
    return table.columns.index(name)
