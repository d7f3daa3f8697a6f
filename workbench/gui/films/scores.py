"""What a model said over time, drawn: probabilities as lines, and below them a band of what is likeliest."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QToolTip, QWidget

from workbench.core.recognising import SOMETHING_ELSE, Recognised, cells, named
from workbench.gui.films.scene import FilmScene
from workbench.gui.films.strips import LEFT_PX, FilmStrip
from workbench.gui.theme import theme, tokens

HEIGHT_PX, BAND_PX = 100, 18
MOST_LINES = 8
"""So many classes have a colour of their own; of more, the likeliest ones are drawn."""
LIVE_S = 20.0
TOLD = 6
Floats = NDArray[np.float32]


def percent(share: float) -> str:
    """A probability in words."""
    return f"{100 * share:.0f} %"


def no_label(_name: str) -> str:
    """No class has the colour of a label."""
    return ""


class Series:
    """Scores (n, K) of windows in the order of time, growing."""

    def __init__(self, classes: Sequence[str] = ()) -> None:
        self.classes = tuple(classes)
        self.windows: list[tuple[float, float]] = []
        self.cells: list[tuple[float, float]] = []
        self.rows: Floats = np.zeros((0, len(self.classes)), np.float32)
        self.own_colour: Callable[[str], str] = no_label
        self.drawn: list[int] = []
        """The classes that are drawn, the likeliest one first."""

    def take(self, found: Recognised) -> None:
        """Show what was recognised; rows of fewer classes than there are now are filled up."""
        self.classes, self.windows = found.classes, list(found.windows)
        self.rows = np.zeros((len(found.scores), len(found.classes)), np.float32)
        for at, row in enumerate(found.scores):
            self.rows[at, : len(row)] = row
        self.cells = cells(self.windows)
        best = self.rows.max(0) if len(self.rows) else np.zeros(len(self.classes))
        self.drawn = sorted(np.argsort(-best, kind="stable")[:MOST_LINES].tolist())

    def at(self, time_s: float) -> int:
        """The window that speaks for a time; -1 where none does."""
        at = bisect.bisect_right(self.cells, (time_s, float("inf"))) - 1
        if at < 0 or time_s > self.cells[at][1] + 1e-9:
            return -1
        return at

    def ranked(self, at: int) -> list[tuple[str, float]]:
        """Classes of a window with their scores, the likeliest first."""
        order = np.argsort(-self.rows[at], kind="stable")
        return [(self.classes[one], float(self.rows[at, one])) for one in order]

    def colour(self, name: str) -> str:
        """The colour of a class: its label's own, else one of the palette; grey for one that is not drawn."""
        if label := self.own_colour(name):
            return label
        if name in self.classes and (at := self.classes.index(name)) in self.drawn:
            return tokens().categories[self.drawn.index(at) % len(tokens().categories)]
        return tokens().dim


