"""The classes of points as a list with their colours; what is not checked is not drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtGui import QColor, QPixmap
from PySide6.QtWidgets import QCheckBox, QSizePolicy, QVBoxLayout, QWidget

from workbench.core.scenes import MOST_LISTED, Column
from workbench.core.words import count
from workbench.gui.card import empty
from workbench.gui.scenes.colouring import class_colours
from workbench.gui.sidepanel import words
from workbench.gui.theme import theme

MOST_CLASSES = 40
"""Those after them are told by their number only."""


def classes_of(column: Column) -> list[tuple[int, str]]:
    """The classes that occur by number, with their names as far as they are known; none where they are too many.

    Of a column that does not say which occur, those between its bounds, or those that have names.
    """
    names = {int(value): name for value, name in column.names.items() if name}
    low, high = int(column.low), int(column.high)
    numbers: Sequence[int] = column.present
    if not numbers:
        numbers = range(low, high + 1) if 0 < high - low < MOST_LISTED else sorted(names)
    return [(one, f"{names[one]} ({one})" if one in names else str(one)) for one in numbers]


class ClassList(QWidget):
    """Its switches change what is drawn."""

    changed = Signal(object)
    """The classes that are not drawn, a tuple of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme().pixels(2))
        self._boxes: dict[int, QCheckBox] = {}
        self._shown: tuple[object, ...] | None = None
        self._without: tuple[int, ...] = ()

    def show_classes(self, classes: Sequence[tuple[int, str]], without: Sequence[int]) -> None:
        """Numbers and names, and which of them are not drawn."""
        self._without = tuple(without)
        if tuple(classes) != self._shown:
            self._shown = tuple(classes)
            empty(self._column)
            self._boxes = {}
            for number, name in classes[:MOST_CLASSES]:
                self._boxes[number] = self._box(number, name)
                self._column.addWidget(self._boxes[number])
            more = len(classes) - MOST_CLASSES
            if more > 0 or not classes:
                told = f"{count(more, 'more class', 'more classes')}" if classes else f"Over {MOST_LISTED} classes"
                self._column.addWidget(words(f"{told}: “Select by value” reaches them", "dim"))
        for number, box in self._boxes.items():
            box.blockSignals(True)
            box.setChecked(number not in without)
            box.blockSignals(False)

    def _box(self, number: int, name: str) -> QCheckBox:
        box = QCheckBox(name or str(number))
        box.setToolTip(f"Class {name or number}: shown while it is checked")
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # a long name widens no panel
        side = theme().pixels(12)
        swatch = QPixmap(side, side)
        red, green, blue = (int(one) for one in class_colours(np.array([number]))[0])
        swatch.fill(QColor(red, green, blue))
        box.setIcon(swatch)
        box.toggled.connect(lambda _: self.changed.emit(self._unchecked()))
        return box

    def _unchecked(self) -> tuple[int, ...]:
        """Those that are not checked, and those left out that have no switch here."""
        left = [number for number in self._without if number not in self._boxes]
        return tuple(sorted([*left, *(number for number, box in self._boxes.items() if not box.isChecked())]))
