"""How the worker is started by hand, and how a packed program starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
from filelock import FileLock

from tests.plugins.fixtures import end_worker, still_there, until
from workbench.runner.local import LocalRunner
from workbench.store.address import announced
from workbench.store.home import Home

WORKER = [sys.executable, "-m", "workbench.worker", "--home"]


def test_that_a_worker_in_the_foreground_ends_with_ctrl_c(trials: None, home: Home) -> None:
    process = subprocess.Popen([*WORKER, str(home.root), "--foreground"], stderr=subprocess.PIPE, text=True)
    until(lambda: announced(home))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "is up as process" in said and "Traceback" not in said
    assert announced(home) is None


def test_that_a_second_worker_leaves_at_once(home: Home) -> None:
    with FileLock(home.worker_lock):
        done = subprocess.run([*WORKER, str(home.root)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 75 and "already" in done.stderr


def test_that_the_supervisor_loads_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, workbench.worker.__main__;"
        "print(sorted({'torch', 'numpy', 'transformers'} & set(sys.modules)))"
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_that_a_packed_program_runs_its_own_modules() -> None:
    code = (
        "import sys; sys.frozen = True; from workbench.__main__ import main;"
        "main(['-m', 'workbench.worker.child', '--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "interactive" in done.stdout


def test_that_a_job_process_never_outlives_a_killed_worker(trials: None, home: Home) -> None:
    runner = LocalRunner(home, client="test")
    worker = runner.attach().result(60).pid
    until(lambda: psutil.Process(worker).children())  # the spare process
    children = psutil.Process(worker).children()
    runner.close()
    os.kill(worker, signal.SIGKILL)
    assert children and not still_there(children, within_s=10)
    end_worker(home)
