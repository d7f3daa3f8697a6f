"""What is drawn along time: the ground of every strip, with its zoom, cursor and selection; ruler and waveform."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from workbench.gui.sounds.scene import SoundScene
from workbench.gui.sounds.waves import envelope
from workbench.gui.theme import DARK, theme, tokens

LEFT_PX = 56
"""Room for the numbers of an axis, the same in every strip, so that all lie below each other."""
CLIPPED = 0.9999
NOTCH = 120
"""A step of a common wheel, in eighths of a degree."""


class TimeStrip(QWidget):
    """A strip along the scene's time. The wheel magnifies about the pointer, with Shift it shifts; a drag selects.

    A subclass draws what changes with the view in `paint_ground` (kept as a picture) and says with
    `taller` what Ctrl and the wheel do. `pointed` carries the sample and the height 0 … 1 under the pointer.
    """

    pointed = Signal(int, float)
    dark = False
    """Whether the ground is dark in both themes."""
    hidden_px = 0
    """So much of the strip lies under a scroll bar: time runs on below it, as in the strips above."""

    def __init__(self, scene: SoundScene, name: str) -> None:
        super().__init__()
        self.scene = scene
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._ground: QPixmap | None = None
        self._room: QRectF | None = None
        self._pressed: tuple[float, int] | None = None
        self._held: tuple[float, float] | None = None
        for signal in (scene.shown, scene.ranged, scene.restyled):
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
            left = theme().pixels(LEFT_PX)
            self._room = QRectF(left, 0, max(self.width() + self.hidden_px - left, 1), self.height())
        return self._room

    def x_of(self, sample: float) -> float:
        """The pixel of a sample."""
        return self.room.left() + self.scene.x_of(sample, int(self.room.width()))

    def sample_at(self, x: float) -> int:
        """The sample under a pixel."""
        return self.scene.sample_at(x - self.room.left(), int(self.room.width()))

    def paint_ground(self, painter: QPainter) -> None:
        """Draw what the view shows."""

    def paint_over(self, painter: QPainter) -> None:
        """Draw what changes faster than the view."""

    def taller(self, factor: float) -> None:
        """Magnify the height."""

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
        if not self.scene.samples:
            return
        room, now = self.room, tokens()
        painter.setClipRect(room)
        if self.scene.selection is not None:
            left, right = (self.x_of(one) for one in self.scene.selection)
            shade = QColor(now.accent)
            shade.setAlpha(56)
            painter.fillRect(QRectF(left, 0, max(right - left, 1), self.height()), shade)
            painter.setPen(QPen(QColor(now.accent), 1))
            painter.drawLines([QLineF(x, 0, x, self.height()) for x in (left, right)])
        x = self.x_of(self.scene.cursor)
        painter.setPen(QPen(QColor(DARK.warning if self.dark else now.warning), theme().pixels(1.5)))
        painter.drawLine(QLineF(x, 0, x, self.height()))
        painter.setClipping(False)
        if self.hasFocus():
            painter.setPen(QPen(QColor(now.accent), 1))
            painter.drawRect(QRectF(0.5, 0.5, self.width() - 1, self.height() - 1))

    # Hands

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() / NOTCH
        across = event.angleDelta().x() / NOTCH
        mods = event.modifiers()
        if mods & Qt.KeyboardModifier.ControlModifier:
            self.taller(1.25**notches)
        elif mods & Qt.KeyboardModifier.ShiftModifier or (across and not notches):
            self.scene.shift(-0.1 * (across or notches))
        else:
            at = self.sample_at(event.position().x()) / self.scene.rate_hz
            self.scene.magnify(1.25**notches, at)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = (x, self.sample_at(x))
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                ends = self.scene.selection
                other = self.scene.cursor
                if ends is not None:  # the farther end stays
                    other = max(ends, key=lambda one: abs(one - self.sample_at(x)))
                self._pressed = (x - 100, other)
                self.scene.select(other, self.sample_at(x))
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._held = (x, self.scene.start_s)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._pressed is not None and abs(x - self._pressed[0]) > 3:
            self.scene.select(self._pressed[1], self.sample_at(x))
        elif self._held is not None:
            back = (x - self._held[0]) / self.room.width() * self.scene.span_s
            self.scene.look(self._held[1] - back, self.scene.span_s)
        self.pointed.emit(self.sample_at(x), 1 - event.position().y() / max(self.height(), 1))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None and event.button() == Qt.MouseButton.LeftButton:
            x = event.position().x()
            if abs(x - self._pressed[0]) <= 3:
                self.scene.select(None)
                self.scene.place(self.sample_at(x))
            else:
                self.scene.place(self.scene.selection[0] if self.scene.selection else self.sample_at(x))
        self._pressed = self._held = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = max(1, round(self.scene.span_s * self.scene.rate_hz / max(self.room.width(), 1)))
        move = {Qt.Key.Key_Left: -step, Qt.Key.Key_Right: step}.get(Qt.Key(event.key()))
        if move is None:
            super().keyPressEvent(event)
            return
        if event.modifiers() & Qt.KeyboardModifier.AltModifier:
            move = int(math.copysign(1, move))  # to the sample
        target = self.scene.cursor + move
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            ends = self.scene.selection
            other = self.scene.cursor if ends is None else ends[1] if ends[0] == self.scene.cursor else ends[0]
            self.scene.select(other, target)
        self.scene.place(target, follow=True)


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


class Ruler(TimeStrip):
    """The time in view."""

    def __init__(self, scene: SoundScene) -> None:
        super().__init__(scene, "Time")
        self.setFixedHeight(theme().pixels(24))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def paint_ground(self, painter: QPainter) -> None:
        room, now = self.room, tokens()
        if not self.scene.samples:
            return
        values, step = ticks(self.scene.start_s, self.scene.span_s, room.width())
        for value in values:
            x = self.x_of(value * self.scene.rate_hz)
            painter.setPen(QColor(now.line))
            painter.drawLine(QLineF(x, self.height() * 0.62, x, self.height()))
            painter.setPen(QColor(now.dim))
            words = clock(value, step)
            width = painter.fontMetrics().horizontalAdvance(words)
            left = min(max(x - width / 2, room.left()), self.width() - width - 2)
            painter.drawText(QPointF(left, self.height() * 0.56), words)


class Waveform(TimeStrip):
    """Extremes and RMS of every channel; samples as dots at the closest."""

    def __init__(self, scene: SoundScene) -> None:
        super().__init__(scene, "Waveform")
        self.setMinimumHeight(theme().pixels(40))

    def sizeHint(self) -> QSize:
        return QSize(480, theme().pixels(160))

    def taller(self, factor: float) -> None:
        self.scene.restyle(gain=min(max(self.scene.gain * factor, 1.0), 1000.0))

    def paint_ground(self, painter: QPainter) -> None:
        sound = self.scene.sound
        if sound is None or not len(sound.samples):
            return
        columns = int(self.room.width())
        first = self.scene.start_s * sound.rate_hz
        last = first + self.scene.span_s * sound.rate_hz
        channels = sound.samples.shape[1]
        high = self.height() / channels
        close = (last - first) / columns < 1.0
        rows = None if close else envelope(sound, first, last, columns)
        for channel in range(channels):
            middle, half = high * (channel + 0.5), high / 2 - 3
            self._axis(painter, middle, half, channel, channels)
            painter.setClipRect(QRectF(self.room.left(), high * channel, columns, high))
            if rows is None:
                self._samples(painter, channel, (first, last), middle, half)
            else:
                self._columns(painter, rows[:, channel], middle, half)
            painter.setClipping(False)

    def _axis(self, painter: QPainter, middle: float, half: float, channel: int, channels: int) -> None:
        now, left = tokens(), self.room.left()
        painter.setPen(QColor(now.line))
        painter.drawLine(QLineF(left, middle, self.width(), middle))
        if channel:
            painter.drawLine(QLineF(0, middle - half - 3, self.width(), middle - half - 3))
        painter.setPen(QColor(now.dim))
        edge = 1 / self.scene.gain
        size = painter.fontMetrics()
        for value, y in ((edge, middle - half + size.ascent()), (0.0, middle + size.ascent() / 2),
                         (-edge, middle + half - 2)):  # fmt: skip
            words = f"{value:.2g}".replace("-", "−") if value else "0"
            if value and half < 1.5 * size.height():
                continue
            painter.drawText(QPointF(left - size.horizontalAdvance(words) - 6, y), words)
        if channels > 1:
            name = "LR"[channel] if channels == 2 else f"{channel + 1}"
            painter.drawText(QPointF(4, middle - half + size.ascent()), name)

    def _columns(self, painter: QPainter, rows: NDArray[np.float32], middle: float, half: float) -> None:
        """Extremes and RMS as a picture of tones: thousands of lines take Python longer than a frame."""
        now = tokens()
        reach = max(int(half), 1)
        with np.errstate(invalid="ignore"):
            scaled = np.clip(rows * self.scene.gain, -1, 1) * reach
            clipped = np.maximum(rows[:, 1], -rows[:, 0]) >= CLIPPED
        inner = np.stack([np.maximum(scaled[:, 0], -scaled[:, 2]), np.minimum(scaled[:, 1], scaled[:, 2])], axis=1)
        height = np.arange(reach, -reach - 1, -1, dtype=np.float32)[:, None]
        tone = np.zeros((len(height), -(-len(rows) // 4) * 4), np.uint8)
        seen = tone[:, : len(rows)]
        seen[(height >= scaled[:, 0] - 0.5) & (height <= scaled[:, 1] + 0.5)] = 1
        seen[(height >= inner[:, 0] - 0.5) & (height <= inner[:, 1] + 0.5)] = 2
        seen[:4, clipped] = 3
        picture = QImage(tone.data, len(rows), len(height), tone.shape[1], QImage.Format.Format_Indexed8)
        colours = (now.blend(now.accent, 0.6), now.accent, now.error)
        picture.setColorTable([0, *(QColor(one).rgba() for one in colours)])
        # Ready to be laid over: Qt would turn tones into colours span by span, on threads that it waits for.
        ready = picture.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        painter.drawImage(QPointF(self.room.left(), middle - reach), ready)

    def _samples(self, painter: QPainter, channel: int, ends: tuple[float, float], middle: float, half: float) -> None:
        sound = self.scene.sound
        if sound is None:
            return
        start = max(0, math.floor(ends[0]) - 1)
        values = np.clip(sound.block(start, math.ceil(ends[1]) + 2)[:, channel] * self.scene.gain, -1, 1)
        points = [QPointF(self.x_of(start + at), middle - float(one) * half) for at, one in enumerate(values)]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens().accent), 1.2))
        painter.drawPolyline(points)
        if len(points) < self.room.width() / 5:
            painter.setPen(QPen(QColor(tokens().accent), 5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawPoints(points)
