"""A run as the window knows it: its events read off the GUI thread, told in batches.

Live view, replay and re-attachment are this one reader: it starts at the first event and goes on
for as long as the file grows.
"""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from workbench.core import events as ev
from workbench.core.job import ENDED, JobState, advance
from workbench.core.problem import InputError
from workbench.store.runfolder import EventTail, RunConfig, RunFolder

BATCH_S = 0.05
IDLE_S = 0.5
CHUNK_BYTES = 1 << 18

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class MetricTrack:
    """One line of a chart: steps, values (NaN where not a number) and times, each of shape (N,)."""

    steps: Floats
    values: Floats
    times: Floats

    def __len__(self) -> int:
        return len(self.steps)


@dataclasses.dataclass(frozen=True)
class Change:
    """What a batch of events touched; `reset` when earlier numbers were taken back."""

    metrics: frozenset[str] = frozenset()
    slots: frozenset[str] = frozenset()
    log: tuple[ev.Log, ...] = ()
    reset: bool = False
    caught_up: bool = True
    """False while an old run is still being read in."""


class _Column:
    """Rows (step, value, time) that grow without copying what readers already hold."""

    def __init__(self) -> None:
        self._room = np.empty((256, 3))
        self._used = 0

    def add(self, step: int, value: float | None, time: float) -> None:
        if self._used == len(self._room):
            self._room = np.concatenate([self._room, np.empty_like(self._room)])
        self._room[self._used] = (step, np.nan if value is None else value, time)
        self._used += 1

    def drop_after(self, step: int) -> None:
        kept = self._room[: self._used]
        kept = kept[kept[:, 0] <= step]
        self._used = len(kept)
        self._room = np.concatenate([kept, np.empty((256, 3))])

    def track(self) -> MetricTrack:
        rows = self._room[: self._used]
        return MetricTrack(rows[:, 0], rows[:, 1], rows[:, 2])


@dataclasses.dataclass(frozen=True)
class _Snapshot:
    state: JobState
    metrics: dict[str, dict[str, MetricTrack]]
    artifacts: dict[str, list[ev.Artifact]]
    change: Change


class _Reader:
    """The reading thread's own view of the run; hands over immutable snapshots."""

    def __init__(self, path: Path) -> None:
        self.tail = EventTail(path)
        self.state = JobState()
        self.columns: dict[tuple[str, str], _Column] = {}
        self.artifacts: dict[str, list[ev.Artifact]] = {}

    def read(self) -> _Snapshot | None:
        """The next batch, or None when nothing was written."""
        events = self.tail.read(CHUNK_BYTES)
        if not events:
            events = self.tail.read()
        if not events:
            return None
        touched: set[tuple[str, str]] = set()
        slots: set[str] = set()
        logs: list[ev.Log] = []
        reset = False
        for event in events:
            before, self.state = self.state, advance(self.state, event)
            if isinstance(event, ev.Metric):
                key = (event.name, event.series)
                self.columns.setdefault(key, _Column()).add(event.step, event.value, event.t)
                touched.add(key)
            elif isinstance(event, ev.Artifact):
                self.artifacts.setdefault(event.slot, []).append(event)
                slots.add(event.slot)
            elif isinstance(event, ev.Log):
                logs.append(event)
            elif isinstance(event, ev.Resumed):
                reset |= self._take_back(event.step)
            elif isinstance(event, ev.Started) and event.attempt > 1 and before.checkpoint_step < 0:
                reset |= self._take_back(-1)
        change = Change(
            metrics=frozenset(name for name, _ in (self.columns if reset else touched)),
            slots=frozenset(self.artifacts if reset else slots),
            log=tuple(logs),
            reset=reset,
            caught_up=self._at_end(),
        )
        return _Snapshot(self.state, self._tracks(touched, reset), self._copies(change.slots), change)

    def _take_back(self, step: int) -> bool:
        """Numbers and pictures of steps after `step` are void: they will be written again."""
        for column in self.columns.values():
            column.drop_after(step)
        for slot, known in self.artifacts.items():
            self.artifacts[slot] = [one for one in known if one.step <= step]
        return True

    def _tracks(self, touched: set[tuple[str, str]], reset: bool) -> dict[str, dict[str, MetricTrack]]:
        tracks: dict[str, dict[str, MetricTrack]] = {}
        for key in self.columns if reset else touched:
            tracks.setdefault(key[0], {})[key[1]] = self.columns[key].track()
        return tracks

    def _copies(self, slots: frozenset[str]) -> dict[str, list[ev.Artifact]]:
        return {slot: list(self.artifacts[slot]) for slot in slots}

    def _at_end(self) -> bool:
        try:
            return self.tail.offset >= self.tail.path.stat().st_size
        except OSError:
            return True


class RunModel(QObject):
    """What is known of one run so far; `changed` carries a Change, at most twenty times a second."""

    changed = Signal(object)
    _read = Signal(object)

    def __init__(self, folder: RunFolder, *, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder
        self.state = JobState()
        self.metrics: dict[str, dict[str, MetricTrack]] = {}
        self.artifacts: dict[str, list[ev.Artifact]] = {}
        self.log: list[ev.Log] = []
        self.trouble: InputError | None = None
        self.config = self._read_config()
        self.caught_up = False
        self._taken = threading.Event()
        self._taken.set()
        self._stop = threading.Event()
        self._read.connect(self._take)
        self._thread = threading.Thread(target=self._follow, name=f"tail {folder.id}", daemon=True)

    def start(self) -> None:
        """Begin to read; events from before arrive first."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading; waits for the thread, which takes at most one batch."""
        self._stop.set()
        self._taken.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether the run has still something to say: it waits, runs or rests."""
        return self.state.phase not in ENDED

    def steps(self) -> list[int]:
        """Every step at which some artifact was written, in order."""
        return sorted({one.step for known in self.artifacts.values() for one in known})

    def artifact_at(self, slot: str, step: int | None = None) -> ev.Artifact | None:
        """The newest artifact of a slot at or before a step; None for `step` means the newest."""
        known = self.artifacts.get(slot, [])
        fitting = known if step is None else [one for one in known if one.step <= step]
        return fitting[-1] if fitting else None

    def _read_config(self) -> RunConfig:
        try:
            return self.folder.config()
        except InputError as trouble:
            self.trouble = trouble
            return RunConfig(recipe="", params={})

    def _follow(self) -> None:
        reader = _Reader(self.folder.events_path)
        while not self._stop.is_set():
            snapshot = reader.read()
            if snapshot is not None:
                # One batch in flight at a time: a busy window is told less often, never more.
                self._taken.wait()
                if self._stop.is_set():
                    return
                self._taken.clear()
                self._read.emit(snapshot)
                if snapshot.change.caught_up:
                    self._stop.wait(BATCH_S)
            else:
                self._stop.wait(IDLE_S if reader.state.phase in ENDED else BATCH_S)

    @Slot(object)
    def _take(self, snapshot: _Snapshot) -> None:
        change = snapshot.change
        self.state = snapshot.state
        if change.reset:
            self.metrics = {}
            self.artifacts = {}
        for name, series in snapshot.metrics.items():
            self.metrics.setdefault(name, {}).update(series)
        self.artifacts.update(snapshot.artifacts)
        self.log.extend(change.log)
        self.caught_up = change.caught_up
        self._taken.set()
        self.changed.emit(change)
