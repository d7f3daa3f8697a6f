"""What a list of runs can show, sort by and be searched for: facts, results, metrics, knobs, inputs.

A column's key says where its value comes from: 'recipe', 'result:macro_f1', 'best:loss/validation',
'last:loss/validation', 'knob:epochs', 'input:data'. The window and the terminal share this page.
"""

from __future__ import annotations

import dataclasses
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from workbench.core.judging import Better, better
from workbench.core.problem import InputError, did_you_mean
from workbench.store.index import RunRow

Value = str | float | int | bool | None


@dataclasses.dataclass(frozen=True)
class Column:
    """One property of runs; `numeric` ones stand at the right and are written with their digits."""

    key: str
    title: str
    group: str
    help: str
    numeric: bool = False


def _spent_s(row: RunRow) -> float | None:
    state = row.state
    return max(0.0, state.ended_at - state.started_at) if state.ended_at and state.started_at else None


_FACTS: dict[str, tuple[Callable[[RunRow], Value], str, bool]] = {
    "star": (lambda row: row.notes.star, "Whether you starred it", False),
    "run": (lambda row: row.id, "Its id: when it was made, the recipe, and a few letters", False),
    "title": (lambda row: row.title, "A name of your own", False),
    "recipe": (lambda row: row.config.recipe, "What was run", False),
    "state": (lambda row: "kept early" if row.state.kept_early else row.phase, "How it stands", False),
    "result": (lambda row: headline(row)[1], "The number it is known by: its first result, or its best metric", True),
    "tags": (lambda row: ", ".join(row.tags), "Your tags", False),
    "note": (lambda row: row.notes.note, "Your note", False),
    "preset": (lambda row: row.config.preset, "The preset it started from", False),
    "arm": (lambda row: row.config.arm, "Its part in a paper's claim", False),
    "claim": (lambda row: row.config.claim, "The claim that it belongs to", False),
    "seed": (lambda row: row.config.seed, "Its one source of chance", True),
    "steps": (lambda row: row.state.step, "How many steps it took", True),
    "time": (_spent_s, "How long it took", True),
    "started": (lambda row: row.config.created, "When it was asked for", False),
    "device": (lambda row: row.state.device or row.config.device, "Where it was computed", False),
    "forked from": (lambda row: row.config.forked_from, "The run whose values it started from", False),
}


def better_end(name: str) -> Better:
    """Which end of 'metric/series' is the better one."""
    return better(name.partition("/")[0])


def _best(row: RunRow) -> dict[str, float]:
    sides = {"low": row.lowest, "high": row.highest}
    return {name: sides[end][name] for name in row.last if (end := better_end(name)) and name in sides[end]}


FACTS = {key: Column(key, key, "Run", help_, numeric) for key, (_, help_, numeric) in _FACTS.items()}
_KINDS: dict[str, tuple[str, str, str, Callable[[RunRow], Mapping[str, Any]]]] = {
    "result": ("Results", "{}", "Result {} at the end of the run", lambda row: row.state.results),
    "best": ("Metrics", "{} best", "The best value of {} so far: the {} one", _best),
    "last": ("Metrics", "{} last", "The last value of {}", lambda row: row.last),
    "knob": ("Knobs", "{}", "The knob {}", lambda row: row.config.params),
    "input": ("Inputs", "{}", "What was read as {}", lambda row: row.config.inputs),
}


def headline(row: RunRow) -> tuple[str, float | None]:
    """The number a run is known by: its first result, else the best of a quality metric, else the lowest loss."""
    if row.state.results:
        return next(iter(row.state.results.items()))
    for key, value in row.highest.items():
        if key.endswith(("/validation", "/test")) and better_end(key) == "high":
            return key, value
    return next(iter(row.lowest.items()), ("", None))


def value_of(row: RunRow, key: str) -> Value:
    """A run's value in a column; None where it has none."""
    if key in _FACTS:
        return _FACTS[key][0](row)
    kind, _, name = key.partition(":")
    if kind == "best":  # the one kind whose dictionary would have to be made
        end = better_end(name)
        return (row.lowest if end == "low" else row.highest).get(name) if end else None
    value = _KINDS[kind][3](row).get(name) if kind in _KINDS else None
    return value if isinstance(value, str | float | int | bool) or value is None else str(value)


