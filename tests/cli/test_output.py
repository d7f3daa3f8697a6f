"""Words, numbers and the live line."""

from __future__ import annotations

import math

import pytest

from workbench.cli.output import Live, duration, number, report
from workbench.core import events as ev
from workbench.core.job import JobState
from workbench.core.problem import InputError, KnownTrouble


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.26, "0.3 s"), (42, "42 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (-1, "0.0 s")]
)
def test_that_durations_read_well(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"), [(0.83124, "0.8312"), (12.0, "12"), (None, "–"), (math.nan, "–"), (1234567, "1234567")]
)
def test_that_numbers_are_short(value: float | None, words: str) -> None:
    assert number(value) == words


@pytest.mark.parametrize(
    ("error", "status"), [(InputError("x"), 2), (KnownTrouble("x"), 1), (ValueError("x"), 1)]
)  # fmt: skip
def test_that_only_bad_input_has_status_2(error: Exception, status: int) -> None:
    assert report(error) == status


def test_that_away_from_a_terminal_phases_and_log_lines_are_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    live = Live()
    for step in range(3):
        live.show([ev.Metric(0.0, "loss", 1.0, step)], JobState(phase="running", doing="training", total=3))
    live.show([ev.Log(0.0, "halved", "warning")], JobState(phase="running", doing="training"))
    live.close()
    out, err = capfd.readouterr()
    assert (out, err.splitlines()) == ("", ["training, 3 steps", "warning: halved"])
