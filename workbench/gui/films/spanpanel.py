"""The panel of labels beside the film: their keys, a list of all spans, and how much there is of each label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QLineEdit,
    QMenu,
    QPushButton,
    QTableView,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from workbench.core.audio import Segment, TiersDoc
from workbench.core.spans import counted, totals
from workbench.core.words import spaced
from workbench.gui.actions import keymap
from workbench.gui.card import Caption
from workbench.gui.films.spanstrip import SpanStrip
from workbench.gui.labelkeys import LabelKeys
from workbench.gui.sidepanel import row, words
from workbench.gui.theme import Tokens, theme, tokens
from workbench.gui.timestrip import clock

WIDTH_PX = 320
REFRESH_MS = 60
"""Lists are told anew no faster: a drag changes spans with every pixel."""
Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole


class Rows(QAbstractTableModel):
    """Rows of words under headings; the first column with a text carries the row's colour."""

    def __init__(self, headings: Sequence[str], *, right: Sequence[int] = ()) -> None:
        super().__init__()
        self.headings, self.right = tuple(headings), frozenset(right)
        self.coloured = 0
        self._count = 0
        self._row: Callable[[int], tuple[str, ...]] = lambda _: ()
        self._colour: Callable[[str], str] = lambda _: ""

    def show(self, count: int, row: Callable[[int], tuple[str, ...]], colour: Callable[[str], str]) -> None:
        """Other rows, each asked for when it is seen; as many as before stay where they are."""
        self._row, self._colour = row, colour
        if count == self._count:
            if count:
                self.dataChanged.emit(self.index(0, 0), self.index(count - 1, len(self.headings) - 1))
            return
        self.beginResetModel()
        self._count = count
        self.endResetModel()

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """All rows in words."""
        return [self._row(at) for at in range(self._count)]

    def row(self, at: int) -> tuple[str, ...]:
        """One row in words; empty words where it is gone by now."""
        return self._row(at) if at < self._count else ("",) * len(self.headings)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.headings)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Role.TextAlignmentRole:
            return self._side(section)
        return self.headings[section] if role == Role.DisplayRole else None

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        if role in (Role.DisplayRole, Role.ToolTipRole):
            return self.row(index.row())[index.column()]
        if role == Role.DecorationRole and index.column() == self.coloured:
            return QColor(self._colour(self.row(index.row())[self.coloured]))
        return self._side(index.column()) if role == Role.TextAlignmentRole else None

    def _side(self, column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignRight if column in self.right else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter


def _table(model: Rows, name: str) -> QTableView:
    view = QTableView()
    view.setModel(model)
    view.setAccessibleName(name)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setTabKeyNavigation(False)
    gap = theme().pixels(4)
    view.setIconSize(QSize(2 * gap, 2 * gap))
    # Four columns in a narrow panel: room goes to the label.
    view.setStyleSheet(f"QTableView::item {{ padding: 0 {gap}px; }} QHeaderView::section {{ padding: {gap}px; }}")
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(theme().pixels(22))
    header = view.horizontalHeader()
    header.setHighlightSections(False)
    header.setMinimumSectionSize(theme().pixels(24))
    for column in range(len(model.headings)):
        mode = QHeaderView.ResizeMode.Stretch if column == model.coloured else QHeaderView.ResizeMode.ResizeToContents
        header.setSectionResizeMode(column, mode)
    # Widths are measured on a few rows: of thousands it would take seconds.
    header.setResizeContentsPrecision(20)
    return view


def _page(*widgets: QWidget) -> QWidget:
    found = QWidget()
    column = QVBoxLayout(found)
    column.setContentsMargins(0, theme().pixels(6), 0, 0)
    column.setSpacing(theme().pixels(6))
    for widget in widgets:
        column.addWidget(widget, 1 if isinstance(widget, QTableView) else 0)
    return found


class SpanPanel(QFrame):
    """Shows the spans of a strip; what its buttons do is wired by who made it."""

    label_made = Signal(str)
    key_chosen = Signal(str, int)
    label_removed = Signal(str)
    """All spans of a label are to go, and the label."""

    def __init__(self, strip: SpanStrip) -> None:
        super().__init__()
        px = theme().pixels
        self.strip = strip
        self.setAccessibleName("Labels")
        self.setFixedWidth(px(WIDTH_PX))
        self.keys = LabelKeys()
        self.new = QLineEdit()
        self.new.setPlaceholderText("New label")
        self.new.setAccessibleName("New label")
        self.new.setMaxLength(200)
        self.add = QPushButton("Add")
        self.how = words("", "small")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter: label or note")
        self.filter.setAccessibleName("Filter the spans")
        self.filter.setClearButtonEnabled(True)
        self.spans = Rows(("Label", "From", "To", "Seconds"), right=(1, 2, 3))
        self.list = _table(self.spans, "Spans")
        self.places: list[tuple[int, int]] = []
        """Track and number of the span in each row."""
        self._note_of = (0, -1)
        self.note = QLineEdit()
        self.note.setPlaceholderText("Note to the marked span")
        self.note.setAccessibleName("Note")
        self.sums = Rows(("Key", "Label", "Spans", "Total"), right=(2, 3))
        self.sums.coloured = 1
        self.totals = _table(self.sums, "Spans of each label")
        self.pages = QTabWidget()
        self.pages.setDocumentMode(True)
        self.pages.tabBar().setDrawBase(False)
        self.key, self.remove = QPushButton("Key…"), QPushButton("Remove")
        self.key.setToolTip("Give the chosen label another number key")
        self.remove.setToolTip("Remove the chosen label and all its spans from this video; Undo brings them back")
        self.open, self.save, self.clips = QPushButton("Open…"), QPushButton("Save as…"), QPushButton("Clips…")
        for button, name in ((self.open, "open"), (self.save, "save"), (self.clips, "clips")):
            keymap().explain(button, f"films.labels-{name}")
        self.summary, self.saved = Caption(role="small"), Caption(role="small")
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(REFRESH_MS)
        self._soon.timeout.connect(self.refresh)
        self._lay_out()
        self._wire()
        theme().changed.connect(self._dress)
        self._dress(tokens())
        self.refresh()

    def _lay_out(self) -> None:
        px = theme().pixels
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, px(8), 0)
        column.setSpacing(px(6))
        column.addWidget(words("Labels", "heading"))
        column.addWidget(self.keys)
        adding = row(self.new)
        adding.addWidget(self.add)
        column.addLayout(adding)
        column.addWidget(self.how)
        column.addWidget(self.pages, 1)
        column.addWidget(self.summary)
        column.addLayout(row(self.open, self.save, self.clips))
        column.addWidget(self.saved)
        self.pages.addTab(_page(self.filter, self.list, self.note), "Spans")
        buttons = QWidget()
        buttons.setLayout(row(self.key, self.remove))
        sums = _page(self.totals, buttons)
        self.pages.addTab(sums, "Totals")

    def _wire(self) -> None:
        self.new.returnPressed.connect(self._make)
        self.add.clicked.connect(lambda _=False: self._make())
        self.filter.textChanged.connect(lambda _: self.refresh())
        self.list.clicked.connect(lambda index: self.strip.mark(*self.places[index.row()]))
        self.list.activated.connect(lambda index: self.strip.mark(*self.places[index.row()]))
        self.note.editingFinished.connect(self._take_note)
        self.key.clicked.connect(lambda _=False: self._ask_key())
        self.remove.clicked.connect(lambda: self.label_removed.emit(self.chosen()) if self.chosen() else None)
        self.totals.selectionModel().selectionChanged.connect(lambda *_: self._able())
        self.sums.modelReset.connect(self._able)
        self.strip.edited.connect(self._later)
        self.strip.marked_changed.connect(self._later)

    def _later(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _dress(self, now: Tokens) -> None:
        self.keys.set_theme(now)
        self._told = None
        self.refresh()

    _told: Any = None

    # What is shown

    def refresh(self) -> None:
        """Tell the lists anew."""
        self._soon.stop()
        strip, names = self.strip, [one.name for one in self.strip.vocabulary]
        colours = {name: strip.colour_of(name) for name in names}
        self.keys.show_names(names, {name: QColor(colour) for name, colour in colours.items()})
        self.keys.setVisible(bool(names))
        wanted = self.filter.text().casefold().split()
        self.places = listed(strip.doc, wanted)
        doc, places = strip.doc, self.places
        self.spans.show(len(places), lambda at: _spoken(doc, *places[at]), strip.colour_of)
        known = totals(strip.doc)
        every = [*names, *(name for name in known if name not in names)]
        sums = [_summed(name, at, known.get(name, (0, 0.0))) for at, name in enumerate(every)]
        chosen = self.chosen()
        self.sums.show(len(sums), lambda at: sums[at], strip.colour_of)
        if chosen in every:
            self.totals.selectRow(every.index(chosen))
        count = sum(len(tier.segments) for tier in strip.doc.tiers)
        shown = f"{spaced(len(places))} of {counted(count, 'span')}" if wanted else counted(count, "span")
        self.summary.set_whole(f"{shown}, {clock(sum(one[1] for one in known.values()), 0.1)} in all")
        self.how.setText(
            "A number key labels the stretch between in and out point; without one it begins a span, and ends it when "
            "pressed again." if names else "Add a label to begin: the first nine have number keys."
        )  # fmt: skip
        self._show_marked()

    def _show_marked(self) -> None:
        one, place = self.strip.span(), (self.strip.track, self.strip.marked)
        at = self.places.index(place) if one is not None and place in self.places else -1
        if at >= 0:
            self.list.selectRow(at)
        else:
            self.list.clearSelection()
        self.note.setEnabled(one is not None)
        if not self.note.hasFocus() or one is None:
            self.note.setText(one.text if one is not None else "")
            self._note_of = place
        self.keys.light(self.strip.doc.tiers[self.strip.track].name if one is not None else "")

    def chosen(self) -> str:
        """The label whose row of the lower table is chosen; empty for none."""
        found = self.totals.selectionModel().selectedRows() if self.totals.selectionModel() else []
        return self.sums.row(found[0].row())[1] if found and found[0].row() < self.sums.rowCount() else ""

    def _able(self) -> None:
        there = bool(self.chosen())
        self.key.setEnabled(there)
        self.remove.setEnabled(there)

    # Hands

    def _take_note(self) -> None:
        # What is written is of the span that it was shown for, whichever is marked by now.
        if self.note.isModified() and self._note_of == (self.strip.track, self.strip.marked):
            self.note.setModified(False)
            self.strip.note(self.note.text().strip())

    def _make(self) -> None:
        name = " ".join(self.new.text().split())
        if name:
            self.new.clear()
            self.label_made.emit(name)

    def _ask_key(self) -> None:
        name, menu = self.chosen(), QMenu(self)
        for number, one in enumerate(self.strip.vocabulary[:9], 1):
            taken = "" if one.name == name else f"   {one.name} gives it away"
            action = menu.addAction(f"{number}{taken}")
            action.triggered.connect(lambda _=False, number=number: self.key_chosen.emit(name, number))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.key.mapToGlobal(self.key.rect().bottomLeft()))


def listed(doc: TiersDoc, wanted: Sequence[str]) -> list[tuple[int, int]]:
    """Track and number of each span whose label or note hold all words, in order of time."""
    found: list[tuple[float, int, int]] = []
    for track, tier in enumerate(doc.tiers):
        name = tier.name.casefold()
        for index, one in enumerate(tier.segments):
            if not wanted or all(word in name or word in one.text.casefold() for word in wanted):
                found.append((one.start_s, track, index))
    found.sort()
    return [(track, index) for _, track, index in found]


def _spoken(doc: TiersDoc, track: int, index: int) -> tuple[str, ...]:
    rows: list[Segment] = doc.tiers[track].segments if track < len(doc.tiers) else []
    if index >= len(rows):  # it was edited, and the list is told anew in a moment
        return ("",) * 4
    one = rows[index]
    return doc.tiers[track].name, clock(one.start_s, 0.01), clock(one.end_s, 0.01), f"{one.end_s - one.start_s:.2f}"


def _summed(name: str, at: int, known: tuple[int, float]) -> tuple[str, ...]:
    return str(at + 1) if at < 9 else "", name, spaced(known[0]), clock(known[1], 0.1)
