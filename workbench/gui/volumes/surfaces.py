"""Surfaces of labels for the 3-D view: marching cubes, smoothed, in patient millimetres; runs on any thread."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.volumes import Geometry
from workbench.gui.volumes.operations import extent
from workbench.gui.volumes.shapes import widened

MOST_VOXELS = 4_000_000
"""A larger box is thinned by whole steps, which is said."""
SMOOTHING_MM = 1.0


@dataclasses.dataclass(frozen=True)
class Surface:
    """A closed mesh: vertices (N, 3) float32, LPS millimetres; faces (M, 3); every `step`-th voxel was looked at."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    step: int


def surface_of(labels: NDArray[Any], value: int, geometry: Geometry) -> Surface:
    """The smoothed surface of a label (z, y, x); raises InputError where the label is nowhere.

    Marching cubes of Lewiner et al. (2003) at one half of the label under a Gaussian of a voxel or
    1 mm, whichever is larger.
    """
    from scipy import ndimage
    from skimage import measure

    box = widened(extent(labels, value), (1, 1, 1), labels.shape)
    size = math.prod(one.stop - one.start for one in box)
    step = max(1, math.ceil((size / MOST_VOXELS) ** (1 / 3)))
    mask = np.asarray(labels[box][::step, ::step, ::step] == value, np.float32)
    spacing = np.asarray(geometry.spacing_mm[::-1]) * step
    sigma = np.maximum(SMOOTHING_MM / spacing, 0.6)
    reach = [math.ceil(3 * one) for one in sigma]
    padded = np.pad(mask, [(one, one) for one in reach])  # closed where the label touches the volume's border
    soft = ndimage.gaussian_filter(padded, sigma, truncate=3)
    level = min(0.5, float(soft.max()) / 2)  # a structure thinner than the smoothing keeps a surface
    marching: Any = measure.marching_cubes
    points, faces, _, _ = marching(soft, level)
    start = [one.start for one in box]
    places = (points - reach) * step + start  # array positions (z, y, x)
    return Surface(_patient(places, geometry), np.asarray(faces, np.int32), step)


def _patient(places: NDArray[Any], geometry: Geometry) -> NDArray[np.float32]:
    direction = np.asarray(geometry.direction, float).reshape(3, 3)
    steps = places[:, ::-1] * np.asarray(geometry.spacing_mm)
    return np.asarray(steps @ direction.T + np.asarray(geometry.origin_mm), np.float32)


def volume_ml(surface: Surface) -> float:
    """What a closed surface holds (divergence theorem), in millilitres."""
    a, b, c = (surface.vertices[surface.faces[:, at]].astype(np.float64) for at in range(3))
    return abs(float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum())) / 6000


def centre_mm(surfaces: Sequence[Surface]) -> tuple[NDArray[np.float32], float]:
    """The middle of all vertices' box and half its diagonal."""
    points = np.concatenate([one.vertices for one in surfaces])
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, float(np.linalg.norm(high - low)) / 2
