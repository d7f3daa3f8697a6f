"""Questions about cases to the worker, one at a time; answers come back on the GUI thread, decoded off it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from workbench.core.problem import ProblemRecord
from workbench.gui.link import Link

Failed = Callable[[ProblemRecord], None]


class Asking(QObject):
    """What is under way for the page; a new question takes the place of the one before."""

    changed = Signal(str)
    """What is being done; empty when nothing is."""

    def __init__(self, link: Link, parent: QObject, *, failed: Failed) -> None:
        super().__init__(parent)
        self._link, self._failed = link, failed
        self._number = 0
        self._future: Future[msgspec.Raw] | None = None
        self.doing = ""

    def ask(self, doing: str, what: str, kind: Any, then: Callable[[Any], None], **arguments: Any) -> None:
        """Ask the worker; `then` gets its answer as a `kind`, a problem goes to who was named when this was made."""
        number = self._begin(doing)
        future = self._future = self._link.runner.inspect(what, **arguments)
        self._link.deliver(
            future,
            then=lambda raw: self.work(doing, lambda: msgspec.json.decode(raw, type=kind), then, number=number),
            failed=lambda record: self._fail(number, record), owner=self,
        )  # fmt: skip

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
        """Wait for no answer."""
        self._number += 1
        if self._future is not None:
            self._future.cancel()
        self._say("")

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
        if doing != self.doing:
            self.doing = doing
            self.changed.emit(doing)
