"""`worker`: look at the background process, or end it."""

from __future__ import annotations

import time

import msgspec

from workbench.cli.follow import answer
from workbench.cli.output import json_line, say
from workbench.cli.parser import Namespace, stop_at
from workbench.cli.running import runner_of
from workbench.core.events import WorkerState
from workbench.core.words import size
from workbench.store.address import announced, is_alive
from workbench.store.home import Home, open_home

GONE_WITHIN_S = 15.0


def _pid(home: Home) -> int:
    """The process of the home's worker; 0 where none runs."""
    address = announced(home)
    return address.pid if address is not None and is_alive(address.pid) else 0


def status(asked: Namespace) -> int:
    """`worker status`: what it does; starts none."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    state = WorkerState()
    if _pid(home):
        with runner_of(home) as runner:
            state = answer(runner.attach(), within_s=15)
    if asked.json:
        json_line(msgspec.to_builtins(state))
    elif not state.pid:
        say(f"No worker runs for {home.root}; the next run starts one.")
    else:
        doing = ("paused: " if state.paused else "running: ") + state.running if state.running else "idle"
        say(f"Process {state.pid}, {doing}, {len(state.queue)} waiting, {size(state.memory_bytes)} used")
        for run in state.queue:
            say(f"  {run}")
    return 0


def stop(asked: Namespace) -> int:
    """`worker stop`: when it is idle, or with --now at once; its run stays resumable."""
    stop_at(asked.problems)
    home = open_home(asked.home)
    pid = _pid(home)
    if pid:
        with runner_of(home) as runner:
            answer(runner.shutdown(now=asked.now), within_s=30)
    deadline = time.monotonic() + GONE_WITHIN_S
    while pid and asked.now and is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    gone = not pid or not is_alive(pid)
    if asked.json:
        json_line({"stopped": gone, "pid": pid})
    else:
        say("Stopped." if pid and gone else "It ends when it is idle." if pid else "No worker runs.")
    return 0 if gone or not asked.now else 1
