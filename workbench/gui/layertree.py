"""A model's layers as a tree: shapes, formats, sizes and shares, searched as one types."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from workbench.core.words import count, size, spaced
from workbench.gui.card import Caption
from workbench.gui.modellist import WideFirst, millions
from workbench.gui.theme import theme, tokens
from workbench.store.layers import Layer, layers_of

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
COLUMNS = ("layer", "shape", "type", "parameters", "size", "share", "learning")
WIDTHS = (208, 96, 56, 104, 72, 72, 88)
_RIGHT_FROM, _RIGHT_TO = 3, 5
CHUNK = 256
"""Rows given to a view at once; the rest of a wide branch follows as it is scrolled to."""
MOST_UNFOLDED = 300
_ROOT = 0
_LEARNED = {"learned": "learned", "frozen": "frozen", "merged": "adapter", "partly": "partly", "": ""}
_COLOURS = {"learned": "accent", "merged": "accent", "partly": "accent", "frozen": "dim"}


@dataclasses.dataclass(frozen=True)
class Kept:
    """The nodes that are shown: children by node, each node's row, and the tensors among them."""

    children: dict[int, list[int]]
    rows: dict[int, int]
    tensors: list[int]


@dataclasses.dataclass(frozen=True)
class FlatLayers:
    """A tree as lists, so that Qt can hold plain numbers: node 0 is the root, parents stand before children."""

    layers: list[Layer]
    parents: list[int]
    paths: list[str]
    """Lower case, with the name of the branch before it."""
    whole: Kept

    @property
    def root(self) -> Layer:
        """The whole model."""
        return self.layers[_ROOT]

    def matching(self, words: list[str]) -> Kept:
        """Only tensors whose names have all of these words, and what stands above them."""
        found = self.whole.tensors
        for word in words:
            found = [node for node in found if word in self.paths[node]]
        wanted = set(found)
        for node in found:
            while (node := self.parents[node]) > _ROOT and node not in wanted:
                wanted.add(node)
        return _kept(sorted(wanted), self.parents, found)


def read_layers(folder: Path) -> FlatLayers:
    """The layers of a model's folder; to be called off the GUI thread."""
    return flatten(layers_of(folder))


def flatten(root: Layer) -> FlatLayers:
    """A tree as lists, with what an unsearched view needs."""
    layers, parents, paths = [root], [-1], [""]
    for node, layer in enumerate(layers):  # grows while it is walked
        for child in layer.children:
            layers.append(child)
            parents.append(node)
            paths.append(f"{paths[node]}.{child.name.lower()}".lstrip("."))
    tensors = [node for node, layer in enumerate(layers) if layer.tensor is not None]
    return FlatLayers(layers, parents, paths, _kept(range(1, len(layers)), parents, tensors))


def _kept(nodes: Iterable[int], parents: list[int], tensors: list[int]) -> Kept:
    """Nodes in ascending order are siblings in their own order."""
    children: dict[int, list[int]] = {}
    rows: dict[int, int] = {}
    for node in nodes:
        some = children.setdefault(parents[node], [])
        rows[node] = len(some)
        some.append(node)
    return Kept(children, rows, tensors)


