"""What the worker does next, as a pure state machine: events in, instructions out.

Two lanes: batch (one training run at a time, with a queue) and interactive (one question at a
time, warm). Nothing here opens a file, a socket or a process, or looks at a clock: the server
carries the instructions out, and the tests walk through every order of events.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from workbench.core.job import ENDED, Phase
from workbench.core.problem import InputError
from workbench.worker.messages import Word

Ticket: TypeAlias = tuple[int, int]
"""(client, its ticket): who waits for an answer of the interactive lane."""

GRACE_S = 5.0
FIRST_CLIENT_S = 30.0
"""How long a fresh worker waits for the client that started it."""


# Events: what happened.


@dataclasses.dataclass(frozen=True)
class Submitted:
    """A client queues a run."""

    run: str
    first: bool = False


@dataclasses.dataclass(frozen=True)
class CancelAsked:
    """A client ends a run, keeping its model or not."""

    run: str
    keep: bool = False


@dataclasses.dataclass(frozen=True)
class PauseAsked:
    """A client holds the running run still."""

    run: str


@dataclasses.dataclass(frozen=True)
class ResumeAsked:
    """A client lets a run go on; `phase` is what its folder says of it."""

    run: str
    phase: Phase


@dataclasses.dataclass(frozen=True)
class Reordered:
    """A client puts the queue into another order."""

    runs: Sequence[str]


@dataclasses.dataclass(frozen=True)
class RunHeld:
    """The running run holds still (or no longer)."""

    held: bool


@dataclasses.dataclass(frozen=True)
class RunGone:
    """The process of the run is gone, its last event written."""

    run: str


@dataclasses.dataclass(frozen=True)
class Asked:
    """A client wants an answer of the interactive lane; `what` is shown in the status bar.

    One that `yields` is put after all others, and makes way for one that comes while it is worked on.
    """

    ticket: Ticket
    what: str
    yields: bool = False


@dataclasses.dataclass(frozen=True)
class Abandoned:
    """Nobody waits for the answer any more."""

    ticket: Ticket


@dataclasses.dataclass(frozen=True)
class Answered:
    """The interactive lane is done with a question, or its process died over it."""

    ticket: Ticket


@dataclasses.dataclass(frozen=True)
class MadeWay:
    """The interactive lane let go of a question that others are put before; it is still to be answered."""

    ticket: Ticket


@dataclasses.dataclass(frozen=True)
class ClientCame:
    """A window or a terminal attached."""


@dataclasses.dataclass(frozen=True)
class ClientLeft:
    """A window or a terminal is gone; its questions go with it."""

    client: int


@dataclasses.dataclass(frozen=True)
class ShutdownAsked:
    """A client (or SIGTERM, with `now`) ends the worker; with `keep` its run keeps its model."""

    now: bool = False
    keep: bool = False


@dataclasses.dataclass(frozen=True)
class Tick:
    """Time went by."""


Event: TypeAlias = (
    Submitted | CancelAsked | PauseAsked | ResumeAsked | Reordered | RunHeld | RunGone
    | Asked | Abandoned | Answered | MadeWay | ClientCame | ClientLeft | ShutdownAsked | Tick
)  # fmt: skip


# Instructions: what the server is to do, in this order.


@dataclasses.dataclass(frozen=True)
class SaveQueue:
    """Write the queue to disk."""


@dataclasses.dataclass(frozen=True)
class MarkQueued:
    """Append Queued to the run's events."""

    run: str


@dataclasses.dataclass(frozen=True)
class MarkCancelled:
    """Append Cancelled to the events of a run that never got a process."""

    run: str


@dataclasses.dataclass(frozen=True)
class StartRun:
    """Give the run a process."""

    run: str


@dataclasses.dataclass(frozen=True)
class TellRun:
    """Say a word to the process of the running run."""

    word: Word


@dataclasses.dataclass(frozen=True)
class KillRun:
    """The grace is over: kill the process of the running run."""


@dataclasses.dataclass(frozen=True)
class PutQuestion:
    """Hand a question to the interactive process, starting it where needed."""

    ticket: Ticket


@dataclasses.dataclass(frozen=True)
class DropQuestion:
    """Tell the interactive process that nobody waits for this one, or that it is to come later."""

    ticket: Ticket


@dataclasses.dataclass(frozen=True)
class KillInteractive:
    """The abandoned question blocks others beyond the grace: kill its process."""


@dataclasses.dataclass(frozen=True)
class Stop:
    """End the worker."""


Instruction: TypeAlias = (
    SaveQueue | MarkQueued | MarkCancelled | StartRun | TellRun | KillRun
    | PutQuestion | DropQuestion | KillInteractive | Stop
)  # fmt: skip


