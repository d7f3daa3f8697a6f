"""The runner's double: plays scripted events into real run folders, without a process or a model.

A window under test cannot tell the difference: folders, queue, states and answers are as the
worker's. By default a script plays at once on the caller's thread; with `by_hand` the test plays
it event by event, and with `pace_s` it plays on a thread of its own, as for a demonstration.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeAlias

import msgspec

from workbench.core import events as ev
from workbench.core.job import ENDED
from workbench.core.problem import InputError, KnownTrouble, Problem
from workbench.runner.base import Told
from workbench.runner.prepare import prepare
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder

Script: TypeAlias = Iterable[ev.AnyEvent] | Callable[[RunFolder], Iterable[ev.AnyEvent]]
"""Events of a run between Started and its end, or a function that makes them and their files.

Without an ending of its own a script ends with Finished.
"""


WAITING = object()
"""An entry of `answers` that the test gives by hand, with `reach` before it."""


class ScriptedRunner:
    """Implements runner.base.Runner; `asked` lists every call by name and run, for tests to look at.

    `answers` maps a recipe's id (apply) or what is inspected to a document, a Problem to fail
    with, WAITING, or a function of the inputs that returns a document or a Problem.
    """

    def __init__(
        self,
        home: Home,
        script: Script = (),
        *,
        by_hand: bool = False,
        pace_s: float = 0.0,
        answers: Mapping[str, Any] | None = None,
    ) -> None:
        self.asked: list[tuple[str, str]] = []
        self.script, self.answers = script, dict(answers or {})
        self._home, self._by_hand, self._pace_s = home, by_hand, pace_s
        self._lock = threading.RLock()
        self._watchers: list[Callable[[ev.WorkerState], None]] = []
        self._state = ev.WorkerState()
        self._queue: list[str] = []
        self._playing: Iterator[ev.AnyEvent] = iter(())
        self._running = self._ending = ""
        self.lingers = False
        """Whether the process of a run that is ended stays until `vanish`, as one that is slow to leave."""
        self.answering, self.questions = "", 0
        """What the interactive lane is said to do, and how many questions wait; `attach` tells it."""
        self.waiting: list[tuple[Told | None, Future[msgspec.Raw]]] = []
        """Questions whose answer is WAITING, for `reach` and `answer`."""
        self._paused = self._closed = False
        self._clock = time.time()

    @property
    def home(self) -> Home:
        """Where runs live."""
        return self._home

    def prepare(self, config: RunConfig) -> RunFolder:
        """See runner.base."""
        return prepare(self._home, config)

    def submit(self, config: RunConfig, *, first: bool = False) -> RunFolder:
        """See runner.base; the script begins to play when nothing else does."""
        folder = self.prepare(config)
        self.enqueue(folder, first=first)
        return folder

    def enqueue(self, folder: RunFolder, *, first: bool = False) -> Future[None]:
        """Queue a prepared run."""
        self.asked.append(("submit", folder.id))
        self._append(folder.id, ev.Queued)
        self._queue.insert(0 if first else len(self._queue), folder.id)
        self._go_on()
        return _done(None)

    def play(self, count: int | None = None) -> int:
        """Write the next events of the running script (all of them without a count); how many there were."""
        played = 0
        while self._running and not self._paused and (count is None or played < count):
            event = next(self._playing, None)
            if event is None:
                self._end(ev.Finished(results={}, seconds=1.0))
                break
            played += 1
            self._write(event)
            if isinstance(event, ev.Finished | ev.Failed | ev.Cancelled):
                self._leave()
        return played

    def cancel(self, run: str, *, keep: bool = False) -> Future[None]:
        """See runner.base."""
        self.asked.append(("keep" if keep else "cancel", run))
        if run in self._queue:
            self._queue.remove(run)
            self._append(run, ev.Cancelled)
            self._tell()
            return _done(None)
        if run != self._running:
            return _failed(_not_running(run))
        self._ending = "keeping" if keep else "cancelling"
        self._end(ev.Finished(kept_early=True) if keep else ev.Cancelled(resumable=True))
        return _done(None)

    def vanish(self) -> None:
        """Let the process of the run that was ended be gone."""
        self._leave(gone=True)

    def pause(self, run: str) -> Future[None]:
        """See runner.base."""
        return self._hold("pause", run, held=True)

    def resume(self, run: str) -> Future[None]:
        """See runner.base."""
        if run == self._running:
            return self._hold("resume", run, held=False)
        self.asked.append(("resume", run))
        if RunFolder(self._home.runs / run).state().phase == "finished":
            return _failed(InputError("This run has finished; there is nothing to resume.", field="run"))
        self.enqueue(RunFolder(self._home.runs / run))
        return _done(None)

    def reorder(self, runs: Sequence[str]) -> Future[None]:
        """See runner.base."""
        self.asked.append(("reorder", ",".join(runs)))
        self._queue = [run for run in runs if run in self._queue] + [run for run in self._queue if run not in runs]
        self._tell()
        return _done(None)

    def apply(
        self, recipe: str, model: str, inputs: dict[str, Any], *, device: str = "", told: Told | None = None
    ) -> Future[msgspec.Raw]:
        """See runner.base; the answer comes from `answers`."""
        self.asked.append(("apply", model))
        return self._answer(recipe, inputs, told)

    def inspect(self, what: str, *, told: Told | None = None, **arguments: Any) -> Future[msgspec.Raw]:
        """See runner.base; the answer comes from `answers`."""
        self.asked.append(("inspect", what))
        return self._answer(what, arguments, told)

    def state(self) -> ev.WorkerState:
        """See runner.base."""
        return self._state

    def watch(self, tell: Callable[[ev.WorkerState], None]) -> Callable[[], None]:
        """See runner.base."""
        self._watchers.append(tell)
        return lambda: self._unwatch(tell)

    def attach(self) -> Future[ev.WorkerState]:
        """See runner.base; the double is always there."""
        self._tell()
        return _done(self._state)

    def shutdown(self, *, now: bool = False, keep: bool = False) -> Future[None]:
        """See runner.base."""
        self.asked.append(("shutdown", "now" if now else "keep" if keep else "idle"))
        if (now or keep) and self._running:
            self._queue.clear()
            self._end(ev.Cancelled(resumable=True) if now else ev.Finished(kept_early=True))
        self.lose()
        return _done(None)

    def lose(self) -> None:
        """Be gone, as a worker that was ended or killed."""
        self._show(ev.WorkerState())

    def fall_silent(self) -> None:
        """Stop answering, as a worker that was stopped."""
        self._show(msgspec.structs.replace(self._state, silent=True))

    def close(self) -> None:
        """See runner.base."""
        self._closed = True

    def _hold(self, word: str, run: str, *, held: bool) -> Future[None]:
        self.asked.append((word, run))
        if run != self._running:
            return _failed(_not_running(run))
        self._paused = held
        step = RunFolder(self._home.runs / run).state().step
        self._write(ev.Paused(step=step) if held else ev.Resumed(step=step))
        self._tell()
        return _done(None)

    def answer(self, result: Any) -> None:
        """Give the answer to the question that was asked first of those whose answer was WAITING."""
        future = self.waiting.pop(0)[1]
        if future.set_running_or_notify_cancel():
            if isinstance(result, Problem):
                future.set_exception(result)
            else:
                future.set_result(msgspec.Raw(msgspec.json.encode(result)))

    def reach(self, fraction: float, words: str = "", partial: Any = None) -> None:
        """Tell whoever waits for that answer how far it is."""
        told = self.waiting[0][0]
        if told is not None:
            told(ev.Underway(fraction=fraction, words=words, partial=msgspec.Raw(msgspec.json.encode(partial))))

    def _answer(self, name: str, inputs: dict[str, Any], told: Told | None) -> Future[msgspec.Raw]:
        answer = self.answers.get(name, KnownTrouble(f"This double has no answer for {name!r}."))
        if answer is WAITING:
            future: Future[msgspec.Raw] = Future()
            self.waiting.append((told, future))
            return future
        if callable(answer):
            answer = answer(inputs)
        if isinstance(answer, Problem):
            return _failed(answer)
        return _done(msgspec.Raw(msgspec.json.encode(answer)))

    def _go_on(self) -> None:
        while not self._running and self._queue:
            self._begin(self._queue.pop(0))
            if self._pace_s > 0:
                threading.Thread(target=self._play_slowly, name="script", daemon=True).start()
            elif not self._by_hand:
                self.play()
        self._tell()

    def _begin(self, run: str) -> None:
        folder = RunFolder(self._home.runs / run)
        self._running, self._paused = run, False
        self._append(run, ev.Started, pid=os.getpid(), device="cpu", attempt=folder.state().attempt + 1)
        self._playing = iter(self.script(folder) if callable(self.script) else self.script)

    def _play_slowly(self) -> None:
        run = self._running
        while self._running == run and not self._closed:
            self.play(1)
            time.sleep(self._pace_s)

    def _write(self, event: ev.AnyEvent) -> None:
        stamped = event if event.t else msgspec.structs.replace(event, t=self._now())
        RunFolder(self._home.runs / self._running).append(stamped)

    def _append(self, run: str, kind: type[ev.AnyEvent], /, **fields: Any) -> None:
        RunFolder(self._home.runs / run).append(kind(t=self._now(), **fields))

    def _now(self) -> float:
        """A clock on which every event is a hundredth of a second later, the same in every test."""
        self._clock += 0.01
        return self._clock

    def _end(self, event: ev.AnyEvent) -> None:
        if RunFolder(self._home.runs / self._running).state().phase not in ENDED:
            self._write(event)
        self._leave()

    def _leave(self, *, gone: bool = False) -> None:
        self._paused, self._playing = False, iter(())
        if self.lingers and self._ending and not gone:
            self._tell()
            return
        self._running = self._ending = ""
        self._go_on()

    def _tell(self) -> None:
        self._show(
            ev.WorkerState(
                pid=os.getpid(), running=self._running, paused=self._paused, ending=self._ending,
                queue=tuple(self._queue), interactive=self.answering, questions=self.questions, device="cpu",
                memory_bytes=300_000_000, memory_total_bytes=16_000_000_000,
            )
        )  # fmt: skip

    def _show(self, state: ev.WorkerState) -> None:
        with self._lock:
            changed, self._state = state != self._state, state
            watchers = list(self._watchers) if changed else []
        for tell in watchers:
            tell(state)

    def _unwatch(self, tell: Callable[[ev.WorkerState], None]) -> None:
        with contextlib.suppress(ValueError):
            self._watchers.remove(tell)


def _not_running(run: str) -> InputError:
    return InputError("This run is not running.", expected="a running or waiting run", received=run, field="run")


def _done(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def _failed(problem: Problem) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(problem)
    return future
