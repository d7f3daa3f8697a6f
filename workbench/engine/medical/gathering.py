"""An answer's labels, entropy, volumes and probabilities, made slab by slab from what the network says of slices."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import KnownTrouble
from workbench.core.volumes import Geometry
from workbench.engine.medical.geometry import affine_of, resample
from workbench.engine.medical.segmentation import Floats
from workbench.engine.medical.sliding import entropy
from workbench.engine.text import cache

Bytes = NDArray[np.uint8]
FINEST = 65_535
"""Many probabilities that wait for another grid are kept as whole numbers up to this: 7.6e-6 at most away."""
MANY_BYTES = 1 << 28
"""So many, and no fewer, in single precision."""
SLAB_BYTES = 1 << 26
"""About how much single-precision probabilities of a few slices may take, all classes together."""


@dataclasses.dataclass
class Gathering:
    """What slices of probabilities come to: labels, entropy, counted voxels and, where `maps` has a name, a file each.

    `shape` is the answer's (z, y, x); `assemble` makes label values (d, y, x) of probabilities (K, d, y, x), `counts`
    tells voxels by name, of both. Slabs may come in any order, each slice once.
    """

    shape: tuple[int, ...]
    reading: str
    assemble: Callable[[Floats], Bytes]
    counts: Callable[[Floats, Bytes], list[tuple[str, int]]]
    maps: Sequence[str] = ()
    """A name for each of the K channels whose probabilities are kept as bytes, 255 for certain; '' for the others."""

    def __post_init__(self) -> None:
        self.labels = np.zeros(self.shape, np.uint8)
        self.unsure = np.zeros(self.shape, np.float16)
        self.voxels: dict[str, int] = {}
        self._files = [_MapFile(self.shape) if name else None for name in self.maps]

    def take(self, start: int, share: Floats) -> Bytes:
        """Probabilities (K, d, y, x) of slices from `start` on; their labels. Raises KnownTrouble on a full disk."""
        there = slice(start, start + share.shape[1])
        made = self.labels[there] = self.assemble(share)
        self.unsure[there] = entropy(share, self.reading)
        for name, count in self.counts(share, made):
            self.voxels[name] = self.voxels.get(name, 0) + count
        for file, one in zip(self._files, share, strict=False):
            if file is not None:
                file.write(start, one)
        return made

    def kept(self, folder: Path, stem: str) -> list[tuple[int, str, Path]]:
        """Give the probabilities' files their names: channel, its name, `folder`/STEM-pCHANNEL.npy (uint8)."""
        found = []
        for at, (name, file) in enumerate(zip(self.maps, self._files, strict=True)):
            if file is not None:
                found.append((at, name, file.named(folder / f"{stem}-p{at}.npy")))
        return found

    def digest(self) -> str:
        """Tells two answers apart."""
        found = hashlib.sha256(self.labels.data)
        found.update(self.unsure.data)
        return found.hexdigest()

    def close(self) -> None:
        """Files that got no name are gone."""
        for file in self._files:
            if file is not None:
                file.close()


