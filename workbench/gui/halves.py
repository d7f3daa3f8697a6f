"""The pages above, the job panel below, and a border between them that stays where it was put."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QSplitter, QWidget

from workbench.gui.theme import theme

HEIGHT_PX, LEAST_ABOVE_PX = 248, 240


class Halves(QSplitter):
    """`height_px` is the lower one's height whenever it is shown."""

    def __init__(self, above: QWidget, below: QWidget) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.setHandleWidth(theme().pixels(4))
        self.setChildrenCollapsible(False)
        self.addWidget(above)
        self.addWidget(below)
        self.setStretchFactor(0, 1)
        self.setStretchFactor(1, 0)
        self.height_px = theme().pixels(HEIGHT_PX)
        self._below = below
        below.installEventFilter(self)
        self.splitterMoved.connect(lambda *_: self._note())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._below and event.type() == QEvent.Type.Show:
            self.fit()
        return super().eventFilter(watched, event)

    def fit(self) -> None:
        """Give the lower half its height, as far as the upper one has room left."""
        whole = sum(self.sizes()) or self.height()
        wanted = max(self._below.minimumHeight(), min(self.height_px, whole - theme().pixels(LEAST_ABOVE_PX)))
        self.setSizes([max(0, whole - wanted), wanted])

    def _note(self) -> None:
        if self._below.isVisible() and self.sizes()[1] > 0:
            self.height_px = self.sizes()[1]
