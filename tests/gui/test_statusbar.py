"""The bottom bar: nothing is cut off, and what matters most stays."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from workbench.core.events import WorkerState
from workbench.gui.statusbar import StatusBar
from workbench.gui.theme import theme
from workbench.runner.doctor import Finding

READY = WorkerState(pid=7, device="cpu · 2 cores", memory_bytes=3 * 2**30, memory_total_bytes=24 * 2**30)


@pytest.fixture
def bar(qtbot: QtBot) -> StatusBar:
    made = StatusBar()
    qtbot.addWidget(made)
    made.show_state(READY)
    made.show_findings([Finding("sound", "missing", "no sound device")])
    made.show_saved("autosaved 10 s ago")
    return made


@pytest.mark.parametrize("scale", [100, 150, 200])
@pytest.mark.parametrize("width", [880, 1366, 1920])
def test_that_no_word_of_the_bar_is_cut(bar: StatusBar, qtbot: QtBot, scale: int, width: int) -> None:
    bar.show()
    theme().use("light", scale_percent=scale)
    bar.resize(width, bar.sizeHint().height())
    qtbot.wait(20)
    shown = [part for part in bar._by_weight if part.isVisible()]
    assert [part.text() for part in shown if part.width() < part.sizeHint().width()] == []
    assert max(part.geometry().right() for part in shown) <= width
    assert bar.text().startswith("worker ready")
    assert "queue 0" in bar.text()


def test_that_what_matters_least_goes_first_and_comes_back(bar: StatusBar, qtbot: QtBot) -> None:
    bar.resize(1920, 30)
    bar.show()
    whole = bar.text()
    bar.resize(520, 30)
    qtbot.wait(20)
    assert "preview" not in bar.text()
    assert "GUI" not in bar.text()
    assert "doctor: 1 missing" in bar.text()
    bar.resize(1920, 30)
    qtbot.wait(20)
    assert bar.text() == whole


def test_that_a_longer_text_takes_the_room_of_a_lesser_one(bar: StatusBar, qtbot: QtBot) -> None:
    bar.resize(1920, 30)
    bar.show()
    qtbot.wait(20)
    fitting = sum(part.sizeHint().width() + 8 for part in bar._by_weight) + 16
    bar.resize(fitting, 30)
    qtbot.wait(20)
    assert "preview" in bar.text()
    bar.show_saved("not saved for 3 minutes: the disk is full")
    qtbot.wait(20)
    assert "preview" not in bar.text()
    assert "the disk is full" in bar.text()
