"""Shapes, tissue and scanner faults that phantoms are made of, in 2-D and 3-D alike.

A place is `Coordinates`: one float32 array per axis, in array order ((y, x) or (z, y, x)), in any
unit. A shape is a *level*: positive inside, zero on the surface, about the distance to it in the
coordinates' unit. `coverage` turns a level into the share of each voxel that lies inside, `paint`
lays that share of a value over an image. All chance comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

Floats = NDArray[np.float32]
Coordinates = tuple[Floats, ...]


def grid(shape: Sequence[int], spacing: Sequence[float] | None = None) -> Coordinates:
    """Coordinates of voxel centres with zero in the middle of the array, each of full shape."""
    steps = spacing or (1.0,) * len(shape)
    axes = [(np.arange(n, dtype=np.float32) - (n - 1) / 2) * step for n, step in zip(shape, steps, strict=True)]
    return tuple(np.ascontiguousarray(one) for one in np.meshgrid(*axes, indexing="ij"))


def rotation(angles: Sequence[float]) -> NDArray[np.float64]:
    """A rotation matrix in array order, angles in radians: one for 2-D; about z, y, x for 3-D."""
    if len(angles) == 1:
        c, s = np.cos(angles[0]), np.sin(angles[0])
        return np.array([[c, -s], [s, c]])
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        first, second = (one for one in range(3) if one != axis)
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix


def superellipsoid(
    at: Coordinates,
    centre: Sequence[float],
    radii: Sequence[float],
    *,
    power: float = 2.0,
    turned: NDArray[np.float64] | None = None,
) -> Floats:
    """The level of an ellipse or ellipsoid (power 2), or of a boxier body (power > 2).

    `turned` is a matrix of `rotation`: the body's own axes in the coordinates.
    """
    parts = [one - np.float32(c) for one, c in zip(at, centre, strict=True)]
    if turned is not None:
        parts = [_dot(turned[:, axis], parts) for axis in range(len(parts))]
    total = np.zeros_like(parts[0])
    for one, radius in zip(parts, radii, strict=True):
        scaled = one / np.float32(radius)
        total += scaled * scaled if power == 2.0 else np.abs(scaled) ** np.float32(power)
    distance: Floats = np.sqrt(total) if power == 2.0 else total ** np.float32(1 / power)
    level: Floats = (1 - distance) * np.float32(np.exp(np.mean(np.log(radii))))
    return level


def _dot(row: NDArray[np.float64], parts: Sequence[Floats]) -> Floats:
    total = np.zeros_like(parts[0])
    for weight, one in zip(row, parts, strict=True):
        total += np.float32(weight) * one
    return total


def capsule(at: Coordinates, start: Sequence[float], end: Sequence[float], radius: float) -> Floats:
    """The level of a straight tube with round ends: a vessel's or a bone's piece."""
    axis = np.subtract(end, start, dtype=np.float64)
    length = max(float(axis @ axis), 1e-12)
    parts = [one - np.float32(c) for one, c in zip(at, start, strict=True)]
    along = np.clip(_dot(axis / length, parts), 0, 1)
    away = np.zeros_like(along)
    for one, step in zip(parts, axis, strict=True):
        off = one - along * np.float32(step)
        away += off * off
    return np.float32(radius) - np.sqrt(away)


def coverage(level: Floats, width: float = 1.0) -> Floats:
    """The share of each voxel inside, 0 to 1 (partial volume); `width` is the edge's breadth, a voxel by default."""
    share: Floats = np.clip(level / np.float32(width) + np.float32(0.5), 0, 1)
    return share


def paint(image: Floats, share: Floats, value: ArrayLike) -> None:
    """Lay `value` (a number or an array of the same shape) over `share` of each voxel, in place."""
    image += share * (np.asarray(value, np.float32) - image)


def low_frequency(rng: np.random.Generator, shape: Sequence[int], cells: float | Sequence[float]) -> Floats:
    """Smooth noise of mean 0 and standard deviation 1 with about `cells` hills along each axis.

    One number is the count along the longest axis; the others get as many as their length asks for.
    """
    if isinstance(cells, int | float):
        cells = [max(1.0, cells * n / max(shape)) for n in shape]
    knots = [max(2, round(one)) + 3 for one in cells]
    field = rng.standard_normal(knots).astype(np.float32)
    for axis, (n, count) in enumerate(zip(shape, cells, strict=True)):
        field = np.moveaxis(np.tensordot(_spline(n, count, knots[axis]), field, axes=(1, axis)), 0, axis)
    spread = float(field.std())
    found: Floats = (field - field.mean()) / np.float32(spread or 1.0)
    return found


