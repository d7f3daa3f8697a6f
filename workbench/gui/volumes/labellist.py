"""The labels of a volume: shown or hidden, coloured, named, with their volume; the chosen one is painted with."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QColorDialog, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from workbench.gui.theme import theme
from workbench.gui.volumes.labelmap import LabelMap

SEEN = 6
"""Rows that are seen without scrolling."""
VALUE = int(Qt.ItemDataRole.UserRole)


class LabelList(QTreeWidget):
    """Space shows or hides a label, F2 renames it, a double click on its volume recolours it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.labels: LabelMap | None = None
        self.setColumnCount(2)
        self.setHeaderLabels(["label", "ml"])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAccessibleName("Labels; Space shows or hides one, F2 renames it")
        self.setToolTip("The chosen label is painted with. F2 renames it; a double click on its volume recolours it.")
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.SelectedClicked
        )
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.headerItem().setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.currentItemChanged.connect(lambda now, _: self._choose(now))
        self.itemChanged.connect(self._taken)
        self.itemDoubleClicked.connect(self._recolour)

    def show_labels(self, labels: LabelMap | None) -> None:
        """List other labels, or none."""
        self.labels = labels
        if labels is not None:
            labels.restyled.connect(self.refresh)
            labels.counted.connect(self.count)
        self.refresh()

    def refresh(self) -> None:
        """Names, colours and visibility anew."""
        with QSignalBlocker(self):
            self.clear()
            labels = self.labels
            for one in labels.labels if labels is not None else ():
                item = QTreeWidgetItem([one.name, ""])
                item.setData(0, VALUE, one.value)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEditable)
                hidden = labels is not None and one.value in labels.hidden
                item.setCheckState(0, Qt.CheckState.Unchecked if hidden else Qt.CheckState.Checked)
                item.setIcon(0, _swatch(labels.colour(one.value) if labels is not None else QColor()))
                item.setToolTip(0, f"{one.name} (value {one.value})")
                item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.addTopLevelItem(item)
                if labels is not None and one.value == labels.active:
                    self.setCurrentItem(item)
        rows = min(max(self.topLevelItemCount(), 2), SEEN)
        height = self.sizeHintForRow(0) if self.topLevelItemCount() else theme().pixels(28)
        self.setMinimumHeight(self.header().sizeHint().height() + rows * height + theme().pixels(4))
        self.count()

    def count(self) -> None:
        """Volumes anew."""
        with QSignalBlocker(self):
            for at in range(self.topLevelItemCount()):
                item = self.topLevelItem(at)
                if item is not None and self.labels is not None:
                    ml = self.labels.ml(item.data(0, VALUE))
                    item.setText(1, "…" if ml is None else millilitres(ml))
        self.viewport().update()

    def _choose(self, item: QTreeWidgetItem | None) -> None:
        if item is not None and self.labels is not None:
            self.labels.choose(int(item.data(0, VALUE)))

    def _taken(self, item: QTreeWidgetItem, column: int) -> None:
        labels = self.labels
        if labels is None or column != 0:
            return
        value, name = int(item.data(0, VALUE)), item.text(0).strip()
        shown = item.checkState(0) == Qt.CheckState.Checked
        if shown == (value in labels.hidden):
            labels.show_label(value, shown)
        elif name and name != labels.name(value):
            labels.restyle(value, name=name)
        elif not name:
            self.refresh()

    def _recolour(self, item: QTreeWidgetItem, column: int) -> None:
        labels = self.labels
        if labels is None or column != 1:
            return
        value = int(item.data(0, VALUE))
        dialog = QColorDialog(labels.colour(value), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(f"Colour of {labels.name(value)}")
        dialog.colorSelected.connect(lambda colour: labels.restyle(value, colour=colour.name()))
        dialog.open()


def millilitres(ml: float) -> str:
    """A volume with three significant figures, as far as voxels tell: '41.2', '0.031'."""
    return f"{ml:.0f}" if ml >= 100 else f"{ml:.1f}" if ml >= 10 else f"{ml:.2f}" if ml >= 0.1 else f"{ml:.3f}"


def _swatch(colour: QColor) -> QIcon:
    side = theme().pixels(12)
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(colour)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawRoundedRect(0, 0, side, side, 3, 3)
    painter.end()
    return QIcon(pixmap)
