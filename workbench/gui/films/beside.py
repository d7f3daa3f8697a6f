"""The panels beside a film: as many as leave the film room; the one shown last stays."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from workbench.gui.theme import theme

LEAST_PX = 320
"""The film gets no narrower for a panel."""


class Beside(QObject):
    """Watches the panels of a row whose first widget is the film."""

    crowded_out = Signal()
    """A panel was hidden for want of room."""

    def __init__(self, page: QWidget, row: QHBoxLayout) -> None:
        super().__init__(page)
        self._page, self._row = page, row
        self._panels: list[QWidget] = []
        page.installEventFilter(self)

    def add(self, panel: QWidget) -> None:
        """A panel at the right of those that are there already."""
        self._row.addWidget(panel)
        self._panels.append(panel)
        panel.installEventFilter(self)

    def fit(self) -> None:
        """Hide panels, the one shown first before others, until the film has room."""
        shown = [one for one in self._panels if not one.isHidden()]
        # The row itself is laid out anew only after its page has been.
        room = self._page.width() - 2 * self._row.geometry().x()
        many = len(shown)
        while len(shown) > 1 and room - sum(self._wide(one) for one in shown) < theme().pixels(LEAST_PX):
            shown.pop(0).hide()
        if len(shown) < many:
            self.crowded_out.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._page:
            if event.type() == QEvent.Type.Resize:
                self.fit()
        elif event.type() == QEvent.Type.ShowToParent and watched in self._panels:
            # What was shown last is what is wanted.
            self._panels.sort(key=lambda one: one is watched)
            self.fit()
        return False

    def _wide(self, panel: QWidget) -> int:
        return max(panel.minimumWidth(), panel.minimumSizeHint().width()) + self._row.spacing()
