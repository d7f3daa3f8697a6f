"""Parallel coordinates: an axis per knob and one for the metric, a line per run, coloured by the metric."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from workbench.core import events as ev
from workbench.core.problem import InputError
from workbench.gui.theme import theme
from workbench.gui.views import palette
from workbench.gui.views.axes import Axis, Floats, figure, held, make_axis, nearest
from workbench.gui.views.base import Rows, View
from workbench.gui.views.marks import paint_box, paint_focus
from workbench.gui.views.trials import TrialRow, TrialsData
from workbench.gui.views.words import small

TOP_PX, FOOT_PX, SIDE_PX = 40, 12, 48
GRAB_PX = 14
STEP = 0.1
"""How far a key moves the end of a brush."""
EMPTY = "Lines appear here, one per run, as soon as the first run has begun."


class ParallelView(View):
    """Give it a sweep's trials; brushes on the axes pick runs, a click opens one."""

    opened = Signal(str)
    """The key of a line that was clicked."""
    held_changed = Signal(object)
    """The keys of the runs inside every brush; None while there is no brush."""
    hovered = Signal(str)
    name = "Parallel coordinates of the runs"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.data: TrialsData | None = None
        self.axes: list[Axis] = []
        self.brushes: dict[str, tuple[float, float]] = {}
        self.current = -1
        self.canvas = _Canvas(self)
        self.set_body(self.canvas)
        self.add_action("Let go of the brushes", self.clear_brushes, key="Esc")
        self.clear(EMPTY)

    def show_trials(self, data: TrialsData) -> None:
        """Draw these trials; brushes on axes that are still there stay."""
        key = self.key_at(self.current)
        self.data = data
        scales = [*data.knobs, data.metric]
        if not data.rows:
            self.axes = []
            self.clear(EMPTY)
            return
        knobs = [make_axis(one, [row.params.get(one.name) for row in data.rows]) for one in data.knobs]
        values = [row.value if row.state != "failed" else None for row in data.rows]
        self.axes = [*knobs, make_axis(data.metric, values)]
        self.brushes = {name: one for name, one in self.brushes.items() if any(name == s.name for s in scales)}
        self.current = next((at for at, row in enumerate(data.rows) if row.key == key and key), -1)
        self.reveal()
        self.canvas.update()
        self._tell_held()

    def set_brush(self, name: str, low: float, high: float) -> None:
        """Hold the part of an axis from `low` to `high`, 0 at its foot and 1 at its head."""
        self.brushes[name] = (max(0.0, min(low, high)), min(1.0, max(low, high)))
        self._tell_held()

    def clear_brush(self, name: str) -> None:
        """Let go of one axis."""
        if self.brushes.pop(name, None) is not None:
            self._tell_held()

    def clear_brushes(self) -> None:
        """Let go of every axis."""
        self.brushes.clear()
        self._tell_held()

    def held_keys(self) -> list[str] | None:
        """The runs inside every brush; None without a brush."""
        if not self.brushes or self.data is None:
            return None
        return [row.key for row, inside in zip(self.data.rows, held(self.axes, self.brushes), strict=True) if inside]

    def point_at(self, at: int) -> None:
        """Single a line out, −1 for none."""
        if at != self.current:
            self.current = at
            self.hovered.emit(self.key_at(at))
            self.canvas.update()

    def point_at_key(self, key: str) -> None:
        """Single a run's line out, '' for none."""
        rows = self.data.rows if self.data is not None else ()
        self.current = next((at for at, row in enumerate(rows) if key and row.key == key), -1)
        self.canvas.update()

    def key_at(self, at: int) -> str:
        """The run of a line."""
        return self.data.rows[at].key if self.data is not None and 0 <= at < len(self.data.rows) else ""

    def read(self, folder: Path, artifact: ev.Artifact) -> Any:
        raise InputError("This is drawn from a sweep's trials, not from a file.", received=artifact.path)

    def rows(self) -> tuple[Sequence[str], Rows]:
        data = self.data
        names = [one.name for one in data.knobs] if data is not None else []
        return ("run", "state", *names, data.metric.name if data is not None else "value"), self._rows(names)

    def _rows(self, names: Sequence[str]) -> Iterator[Sequence[Any]]:
        for row in self.data.rows if self.data is not None else ():
            yield row.key, row.state, *(row.params.get(name) for name in names), row.value

    def recolour(self) -> None:
        self.canvas.update()

    def _tell_held(self) -> None:
        keys = self.held_keys()
        total = len(self.data.rows) if self.data is not None else 0
        self.set_caption(f"{len(keys)} of {total} runs in the brushes" if keys is not None else "drag along an axis")
        self.held_changed.emit(keys)
        self.canvas.update()


