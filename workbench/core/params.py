"""One declaration per knob; the form, the flags, the help row and the check all read it.

class Dann(Params):
    adversary: float = knob(1.0, "Weight of the domain classifier", low=0, high=10)
"""

from __future__ import annotations

import dataclasses
import math
import typing
import weakref
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

from workbench.core.problem import InputError, Problem, Problems, did_you_mean

Widget = Literal["", "backbone", "column", "path", "folder", "device", "colour", "key"]


@dataclasses.dataclass(frozen=True)
class Knob:
    """What is known of one parameter.

    `when` limits the knob to other knobs' values ({"adapt": ("lora",)}); `widget` asks for a
    chooser that a plain type does not imply; `slot` names the input a column is picked from;
    `log` marks a value that is searched and stepped by factors; `more` folds the knob away;
    `section` names the group it stands in where there are groups.
    """

    name: str
    type: type
    default: Any
    help: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    label: str = ""
    choices: tuple[str, ...] = ()
    more: bool = False
    log: bool = False
    widget: Widget = ""
    slot: str = ""
    section: str = ""
    when: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)

    @property
    def title(self) -> str:
        """The label of the form's row: the declared one, or the name in words."""
        return self.label or self.name.replace("_", " ").capitalize()

    @property
    def flag(self) -> str:
        """The command line's spelling."""
        return "--" + self.name.replace("_", "-")

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Whether the other knobs' values leave this one with an effect."""
        return all(values.get(name) in allowed for name, allowed in self.when.items())

    def expected(self) -> str:
        """The accepted values in words: 'a number from 0 to 10 (rows)'."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        noun = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[self.type]
        return noun + self._bounds() + (f" ({self.unit})" if self.unit else "")

    def _bounds(self) -> str:
        if self.low is not None and self.high is not None:
            return f" from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f" of at least {self.low:g}"
        return f" of at most {self.high:g}" if self.high is not None else ""


def knob(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    label: str = "",
    more: bool = False,
    log: bool = False,
    widget: Widget = "",
    slot: str = "",
    section: str = "",
    when: Mapping[str, tuple[Any, ...]] | None = None,
) -> Any:
    """Declare a parameter with its default, its help sentence and its bounds."""
    extra = {
        "help": help, "low": low, "high": high, "unit": unit, "label": label, "more": more,
        "log": log, "widget": widget, "slot": slot, "section": section, "when": when or {},
    }  # fmt: skip
    return dataclasses.field(default=default, metadata=extra)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Params:
    """Base of every recipe's parameters: a frozen, keyword-only dataclass of knobs."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)

    def replace(self, **changes: Any) -> typing.Self:
        """A checked copy with some knobs changed."""
        return check(type(self), values_of(self) | changes)


P = TypeVar("P", bound=Params)


_KNOWN: weakref.WeakKeyDictionary[type[Params], tuple[Knob, ...]] = weakref.WeakKeyDictionary()
"""Kept, since a class's annotations are compiled anew each time, and every part of a form asks."""


def knobs(cls: type[Params]) -> tuple[Knob, ...]:
    """Every knob of a parameter class, in the order of declaration."""
    known = _KNOWN.get(cls)
    if known is None:
        hints = get_type_hints(cls)
        known = tuple(_knob(field, hints[field.name]) for field in dataclasses.fields(cls))  # type: ignore[arg-type]
        _KNOWN[cls] = known
    return known


def _knob(field: dataclasses.Field[Any], hint: Any) -> Knob:
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    kind = str if choices else hint
    if kind not in (bool, int, float, str):
        raise TypeError(
            f"Knob {field.name!r} has an unsupported type. "
            f"Expected: bool, int, float, str or a Literal of strings. Received: {hint!r}"
        )
    return Knob(name=field.name, type=kind, default=field.default, choices=choices, **field.metadata)


def values_of(params: Params) -> dict[str, Any]:
    """The knobs' values by name."""
    return {field.name: getattr(params, field.name) for field in dataclasses.fields(params)}  # type: ignore[arg-type]


def changed(params: Params) -> dict[str, Any]:
    """Only the values that differ from the declaration's defaults."""
    defaults = {one.name: one.default for one in knobs(type(params))}
    return {name: value for name, value in values_of(params).items() if value != defaults[name]}


def check(cls: type[P], values: Mapping[str, Any], *, base: P | None = None) -> P:
    """Build parameters from values by name; text is parsed where a number is declared.

    Raises Problems with *every* fault found: unknown names, wrong types, values out of bounds.
    """
    known = {one.name: one for one in knobs(cls)}
    problems: list[Problem] = []
    accepted = values_of(base) if base is not None else {}
    for name, value in values.items():
        if name not in known:
            problems.append(_unknown(name, known))
            continue
        try:
            accepted[name] = parse(known[name], value)
        except InputError as problem:
            problems.append(problem)
    if problems:
        raise Problems(problems)
    return cls(**accepted)


def _unknown(name: str, known: Mapping[str, Knob]) -> InputError:
    return InputError(
        f"There is no knob {name!r}.",
        expected="a knob of this recipe",
        received=name,
        fix=did_you_mean(name, known),
        field=name,
    )


def parse(one: Knob, value: Any) -> Any:
    """A value of the knob's type and within its bounds, from text or a number.

    Raises InputError that says what was expected and received.
    """
    parsed = _convert(one, value)
    if one.choices and parsed not in one.choices:
        raise _fault(one, value, did_you_mean(str(value), one.choices))
    if one.type in (int, float) and not _within(one, parsed):
        raise _fault(one, value, f"Choose {one.expected()}.")
    return parsed


_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _convert(one: Knob, value: Any) -> Any:
    try:
        if one.type is bool:
            return value if isinstance(value, bool) else _BOOLEANS[str(value).strip().lower()]
        if one.type is int and not isinstance(value, bool):
            if float(value) != int(float(value)):
                raise ValueError(value)
            return int(float(value)) if not isinstance(value, int) else value
        if one.type is float and not isinstance(value, bool):
            return float(value)
        if one.type is str and isinstance(value, str):
            return value
    except (ValueError, KeyError, TypeError, OverflowError):
        pass
    raise _fault(one, value, f"Give {one.expected()}.")


def _within(one: Knob, value: float) -> bool:
    return math.isfinite(value) and (one.low is None or value >= one.low) and (one.high is None or value <= one.high)


def _fault(one: Knob, value: Any, fix: str) -> InputError:
    return InputError(
        f"{one.title} cannot be {value!r}.",
        expected=one.expected(),
        received=repr(value),
        fix=fix,
        field=one.name,
    )
