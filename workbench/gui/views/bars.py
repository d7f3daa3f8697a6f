"""Ranked scores as bars with figures."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.gui.theme import Tokens, theme
from workbench.gui.views.words import small

_ROW_GAP_PX = 5


class ScoreBars(QWidget):
    """The first few of a ranking; scores from 0 to 1 fill the row's width."""

    def __init__(self, parent: QWidget | None = None, *, most: int = 5, strong: bool = True) -> None:
        super().__init__(parent)
        self.tokens: Tokens = theme().now
        self.most, self.strong = most, strong
        self.scores: list[tuple[str, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.set_theme)

    def show_scores(self, scores: Sequence[tuple[str, float]]) -> None:
        """Show a ranking, best first."""
        self.scores = list(scores)
        self.setAccessibleName("; ".join(f"{name} {score:.2f}" for name, score in self.scores[:5]))
        self.setToolTip("\n".join(f"{name}  {score:.4f}" for name, score in scores[:30]))
        self.setVisible(bool(self.scores))
        self.updateGeometry()
        self.update()

    def show_most(self, most: int) -> None:
        """How many of the ranking are shown."""
        self.most = most
        self.updateGeometry()
        self.update()

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self.tokens = now
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, round(min(len(self.scores), self.most) * self._row()))

    def _row(self) -> float:
        return QFontMetricsF(small(self.font())).height() + _ROW_GAP_PX

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(small(self.font()))
        metrics = QFontMetricsF(painter.font())
        names = max((metrics.horizontalAdvance(name) for name, _ in self.scores[: self.most]), default=0.0)
        left = min(names, self.width() * 0.4) + 8
        right = self.width() - metrics.horizontalAdvance("0.00") - 8
        for number, (name, score) in enumerate(self.scores[: self.most]):
            self._paint_row(painter, number, name, score, left=left, right=right)
        painter.end()

    def _paint_row(self, painter: QPainter, number: int, name: str, score: float, *, left: float, right: float) -> None:
        metrics, y, now = QFontMetricsF(painter.font()), number * self._row(), self.tokens
        line = y + metrics.ascent() + _ROW_GAP_PX / 2
        first = number == 0
        painter.setPen(QColor(now.text if first else now.dim))
        painter.drawText(QPointF(0, line), metrics.elidedText(name, Qt.TextElideMode.ElideRight, left - 8))
        painter.drawText(QPointF(right + 8, line), f"{score:.2f}")
        groove = QRectF(left, y + self._row() / 2 - 3, max(right - left, 1), 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(now.raised))
        painter.drawRoundedRect(groove, 3, 3)
        full = now.accent if self.strong else now.dim
        painter.setBrush(QColor(full if first else now.blend(full, 0.55)))
        groove.setWidth(max(groove.width() * min(max(score, 0.0), 1.0), 3))
        painter.drawRoundedRect(groove, 3, 3)
