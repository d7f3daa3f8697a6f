"""The supervisor: carries out what the lanes decide. Knows no torch, holds no model, runs no recipe.

One thread takes what happens from one inbox: requests of clients, reports and ends of children,
the passing of time. Everything slow (sockets, pipes, training) is on other threads or processes.
"""

from __future__ import annotations

import functools
import logging
import os
import queue
import signal
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
import psutil

from workbench.core import events as ev
from workbench.core.problem import InputError, Problem
from workbench.core.questions import APPLYING, YIELDING, doing
from workbench.core.settings import Settings
from workbench.store.home import Home
from workbench.worker import lanes as la
from workbench.worker.clients import Client
from workbench.worker.crew import Crew
from workbench.worker.doorway import Doorway
from workbench.worker.ledger import Ledger
from workbench.worker.messages import Reached

log = logging.getLogger("workbench.worker")
Happening: TypeAlias = Callable[[], None]
TICK_S = 0.2
TELL_S = 1.0
SPARE_AFTER_S = 1.0
"""A spare process loads for seconds: the window that has just started the worker goes first."""


class Supervisor:
    """The worker of one home; `run` returns when it is over."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self.home = home
        self.inbox: queue.SimpleQueue[Happening] = queue.SimpleQueue()
        self.ledger = Ledger(home)
        self.clients: dict[int, Client] = {}
        self.questions: dict[la.Ticket, ev.Apply | ev.Inspect] = {}
        self.lanes = la.Lanes(self.ledger.sweep(), keep_s=settings.keep_worker, now=time.monotonic())
        self.crew = Crew(home, settings, post=self.inbox.put, happened=self.happened, answered=self.answered,
                         reached=self.reached)  # fmt: skip
        self._memory_total = psutil.virtual_memory().total
        self._told, self._told_at = ev.WorkerState(), 0.0
        self._over = False
        self._began = time.monotonic()

    def run(self) -> None:
        """Serve until idle for long enough or told to end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.inbox.put(self.end))
        doorway = Doorway(self.home, self.welcome)
        log.info("The worker of %s is up as process %d.", self.home.root, os.getpid())
        try:
            self.happened(la.Tick())
            while not self._over:
                self.once()
        finally:
            doorway.close()
            self.crew.kill_all()
            self.say_goodbye()
        log.info("The worker ends.")

    def once(self) -> None:
        """Take one happening, or a tick of the clock; whatever fails, the worker lives on."""
        try:
            happening = self.inbox.get(timeout=TICK_S)
        except queue.Empty:
            happening = self.tick
        try:
            happening()
        except Exception:
            log.exception("Something went wrong in the worker; it goes on.")
        self.tell_clients()

    def tick(self) -> None:
        """Time went by."""
        self.ledger.retry()
        self.ledger.look_after_others()
        settings = self.crew.heed_settings()
        if settings is not None:
            self.lanes.keep_for(settings.keep_worker)
        self.crew.keep_spare(wanted=self.spare_wanted())
        self.happened(la.Tick())

    def spare_wanted(self) -> bool:
        """Whether another run may start soon: none runs, or more are waiting."""
        soon = self.lanes.running is None or bool(self.lanes.queue)
        return soon and self.lanes.ending not in ("keep", "now") and time.monotonic() - self._began >= SPARE_AFTER_S

    def end(self) -> None:
        """Told by a signal to end now."""
        self.happened(la.ShutdownAsked(now=True))

    def happened(self, event: la.Event) -> None:
        """Let the lanes decide and do as they say."""
        for instruction in self.lanes.handle(event, time.monotonic()):
            self.carry_out(instruction)

    def carry_out(self, instruction: la.Instruction) -> None:
        """Do one thing that the lanes decided."""
        match instruction:
            case la.SaveQueue():
                self.ledger.save_queue(self.lanes.queue)
            case la.MarkQueued(run):
                self.ledger.append(run, ev.Queued)
            case la.MarkCancelled(run):
                self.ledger.append(run, ev.Cancelled, resumable=self.ledger.has_checkpoint(run))
            case la.StartRun(run):
                self.crew.start(self.ledger.folder(run), on_gone=functools.partial(self.run_gone, run))
            case la.TellRun(word):
                self.crew.tell(word)
            case la.KillRun():
                self.crew.kill_run()
            case la.Stop():
                self._over = True
            case _:
                self.carry_out_question(instruction)

    def carry_out_question(self, instruction: la.Instruction) -> None:
        """The same for the interactive lane."""
        match instruction:
            case la.PutQuestion(ticket):
                self.crew.ask(ticket, self.questions[ticket])
            case la.DropQuestion(ticket):
                self.crew.forget(ticket)
            case la.KillInteractive():
                self.crew.kill_interactive()
            case _:
                raise TypeError(f"Nobody carries out {instruction!r}")

    def run_gone(self, run: str, ended: Any, how: str) -> None:
        """The run's process is gone: its folder gets a last event, if it has none."""
        self.ledger.conclude(run, ended=ended, how=how, cancelled=self.lanes.cancelled)
        self.happened(la.RunGone(run))

    def answered(self, ticket: la.Ticket, answer: Any) -> None:
        """A question has its answer (or its process died over it), or was let go of for another."""
        if answer.forgotten and self.lanes.makes_way(ticket):
            self.happened(la.MadeWay(ticket))
            return
        self.questions.pop(ticket, None)
        client = self.clients.get(ticket[0])
        if client is not None:
            client.reply(ticket[1], result=answer.result, problem=answer.problem)
        self.happened(la.Answered(ticket))

    def reached(self, ticket: la.Ticket, report: Reached) -> None:
        """An answer grows: whoever waits for it is told."""
        client = self.clients.get(ticket[0])
        if client is not None and ticket in self.questions:
            client.underway(ev.Underway(ticket[1], report.fraction, report.words, report.partial))

    # Clients; the three callbacks below are called on their threads.

    def welcome(self, channel: Any, secret: bytes) -> None:
        """Somebody connected."""
        Client(
            channel,
            secret,
            came=lambda client: self.inbox.put(lambda: self._came(client)),
            asked=lambda client, request: self.inbox.put(lambda: self._asked(client, request)),
            left=lambda client: self.inbox.put(lambda: self._left(client)),
        )

    def _came(self, client: Client) -> None:
        self.clients[client.number] = client
        self.happened(la.ClientCame())
        client.tell(self._told if self._told.pid else self.state())

    def _left(self, client: Client) -> None:
        del self.clients[client.number]
        self.happened(la.ClientLeft(client.number))

    def _asked(self, client: Client, request: ev.AnyRequest) -> None:
        try:
            if isinstance(request, ev.Apply | ev.Inspect):
                self._question(client, request)
                return
            if isinstance(request, ev.Status):
                client.tell(self.state())
            else:
                self.happened(self._event(client, request))
            client.reply(request.ticket)
        except Problem as problem:
            client.reply(request.ticket, problem=problem.record())

    def _question(self, client: Client, request: ev.Apply | ev.Inspect) -> None:
        ticket = (client.number, request.ticket)
        self.questions[ticket] = request
        what = APPLYING if isinstance(request, ev.Apply) else doing(request.what)
        self.happened(la.Asked(ticket, what, yields=isinstance(request, ev.Inspect) and request.what in YIELDING))

    def _event(self, client: Client, request: ev.AnyRequest) -> la.Event:
        match request:
            case ev.Submit(run=run, first=first):
                self.ledger.require_config(run)
                return la.Submitted(run, first)
            case ev.Cancel(run=run, keep=keep):
                return la.CancelAsked(run, keep)
            case ev.Pause(run=run):
                return la.PauseAsked(run)
            case ev.Resume(run=run):
                self.ledger.require_config(run)
                return la.ResumeAsked(run, self.ledger.folder(run).state().phase)
            case ev.Reorder(runs=runs):
                return la.Reordered(runs)
            case ev.Abandon(asked=asked):
                return la.Abandoned((client.number, asked))
            case ev.Shutdown(now=now, keep=keep):
                return la.ShutdownAsked(now, keep)
            case _:
                raise InputError("A greeting is only said once.", received=type(request).__name__)

    def state(self) -> ev.WorkerState:
        """What clients are shown."""
        running, asking = self.lanes.running, self.lanes.asking
        return ev.WorkerState(
            pid=os.getpid(),
            running=running.run if running else "",
            paused=running.paused if running else False,
            ending=running.ending if running else "",
            queue=tuple(self.lanes.queue),
            interactive=("starting" if self.crew.interactive_starting else asking[1]) if asking else "",
            questions=len(self.lanes.waiting),
            device=self.crew.device,
            memory_bytes=self._told.memory_bytes,
            memory_total_bytes=self._memory_total,
        )

    def tell_clients(self) -> None:
        """Show a change at once; the memory once a second and when a run's process has come or gone."""
        if not self.clients:
            return
        state, now = self.state(), time.monotonic()
        if now - self._told_at >= TELL_S or state.running != self._told.running:
            state = msgspec.structs.replace(state, memory_bytes=self.crew.memory_bytes())
        elif state == self._told:
            return
        self._told, self._told_at = state, now
        for client in self.clients.values():
            client.tell(state)

    def say_goodbye(self) -> None:
        """An empty state tells clients that this end is meant; they start no other worker for it."""
        for client in self.clients.values():
            client.tell(ev.WorkerState())
            client.hang_up()