class _Canvas(QWidget):
    """Paints the lines and listens to mouse and keys."""

    def __init__(self, view: ParallelView) -> None:
        super().__init__()
        self._view = view
        self._dragged: tuple[int, float] | None = None
        self._axis = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(view.name)
        self.setAccessibleDescription(
            "Left and right choose an axis, shift with up or down narrows it, up and down walk the lines, Return opens."
        )

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().pixels(240), theme().pixels(160))

    # Where things are

    def area(self) -> QRectF:
        """The room of the axes, without their names and ticks."""
        px = theme().pixels
        return QRectF(
            px(SIDE_PX), px(TOP_PX), max(self.width() - 2 * px(SIDE_PX), 1),
            max(self.height() - px(TOP_PX) - px(FOOT_PX), 1),
        )  # fmt: skip

    def xs(self) -> list[float]:
        """Where each axis stands."""
        area, count = self.area(), len(self._view.axes)
        return [area.left() + area.width() * at / max(count - 1, 1) for at in range(count)]

    def heights(self) -> Floats:
        """Where each line crosses each axis, (N, A) pixels."""
        area = self.area()
        places = np.stack([axis.places for axis in self._view.axes], axis=1)
        return np.asarray(area.bottom() - places * area.height())

    def _axis_at(self, x: float) -> int:
        away = [abs(x - one) for one in self.xs()]
        best = int(np.argmin(away)) if away else -1
        return best if best >= 0 and away[best] <= theme().pixels(GRAB_PX) else -1

    def _place(self, y: float) -> float:
        area = self.area()
        return min(1.0, max(0.0, (area.bottom() - y) / area.height()))

    # Mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = self._axis_at(event.position().x())
        self._dragged = (at, event.position().y()) if at >= 0 else None
        self._axis = at

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        where = event.position()
        if self._dragged is not None and event.buttons() & Qt.MouseButton.LeftButton:
            at, from_y = self._dragged
            if abs(where.y() - from_y) > 3:
                self._view.set_brush(self._view.axes[at].scale.name, self._place(from_y), self._place(where.y()))
            return
        over_axis = self._axis_at(where.x()) >= 0
        line = nearest(self.xs(), self.heights(), where.x(), where.y()) if self._view.axes else -1
        self.setCursor(
            Qt.CursorShape.PointingHandCursor if line >= 0
            else Qt.CursorShape.SplitVCursor if over_axis else Qt.CursorShape.ArrowCursor
        )  # fmt: skip
        self._view.point_at(line)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        where, dragged = event.position(), self._dragged
        self._dragged = None
        if dragged is not None and abs(where.y() - dragged[1]) > 3:
            return
        line = nearest(self.xs(), self.heights(), where.x(), where.y()) if self._view.axes else -1
        if dragged is not None and self._view.axes[dragged[0]].scale.name in self._view.brushes:
            self._view.clear_brush(self._view.axes[dragged[0]].scale.name)
        elif line >= 0:
            self._view.opened.emit(self._view.key_at(line))

    def leaveEvent(self, event: QEvent) -> None:
        self._view.point_at(-1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        view, key, count = self._view, event.key(), len(self._view.axes)
        rows = len(view.data.rows) if view.data is not None else 0
        if not count:
            super().keyPressEvent(event)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._axis = (self._axis + (1 if key == Qt.Key.Key_Right else -1)) % count
            self.update()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._narrow(up=key == Qt.Key.Key_Up)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            view.point_at((view.current + (-1 if key == Qt.Key.Key_Up else 1)) % max(rows, 1))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and view.key_at(view.current):
            view.opened.emit(view.key_at(view.current))
        else:
            super().keyPressEvent(event)

    def _narrow(self, *, up: bool) -> None:
        """Raise the lower end of the chosen axis' brush, or lower its upper end."""
        name = self._view.axes[max(self._axis, 0)].scale.name
        low, high = self._view.brushes.get(name, (0.0, 1.0))
        low, high = (min(low + STEP, high), high) if up else (low, max(high - STEP, low))
        self._view.set_brush(name, low, high)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        view = self._view
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(small(self.font()))
        if view.data is not None and view.axes:
            self._paint_lines(painter, view.data)
            for at, axis in enumerate(view.axes):
                self._paint_axis(painter, at, axis)
            self._paint_current(painter, view.data)
        if self.hasFocus():
            paint_focus(painter, QRectF(self.rect()), view.tokens)
        painter.end()

    def _paint_lines(self, painter: QPainter, data: TrialsData) -> None:
        inside, heights, shades = held(self._view.axes, self._view.brushes), self.heights(), self._shades(data)
        order = sorted(range(len(data.rows)), key=lambda at: _rank(data.rows[at], data.better))
        for at in sorted(order, key=lambda at: bool(inside[at])):
            colour = QColor(shades[at])
            colour.setAlphaF(0.95 if inside[at] else 0.1)
            wide = 2.6 if inside[at] and at == order[-1] else 1.6
            self._paint_line(painter, heights[at], colour, wide, data.rows[at].state)

    def _paint_line(self, painter: QPainter, heights: Floats, colour: QColor, wide: float, state: str) -> None:
        """A line from axis to axis; over an axis that means nothing to the run it goes on, dotted."""
        broken = state not in ("finished", "running")
        whole = QPen(colour, wide, Qt.PenStyle.DashLine if broken else Qt.PenStyle.SolidLine)
        over = QPen(colour, max(wide - 0.6, 1), Qt.PenStyle.DotLine)
        there = [
            (at, QPointF(x, float(y)))
            for at, (x, y) in enumerate(zip(self.xs(), heights, strict=True))
            if math.isfinite(y)
        ]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for (first, start), (second, end) in itertools.pairwise(there):
            painter.setPen(whole if second == first + 1 else over)
            painter.drawLine(start, end)
        if len(there) == 1:
            painter.drawEllipse(there[0][1], 2, 2)

    def _shades(self, data: TrialsData) -> list[QColor]:
        ramp, now = palette.metric_ramp(self._view.tokens), self._view.tokens
        shades = []
        for row, place in zip(data.rows, self._view.axes[-1].places, strict=True):
            if not math.isfinite(place):
                shades.append(QColor(now.error if row.state == "failed" else now.dim))
                continue
            share = float(place) if data.better == "max" else 1 - float(place)
            shades.append(QColor(*(int(part) for part in ramp[round(255 * min(1.0, max(0.0, share)))])))
        return shades

    def _paint_axis(self, painter: QPainter, at: int, axis: Axis) -> None:
        now, area, x = self._view.tokens, self.area(), self.xs()[at]
        metrics = QFontMetricsF(painter.font())
        chosen = self.hasFocus() and at == self._axis
        painter.setPen(QPen(QColor(now.accent if chosen else now.dim), 2 if chosen else 1))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        brush = self._view.brushes.get(axis.scale.name)
        if brush is not None:
            low, high = (area.bottom() - place * area.height() for place in brush)
            ground = QColor(now.accent)
            painter.setPen(QPen(ground, 1))
            ground.setAlphaF(0.28)
            painter.setBrush(ground)
            painter.drawRoundedRect(QRectF(x - 7, high, 14, max(low - high, 2)), 3, 3)
        last = at == len(self._view.axes) - 1
        for place, words in axis.ticks:
            y = area.bottom() - place * area.height()
            painter.setPen(QPen(QColor(now.dim), 1))
            painter.drawLine(QPointF(x - 3, y), QPointF(x + 3, y))
            self._paint_tick(painter, words, x, y, right=last)
        if last:
            self._paint_bar(painter, x, area)
        painter.setPen(QColor(now.text))
        room = area.width() / max(len(self._view.axes) - 1, 1) - 8
        name = metrics.elidedText(axis.scale.title, Qt.TextElideMode.ElideRight, max(room, 40))
        wide = metrics.horizontalAdvance(name)
        left = min(max(x - wide / 2, 2), self.width() - wide - 2)
        painter.drawText(QPointF(left, area.top() - metrics.height()), name)

    def _paint_tick(self, painter: QPainter, words: str, x: float, y: float, *, right: bool) -> None:
        """Words beside a tick, on a ground that keeps lines from running through them."""
        now, metrics = self._view.tokens, QFontMetricsF(painter.font())
        most = self.area().left() - 8 if right else max(self.area().width() / max(len(self._view.axes) - 1, 1) / 2, 40)
        words = metrics.elidedText(words, Qt.TextElideMode.ElideRight, most)
        wide = metrics.horizontalAdvance(words)
        left = x + 14 if right else x - 6 - wide if x - 6 - wide > 0 else x + 6
        ground = QColor(now.surface)
        ground.setAlphaF(0.72)
        painter.fillRect(QRectF(left - 1, y - metrics.height() / 2, wide + 2, metrics.height()), ground)
        painter.setPen(QColor(now.dim))
        painter.drawText(QPointF(left, y + metrics.ascent() / 2 - 1), words)

    def _paint_bar(self, painter: QPainter, x: float, area: QRectF) -> None:
        """The colours along the metric's axis."""
        ramp = palette.metric_ramp(self._view.tokens)
        data = self._view.data
        up = data is None or data.better == "max"
        for place in range(64):
            share = (place + 0.5) / 64
            red, green, blue = (int(part) for part in ramp[round(255 * (share if up else 1 - share))])
            y = area.bottom() - (place + 1) / 64 * area.height()
            painter.fillRect(QRectF(x + 5, y, 4, area.height() / 64 + 1), QColor(red, green, blue))

    def _paint_current(self, painter: QPainter, data: TrialsData) -> None:
        at = self._view.current
        if not 0 <= at < len(data.rows):
            return
        row, now = data.rows[at], self._view.tokens
        self._paint_line(painter, self.heights()[at], QColor(now.text), 3, row.state)
        value = f"{data.metric.title} {figure(row.value)}" if row.value is not None else row.state
        lines = [(f"{row.name} · {row.state}", QColor(now.dim)), (value, QColor(now.text))]
        lines += [(f"{one.title} {_said(row.params.get(one.name))}", QColor(now.text)) for one in data.knobs]
        area = self.area().adjusted(8, 0, -8, 0)
        # At the side where the pointer is not.
        paint_box(painter, lines, area, now, left=self.mapFromGlobal(self.cursor().pos()).x() > self.width() / 2)


def _said(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return figure(value) if isinstance(value, float) else str(value)


def _rank(row: TrialRow, better: str) -> tuple[bool, float]:
    """Worst first: the best line is painted last."""
    if row.value is None:
        return False, 0.0
    return row.state == "finished", row.value if better == "max" else -row.value