def columns_of(rows: Iterable[RunRow]) -> dict[str, Column]:
    """Every column that some of these runs have a value in, by key: facts first, then kind by kind."""
    names: dict[str, dict[str, bool]] = {kind: {} for kind in _KINDS}
    for row in rows:
        for kind, (_, _, _, values) in _KINDS.items():
            found = names[kind]
            for name, value in values(row).items():
                if name not in found or (found[name] and not _is_number(value)):
                    found[name] = value is None or _is_number(value)
    made = (column_of(f"{kind}:{name}", numeric=numeric) for kind in _KINDS for name, numeric in names[kind].items())
    return FACTS | {one.key: one for one in made}


def column_of(key: str, *, numeric: bool = True) -> Column:
    """A column by its key, whether or not some run has it now."""
    if key in FACTS:
        return FACTS[key]
    kind, _, name = key.partition(":")
    if kind not in _KINDS:
        raise InputError("There is no such column.", received=key, fix=did_you_mean(key, FACTS), field="column")
    group, title, help_, _ = _KINDS[kind]
    end = "lowest" if better_end(name) == "low" else "highest"
    return Column(key, title.format(name), group, help_.format(name, end), numeric or kind in ("best", "last"))


def find_column(name: str, known: Mapping[str, Column]) -> Column:
    """A column by its key or by its bare name: results before metrics' best, before knobs and inputs.

    Raises InputError that names what is alike.
    """
    for key in (name, *(f"{kind}:{name}" for kind in _KINDS)):
        if key in known:
            return known[key]
    of_any_series = [column for key, column in known.items() if key.startswith(f"best:{name}/")]
    if len(of_any_series) == 1:
        return of_any_series[0]
    bare = {key.partition(":")[2] or key for key in known}
    raise InputError(
        f"There is no column {name!r}.", expected="a property of these runs", received=name,
        fix=did_you_mean(name, bare), field="column",
    )  # fmt: skip


def ordered(rows: Iterable[RunRow], key: str, *, descending: bool, starred_first: bool = False) -> list[RunRow]:
    """Rows by one column; numbers before words, and whatever has no value last in either direction."""
    valued = [(value, row) for row in rows if (value := _sortable(value_of(row, key))) is not None]
    valued.sort(key=operator.itemgetter(0), reverse=descending)
    found = [row for _, row in valued]
    there = {row.id for row in found}
    found += [row for row in rows if row.id not in there]
    return sorted(found, key=lambda row: not row.notes.star) if starred_first else found


def _sortable(value: Value) -> tuple[int, float, str] | None:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    return (1, 0.0, value.casefold()) if isinstance(value, str) else (0, float(value), "")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# Searching

_TERM = re.compile(r"([^\s<>=!]+)(<=|>=|!=|=|<|>)(.+)")
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip


def words_of(row: RunRow) -> str:
    """Everything about a run that text is looked for in, in small letters."""
    config = row.config
    texts = [str(value_of(row, key) or "") for key in _FACTS if key not in ("star", "time", "started", "result")]
    texts += [f"{name}={_plain(value)}" for name, value in (*config.params.items(), *config.inputs.items())]
    texts += [f"{name}={_plain(value)}" for name, value in row.state.results.items()]
    texts += [*row.last, row.trouble, row.state.problem.what if row.state.problem is not None else ""]
    return "\n".join(texts).casefold()


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def search(rows: Sequence[RunRow], text: str, words: Callable[[RunRow], str] = words_of) -> list[RunRow]:
    """Rows in which every word stands; a word such as 'epochs>3', 'state=failed' or 'macro_f1>=0.9' compares."""
    known: dict[str, Column] | None = None
    for term in text.split():
        found = _TERM.fullmatch(term)
        if found is not None and known is None:
            known = columns_of(rows)
        test = _comparison(found[1], found[2], found[3], known or {}) if found is not None else None
        if test is None:
            sought = term.casefold()
            rows = [row for row in rows if sought in words(row)]
        else:
            rows = [row for row in rows if test(row)]
    return list(rows)


def _comparison(name: str, sign: str, wanted: str, known: Mapping[str, Column]) -> Callable[[RunRow], bool] | None:
    try:
        key = find_column(name, known).key
    except InputError:
        return None
    if key == "tags":
        return lambda row: (wanted.casefold() in map(str.casefold, row.tags)) == (sign != "!=")
    number = _number(wanted)

    def holds(row: RunRow) -> bool:
        value = value_of(row, key)
        if number is not None and _is_number(value):
            return _TESTS[sign](value, number)
        if sign in ("=", "!="):
            return (str(value).casefold() == wanted.casefold()) == (sign == "=")
        return False

    return holds


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
