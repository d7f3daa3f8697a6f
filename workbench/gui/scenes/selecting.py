"""Which points or faces lie under a region of the picture, or have a value; runs on any thread."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from workbench.core.scenes import ClipPlane, MeshDoc, Node, PointsDoc

Mask = NDArray[np.bool_]
How = Literal["replace", "add", "subtract"]
CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Target:
    """What may be selected of a node: its arrays, where it stands (4, 4), and what of it is cropped away."""

    name: str
    positions: NDArray[np.floating]
    """Points (N, 3), or vertices (V, 3)."""
    world: NDArray[np.float64]
    faces: NDArray[np.unsignedinteger] | None = None
    """(F, 3) for a mesh: a face is where its centre is."""
    hidden: Mask | None = None

    @property
    def count(self) -> int:
        """How many there are to select."""
        return len(self.positions) if self.faces is None else len(self.faces)

    def places(self, start: int, end: int) -> NDArray[np.floating]:
        """(M, 3): where those from `start` to `end` are, in the node's coordinates."""
        if self.faces is None:
            return np.asarray(self.positions[start:end])
        corners = np.asarray(self.faces[start:end])
        return np.asarray(self.positions[corners.reshape(-1)].reshape(-1, 3, 3).mean(axis=1))


def region_of(picture: QImage) -> Mask:
    """A drawn picture (Format_Grayscale8) as the pixels of a region, (h, w)."""
    wide, high = picture.width(), picture.height()
    bytes_ = np.frombuffer(picture.constBits(), np.uint8).reshape(high, picture.bytesPerLine())
    return bytes_[:, :wide] > 127


def mask_of(region: Mask, alpha: int = 255) -> QImage:
    """The pixels of a region (h, w) as a picture (Format_Alpha8)."""
    high, wide = region.shape
    picture = QImage(wide, high, QImage.Format.Format_Alpha8)
    bytes_ = np.frombuffer(picture.bits(), np.uint8).reshape(high, picture.bytesPerLine())
    bytes_[:, :wide] = np.where(region, alpha, 0)
    return picture


def marked(who: NDArray[Any], elements: NDArray[Any], masks: Mapping[int, Mask]) -> Mask:
    """In which pixels an element is seen that its node's mask has, (h, w), from the numbers of both in each pixel."""
    found = np.zeros(who.shape, bool)
    for number, mask in masks.items():
        there = who == number
        at = elements[there].astype(np.int64)
        found[there] = (at >= 0) & (at < len(mask)) & mask[np.clip(at, 0, len(mask) - 1)]
    return found


def under(region: Mask, whole: NDArray[np.float64], target: Target, clips: Sequence[ClipPlane] = ()) -> Mask:
    """Which points or faces of a target fall on a region, (N,); those behind others too, but not what is cropped away.

    `whole` takes scene coordinates to the picture's −1 … 1 (4, 4), of which the region has all pixels.
    """
    high, wide = region.shape
    to_picture = (whole @ target.world).astype(np.float64)
    rows, shifts = to_picture[[0, 1, 3], :3].astype(np.float32), to_picture[[0, 1, 3], 3].astype(np.float32)
    planes = [_plane(one, target.world) for one in clips if one.on]
    found = np.zeros(target.count, bool)
    for start in range(0, target.count, CHUNK):
        places = target.places(start, start + CHUNK).astype(np.float32, copy=False)
        at = places @ rows.T + shifts
        before = at[:, 2] > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            x = (at[:, 0] / at[:, 2] + 1) * np.float32(wide / 2)
            y = (1 - at[:, 1] / at[:, 2]) * np.float32(high / 2)
            inside = before & (x >= 0) & (x < wide) & (y >= 0) & (y < high)
        part = np.flatnonzero(inside)
        part = part[region[y[part].astype(np.intp), x[part].astype(np.intp)]]
        for normal, distance in planes:
            part = part[places[part] @ normal <= distance]
        found[start + part] = True
    if target.hidden is not None:
        found &= ~target.hidden
    return found


def _plane(clip: ClipPlane, world: NDArray[np.float64]) -> tuple[NDArray[np.float32], np.float32]:
    """A clip plane in a node's own coordinates."""
    normal = np.asarray(clip.normal)
    return (normal @ world[:3, :3]).astype(np.float32), np.float32(clip.distance - normal @ world[:3, 3])


def combined(before: Mask | None, hit: Mask, how: How) -> Mask:
    """What is selected after a stroke."""
    if before is None or how == "replace":
        return np.zeros_like(hit) if how == "subtract" else hit
    return before | hit if how == "add" else before & ~hit


def with_values(values: NDArray[Any], low: float, high: float) -> Mask:
    """Which numbers lie in a range, bounds included; none that is not a number."""
    return np.asarray((values >= low) & (values <= high))


def with_classes(values: NDArray[np.generic], classes: Iterable[int]) -> Mask:
    """Which classes are among these."""
    return np.isin(values, np.asarray(list(classes)))


def selectable(node: Node) -> bool:
    """Whether there are points or faces to select of a node."""
    return isinstance(node.thing, PointsDoc | MeshDoc)


def count_of(node: Node) -> int:
    """How many points or faces there are to select."""
    if isinstance(node.thing, PointsDoc):
        return node.thing.count
    return node.thing.face_count if isinstance(node.thing, MeshDoc) else 0
