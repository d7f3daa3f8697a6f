"""The form of how a thing is drawn; made from the table of settings, filled from the node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QValidator, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QColorDialog,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QSlider,
    QWidget,
)

from workbench.core.scenes import Column, Node, PointsDoc
from workbench.gui.card import empty
from workbench.gui.scenes import looks
from workbench.gui.scenes.colourbar import ClassList, ColourBar
from workbench.gui.scenes.lookrows import ROWS, LookRow, mapped
from workbench.gui.sidepanel import chooser, indent, words
from workbench.gui.theme import theme

SHARE_STEPS = 100
AUTOMATIC = "automatic"


class LookForm(QWidget):
    """`changed` carries a setting's name and its new value."""

    changed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        px = theme().pixels
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(px(8))
        self._grid.setVerticalSpacing(px(6))
        self._grid.setColumnStretch(1, 1)
        self._kind: tuple[Any, ...] = ()
        self.fields: dict[str, QWidget] = {}
        self._fill: dict[str, Callable[[Any], None]] = {}
        self._labels: dict[str, QLabel] = {}
        self._bar: ColourBar | None = None
        self._classes: ClassList | None = None

    def show_node(self, node: Node | None) -> None:
        """Another node, or the same after a change."""
        look = looks.look_of(node) if node is not None else None
        if node is None or look is None:
            self._make((), None)
            return
        rows = ROWS[node.kind]
        offered = tuple((row.field, tuple(row.choices(node)) if row.choices else ()) for row in rows)
        self._make((node.kind, offered), node)
        for row in rows:
            shown = row.when(look, node)
            self.fields[row.field].setVisible(shown)
            self._labels[row.field].setVisible(shown)
            self._fill[row.field](getattr(look, row.field))
            field = self.fields[row.field]
            if row.fits and isinstance(field, NumberBox):
                whole = isinstance(look, looks.PointsLook | looks.MeshLook) and look.low == look.high == 0
                field.leave_open(row.field == "size" or whole)
        self._show_colours(node, look)

    def _make(self, kind: tuple[Any, ...], node: Node | None) -> None:
        if kind == self._kind:
            return
        self._kind = kind
        empty(self._grid)
        self.fields, self._fill, self._labels, self._bar, self._classes = {}, {}, {}, None, None
        if node is None:
            return
        at = 0
        for row in ROWS[node.kind]:
            label, field = words(row.title, "dim"), self._field(row, node)
            label.setWordWrap(False)
            label.setBuddy(field)
            field.setAccessibleName(row.title)
            field.setToolTip(row.tip or row.title)
            self._labels[row.field], self.fields[row.field] = label, field
            self._grid.addWidget(label, at, 0)
            self._grid.addWidget(field, at, 1)
            at += 1
            if row.field == "colour_by":
                self._bar, self._classes = ColourBar(), ClassList()
                self._classes.changed.connect(lambda value: self.changed.emit("without", value))
                self._grid.addWidget(self._bar, at, 0, 1, 2)
                self._grid.addWidget(self._classes, at + 1, 0, 1, 2)
                at += 2

    # Fields

    def _field(self, row: LookRow, node: Node) -> QWidget:
        make = {"choice": self._choice, "switch": self._switch, "share": self._share, "number": self._number,
                "colour": self._colour}[row.kind]  # fmt: skip
        return make(row, node)

    def _choice(self, row: LookRow, node: Node) -> QWidget:
        box: QComboBox = chooser(row.title)
        for value, told in row.choices(node) if row.choices else ():
            box.addItem(told, value)
        box.activated.connect(lambda at: self.changed.emit(row.field, box.itemData(at)))
        self._fill[row.field] = lambda value: box.setCurrentIndex(max(0, box.findData(value)))
        return box

    def _switch(self, row: LookRow, node: Node) -> QWidget:
        box = QCheckBox()
        box.clicked.connect(lambda on: self.changed.emit(row.field, on))
        self._fill[row.field] = box.setChecked
        return box

    def _share(self, row: LookRow, node: Node) -> QWidget:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, SHARE_STEPS)
        slider.valueChanged.connect(lambda value: self.changed.emit(row.field, value / SHARE_STEPS))

        def fill(value: float) -> None:
            slider.blockSignals(True)
            slider.setValue(round(value * SHARE_STEPS))
            slider.setAccessibleDescription(f"{100 * value:.0f} %")
            slider.blockSignals(False)

        self._fill[row.field] = fill
        return slider

    def _number(self, row: LookRow, node: Node) -> QWidget:
        box = NumberBox(row.low, row.high, row.step, row.suffix)
        box.valueChanged.connect(lambda value: self.changed.emit(row.field, value))
        self._fill[row.field] = box.fill
        return box

    def _colour(self, row: LookRow, node: Node) -> QWidget:
        button = QPushButton()
        now: list[looks.Rgb] = [looks.PLAIN]

        def fill(value: looks.Rgb) -> None:
            now[0] = value
            name = QColor(*value).name()
            button.setStyleSheet(f"background: {name}; border-radius: 4px; min-height: {theme().pixels(18)}px;")
            button.setAccessibleDescription(name)

        def ask() -> None:
            dialog = QColorDialog(QColor(*now[0]), button)
            dialog.colorSelected.connect(
                lambda found: self.changed.emit(row.field, (found.red(), found.green(), found.blue()))
            )
            dialog.finished.connect(lambda _: dialog.deleteLater())
            dialog.open()

        button.clicked.connect(ask)
        self._fill[row.field] = fill
        return button

    # What the colours mean

    def _show_colours(self, node: Node, look: Any) -> None:
        if self._bar is None or self._classes is None:
            return
        self._bar.setVisible(mapped(look, node))
        if mapped(look, node):
            self._bar.show_map(look.colour_map, _span(node, look), backwards=getattr(look, "reversed", False))
        column = looks.way_of_points(node.thing, look)[1] if isinstance(node.thing, PointsDoc) else None
        classes = column is not None and column.kind == "class"
        self._classes.setVisible(classes)
        if classes and column is not None:
            self._classes.show_classes(classes_of(column), look.without)


