"""Every model in one list, grouped by where it came from: filtered, sorted, chosen by key."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeView

from workbench.core.params import knobs
from workbench.core.recipe import Recipe
from workbench.core.words import count, in_words, number, size
from workbench.gui.theme import theme, tokens
from workbench.store.home import Home
from workbench.store.models import ModelFacts

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
ORIGINS = {
    "package": "Installed packages",
    "starter": "Starters",
    "download": "Downloads",
    "copy": "Copied into the home",
    "folder": "Folders elsewhere",
    "trained": "Trained here",
}
COLUMNS = ("name", "parameters", "size", "architecture", "licence", "used by", "from", "trouble")
WIDTHS = (200, 104, 72, 112, 104, 136, 168, 224)
_NUMBERS = (1, 2)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_TROUBLE = COLUMNS.index("trouble")


@dataclasses.dataclass(frozen=True)
class ModelEntry:
    """A model as the list shows it; `run` is set where one made it, `recipes` are those that can start from it."""

    key: str
    title: str
    origin: str
    address: str
    path: str = ""
    architecture: str = ""
    parameters: int = 0
    size_bytes: int = 0
    licence: str = ""
    came_from: str = ""
    recipes: tuple[str, ...] = ()
    trouble: str = ""
    run: str = ""

    def cells(self) -> list[str]:
        """The row's texts."""
        return [
            self.title, millions(self.parameters), size(self.size_bytes) if self.size_bytes else "", self.architecture,
            self.licence, ", ".join(self.recipes), self.came_from, self.trouble,
        ]  # fmt: skip

    def ranks(self) -> list[Any]:
        """What the row is sorted by."""
        return [self.parameters if at == 1 else self.size_bytes if at == 2 else text.casefold()
                for at, text in enumerate(self.cells())]  # fmt: skip


def millions(parameters: int) -> str:
    """'22.7 M', '1.54 B', '840 k'."""
    for unit, scale in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if parameters >= scale:
            return f"{parameters / scale:.3g} {unit}"
    return str(parameters) if parameters else ""


def backbone_knob(recipe: Recipe) -> str:
    """The name of the knob that takes a pretrained model; empty where a recipe has none."""
    return next((one.name for one in knobs(recipe.params) if one.widget == "backbone"), "")


def of_backbones(found: Iterable[Mapping[str, Any]], home: Home, recipes: Mapping[str, Recipe]) -> list[ModelEntry]:
    """The worker's BackboneInfo records as entries."""
    takers = tuple(name for name, one in recipes.items() if backbone_knob(one))
    return [_of_backbone(one, home, takers) for one in found]


def _of_backbone(one: Mapping[str, Any], home: Home, takers: tuple[str, ...]) -> ModelEntry:
    address, path = str(one["address"]), str(one.get("path", ""))
    origin = str(one.get("source", "folder"))
    if origin == "folder" and Path(address).parent == home.models:
        origin = "copy"  # by a version that did not note where it came from
    trouble = str(one.get("problem", ""))
    came = str(one.get("origin", "")) or address
    return ModelEntry(
        key=address, title=str(one.get("title") or address), origin=origin, address=address, path=path,
        architecture=str(one.get("architecture", "")), parameters=int(one.get("parameters", 0)),
        size_bytes=int(one.get("size_bytes", 0)), licence=str(one.get("licence", "")), came_from=came,
        recipes=() if trouble else takers, trouble=trouble,
    )  # fmt: skip


def of_facts(found: Iterable[ModelFacts]) -> list[ModelEntry]:
    """Models that runs made, and those in the home that no recipe can start from, as entries."""
    return [_of_facts(one) for one in found]


def _of_facts(one: ModelFacts) -> ModelEntry:
    trained = one.kind == "trained"
    best = next((f"{in_words(name)} {number(value)}, " for name, value in one.results.items()), "")
    return ModelEntry(
        key=one.path, title=f"{one.recipe or one.name} {one.name[-4:]}" if trained else one.name,
        origin="trained" if trained else "download" if one.origin.startswith("hub:") else "copy",
        address=one.path, path=one.path, architecture=one.architecture, parameters=one.parameters,
        size_bytes=one.size_bytes, licence=one.licence, came_from=f"{best}run {one.name}" if trained else one.origin,
        recipes=(one.recipe,) if one.recipe else (), trouble=one.problem, run=one.name if trained else "",
    )  # fmt: skip


Group = tuple[str, list[ModelEntry]]
"""A heading, empty in a flat list, and the models below it."""


