"""What the supervisor writes to disk: the queue, and events of runs that have no process."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil

from workbench.core import events as ev
from workbench.core.job import ALIVE, ENDED, JobState
from workbench.core.problem import InputError, KnownTrouble, ProblemRecord
from workbench.store.address import is_alive
from workbench.store.home import Home
from workbench.store.index import Index
from workbench.store.runfolder import RunFolder, away_mark
from workbench.worker.children import is_child_of
from workbench.worker.messages import Ended

log = logging.getLogger("workbench.worker")
LOG_TAIL_BYTES = 4000
RETRY_S = 2.0
CLOCKS_DIFFER_S = 2.0
"""A process's age and a file's are told by clocks that may differ by so much."""


class Queue(msgspec.Struct):
    """home.queue: waiting runs, the next one first."""

    runs: list[str]


class Ledger:
    """Run folders and the queue of one home; a full disk delays what it writes, it never loses it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._unwritten: list[tuple[str, ev.AnyEvent]] = []
        self._queue: list[str] | None = None
        self._retry_at = 0.0
        self._others: dict[str, int] = {}
        """Running runs that this worker did not start, and whose process they are."""

    def folder(self, run: str) -> RunFolder:
        """The folder of a run of this home."""
        return RunFolder(self._home.runs / run)

    def require_config(self, run: str) -> None:
        """Raise InputError unless the name is a readable run of this home."""
        if Path(run).name != run or not run:
            raise InputError(
                "This is not the name of a run.", expected="a folder's name below runs", received=run, field="run"
            )
        self.folder(run).config()

    def has_checkpoint(self, run: str) -> bool:
        """Whether a run can go on from where it was."""
        return any(self.folder(run).checkpoint.glob("step-*"))

    def _note_checkpoint(self, run: str, state: JobState) -> bool:
        """Whether a run has a checkpoint; one that its process had no time to announce is announced."""
        standing = sorted(self.folder(run).checkpoint.glob("step-*"))
        if not standing:
            return False
        step = int(standing[-1].name.split("-")[1])
        if step != state.checkpoint_step:
            path = f"checkpoint/{standing[-1].name}"
            self.append(run, ev.Checkpoint, not_before=state.started_at, step=step, path=path)
        return True

    def append(self, run: str, kind: type[ev.AnyEvent], /, *, not_before: float = 0.0, **fields: Any) -> None:
        """Add an event to a run without a process; a clock set back does not put it before its cause."""
        self._unwritten.append((run, kind(t=max(time.time(), not_before), **fields)))
        self._write()

    def save_queue(self, runs: Sequence[str]) -> None:
        """Remember the order of waiting runs."""
        self._queue = list(runs)
        self._write()

    def retry(self) -> None:
        """Write what could not be written before."""
        if (self._unwritten or self._queue is not None) and time.monotonic() >= self._retry_at:
            self._write()

    def _write(self) -> None:
        try:
            while self._unwritten:
                run, event = self._unwritten[0]
                with contextlib.suppress(FileNotFoundError):  # deleted by hand meanwhile
                    self.folder(run).append(event)
                del self._unwritten[0]
            if self._queue is not None:
                scratch = self._home.queue.with_suffix(".tmp")
                scratch.write_bytes(msgspec.json.encode(Queue(self._queue)))
                scratch.replace(self._home.queue)
                self._queue = None
        except OSError as error:
            self._retry_at = time.monotonic() + RETRY_S
            log.error("Could not write to %s: %s", self._home.root, error)

    def conclude(self, run: str, *, ended: Ended | None, how: str, cancelled: bool) -> None:
        """Give a run whose process is gone its last event, unless the process wrote it itself."""
        if ended is not None and ended.written:
            return
        state = self.folder(run).state()
        if state.phase in ENDED:
            return
        resumable = self._note_checkpoint(run, state)
        if cancelled:
            self.append(run, ev.Cancelled, not_before=state.started_at, forced=True, resumable=resumable)
            return
        problem = ended.problem if ended is not None else None
        problem = problem or self._unexpected(run, how)
        self.append(run, ev.Failed, not_before=state.started_at, problem=problem, resumable=resumable)

    def _unexpected(self, run: str, how: str) -> ProblemRecord:
        killed = "SIGKILL" in how
        trouble = KnownTrouble(
            "The process of this run ended without a word.",
            expected="an ordinary end",
            received=how,
            fix=("Perhaps memory ran out: take a smaller batch or backbone. " if killed else "The log may say why. ")
            + "Its folder is intact; Resume continues from the last checkpoint, or starts over without one.",
        )
        return msgspec.structs.replace(trouble.record(), trace=_tail(self.folder(run).log_path))

    def sweep(self) -> list[str]:
        """After a start: mark runs that lost their worker, and return the queue in its order.

        The order stands in home.queue; runs that only their own folder knows to be queued follow,
        the oldest first.
        """
        states = {run: state for run, state in self._states().items() if not away_mark(self.folder(run)).exists()}
        self._others = {run: state.pid for run, state in states.items() if state.phase in ALIVE}
        self.look_after_others()
        waiting = [run for run, state in states.items() if state.phase == "queued"]
        saved = [run for run in self._saved_queue() if run in waiting]
        return saved + sorted((run for run in waiting if run not in saved), key=lambda run: states[run].queued_at)

    def _states(self) -> dict[str, JobState]:
        """The phases of all runs by the index, which reads only what is new; by the folders if it cannot."""
        with contextlib.suppress(OSError, sqlite3.Error):
            return {row.id: row.state for row in Index(self._home.index, self._home.runs).refresh()}
        folders = [RunFolder(path) for path in self._home.runs.iterdir() if (path / "run.json").exists()]
        return {folder.id: folder.state() for folder in folders}

    def _saved_queue(self) -> list[str]:
        try:
            return msgspec.json.decode(self._home.queue.read_bytes(), type=Queue).runs
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return []

    def look_after_others(self) -> None:
        """Mark runs of other processes once those are gone; a process that is just dying passes for alive."""
        for run, pid in list(self._others.items()):
            if self._is_lost(run, pid):
                del self._others[run]
                state = self.folder(run).state()
                if state.phase in ALIVE and state.pid == pid:
                    self._mark_lost(run, state)

    def _is_lost(self, run: str, pid: int) -> bool:
        """Whether nobody works on a running run; a job process of the former worker is ended first."""
        if is_child_of(self._home, pid):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                process.kill()
                process.wait(5)
            return True
        return not is_alive(pid) or self._is_newcomer(run, pid)

    def _is_newcomer(self, run: str, pid: int) -> bool:
        """Whether a process began after the run's last event: its number was given out again."""
        try:
            last_word = self.folder(run).events_path.stat().st_mtime
            return bool(psutil.Process(pid).create_time() > last_word + CLOCKS_DIFFER_S)
        except (OSError, psutil.Error):
            return False

    def _mark_lost(self, run: str, state: JobState) -> None:
        resumable = self._note_checkpoint(run, state)
        lost = KnownTrouble(
            "The worker stopped while this run was going on.",
            expected="a worker that outlives its runs",
            received=f"its process {state.pid} is gone",
            fix="Its folder is intact. Press Resume: "
            + ("it continues from its checkpoint." if resumable else "it starts over, as it had no checkpoint yet."),
        )
        self.append(run, ev.Failed, not_before=state.started_at, problem=lost.record(), resumable=resumable)


def _tail(path: Path) -> str:
    """The last lines of a log."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
