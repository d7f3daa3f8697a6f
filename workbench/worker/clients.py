"""Windows and terminals as the supervisor sees them: one thread reads, one writes, none can block the worker."""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge

import msgspec

from workbench.core import events as ev
from workbench.core.problem import InputError, ProblemRecord
from workbench.store.address import receive

log = logging.getLogger("workbench.worker")
_numbers = itertools.count(1)


class Client:
    """One connection; `asked(client, request)` is called for each request, `left(client)` once at the end."""

    def __init__(
        self,
        channel: Connection,
        secret: bytes,
        *,
        came: Callable[[Client], None],
        asked: Callable[[Client, ev.AnyRequest], None],
        left: Callable[[Client], None],
    ) -> None:
        self.number = next(_numbers)
        self.name = ""
        self._channel, self._secret = channel, secret
        self._came, self._asked, self._left = came, asked, left
        self._outbox: queue.SimpleQueue[bytes | ev.WorkerState | None] = queue.SimpleQueue()
        self._latest: ev.WorkerState | None = None
        self._writer: threading.Thread | None = None
        threading.Thread(target=self._converse, name=f"client {self.number}", daemon=True).start()

    def reply(self, ticket: int, *, result: msgspec.Raw | None = None, problem: ProblemRecord | None = None) -> None:
        """Answer a request."""
        raw = msgspec.Raw(b"null") if result is None else result
        self._outbox.put(ev.encode(ev.Reply(ticket=ticket, result=raw, problem=problem)))

    def underway(self, told: ev.Underway) -> None:
        """Say how far an answer is; the worker rations this, so none is left out."""
        self._outbox.put(ev.encode(told))

    def tell(self, state: ev.WorkerState) -> None:
        """Show the worker's state; a client that lags is shown only the newest one."""
        self._latest = state
        self._outbox.put(state)

    def hang_up(self, *, patience_s: float = 1.0) -> None:
        """Send what is waiting and close."""
        self._outbox.put(None)
        if self._writer is not None:
            self._writer.join(patience_s)

    def _converse(self) -> None:
        try:
            deliver_challenge(self._channel, self._secret)
            answer_challenge(self._channel, self._secret)
        except (AuthenticationError, OSError, EOFError) as error:
            log.warning("A connection was refused: %s", error)
            self._channel.close()
            return
        self._writer = threading.Thread(target=self._write, name=f"to client {self.number}", daemon=True)
        self._writer.start()
        if not self._greet():
            self.hang_up()
            return
        self._came(self)
        with contextlib.suppress(OSError, EOFError):
            while True:
                self._take(receive(self._channel))
        self._outbox.put(None)
        self._left(self)

    def _greet(self) -> bool:
        """Whether the first request is a Hello in this worker's protocol; tells the client if not."""
        try:
            hello = ev.decode_request(receive(self._channel))
        except (OSError, EOFError, msgspec.DecodeError):
            return False
        if isinstance(hello, ev.Hello) and hello.protocol == ev.PROTOCOL:
            self.name = hello.client
            self.reply(hello.ticket)
            return True
        received = f"protocol {hello.protocol}" if isinstance(hello, ev.Hello) else type(hello).__name__
        refused = InputError(
            "The running worker is of another version of the workbench.",
            expected=f"protocol {ev.PROTOCOL}",
            received=received,
            fix="Let its run finish or stop it, end that worker, and try again.",
        )
        self.reply(hello.ticket, problem=refused.record())
        return False

    def _take(self, frame: bytes) -> None:
        try:
            self._asked(self, ev.decode_request(frame))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            garbled = InputError("A request could not be read.", expected="a request", received=str(error))
            self.reply(0, problem=garbled.record())

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            while (message := self._outbox.get()) is not None:
                if not isinstance(message, ev.WorkerState):
                    self._channel.send_bytes(message)
                elif message is self._latest:
                    self._channel.send_bytes(ev.encode(message))
        self._channel.close()
