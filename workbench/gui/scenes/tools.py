"""Tools that take the mouse on the canvas before navigation does: a rectangle, an outline, a brush, clicks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPainterPath, QPen, QPolygonF

from workbench.gui.scenes.selecting import How, Mask, mask_of, region_of
from workbench.gui.theme import theme

if TYPE_CHECKING:
    from workbench.gui.scenes.canvas import SceneCanvas

LEAST_BRUSH_PX, MOST_BRUSH_PX = 4.0, 200.0
CLICK_PX = 4.0
INKS: Mapping[How, str] = {"replace": "#5B9DFF", "add": "#3FB68B", "subtract": "#E5646E"}
"""On black, as the canvas is in both themes."""
TAKEN_ALPHA = 190
"""Of what a region takes, while it is drawn."""
FADED_ALPHA = 190
"""Of the black over what is selected, while a region is drawn that takes its place."""


class Tool(QObject):
    """What the canvas asks first; a handler that returns False leaves the event to navigation."""

    hint = ""
    """What to do now, in a line."""
    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, canvas: SceneCanvas) -> None:
        super().__init__(canvas)
        self.canvas = canvas

    def press(self, event: QMouseEvent) -> bool:
        """A button went down."""
        return False

    def move(self, event: QMouseEvent) -> bool:
        """The pointer moved, with or without a button."""
        return False

    def release(self, event: QMouseEvent) -> bool:
        """A button came up."""
        return False

    def paint(self, painter: QPainter) -> None:
        """Over the picture."""

    def leave(self) -> None:
        """Another tool takes its place: let go of what is half done."""


def how_of(event: QMouseEvent) -> How:
    """Shift adds, Alt or Ctrl takes away."""
    held = event.modifiers()
    if held & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ControlModifier):
        return "subtract"
    return "add" if held & Qt.KeyboardModifier.ShiftModifier else "replace"


class RegionTool(Tool):
    """A drag draws a region of the picture; `drawn` carries its pixels (h, w), in the canvas's size, and how.

    What is seen in it of the nodes that `takes` names has the tool's colour meanwhile; what was selected fades where
    the region takes its place.
    """

    drawn = Signal(object, str)

    def __init__(self, canvas: SceneCanvas, takes: Callable[[], set[str]] = set) -> None:
        super().__init__(canvas)
        self.path: list[QPointF] = []
        self.how: How = "replace"
        self._takes = takes
        self._seen: QImage | None = None
        self._lit: QImage | None = None
        self._strokes = 0

    def press(self, event: QMouseEvent) -> bool:
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        self.how, self.path = how_of(event), [event.position()]
        self._seen = self._lit = None
        self._strokes += 1
        stroke = self._strokes
        self.canvas.where(self._takes(), lambda where: self._take(stroke, where))
        if self.how == "replace" and self.canvas.scene.selection:
            self.canvas.lit(lambda where: self._fade(stroke, where))
        self.canvas.update()
        return True

    def _take(self, stroke: int, where: Mask) -> None:
        if stroke == self._strokes:
            self._seen = mask_of(where)
            self._seen.setDevicePixelRatio(self.canvas.ratio)
            self.canvas.update()

    def _fade(self, stroke: int, where: Mask) -> None:
        if stroke == self._strokes:
            self._lit = mask_of(where, FADED_ALPHA)
            self._lit.setDevicePixelRatio(self.canvas.ratio)
            self.canvas.update()

    def move(self, event: QMouseEvent) -> bool:
        if not self.path:
            return False
        self.path.append(event.position())
        self.canvas.update()
        return True

    def release(self, event: QMouseEvent) -> bool:
        if not self.path or event.button() != Qt.MouseButton.LeftButton:
            return bool(self.path)
        self.path.append(event.position())
        region = self.region()
        self.path = []
        self.canvas.update()
        if region is not None:
            self.drawn.emit(region, self.how)
        return True

    def leave(self) -> None:
        self.path = []
        self.canvas.update()

    def region(self) -> Mask | None:
        """The pixels of what is drawn; None where it was but a click."""
        picture = QImage(self.canvas.size(), QImage.Format.Format_Grayscale8)
        picture.fill(0)
        painter = QPainter(picture)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(Qt.GlobalColor.white)
        self.fill(painter)
        painter.end()
        return region_of(picture)

    def fill(self, painter: QPainter) -> None:
        """Fill the region with the painter's brush."""
        raise NotImplementedError

    def paint(self, painter: QPainter) -> None:
        if not self.path:
            return
        if self._lit is not None:
            painter.drawImage(0, 0, self._lit)
        colour = QColor(INKS[self.how])
        painter.setPen(QPen(colour, 1.5, Qt.PenStyle.DashLine))
        faint = QColor(colour)
        faint.setAlpha(40)
        painter.setBrush(faint)
        self.fill(painter)
        if self._seen is not None:
            painter.drawImage(0, 0, self.taken(self._seen))

    def taken(self, seen: QImage) -> QImage:
        """What of `seen` (Format_Alpha8) is in the region, in the tool's colour."""
        found = QImage(seen.size(), QImage.Format.Format_ARGB32_Premultiplied)
        found.setDevicePixelRatio(seen.devicePixelRatio())
        found.fill(0)
        colour = QColor(INKS[self.how])
        colour.setAlpha(TAKEN_ALPHA)
        painter = QPainter(found)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        self.fill(painter)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.drawImage(0, 0, seen)
        painter.end()
        return found


