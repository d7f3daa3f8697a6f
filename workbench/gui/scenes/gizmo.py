"""Handles on what is chosen: arrows that move, rings that turn, a square that scales; drawn over the canvas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen, QPolygonF

from workbench.gui.scenes import placing
from workbench.gui.scenes.tools import Tool
from workbench.gui.theme import theme

if TYPE_CHECKING:
    from workbench.gui.scenes.canvas import SceneCanvas
    from workbench.gui.scenes.gaze import Gaze

ARM_PX, RING_PX, SQUARE_PX, NEAR_PX = 92, 66, 8, 8
RING_STEPS = 48
AXIS_COLOURS = ("#E5646E", "#5FBF77", "#5B9DFF")
WHITE = "#F3F5F8"
STEP_DEG = 5.0
"""Turns go in such steps while Ctrl is held."""
Vector = NDArray[np.float64]
Handle = tuple[Literal["move", "turn", "scale"], int]


class TransformTool(Tool):
    """`dragged` carries the change since the drag began, (4, 4) in scene coordinates; `finished` ends a drag."""

    hint = "Arrows move, rings turn (Ctrl: in steps of 5°), the square scales; Esc ends"
    dragged = Signal(object)
    finished = Signal()

    def __init__(
        self, canvas: SceneCanvas, seen: Callable[[], Gaze], middle: Callable[[], Vector | None],
        level: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """`middle` is the point that the handles stand at; where `level` says so, turns are about z only."""
        super().__init__(canvas)
        self.seen, self.middle, self.level = seen, middle, level
        self.over: Handle | None = None
        self.held: Handle | None = None
        self._start: tuple[Vector, float] = (np.zeros(3), 0.0)
        """Where the drag began: the middle, and the parameter of the handle."""
        self.change = np.eye(4)

    # Where handles are

    def reach(self, gaze: Gaze, middle: Vector) -> float:
        """How long an arm is in the scene, so that it is always as long in the picture."""
        depth = float(gaze.project(middle[None])[0, 2])
        return gaze.pixel_size(depth) * theme().pixels(ARM_PX)

    def ring(self, axis: int, middle: Vector, radius: float) -> Vector:
        """Points of the circle about an axis, (RING_STEPS + 1, 3)."""
        angles = np.linspace(0, 2 * math.pi, RING_STEPS + 1)
        found = np.zeros((len(angles), 3))
        found[:, (axis + 1) % 3], found[:, (axis + 2) % 3] = np.cos(angles) * radius, np.sin(angles) * radius
        return found + middle

    def rings(self) -> tuple[int, ...]:
        """The axes that can be turned about."""
        return (2,) if self.level() else (0, 1, 2)

    def hit(self, at: QPointF) -> Handle | None:
        """The handle under a point of the picture."""
        middle = self.middle()
        if middle is None:
            return None
        gaze, near = self.seen(), theme().pixels(NEAR_PX)
        reach, spot = self.reach(gaze, middle), np.array([at.x(), at.y()])
        centre = gaze.project(middle[None])[0]
        if not np.isfinite(centre).all() or centre[2] <= 0:
            return None
        if np.abs(spot - centre[:2]).max() <= near:
            return ("scale", 0)
        best: tuple[float, Handle | None] = (float(near), None)
        for axis in range(3):
            ends = gaze.project(middle + np.eye(3)[axis] * reach * np.array([[0.2], [1.0]]))[:, :2]
            away = to_line(spot, ends)
            if away < best[0]:
                best = (away, ("move", axis))
        for axis in self.rings():
            line = gaze.project(self.ring(axis, middle, reach * RING_PX / ARM_PX))[:, :2]
            away = to_line(spot, line)
            if away < best[0]:
                best = (away, ("turn", axis))
        return best[1]

    # Dragging

    def press(self, event: QMouseEvent) -> bool:
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        self.held, middle = self.hit(event.position()), self.middle()
        if self.held is None or middle is None:
            self.held = None
            return False
        self.change = np.eye(4)
        self._start = (middle.copy(), self._along(self.held, middle, event.position()))
        return True

    def move(self, event: QMouseEvent) -> bool:
        if self.held is None:
            over = self.hit(event.position()) if event.buttons() == Qt.MouseButton.NoButton else None
            if over != self.over:
                self.over = over
                self.canvas.update()
            return False
        middle, first = self._start
        now = self._along(self.held, middle, event.position())
        kind, axis = self.held
        if kind == "move":
            self.change = placing.shifted(np.eye(3)[axis] * (now - first))
        elif kind == "turn":
            angle = now - first
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                step = math.radians(STEP_DEG)
                angle = round(angle / step) * step
            self.change = placing.turned(np.eye(3)[axis], angle, middle)
        else:
            self.change = placing.scaled(max(now / max(first, 1e-9), 1e-3), middle)
        self.dragged.emit(self.change)
        return True

    def release(self, event: QMouseEvent) -> bool:
        if self.held is None or event.button() != Qt.MouseButton.LeftButton:
            return False
        self.held = None
        self.finished.emit()
        self.canvas.update()
        return True

    def leave(self) -> None:
        self.held = self.over = None
        self.canvas.update()

    def _along(self, handle: Handle, middle: Vector, at: QPointF) -> float:
        """The parameter of a handle under the pointer: a length along the axis, an angle, or pixels from the middle."""
        kind, axis = handle
        gaze = self.seen()
        centre = gaze.project(middle[None])[0]
        if kind == "scale":
            return math.hypot(at.x() - centre[0], at.y() - centre[1]) + theme().pixels(ARM_PX)
        start, along = gaze.ray(at.x(), at.y())
        if kind == "move":
            return on_axis(start, along, middle, np.eye(3)[axis])
        normal = np.eye(3)[axis]
        slope = float(along @ normal)
        if abs(slope) < 0.05 * float(np.linalg.norm(along)):  # the ring is seen from its edge
            return float(centre[0] - at.x()) / theme().pixels(RING_PX)
        reached = start + along * float((middle - start) @ normal) / slope - middle
        return math.atan2(float(reached[(axis + 2) % 3]), float(reached[(axis + 1) % 3]))

    # Drawing

    def paint(self, painter: QPainter) -> None:
        middle = self.middle()
        if middle is None:
            return
        gaze = self.seen()
        centre = gaze.project(middle[None])[0]
        if not np.isfinite(centre).all() or centre[2] <= 0:
            return
        reach = self.reach(gaze, middle)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lit = self.held or self.over
        for axis in self.rings():
            line = gaze.project(self.ring(axis, middle, reach * RING_PX / ARM_PX))
            self._stroke(painter, line, AXIS_COLOURS[axis], lit == ("turn", axis), 1.6)
        for axis in range(3):
            ends = gaze.project(middle + np.eye(3)[axis] * reach * np.array([[0.2], [1.0]]))
            self._stroke(painter, ends, AXIS_COLOURS[axis], lit == ("move", axis), 2.4)
            tip, size = QPointF(*ends[1, :2]), theme().pixels(5)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(WHITE if lit == ("move", axis) else AXIS_COLOURS[axis]))
            painter.drawEllipse(tip, size, size)
        side = theme().pixels(SQUARE_PX)
        painter.setPen(QPen(QColor(0, 0, 0, 160), 1))
        painter.setBrush(QColor(WHITE if lit and lit[0] == "scale" else "#98A2B3"))
        painter.drawRect(round(centre[0] - side / 2), round(centre[1] - side / 2), side, side)

    def _stroke(self, painter: QPainter, line: Vector, colour: str, lit: bool, wide: float) -> None:
        shape = QPolygonF([QPointF(x, y) for x, y, _ in line if math.isfinite(x + y)])
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for ink, more in ((QColor(0, 0, 0, 150), 2.0), (QColor(WHITE if lit else colour), 0.0)):
            painter.setPen(QPen(ink, wide + more))
            painter.drawPolyline(shape)


def on_axis(start: Vector, along: Vector, middle: Vector, axis: Vector) -> float:
    """Where on an axis through `middle` a line of sight comes nearest."""
    along = along / np.linalg.norm(along)
    across = float(along @ axis)
    apart = middle - start
    below = 1 - across * across
    if below < 1e-6:
        return 0.0
    return float((across * (along @ apart) - axis @ apart) / below)


def to_line(spot: Vector, line: Vector) -> float:
    """How far a point is from a line through points (N, 2), in pixels."""
    line = line[np.isfinite(line).all(axis=1)]
    if len(line) < 2:
        return math.inf
    starts, steps = line[:-1], np.diff(line, axis=0)
    size = np.maximum((steps**2).sum(axis=1), 1e-12)
    share = np.clip(((spot - starts) * steps).sum(axis=1) / size, 0, 1)
    return float(np.linalg.norm(starts + steps * share[:, None] - spot, axis=1).min())
