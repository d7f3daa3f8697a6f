"""Buttons of actions in one line: what there is no room for stands in the menu at its end."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QToolButton, QWidget

from workbench.gui.buttons import tool_button
from workbench.gui.icons import icon
from workbench.gui.theme import theme, tokens


def tip_of(action: QAction) -> str:
    """What an action does, with its key."""
    keys = [key.toString() for key in action.shortcuts()[:1]]
    return action.statusTip() + (f" ({keys[0].replace('Return', 'Enter').replace('Del', 'Delete')})" if keys else "")


class ActionBar(QWidget):
    """The menu lists every action; the buttons are those that fit, in the order in which they were added."""

    def __init__(self) -> None:
        super().__init__()
        self._buttons: list[tuple[QPushButton, QAction]] = []
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme().pixels(8))
        self._more = tool_button("mdi6.dots-horizontal", "More to do with the chosen runs", self._show_menu)
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._row.addWidget(self._more)
        self._row.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def add(self, action: QAction, *, button: bool = True) -> None:
        """Offer an action in the menu, and as a button where there is room."""
        self.menu.addAction(action)
        if not button:
            return
        made = QPushButton()
        made.clicked.connect(action.trigger)
        action.changed.connect(lambda: _dress(made, action))
        theme().follow(made, lambda: _dress(made, action))
        _dress(made, action)
        self._row.insertWidget(len(self._buttons), made)
        self._buttons.append((made, action))

    def add_gap(self) -> None:
        """A line in the menu."""
        self.menu.addSeparator()

    def buttons(self) -> list[str]:
        """The texts of the buttons that have room."""
        return [button.text() for button, _ in self._buttons if not button.isHidden()]

    def minimumSizeHint(self) -> QSize:
        first = self._buttons[0][0].sizeHint() if self._buttons else QSize()
        return QSize(first.width() + 2 * self._more.sizeHint().width(), max(first.height(), theme().pixels(28)))

    def sizeHint(self) -> QSize:
        widths = [button.sizeHint().width() for button, _ in self._buttons]
        return QSize(sum(widths) + self._row.spacing() * (len(widths) + 1), self.minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        left = self.width() - self._more.sizeHint().width() - self._row.spacing()
        for button, _ in self._buttons:
            left -= button.sizeHint().width() + self._row.spacing()
            button.setVisible(left >= 0)

    def _show_menu(self) -> None:
        self.menu.popup(self._more.mapToGlobal(self._more.rect().bottomLeft()))


def _dress(button: QPushButton, action: QAction) -> None:
    button.setText(action.text())
    button.setEnabled(action.isEnabled())
    button.setToolTip(tip_of(action))
    button.setAccessibleName(action.text())
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    name = action.data()
    if isinstance(name, str) and name:
        button.setIcon(icon(name, tokens().text))
