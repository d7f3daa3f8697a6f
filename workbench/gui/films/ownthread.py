"""A thread of one's own: it waits for wishes under a condition, is let go of once, and tells nothing after that."""

from __future__ import annotations

import threading

from PySide6.QtCore import SignalInstance

from workbench.core.problem import Problem, ProblemRecord, record_of


class OwnThread:
    """For a class whose `_run` works on a thread that `_ready` makes; what both sides see is seen under `_turn`."""

    _turn: threading.Condition
    _thread: threading.Thread
    _closed = False

    def _ready(self, name: str) -> threading.Thread:
        """Make the thread, which the class starts once all that it works with is there."""
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        return self._thread

    def _run(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Do no more; the thread ends by itself."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()

    def join(self, within_s: float = 5.0) -> bool:
        """Wait for the thread's end, for tests and for the window's own end."""
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _rest(self, for_s: float) -> bool:
        """Wait on the thread; True where it was let go of meanwhile."""
        with self._turn:
            return self._turn.wait_for(lambda: self._closed, for_s)

    def _tell(self, signal: SignalInstance, *carried: object) -> None:
        with self._turn:  # who closes deletes this object next
            if not self._closed:
                signal.emit(*carried)


def lost(error: Problem | OSError) -> ProblemRecord:
    """What is said of a video that cannot be read any more."""
    if isinstance(error, Problem):
        return record_of(error)
    return ProblemRecord("The video can no longer be read.", received=str(error))