def paint(painter: QPainter, room: QRectF, series: Series, x_of: Callable[[float], float], threshold: float) -> None:
    """Draw a series into a room: lines above, the band of the likeliest class below, the threshold dashed."""
    now = tokens()
    band = theme().pixels(BAND_PX)
    plot = QRectF(room.left(), 4, room.width(), room.height() - band - 8)
    painter.setPen(QPen(QColor(now.line), 1))
    for share in (0.0, 0.5, 1.0):
        y = plot.bottom() - share * plot.height()
        painter.drawLine(QLineF(plot.left(), y, plot.right(), y))
    if not series.windows:
        return
    painter.setClipRect(room)
    xs = np.array([x_of((start + end) / 2) for start, end in series.cells])
    seen = np.flatnonzero((xs >= room.left() - room.width()) & (xs <= room.right() + room.width()))
    if len(seen):
        first, last = max(int(seen[0]) - 1, 0), min(int(seen[-1]) + 2, len(xs))
        step = max((last - first) // max(int(room.width()), 1), 1)
        # As many points as pixels; of those in one pixel the highest is drawn.
        rows = series.rows[first:last]
        starts = np.arange(0, len(rows), step)
        high, places = np.maximum.reduceat(rows, starts), xs[first:last][starts]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for at in reversed(series.drawn):
            colour = QColor(series.colour(series.classes[at]))
            ys = plot.bottom() - np.clip(high[:, at], 0, 1) * plot.height()
            points = [QPointF(x, y) for x, y in zip(places, ys, strict=True)]
            painter.setPen(QPen(colour, theme().pixels(1.75)))
            if len(points) == 1:
                painter.drawEllipse(points[0], 2, 2)
            painter.drawPolyline(QPolygonF(points))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        _paint_band(painter, QRectF(room.left(), room.bottom() - band, room.width(), band), series, x_of, threshold,
                    range(first, last))  # fmt: skip
    painter.setPen(QPen(QColor(now.text), 1, Qt.PenStyle.DashLine))
    y = plot.bottom() - threshold * plot.height()
    painter.drawLine(QLineF(plot.left(), y, plot.right(), y))
    painter.setClipping(False)


def _paint_band(  # noqa: PLR0917 (what is drawn and where)
    painter: QPainter, where: QRectF, series: Series, x_of: Callable[[float], float], threshold: float, seen: range
) -> None:
    """Runs of windows with one likeliest class, its name where there is room; below the threshold, only the ground."""
    now = tokens()
    painter.fillRect(where, QColor(now.raised))
    at = seen.start
    while at < seen.stop:
        name, _ = named(series.rows[at].tolist(), series.classes, threshold)
        end = at
        while end + 1 < seen.stop and named(series.rows[end + 1].tolist(), series.classes, threshold)[0] == name:
            end += 1
        left, right = x_of(series.cells[at][0]), x_of(series.cells[end][1])
        if name != SOMETHING_ELSE:
            box = QRectF(left, where.top(), max(right - left, 1), where.height())
            painter.fillRect(box, QColor(now.blend(series.colour(name), 0.55)))
            words = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(box.width()) - 8)
            if box.width() > theme().pixels(40):
                painter.setPen(QColor(now.text))
                painter.drawText(box.adjusted(4, 0, -4, 0), Qt.AlignmentFlag.AlignCenter, words)
        at = end + 1


def _paint_scale(painter: QPainter, left: QRectF, middle: str = "") -> None:
    """What the lines and the band mean, beside them."""
    painter.setPen(QColor(tokens().dim))
    box, flags = left.adjusted(4, 1, -6, 0), Qt.AlignmentFlag.AlignRight
    painter.drawText(box, flags | Qt.AlignmentFlag.AlignTop, "100 %")
    painter.drawText(box, flags | Qt.AlignmentFlag.AlignVCenter, middle)
    box.setTop(box.bottom() - theme().pixels(BAND_PX))
    painter.drawText(box, flags | Qt.AlignmentFlag.AlignVCenter, "likeliest")


def told(series: Series, at: int) -> str:
    """The values of a window in words, for a tip."""
    start, end = series.windows[at]
    lines = [f"{start:.2f} to {end:.2f} s"]
    ranked = series.ranked(at)
    lines += [f"{percent(score)}  {name}" for name, score in ranked[:TOLD]]
    lines += [f"and {len(ranked) - TOLD} more classes"] if len(ranked) > TOLD else []
    return "\n".join(lines)


