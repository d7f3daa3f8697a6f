"""Volumes on disk: written slice by slice, as int16 as long as nothing is lost by it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType

import numpy as np
import psutil
from PIL import Image

from workbench.core.problem import InputError, KnownTrouble
from workbench.core.sizes import in_bytes

SPARE_BYTES = 200 << 20
INT16 = np.iinfo(np.int16)


def check_room(claimed_bytes: int, path: Path, folder: Path | None = None) -> None:
    """Whether a volume of so many bytes can be held and written; asked before anything is allocated.

    Raises KnownTrouble when memory or the disk at `folder` is too small.
    """
    free = psutil.virtual_memory().available
    if claimed_bytes + SPARE_BYTES > free:
        raise KnownTrouble(
            "This volume does not fit into memory.",
            expected=f"at most {in_bytes(max(free - SPARE_BYTES, 0))}, which is free now",
            received=f"a header that claims {in_bytes(claimed_bytes)}",
            fix="Close other programs, or crop or downsample the volume first.",
            place=path.name,
        )
    if folder is not None:
        spare = shutil.disk_usage(folder).free
        if claimed_bytes > spare:
            raise KnownTrouble(
                "There is no room on the disk for the volume's cached copy.",
                expected=f"{in_bytes(claimed_bytes)} free below the home's cache",
                received=f"{in_bytes(spare)} free",
                fix="Free some space, or move the home with WORKBENCH_HOME.",
                place=path.name,
            )


def check_claim(claimed_bytes: int, path: Path, *, held_bytes: int, packed: bool) -> None:
    """Whether a file can hold what its header claims.

    Deflate packs at most 1032 : 1, so a compressed file that claims more is damaged or hostile.
    Raises InputError.
    """
    most = held_bytes * 1032 + 1024 if packed else held_bytes
    if claimed_bytes > most:
        raise InputError(
            "The header claims more data than the file holds.",
            expected=f"{in_bytes(claimed_bytes)} of voxels",
            received=f"{in_bytes(held_bytes)}" + (" of compressed data" if packed else ""),
            fix="The file is cut off or damaged: copy or download it again.",
            place=path.name,
        )


class ArrayWriter:
    """A (z, y, x) array that grows slice by slice in a .npy file.

    int16 until a slice brings fractions or numbers out of its range, float32 from then on. What is
    not a finite number becomes 0 and is counted in `not_finite`.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int]) -> None:
        self.path, self.shape, self.not_finite = path, shape, 0
        self.low, self.high = np.inf, -np.inf
        self._scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        self._array = self._open(np.dtype(np.int16))

    def _open(self, dtype: np.dtype) -> np.memmap:
        return np.lib.format.open_memmap(self._scratch, mode="w+", dtype=dtype, shape=self.shape)

    def put(self, z: int, plane: np.ndarray) -> None:
        """Set slice z to a (y, x) plane of any real type."""
        if plane.dtype.kind == "f":
            bad = ~np.isfinite(plane)
            if bad.any():
                self.not_finite += int(bad.sum())
                plane = np.where(bad, 0, plane)
        if plane.size:
            self.low, self.high = min(self.low, float(plane.min())), max(self.high, float(plane.max()))
        if self._array.dtype == np.int16 and not _is_short(plane):
            self._promote(z)
        self._array[z] = plane

    def _promote(self, done: int) -> None:
        old, first = self._array, self._scratch
        self._scratch = first.with_suffix(".float.tmp")
        self._array = self._open(np.dtype(np.float32))
        for z in range(self.shape[0]):
            self._array[z] = old[z]
        del old
        first.unlink()

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._array.flush()
        del self._array
        if kind is None:
            self._scratch.replace(self.path)
        else:
            self._scratch.unlink(missing_ok=True)


