"""Where the worker of a home listens and by which key it knows its own: home.worker, owner-only.

Both ends use this page: the worker to announce itself, a client to find it and to prove that it
may read the file. Frames are bytes of JSON; nothing on the socket is ever unpickled.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge

import msgspec
import psutil

from workbench.core.events import PROTOCOL
from workbench.core.problem import KnownTrouble
from workbench.store.home import Home

LONGEST_MESSAGE_BYTES = 64 << 20
ANSWER_WITHIN_S = 8.0


class WorkerAddress(msgspec.Struct, frozen=True):
    """What home.worker says; `key` is hexadecimal, `address` a socket path or a pipe's name."""

    address: str
    key: str
    pid: int
    protocol: int = PROTOCOL
    started: float = 0.0
    settings: dict[str, str] = {}
    """Settings that its start named, of those that it keeps as long as it runs."""

    @property
    def secret(self) -> bytes:
        """The key that both ends prove to know."""
        return bytes.fromhex(self.key)


class NotAnswering(KnownTrouble):
    """Somebody accepts connections but says nothing: a stopped or overwhelmed worker."""


def announce(home: Home, address: WorkerAddress) -> None:
    """Write home.worker in one step, never readable by others, not even for a moment."""
    scratch = home.worker.with_name(f"{home.worker.name}.{secrets.token_hex(4)}")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(address))
    scratch.replace(home.worker)


def announced(home: Home) -> WorkerAddress | None:
    """The address in home.worker; None where there is none or it is garbled."""
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(home.worker.read_bytes(), type=WorkerAddress)
    return None


def withdraw(home: Home, *, pid: int) -> None:
    """Remove home.worker, unless another worker has announced itself since."""
    address = announced(home)
    if address is not None and address.pid == pid:
        home.worker.unlink(missing_ok=True)


def call(address: WorkerAddress, *, patience_s: float = ANSWER_WITHIN_S) -> Connection:
    """Connect and prove each other's key.

    Raises OSError when nobody listens, NotAnswering when nobody answers within the patience, and
    multiprocessing.AuthenticationError when the keys differ.
    """
    channel = Client(address.address)
    try:
        if not channel.poll(patience_s):
            raise NotAnswering(
                "The worker does not answer.",
                expected=f"an answer of process {address.pid} within {patience_s:g} s",
                received="silence",
                fix="It may have been stopped (kill -STOP) or starved of memory; end it and start it again.",
            )
        answer_challenge(channel, address.secret)
        deliver_challenge(channel, address.secret)
    except BaseException:
        channel.close()
        raise
    return channel


def receive(channel: Connection) -> bytes:
    """One frame; raises EOFError or OSError when the other end is gone or sends too much."""
    return channel.recv_bytes(LONGEST_MESSAGE_BYTES)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be buried by its parent (a zombie) does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except (psutil.NoSuchProcess, ValueError):
        return False
    except psutil.AccessDenied:
        return True
