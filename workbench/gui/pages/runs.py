"""The history: every run, found again, annotated, compared, opened, continued, mailed, deleted and put back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from workbench.core.events import WorkerState
from workbench.core.words import count
from workbench.gui.actionbar import ActionBar
from workbench.gui.card import Card
from workbench.gui.columnchooser import ColumnChooser
from workbench.gui.history import HistoryList
from workbench.gui.historymodel import USUAL
from workbench.gui.link import Link
from workbench.gui.pages.frame import PageFrame
from workbench.gui.runactions import RunActions
from workbench.gui.runfilter import RunFilter
from workbench.gui.taborder import down_into
from workbench.gui.theme import theme
from workbench.store.columns import columns_of, value_of
from workbench.store.index import Index, RunRow

LOOK_AGAIN_S = 2.0
"""How often the rows of a run that goes on are read while somebody looks."""


class Remembered(msgspec.Struct):
    """How a person left the page."""

    columns: list[str] = msgspec.field(default_factory=lambda: list(USUAL))
    widths: dict[str, int] = {}
    filter: dict[str, str] = {}
    sort: str = "started"
    descending: bool = True
    closed: list[str] = []


class RunsPage(PageFrame):
    """Rows come from the index, read on another thread."""

    run_opened = Signal(str)
    run_replayed = Signal(str)
    forked = Signal(str)
    compared = Signal(object)
    """The ids of the runs to compare, 2 to 20, as a list."""
    changed = Signal()
    """Columns, filter or grouping changed: worth remembering."""

    def __init__(self, link: Link) -> None:
        super().__init__("Runs")
        self.link = link
        self._index = Index(link.home.index, link.home.runs)
        self._reading = self._again = False
        self._read_at = 0.0
        self._to_choose: list[str] = []
        self.setAcceptDrops(True)
        self.sheet = HistoryList()
        self.narrow = RunFilter()
        self.filter = self.narrow.text
        self.card = Card("History")
        self.do = RunActions(link, self.sheet, self.banner, self.card)
        self._find = QAction("Find a run", self)
        self._make_controls()
        self._lay_out()
        self._wire()
        down_into(self.filter, self.sheet)

    # Rows

    def opened(self) -> None:
        """Read the index again; asked for while it is being read, it is read once more."""
        if self._reading:
            self._again = True
            return
        self._reading, self._read_at = True, time.monotonic()
        self.link.background(self._index.refresh_all, then=self._read, failed=self._not_read, owner=self)

    def show_rows(self, rows: list[RunRow]) -> None:
        """Fill the list."""
        self.narrow.offer(rows)
        self.sheet.set_rows(rows)
        if self._to_choose and {row.id for row in rows}.issuperset(self._to_choose):
            self.sheet.choose(*self._to_choose)
            self._to_choose = []
        self._describe()

    def closed(self) -> None:
        """Save what is being written."""
        self.do.closing()

    def _read(self, rows: list[RunRow]) -> None:
        self._reading = False
        self.show_rows(rows)
        if self._again:
            self._again = False
            self.opened()

    def _not_read(self, record: Any) -> None:
        self._reading = self._again = False
        self.banner.show_problem(record)

    def _refresh_if_seen(self) -> None:
        if self.isVisible():
            self.opened()

    def _worker_changed(self, state: WorkerState) -> None:
        if state.running and self.isVisible() and time.monotonic() - self._read_at >= LOOK_AGAIN_S:
            self.opened()

    def _changed_on_disk(self, to_choose: list[str]) -> None:
        self._to_choose = to_choose
        self.opened()
        self.link.runs_changed.emit()

    # What is remembered

    def values(self) -> dict[str, Any]:
        """What is remembered of this page."""
        wanted = self.sheet.model_.wanted
        remembered = Remembered(
            columns=self.sheet.columns(),
            widths=self.sheet.widths(),
            filter=self.narrow.values(),
            sort=wanted.sort,
            descending=wanted.descending,
            closed=sorted(self.sheet.closed_groups),
        )
        return msgspec.structs.asdict(remembered)

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered; a damaged memory costs only the layout."""
        try:
            was = msgspec.convert(values, Remembered)
        except msgspec.ValidationError:
            was = Remembered()
        self.sheet.closed_groups = set(was.closed)
        self.sheet.set_columns(was.columns)
        self.sheet.set_widths(was.widths)
        self.sheet.want(sort=was.sort, descending=was.descending)
        self.sheet.show_sort()
        self.narrow.set_values(was.filter)

    # Filter and columns

    def choose_columns(self) -> ColumnChooser:
        """Open the list of everything that can be a column."""
        known = columns_of(self.sheet.model_.rows)
        shown = self.sheet.columns()
        dialog = ColumnChooser(self, known, shown, usual=USUAL, differing=self._differing)
        dialog.changed.connect(self.sheet.set_columns)
        dialog.open()
        return dialog

    def _differing(self) -> list[str]:
        """Knobs and inputs in which the chosen runs differ; all shown ones where fewer than two are chosen."""
        rows = self.sheet.chosen_rows()
        rows = [row for row in (rows if len(rows) > 1 else self.sheet.model_.shown()) if not row.trouble]
        keys = [key for key in columns_of(rows) if key.startswith(("knob:", "input:"))]
        return [key for key in keys if len({value_of(row, key) for row in rows}) > 1]

    def _narrowed(self) -> None:
        self.sheet.want(**self.narrow.values())
        self._describe()
        self.changed.emit()

    def _describe(self) -> None:
        rows, shown, chosen = self.sheet.model_.rows, self.sheet.shown(), len(self.sheet.chosen_rows())
        unreadable = sum(bool(row.trouble) for row in rows)
        parts = [f"{chosen} chosen"] if chosen > 1 else []
        parts += (
            [count(len(rows), "run") if shown == len(rows) else f"{shown} of {count(len(rows), 'run')}"] if rows else []
        )
        parts += [f"{unreadable} cannot be read"] if unreadable else []
        self.card.set_caption(" · ".join(parts))
        self._pages.setCurrentIndex(0 if shown else 1)
        self._empty_words.setText(
            "No run is like that."
            if rows
            else "No runs yet. Press Run in a recipe's tab or Try on a card of Home, or drop an exported zip here."
        )
        for part in (self.narrow, self.bar):
            part.setVisible(bool(rows) or not self._read_at)
        self._clear.setVisible(bool(rows))

    # Dropping archives

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _archives(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        files = _archives(event)
        if files:
            event.acceptProposedAction()
            self.do.import_files(files)

    # Building

    def _make_controls(self) -> None:
        take_in = QPushButton("Import zip…")
        take_in.setToolTip("Take an exported run into the history; dropping the file here does the same")
        take_in.clicked.connect(lambda _=False: self.do.ask_import())
        columns = QPushButton("Columns…")
        columns.setToolTip("Choose any metric, result, knob or input as a column")
        columns.clicked.connect(lambda _=False: self.choose_columns())
        for button in (columns, take_in):
            self.controls.addWidget(button)
        self._find.setShortcut(QKeySequence("Ctrl+F"))
        self._find.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._find.setStatusTip("Write in the filter")
        self._find.triggered.connect(lambda _=False: self._look_for())
        self.addAction(self._find)
        for text, tip, do in (
            ("Columns of the history…", columns.toolTip(), self.choose_columns),
            ("Import zip…", take_in.toolTip(), self.do.ask_import),
        ):
            action = QAction(text, self)
            action.setStatusTip(tip)
            action.triggered.connect(lambda _=False, do=do: do())
            self.addAction(action)

    def _look_for(self) -> None:
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def _lay_out(self) -> None:
        px, do = theme().pixels, self.do
        bar = ActionBar()
        for action in (do.open, do.replay, do.fork, do.resume, do.compare, do.export, do.delete):
            bar.add(action)
        bar.add_gap()
        for action in (do.star, do.tag, do.note, do.folder):
            bar.add(action, button=action in (do.star, do.tag))
        bar.add_gap()
        for action in (do.undo, do.redo, do.trash):
            bar.add(action, button=False)
        self.bar = bar
        self._pages = QStackedWidget()
        self._pages.addWidget(self.sheet)
        self._pages.addWidget(self._make_empty())
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(px(8), px(4), px(8), 0)
        column.setSpacing(px(8))
        column.addWidget(self.narrow)
        column.addWidget(bar)
        column.addWidget(self._pages, 1)
        self.card.set_body(body, margin=4)
        self.column.addWidget(self.card, 1)

    def _make_empty(self) -> QWidget:
        empty = QWidget()
        self._empty_words = QLabel()
        self._empty_words.setProperty("role", "dim")
        self._empty_words.setWordWrap(True)
        self._empty_words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._clear = QPushButton("Clear the filter")
        self._clear.setToolTip("Show all runs again")
        self._clear.clicked.connect(lambda _=False: self.narrow.clear())
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self._clear)
        row.addStretch(1)
        column = QVBoxLayout(empty)
        column.setSpacing(theme().pixels(12))
        column.addStretch(1)
        column.addWidget(self._empty_words)
        column.addLayout(row)
        column.addStretch(2)
        return empty

    def _wire(self) -> None:
        self.do.opened.connect(self.run_opened)
        self.do.replayed.connect(self.run_replayed)
        self.do.forked.connect(self.forked)
        self.do.compared.connect(self.compared)
        self.do.changed.connect(self._changed_on_disk)
        self.do.annotations.written.connect(self._refresh_if_seen)
        self.sheet.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.sheet.customContextMenuRequested.connect(
            lambda place: self.bar.menu.popup(self.sheet.viewport().mapToGlobal(place))
        )
        self.sheet.header().customContextMenuRequested.connect(lambda _: self.choose_columns())
        self.sheet.chosen.connect(self._describe)
        self.sheet.arranged.connect(self.changed)
        self.narrow.changed.connect(self._narrowed)
        self.link.runs_changed.connect(self._refresh_if_seen)
        self.link.worker_changed.connect(self._worker_changed)
        self._describe()


def _archives(event: QDragEnterEvent | QDropEvent) -> Sequence[Path]:
    """The local zip files that are being dragged."""
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() == ".zip"]
