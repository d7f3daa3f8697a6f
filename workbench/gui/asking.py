"""Questions about cases to the worker, one at a time; answers come back on the GUI thread, decoded off it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from workbench.core.events import Underway
from workbench.core.problem import ProblemRecord
from workbench.gui.link import Link

Failed = Callable[[ProblemRecord], None]


class Asking(QObject):
    """What is under way for the page; a new question takes the place of the one before."""

    changed = Signal(str)
    """What is being done; empty when nothing is. Told again as the answer grows."""
    grown = Signal(object)
    """There is more of the answer: its partial document (msgspec.Raw)."""

    def __init__(self, link: Link, parent: QObject, *, failed: Failed) -> None:
        super().__init__(parent)
        self._link, self._failed = link, failed
        self._number = 0
        self._future: Future[msgspec.Raw] | None = None
        self.doing = self.words = ""
        """What is being done, and how far that is, in words."""
        self.fraction = -1.0
        """How far, from 0 to 1; negative where nobody knows."""

    def ask(self, doing: str, what: str, kind: Any, then: Callable[[Any], None], **arguments: Any) -> None:
        """Ask the worker; `then` gets its answer as a `kind`, a problem goes to who was named when this was made."""
        number = self._begin(doing)
        future = self._link.runner.inspect(what, told=self._hear(number), **arguments)
        self._await(number, future, kind, then)

    def apply(
        self, doing: str, model: tuple[str, str], kind: Any, then: Callable[[Any], None], *, inputs: dict[str, Any]
    ) -> None:
        """Put inputs to a model (its recipe and its folder) in the same way."""
        number = self._begin(doing)
        recipe, folder = model
        self._await(number, self._link.runner.apply(recipe, folder, inputs, told=self._hear(number)), kind, then)

    def work(self, doing: str, do: Callable[[], Any], then: Callable[[Any], None], *, number: int = 0) -> None:
        """Do something of the window's own off the GUI thread, in the same way."""
        if number and number != self._number:
            return
        now = number or self._begin(doing)
        self._link.background(
            do, then=lambda found: self._end(now, found, then), failed=lambda record: self._fail(now, record),
            owner=self,
        )  # fmt: skip

    def cancel(self) -> None:
        """Wait for no answer; the worker ends its work on it."""
        self._number += 1
        if self._future is not None:
            self._future.cancel()
        self._say("")

    def _await(self, number: int, future: Future[msgspec.Raw], kind: Any, then: Callable[[Any], None]) -> None:
        self._future = future
        self._link.deliver(
            future,
            then=lambda raw: self.work("", lambda: msgspec.json.decode(raw, type=kind), then, number=number),
            failed=lambda record: self._fail(number, record), owner=self,
        )  # fmt: skip

    def _hear(self, number: int) -> Callable[[Underway], None]:
        """For the runner's thread: what it hears is told on the GUI thread while the question stands."""
        return lambda told: self._link.on_window(lambda: self._reach(number, told), self)

    def _reach(self, number: int, told: Underway) -> None:
        if number != self._number or not self.doing:
            return
        self.fraction, self.words = told.fraction, told.words
        self.changed.emit(self.doing)
        if bytes(told.partial) != b"null":
            self.grown.emit(told.partial)

    def _begin(self, doing: str) -> int:
        self.cancel()
        self._say(doing)
        return self._number

    def _end(self, number: int, found: Any, then: Callable[[Any], None]) -> None:
        if number == self._number:
            self._future = None
            self._say("")
            then(found)

    def _fail(self, number: int, record: ProblemRecord) -> None:
        if number == self._number:
            self._future = None
            self._say("")
            self._failed(record)

    def _say(self, doing: str) -> None:
        self.fraction, self.words = -1.0, ""
        if doing != self.doing:
            self.doing = doing
            self.changed.emit(doing)
