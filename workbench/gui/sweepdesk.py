"""Everything of the window that has to do with sweeps: declaring, showing, and driving them meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from workbench.core.problem import ProblemRecord, record_of
from workbench.core.recipe import Recipe
from workbench.gui.link import Link
from workbench.gui.sweepdialog import SweepDialog
from workbench.gui.sweepwindow import SweepWindow
from workbench.runner.sweeps import Standing, Sweep, SweepFolder, create, sweeps
from workbench.store.runfolder import RunConfig

LEAVES_WITHIN_S = 2.0


class _Drive:
    """A sweep that this window drives, on a thread of its own."""

    def __init__(self) -> None:
        self.stop, self.leave = threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None


class SweepDesk(QObject):
    """Sweeps go on while their own windows are closed, and stand still once the main window is."""

    run_opened = Signal(str)
    values_wanted = Signal(object)
    """A RunConfig to be loaded into its recipe's form."""
    told = Signal(object)
    """A Standing: some trial has got further."""
    begun = Signal(str)
    ended = Signal(str, object)
    """A sweep is no longer driven here; the ProblemRecord that ended it, or None."""

    def __init__(self, parent: QWidget, link: Link, recipes: Mapping[str, Recipe]) -> None:
        super().__init__(parent)
        self._over, self.link, self.recipes = parent, link, recipes
        self._drives: dict[str, _Drive] = {}
        self.ended.connect(self._forget)

    def want(self, recipe: Recipe, config: RunConfig | None) -> None:
        """Ask what to search around a run's values; without them show the recipe's last sweep."""
        if config is None:
            self.show_last(recipe)
            return
        dialog = SweepDialog(self._over, recipe, config, self.link)
        dialog.declared.connect(lambda sweep: self._start(recipe, sweep))
        dialog.open()

    def show_last(self, recipe: Recipe) -> None:
        """Open the window of the sweep that this recipe was last searched with."""
        window = self._window(recipe)
        window.find_last()

    def drive(self, recipe: Recipe, folder: SweepFolder) -> None:
        """Begin or continue a sweep here."""
        if folder.id in self._drives:
            return
        one = self._drives[folder.id] = _Drive()
        one.thread = threading.Thread(target=self._go, args=(recipe, folder, one), name="sweep", daemon=True)
        one.thread.start()
        self.begun.emit(folder.id)

    def driving(self, sweep: str) -> bool:
        """Whether a sweep is driven here."""
        return sweep in self._drives

    def stop(self, sweep: str) -> None:
        """End a sweep's open runs; continuing takes them up."""
        if sweep in self._drives:
            self._drives[sweep].stop.set()

    def closing_note(self) -> str:
        """What closing the main window means for the sweeps that are driven here; empty for none."""
        if not self._drives:
            return ""
        return " A sweep proposes no more runs until it is continued: Show the last sweep, in its recipe's tab."

    def leave(self) -> None:
        """Let go of every sweep; what was submitted goes on."""
        drives = list(self._drives.values())
        for one in drives:
            one.leave.set()
        for one in drives:
            if one.thread is not None:
                one.thread.join(LEAVES_WITHIN_S)

    def _start(self, recipe: Recipe, sweep: Sweep) -> None:
        window = self._window(recipe)
        home = self.link.home

        def made(folder: SweepFolder) -> None:
            self.drive(recipe, folder)
            window.show_sweep(folder)

        self.link.background(lambda: create(home, sweep), then=made, failed=window.complain, owner=window)

    def _window(self, recipe: Recipe) -> SweepWindow:
        window = SweepWindow(self._over, recipe, self)
        window.run_opened.connect(self.run_opened)
        window.values_wanted.connect(self.values_wanted)
        window.show()
        return window

    def _go(self, recipe: Recipe, folder: SweepFolder, one: _Drive) -> None:
        problem: ProblemRecord | None = None
        try:
            from workbench.runner.drive import drive

            drive(self.link.runner, recipe, folder, self._tell, stop=one.stop, leave=one.leave)
        except Exception as error:
            problem = record_of(error)
        if not one.leave.is_set() and shiboken6.isValid(self):
            self.ended.emit(folder.id, problem)

    def _tell(self, standing: Standing) -> None:
        if shiboken6.isValid(self):
            self.told.emit(standing)

    def _forget(self, sweep: str, _problem: Any) -> None:
        self._drives.pop(sweep, None)
        self.link.runs_changed.emit()


def folders_of(link: Link, recipe: Recipe) -> list[SweepFolder]:
    """A recipe's sweeps, newest first; their ids carry its name. Any thread."""
    return [folder for folder in sweeps(link.home) if folder.id.partition("-")[2].partition("-")[2][:-7] == recipe.id]