def _span(node: Node, look: Any) -> tuple[float, float]:
    if isinstance(node.thing, PointsDoc):
        return looks.span_of_points(node.thing, look)
    low, high = getattr(look, "low", 0.0), getattr(look, "high", 0.0)
    if low != high:
        return low, high
    bounds = getattr(node.thing, "low", None), getattr(node.thing, "high", None)
    return (float(bounds[0][2]), float(bounds[1][2])) if None not in bounds else (0.0, 1.0)  # type: ignore[index]


def classes_of(column: Column) -> list[tuple[int, str]]:
    """The classes between a column's bounds by number, with their names as far as they are known."""
    low, high = int(column.low), int(column.high)
    if high <= low and column.names:  # bounds that nobody told
        return sorted((int(value), f"{name} ({value})") for value, name in column.names.items())
    names = {int(value): f"{name} ({value})" for value, name in column.names.items()}
    return [(one, names.get(one, str(one))) for one in range(low, high + 1)]


class NumberBox(QDoubleSpinBox):
    """A number as a person writes it (0.25, not 0.250000); it tells once it is typed, and with every step."""

    def __init__(self, low: float, high: float, step: float, suffix: str = "") -> None:
        super().__init__()
        self.setDecimals(6)
        self.setRange(low, high)
        self.setSingleStep(step)
        self.setSuffix(suffix)
        self.setKeyboardTracking(False)
        self.setMinimumWidth(theme().pixels(56))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # Three stand in a row: the room of the arrows is needed for digits, and the arrow keys step as well.
        self.setStyleSheet(
            "QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; }"
            "QAbstractSpinBox::up-arrow, QAbstractSpinBox::down-arrow { width: 0; height: 0; image: none; }"
        )
        indent(self)

    _open = False

    def leave_open(self, is_open: bool) -> None:
        """Say of a 0 that the program chooses, where it does."""
        if is_open != self._open:
            self._open = is_open
            self.setSuffix(self.suffix())  # writes the text anew

    def textFromValue(self, value: float) -> str:
        return AUTOMATIC if self._open and value == 0 else f"{value:.6g}"

    def valueFromText(self, text: str) -> float:
        try:
            return float(text.removesuffix(self.suffix()).strip().replace(",", "."))
        except ValueError:
            return self.value()

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        plain = text.removesuffix(self.suffix()).strip().replace(",", ".")
        try:
            float(plain)
        except ValueError:
            return QValidator.State.Intermediate, text, position
        return QValidator.State.Acceptable, text, position

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:  # the panel scrolls
            event.ignore()

    def fill(self, value: float) -> None:
        """A number that nobody typed."""
        if not np.isclose(self.value(), value, atol=5e-7, rtol=0):
            self.blockSignals(True)
            self.setValue(value)
            self.blockSignals(False)


def with_setting(node: Node, field: str, value: Any) -> Node:
    """The node with one setting of its look changed; unchanged where its look has no such setting."""
    look = looks.look_of(node)
    if look is None or field not in look.__struct_fields__:
        return node
    plain = msgspec.to_builtins(look) | {field: value}
    return looks.with_look(node, msgspec.convert(plain, type(look)))
