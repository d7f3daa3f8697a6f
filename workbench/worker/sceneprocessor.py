"""A process that does operations on things of a scene, one at a time: C code that cannot be asked to stop is ended.

It is spoken to in JSON lines, keeps nothing between two operations but the libraries, and leaves with its parent.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import queue
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from workbench.core import sideprocess
from workbench.core.problem import KnownTrouble, ProblemRecord, raised, record_of
from workbench.core.sceneprocess import SceneProcessed, SceneProcessWish
from workbench.worker.orphans import leave_with

LOOK_S = 0.05


class Far(msgspec.Struct, frozen=True, tag="far"):
    """How far the operation is, and what it does."""

    fraction: float
    words: str


class Done(msgspec.Struct, frozen=True, tag="done"):
    """What came of it."""

    found: SceneProcessed


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Why nothing came of it."""

    problem: ProblemRecord


class Order(msgspec.Struct, frozen=True):
    """An operation, and the folder that its arrays are written to."""

    wish: SceneProcessWish
    folder: str


Report = Far | Done | Failed


# From outside


class Processor:
    """The process, started when it is first needed; it ends with this object, or when an operation is abandoned."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self._reports: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._ending: Any = None

    @property
    def pid(self) -> int:
        """The process's number; 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def do(
        self, wish: SceneProcessWish, folder: Path, told: Callable[[float, str], None], look: Callable[[], None]
    ) -> SceneProcessed:
        """Carry out an operation; `told` hears how far it is, and whatever `look`, asked all the time, raises ends it.

        Raises the operation's Problem, or KnownTrouble where the process ended over it.
        """
        self._start()
        try:
            return self._converse(Order(wish, str(folder)), told, look)
        except BaseException as error:
            if not getattr(error, "reported", False):
                self.end()
            raise

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._ending is not None:
            self._ending()
        self._process = self._said = self._ending = None

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self.end()
        said = tempfile.TemporaryFile()  # noqa: SIM115 - it lasts as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workbench.worker.sceneprocessor", "--parent", str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip
        self._said, self._reports = said, queue.SimpleQueue()
        self._ending = weakref.finalize(self, sideprocess.end, self._process, said)
        threading.Thread(target=_read, args=(self._process.stdout, self._reports), daemon=True).start()

    def _converse(
        self, order: Order, told: Callable[[float, str], None], look: Callable[[], None]
    ) -> SceneProcessed:  # fmt: skip
        process = self._process
        if process is None or process.stdin is None:
            raise self._lost()
        try:
            process.stdin.write(msgspec.json.encode(order) + b"\n")
            process.stdin.flush()
        except OSError:
            raise self._lost() from None
        while True:
            look()
            try:
                line = self._reports.get(timeout=LOOK_S)
            except queue.Empty:
                continue
            if line is None:
                raise self._lost()
            report = msgspec.json.decode(line, type=Report)
            if isinstance(report, Done):
                return report.found
            if isinstance(report, Failed):
                problem = raised(report.problem)
                problem.reported = True  # type: ignore[attr-defined]
                raise problem
            told(report.fraction, report.words)

    def _lost(self) -> KnownTrouble:
        why = ""
        if self._process is not None and self._said is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
            why = sideprocess.last_words(self._process, self._said)
        return KnownTrouble(
            "The process that did this ended over it.", expected="an answer", received=why,
            fix="Down-sample the cloud or decimate the mesh first: most likely the memory was not enough.",
        )  # fmt: skip


def _read(pipe: IO[bytes], reports: queue.SimpleQueue[bytes | None]) -> None:
    with contextlib.suppress(OSError, ValueError):
        for line in pipe:
            reports.put(line)
    reports.put(None)


# Inside


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `python -m workbench.worker.sceneprocessor`."""
    parser = argparse.ArgumentParser(prog="workbench.worker.sceneprocessor", description=__doc__)
    parser.add_argument("--parent", type=int, required=True)
    leave_with(parser.parse_args(arguments).parent)
    faulthandler.enable(file=2)
    orders, reports = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the libraries print is no report

    def report(one: Report) -> None:
        reports.write(msgspec.json.encode(one) + b"\n")
        reports.flush()

    for line in orders:
        report(_done(msgspec.json.decode(line, type=Order), lambda far, words: report(Far(far, words))))


def _done(order: Order, say: Callable[[float, str], None]) -> Report:
    try:
        from workbench.engine.scenes.processing import process

        return Done(process(order.wish, Path(order.folder), say))
    except MemoryError:
        return Failed(KnownTrouble("The memory is not enough for this.", expected="a smaller thing",
                                   fix="Down-sample the cloud or decimate the mesh first.").record())  # fmt: skip
    except Exception as error:
        return Failed(record_of(error))


if __name__ == "__main__":
    main()
