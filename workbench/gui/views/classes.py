"""Switches for the classes of a grid's voxels, in their colours."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QIcon, QPixmap, QResizeEvent
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem, QSizePolicy

from workbench.gui.theme import theme
from workbench.gui.views.words import small

OUTER = frozenset(("wall", "walls", "ceiling", "roof"))
"""Classes that hide what is inside from whoever looks from outside: off at first, as in a doll's house."""
ROWS = 2
SWATCH_PX, SWITCH_PX, ROW_PX = 10, 84, 22


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
                # The style's switch is wider than a list thinks.
                wide = round(QFontMetricsF(self.font()).horizontalAdvance(name)) + theme().pixels(SWITCH_PX)
                item.setSizeHint(QSize(wide, theme().pixels(ROW_PX)))
        self.setVisible(bool(classes))
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        gap = 2 * self.spacing()
        wide = sum(self.item(at).sizeHint().width() + gap for at in range(self.count()))
        rows = 1 if wide <= self.viewport().width() else ROWS
        return QSize(120, rows * (theme().pixels(ROW_PX) + gap) + 2 * self.frameWidth() + gap)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def _switch(self, item: QListWidgetItem) -> None:
        self._off[item.text()] = item.checkState() != Qt.CheckState.Checked
        self.switched.emit()
