"""The form of any parameters, made from their declaration alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workbench.core.params import Knob, Params, knobs
from workbench.core.problem import Problem, ProblemRecord
from workbench.gui.card import FieldLabel
from workbench.gui.fields import BackboneField, make_field
from workbench.gui.icons import icon
from workbench.gui.theme import theme, tokens

LABEL_PX, EXPLAINED_LABEL_PX = 104, 136


class _Row:
    """A knob's label, editor and the line that says what is wrong with it."""

    def __init__(self, knob: Knob) -> None:
        self.knob = knob
        self.field: Any = make_field(knob)
        self.field.set_value(knob.default)
        self.field.setAccessibleName(knob.title)
        self.field.setAccessibleDescription(knob.help)
        self.field.setToolTip(_tip(knob))
        self.field.setProperty("help_word", knob.flag)
        self.label = FieldLabel(knob.title)
        self.label.setToolTip(_tip(knob))
        self.label.setBuddy(self.field)
        self.fault = QLabel()
        self.fault.setProperty("role", "error")
        self.fault.setWordWrap(True)
        self.fault.hide()
        self.note = QLabel(knob.help)
        self.note.setProperty("role", "small")
        self.note.setWordWrap(True)

    def place(self, grid: QGridLayout, line: int, *, explain: bool) -> None:
        grid.addWidget(self.label, 3 * line, 0)
        grid.addWidget(self.field, 3 * line, 1)
        grid.addWidget(self.fault, 3 * line + 1, 0, 1, 2)
        if explain:
            self.note.setContentsMargins(0, 0, 0, theme().pixels(8))
            grid.addWidget(self.note, 3 * line + 2, 1)

    def lock(self, why: str) -> None:
        """Show a value that cannot be changed here, and why."""
        self.field.setEnabled(False)
        self.note.setText(f"{self.knob.help}\n{why}")
        self.field.setToolTip(f"{_tip(self.knob)}\n{why}")
        self.field.setAccessibleDescription(f"{self.knob.help} {why}")

    def show_if(self, applies: bool) -> None:
        self.label.setVisible(applies)
        self.field.setVisible(applies)
        if self.note.parent() is not None:
            self.note.setVisible(applies)
        if not applies:
            self.fault.hide()

    def accuse(self, text: str) -> None:
        """Mark the editor; an empty text acquits it."""
        self.fault.setText(text)
        self.fault.setVisible(bool(text))
        self.field.setAccessibleDescription(f"{text} {self.knob.help}".strip())
        if self.field.property("wrong") != bool(text):
            self.field.setProperty("wrong", bool(text))
            self.field.style().unpolish(self.field)
            self.field.style().polish(self.field)


class _Edit(QUndoCommand):
    """One knob from one value to another; changes in a row to the same knob are one step back."""

    def __init__(self, form: Form, name: str, before: Any, after: Any) -> None:
        super().__init__(name)
        self._form, self.name, self._before, self.after = form, name, before, after

    def id(self) -> int:
        return 1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if isinstance(other, _Edit) and other.name == self.name:
            self.after = other.after
            return True
        return False

    def undo(self) -> None:
        self._form.put_back(self.name, self._before)

    def redo(self) -> None:
        self._form.put_back(self.name, self.after)


