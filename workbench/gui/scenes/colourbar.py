"""What the colours of a thing mean: a bar with numbers for a map, a list of classes with their colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QCheckBox, QSizePolicy, QVBoxLayout, QWidget

from workbench.gui.card import empty
from workbench.gui.scenes.colouring import class_colours
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
    return (f"{value:,.0f}" if plain else f"{value:.4g}").replace(",", "\u202f").replace("-", "−")


class ClassList(QWidget):
    """Classes with their colours; what is not checked is not drawn."""

    changed = Signal(object)
    """The classes that are not drawn, a tuple of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme().pixels(2))
        self._boxes: dict[int, QCheckBox] = {}
        self._shown: tuple[object, ...] = ()

    def show_classes(self, classes: Sequence[tuple[int, str]], without: Sequence[int]) -> None:
        """Numbers and names, and which of them are not drawn."""
        shown = (tuple(classes),)
        if shown != self._shown:
            self._shown = shown
            empty(self._column)
            self._boxes = {}
            for number, name in classes[:MOST_CLASSES]:
                self._boxes[number] = self._box(number, name)
                self._column.addWidget(self._boxes[number])
        for number, box in self._boxes.items():
            box.blockSignals(True)
            box.setChecked(number not in without)
            box.blockSignals(False)

    def _box(self, number: int, name: str) -> QCheckBox:
        box = QCheckBox(name or str(number))
        box.setToolTip(f"Class {number}: shown while it is checked")
        side = theme().pixels(12)
        swatch = QPixmap(side, side)
        red, green, blue = (int(one) for one in class_colours(np.array([number]))[0])
        swatch.fill(QColor(red, green, blue))
        box.setIcon(swatch)
        box.toggled.connect(lambda _: self.changed.emit(self._unchecked()))
        return box

    def _unchecked(self) -> tuple[int, ...]:
        return tuple(number for number, box in self._boxes.items() if not box.isChecked())
