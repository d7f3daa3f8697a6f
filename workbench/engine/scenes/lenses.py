"""How lenses bend: pixels to directions and back, with OpenCV's distortion (radial, tangential, fisheye).

Camera axes are OpenGL's: x right, y up, looking along −z. The distortion is defined in OpenCV's, where y is down and z
ahead; (a, b) = (x, −y) / −z are its plane's coordinates. Source: OpenCV's documentation of calib3d, and its fisheye
model after Kannala and Brandt (2006).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import Lens

Floats = NDArray[np.floating[Any]]
_STEPS = 25
_STRAIGHT_AHEAD = 1e-9
_SMALL = 1e-6


def bent(plane: Floats, lens: Lens) -> Floats:
    """Where points (…, 2) of the plane one ahead of an ideal camera are seen through the lens, in the same plane."""
    a, b = plane[..., 0], plane[..., 1]
    square = a * a + b * b
    if lens.fisheye:
        radius = np.sqrt(square)
        angle = np.arctan(radius)
        t = angle * angle
        seen = angle * (1 + t * (lens.k1 + t * (lens.k2 + t * (lens.k3 + t * lens.k4))))
        factor = np.where(radius > _STRAIGHT_AHEAD, seen / np.maximum(radius, _STRAIGHT_AHEAD), 1.0)
        return np.stack([a * factor, b * factor], -1)
    factor = 1 + square * (lens.k1 + square * (lens.k2 + square * (lens.k3 + square * lens.k4)))
    along = 2 * lens.p1 * a * b + lens.p2 * (square + 2 * a * a)
    down = lens.p1 * (square + 2 * b * b) + 2 * lens.p2 * a * b
    return np.stack([a * factor + along, b * factor + down], -1)


def straightened(seen: Floats, lens: Lens) -> Floats:
    """The inverse of `bent`, (…, 2): Newton's steps with a numerical derivative; NaN where the lens sees nothing.

    Beyond the radius at which its polynomial turns back a lens has no inverse: such pixels come back as NaN.
    """
    if not lens.is_distorted:
        return seen
    seen = np.asarray(seen, np.float64)
    # A fisheye picture is nearly linear in the angle, which no plane can hold at 90°: a bounded start is kept inside.
    plane = _fisheye_start(seen) if lens.fisheye else seen.copy()
    for _ in range(_STEPS):
        off = bent(plane, lens) - seen
        da, db, det = _slopes(plane, lens)
        if float(np.nanmax(np.abs(off), initial=0.0)) < 1e-12:
            break
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.stack([db[..., 1] * off[..., 0] - db[..., 0] * off[..., 1],
                             da[..., 0] * off[..., 1] - da[..., 1] * off[..., 0]], -1) / det[..., None]  # fmt: skip
        step = np.where(np.isfinite(step), step, 0)
        reach = np.maximum(1.0, np.linalg.norm(plane, axis=-1, keepdims=True))
        plane = plane - np.clip(step, -0.5 * reach, 0.5 * reach)
    lost = (np.abs(bent(plane, lens) - seen).max(-1) > 1e-6) | (np.linalg.norm(plane, axis=-1) > _fold(lens))
    return np.where(lost[..., None], np.nan, plane)


def _fold(lens: Lens) -> float:
    """The radius in the plane at which the lens's polynomial turns back (tangential terms are small); inf: never."""
    slope = [9 * lens.k4, 7 * lens.k3, 5 * lens.k2, 3 * lens.k1, 1.0]  # of r (1 + k1 r² + …), by r²
    roots = np.roots(slope)
    turns = np.sqrt(roots[(np.abs(roots.imag) < 1e-12) & (roots.real > 0)].real)
    first = float(turns.min(initial=np.inf))
    if not lens.fisheye:
        return first
    return float(np.tan(first)) if first < np.pi / 2 else np.inf


def _slopes(plane: Floats, lens: Lens) -> tuple[Floats, Floats, Floats]:
    """How `bent` changes along each axis (…, 2) and the determinant (…)."""
    a, b = np.array([_SMALL, 0.0]), np.array([0.0, _SMALL])
    da = (bent(plane + a, lens) - bent(plane - a, lens)) / (2 * _SMALL)
    db = (bent(plane + b, lens) - bent(plane - b, lens)) / (2 * _SMALL)
    return da, db, da[..., 0] * db[..., 1] - db[..., 0] * da[..., 1]


def _fisheye_start(seen: Floats) -> Floats:
    angle = np.linalg.norm(seen, axis=-1, keepdims=True)
    found: Floats = seen * np.tan(np.minimum(angle, 1.4)) / np.maximum(angle, _STRAIGHT_AHEAD)
    return found


def pixels_of(lens: Lens, parts: int = 1) -> Floats:
    """The centres (height · parts, width · parts, 2) of all pixels, or of `parts` × `parts` pieces of each."""
    x = (np.arange(lens.width * parts) + 0.5) / parts
    y = (np.arange(lens.height * parts) + 0.5) / parts
    return np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1)


def directions_at(pixels: Floats, lens: Lens) -> Floats:
    """Where pixels (…, 2) look, (…, 3) in camera axes with z = −1 (not of unit length); NaN where they see nothing."""
    plane = straightened((pixels - [lens.cx, lens.cy]) / [lens.fx, lens.fy], lens)
    return np.stack([plane[..., 0], -plane[..., 1], -np.ones(plane.shape[:-1])], -1)


def seen_at(points: Floats, lens: Lens) -> Floats:
    """Pixels (…, 2) of points (…, 3) in camera axes; NaN for what lies behind the camera."""
    ahead = -points[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        plane = np.stack([points[..., 0], -points[..., 1]], -1) / np.where(ahead > 0, ahead, np.nan)[..., None]
    return bent(plane, lens) * [lens.fx, lens.fy] + [lens.cx, lens.cy]


def pinhole(width: int, height: int, width_deg: float) -> Lens:
    """An ideal lens that spans an angle over the picture's width."""
    focal = 0.5 * width / float(np.tan(np.radians(width_deg) / 2))
    return Lens(width, height, focal, focal, width / 2, height / 2)
