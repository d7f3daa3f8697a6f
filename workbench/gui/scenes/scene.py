"""What is seen on the 3D page: the tree of things, where they stand, which are chosen, and from where one looks.

Knows nothing of how things are drawn or edited: whoever edits puts changed nodes, whoever draws listens to what
changed. Nodes are never altered, only replaced, so that an edit can keep the one before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar, cast

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QObject, Signal

from workbench.core.scenes import (
    BoxesDoc,
    CamerasDoc,
    ClipPlane,
    MeasureDoc,
    MeshDoc,
    Node,
    Placement,
    PointsDoc,
    RadianceDoc,
    Thing,
    Viewpoint,
    VolumeDoc,
)
from workbench.core.volumes import Geometry

T = TypeVar("T")
Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The lowest and the highest corner, (3,) each."""
Read = Callable[[str], NDArray[np.generic]]
"""The array of a path."""


def matrix_of(placement: Placement) -> NDArray[np.float64]:
    """A placement as (4, 4)."""
    return np.asarray(placement, np.float64).reshape(4, 4)


def placement_of(matrix: NDArray[np.float64]) -> Placement:
    """(4, 4) as a placement."""
    return tuple(float(one) for one in np.asarray(matrix, np.float64).reshape(16))  # type: ignore[return-value]


def box_corners(low: ArrayLike, high: ArrayLike) -> NDArray[np.float64]:
    """The corners of a box, (8, 3); corner i lies on the far side of axis k where bit k of i is set."""
    ends = np.array([low, high], np.float64)
    return np.array([[ends[i >> k & 1, k] for k in range(3)] for i in range(8)])


