"""The panels beside the scene: as many as leave the tree and the canvas room; the one shown last stays."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from workbench.gui.films.beside import Beside
from workbench.gui.theme import theme

LEAST_PX = 520
"""The tree and the canvas together get no narrower for a panel."""


class SceneBeside(Beside):
    """As beside a film, but what stands before the panels is wider, and the panels have a row of their own."""

    def __init__(self, page: QWidget, places: QStackedWidget, panels: QHBoxLayout) -> None:
        super().__init__(page, panels)
        self._places = places

    def fit(self) -> None:
        """Hide panels, the one shown first before others, until the scene has room."""
        shown = [one for one in self._panels if not one.isHidden()]
        column = self._page.layout()
        margins = column.contentsMargins() if column is not None else self._page.contentsMargins()
        room = self._page.width() - margins.left() - margins.right()
        least = max(theme().pixels(LEAST_PX), self._places.minimumSizeHint().width())
        many = len(shown)
        while len(shown) > 1 and room - sum(self._wide(one) for one in shown) < least:
            shown.pop(0).hide()
        if len(shown) < many:
            self.crowded_out.emit()
