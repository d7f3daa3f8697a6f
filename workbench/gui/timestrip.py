"""What is drawn along time: the ground of every strip, with zoom, playhead and selection; and what a ruler shows."""

from __future__ import annotations

import math

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from workbench.gui.theme import DARK, theme, tokens
from workbench.gui.timescene import TimeScene

NOTCH = 120
"""A step of a common wheel, in eighths of a degree."""


class TimeStrip(QWidget):
    """A strip along a scene's time. The wheel magnifies about the pointer, with Shift it shifts, as the middle button
    does; what the left button does is a subclass's own.

    A subclass draws what changes with the view in `paint_ground` (kept as a picture), and what changes faster in
    `paint_over`.
    """

    left_px = 56
    """Room for names and numbers, the same in every strip of a page, so that all times lie below each other."""
    right_px = 0
    dark = False
    """Whether the ground is dark in both themes."""
    hidden_px = 0
    """So much of the strip lies under a scroll bar: time runs on below it, as in the strips above."""

    def __init__(self, scene: TimeScene, name: str) -> None:
        super().__init__()
        self.scene = scene  # a subclass says of which kind it is
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._ground: QPixmap | None = None
        self._room: QRectF | None = None
        self._held: tuple[float, float] | None = None
        for signal in (scene.shown, scene.ranged):
            signal.connect(self.redraw)
        scene.moved.connect(self.update)
        scene.selected.connect(self.update)
        theme().follow(self, self.redraw)

    def redraw(self) -> None:
        """Draw the ground anew."""
        self._ground = self._room = None
        self.update()

    @property
    def room(self) -> QRectF:
        """Where time runs."""
        if self._room is None:  # asked for with every edge of every segment
            left = self.left(self.width() + self.hidden_px)
            width = max(self.width() + self.hidden_px - left - self.right_px, 1)
            self._room = QRectF(left, 0, width, self.height())
        return self._room

    def left(self, width: int) -> int:
        """Pixels left of where time runs, of a strip this wide."""
        return theme().pixels(self.left_px)

    def x_of(self, time_s: float) -> float:
        """The pixel of a time."""
        return self.room.left() + self.scene.x_of(time_s, int(self.room.width()))

    def time_at(self, x: float) -> float:
        """The time under a pixel, within what is shown."""
        return self.scene.time_at(x - self.room.left(), int(self.room.width()))

    # For subclasses

    def paint_ground(self, painter: QPainter) -> None:
        """Draw what the view shows."""

    def paint_over(self, painter: QPainter) -> None:
        """Draw what changes faster than the view."""

    # Painting

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._ground = self._room = None
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._ground is None:
            ratio = self.devicePixelRatioF()
            self._ground = QPixmap(self.size() * ratio)
            self._ground.setDevicePixelRatio(ratio)
            self._ground.fill(QColor(tokens().surface))
            inner = QPainter(self._ground)
            self.paint_ground(inner)
            inner.end()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._ground)
        self.paint_over(painter)
        self._paint_marks(painter)
        painter.end()

    def _paint_marks(self, painter: QPainter) -> None:
        if self.scene.is_empty:
            return
        now = tokens()
        painter.setClipRect(self.room)
        if self.scene.chosen_s is not None:
            left, right = (self.x_of(one) for one in self.scene.chosen_s)
            shade = QColor(now.accent)
            shade.setAlpha(56)
            painter.fillRect(QRectF(left, 0, max(right - left, 1), self.height()), shade)
            painter.setPen(QPen(QColor(now.accent), 1))
            painter.drawLines([QLineF(x, 0, x, self.height()) for x in (left, right)])
        x = self.x_of(self.scene.time_s)
        painter.setPen(QPen(QColor(DARK.warning if self.dark else now.warning), theme().pixels(1.5)))
        painter.drawLine(QLineF(x, 0, x, self.height()))
        painter.setClipping(False)
        if self.hasFocus():
            painter.setPen(QPen(QColor(now.accent), 1))
            painter.drawRect(QRectF(0.5, 0.5, self.width() - 1, self.height() - 1))

    # Hands

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches, across = event.angleDelta().y() / NOTCH, event.angleDelta().x() / NOTCH
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or (across and not notches):
            self.scene.shift(-0.1 * (across or notches))
        else:
            self.scene.magnify(1.25**notches, self.time_at(event.position().x()))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton:
            self._held = (event.position().x(), self.scene.start_s)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held is not None:
            back = (event.position().x() - self._held[0]) / self.room.width() * self.scene.span_s
            self.scene.look(self._held[1] - back, self.scene.span_s)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = None


def ticks(
    start: float, span: float, width_px: float, *, apart_px: float = 90, clocked: bool = True
) -> tuple[list[float], float]:
    """Round values at least `apart_px` from each other, and their step."""
    least = span / max(width_px / apart_px, 1)
    power = 10.0 ** math.floor(math.log10(max(least, 1e-9)))
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= least * 0.999)
    if clocked and step > 10:  # from here on time is told in minutes
        step = next((one for one in (15, 30, 60, 120, 300, 600, 900, 1800, 3600) if one >= least), step)
    first = math.ceil(start / step - 1e-9)
    count = math.floor((start + span) / step + 1e-9) - first + 1
    return [(first + at) * step for at in range(max(count, 0))], step


def clock(seconds: float, step: float = 1e-3) -> str:
    """A time as '1:02:03.5', with as many decimals as a step needs."""
    decimals = max(0, -math.floor(math.log10(max(step, 1e-9)) + 1e-9))
    whole = round(seconds, decimals)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{rest:0{3 + decimals if decimals else 2}.{decimals}f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def paint_times(painter: QPainter, strip: TimeStrip) -> None:
    """Draw the times in view: what a ruler shows."""
    room, now, scene, size = strip.room, tokens(), strip.scene, painter.fontMetrics()
    values, step = ticks(scene.start_s, scene.span_s, room.width())
    for value in values:
        x, words = strip.x_of(value), clock(value, step)
        painter.setPen(QColor(now.line))
        painter.drawLine(QLineF(x, strip.height() * 0.62, x, strip.height()))
        painter.setPen(QColor(now.dim))
        width = size.horizontalAdvance(words)
        left = min(max(x - width / 2, room.left()), strip.width() - width - 2)
        painter.drawText(QPointF(left, strip.height() * 0.56), words)
