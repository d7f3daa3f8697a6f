"""A row of coloured names; clicking one singles its group out."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.gui.theme import Tokens, theme
from workbench.gui.views.marks import paint_focus
from workbench.gui.views.words import small

Entry = tuple[str, QColor, str]


class Legend(QWidget):
    """As many entries as fit into one line; the rest is counted."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens: Tokens = theme().now
        self.entries: list[Entry] = []
        self.current = -1
        self._boxes: list[QRectF] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Legend; arrow keys single a group out")
        self.setToolTip("Click a name to see its points alone")

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Name these groups."""
        same = [one[0] for one in entries] == [one[0] for one in self.entries]
        self.entries = list(entries)
        if not same:
            self.current = -1
        self.update()

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self.tokens = now
        self.update()

    def single_out(self, at: int) -> None:
        """Choose an entry; choosing it again, or −1, chooses none."""
        self.current = -1 if at == self.current else at
        self.chosen.emit(self.current)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, round(QFontMetricsF(small(self.font())).height()) + 6)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        hit = next((at for at, box in enumerate(self._boxes) if box.contains(event.position())), -1)
        self.single_out(hit)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}.get(Qt.Key(event.key()))
        if step and self.entries:
            at = (self.current + step) % len(self.entries)
            self.current = -1
            self.single_out(at)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(small(self.font()))
        metrics = QFontMetricsF(painter.font())
        self._boxes, x = [], 0.0
        for at, entry in enumerate(self.entries):
            width = metrics.horizontalAdvance(entry[0]) + 15
            rest = len(self.entries) - at - 1
            if x + width + (metrics.horizontalAdvance(f"+{rest}") + 10 if rest else 0) > self.width():
                painter.setPen(QColor(self.tokens.dim))
                painter.drawText(QPointF(x, self._baseline(metrics)), f"+{rest + 1}")
                break
            self._boxes.append(QRectF(x, 0, width, self.height()))
            self._paint_entry(painter, x, metrics, at)
            x += width + 10
        if self.hasFocus():
            paint_focus(painter, QRectF(self.rect()), self.tokens)
        painter.end()

    def _baseline(self, metrics: QFontMetricsF) -> float:
        return (self.height() + metrics.ascent() - metrics.descent()) / 2

    def _paint_entry(self, painter: QPainter, x: float, metrics: QFontMetricsF, at: int) -> None:
        name, colour, symbol = self.entries[at]
        pale = self.current not in (-1, at)
        painter.setOpacity(0.4 if pale else 1.0)
        paint_symbol(painter, QPointF(x + 5, self.height() / 2), colour, symbol)
        painter.setPen(QColor(self.tokens.text if self.current == at else self.tokens.dim))
        painter.drawText(QPointF(x + 13, self._baseline(metrics)), name)
        painter.setOpacity(1.0)


def paint_symbol(painter: QPainter, middle: QPointF, colour: QColor, symbol: str, radius: float = 4.0) -> None:
    """One point of the map, as the legend shows it."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    x, y = middle.x(), middle.y()
    match symbol:
        case "square":
            painter.drawRect(QRectF(x - radius * 0.88, y - radius * 0.88, radius * 1.76, radius * 1.76))
        case "diamond":
            size = radius * 1.25
            painter.drawPolygon(
                QPolygonF([QPointF(x, y - size), QPointF(x + size, y), QPointF(x, y + size), QPointF(x - size, y)])
            )
        case "triangle":
            size = radius * 1.2
            painter.drawPolygon(
                QPolygonF([QPointF(x, y - size), QPointF(x + size, y + size * 0.8), QPointF(x - size, y + size * 0.8)])
            )
        case _:
            painter.drawEllipse(middle, radius, radius)