class ScoreStrip(FilmStrip):
    """The series of a film along its timeline; the pointer over it tells values."""

    stretch_wanted = Signal(float)
    """A double click at this time: the recognised stretch there is to be chosen."""

    def __init__(self, scene: FilmScene) -> None:
        super().__init__(scene, "What the model recognises")
        self.series, self.threshold = Series(), 0.5
        self.own_colour: Callable[[str], str] = no_label
        """The colour of a class that is a label; empty for others."""
        self.setFixedHeight(theme().pixels(HEIGHT_PX))

    def show_series(self, series: Series, threshold: float) -> None:
        """Draw what was recognised so far."""
        self.series, self.threshold = series, threshold
        series.own_colour = self.own_colour
        self.redraw()

    def set_threshold(self, threshold: float) -> None:
        """What is below it is something else."""
        self.threshold = threshold
        self.redraw()

    def paint_ground(self, painter: QPainter) -> None:
        paint(painter, self.room, self.series, self.x_of, self.threshold)
        _paint_scale(painter, QRectF(0, 0, self.room.left(), self.height()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.stretch_wanted.emit(self.time_at(event.position().x()))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = self.series.at(self.time_at(event.x())) if event.x() >= self.room.left() else -1
            if at >= 0:
                QToolTip.showText(event.globalPos(), told(self.series, at), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)


class LiveStrip(QWidget):
    """The last seconds of a live view, running from right to left."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("What the model recognises live")
        self.setFixedHeight(theme().pixels(HEIGHT_PX))
        self.series, self.threshold = Series(), 0.5
        self._found = Recognised()
        self.own_colour: Callable[[str], str] = no_label
        self.now_s = 0.0
        theme().follow(self, self.update)

    def clear(self) -> None:
        """Nothing was said yet."""
        self._found, self.series, self.now_s = Recognised(), Series(), 0.0
        self.update()

    def add(self, classes: Sequence[str], scores: Sequence[float], time_s: float) -> None:
        """What is seen now."""
        found = self._found
        if found.classes != tuple(classes):
            found = Recognised(tuple(classes))
        start = found.windows[-1][1] if found.windows else time_s - 0.2
        if time_s <= start:
            return
        keep = [at for at, one in enumerate(found.windows) if one[1] > time_s - LIVE_S - 1]
        self._found = Recognised(
            found.classes, [found.windows[at] for at in keep] + [(start, time_s)],
            [found.scores[at] for at in keep] + [list(scores)],
        )  # fmt: skip
        self.series.own_colour = self.own_colour
        self.series.take(self._found)
        self.now_s = time_s
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = tokens(), QPainter(self)
        painter.fillRect(self.rect(), QColor(now.surface))
        left = theme().pixels(LEFT_PX)
        room = QRectF(left, 0, max(self.width() - left - 1, 1), self.height())

        def x_of(time_s: float) -> float:
            return room.right() - (self.now_s - time_s) / LIVE_S * room.width()

        paint(painter, room, self.series, x_of, self.threshold)
        _paint_scale(painter, QRectF(0, 0, left, self.height()), f"last {LIVE_S:g} s")
        painter.end()


class Ranking(QWidget):
    """The likeliest classes of the frame on screen: a bar and a number each."""

    ROW_PX, ROWS = 22, 4

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Likeliest classes of this frame")
        self.rows: list[tuple[str, float, str]] = []
        self.setFixedHeight(theme().pixels(self.ROW_PX) * self.ROWS)
        theme().follow(self, self.update)

    def show_rows(self, rows: Sequence[tuple[str, float, str]]) -> None:
        """Names, scores and colours, the likeliest first."""
        self.rows = list(rows)[: self.ROWS]
        self.setAccessibleDescription(", ".join(f"{name} {percent(score)}" for name, score, _ in self.rows))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        now, painter = tokens(), QPainter(self)
        high = theme().pixels(self.ROW_PX)
        for at, (name, score, colour) in enumerate(self.rows):
            box = QRectF(0, at * high + 1, self.width(), high - 2)
            painter.fillRect(box, QColor(now.raised))
            painter.fillRect(QRectF(0, box.top(), self.width() * min(max(score, 0), 1), box.height()),
                             QColor(now.blend(colour, 0.45)))  # fmt: skip
            painter.setPen(QColor(now.text))
            value = percent(score)
            room = painter.fontMetrics().horizontalAdvance("100 %") + 12
            words = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(box.width()) - room - 8)
            painter.drawText(box.adjusted(6, 0, -room, 0), Qt.AlignmentFlag.AlignVCenter, words)
            painter.drawText(
                box.adjusted(0, 0, -6, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, value
            )
        painter.end()
