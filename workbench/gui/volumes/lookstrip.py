"""Opacity by value as a line with handles, over how often each value occurs; by hand and by keyboard."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.gui.theme import theme, tokens
from workbench.gui.volumes.looks import Look
from workbench.gui.volumes.tones import Tones

FAINT = 3.0
"""Heights are this root of the opacity: a thousandth in each millimetre is a tenth of the height."""
_KEYS = {
    Qt.Key.Key_Left: (-0.01, 0.0), Qt.Key.Key_Right: (0.01, 0.0),
    Qt.Key.Key_Up: (0.0, 0.03), Qt.Key.Key_Down: (0.0, -0.03),
}  # fmt: skip
TIP = (
    "Drag a handle: to the side its value, upwards its opacity. "
    "Arrow keys do the same, Page up and down choose the handle"
)


class LookStrip(QWidget):
    """Shows a look; `changed` carries another one and whether it goes on from the change before."""

    changed = Signal(object, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look: Look | None = None
        self.tones: Tones | None = None
        self.unit = ""
        self.handle = 0
        """Which handle the keys move."""
        self._held = False
        self._began = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Opacity by value")
        self.setToolTip(TIP)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        theme().follow(self, self.update)

    def show_look(self, look: Look | None, tones: Tones | None, unit: str) -> None:
        """Show opacities between the bounds of these tones."""
        self.look, self.tones, self.unit = look, tones, unit
        self.handle = min(self.handle, len(look.points) - 1) if look else 0
        self.setAccessibleDescription(self.words())
        self.update()

    def words(self) -> str:
        """The chosen handle's value and opacity; empty where there is none."""
        if self.look is None:
            return ""
        value, _, opacity = self.look.points[self.handle]
        return f"{value:.4g} {self.unit}".strip() + f": {opacity:.2g} per mm"

    def sizeHint(self) -> QSize:
        return QSize(theme().pixels(160), theme().pixels(52))

    def place(self, at: int) -> QPointF:
        """Where a handle stands in the widget; at the border if its value is outside of what the volume holds."""
        if self.look is None or self.tones is None:
            return QPointF()
        value, _, opacity = self.look.points[at]
        room = self._room()
        share = min(max(self.tones.tone(value), 0.0), 1.0)
        return QPointF(room.left() + share * room.width(), room.bottom() - opacity ** (1 / FAINT) * room.height())

    def _room(self) -> QRectF:
        pad = theme().pixels(6)
        return QRectF(self.rect()).adjusted(pad, pad, -pad, -pad)

    def _move(self, value: float, height: float, *, goes_on: bool) -> None:
        if self.look is None:
            return
        moved = self.look.moved(self.handle, value, min(max(height, 0.0), 1.0) ** FAINT)
        if moved != self.look:
            self.changed.emit(moved, goes_on)

    # Drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, now, room = QPainter(self), tokens(), self._room()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = now.accent if self.hasFocus() else now.line
        painter.setPen(QPen(QColor(edge), 1))
        painter.setBrush(QColor(now.surface))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        if self.look is not None and self.tones is not None:
            self._histogram(painter, room, QColor(now.blend(now.dim, 0.35)))
            self._line(painter, room, QColor(now.text))
            if self.hasFocus() or self._held:
                self._say(painter, room, QColor(now.text))
        painter.end()

    def _histogram(self, painter: QPainter, room: QRectF, colour: QColor) -> None:
        """Logarithmic, as one tone – air – holds most of all voxels."""
        if self.tones is None:
            return
        heights = np.log1p(self.tones.shares * 1e5)
        heights /= max(float(heights.max()), 1e-9)
        shape = QPolygonF([room.bottomLeft()])
        for at, height in enumerate(heights):
            shape.append(QPointF(room.left() + at / 255 * room.width(), room.bottom() - float(height) * room.height()))
        shape.append(room.bottomRight())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPolygon(shape)

    def _line(self, painter: QPainter, room: QRectF, colour: QColor) -> None:
        if self.look is None:
            return
        places = [self.place(at) for at in range(len(self.look.points))]
        ends = [QPointF(room.left(), places[0].y()), *places, QPointF(room.right(), places[-1].y())]
        shades = QLinearGradient(room.topLeft(), room.topRight())
        for place, (_, shade, _) in zip(places, self.look.points, strict=True):
            shades.setColorAt(
                min(max((place.x() - room.left()) / max(room.width(), 1.0), 0.0), 1.0), QColor(*shade, 150)
            )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shades)
        painter.drawPolygon(QPolygonF([room.bottomLeft(), *ends, room.bottomRight()]))
        painter.setPen(QPen(colour, 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(ends))
        for at, (place, (_, shade, _)) in enumerate(zip(places, self.look.points, strict=True)):
            chosen = at == self.handle and self.hasFocus()
            painter.setPen(QPen(QColor(tokens().accent) if chosen else colour, 2 if chosen else 1.25))
            painter.setBrush(QColor(*shade))
            radius = theme().pixels(5 if chosen else 4)
            painter.drawEllipse(place, radius, radius)

    def _say(self, painter: QPainter, room: QRectF, colour: QColor) -> None:
        """The chosen handle in words, on the side where the handle is not."""
        left = self.place(self.handle).x() > room.center().x()
        side = Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignRight
        painter.setPen(colour)
        painter.drawText(room, int(side | Qt.AlignmentFlag.AlignTop), self.words())

    # Input

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.look is None:
            return
        away = [self.place(at) - event.position() for at in range(len(self.look.points))]
        lengths = [math.hypot(one.x(), one.y()) for one in away]
        nearest = int(np.argmin(lengths))
        self.handle = nearest
        self._held, self._began = lengths[nearest] <= theme().pixels(14), False
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held and self.tones is not None:
            room = self._room()
            share = min(max((event.position().x() - room.left()) / max(room.width(), 1.0), 0.0), 1.0)
            height = (room.bottom() - event.position().y()) / max(room.height(), 1.0)
            self._move(self.tones.value(share), height, goes_on=self._began)
            self._began = True

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = self._began = False
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if self.look is None or self.tones is None:
            super().keyPressEvent(event)
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            by = 1 if key == Qt.Key.Key_PageUp else -1
            self.handle = (self.handle + by) % len(self.look.points)
            self.setAccessibleDescription(self.words())
            self.update()
        elif key in _KEYS:
            along, up = _KEYS[key]
            value, _, opacity = self.look.points[self.handle]
            wide = self.tones.high - self.tones.low
            self._move(value + along * wide, opacity ** (1 / FAINT) + up, goes_on=event.isAutoRepeat())
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()
