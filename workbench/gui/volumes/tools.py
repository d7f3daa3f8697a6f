"""What the mouse buttons do on a plane: move the crosshair, measure, paint, fill; one object for all planes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen

from workbench.gui.volumes.measures import POINTS, Kind, Measure
from workbench.gui.volumes.scene import Scene
from workbench.gui.volumes.shapes import Mask, dab, polygon
from workbench.gui.volumes.strokes import Box
from workbench.report.planes import Plane, Voxel, spacing_zyx_mm

if TYPE_CHECKING:
    from workbench.gui.volumes.canvas import PlaneCanvas

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
Place = tuple[float, float, float]


class Tool:
    """Does nothing; a tool overrides what it needs."""

    buttons: tuple[Qt.MouseButton, ...] = (LEFT,)
    follows = False
    """Whether it draws something at the pointer."""
    words = ""
    """What it does, in one line."""

    def press(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        """A button went down."""

    def drag(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        """The pointer moved with a button down."""

    def release(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        """The button went up."""

    def double(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        """A second click; the same as the first unless the tool says otherwise."""
        self.press(canvas, event)

    def hover(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        """The pointer moved with no button down."""

    def key(self, canvas: PlaneCanvas, event: QKeyEvent) -> bool:
        """A key; True when the tool took it."""
        return False

    def claims(self, event: QKeyEvent) -> bool:
        """Whether a key is this tool's even where an action has the same one."""
        return False

    def paint(self, canvas: PlaneCanvas, painter: QPainter) -> None:
        """Draw over the slice."""

    def leave(self) -> None:
        """Another tool is taken up."""


