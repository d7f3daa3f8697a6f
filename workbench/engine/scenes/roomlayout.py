"""Where a room's things stand: drawn at random from a seed, free, touching, against a wall or on top of each other.

Nothing overlaps: footprints are circles and turned rectangles (an L-shape has two), compared by the axes that can part
them. Every size, colour and turn is drawn anew for each seed, so that no two rooms share a thing. Lengths in metres.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.engine.scenes.solids import Pattern

Floats = NDArray[np.floating[Any]]
Triple = tuple[float, float, float]
KINDS = ("box", "cylinder", "sphere", "l-shape")
FEWEST, MOST = 3, 8
HIGHEST_M = 1.9
TOUCHING, AGAINST_WALL, STACKED = 0.25, 0.2, 0.2
"""How often a thing is put beside another, against a wall or on another; it stands free otherwise."""
SMALLEST_M = 0.3
_TRIES, _BISECTIONS = 60, 40
_SHRINK = 0.93
PATTERNS: tuple[Pattern, ...] = ("plain", "checker", "stripes")


@dataclass(frozen=True)
class RoomObject:
    """A thing in a room: `size` along its own axes, turned `yaw_rad` about z (counter-clockwise from above).

    Sides of an L-shape are its whole footprint's; its two arms lie along the lower x and y sides and are `arm` (a
    share of the shorter side) wide.
    """

    kind: str
    centre: Triple
    size: Triple
    yaw_rad: float
    colour: Triple
    other: Triple = (0.0, 0.0, 0.0)
    pattern: Pattern = "plain"
    period: float = 0.3
    arm: float = 0.4

    def arms(self) -> tuple[tuple[Triple, Triple], ...]:
        """Own centres and sizes of the boxes that an L-shape is made of; the thing itself otherwise."""
        if self.kind != "l-shape":
            return (((0.0, 0.0, 0.0), self.size),)
        w, d, h = self.size
        wide = self.arm * min(w, d)
        return (
            ((0.0, (wide - d) / 2, 0.0), (w, wide, h)),
            (((wide - w) / 2, wide / 2, 0.0), (wide, d - wide, h)),
        )


@dataclass(frozen=True)
class _Foot:
    """A part of a footprint: a circle (`radius`) or a rectangle by its half sides and own x axis."""

    centre: Floats
    half: Floats
    axis: Floats
    radius: float = 0.0

    def corners(self) -> Floats:
        across = np.array([-self.axis[1], self.axis[0]])
        return np.array([self.centre + x * self.half[0] * self.axis + y * self.half[1] * across
                         for x in (-1, 1) for y in (-1, 1)])  # fmt: skip


def _feet(thing: RoomObject) -> list[_Foot]:
    axis = np.array([math.cos(thing.yaw_rad), math.sin(thing.yaw_rad)])
    across = np.array([-axis[1], axis[0]])
    middle = np.array(thing.centre[:2])
    if thing.kind in ("cylinder", "sphere"):
        return [_Foot(middle, np.zeros(2), axis, thing.size[0] / 2)]
    return [_Foot(middle + at[0] * axis + at[1] * across, np.array(size[:2]) / 2, axis) for at, size in thing.arms()]


def _apart(one: _Foot, two: _Foot) -> float:
    """Greatest gap of two feet along any axis that can part them; below zero where they overlap."""
    if one.radius and two.radius:
        return float(np.linalg.norm(one.centre - two.centre)) - one.radius - two.radius
    if one.radius or two.radius:
        round_one, box = (one, two) if one.radius else (two, one)
        off = round_one.centre - box.centre
        own = np.abs(np.array([off @ box.axis, off @ np.array([-box.axis[1], box.axis[0]])])) - box.half
        outside = float(np.linalg.norm(np.maximum(own, 0)))
        return (outside if outside > 0 else float(own.max())) - round_one.radius
    first, second = one.corners(), two.corners()
    gaps = []
    for axis in (one.axis, two.axis):
        for normal in (axis, np.array([-axis[1], axis[0]])):
            p, q = first @ normal, second @ normal
            gaps.append(max(p.min() - q.max(), q.min() - p.max()))
    return float(max(gaps))


def gap(one: RoomObject, two: RoomObject) -> float:
    """How far two things are apart (a lower bound for turned boxes); below zero where they overlap."""
    height = max(one.centre[2] - two.centre[2], two.centre[2] - one.centre[2]) - (one.size[2] + two.size[2]) / 2
    beside = min(_apart(a, b) for a in _feet(one) for b in _feet(two))
    return max(height, beside)


def _around(thing: RoomObject) -> Floats:
    """How far the footprint reaches from its centre: [[low x, low y], [high x, high y]]."""
    feet = _feet(thing)
    points = np.concatenate([f.centre + np.array([[-1, -1], [1, 1]]) * f.radius if f.radius else f.corners()
                             for f in feet])  # fmt: skip
    found: Floats = np.stack([points.min(0), points.max(0)]) - np.array(thing.centre[:2])
    return found


def _moved(thing: RoomObject, x: float, y: float, z: float | None = None) -> RoomObject:
    return replace(thing, centre=(float(x), float(y), thing.centre[2] if z is None else float(z)))


def _shade(rng: np.random.Generator) -> tuple[Triple, Triple]:
    hue, saturation, value = rng.random(), rng.uniform(0.45, 0.95), rng.uniform(0.5, 0.95)
    other = colorsys.hsv_to_rgb((hue + rng.uniform(-0.08, 0.08)) % 1, saturation * 0.7, value * rng.uniform(0.45, 0.7))
    return colorsys.hsv_to_rgb(hue, saturation, value), other


def _drawn(rng: np.random.Generator, scale: float, *, stacked: bool = False) -> RoomObject:
    """A thing without a place, its centre at half its height."""
    kind = KINDS[int(rng.integers(3 if stacked else 4))]
    if kind == "sphere":
        size: Floats = np.repeat(rng.uniform(0.42, 0.9), 3)
    elif kind == "cylinder":
        wide = rng.uniform(0.38, 0.85)
        size = np.array([wide, wide, rng.uniform(0.4, 1.2)])
    elif kind == "l-shape":
        size = rng.uniform([0.75, 0.75, 0.35], [1.35, 1.35, 0.9])
    else:
        size = rng.uniform([0.4, 0.4, 0.35], [1.1, 0.9, 1.1])
    w, d, h = (float(one) for one in np.maximum(size * scale, SMALLEST_M))
    colour, other = _shade(rng)
    turned = kind in ("box", "l-shape")
    return RoomObject(
        kind, (0.0, 0.0, h / 2), (w, d, h), float(rng.uniform(-math.pi / 2, math.pi / 2)) if turned else 0.0, colour,
        other, PATTERNS[int(rng.integers(len(PATTERNS)))], float(rng.uniform(0.2, 0.4)), float(rng.uniform(0.32, 0.5)),
    )  # fmt: skip


def _free(thing: RoomObject, half: Floats, rng: np.random.Generator) -> RoomObject | None:
    low, high = -half - _around(thing)[0], half - _around(thing)[1]
    return _moved(thing, *rng.uniform(low, high)) if (low < high).all() else None


def _by_wall(thing: RoomObject, half: Floats, rng: np.random.Generator) -> RoomObject | None:
    turned = replace(thing, yaw_rad=float(rng.integers(-1, 2)) * math.pi / 2) if thing.kind != "cylinder" else thing
    low, high = -half - _around(turned)[0], half - _around(turned)[1]
    if not (low < high).all():
        return None
    at, axis = rng.uniform(low, high), int(rng.integers(2))
    at[axis] = (low, high)[int(rng.integers(2))][axis]
    return _moved(turned, *at)


def _beside(thing: RoomObject, others: Sequence[RoomObject], rng: np.random.Generator) -> RoomObject | None:
    grounded = [one for one in others if one.centre[2] - one.size[2] / 2 < 1e-6]
    other = grounded[int(rng.integers(len(grounded)))]
    angle = rng.uniform(0, 2 * math.pi)
    towards = np.array([math.cos(angle), math.sin(angle)])
    near, far = 0.0, 4.0
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2
        x, y = np.array(other.centre[:2]) + middle * towards
        near, far = (near, middle) if gap(_moved(thing, x, y), other) > 0 else (middle, far)
    return _moved(thing, *(np.array(other.centre[:2]) + far * towards))


def _on_top(thing: RoomObject, others: Sequence[RoomObject], rng: np.random.Generator) -> RoomObject | None:
    def top(one: RoomObject) -> float:
        return one.centre[2] + one.size[2] / 2

    carried = {round(one.centre[2] - one.size[2] / 2, 6) for one in others}
    bases = [one for one in others if one.kind in ("box", "cylinder") and round(top(one), 6) not in carried]
    if not bases:
        return None
    base = bases[int(rng.integers(len(bases)))]
    room = min(base.size[:2]) / 2
    reach = float(np.abs(_around(thing)).max() if thing.kind != "box" else np.hypot(*thing.size[:2]) / 2)
    shrink = min(1.0, room / reach, (HIGHEST_M - top(base)) / thing.size[2])
    w, d, h = (one * shrink for one in thing.size)
    if min(w, d, h) < SMALLEST_M:
        return None
    slack = max(room - reach * shrink, 0.0)
    dx, dy = rng.uniform(-slack, slack, 2) / math.sqrt(2)
    placed = replace(thing, size=(w, d, h))
    return _moved(placed, base.centre[0] + dx, base.centre[1] + dy, top(base) + h / 2)


def furnished(rng: np.random.Generator, half: Floats, count: int) -> tuple[RoomObject, ...]:
    """`count` things within −half to half (2,) of the floor; they are made smaller where the room gets too full."""
    things: list[RoomObject] = []
    scale = 1.0
    for _ in range(_TRIES * count * 4):
        if len(things) == count:
            break
        how = rng.random()
        thing = _drawn(rng, scale, stacked=(stack := bool(things) and how < STACKED))
        if stack:
            placed = _on_top(thing, things, rng)
        elif things and how < STACKED + TOUCHING:
            placed = _beside(thing, things, rng)
        else:
            by_wall = how < STACKED + TOUCHING + AGAINST_WALL
            placed = (_by_wall if by_wall else _free)(thing, half, rng)
        if placed is not None and _fits(placed, things, half):
            things.append(placed)
        else:
            scale = max(scale * _SHRINK if rng.random() < 0.2 else scale, 0.4)
    return tuple(things)


def _fits(thing: RoomObject, others: Sequence[RoomObject], half: Floats) -> bool:
    low, high = _around(thing) + np.array(thing.centre[:2])
    within = bool((low >= -half - 1e-9).all() and (high <= half + 1e-9).all())
    return within and all(gap(thing, other) >= -1e-9 for other in others)
