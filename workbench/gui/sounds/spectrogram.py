"""The spectrogram: tiles in colour along time, with a frequency axis, pitch and energy over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec
import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from workbench.core.audio import TILE_COLUMNS
from workbench.gui.bands import bands
from workbench.gui.sounds import confidences
from workbench.gui.sounds.canvas import SoundStrip
from workbench.gui.sounds.scene import SoundScene
from workbench.gui.sounds.tiles import Tile, TileStore, level_for, tile_span_s
from workbench.gui.sounds.tints import colour_table
from workbench.gui.sounds.waves import from_axis, limits_hz, to_axis
from workbench.gui.theme import theme, tokens
from workbench.gui.timestrip import ticks

MARKS_HZ = (20, 50, 100, 200, 500, 1000, 2000, 3000, 4000, 6000, 8000, 12_000, 16_000, 24_000, 48_000)
Piece: TypeAlias = tuple[QRectF, QImage, QRectF]
"""Where a picture goes, the picture, and which part of it."""
PITCH_HZ = (50.0, 600.0)
"""Pitch has a logarithmic scale of its own over the whole height: on the axis it would lie at the bottom."""


class Spectrogram(SoundStrip):
    """Power in dB; where a tile is still under way, the coarser or finer one at hand stands in for it."""

    dark = True

    def __init__(self, scene: SoundScene, store: TileStore) -> None:
        super().__init__(scene, "Spectrogram")
        self.store = store
        self.setMinimumHeight(theme().pixels(56))
        store.arrived.connect(self.redraw)

    def sizeHint(self) -> QSize:
        return QSize(480, theme().pixels(260))

    def taller(self, factor: float) -> None:
        """Magnify the frequencies from below."""
        settings = self.scene.settings
        _, high = limits_hz(settings, self.scene.rate_hz)
        wanted = min(max(high / factor, 500.0), self.scene.rate_hz / 2)
        rounded = 0.0 if wanted >= self.scene.rate_hz / 2 * 0.999 else float(round(wanted / 50) * 50)
        self.scene.restyle(settings=msgspec.structs.replace(settings, high_hz=rounded))

    def hz_at(self, share: float) -> float:
        """The frequency at a height 0 … 1."""
        low, high = (float(to_axis(self.scene.settings.scale, one)) for one in self._limits())
        return float(from_axis(self.scene.settings.scale, low + share * (high - low)))

    def y_of(self, hz: float) -> float:
        """The pixel of a frequency."""
        scale = self.scene.settings.scale
        low, high = (float(to_axis(scale, one)) for one in self._limits())
        return self.height() * (1 - (float(to_axis(scale, hz)) - low) / max(high - low, 1e-9))

    def db_at(self, sample: int, share: float) -> float | None:
        """The power under a point; None where no tile is at hand."""
        settings = self.scene.settings
        at_s = sample / self.scene.rate_hz
        level = self._level()
        span = tile_span_s(settings, level)
        tile = self.store.peek(settings, level, int(at_s / span))
        if tile is None:
            return None
        column = int((at_s % span) / span * TILE_COLUMNS)
        row = min(max(int(share * settings.bins), 0), settings.bins - 1)
        return float(tile.power_db[column, row]) if column < len(tile.power_db) else None

    def _limits(self) -> tuple[float, float]:
        return limits_hz(self.scene.settings, self.scene.rate_hz)

    def _level(self) -> int:
        return level_for(self.scene.settings, self.scene.span_s / max(self.room.width(), 1))

    def paint_ground(self, painter: QPainter) -> None:
        if not self.scene.samples:
            return
        settings, level = self.scene.settings, self._level()
        span = tile_span_s(settings, level)
        last_s = min(self.scene.start_s + self.scene.span_s, self.scene.duration_s)
        wanted = range(int(self.scene.start_s / span), int(max(last_s - 1e-9, 0) / span) + 1)
        table = colour_table(self.scene.colour_map, self.scene.top_db, self.scene.range_db)
        painter.fillRect(self.room, QColor.fromRgba(table[0]))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self.store.want([(settings, level, index) for index in wanted])
        pieces = [piece for index in wanted for piece in self._stand_in(level, index, table)]
        for _ in bands(painter, self.room):
            for target, picture, part in pieces:
                painter.drawImage(target, picture, part)
        self._axis(painter)
        self._overlay(painter)
        confidences.paint(painter, self, self.scene.words)

    def _stand_in(self, level: int, index: int, table: tuple[int, ...]) -> Iterator[Piece]:
        """The tile itself, or the part of a coarser one, or its two finer halves."""
        settings = self.scene.settings
        for up in range(12):
            tile = self.store.peek(settings, level + up, index >> up)
            if tile is not None:
                share = 2.0**-up
                begin = (index - ((index >> up) << up)) * share
                start = index * tile_span_s(settings, level)
                yield from self._piece(tile, start, (begin, share), level=level + up, table=table)
                return
        for half in (0, 1):
            tile = self.store.peek(settings, level - 1, index * 2 + half) if level else None
            if tile is not None:
                start = (index * 2 + half) * tile_span_s(settings, level - 1)
                yield from self._piece(tile, start, (0.0, 1.0), level=level - 1, table=table)

    def _piece(
        self, tile: Tile, start_s: float, part: tuple[float, float], *, level: int, table: tuple[int, ...]
    ) -> Iterator[Piece]:
        """A part of a tile (where it begins and how much of it, 0 … 1) at its time."""
        first = part[0] * TILE_COLUMNS
        columns = min(part[1] * TILE_COLUMNS, len(tile.power_db) - first)
        if columns <= 0:
            return
        column_s = self.scene.settings.column_s * 2**level
        left, right = self.x_of(start_s), self.x_of(start_s + columns * column_s)
        picture = tile.coloured(table)
        rows, room = picture.height(), self.room
        # Only what is seen is scaled: at the closest a tile is many times wider than the screen.
        per_px = columns / max(right - left, 1e-9)
        skipped = max(0.0, (room.left() - left) * per_px - 2)
        beyond = max(0.0, (right - room.right()) * per_px - 2)
        target = QRectF(left + skipped / per_px, 0, (columns - skipped - beyond) / per_px, self.height())
        yield target, picture, QRectF(first + skipped, 0, columns - skipped - beyond, rows)

    def _axis(self, painter: QPainter) -> None:
        now, left = tokens(), self.room.left()
        low, high = self._limits()
        size = painter.fontMetrics()
        taken = float(self.height() + size.height())
        marks: Sequence[float] = [one for one in MARKS_HZ if low <= one <= high]
        if self.scene.settings.scale == "linear":
            marks, _ = ticks(low, high - low, self.height(), apart_px=2.2 * size.height(), clocked=False)
        for hz in marks:
            y = self.y_of(hz)
            if y > taken - size.height() or y < size.ascent() / 2:
                continue
            taken = y
            painter.setPen(QColor(now.line))
            painter.drawLine(QLineF(left - 4, y, left, y))
            painter.setPen(QColor(now.dim))
            words = f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz:g} Hz"
            baseline = min(max(y + size.ascent() / 2 - 1, size.ascent()), self.height() - 2)
            painter.drawText(QPointF(left - size.horizontalAdvance(words) - 6, baseline), words)

    def track_at(self, sample: int) -> tuple[float, float] | None:
        """Pitch in Hz (0: unvoiced) and energy in dB under a sample, where tracks are shown."""
        tracks, rows = self.scene.tracks, self.scene.track_rows
        if tracks is None or rows is None:
            return None
        at = round((sample / self.scene.rate_hz - tracks.start_s) / tracks.hop_s)
        return (float(rows[at, 0]), float(rows[at, 2])) if 0 <= at < len(rows) else None

    def _overlay(self, painter: QPainter) -> None:
        """Pitch on a scale of its own; energy over the range of colours below full scale."""
        tracks, rows = self.scene.tracks, self.scene.track_rows
        if tracks is None or rows is None or not len(rows):
            return
        hop = tracks.hop_s
        first = max(0, int((self.scene.start_s - tracks.start_s) / hop) - 1)
        last = min(len(rows), int((self.scene.start_s + self.scene.span_s - tracks.start_s) / hop) + 2)
        step = max(1, (last - first) // max(int(self.room.width()), 1))
        places = range(first, last, step)
        xs = [self.x_of(tracks.start_s + at * hop) for at in places]
        values = np.asarray(rows[first:last:step])
        painter.setClipRect(self.room)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        categories, room = tokens().categories, self.height()
        energy = np.clip(1 + values[:, 2] / self.scene.range_db, 0, 1)
        line = [QPointF(x, room * (1 - 0.98 * float(share))) for x, share in zip(xs, energy, strict=True)]
        painter.setPen(QPen(QColor(categories[2]), 1.5))
        painter.drawPolyline(line)
        low, high = np.log(PITCH_HZ)
        heights = room * (1 - (np.log(np.maximum(values[:, 0], 1e-3)) - low) / (high - low))
        points = [QPointF(x, float(y)) for x, y, hz in zip(xs, heights, values[:, 0], strict=True) if hz > 0]
        for colour, width in (("#000000", 5), (categories[0], 3)):  # dark around it: bright maps would hide it
            painter.setPen(QPen(QColor(colour), theme().pixels(width), Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawPoints(points)
        painter.setClipping(False)
