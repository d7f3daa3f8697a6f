"""One editor per kind of knob: what a form is made of."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPaintEvent, QValidator, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from workbench.core.params import Knob
from workbench.core.words import number, size

LARGEST = 2_147_483_647


class Field(Protocol):
    """What a form asks of an editor; every one of them is a QWidget, too."""

    edited: Signal

    def value(self) -> Any:
        """The value as the knob's type."""

    def set_value(self, value: Any) -> None:
        """Show a value; does not tell `edited`."""


class WholeField(QSpinBox):
    """A whole number with its unit."""

    edited = Signal()

    def __init__(self, knob: Knob) -> None:
        super().__init__()
        low = -LARGEST if knob.low is None else knob.low
        high = LARGEST if knob.high is None else knob.high
        self.setRange(int(max(low, -LARGEST)), int(min(high, LARGEST)))
        self.setSuffix(f" {knob.unit}" if knob.unit else "")
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType if high > 1000 else self.stepType())
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setKeyboardTracking(False)
        self.lineEdit().setTextMargins(6, 0, 0, 0)
        _stretch(self)
        self.valueChanged.connect(lambda _: self.edited.emit())

    def set_value(self, value: Any) -> None:
        blocked = self.blockSignals(True)
        self.setValue(int(value))
        self.blockSignals(blocked)

    def wheelEvent(self, event: QWheelEvent) -> None:
        _wheel(self, event, super().wheelEvent)


class DecimalField(QAbstractSpinBox):
    """A number as a person writes it (5e-5, 0.01); stepping a `log` knob goes 1, 2, 5, 10 …"""

    edited = Signal()

    def __init__(self, knob: Knob) -> None:
        super().__init__()
        self._low = -math.inf if knob.low is None else float(knob.low)
        self._high = math.inf if knob.high is None else float(knob.high)
        self._log, self._suffix = knob.log, f" {knob.unit}" if knob.unit else ""
        self._value = 0.0
        self._step = _linear_step(self._low, self._high)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.lineEdit().setTextMargins(6, 0, 0, 0)
        _stretch(self)
        self.editingFinished.connect(self._take_text)

    def value(self) -> float:
        if self.hasFocus():
            self._take_text()
        return self._value

    def set_value(self, value: Any) -> None:
        self._value = float(value)
        self.lineEdit().setText(number(self._value, 6) + self._suffix)

    def stepBy(self, steps: int) -> None:
        self._take_text()
        stepped = _log_step(self._value, steps) if self._log else self._value + steps * self._step
        self._choose(round(min(max(stepped, self._low), self._high), 12))
        self.selectAll()

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        flags = QAbstractSpinBox.StepEnabledFlag.StepNone
        if self._value < self._high:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepUpEnabled
        if self._value > self._low:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        return flags

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        fits = self._read(text) is not None
        return (QValidator.State.Acceptable if fits else QValidator.State.Intermediate), text, position

    def fixup(self, text: str) -> str:
        return number(self._value, 6) + self._suffix

    def wheelEvent(self, event: QWheelEvent) -> None:
        _wheel(self, event, super().wheelEvent)

    def _read(self, text: str) -> float | None:
        try:
            value = float(text.removesuffix(self._suffix).strip().replace(",", "."))
        except ValueError:
            return None
        return value if math.isfinite(value) and self._low <= value <= self._high else None

    def _take_text(self) -> None:
        value = self._read(self.lineEdit().text())
        self._choose(self._value if value is None else value)

    def _choose(self, value: float) -> None:
        before = self._value
        self.set_value(value)
        if value != before:
            self.edited.emit()


def _linear_step(low: float, high: float) -> float:
    width = high - low
    return 10.0 ** (math.floor(math.log10(width)) - 1) if math.isfinite(width) and width > 0 else 0.1


def _log_step(value: float, steps: int) -> float:
    """The next of 1, 2, 5, 10 … times a power of ten, `steps` times up or down."""
    if value <= 0:
        return 1e-6 if steps > 0 else value
    ladder = (1.0, 2.0, 5.0)
    exponent = math.floor(math.log10(value) + 1e-9)
    mantissa = value / 10.0**exponent
    for _ in range(abs(steps)):
        if steps > 0:
            larger = [rung for rung in ladder if rung > mantissa * (1 + 1e-9)]
            mantissa, exponent = (larger[0], exponent) if larger else (1.0, exponent + 1)
        else:
            smaller = [rung for rung in ladder if rung < mantissa * (1 - 1e-9)]
            mantissa, exponent = (smaller[-1], exponent) if smaller else (5.0, exponent - 1)
    return float(f"{mantissa:g}e{exponent}")


