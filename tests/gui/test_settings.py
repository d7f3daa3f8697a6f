"""The settings page: sections, search, what the environment sets, data folder and plug-ins."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from tests.gui.runs import demo_recipe
from workbench.core.params import knobs
from workbench.core.problem import ProblemRecord
from workbench.core.settings import Settings, load, save
from workbench.gui.settingscards import PlugIns
from workbench.gui.window import MainWindow
from workbench.store.home import Home

Open = Callable[..., MainWindow]


def said(widget: object) -> str:
    return " ".join(label.text() for label in widget.findChildren(QLabel))


def test_that_every_setting_has_one_field(open_window: Open) -> None:
    page = open_window().open_page("settings")
    assert all(page.field(one.name).accessibleName() for one in knobs(Settings) if one.widget != "key")
    assert page.shown() == [
        "Appearance", "Devices", "Runs", "Privacy and network", "Review", "Videos", "Data folder", "Keys", "Plug-ins",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sections"),
    [
        ("bf16", ["Devices"]),
        ("never reach", ["Privacy and network"]),
        ("WORKBENCH_HOME", ["Data folder"]),
        ("third party", ["Plug-ins"]),
        ("follow the newest", ["Keys"]),
        ("zzz", []),
    ],
)
def test_that_the_search_leaves_what_has_the_words(open_window: Open, words: str, sections: list[str]) -> None:
    page = open_window().open_page("settings")
    page.search.setText(words)
    assert page.shown() == sections
    assert page._nothing.isVisible() == (not sections)
    page.search.clear()
    assert len(page.shown()) == 9


def test_that_a_setting_of_the_environment_is_shown_as_such_and_kept_out_of_the_file(
    open_window: Open, home: Home, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    save(home.settings, Settings(scale=125))
    monkeypatch.setenv("WORKBENCH_DEVICE", "cpu")
    page = open_window().open_page("settings")
    assert not page.field("device").isEnabled() and page.field("precision").isEnabled()
    assert "Set by WORKBENCH_DEVICE" in said(page)
    page.field("theme").setCurrentText("light")
    qtbot.waitUntil(lambda: load(home.settings, {}).settings.theme == "light")
    assert load(home.settings, {}).settings == Settings(scale=125, theme="light")


def test_that_a_change_made_elsewhere_is_shown(open_window: Open) -> None:
    window = open_window()
    page = window.open_page("settings")
    window.link.change_settings(theme="light", offline=False)
    assert page.field("theme").currentText() == "light"
    assert not page.field("offline").isChecked()


def test_that_defaults_come_back_and_keys_stay(open_window: Open, home: Home, qtbot: QtBot) -> None:
    save(home.settings, Settings(theme="light", scale=150, keys="window.jobs=F6"))
    window = open_window()
    window.open_page("settings")._back_to_defaults()
    qtbot.waitUntil(lambda: load(home.settings, {}).settings == Settings(keys="window.jobs=F6"))
    assert window.link.settings.scale == 100


def test_that_the_data_folder_tells_where_and_how_much_room(open_window: Open, home: Home, qtbot: QtBot) -> None:
    page = open_window().open_page("settings")
    qtbot.waitUntil(lambda: "free of" in said(page.folder))
    assert str(home.root) in said(page.folder) and "0 runs" in said(page.folder)
    page.folder.copy_path()
    assert QGuiApplication.clipboard().text() == str(home.root)


def test_that_plugins_and_their_faults_are_listed_with_a_trace_to_copy(qtbot: QtBot) -> None:
    card = PlugIns()
    qtbot.addWidget(card)
    assert "WORKBENCH_PLUGINS" in said(card)
    fault = ProblemRecord("The plug-in lab cannot be used.", received="SyntaxError: line 3", trace="Traceback …")
    card.fill([demo_recipe()], [fault])
    assert "demo-nlu" in said(card) and "SyntaxError: line 3" in said(card)
    assert card.caption() == "1 recipe, 1 fault"
    (copy,) = card.findChildren(QPushButton)
    copy.click()
    assert QGuiApplication.clipboard().text() == "Traceback …"
