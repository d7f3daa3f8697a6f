"""The job panel: both lanes, the queue by mouse and by keyboard, honest ends, what has ended."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QPlainTextEdit
from pytestqt.qtbot import QtBot

from tests.gui.runs import demo_recipe, write_run
from workbench.core import events as ev
from workbench.core.problem import ProblemRecord
from workbench.gui.jobpanel import JobPanel
from workbench.gui.jobrow import JobRow
from workbench.gui.jobwords import differences, frozen
from workbench.gui.window import MainWindow
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, append_events

Open = Callable[..., MainWindow]
NAME = "berturk-nlu"
ALT = Qt.KeyboardModifier.AltModifier


def script(_folder: object) -> list[ev.AnyEvent]:
    return [
        ev.Log(message="Forecast 2 min 40 s, 1.9 GB (one measured step)."),
        ev.Log(message="a line of the log"),
        ev.Progress(step=40, total=80, phase="training", steps_per_s=2.0, seconds_left=20.0,
                    memory_bytes=1_900_000_000, preview_share=0.04),
        ev.Log(message="never played"),
    ]  # fmt: skip


@pytest.fixture
def busy(open_window: Open, scripted: ScriptedRunner, qtbot: QtBot) -> tuple[JobPanel, list[str]]:
    """A panel with a run under way and three waiting; their names, the running one first."""
    scripted.script = script
    config = RunConfig(recipe=NAME, params={"epochs": 5}, preset="desk", seed=3, arm="mine")
    runs = [scripted.submit(config).id]
    scripted.play(3)
    runs += [scripted.submit(RunConfig(recipe=NAME, params={}, seed=seed)).id for seed in range(3)]
    window = open_window()
    qtbot.waitUntil(lambda: window.recipe_page() is not None and window.recipe_page().model is not None)
    window.toggle_jobs()
    panel = window.jobs
    qtbot.waitUntil(lambda: panel.order() == runs[1:])
    qtbot.waitUntil(lambda: bool(row(panel, runs[-1]).toolTip()))
    return panel, runs


def row(panel: JobPanel, run: str) -> JobRow:
    found = panel.row(run)
    assert found is not None
    return found


def press(panel: JobPanel, name: str) -> None:
    next(one for one in panel.findChildren(QAbstractButton) if one.accessibleName() == name).click()


def takes_focus(one: JobRow) -> bool:
    """Asked again until it holds: the window of the test before takes the activation along when it goes."""
    one.window().activateWindow()
    one.setFocus()
    return one.hasFocus()


def offered(panel: JobPanel, run: str) -> list[str]:
    buttons = row(panel, run).findChildren(QAbstractButton)
    shown = [one.accessibleName() for one in buttons if not one.isHidden()]
    return [name.partition(":")[0] for name in shown if name.endswith(f": {run}")]


def test_that_the_running_job_tells_everything_about_itself(busy: tuple[JobPanel, list[str]], qtbot: QtBot) -> None:
    panel, (run, *_) = busy
    qtbot.waitUntil(lambda: "2 min 40 s" in row(panel, run).text())
    text = row(panel, run).text()
    for said in ("Fine-tune a text encoder", "desk · arm mine · seed 3", "step 40 / 80", "2 steps/s", "20 s left",
                 "1.9 GB used", "forecast at the start 2 min 40 s, 1.9 GB", "previews 4 %"):  # fmt: skip
        assert said in text
    qtbot.waitUntil(lambda: offered(panel, run) == ["Pause", "Stop and keep", "Cancel"])


def test_that_a_row_unfolds_to_its_frozen_knobs_and_its_last_lines(
    busy: tuple[JobPanel, list[str]], qtbot: QtBot
) -> None:
    panel, (run, waiting, *_) = busy
    one = row(panel, run)
    one.fold()
    qtbot.waitUntil(lambda: "a line of the log" in one.findChild(QPlainTextEdit).toPlainText())
    assert any("Epochs 5 (desk: 1)" in label.text() for label in one.findChildren(QLabel))
    assert "Epochs 5 (desk: 1)" in one.toolTip()
    assert "every knob as in the preset" in row(panel, waiting).toolTip()
    one.fold()
    assert one.is_folded()


def test_that_alt_and_an_arrow_moves_a_waiting_run_which_keeps_the_focus(
    busy: tuple[JobPanel, list[str]], scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    panel, (_, one, two, three) = busy
    qtbot.waitUntil(lambda: takes_focus(row(panel, one)))
    qtbot.keyClick(row(panel, one), Qt.Key.Key_Down, ALT)
    qtbot.keyClick(row(panel, one), Qt.Key.Key_Down, ALT)
    qtbot.waitUntil(lambda: panel.order() == [two, three, one])
    assert scripted.state().queue == (two, three, one)
    assert QApplication.focusWidget() is row(panel, one), (QApplication.focusWidget(), QApplication.activeWindow())
    qtbot.keyClick(row(panel, one), Qt.Key.Key_Up, ALT)
    qtbot.waitUntil(lambda: panel.order() == [two, one, three])
    asked = len(scripted.asked)
    qtbot.keyClick(row(panel, three), Qt.Key.Key_Down, ALT)  # the last one stays where it is
    assert len(scripted.asked) == asked


def drag(qtbot: QtBot, held: JobRow, *way: QPoint) -> None:
    qtbot.mousePress(held, Qt.MouseButton.LeftButton, pos=QPoint(4, 8))
    for place in way:
        qtbot.mouseMove(held, held.mapFromGlobal(place))


def test_that_a_waiting_run_is_dragged_to_another_place(
    busy: tuple[JobPanel, list[str]], scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    panel, (_, one, two, three) = busy
    held, over = row(panel, three), row(panel, one)
    drag(qtbot, held, held.mapToGlobal(QPoint(4, 0)), over.mapToGlobal(QPoint(4, 1)))
    qtbot.mouseRelease(held, Qt.MouseButton.LeftButton, pos=held.mapFromGlobal(over.mapToGlobal(QPoint(4, 1))))
    qtbot.waitUntil(lambda: panel.order() == [three, one, two])
    assert scripted.asked[-1] == ("reorder", ",".join([three, one, two]))


def test_that_escape_gives_a_drag_up(busy: tuple[JobPanel, list[str]], scripted: ScriptedRunner, qtbot: QtBot) -> None:
    panel, (_, one, *rest) = busy
    held, over = row(panel, one), row(panel, rest[-1])
    drag(qtbot, held, held.mapToGlobal(QPoint(4, 30)), over.mapToGlobal(QPoint(4, 30)))
    qtbot.keyClick(held, Qt.Key.Key_Escape)
    qtbot.mouseRelease(held, Qt.MouseButton.LeftButton)
    assert panel.order() == [one, *rest]
    assert "reorder" not in [word for word, _ in scripted.asked]


def test_that_a_cancelled_run_is_cancelling_until_its_process_is_gone(
    busy: tuple[JobPanel, list[str]], scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    panel, (run, after, *_) = busy
    scripted.lingers = True
    press(panel, f"Cancel: {run}")
    qtbot.waitUntil(lambda: "cancelling…" in row(panel, run).text())
    qtbot.waitUntil(lambda: panel._word.state.phase == "cancelled")  # its folder says so already
    assert "cancelling…" in row(panel, run).text()
    assert offered(panel, run) == []
    scripted.vanish()
    qtbot.waitUntil(lambda: panel.link.state.running == after)
    qtbot.waitUntil(lambda: "cancelled at step 40" in row(panel, run).text())


def test_that_keeping_can_still_be_cancelled(
    busy: tuple[JobPanel, list[str]], scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    panel, (run, *_) = busy
    scripted.lingers = True
    press(panel, f"Stop and keep: {run}")
    qtbot.waitUntil(lambda: "keeps the model" in row(panel, run).text())
    qtbot.waitUntil(lambda: offered(panel, run) == ["Cancel"])
    scripted.vanish()
    qtbot.waitUntil(lambda: "kept at step 40" in row(panel, run).text())


def test_that_pause_becomes_go_on(busy: tuple[JobPanel, list[str]], qtbot: QtBot) -> None:
    panel, (run, *_) = busy
    press(panel, f"Pause: {run}")
    qtbot.waitUntil(lambda: offered(panel, run) == ["Go on", "Stop and keep", "Cancel"])
    press(panel, f"Go on: {run}")
    qtbot.waitUntil(lambda: offered(panel, run) == ["Pause", "Stop and keep", "Cancel"])


def test_that_ended_jobs_tell_their_outcome_and_can_be_resumed_opened_and_cleared(
    open_window: Open, home: Home, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    done = write_run(home.runs, steps=4, ended=True, recipe=NAME)
    failed = write_run(home.runs, steps=4, recipe="of-a-plug-in-that-is-gone")
    gone = ProblemRecord("Memory ran out.", fix="Take less.")
    append_events(failed.events_path, [ev.Failed(t=time.time(), problem=gone)])
    window = open_window()
    window.toggle_jobs()
    panel = window.jobs
    qtbot.waitUntil(lambda: panel.row(failed.id) is not None)
    assert "failed at step 4: Memory ran out." in row(panel, failed.id).text()
    qtbot.waitUntil(lambda: (offered(panel, done.id), offered(panel, failed.id)) == (["Open"], ["Resume", "Open"]))
    seen: list[str] = []
    panel.opened.connect(seen.append)
    press(panel, f"Open: {done.id}")
    assert seen == [done.id]
    press(panel, f"Resume: {failed.id}")
    qtbot.waitUntil(lambda: panel.link.state.running == failed.id)
    panel.clear_ended()
    assert panel.row(done.id) is None and panel.row(failed.id) is not None
    assert panel.values()["cleared_at"] > 0


def test_that_the_interactive_lane_tells_what_it_answers(
    open_window: Open, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    scripted.answering, scripted.questions = "applying a model", 2
    window = open_window()
    window.toggle_jobs()
    assert "applying a model… · 2 more questions waiting" in window.jobs._asking.whole
    scripted.answering, scripted.questions = "", 0
    scripted.attach()
    qtbot.waitUntil(lambda: "Nothing is asked" in window.jobs._asking.whole)


def test_that_an_empty_panel_says_what_to_do_and_reads_nothing_once_closed(
    open_window: Open, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    window = open_window()
    window.toggle_jobs()
    words = [one.text() for one in window.jobs.findChildren(QLabel) if one.isVisible()]
    assert any("Run or Queue in a tab adds a job" in one for one in words)
    scripted.submit(RunConfig(recipe=NAME, params={}))
    qtbot.waitUntil(lambda: window.jobs._tail is not None)
    window.toggle_jobs()
    assert window.jobs._tail is None


def test_that_the_panel_is_there_again_as_high_as_it_was(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    window.toggle_jobs()
    window._halves.setSizes([400, 300])
    window._halves.splitterMoved.emit(400, 1)
    high = window.jobs.height()
    window.toggle_jobs()
    window.toggle_jobs()
    assert window.jobs.height() == high
    window.leave_quietly()
    again = open_window()
    assert again.jobs.isVisible()
    assert abs(again.jobs.height() - high) <= 8


def test_that_only_knobs_that_differ_from_the_preset_are_told() -> None:
    recipe = demo_recipe()
    config = RunConfig(recipe="demo", params={"epochs": 7, "task": "topic", "text_column": "body"}, preset="smoke")
    assert differences(recipe, config) == ["Epochs 7 (smoke: 1)", "Text column body (smoke: none)"]
    assert "every knob as in the preset desk" in frozen(recipe, RunConfig(recipe="demo", params={"task": "topic"}))
    assert differences(None, config)[0] == "epochs 7"
