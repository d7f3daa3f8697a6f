"""What a sweep may try: for some knobs of a recipe a list of values or a range, read from text and checked."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from workbench.core.params import Knob, knobs, parse
from workbench.core.problem import InputError, Problem, Problems, did_you_mean
from workbench.core.recipe import Recipe

FIELD = "space."
"""Prefix of the field that a mistake in a span names: 'space.learning_rate'."""
MOST_WHOLE = 1000
"""A range of whole numbers with more values than this is no axis of a grid."""


class Listed(msgspec.Struct, frozen=True, tag_field="kind", tag="list"):
    """Certain values, each as likely as the other."""

    values: tuple[Any, ...]

    def words(self) -> str:
        """As it is typed: '8,16,32'."""
        return ",".join(_word(value) for value in self.values)


class Range(msgspec.Struct, frozen=True, tag_field="kind", tag="range", omit_defaults=True):
    """Everything from `low` to `high`: evenly by factors with `log`, only whole numbers with `whole`."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def words(self) -> str:
        """As it is typed: '1e-5..0.001:log'."""
        return f"{_word(self.low)}..{_word(self.high)}" + (":log" if self.log else "")


Span: TypeAlias = Listed | Range
Space: TypeAlias = dict[str, Span]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not value.is_integer():
        return re.sub(r"e([+-])0*", r"e\1", f"{value:.6g}").replace("e+", "e")
    return str(int(value)) if isinstance(value, int | float) and abs(value) < 1e15 else str(value)


# Reading ------------------------------------------------------------------------------------


def read_space(recipe: Recipe, texts: Mapping[str, str], problems: list[Problem]) -> Space:
    """Spans by knob from texts such as '1e-5..1e-3' and '8,16,32'; every fault is added to `problems`."""
    known, space = {one.name: one for one in knobs(recipe.params)}, Space()
    for name, text in texts.items():
        try:
            if name not in known:
                raise InputError(
                    f"There is no knob {name!r} to vary.", expected="a knob of this recipe", received=name,
                    fix=did_you_mean(name, known),
                )  # fmt: skip
            space[name] = read_span(known[name], text)
        except Problems as several:
            problems.extend(_placed(one, name) for one in several.problems)
        except InputError as problem:
            problems.append(_placed(problem, name))
    return space


def _placed(problem: Problem, name: str) -> Problem:
    problem.field = FIELD + name
    return problem


def read_span(one: Knob, text: str) -> Span:
    """A range 'LOW..HIGH' (':log' behind it for steps by factors) or a list 'A,B,C' of a knob's values.

    Raises InputError, or Problems where both ends are wrong.
    """
    low, dots, rest = text.partition("..")
    if dots and one.type in (int, float):
        high, _, scale = rest.partition(":")
        return _range(one, low.strip(), high.strip(), scale.strip(), text)
    return _listed(one, text)


def _range(one: Knob, low: str, high: str, scale: str, text: str) -> Range:
    if scale not in ("", "log"):
        raise _fault(
            one, text, f"{one.title} cannot be stepped by {scale!r}.", "Write :log behind the range, or nothing."
        )
    ends, problems = list[float](), list[Problem]()
    for word in (low, high):
        try:
            ends.append(parse(one, word))
        except InputError as problem:
            problems.append(problem)
    if problems:
        raise Problems(problems)
    if ends[0] >= ends[1]:
        raise _fault(one, text, f"The range of {one.title} is empty.", "Write the lower end first.")
    log = scale == "log" or (one.log and ends[0] > 0)
    if log and ends[0] <= 0:
        raise _fault(one, text, f"A range by factors cannot start at {low}.", "Start above 0, or leave :log away.")
    return Range(ends[0], ends[1], log=log, whole=one.type is int)


def _listed(one: Knob, text: str) -> Listed:
    values, problems = list[Any](), list[Problem]()
    for word in (word.strip() for word in text.split(",")):
        try:
            values.append(parse(one, word))
        except InputError as problem:
            problems.append(problem)
    if problems:
        raise Problems(problems)
    if len(values) < 2:
        raise _fault(one, text, f"{one.title} does not vary.", f"Name more values, or fix it: {one.flag} {text}")
    if len(set(values)) < len(values):
        raise _fault(one, text, f"{one.title} has a value twice.", "Name each value once.")
    return Listed(tuple(values))