class Seen:
    """What is read of a scene: by whoever draws it as it was at a moment, on any thread, see `Scene.seen`."""

    nodes: dict[str, Node]
    chosen: tuple[str, ...]
    selection: dict[str, NDArray[np.bool_]]
    """Selected points (of the array's order) or faces, by node; a node without any is not listed."""
    view: Viewpoint
    clips: tuple[ClipPlane, ...]
    _remembered: dict[tuple[str, str], object]

    def array(self, path: str) -> NDArray[np.generic]:
        """An array of a thing, mapped once; raises OSError or ValueError where the file is gone or damaged."""
        raise NotImplementedError

    def remembered(self, key: tuple[str, str], make: Callable[[], T]) -> T:
        """What follows from a node and those above it, or from the whole scene for no id, made once until these change;
        `key` is what it is, and the node's id."""
        if key not in self._remembered:
            self._remembered[key] = make()
        return cast(T, self._remembered[key])

    def standing_in(self, name: str = "") -> list[Node]:
        """What stands right below a node; the top of the tree for none."""
        return [self.nodes[one] for one in self.remembered(("children", ""), self._children).get(name, ())]

    def _children(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one in self.nodes.values():
            found.setdefault(one.parent, []).append(one.id)
        return found

    def below(self, name: str) -> Iterator[Node]:
        """A node and everything below it."""
        yield self.nodes[name]
        for one in self.standing_in(name):
            yield from self.below(one.id)

    def is_shown(self, name: str) -> bool:
        """Whether a node and everything above it are shown."""
        node = self.nodes.get(name)
        while node is not None:
            if not node.shown:
                return False
            node = self.nodes.get(node.parent)
        return True

    def world(self, name: str) -> NDArray[np.float64]:
        """What takes a node's coordinates to the scene's, (4, 4)."""
        node = self.nodes.get(name)
        if node is None:
            return np.eye(4)

        def make() -> NDArray[np.float64]:
            above = self.world(node.parent)
            return np.asarray(above @ matrix_of(node.placement))

        return self.remembered(("world", name), make).copy()

    # Extents

    def bounds(self, names: Iterable[str] | None = None) -> Bounds | None:
        """The box around nodes and what is below them, in scene coordinates; around all that is shown for None."""
        if names is None:
            return self.remembered(
                ("bounds", ""), lambda: self._around(one for one in self.nodes.values() if self.is_shown(one.id))
            )
        return self._around(one for name in names if name in self.nodes for one in self.below(name))

    def _around(self, nodes: Iterable[Node]) -> Bounds | None:
        every = [self.remembered(("extent", one.id), functools.partial(self._extent, one)) for one in nodes]
        corners = np.array([one for one in every if one is not None]).reshape(-1, 3)
        return (corners.min(axis=0), corners.max(axis=0)) if len(corners) else None

    def _extent(self, node: Node) -> Bounds | None:
        """The box around a thing in scene coordinates."""
        box = self.extent(node.thing)
        if box is None:
            return None
        world = self.world(node.id)
        corners = box_corners(*box) @ world[:3, :3].T + world[:3, 3]
        return corners.min(axis=0), corners.max(axis=0)

    def extent(self, thing: Thing | None) -> Bounds | None:
        """The box around a thing in its own coordinates; None for a group or where nothing is in it.

        Raises OSError or ValueError where a volume's file is gone or damaged.
        """
        if isinstance(thing, VolumeDoc):
            return _volume_extent(thing, self.array(thing.file.path).shape)
        return extent_of(thing)


class Moment(Seen):
    """A scene as it was: nodes, masks and arrays are replaced when they change, never altered, so that naming them is
    enough."""

    def __init__(self, scene: Seen, read: Read) -> None:
        self.nodes, self.chosen, self.selection = dict(scene.nodes), scene.chosen, dict(scene.selection)
        self.view, self.clips, self._remembered = scene.view, scene.clips, dict(scene._remembered)
        self._read = read

    def copy(self) -> Moment:
        """The same, to become another."""
        return Moment(self, self._read)

    def become(self, other: Moment) -> set[str]:
        """Be another moment from now on, for those who know this one; the nodes of which something else is selected."""
        before, now = self.selection, other.selection
        self.__dict__.update(other.__dict__)
        return {name for name in before | now if before.get(name) is not now.get(name)}

    def array(self, path: str) -> NDArray[np.generic]:
        return self._read(path)


class Scene(QObject, Seen):
    """Nodes in the order of the tree; every child stands after its parent."""

    rearranged = Signal()
    """Nodes came, went, or stand elsewhere in the tree."""
    changed = Signal(object)
    """A set of ids whose nodes are others now: name, shown, placement, look, hidden."""
    chosen_changed = Signal()
    selected = Signal(object)
    """A set of ids of whose points or faces others are selected now."""
    viewed = Signal()
    """One looks from elsewhere."""
    cut = Signal()
    """Clip planes changed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.nodes: dict[str, Node] = {}
        self.chosen: tuple[str, ...] = ()
        self.selection: dict[str, NDArray[np.bool_]] = {}
        self.view = Viewpoint(pose=placement_of(np.eye(4)))
        self.clips: tuple[ClipPlane, ...] = ()
        self._arrays: dict[str, NDArray[np.generic]] = {}
        self._remembered: dict[tuple[str, str], object] = {}

    # The tree

    def set_nodes(self, nodes: Iterable[Node]) -> None:
        """The whole tree, in its order."""
        self.nodes = {one.id: one for one in nodes}
        self._remembered.clear()
        self.chosen = tuple(one for one in self.chosen if one in self.nodes)
        self.selection = {key: value for key, value in self.selection.items() if key in self.nodes}
        kept = {path for node in self.nodes.values() for path in strings_of(node)}
        self._arrays = {path: array for path, array in dict(self._arrays).items() if path in kept}
        self.rearranged.emit()

    def put(self, nodes: Iterable[Node]) -> None:
        """Replace nodes that are there, by their ids; the tree keeps its shape."""
        found = {one.id: one for one in nodes}
        self.nodes.update({key: one for key, one in found.items() if key in self.nodes})
        self._forget(found)
        self.changed.emit(set(found))

    def _forget(self, names: Iterable[str]) -> None:
        other = {one.id for name in names if name in self.nodes for one in self.below(name)} | {""}
        self._remembered = {key: value for key, value in self._remembered.items() if key[1] not in other}

    # What is chosen, selected, seen

    def choose(self, names: Iterable[str]) -> None:
        """Choose nodes, in this order."""
        found = tuple(dict.fromkeys(one for one in names if one in self.nodes))
        if found != self.chosen:
            self.chosen = found
            self.chosen_changed.emit()

    def select(self, masks: Mapping[str, NDArray[np.bool_]]) -> None:
        """Other points or faces are selected of these nodes; an empty mask selects none."""
        for name, mask in masks.items():
            if mask.any():
                self.selection[name] = mask
            else:
                self.selection.pop(name, None)
        self.selected.emit(set(masks))

    def look_from(self, view: Viewpoint) -> None:
        """See the scene from elsewhere."""
        if view != self.view:
            self.view = view
            self.viewed.emit()

    def set_clips(self, clips: tuple[ClipPlane, ...]) -> None:
        """Other clip planes."""
        self.clips = clips
        self.cut.emit()

    # For whoever draws

    def lend(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Arrays that are in no file, by names that things of the next `set_nodes` have in the place of paths; such a
        name is never used again for another array."""
        self._arrays.update(arrays)

    def array(self, path: str) -> NDArray[np.generic]:
        """An array of a thing, mapped once; raises OSError or ValueError where the file is gone or damaged."""
        return self.reader()(path)

    def reader(self) -> Read:
        """What reads the arrays of the things that stand here now, also once others do; on any thread."""
        arrays = self._arrays  # replaced with the nodes

        def read(path: str) -> NDArray[np.generic]:
            found = arrays.get(path)
            return found if found is not None else arrays.setdefault(path, _mapped(path))

        return read

    def seen(self) -> Moment:
        """The scene as it is at this moment."""
        return Moment(self, self.reader())


def _mapped(path: str) -> NDArray[np.generic]:
    return np.asanyarray(np.load(path, mmap_mode="r", allow_pickle=False))


def strings_of(node: Node) -> Iterator[str]:
    """The texts of a node's thing and its crop, among them the paths of its arrays."""
    if node.hidden:
        yield node.hidden
    without_arrays = isinstance(node.thing, BoxesDoc | CamerasDoc | MeasureDoc)
    if node.thing is not None and not without_arrays:
        yield from _strings(msgspec.to_builtins(node.thing))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)


