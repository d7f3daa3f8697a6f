"""A run as the window knows it: its events read off the GUI thread, told in batches.

Live view, replay and re-attachment are this one reader: it starts at the first event and goes on
for as long as the file grows.
"""

from __future__ import annotations

import threading

from PySide6.QtCore import QObject, Signal, Slot

from workbench.core import events as ev
from workbench.core.job import ENDED, JobState
from workbench.core.problem import InputError
from workbench.store.runfolder import RunConfig, RunFolder
from workbench.store.tracks import Change, MetricTrack, RunReader, Snapshot

__all__ = ["Change", "MetricTrack", "RunModel"]

BATCH_S = 0.05
IDLE_S = 0.5
_turns = threading.Semaphore(2)
"""Many runs are read at once in a comparison; more threads at work would only keep the window from its turn."""


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
        reader = RunReader(self.folder.events_path)
        while not self._stop.is_set():
            with _turns:
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
    def _take(self, snapshot: Snapshot) -> None:
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
