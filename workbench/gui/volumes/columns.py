"""Slices across the fastest axis of a large mapped volume: cut many at once, since one touches every page.

A row of 512 16-bit values is a quarter of a page: a single slice along x makes the system read the
whole file. A slab of neighbouring slices costs the same, and the pages are given back afterwards.
"""

from __future__ import annotations

import mmap
import threading
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QThreadPool

LARGE_BYTES = 64 << 20
"""Smaller volumes are simply left mapped."""
SLAB = 16
AT_ONCE = 16
"""Slices along z that are read before their pages are given back."""
KEPT = 2
"""Slabs: of a 512³ volume each takes 3 % of it."""


class Columns:
    """Slices array[:, :, index] of a volume (z, y, x)."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        self._slabs: dict[int, NDArray[Any]] = {}
        self._lock = threading.Lock()
        self._coming: set[int] = set()
        self._before: int | None = None
        self._first: NDArray[Any] | None = None
        self._expected: tuple[int, Future[NDArray[Any]]] | None = None

    @staticmethod
    def suit(array: NDArray[Any]) -> bool:
        """Whether a volume is mapped from a file, read-only, and large."""
        return isinstance(array, np.memmap) and array.mode == "r" and array.nbytes > LARGE_BYTES

    def expect(self, index: int) -> None:
        """Cut the first slice on another thread, while the planes beside it are drawn."""
        if self._before is not None or self._expected is not None:
            return
        coming: Future[NDArray[Any]] = Future()
        self._expected = index, coming

        def cut() -> None:
            try:
                coming.set_result(self._cut(index, 1)[0])
            except BaseException as error:
                coming.set_exception(error)

        QThreadPool.globalInstance().start(cut)

    def slice_at(self, index: int) -> NDArray[Any]:
        """The slice (z, y); once somebody moves, the next slab in that direction is cut on another thread.

        The first one is cut alone, in a quarter of a slab's time: a volume is to be seen soon, and many
        are closed again without a move across this axis.
        """
        if self._before is None or (self._first is not None and index == self._before):
            if self._first is None:
                expected, self._expected = self._expected, None
                here = expected is not None and expected[0] == index
                self._first = expected[1].result() if expected and here else self._cut(index, 1)[0]
            self._before = index
            return self._first
        self._first = None
        number, within = divmod(index, SLAB)
        slab = self._slabs.get(number)
        if slab is None:
            slab = self._cut(number * SLAB, SLAB)
        self._keep(number, slab)
        before, self._before = self._before, index
        forward = before is not None and index > before
        if before is not None and index != before and (within >= SLAB // 2) == forward:
            self._look_ahead(number, number + (1 if forward else -1))
        flat: NDArray[Any] = slab[within]
        return flat

    def _look_ahead(self, number: int, beside: int) -> None:
        if beside not in self._slabs and beside not in self._coming and 0 <= beside * SLAB < self._array.shape[2]:
            self._coming.add(beside)
            QThreadPool.globalInstance().start(lambda: self._fetch(beside, number))

    def _fetch(self, number: int, near: int) -> None:
        try:
            slab = self._cut(number * SLAB, SLAB)
            with self._lock:
                if near in self._slabs:  # nobody has jumped elsewhere meanwhile
                    self._slabs = {near: self._slabs[near], number: slab}
        finally:
            self._coming.discard(number)

    def _keep(self, number: int, slab: NDArray[Any]) -> None:
        with self._lock:
            others = [(at, one) for at, one in self._slabs.items() if at != number]
            self._slabs = dict([*others[-(KEPT - 1) :], (number, slab)])

    def _cut(self, first: int, amount: int) -> NDArray[Any]:
        """Neighbouring slices, (x, z, y), each contiguous."""
        # A plain array: every view of a mapped one costs some microseconds more.
        part = np.asarray(self._array)[:, :, first : first + amount]
        found = np.empty((part.shape[2], *part.shape[:2]), part.dtype)
        for z in range(0, part.shape[0], AT_ONCE):
            found[:, z : z + AT_ONCE] = part[z : z + AT_ONCE].transpose(2, 0, 1)
            self.give_back()
        return found

    def give_back(self) -> None:
        """Let the system have the pages; they come again from its cache, and nothing was written on them.

        Around a row that is read the system maps its neighbours too, so that a slice across the second
        axis can map most of a file.
        """
        mapped = getattr(self._array, "_mmap", None)
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)