def extent_of(thing: Thing | None) -> Bounds | None:
    """As `Scene.extent`, from the document alone; None for volumes, whose extent their files tell."""
    match thing:
        case PointsDoc() | MeshDoc():
            filled = thing.count if isinstance(thing, PointsDoc) else thing.vertex_count
            return (np.array(thing.low), np.array(thing.high)) if filled else None
        case RadianceDoc():
            return np.array(thing.meta.low), np.array(thing.meta.high)
        case CamerasDoc():
            at = np.array([[one.pose[3], one.pose[7], one.pose[11]] for one in thing.images])
            ends = [np.array(one)[None] for one in (thing.low, thing.high) if one is not None]
            every = np.concatenate([at, *ends]) if len(at) else np.concatenate(ends) if ends else None
            return (every.min(axis=0), every.max(axis=0)) if every is not None else None
        case BoxesDoc():
            if not thing.boxes:
                return None
            centres = np.array([one.centre for one in thing.boxes])
            reach = np.array([[np.hypot(one.size[0], one.size[1])] * 2 + [one.size[2]] for one in thing.boxes]) / 2
            return (centres - reach).min(axis=0), (centres + reach).max(axis=0)
        case MeasureDoc() if thing.points:
            every = np.array(thing.points, np.float64)
            return every.min(axis=0), every.max(axis=0)
        case _:
            return None


def voxel_to_world(geometry: Geometry) -> NDArray[np.float64]:
    """What takes voxel indices (x, y, z) to LPS millimetres, (4, 4)."""
    found = np.eye(4)
    found[:3, :3] = np.asarray(geometry.direction).reshape(3, 3) * np.asarray(geometry.spacing_mm)
    found[:3, 3] = geometry.origin_mm
    return found


def _volume_extent(thing: VolumeDoc, shape: tuple[int, ...]) -> Bounds:
    to_world = voxel_to_world(thing.file.meta.geometry)
    size = np.array(shape[:3])[::-1] - 0.5
    every = box_corners(np.full(3, -0.5), size) @ to_world[:3, :3].T + to_world[:3, 3]
    return every.min(axis=0), every.max(axis=0)
