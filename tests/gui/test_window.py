from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractButton, QApplication, QMessageBox, QTextBrowser, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.runs import write_run
from workbench.core import events as ev
from workbench.core.params import knobs
from workbench.core.recipe import TABS
from workbench.core.settings import load
from workbench.gui.palette import name_of
from workbench.gui.recipepage import RecipePage
from workbench.gui.theme import theme
from workbench.gui.topline import OWN_PAGES
from workbench.gui.window import MainWindow
from workbench.recipes import recipes
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig

Open = Callable[..., MainWindow]
NAME = "berturk-nlu"


def begin(scripted: ScriptedRunner) -> str:
    """A run that is under way before any window is there."""
    scripted.script = [ev.Progress(step=4, total=9), ev.Log(message="before"), ev.Log(message="after")]
    folder = scripted.submit(RunConfig(recipe=NAME, params={}, preset="smoke"))
    scripted.play(2)
    return folder.id


def test_that_the_rail_has_an_entry_for_what_exists_and_nothing_else(open_window: Open) -> None:
    window = open_window()
    with_recipes = [
        tab.name for tab in TABS if tab.name in OWN_PAGES or any(one.tab == tab for one in recipes().values())
    ]
    assert window.rail.names() == ["home", *with_recipes, "runs", "models", "settings"]


