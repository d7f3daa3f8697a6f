"""A paper's claim carried out: which runs it takes, going on with them, waiting for the last to end."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from workbench.core import claim as core
from workbench.core import events as ev
from workbench.core.job import ENDED, JobState, advance
from workbench.core.params import check, values_of
from workbench.core.problem import InputError, Problems
from workbench.core.recipe import Recipe
from workbench.runner.base import Runner
from workbench.runner.prepare import freeze
from workbench.runner.verdicts import ClaimResult, Runs, claim_of, judge
from workbench.store.home import Home
from workbench.store.index import Index
from workbench.store.runfolder import EventTail, RunConfig, RunFolder

POLL_S = 0.1
LOST_S = 5.0


class ClaimProgress(msgspec.Struct, frozen=True):
    """News of one run of a claim, and how many of its runs have ended."""

    arm: str
    seed: int
    run: str
    state: JobState
    events: list[ev.AnyEvent]
    ended: int
    total: int


# Planning -----------------------------------------------------------------------------------


def plan(
    recipe: Recipe,
    seeds: Sequence[int],
    overrides: Mapping[str, Any] | None = None,
    *,
    inputs: Mapping[str, str] | None = None,
    device: str = "auto",
    claim: str = "",
) -> list[RunConfig]:
    """The runs of a recipe's claim, all arms of a seed together; overrides apply to every arm alike.

    Raises InputError for a recipe without a claim and for seeds that repeat, Problems for knobs
    that are unknown, out of bounds, or the very ones that tell the arms apart.
    """
    declared = claim_of(recipe)
    _check_seeds(seeds)
    _check_overrides(declared, overrides or {})
    claim = claim or f"{recipe.id}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    usual = {name: slot.default for name, slot in recipe.reads.items() if slot.default}
    given = usual | dict(declared.inputs) | dict(inputs or {})
    return [
        RunConfig(
            recipe=recipe.id,
            params=values_of(check(recipe.params, overrides or {}, base=params)),
            inputs=given,
            seed=seed,
            device=device,
            title=f"{arm}, seed {seed}",
            claim=claim,
            arm=arm,
            recipe_version=recipe.version,
        )
        for seed in seeds
        for arm, params in declared.arms.items()
    ]


def _check_seeds(seeds: Sequence[int]) -> None:
    if not seeds or len(set(seeds)) != len(seeds):
        raise InputError(
            "A claim needs seeds that differ.",
            expected="one or more whole numbers, none twice",
            received=", ".join(map(str, seeds)) or "none",
            fix="Give them like 1,2,3.",
            field="seeds",
        )


def _check_overrides(claim: core.Claim, overrides: Mapping[str, Any]) -> None:
    arms = [values_of(params) for params in claim.arms.values()]
    telling = {name for name in overrides if len({repr(arm.get(name)) for arm in arms}) > 1}
    if telling:
        raise Problems(
            InputError(
                f"{name!r} is what tells this claim's arms apart.",
                expected="a knob in which the arms agree",
                received=f"{name}={overrides[name]}",
                fix="Leave it out, or run the recipe itself with that value.",
                field=name,
            )
            for name in sorted(telling)
        )


# Carrying out -------------------------------------------------------------------------------


def run_claim(
    runner: Runner,
    recipe: Recipe,
    seeds: Sequence[int],
    tell: Callable[[ClaimProgress], None],
    *,
    overrides: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str] | None = None,
    device: str = "auto",
    stop: threading.Event | None = None,
    name: str = "",
    earlier: Runs | None = None,
) -> ClaimResult:
    """Submit every run of a claim, wait for the last to end, and judge.

    `tell` hears of every run's news on the calling thread. When `stop` is set, or the caller is
    interrupted, what has not ended is cancelled. `earlier` are runs of the claim `name` to go on
    from: those that finished stand, others are resumed or begun anew. Raises what `plan`,
    `agreeing` and `runner.submit` raise.
    """
    runs: dict[str, dict[int, RunFolder]] = {}
    planned = plan(recipe, seeds, overrides, inputs=inputs, device=device, claim=name)
    old = agreeing(planned, earlier or {})
    try:
        for config in planned:
            before = old.get((config.arm, config.seed))
            again = None if before is None else _taken_up(runner, before)
            runs.setdefault(config.arm, {})[config.seed] = again or runner.submit(config)
        wait(runner, runs, tell, stop=stop)
    except BaseException:
        cancel(runner, runs)
        raise
    return judge(recipe, runs, seeds=seeds)


def agreeing(planned: Sequence[RunConfig], earlier: Runs) -> dict[tuple[str, int], RunFolder]:
    """The earlier runs of planned ones, by arm and seed.

    Raises InputError where one had other knobs, data or another version of the recipe: its numbers
    could not stand beside those of the others.
    """
    found: dict[tuple[str, int], RunFolder] = {}
    for config in planned:
        folder = earlier.get(config.arm, {}).get(config.seed)
        if folder is None:
            continue
        was, now = folder.config(), freeze(config)
        differs = [name for name in _TELLING if getattr(was, name) != getattr(now, name)]
        if differs:
            knobs = sorted(name for name in was.params | now.params if was.params.get(name) != now.params.get(name))
            raise InputError(
                f"The earlier run of {config.arm!r}, seed {config.seed}, is not the one that is asked for now.",
                expected="the same knobs, data and version of the recipe",
                received=f"a difference in {', '.join(knobs or differs)} ({folder.id})",
                fix="Leave --continue out to carry the claim out anew, or ask for what was asked for then.",
                field="continue",
            )
        found[config.arm, config.seed] = folder
    return found


_TELLING = ("params", "inputs", "digests", "recipe_version")
"""What two runs must share to be one arm's run of one seed."""


