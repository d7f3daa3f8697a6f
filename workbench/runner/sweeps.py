"""A search over a recipe's knobs: declared, frozen into a folder of its own, and found again.

sweeps/20260131-142501-berturk-nlu-3f9a/
    sweep.json     what was asked for (Sweep); never written again
    study.sqlite   what was tried and what came of it, kept by Optuna (see study.py)
    driver.lock    held by the one window or terminal that drives it (see drive.py)

The runs are runs like any other: their run.json names the sweep, and their arm the trial.
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from workbench.core.judging import better
from workbench.core.kinds import Curve
from workbench.core.params import Knob, knobs
from workbench.core.problem import InputError, Problem, Problems, did_you_mean
from workbench.core.recipe import Recipe
from workbench.runner.prepare import freeze
from workbench.runner.space import FIELD, Listed, Space, endless, grid_size, read_space, without_effect
from workbench.store.home import Home
from workbench.store.index import Index, RunRow
from workbench.store.runfolder import RunConfig

FORMAT = 1
RUNS = 12
MOST_RUNS = 10_000

Direction = Literal["max", "min"]
Sampler = Literal["tpe", "random", "grid"]
Pruner = Literal["none", "median"]
State = Literal["waiting", "running", "finished", "pruned", "failed", "stopped"]
DIRECTIONS: tuple[Direction, ...] = ("max", "min")
SAMPLERS: tuple[Sampler, ...] = ("tpe", "random", "grid")
PRUNERS: tuple[Pruner, ...] = ("none", "median")
OVER: frozenset[State] = frozenset({"finished", "pruned", "failed"})


class Sweep(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was asked for. `base` is a run's whole configuration, of which trials change the knobs in `space`.

    Its seed is every trial's, so that trials differ in their knobs alone, and the sampler's.
    """

    id: str
    base: RunConfig
    space: Space
    metric: str
    direction: Direction = "max"
    runs: int = RUNS
    sampler: Sampler = "tpe"
    pruner: Pruner = "none"
    created: float = 0.0
    format: int = FORMAT


class Trial(msgspec.Struct, frozen=True):
    """One set of values and what came of it; a running trial's value is the newest one."""

    number: int
    state: State
    params: dict[str, Any]
    value: float | None = None
    run: str = ""
    share: float | None = None
    note: str = ""


class Standing(msgspec.Struct, frozen=True):
    """Where a sweep stands."""

    sweep: Sweep
    trials: tuple[Trial, ...] = ()

    @property
    def over(self) -> int:
        """How many trials have come to an end of their own."""
        return sum(trial.state in OVER for trial in self.trials)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to try."""
        left = any(trial.state not in OVER for trial in self.trials)
        return not left and len(self.trials) >= self.sweep.runs

    @property
    def best(self) -> Trial | None:
        """The finished trial with the best value, the earliest of equals."""
        ranked = by_value(self)
        return ranked[0] if ranked and ranked[0].state == "finished" and ranked[0].value is not None else None


def by_value(standing: Standing) -> list[Trial]:
    """Trials from best to worst: finished ones first, then pruned ones by how far they came, then the rest."""
    sign = -1.0 if standing.sweep.direction == "max" else 1.0
    place = {"finished": 0, "running": 1, "pruned": 2, "waiting": 3, "stopped": 4, "failed": 5}

    def rank(trial: Trial) -> tuple[int, float, int]:
        return place[trial.state], sign * trial.value if trial.value is not None else float("inf"), trial.number

    return sorted(standing.trials, key=rank)


@dataclasses.dataclass(frozen=True)
class SweepFolder:
    """Paths and reading of one sweep."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def study(self) -> Path:
        return self.path / "study.sqlite"

    @property
    def lock(self) -> Path:
        return self.path / "driver.lock"

    def sweep(self) -> Sweep:
        """sweep.json; raises InputError when missing, damaged or from a newer program."""
        try:
            sweep = msgspec.json.decode((self.path / "sweep.json").read_bytes(), type=Sweep)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(
                "This folder is not a readable sweep.", expected="a sweep.json written by the workbench",
                received=str(error), fix="Its runs are untouched; delete the folder or restore the file.",
                place=str(self.path),
            ) from None  # fmt: skip
        if sweep.format > FORMAT:
            raise InputError(
                "This sweep was written by a newer version of the workbench.", expected=f"format {FORMAT} or older",
                received=f"format {sweep.format}", fix="Update the workbench to open it.", place=str(self.path),
            )  # fmt: skip
        return sweep


