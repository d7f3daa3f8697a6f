"""What is drawn along a sound's time: the ground of every strip, on which samples are selected; ruler and waveform."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPen, QWheelEvent

from workbench.gui.sounds.scene import SoundScene
from workbench.gui.sounds.waves import envelope
from workbench.gui.theme import theme, tokens
from workbench.gui.timestrip import NOTCH, TimeStrip, paint_times

CLIPPED = 0.9999


class SoundStrip(TimeStrip):
    """A strip along the scene's time; a drag selects. A subclass says with `taller` what Ctrl and the wheel do.

    `pointed` carries the sample and the height 0 … 1 under the pointer.
    """

    scene: SoundScene
    pointed = Signal(int, float)

    def __init__(self, scene: SoundScene, name: str) -> None:
        super().__init__(scene, name)
        self._pressed: tuple[float, int] | None = None
        scene.restyled.connect(self.redraw)

    def sample_at(self, x: float) -> int:
        """The sample under a pixel."""
        return self.scene.sample_at(x - self.room.left(), int(self.room.width()))

    def time_at(self, x: float) -> float:
        """The time of the sample under a pixel."""
        return self.sample_at(x) / self.scene.rate_hz

    def taller(self, factor: float) -> None:
        """Magnify the height."""

    # Hands

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.taller(1.25 ** (event.angleDelta().y() / NOTCH))
            event.accept()
        else:
            super().wheelEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
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

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._pressed is not None and abs(x - self._pressed[0]) > 3:
            self.scene.select(self._pressed[1], self.sample_at(x))
        else:
            super().mouseMoveEvent(event)
        self.pointed.emit(self.sample_at(x), 1 - event.position().y() / max(self.height(), 1))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None and event.button() == Qt.MouseButton.LeftButton:
            x = event.position().x()
            if abs(x - self._pressed[0]) <= 3:
                self.scene.select(None)
                self.scene.place(self.sample_at(x))
            else:
                self.scene.place(self.scene.selection[0] if self.scene.selection else self.sample_at(x))
        self._pressed = None
        super().mouseReleaseEvent(event)

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


class Ruler(SoundStrip):
    """The time in view."""

    def __init__(self, scene: SoundScene) -> None:
        super().__init__(scene, "Time")
        self.setFixedHeight(theme().pixels(24))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def paint_ground(self, painter: QPainter) -> None:
        if self.scene.samples:
            paint_times(painter, self)


class Waveform(SoundStrip):
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
        points = [
            QPointF(self.x_of((start + at) / sound.rate_hz), middle - float(one) * half)
            for at, one in enumerate(values)
        ]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens().accent), 1.2))
        painter.drawPolyline(points)
        if len(points) < self.room.width() / 5:
            painter.setPen(QPen(QColor(tokens().accent), 5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawPoints(points)
