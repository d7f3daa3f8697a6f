"""Arguments: one parser for all commands, knob flags from a recipe's declaration, all faults at once."""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from workbench.core.params import Knob, Params, knobs, values_of
from workbench.core.params import parse as parse_knob
from workbench.core.problem import InputError, Problem, Problems, did_you_mean
from workbench.core.recipe import Recipe
from workbench.core.settings import Settings

KNOB = "knob:"
"""Prefix of the attributes that hold knobs, so that no knob hides a flag of the command's own."""
Namespace = argparse.Namespace
Act = Callable[[Namespace], int]


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help whose lines break between words only, since names such as Hi-End-MAE have hyphens."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises InputError instead of ending the process."""

    dashed_words = False
    """Whether a word such as '-slow' may be a word of the command instead of a flag."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", _Help)
        super().__init__(allow_abbrev=False, **options)

    def _parse_optional(self, arg_string: str) -> Any:
        if self.dashed_words and not arg_string.startswith("--") and arg_string not in self._option_string_actions:
            return None
        return super()._parse_optional(arg_string)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's; a group of deeds without one of them says which there are, with an example."""
        words = list(args or ())
        first = next((one for one in self._actions if not one.option_strings), None)
        if isinstance(first, argparse._SubParsersAction) and first.required and not {"-h", "--help"} & set(words):
            named = next((one for one in words if not one.startswith("-")), "")
            if named not in first.choices or words[0] != named:
                raise self._without_deed(first, words, named)
        return super().parse_known_args(args, namespace)

    def _without_deed(self, deeds: Any, words: Sequence[str], named: str) -> InputError:
        helps = {one.dest: one.help for one in deeds._choices_actions}
        first = named if named in helps else next(iter(helps))
        takes = [one for one in deeds.choices[first]._actions if not one.option_strings or one.required]
        like = [" ".join([*one.option_strings[-1:], str(one.metavar or one.dest)]) for one in takes]
        fix = f"For example: {' '.join([self.prog, first, *like])}. Flags such as --home come after it."
        near = did_you_mean(named, list(helps)) if named and named == words[0] else ""
        return InputError(
            f"'{self.prog}' is to be followed by what it shall do.",
            expected="one of these: " + "; ".join(f"{name} ({told})" for name, told in helps.items()),
            received=" ".join(words) or "nothing more", fix=f"{near} {fix}".strip(),
        )  # fmt: skip

    def error(self, message: str) -> NoReturn:
        """Raise what argparse has to say in our wording; 2 is the exit status of an InputError."""
        raise InputError(
            f"The command is not complete or not understood: {message}.",
            expected=" ".join(self.format_usage().split()).removeprefix("usage: "),
            fix=f"'{self.prog} --help' explains each part; a value that starts with '-' is written --flag=VALUE.",
        )


def parse(parser: Parser, words: Sequence[str]) -> Namespace:
    """The arguments, with a problem in `problems` for every word that nothing declares."""
    asked: Namespace
    asked, unknown = parser.parse_known_args(list(words))
    known = getattr(asked, "flags", None) or frozenset(parser._option_string_actions)
    asked.problems = [_unknown(word, known) for word in _heads(unknown)]
    return asked


def finish(parser: Parser, act: Act) -> None:
    """Say what a command does and which flags it knows; to be called when it has all of them."""
    parser.set_defaults(act=act, flags=frozenset(parser._option_string_actions))


def _heads(words: Sequence[str]) -> list[str]:
    # A word after an unknown flag is most likely its value: one mistake, one message.
    return [
        word.split("=", 1)[0]
        for place, word in enumerate(words)
        if word.startswith("-") or place == 0 or not words[place - 1].startswith("-")
    ]


def _unknown(word: str, known: Iterable[str]) -> Problem:
    return InputError(
        f"There is no flag {word!r} here." if word.startswith("-") else f"The word {word!r} has no place here.",
        expected="a flag of this command",
        received=word,
        fix=did_you_mean(word, known),
    )


