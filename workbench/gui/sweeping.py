"""Collects garbage between frames, on the GUI thread, instead of in the middle of one.

Python's own full collection looks at every object of the process: 60 to 200 ms here, several frames
long, whenever allocation happens to call for it – also on a reading thread, where a Qt object must
not be destroyed. The window turns it off and sweeps by itself: the young often, which costs next to
nothing, and what has survived for a while rarely. Survivors are then frozen, so that no sweep looks
at them again until nobody is looking at the window.
"""

from __future__ import annotations

import gc
import time

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication

SWEEP_EVERY_MS = 250
MIDDLE_EVERY, OLD_EVERY = 8, 120
"""Sweeps of the young between two of the middle-aged, and between two of the old."""
WHOLE_EVERY_S = 600.0
"""What was frozen is looked at so often at most, and only in a window that nobody works in."""


class Sweeper(QObject):
    """Takes the collection of garbage over from Python, for the rest of the process."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._turn, self._whole_at = 0, time.monotonic()
        self._timer = QTimer(self)
        self._timer.setInterval(SWEEP_EVERY_MS)
        self._timer.timeout.connect(self.sweep)

    def start(self) -> None:
        """From now on only `sweep` collects; what is there now counts as lasting.

        It is not given back: threads that outlive the window would collect what is left of it.
        """
        gc.disable()
        gc.freeze()
        self._timer.start()

    def sweep(self) -> None:
        """Collect the generation whose turn it is."""
        self._turn += 1
        if self._turn % OLD_EVERY == 0:
            self._sweep_old()
        else:
            gc.collect(1 if self._turn % MIDDLE_EVERY == 0 else 0)

    def _sweep_old(self) -> None:
        if time.monotonic() - self._whole_at >= WHOLE_EVERY_S and _nobody_looks():
            self._whole_at = time.monotonic()
            gc.unfreeze()
        gc.collect()
        gc.freeze()


def _nobody_looks() -> bool:
    return QGuiApplication.applicationState() != Qt.ApplicationState.ApplicationActive
