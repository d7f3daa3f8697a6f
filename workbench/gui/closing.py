"""Closing the window while work goes on: asked once, said clearly, never stuck."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from workbench.core.events import WorkerState
from workbench.core.words import count
from workbench.gui.closingwork import OwnWork, PageWork
from workbench.gui.jobwords import facts
from workbench.gui.link import Link
from workbench.gui.topline import describe
from workbench.store.runfolder import RunFolder

if TYPE_CHECKING:
    from workbench.gui.window import MainWindow

KEEP_ON, STOP, STAY = "Keep training in background", "Stop and keep the model", "Stay here"
TITLE = "Transfer Workbench"


class ClosingQuestion(QMessageBox):
    """What becomes of the work: it goes on, it stops with its model, or the window stays.

    `note` is what else there is to know.
    """

    def __init__(
        self, parent: QWidget, link: Link, *, keep_on: Callable[[], None], stop: Callable[[], None], note: str = ""
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        state = link.state
        self._waiting, self._note = len(state.queue), note.strip()
        self.setWindowTitle("Close the window?")
        self.setText("A run is under way." if state.running else f"{count(self._waiting, 'run')} waiting.")
        on = self.addButton(KEEP_ON, QMessageBox.ButtonRole.AcceptRole)
        end = self.addButton(STOP, QMessageBox.ButtonRole.DestructiveRole)
        stay = self.addButton(STAY, QMessageBox.ButtonRole.RejectRole)
        on.setToolTip("The work goes on without this window and is here when you come back")
        end.setToolTip("The run ends early with its model; waiting runs go on when the program is next opened")
        stay.setToolTip("Close nothing (Escape)")
        self.setDefaultButton(on)
        self.setEscapeButton(stay)
        self._answers = {on: keep_on, end: stop}
        self._explain("")
        self.finished.connect(lambda _: self._chosen())
        if state.running:
            self._look(link, state.running)

    def _look(self, link: Link, run: str) -> None:
        folder = RunFolder(link.home.runs / run)
        link.background(lambda: _told(folder), then=self._explain, failed=lambda _: None, owner=self)

    def _explain(self, run: str) -> None:
        waits = f"{count(self._waiting, 'more run waits', 'more runs wait')} in the queue." if self._waiting else ""
        goes_on = "In the background everything goes on, and is here when you come back."
        stops = "Stopped, the run ends early with its model"
        stops += "; what waits goes on when the program is next opened." if self._waiting else "."
        self.setInformativeText("\n\n".join(part for part in (run, waits, f"{goes_on} {stops}", self._note) if part))

    def _chosen(self) -> None:
        for button, act in self._answers.items():
            if self.clickedButton() is button:
                act()


class Stopping(QObject):
    """Waits until the worker says that the run is gone, and says meanwhile that the window is closing."""

    def __init__(self, window: QWidget, link: Link, *, leave: Callable[[], None], stay: Callable[[], None]) -> None:
        super().__init__(window)
        self._window, self._link, self._leave, self._stay = window, link, leave, stay
        self._run = link.state.running
        self._over = False
        window.setWindowTitle(f"{TITLE}: closing…")
        link.worker_changed.connect(self._look)

    def begin(self) -> None:
        """Ask the worker; a double may answer before this returns."""
        link, runner = self._link, self._link.runner
        waits = bool(link.state.queue)
        asked = runner.shutdown(keep=True) if waits else runner.cancel(self._run, keep=True)
        link.deliver(asked, then=lambda _: self._look(link.state), failed=self._failed, owner=self)

    def give_up(self) -> None:
        """Wait no longer; what was asked of the worker stands."""
        if self._over:
            return
        self._over = True
        self._window.setWindowTitle(TITLE)
        self.deleteLater()

    def _look(self, state: WorkerState) -> None:
        if not self._over and (state.running != self._run or not state.pid):
            self.give_up()
            self._leave()

    def _failed(self, record: object) -> None:
        """The run ended by itself meanwhile, or nobody answers: the window is not held back by it."""
        if self._over:
            return
        state = self._link.state
        self.give_up()
        if state.running == self._run and state.pid and not state.silent:
            self._link.problem.emit(record)
            self._stay()
        else:
            self._leave()


class Leaving:
    """Whether the window may close: asks once while work goes on, and waits at most once while a run stops."""

    def __init__(
        self, window: MainWindow, link: Link, *, note: Callable[[], str], works: Callable[[], list[PageWork]]
    ) -> None:
        """`works` is what pages do by themselves: that is asked about first, runs after it."""
        self._window, self._link, self._note = window, link, note
        self._own = OwnWork(window, works)
        self._decided = False
        self._stopping: Stopping | None = None

    def may_close(self) -> bool:
        """Whether nothing keeps the window; else the question is open."""
        if not self._decided and self._own.holds():
            return False
        state = self._link.state
        if (state.running or state.queue) and not self._decided and not state.silent and self._stopping is None:
            self._ask()
            return False
        if self._stopping is not None:
            self._stopping.give_up()
            self._stopping = None
        return True

    def quietly(self) -> None:
        """Close without asking; running work goes on."""
        self._decided = True
        self._window.close()

    def _ask(self) -> None:
        asked = self._window.findChild(ClosingQuestion)
        if asked is not None:
            asked.raise_()
            return
        ClosingQuestion(self._window, self._link, keep_on=self.quietly, stop=self._stop, note=self._note()).open()

    def _stop(self) -> None:
        """Say that the window is closing until the run has kept its model; closing again waits no longer."""
        self._stopping = Stopping(self._window, self._link, leave=self.quietly, stay=self._stay)
        self._window.banner.show_note(
            "Closing… the run finishes its step and keeps its model. Closed now, it does the same on its own.",
            ("Close now", self.quietly),
        )
        self._stopping.begin()

    def _stay(self) -> None:
        self._stopping = None


def _told(folder: RunFolder) -> str:
    config, state = folder.config(), folder.state()
    return f"{config.recipe}, {facts(config)}: {describe(state)}."
