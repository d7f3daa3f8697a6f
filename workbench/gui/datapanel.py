"""The data of a recipe: what was dropped, how it was understood, which columns are meant.

Files are looked at by the worker (the window reads no data); texts are shown as plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from workbench.core.documents import DataPreview
from workbench.core.params import Knob, knobs
from workbench.core.problem import Problem, ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.words import count
from workbench.gui.card import Caption, FieldLabel
from workbench.gui.fields import Combo
from workbench.gui.inputs import Inputs
from workbench.gui.link import Link
from workbench.gui.preview import PreviewDialog
from workbench.gui.slots import SlotField
from workbench.gui.theme import theme

WAIT_MS = 250
"""Changes in quick succession are looked at once."""


class ColumnField(QWidget):
    """One column knob as a list of the table's columns; the first entry leaves the choice to the reader."""

    edited = Signal()

    def __init__(self, knob: Knob) -> None:
        super().__init__()
        self.knob = knob
        self._list = Combo()
        self._list.setAccessibleName(knob.title)
        self._list.setToolTip(knob.help)
        self._list.addItem("found by itself", "")
        self._list.currentIndexChanged.connect(lambda _: self._told())
        self._fault = Caption(role="error")
        self._fault.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().pixels(2))
        column.addWidget(self._list)
        column.addWidget(self._fault)

    def value(self) -> str:
        """The chosen column; empty where it is found by itself."""
        return str(self._list.currentData() or "")

    def set_value(self, name: str) -> None:
        """Choose a column, known or not yet; tells nobody."""
        blocked = self._list.blockSignals(True)
        if self._list.findData(name) < 0:
            self._list.addItem(name, name)
        self._list.setCurrentIndex(self._list.findData(name))
        self._list.blockSignals(blocked)

    def offer(self, columns: list[str], guess: str) -> None:
        """Fill the list; a choice that the table does not have is dropped."""
        chosen = self.value() if self.value() in columns else ""
        changed = chosen != self.value()
        blocked = self._list.blockSignals(True)
        self._list.clear()
        self._list.addItem(f"{guess} (found)" if guess else "found by itself", "")
        for name in columns:
            self._list.addItem(name, name)
        self._list.setCurrentIndex(self._list.findData(chosen))
        self._list.blockSignals(blocked)
        if changed:
            self._told()

    def choices(self) -> list[str]:
        """The columns on offer."""
        return [str(self._list.itemData(at)) for at in range(1, self._list.count())]

    def accuse(self, text: str) -> None:
        """Mark the list; an empty text acquits it."""
        self._fault.set_whole(text)
        self._fault.setVisible(bool(text))

    def _told(self) -> None:
        self.accuse("")
        self.edited.emit()


