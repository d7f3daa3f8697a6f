"""Where things stand as numbers: position, turn in degrees, scale; and placements changed in scene coordinates."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import Box, Node, Placement
from workbench.core.volumes import Triple
from workbench.gui.scenes.scene import Scene, matrix_of, placement_of

Matrix = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Pose:
    """Position in the parent's coordinates, turns in degrees about x, then y, then z (extrinsic), scale along the
    thing's own axes; `exact` says whether the matrix is these and nothing else (no shear)."""

    position: Triple
    turn_deg: Triple
    scale: Triple
    exact: bool = True


def pose_of(placement: Placement) -> Pose:
    """A placement as numbers; mirrored ones have a negative scale along x."""
    matrix = matrix_of(placement)
    scale = np.linalg.norm(matrix[:3, :3], axis=0)
    if np.linalg.det(matrix[:3, :3]) < 0:
        scale[0] = -scale[0]
    safe = np.where(np.abs(scale) > 1e-12, scale, 1.0)
    turn = matrix[:3, :3] / safe
    y = math.asin(min(1.0, max(-1.0, -float(turn[2, 0]))))
    if abs(turn[2, 0]) < 1 - 1e-9:
        x, z = math.atan2(turn[2, 1], turn[2, 2]), math.atan2(turn[1, 0], turn[0, 0])
    else:  # looking along z after the second turn: only x ± z is known
        x, z = math.atan2(-turn[1, 2], turn[1, 1]), 0.0
    found = Pose(
        _three(matrix[:3, 3]), _three(np.degrees([x, y, z])), _three(scale)
    )  # fmt: skip
    exact = bool(np.allclose(matrix_of(placement_from(found)), matrix, atol=1e-9 + 1e-7 * np.abs(matrix).max()))
    return dataclasses.replace(found, exact=exact)


def placement_from(pose: Pose) -> Placement:
    """The placement of position, turns and scale."""
    x, y, z = np.radians(pose.turn_deg)
    about_x = np.array([[1, 0, 0], [0, math.cos(x), -math.sin(x)], [0, math.sin(x), math.cos(x)]])
    about_y = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    about_z = np.array([[math.cos(z), -math.sin(z), 0], [math.sin(z), math.cos(z), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_z @ about_y @ about_x * np.asarray(pose.scale)
    matrix[:3, 3] = pose.position
    return placement_of(matrix)


def shifted(by: NDArray[np.floating]) -> Matrix:
    """A shift in scene coordinates, (4, 4)."""
    found = np.eye(4)
    found[:3, 3] = by
    return found


def turned(axis: NDArray[np.floating], angle_rad: float, about: NDArray[np.floating]) -> Matrix:
    """A turn about an axis through a point, counter-clockwise when the axis points at the eye (Rodrigues), (4, 4)."""
    x, y, z = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn = np.eye(3) + math.sin(angle_rad) * cross + (1 - math.cos(angle_rad)) * (cross @ cross)
    return _about(turn, about)


def scaled(factor: float, about: NDArray[np.floating]) -> Matrix:
    """An even scaling about a point, (4, 4)."""
    return _about(np.eye(3) * factor, about)


def _about(linear: NDArray[np.float64], about: NDArray[np.floating]) -> Matrix:
    found = np.eye(4)
    found[:3, :3] = linear
    found[:3, 3] = about - linear @ about
    return found


def changed(scene: Scene, names: Iterable[str], change: Matrix) -> list[Node]:
    """Nodes moved by a change in scene coordinates, as their parents see them."""
    found = []
    for name in names:
        node = scene.nodes[name]
        above = scene.world(node.parent) if node.parent else np.eye(4)
        found.append(msgspec.structs.replace(
            node, placement=placement_of(np.linalg.inv(above) @ change @ scene.world(name))
        ))  # fmt: skip
    return found


def box_moved(box: Box, change: NDArray[np.floating]) -> Box:
    """A box as seen after a change that keeps z upright; sides are scaled, tilts are left out."""
    scale = np.linalg.norm(change[:3, :3], axis=0)
    centre = change[:3, :3] @ np.asarray(box.centre) + change[:3, 3]
    along = change[:3, :3] @ np.array([math.cos(box.yaw_rad), math.sin(box.yaw_rad), 0.0])
    return msgspec.structs.replace(
        box, centre=_three(centre), size=_three(np.asarray(box.size) * scale),
        yaw_rad=math.atan2(float(along[1]), float(along[0])),
    )  # fmt: skip


def _three(vector: Iterable[float]) -> Triple:
    x, y, z = (float(one) + 0.0 for one in vector)
    return x, y, z
