"""The line at the top of a page: what finds no room, or is seldom wanted, stands in its menu; names stay readable."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from workbench.gui.actions import make_action
from workbench.gui.topline import SHORT, TabChooser, TopLine


@pytest.fixture
def line(qtbot):
    owner = QWidget()
    top = TopLine(TabChooser("Sounds", "Page: Sounds", []))
    top.setParent(owner)
    qtbot.addWidget(owner)
    acts = {name: make_action(owner, f"sounds.{name}", lambda: None, checkable=name == "speakers")
            for name in ("folder", "record", "speakers", "file", "tiers", "close")}  # fmt: skip
    acts["speakers"].setProperty(SHORT, "Speakers")
    for name in ("folder", "record", "speakers"):
        top.add(acts[name])
    top.add(acts["file"], primary=True)
    for name in ("tiers", "close"):
        top.add_rare(acts[name])
    top.acts = acts
    owner.show()
    top.owner = owner
    return top


def menu(top) -> list[str]:
    (more,) = [one for one in top.findChildren(QToolButton) if one.accessibleName() == "More actions"]
    return [one.text() for one in more.menu().actions() if one.text()] if not more.isHidden() else []


def seen(top) -> list[str]:
    return [one.text() for one in top.findChildren(QPushButton) if not one.isHidden()]


def test_that_rare_actions_stand_in_the_menu_and_the_others_as_long_as_there_is_room(line):
    line.resize(1000, 40)
    assert seen(line) == ["Folder…", "Record…", "Speakers", "Files…"] and menu(line) == ["Open tiers…", "Close sounds"]
    line.resize(430, 40)
    assert menu(line)[:1] == ["Folder…"] and menu(line)[-2:] == ["Open tiers…", "Close sounds"]
    assert "Files…" in seen(line)  # the primary one always
    for name in ("tiers", "close"):
        line.acts[name].setVisible(False)
    line.resize(1000, 40)
    assert menu(line) == []


def test_that_buttons_make_room_for_the_name_of_the_file(line):
    line.resize(560, 40)
    before = len(seen(line))
    line.tell("a long name of a recording.wav", least_px=220)
    assert len(seen(line)) < before
    line.layout().activate()
    assert line.about.width() >= 150
    line.tell("", least_px=220)
    assert len(seen(line)) == before


def test_that_the_button_of_a_panel_says_in_few_words_whether_it_is_open(line):
    line.resize(1000, 40)
    (button,) = [one for one in line.findChildren(QPushButton) if one.text() == "Speakers"]
    assert button.accessibleName() == "Who spoke when…" and not button.isChecked()
    button.click()
    assert line.acts["speakers"].isChecked() and button.isChecked()
    line.acts["speakers"].setChecked(False)
    assert not button.isChecked()
