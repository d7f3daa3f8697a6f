"""Where clients come in: a private socket (a pipe on Windows) in a folder that only its owner can open."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
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
YOUNG_S = 60.0
"""A folder changed less than this ago may belong to a worker that has not begun to listen in it."""


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
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                Path(self._address).parent.rmdir()

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
    sweep(folder.parent, keep=folder)
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
        os.utime(folder)  # young from now on, so that nobody sweeps it before there is a socket
        return folder
    if ours:
        _remove(folder)
    return Path(tempfile.mkdtemp(prefix=_beginning(), dir="/tmp"))


def sweep(among: Path, *, keep: Path) -> None:
    """Remove this user's socket folders in which nobody listens any more, as killed workers leave them."""
    for folder in among.glob(f"{_beginning()}*"):
        with contextlib.suppress(OSError):
            facts = folder.lstat()
            ours = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()
            old = time.time() - facts.st_mtime > YOUNG_S
            if ours and old and folder != keep and not any(_listens(one) for one in folder.glob("*.sock")):
                _remove(folder)


def _beginning() -> str:
    """What the names of this user's socket folders begin with, as Home.socket_folder names them."""
    return f"workbench-{os.getuid()}-"


def _listens(address: Path) -> bool:
    """Whether somebody accepts connections there; a worker of another container has no process that is seen here."""
    with socket.socket(socket.AF_UNIX) as tried:
        tried.setblocking(False)  # a worker that is stopped accepts nobody, and is not gone
        try:
            tried.connect(str(address))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True


def _remove(folder: Path) -> None:
    """Remove a socket folder; one that holds something else is left."""
    with contextlib.suppress(OSError):
        for one in folder.glob("*.sock"):
            one.unlink()
        folder.rmdir()
