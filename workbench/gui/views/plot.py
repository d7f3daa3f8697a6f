"""pyqtgraph's plot, made quiet: themed axes, no menu, wheel with Ctrl only, painting on top."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFocusEvent, QMouseEvent, QPainter, QWheelEvent
from PySide6.QtWidgets import QWidget

from workbench.gui.theme import Tokens, theme
from workbench.gui.views.marks import paint_focus
from workbench.gui.views.words import small, span_of_time

_TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800)


class QuickAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph carries no types
    """Draws its ticks directly: replaying pyqtgraph's recorded picture looks its fonts up each time."""

    picture: Any
    _specs: Any = None

    def paint(self, painter: QPainter, option: Any, widget: QWidget | None) -> None:
        if self.picture is None:
            self._specs = self.generateDrawSpecs(painter)
            self.picture = pg.QtGui.QPicture()
        if not self._specs:
            return
        (pen, start, end), ticks, texts = self._specs
        shades: dict[tuple[int, float], tuple[Any, list[QLineF]]] = {(-1, 0.0): (pen, [QLineF(start, end)])}
        for pen, start, end in ticks:
            key = (pen.color().rgba(), pen.widthF())
            shades.setdefault(key, (pen, []))[1].append(QLineF(start, end))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for pen, lines in shades.values():
            painter.setPen(pen)
            painter.drawLines(lines)
        painter.setFont(self.style["tickFont"] or self.font())
        painter.setPen(self.textPen())
        for box, flags, text in texts:
            painter.drawText(box, int(flags), text)
        painter.restore()


class StepAxis(QuickAxis):
    """The horizontal axis: whole steps, or elapsed time on round minutes and hours."""

    time = False

    def tickSpacing(self, low: float, high: float, size: float) -> Any:
        if not self.time:
            return [level for level in super().tickSpacing(low, high, size) if level[0] >= 1] or [(1, 0)]
        room = max(size / 60, 2)
        fits = [step for step in _TIME_STEPS_S if (high - low) / step <= room]
        return [(fits[0] if fits else (high - low) / room, 0)]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if self.time:
            return [span_of_time(value) for value in values]
        return [_compact(value) for value in values]


def _compact(value: float) -> str:
    if abs(value) >= 1_000_000:
        return f"{value / 1_000_000:g} M"
    return f"{value / 1000:g} k" if abs(value) >= 10_000 else f"{value:g}"


class Plot(pg.PlotWidget):  # type: ignore[misc]
    """A plot whose owner paints over it; `painted`, `hovered`, `ranged` and `refit` are its hooks."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self.painted: Callable[[QPainter], None] = lambda _painter: None
        self.hovered: Callable[[float | None], None] = lambda _x: None
        self.ranged: Callable[[], None] = lambda: None
        self.refit: Callable[[], None] = lambda: None
        super().__init__(parent, axisItems={"bottom": StepAxis("bottom"), "left": QuickAxis("left")}, background=None)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        box = self.getViewBox()
        box.disableAutoRange()
        box.setDefaultPadding(0.0)
        box.setMouseMode(box.RectMode)
        box.sigRangeChangedManually.connect(self._touched)
        self._bottom = self.getAxis("bottom")
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.setStyle(tickLength=-3, tickTextOffset=4, autoExpandTextSpace=True, hideOverlappingLabels=False)
            axis.enableAutoSIPrefix(False)
        self.getAxis("left").setGrid(28)

    def set_theme(self, now: Tokens) -> None:
        """Dress axes and ground."""
        self.setBackground(None)
        self.setStyleSheet("background: transparent; border: none;")
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.setPen(pg.mkPen(QColor(now.line), width=1))
            axis.setTextPen(pg.mkPen(QColor(now.dim)))
            axis.setTickFont(small(self.font()))

    def set_time_axis(self, on: bool) -> None:
        """Write the horizontal axis in elapsed time."""
        self._bottom.time = on
        self._bottom.picture = None
        self._bottom.update()

    def set_log_axis(self, on: bool) -> None:
        """Write the vertical axis as powers of ten; the data is given in log10."""
        self.getAxis("left").setLogMode(False, on) if hasattr(self.getAxis("left"), "setLogMode") else None

    def set_margins(self, *, right: float, top: float) -> None:
        """Room beside and above the lines, for their names."""
        self.getPlotItem().layout.setContentsMargins(2, top, right, 0)

    def set_ranges(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Show this part."""
        self.getViewBox().setRange(xRange=x, yRange=y, padding=0)

    def x_range(self) -> tuple[float, float]:
        """The part of the horizontal axis that is shown."""
        low, high = self.getViewBox().viewRange()[0]
        return float(low), float(high)

    def area(self) -> QRectF:
        """Where the lines are, in pixels of the widget."""
        box = self.getViewBox()
        found: QRectF = box.mapRectToScene(box.boundingRect())
        return found

    def to_pixels(self, x: float, y: float) -> QPointF:
        """A point of the data in pixels of the widget."""
        found: QPointF = self.getViewBox().mapViewToScene(QPointF(float(x), float(y)))
        return found

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        super().drawForeground(painter, rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.painted(painter)
        if self.hasFocus():
            paint_focus(painter, QRectF(self.viewport().rect()), theme().now)
        painter.restore()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        inside = self.area().contains(event.position())
        x = self.getViewBox().mapSceneToView(event.position()).x() if inside else None
        self.hovered(x)
        self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.hovered(None)
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.refit()
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ctrl and wheel zoom; the wheel alone scrolls the page that the plot stands in."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
        else:
            event.ignore()

    def _touched(self, *_: Any) -> None:
        self.ranged()
