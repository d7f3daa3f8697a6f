"""Windows and terminals that are killed, and two of them on one home."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.plugins.fixtures import end_worker, ended, reaches, trial, until, wait_for_step
from workbench.core import events as ev
from workbench.runner.local import LocalRunner
from workbench.store.home import Home
from workbench.store.runfolder import EventTail, RunFolder

CLIENT = """
import sys, time
from pathlib import Path
from tests.plugins.fixtures import trial
from workbench.runner.local import LocalRunner
from workbench.store.home import open_home
runner = LocalRunner(open_home(Path(sys.argv[1])), client="victim")
print(runner.submit(trial(steps=int(sys.argv[2]))).id, flush=True)
time.sleep(600)
"""


def client(home: Home, steps: int) -> tuple[subprocess.Popen[str], RunFolder]:
    process = subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(home.root), str(steps)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert process.stdout is not None
    return process, RunFolder(home.runs / process.stdout.readline().strip())


def test_that_a_run_outlives_its_killed_window_and_the_next_one_sees_everything(trials: None, home: Home) -> None:
    window, folder = client(home, steps=150)
    wait_for_step(folder, 5)
    window.send_signal(signal.SIGKILL)
    window.communicate()
    again = LocalRunner(home, client="again")
    assert again.attach().result(60).running == folder.id
    wait_for_step(folder, 60)
    assert ended(folder).phase == "finished"
    seen = [event.step for event in EventTail(folder.events_path).read() if isinstance(event, ev.Metric)]
    assert seen == list(range(1, 151))
    end_worker(home)
    again.close()


def test_that_a_killed_window_leaves_its_queue(trials: None, home: Home) -> None:
    window, folder = client(home, steps=100)
    reaches(folder, "running")
    window.send_signal(signal.SIGKILL)
    window.communicate()
    again = LocalRunner(home, client="again")
    other = again.submit(trial(steps=3))
    assert ended(other).started_at >= ended(folder).ended_at
    end_worker(home)
    again.close()


def test_that_two_windows_on_one_home_share_queue_and_sight(trials: None, home: Home) -> None:
    one, two = LocalRunner(home, client="one"), LocalRunner(home, client="two")
    long = one.submit(trial(steps=100_000))
    reaches(long, "running")
    waiting = [two.submit(trial(steps=3)) for _ in range(4)]
    ids = {folder.id for folder in waiting}
    until(lambda: set(one.state().queue) == set(two.state().queue) == ids)
    one.cancel(waiting[0].id).result(10)
    two.cancel(long.id).result(10)
    assert [ended(folder).phase for folder in waiting] == ["cancelled", *["finished"] * 3]
    assert ended(long).phase == "cancelled"
    end_worker(home)
    one.close()
    two.close()
