"""Rooms given by formula: a floor, four walls and three to eight things, with exact colours, labels and boxes.

What is measured on them is known exactly, which no photographed room offers (paper 09, "Desk-size experiment"). A room
stands around the origin with its floor at z = 0 and is open above; lengths are metres. Everything hangs on the seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workbench.core.scenes import Box, BoxesDoc, Lens, RadianceMeta
from workbench.engine.scenes.lenses import pinhole
from workbench.engine.scenes.roomlayout import FEWEST, KINDS, MOST, RoomObject, furnished
from workbench.engine.scenes.solids import Bools, Paint, Solid, about_z
from workbench.engine.scenes.tracing import Light, looking, photograph

Floats = NDArray[np.floating[Any]]
Bytes = NDArray[np.uint8]
Triple = tuple[float, float, float]
LABELS = ("empty", "floor", "wall", "box", "cylinder", "sphere", "l-shape")
WALL_M = 0.14
BACKGROUND: Triple = (1.0, 1.0, 1.0)
"""What is seen above the walls."""
LENS_DEG = 75.0
_LAMP_HEIGHT = 0.95
_CAMERA_CLEARANCE_M = 0.45


@dataclass(frozen=True)
class Room:
    """A furnished room; `half` are half its inner sides (x, y), `low` and `high` its bounds with walls and floor."""

    seed: int
    objects: tuple[RoomObject, ...]
    half: tuple[float, float]
    height: float
    floor: Paint
    walls: tuple[Paint, Paint, Paint, Paint]

    @property
    def low(self) -> Triple:
        """Least coordinates (3,), with walls and floor."""
        return (-self.half[0] - WALL_M, -self.half[1] - WALL_M, -WALL_M)

    @property
    def high(self) -> Triple:
        """Greatest coordinates (3,), with the walls."""
        return (self.half[0] + WALL_M, self.half[1] + WALL_M, self.height)

    def solids(self) -> tuple[Solid, ...]:
        """What it is made of; a solid's label is its place in LABELS."""
        return (*self._shell(), *(solid for thing in self.objects for solid in _solids(thing)))

    def _shell(self) -> Iterator[Solid]:
        x, y = self.half
        t = WALL_M / 2
        yield Solid("box", (0, 0, -t), (x + WALL_M, y + WALL_M, t), self.floor, label=1)
        for paint, sign in zip(self.walls[:2], (-1, 1), strict=True):
            yield Solid("box", (sign * (x + t), 0, self.height / 2), (t, y + WALL_M, self.height / 2), paint, label=2)
        for paint, sign in zip(self.walls[2:], (-1, 1), strict=True):
            yield Solid("box", (0, sign * (y + t), self.height / 2), (x, t, self.height / 2), paint, label=2)

    def sample(self, points: Floats) -> tuple[Floats, Bools, Bytes]:
        """Colours (N, 3) float32, whether something is there (N,) and labels (N,) uint8 at points (N, 3).

        Colours are those of the material, without light; zero where nothing is.
        """
        points = np.asarray(points, np.float64)
        rgb, label = np.zeros((len(points), 3), np.float32), np.zeros(len(points), np.uint8)
        for solid in self.solids():
            local = solid.local(points)
            inside = solid.holds(local)
            rgb[inside], label[inside] = solid.paint.at(local[inside]), solid.label
        return rgb, label > 0, label

    def boxes(self) -> BoxesDoc:
        """The things' boxes, each with its kind as label."""
        boxes = (Box(one.centre, one.size, one.yaw_rad, one.kind) for one in self.objects)
        return BoxesDoc(tuple(boxes), names=KINDS)

    def light(self) -> Light:
        """A lamp a little off the middle, below the walls' upper edge."""
        return Light((0.25 * self.half[0], -0.2 * self.half[1], _LAMP_HEIGHT * self.height))


def _solids(thing: RoomObject) -> Iterator[Solid]:
    turn = about_z(thing.yaw_rad)
    paint = Paint(thing.colour, thing.other, thing.pattern, thing.period)
    shape = {"cylinder": "cylinder", "sphere": "ellipsoid"}.get(thing.kind, "box")
    for at, size in thing.arms():
        x, y, z = np.asarray(thing.centre) + turn @ np.asarray(at)
        half = (size[0] / 2, size[1] / 2, size[2] / 2)
        yield Solid(shape, (x, y, z), half, paint, turn, LABELS.index(thing.kind))  # type: ignore[arg-type]


