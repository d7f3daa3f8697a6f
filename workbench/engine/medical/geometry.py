"""Where voxels lie: affines, SimpleITK images and the resampling between grids.

An affine here is a (4, 4) matrix that takes voxel indices (x, y, z) to LPS millimetres; NIfTI's RAS
becomes LPS by `flipped`, which is its own inverse.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813

from workbench.core.volumes import Geometry, Matrix, Triple

Affine = np.ndarray
RIGHT_ANGLE = 1e-4
"""Largest cosine between two axes that still counts as a right angle (0.006 degrees)."""
SAME_MM = 1e-3
ON_GRID = 1e-2
"""Of a voxel: a grid that is so close to another, corner to corner, is a part of it."""


def affine_of(geometry: Geometry) -> Affine:
    """The (4, 4) matrix from voxel (x, y, z) to LPS millimetres."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(geometry.direction).reshape(3, 3) * np.array(geometry.spacing_mm)
    affine[:3, 3] = geometry.origin_mm
    return affine


def geometry_of(affine: Affine) -> Geometry:
    """The geometry of an LPS affine; sheared axes are kept as they are.

    Raises ValueError when the matrix is not finite or squeezes space flat.
    """
    axes = np.asarray(affine, dtype=float)[:3, :3]
    spacing = np.linalg.norm(axes, axis=0)
    if not np.isfinite(affine).all() or (spacing <= 0).any() or abs(np.linalg.det(axes / spacing)) < 1e-6:
        raise ValueError("the voxel axes do not span space")
    direction = axes / spacing
    return Geometry(
        spacing_mm=_triple(spacing), origin_mm=_triple(affine[:3, 3]), direction=_matrix(direction)
    )  # fmt: skip


def _triple(values: Any) -> Triple:
    x, y, z = (float(value) for value in values)
    return (x, y, z)


def _matrix(values: np.ndarray) -> Matrix:
    flat: Any = tuple(float(value) + 0.0 for value in np.asarray(values).reshape(9))
    found: Matrix = flat
    return found


def flipped(affine: Affine) -> Affine:
    """RAS as LPS, or LPS as RAS: the first two world axes change their sign."""
    turned: Affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    return turned


def is_sheared(geometry: Geometry) -> bool:
    """Whether two voxel axes do not stand at a right angle (gantry tilt, a sheared sform)."""
    direction = np.array(geometry.direction).reshape(3, 3)
    return bool(np.abs(direction.T @ direction - np.eye(3)).max() > RIGHT_ANGLE)


def squared(geometry: Geometry) -> Geometry:
    """The same with direction cosines exactly orthonormal, for readers that insist on it."""
    u, _, v = np.linalg.svd(np.array(geometry.direction).reshape(3, 3))
    return Geometry(geometry.spacing_mm, geometry.origin_mm, _matrix(u @ v))


def is_same_grid(one: Geometry, other: Geometry, shape: tuple[int, ...]) -> bool:
    """Whether two geometries put every corner of a (z, y, x) array within a thousandth of a millimetre."""
    corners = np.array([[x, y, z, 1] for x in (0, shape[2] - 1) for y in (0, shape[1] - 1) for z in (0, shape[0] - 1)])
    gap = (affine_of(one) - affine_of(other)) @ corners.T
    return bool(np.abs(gap).max() <= SAME_MM)


