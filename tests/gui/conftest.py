"""A window over a scripted runner, and the checks that hold after every test of the window."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtCore import QtMsgType, qInstallMessageHandler
from pytestqt.qtbot import QtBot

from tests.plugins.fixtures import end_worker
from workbench.app import make_window
from workbench.core.problem import InputError
from workbench.gui import actions
from workbench.gui.theme import theme
from workbench.gui.window import MainWindow
from workbench.runner.local import LocalRunner
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import Home

HARMLESS = ("propagateSizeHints", "does not support raise", "does not support grabbing", "setPointSizeF")


@pytest.fixture(autouse=True)
def qt_is_quiet() -> Iterator[None]:
    """A warning of Qt is a fault of the program: it fails the test that drew it."""
    said: list[str] = []

    def hear(kind: QtMsgType, _context: object, text: str) -> None:
        if kind != QtMsgType.QtDebugMsg and not any(word in text for word in HARMLESS):
            said.append(text)

    before = qInstallMessageHandler(hear)
    yield
    qInstallMessageHandler(before)
    assert said == []


@pytest.fixture(autouse=True)
def no_reader_left_behind() -> Iterator[None]:
    """A thread that goes on reading a run after its window is gone fails the test that left it."""
    before = set(threading.enumerate())
    yield
    left = [one for one in set(threading.enumerate()) - before if one.name.startswith(("tail ", "words of ", "sweep"))]
    for one in left:
        one.join(2.0)
    assert [one.name for one in left if one.is_alive()] == []


@pytest.fixture(autouse=True)
def own_keymap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keymap without the rail entries and keys of a test before."""
    monkeypatch.setattr(actions, "_keymap", None)


@pytest.fixture(autouse=True)
def dressed(qapp: Any) -> None:
    """The dark theme at 100 %, whatever a test before has chosen."""
    theme().use("dark", scale_percent=100)


@pytest.fixture
def scripted(home: Home) -> ScriptedRunner:
    """A runner whose scripts the test plays by hand."""
    answers = {"backbones": [], "data": InputError("No worker looks at data here.")}
    return ScriptedRunner(home, by_hand=True, answers=answers)


@pytest.fixture
def open_window(qtbot: QtBot, home: Home, scripted: ScriptedRunner) -> Iterator[Callable[..., MainWindow]]:
    """Open windows that are closed, with everything they started, after the test."""
    windows: list[MainWindow] = []

    def make(*, demo: bool = False, **more: Any) -> MainWindow:
        window = make_window(home, demo=demo, make_runner=lambda: scripted, **more)
        windows.append(window)
        window.resize(1366, 768)
        window.show()
        qtbot.waitUntil(lambda: window.link.state.pid > 0, timeout=10_000)
        return window

    yield make
    for window in windows:
        window.leave_quietly()
        window.deleteLater()


@pytest.fixture
def worker_window(qtbot: QtBot, home: Home) -> Iterator[MainWindow]:
    """A window with a real worker, which ends with it."""
    window = make_window(home, demo=False, make_runner=lambda: LocalRunner(home, client="test"))
    window.resize(1366, 768)
    window.show()
    qtbot.waitUntil(lambda: window.link.state.pid > 0, timeout=120_000)
    yield window
    window.leave_quietly()
    end_worker(home)
    window.deleteLater()
