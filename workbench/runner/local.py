"""The runner of this machine: finds or starts the home's worker and talks to it over its socket."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any

import msgspec

from workbench.core import events as ev
from workbench.core.problem import KnownTrouble, Problem, raised, record_of
from workbench.core.settings import OF_QUESTIONS, named
from workbench.runner.base import Told
from workbench.runner.launch import Launcher, end_by_force
from workbench.runner.prepare import prepare
from workbench.store.address import announced, receive
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder

ASK_AFTER_S = 2.0
SILENT_AFTER_S = 7.0
"""Without a word for so long, asked or not, the worker counts as stopped."""
RESTARTS, RESTARTS_WITHIN_S = 3, 60.0


@dataclasses.dataclass
class _Pending:
    """A request on its way; `sent` belongs to the connection that stands now."""

    request: ev.AnyRequest
    future: Future[Any]
    sent: bool = False
    told: Told | None = None


class LocalRunner:
    """Implements runner.base.Runner over the worker process of a home.

    Attaching (and starting a worker where none runs) happens at the first request, on a thread
    of its own. A worker that dies is started again: it marks its lost run and goes on with its queue.
    """

    def __init__(self, home: Home, *, client: str = "client") -> None:
        self._home, self._client = home, client
        self._lock = threading.RLock()
        self._tickets = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._attaching: list[Future[ev.WorkerState]] = []
        self._watchers: list[Callable[[ev.WorkerState], None]] = []
        self._state = ev.WorkerState()
        self._channel: Connection | None = None
        self._outbox, self._outbox_in = Pipe(duplex=False)
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._ended_on_purpose = False
        self._launcher = Launcher(home, self._closed)
        self._thread: threading.Thread | None = None

    @property
    def home(self) -> Home:
        """Where runs live."""
        return self._home

    def prepare(self, config: RunConfig) -> RunFolder:
        """See runner.base."""
        return prepare(self._home, config)

    def submit(self, config: RunConfig, *, first: bool = False) -> RunFolder:
        """See runner.base; a run that cannot reach a worker is marked failed in its own folder."""
        folder = self.prepare(config)
        self.enqueue(folder, first=first)
        return folder

    def enqueue(self, folder: RunFolder, *, first: bool = False) -> Future[None]:
        """Queue a prepared run; the Future tells that the worker has it."""
        future = self._ask(ev.Submit(run=folder.id, first=first))
        future.add_done_callback(lambda done: _note_refusal(folder, done))
        return future

    def cancel(self, run: str, *, keep: bool = False) -> Future[None]:
        """See runner.base."""
        return self._ask(ev.Cancel(run=run, keep=keep))

    def pause(self, run: str) -> Future[None]:
        """See runner.base."""
        return self._ask(ev.Pause(run=run))

    def resume(self, run: str) -> Future[None]:
        """See runner.base."""
        return self._ask(ev.Resume(run=run))

    def reorder(self, runs: Sequence[str]) -> Future[None]:
        """See runner.base."""
        return self._ask(ev.Reorder(runs=tuple(runs)))

    def apply(
        self, recipe: str, model: str, inputs: dict[str, Any], *, device: str = "", told: Told | None = None
    ) -> Future[msgspec.Raw]:
        """See runner.base."""
        return self._ask(ev.Apply(recipe=recipe, model=model, inputs=inputs, device=device,
                                  settings=named(OF_QUESTIONS)), told)  # fmt: skip

    def inspect(self, what: str, *, told: Told | None = None, **arguments: Any) -> Future[msgspec.Raw]:
        """See runner.base."""
        return self._ask(ev.Inspect(what=what, arguments=arguments, settings=named(OF_QUESTIONS)), told)

    def state(self) -> ev.WorkerState:
        """See runner.base."""
        return self._state

    def watch(self, tell: Callable[[ev.WorkerState], None]) -> Callable[[], None]:
        """See runner.base."""
        with self._lock:
            self._watchers.append(tell)
        return lambda: self._unwatch(tell)

    def attach(self) -> Future[ev.WorkerState]:
        """See runner.base."""
        future: Future[ev.WorkerState] = Future()
        with self._lock:
            if self._state.pid and not self._state.silent:
                future.set_result(self._state)
                return future
            self._attaching.append(future)
        self._want()
        return future

    def shutdown(self, *, now: bool = False, keep: bool = False) -> Future[None]:
        """See runner.base; with `now`, a worker that does not answer is ended by force."""
        address = announced(self._home)
        if self._state.silent and now and address is not None:
            with self._lock:
                self._ended_on_purpose = True
            end_by_force(self._home, address.pid)
            return _done()
        if self._channel is None and not self._launcher.is_running():
            return _done()
        return self._ask(ev.Shutdown(now=now, keep=keep))

    def close(self) -> None:
        """See runner.base."""
        self._closed.set()
        self._wanted.set()
        self._wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)
        self._fail_all(KnownTrouble("This client let go of the worker before it answered."))

    # Asking: any thread.

    def _ask(self, request: ev.AnyRequest, told: Told | None = None) -> Future[Any]:
        ticket = next(self._tickets)
        future: Future[Any] = Future()
        if self._closed.is_set():
            future.set_exception(KnownTrouble("This client has let go of the worker."))
            return future
        with self._lock:
            self._pending[ticket] = _Pending(msgspec.structs.replace(request, ticket=ticket), future, told=told)
        future.add_done_callback(lambda done: self._abandon(ticket) if done.cancelled() else None)
        self._want()
        return future

    def _abandon(self, ticket: int) -> None:
        with self._lock:
            pending = self._pending.pop(ticket, None)
        if pending is not None and pending.sent:
            self._ask(ev.Abandon(asked=ticket))

    def _want(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._stay_attached, name="runner", daemon=True)
                self._thread.start()
        self._wanted.set()
        self._wake()

    def _wake(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if not self._outbox.poll():
                self._outbox_in.send_bytes(b"!")

    def _unwatch(self, tell: Callable[[ev.WorkerState], None]) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self._watchers.remove(tell)

    # Being attached: the runner's own thread.

    def _stay_attached(self) -> None:
        lost_at: list[float] = []
        while not self._closed.is_set():
            self._wanted.wait()
            self._wanted.clear()
            if self._closed.is_set():
                break
            try:
                channel = self._launcher.connect(self._client, tell_silent=self._tell_silent)
            except BaseException as error:
                self._set_state(ev.WorkerState())
                self._fail_all(raised(record_of(error)))
                continue
            self._ended_on_purpose = False
            self._talk(channel)
            if self._closed.is_set():
                break
            if self._ended_on_purpose:
                self._settle_end()
                continue
            lost_at = [at for at in lost_at if time.monotonic() - at < RESTARTS_WITHIN_S] + [time.monotonic()]
            self._fail_lost(all_of_them=len(lost_at) > RESTARTS)
            if len(lost_at) <= RESTARTS:
                self._wanted.set()

    def _talk(self, channel: Connection) -> None:
        """Exchange messages until the connection ends."""
        sender = _Sender(channel)
        heard_at = asked_at = time.monotonic()
        self._channel = channel
        with contextlib.suppress(OSError, EOFError):
            while not self._closed.is_set():
                self._send_waiting(sender)
                ready = wait([channel, self._outbox], timeout=1.0)
                now = time.monotonic()
                if self._outbox in ready:
                    self._outbox.recv_bytes()
                if channel in ready:
                    heard_at = now
                    self._take(ev.decode_answer(receive(channel)))
                elif now - max(heard_at, asked_at) >= ASK_AFTER_S:
                    asked_at = now
                    sender.put(ev.Status())
                if now - heard_at >= SILENT_AFTER_S:
                    self._tell_silent(self._state.pid)
        self._channel = None
        sender.close()
        self._set_state(ev.WorkerState())

    def _send_waiting(self, sender: _Sender) -> None:
        with self._lock:
            for pending in self._pending.values():
                if not pending.sent:
                    pending.sent = True
                    sender.put(pending.request)

    def _take(self, answer: ev.AnyAnswer) -> None:
        if isinstance(answer, ev.WorkerState):
            self._ended_on_purpose = self._ended_on_purpose or answer.pid == 0
            self._set_state(answer)
            return
        if isinstance(answer, ev.Underway):
            self._tell_underway(answer)
            return
        with self._lock:
            pending = self._pending.pop(answer.ticket, None)
        if pending is not None and pending.future.set_running_or_notify_cancel():
            if answer.problem is not None:
                pending.future.set_exception(raised(answer.problem))
            else:
                pending.future.set_result(answer.result if _has_document(pending.request) else None)

    def _tell_underway(self, answer: ev.Underway) -> None:
        with self._lock:
            pending = self._pending.get(answer.ticket)
        if pending is not None and pending.told is not None:
            pending.told(answer)

    def _set_state(self, state: ev.WorkerState) -> None:
        with self._lock:
            changed, self._state = state != self._state, state
            watchers = list(self._watchers) if changed else []
            attaching: list[Future[ev.WorkerState]] = []
            if state.pid and not state.silent:
                attaching, self._attaching = self._attaching, []
        for future in attaching:
            if future.set_running_or_notify_cancel():
                future.set_result(state)
        for tell in watchers:
            tell(state)

    def _tell_silent(self, pid: int) -> None:
        if not self._state.silent:
            self._set_state(msgspec.structs.replace(self._state, pid=pid, silent=True))

    def _fail_lost(self, *, all_of_them: bool) -> None:
        """After a crash: questions are lost, but runs that were being queued are sent again."""
        trouble = KnownTrouble(
            "The worker stopped before it answered.",
            expected="an answer",
            received="a closed connection",
            fix="Ask again: a new worker has been started.",
        )
        if all_of_them:
            trouble.fix = f"It stopped {RESTARTS + 1} times within a minute; {self._home.worker_log} may say why."
        with self._lock:
            lost = [
                ticket
                for ticket, one in self._pending.items()
                if all_of_them or (one.sent and not isinstance(one.request, ev.Submit))
            ]
            failing = [self._pending.pop(ticket) for ticket in lost]
            for kept in self._pending.values():
                kept.sent = False
        for one in failing:
            _fail(one.future, trouble)

    def _settle_end(self) -> None:
        """After an end that was asked for: what was sent is lost; what was asked since wants a new worker."""
        self._wanted.clear()
        with self._lock:
            failing = [self._pending.pop(ticket) for ticket in [at for at, one in self._pending.items() if one.sent]]
            if self._pending or self._attaching:
                self._wanted.set()
        for one in failing:
            _fail(one.future, KnownTrouble("The worker has been ended.", fix="Ask again: a new one starts by itself."))

    def _fail_all(self, trouble: Problem) -> None:
        with self._lock:
            futures = [one.future for one in self._pending.values()] + list(self._attaching)
            self._pending.clear()
            self._attaching.clear()
        for future in futures:
            _fail(future, trouble)


class _Sender:
    """Sends on a thread of its own, so that a worker that does not read blocks nobody."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._send, name="to worker", daemon=True).start()

    def put(self, request: ev.AnyRequest) -> None:
        """Send a request soon."""
        self._waiting.put(ev.encode(request))

    def close(self) -> None:
        """Close the connection after what was put."""
        self._waiting.put(None)

    def _send(self) -> None:
        with contextlib.suppress(OSError):
            while (frame := self._waiting.get()) is not None:
                self._channel.send_bytes(frame)
        self._channel.close()


def _has_document(request: ev.AnyRequest) -> bool:
    return isinstance(request, ev.Apply | ev.Inspect)


def _fail(future: Future[Any], trouble: Problem) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(trouble)


def _done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


def _note_refusal(folder: RunFolder, done: Future[None]) -> None:
    """Say in the folder of a run that no worker took why it does not start."""
    error = None if done.cancelled() else done.exception()
    if error is not None and folder.state().phase == "new":
        with contextlib.suppress(OSError):
            folder.append(ev.Failed(t=time.time(), problem=record_of(error)))
