"""How a viewpoint sees: matrices, where points fall in the picture, and the viewpoints that a person asks for by name.

Matrices are (4, 4) float64 and act on columns; a camera looks along its own −z with y up, as OpenGL has it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import Placement, PosedImage, Viewpoint
from workbench.core.volumes import Triple
from workbench.gui.scenes.scene import Bounds, box_corners, matrix_of, placement_of

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
NEAREST_SHARE = 2e-4
"""The nearest that is drawn, as a share of the farthest: what 24 bits of depth still tell apart."""
CLOSE_SHARE = 0.05
"""The same as a share of the distance to the view's point, where that is close."""
FIXED: Mapping[str, tuple[Triple, Triple]] = {
    "front": ((0, 1, 0), (0, 0, 1)), "back": ((0, -1, 0), (0, 0, 1)), "right": ((-1, 0, 0), (0, 0, 1)),
    "left": ((1, 0, 0), (0, 0, 1)), "top": ((0, 0, -1), (0, 1, 0)), "bottom": ((0, 0, 1), (0, -1, 0)),
    "corner": ((-0.62, 0.66, -0.42), (0, 0, 1)),
}  # fmt: skip
"""Views by name: where one looks, and what is up. z is up; the front is seen along +y."""


@dataclasses.dataclass(frozen=True)
class Gaze:
    """A viewpoint in a picture of `width` × `height` pixels, with the nearest and the farthest that is drawn."""

    view: Viewpoint
    width: int
    height: int
    near: float
    far: float

    @property
    def pose(self) -> Matrix:
        """What takes the camera's coordinates to the scene's."""
        return matrix_of(self.view.pose)

    @property
    def seen(self) -> Matrix:
        """What takes the scene's coordinates to the camera's."""
        return inverted(self.pose)

    @property
    def projection(self) -> Matrix:
        """What takes the camera's coordinates to the picture's −1 … 1."""
        aspect, near, far = self.width / max(1, self.height), self.near, self.far
        found = np.zeros((4, 4))
        if self.view.orthographic:
            half = max(self.view.height, 1e-12) / 2
            found[0, 0], found[1, 1], found[2, 2] = 1 / (half * aspect), 1 / half, -2 / (far - near)
            found[2, 3], found[3, 3] = -(far + near) / (far - near), 1
            return found
        across = 1 / math.tan(math.radians(self.view.height_deg) / 2)
        found[0, 0], found[1, 1] = across / aspect, across
        found[2, 2], found[2, 3], found[3, 2] = -(far + near) / (far - near), -2 * far * near / (far - near), -1
        return found

    @property
    def whole(self) -> Matrix:
        """What takes the scene's coordinates to the picture's −1 … 1."""
        return np.asarray(self.projection @ self.seen)

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 3) scene coordinates → (N, 3): pixels from the upper left corner, and the distance along the view axis.

        Points that are not before the camera have pixels that are not finite, in perspective.
        """
        points = np.asarray(points, np.float64).reshape(-1, 3)
        seen = self.seen
        at = points @ seen[:3, :3].T + seen[:3, 3]
        depth = -at[:, 2]
        if self.view.orthographic:
            scale = self.height / max(self.view.height, 1e-12)
            across, up = at[:, 0] * scale, at[:, 1] * scale
        else:
            scale = self.height / 2 / math.tan(math.radians(self.view.height_deg) / 2)
            before = np.where(depth > 0, depth, np.nan)
            across, up = at[:, 0] * scale / before, at[:, 1] * scale / before
        return np.stack([self.width / 2 + across, self.height / 2 - up, depth], axis=1)

    def pixel_size(self, depth: float) -> float:
        """How long a pixel is in the scene, at a distance along the view axis."""
        if self.view.orthographic:
            return self.view.height / max(1, self.height)
        return 2 * max(depth, 0.0) * math.tan(math.radians(self.view.height_deg) / 2) / max(1, self.height)

    def ray(self, x: float, y: float) -> tuple[Vector, Vector]:
        """Where the line of sight through a pixel starts and where it goes, with a step of 1 along the view axis."""
        pose = self.pose
        across, up = (x - self.width / 2), (self.height / 2 - y)
        scale = self.pixel_size(1.0)
        if self.view.orthographic:
            return pose[:3, 3] + pose[:3, :3] @ [across * scale, up * scale, 0.0], -pose[:3, 2]
        return pose[:3, 3].copy(), pose[:3, :3] @ [across * scale, up * scale, -1.0]

    def at_depth(self, x: float, y: float, depth: float) -> Vector:
        """What lies under a pixel at a distance along the view axis."""
        start, along = self.ray(x, y)
        return np.asarray(start + depth * along)

    def depth_of(self, value: float) -> float:
        """The distance along the view axis that the depth buffer's 0 … 1 means."""
        near, far = self.near, self.far
        if self.view.orthographic:
            return near + value * (far - near)
        return near * far / (far - value * (far - near))


