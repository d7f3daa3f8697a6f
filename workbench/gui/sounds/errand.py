"""Long work of a page on a thread of its own: its news and its end arrive on the GUI thread; it can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from workbench.core.problem import ProblemRecord, record_of
from workbench.gui.link import Link
from workbench.runner.answering import Stopped

LEAVES_WITHIN_S = 5.0


class Errand(QObject):
    """One at a time: another one takes the place of the one before."""

    changed = Signal()
    """It began or ended."""
    failed = Signal(object)

    def __init__(self, link: Link, parent: QObject, name: str) -> None:
        super().__init__(parent)
        self._link, self._name, self._number = link, name, 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.running = False

    def start(
        self,
        do: Callable[[threading.Event, Callable[[Callable[[], object]], None]], Any],
        then: Callable[[Any], object],
    ) -> None:
        """Begin `do(stop, tell)`; what is given to `tell` is called on the GUI thread as long as this is what runs."""
        self.stop()
        self._number += 1
        number, stop = self._number, threading.Event()
        self._stop, self.running = stop, True

        def tell(call: Callable[[], object]) -> None:
            self._link.on_window(lambda: self._hear(number, call), self)

        def work() -> None:
            try:
                found = do(stop, tell)
                self._link.on_window(lambda: self._end(number, lambda: then(found)), self)
            except Stopped:
                self._link.on_window(lambda: self._end(number, lambda: None), self)
            except Exception as error:
                record = record_of(error)
                self._link.on_window(lambda: self._end(number, lambda: self._fail(record)), self)

        self._thread = threading.Thread(target=work, name=self._name, daemon=True)
        self._thread.start()
        self.changed.emit()

    def stop(self) -> None:
        """Ask for its end; nothing of it is heard any more."""
        self._stop.set()
        if self.running:
            self.running = False
            self.changed.emit()

    def ask_stop(self) -> None:
        """Ask for its end and hear of it: what there is by then is handed over."""
        self._stop.set()

    def close(self) -> None:
        """End it and wait for its thread."""
        self.stop()
        if self._thread is not None:
            self._thread.join(LEAVES_WITHIN_S)

    def _hear(self, number: int, call: Callable[[], object]) -> None:
        if number == self._number and self.running:
            call()

    def _end(self, number: int, do: Callable[[], object]) -> None:
        if number != self._number or not self.running:
            return
        self.running = False
        self.changed.emit()
        do()

    def _fail(self, record: ProblemRecord) -> None:
        self.failed.emit(record)
