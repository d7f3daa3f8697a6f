"""Keeps a recipe's views at what its run says, a little at a time so that the window never stalls."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from workbench.gui.side import Side
from workbench.gui.stage import Stage
from workbench.gui.timeline import Timeline
from workbench.store.runfolder import RunFolder

if TYPE_CHECKING:
    from workbench.gui.runmodel import Change, RunModel

PAINT_EVERY_MS = 33
"""One thing is drawn at a time: its repaint then falls into a turn of the event loop of its own."""
AGAIN_AFTER_S = 0.2
"""The same thing is drawn anew no more than five times a second, however fast its numbers come."""

Thing = tuple[str, str]
"""'metric' or 'slot', and its name."""


class Showing(QObject):
    """One run on the stage: live, replayed or looked at step by step."""

    state_changed = Signal(object)
    """The run's JobState."""
    caught_up = Signal()
    nothing_to_play = Signal()

    def __init__(self, stage: Stage, side: Side, timeline: Timeline, parent: QObject) -> None:
        super().__init__(parent)
        self.model: RunModel | None = None
        self._stage, self._side, self._timeline = stage, side, timeline
        self._replay = False
        self._waiting: dict[Thing, None] = {}
        self._painted: dict[Thing, float] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAINT_EVERY_MS)
        self._timer.timeout.connect(self._paint)
        timeline.moved.connect(self._look_at)
        timeline.stopped.connect(self._play_ended)

    def show_run(self, folder: RunFolder) -> RunModel:
        """Show another run from its first event on."""
        self.close()
        self._stage.clear()
        self._side.clear()
        self._timeline.reset()
        from workbench.gui.runmodel import RunModel  # numpy waits until there is something to count

        self.model = RunModel(folder, parent=self)
        self.model.changed.connect(self._take)
        self.model.start()
        return self.model

    def replay(self) -> None:
        """Play the run shown from its first step on, as soon as all of it has been read."""
        self._replay = True
        if self.model is not None and self.model.caught_up:
            self._play()

    def _play(self) -> None:
        self._replay = False
        if not self._timeline.play():
            self.nothing_to_play.emit()

    def close(self) -> None:
        """Stop reading the run shown."""
        self._replay = False
        if self.model is not None:
            self.model.changed.disconnect(self._take)
            self.model.close()
            self.model.deleteLater()
        self.model = None
        self._waiting.clear()
        self._painted.clear()

    def paint_all(self) -> None:
        """Draw everything that waits, now (for pictures of the window)."""
        while self._waiting:
            self._paint_one(next(iter(self._waiting)))

    def _take(self, change: Change) -> None:
        model = self.model
        if model is None:
            return
        if change.reset:
            self._side.clear()
            self._side.log.show_lines(model.log)
        else:
            self._side.log.add_lines(change.log)
        self._want("metric", change.metrics)
        if self._timeline.step is None:
            self._want("slot", change.slots)
        if change.slots or change.reset:
            self._timeline.set_steps(model.steps())
        self._timeline.set_running(model.alive)
        self.state_changed.emit(model.state)
        if change.caught_up:
            self.caught_up.emit()
            if self._replay:
                self._play()
        self._arm()

    def _look_at(self, step: int | None) -> None:
        if self.model is not None:
            self._want("slot", self.model.artifacts)
            self._painted.clear()
            self._side.mark(step)
            if self._timeline.playing:
                self._want("metric", self.model.metrics)
            self._arm()

    def _play_ended(self) -> None:
        """Back to whole curves, with the mark where the slider stands."""
        if self.model is not None:
            self._want("metric", self.model.metrics)
            self._painted.clear()
            self._arm()

    def _want(self, kind: str, names: Iterable[str]) -> None:
        self._waiting.update(dict.fromkeys((kind, name) for name in names))

    def _arm(self) -> None:
        if self._waiting and not self._timer.isActive():
            self._timer.start()

    def _paint(self) -> None:
        now = time.monotonic()
        due = [thing for thing in self._waiting if now - self._painted.get(thing, 0.0) >= AGAIN_AFTER_S]
        if due:
            self._paint_one(due[0])
        self._arm()

    def _paint_one(self, thing: Thing) -> None:
        self._waiting.pop(thing, None)
        self._painted[thing] = time.monotonic()
        if self.model is None:
            return
        kind, name = thing
        if kind == "metric":
            at = self._timeline.step
            self._side.show_metric(self.model, name, at, until=at if self._timeline.playing else None)
        else:
            self._stage.show_slot(self.model, name, self._timeline.step)