def test_that_control_and_a_digit_switches_pages(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    for digit, name in enumerate(window.rail.names()[:9], start=1):
        qtbot.keyClick(window, Qt.Key(int(Qt.Key.Key_0) + digit), Qt.KeyboardModifier.ControlModifier)
        assert window.rail.marked() == name


def test_that_the_palette_lists_every_action_that_can_be_done(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    page = window.open_recipe(NAME)
    window.open_palette()
    every = {name_of(one) for one in window.actions_known() if one.isEnabled() and one.isVisible() and one.text()}
    assert set(window.palette_.entries()) >= every
    able = [one for one in page.findChildren(QAction) if one.isEnabled() and one.isVisible() and one.text()]
    own = {one.text() for one in able if not one.property("command")}  # those do the work of another action
    assert {"Run", "Queue", "Copy as command"} <= own
    assert all(any(text.replace("&", "").rstrip("…") in entry for entry in every) for text in own)


def test_that_the_palette_does_what_is_typed(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert window.palette_.isVisible()
    line = QApplication.focusWidget()
    assert line is not None
    qtbot.keyClicks(line, "go to mod")
    assert window.palette_.entries()[0] == "Go to Models"
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert window.rail.marked() == "models"
    assert not window.palette_.isVisible()


def test_that_no_two_actions_of_a_page_share_a_key(open_window: Open) -> None:
    window = open_window()
    window.open_recipe(NAME)
    wide = [
        one for one in window.actions_known() if one.shortcutContext() == Qt.ShortcutContext.WindowShortcut
    ]  # those of a view work only while it has the focus
    keys = [one.shortcut().toString() for one in wide if not one.shortcut().isEmpty()]
    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("page", ["home", f"recipe:{NAME}", "cases", "runs", "models", "settings"])
def test_that_every_button_has_a_name_and_says_what_it_does(open_window: Open, page: str) -> None:
    window = open_window()
    window.open_page(page)
    for button in window.findChildren(QAbstractButton):
        if button.isVisible() and button.metaObject().className() != "QCheckBox":
            assert button.text() or button.accessibleName(), button
            assert button.toolTip() or len(button.text()) > 3, button.text()


def test_that_the_first_start_runs_the_desk_preset_of_the_first_text_recipe(
    open_window: Open, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    window = open_window(demo=True)
    page = window.recipe_page()
    assert page is not None
    qtbot.waitUntil(lambda: page.model is not None)
    config = page.model.config if page.model else None
    assert config is not None
    assert (config.preset, window.rail.marked()) == ("desk", "text")
    assert config.inputs["data"].startswith("sample:")


def test_that_a_later_start_runs_nothing(open_window: Open, home: Home, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    write_run(home.runs, steps=50, ended=True, recipe=NAME)
    open_window(demo=True)
    qtbot.wait(50)
    assert [word for word, _ in scripted.asked if word == "submit"] == []


def test_that_a_run_under_way_is_shown_with_everything_missed(
    open_window: Open, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    run = begin(scripted)
    window = open_window()
    qtbot.waitUntil(lambda: window.recipe_page() is not None and window.recipe_page().model is not None)
    page = window.recipe_page()
    assert page is not None and page.model is not None
    qtbot.waitUntil(lambda: page.model is not None and [one.message for one in page.model.log] == ["before"])
    assert page.model.folder.id == run
    scripted.play(1)
    qtbot.waitUntil(lambda: page.model is not None and len(page.model.log) == 2)
    assert page.run_action.text() == "Stop and keep"


def test_that_closing_during_work_asks_and_can_be_taken_back(
    open_window: Open, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    begin(scripted)
    window = open_window()
    qtbot.waitUntil(lambda: bool(window.link.state.running))
    window.close()
    box = window.findChild(QMessageBox)
    assert box is not None and window.isVisible()
    press(box, "Stay here")
    assert window.isVisible()


@pytest.mark.parametrize(
    ("answer", "asked"), [("Keep training in background", []), ("Stop and keep the model", ["keep"])]
)
def test_that_closing_leaves_the_work_as_was_answered(
    open_window: Open, scripted: ScriptedRunner, qtbot: QtBot, answer: str, asked: list[str]
) -> None:
    begin(scripted)
    window = open_window()
    qtbot.waitUntil(lambda: bool(window.link.state.running))
    window.close()
    box = window.findChild(QMessageBox)
    assert box is not None
    press(box, answer)
    qtbot.waitUntil(lambda: not window.isVisible())
    assert [word for word, _ in scripted.asked if word in ("keep", "cancel", "shutdown")] == asked


def press(box: QMessageBox, text: str) -> None:
    next(button for button in box.buttons() if button.text().replace("&", "") == text).click()


def test_that_page_form_and_borders_are_there_again_after_a_restart(
    open_window: Open, home: Home, qtbot: QtBot
) -> None:
    window = open_window()
    page = window.open_recipe(NAME)
    page.setup.form.set_values({"epochs": 11})
    page.splitters["columns"].setSizes([400, 700])
    wanted = page.splitters["columns"].sizes()
    window.leave_quietly()
    again = open_window()
    shown = again.recipe_page()
    assert shown is not None and shown.recipe.id == NAME
    assert shown.setup.form.values()["epochs"] == 11
    assert shown.splitters["columns"].sizes() == pytest.approx(wanted, abs=8)


def test_that_a_damaged_memory_costs_only_the_layout(open_window: Open, home: Home) -> None:
    home.window_state.write_bytes(b"{torn")
    assert open_window().rail.marked() == "home"


def test_that_an_old_run_is_opened_from_the_history_and_forked(open_window: Open, home: Home, qtbot: QtBot) -> None:
    folder = write_run(home.runs, steps=60, ended=True, recipe=NAME)
    window = open_window()
    runs = window.open_page("runs")
    qtbot.waitUntil(lambda: runs.sheet.shown() == 1)
    runs.sheet.choose(folder.id)
    runs.sheet.open_chosen()
    qtbot.waitUntil(lambda: window.recipe_page() is not None and window.recipe_page().model is not None)
    page = window.recipe_page()
    assert isinstance(page, RecipePage)
    qtbot.waitUntil(lambda: page.model is not None and page.model.state.phase == "finished")
    assert page.setup.form.values()["adapt"] == "lora"
    assert page.run_action.text() == "Run"
    page.setup.choose_preset("paper")
    window.fork_run(folder.id)
    qtbot.waitUntil(lambda: page.setup.form.values()["adapt"] == "lora")


def test_that_the_history_can_be_filtered(open_window: Open, home: Home, qtbot: QtBot) -> None:
    for recipe in (NAME, NAME, "other-thing"):
        write_run(home.runs, steps=4, ended=True, recipe=recipe)
    window = open_window()
    runs = window.open_page("runs")
    qtbot.waitUntil(lambda: runs.sheet.shown() == 3)
    runs.filter.setText("other")
    assert runs.sheet.shown() == 1


def test_that_a_run_of_an_unknown_recipe_is_explained(open_window: Open, home: Home, qtbot: QtBot) -> None:
    folder = write_run(home.runs, steps=4, recipe="gone")
    window = open_window()
    window.open_run(folder.id)
    qtbot.waitUntil(window.banner.isVisible)
    assert window.banner.record is not None and "not installed" in window.banner.record.what


def test_that_a_setting_takes_effect_and_is_kept(open_window: Open, home: Home, qtbot: QtBot) -> None:
    window = open_window()
    settings = window.open_page("settings")
    settings.field("theme").setCurrentText("light")
    assert theme().now.name == "light"
    qtbot.waitUntil(lambda: load(home.settings, {}).settings.theme == "light")


def test_that_the_job_panel_reorders_and_ends_jobs(open_window: Open, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    first = begin(scripted)
    second, third = (scripted.submit(RunConfig(recipe=NAME, params={}, seed=seed)).id for seed in (1, 2))
    window = open_window()
    window.toggle_jobs()
    qtbot.waitUntil(lambda: window.link.state.queue == (second, third))
    jobs = {button.accessibleName(): button for button in window.jobs.findChildren(QAbstractButton)}
    jobs[f"Move up: {third}"].click()
    qtbot.waitUntil(lambda: window.link.state.queue == (third, second))
    jobs = {button.accessibleName(): button for button in window.jobs.findChildren(QAbstractButton)}
    jobs[f"Take out of the queue: {second}"].click()
    qtbot.waitUntil(lambda: window.link.state.queue == (third,))
    assert window.link.state.running == first


def test_that_the_status_bar_tells_what_the_worker_does(
    open_window: Open, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    window = open_window()
    assert "worker ready" in window.status.text()
    begin(scripted)
    qtbot.waitUntil(lambda: "worker busy" in window.status.text())
    scripted.fall_silent()
    qtbot.waitUntil(lambda: "does not answer" in window.status.text())


def test_that_a_worker_that_fell_silent_can_be_ended(open_window: Open, scripted: ScriptedRunner, qtbot: QtBot) -> None:
    window = open_window()
    scripted.fall_silent()
    qtbot.waitUntil(window.banner.isVisible)
    window.banner.press("End the worker")
    qtbot.waitUntil(lambda: window.link.state.pid == 0)
    assert ("shutdown", "now") in scripted.asked
    assert not window.banner.isVisible()


def test_that_help_tells_what_the_recipe_does_and_every_knob(open_window: Open) -> None:
    window = open_window()
    page = window.open_recipe(NAME)
    window.show_help()
    text = window.findChild(QTextBrowser).toPlainText()
    assert "**" not in text and "Adapt a pretrained text encoder" in text
    assert all(one.flag in text for one in knobs(page.recipe.params))


def test_that_the_rail_grows_with_the_scale_while_the_window_is_open(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    before = window.rail.width()
    window.link.change_settings(scale=150)
    qtbot.waitUntil(lambda: window.rail.width() == round(before * 1.5))
    assert all(button.width() >= button.sizeHint().width() for button in window.rail.findChildren(QToolButton))


class _Opened(QObject):
    """Notes every window that is shown, however shortly."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.found.add(type(watched).__name__)
        return False


def test_that_making_pages_flashes_no_window(
    open_window: Callable[..., MainWindow], home: Home, qapp: QApplication
) -> None:
    # A widget that is shown before it has its parent is, for a moment, a window on the screen.
    runs = [write_run(home.runs, steps=50, ended=True, recipe="berturk-nlu").id for _ in range(2)]
    window = open_window()
    opened = _Opened()
    qapp.installEventFilter(opened)
    try:
        for page in ("home", "recipe:berturk-nlu", "cases", "runs", "models", "settings"):
            window.open_page(page)
            qapp.processEvents()
        window.open_compare(runs)
        qapp.processEvents()
    finally:
        qapp.removeEventFilter(opened)
    assert opened.found == set()
