"""Where clients come in: a private socket (a pipe on Windows) in a folder that only its owner can open."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, Listener
from pathlib import Path

from workbench.core.settings import OF_WORKER, named
from workbench.store.address import WorkerAddress, announce, withdraw
from workbench.store.home import Home

LONGEST_PATH_BYTES = 100
"""The system's limit on a socket's path is 104 to 108 bytes."""


class Doorway:
    """Listens, announces itself in home.worker, and hands each connection to `enter(channel, secret)`."""

    def __init__(self, home: Home, enter: Callable[[Connection, bytes], None]) -> None:
        self._home, self._enter = home, enter
        self.secret = secrets.token_bytes(32)
        self._listener = _listener(home)
        self._address = str(self._listener.address)
        announce(home, WorkerAddress(self._address, self.secret.hex(), os.getpid(), started=time.time(),
                                     settings=named(OF_WORKER)))  # fmt: skip
        threading.Thread(target=self._accept, name="doorway", daemon=True).start()

    def close(self) -> None:
        """Stop listening and take the announcement back."""
        withdraw(self._home, pid=os.getpid())
        with contextlib.suppress(OSError):
            self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                channel = self._listener.accept()
            except OSError:
                return
            self._enter(channel, self.secret)


def _listener(home: Home) -> Listener:
    # Keys are exchanged on each connection's own thread: here a silent client would block the rest.
    if sys.platform == "win32":
        return Listener(family="AF_PIPE", backlog=16)
    folder = owned_folder(home)
    for old in folder.glob("*.sock"):
        old.unlink(missing_ok=True)
    return Listener(str(folder / f"{secrets.token_hex(4)}.sock"), family="AF_UNIX", backlog=16)


def owned_folder(home: Home) -> Path:
    """The home's socket folder, or another one when somebody else made that one first or its path is too long."""
    folder = home.socket_folder()
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    facts = folder.lstat()
    ours = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()
    if ours and len(os.fsencode(folder)) + 16 <= LONGEST_PATH_BYTES:
        folder.chmod(0o700)
        return folder
    return Path(tempfile.mkdtemp(prefix="workbench-", dir="/tmp"))
