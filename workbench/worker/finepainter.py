"""A process that draws scenes with Open3D's off-screen renderer: it keeps what it was sent between two pictures.

Whatever a driver does ends this process and no other. It leaves what it draws when something else is wanted, and goes
by itself when nothing is wanted for a while.
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.finepictures import FineAble, FinePicture, FineWish
from workbench.core.problem import KnownTrouble, ProblemRecord, raised, record_of
from workbench.engine.scenes.finedrawing import FineDrawing
from workbench.worker.helperprocess import LOOK_S, HelperProcess
from workbench.worker.orphans import leave_with

PATIENCE_S = 90.0
"""A process that has said nothing for so long hangs."""
IDLE_S = 600.0
FILES = 4
"""Pictures share so many files: a window has read one long before it is written over."""


class Draw(msgspec.Struct, frozen=True):
    """An order: a picture into a folder; without a wish, whether there can be any."""

    number: int
    folder: str = ""
    wish: FineWish | None = None


class Done(msgspec.Struct, frozen=True, tag="done"):
    """What came of it."""

    number: int
    picture: FinePicture | None = None
    able: FineAble | None = None


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Why nothing came of it."""

    number: int
    problem: ProblemRecord


class _OthersWanted(Exception):
    """Another order has come: nobody waits for this one."""


# From outside


class Painter(HelperProcess):
    """The process, started when it is first needed. An order that nobody waits for any more leaves it as it is."""

    module = "workbench.worker.finepainter"
    ended = "Open3D ended over the picture."
    mend = "Go on with the coarse pictures, or try another Vulkan driver (Debian: mesa-vulkan-drivers)."

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)

    def able(self, look: Callable[[], None]) -> FineAble:
        """Whether Open3D can draw here; a driver that ends the process over the question cannot."""
        try:
            found = self._answer(Draw(next(self._numbers)), look).able
        except KnownTrouble as trouble:
            return FineAble(False, f"its drivers ended over the question ({trouble.received})", self.mend)
        return found or FineAble(False)

    def draw(self, wish: FineWish, folder: Path, look: Callable[[], None]) -> FinePicture:
        """A picture, written into a folder; whatever `look`, asked all the time, raises abandons it.

        Raises KnownTrouble where the process ended over it, does not answer, or says that it cannot.
        """
        found = self._answer(Draw(next(self._numbers), str(folder), wish), look).picture
        assert found is not None
        return found

    def _answer(self, order: Draw, look: Callable[[], None]) -> Done:
        self.start()
        self.tell(order)
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            look()
            try:
                line = self.reports.get(timeout=LOOK_S)
            except queue.Empty:
                continue
            if line is None:
                raise self.lost()
            report = msgspec.json.decode(line, type=Done | Failed)
            if report.number != order.number:
                continue  # of one that was abandoned
            if isinstance(report, Failed):
                raise raised(report.problem)
            return report
        self.end()
        raise KnownTrouble("Open3D did not come back from the picture.", expected=f"an answer within {PATIENCE_S:g} s",
                           received="none; its process was ended", fix=self.mend)  # fmt: skip


# Inside


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `python -m workbench.worker.finepainter`."""
    parser = argparse.ArgumentParser(prog="workbench.worker.finepainter", description=__doc__)
    parser.add_argument("--parent", type=int, required=True)
    leave_with(parser.parse_args(arguments).parent)
    faulthandler.enable(file=2)
    said, reports = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the libraries print is no report
    orders: queue.SimpleQueue[Draw | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(said, orders), daemon=True).start()
    drawing = FineDrawing()
    while (order := _next(orders)) is not None:
        answer = _done(drawing, order, orders)
        if answer is not None:
            reports.write(msgspec.json.encode(answer) + b"\n")
            reports.flush()
    os._exit(0)  # the renderer's own end may take long, or fail


def _listen(said: IO[bytes], orders: queue.SimpleQueue[Draw | None]) -> None:
    for line in said:
        orders.put(msgspec.json.decode(line, type=Draw))
    orders.put(None)


def _next(orders: queue.SimpleQueue[Draw | None]) -> Draw | None:
    """The next order; None once there is none for long, or nobody who gives any."""
    try:
        return orders.get(timeout=IDLE_S)
    except queue.Empty:
        return None


def _done(drawing: FineDrawing, order: Draw, orders: queue.SimpleQueue[Draw | None]) -> Done | Failed | None:
    def look() -> None:
        if not orders.empty():
            raise _OthersWanted

    try:
        if order.wish is None:
            from workbench.engine.scenes.vulkan import able

            return Done(order.number, able=able())
        began = time.perf_counter()
        rgba, depth = drawing.draw(order.wish, look)
        paths = _written(Path(order.folder), order.number, rgba=rgba, depth=depth)
        return Done(order.number, FinePicture(paths["rgba"], paths["depth"], time.perf_counter() - began))
    except _OthersWanted:
        return None
    except MemoryError:
        return Failed(order.number, KnownTrouble("The memory is not enough for this picture.", expected="less to draw",
                                                 fix="Hide some of the things.").record())  # fmt: skip
    except Exception as error:
        return Failed(order.number, record_of(error))


def _written(folder: Path, number: int, **arrays: NDArray[np.generic]) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: str(folder / f"{name}-{number % FILES}.npy") for name in arrays}
    for name, path in paths.items():
        np.save(path, arrays[name], allow_pickle=False)
    return paths


if __name__ == "__main__":
    main()