# Declaring ----------------------------------------------------------------------------------


def declare(
    recipe: Recipe,
    base: RunConfig,
    space: Mapping[str, str],
    *,
    metric: str = "",
    direction: str = "",
    runs: int = 0,
    sampler: str = "tpe",
    pruner: str = "none",
    known: Iterable[str] | None = None,
) -> Sweep:
    """A checked sweep over the knobs in `space` (texts as in space.read_span); nothing is written yet.

    `base` names the knobs that stay as they are, the inputs, the seed and the device. An empty
    metric is the first that suits, an empty direction follows its name, 0 runs are the whole grid
    or RUNS. `known` are names of metrics that may be meant; by default those the recipe declares.
    Raises Problems with every fault; those of a span have the field 'space.<knob>'.
    """
    problems: list[Problem] = []
    spans = read_space(recipe, space, problems)
    if not space:
        problems.append(
            InputError("A sweep needs a knob to vary.", expected="a list or a range for at least one knob",
                       received="none", fix="For example learning_rate=1e-5..1e-3 or batch=8,16,32.", field="space")
        )  # fmt: skip
    problems += [_twice(name, base) for name in space if name in base.params]
    fixed = _frozen(base, problems)
    metric = metric or (metrics_of(recipe) or [""])[0]
    _check_metric(metric, list(dict.fromkeys([*metrics_of(recipe), *(known or ())])), problems)
    for name, value, choices in (
        ("direction", direction or _direction(recipe, metric), DIRECTIONS), ("sampler", sampler, SAMPLERS),
        ("pruner", pruner, PRUNERS),
    ):  # fmt: skip
        _check_choice(name, value, choices, problems)
    problems += _amount(spans, runs, sampler)
    problems += without_effect(recipe, spans, fixed.params) if fixed is not None else []
    if problems or fixed is None:
        raise Problems(problems)
    runs = _runs(recipe, spans, fixed, runs, by_grid=sampler == "grid")
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    return msgspec.convert(
        {"id": f"{stamp}-{recipe.id}-{secrets.token_hex(3)}", "base": msgspec.to_builtins(fixed), "metric": metric,
         "space": msgspec.to_builtins(spans), "direction": direction or _direction(recipe, metric), "runs": runs,
         "sampler": sampler, "pruner": pruner, "created": now},
        Sweep,
    )  # fmt: skip


def create(home: Home, sweep: Sweep) -> SweepFolder:
    """Make the folder of a declared sweep."""
    folder = SweepFolder(home.sweeps / sweep.id)
    folder.path.mkdir(parents=True)
    scratch = folder.path / "sweep.json.tmp"
    scratch.write_bytes(msgspec.json.format(msgspec.json.encode(sweep)))
    scratch.replace(folder.path / "sweep.json")
    return folder


def _twice(name: str, base: RunConfig) -> InputError:
    return InputError(
        f"{name} is both varied and fixed.", expected="one of the two", received=f"{name} = {base.params[name]}",
        fix="Leave its fixed value out, or do not vary it.", field=FIELD + name,
    )  # fmt: skip


def _frozen(base: RunConfig, problems: list[Problem]) -> RunConfig | None:
    try:
        return freeze(base)
    except Problems as several:
        problems.extend(several.problems)
    except InputError as problem:
        problems.append(problem)
    return None


def _check_metric(metric: str, known: list[str], problems: list[Problem]) -> None:
    bare = {name.partition("/")[0] for name in known}
    if metric in known or metric in bare or ("/" in metric and metric.partition("/")[0] in bare):
        return
    problems.append(
        InputError(
            f"No run of this recipe reports {metric!r}." if metric else "This recipe reports no number.",
            expected="a metric or a result, as NAME or NAME/SERIES", received=metric or "none",
            fix=f"{did_you_mean(metric, known)}. What a first run reports can be chosen as well.", field="metric",
        )
    )  # fmt: skip


def _check_choice(name: str, value: str, choices: Iterable[str], problems: list[Problem]) -> None:
    if value not in choices:
        problems.append(
            InputError(f"There is no {name} {value!r}.", expected="one of " + ", ".join(choices), received=value,
                       fix=did_you_mean(value, choices), field=name)
        )  # fmt: skip


