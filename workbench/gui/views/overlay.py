"""One metric of several runs in one chart: a colour a run, a dash a series, the best of each run marked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QWidget

from workbench.gui.views import palette
from workbench.gui.views.curve import THICK_UP_TO_POINTS, CurveView, Line
from workbench.gui.views.series import Track, best_of
from workbench.gui.views.words import short, small

DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)
NOISE_UP_TO_LINES = 8
"""More lines than these hide each other in their own noise; only the averages are drawn then."""
JUDGED_FIRST = ("validation", "test", "train")


@dataclasses.dataclass(frozen=True)
class Stroke:
    """One line of a run; `place` picks the run's colour."""

    run: str
    name: str
    place: int
    series: str
    track: Track

    @property
    def label(self) -> str:
        """The line's name in read-outs and tables."""
        return f"{self.name} · {self.series}" if self.series else self.name


class OverlayView(CurveView):
    """The legend is the list of runs beside it; this view names only what the dashes mean."""

    name = "Curves of several runs"

    def __init__(self, parent: QWidget | None = None) -> None:
        self.strokes: dict[str, Stroke] = {}
        self.series: list[str] = []
        super().__init__(parent)
        self.empty_hint = "None of the runs shown has numbers of this name yet."

    def show_strokes(self, metric: str, strokes: Sequence[Stroke], best: str) -> None:
        """Show these lines of one metric; `best` ('high', 'low' or '') says which values are marked."""
        self.strokes = {stroke.label: stroke for stroke in strokes}
        self.series = sorted({stroke.series for stroke in strokes}, key=_judged)
        self.show_lines(metric, [(stroke.label, stroke.track) for stroke in strokes], best)

    def bests(self) -> list[tuple[Line, int]]:
        """The best point of every run: of its validation line where it has one."""
        if not self.better:
            return []
        by_run: dict[str, Line] = {}
        for line in sorted(self.lines, key=lambda one: _judged(self.strokes[one.label].series)):
            by_run.setdefault(self.strokes[line.label].run, line)
        found = [(line, best_of(line.values, self.better)) for line in by_run.values()]
        return [(line, at) for line, at in found if at >= 0]

    def best(self) -> tuple[Line | None, int]:
        sign = 1 if self.better == "high" else -1
        return max(self.bests(), key=lambda pair: sign * pair[0].values[pair[1]], default=(None, -1))

    def _origins(self, tracks: Sequence[tuple[str, Track]]) -> list[float]:
        """Every run's time begins with its own first number."""
        began: dict[str, float] = {}
        for label, track in tracks:
            if len(track.times):
                run, first = self.strokes[label].run, float(track.times[0])
                began[run] = min(began.get(run, first), first)
        return [began.get(self.strokes[label].run, 0.0) for label, _ in tracks]

    def _shade(self, label: str, position: int) -> QColor:
        return palette.category(self.strokes[label].place if label in self.strokes else position, self.tokens)

    def _dash(self, line: Line) -> Qt.PenStyle:
        at = self.series.index(self.strokes[line.label].series)
        return DASHES[at % len(DASHES)]

    def _dress_lines(self) -> None:
        super()._dress_lines()
        for line in self.lines:
            pale = QColor(line.colour)
            pale.setAlphaF(0.2)
            line.faint.setPen(pg.mkPen(pale, width=1))
            few = line.strong.xData is None or len(line.strong.xData) <= THICK_UP_TO_POINTS
            # Qt paints dashes point by point: a dense line stays solid, as its dashes could not be seen anyway.
            style = self._dash(line) if few else Qt.PenStyle.SolidLine
            line.strong.setPen(pg.mkPen(line.colour, width=1.6 if few else 1, style=style))

    def _shows_noise(self) -> bool:
        return len(self.lines) <= NOISE_UP_TO_LINES

    def _direct(self) -> bool:
        return False

    def _make_room(self) -> None:
        height = QFontMetricsF(small(self.font())).height()
        self.plot.set_margins(right=10, top=height + 6 if any(self.series) else 8)

    def _paint_best(self, painter: QPainter) -> None:
        top, _ = self._best
        for line, at in self.bests():
            height = self._shown(line.values)[at]
            if not np.isfinite(height):
                continue
            spot = self.plot.to_pixels(self._x(line)[at], height)
            if self.plot.area().adjusted(-1, -1, 1, 1).contains(spot):
                painter.setPen(QPen(line.colour, 1.6))
                painter.setBrush(line.colour if line is top else QColor(self.tokens.surface))
                painter.drawEllipse(spot, 4, 4)

    def _paint_legend(self, painter: QPainter) -> None:
        """What the dashes mean."""
        metrics, area = QFontMetricsF(painter.font()), self.plot.area()
        x, y = area.left(), area.top() - metrics.descent() - 4
        for place, series in enumerate(self.series if any(self.series) else ()):
            words = series or "value"
            painter.setPen(QPen(QColor(self.tokens.dim), 1.6, DASHES[place % len(DASHES)]))
            painter.drawLine(QPointF(x, y - metrics.ascent() / 3), QPointF(x + 22, y - metrics.ascent() / 3))
            painter.setPen(QColor(self.tokens.dim))
            painter.drawText(QPointF(x + 27, y), words)
            x += 43 + metrics.horizontalAdvance(words)

    def _readout(self, x: float) -> list[tuple[str, QColor]]:
        """As many lines as there is room for, the best values first."""
        head, rows = super()._readout(x)[0], []
        for line in self.lines:
            places = self._x(line)
            after = int(np.clip(np.searchsorted(places, x), 1, max(len(places) - 1, 1)))
            near = after if len(places) > after and places[after] - x <= x - places[after - 1] else after - 1
            rows.append((float(line.values[near]), line))
        rows.sort(key=lambda pair: (np.isnan(pair[0]), pair[0] if self.better == "low" else -pair[0]))
        metrics = QFontMetricsF(small(self.font()))
        room = max(2, int((self.plot.area().height() - 16) / metrics.height()) - 2)
        shown = [(f"{line.label}  {short(value)}", palette.ink(line.colour, self.tokens)) for value, line in rows]
        if len(shown) > room:
            return [head, *shown[:room], (f"and {len(shown) - room} more", QColor(self.tokens.dim))]
        return [head, *shown]

    def _tell_best(self) -> None:
        self._best = self.best()
        line, at = self._best
        said = f"best {short(line.values[at])} · {line.label} at step {int(line.steps[at])}" if line else ""
        self.set_caption(said)

    def rows(self) -> tuple[Sequence[str], Any]:
        columns, rows = super().rows()
        return ("line", *list(columns)[1:]), rows


def _judged(series: str) -> tuple[int, str]:
    return (JUDGED_FIRST.index(series) if series in JUDGED_FIRST else len(JUDGED_FIRST), series)
