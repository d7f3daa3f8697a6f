"""Undo for everything a person edits: one stack per document, differences instead of copies, bounded memory.

An Edit keeps what it changed and how many bytes that takes. A Document forgets its oldest edits
when all of them together take more than its budget: they can no longer be undone, nothing else.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction, QUndoCommand, QUndoStack
from PySide6.QtWidgets import QWidget

from workbench.gui.actions import key_of, make_action

BUDGET_BYTES = 64 << 20
Box = tuple[slice, ...]


class Edit(QUndoCommand):
    """One step that can be undone; `nbytes` says what remembering it takes."""

    @property
    def nbytes(self) -> int:
        """About how much memory the difference takes."""
        return 0

    def forget(self) -> None:
        """Let the difference go: this step is never undone again."""


class Document(QObject):
    """What is edited: its undo stack, its budget, and whether it is as it was last saved."""

    changed = Signal()
    """An edit was made, undone or redone, or the stack was cleared."""

    def __init__(self, parent: QObject | None = None, *, budget_bytes: int = BUDGET_BYTES) -> None:
        super().__init__(parent)
        self.stack = QUndoStack(self)
        self.budget_bytes = budget_bytes
        self._forgotten = 0
        self.stack.indexChanged.connect(self._moved)

    @Slot(int)
    def _moved(self, _index: int) -> None:
        self.changed.emit()

    def push(self, edit: Edit) -> None:
        """Do an edit and remember it; it may merge with the one before."""
        before = self.stack.index()
        self.stack.push(edit)
        self._keep_to_budget()
        if self.stack.index() == before:  # merged
            self.changed.emit()

    def undo(self) -> None:
        """Take the last edit back, unless it was forgotten."""
        if self.can_undo:
            self.stack.undo()

    def redo(self) -> None:
        """Do the edit again that was taken back."""
        self.stack.redo()

    def clear(self) -> None:
        """Another thing is edited now."""
        self._forgotten = 0
        self.stack.clear()

    def set_clean(self) -> None:
        """As it stands, it is saved where the person wants it."""
        self.stack.setClean()

    @property
    def clean(self) -> bool:
        """Whether it stands as it was last saved."""
        return self.stack.isClean()

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back that was not forgotten."""
        return self.stack.index() > self._forgotten

    @property
    def nbytes(self) -> int:
        """What all remembered edits take."""
        return sum(edit.nbytes for edit in self._edits())

    def actions(self, owner: QWidget, names: tuple[str, str]) -> tuple[QAction, QAction]:
        """Undo and redo for `owner`, which tell what they would do; `names` are their ids in the table of commands."""
        undo, redo = (make_action(owner, name, do) for name, do in zip(names, (self.undo, self.redo), strict=True))

        def name() -> None:
            _name(undo, "Undo", self.stack.undoText() if self.can_undo else "", able=self.can_undo)
            _name(redo, "Redo", self.stack.redoText(), able=self.stack.canRedo())

        self.changed.connect(name)
        name()
        return undo, redo

    def _edits(self) -> Iterable[Edit]:
        commands = (self.stack.command(at) for at in range(self._forgotten, self.stack.count()))
        return (one for one in commands if isinstance(one, Edit))

    def _keep_to_budget(self) -> None:
        """Forget the oldest; the newest is kept however large it is."""
        total = self.nbytes
        while total > self.budget_bytes and self._forgotten < self.stack.count() - 1:
            oldest = self.stack.command(self._forgotten)
            if isinstance(oldest, Edit):
                total -= oldest.nbytes
                oldest.forget()
            self._forgotten += 1


def _name(action: QAction, word: str, what: str, *, able: bool) -> None:
    action.setText(f"{word}: {what}" if what else word)
    action.setToolTip(f"{action.text()} ({key_of(action)})")
    action.setStatusTip(action.text())
    action.setEnabled(able)


