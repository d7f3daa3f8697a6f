"""What a recipe's tab asks of its data panel, whoever draws it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.core.recipe import Recipe
from workbench.gui.link import Link
from workbench.gui.slots import SlotPanel


class Inputs(QWidget):
    """The recipe's slots as one widget, with the knobs that name their columns."""

    changed = Signal()
    sample_chosen = Signal(object)

    def __init__(self, recipe: Recipe, link: Link) -> None:
        super().__init__()
        self._panel = SlotPanel(recipe)
        self._panel.changed.connect(self.changed)
        self._panel.sample_chosen.connect(self.sample_chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._panel)

    def inputs(self) -> dict[str, str]:
        """Slot → path or sample address."""
        return self._panel.inputs()

    def knobs(self) -> dict[str, Any]:
        """Values of the column knobs."""
        return self._panel.knobs()

    def set_inputs(self, inputs: Mapping[str, str]) -> None:
        """Show these inputs."""
        self._panel.set_inputs(inputs)

    def set_knobs(self, values: Mapping[str, Any]) -> None:
        """Show these column knobs."""

    def set_params(self, values: Mapping[str, Any]) -> None:
        """Take the form's knobs as they stand; some decide how data is read."""

    def implied(self) -> dict[str, Any]:
        """Knobs that the chosen samples imply."""
        sets: dict[str, Any] = {}
        for field in self._panel.slots.values():
            sample = field.sample()
            sets |= dict(sample.sets) if sample is not None else {}
        return sets

    def accuse(self, name: str, text: str) -> bool:
        """Mark a slot; False when there is none of this name."""
        return self._panel.accuse(name, text)

    def acquit(self) -> None:
        """Take all marks back."""
        for field in self._panel.slots.values():
            field.accuse("")


def make_inputs(recipe: Recipe, link: Link) -> Inputs:
    """The data panel of a recipe."""
    from workbench.gui.datapanel import DataPanel

    return DataPanel(recipe, link)
