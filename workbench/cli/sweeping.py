"""`sweep`: search a recipe's knobs, and look at, continue or list such searches."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from workbench.cli import output
from workbench.cli.follow import answer, first_interrupt
from workbench.cli.parser import Namespace, Parser, add_common, finish, pairs, stop_at, whole_number
from workbench.cli.running import asked_config, runner_of
from workbench.core.params import knobs
from workbench.core.problem import InputError, Problem, Problems
from workbench.core.recipe import Recipe
from workbench.recipes import recipe
from workbench.runner.space import FIELD
from workbench.runner.sweeps import (
    DIRECTIONS,
    MOST_RUNS,
    PRUNERS,
    SAMPLERS,
    Standing,
    SweepFolder,
    Trial,
    by_value,
    create,
    declare,
    find_sweep,
    reported,
    sweeps,
)
from workbench.store.home import Home, open_home

DEEDS = ("list", "show", "continue")
NameAndKnobs = Callable[[Parser, str, Sequence[str]], None]
GUIDE = """\
Examples:
  workbench sweep berturk-nlu --space learning_rate=1e-5..1e-3 --space batch=8,16,32 --metric macro_f1/validation
  workbench sweep list                 every sweep and its best value
  workbench sweep show last            its trials, best first
  workbench sweep continue last        take it up where it stood
A range of a knob that is declared so, or written LOW..HIGH:log, is searched by factors. The first
Ctrl+C ends the open runs, and 'continue' takes them up again; the second leaves them to the worker."""


def add(commands: argparse._SubParsersAction[Parser], name: str, words: Sequence[str], fill: NameAndKnobs) -> None:
    """The command's parser: a deed where one is named, otherwise a recipe with its knobs."""
    parser = commands.add_parser(name, help="search a recipe's knobs; also: sweep list, show ID, continue ID")
    named = next((word for word in words[1:] if not word.startswith("-")), "") if words[:1] == [name] else ""
    if named in DEEDS:
        _add_deeds(parser)
        return
    parser.epilog = GUIDE
    fill(parser, name, words)
    flag = parser.add_argument
    flag("--space", action="append", default=[], metavar="KNOB=SPAN", help="what to try: A,B,C or LOW..HIGH")
    flag("--metric", default="", metavar="NAME[/SERIES]", help="what to look for; by default the recipe's own")
    flag("--direction", default="", metavar="|".join(DIRECTIONS), help="which way is better; by default by its name")
    flag("--runs", default="0", metavar="N", help="how many runs; by default 12, or the whole grid")
    flag("--sampler", default="tpe", metavar="|".join(SAMPLERS), help="what proposes the values")
    flag("--prune", default="none", metavar="|".join(PRUNERS), help="end runs that are worse than half of the others")
    flag("--preset", default="desk", metavar="smoke|desk|paper", help="where the other knobs start")
    flag("--seed", default="0", metavar="N", help="every run's, and the sampler's")
    add_common(parser)
    finish(parser, sweep)


def _add_deeds(parser: Parser) -> None:
    deeds = parser.add_subparsers(metavar="DEED", title="deeds", required=True, parser_class=Parser)
    for deed, act, said in (
        ("list", list_, "every sweep, newest first"),
        ("show", show, "a sweep's trials, best first"),
        ("continue", continue_, "take a sweep up where it stood"),
    ):
        one = deeds.add_parser(deed, help=said, description=said[:1].upper() + said[1:] + ".")
        if deed != "list":
            one.add_argument("sweep", metavar="ID", help="a sweep's id, a unique part of it, or 'last'")
        add_common(one)
        finish(one, act)


def sweep(asked: Namespace) -> int:
    """`workbench sweep NAME`: declare it, then drive it to its end."""
    problems: list[Problem] = list(asked.problems)
    home = open_home(asked.home)
    declared = recipe(asked.name)
    base = asked_config(asked, declared, home, problems)
    space = {name.replace("-", "_"): span for name, span in pairs(asked.space, "--space", problems).items()}
    runs = whole_number(asked.runs, "--runs", problems, high=MOST_RUNS)
    try:
        made = declare(
            declared, base, space, metric=asked.metric, direction=asked.direction, runs=max(runs, 0),
            sampler=asked.sampler, pruner=asked.prune, known=reported(home, declared.id),
        )  # fmt: skip
    except Problems as several:
        problems.extend(several.problems)
    _say_flags(problems, declared)
    stop_at(problems)
    return _drive(home, create(home, made), declared, as_json=asked.json)


def _say_flags(problems: Sequence[Problem], declared: Recipe) -> None:
    flags = {one.name: one.flag for one in knobs(declared.params)}
    flags |= {slot: f"--input {slot}" for slot in declared.reads}
    flags |= {name: f"--{name}" for name in ("seed", "preset", "metric", "direction", "sampler", "runs", "space")}
    flags["pruner"] = "--prune"
    for problem in problems:
        name = problem.field
        problem.field = f"--space {name.removeprefix(FIELD)}" if name.startswith(FIELD) else flags.get(name, name)