def inverted(pose: Matrix) -> Matrix:
    """The inverse of a turn and a shift."""
    found = np.eye(4)
    found[:3, :3] = pose[:3, :3].T
    found[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return found


def gaze(view: Viewpoint, width: int, height: int, bounds: Bounds | None) -> Gaze:
    """A viewpoint with a range of depth that holds all of the scene that lies before it."""
    pose = matrix_of(view.pose)
    low, high = bounds if bounds is not None else (np.full(3, -1.0), np.full(3, 1.0))
    reach = float(np.linalg.norm(high - low)) / 2 or 1.0
    depth = float((pose[:3, 3] - (low + high) / 2) @ pose[:3, 2])
    farthest = depth + reach * 1.5  # the grid reaches farther than the things
    if view.orthographic:
        return Gaze(view, width, height, depth - reach * 1.5, farthest)
    far = max(farthest, reach * 1e-2)
    # What one looks at closely is not cut off, however far the rest of the scene reaches.
    about = float((pose[:3, 3] - np.array(view.about)) @ pose[:3, 2])
    least = min(far * NEAREST_SHARE, about * CLOSE_SHARE) if about > 0 else far * NEAREST_SHARE
    return Gaze(view, width, height, max(depth - reach * 1.5, least, far * 1e-12), far)


def well_seen(gaze: Gaze, bounds: Bounds) -> bool:
    """Whether the middle of a box is in the picture, and the box neither a dot in it nor all around the eye."""
    low, high = bounds
    x, y, depth = gaze.project((low + high) / 2)[0]
    if not (depth > 0 and 0 <= x <= gaze.width and 0 <= y <= gaze.height):
        return False
    size_px = float(np.linalg.norm(high - low)) / max(gaze.pixel_size(depth), 1e-300)
    return 0.1 <= size_px / max(1, min(gaze.width, gaze.height)) <= 10 or not np.any(high > low)


def looking(eye: Vector, about: Vector, up: Vector) -> Placement:
    """The pose of a camera at `eye` that looks at `about`."""
    back = eye - about
    back = back / max(float(np.linalg.norm(back)), 1e-12)
    right = np.cross(up, back)
    if np.linalg.norm(right) < 1e-6:
        right = np.cross((0.0, 1.0, 0.0) if abs(back[2]) > 0.9 else (0.0, 0.0, 1.0), back)
    right = right / np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2], pose[:3, 3] = right, np.cross(back, right), back, eye
    return placement_of(pose)


def fitted(view: Viewpoint, bounds: Bounds | None, aspect: float) -> Viewpoint:
    """The same direction of view with the box filling the picture; `aspect` is its width by its height."""
    low, high = bounds if bounds is not None else (np.full(3, -1.0), np.full(3, 1.0))
    middle = (low + high) / 2
    corners = box_corners(low, high) - middle
    pose = matrix_of(view.pose)
    at = corners @ pose[:3, :3]
    reach = max(float(np.linalg.norm(high - low)) / 2, 1e-9)
    up = max(float(np.abs(at[:, 1]).max()), float(np.abs(at[:, 0]).max()) / max(aspect, 1e-6), reach * 1e-3) * 1.08
    across = math.tan(math.radians(view.height_deg) / 2)
    away = float((np.maximum(np.abs(at[:, 1]), np.abs(at[:, 0]) / max(aspect, 1e-6)) * 1.08 / across + at[:, 2]).max())
    away = max(away, reach * 0.05)
    pose[:3, 3] = middle + pose[:3, 2] * away
    return msgspec.structs.replace(view, pose=placement_of(pose), about=triple(middle), height=2 * up)


def fixed(view: Viewpoint, name: str, bounds: Bounds | None, aspect: float) -> Viewpoint:
    """A view by its name in FIXED, with the box filling the picture."""
    along, up = (np.array(one, np.float64) for one in FIXED[name])
    turned = msgspec.structs.replace(view, pose=looking(-along, np.zeros(3), up), name="")
    return fitted(turned, bounds, aspect)


def through(image: PosedImage, about: Triple, placed: Matrix) -> Viewpoint:
    """What a photograph's camera sees; `placed` takes its node's coordinates to the scene's."""
    pose = placed @ matrix_of(image.pose)
    for axis in range(3):
        pose[:3, axis] /= max(float(np.linalg.norm(pose[:3, axis])), 1e-12)
    return Viewpoint(pose=placement_of(pose), about=about, height_deg=image.lens.height_deg)


def between(first: Viewpoint, last: Viewpoint, share: float) -> Viewpoint:
    """A view on the way from one to another: the turn by the shortest arc, the camera about the moving centre."""
    a, b = matrix_of(first.pose), matrix_of(last.pose)
    about_a, about_b = np.array(first.about), np.array(last.about)
    turn = _part_of_turn(a[:3, :3], b[:3, :3], share)
    from_a, from_b = a[:3, :3].T @ (a[:3, 3] - about_a), b[:3, :3].T @ (b[:3, 3] - about_b)
    about = about_a + (about_b - about_a) * share
    pose = np.eye(4)
    pose[:3, :3] = turn
    pose[:3, 3] = about + turn @ (from_a + (from_b - from_a) * share)
    return msgspec.structs.replace(
        last, pose=placement_of(pose), about=triple(about),
        height=first.height + (last.height - first.height) * share,
        height_deg=first.height_deg + (last.height_deg - first.height_deg) * share,
    )  # fmt: skip


def _part_of_turn(first: Matrix, last: Matrix, share: float) -> Matrix:
    """Part of the turn from one to the other, about one axis (Rodrigues)."""
    step = first.T @ last
    angle = math.acos(min(1.0, max(-1.0, (float(np.trace(step)) - 1) / 2)))
    axis = np.array([step[2, 1] - step[1, 2], step[0, 2] - step[2, 0], step[1, 0] - step[0, 1]])
    if np.linalg.norm(axis) < 1e-9:
        if angle < 1e-6:
            return np.asarray(last if share >= 0.5 else first)
        axis = np.linalg.svd(step - np.eye(3))[2][-1]  # half a turn: what stays where it is
    return np.asarray(first @ turn_about(axis, angle * share))


def turn_about(axis: NDArray[np.floating], angle_rad: float) -> Matrix:
    """A turn about an axis, counter-clockwise when it points at the eye, (3, 3)."""
    x, y, z = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + math.sin(angle_rad) * cross + (1 - math.cos(angle_rad)) * (cross @ cross))


def triple(vector: NDArray[np.floating]) -> Triple:
    """Three plain numbers."""
    return float(vector[0]), float(vector[1]), float(vector[2])
