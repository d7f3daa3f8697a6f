"""Trees of nodes made from others, as values: added, removed, regrouped, copied; the order is that of the tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import numpy as np

from workbench.core.scenes import UNMOVED, Node
from workbench.gui.scenes.edits import new_id
from workbench.gui.scenes.scene import Scene, matrix_of, placement_of

Nodes = Mapping[str, Node]


def tops(scene: Scene, names: Iterable[str]) -> list[str]:
    """Of these nodes those that stand below none of the others, in the order of the tree."""
    wanted = set(names)
    return [one.id for one in scene.nodes.values() if one.id in wanted and not wanted & set(_above(scene.nodes, one))]


def with_below(scene: Scene, names: Iterable[str]) -> list[Node]:
    """Nodes and everything below them, once each, in the order of the tree: parents stand before their children."""
    inside, found = set(names), []
    for one in scene.nodes.values():
        if one.id in inside or one.parent in inside:
            inside.add(one.id)
            found.append(one)
    return found


def _above(nodes: Nodes, node: Node) -> Iterable[str]:
    up = nodes.get(node.parent)
    while up is not None:
        yield up.id
        up = nodes.get(up.parent)


def in_order(nodes: Sequence[Node]) -> list[Node]:
    """The same with every child behind its parent, siblings as they come; what has lost its parent stands on top."""
    known = {one.id for one in nodes}
    below: dict[str, list[Node]] = {}
    for one in nodes:
        below.setdefault(one.parent if one.parent in known else "", []).append(one)
    found: list[Node] = []
    waiting = list(reversed(below.get("", [])))
    while waiting:
        one = waiting.pop()
        found.append(one if one.parent in known else msgspec.structs.replace(one, parent=""))
        waiting += reversed(below.get(one.id, []))
    return found


def sound(nodes: Sequence[Node]) -> list[Node]:
    """A tree as a file told it, without what nothing could be drawn or undone with.

    Of nodes with one id the first is kept; those below themselves are left out; what stands nowhere, or is flat, stands
    where its parent does.
    """
    unique = {one.id: one for one in reversed(nodes) if one.id}
    some = [one for one in nodes if unique.get(one.id) is one]
    return in_order([one if _stands(one) else msgspec.structs.replace(one, placement=UNMOVED) for one in some])


def _stands(node: Node) -> bool:
    matrix = matrix_of(node.placement)
    size = float(np.abs(matrix[:3, :3]).max())
    if not np.isfinite(matrix).all() or not 1e-12 < size < 1e12 or matrix[3].tolist() != [0, 0, 0, 1]:
        return False
    return bool(abs(np.linalg.det(matrix[:3, :3] / size)) > 1e-12)


def with_added(scene: Scene, nodes: Sequence[Node]) -> list[Node]:
    """The tree with more nodes, each behind its siblings."""
    return in_order([*scene.nodes.values(), *nodes])


def without(scene: Scene, names: Iterable[str]) -> list[Node]:
    """The tree without nodes and what is below them."""
    gone = {one.id for one in with_below(scene, names)}
    return [one for one in scene.nodes.values() if one.id not in gone]


def moved(scene: Scene, names: Sequence[str], parent: str, at: int = -1) -> list[Node] | None:
    """The tree with nodes below another parent, before its child number `at` (at its end for −1), where they seem.

    None where a node would come to stand below itself. Placements are made so that nothing is seen to move.
    """
    some = tops(scene, names)
    under = {parent, *(_above(scene.nodes, scene.nodes[parent]) if parent else ())}
    if under & set(some):
        return None
    to_parent = np.linalg.inv(scene.world(parent)) if parent else np.eye(4)
    taken = [
        scene.nodes[one] if scene.nodes[one].parent == parent else msgspec.structs.replace(
            scene.nodes[one], parent=parent, placement=placement_of(to_parent @ scene.world(one)))
        for one in some
    ]  # fmt: skip
    siblings = [one.id for one in scene.standing_in(parent)]
    before = next((one for one in siblings[at:] if one not in some), "") if 0 <= at < len(siblings) else ""
    rest: list[Node] = []
    for one in scene.nodes.values():
        if one.id == before:
            rest += taken
        if one.id not in some:
            rest.append(one)
    return in_order(rest if before else [*rest, *taken])


def grouped(scene: Scene, names: Sequence[str], name: str) -> tuple[list[Node], str] | None:
    """The tree with nodes in a new group that stands where the first of them stood; its id as well."""
    some = tops(scene, names)
    if not some:
        return None
    parent = scene.nodes[some[0]].parent
    if any(scene.nodes[one].parent != parent for one in some):
        parent = ""
    group = Node(new_id(), name, parent=parent)
    to_parent = np.linalg.inv(scene.world(parent)) if parent else np.eye(4)
    rest: list[Node] = []
    for one in scene.nodes.values():
        if one.id == some[0]:
            rest.append(group)
        if one.id not in some:
            rest.append(one)
            continue
        place = one.placement if one.parent == parent else placement_of(to_parent @ scene.world(one.id))
        rest.append(msgspec.structs.replace(one, parent=group.id, placement=place))
    return in_order(rest), group.id


def ungrouped(scene: Scene, name: str) -> list[Node]:
    """The tree without a group; what stood in it stands in its place."""
    group = scene.nodes[name]
    rest = [
        msgspec.structs.replace(one, parent=group.parent, placement=placement_of(
            np.reshape(group.placement, (4, 4)) @ np.reshape(one.placement, (4, 4)))) if one.parent == name else one
        for one in scene.nodes.values() if one.id != name
    ]  # fmt: skip
    return in_order(rest)


def copies(scene: Scene, names: Sequence[str]) -> tuple[list[Node], list[str]]:
    """The tree with copies of nodes, and of what is below them, behind each; the ids of the copies as well."""
    some = tops(scene, names)
    renamed: dict[str, str] = {}
    made: list[Node] = []
    taken = {one.name for one in scene.nodes.values()}
    for name in some:
        for one in scene.below(name):
            renamed[one.id] = new_id()
            title = free_name(one.name, taken.__contains__) if one.id == name else one.name
            taken.add(title)
            parent = renamed.get(one.parent, one.parent)
            made.append(msgspec.structs.replace(one, id=renamed[one.id], name=title, parent=parent))
    behind = {renamed[name]: name for name in some}
    found: list[Node] = []
    copied = {one.id: one for one in made}
    for one in scene.nodes.values():
        found.append(one)
        found += [copied[new] for new, old in behind.items() if old == one.id]
    found += [one for one in made if one.id not in behind]
    return in_order(found), list(behind)


def free_name(name: str, taken: Callable[[str], bool]) -> str:
    """A name like another: 'room 2', 'room 3' …"""
    stem, _, end = name.rpartition(" ")
    stem = stem if stem and end.isdigit() else name
    number = 2
    while taken(f"{stem} {number}"):
        number += 1
    return f"{stem} {number}"