def _spline(count: int, cells: float, knots: int) -> Floats:
    """Cubic B-spline weights (count, knots) of `count` places spread over `cells` of the knots' intervals."""
    places = 1 + np.linspace(0, min(cells, knots - 3), count) if count > 1 else np.array([1.0 + cells / 2])
    away = np.abs(places[:, None] - np.arange(knots))
    inner = 2 / 3 - away**2 + away**3 / 2
    weights = np.where(away < 1, inner, np.clip(2 - away, 0, None) ** 3 / 6)
    return weights.astype(np.float32)


def texture(rng: np.random.Generator, shape: Sequence[int], cells: float, *, octaves: int = 3) -> Floats:
    """Smooth noise over finer smooth noise of half its height each; mean 0, standard deviation 1."""
    total: Floats = low_frequency(rng, shape, cells)
    for octave in range(1, octaves):
        total += low_frequency(rng, shape, cells * 2**octave) * np.float32(0.5**octave)
    return total / np.float32(total.std() or 1.0)


def displaced(at: Coordinates, rng: np.random.Generator, *, amplitude: float, cells: float = 3.0) -> Coordinates:
    """Coordinates bent by a smooth displacement of about `amplitude` (standard deviation, their unit).

    Shapes computed at them come out warped together, without resampling an image.
    """
    return tuple(one + np.float32(amplitude) * low_frequency(rng, one.shape, cells) for one in at)


def deform(
    array: NDArray[np.generic], rng: np.random.Generator, *, amplitude: float, cells: float = 3.0, order: int = 1
) -> NDArray[np.generic]:
    """A copy bent by a smooth displacement in voxels; `order` 0 for labels, 1 for intensities."""
    places = np.indices(array.shape, dtype=np.float32)
    bend = [np.float32(amplitude) * low_frequency(rng, array.shape, cells) for _ in range(array.ndim)]
    moved = [one + step for one, step in zip(places, bend, strict=True)]
    found: NDArray[np.generic] = ndimage.map_coordinates(array, moved, order=order, mode="nearest")
    return found


def bias_field(rng: np.random.Generator, shape: Sequence[int], *, strength: float, cells: float = 2.0) -> Floats:
    """A smooth factor around 1 such as a receive coil's: exp of noise with `strength` as its deviation."""
    field: Floats = np.exp(np.float32(strength) * low_frequency(rng, shape, cells))
    return field


def rician(rng: np.random.Generator, image: Floats, sigma: float) -> Floats:
    """The magnitude of the image with complex Gaussian noise of deviation `sigma`, as in MR."""
    real = image + np.float32(sigma) * rng.standard_normal(image.shape, dtype=np.float32)
    imaginary = np.float32(sigma) * rng.standard_normal(image.shape, dtype=np.float32)
    magnitude: Floats = np.sqrt(real * real + imaginary * imaginary)
    return magnitude


def grainy(rng: np.random.Generator, image: Floats, sigma: float, *, blur: float | Sequence[float] = 0.6) -> Floats:
    """The image with Gaussian noise of deviation `sigma` whose grain is `blur` voxels wide, as in CT."""
    noise = ndimage.gaussian_filter(rng.standard_normal(image.shape, dtype=np.float32), blur)
    found: Floats = image + noise * np.float32(sigma / (float(noise.std()) or 1.0))
    return found


def thicken(array: Floats, factor: int, axis: int = 0) -> Floats:
    """Mean over `factor` neighbours along an axis: thin samples to thick slices (partial volume).

    The axis' length must be a multiple of the factor; raises ValueError otherwise.
    """
    length = array.shape[axis]
    if length % factor:
        raise ValueError(f"{length} samples cannot be joined by {factor}")
    parted = np.moveaxis(array, axis, 0).reshape(length // factor, factor, *np.delete(array.shape, axis))
    return np.moveaxis(parted.mean(1), 0, axis)
