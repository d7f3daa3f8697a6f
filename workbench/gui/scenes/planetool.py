"""Clip planes moved with the mouse: each has an arrow at its middle, and its outline in the scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen, QPolygonF

from workbench.core.scenes import ClipPlane
from workbench.gui.scenes.gizmo import AXIS_COLOURS, WHITE, on_axis, to_line
from workbench.gui.scenes.scene import Bounds, Scene
from workbench.gui.scenes.tools import Tool
from workbench.gui.theme import theme

if TYPE_CHECKING:
    from workbench.gui.scenes.canvas import SceneCanvas
    from workbench.gui.scenes.gaze import Gaze

ARM_PX, NEAR_PX = 60, 9
Vector = NDArray[np.float64]


class PlaneTool(Tool):
    """`moved` carries an axis and the scene coordinate that its plane is dragged to; elsewhere a drag navigates."""

    hint = "Drag the arrow of a clip plane"
    cursor = Qt.CursorShape.ArrowCursor
    moved = Signal(int, float)

    def __init__(self, canvas: SceneCanvas, scene: Scene, seen: Callable[[], Gaze]) -> None:
        super().__init__(canvas)
        self.scene, self.seen = scene, seen
        self.held = self.over = -1
        self._start = (0.0, 0.0)

    def planes(self) -> dict[int, ClipPlane]:
        """The planes that cut, by the axis that they lie across."""
        found = {}
        for one in self.scene.clips:
            axis = int(np.argmax(np.abs(one.normal)))
            if one.on and np.abs(one.normal).sum() <= abs(one.normal[axis]) * (1 + 1e-9):
                found[axis] = one
        return found

    def middle(self, axis: int, plane: ClipPlane, bounds: Bounds) -> Vector:
        """The middle of the part of a plane that lies in the scene."""
        found = np.asarray((bounds[0] + bounds[1]) / 2)
        found[axis] = plane.distance / plane.normal[axis]
        return found

    def arrow(self, axis: int, plane: ClipPlane, bounds: Bounds) -> Vector:
        """The two ends of an arrow, (2, 3); it points at what is kept."""
        middle, gaze = self.middle(axis, plane, bounds), self.seen()
        depth = float(gaze.project(middle[None])[0, 2])
        way = np.zeros(3)
        way[axis] = -np.sign(plane.normal[axis]) * gaze.pixel_size(depth) * theme().pixels(ARM_PX)
        return np.stack([middle, middle + way])

    def hit(self, at: QPointF) -> int:
        """The axis of the plane whose arrow is here; −1 for none."""
        bounds = self.scene.bounds()
        if bounds is None:
            return -1
        best, found = float(theme().pixels(NEAR_PX)), -1
        for axis, plane in self.planes().items():
            line = self.seen().project(self.arrow(axis, plane, bounds))
            away = to_line(np.array([at.x(), at.y()]), line[:, :2])
            if away < best:
                best, found = away, axis
        return found

    def press(self, event: QMouseEvent) -> bool:
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        self.held = self.hit(event.position())
        bounds = self.scene.bounds()
        if self.held < 0 or bounds is None:
            return False
        middle = self.middle(self.held, self.planes()[self.held], bounds)
        self._start = (float(middle[self.held]), self._along(event.position(), middle))
        self._middle = middle
        return True

    def move(self, event: QMouseEvent) -> bool:
        if self.held < 0:
            over = self.hit(event.position()) if event.buttons() == Qt.MouseButton.NoButton else -1
            if over != self.over:
                self.over = over
                self.canvas.update()
            return False
        first, along = self._start
        self.moved.emit(self.held, first + self._along(event.position(), self._middle) - along)
        return True

    def release(self, event: QMouseEvent) -> bool:
        if self.held < 0 or event.button() != Qt.MouseButton.LeftButton:
            return False
        self.held = -1
        self.canvas.update()
        return True

    def leave(self) -> None:
        self.held = self.over = -1
        self.canvas.update()

    def _along(self, at: QPointF, middle: Vector) -> float:
        start, along = self.seen().ray(at.x(), at.y())
        return on_axis(start, along, middle, np.eye(3)[self.held])

    def paint(self, painter: QPainter) -> None:
        bounds = self.scene.bounds()
        if bounds is None:
            return
        gaze = self.seen()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for axis, plane in self.planes().items():
            colour = QColor(WHITE if axis in (self.held, self.over) else AXIS_COLOURS[axis])
            line = gaze.project(self.outline(axis, plane, bounds))
            if np.isfinite(line).all():
                faint = QColor(colour)
                faint.setAlpha(22)
                painter.setPen(QPen(colour, 1.2, Qt.PenStyle.DashLine))
                painter.setBrush(faint)
                painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y, _ in line]))
            ends = gaze.project(self.arrow(axis, plane, bounds))
            if np.isfinite(ends).all():
                for ink, wide in ((QColor(0, 0, 0, 150), 4.5), (colour, 2.5)):
                    painter.setPen(QPen(ink, wide))
                    painter.drawLine(QPointF(*ends[0, :2]), QPointF(*ends[1, :2]))
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour)
                for end in ends:
                    painter.drawEllipse(QPointF(*end[:2]), theme().pixels(4), theme().pixels(4))

    def outline(self, axis: int, plane: ClipPlane, bounds: Bounds) -> Vector:
        """The corners of the part of a plane that lies in the scene, (4, 3)."""
        found = np.tile(self.middle(axis, plane, bounds), (4, 1))
        first, second = (axis + 1) % 3, (axis + 2) % 3
        found[:, first] = np.array(bounds)[[0, 1, 1, 0], first]
        found[:, second] = np.array(bounds)[[0, 0, 1, 1], second]
        return found
