"""The map itself: a widget that paints points, is zoomed and panned, and draws a lasso."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from workbench.gui.theme import Tokens, theme
from workbench.gui.views import naming, palette
from workbench.gui.views.legend import paint_symbol
from workbench.gui.views.mapaxes import Axes
from workbench.gui.views.marks import paint_focus
from workbench.gui.views.splat import splat, within
from workbench.gui.views.words import small, wrapped

_MARGIN_PX = 18
_REACH_PX = 9
_MOST_NAMES = 40


@dataclasses.dataclass
class Groups:
    """Each point's group (N,), and the groups' names, colours and symbols; from group `front` on drawn on top."""

    numbers: NDArray[np.int64]
    names: list[str]
    colours: list[QColor]
    symbols: list[str]
    named: bool = True
    front: int = -1


class PointMap(QWidget):
    """Left drag: lasso; right, middle or Shift drag: move; wheel: zoom; double click: everything.

    Signal `enclosed` carries the chosen points' positions, (K,) int64.
    """

    enclosed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens: Tokens = theme().now
        self.points: NDArray[np.float64] = np.zeros((0, 2))
        self.groups = Groups(np.zeros(0, np.int64), [], [], [])
        self.selected: NDArray[np.int64] = np.zeros(0, np.int64)
        self.describe: Callable[[int], str] = str
        self.alone = -1
        self.zoom = 1.0
        self.axes: Axes | None = None
        """What the directions measure, where they do; each then has a scale of its own."""
        self._stretch = np.ones(2)
        self.middle = np.zeros(2)
        self._fitted = True
        self._order: NDArray[np.int64] = np.zeros(0, np.int64)
        self._image: QImage | None = None
        self._lasso: list[QPointF] = []
        self._grip: QPointF | None = None
        self._pointed = -1
        self._anchors: list[tuple[int, NDArray[np.float64]]] = []
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setAccessibleName("Map of points; arrow keys move it, plus and minus zoom, Ctrl+A and Enter list points")

    # Content

    def show_points(self, points: NDArray[np.float64]) -> None:
        """Show points (N, 2); points that are not numbers are left out of the picture."""
        self.points = points
        self._order = np.random.default_rng(0).permutation(len(points))
        self.selected = np.zeros(0, np.int64)
        self._pointed = -1
        if self._fitted:
            self._fit()
        self._redraw()

    def set_groups(self, groups: Groups) -> None:
        """Colour the points by these groups."""
        if groups.names != self.groups.names:
            self.alone = -1
        self.groups = groups
        if len(groups.numbers) == len(self.points):
            self._anchors = naming.anchors(self.points, groups.numbers, len(groups.names)) if groups.named else []
        self._redraw()

    def single_out(self, group: int) -> None:
        """Show one group in full colour and the others pale; −1 shows all alike."""
        self.alone = group
        self._redraw()

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self.tokens = now
        self._redraw()

    def select(self, positions: NDArray[np.int64]) -> None:
        """Mark points and tell which."""
        self.selected = positions
        self.update()
        self.enclosed.emit(positions)

    def select_all(self) -> None:
        """Mark every point that is in the picture."""
        seen = self.to_pixels(self.points)
        inside = np.all((seen >= 0) & (seen < [self.width(), self.height()]), axis=1)
        self.select(np.flatnonzero(inside))

    def select_none(self) -> None:
        """Drop the marks and a lasso that was begun."""
        self._lasso = []
        self.selected = np.zeros(0, np.int64)
        self.update()

    # Place

    def fit(self) -> None:
        """Show all points."""
        self._fitted = True
        self._fit()
        self._redraw()

    def _fit(self) -> None:
        finite = self.points[np.isfinite(self.points).all(axis=1)]
        if len(finite) == 0:
            return
        low, high = finite.min(axis=0), finite.max(axis=0)
        self.middle = (low + high) / 2
        area = self.area
        room = np.maximum(np.array([area.width(), area.height()]) - 2 * _MARGIN_PX, 10)
        scales = room / np.maximum(high - low, 1e-9)
        if self.axes is not None:  # a direction without extent has no scale of its own
            scales = room / np.where(high - low > 1e-9, high - low, 1.0)
        self.zoom = float(np.min(scales))
        self._stretch = scales / self.zoom if self.axes is not None else np.ones(2)

    @property
    def area(self) -> QRectF:
        """Where points are: the widget without the room of its axes."""
        whole = QRectF(self.rect())
        return self.axes.inside(whole, small(self.font())) if self.axes is not None else whole

    def to_pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Places (N, 2) in the widget, y downwards."""
        centre = self.area.center()
        found: NDArray[np.float64] = (points - self.middle) * self._scales * [1, -1] + [centre.x(), centre.y()]
        return found

    @property
    def _scales(self) -> NDArray[np.float64]:
        """Pixels for one of each direction's units (2,)."""
        return self.zoom * self._stretch

    def magnify(self, factor: float, about: QPointF) -> None:
        """Zoom, keeping what is under a point of the widget where it is."""
        offset = (about - self.area.center()).toTuple() * np.array([1, -1])
        self.middle = self.middle + offset / self._scales - offset / (self._scales * factor)
        self.zoom *= factor
        self._fitted = False
        self._redraw()

    def move_by(self, right_px: float, down_px: float) -> None:
        """Shift the picture."""
        self.middle = self.middle - np.array([right_px, -down_px]) / self._scales
        self._fitted = False
        self._redraw()

    def nearest(self, place: QPointF) -> int:
        """The point within reach of a place of the widget; −1 where there is none."""
        if len(self.points) == 0:
            return -1
        apart = self.to_pixels(self.points) - [place.x(), place.y()]
        squared = np.where(np.isfinite(apart).all(axis=1), (apart**2).sum(axis=1), np.inf)
        at = int(np.argmin(squared))
        return at if squared[at] <= _REACH_PX**2 else -1

    # Input

    def mousePressEvent(self, event: QMouseEvent) -> None:
        moving = event.button() in (Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton)
        if moving or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._grip = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        else:
            self._lasso = [event.position()]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is not None:
            step = event.position() - self._grip
            self._grip = event.position()
            self.move_by(step.x(), step.y())
        elif self._lasso:
            self._lasso.append(event.position())
            self.update()
        else:
            self._point(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.unsetCursor()
        if self._grip is not None:
            self._grip = None
        elif self._lasso:
            self._enclose()

    def _enclose(self) -> None:
        lasso, self._lasso = self._lasso, []
        outline = np.array([(point.x(), point.y()) for point in lasso])
        if np.ptp(outline, axis=0).max() < 5:
            at = self.nearest(lasso[0])
            found = np.array([at] if at >= 0 else [], dtype=np.int64)
        else:
            found = np.flatnonzero(within(outline, self.to_pixels(self.points)))
            if self.alone >= 0:
                found = found[self.groups.numbers[found] == self.alone]
        if len(found):
            self.select(found)
        else:
            self.select_none()

    def _point(self, event: QMouseEvent) -> None:
        at = self.nearest(event.position())
        if at == self._pointed:
            return
        self._pointed = at
        if at >= 0:
            QToolTip.showText(event.globalPosition().toPoint(), wrapped(self.describe(at)), self)
        else:
            QToolTip.hideText()
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._lasso = []
        self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel zooms once the map was clicked, or with Ctrl; before that the page scrolls."""
        if self.hasFocus() or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.magnify(1.0015 ** event.angleDelta().y(), event.position())
            event.accept()
        else:
            event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Left: (40, 0), Qt.Key.Key_Right: (-40, 0), Qt.Key.Key_Up: (0, 40), Qt.Key.Key_Down: (0, -40),
        }  # fmt: skip
        key = Qt.Key(event.key())
        if key in moves:
            self.move_by(*moves[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.magnify(1 / 1.25 if key == Qt.Key.Key_Minus else 1.25, QRectF(self.rect()).center())
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and len(self.selected):
            self.enclosed.emit(self.selected)
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._pointed = -1
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self._fitted:
            self._fit()
        self._redraw()

    # Painting

    def _redraw(self) -> None:
        self._image = None
        self.update()

    def radius_px(self) -> float:
        """Points shrink as they become many, and grow a little when zoomed in on."""
        return 3.4 if len(self.points) <= 3_000 else 2.6 if len(self.points) <= 15_000 else 1.8

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(small(self.font()))
        if len(self.points) and len(self.groups.numbers) == len(self.points):
            if self._image is None:
                self._image = self._splatted()
            if self.axes is not None:
                self.axes.paint(painter, QRectF(self.rect()), self._seen(), self.tokens)
                painter.setClipRect(self.area.adjusted(-_REACH_PX, -_REACH_PX, _REACH_PX, _REACH_PX))
            painter.drawImage(0, 0, self._image)
            self._paint_marks(painter)
            self._paint_names(painter)
            painter.setClipping(False)
        self._paint_lasso(painter)
        if self.hasFocus():
            paint_focus(painter, QRectF(self.rect()), self.tokens)
        painter.end()

    def _seen(self) -> tuple[float, float, float, float]:
        """The stretch of both directions in the picture: left, right, foot, head."""
        half = np.array([self.area.width(), self.area.height()]) / 2 / self._scales
        low, high = self.middle - half, self.middle + half
        return float(low[0]), float(high[0]), float(low[1]), float(high[1])

    def _splatted(self) -> QImage:
        ratio = self.devicePixelRatioF()
        size = (max(round(self.height() * ratio), 1), max(round(self.width() * ratio), 1))
        order = self._drawing_order()
        places = np.nan_to_num(self.to_pixels(self.points[order]) * ratio, nan=-1e6, posinf=-1e6, neginf=-1e6)
        picture = splat(
            np.clip(places, -1e6, 1e6), self.groups.numbers[order], colours=self._colours(),
            symbols=self.groups.symbols, size=size, radius_px=self.radius_px() * ratio,
        )  # fmt: skip
        data = np.ascontiguousarray(picture)
        image = QImage(data.data, size[1], size[0], size[1] * 4, QImage.Format.Format_RGBA8888_Premultiplied).copy()
        image.setDevicePixelRatio(ratio)
        return image

    def _drawing_order(self) -> NDArray[np.int64]:
        """Groups mixed, so that none hides the others; wrong ones and the singled out on top."""
        front = 1 if self.groups.names == ["right", "wrong"] else self.groups.front
        if max(front, self.alone) < 0:
            return self._order
        numbers = self.groups.numbers[self._order]
        on_top = numbers == self.alone if self.alone >= 0 else numbers >= front
        return np.concatenate([self._order[~on_top], self._order[on_top]])

    def _colours(self) -> NDArray[np.uint8]:
        rows = [(colour.red(), colour.green(), colour.blue(), 235) for colour in self.groups.colours]
        table = np.array(rows, dtype=np.uint8)
        if self.alone >= 0:
            pale = np.arange(len(table)) != self.alone
            table[pale, 3] = 45
        return table

    def _paint_marks(self, painter: QPainter) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(self.tokens.text), 1.2))
        radius = self.radius_px() + 1.5
        for x, y in self.to_pixels(self.points[self.selected[:2000]]):
            painter.drawEllipse(QPointF(x, y), radius, radius)
        if 0 <= self._pointed < len(self.points):
            painter.setPen(QPen(QColor(self.tokens.text), 2))
            x, y = self.to_pixels(self.points[[self._pointed]])[0]
            painter.drawEllipse(QPointF(x, y), radius + 1.5, radius + 1.5)

    def _paint_names(self, painter: QPainter) -> None:
        if len(self.groups.names) > _MOST_NAMES:
            return
        metrics, area = QFontMetricsF(painter.font()), QRectF(self.rect())
        wanted = [(QPointF(*self.to_pixels(middle)), at) for at, middle in self._anchors]
        wanted = [(spot, at) for spot, at in wanted if area.contains(spot)]
        sizes = [
            QSizeF(metrics.horizontalAdvance(self.groups.names[at]) + 24, metrics.height() + 4) for _, at in wanted
        ]
        pairs = [(spot, size) for (spot, _), size in zip(wanted, sizes, strict=True)]
        boxes = naming.placed(pairs, area)
        for (_, at), box in zip(wanted, boxes, strict=True):
            if box is not None and self.alone in (-1, at):
                self._paint_name(painter, at, box, metrics)

    def _paint_name(self, painter: QPainter, at: int, box: QRectF, metrics: QFontMetricsF) -> None:
        ground = QColor(self.tokens.surface)
        ground.setAlpha(215)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
        paint_symbol(
            painter, QPointF(box.left() + 10, box.center().y()), self.groups.colours[at], self.groups.symbols[at]
        )
        painter.setPen(QColor(self.tokens.text))
        painter.drawText(QPointF(box.left() + 18, box.center().y() + metrics.ascent() / 2 - 1.5), self.groups.names[at])

    def _paint_lasso(self, painter: QPainter) -> None:
        if len(self._lasso) < 2:
            return
        fill = QColor(self.tokens.accent)
        fill.setAlpha(40)
        painter.setBrush(fill)
        painter.setPen(QPen(palette.ink(self.tokens.accent, self.tokens), 1.2))
        painter.drawPolygon(QPolygonF(self._lasso))
