"""Tables: sorted by a click, numbers right-aligned with their digits, the best of a column set off."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from workbench.core import events as ev
from workbench.core.documents import Column, Item, TableDoc, read
from workbench.core.words import spaced
from workbench.gui.theme import Tokens, theme
from workbench.gui.views import palette, reading
from workbench.gui.views.base import Rows, View
from workbench.gui.views.words import small, wrapped

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_TEXT_NAMES = ("text", "sentence", "item", "question")
LEAST_PX = 96
PAD_PX, ABOVE_PX = 11, 6
"""Room beside a heading, which the style sheet leaves, and above and below one of several lines."""
PALEST, DEEPEST = 0.06, 0.5
"""How much of the accent lies under the lowest and the highest number of a shaded column: text stays readable."""
_PLACES_TO_BREAK = re.compile(r"(?<=/)|\s+")
_LABEL_NAMES = ("true", "label", "gold", "expected")


class TableModel(QAbstractTableModel):
    """A TableDoc for Qt; sorting permutes row numbers, missing values stay at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.document = TableDoc([], [])
        self.order: list[int] = []
        self.tokens: Tokens = theme().now
        self._best: dict[int, float] = {}
        self._shaded: dict[int, tuple[float, float]] = {}
        self._sorted: tuple[int, Qt.SortOrder] | None = None

    def show(self, document: TableDoc) -> None:
        """Take a new document and keep the chosen order of columns."""
        self.beginResetModel()
        self.document = document
        self.order = list(range(len(document.rows)))
        self._best = {
            at: best for at, one in enumerate(document.columns) if (best := self._best_of(at, one)) is not None
        }
        self._shaded = {
            at: (min(values), max(values)) for at, one in enumerate(document.columns) if one.shade
            and (values := self._numbers(at))
        }  # fmt: skip
        if self._sorted and self._sorted[0] < len(document.columns):
            self._reorder(*self._sorted)
        self.endResetModel()

    def _best_of(self, at: int, column: Column) -> float | None:
        values = self._numbers(at)
        if not column.best or len(set(values)) < 2:
            return None
        return max(values) if column.best == "high" else min(values)

    def _numbers(self, at: int) -> list[float]:
        return [row[at] for row in self.document.rows if is_number(row[at])]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.order)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.document.columns)

    def value(self, index: Index) -> Any:
        """The raw value at a shown place."""
        return self.document.rows[self.order[index.row()]][index.column()]

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        column, value = self.document.columns[index.column()], self.value(index)
        if role == Role.DisplayRole:
            return written(value, column)
        if role == Role.TextAlignmentRole:
            return _RIGHT if column.kind == "number" else _LEFT
        if role == Role.ToolTipRole and isinstance(value, str) and len(value) > 20:
            return wrapped(value)
        return self._look(index.column(), value, role)

    def _look(self, column: int, value: Any, role: int) -> Any:
        best = column in self._best and value == self._best[column]
        shaded = column in self._shaded and is_number(value)
        if role == Role.BackgroundRole and shaded:
            low, high = self._shaded[column]
            share = (value - low) / (high - low) if high > low else 1.0
            return QColor(self.tokens.blend(self.tokens.accent, PALEST + (DEEPEST - PALEST) * share))
        if role == Role.ForegroundRole:
            return QColor(palette.ink(self.tokens.ok, self.tokens) if best and not shaded else self.tokens.text)
        if role == Role.FontRole and best:
            font = QFont()
            font.setBold(True)
            return font
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or section >= len(self.document.columns):
            return None
        column = self.document.columns[section]
        if role == Role.DisplayRole:
            return f"{column.name} ({column.unit})" if column.unit else column.name
        if role == Role.TextAlignmentRole:
            return (_RIGHT if column.kind == "number" else _LEFT) | Qt.TextFlag.TextWordWrap
        if role == Role.ToolTipRole:
            return self.headerData(section, orientation)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sorted = (column, order) if column >= 0 else None
        self.layoutAboutToBeChanged.emit()
        self._reorder(column, order)
        self.layoutChanged.emit()

    def _reorder(self, column: int, order: Qt.SortOrder) -> None:
        rows = self.document.rows
        self.order = list(range(len(rows)))
        if column < 0:
            return
        there = [at for at in self.order if rows[at][column] is not None]
        numeric = all(is_number(rows[at][column]) for at in there)
        there.sort(
            key=lambda at: rows[at][column] if numeric else str(rows[at][column]).casefold(),
            reverse=order == Qt.SortOrder.DescendingOrder,
        )
        self.order = there + [at for at in self.order if rows[at][column] is None]


