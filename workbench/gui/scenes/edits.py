"""Steps of editing a scene that can be undone: the tree, its nodes, what is selected, what is measured and cut.

Nodes are replaced, never altered, so an edit keeps only those that differ; a selection is kept as the compressed
difference of its bits. Whole arrays lie on disk and are never part of an edit.
"""

from __future__ import annotations

import uuid
import weakref
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QUndoCommand

from workbench.core.scenes import Node, PointsDoc, Thing
from workbench.gui.scenes.scene import Scene
from workbench.gui.undo import Edit

Masks = Mapping[str, NDArray[np.bool_]]
Bits = tuple[int, bytes]
"""A mask's length and its compressed bits."""
LARGE = 1 << 16
_packs: dict[int, tuple[weakref.ref[NDArray[np.bool_]], Bits]] = {}


def new_id() -> str:
    """An id for a node that no other node has."""
    return uuid.uuid4().hex[:12]


def weight(nodes: Iterable[Node]) -> int:
    """About how many bytes nodes take."""
    return sum(300 + len(msgspec.json.encode(one)) for one in nodes)


class TreeEdit(Edit):
    """Another tree: nodes came, went, stand elsewhere. `after` is the whole of it, children after their parents.

    What was selected of a node that goes, or becomes another thing, is let go, and comes back with it.
    """

    def __init__(self, scene: Scene, after: Sequence[Node], *, text: str, choose: Sequence[str] = ()) -> None:
        """`choose` are the nodes that are chosen once this is done."""
        super().__init__(text)
        self.scene, self._choose = scene, tuple(choose)
        self._chosen = scene.chosen
        found = {one.id: one for one in after}
        self._gone = {key: one for key, one in scene.nodes.items() if found.get(key) is not one}
        self._came = {key: one for key, one in found.items() if scene.nodes.get(key) is not one}
        self._order = (tuple(scene.nodes), tuple(found))
        other = {key for key, one in self._gone.items() if key not in found or found[key].thing is not one.thing}
        self._lost = {key: packed(mask) for key, mask in scene.selection.items() if key in other}
        self._bytes = weight([*self._gone.values(), *self._came.values()]) + 16 * sum(map(len, self._order))

    @property
    def nbytes(self) -> int:
        return self._bytes + sum(len(bits) for _, bits in self._lost.values())

    def forget(self) -> None:
        self._gone, self._came, self._lost, self._bytes = {}, {}, {}, 0

    def redo(self) -> None:
        known = self.scene.nodes | self._came
        if self._lost:  # before other arrays take the place of those that the masks are of
            self.scene.select({key: np.zeros(mask[0], bool) for key, mask in self._lost.items()})
        self.scene.set_nodes([known[one] for one in self._order[1]])
        if self._choose:
            self.scene.choose(self._choose)

    def undo(self) -> None:
        known = self.scene.nodes | self._gone
        self.scene.set_nodes([known[one] for one in self._order[0]])
        if self._lost:
            self.scene.select({key: unpacked(bits) for key, bits in self._lost.items()})
        self.scene.choose(self._chosen)


class PutEdit(Edit):
    """Nodes replaced where they stand; edits with the same `stroke` (not 0) of the same nodes are one step.

    Where another thing takes a node's place, what was selected of it is let go, and comes back with it; the same points
    with other columns stay selected.
    """

    def __init__(self, scene: Scene, nodes: Iterable[Node], *, text: str, stroke: int = 0) -> None:
        super().__init__(text)
        self.scene, self.stroke = scene, stroke
        self.new = {one.id: one for one in nodes}
        self.old = {key: scene.nodes[key] for key in self.new}
        other = [key for key, one in self.new.items() if not _same_places(one.thing, self.old[key].thing)]
        self._lost = {key: packed(scene.selection[key]) for key in other if key in scene.selection}
        self._bytes = weight([*self.new.values(), *self.old.values()])

    @property
    def nbytes(self) -> int:
        return self._bytes + sum(len(bits) for _, bits in self._lost.values())

    def forget(self) -> None:
        self.new, self.old, self._lost, self._bytes = {}, {}, {}, 0

    def id(self) -> int:
        return 31 if self.stroke else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, PutEdit) or other.stroke != self.stroke or set(other.new) != set(self.new):
            return False
        self.new = other.new
        return True

    def redo(self) -> None:
        if self._lost:
            self.scene.select({key: np.zeros(mask[0], bool) for key, mask in self._lost.items()})
        self.scene.put(self.new.values())

    def undo(self) -> None:
        self.scene.put(self.old.values())
        if self._lost:
            self.scene.select({key: unpacked(bits) for key, bits in self._lost.items()})


