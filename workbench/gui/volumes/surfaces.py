"""Surfaces of labels for the 3-D view: marching cubes, smoothed, in patient millimetres; runs on any thread.

They are for the eye alone: volumes and distances are measured from the labels' voxels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.volumes import Geometry
from workbench.gui.scenes.items import smooth_normals
from workbench.gui.volumes.operations import extent
from workbench.gui.volumes.shapes import widened

MOST_VOXELS = 4_000_000
"""A larger box is thinned by whole steps, which is said."""
PASSBAND, ORDER = 0.1, 20
"""Frequencies of a mesh that stay, of 0 to 2, and how sharply the others are cut: steps of voxels lie far above."""
REACH_VOXELS = 0.35
"""A low pass moves a vertex no farther along an axis, so that no structure vanishes."""
MOST_VOXELS_MOVED = 0.5
"""Nothing moves it farther: labels beside each other part, or overlap, by less than a voxel."""
BLOCK_ROWS = 1 << 16
"""So many vertices are moved at once: a product of matrices holds Python's lock."""


@dataclasses.dataclass(frozen=True)
class Surface:
    """A closed mesh: vertices (N, 3) float32, LPS millimetres; faces (M, 3); every `step`-th voxel was looked at."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    step: int


def surface_of(labels: NDArray[Any], value: int, geometry: Geometry, *, smooth: bool = True) -> Surface:
    """The surface of a label (z, y, x), with the voxels' steps taken out where it is `smooth`.

    Marching cubes of Lewiner et al. (2003). Raises InputError where the label is nowhere.
    """
    from skimage import measure

    box = widened(extent(labels, value), (1, 1, 1), labels.shape)
    size = math.prod(one.stop - one.start for one in box)
    step = max(1, math.ceil((size / MOST_VOXELS) ** (1 / 3)))
    mask = np.pad(labels[box][::step, ::step, ::step] == value, 1)  # closed where it touches the volume's border
    marching: Any = measure.marching_cubes
    points, faces, _, _ = marching(mask.astype(np.float32), 0.5)
    if smooth:
        points = smoothed(points, faces)
    start = [one.start for one in box]
    places = (points - 1) * step + start  # array positions (z, y, x)
    return Surface(_patient(places, geometry), np.asarray(faces, np.int32), step)


def smoothed(points: NDArray[Any], faces: NDArray[Any]) -> NDArray[np.float32]:
    """Vertices (N, 3) in voxels, moved by at most REACH_VOXELS along each axis, then outwards until they hold as much.

    A windowed sinc of the mesh's frequencies, which takes its fine ones away without shrinking it (Taubin, Zhang and
    Golub, ECCV 1996), as Chebyshev polynomials of one minus half its Laplacian.
    """
    start = np.asarray(points, np.float32)
    apart = _laplacian(faces, len(start))
    weights = _windowed_sinc()
    before: NDArray[Any] = start
    now: NDArray[Any] = start - apart(start) / 2
    found = weights[0] * before + weights[1] * now
    for weight in weights[2:]:
        before, now = now, 2 * now - apart(now) - before
        found += weight * now
    found = start + np.clip(found - start, -REACH_VOXELS, REACH_VOXELS)
    # What is small or thin would be thinner else: a low pass rounds it off.
    for _ in range(2):
        lost = _held(start, faces) - _held(found, faces)
        outwards = smooth_normals(found, faces) * (lost / max(_area(found, faces), 1e-6))
        found = np.asarray(found + outwards, np.float32)
    return np.asarray(start + np.clip(found - start, -MOST_VOXELS_MOVED, MOST_VOXELS_MOVED), np.float32)


def _windowed_sinc() -> NDArray[np.float32]:
    """The weight of each polynomial: of an ideal low pass under a Hamming window; what is constant stays."""
    order = np.arange(ORDER + 1)
    edge = math.acos(1 - PASSBAND / 2)
    weights = np.where(order == 0, edge / math.pi, 2 * np.sin(order * edge) / (np.maximum(order, 1) * math.pi))
    weights *= 0.54 + 0.46 * np.cos(order * math.pi / (ORDER + 1))
    return np.asarray(weights / weights.sum(), np.float32)


def _laplacian(faces: NDArray[Any], count: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """How far each of `count` vertices is from the mean of those that share an edge with it."""
    from scipy import sparse

    ends = np.concatenate([faces[:, (0, 1)], faces[:, (1, 2)], faces[:, (2, 0)]])
    ends = np.concatenate([ends, ends[:, ::-1]])
    links = sparse.csr_matrix((np.ones(len(ends), np.float32), (ends[:, 0], ends[:, 1])), shape=(count, count))
    links.data[:] = 1  # an edge lies in two faces
    sums = np.maximum(np.diff(links.indptr), 1).astype(np.float32)
    blocks = [(links[at : at + BLOCK_ROWS], sums[at : at + BLOCK_ROWS, None]) for at in range(0, count, BLOCK_ROWS)]
    return lambda points: points - np.concatenate([rows @ points / many for rows, many in blocks])


def _patient(places: NDArray[Any], geometry: Geometry) -> NDArray[np.float32]:
    direction = np.asarray(geometry.direction, float).reshape(3, 3)
    steps = places[:, ::-1] * np.asarray(geometry.spacing_mm)
    return np.asarray(steps @ direction.T + np.asarray(geometry.origin_mm), np.float32)


def volume_ml(surface: Surface) -> float:
    """What a closed surface holds (divergence theorem), in millilitres."""
    return abs(_held(surface.vertices, surface.faces)) / 1000


def _held(points: NDArray[Any], faces: NDArray[Any]) -> float:
    """The volume within, by the divergence theorem; negative where faces are seen clockwise from outside."""
    a, b, c = (points[faces[:, at]].astype(np.float64) for at in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6


def _area(points: NDArray[Any], faces: NDArray[Any]) -> float:
    a, b, c = (points[faces[:, at]].astype(np.float64) for at in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2


def centre_mm(surfaces: Sequence[Surface]) -> tuple[NDArray[np.float32], float]:
    """The middle of all vertices' box and half its diagonal."""
    points = np.concatenate([one.vertices for one in surfaces])
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, float(np.linalg.norm(high - low)) / 2
