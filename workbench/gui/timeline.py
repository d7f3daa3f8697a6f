"""The time slider: every step at which something was written, and 'live' at the right end."""

from __future__ import annotations

import bisect
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QWidget

from workbench.core.words import spaced
from workbench.gui.buttons import show_icon, tool_button
from workbench.gui.theme import theme

PLAYED_WITHIN_MS, QUICKEST_MS, SLOWEST_MS = 12_000, 60, 600
"""A run is played in about this time, each stop shown no shorter and no longer than these."""


class Timeline(QWidget):
    """Positions are stops, not steps: each notch shows something new."""

    moved = Signal(object)
    """The step to show, or None for the newest."""
    stopped = Signal()
    """The run is no longer being played."""

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[int] = []
        self._live = True
        self.words: Callable[[int], str] = lambda step: f"step {spaced(step)}"
        self._label = QLabel("no pictures yet")
        self._label.setProperty("role", "dim")
        self._label.setMinimumWidth(theme().pixels(104))
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName("Time in the run")
        self._slider.setToolTip("Look at an earlier step (arrow keys; End returns to the newest)")
        self._slider.setEnabled(False)
        self._slider.setRange(-1, 0)
        self._slider.setValue(0)
        self._slider.valueChanged.connect(self._slid)
        self._end = QPushButton("live")
        self._end.setProperty("role", "flat")
        self._end.setToolTip("Follow the newest step")
        self._end.clicked.connect(self.follow)
        self._slider.sliderPressed.connect(self.stop)
        self._playing = QTimer(self)
        self._playing.timeout.connect(self._play_on)
        self._play = tool_button("mdi6.play", "Play the run from its first step", self._play_or_stop)
        theme().follow(self._play, lambda: show_icon(self._play, self._picture()))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme().pixels(8))
        row.addWidget(self._play)
        row.addWidget(self._label)
        row.addWidget(self._slider, 1)
        row.addWidget(self._end)
        self._describe()

    @property
    def step(self) -> int | None:
        """The step being looked at; None while following the newest."""
        return None if self._live or not self._steps else self._steps[self._slider.value()]

    def set_running(self, running: bool) -> None:
        """Whether more is to come: the right end is then called 'live'."""
        self._end.setText("live" if running else "end")

    @property
    def playing(self) -> bool:
        """Whether the run is being played."""
        return self._playing.isActive()

    def play(self) -> bool:
        """Show one stop after the other from the first on; False where there is nothing to play."""
        if len(self._steps) < 2:
            return False
        self._playing.start(min(max(PLAYED_WITHIN_MS // len(self._steps), QUICKEST_MS), SLOWEST_MS))
        if self._slider.value() == 0:
            self._slid(0)
        self._slider.setValue(0)
        self._describe()
        return True

    def stop(self) -> None:
        """Stay at the stop that is shown."""
        played = self.playing
        self._playing.stop()
        self._describe()
        if played:
            self.stopped.emit()

    def reset(self) -> None:
        """No stops, at the right end: another run is about to be shown."""
        self._playing.stop()
        self._live = True
        self.set_steps([])

    def set_steps(self, steps: list[int]) -> None:
        """Tell the stops; the place being looked at is kept."""
        held = self.step
        if steps == self._steps:
            return
        self._steps = steps
        blocked = self._slider.blockSignals(True)
        self._slider.setEnabled(len(steps) > 1)
        # A single stop stands at the right end, where 'live' is.
        self._slider.setRange(0 if len(steps) > 1 else -1, max(0, len(steps) - 1))
        last = max(0, len(steps) - 1)
        self._slider.setValue(last if held is None else min(last, bisect.bisect_left(steps, held)))
        self._slider.blockSignals(blocked)
        self._describe()

    def look_at(self, step: int) -> None:
        """Go to the last stop at or before a step."""
        self._slider.setValue(max(0, bisect.bisect_right(self._steps, step) - 1))

    def follow(self) -> None:
        """Go to the right end and stay there."""
        self.stop()
        self._live = True
        self._slider.setValue(self._slider.maximum())
        self._describe()
        self.moved.emit(None)

    def _picture(self) -> str:
        return "mdi6.pause" if self.playing else "mdi6.play"

    def _play_or_stop(self) -> None:
        if self.playing:
            self.stop()
        else:
            self.play()

    def _play_on(self) -> None:
        self._slider.setValue(self._slider.value() + 1)
        if self._slider.value() == self._slider.maximum():
            self.stop()

    def _slid(self, position: int) -> None:
        self._live = position == self._slider.maximum()
        self._describe()
        self.moved.emit(self.step)

    def _describe(self) -> None:
        tip = "Stop at this step" if self.playing else "Play the run from its first step"
        if self._play.toolTip() != tip:
            self._play.setToolTip(tip)
            self._play.setAccessibleName(tip)
            show_icon(self._play, self._picture())
        self._play.setEnabled(len(self._steps) > 1)
        if not self._steps:
            self._label.setText("no pictures yet")
            self._end.setEnabled(False)
            return
        shown = self._steps[-1] if self._live else self._steps[self._slider.value()]
        self._label.setText(self.words(shown))
        self._end.setEnabled(not self._live)
