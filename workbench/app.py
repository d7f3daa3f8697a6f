"""The composition root: the one place where the parts of the window's process meet."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from workbench.core.problem import ProblemRecord, record_of
from workbench.core.recipe import Recipe
from workbench.core.settings import load
from workbench.runner.base import Runner
from workbench.store.home import Home, open_home

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from workbench.gui.window import MainWindow


def open_window(
    root: Path | None = None, *, demo: bool = True, command_help: Callable[[], Mapping[str, str]] | None = None
) -> int:
    """Open the main window over a home and serve it until it is closed; returns the exit status.

    `demo` lets the first start run the first recipe's desk preset; `command_help` tells the texts of
    the command line's help, which the window shows beside its own. Raises KnownTrouble when the
    home cannot be written.
    """
    home = open_home(root)
    app = application()
    window = make_window(home, demo=demo)
    window.guide.command_help = command_help
    window.show()
    sweep(window)
    with _watched(window):
        return app.exec()


def sweep(window: MainWindow) -> None:
    """Collect garbage between this window's frames, until the process ends."""
    from workbench.gui.sweeping import Sweeper

    Sweeper(window).start()


@contextlib.contextmanager
def _watched(window: MainWindow) -> Iterator[None]:
    """Faults that nobody caught are shown in the window; Ctrl+C in its terminal closes it."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        window.link.problem.emit(record_of(error))

    def show_of_thread(fault: threading.ExceptHookArgs) -> None:
        if fault.exc_value is not None and not issubclass(fault.exc_type, SystemExit):
            show(fault.exc_type, fault.exc_value, fault.exc_traceback)

    before, sys.excepthook = sys.excepthook, show
    before_of_threads, threading.excepthook = threading.excepthook, show_of_thread
    handler = signal.signal(signal.SIGINT, lambda *_: window.leave_quietly())
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = before, before_of_threads
        signal.signal(signal.SIGINT, handler)


def application() -> QApplication:
    """This process's QApplication, made on the first call; no thread but this one collects garbage from then on.

    Nothing that is made on the way to the first paint is garbage; `sweep` takes over after it.
    """
    from PySide6.QtWidgets import QApplication

    there = QApplication.instance()
    if isinstance(there, QApplication):
        return there
    gc.disable()
    app = QApplication(sys.argv[:1])
    app.setStyle("Fusion")
    app.setApplicationName("Transfer Workbench")
    app.setDesktopFileName("transfer-workbench")
    return app


def make_window(
    home: Home,
    *,
    demo: bool = True,
    make_runner: Callable[[], Runner] | None = None,
    recipes: Mapping[str, Recipe] | None = None,
) -> MainWindow:
    """The window over a home; the local worker runs its jobs unless another one is made."""
    from workbench.gui.link import Link
    from workbench.gui.theme import theme
    from workbench.gui.window import MainWindow

    loaded = load(home.settings)
    look = {"choice": loaded.settings.theme, "scale_percent": loaded.settings.scale}
    theme().choose(**look)
    link = Link(home, make_runner or (lambda: _local(home)), loaded.settings)
    window = MainWindow(link, _known() if recipes is None else recipes, demo=demo)
    theme().use(**look)
    if loaded.trouble:
        window.banner.show_note(loaded.trouble)
    elif recipes is None and (broken := _broken_plugins()):
        window.banner.show_problem(broken[0])
    if make_runner is None:
        link.background(lambda: _unheeded(home), then=lambda apart: _note(window, apart), owner=window)
    return window


def _note(window: MainWindow, words: str) -> None:
    if words:
        window.banner.show_note(words)


def _unheeded(home: Home) -> str:
    from workbench.runner.launch import unheeded

    return unheeded(home)


def _local(home: Home) -> Runner:
    from workbench.runner.local import LocalRunner

    return LocalRunner(home, client="window")


def _known() -> Mapping[str, Recipe]:
    from workbench.recipes import recipes

    return recipes()


def _broken_plugins() -> tuple[ProblemRecord, ...]:
    from workbench.recipes import faults

    return faults()
