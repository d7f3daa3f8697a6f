"""A process that does operations on things of a scene, one at a time: C code that cannot be asked to stop is ended.

It is spoken to in JSON lines, keeps nothing between two operations but the libraries, and leaves with its parent.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import queue
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from workbench.core.problem import KnownTrouble, ProblemRecord, raised, record_of
from workbench.core.sceneprocess import SceneProcessed, SceneProcessWish
from workbench.worker.helperprocess import LOOK_S, HelperProcess
from workbench.worker.orphans import leave_with


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


class Processor(HelperProcess):
    """The process, started when it is first needed; it ends with this object, or when an operation is abandoned."""

    module = "workbench.worker.sceneprocessor"
    ended = "The process that did this ended over it."
    mend = "Down-sample the cloud or decimate the mesh first: most likely the memory was not enough."

    def do(
        self, wish: SceneProcessWish, folder: Path, told: Callable[[float, str], None], look: Callable[[], None]
    ) -> SceneProcessed:
        """Carry out an operation; `told` hears how far it is, and whatever `look`, asked all the time, raises ends it.

        Raises the operation's Problem, or KnownTrouble where the process ended over it.
        """
        self.start()
        try:
            return self._converse(Order(wish, str(folder)), told, look)
        except BaseException as error:
            if not getattr(error, "reported", False):
                self.end()
            raise

    def _converse(
        self, order: Order, told: Callable[[float, str], None], look: Callable[[], None]
    ) -> SceneProcessed:  # fmt: skip
        self.tell(order)
        while True:
            look()
            try:
                line = self.reports.get(timeout=LOOK_S)
            except queue.Empty:
                continue
            if line is None:
                raise self.lost()
            report = msgspec.json.decode(line, type=Report)
            if isinstance(report, Done):
                return report.found
            if isinstance(report, Failed):
                problem = raised(report.problem)
                problem.reported = True  # type: ignore[attr-defined]
                raise problem
            told(report.fraction, report.words)


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
