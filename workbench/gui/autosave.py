"""Edits go to disk by themselves a moment after each change, off the GUI thread, and it is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from workbench.core.problem import ProblemRecord

WITHIN_S = 2.0
"""An edit begins to be written after at most this long."""
Write = Callable[[], object]


class Background(Protocol):
    """Whoever does work off the GUI thread, as gui.link.Link does."""

    def background(
        self,
        work: Callable[[], Any],
        *,
        then: Callable[[Any], None] | None = None,
        failed: Callable[[ProblemRecord], None] | None = None,
        owner: QObject | None = None,
    ) -> None:
        """Call `work` on another thread, then `then` or `failed` on this one while `owner` lives."""


class Autosave(QObject):
    """`take` is called on the GUI thread and returns what writes a snapshot; that runs elsewhere.

    A failure is said and tried again. `flush` writes what is not written yet before it returns.
    """

    told = Signal(str)

    def __init__(
        self, link: Background, take: Callable[[], Write], parent: QObject, *, within_s: float = WITHIN_S
    ) -> None:
        super().__init__(parent)
        self._link, self._take = link, take
        self._changes = self._written = 0
        self._written_at_s = 0.0
        self._fault = ""
        self._disk = threading.Lock()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(round(within_s * 1000))
        self._timer.timeout.connect(self._begin)
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tell)

    @property
    def pending(self) -> bool:
        """Whether something is not on disk yet."""
        return self._written < self._changes

    def set_delay(self, within_s: float) -> None:
        """Begin to write after another time."""
        self._timer.setInterval(round(within_s * 1000))

    def touch(self) -> None:
        """Something was edited; further edits do not put the writing off."""
        self._changes += 1
        if not self._timer.isActive():
            self._timer.start()
        self._tell()

    def forget(self) -> None:
        """Another thing is edited now, and nothing of it is unsaved."""
        self._timer.stop()
        self._clock.stop()
        self._written, self._written_at_s, self._fault = self._changes, 0.0, ""
        self._tell()

    def flush(self) -> None:
        """Write at once, here: the place is being left."""
        self._timer.stop()
        if not self.pending:
            return
        at = self._changes
        try:
            with self._disk:
                self._take()()
        except OSError as error:
            self._failed(ProblemRecord(str(error)))
        else:
            self._done(at)

    def rest(self) -> None:
        """Nobody looks: say nothing until the next edit."""
        self._clock.stop()

    def words(self) -> str:
        """'autosaved 4 s ago', 'edited, autosaving …', why not, or nothing before the first edit."""
        if self._fault:
            return f"not autosaved: {self._fault}"
        ago_s = time.monotonic() - self._written_at_s if self._written_at_s else -1.0
        return announced(dirty=self.pending, ago_s=ago_s)

    def _begin(self) -> None:
        at, write = self._changes, self._take()

        def work() -> None:
            with self._disk:
                if at > self._written:  # a flush may have written more meanwhile
                    write()

        self._link.background(work, then=lambda _: self._done(at), failed=self._failed, owner=self)

    def _done(self, at: int) -> None:
        self._written, self._written_at_s, self._fault = max(self._written, at), time.monotonic(), ""
        self._clock.start()
        if self.pending and not self._timer.isActive():
            self._timer.start()
        self._tell()

    def _failed(self, record: ProblemRecord) -> None:
        self._fault = record.received or record.what
        self._timer.start()
        self._tell()

    def _tell(self) -> None:
        self.told.emit(self.words())


def announced(*, dirty: bool, ago_s: float) -> str:
    """'autosaved 4 s ago', 'edited', or nothing before the first edit."""
    if dirty:
        return "edited, autosaving …"
    if ago_s < 0:
        return ""
    return f"autosaved {ago_s:.0f} s ago" if ago_s < 90 else f"autosaved {ago_s / 60:.0f} min ago"
