"""A second volume brought onto the first one's grid by where both lie in the patient, so that they can be overlaid."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from workbench.core.volumes import Geometry, VolumeFile
from workbench.engine.medical.arrays import check_room, write_array
from workbench.engine.medical.geometry import affine_of, is_same_grid, resample
from workbench.engine.text import cache


def onto(volume: VolumeFile, like: VolumeFile, folder: Path) -> VolumeFile | None:
    """A volume (z, y, x) on the grid of `like`, linear between voxels, its lowest value outside; kept in `folder`.

    The same file where the grids are one already; None where nothing of it lies within that of `like`.
    Raises KnownTrouble where memory or disk are short.
    """
    array = np.load(volume.path, mmap_mode="r", allow_pickle=False)
    shape = np.load(like.path, mmap_mode="r", allow_pickle=False).shape
    lies, target = volume.meta.geometry, like.meta.geometry
    if array.shape == shape and is_same_grid(lies, target, shape):
        return volume
    if not _meet(lies, array.shape, target, shape):
        return None
    out = folder / f"onto-{cache.digest(volume.path, like.path, target)}.npy"
    folder.mkdir(parents=True, exist_ok=True)
    if not out.exists():
        room = int(np.prod(shape)) * array.dtype.itemsize
        check_room(2 * array.nbytes + room, out, folder)
        values = np.asarray(array)
        write_array(out, resample(values, lies, target, shape, nearest=False, fill=float(values.min())))
    cache.touch(out)
    told = f"brought from {_spacing(lies)} onto the grid of the first volume by where both lie"
    return VolumeFile(str(out), msgspec.structs.replace(volume.meta, geometry=target), (*volume.notes, told))


def _meet(one: Geometry, shape: tuple[int, ...], other: Geometry, other_shape: tuple[int, ...]) -> bool:
    """Whether the box of a grid reaches into another's, along the other's axes."""
    ends = [(-0.5, count - 0.5) for count in reversed(shape)]
    corners = np.array([[x, y, z, 1.0] for x in ends[0] for y in ends[1] for z in ends[2]])
    seen = (corners @ (np.linalg.inv(affine_of(other)) @ affine_of(one)).T)[:, :3]
    far = np.array(other_shape[::-1]) - 0.5
    return bool((seen.max(0) > -0.5).all() and (seen.min(0) < far).all())


def _spacing(geometry: Geometry) -> str:
    return " × ".join(f"{one:.3g}" for one in geometry.spacing_mm) + " mm"
