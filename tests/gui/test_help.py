"""The help is made from declarations: nothing that exists is missing from it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from workbench.cli.main import COMMANDS as WORDS
from workbench.cli.main import help_texts
from workbench.core.kinds import KINDS
from workbench.core.params import knobs
from workbench.core.settings import Settings, variable
from workbench.gui.actions import key_words, keymap
from workbench.gui.helpbrowser import HelpBrowser, topic_at
from workbench.gui.helptopics import view_html
from workbench.gui.views import drawable, make_view
from workbench.gui.window import MainWindow
from workbench.recipes import recipes

Open = Callable[..., MainWindow]
NAME = "berturk-nlu"


def test_that_every_recipe_view_and_setting_is_explained(open_window: Open) -> None:
    topics = open_window().guide.topics()
    for recipe in recipes().values():
        text = topics[f"recipe:{recipe.id}"].body()
        assert all(one.flag in text for one in knobs(recipe.params))
    assert all(f"view:{kind}" in topics for kind in KINDS if drawable(kind))
    settings = topics["settings"].body()
    assert all(one.title in settings and variable(one.name) in settings for one in knobs(Settings))


def test_that_the_help_lists_every_action_with_the_key_of_now(open_window: Open) -> None:
    window = open_window()
    window.link.change_settings(keys="recipe.run=F5")
    text = window.guide.topics()["keys"].body()
    for one in keymap().commands():
        assert one.text.replace("&", "&amp;").replace("'", "&#x27;") in text, one.text
    assert "<b>F5</b>" in text and key_words("Ctrl+K") in text


def test_that_the_command_line_is_explained_as_it_explains_itself(open_window: Open) -> None:
    window = open_window()
    window.guide.command_help = help_texts
    topics = window.guide.topics()
    assert all(f"command:workbench {name}" in topics for name in WORDS)
    assert "--seeds" in topics["command:workbench claim"].body()
    assert "command:workbench runs compare" in topics


def test_that_f1_explains_the_knob_that_has_the_focus(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    page = window.open_recipe(NAME)
    field = page.setup.form.field("epochs")
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_F1)
    browser = window.findChild(HelpBrowser)
    assert browser.shown == f"recipe:{NAME}"
    assert browser.page.textCursor().selectedText() == "--epochs"


@pytest.mark.parametrize("page", ["home", "cases", "runs", "models", "settings"])
def test_that_f1_explains_the_page_in_front(open_window: Open, qtbot: QtBot, page: str) -> None:
    window = open_window()
    window.open_page(page)
    qtbot.keyClick(window, Qt.Key.Key_F1)
    assert window.findChild(HelpBrowser).shown == f"page:{page}"


def test_that_a_view_and_a_setting_name_their_help(open_window: Open, qtbot: QtBot) -> None:
    view = make_view("confusion")
    qtbot.addWidget(view)
    assert topic_at(view) == ("view:confusion", "")
    settings = open_window().open_page("settings")
    assert topic_at(settings.field("scale")) == ("page:settings", "Scale")
    assert topic_at(QWidget()) == ("", "")


def test_that_the_search_leaves_pages_with_the_words_and_opens_the_first(open_window: Open) -> None:
    browser = open_window().guide.read("page:home")
    browser.search.setText("astrolabe")
    assert browser.listed() == []
    browser.search.setText("learning rate warmup")
    assert "settings" not in browser.listed() and f"recipe:{NAME}" in browser.listed()
    assert browser.shown in browser.listed()
    browser.search.clear()
    assert len(browser.listed()) == len(browser._topics)


def test_that_links_between_pages_are_followed(open_window: Open) -> None:
    browser = open_window().guide.read(f"recipe:{NAME}")
    browser._follow(QUrl("topic:view:confusion"))
    assert browser.shown == "view:confusion"
    browser._follow(QUrl("topic:view:nothing"))
    assert browser.shown == "view:confusion"


def test_that_there_is_one_help_window(open_window: Open, qtbot: QtBot) -> None:
    window = open_window()
    first = window.guide.read("keys")
    assert window.guide.read("settings") is first
    qtbot.keyClick(first, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.findChild(HelpBrowser) is None)


def test_that_what_an_artifact_shows_is_said_in_words_and_its_file_apart():
    for kind in KINDS.values():
        assert not any(word in kind.help for word in ("uint8", "float32", "(N", "Doc", "Meta", "`")), kind.name
    shown = view_html(KINDS["clips"])
    assert shown.index("Shows short clips") < shown.index(".npy, (N, T, H, W, 3) uint8")
