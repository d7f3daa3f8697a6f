"""A made-up object on a turntable, as the Blender scenes that radiance fields are measured on: thin, round, glossy.

It stands around the origin within ±1.5, photographed on nothing from a hemisphere of radius 4. A base, a body, a
ring of thin posts, an arm and a few beads: colours change with the view where they shine. Everything hangs on the seed.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import Lens
from workbench.engine.scenes.lenses import pinhole
from workbench.engine.scenes.solids import Paint, Pattern, Solid, about_z, along
from workbench.engine.scenes.tracing import Light, looking, photograph

Floats = NDArray[np.floating[Any]]
Bytes = NDArray[np.uint8]
Triple = tuple[float, float, float]
RADIUS, LENS_DEG = 4.0, 39.6
"""Blender's default lens spans 0.6911 rad, which the synthetic scenes of NeRF (2020) use."""
_LOWEST, _HIGHEST = 0.05, 0.95
_RAISED = 0.1
"""What is drawn around z = 0 is moved into the pictures' middle."""
_LIGHT = Light((2.5, -2.0, 4.5), 0.4)


@dataclass(frozen=True)
class MadeObject:
    """An object by its solids."""

    seed: int
    solids: tuple[Solid, ...]

    def bounds(self) -> tuple[Triple, Triple]:
        """The axis-parallel box around it, a hundredth wider."""
        centres = np.array([one.centre for one in self.solids])
        reach = np.array([one.reach for one in self.solids])
        low, high = (centres - reach).min(0), (centres + reach).max(0)
        margin = 0.01 * (high - low).max()
        x, y, z = (float(one) for one in low - margin)
        a, b, c = (float(one) for one in high + margin)
        return (x, y, z), (a, b, c)

    def sample(self, points: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Colours (N, 3) float32 of the material and whether something is there (N,), at points (N, 3)."""
        points = np.asarray(points, np.float64)
        rgb, solid = np.zeros((len(points), 3), np.float32), np.zeros(len(points), bool)
        for one in self.solids:
            local = one.local(points)
            inside = one.holds(local)
            rgb[inside], solid[inside] = one.paint.at(local[inside]), True
        return rgb, solid


def make_object(seed: int) -> MadeObject:
    """The object of a seed."""
    rng = np.random.default_rng([seed, 4])
    raised = (replace(one, centre=(*one.centre[:2], one.centre[2] + _RAISED)) for one in _parts(rng))
    return MadeObject(seed, tuple(raised))


def _parts(rng: np.random.Generator) -> Iterator[Solid]:
    hue = rng.random()

    def paint(off: float, pattern: Pattern = "plain", period: float = 0.3) -> Paint:
        tone = (hue + off + rng.uniform(-0.04, 0.04)) % 1
        bright, dark = colorsys.hsv_to_rgb(tone, 0.75, 0.85), colorsys.hsv_to_rgb(tone, 0.6, 0.4)
        return Paint(bright, dark, pattern, period)

    wide = float(rng.uniform(0.85, 1.0))
    yield Solid("cylinder", (0, 0, -0.9), (wide, wide, 0.08), paint(0.0, "checker", 0.35))
    half = rng.uniform([0.32, 0.32, 0.35], [0.5, 0.5, 0.5])
    turn = about_z(float(rng.uniform(0, np.pi)))
    body = (float(half[0]), float(half[1]), float(half[2]))
    yield Solid("box", (0, 0, -0.82 + body[2]), body, paint(0.35, "stripes", 0.25), turn, shine=0.25)
    top = -0.82 + 2 * body[2]
    ball = float(rng.uniform(0.28, 0.38))
    yield Solid("ellipsoid", (0, 0, top + ball * 0.8), (ball, ball, ball * 0.8), paint(0.6), shine=0.8)
    posts = int(rng.integers(5, 9))
    start, post = float(rng.uniform(0, np.pi)), paint(0.12)
    for number in range(posts):
        turned = start + 2 * np.pi * number / posts
        x, y = 0.86 * wide * np.cos(turned), 0.86 * wide * np.sin(turned)
        yield Solid("cylinder", (x, y, -0.37), (0.025, 0.025, 0.45), post, shine=0.5)
        yield Solid("ellipsoid", (x, y, 0.1), (0.06, 0.06, 0.06), paint(0.8), shine=0.6)
    # A thin arm out of the ball with a bead at its end.
    out, up = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.4, 0.9))
    direction = np.array([np.cos(out) * np.cos(up), np.sin(out) * np.cos(up), np.sin(up)])
    begin, length = np.array([0, 0, top + ball * 0.8]), float(rng.uniform(0.75, 0.95))
    middle, end = begin + direction * length / 2, begin + direction * length
    yield Solid("cylinder", tuple(middle), (0.03, 0.03, length / 2), paint(0.5), along(direction), shine=0.4)
    yield Solid("ellipsoid", tuple(end), (0.13, 0.13, 0.13), paint(0.05), shine=0.9)


def lens(size: int) -> Lens:
    """The lens of the Blender scenes for square pictures of `size` pixels."""
    return pinhole(size, size, LENS_DEG)


def hemisphere_poses(count: int, seed: int) -> Floats:
    """Poses (count, 4, 4) all over the upper hemisphere of radius 4, evenly, looking at the middle.

    Heights go by the golden angle, so that every beginning of the list covers all sides.
    """
    rng = np.random.default_rng([seed, 24])
    turn = rng.uniform(0, 2 * np.pi)
    steps = (np.arange(count) + rng.random()) * 0.6180339887498949 % 1
    poses = []
    for number, share in enumerate(steps):
        angle = turn + 2 * np.pi * (number + rng.uniform(-0.3, 0.3)) / count
        height = _LOWEST + (_HIGHEST - _LOWEST) * share
        around = np.sqrt(1 - height**2)
        poses.append(looking(RADIUS * np.array([around * np.cos(angle), around * np.sin(angle), height]), np.zeros(3)))
    return np.stack(poses)


def render(thing: MadeObject, pose: Floats, lens: Lens, *, parts: int = 2) -> tuple[Bytes, Floats]:
    """A photograph (h, w, 4) uint8 with opacity, and its depth along the view axis (h, w) float32, inf beside it.

    `pose` (4, 4) takes camera axes (OpenGL) to the object's; each pixel is the mean of `parts` × `parts` rays.
    """
    rgba, depth = photograph(thing.solids, _LIGHT, pose, lens, parts=parts)
    rgb = rgba[..., :3] / np.maximum(rgba[..., 3:], 1e-3)
    return np.rint(np.concatenate([rgb, rgba[..., 3:]], -1).clip(0, 1) * 255).astype(np.uint8), depth
