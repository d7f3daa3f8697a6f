"""What a microphone hears, while it hears it: level, waveform and spectrogram that run from right to left."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from workbench.core.audio import SpectrogramSettings
from workbench.gui.bands import bands
from workbench.gui.sounds.ring import Ring
from workbench.gui.sounds.tints import colour_table
from workbench.gui.sounds.waves import Analyser, tones
from workbench.gui.theme import theme, tokens

COLUMNS, COLUMN_S, BINS = 1024, 0.01, 128
FLOOR_DB, HOLD_S = -60.0, 1.5


class LiveCanvas(QWidget):
    """Ten seconds; `take_up` adds every whole column that came since."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Live waveform and spectrogram")
        self.setMinimumHeight(theme().pixels(140))
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._bits = np.zeros((BINS, COLUMNS), np.uint8)
        self._waves = np.zeros((COLUMNS, 2), np.float32)
        self._analyser: Analyser | None = None
        self._step = 1
        self.columns = 0
        self.seen = 0
        """Frames that are in the picture."""
        theme().follow(self, self.update)

    def sizeHint(self) -> QSize:
        return QSize(480, theme().pixels(240))

    def begin(self, rate_hz: int) -> None:
        """An empty picture for sound of this rate."""
        settings = SpectrogramSettings(scale="mel", bins=BINS, high_hz=min(8000.0, rate_hz / 2))
        self._analyser = Analyser(settings, rate_hz)
        self._step = max(1, round(COLUMN_S * rate_hz))
        self._bits[:], self._waves[:], self.columns, self.seen = 0, 0, 0, 0
        self.update()

    def take_up(self, ring: Ring) -> None:
        """Add what came since, up to the last whole column."""
        analyser = self._analyser
        if analyser is None:
            return
        new = ring.written // self._step - self.columns
        if new <= 0:
            return
        new = min(new, COLUMNS)
        end = ring.written // self._step
        first = (end - new) * self._step
        before = max(0, first - analyser.width)
        block = ring.latest(before, end * self._step)
        # A column is the window that ends with it: waiting for the half after its middle would delay it.
        ends = np.arange(1, new + 1) * self._step + (len(block) - new * self._step)
        power = analyser.columns(block, np.maximum(ends - analyser.width // 2, 0))
        steps = block[len(block) - new * self._step :].mean(axis=1).reshape(new, self._step)
        self._bits = np.roll(self._bits, -new, axis=1)
        self._bits[:, COLUMNS - new :] = tones(power)
        self._waves = np.roll(self._waves, -new, axis=0)
        self._waves[COLUMNS - new :, 0], self._waves[COLUMNS - new :, 1] = steps.min(axis=1), steps.max(axis=1)
        self.columns, self.seen = end, end * self._step
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = tokens(), QPainter(self)
        painter.fillRect(self.rect(), QColor(now.surface))
        high = self.height() * 0.3
        bits = np.ascontiguousarray(self._bits)
        picture = QImage(bits.data, COLUMNS, BINS, COLUMNS, QImage.Format.Format_Indexed8)
        picture.setColorTable(list(colour_table("inferno", -20.0, 70.0)))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        below = QRectF(0, high, self.width(), self.height() - high)
        coloured = picture.convertToFormat(QImage.Format.Format_RGB32)  # tones are slow to scale
        for _ in bands(painter, below):
            painter.drawImage(below, coloured)
        self._paint_wave(painter, QRectF(0, 0, self.width(), high))
        painter.end()

    def _paint_wave(self, painter: QPainter, where: QRectF) -> None:
        """Extremes of every column as a picture: a thousand lines take Python longer than all of the rest."""
        rows = max(int(where.height()), 1)
        half = rows / 2
        heights = half - np.arange(rows, dtype=np.float32)[:, None] - 0.5
        reach = np.clip(self._waves, -1, 1) * half
        inside = (heights >= reach[:, 0] - 0.5) & (heights <= reach[:, 1] + 0.5)
        picture = QImage(inside.view(np.uint8).data, COLUMNS, rows, COLUMNS, QImage.Format.Format_Indexed8)
        picture.setColorTable([0, QColor(tokens().accent).rgba()])
        ready = picture.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        for _ in bands(painter, where):
            painter.drawImage(where, ready)


class LevelMeter(QWidget):
    """Peak and RMS in dB of full scale; a light that stays on after clipping until it is clicked away."""

    def __init__(self) -> None:
        super().__init__()
        self.peak_db = self.rms_db = self.held_db = -120.0
        self.clipped = False
        self._held_for_s = 0.0
        self.setFixedHeight(theme().pixels(22))
        self.setMinimumWidth(theme().pixels(220))
        self.setAccessibleName("Level")
        self.setToolTip("Peak and mean level in dB of full scale; the light tells of clipping, a click puts it out")
        theme().follow(self, self.update)

    def show_frames(self, frames: np.ndarray, elapsed_s: float) -> None:
        """The level of the last frames (n, channels), full scale 1."""
        if len(frames):
            peak = float(np.abs(frames).max())
            self.peak_db = 20 * float(np.log10(max(peak, 1e-6)))
            self.rms_db = 10 * float(np.log10(max(float((frames * frames).mean()), 1e-12)))
            self.clipped |= peak >= 1.0
        self._held_for_s += elapsed_s
        if self.peak_db >= self.held_db or self._held_for_s > HOLD_S:
            self.held_db, self._held_for_s = self.peak_db, 0.0
        self.update()

    def mousePressEvent(self, event: object) -> None:
        self.clipped = False
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = tokens(), QPainter(self)
        words = f"{max(self.peak_db, -99):.0f} dB".replace("-", "−")
        room = painter.fontMetrics().horizontalAdvance("−99 dB") + 24
        bar = QRectF(0, 4, self.width() - room, self.height() - 8)

        def x(level_db: float) -> float:
            return bar.width() * min(max(1 - level_db / FLOOR_DB, 0.0), 1.0)

        painter.fillRect(bar, QColor(now.raised))
        colour = now.error if self.peak_db > -1 else now.warning if self.peak_db > -6 else now.ok
        painter.fillRect(QRectF(0, bar.top(), x(self.peak_db), bar.height()), QColor(now.blend(colour, 0.5)))
        painter.fillRect(QRectF(0, bar.top(), x(self.rms_db), bar.height()), QColor(colour))
        painter.fillRect(QRectF(x(self.held_db) - 1, bar.top(), 2, bar.height()), QColor(now.text))
        painter.setPen(QColor(now.dim))
        painter.drawText(QRectF(bar.right() + 4, 0, room - 24, self.height()),
                         Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, words)  # fmt: skip
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(now.error if self.clipped else now.line))
        painter.drawEllipse(QRectF(self.width() - 15, self.height() / 2 - 6, 12, 12))
        painter.end()