class KeyedEdit(Edit):
    """New values in a list or dictionary, by position or key; `told` is called with the keys after each change."""

    def __init__(
        self, target: Any, changes: Mapping[Any, Any], told: Callable[[list[Any]], object], *, text: str
    ) -> None:
        super().__init__(text)
        self.target, self.told = target, told
        self.new = dict(changes)
        self.old = {key: target[key] for key in changes}

    @property
    def nbytes(self) -> int:
        values = [*self.new.values(), *self.old.values()]
        return sum(sys.getsizeof(value) for value in values) + 200 * len(self.new)

    def forget(self) -> None:
        self.new, self.old = {}, {}

    def redo(self) -> None:
        self._put(self.new)

    def undo(self) -> None:
        self._put(self.old)

    def _put(self, values: Mapping[Any, Any]) -> None:
        for key, value in values.items():
            self.target[key] = value
        self.told(list(values))


class ArrayEdit(Edit):
    """A region of an array that was painted: the bitwise difference of before and after, compressed.

    One difference serves both ways. Edits with the same `stroke` (not 0) on the same array are one step.
    """

    def __init__(
        self,
        array: NDArray[Any],
        where: Box,
        before: NDArray[Any],
        *,
        text: str,
        told: Callable[[Box], object] = lambda _: None,
        stroke: int = 0,
    ) -> None:
        """`array[where]` holds what was painted already, `before` what stood there."""
        super().__init__(text)
        self.array, self.told, self.stroke = array, told, stroke
        self.box, difference = _difference(array, where, before)
        self._packed = zlib.compress(difference.tobytes(), 1)
        self._painted = True

    @property
    def nbytes(self) -> int:
        return len(self._packed)

    def forget(self) -> None:
        self._packed = b""

    def id(self) -> int:
        return 2 if self.stroke else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, ArrayEdit) or other.array is not self.array or other.stroke != self.stroke:
            return False
        box = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(self.box, other.box, strict=True))
        self._packed = zlib.compress((self._within(box) ^ other._within(box)).tobytes(), 1)
        self.box = box
        return True

    def redo(self) -> None:
        if self._painted:  # pushing calls redo, and the person has painted it
            self._painted = False
        else:
            self._flip()

    def undo(self) -> None:
        self._flip()

    def _flip(self) -> None:
        if self._packed:
            region = np.ascontiguousarray(self.array[self.box])
            raw = region.reshape(-1).view(np.uint8)
            raw ^= self._unpacked().reshape(-1)
            self.array[self.box] = region
            self.told(self.box)

    def _unpacked(self) -> NDArray[np.uint8]:
        """The difference's bytes, of shape (*region, itemsize)."""
        shape = [one.stop - one.start for one in self.box]
        return np.frombuffer(zlib.decompress(self._packed), np.uint8).reshape(*shape, self.array.itemsize)

    def _within(self, box: Box) -> NDArray[np.uint8]:
        whole = np.zeros([one.stop - one.start for one in box] + [self.array.itemsize], np.uint8)
        inner = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(self.box, box, strict=True))
        whole[inner] = self._unpacked()
        return whole


def _difference(array: NDArray[Any], where: Box, before: NDArray[Any]) -> tuple[Box, NDArray[np.uint8]]:
    """The smallest box that holds every change, and before xor after in it as bytes (*region, itemsize)."""
    after = np.ascontiguousarray(array[where])
    starts = [one.indices(size)[0] for one, size in zip(where, array.shape, strict=True)]
    raw = (*after.shape, array.itemsize)
    apart = after.reshape(-1).view(np.uint8) ^ np.ascontiguousarray(before, array.dtype).reshape(-1).view(np.uint8)
    difference = apart.reshape(raw)
    changed: NDArray[np.bool_] = np.asarray(difference.any(axis=-1))
    inner = []
    for axis in range(changed.ndim):
        along = np.flatnonzero(changed.any(axis=tuple(other for other in range(changed.ndim) if other != axis)))
        inner.append(slice(int(along[0]), int(along[-1]) + 1) if len(along) else slice(0, 0))
    box = tuple(slice(start + one.start, start + one.stop) for start, one in zip(starts, inner, strict=True))
    return box, np.ascontiguousarray(difference[tuple(inner)])
