"""A part of a cloud or mesh as a thing of its own, with arrays of its own; runs on any thread.

The arrays that the part is taken from are left as they are, so that an edit can go back to them.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import MOST_LISTED, Column, MeshDoc, PointsDoc
from workbench.core.volumes import Triple

Mask = NDArray[np.bool_]


def part_of(thing: PointsDoc | MeshDoc, keep: Mask, folder: Path) -> PointsDoc | MeshDoc:
    """The points or faces that `keep` (N,) says, as files in `folder`; raises OSError, ValueError.

    Points stay in their order: every beginning remains an even sample.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return _points(thing, keep, folder) if isinstance(thing, PointsDoc) else _mesh(thing, keep, folder)


def save(folder: Path, array: NDArray[Any]) -> str:
    """Write an array under a name of its own; raises OSError, and leaves nothing of it then."""
    path = folder / f"{uuid.uuid4().hex[:16]}.npy"
    try:
        np.save(path, array, allow_pickle=False)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return str(path)


def _load(path: str) -> NDArray[Any]:
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _points(thing: PointsDoc, keep: Mask, folder: Path) -> PointsDoc:
    positions = _load(thing.positions)[keep]
    low, high = bounds_of(positions)
    order = save(folder, _load(thing.order)[keep]) if thing.order else ""
    columns = tuple(_column(one, keep, folder) for one in thing.columns)
    return msgspec.structs.replace(
        thing, positions=save(folder, positions), count=len(positions), low=low, high=high, order=order,
        columns=columns, of=len(positions), notes=(),
    )  # fmt: skip


def _column(column: Column, keep: Mask, folder: Path) -> Column:
    values = _load(column.path)[keep]
    path = save(folder, values)
    if column.kind not in ("scalar", "class"):
        return msgspec.structs.replace(column, path=path)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    present = present_in(values, column.present) if column.kind == "class" else ()
    return msgspec.structs.replace(column, path=path, low=low, high=high, present=present)


def present_in(values: NDArray[Any], known: Sequence[int] = ()) -> tuple[int, ...]:
    """The classes among values as a column lists them; none but those that are `known` where there are such."""
    if known:
        return tuple(one for one in known if (values == one).any())
    found = np.unique(values)
    return tuple(int(one) for one in found) if len(found) <= MOST_LISTED else ()


def _mesh(thing: MeshDoc, keep: Mask, folder: Path) -> MeshDoc:
    faces = _load(thing.faces)[keep]
    used, places = np.unique(faces, return_inverse=True)
    vertices = _load(thing.vertices)[used]
    low, high = bounds_of(vertices)
    more = {
        name: save(folder, _load(getattr(thing, name))[used])
        for name in ("normals", "colours", "uv") if getattr(thing, name)
    }  # fmt: skip
    return msgspec.structs.replace(
        thing, vertices=save(folder, vertices), faces=save(folder, places.reshape(-1, 3).astype(np.uint32)),
        vertex_count=len(vertices), face_count=len(faces), low=low, high=high, notes=(), **more,
    )  # fmt: skip


def bounds_of(positions: NDArray[np.floating]) -> tuple[Triple, Triple]:
    """The lowest and the highest corner; zeros where there are no points."""
    if not len(positions):
        return (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
    low, high = positions.min(axis=0), positions.max(axis=0)
    return (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))
