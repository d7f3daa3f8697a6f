"""The client's side: find, start, lose and find again a worker."""

from __future__ import annotations

import functools
import threading
from typing import Any

import psutil
import pytest

from tests.plugins.fixtures import end_worker, ended, still_there, trial, until, wait_for_step, worker_process
from workbench.core.events import WorkerState
from workbench.core.problem import Problem
from workbench.runner.local import LocalRunner
from workbench.store.address import WorkerAddress, announce, announced, call, is_alive
from workbench.store.home import Home
from workbench.store.runfolder import RunFolder


def test_that_a_worker_is_started_where_none_runs_and_found_where_one_does(runner: LocalRunner, home: Home) -> None:
    first = runner.attach().result(60)
    other = LocalRunner(home, client="other")
    assert other.attach().result(60).pid == first.pid == worker_process(home).pid
    other.close()


def test_that_clients_that_come_together_share_one_worker(trials: None, home: Home) -> None:
    crowd = [LocalRunner(home, client=f"client {number}") for number in range(4)]
    futures = [one.attach() for one in crowd]
    assert len({future.result(60).pid for future in futures}) == 1
    until(lambda: len(psutil.Process().children()) == 1, "those that came too late leave")
    end_worker(home)
    for one in crowd:
        one.close()


def test_that_an_address_left_by_a_dead_worker_does_not_mislead(runner: LocalRunner, home: Home) -> None:
    announce(home, WorkerAddress(str(home.socket_folder() / "gone.sock"), "00" * 32, pid=2**22 - 3))
    assert runner.attach().result(60).pid == worker_process(home).pid


def test_that_two_clients_see_the_same_run_and_the_closed_one_stops_nothing(runner: LocalRunner, home: Home) -> None:
    other = LocalRunner(home, client="other")
    seen: list[WorkerState] = []
    runner.watch(seen.append)
    runner.attach().result(60)
    folder = other.submit(trial(steps=100))
    until(lambda: any(state.running == folder.id for state in list(seen)))
    other.close()
    assert ended(folder).phase == "finished"


def test_that_a_run_survives_its_client_and_is_found_by_the_next_one(trials: None, home: Home) -> None:
    first = LocalRunner(home, client="first")
    folder = first.submit(trial(steps=100_000))
    wait_for_step(folder, 3)
    first.close()
    second = LocalRunner(home, client="second")
    assert second.attach().result(60).running == folder.id
    wait_for_step(folder, 10)
    second.cancel(folder.id).result(5)
    assert ended(folder).phase == "cancelled"
    end_worker(home)
    second.close()


def test_that_a_killed_worker_is_replaced_its_run_marked_and_its_queue_kept(runner: LocalRunner, home: Home) -> None:
    lost = runner.submit(trial(steps=100_000))
    wait_for_step(lost, 6)
    waiting = [runner.submit(trial(steps=3)) for _ in range(3)]
    until(lambda: len(runner.state().queue) == 3)
    runner.reorder([waiting[2].id, waiting[0].id, waiting[1].id]).result(5)
    child = lost.state().pid
    worker_process(home).kill()
    state = ended(lost)
    assert state.phase == "failed" and state.resumable
    assert state.problem is not None and "worker stopped" in state.problem.what
    starts = sorted(waiting, key=lambda folder: ended(folder).started_at)
    assert starts == [waiting[2], waiting[0], waiting[1]]
    assert not is_alive(child)


def test_that_a_worker_ended_on_purpose_stays_away_until_it_is_needed(runner: LocalRunner, home: Home) -> None:
    runner.attach().result(60)
    worker = worker_process(home)
    runner.shutdown().result(10)
    assert not still_there([worker], within_s=10)
    until(lambda: runner.state().pid == 0)
    assert announced(home) is None
    assert ended(runner.submit(trial(steps=2))).phase == "finished"
    assert worker_process(home).pid != worker.pid


def test_that_shutting_down_now_leaves_the_run_resumable(runner: LocalRunner, home: Home) -> None:
    folder = runner.submit(trial(steps=100_000))
    wait_for_step(folder, 6)
    worker = worker_process(home)
    runner.shutdown(now=True).result(10)
    assert not still_there([worker], within_s=10)
    assert folder.state().resumable


def test_that_shutting_down_what_does_not_run_starts_nothing(trials: None, home: Home) -> None:
    one = LocalRunner(home)
    one.shutdown().result(5)
    assert announced(home) is None
    one.close()


def test_that_a_stopped_worker_is_noticed_and_ended_by_force(
    runner: LocalRunner, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.attach().result(60)
    worker = worker_process(home)
    noticed = threading.Event()
    runner.watch(lambda state: noticed.set() if state.silent else None)
    worker.suspend()
    assert noticed.wait(10), "ten seconds of silence went unnoticed"
    assert runner.state().pid == worker.pid
    # One that comes now waits for a greeting; how long is beside the point.
    monkeypatch.setattr("workbench.runner.launch.call", functools.partial(call, patience_s=1.0))
    late = LocalRunner(home, client="late")
    late.watch(lambda state: None)
    until(lambda: (late.attach(), late.state().silent)[1])
    runner.shutdown(now=True).result(10)
    assert not still_there([worker], within_s=10)
    until(lambda: late.state().pid not in (0, worker.pid))
    late.close()


def test_that_a_stopped_worker_that_goes_on_is_welcome_back(
    runner: LocalRunner, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.runner.local.ASK_AFTER_S", 0.5)
    monkeypatch.setattr("workbench.runner.local.SILENT_AFTER_S", 1.5)
    runner.attach().result(60)
    worker = worker_process(home)
    worker.suspend()
    until(lambda: runner.state().silent)
    worker.resume()
    until(lambda: runner.state().pid == worker.pid and not runner.state().silent)


def test_that_a_worker_that_cannot_start_is_reported_and_the_run_says_so(
    home: Home, trials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.runner.launch._command", lambda: ["/bin/false"])
    one = LocalRunner(home)
    error = one.attach().exception(30)
    assert isinstance(error, Problem) and "exit status 1" in error.received
    folder: RunFolder = one.submit(trial())
    state = ended(folder)
    assert state.problem is not None and "worker" in state.problem.what
    one.close()


def test_that_a_request_for_nobody_fails_and_never_raises(runner: LocalRunner) -> None:
    futures: list[Any] = [runner.cancel("nobody"), runner.pause("nobody"), runner.resume("../../etc")]
    assert all(isinstance(future.exception(60), Problem) for future in futures)


def test_that_a_wrong_inspection_comes_back_as_a_problem(runner: LocalRunner) -> None:
    assert isinstance(runner.inspect("no such thing").exception(60), Problem)


def test_that_a_closed_client_refuses_further_requests(trials: None, home: Home) -> None:
    one = LocalRunner(home)
    one.close()
    assert isinstance(one.cancel("x").exception(1), Problem)
