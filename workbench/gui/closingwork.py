"""Closing the window while a page of it works on something that would end with it: finished first, stopped, or kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QMessageBox, QWidget

if TYPE_CHECKING:
    from workbench.gui.window import MainWindow

FINISH, STOP, STAY = "Finish, then close", "Stop and close", "Stay here"
TITLE = "Transfer Workbench"
LOOK_MS = 100


class PageWork(NamedTuple):
    """Work that a page does by itself, one short question to the worker after the other."""

    doing: str
    """What is being done, without a full stop: 'Transcribing talk.wav'."""
    kept: str
    """What stopping it leaves, as a sentence."""
    stop: Callable[[], object]
    """Asks for the end; what there is by then is kept."""
    going: Callable[[], bool]
    ends: bool = True
    """Whether it ends by itself; watching a folder does not."""


class WorkQuestion(QMessageBox):
    """What becomes of the work: it is finished before the window closes, it stops, or the window stays."""

    def __init__(
        self, parent: QWidget, works: Sequence[PageWork], *, finish: Callable[[], None], stop: Callable[[], None]
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Close the window?")
        self.setText("\n".join(f"{one.doing}." for one in works))
        self._answers = {}
        ends = all(one.ends for one in works)
        if ends:
            on = self.addButton(FINISH, QMessageBox.ButtonRole.AcceptRole)
            on.setToolTip("The window stays until the work is done, then it closes by itself")
            self._answers[on] = finish
        end = self.addButton(STOP, QMessageBox.ButtonRole.DestructiveRole)
        end.setToolTip("End the work now; what is done is kept")
        self._answers[end] = stop
        stay = self.addButton(STAY, QMessageBox.ButtonRole.RejectRole)
        stay.setToolTip("Close nothing (Escape)")
        self.setDefaultButton(next(iter(self._answers)) if ends else stay)
        self.setEscapeButton(stay)
        first = "This window does the work: it goes on as long as the window is open."
        first += "" if ends else " It does not end by itself."
        self.setInformativeText("\n\n".join([first, "Stopped: " + " ".join(one.kept for one in works)]))
        self.finished.connect(lambda _: self._chosen())

    def _chosen(self) -> None:
        for button, act in self._answers.items():
            if self.clickedButton() is button:
                act()


class OwnWork(QObject):
    """Asks what becomes of the pages' work before the window closes, and closes it when that is over."""

    def __init__(self, window: MainWindow, works: Callable[[], list[PageWork]]) -> None:
        super().__init__(window)
        self._window, self._works = window, works
        self._stopping = False
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)

    def holds(self) -> bool:
        """Whether work keeps the window: then the question is open. Closing again while it stops waits no longer."""
        works = self._works()
        if not works or self._stopping:
            self._give_up()
            return False
        self._give_up()
        asked = self._window.findChild(WorkQuestion)
        if asked is not None:
            asked.raise_()
        else:
            WorkQuestion(self._window, works, finish=self._finish, stop=self._stop).open()
        return True

    def _finish(self) -> None:
        doing = "; ".join(one.doing for one in self._works())
        self._wait(f"The window closes when this is done: {doing}.", ("Stay open", self._stay))

    def _stop(self) -> None:
        works = self._works()
        self._stopping = True
        for one in works:
            one.stop()
        self._wait("Closing… " + " ".join(one.kept for one in works), ("Close now", self._window.leave_quietly))

    def _wait(self, words: str, remedy: tuple[str, Callable[[], None]]) -> None:
        self._window.setWindowTitle(f"{TITLE}: closing…")
        self._window.banner.show_note(words, remedy)
        self._timer.start()
        self._look()

    def _look(self) -> None:
        if not self._works():
            self._give_up()
            self._window.banner.dismiss()
            self._window.close()

    def _stay(self) -> None:
        self._give_up()
        self._window.banner.dismiss()

    def _give_up(self) -> None:
        self._timer.stop()
        self._stopping = False
        self._window.setWindowTitle(TITLE)