def _same_places(one: Thing | None, other: Thing | None) -> bool:
    """Whether what is selected of one thing is as well selected of another."""
    if isinstance(one, PointsDoc) and isinstance(other, PointsDoc):
        return one.positions == other.positions and one.count == other.count
    return one is other


class SelectEdit(Edit):
    """Other points or faces are selected: the difference in bits of before and after serves both ways."""

    def __init__(self, scene: Scene, masks: Masks, *, text: str, bits: Mapping[str, Bits] | None = None) -> None:
        """`bits` are the packed differences as far as they are known: packing millions takes longer than a frame."""
        super().__init__(text)
        self.scene = scene
        self._bits = {key: (bits or {}).get(key) or difference(scene.selection.get(key), mask)
                      for key, mask in masks.items()}  # fmt: skip
        self._first: Masks | None = dict(masks)

    @property
    def nbytes(self) -> int:
        return sum(len(bits) for _, bits in self._bits.values())

    def forget(self) -> None:
        self._bits = {}

    def redo(self) -> None:
        if self._first is not None:
            self.scene.select(self._first)
            self._first = None
        else:
            self._flip()

    def undo(self) -> None:
        self._flip()

    def _flip(self) -> None:
        masks = {}
        for key, bits in self._bits.items():
            if key in self.scene.nodes:
                other, now = unpacked(bits), self.scene.selection.get(key)
                masks[key] = other if now is None else now ^ other
        self.scene.select(masks)


class SwapEdit(Edit):
    """A small value of the scene is another one: its clip planes, measures, viewpoints, unit."""

    def __init__(
        self, put: Callable[[Any], object], before: Any, after: Any, *, text: str, stroke: str = ""
    ) -> None:  # fmt: skip
        """Edits with the same `stroke` are one step."""
        super().__init__(text)
        self._put, self.before, self.after, self.stroke = put, before, after, stroke

    @property
    def nbytes(self) -> int:
        return 200 + len(msgspec.json.encode([self.before, self.after]))

    def id(self) -> int:
        return 32 if self.stroke else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, SwapEdit) or other.stroke != self.stroke:
            return False
        self.after = other.after
        return True

    def redo(self) -> None:
        self._put(self.after)

    def undo(self) -> None:
        self._put(self.before)


def packed(mask: NDArray[np.bool_]) -> Bits:
    """A mask (N,) as its length and compressed bits, on any thread; those of large masks are remembered, so that
    whoever works elsewhere may pack ahead what is an edit later."""
    known = _packs.get(id(mask))
    if known is not None and known[0]() is mask:
        return known[1]
    found = len(mask), zlib.compress(np.packbits(mask).tobytes(), 1)
    if len(mask) > LARGE:
        key = id(mask)
        _packs[key] = weakref.ref(mask, lambda _: _packs.pop(key, None)), found
    return found


def difference(before: NDArray[np.bool_] | None, after: NDArray[np.bool_]) -> Bits:
    """The packed bits in which two masks differ; none is selected before for None."""
    if before is not None and not after.any():
        return packed(before)
    return packed(after if before is None else after ^ before)


def unpacked(bits: Bits) -> NDArray[np.bool_]:
    """The mask (N,) again."""
    many, data = bits
    return np.unpackbits(np.frombuffer(zlib.decompress(data), np.uint8), count=many).view(bool)


class Together(Edit):
    """Several edits as one step, done in their order and undone in reverse."""

    def __init__(self, edits: Sequence[Edit], *, text: str) -> None:
        super().__init__(text)
        self._edits = tuple(edits)

    @property
    def nbytes(self) -> int:
        return sum(one.nbytes for one in self._edits)

    def forget(self) -> None:
        for one in self._edits:
            one.forget()

    def redo(self) -> None:
        for one in self._edits:
            one.redo()

    def undo(self) -> None:
        for one in reversed(self._edits):
            one.undo()
