"""The list of runs: several chosen at once, groups that fold, columns that are dragged and remembered."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from workbench.gui.buttons import ICON_PX
from workbench.gui.historymodel import EDITABLE, AnyIndex, HistoryModel
from workbench.gui.theme import theme
from workbench.store.index import RunRow
from workbench.store.notes import Notes

ROW_PX, STAR_PX, INDENT_PX = 28, 36, 16
NARROWEST_PX, WIDEST_PX = 64, 280
WIDTHS = {"star": STAR_PX, "note": 96, "tags": 120, "run": 152, "recipe": 184, "result": 216}
"""What columns take before anybody has dragged them; the others fit what stands in them."""


class _Rows(QStyledItemDelegate):
    """Cells whose editor can be ended from outside; ids, which differ at both ends, are shortened in the middle."""

    editor: QWidget | None = None

    def initStyleOption(self, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        super().initStyleOption(option, index)
        model = index.model()
        if isinstance(model, HistoryModel) and model.columns[index.column()].key in ("run", "recipe"):
            option.textElideMode = Qt.TextElideMode.ElideMiddle

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: AnyIndex) -> QWidget:
        self.editor = super().createEditor(parent, option, index)
        self.editor.setProperty("role", "cell")
        return self.editor

    def destroyEditor(self, editor: QWidget, index: AnyIndex) -> None:
        self.editor = None
        super().destroyEditor(editor, index)


class HistoryList(QTreeView):
    """Runs by id. Return or a double-click opens one, a click on its star stars it, N writes its note."""

    opened = Signal(str)
    chosen = Signal()
    starred = Signal(str)
    tags_wanted = Signal()
    arranged = Signal()
    """Columns, widths, order or folded groups changed by hand: worth remembering."""

    def __init__(self) -> None:
        super().__init__()
        self.model_ = HistoryModel()
        self.closed_groups: set[str] = set()
        self._widths: dict[str, int] = {}
        self._waiting: Sequence[RunRow] | None = None
        self._fitted = False
        self.setModel(self.model_)
        self._rows = _Rows(self)
        self.setItemDelegate(self._rows)
        self._rows.closeEditor.connect(lambda *_: self._edited())
        self.setAccessibleName("Runs")
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setUniformRowHeights(True)
        self._scale_icons()
        theme().follow(self, self._scale_icons)
        self.setAllColumnsShowFocus(True)
        self.setIndentation(theme().pixels(INDENT_PX))
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._dress_header()
        self.clicked.connect(self._clicked)
        self.doubleClicked.connect(self._double_clicked)
        self.collapsed.connect(lambda index: self._folded(index, closed=True))
        self.expanded.connect(lambda index: self._folded(index, closed=False))
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen.emit())

    # Rows

    def _scale_icons(self) -> None:
        self.setIconSize(QSize(theme().pixels(ICON_PX), theme().pixels(ICON_PX)))

    def set_rows(self, rows: Sequence[RunRow]) -> None:
        """Show other runs; what is chosen, folded and looked at stays. Waits for a cell that is being written in."""
        if self._rows.editor is not None:
            self._waiting = rows
            return
        with self._kept():
            self.model_.set_rows(rows)
        if rows and not self._fitted:
            self._fitted = True
            self._fit_widths()

    def want(self, **changes: Any) -> None:
        """Change filter, order or grouping; see historymodel.Wanted."""
        with self._kept():
            self.model_.want(**changes)

    def replace_notes(self, notes: Mapping[str, Notes]) -> None:
        """Show new notes of some runs at once."""
        with self._kept():
            self.model_.replace_notes(notes)

    def shown(self) -> int:
        """How many runs pass the filter."""
        return len(self.model_.shown())

    def ids(self) -> list[str]:
        """The ids of the runs shown, from top to bottom."""
        return [row.id for row in self.model_.shown()]

    def chosen_rows(self) -> list[RunRow]:
        """The chosen runs, from top to bottom."""
        blocks: Any = self.selectionModel().selection()  # a list of ranges, whatever its stub says
        found = [
            row for block in blocks for row in self.model_.runs_between(block.parent(), block.top(), block.bottom())
        ]
        if len(found) < 2:
            return found
        ids = {row.id for row in found}
        return [row for row in self.model_.shown() if row.id in ids]

    def current_run(self) -> RunRow | None:
        """The run with the keyboard's focus, when it is chosen."""
        index = self.currentIndex()
        return self.model_.run_at(index) if self.selectionModel().isSelected(index) else None

    def choose(self, *keys: str) -> None:
        """Choose runs and bring the first into sight."""
        self._choose(keys, focus=next((key for key in keys if self.model_.index_of(key).isValid()), ""))
        if self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())

    def open_chosen(self) -> None:
        """Open the run with the focus, or the first chosen one."""
        row = self.current_run() or next(iter(self.chosen_rows()), None)
        if row is not None and not row.trouble:
            self.opened.emit(row.id)

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """Whatever the model does inside, the view comes out as a person left it."""
        held = [row.id for row in self.chosen_rows()]
        current, place = self.current_run(), self.verticalScrollBar().value()
        resets = self.model_.resets
        with QSignalBlocker(self):
            yield
            if self.model_.resets != resets:
                self._unfold()
                self._choose(held, focus=current.id if current is not None else "")
                self.verticalScrollBar().setValue(place)
        self.chosen.emit()

    def _choose(self, runs: Iterable[str], *, focus: str) -> None:
        flags, selection = QItemSelectionModel.SelectionFlag, QItemSelection()
        for first, last in self.model_.blocks_of(frozenset(runs)):
            selection.select(first, last)
        self.selectionModel().select(selection, flags.ClearAndSelect)
        focused = self.model_.index_of(focus)
        if focused.isValid():
            self.selectionModel().setCurrentIndex(focused, flags.NoUpdate)

    # Groups

    def _unfold(self) -> None:
        grouped = self.model_.grouped
        self.setRootIsDecorated(grouped)
        header = self.header()
        header.resizeSection(0, theme().pixels(STAR_PX + (INDENT_PX * 2 if grouped else 0)))
        for place, name in enumerate(self.model_.groups()):
            self.setFirstColumnSpanned(place, QModelIndex(), True)
            self.setExpanded(self.model_.index(place, 0), name not in self.closed_groups)

    def _folded(self, index: QModelIndex, *, closed: bool) -> None:
        name = self.model_.groups()[index.row()] if self.model_.grouped else ""
        (self.closed_groups.add if closed else self.closed_groups.discard)(name)
        self.arranged.emit()

    # Columns

    def columns(self) -> list[str]:
        """The keys of the columns, from left to right."""
        header = self.header()
        keys = [one.key for one in self.model_.columns]
        return [keys[header.logicalIndex(place)] for place in range(header.count())]

    def set_columns(self, keys: Iterable[str]) -> None:
        """Show these columns in this order."""
        header = self.header()
        self._note_widths()
        with self._kept(), QSignalBlocker(header):
            self.model_.set_columns(keys)
            for place in range(header.count()):
                header.moveSection(header.visualIndex(place), place)
        self._fit_widths()
        self.show_sort()
        self.arranged.emit()

    def widths(self) -> dict[str, int]:
        """How wide each column is, by key; those that were shown before, too."""
        self._note_widths()
        return dict(self._widths)

    def set_widths(self, widths: Mapping[str, int]) -> None:
        """Take back remembered widths."""
        self._widths = {key: int(width) for key, width in widths.items() if int(width) > 0}
        self._fitted = bool(self._widths)
        self._fit_widths()

    def show_sort(self) -> None:
        """Let the header's arrow stand where the order comes from."""
        wanted, keys = self.model_.wanted, [one.key for one in self.model_.columns]
        order = Qt.SortOrder.DescendingOrder if wanted.descending else Qt.SortOrder.AscendingOrder
        with QSignalBlocker(self.header()):
            self.header().setSortIndicator(keys.index(wanted.sort) if wanted.sort in keys else -1, order)

    def _note_widths(self) -> None:
        header, last = self.header(), self.header().logicalIndex(self.header().count() - 1)
        for place, column in enumerate(self.model_.columns):
            if self._fitted and place not in (0, last):
                self._widths[column.key] = header.sectionSize(place)

    def _fit_widths(self) -> None:
        px, header = theme().pixels, self.header()
        with QSignalBlocker(header):
            for place, column in enumerate(self.model_.columns[1:], start=1):
                width = self._widths.get(column.key) or px(WIDTHS.get(column.key, 0))
                fits = max(self.sizeHintForColumn(place), header.sectionSizeHint(place)) + px(8)
                header.resizeSection(place, width or min(max(fits, px(NARROWEST_PX)), px(WIDEST_PX)))
        self.updateGeometries()
        self.viewport().update()

    def _dress_header(self) -> None:
        header = self.header()
        header.setSectionsMovable(True)
        header.setFirstSectionMovable(False)
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(theme().pixels(STAR_PX))
        header.setResizeContentsPrecision(0)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.sectionMoved.connect(lambda *_: self.arranged.emit())
        header.sectionResized.connect(lambda *_: self.arranged.emit())
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        self.show_sort()
        header.sortIndicatorChanged.connect(self._sorted)

    def _sorted(self, section: int, order: Qt.SortOrder) -> None:
        if section >= 0:
            with self._kept():
                self.model_.sort(section, order)
            self.arranged.emit()

    # Writing in cells

    def write_note(self) -> None:
        """Begin to write the note of the run with the focus."""
        row = self.current_run() or next(iter(self.chosen_rows()), None)
        if row is None or row.trouble:
            return
        if "note" not in self.columns():
            self.set_columns([*self.columns(), "note"])
        index = self.model_.index_of(row.id, [one.key for one in self.model_.columns].index("note"))
        self.setCurrentIndex(index)
        self.scrollTo(index)
        self.edit(index)

    def finish_writing(self) -> None:
        """Take over what is being written in a cell."""
        editor = self._rows.editor
        if editor is not None:
            self.commitData(editor)
            self.closeEditor(editor, QStyledItemDelegate.EndEditHint.NoHint)

    def hideEvent(self, event: QHideEvent) -> None:
        self.finish_writing()
        super().hideEvent(event)

    def _edited(self) -> None:
        self._rows.editor = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.set_rows(waiting)

    # Clicks

    def _clicked(self, index: QModelIndex) -> None:
        row = self.model_.run_at(index)
        if row is not None and self.model_.columns[index.column()].key == "star" and not row.trouble:
            self.starred.emit(row.id)

    def _double_clicked(self, index: QModelIndex) -> None:
        row = self.model_.run_at(index)
        key = self.model_.columns[index.column()].key
        if row is None or key == "star":
            return
        if key in EDITABLE and not row.trouble:
            self.edit(index)
        elif key == "tags":
            self.tags_wanted.emit()
        else:
            self.open_chosen()
