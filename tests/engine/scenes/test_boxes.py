"""Overlaps against volumes counted point by point, suppression, and average precision by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from workbench.core.scenes import Box
from workbench.engine.scenes import boxes as bx
from workbench.engine.scenes.boxrows import rows_of


def _random(count: int, seed: int, *, turned: bool = True) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    middle, size = (torch.rand(count, 3, generator=chance, dtype=torch.float64) for _ in range(2))
    yaw = (torch.rand(count, 1, generator=chance, dtype=torch.float64) - 0.5) * 2 * math.pi
    return torch.cat([2 * middle, 0.5 + 3 * size, yaw if turned else 0 * yaw], 1)


def _holds(box: Tensor, points: Tensor) -> Tensor:
    off = points - box[:3]
    cos, sin = math.cos(float(box[6])), math.sin(float(box[6]))
    x, y = off[:, 0] * cos + off[:, 1] * sin, off[:, 1] * cos - off[:, 0] * sin
    return (x.abs() <= box[3] / 2) & (y.abs() <= box[4] / 2) & (off[:, 2].abs() <= box[5] / 2)


def test_that_overlaps_of_turned_boxes_are_those_that_counted_points_give() -> None:
    one, other = _random(24, 1), _random(24, 2)
    points = torch.rand(60_000, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 7 - 2.5
    found = bx.pair_iou(one, other)
    assert (found > 0.05).sum() >= 8
    for at in range(len(one)):
        first, second = _holds(one[at], points), _holds(other[at], points)
        counted = (first & second).sum() / (first | second).sum()
        assert float(found[at]) == pytest.approx(float(counted), abs=0.035)


def test_that_aligned_boxes_overlap_alike_by_both_ways_and_equal_boxes_wholly() -> None:
    one, other = _random(40, 4, turned=False), _random(40, 5, turned=False)
    assert torch.allclose(bx.pair_iou(one, other), bx.pair_iou_aligned(one, other), atol=1e-9)
    turned = _random(40, 6)
    assert torch.allclose(bx.pair_iou(turned, turned), torch.ones(40, dtype=torch.float64), atol=1e-6)
    about = turned.clone()
    about[:, 6] += math.pi
    assert torch.allclose(bx.pair_iou(turned, about), torch.ones(40, dtype=torch.float64), atol=1e-6)


def test_that_boxes_apart_in_height_or_across_share_nothing() -> None:
    box = torch.tensor([[0.0, 0, 0, 2, 2, 2, 0.3]])
    above, beside = box.clone(), box.clone()
    above[0, 2] += 2.5
    beside[0, 0] += 4
    assert not bx.iou(box, torch.cat([above, beside])).any()


def test_that_the_overlap_of_turned_boxes_has_the_slope_that_small_moves_show() -> None:
    one, other = _random(12, 7).requires_grad_(), _random(12, 8)
    bx.pair_iou(one, other).sum().backward()
    assert one.grad is not None
    step = 1e-5
    for column in range(7):
        moved = one.detach().clone()
        moved[:, column] += step
        back = one.detach().clone()
        back[:, column] -= step
        slope = (bx.pair_iou(moved, other) - bx.pair_iou(back, other)) / (2 * step)
        assert torch.allclose(one.grad[:, column], slope, atol=1e-4)


def test_that_enclosing_boxes_hold_every_corner_and_touch_them() -> None:
    turned = _random(30, 9)
    around = bx.enclosing(turned)
    reach = (bx.corners(turned) - around[:, None, :2]).abs().amax(1)
    assert torch.allclose(reach, around[:, 3:5] / 2)
    assert not around[:, 6].any()


def test_that_suppression_keeps_the_better_of_two_that_overlap_and_no_more_than_asked_for() -> None:
    boxes = torch.tensor([[0, 0, 0, 2, 2, 2, 0], [0.2, 0, 0, 2, 2, 2, 0], [5, 0, 0, 2, 2, 2, 0], [9, 0, 0, 2, 2, 2, 0]])
    scores = torch.tensor([0.5, 0.9, 0.3, 0.6])
    assert bx.suppressed(boxes, scores, most_iou=0.3, most=10).tolist() == [1, 3, 2]
    assert bx.suppressed(boxes, scores, most_iou=0.3, most=2).tolist() == [1, 3]
    assert bx.suppressed(boxes, scores, most_iou=1.0, most=10).tolist() == [1, 3, 0, 2]
    assert not len(bx.suppressed(boxes[:0], scores[:0], most_iou=0.3, most=2))


def _rows(*middles: float) -> np.ndarray:
    return np.array([[x, 0, 0, 2, 2, 2, 0] for x in middles], np.float32).reshape(-1, 7)


def test_that_average_precision_is_that_of_the_textbook() -> None:
    # Ranked: right, wrong, right of three true boxes. Precision 1, 1/2, 2/3; recall 1/3, 1/3, 2/3.
    scene = bx.Scene(_rows(0, 50, 10), np.array([0.9, 0.8, 0.7], np.float32), _rows(0, 10, 20))
    found = bx.precision([scene], least_iou=0.25, most=10)
    assert found.average == pytest.approx(1 / 3 + 2 / 3 / 3)
    assert found.recall == pytest.approx(2 / 3)


def test_that_a_true_box_is_taken_once_and_only_by_a_sufficient_overlap() -> None:
    twice = bx.Scene(_rows(0, 0.1), np.array([0.9, 0.8], np.float32), _rows(0))
    assert bx.precision([twice], least_iou=0.5, most=10).average == 1
    off = bx.Scene(_rows(1), np.array([0.9], np.float32), _rows(0))  # overlaps by a third
    assert bx.precision([off], least_iou=0.25, most=10).average == 1
    assert bx.precision([off], least_iou=0.5, most=10).average == 0


def test_that_proposals_are_limited_and_their_order_over_scenes_counts() -> None:
    bad = bx.Scene(_rows(50, 0), np.array([0.9, 0.8], np.float32), _rows(0))
    assert bx.precision([bad], least_iou=0.25, most=1).recall == 0
    assert bx.precision([bad], least_iou=0.25, most=2).average == pytest.approx(0.5)
    good = bx.Scene(_rows(0), np.array([0.95], np.float32), _rows(0))
    assert bx.precision([bad, good], least_iou=0.25, most=2).average == pytest.approx(0.5 + 2 / 3 / 2)


def test_that_scenes_without_boxes_lower_precision_and_no_truth_at_all_has_none() -> None:
    empty = bx.Scene(_rows(1), np.array([0.99], np.float32), _rows())
    full = bx.Scene(_rows(0), np.array([0.5], np.float32), _rows(0))
    assert bx.precision([empty, full], least_iou=0.25, most=5).average == pytest.approx(0.5)
    assert math.isnan(bx.precision([empty], least_iou=0.25, most=5).average)
    nothing = bx.Scene(_rows(), np.zeros(0, np.float32), _rows(0))
    assert bx.precision([nothing], least_iou=0.25, most=5) == bx.Precision(0.0, 0.0)


def test_that_boxes_become_rows() -> None:
    rows = rows_of([Box((1, 2, 3), (4, 5, 6), 0.5)])
    assert rows.tolist() == [[1, 2, 3, 4, 5, 6, 0.5]]
    assert rows_of([]).shape == (0, 7)