class _MapFile:
    """A .npy of bytes (z, y, x) that is written slab by slab, not mapped: its pages are no memory of this process."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.path = cache.folder("segmentations") / f"growing-{uuid.uuid4().hex}.npy"
        self._slice = int(np.prod(shape[1:]))
        self._file: Any = None
        try:
            self._file = self.path.open("wb")
            header = {"descr": "|u1", "fortran_order": False, "shape": tuple(int(one) for one in shape)}
            np.lib.format.write_array_header_1_0(self._file, header)
            self._start = self._file.tell()
            self._file.truncate(self._start + self._slice * int(shape[0]))
        except OSError as error:
            self.close()
            raise _unwritten(error) from None

    def write(self, start: int, share: Floats) -> None:
        """Probabilities (d, y, x) of slices from `start` on."""
        try:
            self._file.seek(self._start + start * self._slice)
            self._file.write(np.rint(share * np.float32(255)).astype(np.uint8))
        except OSError as error:
            raise _unwritten(error) from None

    def named(self, path: Path) -> Path:
        """The file, finished; one of this name that is there already holds the same and stays."""
        try:
            self._file.close()
            if path.exists():
                cache.touch(path)
            else:
                self.path.replace(path)
        except OSError as error:
            raise _unwritten(error) from None
        return path

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def _unwritten(error: OSError) -> KnownTrouble:
    return KnownTrouble(
        "The probabilities cannot be written.", expected="room in the home's cache for a byte per voxel and label",
        received=str(error), fix="Free some space, or segment without probabilities.",
    )  # fmt: skip


class Elsewhere:
    """Probabilities on the network's grid that wait to be brought onto another: two bytes a value where many."""

    def __init__(self, space: tuple[int, ...], lies: Geometry) -> None:
        self._space, self._lies = space, lies
        self._values: NDArray[Any] | None = None

    def take(self, start: int, share: Floats) -> None:
        """Probabilities (K, d, y, x) of slices from `start` on."""
        if self._values is None:
            shape = (len(share), *self._space)
            self._values = np.zeros(shape, np.float32 if 4 * int(np.prod(shape)) < MANY_BYTES else np.uint16)
        there = self._values[:, start : start + share.shape[1]]
        there[:] = share if there.dtype == np.float32 else np.rint(share * np.float32(FINEST))

    def clear(self) -> None:
        """They are needed no more."""
        self._values = None

    def onto(
        self, lies: Geometry, shape: tuple[int, ...], take: Callable[[int, Floats], object],
        told: Callable[[int], object] = lambda start: None,
    ) -> None:  # fmt: skip
        """Give `take` slabs (K, d, y, x) of the other grid in order, linear between voxels, 0 outside.

        `told` hears of each before it is made, and may raise.
        """
        if self._values is None:
            raise ValueError("There are no probabilities.")
        kinds = len(self._values)
        deep = max(1, SLAB_BYTES // (4 * kinds * shape[1] * shape[2]))
        for start in range(0, shape[0], deep):
            told(start)
            part = (min(deep, shape[0] - start), *shape[1:])
            there = _moved(lies, (0, 0, start))
            box = _reach(there, part, self._lies, self._space)
            found = np.zeros((kinds, *part), np.float32)
            if all(one.start < one.stop for one in box):
                near = _moved(self._lies, tuple(one.start for one in reversed(box)))
                for at, values in enumerate(self._values):
                    cut = np.asarray(values[box], np.float32)
                    cut = cut / np.float32(FINEST) if values.dtype == np.uint16 else cut
                    found[at] = resample(cut, near, there, part, nearest=False)
            take(start, found)


def _moved(lies: Geometry, voxel: tuple[int, ...]) -> Geometry:
    """The grid whose first voxel is voxel (x, y, z) of this one."""
    origin = affine_of(lies) @ [*voxel, 1.0]
    return Geometry(lies.spacing_mm, (float(origin[0]), float(origin[1]), float(origin[2])), lies.direction)


def _reach(
    lies: Geometry, shape: tuple[int, ...], onto: Geometry, space: tuple[int, ...]
) -> tuple[slice, ...]:  # fmt: skip
    """The box (z, y, x) of one grid of `space` whose voxels another grid of `shape` reads, and one more around it."""
    steps = np.linalg.inv(affine_of(onto)) @ affine_of(lies)
    far = [(0, count - 1) for count in reversed(shape)]
    corners = np.array([[x, y, z, 1.0] for x in far[0] for y in far[1] for z in far[2]])
    seen = (corners @ steps.T)[:, :3]
    low, high = np.floor(seen.min(0)).astype(int) - 1, np.ceil(seen.max(0)).astype(int) + 2
    box = [slice(max(0, int(first)), min(count, int(last)))
           for first, last, count in zip(low, high, reversed(space), strict=True)]  # fmt: skip
    return tuple(reversed(box))