def _is_short(plane: np.ndarray) -> bool:
    if plane.dtype.kind == "b" or (plane.dtype.kind in "iu" and plane.dtype.itemsize == 1) or plane.dtype == np.int16:
        return True
    if not plane.size:
        return True
    inside = plane.min() >= INT16.min and plane.max() <= INT16.max
    return bool(inside and (plane.dtype.kind in "iu" or (plane == np.rint(plane)).all()))


def write_array(path: Path, array: np.ndarray) -> ArrayWriter:
    """A whole (z, y, x) array through an ArrayWriter; returns it for its range and counts."""
    with ArrayWriter(path, (array.shape[0], array.shape[1], array.shape[2])) as writer:
        for z, plane in enumerate(array):
            writer.put(z, plane)
    return writer


def write_labels(path: Path, array: np.ndarray) -> None:
    """A (z, y, x) label array as uint8, or uint16 where values pass 255."""
    small = array.astype(np.uint8 if int(array.max(initial=0)) < 256 else np.uint16)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with scratch.open("wb") as file:
        np.save(file, small)
    scratch.replace(path)


def whole_numbers(array: np.ndarray, path: Path) -> np.ndarray:
    """Label values as integers; floats that are whole numbers are taken.

    Raises InputError for fractions, negative values, or values past 65535.
    """
    if array.dtype.kind == "f":
        fractions = ~np.isfinite(array) | (array != np.rint(array))
        if fractions.any():
            example = array[fractions].ravel()[0]
            raise InputError(
                "These are no labels: some values are not whole numbers.",
                expected="0 for background and 1, 2, 3 … for what is labelled",
                received=f"{example:.4g} and {int(fractions.sum()) - 1} more such values",
                fix="Drop it as an image, or round the probabilities to labels first.",
                field="labels",
                place=path.name,
            )
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if low < 0 or high > 65535:
        raise InputError(
            "These are no labels: values are out of range.",
            expected="whole numbers from 0 to 65535",
            received=f"{low:g} to {high:g}",
            fix="Drop it as an image instead.",
            field="labels",
            place=path.name,
        )
    return array.astype(np.uint16)


def grey(colours: np.ndarray) -> np.ndarray:
    """The brightness (…) of colours (…, 3 or 4) in the array's type, by ITU-R 601-2."""
    return np.rint(colours[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)).astype(
        colours.dtype if colours.dtype.kind in "iu" else np.float32
    )


def thumbnail(
    plane: np.ndarray, out: Path, *, window: tuple[float, float] | None = None, aspect: float = 1.0, size: int = 128
) -> str:
    """Write a (y, x) plane as a small grey PNG and return its path.

    `aspect` is the height of a voxel by its width; without a window the middle 98 % of values are shown.
    """
    step = max(1, max(plane.shape) // (2 * size))
    values = np.nan_to_num(plane[::step, ::step].astype(np.float32), posinf=0, neginf=0)
    low, high = (
        np.percentile(values, (1, 99)) if window is None else (window[0] - window[1] / 2, window[0] + window[1] / 2)
    )
    grey_values = np.clip((values - low) / max(float(high - low), 1e-6) * 255, 0, 255).astype(np.uint8)
    width, height = values.shape[1], max(1, round(values.shape[0] * min(max(aspect, 0.1), 10)))
    scale = size / max(width, height)
    image = Image.fromarray(grey_values).resize((max(1, round(width * scale)), max(1, round(height * scale))))
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f"{out.name}.{os.getpid()}.tmp")
    image.save(scratch, format="PNG")
    scratch.replace(out)
    return str(out)


def damaged(path: Path, kind: str, error: object) -> InputError:
    """The InputError for a file whose bytes do not make sense as `kind`."""
    said = str(error).strip().splitlines()
    return InputError(
        f"This file cannot be read as {kind}.",
        expected=f"a whole and undamaged {kind} file",
        received=(said[-1] if said else type(error).__name__)[:200],
        fix="Copy or download it again, or check that its name ends as its content is.",
        place=path.name,
    )
