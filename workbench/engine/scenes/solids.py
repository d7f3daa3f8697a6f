"""Convex solids given by formula: which points they hold, where a ray meets them, and how they are painted.

A solid is a box, a cylinder along its own z axis, or an ellipsoid: its half sides along its own axes, which are the
columns of `turn`. Lengths are in the scene's unit; colours go from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
SolidShape = Literal["box", "cylinder", "ellipsoid"]
Pattern = Literal["plain", "checker", "stripes"]
NEAREST_HIT = 1e-5
"""Rays that begin on a surface do not meet it again within this length."""
_TINY = 1e-12


@dataclass(frozen=True)
class Paint:
    """A colour, or two of them in a pattern that fills space, so that a cut shows it too."""

    colour: tuple[float, float, float]
    other: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pattern: Pattern = "plain"
    period: float = 0.4

    def at(self, local: Floats) -> Floats:
        """Colours (N, 3) float32 of points (N, 3) in the solid's own coordinates."""
        first = np.asarray(self.colour, np.float32)
        if self.pattern == "plain":
            return np.broadcast_to(first, (len(local), 3))
        # An eighth of a period off, so that flat sides through the middle do not fall onto a change of colour.
        cells = np.floor(local[:, : 3 if self.pattern == "checker" else 1] * (2 / self.period) + 0.25).astype(np.int64)
        return np.where((cells.sum(1) % 2 == 0)[:, None], first, np.asarray(self.other, np.float32))


@dataclass(frozen=True)
class Solid:
    """One convex solid; `label` is what it belongs to, `shine` the strength of its highlight."""

    shape: SolidShape
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    paint: Paint
    turn: Floats = field(default_factory=lambda: np.eye(3))
    label: int = 0
    shine: float = 0.0

    @property
    def reach(self) -> Floats:
        """Half the sides (3,) of the axis-parallel box around it."""
        half = np.asarray(self.half)
        if self.shape == "box":
            found: Floats = np.abs(self.turn) @ half
        elif self.shape == "ellipsoid":
            found = np.sqrt((self.turn**2) @ half**2)
        else:
            found = np.sqrt((self.turn[:, :2] ** 2) @ half[:2] ** 2) + np.abs(self.turn[:, 2]) * half[2]
        return found

    def local(self, points: Floats) -> Floats:
        """Scene points (N, 3) in the solid's own coordinates."""
        found: Floats = (points - np.asarray(self.centre, points.dtype)) @ self.turn.astype(points.dtype)
        return found

    def holds(self, local: Floats) -> Bools:
        """Which points (N, 3) in its own coordinates lie inside; its surface counts."""
        scaled = local / np.asarray(self.half, local.dtype)
        if self.shape == "box":
            found: Bools = np.abs(scaled).max(1) <= 1
        elif self.shape == "ellipsoid":
            found = (scaled * scaled).sum(1) <= 1
        else:
            found = ((scaled[:, :2] ** 2).sum(1) <= 1) & (np.abs(scaled[:, 2]) <= 1)
        return found

    def may_meet(self, origins: Floats, directions: Floats, nearer_than: Floats) -> NDArray[np.intp]:
        """Numbers of the rays that meet the ball around it nearer than (N,) `nearer_than`."""
        off = np.asarray(self.centre, origins.dtype) - origins
        radius = float(np.linalg.norm(self.half))
        along = np.einsum("nc,nc->n", off, directions)
        apart = np.einsum("nc,nc->n", off, off) - along * along
        return np.flatnonzero((apart <= radius * radius) & (along > -radius) & (along - radius < nearer_than))

    def meet(self, origins: Floats, directions: Floats) -> tuple[Floats, Floats]:
        """Distances (N,) at which rays enter it from outside (inf: they do not) and normals (N, 3) there."""
        half = np.asarray(self.half, origins.dtype)
        # In units of the half sides a cylinder is round and an ellipsoid a ball; distances along the ray stay.
        o = self.local(origins) / half
        d = (directions @ self.turn.astype(directions.dtype)) / half
        enter, normal = _ENTER[self.shape](o, d)
        enter = np.where(enter > NEAREST_HIT, enter, np.inf)
        normal = normal / half
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), _TINY)
        return enter, normal @ self.turn.T.astype(origins.dtype)


def _slabs(o: Floats, d: Floats) -> tuple[Floats, Floats, Floats]:
    """When rays enter and leave −1 to 1 along each axis, (N, axes) both, and the last entrance's axis."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / np.where(np.abs(d) < _TINY, np.copysign(_TINY, d), d)
        one, two = (-1 - o) * inverse, (1 - o) * inverse
    first = np.minimum(one, two)
    return first, np.maximum(one, two), first.argmax(1)


def _enter_box(o: Floats, d: Floats) -> tuple[Floats, Floats]:
    first, last, axis = _slabs(o, d)
    enter, leave = first.max(1), last.min(1)
    rows = np.arange(len(o))
    normal = np.zeros_like(o)
    normal[rows, axis] = -np.sign(d[rows, axis])
    return np.where(enter <= leave, enter, np.inf), normal


def _roots(o: Floats, d: Floats) -> tuple[Floats, Floats]:
    """When rays enter and leave the unit ball or circle; (inf, −inf) where they pass it by."""
    a = np.maximum((d * d).sum(1), _TINY)
    b = (o * d).sum(1) / a
    foot = o - b[:, None] * d  # the nearest point: its distance is exact where b² − c would cancel
    under = (1 - (foot * foot).sum(1)) / a
    wide = np.sqrt(np.maximum(under, 0))
    return np.where(under >= 0, -b - wide, np.inf), np.where(under >= 0, -b + wide, -np.inf)


def _enter_ball(o: Floats, d: Floats) -> tuple[Floats, Floats]:
    enter, _ = _roots(o, d)
    return enter, o + np.where(np.isfinite(enter), enter, 0)[:, None] * d


def _enter_cylinder(o: Floats, d: Floats) -> tuple[Floats, Floats]:
    side, out = _roots(o[:, :2], d[:, :2])
    first, last, _ = _slabs(o[:, 2:], d[:, 2:])
    cap = first[:, 0]
    enter = np.maximum(side, cap)
    by_cap = cap >= side
    normal = o + np.where(np.isfinite(enter), enter, 0)[:, None] * d
    normal[:, 2] = np.where(by_cap, -np.sign(d[:, 2]), 0)
    normal[by_cap, :2] = 0
    return np.where(enter <= np.minimum(out, last[:, 0]), enter, np.inf), normal


_ENTER = {"box": _enter_box, "ellipsoid": _enter_ball, "cylinder": _enter_cylinder}


def about_z(yaw_rad: float) -> Floats:
    """The turn (3, 3) counter-clockwise about z, seen from above."""
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def along(direction: Floats) -> Floats:
    """A turn (3, 3) whose z axis points along `direction` (3,), for cylinders between two points."""
    z = np.asarray(direction, float) / np.linalg.norm(direction)
    x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [1.0, 0.0, 0.0], z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], 1)