class SlotDetail(QWidget):
    """Below a slot: its format in one line, its columns, and the way to its preview."""

    changed = Signal()

    def __init__(self, recipe: Recipe, field: SlotField, link: Link) -> None:
        super().__init__()
        self.recipe, self.field, self.link = recipe, field, link
        self.params: dict[str, Any] = {}
        self.found: DataPreview | None = None
        self.dialog: PreviewDialog | None = None
        self._asked = 0
        declared = {one.name: one for one in knobs(recipe.params)}
        self.columns = {name: ColumnField(declared[name]) for name in field.slot.columns if name in declared}
        self._line = Caption(role="small")
        self._button = QPushButton("Preview")
        self._button.setProperty("role", "flat")
        self._button.setToolTip("The first rows, and what the model gets of them")
        self._button.clicked.connect(lambda _=False: self.open_preview())
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self.look)
        self._lay_out()
        for one in self.columns.values():
            one.edited.connect(self._column_chosen)
        field.changed.connect(self._data_chosen)
        self._show()

    def line(self) -> str:
        """What is said about the data."""
        return self._line.whole

    def set_params(self, values: Mapping[str, Any]) -> None:
        """Take the form's knobs, which decide how the data is read; looks again where that matters."""
        relevant = {name: values[name] for name in ("task", "max_length", "window", "backbone") if name in values}
        matters = relevant.get("task") != self.params.get("task")
        self.params = relevant
        self._place_columns()
        if matters and self._is_file():
            self._timer.start()

    def look(self) -> None:
        """Have the worker read the first rows."""
        if not self._is_file():
            return
        self._ask(seen=False, then=self._looked)

    def open_preview(self) -> None:
        """Open the pane with rows, tokens and problems; it fills when the worker answers."""
        dialog = PreviewDialog(self, self.field.slot.title)
        self.dialog = dialog
        dialog.open()
        self._ask(seen=True, then=lambda found: self._previewed(dialog, found), dialog=dialog)

    def _ask(self, *, seen: bool, then: Any, dialog: PreviewDialog | None = None) -> None:
        self._asked += 1
        ticket = self._asked
        chosen = {name: one.value() for name, one in self.columns.items()}
        future = self.link.runner.inspect(
            "data", recipe=self.recipe.id, slot=self.field.name, address=self.field.value(),
            params=self.params | chosen, seen=seen,
        )  # fmt: skip
        if dialog is None:
            self._line.set_whole("Looking at the data …")
            self._line.setProperty("busy", True)

        def arrived(raw: Any) -> None:
            # An answer about data that is no longer chosen says nothing.
            if ticket == self._asked:
                then(msgspec.json.decode(bytes(raw), type=DataPreview))

        def failed(record: ProblemRecord) -> None:
            if ticket == self._asked:
                self._failed(record)
                if dialog is not None:
                    dialog.show_problem(record)

        self.link.deliver(future, then=arrived, failed=failed, owner=dialog or self)

    def _looked(self, found: DataPreview) -> None:
        self.found = found
        for name, one in self.columns.items():
            one.offer(found.columns, found.roles.get(name, ""))
        self._show()

    def _previewed(self, dialog: PreviewDialog, found: DataPreview) -> None:
        dialog.show_preview(found)
        if self._is_file():
            self._looked(found)

    def _failed(self, record: ProblemRecord) -> None:
        self.found = None
        self._show()
        text = f"{record.what} {record.fix}".strip()
        if record.field in self.columns:
            self.columns[record.field].accuse(text)
        else:
            self.field.accuse(text)

    def _data_chosen(self) -> None:
        self._asked += 1
        self.found = None
        for one in self.columns.values():
            one.offer([], "")
        self._show()
        if self._is_file():
            self._line.set_whole("Looking at the data …")
            self._timer.start()

    def _column_chosen(self) -> None:
        self.changed.emit()
        if self._is_file():
            self._timer.start()

    def _is_file(self) -> bool:
        return bool(self.field.value()) and self.field.sample() is None

    def _show(self) -> None:
        found = self.found
        self._line.set_whole(described(found) if found else "")
        self._line.setProperty("role", "warning" if found and found.problem_count else "small")
        self._line.style().unpolish(self._line)
        self._line.style().polish(self._line)
        self._button.setEnabled(bool(self.field.value()))
        self._place_columns()

    def _place_columns(self) -> None:
        """A column is asked for when the table has columns and the knob has a say."""
        roles = self.found.roles if self.found else {}
        defaults = {one.name: one.default for one in knobs(self.recipe.params)} | self.params
        for name, one in self.columns.items():
            wanted = bool(roles) and one.knob.applies(defaults) and len(self.found.columns if self.found else ()) > 1
            one.setVisible(wanted)
            self._labels[name].setVisible(wanted)

    def _lay_out(self) -> None:
        px = theme().pixels
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(px(4))
        row = QHBoxLayout()
        row.setSpacing(px(4))
        row.addWidget(self._line, 1)
        row.addWidget(self._button, 0, Qt.AlignmentFlag.AlignRight)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(px(4))
        grid.setColumnStretch(1, 1)
        grid.setColumnMinimumWidth(0, px(104) if self.columns else 0)
        self._labels = {name: FieldLabel(one.knob.title) for name, one in self.columns.items()}
        for at, (name, one) in enumerate(self.columns.items()):
            label = self._labels[name]
            label.setMinimumHeight(px(28))
            label.setBuddy(one)
            grid.addWidget(label, at, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(one, at, 1)
        whole.addLayout(row)
        whole.addLayout(grid)


class DataPanel(Inputs):
    """Every slot of a recipe with what was understood of its data.

    `changed` tells of another choice of data or column; `sample_chosen` carries the knobs that a
    sample implies.
    """

    def __init__(self, recipe: Recipe, link: Link) -> None:
        super().__init__(recipe, link)
        self.details = {name: SlotDetail(recipe, field, link) for name, field in self._panel.slots.items()}
        column = self._panel.layout()
        assert isinstance(column, QVBoxLayout)
        for name, detail in self.details.items():
            column.insertWidget(column.indexOf(self._panel.slots[name]) + 1, detail)
            detail.changed.connect(self.changed)

    def values(self) -> dict[str, str]:
        """Slot → path or sample address, those that are chosen."""
        return self.inputs()

    def column_values(self) -> dict[str, str]:
        """Column knob → chosen column, '' where it is found by itself."""
        return {name: one.value() for detail in self.details.values() for name, one in detail.columns.items()}

    def knobs(self) -> dict[str, Any]:
        """The column knobs, as a run's parameters name them."""
        return dict(self.column_values())

    def set_values(self, values: Mapping[str, str]) -> None:
        """Show these data."""
        self.set_inputs(values)

    def set_knobs(self, values: Mapping[str, Any]) -> None:
        """Show these columns."""
        for detail in self.details.values():
            for name, one in detail.columns.items():
                if name in values:
                    one.set_value(str(values[name] or ""))

    def set_params(self, values: Mapping[str, Any]) -> None:
        """The form's knobs as they stand: the task decides how data is read, the backbone how it is cut."""
        for detail in self.details.values():
            detail.set_params(values)

    def accuse(self, name: str, text: str) -> bool:
        """Mark a slot or a column; False when there is none of this name."""
        for detail in self.details.values():
            if name in detail.columns:
                detail.columns[name].accuse(text)
                return True
        return super().accuse(name, text)

    def acquit(self) -> None:
        """Take all marks back."""
        super().acquit()
        for detail in self.details.values():
            for one in detail.columns.values():
                one.accuse("")

    def show_problems(self, problems: list[Problem | ProblemRecord]) -> list[Problem | ProblemRecord]:
        """Mark slots and columns; returns the problems of other fields."""
        self.acquit()
        return [one for one in problems if not self.accuse(one.field, f"{one.what} {one.fix}".strip())]


def described(found: DataPreview) -> str:
    """A preview in one line: format, rows, labels, problems."""
    parts = [count(found.problem_count, "problem")] if found.problem_count else []
    parts += [found.detail]
    parts += [count(found.row_count, "row")] if found.row_count >= 0 and "row" not in found.detail else []
    parts += [count(len(found.labels), "label")] if found.labels else []
    whole = next((one.what for one in found.problems if one.row < 0), "")
    if whole:
        return whole
    return " · ".join(parts)