class LayerModel(QAbstractItemModel):
    """The layers that match the search, with everything above them."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = flatten(Layer("", ""))
        self._kept = self.flat.whole
        self._filled: dict[int, int] = {}

    @property
    def found(self) -> list[Layer]:
        """The tensors that match."""
        return [self.flat.layers[node] for node in self._kept.tensors]

    def show_layers(self, flat: FlatLayers, words: list[str]) -> None:
        """Show a model, or what of it matches all of these words."""
        self.beginResetModel()
        self.flat = flat
        self._kept = flat.matching(words) if words else flat.whole
        self._filled = {}
        self.endResetModel()

    def _children(self, node: int) -> list[int]:
        return self._kept.children.get(node, [])

    def _node(self, index: Index) -> int:
        return int(index.internalId()) if index.isValid() else _ROOT

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        some = self._children(self._node(parent))
        return self.createIndex(row, column, some[row]) if 0 <= row < len(some) else QModelIndex()

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        above = self.flat.parents[self._node(index)]
        return self.createIndex(self._kept.rows[above], 0, above) if above > _ROOT else QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return min(len(self._below(parent)), self._filled.get(self._node(parent), CHUNK))

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:  # noqa: B008
        return bool(self._below(parent))

    def canFetchMore(self, parent: Index) -> bool:
        return len(self._below(parent)) > self.rowCount(parent)

    def fetchMore(self, parent: Index) -> None:
        have = self.rowCount(parent)
        more = min(len(self._below(parent)), have + CHUNK)
        if more > have:
            self.beginInsertRows(parent, have, more - 1)
            self._filled[self._node(parent)] = more
            self.endInsertRows()

    def _below(self, parent: Index) -> list[int]:
        """The children of a row; they hang on its first cell."""
        return self._children(self._node(parent)) if parent.column() <= 0 else []

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(COLUMNS)

    def data(self, index: Index, role: int = int(Role.DisplayRole)) -> Any:
        if not index.isValid():
            return None
        layer, column = self.flat.layers[self._node(index)], index.column()
        if role == Role.DisplayRole:
            return self._text(layer, column)
        if role == Role.ToolTipRole:
            return f"{layer.path}\n{spaced(layer.count)} parameters, {spaced(layer.size_bytes)} bytes"
        if role == Role.TextAlignmentRole:
            right = _RIGHT_FROM <= column <= _RIGHT_TO
            return (
                Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            ) | Qt.AlignmentFlag.AlignVCenter
        if role == Role.ForegroundRole and column == len(COLUMNS) - 1 and layer.learned in _COLOURS:
            return QColor(getattr(tokens(), _COLOURS[layer.learned]))
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = int(Role.DisplayRole)) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Role.DisplayRole:
            return COLUMNS[section]
        if role == Role.TextAlignmentRole:
            right = _RIGHT_FROM <= section <= _RIGHT_TO
            return (
                Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            ) | Qt.AlignmentFlag.AlignVCenter
        return None

    def _text(self, layer: Layer, column: int) -> str:
        if column == 0:
            return layer.name
        if column in (1, 2):
            if layer.tensor is None:
                return count(layer.tensors, "tensor") if column == 1 else ""
            return (" × ".join(map(str, layer.tensor.shape)) or "scalar") if column == 1 else layer.tensor.dtype
        if column == 5:
            whole = self.flat.root.size_bytes
            return f"{100 * layer.size_bytes / whole:.1f} %" if whole else ""
        return [millions(layer.count) or "0", size(layer.size_bytes), "", _LEARNED[layer.learned]][column - 3]


def _side(column: int) -> Qt.AlignmentFlag:
    numbers = _RIGHT_FROM <= column <= _RIGHT_TO
    return (Qt.AlignmentFlag.AlignRight if numbers else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter


class LayerTree(QWidget):
    """The tree with its search line and totals."""

    def __init__(self) -> None:
        super().__init__()
        self.model = LayerModel()
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search tensors: words of their names")
        self.search.setAccessibleName("Search tensors")
        self.search.setToolTip("Only tensors whose names have all of these words")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _: self._show(self.model.flat))
        self.totals = Caption()
        self.view = WideFirst(WIDTHS)
        self.view.setModel(self.model)
        self.view.setAccessibleName("Layers")
        self.view.fit_columns()
        self.fault = QLabel()
        self.fault.setTextFormat(Qt.TextFormat.PlainText)
        self.fault.setWordWrap(True)
        self.fault.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.fault.hide()
        self._lay_out()

    def clear(self) -> None:
        """Nothing is known yet."""
        self.fault.hide()
        self.view.show()
        self.search.setEnabled(True)
        self.model.show_layers(flatten(Layer("", "")), [])
        self.totals.set_whole("reading the headers…")

    def show_layers(self, flat: FlatLayers) -> None:
        """Fill the tree; the search stays."""
        self.clear()
        self._show(flat)
        self.view.setColumnHidden(len(COLUMNS) - 1, not any(one.learned for one in flat.layers))
        self.view.fit_columns()

    def show_fault(self, text: str) -> None:
        """Say why there is no tree."""
        self.model.show_layers(flatten(Layer("", "")), [])
        self.totals.set_whole("")
        self.search.setEnabled(False)
        self.view.hide()
        self.fault.setText(text)
        self.fault.show()

    def _show(self, flat: FlatLayers) -> None:
        words = self.search.text().lower().split()
        self.model.show_layers(flat, words)
        if words and len(self.model.found) <= MOST_UNFOLDED:
            self.view.expandAll()
        else:
            self.view.expandToDepth(0)
        self._tell()

    def _tell(self) -> None:
        root, found = self.model.flat.root, self.model.found
        some = len(found) < root.tensors
        tensors = f"{len(found)} of {root.tensors} tensors" if some else count(root.tensors, "tensor")
        numbers = f"{spaced(sum(one.count for one in found))} parameters"
        formats = ", ".join(sorted({one.tensor.dtype for one in found if one.tensor}))
        whole = [tensors, numbers, size(sum(one.size_bytes for one in found)), formats]
        self.totals.set_whole(" · ".join(part for part in whole if part))

    def _lay_out(self) -> None:
        px = theme().pixels
        column = QVBoxLayout(self)
        column.setContentsMargins(0, px(8), 0, 0)
        column.setSpacing(px(8))
        row = QHBoxLayout()
        row.addWidget(self.search)
        column.addLayout(row)
        column.addWidget(self.totals)
        column.addWidget(self.view, 1)
        column.addWidget(self.fault, 1)
