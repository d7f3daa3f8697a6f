"""A run's events gathered into what is shown of it: lines by metric, artifacts by slot, the log, the state.

The live view, the comparison of runs and every report read through this one reader.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.core import events as ev
from workbench.core.job import JobState, advance
from workbench.store.runfolder import EventTail

CHUNK_BYTES = 1 << 18

Floats = NDArray[np.float64]
Key = tuple[str, str]
"""A metric's name and the series in it."""


@dataclasses.dataclass(frozen=True)
class MetricTrack:
    """One line of a chart: steps, values (NaN where not a number) and times, each of shape (N,)."""

    steps: Floats
    values: Floats
    times: Floats

    def __len__(self) -> int:
        return len(self.steps)

    def until(self, step: int) -> MetricTrack:
        """The line as it stood at a step; later ones, also those of an attempt that was taken back, are left out."""
        kept = self.steps <= step
        return MetricTrack(self.steps[kept], self.values[kept], self.times[kept])


Tracks = dict[str, dict[str, MetricTrack]]
"""Lines by metric and series."""


@dataclasses.dataclass(frozen=True)
class Change:
    """What a batch of events touched; `reset` when earlier numbers were taken back."""

    metrics: frozenset[str] = frozenset()
    slots: frozenset[str] = frozenset()
    log: tuple[ev.Log, ...] = ()
    reset: bool = False
    caught_up: bool = True
    """False while an old run is still being read in."""
    damaged: int = 0
    """Lines that could not be read so far."""


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """What a batch changed, with every line and slot that it touched."""

    state: JobState
    metrics: Tracks
    artifacts: dict[str, list[ev.Artifact]]
    change: Change


class _Column:
    """Steps, values and times that grow without copying what readers already hold."""

    def __init__(self) -> None:
        self._room = np.empty((3, 256))
        self._used = 0

    def extend(self, events: list[ev.Metric]) -> None:
        end = self._used + len(events)
        if end > self._room.shape[1]:
            grown = np.empty((3, max(end, 2 * self._room.shape[1])))
            grown[:, : self._used] = self._room[:, : self._used]
            self._room = grown
        self._room[0, self._used : end] = [one.step for one in events]
        self._room[1, self._used : end] = [math.nan if one.value is None else one.value for one in events]
        self._room[2, self._used : end] = [one.t for one in events]
        self._used = end

    def drop_after(self, step: int) -> None:
        kept = self._room[:, : self._used]
        kept = kept[:, kept[0] <= step]
        self._used = kept.shape[1]
        self._room = np.concatenate([kept, np.empty((3, 256))], axis=1)

    def track(self) -> MetricTrack:
        return MetricTrack(*self._room[:, : self._used])


class RunReader:
    """Reads a run's event file from where it stopped last time; hands over immutable snapshots."""

    def __init__(self, path: Path) -> None:
        self.tail = EventTail(path)
        self.state = JobState()
        self.artifacts: dict[str, list[ev.Artifact]] = {}
        self._columns: dict[Key, _Column] = {}
        self._fresh: dict[Key, list[ev.Metric]] = {}

    def read(self, limit_bytes: int = CHUNK_BYTES) -> Snapshot | None:
        """The next batch, or None when nothing was written."""
        events = self.tail.read(limit_bytes) or self.tail.read()
        if not events:
            return None
        touched: dict[Key, None] = {}  # in the order in which lines first appear
        slots: set[str] = set()
        logs: list[ev.Log] = []
        reset = False
        for event in events:
            kind = type(event)  # nearly all are metrics: asking for the type once is what makes old runs open fast
            if kind is ev.Metric:
                self._fresh.setdefault((event.name, event.series), []).append(event)  # type: ignore[arg-type, union-attr]
            elif isinstance(event, ev.Artifact):
                self.artifacts.setdefault(event.slot, []).append(event)
                slots.add(event.slot)
            elif isinstance(event, ev.Log):
                logs.append(event)
            else:
                reset |= self._advance(event, touched)
        self._settle(touched)
        change = Change(
            metrics=frozenset(name for name, _ in (self._columns if reset else touched)),
            slots=frozenset(self.artifacts if reset else slots),
            log=tuple(logs),
            reset=reset,
            caught_up=self._at_end(),
            damaged=self.tail.damaged,
        )
        return Snapshot(self.state, self._tracks(touched, reset), self._copies(change.slots), change)

    def tracks(self) -> Tracks:
        """Every line as far as it has been read."""
        return self._tracks({}, reset=True)

    def _advance(self, event: ev.AnyEvent, touched: dict[Key, None]) -> bool:
        before, self.state = self.state, advance(self.state, event)
        if isinstance(event, ev.Resumed):
            return self._take_back(event.step, touched)
        if isinstance(event, ev.Started) and event.attempt > 1 and before.checkpoint_step < 0:
            return self._take_back(-1, touched)
        return False

    def _take_back(self, step: int, touched: dict[Key, None]) -> bool:
        """Numbers and pictures of steps after `step` are void: they will be written again."""
        self._settle(touched)
        for column in self._columns.values():
            column.drop_after(step)
        for slot, known in self.artifacts.items():
            self.artifacts[slot] = [one for one in known if one.step <= step]
        return True

    def _settle(self, touched: dict[Key, None]) -> None:
        for key, events in self._fresh.items():
            self._columns.setdefault(key, _Column()).extend(events)
        touched.update(dict.fromkeys(self._fresh))
        self._fresh = {}

    def _tracks(self, touched: dict[Key, None], reset: bool) -> Tracks:
        tracks: Tracks = {}
        for name, series in self._columns if reset else touched:
            tracks.setdefault(name, {})[series] = self._columns[name, series].track()
        return tracks

    def _copies(self, slots: frozenset[str]) -> dict[str, list[ev.Artifact]]:
        return {slot: list(self.artifacts[slot]) for slot in slots}

    def _at_end(self) -> bool:
        try:
            return self.tail.offset >= self.tail.path.stat().st_size
        except OSError:
            return True
