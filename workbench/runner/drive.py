"""A sweep carried out: propose, submit, follow, tell Optuna, end what is hopeless.

The driver lives in the window or terminal that started it. When that goes, nothing new is proposed,
but what was submitted goes on in the worker; driving the sweep again takes up where it stood.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

import msgspec
from filelock import FileLock, Timeout

from workbench.core import events as ev
from workbench.core.job import ENDED, JobState
from workbench.core.judging import JUDGED
from workbench.core.problem import InputError, KnownTrouble, Problem, did_you_mean
from workbench.core.recipe import Recipe
from workbench.runner.base import Runner
from workbench.runner.claims import Patience, Watched
from workbench.runner.study import Study, opened
from workbench.runner.sweeps import Standing, Sweep, SweepFolder, Tell, Trial, config_of, runs_of
from workbench.store.home import Home
from workbench.store.runfolder import RunFolder

LANE = 2
"""As many trials at once as the batch lane can use: one that runs, and one that waits for its end."""
POLL_S = 0.1
QUEUED_WITHIN_S = 30.0
MEANT = ("", *JUDGED, "test")
"""The series that a metric without one means, if the run has no result of that name."""
LOOKED_AT_S = 0.2
"""Who only asks whether a sweep is driven holds its lock for an instant, for which others wait so long."""


@contextlib.contextmanager
def alone(folder: SweepFolder) -> Iterator[None]:
    """Be the only driver of a sweep; raises KnownTrouble while another process is."""
    lock = FileLock(folder.lock, thread_local=False)
    try:
        lock.acquire(timeout=LOOKED_AT_S, poll_interval=0.01)
    except Timeout:
        raise KnownTrouble(
            "This sweep is being driven already.", expected="one window or terminal that drives it",
            received="another one that does", fix="Look at it there, or close that one first.", place=folder.id,
        ) from None  # fmt: skip
    try:
        yield
    finally:
        lock.release()


def driven(folder: SweepFolder) -> bool:
    """Whether some window or terminal drives a sweep now."""
    try:
        with alone(folder):
            return False
    except KnownTrouble:
        return True


def look(home: Home, folder: SweepFolder, recipe: Recipe) -> Standing:
    """Where a sweep stands, without driving it."""
    sweep = folder.sweep()
    if not folder.study.exists():
        return Standing(sweep)
    with opened(folder, recipe, sweep) as study:
        trials = study.trials()
    open_ = [trial for trial in trials if trial.state in ("waiting", "stopped")]
    rows = runs_of(home, sweep.id) if open_ else {}
    states = {number: (row.id, row.state) for number, row in rows.items()}
    return Standing(sweep, tuple(_seen(trial, *states.get(trial.number, ("", None))) for trial in trials))


def _seen(trial: Trial, run: str, state: JobState | None) -> Trial:
    """An open trial with what its run does."""
    if trial.state not in ("waiting", "stopped") or state is None:
        return trial
    going = trial.state == "waiting" and state.phase in ("running", "paused")
    return msgspec.structs.replace(
        trial, state="running" if going else trial.state, run=run, share=state.share if going else None
    )


class Reading:
    """The metric of one run, from its events."""

    def __init__(self, metric: str) -> None:
        self._name, slash, self._series = metric.partition("/")
        self._exact = bool(slash)
        self.names: set[str] = set()
        self._tracks: dict[str, dict[int, float | None]] = {}

    def take(self, events: Sequence[ev.AnyEvent]) -> None:
        """Read on; what a resume voids is forgotten."""
        for event in events:
            if isinstance(event, ev.Metric):
                self.names.add(f"{event.name}/{event.series}" if event.series else event.name)
                if event.name == self._name and (not self._exact or event.series == self._series):
                    self._tracks.setdefault(event.series, {})[event.step] = event.value
            elif isinstance(event, ev.Resumed):
                self._tracks = {
                    name: {step: value for step, value in track.items() if step <= event.step}
                    for name, track in self._tracks.items()
                }

    def points(self) -> dict[int, float | None]:
        """Values by step of the series that is meant."""
        wanted = (self._series,) if self._exact else MEANT
        for name in wanted:
            if name in self._tracks:
                return self._tracks[name]
        return next(iter(self._tracks.values())) if len(self._tracks) == 1 else {}

    def value(self, state: JobState, sweep: Sweep) -> float | None:
        """The final number: the result of this name, else the best value that was reached."""
        result = state.results.get(sweep.metric)
        if result is not None:
            return result
        reached = [value for value in self.points().values() if value is not None]
        return (max if sweep.direction == "max" else min)(reached, default=None)


class _Followed(Watched):
    """The run of an open trial."""

    def __init__(self, sweep: Sweep, number: int, folder: RunFolder) -> None:
        super().__init__(f"trial {number}", sweep.base.seed, folder)
        self.number, self.reading = number, Reading(sweep.metric)
        self.ending = ""
        """Why it was cancelled: 'pruned', 'stopped', or '' while the sweep has not."""
        self.reported = set[int]()


def drive(
    runner: Runner,
    recipe: Recipe,
    folder: SweepFolder,
    tell: Tell,
    *,
    stop: threading.Event | None = None,
    leave: threading.Event | None = None,
) -> Standing:
    """Carry a sweep on until every trial has ended; `tell` hears where it stands whenever that changes.

    `stop` ends the open trials, which driving the sweep again takes up; `leave` lets go of them as
    they are. Raises KnownTrouble while another process drives it, InputError when the first run
    that finishes does not report the metric, and what submitting a run raises.
    """
    sweep = folder.sweep()
    with alone(folder), opened(folder, recipe, sweep) as study:
        driver = _Driver(runner, sweep, study, tell)
        return driver.go(stop or threading.Event(), leave or threading.Event())


class _Driver:
    """One sweep while it is driven."""

    def __init__(self, runner: Runner, sweep: Sweep, study: Study, tell: Tell) -> None:
        self._runner, self._sweep, self._study, self._tell = runner, sweep, study, tell
        self._open: dict[int, _Followed] = {}
        self._trouble: Problem | None = None
        self._stopping = False

    def go(self, stop: threading.Event, leave: threading.Event) -> Standing:
        patience = Patience(self._runner)
        if not stop.is_set():
            self._take_up()
        self.tell()
        while not leave.is_set():
            if (stop.is_set() or self._trouble) and not self._stopping:
                self._stop()
            news = self._propose() if not self._stopping else False
            news = self._look() or news
            if news:
                patience.heard()
                self.tell()
            if not self._open and (self._stopping or self._study.count() >= self._sweep.runs):
                break
            patience.look()
            leave.wait(POLL_S)
        if self._trouble is not None:
            raise self._trouble
        return self.standing()

    def tell(self) -> None:
        """Tell where the sweep stands."""
        self._tell(self.standing())

    def standing(self) -> Standing:
        """Where the sweep stands."""
        return Standing(self._sweep, tuple(self._told(trial) for trial in self._study.trials()))

    def _told(self, trial: Trial) -> Trial:
        one = self._open.get(trial.number)
        if one is None:
            return trial
        points = one.reading.points()
        newest = points[max(points)] if points else None
        return msgspec.structs.replace(_seen(trial, one.folder.id, one.state), value=newest)

    # Beginning trials

    def _propose(self) -> bool:
        """Begin trials while the lane has room for them."""
        begun = False
        while len(self._open) < LANE and self._study.count() < self._sweep.runs:
            self._submit(self._study.propose())
            begun = True
        return begun

    def _submit(self, number: int) -> None:
        folder = self._runner.submit(config_of(self._sweep, number, self._study.params(number)))
        self._study.mark(number, "run", folder.id)
        self._study.mark(number, "ending", "")
        self._follow(number, folder)

    def _follow(self, number: int, folder: RunFolder) -> None:
        one = self._open[number] = _Followed(self._sweep, number, folder)
        one.ending, one.reported = self._study.marked(number, "ending"), self._study.reported(number)

    def _take_up(self) -> None:
        """Go on with trials that were open when the sweep was last let go of."""
        numbers = self._study.open()
        rows = runs_of(self._runner.home, self._sweep.id) if numbers else {}
        for number in numbers:
            row = rows.get(number)
            if row is None:
                self._submit(number)
                continue
            folder = RunFolder(self._runner.home.runs / row.id)
            state, stopped = row.state, self._study.marked(number, "ending") == "stopped"
            if state.resumable and (stopped or state.phase == "failed"):
                self._resume(number, folder)
            elif stopped and state.phase == "cancelled":
                self._submit(number)
            else:
                if state.phase == "new":  # whoever began it was killed before the worker heard of it
                    self._runner.enqueue(folder)
                self._study.mark(number, "run", row.id)
                self._follow(number, folder)

    def _resume(self, number: int, folder: RunFolder) -> None:
        self._study.mark(number, "ending", "")
        self._runner.resume(folder.id).result(QUEUED_WITHIN_S)
        self._follow(number, folder)

    # Following them

    def _look(self) -> bool:
        """Read what the runs have said; whether that was anything."""
        news = False
        for one in list(self._open.values()):
            events = one.news()
            if not events:
                continue
            news = True
            one.reading.take(events)
            self._report(one)
            if one.state.phase in ENDED:
                self._close(one)
        return news

    def _report(self, one: _Followed) -> None:
        """Hand new values to the pruner, by hundredths of the run's own steps.

        Steps themselves cannot be compared: a run with a larger batch has fewer of them.
        """
        if self._sweep.pruner == "none" or one.ending:
            return
        total, news = one.state.total, False
        for step, value in sorted(one.reading.points().items()):
            place = min(100, 100 * step // total) if total else step
            if place not in one.reported:
                one.reported.add(place)
                self._study.report(one.number, place, value)
                news = True
        if news and one.state.phase == "running" and self._study.hopeless(one.number):
            self._end(one, "pruned")

    def _end(self, one: _Followed, ending: str) -> None:
        # Noted first: whoever takes the sweep up must know why this run was cancelled.
        one.ending = ending
        self._study.mark(one.number, "ending", ending)
        self._runner.cancel(one.folder.id)

    def _stop(self) -> None:
        """End the open trials, the last submitted first, so that none starts in between."""
        self._stopping = True
        for one in sorted(self._open.values(), key=lambda one: -one.number):
            if not one.ending:
                self._end(one, "stopped")

    def _close(self, one: _Followed) -> None:
        """Tell the study how a run ended."""
        del self._open[one.number]
        state = one.state
        if state.phase == "finished":
            self._finish(one)
        elif state.phase == "failed":
            self._study.fail(one.number, state.problem.what if state.problem is not None else "failed")
        elif one.ending == "pruned":
            self._study.prune(one.number)
        elif one.ending != "stopped":
            self._study.fail(one.number, "cancelled by hand")

    def _finish(self, one: _Followed) -> None:
        value = one.reading.value(one.state, self._sweep)
        if value is not None:
            self._study.finish(one.number, value, "stopped early" if one.state.kept_early else "")
            return
        known = sorted(one.reading.names | one.state.results.keys())
        self._study.fail(one.number, f"reported no {self._sweep.metric}")
        if not any(trial.state == "finished" for trial in self._study.trials()):
            self._trouble = InputError(
                f"Run {one.folder.id} finished without reporting {self._sweep.metric!r}, and so would the others.",
                expected="a number of this name", received=", ".join(known) or "no numbers",
                fix=f"Start a sweep for one of these. {did_you_mean(self._sweep.metric, known)}", field="metric",
            )  # fmt: skip
