"""Reading a run's files for a view: whatever is wrong with a file becomes an InputError."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core import events as ev
from workbench.core.documents import Item, ItemsDoc, read
from workbench.core.problem import InputError

_FIX = "The rest of the run is intact; run it again to get this view back."


def inside(folder: Path, relative: str) -> Path:
    """A path of the run; raises InputError where it leads out of the run's folder.

    Run folders are mailed around, so their events are not trusted.
    """
    path = (folder / relative).resolve()
    if not relative or not path.is_relative_to(folder.resolve()):
        raise InputError(
            "A file named by this run lies outside its folder.",
            expected=f"a path below {folder.name}",
            received=relative or "an empty path",
            fix="Open only run folders whose source you trust.",
            place=str(folder),
        )
    return path


def array(path: Path, *, ndim: int) -> NDArray[Any]:
    """A memory-mapped array; raises InputError when missing, truncated, pickled or of another rank."""
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputError(
            "A file of this run is missing.",
            expected=f"an array at {path.name}",
            received="no such file",
            fix=_FIX,
            place=str(path),
        ) from None
    except (OSError, ValueError, EOFError) as error:
        raise damaged(path, "a whole .npy array", str(error)) from None
    if not isinstance(found, np.ndarray) or found.ndim != ndim or found.dtype.kind not in "biuf":
        raise damaged(path, f"an array of numbers with {ndim} axes", str(getattr(found, "shape", "an archive")))
    return found


def damaged(path: Path, expected: str, received: str) -> InputError:
    """What a view says of a file that is there and cannot be used."""
    return InputError("A file of this run is damaged.", expected=expected, received=received, fix=_FIX, place=str(path))


def items_of(folder: Path, artifact: ev.Artifact) -> list[Item]:
    """The examples that an artifact's part `items` lists; empty where it has none."""
    part = artifact.parts.get("items", "")
    return read(inside(folder, part), ItemsDoc).items if part else []


def size_bytes(folder: Path, artifact: ev.Artifact) -> int:
    """How much there is to read, to decide where to read it; missing files count nothing."""
    total = 0
    for relative in (artifact.path, *artifact.parts.values()):
        try:
            total += (folder / relative).stat().st_size
        except (OSError, ValueError):
            continue
    return total
