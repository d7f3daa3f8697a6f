"""What is measured in the scene: nodes of its tree, in a group that comes with the first of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.core.measures import kind_of
from workbench.core.scenes import Measure, MeasureDoc, Node
from workbench.gui.scenes import trees
from workbench.gui.scenes.edits import new_id
from workbench.gui.scenes.scene import Scene

GROUP = "Measures"
PLAIN = re.compile(r"(distance|angle) \d+")


def is_plain(name: str) -> bool:
    """Whether a measure has the name that it was made with: its picture goes without."""
    return PLAIN.fullmatch(name) is not None


def measures_of(scene: Scene) -> list[tuple[Node, NDArray[np.float64]]]:
    """What is measured and shown, with its places in scene coordinates (2 or 3, 3)."""
    return scene.remembered(("measures", ""), lambda: _placed(scene))


def _placed(scene: Scene) -> list[tuple[Node, NDArray[np.float64]]]:
    return [(one, places_of(scene, one)) for one in scene.nodes.values()
            if isinstance(one.thing, MeasureDoc) and len(one.thing.points) > 1 and scene.is_shown(one.id)]  # fmt: skip


def places_of(scene: Scene, node: Node) -> NDArray[np.float64]:
    """The places of a measure in scene coordinates (N, 3)."""
    points = np.array(node.thing.points if isinstance(node.thing, MeasureDoc) else (), np.float64).reshape(-1, 3)
    world = scene.world(node.id)
    return np.asarray(points @ world[:3, :3].T + world[:3, 3])


def with_measure(scene: Scene, one: MeasureDoc) -> list[Node]:
    """The tree with one more measure in scene coordinates, beside the last one or in a group of its own."""
    last = next((node for node in reversed(scene.nodes.values()) if node.kind == "measure"), None)
    group = scene.nodes.get(last.parent) if last is not None else _group(scene)
    made = [] if group is not None or last is not None else [Node(new_id(), GROUP)]
    parent = group.id if group is not None else made[0].id if made else ""
    there = np.linalg.inv(scene.world(parent)) if parent in scene.nodes else np.eye(4)
    places = np.array(one.points, np.float64) @ there[:3, :3].T + there[:3, 3]
    doc = MeasureDoc(tuple((x, y, z) for x, y, z in places.tolist()))
    name = _free(kind_of(one.points), (node.name for node in scene.nodes.values()))
    return trees.with_added(scene, [*made, Node(new_id(), name, doc, parent)])


def _group(scene: Scene) -> Node | None:
    return next((one for one in scene.nodes.values() if (one.name, one.kind, one.parent) == (GROUP, "group", "")), None)


def _free(kind: str, names: Iterable[str]) -> str:
    taken, number = set(names), 1
    while f"{kind} {number}" in taken:
        number += 1
    return f"{kind} {number}"


def without_measures(scene: Scene) -> list[Node]:
    """The tree without any, and without a group that held nothing else."""
    gone = {one.id for one in scene.nodes.values() if one.kind == "measure"}
    groups = {scene.nodes[one].parent for one in gone} - {""}
    empty = {one for one in groups if all(node.id in gone for node in scene.standing_in(one))}
    return trees.without(scene, gone | empty)


def as_nodes(measures: Sequence[Measure]) -> list[Node]:
    """Measures of an older project as nodes in their group."""
    if not measures:
        return []
    group, found = Node(new_id(), GROUP), list[Node]()
    for one in measures:
        name = one.name or _free(kind_of(one.points), (node.name for node in found))
        found.append(Node(new_id(), name, MeasureDoc(one.points), group.id))
    return [group, *found]
