"""Whose process a home's worker is, and whether it lives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from workbench.cli import workers
from workbench.runner.launch import Launcher
from workbench.store.address import WorkerAddress, announce, is_alive
from workbench.store.home import Home


@pytest.mark.skipif(sys.platform == "win32", reason="no zombies there")
def test_that_a_worker_that_has_ended_but_is_not_buried_does_not_count_as_running(home: Home) -> None:
    ended = subprocess.Popen([sys.executable, "-S", "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie from here on
    try:
        announce(home, WorkerAddress("nowhere", "00" * 32, pid=ended.pid, started=time.time()))
        assert not is_alive(ended.pid)
        assert not Launcher(home, threading.Event()).is_running()
        assert workers._pid(home) == 0
    finally:
        ended.wait()
    assert not is_alive(ended.pid) and is_alive(os.getpid()) and not is_alive(-1)
