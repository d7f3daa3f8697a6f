"""Labels as a reader signed them: compressed arrays below the home's review folder, with what was changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.volumes import VolumeMeta

FOLDER = "readings"


class Signed(msgspec.Struct, frozen=True):
    """What `sign` found out: the file's name, both digests, and Dice by label; `changed` counts voxels."""

    file: str
    before: str
    after: str
    dice: dict[str, float]
    changed: int


def array_digest(array: NDArray[Any]) -> str:
    """SHA-256 of an array's values in (z, y, x) order, slice by slice."""
    found = hashlib.sha256(f"{array.shape} {array.dtype.str}".encode())
    for flat in array:
        found.update(np.ascontiguousarray(flat).tobytes())
    return found.hexdigest()


def dice_by_value(before: NDArray[Any], after: NDArray[Any]) -> tuple[dict[int, float], int]:
    """Dice of every value but 0 in two label arrays (z, y, x), and how many voxels differ.

    2 |A∩B| / (|A| + |B|), counted slice by slice. Raises ValueError when the shapes differ.
    """
    if before.shape != after.shape:
        raise ValueError(f"Labels of shape {before.shape} cannot be held against {after.shape}")
    sizes: dict[int, int] = {}
    common: dict[int, int] = {}
    changed = 0
    for old, new in zip(before, after, strict=True):
        same = old == new
        changed += int(same.size - np.count_nonzero(same))
        for flat, into in ((old, sizes), (new, sizes), (old[same], common)):
            for value, number in zip(*np.unique(flat, return_counts=True), strict=True):
                into[int(value)] = into.get(int(value), 0) + int(number)
    return {value: 2 * common.get(value, 0) / sizes[value] for value in sorted(sizes) if value}, changed


def sign(folder: Path, name: str, after: NDArray[Any], before: NDArray[Any], names: Mapping[int, str]) -> Signed:
    """Keep labels (z, y, x) as they are now below the review folder, forced to the disk. Raises OSError.

    `before` are those of the model or the file; `names` are the labels' by their values.
    """
    dice, changed = dice_by_value(before, after)
    digest = array_digest(after)
    file = f"{FOLDER}/{name}-{digest[:16]}.npz"
    target = folder / file
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        with scratch.open("wb") as out:
            np.savez_compressed(out, labels=after)
            out.flush()
            os.fsync(out.fileno())
        scratch.replace(target)
    told = {names.get(value, f"label {value}"): round(one, 6) for value, one in dice.items()}
    return Signed(file, digest if not changed else array_digest(before), digest, told, changed)


def keep_meta(folder: Path, file: str, meta: VolumeMeta) -> None:
    """Beside the signed labels: where they lie and what they are called. Raises OSError."""
    target = (folder / file).with_suffix(".json")
    scratch = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    scratch.write_bytes(msgspec.json.encode(meta))
    scratch.replace(target)


def read_signed(folder: Path, file: str, digest: str = "") -> tuple[NDArray[Any], VolumeMeta]:
    """Signed labels (z, y, x) with their meaning; `digest` is what the log says of them.

    Raises InputError where they are missing, damaged or other ones than were signed.
    """
    path = folder / file
    try:
        with np.load(path, allow_pickle=False) as kept:
            array: NDArray[Any] = kept["labels"]
        meta = msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=VolumeMeta)
    except (OSError, ValueError, KeyError, EOFError, msgspec.DecodeError) as error:
        raise InputError("The labels that were signed cannot be read.", expected="a whole file of labels",
                         received=str(error), fix="Open the case and sign it again.",
                         place=str(path)) from None  # fmt: skip
    if digest and array_digest(array) != digest:
        raise InputError("These are not the labels that were signed.", expected=f"SHA-256 {digest}",
                         received=array_digest(array), fix="Restore the file from a copy, or sign the case again.",
                         place=str(path))  # fmt: skip
    return array, meta
