"""The pieces of the panels beside a page: a row of equal widgets, words, a chooser, a list that asks for little."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QHBoxLayout, QLabel, QListWidget, QSizePolicy, QWidget

from workbench.gui.theme import theme


class ShortList(QListWidget):
    """Asks for little height: the area around it grants what lists ask for before it scrolls."""

    def __init__(self, height_px: int) -> None:
        super().__init__()
        self._height_px = height_px

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), theme().pixels(self._height_px))


def chooser(name: str) -> QComboBox:
    """A combo box that a long entry does not widen; `name` is for screen readers."""
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def words(text: str, role: str) -> QLabel:
    """A label of plain text; all but headings wrap."""
    label = QLabel(text)
    label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(role != "heading")
    return label


def row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets of one width beside each other."""
    found = QHBoxLayout()
    found.setSpacing(theme().pixels(8))
    for widget in widgets:
        found.addWidget(widget, 1)
    return found


def indent(box: QAbstractSpinBox) -> None:
    """Keep a number box's words off its border: a style sheet's padding does not reach the line in it."""
    box.lineEdit().setTextMargins(theme().pixels(6), 0, 0, 0)
