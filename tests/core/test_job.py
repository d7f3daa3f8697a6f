"""A run's state as a function of its events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core import events as ev
from workbench.core.job import ALIVE, ENDED, JobState, advance
from workbench.core.problem import ProblemRecord


def after(*events: ev.AnyEvent) -> JobState:
    state = JobState()
    for event in events:
        state = advance(state, event)
    return state


def test_that_an_ordinary_run_goes_from_queued_to_finished() -> None:
    state = after(
        ev.Queued(1.0),
        ev.Started(2.0, pid=7, device="cpu"),
        ev.Progress(3.0, step=5, total=10, phase="training", steps_per_s=2.0, seconds_left=2.5),
        ev.Metric(3.5, "loss", 0.5, 5),
        ev.Finished(4.0, results={"accuracy": 0.9}, seconds=2.0),
    )
    assert (state.phase, state.step, state.total, state.pid) == ("finished", 5, 10, 7)
    assert (state.queued_at, state.started_at, state.ended_at) == (1.0, 2.0, 4.0)
    assert state.results == {"accuracy": 0.9}
    assert state.seconds_left == 0.0


@pytest.mark.parametrize("passing", [ev.Metric(9.0, "loss", 1.0), ev.Log(9.0, "hello"), ev.Artifact(9.0, "map")])
def test_that_numbers_files_and_words_leave_the_state_alone(passing: ev.AnyEvent) -> None:
    assert advance(after(ev.Started(1.0)), passing) == after(ev.Started(1.0))


def test_that_pause_and_resume_keep_the_step() -> None:
    assert after(ev.Started(1.0), ev.Paused(2.0, step=4)).phase == "paused"
    state = after(ev.Started(1.0), ev.Paused(2.0, step=4), ev.Resumed(3.0, step=4))
    assert (state.phase, state.step) == ("running", 4)


def test_that_a_failed_run_is_resumable_only_with_a_checkpoint() -> None:
    fault = ev.Failed(5.0, problem=ProblemRecord("Broke."), resumable=True)
    assert not after(ev.Started(1.0), fault).resumable
    assert after(ev.Started(1.0), ev.Checkpoint(2.0, step=3), fault).resumable


def test_that_a_run_taken_up_again_forgets_its_old_end_but_not_its_first_start() -> None:
    failed = (ev.Started(1.0), ev.Checkpoint(2.0, step=3), ev.Failed(5.0, problem=ProblemRecord("Broke.")))
    waiting = after(*failed, ev.Queued(6.0))
    assert (waiting.phase, waiting.problem, waiting.ended_at) == ("queued", None, 0.0)
    running = advance(waiting, ev.Started(7.0, attempt=2))
    assert (running.phase, running.attempt, running.started_at) == ("running", 2, 1.0)


def test_that_a_run_kept_early_is_finished_and_says_so() -> None:
    state = after(ev.Started(1.0), ev.Finished(2.0, kept_early=True))
    assert state.phase == "finished"
    assert state.kept_early


EVENTS = st.sampled_from(
    [
        ev.Queued(1.0), ev.Started(2.0), ev.Progress(3.0, step=1), ev.Paused(4.0), ev.Resumed(5.0),
        ev.Checkpoint(6.0, step=1), ev.Failed(7.0), ev.Cancelled(8.0), ev.Finished(9.0), ev.Log(9.0),
    ]
)  # fmt: skip


@given(st.lists(EVENTS, max_size=20))
def test_that_any_order_of_events_gives_a_state_that_is_alive_or_ended_or_neither(events: list[ev.AnyEvent]) -> None:
    state = after(*events)
    assert not (state.phase in ALIVE and state.phase in ENDED)
    assert state.ended_at > 0 or state.phase not in ENDED
    assert not state.resumable or state.phase in ENDED


def test_that_the_share_done_is_of_steps_or_of_items_or_unknown() -> None:
    assert JobState(step=3, total=6, done=1, of=9).share == 0.5
    assert JobState(step=3, done=1, of=4).share == 0.25
    assert JobState(step=3).share is None