@dataclasses.dataclass
class Running:
    """The run that has the batch lane."""

    run: str
    paused: bool = False
    ending: Literal["", "cancelling", "keeping"] = ""
    kill_at: float | None = None
    killed: bool = False
    again: bool = False
    """Resumed while it was ending: it queues up once its process is gone."""


class Lanes:
    """The state of both lanes; `handle` is the only way to change it."""

    def __init__(
        self, queue: Sequence[str] = (), *, grace_s: float = GRACE_S, keep_s: float = 120.0, now: float = 0.0
    ) -> None:
        self.queue = list(queue)
        self.running: Running | None = None
        self.asking: tuple[Ticket, str] | None = None
        self.waiting: list[tuple[Ticket, str]] = []
        self.clients = 0
        self.ending: Literal["", "idle", "keep", "now"] = ""
        self.stopped = False
        self._grace_s, self._keep_s = grace_s, keep_s
        self._idle_since: float | None = now
        self._leave_after_s = max(keep_s, FIRST_CLIENT_S)
        self._abandoned_until: float | None = None
        self._yielding: set[Ticket] = set()
        self._set_aside: Ticket | None = None

    def keep_for(self, keep_s: float) -> None:
        """Stay idle for so long from now on, once the last client has left."""
        if self._leave_after_s == self._keep_s:
            self._leave_after_s = keep_s
        self._keep_s = keep_s

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do on either lane."""
        return self.running is None and not self.queue and self.asking is None and not self.waiting

    @property
    def cancelled(self) -> bool:
        """Whether the running run was told to end without its model."""
        return self.running is not None and self.running.ending == "cancelling"

    def handle(self, event: Event, now: float) -> list[Instruction]:
        """The instructions that follow from an event at a time (seconds, monotonic).

        Raises InputError when the event asks for what cannot be; nothing has changed then.
        """
        todo = self._handle(event, now)
        return todo + self._go_on(now)

    def _handle(self, event: Event, now: float) -> list[Instruction]:
        match event:
            case Submitted(run, first):
                return self._submit(run, first=first)
            case CancelAsked(run, keep):
                return self._cancel(run, now, keep=keep)
            case PauseAsked(run):
                return self._pause(run)
            case ResumeAsked(run, phase):
                return self._resume(run, phase)
            case Reordered(runs):
                return self._reorder(runs)
            case ShutdownAsked(immediately, keep):
                return self._shut_down(now, immediately=immediately, keep=keep)
            case RunHeld() | RunGone() | ClientCame() | Tick():
                return self._note(event, now)
            case _:
                return self._converse(event, now)

    # The batch lane.

    def _submit(self, run: str, *, first: bool) -> list[Instruction]:
        if run in self.queue or self._is_running(run):
            return []
        if self._closing:
            raise InputError(
                "The worker is shutting down.", expected="a worker that stays", received=run,
                fix="Try again in a moment; a new worker starts by itself.", field="run",
            )  # fmt: skip
        self.queue.insert(0 if first else len(self.queue), run)
        return [MarkQueued(run), SaveQueue()]

    def _cancel(self, run: str, now: float, *, keep: bool) -> list[Instruction]:
        if run in self.queue:
            self.queue.remove(run)
            return [MarkCancelled(run), SaveQueue()]
        running = self._require_running(run, "ended")
        if keep:
            if running.ending == "":
                running.ending = "keeping"
            return [TellRun("keep")]
        if running.ending != "cancelling":
            running.ending, running.kill_at = "cancelling", now + self._grace_s
        return [TellRun("cancel")]

    def _pause(self, run: str) -> list[Instruction]:
        self._require_running(run, "paused")
        return [TellRun("pause")]

    def _resume(self, run: str, phase: Phase) -> list[Instruction]:
        if phase == "finished":
            raise InputError(
                "This run has finished; there is nothing to resume.", expected="a failed, cancelled or paused run",
                received=f"{run} ({phase})", fix="Fork it to train again with other settings.", field="run",
            )  # fmt: skip
        if self.running is None or self.running.run != run:
            return self._submit(run, first=False)
        if phase in ENDED or self.running.ending == "cancelling":
            self.running.again = True
            return []
        return [TellRun("go")]

    def _reorder(self, runs: Sequence[str]) -> list[Instruction]:
        named = [run for run in dict.fromkeys(runs) if run in self.queue]
        self.queue = named + [run for run in self.queue if run not in named]
        return [SaveQueue()]

    def _require_running(self, run: str, done: str) -> Running:
        if self.running is not None and self.running.run == run:
            return self.running
        raise InputError(
            f"This run cannot be {done}: it is not running.", expected="a running run",
            received=run, fix="Look at the job panel or 'workbench runs list' for what runs now.", field="run",
        )  # fmt: skip

    def _is_running(self, run: str) -> bool:
        return self.running is not None and self.running.run == run

    def _note(self, event: Event, now: float) -> list[Instruction]:
        match event:
            case RunHeld(held) if self.running is not None:
                self.running.paused = held
            case RunGone(run) if self.running is not None and self.running.run == run:
                again, self.running = self.running.again, None
                return self._submit(run, first=True) if again and not self._closing else []
            case ClientCame():
                self.clients += 1
                self._leave_after_s = self._keep_s
            case Tick():
                return self._enforce(now)
            case _:
                pass
        return []

    def _enforce(self, now: float) -> list[Instruction]:
        todo: list[Instruction] = []
        running = self.running
        if running is not None and running.kill_at is not None and now >= running.kill_at and not running.killed:
            running.killed = True
            todo.append(KillRun())
        if self._abandoned_until is not None and now >= self._abandoned_until and self.waiting:
            self._abandoned_until = None
            todo.append(KillInteractive())
        return todo

    # The interactive lane.

    def _converse(self, event: Event, now: float) -> list[Instruction]:
        match event:
            case Asked(ticket, what, yields):
                self.waiting.append((ticket, what))
                return self._order(ticket, yields=yields)
            case Abandoned(ticket):
                return self._abandon(lambda one: one == ticket, now)
            case Answered(ticket) if self.asking is not None and self.asking[0] == ticket:
                self._yielding.discard(ticket)
                self.asking = self._abandoned_until = self._set_aside = None
            case MadeWay(ticket) if self.makes_way(ticket) and self.asking is not None:
                self.waiting.append(self.asking)
                self.asking = self._set_aside = None
            case ClientLeft(client):
                self.clients -= 1
                return self._abandon(lambda one: one[0] == client, now)
            case _:
                pass
        return []

    def makes_way(self, ticket: Ticket) -> bool:
        """Whether a question was set aside for another, and is still waited for."""
        return self._set_aside == ticket and self._abandoned_until is None

    def _order(self, ticket: Ticket, *, yields: bool) -> list[Instruction]:
        """Put a question before those that yield, and set the one aside that is worked on if it is one of them."""
        if yields:
            self._yielding.add(ticket)
        self.waiting.sort(key=lambda one: one[0] in self._yielding)  # otherwise they stay in their order
        doing = self.asking[0] if self.asking is not None else None
        if yields or doing not in self._yielding or self._set_aside is not None or self._abandoned_until is not None:
            return []
        self._set_aside = doing
        return [DropQuestion(doing)]

    def _abandon(self, meant: Callable[[Ticket], bool], now: float) -> list[Instruction]:
        self._yielding -= {ticket for ticket, _ in self.waiting if meant(ticket)}
        self.waiting = [(ticket, what) for ticket, what in self.waiting if not meant(ticket)]
        if self.asking is None or not meant(self.asking[0]) or self._abandoned_until is not None:
            return []
        self._abandoned_until = now + self._grace_s
        return [DropQuestion(self.asking[0])]

    # Both.

    @property
    def _closing(self) -> bool:
        """Whether no other run is started or taken any more."""
        return self.ending in ("keep", "now")

    def _shut_down(self, now: float, *, immediately: bool, keep: bool) -> list[Instruction]:
        if immediately:
            return self._stop_now(now)
        if not keep:
            self.ending = self.ending or "idle"
            return []
        if self.ending != "now":
            self.ending, self.waiting = "keep", []
        if self.running is None or self.running.ending:
            return []
        self.running.ending = "keeping"
        return [TellRun("keep")]

    def _stop_now(self, now: float) -> list[Instruction]:
        self.ending, self.waiting = "now", []
        if self.running is None or self.running.ending == "cancelling":
            return []
        self.running.ending, self.running.kill_at = "cancelling", now + self._grace_s
        return [TellRun("cancel")]

    def _go_on(self, now: float) -> list[Instruction]:
        """What follows from the state alone: the next run, the next question, or the end."""
        if self._closing:
            return self._stop() if self.running is None else []
        todo: list[Instruction] = []
        if self.running is None and self.queue:
            self.running = Running(self.queue.pop(0))
            todo += [SaveQueue(), StartRun(self.running.run)]
        if self.asking is None and self.waiting:
            self.asking = self.waiting.pop(0)
            todo.append(PutQuestion(self.asking[0]))
        return todo + (self._leave(now) if self.idle else self._stay())

    def _stay(self) -> list[Instruction]:
        self._idle_since = None
        return []

    def _leave(self, now: float) -> list[Instruction]:
        if self.ending == "idle":
            return self._stop()
        if self.clients > 0:
            return self._stay()
        if self._idle_since is None:
            self._idle_since = now
        return self._stop() if now - self._idle_since >= self._leave_after_s else []

    def _stop(self) -> list[Instruction]:
        already, self.stopped = self.stopped, True
        return [] if already else [Stop()]
