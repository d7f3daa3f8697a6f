"""A row of icon buttons for actions; those for which there is no room are found in the menu at its end."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QIcon, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from workbench.gui.buttons import ICON_PX, quiet_toggles, tool_button
from workbench.gui.icons import icon
from workbench.gui.theme import theme, tokens


class ToolRow(QWidget):
    """Groups of actions from left to right; the menu lists all of them."""

    def __init__(self, groups: Sequence[Sequence[QAction]], menu: QMenu) -> None:
        super().__init__()
        px = theme().pixels
        self.buttons: list[QToolButton] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(px(2))
        for at, group in enumerate(groups):
            if at:
                self._row.addSpacing(px(8))
            for action in group:
                self.buttons.append(self._button(action))
                self._row.addWidget(self.buttons[-1])
        self._row.addStretch(1)
        self._more = tool_button("mdi6.dots-horizontal", "Everything that can be done here", lambda: None)
        self._more.setMenu(menu)
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._row.addWidget(self._more)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        theme().follow(self, self._style)
        self._style()

    def _style(self) -> None:
        self.setStyleSheet(quiet_toggles(tokens()))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._more.sizeHint().width(), self._more.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Show those that there is room for, of what is offered at all."""
        px = theme().pixels
        left = self.width() - self._more.sizeHint().width() - px(32)
        for button in self.buttons:
            offered = button.defaultAction().isVisible()
            left -= (button.sizeHint().width() + px(2)) * offered
            button.setVisible(offered and left >= 0)

    def _button(self, action: QAction) -> QToolButton:
        button = QToolButton()
        button.setDefaultAction(action)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setAccessibleName(action.text())
        action.visibleChanged.connect(self._fit)

        def dress() -> None:
            side = theme().pixels(ICON_PX)
            button.setIconSize(QSize(side, side))
            picture = str(action.data() or "")
            shown = QIcon(icon(picture, tokens().dim))  # the set's own icon is shared
            if action.isCheckable():
                shown.addPixmap(icon(picture, tokens().accent).pixmap(side), QIcon.Mode.Normal, QIcon.State.On)
            action.setIcon(shown)

        dress()
        theme().follow(button, dress)
        return button
