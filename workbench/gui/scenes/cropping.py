"""What a person does with selected points and faces: select more or less, crop, split off, delete; all undoable.

Arrays are read and written off the GUI thread; an edit is made of what came of it. Deeds wait for each other.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer

from workbench.core.problem import ProblemRecord
from workbench.core.scenes import MeshDoc, Node, PointsDoc
from workbench.gui.scenes import selecting, trees
from workbench.gui.scenes.edits import Bits, PutEdit, SelectEdit, Together, TreeEdit, difference, new_id, packed
from workbench.gui.scenes.selecting import How, Mask, Target
from workbench.gui.scenes.subsets import part_of, save
from workbench.gui.scenes.tree import several

if TYPE_CHECKING:
    from workbench.gui.scenes.page import ScenesPage


TOLD_AFTER_MS = 300
"""What is over sooner is not told of."""


@dataclasses.dataclass(frozen=True)
class _Stroke:
    """What comes of a stroke over a node, made where millions of points do not hold up the window."""

    before: Mask | None
    hit: Mask
    mask: Mask
    bits: Bits
    differs: bool


def _stroke(before: Mask | None, hit: Mask, how: How) -> _Stroke:
    mask = selecting.combined(before, hit, how)
    return _Stroke(before, hit, mask, difference(before, mask), _differs(before, mask))


@dataclasses.dataclass(frozen=True)
class _Halves:
    """What is selected of a node and the rest, each as a thing with its crop, or None where it holds nothing."""

    taken: tuple[PointsDoc | MeshDoc, str] | None
    rest: tuple[PointsDoc | MeshDoc, str] | None


class Cropping(QObject):
    """`folder` says where arrays are written."""

    def __init__(self, page: ScenesPage, folder: Callable[[], Path]) -> None:
        super().__init__(page)
        self.page, self.scene, self.folder = page, page.scene, folder
        self._waiting: list[tuple[str, Callable[[], Callable[[], object] | None]]] = []
        self._busy = False
        self._words = ""
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(TOLD_AFTER_MS)
        self._slow.timeout.connect(lambda: self.page.tell("cropping", self._words))

    @property
    def busy(self) -> bool:
        """Whether a deed is under way."""
        return self._busy

    # Selecting

    def _some(self) -> list[Node]:
        """The points and meshes that are chosen, or all that are shown where none is."""
        scene = self.scene
        chosen = trees.with_below(scene, scene.chosen) or scene.nodes.values()
        return [one for one in chosen if selecting.selectable(one) and scene.is_shown(one.id)]

    def takes(self) -> set[str]:
        """The ids of what is selected from."""
        return {one.id for one in self._some()}

    def targets(self) -> list[Target]:
        """What is selected from; empty where arrays are gone."""
        try:
            return [self._target(one) for one in self._some()]
        except (OSError, ValueError) as error:
            self.page.failed_with(ProblemRecord("Its arrays cannot be read any more.", received=str(error),
                                                fix="Read the file again."))  # fmt: skip
            return []

    def _target(self, node: Node) -> Target:
        hidden = np.asarray(self.scene.array(node.hidden), bool) if node.hidden else None
        world = self.scene.world(node.id)
        if isinstance(node.thing, MeshDoc):
            faces = self.scene.array(node.thing.faces)
            return Target(node.id, self.scene.array(node.thing.vertices), world, faces, hidden)  # type: ignore[arg-type]
        assert isinstance(node.thing, PointsDoc)
        return Target(node.id, self.scene.array(node.thing.positions), world, None, hidden)  # type: ignore[arg-type]

    def select_region(self, region: Mask, whole: NDArray[np.float64], how: How) -> None:
        """Select what falls on a region of the picture; see selecting.under."""
        clips = self.scene.clips
        self._select("select", lambda one: selecting.under(region, whole, one, clips), how)

    def select_all(self) -> None:
        """Everything that is not cropped away."""
        self._select("select all", _visible, "replace")

    def select_none(self) -> None:
        """Nothing."""
        if self.scene.selection:
            masks = {name: np.zeros(len(mask), bool) for name, mask in self.scene.selection.items()}
            self.page.document.push(SelectEdit(self.scene, masks, text="select none"))

    def invert(self) -> None:
        """What was not selected of these things, unless it is cropped away."""

        def inverted(one: Target) -> Mask:
            before = self.scene.selection.get(one.name)
            return _visible(one) if before is None else _visible(one) & ~before

        self._select("invert the selection", inverted, "replace")

    def select_column(self, name: str, path: str, test: Callable[[NDArray[np.generic]], Mask], how: How) -> None:
        """Points of one cloud by the values of a column's file."""

        def hit(one: Target) -> Mask:
            found = test(np.load(path, mmap_mode="r", allow_pickle=False))
            return found if one.hidden is None else found & ~one.hidden

        self._select("select by value", hit, how, only=name)

    def _select(self, text: str, hit: Callable[[Target], Mask], how: How, *, only: str = "") -> None:
        def begin() -> Callable[[], object] | None:
            some = [one for one in self.targets() if only in ("", one.name)]
            before = dict(self.scene.selection)
            return (lambda: {one.name: _stroke(before.get(one.name), hit(one), how) for one in some}) if some else None

        self._do(text, begin, lambda found: self._stroked(text, found, how))

    def _selected(self, text: str, hits: Mapping[str, Mask], how: How) -> None:
        before = self.scene.selection
        self._stroked(text, {name: _stroke(before.get(name), hit, how) for name, hit in hits.items()}, how)

    def _stroked(self, text: str, found: Mapping[str, _Stroke], how: How) -> None:
        """An edit of strokes that were worked out elsewhere; of what was selected otherwise meanwhile, anew."""
        scene, now = self.scene, self.scene.selection
        strokes = {name: one if one.before is now.get(name) else _stroke(now.get(name), one.hit, how)
                   for name, one in found.items() if name in scene.nodes}  # fmt: skip
        masks = {name: one.mask for name, one in strokes.items() if one.differs}
        if how == "replace":
            masks |= {name: np.zeros(len(one), bool) for name, one in now.items() if name not in strokes}
        bits = {name: one.bits for name, one in strokes.items()}
        if masks:
            self.page.document.push(SelectEdit(scene, masks, text=text, bits=bits))

    def words(self) -> str:
        """'12.4 k of 1.2 M points selected', or nothing."""
        masks = self.scene.selection
        if not masks:
            return ""
        many = sum(int(np.count_nonzero(one)) for one in masks.values())
        every = sum(len(one) for one in masks.values())
        kinds = {self.scene.nodes[name].kind for name in masks}
        what = "points" if kinds == {"points"} else "faces" if kinds == {"mesh"} else "points and faces"
        return f"{several(many)} of {several(every)} {what} selected"

    # Cropping

    def hide(self, *, others: bool = False) -> None:
        """Crop away what is selected, or all else of the things that it is selected of."""
        text = "hide all but the selection" if others else "hide the selection"

        def then(found: Mapping[str, str]) -> None:
            scene = self.scene
            none = {name: np.zeros(len(scene.selection[name]), bool) for name in found
                    if not others and name in scene.selection}  # fmt: skip
            nodes = [msgspec.structs.replace(scene.nodes[name], hidden=path) for name, path in found.items()]
            edits = [SelectEdit(scene, none, text=text)] if none else []
            self.page.document.push(Together([*edits, PutEdit(scene, nodes, text=text)], text=text))

        self._do(text, lambda: self._each_selected(functools.partial(self._cropped, others=others)), then)

    def _each_selected(self, work: Callable[[Node, Mask], object]) -> Callable[[], object] | None:
        """Work to be done with every node that something is selected of, by its id."""
        some = [(self.scene.nodes[name], mask) for name, mask in self.scene.selection.items()]

        def each() -> dict[str, object]:
            for _, mask in some:
                packed(mask)  # ahead of the edit that lets it go
            return {node.id: work(node, mask) for node, mask in some}

        return each if some else None

    def _cropped(self, node: Node, mask: Mask, *, others: bool) -> str:
        away = ~mask if others else mask
        if node.hidden:
            away = away | np.load(node.hidden, allow_pickle=False)
        return save(self.folder(), away)

    def unhide(self) -> None:
        """Everything of what is chosen, or of the whole scene where nothing is, is shown again."""
        chosen = trees.with_below(self.scene, self.scene.chosen) or self.scene.nodes.values()
        nodes = [msgspec.structs.replace(one, hidden="") for one in chosen if one.hidden]
        if nodes:
            self.page.document.push(PutEdit(self.scene, nodes, text="show what was cropped"))

    # Taking apart

    def split(self) -> None:
        """What is selected becomes a thing of its own beside the rest."""
        self._apart("split off", keep=True)

    def delete(self) -> None:
        """What is selected is gone from the scene."""
        self._apart("delete points", keep=False)

    def _apart(self, text: str, *, keep: bool) -> None:
        halve = functools.partial(self._halves, keep=keep)
        self._do(text, lambda: self._each_selected(halve), lambda found: self._taken_apart(found, text))

    def _halves(self, node: Node, mask: Mask, *, keep: bool) -> _Halves:
        hidden = np.load(node.hidden, allow_pickle=False) if node.hidden else None

        def half(which: Mask) -> tuple[PointsDoc | MeshDoc, str] | None:
            if not which.any():
                return None
            thing = node.thing
            assert isinstance(thing, PointsDoc | MeshDoc)
            crop = save(self.folder(), hidden[which]) if hidden is not None and hidden[which].any() else ""
            return part_of(thing, which, self.folder()), crop

        return _Halves(half(mask) if keep else None, half(~mask))

    def _taken_apart(self, found: Mapping[str, _Halves], text: str) -> None:
        scene, choose = self.scene, []
        taken = {one.name for one in scene.nodes.values()}
        after: list[Node] = []
        for node in scene.nodes.values():
            halves = found.get(node.id)
            if halves is None:
                after.append(node)
                continue
            if halves.rest is not None:
                after.append(msgspec.structs.replace(node, thing=halves.rest[0], hidden=halves.rest[1]))
            if halves.taken is not None:
                title = trees.free_name(node.name, taken.__contains__)
                taken.add(title)
                thing, crop = halves.taken
                made = msgspec.structs.replace(node, id=new_id(), name=title, thing=thing, hidden=crop, source="",
                                               made=f"split off {node.name}")  # fmt: skip
                after.append(made)
                choose.append(made.id)
        self.page.document.push(TreeEdit(scene, trees.in_order(after), text=text, choose=choose))

    # One after the other

    def _do(
        self, text: str, begin: Callable[[], Callable[[], object] | None], then: Callable[..., object]
    ) -> None:  # fmt: skip
        """`begin` is asked on the GUI thread, once its turn has come, for what is then done off it."""
        self._waiting.append((text, lambda: self._start(text, begin, then)))
        if not self._busy:
            self._next()

    def _next(self) -> None:
        while self._waiting and not self._busy:
            self._waiting.pop(0)[1]()

    def _start(
        self, text: str, begin: Callable[[], Callable[[], object] | None], then: Callable[..., object]
    ) -> Callable[[], object] | None:  # fmt: skip
        work, before = begin(), dict(self.scene.nodes)
        if work is None:
            return None
        self._busy = True
        self._words = text[:1].upper() + text[1:]
        self._slow.start()

        def end(found: object) -> None:
            self._busy = False
            self._slow.stop()
            self.page.tell("cropping", "")
            if isinstance(found, ProblemRecord):
                self.page.failed_with(found)
            elif isinstance(found, Mapping):
                # What was edited or deleted meanwhile is not what the outcome is of.
                now = {name: one for name, one in found.items() if _is_as_it_was(self.scene.nodes.get(name), before)}
                if now:
                    then(now)
            self._next()

        self.page.link.background(work, then=end, failed=end, owner=self)
        return None


def _is_as_it_was(node: Node | None, before: Mapping[str, Node]) -> bool:
    """Whether a node has the thing and the crop that it had."""
    first = before.get(node.id) if node is not None else None
    return node is not None and first is not None and node.thing is first.thing and node.hidden == first.hidden


def _visible(target: Target) -> Mask:
    return np.ones(target.count, bool) if target.hidden is None else ~target.hidden


def _differs(before: Mask | None, after: Mask) -> bool:
    return bool(after.any()) if before is None else not np.array_equal(before, after)