def turned_axes(one: Geometry, other: Geometry, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The axes (0 z, 1 y, 2 x) that two grids of a (z, y, x) shape count from opposite ends; None if voxels differ."""
    between = np.linalg.inv(affine_of(other)) @ affine_of(one)
    axes = tuple(axis for axis in range(3) if between[2 - axis, 2 - axis] < 0)
    wanted = np.eye(4)
    for axis in axes:
        wanted[2 - axis, 2 - axis], wanted[2 - axis, 3] = -1, shape[axis] - 1
    ends = np.array([[x, y, z, 1] for x in (0, shape[2] - 1) for y in (0, shape[1] - 1) for z in (0, shape[0] - 1)])
    return axes if np.abs((between - wanted) @ ends.T).max() <= ON_GRID else None


def placed(array: np.ndarray, geometry: Geometry, onto: Geometry, shape: tuple[int, ...]) -> np.ndarray | None:
    """A (z, y, x) array on a grid of which its own is a part, voxel for voxel, axes counted either way; None else.

    Background (0) stands around it; what lies outside the grid is cut off.
    """
    between = np.linalg.inv(affine_of(onto)) @ affine_of(geometry)
    for axis in range(3):
        if between[axis, axis] < 0:
            # The same voxels, counted from the other end.
            between[:, 3] += between[:, axis] * (array.shape[2 - axis] - 1)
            between[:, axis] *= -1
            array = np.flip(array, 2 - axis)
    start = np.rint(between[:3, 3]).astype(int)
    ends = np.array(array.shape)[::-1, None] - 1
    if np.abs((between[:3, :3] - np.eye(3)) * ends.T).max() > ON_GRID or np.abs(between[:3, 3] - start).max() > ON_GRID:
        return None
    found = np.zeros(shape, array.dtype)
    low = np.maximum(start[::-1], 0)
    high = np.minimum(start[::-1] + array.shape, shape)
    if (high > low).all():
        inside = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        own = tuple(slice(a, b) for a, b in zip(low - start[::-1], high - start[::-1], strict=True))
        found[inside] = array[own]
    return found


def to_sitk(array: np.ndarray, geometry: Geometry) -> sitk.Image:
    """A SimpleITK image of a (z, y, x) array."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    image.SetSpacing(geometry.spacing_mm)
    image.SetOrigin(geometry.origin_mm)
    image.SetDirection(geometry.direction)
    return image


def of_sitk(image: sitk.Image) -> Geometry:
    """The geometry of a SimpleITK image of two or three dimensions, in LPS millimetres."""
    spacing, origin = list(image.GetSpacing()), list(image.GetOrigin())
    count = len(spacing)
    direction = np.eye(3)
    direction[: min(count, 3), : min(count, 3)] = np.array(image.GetDirection()).reshape(count, count)[:3, :3]
    return Geometry(
        _triple([*spacing, 1.0][:3]), _triple([*origin, 0.0][:3]), _matrix(direction)
    )  # fmt: skip


def upright(geometry: Geometry, shape: tuple[int, ...]) -> tuple[Geometry, tuple[int, int, int]]:
    """The orthogonal grid that covers a sheared one of (z, y, x) `shape`, and its own shape.

    The first axis and the plane of the first two are kept; the third becomes their normal.
    """
    affine = affine_of(geometry)
    x_axis = affine[:3, 0] / geometry.spacing_mm[0]
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    normal /= np.linalg.norm(normal)
    normal *= np.sign(normal @ affine[:3, 2])
    y_axis = np.cross(normal, x_axis)
    y_axis *= np.sign(y_axis @ affine[:3, 1])
    direction = np.stack([x_axis, y_axis, normal], axis=1)
    spacing = np.array([*geometry.spacing_mm[:2], abs(affine[:3, 2] @ normal)])
    ends = np.array([[x, y, z, 1] for x in (0, shape[2] - 1) for y in (0, shape[1] - 1) for z in (0, shape[0] - 1)])
    inside = (affine @ ends.T)[:3].T @ direction
    low, high = inside.min(axis=0), inside.max(axis=0)
    counts = np.maximum(np.ceil((high - low) / spacing - 1e-6).astype(int) + 1, 1)
    grid = Geometry(_triple(spacing), _triple(direction @ low), _matrix(direction))
    return grid, (int(counts[2]), int(counts[1]), int(counts[0]))


def resample(
    array: np.ndarray, geometry: Geometry, onto: Geometry, shape: tuple[int, ...], *, nearest: bool, fill: float = 0
) -> np.ndarray:
    """The values of a (z, y, x) array on another grid of (z, y, x) `shape`, in the array's own type.

    Linear between voxels, or the nearest one's value for labels; `fill` stands outside.
    """
    like = sitk.Image(*(int(shape[axis]) for axis in (2, 1, 0)), sitk.sitkUInt8)
    like.SetSpacing(onto.spacing_mm)
    like.SetOrigin(onto.origin_mm)
    like.SetDirection(onto.direction)
    how = sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear
    image = to_sitk(array, geometry)
    found = sitk.Resample(image, like, sitk.Transform(), how, float(fill), image.GetPixelID())
    values: np.ndarray = sitk.GetArrayFromImage(found)
    return values


def orientation(geometry: Geometry) -> str:
    """The patient's side that each voxel axis grows to, by its nearest letter: 'LPS', 'LPI', 'PSR' …"""
    letters = ("RL", "AP", "IS")
    direction = np.array(geometry.direction).reshape(3, 3)
    found = ""
    for axis in range(3):
        at = int(np.abs(direction[:, axis]).argmax())
        found += letters[at][int(direction[at, axis] > 0)]
    return found
