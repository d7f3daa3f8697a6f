"""An anchor-free detector of boxes in a grid: FCOS in three dimensions on a feature pyramid (paper 09, section D).

Places of a level's features stand for the middles of cubes of `stride` voxels. Boxes are rows (N, 7) in voxels as
boxes.py has them, (0, 0, 0) the outer corner of the first voxel. Aligned boxes are six distances to their faces; turned
ones the distances to the enclosing box's faces and how far its edges' midpoints in xy are moved to the box's corners.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.engine.scenes import boxes as bx

RADIUS_STRIDES = 1.5
"""Places this close to a box's centre (in strides, along every axis) learn that box."""
SPAN_STRIDES = 4
"""A level learns boxes whose farthest face is at most this many strides away (16 voxels at stride 4)."""
LONGEST = 6.0
"""Greatest logarithm of a distance in strides."""
SURE_AT_START = 0.01


class Pyramid(nn.Module):
    """All stages' features at one width, deeper ones added to shallower ones."""

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList([nn.Conv3d(one, width, 1) for one in widths])
        self.outs = nn.ModuleList([nn.Conv3d(width, width, 3, padding=1) for _ in widths])

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """(B, C_k, …) of every stage to (B, width, …) of the same sides."""
        found = [lateral(one) for lateral, one in zip(self.laterals, features, strict=True)]
        for level in range(len(found) - 2, -1, -1):
            found[level] = found[level] + F.interpolate(found[level + 1], found[level].shape[2:], mode="nearest")
        return [out(one) for out, one in zip(self.outs, found, strict=True)]


@dataclasses.dataclass
class Said:
    """What the head says of every place of a batch, levels one after another: P places.

    `score` and `centre` are logits (B, P); `distances` (B, P, 6) voxels to low x, high x, low y, …; `shifts` (B, P, 2)
    are the midpoints' moves as shares of the enclosing box's sides, or None for aligned boxes. `places` (P, 3) voxels,
    `strides` (P,).
    """

    score: Tensor
    centre: Tensor
    distances: Tensor
    shifts: Tensor | None
    places: Tensor
    strides: Tensor


class Head(nn.Module):
    """Two towers that all levels share: one says whether there is a box, the other where its faces are."""

    def __init__(self, width: int, strides: Sequence[int], *, turned: bool, layers: int = 4) -> None:
        super().__init__()
        self.strides, self.turned = tuple(strides), turned
        self.class_tower, self.box_tower = _tower(width, layers), _tower(width, layers)
        self.score = nn.Conv3d(width, 1, 3, padding=1)
        self.box = nn.Conv3d(width, 8 if turned else 6, 3, padding=1)
        self.centre = nn.Conv3d(width, 1, 3, padding=1)
        self.scales = nn.Parameter(torch.ones(len(self.strides)))
        for module in (self.score, self.box, self.centre):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.score.bias, -math.log((1 - SURE_AT_START) / SURE_AT_START))  # type: ignore[arg-type]

    def forward(self, levels: Sequence[Tensor]) -> Said:
        """What is said of the levels' features (B, C, X, Y, Z)."""
        scores, centres, distances, shifts, places, strides = [], [], [], [], [], []
        for at, (features, stride) in enumerate(zip(levels, self.strides, strict=True)):
            boxed = self.box_tower(features)
            raw = self.box(boxed).float()
            far = (raw[:, :6] * self.scales[at]).clamp(max=LONGEST).exp() * stride
            scores.append(self.score(self.class_tower(features)).float().flatten(1))
            centres.append(self.centre(boxed).float().flatten(1))
            distances.append(far.flatten(2).transpose(1, 2))
            shifts.append(0.5 * raw[:, 6:].tanh().flatten(2).transpose(1, 2))
            found = _places(features.shape[2:], stride, features.device)
            places.append(found)
            strides.append(found.new_full((len(found),), stride))
        moved = torch.cat(shifts, 1) if self.turned else None
        return Said(torch.cat(scores, 1), torch.cat(centres, 1), torch.cat(distances, 1), moved, torch.cat(places),
                    torch.cat(strides))  # fmt: skip


def _tower(width: int, layers: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for _ in range(layers):
        groups = math.gcd(32, width)
        parts += [nn.Conv3d(width, width, 3, padding=1), nn.GroupNorm(groups, width), nn.ReLU()]
    return nn.Sequential(*parts)


def _places(sides: Sequence[int], stride: int, device: torch.device) -> Tensor:
    """The middles of a level's cubes in voxels, (X·Y·Z, 3)."""
    axes = [(torch.arange(side, device=device, dtype=torch.float32) + 0.5) * stride for side in sides]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).view(-1, 3)


# What is learned --------------------------------------------------------------------------------


def assigned(said: Said, truth: Tensor) -> Tensor:
    """Which true box (N, 7) every place learns, (P,), −1 for none.

    A place learns a box when it lies in it (in the enclosing one, of a turned box), near its centre, and the level is
    that of the box's size; of several it learns the smallest.
    """
    if not len(truth):
        return torch.full((len(said.places),), -1, device=said.places.device, dtype=torch.long)
    around = bx.enclosing(truth)
    offset = said.places[:, None] - around[None, :, :3]
    far = torch.cat([around[None, :, 3:6] / 2 + offset, around[None, :, 3:6] / 2 - offset], -1)
    stride = said.strides[:, None]
    near = offset.abs().amax(-1) <= RADIUS_STRIDES * stride
    farthest = far.amax(-1)
    lowest, highest = stride == said.strides.min(), stride == said.strides.max()
    above = lowest | (farthest > SPAN_STRIDES * stride / 2)
    below = highest | (farthest <= SPAN_STRIDES * stride)
    learns = (far.amin(-1) > 0) & near & above & below
    volume = truth[:, 3:6].prod(1)[None].expand_as(farthest).masked_fill(~learns, torch.inf)
    least, which = volume.min(1)
    return torch.where(least.isinf(), torch.full_like(which, -1), which)


