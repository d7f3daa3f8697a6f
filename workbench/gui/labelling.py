"""Labelling in place: correct classes or spans of a data set, keep the edits, train again on a copy."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QAction, QColor, QHideEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workbench.core.documents import Item, Span, SpannedText
from workbench.core.problem import Problem, ProblemRecord
from workbench.core.words import spaced
from workbench.gui.actions import keymap, make_action
from workbench.gui.autosave import Autosave, Write
from workbench.gui.icons import icon
from workbench.gui.labelcommands import Relabel, Respan, Respanned, difference
from workbench.gui.labelkeys import LabelKeys
from workbench.gui.labelledits import (
    Draft,
    EditsDoc,
    copy_name,
    draft_path,
    keep,
    kept,
    replaced,
    suffix_of,
    write_copy,
)
from workbench.gui.labelload import ExampleLoader
from workbench.gui.labelmodel import LabelModel
from workbench.gui.link import Link
from workbench.gui.spaneditor import SpanEditor
from workbench.gui.theme import Tokens, theme
from workbench.gui.undo import Document
from workbench.gui.views import palette
from workbench.gui.views.table import quiet_table

AUTOSAVE_AFTER_S = 2.0
"""An edit is on disk after at most this long."""
LONGEST_READ = 20_000
EDITOR_PX = 190
SUFFIX_NAMES = {".conll": "CoNLL", ".json": "SQuAD"}


class Labelling(QWidget):
    """A table of examples above, the chosen one below with a key for every label.

    Signals: `retrain` carries the path of a saved copy to train on, `captioned` counts the edits.
    """

    retrain = Signal(str)
    captioned = Signal(str)

    def __init__(self, link: Link, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.link = link
        self.draft = Draft.of_items([], "")
        self.document = Document(self)
        self.stack = self.document.stack
        self.model = LabelModel()
        self.last_copy: Path | None = None
        self._origin = ("", "")
        self.autosave = Autosave(link, self._take, self, within_s=AUTOSAVE_AFTER_S)
        self.loader = ExampleLoader(link, self)
        self._make_table()
        self._make_editor()
        self._make_bars()
        self._lay_out()
        self._wire()
        self.set_theme(theme().now)
        self._show_draft()

    # Parts

    def _make_table(self) -> None:
        self.table = quiet_table(QTableView())
        self.table.setModel(self.model)
        self.table.setAccessibleName("Examples to label")
        header = self.table.horizontalHeader()
        header.setResizeContentsPrecision(50)
        header.setMaximumSectionSize(theme().pixels(260))
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def _make_editor(self) -> None:
        self.reader = QPlainTextEdit()
        self.reader.setReadOnly(True)
        self.reader.setTabChangesFocus(True)
        self.reader.setAccessibleName("The chosen text")
        self.spans = SpanEditor()
        self.pages = QStackedWidget()
        self.pages.setMinimumHeight(theme().pixels(56))
        self.pages.addWidget(self.reader)
        self.pages.addWidget(self.spans)
        self.keys = LabelKeys()
        self.keys.bind(self)
        self.other = QComboBox()
        self.other.setEditable(True)
        self.other.setMinimumWidth(theme().pixels(136))
        self.other.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.other.setAccessibleName("Another label; Enter gives it")
        self.other.lineEdit().setPlaceholderText("another label")  # type: ignore[union-attr]
        self.other.setToolTip("Any label, a new one too; Enter gives it")
        self.every = QCheckBox("Every repeat")
        keymap().explain(self.every, "labels.repeats")

    def _make_bars(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Filter")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Filter the examples")
        keymap().explain(self.search, "labels.find")
        self.which = QComboBox()
        self.which.addItems(["all", "changed", "label ≠ prediction"])
        self.which.setAccessibleName("Which examples are listed")
        self.which.setToolTip("Which examples are listed")
        self.saved = QLabel()
        self.saved.setProperty("role", "small")
        self.saved.setAccessibleName("Autosave")
        self.message = QLabel()
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setWordWrap(True)
        self.message.setProperty("role", "dim")
        self.message.hide()
        self.copy_button = QPushButton("Save copy…")
        keymap().explain(self.copy_button, "labels.save")
        self.train_button = QPushButton("Re-train from the copy")
        keymap().explain(self.train_button, "labels.train")

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.search, 1)
        top.addWidget(self.which)
        for action in self._undo_actions():
            button = QToolButton()
            button.setDefaultAction(action)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
            button.setAccessibleName(action.text())
            top.addWidget(button)
        below = QWidget()
        editor = QVBoxLayout(below)
        editor.setContentsMargins(0, 4, 0, 0)
        editor.setSpacing(6)
        editor.addWidget(self.pages, 1)
        editor.addWidget(self.keys)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.other)
        row.addWidget(self.every)
        row.addStretch(1)
        row.addWidget(self.saved)
        row.addWidget(self.copy_button)
        row.addWidget(self.train_button)
        editor.addLayout(row)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.table)
        halves.addWidget(below)
        halves.setStretchFactor(0, 1)
        halves.setStretchFactor(1, 0)
        halves.setSizes([1000, EDITOR_PX])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(top)
        column.addWidget(self.message)
        column.addWidget(halves, 1)

    def _undo_actions(self) -> Sequence[QAction]:
        self.undo_actions = self.document.actions(self, ("labels.undo", "labels.redo"))
        return self.undo_actions

    def _wire(self) -> None:
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._show_example())
        self.keys.pressed.connect(self.give)
        self.other.lineEdit().returnPressed.connect(self._give_other)  # type: ignore[union-attr]
        self.spans.removed.connect(self._remove_spans)
        self.search.textChanged.connect(lambda _text: self._filter())
        self.which.currentIndexChanged.connect(lambda _at: self._filter())
        self.copy_button.clicked.connect(self.ask_copy)
        self.train_button.clicked.connect(self.train_on_copy)
        self.loader.progress.connect(self._counted)
        self.loader.done.connect(self._loaded)
        self.loader.failed.connect(self._failed)
        self.document.changed.connect(self._edited)
        self.autosave.told.connect(self._say_saved)
        theme().changed.connect(self.set_theme)
        make_action(self, "labels.find", self.search.setFocus)
        make_action(self, "labels.repeats", self.every.toggle)
        make_action(self, "labels.save", self.ask_copy)
        make_action(self, "labels.train", self.train_on_copy)

    # What is labelled

    def load(
        self, address: str, *, recipe: str = "", params: Mapping[str, Any] | None = None, slot: str = "data"
    ) -> None:
        """Ask the worker for all examples of a data set and show them when they come."""
        self.save_now()
        self._origin = (recipe, slot)
        self.loader.load(address, recipe=recipe, params=params or {}, slot=slot)

    def _counted(self, read: int) -> None:
        self._say(f"Reading the examples … {spaced(read)}" if read else "Reading the examples …", "dim")

    def _loaded(self, draft: Draft, total: int) -> None:
        self.show_draft(draft)
        if len(draft) < total:
            self._say(
                f"The first {spaced(len(draft))} of {spaced(total)} are listed; a copy holds these alone.", "warning"
            )

    def show_items(self, items: Sequence[Item], source: str) -> None:
        """Correct the classes of these examples."""
        self.show_draft(Draft.of_items(items, source))

    def show_texts(self, texts: Sequence[SpannedText], source: str) -> None:
        """Correct the spans of these texts."""
        self.show_draft(Draft.of_texts(texts, source))

    def show_draft(self, draft: Draft) -> None:
        """Correct this data; edits of another one are saved first, edits left from last time are offered."""
        self.save_now()
        self.document.clear()
        self.draft, self.last_copy = draft, None
        self.autosave.forget()
        self._show_draft()
        self._say("", "")
        self._take_up_kept()

    def _show_draft(self) -> None:
        self.model.show(self.draft)
        self.pages.setCurrentIndex(0 if self.draft.kind == "labels" else 1)
        self._show_names()
        if len(self.draft):
            self._choose(0)
        self._show_example()
        for button in (self.copy_button, self.train_button):
            button.setEnabled(len(self.draft) > 0)
        self._count()

    def _show_names(self) -> None:
        self.keys.show_names(self.draft.names, self._colours())
        self.other.clear()
        self.other.addItems(self.draft.names)
        self.other.setCurrentText("")

    def _colours(self) -> dict[str, QColor]:
        return {name: palette.category(at, theme().now) for at, name in enumerate(self.draft.names)}

    def current(self) -> int:
        """The position of the chosen example; −1 without one."""
        row = self.table.currentIndex().row()
        return self.model.shown[row] if 0 <= row < len(self.model.shown) else -1

    def select(self, at: int) -> None:
        """Choose an example, if it is listed."""
        if at in self.model.shown:
            self._choose(self.model.shown.index(at))

    def _choose(self, row: int) -> None:
        """Choose one row alone; Qt's selectRow adds it to the others where Ctrl or Shift is held, as in some keys."""
        flags = QItemSelectionModel.SelectionFlag
        self.table.selectionModel().setCurrentIndex(self.model.index(row, 0), flags.ClearAndSelect | flags.Rows)

    def _show_example(self) -> None:
        at = self.current()
        text = self.draft.texts[at] if at >= 0 else "Nothing is listed."
        if self.draft.kind == "spans" and at >= 0:
            self.spans.show_spans(text, self.draft.spans[at], self._colours())
        else:
            self.reader.setPlainText(text if len(text) <= LONGEST_READ else text[:LONGEST_READ] + " …")
        self.keys.light(self.draft.labels[at] if self.draft.kind == "labels" and at >= 0 else "")

    def _filter(self) -> None:
        at = self.current()
        self.model.filter(self.search.text(), self.which.currentIndex())
        self.select(at if at in self.model.shown else self.model.shown[0] if self.model.shown else -1)
        self._show_example()

    # Labelling

    def give(self, label: str) -> None:
        """Give a label to the chosen examples, or to the selected words of the chosen text."""
        if self.current() < 0 or not label:
            return
        if label not in self.draft.names:
            self.draft.add_name(label)
            self._show_names()
        if self.draft.kind == "labels":
            self._give_class(label)
        else:
            self._give_span(label)

    def _give_other(self) -> None:
        label = self.other.currentText().strip()
        self.other.setCurrentText("")
        self.give(label)

    def _give_class(self, label: str) -> None:
        rows = [self.model.shown[index.row()] for index in self.table.selectionModel().selectedRows()]
        chosen = set(rows or [self.current()])
        if self.every.isChecked():
            chosen |= {other for at in chosen for other in self.draft.repeats(at)}
        changes = {at: label for at in sorted(chosen) if self.draft.labels[at] != label}
        row = self.table.currentIndex().row()
        if changes:
            self.document.push(Relabel(self.draft, changes, self._changed))
        if len(rows) == 1 and row + 1 < len(self.model.shown):
            self._choose(row + 1)

    def _give_span(self, label: str) -> None:
        start, end = self.spans.selection()
        at = self.current()
        if start == end:
            self._say("Select some words first, then press the label's number.", "dim")
            return
        places = [(at, start, end)]
        if self.every.isChecked():
            places = self.draft.occurrences(self.draft.texts[at][start:end]) or places
        self._respan(
            [(at, Span(a, b, label), a, b) for at, a, b in places], text=f"mark {_times(len(places))} as {label}"
        )

    def _remove_spans(self, start: int, end: int) -> None:
        at = self.current()
        if at < 0:
            return
        touched = [one for one in self.draft.spans[at] if one.start < end and one.end > start]
        places = [(at, one.start, one.end) for one in touched]
        if self.every.isChecked():
            words = {self.draft.texts[at][one.start : one.end] for one in touched}
            places = [place for some in words for place in self.draft.occurrences(some)]
        self._respan([(at, None, a, b) for at, a, b in places], text=f"remove {_times(len(places))}")

    def _respan(self, places: Sequence[tuple[int, Span | None, int, int]], *, text: str) -> None:
        wanted: dict[int, list[Span]] = {}
        for at, span, start, end in places:
            wanted[at] = replaced(wanted.get(at, self.draft.spans[at]), span, start, end)
        changes: dict[int, Respanned] = {at: difference(self.draft.spans[at], spans) for at, spans in wanted.items()}
        changes = {at: pair for at, pair in changes.items() if pair != ([], [])}
        if changes:
            self.document.push(Respan(self.draft, changes, self._changed, text=text))

    def _changed(self, positions: Sequence[int]) -> None:
        """After an edit, its undo or redo: show the first changed example unless one of them is shown."""
        self.model.touch(positions)
        if self.current() not in positions and positions:
            self.select(positions[0])
        self._show_example()
        self._say(f"{spaced(len(positions))} examples changed." if len(positions) > 1 else "", "dim")

    # Keeping

    def _edited(self) -> None:
        self.autosave.touch()
        self._count()

    def save_now(self) -> None:
        """Put the edits on disk; announced, as is a failure."""
        self.autosave.flush()

    def _take(self) -> Write:
        document = EditsDoc(self.draft.source, self.draft.kind, self.draft.edits(), *self._origin)
        return functools.partial(keep, self._draft_path(), document)

    def _draft_path(self) -> Path:
        return draft_path(self.link.home.edits, self.draft.source, self.draft.kind)

    def _count(self) -> None:
        touched = self.stack.index() or self.autosave.pending
        edits = sum(self.draft.changed(at) for at in range(len(self.draft))) if touched else 0
        self.captioned.emit(f"{spaced(len(self.draft))} examples" + (f" · {spaced(edits)} changed" if edits else ""))

    def _say_saved(self, words: str) -> None:
        self.saved.setText(words)
        if self.isVisible():
            self.link.saved.emit(words)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.save_now()
        self.autosave.rest()
        self.link.saved.emit("")

    def _take_up_kept(self) -> None:
        """Edits that were autosaved last time and are in no copy come back as one step that can be undone."""
        try:
            edits = self.draft.fitting(kept(self._draft_path())) if self.draft.source else []
        except Problem as problem:
            self._failed(problem.record())
            return
        if not edits:
            return
        for name in (name for one in edits for name in [one.label, *(span.label for span in one.spans)]):
            self.draft.add_name(name)
        self._show_names()
        if self.draft.kind == "labels":
            self.document.push(Relabel(self.draft, {one.at: one.label for one in edits}, self._changed))
        else:
            changes = {one.at: difference(self.draft.spans[one.at], one.spans) for one in edits}
            self.document.push(Respan(self.draft, changes, self._changed, text="take up last time's edits"))
        self._say(f"{_times(len(edits), 'edit')} from last time taken up again; Ctrl+Z drops them.", "dim")

    # Copies

    def ask_copy(self) -> None:
        """Ask where the copy goes, then write it."""
        if not len(self.draft):
            return
        proposed = self._proposed()
        dialog = QFileDialog(self, "Save a copy", str(proposed.parent))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        suffix = suffix_of(self.draft)
        kinds = ["CSV (*.csv)", "JSON lines (*.jsonl)"] if suffix == ".csv" else [f"{SUFFIX_NAMES[suffix]} (*{suffix})"]
        dialog.setNameFilters(kinds)
        dialog.selectFile(proposed.name)
        dialog.fileSelected.connect(lambda chosen: self.save_copy(Path(chosen)))
        dialog.open()

    def _proposed(self) -> Path:
        return copy_name(self.link.home.edits, self.draft)

    def save_copy(self, path: Path) -> Path | None:
        """Write all examples as they stand now; None when that could not be done, which is said."""
        try:
            self.last_copy = write_copy(self.draft, path)
        except (Problem, OSError) as error:
            self._failed(error.record() if isinstance(error, Problem) else ProblemRecord(f"Not saved: {error}"))
            return None
        self.document.set_clean()
        self._say(f"Saved as {self.last_copy}", "ok")
        return self.last_copy

    def train_on_copy(self) -> None:
        """Save a copy unless the last one is up to date, and ask for a training run on it."""
        fresh = self.last_copy is not None and self.document.clean
        path = self.last_copy if fresh else self.save_copy(self._proposed())
        if path is not None:
            self.retrain.emit(str(path))

    # Words and colours

    def _failed(self, record: ProblemRecord) -> None:
        self._say("\n".join(filter(None, (record.what, record.received, record.fix))), "error")

    def _say(self, text: str, role: str) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))
        self.message.setProperty("role", role or "dim")
        self.message.style().unpolish(self.message)
        self.message.style().polish(self.message)

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self.model.set_theme(now)
        self.spans.set_theme(now)
        for action, name in zip(self.undo_actions, ("mdi6.undo", "mdi6.redo"), strict=True):
            action.setIcon(icon(name))
        self.keys.set_theme(now)
        self._show_names()
        self._show_example()


def _times(count: int, noun: str = "stretch") -> str:
    plural = noun + ("es" if noun.endswith("ch") else "s")
    return f"1 {noun}" if count == 1 else f"{spaced(count)} {plural}"
