"""What the palette finds, in which order, and what it does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from tests.gui.runs import write_run
from workbench.core.commands import COMMANDS
from workbench.core.settings import load
from workbench.gui.fields import PathField
from workbench.gui.finding import _placed
from workbench.gui.theme import theme
from workbench.gui.window import MainWindow
from workbench.store.home import Home

Open = Callable[..., MainWindow]
NAME = "berturk-nlu"


def typed(window: MainWindow, text: str) -> list[str]:
    window.open_palette()
    window.palette_.type(text)
    return window.palette_.entries()


def enter(window: MainWindow, qtbot: QtBot) -> None:
    line = QApplication.focusWidget()
    assert line is not None
    qtbot.keyClick(line, Qt.Key.Key_Return)


def test_that_typing_dark_offers_the_theme(open_window: Open, home: Home, qtbot: QtBot) -> None:
    window = open_window()
    window.link.change_settings(theme="light")
    assert typed(window, "dark")[0] == "Theme: dark"
    enter(window, qtbot)
    assert theme().now.name == "dark"
    qtbot.waitUntil(lambda: load(home.settings, {}).settings.theme == "dark")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("adversary", "Open Punctuation with an adversary (punctuation-adversarial)"),
        ("2401.17396", "Open Fine-tune a text encoder (berturk-nlu)"),
        ("checkpoint", "Setting: Checkpoint every"),
        ("help confusion", "Help: Confusion"),
        ("tour", "Show the tour"),
        ("gts", "Go to Settings"),
    ],
)
def test_that_recipes_papers_settings_and_help_are_found_by_name(open_window: Open, text: str, found: str) -> None:
    assert found in typed(open_window(), text)


def test_that_a_run_is_found_and_opened(open_window: Open, home: Home, qtbot: QtBot) -> None:
    folder = write_run(home.runs, steps=4, ended=True, recipe=NAME)
    window = open_window()
    typed(window, folder.id[-6:])
    qtbot.waitUntil(lambda: any(one.startswith("Run: Fine-tune") for one in window.palette_.entries()))
    enter(window, qtbot)
    qtbot.waitUntil(lambda: window.recipe_page() is not None and window.recipe_page().model is not None)
    assert window.recipe_page().model.folder.id == folder.id


def test_that_what_was_used_of_late_comes_first_also_after_a_restart(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    typed(window, "job panel")
    enter(window, qtbot)
    window.open_palette()
    assert window.palette_.entries()[0] == "Job panel"
    window.leave_quietly()
    again = open_window()
    again.open_palette()
    assert again.palette_.entries()[0] == "Job panel"


def test_that_what_cannot_be_done_now_is_shown_with_its_reason_and_does_nothing(
    open_window: Open, qtbot: QtBot
) -> None:
    window = open_window()
    window.open_recipe(NAME)
    assert "Cancel run" in typed(window, "cancel run")
    window.palette_._list.setCurrentRow(window.palette_.entries().index("Cancel run"))
    enter(window, qtbot)
    assert window.palette_.isVisible()


def test_that_words_that_nothing_has_are_answered(open_window: Open) -> None:
    window = open_window()
    assert typed(window, "qqqq zzzz") == []
    assert window.palette_._nothing.isVisible()


def test_that_a_setting_without_choices_opens_its_field(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    typed(window, "setting checkpoint")
    enter(window, qtbot)
    page = window.pages["settings"]
    assert window.rail.marked() == "settings"
    assert page.field("checkpoint_every").hasFocus()


@pytest.mark.parametrize("page", ["home", f"recipe:{NAME}", "cases", "runs", "models", "settings"])
def test_that_every_button_of_a_page_is_in_the_palette(open_window: Open, home: Home, page: str) -> None:
    """Each does an action's work or is listed by its own name; only these few are neither."""
    elsewhere = (PathField,)  # a field's own chooser
    write_run(home.runs, steps=20, ended=True, recipe=NAME)
    window = open_window()
    window.open_page(page)
    window.open_palette()
    entries = window.palette_.entries()
    for button in [*window.pages[page].findChildren(QPushButton), *window.pages[page].findChildren(QToolButton)]:
        inside = button.parent().metaObject().className() == "QLineEdit" or isinstance(button.parent(), elsewhere)
        bound = isinstance(button, QToolButton) and (button.menu() or button.defaultAction())
        if button.isVisible() and button.isEnabled() and not (inside or bound or button.property("command")):
            name = _placed(button.accessibleName() or button.text(), button.parent())
            assert name in entries or name.rpartition(": ")[2] in entries, name


def test_that_a_button_is_pressed_from_the_palette(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    page = window.open_recipe(NAME)
    typed(window, "more knobs")
    enter(window, qtbot)
    assert not page.setup.form._more.isHidden()


def test_that_an_action_of_another_page_opens_that_page_and_is_done(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    window.open_page("runs")
    assert "Sweep" in typed(window, "sweep")
    assert "Label the data" in typed(window, "label the data")
    enter(window, qtbot)
    page = window.recipe_page()
    assert page is not None and page.frame.middles.currentWidget() is page.labels


def test_that_every_declared_action_is_found_from_any_page(open_window: Open) -> None:
    window = open_window()
    window.open_page("settings")
    names = [one.text.rstrip("…") for one in COMMANDS]
    window.open_palette()
    missing = []
    for name in names:
        window.palette_.type(name)
        missing += [] if name in " ".join(window.palette_.entries()) else [name]
    assert missing == []
