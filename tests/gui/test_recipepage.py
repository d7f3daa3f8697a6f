from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QSpinBox
from pytestqt.qtbot import QtBot

from tests.gui.runs import write_run
from workbench.core import events as ev
from workbench.core.documents import ExamplesPage, SpannedText
from workbench.core.problem import ProblemRecord
from workbench.gui.recipeframe import LEAST_SIDE_PX
from workbench.gui.recipepage import RecipePage
from workbench.gui.stage import rows_of
from workbench.gui.theme import theme
from workbench.gui.window import MainWindow
from workbench.recipes import recipe, recipes
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import Home

NAME = "berturk-nlu"


def losses(*steps: int) -> list[ev.AnyEvent]:
    return [ev.Metric(t=float(step), name="loss", value=1 / step, step=step, series="train") for step in steps]


@pytest.fixture
def page(open_window: Callable[..., MainWindow]) -> RecipePage:
    return open_window().open_recipe(NAME)


@pytest.fixture
def running(page: RecipePage, scripted: ScriptedRunner, qtbot: QtBot) -> RecipePage:
    """A page whose run has begun and has said three steps."""
    scripted.script = [
        ev.Progress(step=3, total=10, steps_per_s=2.0, seconds_left=3.5),
        *losses(1, 2, 3),
        ev.Log(message="learning"),
        *losses(4, 5),
    ]
    page.run_action.trigger()
    qtbot.waitUntil(lambda: page.model is not None)
    scripted.play(5)
    qtbot.waitUntil(lambda: page.model is not None and len(page.model.log) == 1)
    return page


