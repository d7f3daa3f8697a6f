"""Where the try-it box stands: it is made once there is a model to try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel

from workbench.core.recipe import TEXT, Recipe
from workbench.gui.actions import key_words, keymap
from workbench.gui.card import Card
from workbench.gui.link import Link
from workbench.gui.theme import theme
from workbench.store.runfolder import RunFolder

if TYPE_CHECKING:
    from workbench.gui.tryit import TryIt

EMPTY_PX, FULL_PX = 96, 280


class TryPlace(Card):
    """Says what will come until a run has a model; hidden where no text is asked about."""

    filled = Signal()
    """The box is there and wants room."""

    def __init__(self, recipe: Recipe, link: Link) -> None:
        super().__init__("Try it", key_words(keymap().key("ask.ask")).partition(" or ")[0])
        self.recipe, self.link = recipe, link
        self.box: TryIt | None = None
        self.setMinimumHeight(theme().pixels(EMPTY_PX))
        self._hint = QLabel("Type a sentence of your own here\nonce the run has a model.")
        self._hint.setProperty("role", "dim")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.set_body(self._hint)
        self.wanted = recipe.apply is not None and recipe.tab == TEXT
        if not self.wanted:
            self.hide()

    def show_model(self, folder: RunFolder) -> None:
        """Try the model of this run, when it has one."""
        if not self.wanted or not (folder.model / "workbench.json").exists():
            return
        if self.box is None:
            from workbench.gui.tryit import TryIt

            self.box = TryIt(self.link)
            self.set_body(self.box)
            self.filled.emit()
        self.box.show_model(folder)
