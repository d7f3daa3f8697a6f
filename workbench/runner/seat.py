"""The far end of a run on a Ray cluster: an actor that owns a scratch run folder and its job process.

The job process is the worker's own (workbench.worker.child, orders on a pipe), so a run there is
the run that it would be here. Ray loads this class on the cluster: it needs the same version of
the workbench installed on every node, and nothing of this process.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import psutil

CHUNK_BYTES = 16 << 20


class Seat:
    """A place on the cluster for one run; every method returns at once."""

    def __init__(self, run: str, settings: bytes) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="workbench-seat-"))
        (self._home / "settings.json").write_bytes(settings)
        self._folder = self._home / "runs" / run
        (self._folder / "artifacts").mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None

    def receive(self, path: str, block: bytes) -> str:
        """Append to a file of the run folder (or, below 'inputs', beside it); where it lies."""
        target = self._within(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab") as file:
            file.write(block)
        return str(target)

    def begin(self) -> int:
        """Start the run; its process id here."""
        command = [sys.executable, "-m", "workbench.worker.child", "batch"]
        with (self._home / "seat.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--home", str(self._home), "--parent", str(os.getpid())],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.tell({"type": "begin", "run": str(self._folder)})
        return self._process.pid

    def tell(self, order: dict[str, Any]) -> None:
        """Pass an order on to the run's process."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(msgspec.json.encode(order) + b"\n")
                self._process.stdin.flush()

    def status(self) -> int | None:
        """The exit status of the run's process, None while it lives."""
        return None if self._process is None else self._process.poll()

    def files(self) -> dict[str, tuple[int, int]]:
        """Size and time of change of every finished file of the run folder, but its events."""
        found = {}
        for path in self._folder.rglob("*"):
            name = path.relative_to(self._folder).as_posix()
            if name in ("run.json", "events.jsonl") or name.startswith("checkpoint/unfinished/"):
                continue
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    facts = path.stat()
                    found[name] = (facts.st_size, facts.st_mtime_ns)
        return found

    def read(self, path: str, offset: int) -> bytes:
        """A block of a file of the run folder; empty at its end or when it is gone."""
        with contextlib.suppress(FileNotFoundError), self._within(path).open("rb") as file:
            file.seek(offset)
            return file.read(CHUNK_BYTES)
        return b""

    def kill(self) -> None:
        """End the run's process and all that it started."""
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                for one in psutil.Process(self._process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        one.kill()
            self._process.kill()
            self._process.wait()

    def clear(self) -> None:
        """Leave nothing behind."""
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _within(self, path: str) -> Path:
        target = (self._folder / path).resolve()
        if not target.is_relative_to(self._folder.resolve()):
            raise ValueError(f"outside of the run folder: {path}")
        return target
