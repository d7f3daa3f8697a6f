"""How a slow picture is drawn without holding anything up: by what the last part cost, how large the next may be."""

from __future__ import annotations

import math

from PySide6.QtCore import QRect, QSize

BUDGET_S = 0.015
"""What one part may take; a turn of the event loop may take two, and a load beside doubles that."""
SIDES = (256, 128, 64, 32)
"""Smaller parts cost more in being begun than in being drawn: beside other work a picture would take for ever."""
FIRST_S = 20e-6
"""A pixel under software OpenGL, until one was measured."""
LEAST_PX = 48


class Cost:
    """What a pixel takes: the dearest of late."""

    def __init__(self, caution: float = 0.97) -> None:
        """`caution` is what is left of the dearest pixel's cost after each cheaper part.

        Parts of a picture differ: air costs a tenth of what tissue does, and may come before it.
        """
        self.pixel_s, self._caution = FIRST_S, caution

    def took(self, pixels: int, seconds: float) -> None:
        """Learn from a part that was drawn."""
        self.pixel_s = max(seconds / max(pixels, 1), self.pixel_s * self._caution)

    def doubt(self) -> None:
        """Something else is drawn now, which may cost more."""
        self.pixel_s *= 4

    def affordable(self) -> float:
        """Pixels that may be drawn at a time."""
        return BUDGET_S / self.pixel_s


def small(size: QSize, pixels: float) -> QSize:
    """A size of the same shape with about this many pixels, never larger than the whole."""
    whole = max(1, size.width() * size.height())
    share = min(1.0, max(math.sqrt(pixels / whole), LEAST_PX / max(size.width(), size.height(), 1)))
    return QSize(max(1, round(size.width() * share)), max(1, round(size.height() * share)))


def odd(size: QSize) -> QSize:
    """This size or a pixel more: a driver that compiles anew for powers of two has no reason to."""
    return QSize(max(3, size.width() | 1), max(3, size.height() | 1))


class Tiles:
    """The parts of a picture that are still to be drawn, from its middle outwards."""

    def __init__(self, size: QSize, cost: Cost) -> None:
        self.cost = cost
        self._left = [QRect(0, 0, size.width(), size.height())]
        self._middle = QRect(self._left[0]).center()
        self._whole_px = self._left_px = size.width() * size.height()
        self._split()

    def __len__(self) -> int:
        return len(self._left)

    def next(self) -> QRect:
        """The next part, small enough for what pixels cost now."""
        self._split()
        part = self._left.pop()
        self._left_px -= part.width() * part.height()
        return part

    @property
    def drawn(self) -> float:
        """The share of the picture that was handed out."""
        return 1.0 - self._left_px / max(self._whole_px, 1)

    def _split(self) -> None:
        """Cut what comes next, and with it all of its size, down to what can be afforded."""
        may = self.cost.affordable()
        side = next((one for one in SIDES if one * one <= may), SIDES[-1])
        last = self._left[-1]
        if last.width() <= side and last.height() <= side:
            return
        cut = [
            QRect(x, y, min(side, one.right() + 1 - x), min(side, one.bottom() + 1 - y))
            for one in self._left
            for y in range(one.y(), one.y() + one.height(), side)
            for x in range(one.x(), one.x() + one.width(), side)
        ]
        away = self._middle
        cut.sort(key=lambda one: -math.hypot(one.center().x() - away.x(), one.center().y() - away.y()))
        self._left = cut
