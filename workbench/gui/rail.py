"""The left rail: one entry per page that exists."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QButtonGroup, QFrame, QLabel, QToolButton, QVBoxLayout

from workbench.core.commands import Command
from workbench.gui.actions import keymap, make_action
from workbench.gui.icons import icon
from workbench.gui.theme import theme, tokens

WIDTH_PX, NARROW_PX = 136, 60
MORE_KEYS = {"home": "Alt+Home", "runs": "Ctrl+H", "models": "Ctrl+M", "settings": "Ctrl+,"}
"""Keys that stay the same however many tabs there are."""


class Rail(QFrame):
    """Entries above for work, below for what surrounds it; Ctrl+1 … Ctrl+9 in their order."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("rail")
        self._buttons: dict[str, QToolButton] = {}
        self._icons: dict[str, str] = {}
        self._group = QButtonGroup(self)
        self._column = QVBoxLayout(self)
        self._narrow = False
        brand = self._brand = QLabel("Transfer\nWorkbench")
        brand.setObjectName("brand")
        self._column.addWidget(brand)
        self._shape()
        theme().changed.connect(self._restyle)

    def add(self, name: str, title: str, picture: str) -> QAction:
        """An entry; returns the action that chooses it, for the palette."""
        button = QToolButton()
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setText(f"  {title}")
        button.setAccessibleName(title)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fit(button)
        button.clicked.connect(lambda: self.chosen.emit(name))
        self._group.addButton(button)
        self._buttons[name], self._icons[name] = button, picture
        self._column.addWidget(button)
        place = len(self._buttons)
        keys = [f"Ctrl+{place}" if place <= 9 else "", MORE_KEYS.get(name, "")]
        command = Command(f"go.{name}", f"Go to {title}", title, "; ".join(key for key in keys if key))
        action = make_action(self, command, lambda: self.chosen.emit(name))
        keymap().explain(button, command.id)
        self._draw(name)
        return action

    def set_narrow(self, narrow: bool) -> None:
        """Only the icons, where the window has little room; their names are in the tooltips."""
        if narrow == self._narrow:
            return
        self._narrow = narrow
        self._brand.setVisible(not narrow)
        style = Qt.ToolButtonStyle.ToolButtonIconOnly if narrow else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        for button in self._buttons.values():
            button.setToolButtonStyle(style)
        self._shape()

    def _shape(self) -> None:
        """Widths and margins at the scale of now."""
        px = theme().pixels
        self._column.setContentsMargins(px(8), px(12), px(8), px(8))
        self._column.setSpacing(px(2))
        self._brand.setContentsMargins(px(8), 0, 0, px(8))
        self.setFixedWidth(self._width_px())
        for button in self._buttons.values():
            self._fit(button)

    def _fit(self, button: QToolButton) -> None:
        px = theme().pixels
        button.setIconSize(QSize(px(16), px(16)))
        button.setFixedWidth(self._width_px() - px(17))

    def _width_px(self) -> int:
        return theme().pixels(NARROW_PX if self._narrow else WIDTH_PX)

    def _restyle(self) -> None:
        self._shape()
        self._redraw()

    def add_gap(self) -> None:
        """What follows stands at the bottom."""
        self._column.addStretch(1)

    def names(self) -> list[str]:
        """The entries, from the top."""
        return list(self._buttons)

    def marked(self) -> str:
        """The entry whose page is open."""
        return next((name for name, button in self._buttons.items() if button.isChecked()), "")

    def mark(self, name: str) -> None:
        """Show which page is open."""
        if name in self._buttons:
            self._buttons[name].setChecked(True)
            self._redraw()

    def _redraw(self) -> None:
        for name in self._buttons:
            self._draw(name)

    def _draw(self, name: str) -> None:
        button, now = self._buttons[name], tokens()
        button.setIcon(icon(self._icons[name], now.text if button.isChecked() else now.dim))