class Crosshair(Tool):
    """Click or drag: all planes go there."""

    words = "Click or drag moves the crosshair of all planes; right-drag sets window and level."

    def press(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        canvas.scene.go(canvas.to_place(event.position()))

    drag = press


class Measuring(Tool):
    """Rulers and regions by dragging, angles by three clicks."""

    follows = True

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._now: Measure | None = None
        self.words = {
            "ruler": "Drag along a length; Delete takes the last measure away.",
            "angle": "Click a leg's end, the corner, the other leg's end.",
            "roi": "Drag an ellipse: mean, deviation, range and area of the values in it.",
        }[kind]

    def press(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        self._add(canvas, canvas.to_place(event.position()))

    def _add(self, canvas: PlaneCanvas, place: Place) -> None:
        if self._now is None or (self._now.plane, self._now.index) != (canvas.name, canvas.index):
            self._now = Measure(self.kind, canvas.name, canvas.index, [place])
        else:
            self._now.points.append(place)
        self._settle(canvas.scene)

    def drag(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        if self._now is not None and POINTS[self.kind] == 2:
            self._now.points[1:] = [canvas.to_place(event.position())]
            canvas.update()

    def release(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        if self._now is not None and len(self._now.points) == 2 and POINTS[self.kind] == 2:
            self._settle(canvas.scene)

    def _settle(self, scene: Scene) -> None:
        if self._now is not None and self._now.whole:
            scene.measure(self._now)
            self._now = None

    def key(self, canvas: PlaneCanvas, event: QKeyEvent) -> bool:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):  # points at the crosshair, for hands without a mouse
            z, y, x = canvas.scene.cursor
            self._add(canvas, (float(z), float(y), float(x)))
            return True
        return False

    def paint(self, canvas: PlaneCanvas, painter: QPainter) -> None:
        from workbench.gui.volumes import marks

        if self._now is not None and (self._now.plane, self._now.index) == (canvas.name, canvas.index):
            marks.measure(painter, canvas, self._now)

    def leave(self) -> None:
        self._now = None


class Painting(Tool):
    """What editing tools share: strokes on the scene's labels, the right button takes away."""

    buttons = (LEFT, RIGHT)

    def __init__(self, scene: Scene, *, able: Callable[[], bool] = lambda: True) -> None:
        """`able` says whether the labels may be painted on now."""
        self.scene, self._able = scene, able
        self.threshold: tuple[float, float] | None = None
        """Only voxels with values of the first volume in this range are painted."""

    @property
    def ready(self) -> bool:
        """Whether there are labels that may be painted on."""
        return self.scene.labels is not None and self._able()

    def lay(self, box: Box, mask: Mask, *, erase: bool) -> None:
        """Put a shape on the labels as part of the stroke under way."""
        labels = self.scene.labels
        if labels is None or not mask.size:
            return
        if self.threshold is not None and self.scene.layers and not erase:
            values = self.scene.layers[0].array[box]
            mask = mask & (values >= self.threshold[0]) & (values <= self.threshold[1])
        labels.put(box, mask, 0 if erase else None)


class Brush(Painting):
    """A disc in its slice, or a sphere; sizes in millimetres of the patient."""

    follows = True
    words = "Paint; the right button erases the active label. [ and ] set the size."

    def __init__(self, scene: Scene, *, erases: bool = False, able: Callable[[], bool] = lambda: True) -> None:
        super().__init__(scene, able=able)
        self.erases = erases
        self.radius_mm = 4.0
        self.sphere = False
        self._last: Place | None = None
        if erases:
            self.words = "Erase the active label. [ and ] set the size."

    def press(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        if self.ready and self.scene.labels is not None:
            self.scene.labels.stroke()
            self._last = canvas.to_place(event.position())
            self._dab(canvas.plane, self._last, self._last, event.button())

    def drag(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        if self._last is not None:
            place = canvas.to_place(event.position())
            button = RIGHT if event.buttons() & RIGHT else LEFT
            self._dab(canvas.plane, self._last, place, button)
            self._last = place

    def release(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        if self._last is not None and self.scene.labels is not None:
            self._last = None
            erased = self.erases or event.button() == RIGHT
            self.scene.labels.finish("erase" if erased else "brush stroke")

    def key(self, canvas: PlaneCanvas, event: QKeyEvent) -> bool:
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) or not self.ready or self.scene.labels is None:
            return False
        z, y, x = (float(one) for one in self.scene.cursor)
        erase = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self.scene.labels.stroke()
        self._dab(canvas.plane, (z, y, x), (z, y, x), RIGHT if erase else LEFT)
        self.scene.labels.finish("erase" if erase or self.erases else "brush stroke")
        return True

    def _dab(self, plane: Plane, start: Place, end: Place, button: Qt.MouseButton) -> None:
        box, mask = dab(
            start, end, radius_mm=self.radius_mm, spacing_mm=spacing_zyx_mm(self.scene.geometry),
            shape=self.scene.shape, flat=None if self.sphere else plane.across,
        )  # fmt: skip
        self.lay(box, mask, erase=self.erases or button == RIGHT)

    def paint(self, canvas: PlaneCanvas, painter: QPainter) -> None:
        if canvas.hovered is None or self.scene.labels is None:
            return
        colour = QColor("#FFFFFF") if self.erases else self.scene.labels.colour(self.scene.labels.active)
        radius = self.radius_mm * canvas.pixels_per_mm
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen in (QPen(QColor(0, 0, 0, 160), 3), QPen(colour, 1.5)):
            painter.setPen(pen)
            painter.drawEllipse(canvas.hovered, radius, radius)

    def resize(self, by: int) -> None:
        """A step larger or smaller, between 0.5 and 100 mm."""
        self.radius_mm = min(max(round(self.radius_mm * 1.25**by, 2), 0.5), 100.0)

    def leave(self) -> None:
        if self._last is not None and self.scene.labels is not None:
            self.scene.labels.finish("brush stroke")
        self._last = None


class Lasso(Painting):
    """Drag around an area, or click its corners; a double click, Return or the first corner closes it."""

    follows = True
    words = (
        "Drag around an area, or click its corners and double-click; the right button takes away. "
        "By keys: '.' sets a corner at the crosshair, Return fills, Shift+Return takes away."
    )

    def __init__(self, scene: Scene, *, able: Callable[[], bool] = lambda: True) -> None:
        super().__init__(scene, able=able)
        self._points: list[tuple[float, float]] = []
        self._on: tuple[str, int] = ("", -1)
        self._erase = self._free = False

    def press(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        if not self.ready:
            return
        self._begin(canvas, erase=event.button() == RIGHT)
        near = canvas.to_screen(*self._points[0]) - event.position() if len(self._points) > 2 else QPointF(99, 99)
        if math.hypot(near.x(), near.y()) < 8:
            self.close(canvas)
        else:
            self._points.append(canvas.to_point(event.position()))
        canvas.update()

    def _begin(self, canvas: PlaneCanvas, *, erase: bool = False) -> None:
        """Another slice begins another line."""
        if self._on != (canvas.name, canvas.index):
            self._points, self._on = [], (canvas.name, canvas.index)
        if not self._points:
            self._erase = erase
        self._free = False

    def drag(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        if not self._points:
            return
        last = canvas.to_screen(*self._points[-1]) - event.position()
        if math.hypot(last.x(), last.y()) >= 3:
            self._free = True
            self._points.append(canvas.to_point(event.position()))

    def release(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        if self._free:
            self.close(canvas)

    def double(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        self.close(canvas)

    def key(self, canvas: PlaneCanvas, event: QKeyEvent) -> bool:
        if event.key() == Qt.Key.Key_Period and self.ready:  # a corner at the crosshair, for hands without a mouse
            self._begin(canvas)
            self._points.append(canvas.plane.point(self.scene.cursor, self.scene.shape))
            return True
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and len(self._points) > 2:
            self._erase = self._erase or bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.close(canvas)
            return True
        if event.key() == Qt.Key.Key_Backspace and self._points:
            self._points.pop()
            return True
        if event.key() == Qt.Key.Key_Escape and self._points:
            self._points = []
            return True
        return False

    def close(self, canvas: PlaneCanvas) -> None:
        """Fill what the line encloses."""
        points, self._points, self._free = self._points, [], False
        if len(points) > 2 and self.ready and self.scene.labels is not None:
            self.scene.labels.stroke()
            self.lay(*polygon(points, canvas.plane, canvas.index, self.scene.shape), erase=self._erase)
            self.scene.labels.finish("erase in the lasso" if self._erase else "lasso")
        canvas.update()

    def paint(self, canvas: PlaneCanvas, painter: QPainter) -> None:
        if self._points and self._on == (canvas.name, canvas.index):
            line = [canvas.to_screen(*one) for one in self._points]
            if canvas.hovered is not None:
                line.append(canvas.hovered)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for pen in (QPen(QColor(0, 0, 0, 160), 3), QPen(QColor("#F0E442"), 1.5)):
                painter.setPen(pen)
                painter.drawPolyline(line)

    def leave(self) -> None:
        self._points = []


class Fill(Painting):
    """Click: what is connected and alike gets the active label; the growing is done by who listens."""

    words = "Click: connected voxels of like values get the label; the right button takes it away."

    def __init__(
        self, scene: Scene, grow: Callable[[Voxel, Plane, bool], object], *, able: Callable[[], bool] = lambda: True
    ) -> None:
        """`grow` is called with a seed, its plane and whether to erase."""
        super().__init__(scene, able=able)
        self._grow = grow

    def press(self, canvas: PlaneCanvas, event: QMouseEvent) -> None:
        seed = canvas.voxel_at(event.position())
        if self.ready and seed is not None:
            self._grow(seed, canvas.plane, event.button() == RIGHT)

    def key(self, canvas: PlaneCanvas, event: QKeyEvent) -> bool:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.ready:
            self._grow(canvas.scene.cursor, canvas.plane, bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
            return True
        return False
