"""The child processes at work: one batch run, one warm spare, one for questions."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec
import psutil

from workbench.core.events import Apply, Inspect
from workbench.core.problem import KnownTrouble
from workbench.core.settings import Settings, load
from workbench.store.home import Home
from workbench.store.runfolder import RunFolder
from workbench.worker.children import Child, Role
from workbench.worker.lanes import Event, RunHeld, Ticket
from workbench.worker.messages import (
    Answer,
    Ask,
    Begin,
    Ended,
    Forget,
    Held,
    Reached,
    Ready,
    Report,
    Tell,
    WentOn,
    Word,
)  # fmt: skip

log = logging.getLogger("workbench.worker")
Gone: TypeAlias = Callable[[Ended | None, str], None]
"""Called with what the process reported at its end, if anything, and how the process ended."""
MOST_STILLBORN = 3


def _time_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


class Crew:
    """Starts, tells, listens to and kills child processes; used from the supervisor's thread alone."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        *,
        post: Callable[[Callable[[], None]], None],
        happened: Callable[[Event], None],
        answered: Callable[[Ticket, Answer], None],
        reached: Callable[[Ticket, Reached], None],
    ) -> None:
        self.device = ""
        self._home, self._offline, self._settings_time = home, settings.offline, _time_of(home.settings)
        self._post, self._happened, self._answered = post, happened, answered
        self._reached = reached
        self._spare: Child | None = None
        self._stillborn = 0
        self._batch: Child | None = None
        self._on_gone: Gone = lambda ended, how: None
        self._ended: Ended | None = None
        self._interactive: Child | None = None
        self._numbers = itertools.count(1)
        self._question: tuple[int, Ticket] | None = None
        self._heard_of_interactive = False

    # The batch lane.

    def start(self, folder: RunFolder, *, on_gone: Gone) -> None:
        """Give a run a process: the spare one, or a new one."""
        self._batch, self._spare = self._spare or self._spawn("batch"), None
        self._on_gone, self._ended = on_gone, None
        self._batch.tell(Begin(run=str(folder.path)))

    def tell(self, word: Word) -> None:
        """Say a word to the run's process."""
        if self._batch is not None:
            self._batch.tell(Tell(word=word))

    def kill_run(self) -> None:
        """End the run's process by force."""
        if self._batch is not None:
            self._batch.kill()

    def heed_settings(self) -> Settings | None:
        """Replace warm processes when the network was allowed or forbidden: libraries read that once.

        Returns the settings where their file has changed.
        """
        changed = _time_of(self._home.settings)
        if changed == self._settings_time:
            return None
        self._settings_time = changed
        settings: Settings = load(self._home.settings).settings
        offline = settings.offline
        if offline != self._offline:
            self._offline = offline
            retired, self._spare = [self._spare], None
            if self._question is None:
                retired.append(self._interactive)
                self._interactive = None
            for child in retired:
                if child is not None:
                    child.kill()
        return settings

    def keep_spare(self, *, wanted: bool) -> None:
        """Have a process ready that has loaded the heavy libraries, unless they die in a row."""
        if wanted and self._spare is None and self._stillborn < MOST_STILLBORN:
            self._spare = self._spawn("batch")

    # The interactive lane.

    @property
    def interactive_starting(self) -> bool:
        """Whether the process for questions has not answered anything yet."""
        return not self._heard_of_interactive

    def ask(self, ticket: Ticket, request: Apply | Inspect) -> None:
        """Hand over a question."""
        if self._interactive is None:
            self._interactive, self._heard_of_interactive = self._spawn("interactive"), False
        number = next(self._numbers)
        self._question = (number, ticket)
        self._interactive.tell(Ask(number=number, request=request))

    def forget(self, ticket: Ticket) -> None:
        """Say that nobody waits for the answer."""
        if self._interactive is not None and self._question is not None and self._question[1] == ticket:
            self._interactive.tell(Forget(number=self._question[0]))

    def kill_interactive(self) -> None:
        """End the process for questions by force; the next question starts another."""
        if self._interactive is not None:
            self._interactive.kill()

    # Both.

    def kill_all(self) -> None:
        """Leave no process behind."""
        for child in self._all():
            child.kill()

    def memory_bytes(self) -> int:
        """Resident memory of the worker and its children."""
        return int(psutil.Process().memory_info().rss) + sum(child.memory_bytes() for child in self._all())

    def _all(self) -> list[Child]:
        return [child for child in (self._batch, self._spare, self._interactive) if child is not None]

    def _spawn(self, role: Role) -> Child:
        network = {"HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
        network["WORKBENCH_OFFLINE"] = str(bool(self._offline)).lower()
        if self._offline:
            network |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
        return Child(
            role,
            self._home,
            heard=lambda child, report: self._post(lambda: self._heard(child, report)),
            ended=lambda child: self._post(lambda: self._gone(child)),
            environment={name: value for name, value in network.items() if name not in os.environ},
        )

    def _heard(self, child: Child, report: Report) -> None:
        match report:
            case Ready(device):
                self.device, self._stillborn = device, 0
            case Answer() if child is self._interactive:
                self._heard_of_interactive = True
                self._close_question(report)
            case Reached() if self._question is not None and self._question[0] == report.number:
                self._reached(self._question[1], report)
            case Held() | WentOn() if child is self._batch:
                self._happened(RunHeld(isinstance(report, Held)))
            case Ended() if child is self._batch:
                self._ended = report
            case _:
                pass

    def _gone(self, child: Child) -> None:
        if child is self._spare:
            self._spare, self._stillborn = None, self._stillborn + 1
            log.warning("A spare process ended with %s.", child.ending())
        elif child is self._interactive:
            self._interactive = None
            self._lose_question(child)
        elif child is self._batch:
            self._batch = None
            self._on_gone(self._ended, child.ending())

    def _close_question(self, answer: Answer) -> None:
        if self._question is not None and self._question[0] == answer.number:
            (_, ticket), self._question = self._question, None
            self._answered(ticket, answer)

    def _lose_question(self, child: Child) -> None:
        if self._question is None:
            return
        trouble = KnownTrouble(
            "The process that answers questions ended before it answered.",
            expected="an answer",
            received=child.ending(),
            fix="Ask again: a new process starts by itself. If it was killed, memory may have run out.",
        ).record()
        self._close_question(Answer(number=self._question[0], problem=msgspec.structs.replace(trouble)))
