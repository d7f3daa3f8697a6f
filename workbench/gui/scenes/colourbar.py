"""What the colours of a thing mean: a bar with numbers for a map, a list of classes with their colours."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.core.words import spaced
from workbench.gui.scenes.looks import colour_table
from workbench.gui.theme import theme, tokens

BAR_PX = 14
MOST_CLASSES = 40


class ColourBar(QWidget):
    """The map from its low to its high end, with the values of both and of the middle."""

    def __init__(self) -> None:
        super().__init__()
        self._map, self._backwards = "viridis", False
        self.span = (0.0, 1.0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Colour bar")
        theme().follow(self, self.update)

    def show_map(self, name: str, span: tuple[float, float], *, backwards: bool) -> None:
        """Another map, or other values at its ends."""
        self._map, self._backwards, self.span = name, backwards, span
        self.setAccessibleDescription(f"{name}, {span[0]:.4g} to {span[1]:.4g}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme().pixels(160), theme().pixels(BAR_PX + 4) + self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, high = QPainter(self), theme().pixels(BAR_PX)
        table = np.ascontiguousarray(colour_table(self._map, backwards=self._backwards))
        strip = QImage(table.data, 256, 1, 768, QImage.Format.Format_RGB888)
        painter.drawImage(QRectF(0, 0, self.width(), high), strip)
        painter.setPen(QColor(tokens().dim))
        low, top = self.span
        where = QRectF(0, high + 2, self.width(), self.height() - high - 2)
        for value, side in ((low, "Left"), ((low + top) / 2, "HCenter"), (top, "Right")):
            # What is less than a thousandth of the span is nothing beside it.
            told = 0.0 if abs(value) < abs(top - low) * 1e-3 else value
            painter.drawText(where, int(getattr(Qt.AlignmentFlag, f"Align{side}")), end_words(told))
        painter.end()


def end_words(value: float) -> str:
    """'−1.73', '38\u202f642', '2.5e+08': a value at an end of the bar."""
    plain = 1000 <= round(abs(value)) < 10_000_000
    return (spaced(value) if plain else f"{value:.4g}").replace("-", "−")