def _taken_up(runner: Runner, folder: RunFolder) -> RunFolder | None:
    """An earlier run as it stands, or going on from its checkpoint; None where it has to begin anew."""
    state = folder.state()
    if state.phase not in ENDED or (state.phase == "finished" and not state.kept_early):
        return folder
    if state.phase != "finished" and state.resumable:
        runner.resume(folder.id).result()
        return folder
    return None


def go_on(runner: Runner, runs: Runs) -> dict[str, dict[int, RunFolder]]:
    """The runs of a claim, those that did not finish resumed or begun anew; raises what `agreeing` raises."""
    agreeing([folder.config() for of_arm in runs.values() for folder in of_arm.values()], runs)
    return {
        arm: {seed: _taken_up(runner, folder) or runner.submit(folder.config()) for seed, folder in of_arm.items()}
        for arm, of_arm in runs.items()
    }


def latest(home: Home, recipe: str) -> str:
    """The name of the recipe's claim that was carried out last here; empty where there is none."""
    rows = Index(home.index, home.runs).refresh()
    return next((row.config.claim for row in rows if row.config.recipe == recipe and row.config.claim), "")


def cancel(runner: Runner, runs: Runs) -> None:
    """End every run that has not ended, the last submitted first, so that none starts in between."""
    for folder in reversed([folder for of_arm in runs.values() for folder in of_arm.values()]):
        if folder.state().phase not in ENDED:
            runner.cancel(folder.id)


class Watched:
    """One run being followed."""

    def __init__(self, arm: str, seed: int, folder: RunFolder) -> None:
        self.arm, self.seed, self.folder = arm, seed, folder
        self.tail, self.state = EventTail(folder.events_path), JobState()

    def news(self) -> list[ev.AnyEvent]:
        """What the run has said since the last call; `state` has heard it."""
        events = self.tail.read()
        for event in events:
            self.state = advance(self.state, event)
        return events


class Patience:
    """Starts a worker again that is gone when its runs have said nothing for a while."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.heard()

    def heard(self) -> None:
        """Some run has said something."""
        self._at = time.monotonic()

    def look(self) -> None:
        """Find or start the worker, where it has been silent too long and is not there."""
        if time.monotonic() - self._at > LOST_S and self._runner.state().pid == 0:
            self._runner.attach().result()
            self.heard()


def wait(
    runner: Runner,
    runs: Runs,
    tell: Callable[[ClaimProgress], None],
    *,
    stop: threading.Event | None = None,
) -> None:
    """Follow runs through their folders until all have ended; a lost worker is started again."""
    watched = [Watched(arm, seed, folder) for arm, of_arm in runs.items() for seed, folder in of_arm.items()]
    stop, patience, stopping = stop or threading.Event(), Patience(runner), False
    while open_ := [one for one in watched if one.state.phase not in ENDED]:
        if stop.is_set() and not stopping:
            stopping = True
            cancel(runner, runs)
        for one in open_:
            if events := one.news():
                patience.heard()
                ended = sum(other.state.phase in ENDED for other in watched)
                tell(ClaimProgress(one.arm, one.seed, one.folder.id, one.state, events, ended, len(watched)))
        patience.look()
        stop.wait(POLL_S) if not stopping else time.sleep(POLL_S)


def collect(runs: Path, claim: str) -> dict[str, dict[int, RunFolder]]:
    """The runs of an earlier claim, by arm and seed, found again by the name they share."""
    found: dict[str, dict[int, RunFolder]] = {}
    for path in sorted(path for path in runs.iterdir() if (path / "run.json").exists()):
        try:
            config = RunFolder(path).config()
        except InputError:
            continue
        if config.claim == claim:
            found.setdefault(config.arm, {})[config.seed] = RunFolder(path)
    return found
