"""A process beside the worker that is given orders and reports in JSON lines, for C code that may end its process."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
import weakref
from typing import IO, Any, ClassVar

import msgspec

from workbench.core import sideprocess
from workbench.core.problem import KnownTrouble

LOOK_S = 0.05
"""How often whoever waits for a report looks whether it is still wanted."""


class HelperProcess:
    """Started when it is first needed; ends with this object."""

    module: ClassVar[str]
    """What runs in it, as `python -m` names it."""
    ended: ClassVar[str]
    """What is told when it ended over an order."""
    mend: ClassVar[str]
    """What helps then."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self.reports: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        """Lines as they come; None once there are no more."""
        self._ending: Any = None

    @property
    def pid(self) -> int:
        """The process's number; 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._ending is not None:
            self._ending()
        self._process = self._said = self._ending = None

    def start(self) -> None:
        """Have a process that lives."""
        if self._process is not None and self._process.poll() is None:
            return
        self.end()
        said = tempfile.TemporaryFile()  # noqa: SIM115 - it lasts as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module, "--parent", str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip
        self._said, self.reports = said, queue.SimpleQueue()
        self._ending = weakref.finalize(self, sideprocess.end, self._process, said)
        threading.Thread(target=_read, args=(self._process.stdout, self.reports), daemon=True).start()

    def tell(self, order: msgspec.Struct) -> None:
        """Give an order; raises KnownTrouble where the process has ended."""
        process = self._process
        if process is None or process.stdin is None:
            raise self.lost()
        try:
            process.stdin.write(msgspec.json.encode(order) + b"\n")
            process.stdin.flush()
        except OSError:
            raise self.lost() from None

    def lost(self) -> KnownTrouble:
        """What to raise where the process ended over an order."""
        why = ""
        if self._process is not None and self._said is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
            why = sideprocess.last_words(self._process, self._said)
        return KnownTrouble(self.ended, expected="an answer", received=why, fix=self.mend)


def _read(pipe: IO[bytes], reports: queue.SimpleQueue[bytes | None]) -> None:
    with contextlib.suppress(OSError, ValueError):
        for line in pipe:
            reports.put(line)
    reports.put(None)