def test_that_run_submits_the_form_as_it_stands(page: RecipePage, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    page.setup.form.set_values({"epochs": 7})
    page.setup.repeat.set_values({"seed": 5})
    page.run_action.trigger()
    qtbot.waitUntil(lambda: page.model is not None)
    config = page.model.folder.config() if page.model else None
    assert config is not None
    assert (config.recipe, config.params["epochs"], config.seed, config.preset) == (NAME, 7, 5, "desk")
    assert config.inputs == {"data": recipe(NAME).reads["data"].default}


def test_that_a_running_job_fills_curve_log_and_progress(running: RecipePage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: running.side.charts["loss"].view is not None)
    assert running.run_action.text() == "Stop and keep"
    assert "step 3 / 10" in running.progress.text() and "2 steps/s" in running.progress.text()
    assert "learning" in running.side.log.toPlainText()


def test_that_the_one_button_stops_and_keeps_what_runs(
    running: RecipePage, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    running.run_action.trigger()
    qtbot.waitUntil(lambda: running.run_action.text() == "Run" and running.run_action.isEnabled())
    assert scripted.asked[-1][0] == "keep"
    assert "kept" in running.progress.text()


def test_that_a_run_can_be_paused_and_let_go_on(running: RecipePage, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    running.pause_action.trigger()
    qtbot.waitUntil(lambda: running.pause_action.text() == "Go on")
    assert "paused" in running.progress.text()
    running.pause_action.trigger()
    qtbot.waitUntil(lambda: running.pause_action.text() == "Pause")
    assert [word for word, _ in scripted.asked][-2:] == ["pause", "resume"]


def test_that_a_cancelled_run_offers_to_be_resumed(running: RecipePage, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    scripted.script = [ev.Checkpoint(step=5)]
    running.cancel_action.trigger()
    qtbot.waitUntil(running.banner.isVisible)
    assert "cancelled" in running.progress.text()
    assert not running.cancel_action.isVisible()


def test_that_every_wrong_field_is_marked_at_once(page: RecipePage, qtbot: QtBot) -> None:
    page.setup.form.field("explain").setText("x")
    page._refused(
        ProblemRecord(
            "Batch cannot be 0.", field="batch", severity="input",
            others=(ProblemRecord("No such file.", field="data"), ProblemRecord("The disk is full.")),
        )
    )  # fmt: skip
    assert page.setup.form.field("batch").property("wrong")
    assert page.banner.isVisible() and page.banner.record is not None
    assert page.banner.record.what == "The disk is full."


def test_that_a_failed_run_says_what_happened_and_offers_the_report(
    running: RecipePage, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    wanted: list[tuple[object, str]] = []
    running.link.report_wanted.connect(lambda record, run: wanted.append((record, run)))
    problem = ProblemRecord("ZeroDivisionError: division by zero", severity="bug", trace="Traceback: line 1")
    assert running.model is not None
    running.model.folder.append(ev.Checkpoint(step=3), ev.Failed(problem=problem, resumable=True))
    qtbot.waitUntil(running.banner.isVisible)
    assert running.banner.remedies() == ["Resume", "Report…"]
    running.banner.press("Report…")
    assert wanted == [(problem, running.model.folder.id)] * 2  # by itself, and when asked for again


def test_that_resume_continues_the_same_run(running: RecipePage, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    model = running.model
    assert model is not None
    running.cancel_action.trigger()
    qtbot.waitUntil(lambda: model.state.phase == "cancelled")
    running.resume()
    qtbot.waitUntil(lambda: model.state.phase in ("queued", "running"))
    assert ("resume", model.folder.id) in scripted.asked
    assert running.model is model


def test_that_queueing_leaves_the_run_on_the_stage(running: RecipePage, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    shown = running.model
    running.queue_action.trigger()
    qtbot.waitUntil(lambda: len(scripted.state().queue) == 1)
    assert running.model is shown


def test_that_the_command_copied_is_the_form(page: RecipePage) -> None:
    rate = recipe(NAME).presets["desk"].learning_rate / 4
    page.setup.form.set_values({"learning_rate": rate})
    page.copy_action.trigger()
    assert QGuiApplication.clipboard().text() == f"workbench run {NAME} --preset desk --learning-rate {rate}"


def test_that_a_sample_sets_the_knobs_it_implies(page: RecipePage) -> None:
    page.setup.inputs.set_inputs({"data": "sample:generated-entities"})
    assert page.setup.form.values()["task"] == "entities"
    page.setup.choose_preset("smoke")
    assert page.setup.form.values()["task"] == "entities"


def test_that_the_slider_looks_at_earlier_steps_and_returns(
    open_window: Callable[..., MainWindow], home: Home, qtbot: QtBot
) -> None:
    page = open_window().open_recipe(NAME)
    folder = write_run(home.runs, steps=200, ended=True, recipe=NAME)
    model = page.show_run(folder)
    qtbot.waitUntil(lambda: model.caught_up and model.steps() == [50, 100, 150, 200])
    page.showing.paint_all()
    place = page.stage.places["confusion"]
    assert place.view is not None and place.view.artifact is not None
    assert place.view.artifact.step == 200
    page.timeline.look_at(100)
    page.showing.paint_all()
    assert place.view.artifact.step == 100
    page.timeline.follow()
    page.showing.paint_all()
    assert place.view.artifact.step == 200


@pytest.mark.parametrize("name", sorted(recipes()))
def test_that_every_recipe_gets_a_page_with_all_it_writes(open_window: Callable[..., MainWindow], name: str) -> None:
    page = open_window().open_recipe(name)
    placed = {slot for row in rows_of(page.recipe) for slot in row}
    drawn = {slot for slot, kind in page.recipe.writes.items() if kind.name not in ("curve", "outcomes")}
    assert placed == drawn == set(page.stage.places)
    assert {slot for slot, kind in page.recipe.writes.items() if kind.name == "curve"} == set(page.side.charts)


def test_that_the_workers_backbones_reach_the_form(
    open_window: Callable[..., MainWindow], scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    scripted.answers["backbones"] = [{"address": "starter:tiny", "title": "tiny", "parameters": 1_000_000}]
    page = open_window().open_recipe(NAME)
    qtbot.waitUntil(lambda: page.setup.form.field("backbone").findData("starter:tiny") >= 0)


def test_that_page_values_can_be_written_and_read_back(page: RecipePage) -> None:
    page.setup.form.set_values({"epochs": 9, "adapt": "lora"})
    values = msgspec.json.decode(msgspec.json.encode(page.values()))
    page.setup.choose_preset("smoke")
    page.set_values(values)
    assert (page.setup.form.values()["epochs"], page.setup.form.values()["adapt"]) == (9, "lora")


def test_that_undo_belongs_to_the_labels_while_they_are_in_front_and_names_its_step(
    page: RecipePage, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    texts = [SpannedText(text, [], title="good") for text in ("one", "two")]
    scripted.answers["examples"] = ExamplesPage("class", 2, 0, ["good", "bad"], texts)
    epochs = page.setup.form.field("epochs")
    assert isinstance(epochs, QSpinBox)
    epochs.setValue(7)
    names = {one.text() for one in page.findChildren(QAction)}
    assert "Undo change of a knob: Epochs" in names
    page.label()
    qtbot.waitUntil(lambda: page.labels.labelling is not None and len(page.labels.labelling.draft) == 2)
    box = page.labels.labelling
    assert box is not None
    box.give("bad")
    assert "Undo: label a text as bad" in {one.text() for one in page.findChildren(QAction)}
    page.window().activateWindow()
    qtbot.waitUntil(lambda: page.window().isActiveWindow() and box.isVisible())
    box.table.setFocus()
    qtbot.keyClick(box.table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert box.draft.labels == ["good", "good"]
    assert page.setup.form.values()["epochs"] == 7
    page.labels.closed.emit()
    page.setFocus()
    qtbot.keyClick(page, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert page.setup.form.values()["epochs"] != 7


def test_that_the_form_gets_the_width_that_larger_text_takes(
    open_window: Callable[..., MainWindow], qtbot: QtBot
) -> None:
    window = open_window()
    window.resize(1366, 768)
    page = window.open_recipe(NAME)
    qtbot.wait(20)
    theme().use("dark", scale_percent=200)
    qtbot.wait(50)
    area, log = page.frame.form_area, page.side.log
    assert page.setup.minimumSizeHint().width() <= area.viewport().width()
    assert log.viewport().font().pointSizeF() == log.font().pointSizeF()
    theme().use("dark", scale_percent=100)


def test_that_the_curves_keep_room_beside_the_views_whatever_sizes_were_remembered(
    open_window: Callable[..., MainWindow], qtbot: QtBot
) -> None:
    window = open_window()
    window.resize(1366, 768)
    page = window.open_recipe(NAME)
    page.set_values({"splitters": {"inner": [1251, 20]}})
    qtbot.waitUntil(lambda: page.side.width() >= LEAST_SIDE_PX, timeout=5000)
    window.resize(900, 768)
    qtbot.waitUntil(lambda: page.side.minimumWidth() == 0, timeout=5000)
    window.resize(1366, 768)
    qtbot.waitUntil(lambda: page.side.width() >= LEAST_SIDE_PX, timeout=5000)
