"""What Optuna remembers of a sweep and what it proposes next: the one place that knows Optuna.

Optuna is imported when a study is opened and never before; it brings SQLAlchemy and takes a
second. Every trial gets a sampler of its own, seeded by the sweep's seed and the trial's number: a
sweep that was interrupted proposes what it would have proposed without the interruption.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock

from workbench.core.recipe import Recipe
from workbench.runner.space import Listed, grid, in_order
from workbench.runner.sweeps import State, Sweep, SweepFolder, Trial

if TYPE_CHECKING:
    import optuna

BUSY_WAIT_S = 30.0
"""How long a window that only looks may have to wait for the one that writes."""


@contextmanager
def opened(folder: SweepFolder, recipe: Recipe, sweep: Sweep) -> Iterator[Study]:
    """The study of a sweep, made on first use; for one thread."""
    study = Study(folder, recipe, sweep)
    try:
        yield study
    finally:
        study.close()


class Study:
    """A sweep's trials by number; see `opened`."""

    def __init__(self, folder: SweepFolder, recipe: Recipe, sweep: Sweep) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._recipe, self._sweep = optuna, recipe, sweep
        self._open: dict[int, optuna.Trial] = {}
        with FileLock(folder.path / "study.lock", timeout=BUSY_WAIT_S):  # two must not make the tables at once
            self._make(folder)

    def _make(self, folder: SweepFolder) -> None:
        optuna, sweep = self._optuna, self._sweep
        self._storage = optuna.storages.RDBStorage(
            f"sqlite:///{folder.study}", engine_kwargs={"connect_args": {"timeout": BUSY_WAIT_S}}
        )
        # A log beside the file lets a window read while a terminal writes, and spares most of the waiting for the disk.
        with self._storage.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        self._study = optuna.create_study(
            study_name=sweep.id, storage=self._storage, load_if_exists=True, pruner=self._pruner(),
            direction="maximize" if sweep.direction == "max" else "minimize",
        )  # fmt: skip

    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    # Proposing

    def propose(self) -> int:
        """Begin another trial; its values are in `params`."""
        number = len(self._frozen())
        self._study.sampler = self._sampler(number)
        trial = self._study.ask()
        self._open[trial.number] = trial
        return int(trial.number)

    def params(self, number: int) -> dict[str, Any]:
        """An open trial's values, drawn now where they were not yet; knobs without effect have none."""
        trial, chosen = self._trial(number), dict[str, Any]()
        fixed = self._sweep.base.params
        for one in in_order(self._recipe, self._sweep.space):
            if one.applies({**fixed, **chosen}):
                chosen[one.name] = self._suggest(trial, one.name)
        return chosen

    def _suggest(self, trial: optuna.Trial, name: str) -> Any:
        span = self._sweep.space[name]
        if isinstance(span, Listed):
            return trial.suggest_categorical(name, list(span.values))
        if span.whole:
            return trial.suggest_int(name, int(span.low), int(span.high), log=span.log)
        return trial.suggest_float(name, span.low, span.high, log=span.log)

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        samplers = self._optuna.samplers
        seed = int(np.random.SeedSequence([self._sweep.base.seed, number]).generate_state(1)[0])
        if self._sweep.sampler == "tpe":
            # With few runs the model has to begin early to be of any use.
            blind = max(4, min(10, self._sweep.runs // 3))
            by_model: optuna.samplers.BaseSampler = samplers.TPESampler(seed=seed, n_startup_trials=blind)
            return by_model
        by_chance: optuna.samplers.BaseSampler = samplers.RandomSampler(seed=seed)
        if self._sweep.sampler == "random":
            return by_chance
        points = grid(self._recipe, self._sweep.space, self._sweep.base.params)
        point = next(itertools.islice(points, number, None))
        with warnings.catch_warnings():  # it is called experimental
            warnings.simplefilter("ignore")
            held: optuna.samplers.BaseSampler = samplers.PartialFixedSampler(point, by_chance)
        return held

    def _pruner(self) -> optuna.pruners.BasePruner:
        if self._sweep.pruner == "none":
            return self._optuna.pruners.NopPruner()
        return self._optuna.pruners.MedianPruner(n_startup_trials=max(2, min(5, self._sweep.runs // 4)))

    # Telling

    def reported(self, number: int) -> set[int]:
        """The steps at which an open trial has a value."""
        return set(self._one(number).intermediate_values)

    def report(self, number: int, step: int, value: float | None) -> None:
        """An open trial's value at a step that has none yet."""
        self._trial(number).report(float("nan") if value is None else value, step)

    def hopeless(self, number: int) -> bool:
        """Whether an open trial is worse so far than half of the finished ones were."""
        return bool(self._trial(number).should_prune())

    def finish(self, number: int, value: float, note: str = "") -> None:
        """An open trial came to its end."""
        self._end(number, note, value, self._optuna.trial.TrialState.COMPLETE)

    def prune(self, number: int) -> None:
        """An open trial was ended because it was hopeless; its newest value stays."""
        self._end(number, "", None, self._optuna.trial.TrialState.PRUNED)

    def fail(self, number: int, note: str) -> None:
        """An open trial came to nothing."""
        self._end(number, note, None, self._optuna.trial.TrialState.FAIL)

    def mark(self, number: int, name: str, value: str) -> None:
        """Note something beside an open trial."""
        self._trial(number).set_user_attr(name, value)

    def marked(self, number: int, name: str) -> str:
        """What was noted, empty for nothing."""
        return str(self._one(number).user_attrs.get(name, ""))

    def _end(self, number: int, note: str, value: float | None, state: Any) -> None:
        if note:
            self.mark(number, "note", note)
        self._study.tell(self._trial(number), value, state=state)
        self._open.pop(number, None)

    # Looking

    def count(self) -> int:
        """How many trials have begun."""
        return len(self._frozen())

    def open(self) -> list[int]:
        """The trials that have not ended."""
        return [trial.number for trial in self._frozen() if not trial.state.is_finished()]

    def trials(self) -> list[Trial]:
        """Every trial as the study knows it; what its run does now is not known here."""
        return [self._told(trial) for trial in self._frozen()]

    def _told(self, trial: optuna.trial.FrozenTrial) -> Trial:
        states: dict[str, State] = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
        state = states.get(trial.state.name) or (
            "stopped" if trial.user_attrs.get("ending") == "stopped" else "waiting"
        )
        value = trial.value if trial.state.name == "COMPLETE" else None
        if value is None and trial.intermediate_values and state != "failed":
            newest = trial.intermediate_values[max(trial.intermediate_values)]
            value = newest if np.isfinite(newest) else None
        told = trial.user_attrs
        return Trial(trial.number, state, dict(trial.params), value, told.get("run", ""), None, told.get("note", ""))

    def _frozen(self) -> list[optuna.trial.FrozenTrial]:
        found: list[optuna.trial.FrozenTrial] = self._study.get_trials(deepcopy=False)
        return found

    def _one(self, number: int) -> optuna.trial.FrozenTrial:
        return self._frozen()[number]

    def _trial(self, number: int) -> optuna.Trial:
        if number not in self._open:
            self._study.sampler = self._sampler(number)
            self._open[number] = self._optuna.trial.Trial(self._study, self._one(number)._trial_id)
        return self._open[number]
