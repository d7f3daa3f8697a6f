"""Find the worker of a home, or start one that outlives this process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection
from typing import Any

import msgspec
import psutil

from workbench.core import events as ev
from workbench.core.problem import KnownTrouble, raised
from workbench.core.settings import OF_RUNS, OF_WORKER, load, named, variable, with_those
from workbench.store.address import NotAnswering, WorkerAddress, announced, call, is_alive, receive
from workbench.store.home import Home

START_WITHIN_S = 60.0
LOOK_EVERY_S = 0.03
START_AGAIN_AFTER_S = 0.5
ALREADY_THERE = 75
"""The exit status of a worker that found another one: quicker than itself, or about to leave."""
LONGEST_LOG_BYTES = 1 << 20


class Launcher:
    """Connects to a home's worker; `closed` ends the waiting."""

    def __init__(self, home: Home, closed: threading.Event) -> None:
        self._home, self._closed = home, closed
        self._started: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    def is_running(self) -> bool:
        """Whether a worker has announced itself and its process lives."""
        address = announced(self._home)
        return address is not None and is_alive(address.pid)

    def connect(self, client: str, *, tell_silent: Callable[[int], None]) -> Connection:
        """A greeted connection to the worker, started first where none runs.

        Raises KnownTrouble when none comes up, InputError when it speaks another protocol.
        """
        patience = time.monotonic() + START_WITHIN_S
        while not self._closed.is_set() and time.monotonic() < patience:
            address = announced(self._home)
            try:
                if address is not None and (channel := self._call(address)) is not None:
                    self._started = None
                    return _greet(channel, client)
                self._start_unless_starting()
            except NotAnswering:
                # Listening but stopped: starting another is of no use while this one holds the lock.
                tell_silent(address.pid if address is not None else 0)
                patience = time.monotonic() + START_WITHIN_S
            self._closed.wait(LOOK_EVERY_S)
        raise self._trouble("no worker within a minute")

    def _call(self, address: WorkerAddress) -> Connection | None:
        """A connection, or None where nobody listens or home.worker is of a worker long gone."""
        try:
            return call(address)
        except (OSError, EOFError, AuthenticationError):
            return None

    def _start_unless_starting(self) -> None:
        if self._started is not None:
            status = self._started.poll()
            if status is None or time.monotonic() - self._started_at < START_AGAIN_AFTER_S:
                return
            if status not in (0, ALREADY_THERE):
                self._started = None
                raise self._trouble(f"exit status {status}")
        self._started, self._started_at = self._start(), time.monotonic()

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            with self._log() as log:
                return _spawn([*_command(), "--home", str(self._home.root)], log)
        except OSError as error:
            raise self._trouble(str(error)) from None

    def _log(self) -> Any:
        path = self._home.worker_log
        with contextlib.suppress(OSError):
            if path.stat().st_size > LONGEST_LOG_BYTES:
                path.replace(path.with_suffix(".old.log"))
        return path.open("ab")

    def _trouble(self, received: str) -> KnownTrouble:
        last = ""
        with contextlib.suppress(OSError):
            lines = self._home.worker_log.read_text(errors="replace").strip().splitlines()
            last = f" Its last words: {lines[-1]}" if lines else ""
        return KnownTrouble(
            "The worker could not be started.",
            expected=f"a worker process for {self._home.root}",
            received=received + last,
            fix=f"{self._home.worker_log} says more; 'workbench doctor' checks the installation.",
        )


def unheeded(home: Home) -> str:
    """What a worker that runs already does otherwise than this start names or the file says; empty for nothing."""
    address = announced(home)
    if address is None or not is_alive(address.pid):
        return ""
    kept = load(home.settings, {}).settings
    its, ours = (with_those(kept, one, OF_WORKER) for one in (address.settings, named(OF_WORKER)))
    apart = [name for name in OF_WORKER if getattr(its, name) != getattr(ours, name)]
    if not apart:
        return ""
    said = "; ".join(f"{name} is {getattr(its, name)} there, {getattr(ours, name)} here" for name in apart)
    return (
        f"The worker that runs already was started with other settings, and keeps them: {said}. 'workbench worker "
        "stop' ends it; the next start has its own."
    )


def _command() -> list[str]:
    """An installed program without a Python of its own understands -m as well (see __main__)."""
    return [sys.executable, "-m", "workbench.worker"]


def _spawn(command: list[str], log: Any) -> subprocess.Popen[bytes]:
    """Start a process that belongs to no terminal and outlives this one."""
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
        detached = {"creationflags": flags}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(), **detached
    )
    # Waiting for it keeps a worker that ends before us from staying behind as a zombie.
    threading.Thread(target=process.wait, name="worker's end", daemon=True).start()
    return process


def _environment() -> dict[str, str]:
    """Ours, and the import path beyond the installation: a plug-in found here is found there, from any folder.

    What a run is trained with stands in its configuration: the worker outlives this start and must not keep it.
    """
    own = [os.path.abspath(path) for path in sys.path if path]  # noqa: PTH100 (no links resolved)
    beyond = [path for path in own if not path.startswith((sys.prefix, sys.base_prefix + os.sep + "lib"))]
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    ours = {name: value for name, value in os.environ.items() if name not in map(variable, OF_RUNS)}
    return {**ours, "PYTHONPATH": os.pathsep.join(dict.fromkeys(path for path in inherited + beyond if path))}


def _greet(channel: Connection, client: str) -> Connection:
    try:
        channel.send_bytes(ev.encode(ev.Hello(client=client)))
        answer = ev.decode_answer(receive(channel))
    except (OSError, EOFError, msgspec.DecodeError) as error:
        channel.close()
        raise KnownTrouble("The worker hung up.", expected="a greeting", received=str(error)) from None
    if isinstance(answer, ev.Reply) and answer.problem is not None:
        channel.close()
        raise raised(answer.problem)
    return channel


def end_by_force(home: Home, pid: int) -> None:
    """Kill a worker that does not answer, and its children; only if the id is still a worker's."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        if str(home.root) not in process.cmdline():
            return
        for one in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.Error):
                one.kill()
        process.wait(5)
