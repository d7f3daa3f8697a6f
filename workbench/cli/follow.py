"""Follow a run to its end through its folder; Ctrl+C asks for its end, a second one leaves it alone."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from workbench.cli.output import Live, json_line, results_table, say, tell
from workbench.core import events as ev
from workbench.core.job import ENDED, JobState, advance
from workbench.core.problem import KnownTrouble
from workbench.runner.base import Runner
from workbench.store.runfolder import EventTail, RunFolder

POLL_S = 0.1
LOST_S = 5.0
ANSWER_WITHIN_S = 90.0
"""The longest a worker may take to start and answer on a machine under load."""


def answer(future: Future[Any], within_s: float = ANSWER_WITHIN_S) -> Any:
    """What a request led to; raises its Problem, KnownTrouble when nothing comes."""
    try:
        return future.result(within_s)
    except TimeoutError:
        raise KnownTrouble(
            "The worker does not answer.",
            expected=f"an answer within {within_s:g} s",
            received="silence",
            fix="'workbench worker stop --now' ends it; the next command starts a new one.",
        ) from None


@contextlib.contextmanager
def first_interrupt(stop: threading.Event, message: str) -> Iterator[None]:
    """Inside, the first Ctrl+C sets `stop` and says so; the second raises KeyboardInterrupt."""

    def heard(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        tell("\n" + message)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, heard)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def follow(
    runner: Runner,
    tail: EventTail,
    state: JobState,
    show: Callable[[Sequence[ev.AnyEvent], JobState], None],
    *,
    stop: threading.Event,
) -> JobState:
    """The state that the run of a tail ends in, from the state it is in now.

    `stop` asks for its cancellation. A worker that was lost is started again: it then marks the
    run as failed, which ends the waiting.
    """
    heard, cancelled = time.monotonic(), False
    while state.phase not in ENDED:
        if events := tail.read():
            heard = time.monotonic()
            for event in events:
                state = advance(state, event)
            show(events, state)
            continue
        if stop.is_set() and not cancelled:
            cancelled = True
            runner.cancel(tail.path.parent.name)
        if time.monotonic() - heard > LOST_S and runner.state().pid == 0:
            answer(runner.attach())
            heard = time.monotonic()
        time.sleep(POLL_S)
    return state


def follow_and_report(
    runner: Runner, folder: RunFolder, *, as_json: bool, tail: EventTail | None = None, state: JobState | None = None
) -> int:
    """Show a run until it ends and print how; returns the exit status.

    `tail` and `state` say from where, when not from its beginning.
    """
    live, stop = Live(quiet=as_json), threading.Event()

    def show(events: Sequence[ev.AnyEvent], state: JobState) -> None:
        for event in events if as_json else ():
            json_line(event)
        live.show(events, state, note="cancelling" if stop.is_set() else "")

    try:
        with first_interrupt(stop, "Cancelling. Ctrl+C again leaves the run to the worker."):
            end = follow(runner, tail or EventTail(folder.events_path), state or JobState(), show, stop=stop)
    except KeyboardInterrupt:
        tell(f"\nThe worker goes on with it. See: workbench runs show {folder.id}")
        return 1
    finally:
        live.close()
    return print_end(folder, end, as_json=as_json)


def print_end(folder: RunFolder, state: JobState, *, as_json: bool) -> int:
    """The last words on a run: its numbers or its problem; returns the exit status."""
    seconds = max(state.ended_at - state.started_at, 0.0) if state.started_at else 0.0
    if as_json:
        json_line(
            {
                "type": "run", "run": folder.id, "folder": str(folder.path), "phase": state.phase,
                "results": state.results, "seconds": seconds, "kept_early": state.kept_early,
                "resumable": state.resumable,
            }
        )  # fmt: skip
    if state.problem is not None:
        tell(state.problem.text() + (f"\n{state.problem.trace}" if state.problem.trace else ""))
    if not as_json:
        results_table(state.results)
        say(f"{state.phase} after {seconds:.1f} s: {folder.path}")
    if state.resumable:
        tell(f"It can go on from step {state.checkpoint_step}: workbench runs resume {folder.id}")
    if state.problem is not None and state.problem.severity == "input":
        return 2  # the recipe found what no check before it could: the data were at fault
    return 0 if state.phase == "finished" else 1
