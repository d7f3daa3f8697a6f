"""Which place learns which box, what boxes places say, and a detector that learns a handful of scenes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from workbench.engine.scenes import boxes as bx
from workbench.engine.scenes import detection as dt


def _said(head: dt.Head, sides: tuple[int, ...] = (8, 4, 2), width: int = 8) -> dt.Said:
    found: dt.Said = head([torch.zeros(1, width, side, side, side) for side in sides])
    return found


def _box(*values: float) -> Tensor:
    return torch.tensor([values], dtype=torch.float32)


def test_that_places_are_the_middles_of_their_cubes() -> None:
    said = _said(dt.Head(8, (4, 8, 16), turned=False))
    assert said.places[0].tolist() == [2, 2, 2]
    assert said.places[1].tolist() == [2, 2, 6]
    assert said.places[512].tolist() == [4, 4, 4]
    assert said.strides.tolist() == [4.0] * 512 + [8.0] * 64 + [16.0] * 8


def test_that_boxes_are_learned_near_their_middle_at_the_level_of_their_size() -> None:
    said = _said(dt.Head(8, (4, 8, 16), turned=False))
    small, large = _box(16, 16, 8, 10, 10, 10, 0), _box(16, 16, 16, 40, 40, 40, 0)
    which = dt.assigned(said, torch.cat([small, large]))
    of_small = (which == 0).nonzero()[:, 0]
    assert len(of_small)
    assert set(said.strides[of_small].tolist()) == {4.0}
    assert ((said.places[of_small] - small[0, :3]).abs() < 5).all()
    assert set(said.strides[which == 1].tolist()) == {8.0}
    assert (dt.assigned(said, torch.zeros(0, 7)) == -1).all()


def test_that_of_two_boxes_around_a_place_the_smaller_is_learned() -> None:
    said = _said(dt.Head(8, (4,), turned=False), (8,))
    which = dt.assigned(said, torch.cat([_box(14, 14, 14, 20, 20, 20, 0), _box(14, 14, 14, 6, 6, 6, 0)]))
    place = int((said.places == 14).all(1).nonzero()[0])
    assert which[place] == 1


def test_that_the_middle_of_a_box_is_most_central() -> None:
    places = torch.tensor([[5.0, 5, 5], [7, 5, 5], [9.99, 5, 5]])
    central = dt.centreness(places, _box(5, 5, 5, 10, 10, 10, 0).expand(3, 7))
    assert central[0] == 1
    assert central[1] == pytest.approx(math.sqrt(3 / 7))
    assert central[2] < 0.05


def test_that_every_turned_rectangle_can_be_said_and_is_read_back() -> None:
    chance = torch.Generator().manual_seed(2)
    boxes = torch.rand(50, 7, generator=chance, dtype=torch.float64) * 4 + 1
    corners, around = bx.corners(boxes), bx.enclosing(boxes)
    row = torch.arange(50)
    along = (corners[row, corners[..., 1].argmin(1), 0] - boxes[:, 0]) / around[:, 3]
    across = (corners[row, corners[..., 0].argmax(1), 1] - boxes[:, 1]) / around[:, 4]
    shifts = torch.stack([along, across], 1)
    assert torch.allclose(bx.polygon_overlap(dt._quads(around, shifts), corners), boxes[:, 3] * boxes[:, 4])
    assert bx.pair_iou(dt._turned(around, shifts), boxes).min() > 1 - 1e-6


def test_that_focal_loss_forgives_what_is_nearly_right() -> None:
    logits = torch.tensor([0.0, 4.0, -4.0])
    loss = dt.focal(logits, torch.tensor([1.0, 1.0, 1.0]))
    assert loss[0] == pytest.approx(0.25 * 0.25 * math.log(2), rel=1e-5)
    assert loss[1] < 1e-4 < loss[0] < loss[2]


@pytest.mark.parametrize("turned", [False, True])
def test_that_a_detector_learns_the_boxes_of_a_few_scenes(turned: bool) -> None:
    torch.manual_seed(0)
    yaw = 0.6 if turned else 0.0
    truths = [_box(5, 6, 4, 8, 4, 6, yaw), torch.cat([_box(11, 5, 5, 6, 5, 4, 0), _box(4, 11, 6, 5, 5, 8, -yaw)])]
    grid = torch.zeros(2, 4, 16, 16, 16)
    axes = torch.arange(16) + 0.5
    points = torch.stack(torch.meshgrid(axes, axes, axes, indexing="ij"), -1)
    for scene, boxes in enumerate(truths):
        for one in boxes:
            off = points - one[:3]
            x = off[..., 0] * one[6].cos() + off[..., 1] * one[6].sin()
            y = off[..., 1] * one[6].cos() - off[..., 0] * one[6].sin()
            inside = (x.abs() < one[3] / 2) & (y.abs() < one[4] / 2) & (off[..., 2].abs() < one[5] / 2)
            grid[scene, :, inside] = 1
    stem = torch.nn.Sequential(torch.nn.Conv3d(4, 24, 4, 4), torch.nn.ReLU())
    pyramid, head = dt.Pyramid((24,), 24), dt.Head(24, (4,), turned=turned, layers=1)
    learning = [one for part in (stem, pyramid, head) for one in part.parameters()]
    optimizer = torch.optim.Adam(learning, 4e-3)
    losses = []
    for _ in range(110):
        loss = dt.detection_loss(head(pyramid([stem(grid)])), truths)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    results = dt.found(head(pyramid([stem(grid)])), candidates=64, most=5)
    scenes = [bx.Scene(boxes.detach().numpy(), scores.detach().numpy(), truth.numpy())
              for (boxes, scores), truth in zip(results, truths, strict=True)]  # fmt: skip
    assert bx.precision(scenes, least_iou=0.25, most=5).recall == 1
    assert all((scores[:-1] >= scores[1:]).all() for _, scores in results)


def test_that_a_batch_without_a_single_box_still_teaches_that_there_is_none() -> None:
    head = dt.Head(8, (4,), turned=True, layers=1)
    loss = dt.detection_loss(_said(head, (4,)), [torch.zeros(0, 7)])
    assert torch.isfinite(loss) and loss > 0
