from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from workbench.core import events as ev
from workbench.gui.claimwindow import ClaimWindow
from workbench.gui.window import MainWindow
from workbench.recipes import recipe
from workbench.runner.scripted import ScriptedRunner
from workbench.store.runfolder import RunFolder

NAME = "berturk-nlu"


def script(better: float, worse: float) -> Callable[[RunFolder], Iterable[ev.AnyEvent]]:
    """Runs whose first arm scores `better` and whose others score `worse` on every metric of the claim."""
    claim = recipe(NAME).claim
    assert claim is not None
    first = claim.statements[0].better
    metrics = {one.metric for one in claim.statements} | {gate.metric for gate in claim.gates}

    def play(folder: RunFolder) -> Iterable[ev.AnyEvent]:
        config = folder.config()
        value = (better if config.arm == first else worse) + 0.002 * config.seed
        yield ev.Finished(results=dict.fromkeys(metrics, value), seconds=1.0)

    return play


@pytest.fixture
def scripted_at_once(scripted: ScriptedRunner) -> ScriptedRunner:
    """The double of the window's fixture, playing every script as soon as it is queued."""
    scripted._by_hand = False
    return scripted


def run_claim(window: MainWindow, qtbot: QtBot) -> ClaimWindow:
    page = window.open_recipe(NAME)
    page.claim_action.trigger()
    found = window.findChild(ClaimWindow)
    assert isinstance(found, ClaimWindow)
    qtbot.waitUntil(lambda: found.verdicts.shown() > 0, timeout=20_000)
    return found


def test_that_every_arm_and_seed_is_run_and_judged(
    open_window: Callable[..., MainWindow], scripted_at_once: ScriptedRunner, qtbot: QtBot
) -> None:
    scripted_at_once.script = script(0.9, 0.5)
    claim = recipe(NAME).claim
    assert claim is not None
    window = run_claim(open_window(), qtbot)
    assert window.sheet.shown() == len(claim.arms) * claim.seeds
    assert window.verdicts.shown() == len(claim.statements)
    assert window.headline.text() == "The claim holds here."


def test_that_a_claim_that_fails_is_called_so(
    open_window: Callable[..., MainWindow], scripted_at_once: ScriptedRunner, qtbot: QtBot
) -> None:
    scripted_at_once.script = script(0.5, 0.9)
    assert run_claim(open_window(), qtbot).headline.text() == "The claim is not shown here."


def test_that_closing_the_claims_window_leaves_its_runs(
    open_window: Callable[..., MainWindow], scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    window = open_window()
    page = window.open_recipe(NAME)
    page.claim_action.trigger()
    found = window.findChild(ClaimWindow)
    assert isinstance(found, ClaimWindow)
    qtbot.waitUntil(lambda: found.sheet.shown() > 0, timeout=20_000)
    found.close()
    assert len(scripted.state().queue) > 0
    assert not [word for word, _ in scripted.asked if word in ("cancel", "keep")]


def test_that_the_last_claim_is_found_again_by_a_later_window(
    open_window: Callable[..., MainWindow], scripted_at_once: ScriptedRunner, qtbot: QtBot
) -> None:
    scripted_at_once.script = script(0.9, 0.5)
    first = open_window()
    run_claim(first, qtbot)
    first.leave_quietly()
    window = open_window()
    window.run_claim(NAME, None)
    found = window.findChild(ClaimWindow)
    assert isinstance(found, ClaimWindow)
    qtbot.waitUntil(lambda: found.headline.text() == "The claim holds here.", timeout=20_000)


def test_that_a_claim_never_run_says_so(open_window: Callable[..., MainWindow], qtbot: QtBot) -> None:
    window = open_window()
    window.run_claim(NAME, None)
    found = window.findChild(ClaimWindow)
    assert isinstance(found, ClaimWindow)
    qtbot.waitUntil(lambda: "never run" in found.headline.text())
    header = found.verdicts.horizontalHeader()
    assert all(header.sectionSize(at) >= header.sectionSizeHint(at) for at in range(header.count()))


def test_that_a_claim_goes_on_with_what_was_cancelled(
    open_window: Callable[..., MainWindow], scripted_at_once: ScriptedRunner, qtbot: QtBot
) -> None:
    good = script(0.9, 0.5)

    def cancelled_once(folder: RunFolder) -> Iterable[ev.AnyEvent]:
        yield ev.Cancelled()

    scripted_at_once.script = cancelled_once
    page = open_window().open_recipe(NAME)
    page.claim_action.trigger()
    window = page.window().findChild(ClaimWindow)
    assert isinstance(window, ClaimWindow)
    again = next(one for one in window.findChildren(QPushButton) if one.text() == "Go on")
    qtbot.waitUntil(again.isEnabled, timeout=20_000)
    before = window.sheet.shown()
    scripted_at_once.script = good
    qtbot.mouseClick(again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.headline.text() == "The claim holds here.", timeout=30_000)
    assert window.sheet.shown() == before
    assert not again.isEnabled()
