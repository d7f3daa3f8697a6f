"""The verdict on a margin."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.claim import verdict


@pytest.mark.parametrize(
    ("margin", "interval", "by", "expected"),
    [
        (0.10, (0.04, 0.16), 0.05, "holds"),
        (0.10, (0.04, 0.16), 0.10, "holds"),
        (0.04, (0.01, 0.07), 0.05, "not separated"),
        (0.10, (-0.01, 0.21), 0.05, "not separated"),
        (0.02, (0.01, 0.03), 0.05, "does not hold"),
        (-0.10, (-0.2, -0.01), 0.0, "does not hold"),
        (0.0, (0.0, 0.0), 0.0, "does not hold"),
        (0.0, (-0.1, 0.1), 0.0, "not separated"),
        (math.nan, (math.nan, math.nan), 0.0, "not separated"),
    ],
)
def test_that_a_margin_gets_its_honest_verdict(
    margin: float, interval: tuple[float, float], by: float, expected: str
) -> None:
    assert verdict(margin=margin, interval=interval, by=by) == expected


@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 0.5))
def test_that_holds_needs_the_margin_and_an_interval_above_zero(
    margin: float, below: float, above: float, by: float
) -> None:
    said = verdict(margin=margin, interval=(margin - below, margin + above), by=by)
    assert (said == "holds") == (margin >= by and margin - below > 0)
