"""Numbers made ready for drawing."""

import numpy as np
import pytest

from workbench.gui.views.series import best_of, smoothed, thinned, valid
from workbench.gui.views.words import short, span_of_time


def test_that_points_voided_by_a_resume_are_left_out():
    steps = np.array([1, 2, 3, 4, 5, 3, 4, 5, 6.0])
    assert steps[valid(steps)].tolist() == [1, 2, 3, 4, 5, 6]
    assert np.flatnonzero(valid(steps)).tolist() == [0, 1, 5, 6, 7, 8]


def test_that_the_later_of_two_values_at_one_step_stands():
    steps = np.array([1, 2, 2, 3.0])
    assert np.flatnonzero(valid(steps)).tolist() == [0, 2, 3]


@pytest.mark.parametrize("count", [1, 5, 128, 129, 1000])
def test_that_smoothing_is_the_unbiased_exponential_average(count):
    values = np.random.default_rng(0).normal(size=count)
    expected, total, share = [], 0.0, 0.0
    for value in values:
        total, share = 0.9 * total + 0.1 * value, 0.9 * share + 0.1
        expected.append(total / share)
    np.testing.assert_allclose(smoothed(values, 0.9), expected, rtol=1e-9)


def test_that_smoothing_keeps_gaps_and_goes_on_behind_them():
    values = np.array([1.0, 1.0, np.nan, 1.0])
    found = smoothed(values, 0.5)
    assert np.isnan(found[2])
    np.testing.assert_allclose(found[[0, 1, 3]], 1.0)


def test_that_thinning_keeps_every_extreme():
    x = np.arange(100_000.0)
    y = np.sin(x / 500)
    y[54_321], y[12_345] = 9.0, -9.0
    thin_x, thin_y = thinned(x, y, low=0, high=100_000, columns=400)
    assert len(thin_x) <= 800
    assert thin_y.max() == 9.0 and thin_y.min() == -9.0
    assert np.all(np.diff(thin_x) >= 0)


def test_that_thinning_drops_single_gaps_and_keeps_long_ones():
    x, y = np.arange(10_000.0), np.ones(10_000)
    y[::10] = np.nan
    y[4000:6000] = np.nan
    thin_x, thin_y = thinned(x, y, low=0, high=10_000, columns=200)
    inside = (thin_x >= 4000) & (thin_x < 5950)
    assert np.isnan(thin_y[inside]).all()
    assert not np.isnan(thin_y[thin_x < 3900]).any()


def test_that_thinning_shows_only_the_range_with_a_neighbour_on_each_side():
    x = np.arange(100.0)
    thin_x, _ = thinned(x, x, low=40.5, high=59.5, columns=500)
    assert thin_x[0] == 40 and thin_x[-1] == 60


def test_that_the_best_is_the_first_of_equals_and_gaps_do_not_count():
    values = np.array([np.nan, 0.5, 0.9, 0.9, np.inf])
    assert best_of(values, "high") == 2
    assert best_of(values, "low") == 1
    assert best_of(np.array([np.nan]), "high") == -1


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.9041, "0.904"), (0.0, "0.000"), (1.5e-5, "1.50e-05"), (43.21, "43.21"), (float("nan"), "–")],
)
def test_that_numbers_are_short(value, expected):
    assert short(value) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(4, "4 s"), (200, "3:20"), (3725, "1:02:05")])
def test_that_times_read_as_clocks(seconds, expected):
    assert span_of_time(seconds) == expected
