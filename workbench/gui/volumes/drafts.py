"""Edited labels on disk, beside the artifact that they correct: only the slices that were touched, compressed."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.volumes import Label

SUFFIX = ".edits"


class EditedSlices(msgspec.Struct):
    """Slices along z that differ from an artifact's, each whole and compressed; `labels` as they are called now."""

    shape: tuple[int, int, int]
    dtype: str
    size_bytes: int
    """Of the artifact, as is `checksum` (CRC-32): edits never land on another array."""
    checksum: int
    labels: list[Label]
    slices: dict[int, bytes]


def edits_path(artifact: Path) -> Path:
    """Where an artifact's edits are kept."""
    return artifact.with_name(artifact.name + SUFFIX)


def packed(flat: NDArray[Any]) -> bytes:
    """A slice (y, x), compressed."""
    return zlib.compress(np.ascontiguousarray(flat).tobytes(), 1)


def write(path: Path, edits: EditedSlices | None) -> None:
    """Replace a file of edits in one step that survives a kill; with none left it goes. Raises OSError."""
    if edits is None:
        path.unlink(missing_ok=True)
        return
    scratch = path.with_name(path.name + ".tmp")
    with scratch.open("wb") as file:
        file.write(msgspec.msgpack.encode(edits))
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def read(path: Path) -> EditedSlices | None:
    """The edits of a file; None where there is none; raises InputError when it is damaged."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=EditedSlices)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(
            "Edits of these labels were autosaved and cannot be read.",
            expected="a whole file of edits",
            received=str(error),
            fix="Move the file away to go on without them.",
            place=str(path),
        ) from None


def take_up(edits: EditedSlices, labels: NDArray[Any]) -> dict[int, NDArray[Any]]:
    """The slices (y, x) to put into an array by their z; raises InputError where they are of another array."""
    _, rows, columns = labels.shape
    if edits.shape != labels.shape or np.dtype(edits.dtype) != labels.dtype:
        raise InputError(
            "The autosaved edits belong to other labels.",
            expected=f"{labels.shape} {labels.dtype.str}",
            received=f"{edits.shape} {edits.dtype}",
            fix="Move the file of edits away to go on without them.",
        )
    found = {}
    for z, one in edits.slices.items():
        try:
            flat = np.frombuffer(zlib.decompress(one), labels.dtype)
            if not 0 <= z < labels.shape[0]:
                raise ValueError(f"slice {z}")
            found[z] = flat.reshape(rows, columns)
        except (zlib.error, ValueError) as error:
            raise InputError(
                "The autosaved edits of these labels are damaged.",
                expected=f"slices of {rows} × {columns}",
                received=str(error),
                fix="Move the file of edits away to go on without them.",
            ) from None
    return found
