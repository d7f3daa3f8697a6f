"""The runs as a model: filtered, sorted and grouped here, written in words only where they are looked at."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QFont

from workbench.core.words import count, duration, moment, number
from workbench.gui.icons import icon
from workbench.gui.theme import tokens
from workbench.store.columns import FACTS, Column, Value, column_of, headline, ordered, search, value_of, words_of
from workbench.store.index import RunRow
from workbench.store.notes import Notes

AnyIndex = QModelIndex | QPersistentModelIndex
KEY_ROLE = int(Qt.ItemDataRole.UserRole)
EDITABLE = ("note", "title")
COLOURS = {"failed": "error", "unreadable": "error", "running": "accent", "paused": "warning"}
USUAL = ("star", "run", "recipe", "state", "result", "time", "started", "tags", "note")
"""The columns of somebody who has chosen none; star and run are always there."""
GROUPINGS = ("", "recipe", "state", "preset", "claim")


@dataclasses.dataclass
class Wanted:
    """Which runs are shown, and in which order."""

    text: str = ""
    recipe: str = ""
    state: str = ""
    tag: str = ""
    stars: str = ""
    """'first', 'only', or '' for as they come."""
    group: str = ""
    sort: str = "started"
    descending: bool = True


class HistoryModel(QAbstractItemModel):
    """Two levels at most: groups (none when ungrouped) with their runs."""

    edited = Signal(str, str, str)
    """A run, the field that a person changed in its cell, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: list[Column] = [FACTS[key] for key in USUAL]
        self.wanted = Wanted()
        self.rows: list[RunRow] = []
        self._groups: list[tuple[str, list[RunRow]]] = []
        self._places: dict[str, tuple[int, int]] = {}
        self._words: dict[str, str] = {}
        self.resets = 0
        """How often the rows were laid out anew; a view then has to find its place again."""
        self.modelReset.connect(self._count_reset)

    # What is shown

    def set_rows(self, rows: Sequence[RunRow]) -> None:
        """Replace all runs."""
        self.rows, self._words = list(rows), {}
        self._arrange()

    def want(self, **changes: Any) -> None:
        """Change the filter, the order or the grouping; see Wanted."""
        self.wanted = dataclasses.replace(self.wanted, **changes)
        self._arrange()

    def set_columns(self, keys: Iterable[str]) -> None:
        """Show these columns; keys that are no column are passed over."""
        self.beginResetModel()
        usable = dict.fromkeys(["star", "run", *(key for key in keys if _is_column(key))])
        self.columns = [column_of(key, numeric=self._is_numeric(key)) for key in usable]
        self.endResetModel()

    def replace_notes(self, notes: Mapping[str, Notes]) -> None:
        """Show new notes of some runs at once, before they are on disk."""
        for run in notes:
            self._words.pop(run, None)
        self.rows = [msgspec.structs.replace(row, notes=notes.get(row.id, row.notes)) for row in self.rows]
        self._arrange()

    def row_of(self, run: str) -> RunRow | None:
        """A run by its id, shown or not."""
        return next((row for row in self.rows if row.id == run), None)

    def shown(self) -> list[RunRow]:
        """The runs that pass the filter, from top to bottom."""
        return [row for _, rows in self._groups for row in rows]

    @property
    def grouped(self) -> bool:
        """Whether the runs stand below groups."""
        return bool(self.wanted.group)

    def groups(self) -> list[str]:
        """The names of the groups, from top to bottom."""
        return [name for name, _ in self._groups] if self.grouped else []

    def _arrange(self) -> None:
        before, after = self._groups, self._arranged()
        same = [(name, [row.id for row in rows]) for name, rows in before]
        if same == [(name, [row.id for row in rows]) for name, rows in after] and before:
            self._groups = after
            self._tell_values()
        else:
            self.beginResetModel()
            self._groups = after
            self._places = {row.id: (place, at) for place, (_, rows) in enumerate(after) for at, row in enumerate(rows)}
            self.endResetModel()

    def _arranged(self) -> list[tuple[str, list[RunRow]]]:
        wanted = self.wanted
        rows = [row for row in self.rows if self._passes(row)]
        rows = search(rows, wanted.text, self._words_of) if wanted.text.strip() else rows
        rows = ordered(rows, wanted.sort, descending=wanted.descending, starred_first=wanted.stars == "first")
        if not wanted.group:
            return [("", rows)] if rows else []
        groups: dict[str, list[RunRow]] = {}
        for row in rows:
            groups.setdefault(str(value_of(row, wanted.group) or ""), []).append(row)
        return list(groups.items())

    def _passes(self, row: RunRow) -> bool:
        wanted = self.wanted
        return (
            (not wanted.recipe or row.config.recipe == wanted.recipe)
            and (not wanted.state or row.phase == wanted.state)
            and (not wanted.tag or wanted.tag in row.tags)
            and (wanted.stars != "only" or row.notes.star)
        )

    def _words_of(self, row: RunRow) -> str:
        if row.id not in self._words:
            self._words[row.id] = words_of(row)
        return self._words[row.id]

    def _count_reset(self) -> None:
        self.resets += 1

    def _tell_values(self) -> None:
        last = len(self.columns) - 1
        if not self.grouped:
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, last))
            return
        for place in range(len(self._groups)):
            group = self.index(place, 0)
            self.dataChanged.emit(group, self.index(place, last))
            self.dataChanged.emit(self.index(0, 0, group), self.index(self.rowCount(group) - 1, last, group))

    def _is_numeric(self, key: str) -> bool:
        values = (value_of(row, key) for row in self.rows)
        first = next((value for value in values if value is not None), 0)
        return isinstance(first, int | float) and not isinstance(first, bool)

    # What Qt asks

    def index(self, row: int, column: int, parent: AnyIndex = QModelIndex()) -> QModelIndex:  # noqa: B008
        if not 0 <= row < self.rowCount(parent) or not 0 <= column < len(self.columns):
            return QModelIndex()
        if parent.isValid():
            return self.createIndex(row, column, parent.row() + 1)
        return self.createIndex(row, column, 0)

    def parent(self, index: AnyIndex = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        group = index.internalId() if index.isValid() else 0
        return self.createIndex(group - 1, 0, 0) if group else QModelIndex()

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        if not parent.isValid():
            return len(self._groups) if self.grouped else len(self._groups[0][1]) if self._groups else 0
        is_group = self.grouped and parent.internalId() == 0 and parent.column() == 0
        return len(self._groups[parent.row()][1]) if is_group else 0

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008
        return len(self.columns)

    def run_at(self, index: AnyIndex) -> RunRow | None:
        """The run of a cell; None for a group's."""
        if not index.isValid():
            return None
        group = index.internalId()
        if self.grouped and not group:
            return None
        return self._groups[group - 1 if self.grouped else 0][1][index.row()]

    def index_of(self, run: str, column: int = 0) -> QModelIndex:
        """Where a run stands; an invalid index when it does not pass the filter."""
        if run not in self._places:
            return QModelIndex()
        place, at = self._places[run]
        return self.index(at, column, self.index(place, 0) if self.grouped else QModelIndex())

    def runs_between(self, parent: AnyIndex, top: int, bottom: int) -> list[RunRow]:
        """The runs of some lines below a group (below nothing when ungrouped)."""
        if self.grouped and not parent.isValid():
            return []
        return self._groups[parent.row() if self.grouped else 0][1][top : bottom + 1] if self._groups else []

    def blocks_of(self, runs: Collection[str]) -> Iterator[tuple[QModelIndex, QModelIndex]]:
        """First and last line of each stretch of these runs: choosing hundreds by the stretch takes no time."""
        last = len(self.columns) - 1
        for place, (_, rows) in enumerate(self._groups):
            parent = self.index(place, 0) if self.grouped else QModelIndex()
            marks = [row.id in runs for row in rows]
            begin = 0
            for chosen, stretch in itertools.groupby(marks):
                end = begin + len(list(stretch))
                if chosen:
                    yield self.index(begin, 0, parent), self.index(end - 1, last, parent)
                begin = end

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        row = self.run_at(index)
        if row is None:
            return Qt.ItemFlag.ItemIsEnabled
        plain = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        editable = self.columns[index.column()].key in EDITABLE and not row.trouble
        return plain | Qt.ItemFlag.ItemIsEditable if editable else plain

    def setData(self, index: AnyIndex, value: Any, role: int = int(Qt.ItemDataRole.EditRole)) -> bool:
        row, key = self.run_at(index), self.columns[index.column()].key
        if row is None or role != Qt.ItemDataRole.EditRole or str(value).strip() == value_of(row, key):
            return False
        self.edited.emit(row.id, key, str(value).strip())
        return True

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if 0 <= column < len(self.columns):
            self.want(sort=self.columns[column].key, descending=order == Qt.SortOrder.DescendingOrder)

    def data(self, index: AnyIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        if not index.isValid():
            return None
        row = self.run_at(index)
        if row is None:
            return self._of_group(index, role)
        column = self.columns[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return "" if column.key == "star" else text_of(row, column.key)
            case Qt.ItemDataRole.EditRole:
                return value_of(row, column.key)
            case Qt.ItemDataRole.ToolTipRole:
                return _tip(row, column.key)
            case Qt.ItemDataRole.DecorationRole if column.key == "star":
                return star_icon(row.notes.star)
            case Qt.ItemDataRole.AccessibleTextRole if column.key == "star":
                return "starred" if row.notes.star else "not starred"
            case Qt.ItemDataRole.ForegroundRole:
                token = COLOURS.get(row.phase) if column.key == "state" else None
                return QColor(getattr(tokens(), token)) if token else None
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(column)
            case _ if role == KEY_ROLE:
                return row.id
        return None

    def _of_group(self, index: AnyIndex, role: int) -> Any:
        name, rows = self._groups[index.row()]
        if index.column() == 0 and role == Qt.ItemDataRole.DisplayRole:
            return f"{name or f'no {self.wanted.group}'}   {count(len(rows), 'run')}"
        if role == Qt.ItemDataRole.FontRole:
            bold = QFont()
            bold.setWeight(QFont.Weight.DemiBold)
            return bold
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return "" if column.key == "star" else column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.help
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(column)
        return None


def text_of(row: RunRow, key: str) -> str:
    """A run's cell in words, with its unit."""
    value = value_of(row, key)
    if row.trouble and key not in ("run", "state", "note", "started"):
        return ""
    match key:
        case "started":
            return moment(row.config.created) if row.config.created else ""
        case "time":
            return duration(row.state.ended_at - row.state.started_at) if value is not None else ""
        case "result":
            name, best = headline(row)
            return f"{number(best)} {name}" if name else ""
        case "state" if row.phase == "running" and row.state.share is not None:
            return f"running {row.state.share:.0%}".replace("%", " %")
        case "note":
            return row.trouble or " ".join(row.notes.note.split())
    return _plain(value)


def _plain(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)


def _tip(row: RunRow, key: str) -> str:
    if key == "star":
        return "Take the star away (S)" if row.notes.star else "Star this run (S)"
    if row.trouble and key in ("run", "state", "note"):
        return f"{row.trouble}\nThe folder is left as it is; Show folder opens it, Delete moves it to the trash."
    if key == "state" and row.state.problem is not None:
        return f"{row.state.problem.what} {row.state.problem.fix}".strip()
    if key == "note":
        return row.notes.trouble or row.notes.note
    if key == "run" and row.damaged:
        return (
            f"{row.id}\n{count(row.damaged, 'line')} of its events could not be read: damaged, or of a newer version."
        )
    return text_of(row, key)


def _side(column: Column) -> Qt.AlignmentFlag:
    right = column.numeric and column.key != "result"
    return (Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter


def star_icon(starred: bool) -> Any:
    """A full star in the warning colour, or the outline of one."""
    now = tokens()
    return icon("mdi6.star", now.warning) if starred else icon("mdi6.star-outline", now.blend(now.dim, 0.5))


def _is_column(key: str) -> bool:
    kind, mark, name = key.partition(":")
    return key in FACTS or bool(mark and name and kind in ("result", "best", "last", "knob", "input"))
