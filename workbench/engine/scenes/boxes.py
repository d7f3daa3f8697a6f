"""Boxes in space: overlaps of aligned and of turned ones, suppression, and how well found ones meet true ones.

Boxes are rows of (N, 7): centre x, y, z, sides along their own axes, and the turn about z in radians, counter-clockwise
from above; in any one unit. Overlaps can be differentiated (paper 09, section D: polygon clip in xy × height overlap).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NEAR = 1e-6
"""Relative slack with which a point counts as inside, so that equal boxes overlap wholly."""


def enclosing(boxes: Tensor) -> Tensor:
    """The aligned boxes (N, 7), yaw 0, that hold turned ones (N, 7)."""
    cos, sin = boxes[:, 6].cos().abs(), boxes[:, 6].sin().abs()
    width = boxes[:, 3] * cos + boxes[:, 4] * sin
    length = boxes[:, 3] * sin + boxes[:, 4] * cos
    return torch.stack([*boxes[:, :3].unbind(1), width, length, boxes[:, 5], torch.zeros_like(width)], 1)


def corners(boxes: Tensor) -> Tensor:
    """The four corners in xy, counter-clockwise, (N, 4, 2)."""
    signs = boxes.new_tensor([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    x, y = (signs * boxes[:, None, 3:5]).unbind(-1)
    cos, sin = boxes[:, 6:7].cos(), boxes[:, 6:7].sin()
    return torch.stack([x * cos - y * sin, x * sin + y * cos], -1) + boxes[:, None, :2]


def polygon_area(polygons: Tensor) -> Tensor:
    """Areas (N,) of convex polygons (N, K, 2) whose corners go counter-clockwise; repeated corners add nothing."""
    return _cross(polygons, polygons.roll(-1, 1)).sum(1) / 2


def polygon_overlap(one: Tensor, other: Tensor) -> Tensor:
    """The areas (N,) that pairs of convex counter-clockwise quadrilaterals (N, 4, 2) share.

    The shared polygon's corners are corners of either that lie in the other, and crossings of edges.
    """
    crossings, cross = _crossings(one, other)
    points = torch.cat([one, other, crossings], 1)
    there = torch.cat([_inside(one, other), _inside(other, one), cross], 1)
    count = there.sum(1, keepdim=True).clamp(min=1)
    middle = (points * there[..., None]).sum(1, keepdim=True) / count[..., None]
    around = points - middle
    with torch.no_grad():
        angle = torch.atan2(around[..., 1], around[..., 0]).masked_fill(~there, torch.inf)
        order = angle.argsort(1)
    ordered = around.gather(1, order[..., None].expand_as(around))
    present = there.gather(1, order)
    ordered = torch.where(present[..., None], ordered, ordered[:, :1])  # points that are not there repeat the first
    return torch.where(
        there.sum(1) > 2, polygon_area(ordered).clamp(min=0), torch.zeros_like(count[:, 0], dtype=one.dtype)
    )


def _cross(one: Tensor, other: Tensor) -> Tensor:
    return one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]


def _inside(points: Tensor, polygon: Tensor) -> Tensor:
    """Which points (N, P, 2) lie in their convex polygon (N, 4, 2), (N, P)."""
    start, edge = polygon[:, None], (polygon.roll(-1, 1) - polygon)[:, None]
    side = _cross(edge, points[:, :, None] - start)
    slack = NEAR * edge.square().sum(-1)
    return (side >= -slack).all(-1)


def _crossings(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Where edges cross, (N, 16, 2), and which pairs of edges do, (N, 16)."""
    edge, edge_other = one.roll(-1, 1) - one, other.roll(-1, 1) - other
    first, second = edge[:, :, None], edge_other[:, None]
    between = other[:, None] - one[:, :, None]
    turn = _cross(first, second)
    parallel = turn.abs() <= NEAR * first.norm(dim=-1) * second.norm(dim=-1)
    safe = torch.where(parallel, torch.ones_like(turn), turn)
    along, along_other = _cross(between, second) / safe, _cross(between, first) / safe
    crossed = ~parallel & (along >= 0) & (along <= 1) & (along_other >= 0) & (along_other <= 1)
    points = one[:, :, None] + along[..., None] * first
    return points.flatten(1, 2), crossed.flatten(1)


