"""A box for one number, as the panels of a scene have many of."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QValidator, QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox

from workbench.gui.sidepanel import indent
from workbench.gui.theme import theme

AUTOMATIC = "automatic"


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
        self.setProperty("role", "bare")
        indent(self)

    _open = _blank = False

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
        if self._blank or not np.isclose(self.value(), value, atol=5e-7, rtol=0):
            self._blank = False
            self.blockSignals(True)
            self.setValue(value)
            self.blockSignals(False)

    def leave_blank(self) -> None:
        """Say no number, until the next one is filled in: there is nothing that it could be of."""
        self._blank = True
        self.lineEdit().clear()
