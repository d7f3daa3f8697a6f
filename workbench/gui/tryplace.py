"""Where the try-it box stands: it is made once there is a model to try."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from workbench.core.recipe import Recipe
from workbench.gui.card import Card
from workbench.gui.link import Link
from workbench.gui.theme import theme
from workbench.store.runfolder import RunFolder


class TryPlace(Card):
    """Empty until a run has a model; hidden for recipes that do not serve theirs."""

    def __init__(self, recipe: Recipe, link: Link) -> None:
        super().__init__("Try it", "Ctrl+Enter")
        self.recipe, self.link = recipe, link
        self._box: QWidget | None = None
        self.setMinimumHeight(theme().pixels(96))
        hint = QLabel("Type a sentence of your own here\nonce the run has a model.")
        hint.setProperty("role", "dim")
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.set_body(hint)
        self.setVisible(recipe.apply is not None)

    def show_model(self, folder: RunFolder) -> None:
        """Try the model of this run, when it has one."""
