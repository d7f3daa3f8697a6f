"""A child process of the worker: `batch` does one run and leaves, `interactive` answers and stays."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import importlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from workbench.core import events as ev
from workbench.core.problem import ProblemRecord, record_of
from workbench.core.settings import Settings, load
from workbench.store.home import Home
from workbench.store.runfolder import RunFolder
from workbench.worker.execute import execute
from workbench.worker.job import Control
from workbench.worker.messages import Begin, Ended, Held, Message, Order, Ready, Tell, WentOn, Word, decode_order
from workbench.worker.orphans import ORPHANED, leave_with

HEAVY = "torch,transformers"
NICE = 10
"""What is loaded ahead of need; WORKBENCH_WARM names other modules, or none."""


class Line:
    """The two pipes to the worker, moved away from stdin and stdout, which belong to recipes."""

    def __init__(self) -> None:
        self._orders = os.fdopen(os.dup(0), "rb")
        self._reports = os.fdopen(os.dup(1), "wb")
        self._reporting = threading.Lock()
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)

    def report(self, message: Message) -> None:
        """Tell the worker; a worker that is gone is noticed by the order pipe."""
        with self._reporting, contextlib.suppress(OSError):
            self._reports.write(msgspec.json.encode(message) + b"\n")
            self._reports.flush()

    def listen(self, obey: Callable[[Order], None]) -> None:
        """Obey orders on a thread of its own until the worker closes the pipe or dies; then leave at once."""

        def loop() -> None:
            with contextlib.suppress(OSError, ValueError):
                for line in self._orders:
                    obey(decode_order(line))
            os._exit(ORPHANED)

        threading.Thread(target=loop, name="orders", daemon=True).start()


def step_back() -> None:
    """Let the window go first on the processor, and be the first to go when memory runs out."""
    process = psutil.Process()
    with contextlib.suppress(psutil.Error, OSError):
        process.nice(NICE if os.name == "posix" else psutil.BELOW_NORMAL_PRIORITY_CLASS)
    with contextlib.suppress(OSError):
        _step_back_as_a_session()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("600")


def _step_back_as_a_session() -> None:
    """Linux weighs whole sessions against each other (autogroup); there niceness counts within one only."""
    group = Path("/proc/self/autogroup")
    if os.name == "posix" and os.getsid(0) == os.getpid() and group.exists():
        group.write_text(str(NICE))


def warm_up(lane: Literal["batch", "interactive"]) -> None:
    """Load what nearly every job needs; a broken installation is reported by the job that needs it."""
    for name in os.environ.get("WORKBENCH_WARM", HEAVY).split(","):
        with contextlib.suppress(ImportError, ValueError):
            importlib.import_module(name)
    share_cores(lane)


def share_cores(lane: Literal["batch", "interactive"]) -> None:
    """Give torch, once it is loaded, as many threads as the lane may have."""
    if "torch" in sys.modules:
        from workbench.engine.devices import set_threads

        set_threads(lane)


def place(*choices: str) -> str:
    """The first choice that is not 'auto', or the best device that torch finds."""
    named = [choice for choice in choices if choice and choice != "auto"]
    if named:
        return named[0]
    try:
        import torch
    except ImportError:
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def write_output_to(path: Path) -> None:
    """Send what the recipe and its libraries print, C code included, to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    with path.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]


def obey_word(control: Control, word: Word) -> None:
    """Set what the next job.step() reads."""
    if word == "cancel":
        control.cancel.set()
    elif word == "keep":
        control.keep.set()
    elif word == "pause":
        control.go.clear()
    else:
        control.go.set()


def batch(home: Home, line: Line) -> None:
    """Warm up, wait for a run, do it."""
    control, begins = Control(), queue.SimpleQueue[Begin]()

    def obey(order: Order) -> None:
        if isinstance(order, Begin):
            begins.put(order)
        elif isinstance(order, Tell):
            obey_word(control, order.word)

    line.listen(obey)
    warm_up("batch")
    line.report(Ready(device=place(load(home.settings).settings.device)))
    line.report(do(RunFolder(Path(begins.get().run)), load(home.settings).settings, control, line))


def do(folder: RunFolder, settings: Settings, control: Control, line: Line) -> Ended:
    """Do one run in this process; whatever goes wrong ends up in its events, or in the report."""
    last: list[ev.AnyEvent] = []

    def watch(event: ev.AnyEvent) -> None:
        if isinstance(event, ev.Paused | ev.Resumed):
            line.report(Held() if isinstance(event, ev.Paused) else WentOn())
        elif isinstance(event, ev.Finished | ev.Failed | ev.Cancelled):
            last.append(event)

    problem: ProblemRecord | None = None
    try:
        with contextlib.suppress(OSError):
            write_output_to(folder.log_path)
        device = place(folder.config().device, settings.device)
        job = execute(folder, settings=settings, device=device, control=control, watch=watch)
        if job.writer.trouble is not None:
            problem = record_of(job.writer.trouble)
    except BaseException as error:
        problem = record_of(error)
    return Ended(written=bool(last), problem=problem)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `python -m workbench.worker.child`."""
    parser = argparse.ArgumentParser(prog="workbench.worker.child", description=__doc__)
    parser.add_argument("role", choices=("batch", "interactive"))
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True)
    asked = parser.parse_args(arguments)
    line = Line()
    leave_with(asked.parent)
    faulthandler.enable(file=2)
    os.environ["WORKBENCH_HOME"] = str(asked.home)  # the engine keeps its caches below it
    if asked.role == "batch":
        step_back()
        batch(Home(asked.home), line)
    else:
        from workbench.worker.interactive import serve

        serve(Home(asked.home), line)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads and exit handlers that a recipe left behind must not keep its memory.
    os._exit(0)


if __name__ == "__main__":
    main()
