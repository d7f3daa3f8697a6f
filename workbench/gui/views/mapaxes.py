"""Axes of a map whose directions measure something: a frame with ticks and names at the left and at the foot."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from workbench.core.documents import MapAxes
from workbench.gui.theme import Tokens
from workbench.gui.views.axes import Scale, make_axis

GAP_PX = 6.0
LONGEST = "0.0000"
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class Axes:
    """Ticks and names around the points; `told` says what is measured."""

    def __init__(self, told: MapAxes) -> None:
        self.told = told

    def inside(self, whole: QRectF, font: QFont) -> QRectF:
        """What is left of a widget for its points."""
        metrics = QFontMetricsF(font)
        left = metrics.horizontalAdvance(LONGEST) + metrics.height() + 3 * GAP_PX
        return whole.adjusted(left, GAP_PX, -GAP_PX, -2 * metrics.height() - 3 * GAP_PX)

    def ticks(self, seen: tuple[float, float, float, float]) -> tuple[Sequence[tuple[float, str]], ...]:
        """Ticks of x and of y in the stretch in view: places from 0 to 1, and words."""
        left, right, foot, head = seen
        ends = (10**left, 10**right) if self.told.log_x else (left, right)
        both = (Scale("x", self.told.x, log=self.told.log_x), ends), (Scale("y", self.told.y), (foot, head))
        axes = (make_axis(scale, values) for scale, values in both)
        return tuple([tick for tick in axis.ticks if -1e-6 <= tick[0] <= 1 + 1e-6] for axis in axes)

    def paint(
        self, painter: QPainter, whole: QRectF, seen: tuple[float, float, float, float], tokens: Tokens
    ) -> None:  # fmt: skip
        """Draw the frame, under the points; `seen` is left, right, foot and head in view."""
        area, metrics = self.inside(whole, painter.font()), QFontMetricsF(painter.font())
        across, up = self.ticks(seen)
        dim, line = QPen(QColor(tokens.dim)), QPen(QColor(tokens.line))
        last = -1e9
        for share, word in across:
            x, wide = area.left() + share * area.width(), metrics.horizontalAdvance(word)
            painter.setPen(line)
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            if x - wide / 2 < last + GAP_PX or x + wide / 2 > whole.right():
                continue
            last = x + wide / 2
            painter.setPen(dim)
            painter.drawText(QPointF(x - wide / 2, area.bottom() + GAP_PX + metrics.ascent()), word)
        tall = metrics.height()
        for share, word in up:
            y = area.bottom() - share * area.height()
            painter.setPen(line)
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(dim)
            box = QRectF(whole.left(), y - tall / 2, area.left() - GAP_PX - whole.left(), tall)
            painter.drawText(box, _RIGHT, word)
        self._paint_names(painter, whole, area)

    def _paint_names(self, painter: QPainter, whole: QRectF, area: QRectF) -> None:
        metrics, centred = QFontMetricsF(painter.font()), Qt.AlignmentFlag.AlignCenter
        tall, cut = metrics.height(), Qt.TextElideMode.ElideRight
        foot = QRectF(area.left(), whole.bottom() - tall - GAP_PX / 2, area.width(), tall)
        painter.drawText(foot, centred, metrics.elidedText(self.told.x, cut, foot.width()))
        painter.save()
        painter.translate(whole.left(), area.bottom())
        painter.rotate(-90)
        beside = QRectF(0, 0, area.height(), tall)
        painter.drawText(beside, centred, metrics.elidedText(self.told.y, cut, beside.width()))
        painter.restore()
