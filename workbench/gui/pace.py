"""How long the window's event loop was away: the honest measure of a smooth window."""

from __future__ import annotations

import time
from collections import deque

from PySide6.QtCore import QObject, Qt, QTimer, Signal

TICK_MS = 20
WINDOW_TICKS = 100


class Pace(QObject):
    """Beats fifty times a second and tells, every two seconds, how late the worst beat was."""

    measured = Signal(float)
    """Milliseconds by which the worst of the last beats was late."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._late: deque[float] = deque(maxlen=WINDOW_TICKS)
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        """Begin to measure."""
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        """Stop measuring (while the window is not seen)."""
        self._timer.stop()
        self._late.clear()

    def _beat(self) -> None:
        now = time.perf_counter()
        self._late.append(max(0.0, (now - self._last) * 1000 - TICK_MS))
        self._last = now
        if len(self._late) == WINDOW_TICKS:
            self.measured.emit(max(self._late))
            self._late.clear()
