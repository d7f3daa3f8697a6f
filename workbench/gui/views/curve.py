"""Curves: numbers over steps or time, with the best value marked and lines named at their ends."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QHBoxLayout, QSlider, QToolButton, QVBoxLayout, QWidget

from workbench.core import events as ev
from workbench.core.judging import JUDGED
from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.gui.actions import keymap
from workbench.gui.buttons import quiet_toggles
from workbench.gui.views import palette
from workbench.gui.views.base import Rows, View
from workbench.gui.views.marks import apart, paint_box
from workbench.gui.views.plot import Plot
from workbench.gui.views.series import Floats, Track, best_of, smoothed, thinned, valid
from workbench.gui.views.words import short, small, span_of_time

DIRECT_LABELS_PX = 300
"""Narrower plots name their lines in a row above instead of at the lines' ends."""
STRIP_FROM_PX = 150
"""Lower views hide their row of switches; keys and the context menu still work."""
THICK_UP_TO_POINTS = 600
"""Qt paints long lines several times slower when they are wider than one pixel."""
SMOOTH_FROM_POINTS = 60
"""Below this many points a line is drawn as it is, whatever the slider says."""


@dataclasses.dataclass
class Line:
    """One line as the view holds it; `x` follows the axis that is chosen."""

    label: str
    steps: Floats
    seconds: Floats
    values: Floats
    colour: QColor
    faint: Any = None
    strong: Any = None
    calm: tuple[float, Floats] | None = None

    def smooth(self, weight: float) -> Floats:
        """The averaged values, kept until another weight is asked for."""
        if self.calm is None or self.calm[0] != weight:
            self.calm = (weight, smoothed(self.values, weight))
        return self.calm[1]