class Form(QWidget):
    """Editors for every knob of a parameter class, except those in `hide`.

    Knobs that the other values leave without an effect are not shown; those declared `more` fold
    away. Values are told by name. With `explain` every knob's help stands below it.
    """

    changed = Signal()

    def __init__(
        self,
        declared: type[Params],
        *,
        hide: Collection[str] = (),
        explain: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._explain = explain
        self.undo_stack = QUndoStack(self)
        self._rows = {one.name: _Row(one) for one in knobs(declared) if one.name not in hide}
        self._hidden = {one.name: one.default for one in knobs(declared) if one.name in hide}
        self._values = self._read()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().pixels(4))
        column.addWidget(self._grid(self._rows_of(more=False)))
        self._more = self._grid(self._rows_of(more=True))
        self._fold = self._fold_button()
        column.addWidget(self._fold)
        column.addWidget(self._more)
        self._unfold(False)
        for name, row in self._rows.items():
            row.field.edited.connect(lambda name=name: self._edited(name))
        self._apply_when()

    def values(self) -> dict[str, Any]:
        """Every knob's value by name, applicable or not."""
        return self._hidden | self._read()

    def set_values(self, values: Mapping[str, Any], *, quiet: bool = False) -> None:
        """Show these values; names that the form does not know are passed over."""
        for name, value in values.items():
            if name in self._rows:
                self._rows[name].field.set_value(value)
                self._rows[name].accuse("")
            elif name in self._hidden:
                self._hidden[name] = value
        self._values = self._read()
        self.undo_stack.clear()
        self._apply_when()
        if not quiet:
            self.changed.emit()

    def show_problems(self, problems: Iterable[Problem | ProblemRecord]) -> list[Problem | ProblemRecord]:
        """Mark every field at fault; returns the problems that belong to no field shown here."""
        strangers, first = [], None
        self.clear_problems()
        for one in problems:
            row = self._rows.get(one.field)
            if row is None:
                strangers.append(one)
                continue
            row.accuse(f"{one.what} {one.fix}".strip())
            first = first or row
            if row.knob.more:
                self._unfold(True)
        if first is not None:
            first.field.setFocus(Qt.FocusReason.OtherFocusReason)
        return strangers

    def clear_problems(self) -> None:
        """Acquit every field."""
        for row in self._rows.values():
            row.accuse("")

    def set_backbones(self, found: list[dict[str, Any]]) -> None:
        """Tell the backbone choosers what the worker found."""
        for row in self._rows.values():
            if isinstance(row.field, BackboneField):
                row.field.set_catalogue(found)

    @property
    def has_backbone(self) -> bool:
        """Whether a knob wants the list of pretrained models."""
        return any(isinstance(row.field, BackboneField) for row in self._rows.values())

    def field(self, name: str) -> QWidget:
        """The editor of a knob."""
        editor: QWidget = self._rows[name].field
        return editor

    def lock(self, name: str, why: str) -> None:
        """Leave a knob's value as it is, and say why."""
        self._rows[name].lock(why)

    def names(self) -> list[str]:
        """The knobs shown, in their order."""
        return list(self._rows)

    def filter(self, fits: Callable[[Knob], bool]) -> int:
        """Show only the knobs that fit; returns how many do."""
        kept = [row for row in self._rows.values() if fits(row.knob)]
        for row in self._rows.values():
            row.show_if(row in kept and row.knob.applies(self.values()))
        return len(kept)

    def put_back(self, name: str, value: Any) -> None:
        """Set one knob as undo and redo do."""
        self._rows[name].field.set_value(value)
        self._values[name] = value
        self._apply_when()
        self.changed.emit()

    def _read(self) -> dict[str, Any]:
        return {name: row.field.value() for name, row in self._rows.items()}

    def _rows_of(self, *, more: bool) -> list[_Row]:
        return [row for row in self._rows.values() if row.knob.more == more]

    def _grid(self, rows: list[_Row]) -> QWidget:
        holder = QWidget(self)
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme().pixels(8))
        grid.setVerticalSpacing(theme().pixels(2))
        grid.setColumnMinimumWidth(0, theme().pixels(EXPLAINED_LABEL_PX if self._explain else LABEL_PX))
        grid.setColumnStretch(1, 1)
        for line, row in enumerate(rows):
            row.place(grid, line, explain=self._explain)
        return holder

    def _fold_button(self) -> QPushButton:
        amount = len(self._rows_of(more=True))
        button = QPushButton(f"{amount} more knobs" if amount != 1 else "1 more knob")
        button.setProperty("role", "fold")
        button.setCheckable(True)
        button.setToolTip("Show or hide the knobs that rarely need a change")
        button.toggled.connect(self._unfold)
        if not amount:
            # Only hidden here: without a parent yet, a button that is shown is a window of its own.
            button.hide()
        return button

    def _unfold(self, open_: bool) -> None:
        self._fold.setChecked(open_)
        self._more.setVisible(open_)
        self._fold.setIcon(icon("mdi6.chevron-down" if open_ else "mdi6.chevron-right", tokens().dim))

    def _edited(self, name: str) -> None:
        before, after = self._values[name], self._rows[name].field.value()
        self._rows[name].accuse("")
        if before != after:
            self.undo_stack.push(_Edit(self, name, before, after))

    def _apply_when(self) -> None:
        values = self.values()
        for row in self._rows.values():
            row.show_if(row.knob.applies(values))


def _tip(knob: Knob) -> str:
    lines = [knob.help] if knob.help else []
    if not knob.choices and knob.type in (int, float) and (knob.low is not None or knob.high is not None):
        lines.append(knob.expected().capitalize())
    return "\n".join([*lines, knob.flag])