def _runs(recipe: Recipe, spans: Space, fixed: RunConfig, runs: int, *, by_grid: bool) -> int:
    """How many trials there will be: never more than a grid has."""
    if by_grid:
        size = grid_size(recipe, spans, fixed.params)
        return min(runs, size) if runs else size
    finite = 0 if endless(spans) else grid_size(recipe, spans, fixed.params)
    return runs or (min(RUNS, finite) if finite else RUNS)


def _amount(spans: Space, runs: int, sampler: str) -> list[Problem]:
    """What is wrong with the number of runs, or with walking a grid through these spans."""
    found: list[Problem] = []
    if not 0 <= runs <= MOST_RUNS:
        found.append(
            InputError("This is no number of runs.", expected=f"a whole number from 1 to {MOST_RUNS}",
                       received=str(runs), fix="Choose another number.", field="runs")
        )  # fmt: skip
    return found + [
        InputError(f"A grid cannot walk through the range of {name}.", expected="a list of values",
                   received=spans[name].words(), fix=f"Write some: {name}=A,B,C. Or choose tpe or random.",
                   field=FIELD + name)
        for name in (endless(spans) if sampler == "grid" else [])
    ]  # fmt: skip


# Metrics ------------------------------------------------------------------------------------


def metrics_of(recipe: Recipe) -> list[str]:
    """What a sweep of this recipe may look for, the likeliest first.

    Curves where more is better come first: without a series they mean the validation data, while the
    claim's metrics are of the test data, which nothing should be chosen by.
    """
    curves = [name for name, kind in recipe.writes.items() if kind is Curve]
    rising = [name for name in curves if better(name) == "high"]
    claimed = [one.metric for one in recipe.claim.statements] if recipe.claim is not None else []
    return list(dict.fromkeys([*rising, *claimed, *curves]))


def _direction(recipe: Recipe, metric: str) -> Direction:
    for one in recipe.claim.statements if recipe.claim is not None else ():
        if one.metric == metric:
            return "min" if one.lower else "max"
    return "min" if better(metric) == "low" else "max"


def reported(home: Home, recipe: str) -> list[str]:
    """What earlier runs of a recipe have reported: results, and metrics as NAME/SERIES."""
    rows = [row for row in Index(home.index, home.runs).refresh() if row.config.recipe == recipe]
    return list(dict.fromkeys(name for row in rows for name in (*row.state.results, *row.last)))


# Finding again ------------------------------------------------------------------------------


def sweeps(home: Home) -> list[SweepFolder]:
    """All sweeps, newest first."""
    found = home.sweeps.glob("*/sweep.json") if home.sweeps.exists() else []
    return [SweepFolder(path.parent) for path in sorted(found, reverse=True)]


def find_sweep(home: Home, name: str) -> SweepFolder:
    """A sweep by id, unique part of its id, or 'last'."""
    known = sweeps(home)
    matches = known[:1] if name == "last" else [one for one in known if name in one.id]
    if len(matches) == 1:
        return matches[0]
    raise InputError(
        f"No single sweep is meant by {name!r}.", expected="a sweep's id, a unique part of it, or 'last'",
        received=f"{len(matches)} matches" + (": " + ", ".join(one.id for one in matches[:5]) if matches else ""),
        fix="'workbench sweep list' shows the ids.", field="sweep",
    )  # fmt: skip


def runs_of(home: Home, sweep: str) -> dict[int, RunRow]:
    """The newest run of each trial of a sweep."""
    rows = Index(home.index, home.runs).refresh()
    return {number_of(row.config): row for row in reversed(rows) if row.config.sweep == sweep}


def config_of(sweep: Sweep, number: int, params: Mapping[str, Any]) -> RunConfig:
    """The run of a trial."""
    told = ", ".join(f"{name} {Listed((value,)).words()}" for name, value in params.items())
    return msgspec.structs.replace(
        sweep.base, params={**sweep.base.params, **params}, sweep=sweep.id, arm=f"trial {number}", title=told
    )


def number_of(config: RunConfig) -> int:
    """The number of a run's trial; −1 for a run of no sweep."""
    word = config.arm.removeprefix("trial ")
    return int(word) if config.sweep and word.isdigit() else -1


def varied(recipe: Recipe, sweep: Sweep) -> list[Knob]:
    """The knobs of a sweep in the order of their declaration."""
    return [one for one in knobs(recipe.params) if one.name in sweep.space]


Tell = Callable[[Standing], None]
