"""Switches for the classes of a grid's voxels, in their colours."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem, QSizePolicy

from workbench.gui.theme import theme
from workbench.gui.views.words import small

OUTER = frozenset(("wall", "walls", "ceiling", "roof"))
"""Classes that hide what is inside from whoever looks from outside: off at first, as in a doll's house."""
ROWS = 2
SWATCH_PX = 10


class ClassSwitches(QListWidget):
    """As many lines of names as there is need for, up to two; what a person switched stays by its name."""

    switched = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._off: dict[str, bool] = {}
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(False)
        self.setSpacing(theme().pixels(2))
        self.setFont(small(self.font()))
        self.setIconSize(QSize(theme().pixels(SWATCH_PX), theme().pixels(SWATCH_PX)))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Classes that are seen; Space switches one")
        self.setToolTip("Show or hide the voxels of a class")
        self.itemChanged.connect(self._switch)
        self.hide()

    def is_off(self, name: str) -> bool:
        """Whether a class is hidden."""
        return self._off.get(name, name.strip().lower() in OUTER)

    def show_classes(self, classes: Sequence[tuple[str, tuple[int, int, int]]]) -> None:
        """Offer these names with their colours; nothing for none."""
        with QSignalBlocker(self):
            self.clear()
            for name, colour in classes:
                swatch = QPixmap(self.iconSize())
                swatch.fill(QColor(*colour))
                item = QListWidgetItem(QIcon(swatch), name, self)
                item.setFlags(
                    Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable
                )
                item.setCheckState(Qt.CheckState.Unchecked if self.is_off(name) else Qt.CheckState.Checked)
        self.setVisible(bool(classes))

    def sizeHint(self) -> QSize:
        row = self.sizeHintForRow(0) + 2 * self.spacing() if self.count() else 0
        return QSize(120, ROWS * row + 2 * self.frameWidth())

    def _switch(self, item: QListWidgetItem) -> None:
        self._off[item.text()] = item.checkState() != Qt.CheckState.Checked
        self.switched.emit()