def _fault(one: Knob, received: str, what: str, fix: str) -> InputError:
    ways = "two values or more like A,B" + (", or a range LOW..HIGH" if one.type in (int, float) else "")
    return InputError(what, expected=f"{ways}; each {one.expected()}", received=received, fix=fix, field=one.name)


# Walking through ----------------------------------------------------------------------------


def in_order(recipe: Recipe, space: Mapping[str, Span]) -> list[Knob]:
    """The varied knobs, those that depend on others last."""
    return sorted((one for one in knobs(recipe.params) if one.name in space), key=lambda one: bool(one.when))


def without_effect(recipe: Recipe, space: Mapping[str, Span], fixed: Mapping[str, Any]) -> list[Problem]:
    """A problem for each varied knob that no trial would heed, since another knob's values exclude it."""
    found: list[Problem] = []
    for one in in_order(recipe, space):
        for other, allowed in one.when.items():
            span = space.get(other)
            possible = span.values if isinstance(span, Listed) else (fixed.get(other),)
            if not isinstance(span, Range) and not set(possible) & set(allowed):
                found.append(
                    InputError(
                        f"{one.title} has no effect in this sweep.",
                        expected=f"{other} among {', '.join(map(str, allowed))}",
                        received=f"{other} = {', '.join(map(str, possible))}",
                        fix=f"Leave {one.name} out, or let {other} be {' or '.join(map(str, allowed))}.",
                        field=FIELD + one.name,
                    )
                )
    return found


def endless(space: Mapping[str, Span]) -> list[str]:
    """The knobs that a grid cannot walk through: ranges of decimals, or of very many whole numbers."""
    return [name for name, span in space.items() if isinstance(span, Range) and _whole_values(span) is None]


def _whole_values(span: Range) -> Sequence[int] | None:
    count = span.high - span.low + 1
    return range(int(span.low), int(span.high) + 1) if span.whole and count <= MOST_WHOLE else None


def grid(recipe: Recipe, space: Mapping[str, Span], fixed: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every combination once, the last knob changing fastest; knobs without effect are left out."""
    order = in_order(recipe, space)
    axes = [span.values if isinstance(span := space[one.name], Listed) else _whole_values(span) or () for one in order]
    told: set[tuple[tuple[str, Any], ...]] = set()
    for values in itertools.product(*axes):
        chosen = dict(zip((one.name for one in order), values, strict=True))
        point = {one.name: chosen[one.name] for one in order if one.applies({**fixed, **chosen})}
        if (key := tuple(point.items())) not in told:
            told.add(key)
            yield point


def grid_size(recipe: Recipe, space: Mapping[str, Span], fixed: Mapping[str, Any], *, most: int = 10_000) -> int:
    """How many combinations a grid has, counted up to `most`."""
    return sum(1 for _ in itertools.islice(grid(recipe, space, fixed), most))


# Suggesting ---------------------------------------------------------------------------------


def usual(one: Knob, value: Any) -> Span:
    """A span around a knob's value that makes sense without further thought; all choices, or half to double."""
    if one.choices:
        return Listed(one.choices)
    if one.type is bool:
        return Listed((False, True))
    if one.type is str:
        return Listed((value,))
    factor = 10.0 if one.log else 2.0
    low, high = (value / factor, value * factor) if value > 0 else _around_zero(one, value)
    low = max(low, -math.inf if one.low is None else one.low)
    high = min(high, math.inf if one.high is None else one.high)
    if one.type is int:
        low, high = float(math.floor(low)), float(max(math.ceil(high), math.floor(low) + 1))
    else:
        low, high = _rounded(low), _rounded(high)
    return Range(low, high, log=one.log and low > 0, whole=one.type is int)


def _around_zero(one: Knob, value: float) -> tuple[float, float]:
    reach = 1.0 if one.high is None or not math.isfinite(one.high) else min(1.0, one.high)
    return value, value + (reach if one.type is float else max(reach, 4))


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