def is_number(value: Any) -> bool:
    """Whether a value can be compared and averaged (booleans cannot, nor not-a-number)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def written(value: Any, column: Column) -> str:
    """A value as the column's digits have it; a missing one is a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return spaced(value)
    if isinstance(value, float):
        return f"{value:.{column.digits}f}"
    return str(value).replace("\n", " ")


class Shading(QStyledItemDelegate):
    """Paints the ground of shaded cells, which the style sheet's own items leave out."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The ground first, except below what is selected."""
        ground = index.data(Role.BackgroundRole)
        if ground is not None and not option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect.adjusted(1, 1, -1, -1), ground)
        super().paint(painter, option, index)


class TableView(View):
    """A document's rows; Enter or a double click picks the row's item."""

    name = "Table"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.items: list[Item] = []
        self.model = TableModel()
        self.table = quiet_table(QTableView(self))
        self.table.setModel(self.model)
        self.table.setItemDelegate(Shading(self.table))
        self.table.setSortingEnabled(True)
        header = self.table.horizontalHeader()
        header.setSortIndicator(-1, Qt.SortOrder.DescendingOrder)
        header.setTextElideMode(Qt.TextElideMode.ElideNone)  # elided text would not wrap
        self.table.doubleClicked.connect(lambda index: self._choose([index]))
        self.table.viewport().installEventFilter(self)
        self.set_body(self.table)
        self.setFocusProxy(self.table)
        self.add_action("view.table.item", self._choose_selected)

    def read(self, folder: Path, artifact: ev.Artifact) -> tuple[TableDoc, list[Item]]:
        path = reading.inside(folder, artifact.path)
        document = read(path, TableDoc)
        width = len(document.columns)
        wrong = next((number for number, row in enumerate(document.rows) if len(row) != width), None)
        if wrong is not None:
            raise reading.damaged(path, f"{width} values in each row", f"{len(document.rows[wrong])} in row {wrong}")
        return document, reading.items_of(folder, artifact)

    def draw(self, content: tuple[TableDoc, list[Item]]) -> None:
        document, self.items = content
        same = [one.name for one in document.columns] == [one.name for one in self.model.document.columns]
        self.model.show(document)
        if not same:
            self._size_columns()
        self.set_caption(document.caption or f"{spaced(len(document.rows))} rows")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The viewport, not the view, says how much room there is: it is laid out later."""
        if event.type() == QEvent.Type.Resize:
            self._size_columns()
        return super().eventFilter(watched, event)

    def _size_columns(self) -> None:
        """Share the width: numbers and names take what they need, then headings are spared their line breaks."""
        header, columns = self.table.horizontalHeader(), self.model.document.columns
        around = theme().pixels(PAD_PX) + 2
        contents = [self.table.sizeHintForColumn(at) for at in range(len(columns))]
        texts = [at for at, column in enumerate(columns) if column.kind == "text"]
        headings = [str(self.model.headerData(at, Qt.Orientation.Horizontal)) for at in range(len(columns))]
        metrics = header.fontMetrics()

        def words(heading: str) -> int:
            return max(map(metrics.horizontalAdvance, _PLACES_TO_BREAK.split(heading))) + 2 * around

        full = [max(content, header.sectionSizeHint(at)) for at, content in enumerate(contents)]
        whole = [max(content, words(heading)) for content, heading in zip(contents, headings, strict=True)]
        room = self.table.viewport().width()
        least = [min(need, LEAST_PX) if at in texts else need for at, need in enumerate(whole)]
        if sum(least) > room:  # what is scrolled anyway need not be cut as well
            least = [min(need, max(LEAST_PX, room // 2)) for need in whole]
        widths = shared(full, whole, texts, room) if sum(whole) <= room else shared(whole, least, texts, room)
        tall = 0
        for at, (width, heading) in enumerate(zip(widths, headings, strict=True)):
            header.resizeSection(at, width)
            box = QRect(0, 0, max(width - 2 * around, 1), 10_000)
            tall = max(tall, metrics.boundingRect(box, Qt.TextFlag.TextWordWrap, heading).height())
        header.setFixedHeight(max(header.sizeHint().height(), tall + 2 * theme().pixels(ABOVE_PX)))

    def rows(self) -> tuple[Sequence[str], Rows]:
        document = self.model.document
        return [one.name for one in document.columns], [document.rows[at] for at in self.model.order]

    def recolour(self) -> None:
        self.model.tokens = self.tokens
        self.table.viewport().update()

    def _choose_selected(self) -> None:
        self._choose(self.table.selectionModel().selectedRows())

    def _choose(self, indexes: Sequence[Index]) -> None:
        chosen = [self._item(self.model.order[index.row()]) for index in indexes]
        if chosen:
            self.picked_title = f"{self.artifact.slot if self.artifact else 'table'} · {spaced(len(chosen))}"
            self.picked.emit(chosen)

    def _item(self, row: int) -> Item:
        """The example of a row: from the items part, else put together from columns of known names."""
        if row < len(self.items):
            return self.items[row]
        names = [one.name.lower() for one in self.model.document.columns]
        values = dict(zip(names, self.model.document.rows[row], strict=True))
        first = next((str(value) for value in values.values() if isinstance(value, str)), "")
        return Item(
            text=str(_first(values, _TEXT_NAMES, first)),
            label=str(_first(values, _LABEL_NAMES, "")),
            predicted=str(_first(values, ("predicted", "answer"), "")),
            score=float(_first(values, ("score", "confidence"), 0.0) or 0.0),
        )


def shared(full: Sequence[int], least: Sequence[int], texts: Sequence[int], room: int) -> list[int]:
    """Widths of columns between what they need at `least` and in `full`: numbers are never cut, names are.

    What is left over goes to the texts; where even the least is too much, the rest is scrolled.
    """
    spare = room - sum(full)
    if spare >= 0:
        return [width + (spare // len(texts) if at in texts else 0) for at, width in enumerate(full)]
    slack = sum(full) - sum(least)
    kept = max((room - sum(least)) / slack, 0.0) if slack > 0 else 0.0
    return [int(low + (high - low) * kept) for low, high in zip(least, full, strict=True)]


def _first(values: dict[str, Any], names: Sequence[str], otherwise: Any) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), otherwise)


def quiet_table(table: QTableView) -> QTableView:
    """Rows without grid, whole rows selected, scrolling by pixels, figures of equal width."""
    table.setShowGrid(False)
    table.setWordWrap(False)
    # Tab goes on to the next control: from cell to cell it would never leave the table.
    table.setTabKeyNavigation(False)
    table.setFrameShape(QTableView.Shape.NoFrame)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setTextElideMode(Qt.TextElideMode.ElideRight)
    rows = table.verticalHeader()
    rows.setVisible(False)
    rows.setDefaultSectionSize(round(table.fontMetrics().height() * 1.7))
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setTextElideMode(Qt.TextElideMode.ElideRight)
    header.setSortIndicatorClearable(True)
    header.setFont(small(table.font()))
    return table
