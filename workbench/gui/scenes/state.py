"""What a scene has besides its nodes: unit, origin, kept viewpoints, the project file that it is kept in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from workbench.core.scenes import (
    NOWHERE,
    UNMOVED,
    Node,
    Placement,
    PointsDoc,
    ReadGroup,
    SceneDoc,
    SceneRead,
    Viewpoint,
)
from workbench.core.volumes import Triple
from workbench.core.words import spaced
from workbench.gui.scenes import trees
from workbench.gui.scenes.edits import new_id
from workbench.gui.scenes.measurelist import as_nodes
from workbench.gui.scenes.scene import Scene, matrix_of, placement_of

UNITS = ("m", "cm", "mm", "km", "ft", "unit")


class State(QObject):
    """Beside the Scene, whose part it is of the document."""

    changed = Signal()

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.scene = scene
        self.unit = "m"
        self.origin: Triple = NOWHERE
        self.views: tuple[Viewpoint, ...] = ()
        self.path = ""
        """The project file; empty for none yet."""

    def set_unit(self, unit: str) -> None:
        """What lengths are told in."""
        self.unit = unit
        self.changed.emit()

    def set_views(self, views: Sequence[Viewpoint]) -> None:
        """Other kept viewpoints."""
        self.views = tuple(views)
        self.changed.emit()

    def document(self) -> SceneDoc:
        """The scene as a project keeps it."""
        scene = self.scene
        return SceneDoc(tuple(scene.nodes.values()), self.unit, self.origin, scene.view, self.views, scene.clips)

    def take(self, doc: SceneDoc) -> None:
        """Another scene altogether."""
        scene = self.scene
        self.unit, self.origin, self.views = doc.unit, doc.origin, doc.views
        scene.select({name: np.zeros(1, bool) for name in list(scene.selection)})
        scene.set_nodes(trees.sound([*doc.nodes, *as_nodes(doc.measures)]))
        scene.set_clips(doc.clips)
        if doc.view is not None:
            scene.look_from(doc.view)
        self.changed.emit()

    def clear(self) -> None:
        """An empty scene."""
        self.path = ""
        self.take(SceneDoc())
        self.scene.look_from(Viewpoint(pose=UNMOVED))  # what comes next is seen whole, wherever it stands

    def home_of(self, node: Node) -> Placement:
        """Where a thing's file placed it, shifted by what its origin differs from the scene's."""
        own: Triple = getattr(node.thing, "origin", NOWHERE)
        return node.home if own == NOWHERE else _shifted(node.home, own, self.origin)

    def place_words(self, at: Iterable[float]) -> str:
        """A scene position in the numbers of the files: '512 034.21, 5 403 112.80, 312.4 m'."""
        told = (float(one) + base for one, base in zip(at, self.origin, strict=True))
        return ", ".join(_grouped(one) for one in told) + f" {self.unit}"


def _grouped(number: float) -> str:
    """Parts of a unit as far as they matter beside it."""
    digits = 2 if abs(number) >= 1000 else 3
    return spaced(number, digits).replace("-", "−")


def nodes_of(read: SceneRead, state: State, source: str) -> tuple[list[Node], Triple, list[str]]:
    """Nodes of what was read, the scene's origin that they stand relative to, and what to tell of that.

    The first thing with an origin of its own gives it to the scene; others are placed relative to it.
    """
    origin, told, small = state.origin, [], []
    groups: dict[str, str] = {}
    declared = {one.id: one for one in read.groups}
    worlds: dict[str, NDArray[np.float64]] = {}
    found: list[Node] = []
    for one in read.things:
        own = getattr(one.thing, "origin", NOWHERE)
        if own != NOWHERE and origin == NOWHERE:
            origin = own
            told.append(
                f"Coordinates are large: they were moved by ({_where(own)}) and are told in the file's own numbers."
            )
        elif own == NOWHERE != origin:
            small.append(one.name)
        for group in _missing(one.parent, declared, groups):
            groups[group.id] = new_id()
            worlds[group.id] = worlds.get(group.parent, np.eye(4)) @ matrix_of(group.placement)
            found.append(Node(groups[group.id], group.name, parent=groups.get(group.parent, ""), source=source,
                              placement=group.placement, home=group.placement))  # fmt: skip
        placement, home = one.placement if own == NOWHERE else _shifted(one.placement, own, origin), one.placement
        if one.parent in declared:
            back = np.asarray(np.linalg.inv(worlds[one.parent]), np.float64)
            placement, home = (placement_of(back @ matrix_of(at)) for at in (placement, home))
        found.append(Node(
            new_id(), one.name, one.thing, groups.get(one.parent, ""), placement=placement, source=source, home=home,
        ))  # fmt: skip
    if small:
        whose = f"{small[0]} and others have" if len(small) > 1 else f"{small[0]} has"
        told.append(f"{whose} no such large coordinates as the scene: placed as if ({_where(origin)}) were added.")
    return found, origin, told


def _missing(name: str, declared: Mapping[str, ReadGroup], made: Mapping[str, str]) -> list[ReadGroup]:
    """The groups around a thing that are not there yet, outer ones first; one that no file declared stands nowhere."""
    found: list[ReadGroup] = []
    while name and name not in made and name not in {one.id for one in found}:
        found.insert(0, declared.get(name) or ReadGroup(name, name))
        name = found[0].parent
    return found


def _where(origin: Triple) -> str:
    return ", ".join(spaced(at) for at in origin)


def _shifted(placement: Placement, own: Triple, origin: Triple) -> Placement:
    matrix = matrix_of(placement).copy()
    matrix[:3, 3] += np.subtract(own, origin)
    return placement_of(matrix)


def sampled_words(nodes: Iterable[Node]) -> list[str]:
    """What to tell of clouds of which only a sample was read, and what readers noted."""
    told = []
    for one in nodes:
        thing = one.thing
        if isinstance(thing, PointsDoc) and thing.of > thing.count:
            told.append(f"{one.name}: {spaced(thing.count)} of {spaced(thing.of)} points, an even sample, are shown.")
        told += [f"In {one.name}: {note}" for note in getattr(thing, "notes", ())]
    return told


def renamed(node: Node, name: str) -> Node:
    """The node under another name."""
    return msgspec.structs.replace(node, name=name)
