"""NumPy files (.npy, .npz) whose claims are checked against what they hold before anything is allocated."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from workbench.core.problem import Problem
from workbench.core.words import spaced
from workbench.engine.medical.arrays import check_room
from workbench.engine.scenes.readingmeshes import damaged

MOST_PACKED = 1032
"""Deflate packs at most so many bytes into one."""


class Claim(NamedTuple):
    """What an array's header says."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size_bytes(self) -> int:
        """What its values take."""
        many = 1
        for one in self.shape:
            many *= one
        return many * self.dtype.itemsize


def _header(file: Any, path: Path) -> tuple[Claim, int]:
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file, max_header_size=10_000)
    except Exception as error:  # zip errors and the parser's
        raise damaged(path, "a NumPy array", "a whole array", str(error)[:120] or type(error).__name__) from None
    if dtype.hasobject or dtype.kind not in "biufSU" or any(one < 0 for one in shape):
        raise damaged(path, "a NumPy array", "numbers", f"{dtype}")
    return Claim(tuple(shape), dtype), file.tell()


def claims(path: Path) -> dict[str, Claim]:
    """The arrays of an .npz by name, each no larger than the archive can hold. Raises InputError."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = {}
            for one in archive.infolist():
                if not one.filename.endswith(".npy"):
                    continue
                with archive.open(one) as file:
                    claim, begins = _header(file, path)
                if claim.size_bytes + begins != one.file_size or one.file_size > MOST_PACKED * one.compress_size + 1024:
                    raise damaged(path, "a NumPy archive", f"{spaced(claim.size_bytes)} bytes of {one.filename}",
                                  f"{spaced(one.file_size)} of {spaced(one.compress_size)} packed ones")  # fmt: skip
                found[one.filename.removesuffix(".npy")] = claim
            return found
    except Problem:
        raise
    except Exception as error:
        raise damaged(
            path, "a NumPy archive", "a whole zip archive", str(error)[:120] or type(error).__name__
        ) from None


def read_member(path: Path, name: str, folder: Path | None = None) -> NDArray[Any]:
    """An array of an .npz. Raises InputError where it is damaged, KnownTrouble where memory is short."""
    claim = claims(path)[name]
    check_room(claim.size_bytes, path, folder)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return np.asarray(archive[name])
    except Exception as error:
        raise damaged(path, "a NumPy archive", f"a whole array {name}", str(error)[:120]) from None


def map_array(path: Path) -> NDArray[Any]:
    """A .npy, mapped. Raises InputError where it is damaged or shorter than it claims."""
    with path.open("rb") as file:
        claim, begins = _header(file, path)
    if claim.size_bytes + begins > path.stat().st_size:
        raise damaged(path, "a NumPy array", f"{spaced(claim.size_bytes)} bytes", spaced(path.stat().st_size - begins))
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r" if claim.size_bytes else None, allow_pickle=False)
    except Exception as error:
        raise damaged(path, "a NumPy array", "a whole array", str(error)[:120]) from None
    return found