class CurveView(View):
    """A metric's series; give it tracks of one run, or labelled tracks of several to compare."""

    name = "Curves"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines: list[Line] = []
        self.metric_name = ""
        self.better = "high"
        self.empty_hint = "No numbers yet: the first ones appear with the first steps."
        self._by_series = True
        self._time = self._log = False
        self._hover_x: float | None = None
        self._marked: int | None = None
        self._best: tuple[Line | None, int] = (None, -1)
        self._untouched = True
        self.plot = Plot(self)
        self.plot.painted = self._paint_over
        self.plot.hovered = self._hover
        self.plot.refit = self.fit
        self.plot.ranged = self._zoomed
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.plot, 1)
        column.addWidget(self._strip())
        self.set_body(body)
        self.add_action("view.curve.fit", self.fit)
        self.recolour()

    def _strip(self) -> QWidget:
        strip = self.strip = QWidget()
        row = QHBoxLayout(strip)
        row.setContentsMargins(4, 0, 4, 0)
        row.setSpacing(6)
        self.axis_button = _toggle("step", "view.curve.axis")
        self.log_button = _toggle("log", "view.curve.log")
        self.smooth_button = _toggle("smooth", "view.curve.smooth")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 99)
        self.slider.setValue(90)
        self.slider.setMaximumWidth(72)
        self.slider.setAccessibleName("Smoothing, per cent")
        self.slider.setToolTip("How much is averaged")
        self.smooth_button.setChecked(True)
        row.addWidget(self.axis_button)
        row.addWidget(self.log_button)
        row.addStretch(1)
        row.addWidget(self.smooth_button)
        row.addWidget(self.slider)
        self._wire()
        return strip

    def _wire(self) -> None:
        self.axis_button.toggled.connect(self.use_time)
        self.log_button.toggled.connect(self.use_log)
        self.smooth_button.toggled.connect(self._smooth_toggled)
        self.slider.valueChanged.connect(lambda _value: self._refill())
        self.add_action("view.curve.axis", self.axis_button.toggle)
        self.add_action("view.curve.log", self.log_button.toggle)
        self.add_action("view.curve.smooth", self.smooth_button.toggle)

    # Content

    def show_metric(self, name: str, tracks: Mapping[str, Track], best: str = "high") -> None:
        """Show one metric's series; `best` ('high', 'low', or '' for none) picks the value that is marked."""
        ordered = sorted(tracks, key=_series_rank)
        self._show(name, [(series, tracks[series]) for series in ordered], best, by_series=True)

    def show_lines(self, name: str, tracks: Sequence[tuple[str, Track]], best: str = "high") -> None:
        """Overlay labelled tracks of any number of runs."""
        self._show(name, tracks, best, by_series=False)

    def _show(self, name: str, tracks: Sequence[tuple[str, Track]], best: str, *, by_series: bool) -> None:
        self._by_series = by_series
        shades = [self._shade(label, position) for position, (label, _) in enumerate(tracks)]
        if name != self.metric_name:
            self._untouched = True
        self.metric_name, self.better = name, best
        used = [item for line in self.lines for item in (line.faint, line.strong)]
        lines = zip(tracks, shades, self._origins(tracks), strict=True)
        made = [_line(label, track, shade, origin) for (label, track), shade, origin in lines]
        self.lines = [line for line in made if len(line.values)]
        self._give_items(used)
        if not self.lines:
            self.clear(self.empty_hint)
            return
        self._offer_smoothing()
        self._refill()
        self.reveal()
        self._tell_best()

    def _origins(self, tracks: Sequence[tuple[str, Track]]) -> list[float]:
        """When each line's time begins."""
        origin = min((float(track.times[0]) for _, track in tracks if len(track.times)), default=0.0)
        return [origin] * len(tracks)

    def _shade(self, label: str, position: int) -> QColor:
        if self._by_series:
            return palette.series(label, position, self.tokens)
        return palette.category(position, self.tokens)

    def _offer_smoothing(self) -> None:
        noisy = any(len(line.values) >= SMOOTH_FROM_POINTS for line in self.lines)
        self.smooth_button.setVisible(noisy)
        self.slider.setVisible(noisy)

    def _give_items(self, used: list[Any]) -> None:
        """Every line gets its two items, those of former lines first: making them costs more than filling them."""
        for line in self.lines:
            line.faint, line.strong = (used.pop() if used else self._new_item() for _ in range(2))
        for item in used:
            self.plot.removeItem(item)

    def _new_item(self) -> Any:
        item = pg.PlotCurveItem(connect="finite", antialias=True)
        self.plot.addItem(item)
        return item

    def mark(self, step: int | None) -> None:
        """Draw a line at a step: where the time slider stands; None draws none."""
        self._marked = step
        self.plot.viewport().update()

    def read(self, folder: Path, artifact: ev.Artifact) -> Any:
        raise InputError(
            "A curve is drawn from a run's numbers, not from a file.",
            expected="a metric",
            received=f"the file {artifact.path!r}",
        )

    def clear(self, hint: str) -> None:
        self.metric_name = ""
        super().clear(hint)

    def rows(self) -> tuple[Sequence[str], Rows]:
        return ("series", "step", "seconds", self.metric_name or "value"), self._rows()

    def _rows(self) -> Iterator[tuple[str, int, float, float | None]]:
        for line in self.lines:
            for step, second, value in zip(line.steps, line.seconds, line.values, strict=True):
                yield line.label, int(step), round(float(second), 3), float(value) if np.isfinite(value) else None

    # Axes

    def use_time(self, on: bool) -> None:
        """Steps or elapsed time on the horizontal axis."""
        self._time = on
        self.axis_button.setChecked(on)
        self.axis_button.setText("time" if on else "step")
        self.plot.set_time_axis(on)
        self._untouched = True
        self._refill()

    def use_log(self, on: bool) -> None:
        """Logarithmic height; values that are not positive become gaps."""
        self._log = on
        self.log_button.setChecked(on)
        self.plot.set_log_axis(on)
        self._untouched = True
        self._refill()

    def set_smoothing(self, per_cent: int) -> None:
        """How much noisy lines are averaged, 0 to 99."""
        self.slider.setValue(per_cent)
        self.smooth_button.setChecked(per_cent > 0)

    def fit(self) -> None:
        """Show everything again after zooming."""
        self._untouched = True
        self._refill()

    def _zoomed(self) -> None:
        self._untouched = False
        self._thin()

    def _smooth_toggled(self, on: bool) -> None:
        self.slider.setEnabled(on)
        self._refill()

    def _x(self, line: Line) -> Floats:
        return line.seconds if self._time else line.steps

    def _weight(self, line: Line) -> float:
        on = self.smooth_button.isChecked() and len(line.values) >= SMOOTH_FROM_POINTS
        return self.slider.value() / 100 if on else 0.0

    def _shown(self, values: Floats) -> Floats:
        if not self._log:
            return values
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log10(np.where(values > 0, values, np.nan))

    def _refill(self) -> None:
        if not self.lines:
            return
        if self._untouched:
            self.plot.set_ranges(*self._extent())
        self._thin()
        self._make_room()

    def _extent(self) -> tuple[tuple[float, float], tuple[float, float]]:
        x = [(self._x(line)[0], self._x(line)[-1]) for line in self.lines]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            heights = [self._height(line) for line in self.lines]
            low = float(np.nanmin([height[0] for height in heights]))
            high = float(np.nanmax([height[1] for height in heights]))
        if not np.isfinite(low) or not np.isfinite(high):
            low, high = 0.0, 1.0
        pad = (high - low) * 0.05 or abs(high) * 0.1 or 0.5
        left, right = min(pair[0] for pair in x), max(pair[1] for pair in x)
        return (left, right if right > left else left + 1), (low - pad, high + pad)

    def _height(self, line: Line) -> tuple[float, float]:
        """Lowest and highest of a line, a noisy one's rare spikes left out."""
        shown = self._shown(line.values)
        finite = shown[np.isfinite(shown)]
        if len(finite) == 0:
            return np.nan, np.nan
        if len(finite) < SMOOTH_FROM_POINTS:
            return float(finite.min()), float(finite.max())
        low, high = np.percentile(finite[:: max(len(finite) // 20_000, 1)], [0.2, 99.8])
        return float(low), float(high)

    def _thin(self) -> None:
        """Draw no more than the pixels can show; called again whenever the range changes."""
        if not self.lines:
            return
        (low, high), columns = self.plot.x_range(), max(self.plot.width(), 100)
        noise = self._shows_noise()
        for line in self.lines:
            x, weight = self._x(line), self._weight(line)
            if noise or not weight:
                raw = thinned(x, self._shown(line.values), low=low, high=high, columns=columns)
                _put(line.faint if weight else line.strong, raw)
            if weight:
                calm = thinned(x, self._shown(line.smooth(weight)), low=low, high=high, columns=columns // 4)
                _put(line.strong, calm)
            line.faint.setVisible(bool(weight) and noise)
            # Items change hands between lines: what was a hidden background may be a line now.
            line.strong.setVisible(True)
        self._dress_lines()

    def _shows_noise(self) -> bool:
        """Whether what was averaged out is drawn behind a line."""
        return True

    def _dress_lines(self) -> None:
        for line in self.lines:
            pale = QColor(line.colour)
            pale.setAlphaF(0.35 if self.tokens.dark else 0.4)
            line.faint.setPen(pg.mkPen(pale, width=1))
            few = line.strong.xData is None or len(line.strong.xData) <= THICK_UP_TO_POINTS
            line.strong.setPen(pg.mkPen(line.colour, width=1.6 if few else 1))

    # Words

    def _tell_best(self) -> None:
        self._best = self.best()
        line, at = self._best
        if line is None:
            self.set_caption("")
            return
        who = f"{line.label} " if len(self.lines) > 1 and line.label not in ("", "validation") else ""
        self.set_caption(f"{who}best {short(line.values[at])} at step {int(line.steps[at])}")

    def _labelled(self, label: str) -> list[Line]:
        return [line for line in self.lines if line.label == label]

    def best(self) -> tuple[Line | None, int]:
        """The line and position of the best value: of the validation series, else the overall one, if there is one."""
        if not self.better:
            return None, -1
        judged = next((some for label in JUDGED if (some := self._labelled(label))), self.lines)
        found = [(line, best_of(line.values, self.better)) for line in judged]
        found = [(line, at) for line, at in found if at >= 0]
        if not found:
            return None, -1
        sign = 1 if self.better == "high" else -1
        return max(found, key=lambda pair: sign * pair[0].values[pair[1]])

    def recolour(self) -> None:
        self.plot.set_theme(self.tokens)
        self.strip.setStyleSheet(quiet_toggles(self.tokens))
        for position, line in enumerate(self.lines):
            line.colour = self._shade(line.label, position)
        self._dress_lines()

    # Painting over the plot

    def _direct(self) -> bool:
        return 1 < len(self.lines) <= 6 and self.width() >= DIRECT_LABELS_PX

    def _make_room(self) -> None:
        metrics = QFontMetricsF(small(self.font()))
        widest = max((metrics.horizontalAdvance(line.label) for line in self.lines), default=0.0)
        legend = len(self.lines) > 1 and not self._direct()
        self.plot.set_margins(
            right=min(widest, 120) + 12 if self._direct() else 10, top=metrics.height() + 6 if legend else 8
        )

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self.strip.setVisible(self.height() >= STRIP_FROM_PX)
        self._make_room()
        self._thin()

    def _paint_over(self, painter: QPainter) -> None:
        if not self.lines:
            return
        painter.setFont(small(self.font()))
        self._paint_mark(painter)
        self._paint_lone(painter)
        self._paint_best(painter)
        if self._direct():
            self._paint_ends(painter)
        elif len(self.lines) > 1:
            self._paint_legend(painter)
        if self._hover_x is not None:
            self._paint_readout(painter, self._hover_x)

    def _paint_mark(self, painter: QPainter) -> None:
        if self._marked is None:
            return
        line = max(self.lines, key=lambda one: len(one.steps))
        at = float(np.interp(self._marked, line.steps, self._x(line)))
        area, x = self.plot.area(), self.plot.to_pixels(at, 0).x()
        if area.left() <= x <= area.right():
            painter.setPen(QPen(QColor(self.tokens.accent), 1.2))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))

    def _paint_lone(self, painter: QPainter) -> None:
        """A line of one value (a test at the end, a baseline) is a dot."""
        painter.setPen(Qt.PenStyle.NoPen)
        for line in self.lines:
            if len(line.values) == 1 and np.isfinite(height := self._shown(line.values)[0]):
                painter.setBrush(line.colour)
                painter.drawEllipse(self.plot.to_pixels(self._x(line)[0], height), 3.5, 3.5)

    def _paint_best(self, painter: QPainter) -> None:
        line, at = self._best
        if line is None:
            return
        height = self._shown(line.values)[at]
        if not np.isfinite(height):
            return
        spot = self.plot.to_pixels(self._x(line)[at], height)
        if self.plot.area().adjusted(-1, -1, 1, 1).contains(spot):
            painter.setPen(QPen(line.colour, 1.6))
            painter.setBrush(QColor(self.tokens.surface))
            painter.drawEllipse(spot, 4, 4)

    def _paint_ends(self, painter: QPainter) -> None:
        metrics, area = QFontMetricsF(painter.font()), self.plot.area()
        wanted = sorted((self._end(line).y(), number) for number, line in enumerate(self.lines))
        for (_, number), y in zip(wanted, apart([y for y, _ in wanted], metrics.height(), area), strict=True):
            line = self.lines[number]
            painter.setPen(palette.ink(line.colour, self.tokens))
            words = metrics.elidedText(line.label, Qt.TextElideMode.ElideRight, 120)
            painter.drawText(QPointF(area.right() + 6, y + metrics.ascent() / 2 - 1), words)

    def _end(self, line: Line) -> QPointF:
        shown = self._shown(line.smooth(self._weight(line)))
        finite = np.flatnonzero(np.isfinite(shown))
        if len(finite) == 0:
            return self.plot.area().bottomRight()
        return self.plot.to_pixels(self._x(line)[finite[-1]], shown[finite[-1]])

    def _paint_legend(self, painter: QPainter) -> None:
        metrics, area = QFontMetricsF(painter.font()), self.plot.area()
        x, y = area.left(), area.top() - metrics.descent() - 4
        for line in self.lines:
            room = area.right() - x - 14
            if room < 20:
                break
            words = metrics.elidedText(line.label, Qt.TextElideMode.ElideRight, room)
            painter.setPen(QPen(line.colour, 2))
            painter.drawLine(QPointF(x, y - metrics.ascent() / 3), QPointF(x + 9, y - metrics.ascent() / 3))
            painter.setPen(palette.ink(line.colour, self.tokens))
            painter.drawText(QPointF(x + 13, y), words)
            x += 25 + metrics.horizontalAdvance(words)

    def _hover(self, x: float | None) -> None:
        self._hover_x = x

    def _paint_readout(self, painter: QPainter, x: float) -> None:
        rows, area = self._readout(x), self.plot.area()
        at = self.plot.to_pixels(x, 0).x()
        painter.setPen(QPen(QColor(self.tokens.dim), 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(at, area.top()), QPointF(at, area.bottom()))
        paint_box(painter, rows, area, self.tokens, left=at > area.center().x())

    def _readout(self, x: float) -> list[tuple[str, QColor]]:
        """The line of the place, then each line's nearest value."""
        dim = QColor(self.tokens.dim)
        rows = [(span_of_time(x) if self._time else f"step {spaced(round(x))}", dim)]
        for line in self.lines:
            places = self._x(line)
            after = int(np.clip(np.searchsorted(places, x), 1, max(len(places) - 1, 1)))
            at = after if len(places) > after and places[after] - x <= x - places[after - 1] else after - 1
            rows.append((f"{line.label}  {short(line.values[at])}".strip(), palette.ink(line.colour, self.tokens)))
        return rows


def _line(label: str, track: Track, colour: QColor, origin: float) -> Line:
    steps = np.asarray(track.steps, dtype=np.float64)
    kept = valid(steps)
    values = np.asarray(track.values, dtype=np.float64)[kept]
    seconds = np.maximum.accumulate(np.asarray(track.times, dtype=np.float64)[kept] - origin)
    return Line(label, steps[kept], seconds, values, colour)


def _put(item: Any, points: tuple[Floats, Floats]) -> None:
    # A dense line is little but upright strokes: smoothing its edges is not seen and costs most of the frame.
    item.setData(*points, antialias=len(points[0]) <= THICK_UP_TO_POINTS)


def _series_rank(series: str) -> tuple[int, str]:
    known = palette.SERIES_ORDER
    return (known.index(series) if series in known else len(known), series)


def _toggle(text: str, command: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setCheckable(True)
    keymap().explain(button, command)
    button.setAccessibleName(keymap().command(command).tip)
    button.setProperty("role", "small")
    return button
