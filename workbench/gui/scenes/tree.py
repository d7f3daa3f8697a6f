"""The tree of what stands in the scene: eyes to show and hide, names, counts; regrouped by dragging."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QByteArray,
    QItemSelection,
    QItemSelectionModel,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeView

from workbench.core.measures import kind_of, measured
from workbench.core.scenes import MeasureDoc, Node
from workbench.core.words import spaced
from workbench.gui.icons import icon
from workbench.gui.scenes.measurelist import places_of
from workbench.gui.scenes.scene import Scene
from workbench.gui.theme import theme, tokens

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
ICONS = {
    "group": "mdi6.folder-outline", "points": "mdi6.scatter-plot-outline", "mesh": "mdi6.vector-triangle",
    "volume": "mdi6.cube-scan", "radiance": "mdi6.blur", "cameras": "mdi6.camera-outline",
    "boxes": "mdi6.cube-outline", "measure": "mdi6.ruler",
}  # fmt: skip
NAME, EYE, SIZE = range(3)
FLAG = QItemSelectionModel.SelectionFlag
GROUND = QModelIndex()
MIME = "application/x-workbench-scene-nodes"


def size_words(node: Node) -> str:
    """How much of it there is: '1.2 M', '64³', '12'."""
    thing: Any = node.thing
    match node.kind:
        case "points":
            return several(thing.count)
        case "mesh":
            return several(thing.face_count)
        case "radiance":
            return _sides(thing.shape)
        case "cameras":
            return several(len(thing.images))
        case "boxes":
            return several(len(thing.boxes))
        case _:
            return ""


def several(many: int) -> str:
    """'812', '40.2 k', '1.25 M'."""
    if many < 10_000:
        return spaced(many)
    return f"{many / 1e6:.3g} M" if many >= 999_500 else f"{many / 1e3:.3g} k"


def _is_angle(node: Node) -> bool:
    return isinstance(node.thing, MeasureDoc) and kind_of(node.thing.points) == "angle"


def _sides(shape: Sequence[int]) -> str:
    if 0 in shape:  # a field that is learned has no grid yet
        return ""
    return f"{shape[0]}³" if len(set(shape)) == 1 else " × ".join(map(str, shape))


class TreeModel(QAbstractItemModel):
    """The scene's nodes; whoever listens to the signals makes edits of what a person wants."""

    renamed = Signal(str, str)
    moved = Signal(object, str, int)
    """Ids, the parent that they shall stand below, and before which of its children (−1: at the end)."""
    shown = Signal(str, bool)

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.scene = scene
        self._below: dict[str, list[str]] = {}
        self._rows: dict[str, int] = {}
        self._ids: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self.unit = ""
        """Of lengths, for measures."""
        scene.rearranged.connect(self.rebuild)
        scene.changed.connect(self._tell)
        self.rebuild()

    def rebuild(self) -> None:
        """Take the tree as it is now."""
        self.beginResetModel()
        self._below = {}
        for one in self.scene.nodes.values():
            self._below.setdefault(one.parent, []).append(one.id)
        self._rows = {name: row for some in self._below.values() for row, name in enumerate(some)}
        for name in self.scene.nodes:
            number = self._numbers.setdefault(name, len(self._numbers) + 1)
            self._ids[number] = name
        self.endResetModel()

    def _tell(self, names: set[str]) -> None:
        for name in names:
            at = self.index_of(name)
            if at.isValid():
                self.dataChanged.emit(at, at.siblingAtColumn(SIZE))

    def index_of(self, name: str, column: int = NAME) -> QModelIndex:
        """Where a node stands."""
        if name not in self._rows:
            return QModelIndex()
        return self.createIndex(self._rows[name], column, self._numbers[name])

    def ranges(self, names: Iterable[str]) -> QItemSelection:
        """Nodes as a selection of whole rows; neighbours in one range, as a thousand single ones take a while."""
        found = QItemSelection()
        rows: dict[str, list[int]] = {}
        for name in names:
            if name in self._rows:
                rows.setdefault(self.scene.nodes[name].parent, []).append(self._rows[name])
        for parent, some in rows.items():
            some.sort()
            start = some[0]
            for row, after in itertools.pairwise([*some, -1]):
                if after != row + 1:
                    first, last = (self._below[parent][one] for one in (start, row))
                    found.select(self.index_of(first), self.index_of(last, SIZE))
                    start = after
        return found

    def name_at(self, index: Index) -> str:
        """The id of the node at an index; empty for the ground."""
        return self._ids.get(index.internalId(), "") if index.isValid() else ""

    def index(self, row: int, column: int, parent: Index = GROUND) -> QModelIndex:
        some = self._below.get(self.name_at(parent), [])
        if not (0 <= row < len(some) and 0 <= column < 3):
            return QModelIndex()
        return self.createIndex(row, column, self._numbers[some[row]])

    def parent(self, index: Index) -> QModelIndex:  # type: ignore[override]
        node = self.scene.nodes.get(self.name_at(index))
        return self.index_of(node.parent) if node is not None else QModelIndex()

    def rowCount(self, parent: Index = GROUND) -> int:
        return len(self._below.get(self.name_at(parent), [])) if parent.column() <= 0 else 0

    def columnCount(self, parent: Index = GROUND) -> int:
        return 3

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        node = self.scene.nodes.get(self.name_at(index))
        if node is None:
            return None
        column = index.column()
        if role in (Role.DisplayRole, Role.EditRole) and column == NAME:
            return node.name
        if role == Role.DisplayRole and column == SIZE:
            return self._size(node)
        if role == Role.DecorationRole:
            return self._picture(node, column)
        if role == Role.ToolTipRole:
            return self._tip(node, column)
        if role == Role.AccessibleTextRole and column == EYE:
            return "shown" if node.shown else "hidden"
        if role == Role.ForegroundRole and (column == SIZE or not self.scene.is_shown(node.id)):
            return QColor(tokens().dim)
        if role == Role.TextAlignmentRole and column == SIZE:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def set_unit(self, unit: str) -> None:
        """What lengths are told in."""
        if unit != self.unit:
            self.unit = unit
            self._tell({one.id for one in self.scene.nodes.values() if one.kind == "measure"})

    def _size(self, node: Node) -> str:
        return measured(places_of(self.scene, node).tolist(), self.unit) if node.kind == "measure" else size_words(node)

    def _picture(self, node: Node, column: int) -> Any:
        if column == NAME:
            picture = "mdi6.angle-acute" if node.kind == "measure" and _is_angle(node) else ICONS[node.kind]
            return icon(picture, tokens().text if self.scene.is_shown(node.id) else tokens().dim)
        if column == EYE:
            return icon("mdi6.eye-outline" if node.shown else "mdi6.eye-off-outline", tokens().dim)
        return None

    def _tip(self, node: Node, column: int) -> str:
        if column == EYE:
            return "Shown: click to hide" if node.shown else "Hidden: click to show"
        words = {"points": "points", "mesh": "faces", "cameras": "photographs", "boxes": "boxes"}
        size = f": {self._size(node)} {words.get(node.kind, '')}".rstrip(": ")
        return "\n".join(filter(None, [f"{node.name} ({node.kind}){size}", node.source or node.made]))

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        found = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled
        if index.column() == NAME:
            found |= Qt.ItemFlag.ItemIsEditable
        node = self.scene.nodes.get(self.name_at(index))
        return found | Qt.ItemFlag.ItemIsDropEnabled if node is not None and node.kind == "group" else found

    def setData(self, index: Index, value: Any, role: int = Role.EditRole) -> bool:
        name, wanted = self.name_at(index), str(value).strip()
        if role != Role.EditRole or index.column() != NAME or not wanted or wanted == self.scene.nodes[name].name:
            return False
        self.renamed.emit(name, wanted)
        return True

    # Dragging

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        names = list(dict.fromkeys(self.name_at(one) for one in indexes))
        found = QMimeData()
        found.setData(MIME, QByteArray("\n".join(names).encode()))
        return found

    def dropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index
    ) -> bool:  # fmt: skip
        names = bytes(data.data(MIME).data()).decode().split("\n")
        if not data.hasFormat(MIME) or not all(one in self.scene.nodes for one in names):
            return False
        self.moved.emit(names, self.name_at(parent), row)
        return False  # the view would remove what it thinks has moved: the scene says where things are now


