"""The error rate by its properties, and against sums that were worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.audio import Segment
from workbench.engine.speech.diarisation_error import diarisation_error


def turn(start_s: float, end_s: float, speaker: str) -> Segment:
    return Segment(start_s, end_s, "", speaker)


@st.composite
def turns(draw: st.DrawFn) -> list[Segment]:
    at, found = 0, []
    for length, gap, who in draw(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9), st.sampled_from("abc")))):
        found.append(turn(at / 10, (at + length) / 10, who))
        at += length + gap
    return found


def test_that_a_worked_example_comes_out() -> None:
    truth = [turn(0, 10, "anna"), turn(10, 20, "ben")]
    # 0–2 missed, 2–11 one voice (1 s of ben's), 11–20 the other, 20–23 invented.
    found = [turn(2, 11, "x"), turn(11, 23, "y")]
    error = diarisation_error(truth, found)
    assert (error.missed_s, error.false_alarm_s, error.confusion_s) == pytest.approx((2, 3, 1))
    assert error.rate == pytest.approx(6 / 20) and error.mapping == {"x": "anna", "y": "ben"}
    # With a collar of 0.5 s around 0, 10 and 20 s: 1.5 s missed, 0.5 s confused, 2.5 s invented, of 18 s.
    error = diarisation_error(truth, found, collar_s=0.5)
    assert (error.missed_s, error.false_alarm_s, error.confusion_s) == pytest.approx((1.5, 2.5, 0.5))
    assert error.speech_s == pytest.approx(18)


def test_that_speech_of_two_at_once_counts_twice() -> None:
    truth = [turn(0, 4, "anna"), turn(2, 6, "ben")]
    assert diarisation_error(truth, truth).rate == 0
    error = diarisation_error(truth, [turn(0, 6, "x")])
    assert error.speech_s == pytest.approx(8)
    # x is paired with one of them: 2 s of two at once lack a voice, 2 s are the other's.
    assert (error.missed_s, error.confusion_s) == pytest.approx((2, 2))


def test_that_nothing_found_is_all_missed_and_nothing_said_all_invented() -> None:
    assert diarisation_error([turn(0, 2, "a")], []).rate == 1
    invented = diarisation_error([], [turn(0, 2, "a")])
    assert invented.rate == 1 and invented.false_alarm_s == 2
    assert diarisation_error([], []).rate == 0


@given(turns(), turns(), st.sampled_from([0.0, 0.25]))
@settings(max_examples=40, deadline=None)
def test_that_it_is_a_measure_that_names_do_not_touch(truth, found, collar_s) -> None:
    other = {"a": "z", "b": "x", "c": "y"}
    error = diarisation_error(truth, found, collar_s=collar_s)
    renamed = diarisation_error(
        truth, [turn(one.start_s, one.end_s, other[one.speaker]) for one in found], collar_s=collar_s
    )
    assert renamed.rate == pytest.approx(error.rate)
    assert diarisation_error(truth, truth, collar_s=collar_s).rate == pytest.approx(0, abs=1e-12)
    assert min(error.missed_s, error.false_alarm_s, error.confusion_s) >= 0
    assert error.missed_s + error.confusion_s <= error.speech_s + 1e-9
    # What is missed one way round is invented the other way round.
    back = diarisation_error(found, truth)
    forth = diarisation_error(truth, found)
    assert back.missed_s == pytest.approx(forth.false_alarm_s)
    assert back.confusion_s == pytest.approx(forth.confusion_s)


@given(turns(), st.data())
@settings(max_examples=25, deadline=None)
def test_that_cutting_a_turn_in_two_changes_nothing(truth, data) -> None:
    if not truth:
        return
    at = data.draw(st.integers(0, len(truth) - 1))
    one = truth[at]
    middle = (one.start_s + one.end_s) / 2
    cut = [*truth[:at], turn(one.start_s, middle, one.speaker), turn(middle, one.end_s, one.speaker), *truth[at + 1 :]]
    assert diarisation_error(truth, cut).rate == pytest.approx(0)
