"""Boxes drawn by hand: a drag lays the floor plan, the pointer then raises it, a click ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen

from workbench.core.scenes import Box
from workbench.gui.scenes.tools import Tool

if TYPE_CHECKING:
    from workbench.gui.scenes.canvas import SceneCanvas
    from workbench.gui.scenes.gaze import Gaze

INK = "#F0E442"
EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
LEAST_SHARE = 1e-3
"""Of the scene's reach: a smaller floor plan is a slip of the hand."""
Vector = NDArray[np.float64]


class BoxTool(Tool):
    """`drawn` carries a Box in scene coordinates."""

    hint = "Drag the floor plan of a box"
    RAISING = "Move up, then click"
    drawn = Signal(object)
    told = Signal(str)

    def __init__(
        self, canvas: SceneCanvas, seen: Callable[[], Gaze], floor: Callable[[float, float], float],
        reach: Callable[[], float],
    ) -> None:  # fmt: skip
        """`floor` is the height that a box stands on where a drag begins; `reach` is how large the scene is."""
        super().__init__(canvas)
        self.seen, self.floor, self.reach = seen, floor, reach
        self.first: Vector | None = None
        self.last: Vector | None = None
        self.height = 0.0
        self.raising = False
        self._from_y = 0.0

    def press(self, event: QMouseEvent) -> bool:
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        if self.raising:
            return True
        at = event.position()
        self.first = self.on_floor(at, self.floor(at.x(), at.y()))
        self.last = self.first
        return self.first is not None

    def move(self, event: QMouseEvent) -> bool:
        if self.first is None:
            return False
        if self.raising and self.last is not None:
            size = self.seen().pixel_size(float(self.seen().project(self.last[None])[0, 2]))
            self.height = max(0.0, (self._from_y - event.position().y()) * size)
        else:
            found = self.on_floor(event.position(), float(self.first[2]))
            self.last = found if found is not None else self.last
        self.canvas.update()
        return True

    def release(self, event: QMouseEvent) -> bool:
        if self.first is None or self.last is None or event.button() != Qt.MouseButton.LeftButton:
            return False
        wide = np.abs(self.last - self.first)[:2]
        if not self.raising:
            if wide.min() < self.reach() * LEAST_SHARE:
                self.leave()
                return True
            self.raising, self._from_y, self.height = True, event.position().y(), float(wide.min())
            self.told.emit(self.RAISING)
        elif self.height > 0:
            low, high = np.minimum(self.first, self.last), np.maximum(self.first, self.last)
            middle = (low + high) / 2
            box = Box(
                (float(middle[0]), float(middle[1]), float(self.first[2] + self.height / 2)),
                (float(wide[0]), float(wide[1]), self.height),
            )
            self.leave()
            self.drawn.emit(box)
        return True

    def leave(self) -> None:
        self.first = self.last = None
        self.raising, self.height = False, 0.0
        self.told.emit(self.hint)
        self.canvas.update()

    def on_floor(self, at: QPointF, height: float) -> Vector | None:
        """The place of a level plane under a point of the picture; None where the plane is not before the camera."""
        start, along = self.seen().ray(at.x(), at.y())
        if abs(along[2]) < 1e-9:
            return None
        far = (height - start[2]) / along[2]
        if far <= 0 and not self.seen().view.orthographic:
            return None
        return np.asarray(start + far * along)

    def paint(self, painter: QPainter) -> None:
        if self.first is None or self.last is None:
            return
        low, high = np.minimum(self.first, self.last), np.maximum(self.first, self.last)
        top = low[2] + self.height
        corners = np.array([
            (x, y, z) for z in (low[2], top)
            for x, y in ((low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1]))
        ])  # fmt: skip
        at = self.seen().project(corners)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(INK), 1.8))
        for a, b in EDGES if self.height else EDGES[:4]:
            if np.isfinite(at[[a, b]]).all():
                painter.drawLine(QPointF(*at[a, :2]), QPointF(*at[b, :2]))
