"""Edits of a label array as differences in tiles, so that a stroke over many slices takes little memory."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.gui.undo import Edit

TILE = (8, 64, 64)
"""Voxels (z, y, x) of a tile: 32 kB of 8-bit labels."""
Box = tuple[slice, slice, slice]
Tile = tuple[int, int, int]
Told = Callable[["TilesEdit", int], object]


def counts(region: NDArray[Any]) -> dict[int, int]:
    """How many voxels there are of each value."""
    if region.dtype == np.uint8:
        number = np.bincount(region.ravel())
        return {int(value): int(number[value]) for value in np.flatnonzero(number)}
    values, numbers = np.unique(region, return_counts=True)
    return dict(zip(values.tolist(), numbers.tolist(), strict=True))


def clipped(box: Box, shape: tuple[int, ...]) -> Box:
    """The part of a box that lies in an array; ends are numbers."""
    ends = [one.indices(size) for one, size in zip(box, shape, strict=True)]
    (z0, z1, _), (y0, y1, _), (x0, x1, _) = ends
    return slice(z0, max(z0, z1)), slice(y0, max(y0, y1)), slice(x0, max(x0, x1))


def tiles_in(box: Box) -> Iterator[Tile]:
    """The tiles that a box with numbers as ends touches."""
    ranges = [
        range(one.start // size, -(-one.stop // size)) if one.stop > one.start else range(0)
        for one, size in zip(box, TILE, strict=True)
    ]
    yield from itertools.product(*ranges)


def box_of(tile: Tile) -> Box:
    """Where a tile lies; at the end of an axis it may reach over the array."""
    z, y, x = (slice(at * size, (at + 1) * size) for at, size in zip(tile, TILE, strict=True))
    return z, y, x


def around(tiles: list[Tile], shape: tuple[int, ...]) -> Box:
    """The smallest box that holds these tiles."""
    ends = [(min(one), max(one)) for one in zip(*tiles, strict=True)]
    z, y, x = (slice(low * size, (high + 1) * size) for (low, high), size in zip(ends, TILE, strict=True))
    return clipped((z, y, x), shape)


class TilesEdit(Edit):
    """Bitwise differences of before and after, tile by tile; one difference serves both ways."""

    def __init__(
        self, array: NDArray[Any], packed: dict[Tile, bytes], gained: dict[int, int], told: Told, *, text: str
    ) -> None:
        """The array holds what was painted already; `told` hears of each undo (−1) and redo (+1).

        `gained` says how many voxels more of each value there are after the edit.
        """
        super().__init__(text)
        self._array, self._packed, self._told = array, packed, told
        self.gained = gained
        self.box = around(list(packed), array.shape)
        self._painted = True

    @property
    def nbytes(self) -> int:
        return sum(len(one) + 96 for one in self._packed.values())

    def forget(self) -> None:
        self._packed = {}

    def redo(self) -> None:
        if self._painted:  # pushing calls redo, and the person has painted it
            self._painted = False
        else:
            self._flip(1)

    def undo(self) -> None:
        self._flip(-1)

    def _flip(self, sign: int) -> None:
        if not self._packed:
            return
        for tile, packed in self._packed.items():
            box = box_of(tile)
            region = np.ascontiguousarray(self._array[box])
            raw = region.reshape(-1).view(np.uint8)
            raw ^= np.frombuffer(zlib.decompress(packed), np.uint8)
            self._array[box] = region
        self._told(self, sign)


class Stroke:
    """One edit under way: remembers each tile as it was before it is first painted on."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        self._before: dict[Tile, NDArray[Any]] = {}

    def touch(self, box: Box) -> None:
        """This box is about to be painted on."""
        for tile in tiles_in(clipped(box, self._array.shape)):
            if tile not in self._before:
                self._before[tile] = self._array[box_of(tile)].copy()

    def put_back(self) -> Box | None:
        """Undo what was painted so far and return where; the stroke goes on. None where nothing was touched."""
        if not self._before:
            return None
        for tile, before in self._before.items():
            self._array[box_of(tile)] = before
        return around(list(self._before), self._array.shape)

    def undo_within(self, copy: NDArray[Any], box: Box) -> None:
        """Undo what was painted so far in a copy of a box."""
        for tile, before in self._before.items():
            here, there = [], []
            for wanted, first, size in zip(box, (at * size for at, size in zip(tile, TILE, strict=True)),
                                           before.shape, strict=True):  # fmt: skip
                low, high = max(wanted.start, first), min(wanted.stop, first + size)
                here.append(slice(low - wanted.start, max(low, high) - wanted.start))
                there.append(slice(low - first, max(low, high) - first))
            if all(one.stop > one.start for one in here):
                copy[tuple(here)] = before[tuple(there)]

    def undo_in(self, slices: dict[int, NDArray[Any]]) -> None:
        """Undo what was painted so far in copies of slices along z."""
        for tile, before in self._before.items():
            where = box_of(tile)
            for at, flat in enumerate(before, where[0].start):
                if at in slices:
                    slices[at][where[1], where[2]] = flat

    def finish(self, told: Told, *, text: str) -> TilesEdit | None:
        """The step to push; None where nothing changed."""
        packed: dict[Tile, bytes] = {}
        gained: dict[int, int] = {}
        for tile, before in self._before.items():
            after = np.ascontiguousarray(self._array[box_of(tile)])
            differ = after != before
            if not differ.any():
                continue
            apart = after.reshape(-1).view(np.uint8) ^ before.reshape(-1).view(np.uint8)
            packed[tile] = zlib.compress(apart.tobytes(), 1)
            for values, sign in ((after[differ], 1), (before[differ], -1)):
                for value, number in counts(values).items():
                    gained[value] = gained.get(value, 0) + sign * number
        self._before = {}
        return TilesEdit(self._array, packed, gained, told, text=text) if packed else None
