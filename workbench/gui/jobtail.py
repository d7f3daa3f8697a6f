"""The newest words of a run: its state and the last lines of its log, read off the GUI thread."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque

from PySide6.QtCore import QObject, Signal, Slot

from workbench.core import events as ev
from workbench.core.job import ENDED, JobState, advance
from workbench.store.runfolder import EventTail, RunFolder

EVERY_S = 0.25
CHUNK_BYTES = 1 << 18
LINES = 8
FORECAST = "Forecast "
"""How the training loop's log line begins that tells what one measured step promises."""


@dataclasses.dataclass(frozen=True)
class Word:
    """How far a run is, its last log lines, and the forecast where one was made."""

    state: JobState = dataclasses.field(default_factory=JobState)
    lines: tuple[ev.Log, ...] = ()
    forecast: str = ""


class JobTail(QObject):
    """Follows one run while somebody looks; `told` carries a Word, at most four times a second."""

    told = Signal(object)

    def __init__(self, folder: RunFolder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder
        self._stop = threading.Event()
        self._taken = threading.Event()
        self._taken.set()
        self._thread = threading.Thread(target=self._follow, name=f"words of {folder.id}", daemon=True)

    def start(self) -> None:
        """Begin with what was said before."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading; waits for one chunk at most."""
        self._stop.set()
        self._taken.set()
        if self._thread.is_alive():
            self._thread.join()

    @Slot()
    def taken(self) -> None:
        """The last word was drawn: the next may come."""
        self._taken.set()

    def _follow(self) -> None:
        tail, word, lines = EventTail(self.folder.events_path), Word(), deque[ev.Log](maxlen=LINES)
        while not self._stop.is_set():
            before = word
            while not self._stop.is_set() and (events := tail.read(CHUNK_BYTES)):
                word = _after(word, events, lines)
            if word is not before:
                self._taken.wait()
                if self._stop.is_set():
                    return
                self._taken.clear()
                self.told.emit(word)
            if word.state.phase in ENDED and word is before:
                self._stop.wait(4 * EVERY_S)
            self._stop.wait(EVERY_S)


def _after(word: Word, events: list[ev.AnyEvent], lines: deque[ev.Log]) -> Word:
    state, forecast = word.state, word.forecast
    for event in events:
        state = advance(state, event)
        if isinstance(event, ev.Log):
            lines.append(event)
            if event.message.startswith(FORECAST):
                forecast = event.message.removeprefix(FORECAST).partition(" (")[0].rstrip(".")
        elif isinstance(event, ev.Started):
            forecast = ""
    return Word(state, tuple(lines), forecast)


def last_word(folder: RunFolder) -> Word:
    """What a run that is not followed has said so far; reads its whole file."""
    return _after(Word(), EventTail(folder.events_path).read(), deque[ev.Log](maxlen=LINES))
