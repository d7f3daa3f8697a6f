"""Keeps a recipe's views at what its run says, a little at a time so that the window never stalls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from workbench.gui.side import Side
from workbench.gui.stage import Stage
from workbench.gui.timeline import Timeline
from workbench.store.runfolder import RunFolder

if TYPE_CHECKING:
    from workbench.gui.runmodel import Change, RunModel

PAINT_EVERY_MS = 33
PAINT_BUDGET_S = 0.006


class Showing(QObject):
    """One run on the stage: live, replayed or looked at step by step."""

    state_changed = Signal(object)
    """The run's JobState."""
    caught_up = Signal()

    def __init__(self, stage: Stage, side: Side, timeline: Timeline, parent: QObject) -> None:
        super().__init__(parent)
        self.model: RunModel | None = None
        self._stage, self._side, self._timeline = stage, side, timeline
        self._metrics: dict[str, None] = {}
        self._slots: dict[str, None] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAINT_EVERY_MS)
        self._timer.timeout.connect(self._paint)
        timeline.moved.connect(self._look_at)

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

    def close(self) -> None:
        """Stop reading the run shown."""
        if self.model is not None:
            self.model.changed.disconnect(self._take)
            self.model.close()
            self.model.deleteLater()
        self.model = None
        self._metrics.clear()
        self._slots.clear()

    def paint_all(self) -> None:
        """Draw everything that waits, now (for pictures of the window)."""
        while self._metrics or self._slots:
            self._paint_one()

    def _take(self, change: Change) -> None:
        model = self.model
        if model is None:
            return
        if change.reset:
            self._side.clear()
            self._side.log.show_lines(model.log)
        else:
            self._side.log.add_lines(change.log)
        self._metrics.update(dict.fromkeys(change.metrics))
        if self._timeline.step is None:
            self._slots.update(dict.fromkeys(change.slots))
        if change.slots or change.reset:
            self._timeline.set_steps(model.steps())
        self._timeline.set_running(model.alive)
        self.state_changed.emit(model.state)
        if change.caught_up:
            self.caught_up.emit()
        self._arm()

    def _look_at(self, step: int | None) -> None:
        if self.model is not None:
            self._slots.update(dict.fromkeys(self.model.artifacts))
            self._side.mark(step)
            self._arm()

    def _arm(self) -> None:
        if (self._metrics or self._slots) and not self._timer.isActive():
            self._timer.start()

    def _paint(self) -> None:
        began = time.perf_counter()
        while (self._metrics or self._slots) and time.perf_counter() - began < PAINT_BUDGET_S:
            self._paint_one()
        self._arm()

    def _paint_one(self) -> None:
        model = self.model
        if model is None:
            return
        if self._metrics:
            name = next(iter(self._metrics))
            del self._metrics[name]
            self._side.show_metric(model, name, self._timeline.step)
            return
        slot = next(iter(self._slots))
        del self._slots[slot]
        self._stage.show_slot(model, slot, self._timeline.step)