def make_room(seed: int, *, objects: int | None = None) -> Room:
    """The room of a seed, with three to eight things or as many as asked for (as far as they have room)."""
    rng = np.random.default_rng([seed, 9])
    half = rng.uniform(1.4, 1.85, 2)
    height = float(rng.uniform(2.2, 2.6))
    count = int(rng.integers(FEWEST, MOST + 1)) if objects is None else objects
    things = furnished(rng, half, count)
    pale = [tuple(float(one) for one in 0.55 + 0.35 * rng.random(3)) for _ in range(5)]
    darker = [tuple(one * float(rng.uniform(0.6, 0.8)) for one in colour) for colour in pale]
    paints = [
        Paint(one, two, "checker" if number == 0 else "stripes", float(rng.uniform(0.5, 0.9)))  # type: ignore[arg-type]
        for number, (one, two) in enumerate(zip(pale, darker, strict=True))
    ]
    return Room(seed, things, (float(half[0]), float(half[1])), height, paints[0], tuple(paints[1:]))  # type: ignore[arg-type]


def cube(room: Room) -> RadianceMeta:
    """The cube that a room's grid fills: as wide as its longest side, with the floor at the bottom."""
    side = max(high - low for low, high in zip(room.low, room.high, strict=True))
    low = (-side / 2, -side / 2, room.low[2])
    return RadianceMeta(low, (side / 2, side / 2, room.low[2] + side), "alpha", f"room {room.seed}")


def grid(room: Room, side: int = 32, *, supersample: int = 2) -> tuple[Floats, Bytes, RadianceMeta]:
    """Colour and alpha (X, Y, Z, 4) float32, labels (X, Y, Z) uint8 and the frame of a room's cube.

    Alpha is the share of a voxel's `supersample`³ points that are solid, its colour their mean; a voxel that is at
    least half solid has the label of most of them.
    """
    meta = cube(room)
    fine = side * supersample
    low, step = np.asarray(meta.low), (meta.high[0] - meta.low[0]) / fine
    rgb, label = np.zeros((fine, fine, fine, 3), np.float32), np.zeros((fine, fine, fine), np.uint8)
    for solid in room.solids():
        # Only what the solid can reach is looked at: most things fill a hundredth of the room.
        first = np.floor((np.asarray(solid.centre) - solid.reach - low) / step - 0.5).astype(int).clip(0, fine)
        last = np.ceil((np.asarray(solid.centre) + solid.reach - low) / step + 0.5).astype(int).clip(0, fine)
        at = tuple(slice(one, two) for one, two in zip(first, last, strict=True))
        axes = [low[axis] + (np.arange(first[axis], last[axis]) + 0.5) * step for axis in range(3)]
        local = solid.local(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3))
        inside = solid.holds(local)
        there = inside.reshape(tuple(last - first))
        rgb[at][there] = solid.paint.at(local[inside])
        label[at][there] = solid.label
    return *_pooled(rgb, label, supersample), meta


def _pooled(rgb: Floats, label: Bytes, parts: int) -> tuple[Floats, Bytes]:
    side = len(label) // parts
    split = (side, parts, side, parts, side, parts)
    cells = label.reshape(split).transpose(0, 2, 4, 1, 3, 5).reshape(side, side, side, -1)
    solid = (cells > 0).sum(-1)
    found = np.zeros((side, side, side, 4), np.float32)
    colours = rgb.reshape(*split, 3).sum((1, 3, 5))
    found[..., :3] = colours / np.maximum(solid, 1)[..., None]
    found[..., 3] = solid / cells.shape[-1]
    counts = np.stack([(cells == one).sum(-1) for one in range(1, len(LABELS))], -1)
    labels = np.where(2 * solid >= cells.shape[-1], counts.argmax(-1) + 1, 0).astype(np.uint8)
    return found, labels


def lens(size: int) -> Lens:
    """The lens that rooms are photographed with: square pictures of `size` pixels."""
    return pinhole(size, size, LENS_DEG)


def render(room: Room, pose: Floats, lens: Lens, *, parts: int = 2) -> tuple[Bytes, Floats]:
    """A photograph (h, w, 3) uint8 and its depth along the view axis (h, w) float32, inf above the walls.

    `pose` (4, 4) takes camera axes (OpenGL) to the room's; each pixel is the mean of `parts` × `parts` rays.
    """
    rgba, depth = photograph(room.solids(), room.light(), pose, lens, parts=parts)
    rgb = rgba[..., :3] + (1 - rgba[..., 3:]) * np.asarray(BACKGROUND, np.float32)
    return np.rint(rgb * 255).astype(np.uint8), depth