def continue_(asked: Namespace) -> int:
    """`workbench sweep continue ID`: open trials first, then new ones."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    folder = find_sweep(home, asked.sweep)
    return _drive(home, folder, recipe(folder.sweep().base.recipe), as_json=asked.json)


def _drive(home: Home, folder: SweepFolder, declared: Recipe, *, as_json: bool) -> int:
    from workbench.runner.drive import drive

    stop, teller = threading.Event(), _Teller(as_json)
    if as_json:
        output.json_line({"type": "sweep started", "sweep": folder.id, "folder": str(folder.path)})
    else:
        output.tell(f"Sweep {folder.id}: {_in_words(folder)}")
    try:
        with runner_of(home) as runner, first_interrupt(stop, "Ending the open runs. Ctrl+C again leaves at once."):
            answer(runner.attach())
            standing = drive(runner, declared, folder, teller.tell, stop=stop)
    except KeyboardInterrupt:
        output.tell(f"\nThe worker goes on with what it has. Take it up: workbench sweep continue {folder.id}")
        return 1
    _print(standing, as_json=as_json)
    if not standing.complete:
        output.tell(f"{standing.over} of {standing.sweep.runs} runs done. Go on: workbench sweep continue {folder.id}")
    return 0 if standing.complete and standing.best is not None else 1


class _Teller:
    """Tells of every trial that has got further."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._told: dict[int, tuple[str, str]] = {}

    def tell(self, standing: Standing) -> None:
        for trial in standing.trials:
            if self._told.get(trial.number) != (trial.state, trial.run):
                self._told[trial.number] = (trial.state, trial.run)
                self._say(trial, standing)

    def _say(self, trial: Trial, standing: Standing) -> None:
        if self._as_json:
            of = {"over": standing.over, "of": standing.sweep.runs}
            output.json_line({"type": "trial", **msgspec.to_builtins(trial), **of})
        elif trial.state not in ("waiting", "running"):
            value = f" {standing.sweep.metric} {output.number(trial.value)}" if trial.value is not None else ""
            note = f" ({trial.note})" if trial.note else ""
            said = f"[{standing.over}/{standing.sweep.runs}] {_values(trial.params)}: {trial.state}{value}{note}"
            output.tell(said)


def list_(asked: Namespace) -> int:
    """`workbench sweep list`: what each varied and what its best is."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    found = [one for folder in sweeps(home) if (one := _readable(home, folder)) is not None]
    if asked.json:
        for one in found:
            output.json_line(_document(one))
    elif found:
        output.table([_row(one) for one in found], ["sweep", "runs", "metric", "best", "varies"])
    else:
        output.tell("No sweeps yet. 'workbench sweep --help' shows how one begins.")
    return 0


def _readable(home: Home, folder: SweepFolder) -> Standing | None:
    """Where a sweep stands; a damaged one, or one whose recipe is gone, is told of and left out."""
    try:
        return _standing(home, folder)
    except InputError as problem:
        output.tell(problem.record().text())
        return None


def _row(one: Standing) -> list[str]:
    asked, best = one.sweep, output.number(one.best.value) if one.best is not None else "–"
    return [asked.id, f"{one.over}/{asked.runs}", asked.metric, best, ", ".join(asked.space)]


def show(asked: Namespace) -> int:
    """`workbench sweep show ID`: where it stands, whoever drives it."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    folder = find_sweep(home, asked.sweep)
    if not asked.json:
        output.say(f"{folder.id}: {_in_words(folder)}")
    _print(_standing(home, folder), as_json=asked.json)
    return 0


def _standing(home: Home, folder: SweepFolder) -> Standing:
    from workbench.runner.drive import look

    return look(home, folder, recipe(folder.sweep().base.recipe))


def _print(standing: Standing, *, as_json: bool) -> None:
    if as_json:
        output.json_line(_document(standing))
        return
    names, rows = list(standing.sweep.space), []
    for one in by_value(standing):
        values = [_value(one.params.get(name)) for name in names]
        rows.append([str(one.number), one.state, *values, output.number(one.value), one.run])
    output.table(rows, ["trial", "state", *names, standing.sweep.metric, "run"])
    best = standing.best
    if best is not None:
        output.say()
        output.say(f"Best: {standing.sweep.metric} {output.number(best.value)} with {_values(best.params)}")


def _document(standing: Standing) -> dict[str, Any]:
    asked, best = standing.sweep, standing.best
    return {
        "type": "sweep", "sweep": asked.id, "recipe": asked.base.recipe, "metric": asked.metric,
        "direction": asked.direction, "sampler": asked.sampler, "pruner": asked.pruner, "seed": asked.base.seed,
        "space": {name: span.words() for name, span in asked.space.items()}, "runs": asked.runs,
        "complete": standing.complete,
        "best": {"trial": best.number, "params": best.params, "value": best.value, "run": best.run} if best else None,
        "trials": [msgspec.to_builtins(one) for one in standing.trials],
    }  # fmt: skip


def _in_words(folder: SweepFolder) -> str:
    asked = folder.sweep()
    space = ", ".join(f"{name}={span.words()}" for name, span in asked.space.items())
    better = "highest" if asked.direction == "max" else "lowest"
    return f"{asked.base.recipe} with {space}; {better} {asked.metric} of {asked.runs} runs by {asked.sampler}"


def _values(params: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in params.items())


def _value(value: Any) -> str:
    if value is None:
        return "–"
    return output.number(value) if isinstance(value, float) else str(value)