class SceneTree(QTreeView):
    """Chosen in the tree is chosen in the scene, and the other way round."""

    menu_wanted = Signal(object)
    """Where on the screen."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        px = theme().pixels
        self.scene, self.rows = scene, TreeModel(scene)
        self._following = False
        self.setAccessibleName("Tree of the scene")
        self.setModel(self.rows)
        self.setHeaderHidden(True)
        self.setUniformRowHeights(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # what was made of a thing has its name, and more after it
        self.setIndentation(px(14))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(lambda at: self.menu_wanted.emit(self.viewport().mapToGlobal(at)))
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(px(20))
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(EYE, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(EYE, px(26))
        # A measure or a grid of three sides is longer than a count; only rows that are seen are looked at.
        header.setSectionResizeMode(SIZE, QHeaderView.ResizeMode.ResizeToContents)
        header.setResizeContentsPrecision(0)
        self._folded: set[str] = set()
        self.expanded.connect(lambda at: self._folded.discard(self.rows.name_at(at)))
        self.collapsed.connect(lambda at: self._folded.add(self.rows.name_at(at)))
        self.rows.modelReset.connect(self._rebuilt)
        scene.chosen_changed.connect(self._follow)
        theme().follow(self, self.viewport().update)
        self.selectionModel().selectionChanged.connect(lambda *_: self._choose())
        self._rebuilt()

    def rename(self) -> None:
        """Let the chosen node's name be typed."""
        if self.scene.chosen:
            at = self.rows.index_of(self.scene.chosen[-1])
            self.scrollTo(at)
            self.edit(at)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = self.indexAt(event.position().toPoint())
        if at.column() == EYE and event.button() == Qt.MouseButton.LeftButton:
            name = self.rows.name_at(at)
            self.rows.shown.emit(name, not self.scene.nodes[name].shown)
            event.accept()
            return
        super().mousePressEvent(event)

    def _rebuilt(self) -> None:
        self._following = True
        folded = {one for one in self._folded if one in self.scene.nodes}
        self.expandAll()
        self._folded = folded
        for one in folded:
            self.collapse(self.rows.index_of(one))
        self._following = False
        self._follow()

    def _choose(self) -> None:
        if not self._following:
            rows = self.selectionModel().selectedRows(NAME)
            self._following = True
            self.scene.choose([self.rows.name_at(one) for one in rows])
            self._following = False

    def _follow(self) -> None:
        if self._following:
            return
        self._following = True
        self.selectionModel().select(self.rows.ranges(self.scene.chosen), FLAG.ClearAndSelect)
        if self.scene.chosen:
            at = self.rows.index_of(self.scene.chosen[-1])
            self.selectionModel().setCurrentIndex(at, FLAG.NoUpdate)
            self.scrollTo(at)
        self._following = False
