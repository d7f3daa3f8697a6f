"""The lanes decide alone: events in, instructions out, no process and no clock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.problem import InputError
from workbench.worker import lanes as la
from workbench.worker.lanes import Lanes


def busy(*waiting: str) -> Lanes:
    """Lanes with run 'a' at work and others waiting."""
    lanes = Lanes(now=0.0)
    lanes.handle(la.ClientCame(), 0.0)
    for run in ("a", *waiting):
        lanes.handle(la.Submitted(run), 0.0)
    return lanes


def test_that_a_submitted_run_starts_when_the_lane_is_free() -> None:
    todo = Lanes().handle(la.Submitted("a"), 0.0)
    assert todo == [la.MarkQueued("a"), la.SaveQueue(), la.SaveQueue(), la.StartRun("a")]


def test_that_a_second_run_waits_and_follows_the_first() -> None:
    lanes = busy("b")
    assert lanes.queue == ["b"]
    assert la.StartRun("b") in lanes.handle(la.RunGone("a"), 1.0)


def test_that_an_urgent_run_goes_before_the_others() -> None:
    lanes = busy("b", "c")
    lanes.handle(la.Submitted("d", first=True), 1.0)
    assert lanes.queue == ["d", "b", "c"]


def test_that_submitting_twice_changes_nothing() -> None:
    lanes = busy("b")
    assert lanes.handle(la.Submitted("b"), 1.0) == lanes.handle(la.Submitted("a"), 1.0) == []
    assert lanes.queue == ["b"]


def test_that_a_queue_from_before_the_start_goes_on() -> None:
    assert Lanes(["x", "y"]).handle(la.Tick(), 0.0) == [la.SaveQueue(), la.StartRun("x")]


def test_that_a_waiting_run_is_cancelled_without_a_process() -> None:
    lanes = busy("b")
    assert lanes.handle(la.CancelAsked("b"), 1.0) == [la.MarkCancelled("b"), la.SaveQueue()]
    assert lanes.queue == []


def test_that_cancelling_asks_first_and_kills_after_the_grace() -> None:
    lanes = busy()
    assert lanes.handle(la.CancelAsked("a"), 10.0) == [la.TellRun("cancel")]
    assert lanes.handle(la.Tick(), 14.9) == []
    assert lanes.handle(la.Tick(), 15.0) == [la.KillRun()]
    assert lanes.handle(la.Tick(), 16.0) == []


def test_that_asking_again_does_not_lengthen_the_grace() -> None:
    lanes = busy()
    lanes.handle(la.CancelAsked("a"), 10.0)
    lanes.handle(la.CancelAsked("a"), 14.0)
    assert lanes.handle(la.Tick(), 15.0) == [la.KillRun()]


def test_that_keeping_never_kills_until_cancelled() -> None:
    lanes = busy()
    assert lanes.handle(la.CancelAsked("a", keep=True), 0.0) == [la.TellRun("keep")]
    assert lanes.handle(la.Tick(), 1000.0) == []
    assert lanes.running is not None and lanes.running.ending == "keeping"
    lanes.handle(la.CancelAsked("a"), 1000.0)
    assert lanes.handle(la.Tick(), 1005.0) == [la.KillRun()]


def test_that_pausing_and_resuming_tell_the_process() -> None:
    lanes = busy()
    assert lanes.handle(la.PauseAsked("a"), 0.0) == [la.TellRun("pause")]
    assert lanes.handle(la.ResumeAsked("a", "paused"), 0.0) == [la.TellRun("go")]


def test_that_a_failed_run_is_queued_again() -> None:
    assert la.StartRun("old") in Lanes().handle(la.ResumeAsked("old", "failed"), 0.0)


def test_that_a_run_resumed_while_it_ends_starts_again_once_it_is_gone() -> None:
    lanes = busy("b")
    lanes.handle(la.CancelAsked("a"), 0.0)
    assert lanes.handle(la.ResumeAsked("a", "running"), 0.1) == []
    assert la.StartRun("a") in lanes.handle(la.RunGone("a"), 0.2)
    assert lanes.queue == ["b"]


@pytest.mark.parametrize(
    "event",
    [la.CancelAsked("x"), la.PauseAsked("x"), la.ResumeAsked("x", "finished")],
)
def test_that_impossible_wishes_are_refused_and_change_nothing(event: la.Event) -> None:
    lanes = busy("b")
    with pytest.raises(InputError):
        lanes.handle(event, 0.0)
    assert (lanes.queue, lanes.running is not None and lanes.running.run) == (["b"], "a")


def test_that_reordering_keeps_unnamed_runs_behind_and_ignores_unknown_ones() -> None:
    lanes = busy("b", "c", "d")
    assert lanes.handle(la.Reordered(("d", "nobody", "b", "d")), 0.0) == [la.SaveQueue()]
    assert lanes.queue == ["d", "b", "c"]


def test_that_questions_are_put_one_at_a_time_while_a_run_goes_on() -> None:
    lanes = busy()
    assert lanes.handle(la.Asked((1, 1), "x"), 0.0) == [la.PutQuestion((1, 1))]
    assert lanes.handle(la.Asked((1, 2), "y"), 0.0) == []
    assert lanes.handle(la.Answered((1, 1)), 0.0) == [la.PutQuestion((1, 2))]


def test_that_an_abandoned_question_blocks_others_no_longer_than_the_grace() -> None:
    lanes = busy()
    lanes.handle(la.Asked((1, 1), "x"), 0.0)
    assert lanes.handle(la.Abandoned((1, 1)), 0.0) == [la.DropQuestion((1, 1))]
    assert lanes.handle(la.Tick(), 60.0) == []  # nobody else waits: the warm models may stay
    lanes.handle(la.Asked((1, 2), "y"), 60.0)
    assert lanes.handle(la.Tick(), 60.1) == [la.KillInteractive()]


def rendering(*waiting: la.Ticket) -> Lanes:
    """Lanes that work on a question that yields, (1, 1), while others like it wait."""
    lanes = Lanes(now=0.0)
    for ticket in ((1, 1), *waiting):
        lanes.handle(la.Asked(ticket, "rendering", yields=True), 0.0)
    return lanes


def test_that_a_picture_makes_way_for_another_question_and_comes_after_it() -> None:
    lanes = rendering()
    assert lanes.handle(la.Asked((1, 2), "writing"), 0.0) == [la.DropQuestion((1, 1))]
    assert lanes.makes_way((1, 1)) and lanes.handle(la.Tick(), 60.0) == []  # nothing is killed for it
    assert lanes.handle(la.MadeWay((1, 1)), 60.0) == [la.PutQuestion((1, 2))]
    assert lanes.handle(la.Answered((1, 2)), 61.0) == [la.PutQuestion((1, 1))]
    assert not lanes.makes_way((1, 1))


def test_that_pictures_make_no_way_for_each_other_and_wait_behind_all_else() -> None:
    lanes = rendering((1, 2))
    assert lanes.handle(la.Asked((2, 1), "rendering", yields=True), 0.0) == []
    lanes.handle(la.Asked((2, 2), "writing"), 0.0)
    lanes.handle(la.MadeWay((1, 1)), 0.0)
    assert lanes.asking == ((2, 2), "writing")
    assert [ticket for ticket, _ in lanes.waiting] == [(1, 2), (2, 1), (1, 1)]


def test_that_a_picture_that_was_done_all_the_same_has_its_answer() -> None:
    lanes = rendering()
    lanes.handle(la.Asked((1, 2), "writing"), 0.0)
    assert lanes.handle(la.Answered((1, 1)), 0.0) == [la.PutQuestion((1, 2))]
    assert lanes.handle(la.Answered((1, 2)), 0.0) == [] and lanes.asking is None


def test_that_a_picture_that_made_way_is_not_taken_up_again_when_nobody_waits_for_it() -> None:
    lanes = rendering()
    lanes.handle(la.Asked((1, 2), "writing"), 0.0)
    assert lanes.handle(la.Abandoned((1, 1)), 0.0) == [la.DropQuestion((1, 1))]
    assert not lanes.makes_way((1, 1))
    assert lanes.handle(la.Answered((1, 1)), 0.0) == [la.PutQuestion((1, 2))] and not lanes.waiting


def test_that_a_client_that_leaves_takes_its_questions_along() -> None:
    lanes = busy()
    lanes.handle(la.ClientCame(), 0.0)
    for ticket in ((1, 1), (2, 1), (1, 2)):
        lanes.handle(la.Asked(ticket, "x"), 0.0)
    assert lanes.handle(la.ClientLeft(1), 0.0) == [la.DropQuestion((1, 1))]
    assert [ticket for ticket, _ in lanes.waiting] == [(2, 1)]


def test_that_an_idle_worker_leaves_some_time_after_its_last_client() -> None:
    lanes = Lanes(keep_s=120.0, now=0.0)
    lanes.handle(la.ClientCame(), 0.0)
    assert lanes.handle(la.Tick(), 1000.0) == []
    lanes.handle(la.ClientLeft(1), 1000.0)
    assert lanes.handle(la.Tick(), 1119.0) == []
    assert lanes.handle(la.Tick(), 1120.0) == [la.Stop()]


def test_that_a_worker_with_a_run_outlives_its_last_client() -> None:
    lanes = busy()
    lanes.handle(la.ClientLeft(1), 0.0)
    assert lanes.handle(la.Tick(), 1e6) == []


def test_that_a_fresh_worker_waits_for_its_first_client_even_if_told_to_leave_at_once() -> None:
    lanes = Lanes(keep_s=0.0, now=0.0)
    assert lanes.handle(la.Tick(), 1.0) == []
    lanes.handle(la.ClientCame(), 2.0)
    assert lanes.handle(la.ClientLeft(1), 3.0) == [la.Stop()]


def test_that_shutdown_waits_for_the_queue_and_shutdown_now_does_not() -> None:
    lanes = busy("b")
    assert lanes.handle(la.ShutdownAsked(), 0.0) == []
    assert la.StartRun("b") in lanes.handle(la.RunGone("a"), 1.0)
    assert lanes.handle(la.RunGone("b"), 2.0) == [la.Stop()]
    lanes = busy("b")
    assert lanes.handle(la.ShutdownAsked(now=True), 0.0) == [la.TellRun("cancel")]
    assert lanes.handle(la.Tick(), 5.0) == [la.KillRun()]
    assert lanes.handle(la.RunGone("a"), 5.1) == [la.Stop()]
    assert lanes.queue == ["b"]


def test_that_keeping_at_the_end_starts_nothing_else_and_kills_nobody() -> None:
    lanes = busy("b")
    assert lanes.handle(la.ShutdownAsked(keep=True), 0.0) == [la.TellRun("keep")]
    assert lanes.running is not None and lanes.running.ending == "keeping"
    assert lanes.handle(la.Tick(), 1000.0) == []
    with pytest.raises(InputError):
        lanes.handle(la.Submitted("c"), 1000.0)
    assert lanes.handle(la.RunGone("a"), 1001.0) == [la.Stop()]
    assert lanes.queue == ["b"]


def test_that_an_end_that_keeps_can_still_be_hurried() -> None:
    lanes = busy()
    lanes.handle(la.ShutdownAsked(keep=True), 0.0)
    assert lanes.handle(la.ShutdownAsked(now=True), 1.0) == [la.TellRun("cancel")]
    assert lanes.handle(la.ShutdownAsked(keep=True), 2.0) == []
    assert lanes.handle(la.Tick(), 6.0) == [la.KillRun()]


RUNS = st.sampled_from("abcd")
TICKETS = st.tuples(st.integers(1, 2), st.integers(1, 3))
EVENTS = st.one_of(
    st.builds(la.Submitted, RUNS, st.booleans()),
    st.builds(la.CancelAsked, RUNS, st.booleans()),
    st.builds(la.PauseAsked, RUNS),
    st.builds(la.ResumeAsked, RUNS, st.sampled_from(["running", "paused", "failed", "cancelled", "finished"])),
    st.builds(la.Reordered, st.lists(RUNS)),
    st.builds(la.RunGone, RUNS),
    st.builds(la.Asked, TICKETS, st.just("x"), st.booleans()),
    st.builds(la.Abandoned, TICKETS),
    st.builds(la.MadeWay, TICKETS),
    st.builds(la.Answered, TICKETS),
    st.just(la.Tick()),
    st.builds(la.ShutdownAsked, st.booleans(), st.booleans()),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(EVENTS, st.floats(0, 10)), max_size=60))
def test_that_no_order_of_events_runs_two_at_once_or_loses_a_run(happenings: list[tuple[la.Event, float]]) -> None:
    lanes, now, started, known = Lanes(now=0.0), 0.0, [], set()
    for event, passed in happenings:
        now += passed
        before = set(lanes.queue) | ({lanes.running.run} if lanes.running else set())
        try:
            todo = lanes.handle(event, now)
        except InputError:
            continue
        starts = [one.run for one in todo if isinstance(one, la.StartRun)]
        gone = {event.run} if isinstance(event, la.RunGone | la.CancelAsked) else set()
        after = set(lanes.queue) | ({lanes.running.run} if lanes.running else set())
        assert len(starts) <= 1
        assert len(lanes.queue) == len(set(lanes.queue))
        assert lanes.running is None or lanes.running.run not in lanes.queue
        assert before - gone <= after
        started += starts
        known |= after
    assert set(started) <= known
