"""Keys: what they do where, what happens when one is changed, and that no action is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.runs import write_run
from workbench.core.commands import COMMANDS, Command
from workbench.core.settings import Settings, load, save
from workbench.gui.actions import key_of, keymap, make_action
from workbench.gui.window import MainWindow
from workbench.store.home import Home

Open = Callable[..., MainWindow]
NAME = "berturk-nlu"
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(autouse=True)
def delivered_keys() -> Iterator[None]:
    keymap().use("")
    yield
    keymap().use("")


def nested(qtbot: QtBot) -> tuple[QWidget, QWidget, list[str]]:
    """A page with an inner place, both with an action on Ctrl+R."""
    told: list[str] = []
    page, inner = QWidget(), QWidget()
    inner.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    QVBoxLayout(page).addWidget(inner)
    make_action(page, "recipe.run", lambda: told.append("page"))
    make_action(inner, "labels.repeats", lambda: told.append("inner"))
    qtbot.addWidget(page)
    page.show()
    qtbot.waitExposed(page)
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    return page, inner, told


def test_that_an_inner_place_goes_before_its_page(qtbot: QtBot) -> None:
    page, inner, told = nested(qtbot)
    inner.setFocus()
    qtbot.keyClick(inner, Qt.Key.Key_R, CONTROL)
    page.setFocus()
    inner.clearFocus()
    qtbot.keyClick(page, Qt.Key.Key_R, CONTROL)
    assert told == ["inner", "page"]


def test_that_a_new_key_works_at_once_and_the_old_one_no_more(qtbot: QtBot) -> None:
    page, inner, told = nested(qtbot)
    inner.clearFocus()
    keymap().use("recipe.run=F5")
    qtbot.keyClick(page, Qt.Key.Key_R, CONTROL)
    qtbot.keyClick(page, Qt.Key.Key_F5)
    assert told == ["page"]
    keymap().use("recipe.run=")
    qtbot.keyClick(page, Qt.Key.Key_F5)
    assert told == ["page"]


def test_that_an_action_made_later_has_the_key_of_ones_own(qtbot: QtBot) -> None:
    keymap().use("recipe.queue=F6")
    page = QWidget()
    qtbot.addWidget(page)
    assert key_of(make_action(page, "recipe.queue", lambda: None)) == "F6"


def test_that_an_action_made_elsewhere_is_adopted_and_can_be_remapped(qtbot: QtBot) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    action = QAction("Sweep the knobs…", page)
    action.setShortcut(QKeySequence("Ctrl+Alt+S"))
    keymap().adopt([action])
    assert keymap().key("more.sweep-the-knobs") == "Ctrl+Alt+S"
    keymap().use("more.sweep-the-knobs=F7")
    assert action.shortcut().toString() == "F7"


def test_that_tooltips_tell_the_key_of_now(open_window: Open) -> None:
    window = open_window()
    page = window.open_recipe(NAME)
    assert page.run_button.toolTip().endswith("(Ctrl+R)")
    window.link.change_settings(keys="recipe.run=F5")
    assert page.run_button.toolTip().endswith("(F5)")
    assert page.run_action.toolTip().endswith("(F5)")


def test_that_keys_of_ones_own_are_there_at_the_next_start(open_window: Open, home: Home, qtbot: QtBot) -> None:
    save(home.settings, Settings(keys="window.jobs=F8"))
    window = open_window()
    qtbot.keyClick(window, Qt.Key.Key_F8)
    assert window.jobs.isVisible()


@pytest.mark.parametrize(
    ("key", "page"), [("Ctrl+,", "settings"), ("Ctrl+H", "runs"), ("Ctrl+M", "models"), ("Alt+Home", "home")]
)
def test_that_pages_that_are_always_there_have_a_key_that_stays(
    open_window: Open, qtbot: QtBot, key: str, page: str
) -> None:
    window = open_window()
    window.open_recipe(NAME)
    combined = QKeySequence(key)[0]
    qtbot.keyClick(window, combined.key(), combined.keyboardModifiers())
    assert window.rail.marked() == page


@pytest.mark.parametrize("page", ["home", f"recipe:{NAME}", "cases", "runs", "models", "settings"])
def test_that_every_action_has_an_id_a_name_and_a_tip(open_window: Open, home: Home, page: str) -> None:
    write_run(home.runs, steps=50, ended=True, recipe=NAME)
    window = open_window()
    window.open_page(page)
    for action in window.actions_known():
        if action.text():
            assert action.objectName() and action.statusTip(), action.text()
            assert keymap().command(action.objectName()).text


def test_that_every_declared_action_of_window_and_recipe_is_made(open_window: Open) -> None:
    window = open_window()
    for page in ("home", "settings", f"recipe:{NAME}"):
        window.open_page(page)
    made = {one.objectName() for one in window.findChildren(QAction)}
    declared = {one.id for one in COMMANDS if one.place in ("window", "home", "settings", "recipe")}
    assert declared <= made


def test_that_larger_text_stops_at_200_percent(open_window: Open, home: Home, qtbot: QtBot) -> None:
    window = open_window()
    for _ in range(6):
        window.zoom(1)
    assert window.link.settings.scale == 200
    window.zoom(0)
    qtbot.waitUntil(lambda: load(home.settings, {}).settings.scale == 100)


# The keys card


def test_that_a_key_pressed_becomes_the_actions_key_and_is_kept(open_window: Open, home: Home, qtbot: QtBot) -> None:
    window = open_window()
    keys = window.open_page("settings").keys
    keys.choose("window.jobs")
    keys.catcher.setFocus()
    qtbot.keyClick(keys.catcher, Qt.Key.Key_F9)
    assert "F9" in keys.told.text()
    qtbot.waitUntil(lambda: load(home.settings, {}).settings.keys == "window.jobs=F9")
    qtbot.keyClick(window, Qt.Key.Key_F9)
    assert window.jobs.isVisible()


def test_that_a_key_that_is_taken_is_told_at_once_and_changes_nothing(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    keys = window.open_page("settings").keys
    keys.choose("recipe.run")
    qtbot.keyClick(keys.catcher, Qt.Key.Key_K, CONTROL)
    assert "Command palette" in keys.told.text() and keymap().own == {}
    assert not window.palette_.isVisible()
    keys.take.click()
    assert keymap().own == {"recipe.run": "Ctrl+K", "window.palette": ""}
    assert "no key" in keys.told.text()


def test_that_one_key_and_all_keys_can_be_reset(open_window: Open) -> None:
    window = open_window()
    keys = window.open_page("settings").keys
    for name, key in (("recipe.run", "F5"), ("window.jobs", "F6")):
        keys.choose(name)
        keys.press(key)
    keys.choose("recipe.run")
    keys.one.click()
    assert keymap().own == {"window.jobs": "F6"}
    keys.every.click()
    assert keymap().own == {} and window.link.settings.keys == ""


def test_that_a_delivered_key_given_away_is_not_reset_into_a_conflict(open_window: Open) -> None:
    window = open_window()
    keys = window.open_page("settings").keys
    keys.choose("recipe.run")
    keys.press("F5")
    keys.choose("recipe.queue")
    keys.press("Ctrl+R")
    keys.choose("recipe.run")
    keys.one.click()
    assert keymap().key("recipe.run") == "F5" and "Queue" in keys.told.text()


def test_that_tab_leaves_the_field_for_a_new_key(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    keys = window.open_page("settings").keys
    keys.choose("recipe.run")
    keys.catcher.setFocus()
    qtbot.keyClick(keys.catcher, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is not keys.catcher and keymap().own == {}


def test_that_keys_set_by_the_environment_cannot_be_changed_here(
    open_window: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_KEYS", "window.jobs=F6")
    keys = open_window().open_page("settings").keys
    keys.choose("recipe.run")
    keys.press("F5")
    assert keymap().own == {"window.jobs": "F6"}
    assert not keys.catcher.isEnabled()


def test_that_an_own_declaration_is_listed_with_the_others(qtbot: QtBot) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    make_action(page, Command("sweep.start", "Start the sweep", "Run the whole grid", "Ctrl+Alt+R"), lambda: None)
    assert keymap().key("sweep.start") == "Ctrl+Alt+R"
    assert keymap().taken("sweep.start", "Ctrl+K") is not None
