"""Dice and HD95 against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.engine.medical import metrics


def box(shape: tuple[int, ...], *ranges: tuple[int, int]) -> np.ndarray:
    array = np.zeros(shape, bool)
    array[tuple(slice(*one) for one in ranges)] = True
    return array[None]


def test_that_dice_is_twice_the_overlap_over_the_sum() -> None:
    truth, guess = box((10, 10), (0, 4), (0, 4)), box((10, 10), (2, 6), (0, 4))
    assert metrics.dice(guess, truth).tolist() == [0.5]


def test_that_nothing_found_where_nothing_is_scores_full_marks_and_a_miss_the_diagonal() -> None:
    empty, full = np.zeros((1, 4, 30, 40), bool), box((4, 30, 40), (0, 2), (3, 9), (3, 9))
    assert metrics.dice(empty, empty).tolist() == [1.0]
    assert metrics.hd95_mm(empty, empty, (5, 1, 1)).tolist() == [0.0]
    assert metrics.dice(empty, full).tolist() == [0.0]
    diagonal = np.sqrt(20**2 + 30**2 + 40**2)
    assert metrics.hd95_mm(empty, full, (5, 1, 1)) == pytest.approx([diagonal])
    assert metrics.hd95_mm(full, empty, (5, 1, 1)) == pytest.approx([diagonal])


def test_that_surface_distances_are_in_millimetres_along_each_axis() -> None:
    truth = box((12, 40, 40), (2, 6), (10, 20), (10, 20))
    along_z, along_y = box((12, 40, 40), (5, 9), (10, 20), (10, 20)), box((12, 40, 40), (2, 6), (13, 23), (10, 20))
    assert metrics.hd95_mm(along_z, truth, (4.0, 1.0, 1.0)) == pytest.approx([12.0])
    assert metrics.hd95_mm(along_y, truth, (4.0, 0.5, 1.0)) == pytest.approx([1.5])


def test_that_flat_images_are_measured_as_volumes_are() -> None:
    truth, guess = box((30, 30), (5, 15), (5, 15)), box((30, 30), (5, 15), (9, 19))
    assert metrics.hd95_mm(guess, truth, (1.0, 2.0)) == pytest.approx([8.0])


def test_that_both_averagings_differ_where_slices_are_empty() -> None:
    truth = box((4, 8, 8), (0, 1), (0, 4), (0, 4))
    guess = box((4, 8, 8), (0, 1), (2, 6), (0, 4))
    found = metrics.score(guess, truth, (2.0, 5.0, 5.0))
    assert found.dice.tolist() == [0.5]
    assert found.slice_dice.tolist() == [(0.5 + 3) / 4]
    assert found.true_ml == pytest.approx([16 * 50 / 1000])


def test_that_arrays_of_unlike_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be held against"):
        metrics.dice(np.zeros((1, 3, 3), bool), np.zeros((1, 3, 4), bool))