def orbit_poses(room: Room, count: int, seed: int, *, raised_m: float = 0.0) -> Floats:
    """Poses (count, 4, 4) once around inside the walls, looking down across the room's middle; clear of its things.

    Cameras stand from 1.2 m to just below the walls' upper edge, and `raised_m` above that: where they look over the
    things each place is seen by more of them, which few photographs need.
    """
    rng = np.random.default_rng([room.seed, seed, 24])
    half = np.asarray(room.half)
    poses = []
    for number in range(count):
        for tried in range(200):
            turn = 2 * np.pi * (number + rng.uniform(-0.3, 0.3)) / count
            out = np.array([np.cos(turn), np.sin(turn)])
            # Onto a rectangle inside the walls: the view across is as long as it can be.
            reach = (half - 0.2) * rng.uniform(0.8, 1.0)
            height = raised_m + rng.uniform(1.2, room.height - 0.1)
            eye = np.append(out * (reach / np.maximum(np.abs(out), 1e-9)).min(), height)
            if tried == 199 or _is_clear(room, eye, rng):
                break
        target = np.append(rng.uniform(-0.35, 0.35, 2) * half - 0.1 * out * half, rng.uniform(0.2, 0.6))
        poses.append(looking(eye, target))
    return np.stack(poses)


def _is_clear(room: Room, eye: Floats, rng: np.random.Generator) -> bool:
    around = rng.normal(size=(64, 3))
    around *= _CAMERA_CLEARANCE_M * rng.random((64, 1)) / np.linalg.norm(around, axis=1, keepdims=True)
    _, _, label = room.sample(eye + np.vstack([np.zeros((1, 3)), around]))
    return bool((label <= 2).all() and label[0] == 0)


def degraded(rgba: Floats, rng: np.random.Generator) -> Floats:
    """A grid (X, Y, Z, 4) as a real radiance field would have left it, float32; the grid given stays as it is.

    What cameras inside cannot see is partly missing, everything is a little blurred, colours are off by smooth and by
    fine noise, and coloured clouds ("floaters") hang in the air.
    """
    alpha = rgba[..., 3].astype(np.float32) * _unseen_faded(rgba[..., 3], rng)
    wide = float(rng.uniform(0.35, 0.75))
    weighted = ndimage.gaussian_filter(rgba[..., :3] * alpha[..., None], (wide, wide, wide, 0))
    alpha = ndimage.gaussian_filter(alpha, wide)
    rgb = weighted / np.maximum(alpha, 1e-4)[..., None]
    for _ in range(int(rng.integers(2, 7))):
        centre, reach = rng.uniform(0, 1, 3) * alpha.shape, rng.uniform(0.02, 0.07) * max(alpha.shape)
        off = [((np.arange(n) + 0.5 - c) / reach) ** 2 for n, c in zip(alpha.shape, centre, strict=True)]
        cloud = np.exp(-(off[0][:, None, None] + off[1][None, :, None] + off[2][None, None, :]))
        cloud *= rng.uniform(0.15, 0.7) * (1 - alpha)
        share = (cloud / np.maximum(alpha + cloud, 1e-6))[..., None]
        rgb, alpha = rgb * (1 - share) + rng.random(3) * share, alpha + cloud
    noise = _smooth_noise(alpha.shape, rng) * rng.uniform(0.03, 0.1) + rng.normal(0, 0.02, (*alpha.shape, 3))
    there = (alpha > 0.01)[..., None]
    rgb = np.where(there, (rgb + noise).clip(0, 1), 0)
    alpha = (alpha * (1 + 0.1 * rng.normal(size=alpha.shape))).clip(0, 1)
    return np.concatenate([rgb, np.where(there[..., 0], alpha, 0)[..., None]], -1).astype(np.float32)


def _smooth_noise(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """(X, Y, Z, 3) noise of about unit strength that changes over a quarter of the grid."""
    coarse = rng.normal(size=(5, 5, 5, 3))
    found: Floats = ndimage.zoom(coarse, (*(n / 5 for n in shape), 1), order=1, grid_mode=True, mode="nearest")
    return found


def _unseen_faded(alpha: Floats, rng: np.random.Generator) -> Floats:
    """What is left (X, Y, Z) of each voxel's density: all where a camera sees it, a random share where none does."""
    shape = np.asarray(alpha.shape)
    there = np.argwhere(alpha > 0.01)
    seen = np.zeros(len(there))
    for _ in range(4):
        angle = rng.uniform(0, 2 * np.pi)
        eye = shape * [0.5 + 0.36 * np.cos(angle), 0.5 + 0.36 * np.sin(angle), rng.uniform(0.45, 0.6)]
        towards = eye - (there + 0.5)
        length = np.linalg.norm(towards, axis=1)
        towards /= np.maximum(length, 1e-9)[:, None]
        through = np.ones(len(there))
        for step in np.arange(1.8, 1.2 * shape.max(), 1.2):
            at = np.floor(there + 0.5 + step * towards).astype(int).clip(0, shape - 1)
            through *= np.where(step < length, 1 - alpha[at[:, 0], at[:, 1], at[:, 2]], 1)
        seen = np.maximum(seen, through)
    left = np.ones(alpha.shape)
    kept = (0.5 + 0.5 * _smooth_noise(alpha.shape, rng)[..., 0]).clip(0, 1)[tuple(there.T)]
    left[tuple(there.T)] = seen + (1 - seen) * kept
    return left