class RectangleTool(RegionTool):
    """From corner to corner."""

    hint = "Drag a rectangle; Shift adds, Alt takes away"

    def fill(self, painter: QPainter) -> None:
        painter.drawRect(QRectF(self.path[0], self.path[-1]).normalized())


class LassoTool(RegionTool):
    """Around, by hand."""

    hint = "Draw around what to select; Shift adds, Alt takes away"

    def fill(self, painter: QPainter) -> None:
        painter.drawPolygon(QPolygonF(self.path))


class BrushTool(RegionTool):
    """What comes under a disc."""

    hint = "Paint over what to select; Shift adds, Alt takes away, [ and ] size the brush"

    def __init__(self, canvas: SceneCanvas, takes: Callable[[], set[str]] = set) -> None:
        super().__init__(canvas, takes)
        self.radius_px = 24.0
        self._at: QPointF | None = None

    def resize(self, factor: float) -> None:
        """A larger or smaller disc."""
        self.radius_px = min(max(self.radius_px * factor, LEAST_BRUSH_PX), MOST_BRUSH_PX)
        self.canvas.update()

    def move(self, event: QMouseEvent) -> bool:
        self._at = event.position()
        self.canvas.update()
        return super().move(event)

    def fill(self, painter: QPainter) -> None:
        path = QPainterPath(self.path[0])
        for one in self.path[1:] or [self.path[0] + QPointF(0.01, 0)]:
            path.lineTo(one)
        brush = painter.brush()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        pen = QPen(brush, 2 * self.radius_px)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.drawPath(path)

    def paint(self, painter: QPainter) -> None:
        super().paint(painter)
        if self._at is not None:
            painter.setPen(QPen(QColor("#FFFFFF"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(self._at, self.radius_px, self.radius_px)

    def leave(self) -> None:
        self._at = None
        super().leave()


class ClickTool(Tool):
    """Clicks are taken, drags navigate; `clicked` carries where (x, y)."""

    clicked = Signal(float, float)

    def __init__(self, canvas: SceneCanvas) -> None:
        super().__init__(canvas)
        self.at: QPointF | None = None
        self._down: QPointF | None = None

    def press(self, event: QMouseEvent) -> bool:
        self._down = event.position() if event.button() == Qt.MouseButton.LeftButton else None
        return False

    def move(self, event: QMouseEvent) -> bool:
        self.at = event.position()
        self.canvas.update()
        return False

    def release(self, event: QMouseEvent) -> bool:
        down, self._down = self._down, None
        if down is not None and (event.position() - down).manhattanLength() <= theme().pixels(round(CLICK_PX)):
            self.clicked.emit(event.position().x(), event.position().y())
            return True
        return False

    def leave(self) -> None:
        self.at = self._down = None
        self.canvas.update()
