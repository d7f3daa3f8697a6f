"""Words painted over a plot: a box that reads out values, names that keep apart."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from workbench.gui.theme import Tokens


def paint_focus(painter: QPainter, area: QRectF, now: Tokens) -> None:
    """A frame around what the keyboard acts on, where the style sheet draws none."""
    painter.setPen(QPen(QColor(now.accent), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)


def paint_box(painter: QPainter, rows: Sequence[tuple[str, QColor]], area: QRectF, now: Tokens, *, left: bool) -> None:
    """Lines of coloured words in a small box at the top left (or right) of an area."""
    metrics = QFontMetricsF(painter.font())
    width = max(metrics.horizontalAdvance(words) for words, _ in rows) + 16
    x = area.left() + 6 if left else area.right() - width - 6
    box = QRectF(x, area.top() + 4, width, metrics.height() * len(rows) + 8)
    painter.setPen(QPen(QColor(now.line), 1))
    painter.setBrush(QColor(now.raised))
    painter.drawRoundedRect(box, 4, 4)
    for number, (words, colour) in enumerate(rows):
        painter.setPen(colour)
        painter.drawText(QPointF(box.left() + 8, box.top() + 4 + metrics.ascent() + number * metrics.height()), words)


def apart(wanted: Sequence[float], least: float, area: QRectF) -> list[float]:
    """Heights near the wanted ones (ascending) with at least `least` between them, inside the area."""
    placed: list[float] = []
    for y in wanted:
        placed.append(max(y, placed[-1] + least) if placed else max(y, area.top() + least / 2))
    overflow = placed[-1] - (area.bottom() - least / 2) if placed else 0
    for number in range(len(placed) - 1, -1, -1):
        if overflow <= 0:
            break
        placed[number] -= overflow
        overflow = placed[number - 1] + least - placed[number] if number else 0
    return placed
