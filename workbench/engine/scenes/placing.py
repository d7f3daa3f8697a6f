"""Where things stand, applied to their numbers: points, directions, boxes and grids under a 4 × 4 placement."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import Box, Placement, RadianceMeta
from workbench.core.volumes import Geometry, Triple
from workbench.engine.scenes.keeping import triple

Matrix = NDArray[np.float64]


def matrix_of(placement: Placement) -> Matrix:
    """A placement as (4, 4)."""
    return np.asarray(placement, np.float64).reshape(4, 4)


def is_unmoved(matrix: Matrix) -> bool:
    """Whether a placement leaves everything where it is."""
    return bool((matrix == np.eye(4)).all())


def with_origin(matrix: Matrix, origin: Triple) -> Matrix:
    """What takes a thing's stored coordinates, without its origin, to the file's."""
    shift = np.eye(4)
    shift[:3, 3] = origin
    return matrix @ shift


def moved(points: NDArray[np.float32], origin: Triple, matrix: Matrix) -> NDArray[np.float64]:
    """Stored coordinates (N, 3) with their origin, in double precision, where the placement puts them."""
    here: NDArray[np.float64] = np.asarray(points, np.float64) + np.asarray(origin, np.float64)
    if is_unmoved(matrix):
        return here
    placed: NDArray[np.float64] = here @ matrix[:3, :3].T + matrix[:3, 3]
    return placed


def turned(normals: NDArray[np.float32], matrix: Matrix) -> NDArray[np.float32]:
    """Normals (N, 3) under a placement, of length 1 where they were of any."""
    if is_unmoved(matrix):
        return normals
    found = normals.astype(np.float64) @ np.linalg.pinv(matrix[:3, :3])
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return (found / np.where(length > 0, length, 1)).astype(np.float32)


def is_mirrored(matrix: Matrix) -> bool:
    """Whether a placement turns left hands into right ones: faces then show their backs."""
    return bool(np.linalg.det(matrix[:3, :3]) < 0)


def about_z(matrix: Matrix) -> tuple[float, NDArray[np.float64], NDArray[np.float64]] | None:
    """A placement's turn about z in radians, its scales (3,) before that, and its shift; None where it is another."""
    inner = matrix[:3, :3]
    yaw = math.atan2(inner[1, 0], inner[0, 0])
    turn = np.array([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1.0]])
    scales = turn.T @ inner
    size = np.abs(inner).max()
    if np.abs(scales - np.diag(np.diag(scales))).max() > 1e-6 * size or (np.diag(scales) <= 0).any():
        return None
    return yaw, np.diag(scales).copy(), matrix[:3, 3].copy()


def moved_box(box: Box, matrix: Matrix) -> Box | None:
    """A box under a placement; None where it would not be a box turned about z any more."""
    found = about_z(matrix)
    if found is None:
        return None
    yaw, scales, _ = found
    if box.yaw_rad and abs(scales[0] - scales[1]) > 1e-6 * scales[0]:
        return None
    centre = matrix[:3, :3] @ np.asarray(box.centre) + matrix[:3, 3]
    size = np.asarray(box.size) * scales
    return msgspec.structs.replace(
        box, centre=triple(centre), size=triple(size), yaw_rad=math.remainder(box.yaw_rad + yaw, math.tau)
    )


def moved_grid(meta: RadianceMeta, matrix: Matrix) -> RadianceMeta | None:
    """A radiance grid's box under a placement; None where its axes would not be the scene's any more."""
    found = about_z(matrix)
    if found is None or abs(found[0]) > 1e-9:
        return None
    _, scales, shift = found
    return msgspec.structs.replace(
        meta, low=triple(np.asarray(meta.low) * scales + shift), high=triple(np.asarray(meta.high) * scales + shift)
    )


def moved_geometry(geometry: Geometry, matrix: Matrix) -> Geometry | None:
    """A volume's geometry under a placement; None where its axes would not be at right angles any more."""
    from workbench.engine.medical.geometry import affine_of, geometry_of, is_sheared

    if is_unmoved(matrix):
        return geometry
    found = geometry_of(matrix @ affine_of(geometry))
    return None if is_sheared(found) else found
