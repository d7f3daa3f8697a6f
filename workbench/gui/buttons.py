"""Small icon buttons, all made the same way: named, explained, scaled, redrawn with the theme."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QToolButton

from workbench.gui.icons import icon
from workbench.gui.theme import Tokens, theme, tokens

ICON_PX = 16


def tool_button(picture: str, tip: str, do: Callable[[], Any], *, name: str = "") -> QToolButton:
    """An icon that does something; `name` is what a screen reader says where the tooltip is too long."""
    button = QToolButton()
    button.setToolTip(tip)
    button.setAccessibleName(name or tip)
    button.clicked.connect(lambda _=False: do())
    show_icon(button, picture)
    theme().follow(button, lambda: show_icon(button, picture))
    return button


def show_icon(button: QToolButton, picture: str) -> None:
    """Draw a dim icon at the size that suits the scale."""
    side = theme().pixels(ICON_PX)
    button.setIconSize(QSize(side, side))
    button.setIcon(icon(picture, tokens().dim))


def quiet_toggles(now: Tokens) -> str:
    """The style of small toggles beside a view: dim until they are on."""
    size_pt = 9 * theme().scale
    return (
        f"QToolButton {{ color: {now.dim}; padding: 1px 6px; border-radius: 4px; font-size: {size_pt:g}pt; }}"
        f"QToolButton:hover, QToolButton:checked {{ color: {now.text}; background: {now.raised}; }}"
        f"QToolButton:focus {{ border: 1px solid {now.accent}; }}"
    )