def add_common(parser: Parser) -> None:
    """The flags of every command."""
    group = parser.add_argument_group("everywhere")
    group.add_argument("--json", action="store_true", help="JSON lines on standard output, and nothing else there")
    group.add_argument("--home", type=Path, default=None, help="data folder (WORKBENCH_HOME)")
    names = ", ".join(one.name for one in knobs(Settings))
    group.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help=f"a setting for this command and for a worker that it starts: {names}",
    )  # fmt: skip


def add_knobs(parser: Parser, recipe: Recipe) -> None:
    """A flag per knob of a recipe, with its bounds, unit and default in the help."""
    add_params(parser, recipe.params, values_of(recipe.preset("desk")), "desk")


def add_params(parser: Parser, declared: type[Params], base: Mapping[str, Any], whose: str) -> None:
    """A flag per knob of any parameters; `base` are the values by themselves, `whose` the word before them."""
    first, more = parser.add_argument_group("knobs"), parser.add_argument_group("more knobs")
    for one in knobs(declared):
        group = more if one.more else first
        text = _help(one, base[one.name], whose)
        if one.type is bool:
            group.add_argument(one.flag, dest=KNOB + one.name, nargs="?", const="true", metavar="true|false", help=text)
            group.add_argument(
                one.flag.replace("--", "--no-", 1), dest=KNOB + one.name, action="store_const", const="false",
                help=argparse.SUPPRESS,
            )  # fmt: skip
        else:
            group.add_argument(one.flag, dest=KNOB + one.name, metavar=_metavar(one), help=text)


def _metavar(one: Knob) -> str:
    return {int: "N", float: "X", str: "NAME" if one.choices else "TEXT"}[one.type]


def _help(one: Knob, default: Any, whose: str) -> str:
    only = " and ".join(f"{name} is {' or '.join(map(str, allowed))}" for name, allowed in one.when.items())
    start = {True: "true", False: "false", "": "empty"}.get(default, default) if one.type in (bool, str) else default
    parts = [f"{one.help}: {one.expected()}", f"{whose}: {start}"] + ([f"only where {only}"] if only else [])
    return "; ".join(parts).replace("%", "%%")


def given_knobs(asked: Namespace) -> dict[str, str]:
    """The knobs that were named, as text; the declaration parses and checks them."""
    return {
        name.removeprefix(KNOB): value
        for name, value in vars(asked).items()
        if name.startswith(KNOB) and value is not None
    }


def pairs(words: Sequence[str], flag: str, problems: list[Problem]) -> dict[str, str]:
    """NAME=VALUE words as a dictionary; faults are added to `problems`."""
    found: dict[str, str] = {}
    for word in words:
        name, mark, value = word.partition("=")
        if not mark or not name:
            problems.append(
                InputError(
                    f"{flag} needs a name and a value.", expected=f"{flag} NAME=VALUE", received=word, fix="Write both."
                )
            )
        elif name in found:
            problems.append(InputError(f"{flag} {name} is given twice.", received=value, fix="Keep one of them."))
        else:
            found[name] = value
    return found


def use_settings(words: Sequence[str], problems: list[Problem]) -> None:
    """Put --set into the environment, where this process and a worker that it starts will find it."""
    known = {one.name: one for one in knobs(Settings)}
    for name, value in pairs(words, "--set", problems).items():
        try:
            parse_knob(known[name], value)
            os.environ[f"WORKBENCH_{name.upper()}"] = value
        except InputError as problem:
            problem.field = f"--set {name}"
            problems.append(problem)
        except KeyError:
            problems.append(
                InputError(
                    f"There is no setting {name!r}.", expected="a setting of the workbench", received=name,
                    fix=did_you_mean(name, known), field="--set",
                )
            )  # fmt: skip


def whole_number(word: str, name: str, problems: list[Problem], *, low: int = 0, high: int = 2**32 - 1) -> int:
    """A number such as a seed; a fault is added to `problems`."""
    try:
        number = int(word)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        problems.append(
            InputError(
                f"This cannot be {word!r}.", expected=f"a whole number from {low} to {high}", received=word,
                fix="Choose another number.", field=name,
            )
        )  # fmt: skip
    return number


def stop_at(problems: Sequence[Problem]) -> None:
    """Raise what has been found so far, if anything."""
    if problems:
        raise Problems(problems)
