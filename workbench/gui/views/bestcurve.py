"""The best value so far over the trials of a sweep, with every trial as a dot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from workbench.core import events as ev
from workbench.core.problem import InputError
from workbench.gui.views.axes import best_so_far, figure
from workbench.gui.views.base import Rows, View
from workbench.gui.views.marks import paint_box
from workbench.gui.views.plot import Plot
from workbench.gui.views.trials import TrialRow, TrialsData
from workbench.gui.views.words import small

EMPTY = "Dots appear here as runs end, and the best value so far as a line."
NEAR_PX = 10.0


class BestCurveView(View):
    """Give it a sweep's trials; a click on a dot opens its run."""

    opened = Signal(str)
    name = "Best value so far"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.data: TrialsData | None = None
        self.current = ""
        self._line = pg.PlotCurveItem(stepMode=None, antialias=True)
        self.plot = Plot(self)
        self.plot.addItem(self._line)
        self.plot.painted = self._paint_dots
        self.plot.hovered = self._hover
        self.plot.refit = self.fit
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        self.set_body(self.plot)
        self.add_action("Show everything", self.fit, key="Home")
        self.recolour()
        self.clear(EMPTY)

    def show_trials(self, data: TrialsData) -> None:
        """Draw these trials."""
        self.data = data
        if not any(row.value is not None or row.state == "failed" for row in data.rows):
            self.clear(EMPTY)
            return
        values = [row.value if row.state == "finished" else None for row in data.rows]
        best = best_so_far(values, data.better)
        steps = np.arange(len(best), dtype=np.float64)
        there = np.isfinite(best)
        x, y = np.repeat(steps[there], 2), np.repeat(best[there], 2)
        self._line.setData(x[1:], y[:-1])  # a stair: level until the trial that was better
        self.fit()
        self.reveal()
        if there.any():
            reached = best[there][-1]
            self.set_caption(f"best {figure(float(reached))} in {data.rows[int(np.argmax(best == reached))].name}")
        self.plot.viewport().update()

    def point_at_key(self, key: str) -> None:
        """Ring a run's dot, '' for none."""
        if key != self.current:
            self.current = key
            self.plot.viewport().update()

    def fit(self) -> None:
        """Show every dot."""
        values = [row.value for row in self._rows_now() if row.value is not None and row.state != "failed"]
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        reach = (high - low) * 0.12 or abs(high) * 0.1 or 1.0
        self.plot.set_ranges((-0.6, max(len(self._rows_now()), 2) - 0.4), (low - reach, high + reach))

    def read(self, folder: Path, artifact: ev.Artifact) -> Any:
        raise InputError("This is drawn from a sweep's trials, not from a file.", received=artifact.path)

    def rows(self) -> tuple[Sequence[str], Rows]:
        name = self.data.metric.name if self.data is not None else "value"
        return ("trial", "state", name, "best so far"), self._figures()

    def _figures(self) -> Iterator[Sequence[Any]]:
        rows = self._rows_now()
        better = self.data.better if self.data is not None else "max"
        best = best_so_far([row.value if row.state == "finished" else None for row in rows], better)
        for row, so_far in zip(rows, best, strict=True):
            yield row.name, row.state, row.value, float(so_far) if math.isfinite(so_far) else None

    def recolour(self) -> None:
        self.plot.set_theme(self.tokens)
        self._line.setPen(pg.mkPen(QColor(self.tokens.accent), width=2))

    def dot(self, at: int) -> QPointF:
        """Where a trial's dot is, in pixels of the plot; one without a value stands at the foot."""
        row, area = self._rows_now()[at], self.plot.area()
        if row.value is None or row.state == "failed":
            return QPointF(self.plot.to_pixels(at, 0).x(), area.bottom() - 8)
        return self.plot.to_pixels(at, row.value)

    def _rows_now(self) -> Sequence[TrialRow]:
        return self.data.rows if self.data is not None else ()

    def _paint_dots(self, painter: QPainter) -> None:
        painter.setClipRect(self.plot.area())
        for at, row in enumerate(self._rows_now()):
            if row.value is not None or row.state == "failed":
                self._paint_dot(painter, self.dot(at), row)
        painter.setClipping(False)
        self._paint_current(painter)

    def _paint_dot(self, painter: QPainter, where: QPointF, row: TrialRow) -> None:
        now = self.tokens
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if row.state == "failed":
            painter.setPen(QPen(QColor(now.error), 2))
            painter.drawLine(where + QPointF(-4, -4), where + QPointF(4, 4))
            painter.drawLine(where + QPointF(-4, 4), where + QPointF(4, -4))
        elif row.state == "finished":
            painter.setPen(QPen(QColor(now.surface), 1))
            painter.setBrush(QColor(now.accent))
            painter.drawEllipse(where, 4.5, 4.5)
        else:
            colour = QColor(now.warning if row.state == "pruned" else now.dim)
            painter.setPen(QPen(colour, 1.6))
            painter.drawEllipse(where, 4, 4)
            if row.state == "pruned":
                painter.drawLine(where + QPointF(-4, 0), where + QPointF(4, 0))

    def _paint_current(self, painter: QPainter) -> None:
        rows = self._rows_now()
        at = next((at for at, row in enumerate(rows) if self.current and row.key == self.current), -1)
        if at < 0 or self.data is None:
            return
        row, now, where = rows[at], self.tokens, self.dot(at)
        painter.setPen(QPen(QColor(now.text), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(where, 7, 7)
        value = f"{self.data.metric.title} {figure(row.value)}" if row.value is not None else ""
        said = [(f"{row.name} · {row.state}", QColor(now.dim)), *([(value, QColor(now.text))] if value else [])]
        painter.setFont(small(self.font()))
        paint_box(painter, said, self.plot.area(), now, left=where.x() > self.plot.area().center().x())

    def _nearest(self, where: QPointF) -> int:
        away = [
            math.hypot(self.dot(at).x() - where.x(), self.dot(at).y() - where.y())
            for at in range(len(self._rows_now()))
        ]
        best = int(np.argmin(away)) if away else -1
        return best if best >= 0 and away[best] <= NEAR_PX else -1

    def _hover(self, x: float | None) -> None:
        where = QPointF(self.plot.mapFromGlobal(self.plot.cursor().pos()))
        at = self._nearest(where) if x is not None else -1
        self.point_at_key(self._rows_now()[at].key if at >= 0 else "")

    def _clicked(self, event: Any) -> None:
        at = self._nearest(event.scenePos())
        if at >= 0 and self._rows_now()[at].key:
            self.opened.emit(self._rows_now()[at].key)