def pair_iou(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of each pair of rows, (N, 7) and (N, 7) to (N,)."""
    flat = polygon_overlap(corners(one), corners(other))
    shared = flat * _height_overlap(one, other)
    return shared / (_volume(one) + _volume(other) - shared).clamp(min=1e-9)


def pair_iou_aligned(one: Tensor, other: Tensor) -> Tensor:
    """The same where no box is turned: yaw is not looked at."""
    low = torch.maximum(one[:, :3] - one[:, 3:6] / 2, other[:, :3] - other[:, 3:6] / 2)
    high = torch.minimum(one[:, :3] + one[:, 3:6] / 2, other[:, :3] + other[:, 3:6] / 2)
    shared = (high - low).clamp(min=0).prod(1)
    return shared / (_volume(one) + _volume(other) - shared).clamp(min=1e-9)


def iou(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of all pairs, (N, 7) and (M, 7) to (N, M)."""
    pairs = (one[:, None].expand(-1, len(other), -1), other[None].expand(len(one), -1, -1))
    first, second = (part.reshape(-1, 7) for part in pairs)
    turned = bool((one[:, 6] != 0).any() or (other[:, 6] != 0).any())
    found = pair_iou(first, second) if turned else pair_iou_aligned(first, second)
    return found.view(len(one), len(other))


def _volume(boxes: Tensor) -> Tensor:
    return boxes[:, 3:6].prod(1)


def _height_overlap(one: Tensor, other: Tensor) -> Tensor:
    top = torch.minimum(one[:, 2] + one[:, 5] / 2, other[:, 2] + other[:, 5] / 2)
    bottom = torch.maximum(one[:, 2] - one[:, 5] / 2, other[:, 2] - other[:, 5] / 2)
    return (top - bottom).clamp(min=0)


def suppressed(boxes: Tensor, scores: Tensor, *, most_iou: float, most: int) -> Tensor:
    """The places of the boxes that stay, best first, at most `most`: none overlaps a better one by more than
    `most_iou`."""
    left = scores.argsort(descending=True, stable=True)
    kept: list[Tensor] = []
    while len(left) and len(kept) < most:
        best, left = left[0], left[1:]
        kept.append(best)
        if len(left):
            left = left[iou(boxes[best][None], boxes[left])[0] <= most_iou]
    return torch.stack(kept) if kept else scores.new_zeros(0, dtype=torch.long)


# How well ---------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Precision:
    """Average precision and recall at one overlap, over all scenes."""

    average: float
    recall: float


@dataclasses.dataclass(frozen=True)
class Scene:
    """What was found in one scene, (N, 7) with scores (N,), and what is there, (M, 7)."""

    found: NDArray[np.float32]
    scores: NDArray[np.float32]
    truth: NDArray[np.float32]


def precision(scenes: Sequence[Scene], *, least_iou: float, most: int) -> Precision:
    """Average precision over all scenes, of at most `most` boxes of each, the best first.

    A found box is right when the true one that it overlaps most does so by `least_iou` at least and no better box has
    taken it. Precision is made non-increasing in recall before it is averaged (PASCAL VOC 2010). NaN without any truth.
    """
    scores, right = [], []
    total = sum(len(one.truth) for one in scenes)
    for scene in scenes:
        order = np.argsort(-scene.scores, kind="stable")[:most]
        scores.append(scene.scores[order])
        right.append(_right(scene.found[order], scene.truth, least_iou))
    if not total:
        return Precision(float("nan"), float("nan"))
    ranked = np.argsort(-np.concatenate(scores), kind="stable")
    hits = np.cumsum(np.concatenate(right)[ranked])
    if not len(hits):
        return Precision(0.0, 0.0)
    share = hits / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(share[::-1])[::-1]
    recall = hits / total
    return Precision(float(np.sum(np.diff(recall, prepend=0.0) * envelope)), float(recall[-1]))


def _right(found: NDArray[np.float32], truth: NDArray[np.float32], least_iou: float) -> NDArray[np.bool_]:
    """Which found boxes (best first) take a true one."""
    right = np.zeros(len(found), bool)
    if not len(found) or not len(truth):
        return right
    overlaps = iou(torch.from_numpy(found).double(), torch.from_numpy(truth).double()).numpy()
    taken = np.zeros(len(truth), bool)
    for at, row in enumerate(overlaps):
        best = int(row.argmax())
        if row[best] >= least_iou and not taken[best]:
            taken[best] = right[at] = True
    return right