class _Rows(QAbstractItemModel):
    """Groups at the top, models below them; in a flat list the models stand at the top."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[Group] = []
        self.flat: list[ModelEntry] = []

    def replace(self, groups: list[Group], flat: list[ModelEntry]) -> None:
        """Show other models: grouped, or in a flat list."""
        self.beginResetModel()
        self.groups, self.flat = groups, flat
        self.endResetModel()

    def entry(self, index: Index) -> ModelEntry | None:
        """The model of a row; None for a heading."""
        if not index.isValid():
            return None
        if index.internalId():
            return self.groups[int(index.internalId()) - 1][1][index.row()]
        return self.flat[index.row()] if self.flat else None

    def place(self, key: str) -> QModelIndex:
        """Where a model stands; an invalid index when it is not shown."""
        for row, one in enumerate(self.flat):
            if one.key == key:
                return self.createIndex(row, 0, 0)
        for at, (_, some) in enumerate(self.groups):
            for row, one in enumerate(some):
                if one.key == key:
                    return self.createIndex(row, 0, at + 1)
        return QModelIndex()

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        if not 0 <= row < self.rowCount(parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        group = int(index.internalId()) if index.isValid() else 0
        return self.createIndex(group - 1, 0, 0) if group else QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        if not parent.isValid():
            return len(self.groups) or len(self.flat)
        inner = not parent.internalId() and bool(self.groups) and parent.column() == 0
        return len(self.groups[parent.row()][1]) if inner else 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(COLUMNS)

    def data(self, index: Index, role: int = int(Role.DisplayRole)) -> Any:
        entry = self.entry(index)
        if entry is None:
            return self._heading(index, role)
        if role == Role.DisplayRole:
            return entry.cells()[index.column()]
        if role == Role.ToolTipRole:
            return f"{entry.cells()[index.column()]}\n{entry.trouble}".strip()
        if role == Role.TextAlignmentRole and index.column() in _NUMBERS:
            return _RIGHT
        if role == Role.ForegroundRole and entry.trouble and index.column() in (0, _TROUBLE):
            return QColor(tokens().warning)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = int(Role.DisplayRole)) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Role.DisplayRole:
            return COLUMNS[section]
        if orientation == Qt.Orientation.Horizontal and role == Role.TextAlignmentRole:
            return _RIGHT if section in _NUMBERS else Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        known = Qt.ItemFlag.ItemIsEnabled
        return known | Qt.ItemFlag.ItemIsSelectable if self.entry(index) is not None else known

    def _heading(self, index: Index, role: int) -> Any:
        if not index.isValid() or index.column():
            return None
        heading, some = self.groups[index.row()]
        if role == Role.ForegroundRole:
            return QColor(tokens().dim)
        if role == Role.DisplayRole:
            return f"{heading} · {count(len(some), 'model')} · {size(sum(one.size_bytes for one in some))}"
        return None


class WideFirst(QTreeView):
    """A tree whose first column takes what room the others leave."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self._asked_px = list(widths)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        theme().follow(self, self.fit_columns)

    def fit_columns(self) -> None:
        """Widths as they were asked for; to be called when the model is in place."""
        self.setIndentation(theme().pixels(12))
        for column, width in enumerate(self._asked_px):
            self.setColumnWidth(column, theme().pixels(width))
        self._fit_first()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_first()

    def _fit_first(self) -> None:
        columns = range(1, self.header().count())
        others = sum(self.columnWidth(column) for column in columns if not self.isColumnHidden(column))
        self.setColumnWidth(0, max(theme().pixels(self._asked_px[0]), self.viewport().width() - others))


class ModelList(WideFirst):
    """Groups of models; `chosen` carries the model that is selected now, None when it is gone."""

    chosen = Signal(object)
    opened = Signal(object)

    def __init__(self) -> None:
        super().__init__(WIDTHS)
        self.entries: dict[str, ModelEntry] = {}
        self.grouped = True
        self._wanted = ""
        self._rows = _Rows()
        self.setModel(self._rows)
        self.setAccessibleName("Models")
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        head = self.header()
        head.setSectionsClickable(True)
        head.setSortIndicatorShown(True)
        head.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        head.sortIndicatorChanged.connect(lambda *_: self._rebuild())
        self.fit_columns()
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen.emit(self.chosen_entry()))
        self.activated.connect(lambda _: self._open())

    def set_entries(self, entries: Sequence[ModelEntry]) -> None:
        """Replace all rows; the choice stays where it can."""
        held = self.chosen_entry()
        self.entries = {one.key: one for one in entries}
        self._rebuild()
        if held is not None and held.key not in self.entries:
            self.chosen.emit(None)

    def set_filter(self, text: str) -> None:
        """Only models with this text in some column."""
        self._wanted = text.strip().casefold()
        self._rebuild()

    def set_grouped(self, grouped: bool) -> None:
        """Group by origin, or one flat list."""
        self.grouped = grouped
        self._rebuild()

    def choose(self, key: str) -> bool:
        """Select a model by its key; whether it is there to be seen."""
        index = self._rows.place(key)
        if index.isValid():
            self.setCurrentIndex(index)
            self.scrollTo(index)
        return index.isValid()

    def chosen_entry(self) -> ModelEntry | None:
        """The selected model."""
        rows = self.selectionModel().selectedRows()
        return self._rows.entry(rows[0]) if rows else None

    def shown(self) -> list[str]:
        """The keys of the models that pass the filter, from top to bottom."""
        inner = [one.key for _, some in self._rows.groups for one in some]
        return inner or [one.key for one in self._rows.flat]

    def groups(self) -> list[str]:
        """The headings, from top to bottom."""
        return [str(self._rows.index(at, 0).data()) for at in range(len(self._rows.groups))]

    def _rebuild(self) -> None:
        held = self.chosen_entry()
        some = [one for one in self.entries.values() if any(self._wanted in cell.casefold() for cell in one.cells())]
        column, order = self.header().sortIndicatorSection(), self.header().sortIndicatorOrder()
        some.sort(key=lambda one: one.ranks()[column], reverse=order == Qt.SortOrder.DescendingOrder)
        groups = [(title, [one for one in some if one.origin == origin]) for origin, title in ORIGINS.items()]
        self._rows.replace([one for one in groups if one[1]] if self.grouped else [], [] if self.grouped else some)
        self.setColumnHidden(_TROUBLE, not any(one.trouble for one in self.entries.values()))
        self.setRootIsDecorated(self.grouped)
        for at in range(self._rows.rowCount()):
            self.setFirstColumnSpanned(at, QModelIndex(), self.grouped)
        self._fit_first()
        self.expandAll()
        if held is not None:
            self.choose(held.key)

    def _open(self) -> None:
        entry = self.chosen_entry()
        if entry is not None:
            self.opened.emit(entry)
