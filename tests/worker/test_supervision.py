"""What a run may do to the worker, which is: nothing. With a real worker and real processes."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import psutil
import pytest

from tests.plugins.fixtures import ended, reaches, still_there, trial, until, wait_for_step, worker_process
from workbench.core import events as ev
from workbench.core.settings import Settings, save
from workbench.runner.local import LocalRunner
from workbench.store.address import is_alive
from workbench.store.home import Home


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("raise", "RuntimeError: the recipe fell over"),
        ("exit", "exit status 7"),
        ("segfault", "signal SIGSEGV"),
        ("sys-exit", "SystemExit: 3"),
        ("bad-input", "The numbers are odd."),
    ],
)
def test_that_a_run_that_falls_fails_alone(runner: LocalRunner, home: Home, behaviour: str, said: str) -> None:
    runner.attach().result(60)
    worker = worker_process(home)
    bad, good = runner.submit(trial(behaviour, every=2)), runner.submit(trial(steps=3))
    state = ended(bad)
    assert state.phase == "failed" and state.problem is not None
    assert said in state.problem.what + state.problem.received
    assert state.resumable
    assert ended(good).phase == "finished"
    assert worker.is_running()


def test_that_a_crash_in_c_leaves_its_trace_in_the_problem(runner: LocalRunner) -> None:
    state = ended(runner.submit(trial("segfault")))
    assert state.problem is not None
    assert "Segmentation fault" in state.problem.trace and "_misbehave" in state.problem.trace


def test_that_what_a_recipe_prints_goes_to_its_log(runner: LocalRunner) -> None:
    folder = runner.submit(trial("print"))
    assert ended(folder).phase == "finished"
    log = folder.log_path.read_text()
    for line in ("printed by the recipe", "written to descriptor 1", "said on stderr"):
        assert line in log


def test_that_cancelling_is_acknowledged_and_obeyed_at_the_next_step(runner: LocalRunner) -> None:
    folder = runner.submit(trial(steps=100_000, every=2))
    wait_for_step(folder, 4)
    runner.cancel(folder.id).result(5)
    state = ended(folder)
    assert state.phase == "cancelled" and state.resumable
    last = list(folder.events())[-1]
    assert isinstance(last, ev.Cancelled) and not last.forced


@pytest.mark.parametrize(
    "behaviour",
    ["hang", pytest.param("ignore", marks=pytest.mark.slow), pytest.param("swallow", marks=pytest.mark.slow)],
)
def test_that_a_run_that_does_not_listen_is_killed_after_the_grace(
    runner: LocalRunner, home: Home, behaviour: str
) -> None:
    folder = runner.submit(trial(behaviour, steps=100_000, step_s=0, every=2))
    pid = reaches(folder, "running").pid
    until(lambda: folder.state().checkpoint_step == 2, "the step before the trouble")
    time.sleep(0.5)  # into the trouble
    asked = time.monotonic()
    runner.cancel(folder.id).result(5)
    until(lambda: runner.state().ending == "cancelling" or folder.state().phase == "cancelled")
    state = ended(folder)
    assert state.phase == "cancelled"
    assert time.monotonic() - asked >= 5.0
    assert [event.forced for event in folder.events() if isinstance(event, ev.Cancelled)] == [True]
    assert not is_alive(pid)
    assert ended(runner.submit(trial(steps=2))).phase == "finished"


def test_that_stop_and_keep_ends_early_with_the_model(runner: LocalRunner) -> None:
    folder = runner.submit(trial(steps=100_000))
    wait_for_step(folder, 3)
    runner.cancel(folder.id, keep=True).result(5)
    state = ended(folder)
    assert state.phase == "finished" and state.kept_early
    assert (folder.model / "value.npy").exists()


def test_that_a_paused_run_stands_still_and_goes_on(runner: LocalRunner) -> None:
    folder = runner.submit(trial(steps=100_000))
    wait_for_step(folder, 3)
    runner.pause(folder.id).result(5)
    reaches(folder, "paused")
    until(lambda: runner.state().paused)
    size = folder.events_path.stat().st_size
    time.sleep(0.4)
    assert folder.events_path.stat().st_size == size
    runner.resume(folder.id).result(5)
    reaches(folder, "running")
    until(lambda: not runner.state().paused)
    runner.cancel(folder.id).result(5)
    ended(folder)


def test_that_a_paused_run_can_be_cancelled_and_kept(runner: LocalRunner) -> None:
    for keep, phase in ((False, "cancelled"), (True, "finished")):
        folder = runner.submit(trial(steps=100_000))
        wait_for_step(folder, 2)
        runner.pause(folder.id).result(5)
        reaches(folder, "paused")
        runner.cancel(folder.id, keep=keep).result(5)
        assert ended(folder).phase == phase


def test_that_a_resumed_run_ends_where_an_uninterrupted_one_does(runner: LocalRunner) -> None:
    whole = runner.submit(trial(steps=30, step_s=0))
    broken = runner.submit(trial("exit", steps=30, trouble_at=13, once=True, step_s=0))
    assert ended(broken).phase == "failed"
    runner.resume(broken.id).result(5)
    again = reaches(broken, "finished", attempt=2)
    assert again.results == ended(whole).results
    resumed = [event.step for event in broken.events() if isinstance(event, ev.Resumed)]
    assert resumed == [10]


def test_that_resuming_right_after_cancelling_runs_again(runner: LocalRunner) -> None:
    folder = runner.submit(trial(steps=60))
    wait_for_step(folder, 6)
    runner.cancel(folder.id).result(5)
    runner.resume(folder.id).result(5)
    assert reaches(folder, "finished", attempt=2).phase == "finished"


def test_that_a_finished_run_is_not_resumed(runner: LocalRunner) -> None:
    folder = runner.submit(trial(steps=2))
    ended(folder)
    error = runner.resume(folder.id).exception(5)
    assert error is not None and "finished" in str(error)


def test_that_the_queue_is_shown_and_reordered(runner: LocalRunner) -> None:
    first = runner.submit(trial(steps=100_000))
    others = [runner.submit(trial(steps=2)).id for _ in range(3)]
    until(lambda: list(runner.state().queue) == others)
    runner.reorder(others[::-1]).result(5)
    until(lambda: list(runner.state().queue) == others[::-1])
    runner.cancel(others[0]).result(5)
    until(lambda: list(runner.state().queue) == others[:0:-1])
    runner.cancel(first.id).result(5)
    until(lambda: not runner.state().queue and not runner.state().running)


def test_that_memory_is_counted_and_comes_back(runner: LocalRunner) -> None:
    folder = runner.submit(trial("leak", steps=100_000))
    until(lambda: runner.state().memory_bytes > 300_000_000)
    runner.cancel(folder.id).result(5)
    ended(folder)
    until(lambda: runner.state().memory_bytes < 300_000_000)


def test_that_a_run_counts_as_gone_only_when_its_helpers_are(runner: LocalRunner) -> None:
    folder = runner.submit(trial("helper", steps=100_000, trouble_at=1))
    wait_for_step(folder, 2)
    helper = int(next(one.message for one in folder.events() if isinstance(one, ev.Log)).split()[1])
    assert is_alive(helper)
    runner.cancel(folder.id).result(5)
    until(lambda: runner.state().ending == "cancelling")
    until(lambda: not runner.state().running)
    assert not is_alive(helper)


def test_that_stop_and_keep_at_the_end_keeps_the_model_and_the_queue(runner: LocalRunner, home: Home) -> None:
    folder = runner.submit(trial(steps=100_000))
    wait_for_step(folder, 3)
    waiting = runner.submit(trial(steps=2))
    until(lambda: waiting.id in runner.state().queue)
    worker = worker_process(home)
    runner.shutdown(keep=True).result(5)
    assert ended(folder).kept_early
    assert not still_there([worker], within_s=100)
    # Until the client has noticed, it takes itself to be attached still, and starts no other worker.
    until(lambda: not runner.state().pid)
    assert waiting.state().phase == "queued"
    runner.attach().result(60)
    assert ended(waiting).phase == "finished"


def test_that_the_worker_leaves_when_idle_and_alone(home: Home, trials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_KEEP_WORKER", "0")
    one = LocalRunner(home, client="test")
    one.attach().result(60)
    worker = worker_process(home)
    folder = one.submit(trial(steps=30))
    reaches(folder, "running")
    one.close()
    assert ended(folder).phase == "finished"
    assert not still_there([worker], within_s=20)
    assert not home.worker.exists()


def test_that_a_terminated_worker_leaves_its_run_resumable(runner: LocalRunner, home: Home) -> None:
    folder = runner.submit(trial(steps=100_000))
    wait_for_step(folder, 6)
    waiting = runner.submit(trial(steps=2))
    until(lambda: waiting.id in runner.state().queue)
    worker = worker_process(home)
    worker.terminate()
    assert not still_there([worker], within_s=20)
    assert folder.state().resumable
    assert waiting.id.encode() in home.queue.read_bytes()


def test_that_allowing_the_network_reaches_processes_that_are_already_warm(
    runner: LocalRunner, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    runner.attach().result(60)
    worker = worker_process(home)
    until(lambda: "1" in offline_flags(worker))
    save(home.settings, Settings(offline=False))
    until(lambda: None in offline_flags(worker))


def offline_flags(worker: psutil.Process) -> list[str | None]:
    """HF_HUB_OFFLINE of every job process; one between fork and exec still shows the worker's own environment."""
    flags: list[str | None] = []
    for child in worker.children():
        with contextlib.suppress(psutil.Error):
            if "workbench.worker.child" in child.cmdline() and (environment := child.environ()):
                flags.append(environment.get("HF_HUB_OFFLINE"))
    return flags


def test_that_work_gives_way_to_the_window(runner: LocalRunner, home: Home) -> None:
    wait_for_step(folder := runner.submit(trial(steps=100_000)), 3)
    pid = next(event.pid for event in folder.events() if isinstance(event, ev.Started))
    assert psutil.Process(pid).nice() > psutil.Process().nice()
    group = Path(f"/proc/{pid}/autogroup")
    if group.exists():  # Linux alone weighs sessions
        assert group.read_text().split()[-1] == "10"
    runner.cancel(folder.id).result(10)
    ended(folder)
