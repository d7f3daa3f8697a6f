"""Closing while work goes on: asked once, said clearly, never stuck."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from workbench.core import events as ev
from workbench.core.problem import KnownTrouble
from workbench.gui.closing import KEEP_ON, STAY, STOP
from workbench.gui.window import MainWindow
from workbench.runner.scripted import ScriptedRunner, _failed
from workbench.store.runfolder import RunConfig

Open = Callable[..., MainWindow]
NAME = "berturk-nlu"
WORDS = ("keep", "cancel", "shutdown")


@pytest.fixture
def window(open_window: Open, scripted: ScriptedRunner, qtbot: QtBot) -> MainWindow:
    """A window over a run that is slow to leave."""
    scripted.script = [ev.Progress(step=4, total=9, phase="training"), ev.Log(message="more")]
    scripted.lingers = True
    scripted.submit(RunConfig(recipe=NAME, params={}, preset="smoke", seed=5))
    scripted.play(1)
    made = open_window()
    qtbot.waitUntil(lambda: bool(made.link.state.running))
    return made


def question(window: MainWindow) -> QMessageBox:
    (box,) = window.findChildren(QMessageBox)
    return box


def answer(window: MainWindow, text: str) -> None:
    next(one for one in question(window).buttons() if one.text().replace("&", "") == text).click()


def asked(scripted: ScriptedRunner) -> list[tuple[str, str]]:
    return [(word, what) for word, what in scripted.asked if word in WORDS]


def test_that_the_question_says_what_runs_how_far_and_what_waits(
    window: MainWindow, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    for seed in (1, 2):
        scripted.submit(RunConfig(recipe=NAME, params={}, seed=seed))
    qtbot.waitUntil(lambda: len(window.link.state.queue) == 2)
    window.close()
    window.close()  # asked once, however often it is closed
    box = question(window)
    qtbot.waitUntil(lambda: "step 4 / 9" in box.informativeText())
    for said in (NAME, "smoke · seed 5", "2 more runs wait", "when the program is next opened"):
        assert said in box.informativeText()


def test_that_escape_stays(window: MainWindow, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    window.close()
    qtbot.keyClick(question(window), Qt.Key.Key_Escape)
    assert window.isVisible() and asked(scripted) == []


def test_that_the_window_says_closing_until_the_model_is_kept(
    window: MainWindow, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    window.close()
    answer(window, STOP)
    qtbot.waitUntil(lambda: window.link.state.ending == "keeping")
    assert "closing…" in window.windowTitle() and window.banner.isVisible()
    assert window.isVisible()
    scripted.vanish()
    qtbot.waitUntil(lambda: not window.isVisible())


def test_that_closing_again_meanwhile_waits_no_longer(
    window: MainWindow, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    window.close()
    answer(window, STOP)
    qtbot.waitUntil(lambda: window.link.state.ending == "keeping")
    window.close()
    assert not window.isVisible()
    assert [word for word, _ in asked(scripted)] == ["keep"]


def test_that_what_waits_is_not_started_by_stopping(window: MainWindow, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    waiting = scripted.submit(RunConfig(recipe=NAME, params={}, seed=1))
    qtbot.waitUntil(lambda: len(window.link.state.queue) == 1)
    window.close()
    answer(window, STOP)
    qtbot.waitUntil(lambda: not window.isVisible())
    assert asked(scripted) == [("shutdown", "keep")]
    assert waiting.state().phase == "queued"


def test_that_the_background_is_left_alone(window: MainWindow, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    window.close()
    answer(window, KEEP_ON)
    qtbot.waitUntil(lambda: not window.isVisible())
    assert asked(scripted) == []
    assert scripted.state().running


def test_that_a_refusal_is_said_and_the_window_stays(
    window: MainWindow, scripted: ScriptedRunner, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = KnownTrouble("The disk is full.", fix="Free some space.")
    monkeypatch.setattr(scripted, "cancel", lambda run, keep=False: _failed(refusal))
    window.close()
    answer(window, STOP)
    qtbot.waitUntil(lambda: window.banner.record is not None and "disk" in window.banner.record.what)
    assert window.isVisible() and "closing" not in window.windowTitle()
    qtbot.waitUntil(lambda: not window.findChildren(QMessageBox))
    window.close()  # it can be answered again
    answer(window, STAY)