def centreness(places: Tensor, truth: Tensor) -> Tensor:
    """How central each place (K, 3) lies in its box (K, 7), 0 to 1: √∏ min / max of its distances (FCOS, eq. 3)."""
    around = bx.enclosing(truth)
    offset = (places - around[:, :3]) / (around[:, 3:6] / 2)
    return ((1 - offset.abs()) / (1 + offset.abs())).clamp(min=0).prod(1).sqrt()


def detection_loss(said: Said, truths: Sequence[Tensor]) -> Tensor:
    """Focal loss, 1 − IoU by centreness, and cross-entropy of centreness, over the batch's boxes `truths` (N_b, 7).

    Sums are divided by the number of places that learn a box, as FCOS does.
    """
    found = torch.stack([assigned(said, one) for one in truths])
    positive = found >= 0
    count = positive.sum().clamp(min=1)
    loss = focal(said.score, positive.to(said.score)).sum() / count
    if positive.any():
        scene, place = positive.nonzero(as_tuple=True)
        truth = torch.stack([truths[int(one)][int(which)] for one, which in zip(scene, found[positive], strict=True)])
        central = centreness(said.places[place], truth)
        overlap = _overlap(said, scene, place, truth)
        loss = loss + ((1 - overlap) * central).sum() / central.sum().clamp(min=1e-6)
        loss = loss + F.binary_cross_entropy_with_logits(said.centre[positive], central, reduction="sum") / count
    return loss


def focal(logits: Tensor, truth: Tensor, *, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Focal loss of each place (Lin et al. 2017, eq. 5)."""
    plain = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    missed = torch.sigmoid(logits) * (1 - truth) + (1 - torch.sigmoid(logits)) * truth
    return (alpha * truth + (1 - alpha) * (1 - truth)) * missed**gamma * plain


def _overlap(said: Said, scene: Tensor, place: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union of what the places say with their boxes, (K,)."""
    around = _around(said.places[place], said.distances[scene, place])
    if said.shifts is None:
        return bx.pair_iou_aligned(around, bx.enclosing(truth))
    quads, real = _quads(around, said.shifts[scene, place]), bx.corners(truth)
    top = torch.minimum(around[:, 2] + around[:, 5] / 2, truth[:, 2] + truth[:, 5] / 2)
    bottom = torch.maximum(around[:, 2] - around[:, 5] / 2, truth[:, 2] - truth[:, 5] / 2)
    shared = bx.polygon_overlap(quads, real) * (top - bottom).clamp(min=0)
    whole = bx.polygon_area(quads) * around[:, 5] + truth[:, 3:6].prod(1)
    return shared / (whole - shared).clamp(min=1e-6)


def _around(places: Tensor, distances: Tensor) -> Tensor:
    """Aligned boxes (K, 7) from places (K, 3) and distances (K, 6)."""
    low, high = distances[:, 0::2], distances[:, 1::2]
    return torch.cat([places + (high - low) / 2, low + high, torch.zeros_like(places[:, :1])], 1)


def _quads(around: Tensor, shifts: Tensor) -> Tensor:
    """Parallelograms (K, 4, 2), counter-clockwise, whose corners lie on the enclosing box's edges.

    The lower edge's midpoint moves by shifts[0] · width along x, the right edge's by shifts[1] · length along y; the
    opposite ones move the other way (Oriented R-CNN, section 3.1).
    """
    width, length = around[:, 3], around[:, 4]
    along, across = shifts[:, 0] * width, shifts[:, 1] * length
    x = torch.stack([along, width / 2, -along, -width / 2], 1)
    y = torch.stack([-length / 2, across, length / 2, -across], 1)
    return torch.stack([x, y], -1) + around[:, None, :2]


def _turned(around: Tensor, shifts: Tensor) -> Tensor:
    """Rectangles (K, 7) from the parallelograms: the shorter diagonal is made as long as the longer one."""
    quads = _quads(around, shifts) - around[:, None, :2]
    first, second = quads[:, 0], quads[:, 1]
    half = torch.maximum(first.norm(dim=1), second.norm(dim=1))[:, None]
    first, second = (one / one.norm(dim=1, keepdim=True).clamp(min=1e-9) * half for one in (first, second))
    side, other = second - first, second + first
    yaw = torch.atan2(side[:, 1], side[:, 0])
    return torch.stack([*around[:, :3].unbind(1), side.norm(dim=1), other.norm(dim=1), around[:, 5], yaw], 1)


@torch.no_grad()
def found(said: Said, *, candidates: int, most: int, most_iou: float = 0.3) -> list[tuple[Tensor, Tensor]]:
    """Each scene's boxes (N, 7) and scores (N,), best first, at most `most` after suppression.

    A score is √(sureness · centreness); the `candidates` best places of every level are looked at.
    """
    results = []
    scores = (said.score.sigmoid() * said.centre.sigmoid()).sqrt()
    for scene in range(len(scores)):
        chosen = []
        for stride in sorted(set(said.strides.tolist())):
            level = (said.strides == stride).nonzero()[:, 0]
            chosen.append(level[scores[scene, level].topk(min(candidates, len(level))).indices])
        places = torch.cat(chosen)
        around = _around(said.places[places], said.distances[scene, places])
        boxes = around if said.shifts is None else _turned(around, said.shifts[scene, places])
        kept = bx.suppressed(boxes, scores[scene, places], most_iou=most_iou, most=most)
        results.append((boxes[kept], scores[scene, places][kept]))
    return results