class Combo(QComboBox):
    """A list that ends a long entry in an ellipsis and leaves the wheel to the page it lies on."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        _stretch(self)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        room = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        option.currentText = self.fontMetrics().elidedText(
            option.currentText, Qt.TextElideMode.ElideRight, room.width() - 4
        )
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

    def wheelEvent(self, event: QWheelEvent) -> None:
        _wheel(self, event, super().wheelEvent)

    def showPopup(self) -> None:
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0) + 32)
        super().showPopup()


class ChoiceField(Combo):
    """One of the declared choices."""

    edited = Signal()

    def __init__(self, knob: Knob) -> None:
        super().__init__()
        self.addItems(list(knob.choices))
        self.currentIndexChanged.connect(lambda _: self.edited.emit())

    def value(self) -> str:
        return self.currentText()

    def set_value(self, value: Any) -> None:
        blocked = self.blockSignals(True)
        self.setCurrentText(str(value))
        self.blockSignals(blocked)


class SwitchField(QCheckBox):
    """On or off."""

    edited = Signal()

    def __init__(self, knob: Knob) -> None:
        super().__init__()
        self.toggled.connect(lambda _: self.edited.emit())

    def value(self) -> bool:
        return self.isChecked()

    def set_value(self, value: Any) -> None:
        blocked = self.blockSignals(True)
        self.setChecked(bool(value))
        self.blockSignals(blocked)


class TextField(QLineEdit):
    """A line of text."""

    edited = Signal()

    def __init__(self, knob: Knob) -> None:
        super().__init__()
        _stretch(self)
        self.textEdited.connect(lambda _: self.edited.emit())

    def value(self) -> str:
        return self.text()

    def set_value(self, value: Any) -> None:
        self.setText(str(value))


class PathField(QWidget):
    """A file or folder, typed or chosen."""

    edited = Signal()

    def __init__(self, knob: Knob) -> None:
        super().__init__()
        self._folder = knob.widget == "folder"
        self._line = QLineEdit()
        _stretch(self._line)
        self._line.textEdited.connect(lambda _: self.edited.emit())
        choose = QPushButton("Choose…")
        choose.clicked.connect(self._choose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._line, 1)
        row.addWidget(choose)
        self.setFocusProxy(self._line)

    def value(self) -> str:
        return self._line.text()

    def set_value(self, value: Any) -> None:
        self._line.setText(str(value))

    def _choose(self) -> None:
        dialog = choose_path(self, "Choose a folder" if self._folder else "Choose a file", folder=self._folder)
        dialog.fileSelected.connect(self._take)
        dialog.open()

    def _take(self, path: str) -> None:
        self._line.setText(path)
        self.edited.emit()


class BackboneField(Combo):
    """A pretrained model: those that the worker found, or a folder of one's own."""

    edited = Signal()
    CHOOSE = "choose folder…"

    def __init__(self, knob: Knob) -> None:
        super().__init__()
        self._last = ""
        self.set_value(knob.default)
        self.activated.connect(self._picked)

    def value(self) -> str:
        return str(self._last)

    def set_value(self, value: Any) -> None:
        self._last = str(value)
        position = self.findData(self._last)
        if position < 0:
            self.insertItem(0, _backbone_title(self._last), self._last)
            position = 0
        if self.findText(self.CHOOSE) < 0:
            self.addItem(self.CHOOSE, "")
        self.setCurrentIndex(position)
        self.setToolTip(self._last)

    def set_catalogue(self, found: list[dict[str, Any]]) -> None:
        """Fill the list with the worker's BackboneInfo records; the choice stays."""
        chosen = self._last
        self.clear()
        for one in found:
            self.addItem(str(one.get("title") or one["address"]), one["address"])
            self.setItemData(self.count() - 1, _backbone_tip(one), Qt.ItemDataRole.ToolTipRole)
        self.set_value(chosen)

    def _picked(self, position: int) -> None:
        address = self.itemData(position)
        if address:
            self._take(address)
            return
        self.set_value(self._last)
        dialog = choose_path(self, "Choose a model folder (config.json, safetensors, tokenizer)", folder=True)
        dialog.fileSelected.connect(self._take)
        dialog.open()

    def _take(self, address: str) -> None:
        if address != self._last:
            self.set_value(address)
            self.edited.emit()


def _backbone_title(address: str) -> str:
    kind, _, name = address.partition(":")
    if kind in ("package", "starter", "hub") and name:
        return name.removeprefix("gt-")
    return Path(address).name or address


def _backbone_tip(one: dict[str, Any]) -> str:
    facts = [one.get("address", ""), one.get("architecture", ""), one.get("licence", "")]
    facts += [f"{one['parameters'] / 1e6:.3g} M parameters"] if one.get("parameters") else []
    facts += [size(one["size_bytes"])] if one.get("size_bytes") else []
    facts += [one["problem"]] if one.get("problem") else []
    return "\n".join(str(fact) for fact in facts if fact)


def choose_path(parent: QWidget, title: str, *, folder: bool) -> QFileDialog:
    """A file dialog, ready to be opened (never executed: the event loop goes on)."""
    dialog = QFileDialog(parent, title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.Directory if folder else QFileDialog.FileMode.ExistingFile)
    return dialog


def make_field(knob: Knob) -> Any:
    """The editor that suits a knob; a QWidget with the interface of Field."""
    if knob.choices:
        return ChoiceField(knob)
    if knob.widget == "backbone":
        return BackboneField(knob)
    if knob.widget in ("path", "folder"):
        return PathField(knob)
    kinds: dict[type, Any] = {bool: SwitchField, int: WholeField, float: DecimalField}
    return kinds.get(knob.type, TextField)(knob)


def _stretch(widget: QWidget) -> None:
    widget.setMinimumWidth(64)
    widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)


def _wheel(widget: QWidget, event: QWheelEvent, inherited: Any) -> None:
    """Turning the wheel over a form scrolls it; only a focused field changes."""
    if widget.hasFocus():
        inherited(event)
    else:
        event.ignore()
