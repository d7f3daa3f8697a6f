"""Child processes as the supervisor sees them: start, tell, listen, kill the whole tree."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any, Literal

import msgspec
import psutil

from workbench.store.home import Home
from workbench.worker.messages import Message, Report, decode_report

Role = Literal["batch", "interactive"]
LAST_WORDS_S = 0.5


class Child:
    """One child process; reports and its end are told on threads of their own.

    `heard(child, report)` is called for each report and `ended(child)` once, after the last of
    them; then `status` is the exit status (negative: the signal that ended it).
    """

    def __init__(
        self,
        role: Role,
        home: Home,
        *,
        heard: Callable[[Child, Report], None],
        ended: Callable[[Child], None],
        environment: dict[str, str] | None = None,
    ) -> None:
        self.role, self.status = role, 0
        self._heard, self._ended = heard, ended
        self._orders: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        place = ["--home", str(home.root), "--parent", str(os.getpid())]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workbench.worker.child", role, *place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._threads = [
            threading.Thread(target=target, args=args, name=f"{role} {name}", daemon=True)
            for name, target, args in (
                ("orders", self._send_orders, (self._process.stdin,)),
                ("reports", self._read_reports, (self._process.stdout,)),
                ("end", self._await_end, ()),
            )
        ]
        for thread in self._threads:
            thread.start()

    def tell(self, message: Message) -> None:
        """Send an order; never waits, even for a child that does not read."""
        self._orders.put(msgspec.json.encode(message) + b"\n")

    def dismiss(self) -> None:
        """Close the order pipe: a child without work leaves."""
        self._orders.put(None)

    def kill(self) -> None:
        """Kill the process and everything it started."""
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(self.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    process.kill()
        with contextlib.suppress(OSError):
            self._process.kill()

    def memory_bytes(self) -> int:
        """Resident memory now; 0 when the process is gone."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def ending(self) -> str:
        """How the process ended, in words."""
        if self.status >= 0:
            return f"exit status {self.status}"
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-self.status).name}"
        return f"signal {-self.status}"

    def _send_orders(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(OSError), pipe:
            while (line := self._orders.get()) is not None:
                pipe.write(line)
                pipe.flush()

    def _read_reports(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError), pipe:
            for line in pipe:
                with contextlib.suppress(msgspec.DecodeError):
                    self._heard(self, decode_report(line))

    def _await_end(self) -> None:
        self._await_helpers()
        self.status = self._process.wait()
        # A process forked by the recipe may hold the report pipe open; do not wait for it for long.
        self._threads[1].join(LAST_WORDS_S)
        self._orders.put(None)
        self._ended(self)

    def _await_helpers(self) -> None:
        """End what the process has started and left behind, so that its end means that its memory is back."""
        if not hasattr(os, "waitid"):
            return
        with contextlib.suppress(OSError):
            # Not reaped yet, so its number still means this process group and no other.
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            helpers = [one for one in psutil.process_iter() if self._left_behind(one.pid)]
            os.killpg(self.pid, signal.SIGKILL)
            psutil.wait_procs(helpers, timeout=LAST_WORDS_S)

    def _left_behind(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            return pid != self.pid and os.getpgid(pid) == self.pid
        return False


def is_child_of(home: Home, pid: int) -> bool:
    """Whether a process id belongs to a job process of this home (ids are reused by the system)."""
    try:
        command: list[Any] = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return "--parent" in command and str(home.root) in command
