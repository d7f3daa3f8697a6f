"""The examples behind a confusion cell or a lasso, as a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal

from workbench.gui.buttons import tool_button
from workbench.gui.card import Card
from workbench.gui.theme import theme

if TYPE_CHECKING:
    from workbench.gui.views.items import ItemsList

HEIGHT_PX = 176


class PickedCard(Card):
    """Hidden until something is picked."""

    relabel = Signal(object)
    """The items whose labels a person wants to correct."""

    def __init__(self) -> None:
        super().__init__("Picked")
        self.items: ItemsList | None = None
        self.header.addWidget(tool_button("mdi6.close", "Close the list", self.hide))
        self.setMinimumHeight(theme().pixels(HEIGHT_PX))
        self.hide()

    def show_items(self, items: list[Any], title: str) -> None:
        """List these examples; nothing picked hides the list."""
        if self.items is None:
            from workbench.gui.views.items import ItemsList

            self.items = ItemsList()
            self.items.captioned.connect(self.set_caption)
            self.items.relabel.connect(self.relabel)
            self.set_body(self.items, margin=8)
        self.setVisible(bool(items))
        self.set_title(title or "Picked")
        self.items.show_items(items)
