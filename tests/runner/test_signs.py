"""Wins and losses over metrics and seeds: margins, exact intervals, and the verdict of a claim that counts them."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from workbench.core.claim import verdict
from workbench.runner.signs import share_interval, signs


@pytest.mark.parametrize(("wins", "of"), [(0, 6), (5, 6), (6, 6), (13, 18), (18, 18), (0, 0)])
def test_that_the_interval_of_a_share_is_clopper_and_pearsons(wins: int, of: int) -> None:
    low, high = share_interval(wins, of)
    if of == 0:
        assert (low, high) == (0.0, 1.0)
        return
    exact = stats.binomtest(wins, of).proportion_ci(0.95, method="exact")
    assert (low, high) == (pytest.approx(exact.low, abs=1e-9), pytest.approx(exact.high, abs=1e-9))


@pytest.mark.parametrize("wins", range(13))
def test_that_it_lies_above_a_half_exactly_where_a_sign_test_rejects(wins: int) -> None:
    rejects = stats.binomtest(wins, 12).pvalue < 0.05 and wins > 6
    assert (share_interval(wins, 12)[0] > 0.5) == rejects


def _seeds(*won: int, metrics: int = 6) -> list[list[tuple[float | None, float | None]]]:
    return [[(0.5, 0.6) if at < one else (0.6, 0.5) for at in range(metrics)] for one in won]


def test_that_metrics_won_less_metrics_lost_are_counted_over_seeds() -> None:
    margin, interval = signs(_seeds(5, 5, 6), lower=True)
    assert margin == pytest.approx((4 + 4 + 6) / 3)
    assert verdict(margin=margin, interval=interval, by=4.0) == "holds"
    margin, interval = signs(_seeds(5, 5, 6), lower=False)
    assert margin == pytest.approx(-(4 + 4 + 6) / 3)
    assert verdict(margin=margin, interval=interval, by=4.0) == "does not hold"


def test_that_few_wins_are_not_separated_and_ties_count_for_nobody() -> None:
    margin, interval = signs(_seeds(4, 4, 4), lower=True)
    assert margin == pytest.approx(2.0)
    assert verdict(margin=margin, interval=interval, by=4.0) == "not separated"
    tied = [[(0.5, 0.5), (0.4, 0.5)]]
    assert signs(tied, lower=True)[0] == pytest.approx(1.0)


def test_that_a_seed_without_all_values_is_left_out() -> None:
    whole = _seeds(6)
    assert signs([*whole, [(0.5, None)] * 6], lower=True) == signs(whole, lower=True)
    margin, interval = signs([[(None, None)] * 6], lower=True)
    assert math.isnan(margin)
    assert all(math.isnan(one) for one in interval)
    assert verdict(margin=margin, interval=interval, by=4.0) != "holds"
