"""Places for the user's data: drop a file, choose one, or take a sample."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from workbench.core.kinds import Sample, Slot
from workbench.core.recipe import Recipe
from workbench.gui.buttons import tool_button
from workbench.gui.card import Caption
from workbench.gui.fields import Combo, choose_path
from workbench.gui.theme import theme


class SlotField(QFrame):
    """One input: its samples in a list, any file by drop or dialog."""

    changed = Signal()

    def __init__(self, name: str, slot: Slot) -> None:
        super().__init__()
        self.name, self.slot = name, slot
        self.setObjectName("dropZone")
        self.setAcceptDrops(True)
        self._list = Combo()
        self._list.setAccessibleName(slot.title)
        for sample in slot.samples:
            self._list.addItem(sample.title + (" (generated)" if sample.generated else ""), sample.address)
            self._list.setItemData(self._list.count() - 1, sample.help, Qt.ItemDataRole.ToolTipRole)
        if not slot.required or not slot.samples:
            self._list.addItem("nothing yet" if slot.required else "none", "")
        self._list.currentIndexChanged.connect(lambda _: self._told())
        self._hint = Caption(role="small")
        self._fault = QLabel()
        self._fault.setTextFormat(Qt.TextFormat.PlainText)
        self._fault.setProperty("role", "error")
        self._fault.setWordWrap(True)
        self._fault.hide()
        self._lay_out()
        self._show_hint()

    def value(self) -> str:
        """The path or sample address; empty when nothing is chosen."""
        return str(self._list.currentData() or "")

    def set_value(self, address: str) -> None:
        """Choose a sample or a path."""
        position = self._list.findData(address)
        if position < 0:
            self._list.insertItem(0, Path(address).name, address)
            position = 0
        self._list.setCurrentIndex(position)

    def sample(self) -> Sample | None:
        """The chosen sample, if the data is one."""
        return next((one for one in self.slot.samples if one.address == self.value()), None)

    def accuse(self, text: str) -> None:
        """Mark the slot; an empty text acquits it."""
        self._fault.setText(text)
        self._fault.setVisible(bool(text))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
            self._light(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._light(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._light(False)
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.set_value(paths[0])

    def _lay_out(self) -> None:
        px = theme().pixels
        column = QVBoxLayout(self)
        column.setContentsMargins(px(8), px(6), px(8), px(6))
        column.setSpacing(px(4))
        row = QHBoxLayout()
        row.setSpacing(px(4))
        row.addWidget(self._list, 1)
        for name, text, folder in (("mdi6.file-outline", "file", False), ("mdi6.folder-outline", "folder", True)):
            if folder and not self.slot.kind.folder:
                continue
            tip = f"Choose a {text} for {self.slot.title.lower()}"
            row.addWidget(tool_button(name, tip, functools.partial(self._choose, folder)))
        column.addLayout(row)
        column.addWidget(self._hint)
        column.addWidget(self._fault)

    def _choose(self, folder: bool) -> None:
        dialog = choose_path(self, f"{self.slot.title}: {self.slot.kind.help}", folder=folder)
        dialog.fileSelected.connect(self.set_value)
        dialog.open()

    def _told(self) -> None:
        self.accuse("")
        self._show_hint()
        self.changed.emit()

    def _show_hint(self) -> None:
        sample, address = self.sample(), self.value()
        self._hint.set_whole(sample.help if sample else address or f"Drop {self.slot.kind.help}")

    def _light(self, over: bool) -> None:
        self.setProperty("over", over)
        self.style().unpolish(self)
        self.style().polish(self)


class SlotPanel(QWidget):
    """All slots of a recipe, one above the other."""

    changed = Signal()
    sample_chosen = Signal(object)
    """The knobs that a chosen sample implies, by name."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.slots = {name: SlotField(name, slot) for name, slot in recipe.reads.items()}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().pixels(4))
        for name, field in self.slots.items():
            if len(self.slots) > 1:
                column.addWidget(Caption(recipe.reads[name].title))
            column.addWidget(field)
            field.changed.connect(lambda field=field: self._changed(field))

    def inputs(self) -> dict[str, str]:
        """Slot → path or sample address, those that are chosen."""
        return {name: field.value() for name, field in self.slots.items() if field.value()}

    def knobs(self) -> dict[str, Any]:
        """Values of the column knobs; samples need none."""
        return {}

    def set_inputs(self, inputs: Mapping[str, str]) -> None:
        """Show these inputs."""
        for name, address in inputs.items():
            if name in self.slots:
                self.slots[name].set_value(address)

    def accuse(self, name: str, text: str) -> bool:
        """Mark a slot; False when there is none of this name."""
        if name in self.slots:
            self.slots[name].accuse(text)
        return name in self.slots

    def _changed(self, field: SlotField) -> None:
        sample = field.sample()
        if sample is not None and sample.sets:
            self.sample_chosen.emit(dict(sample.sets))
        self.changed.emit()
