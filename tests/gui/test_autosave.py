"""Edits reach the disk by themselves, off the GUI thread, and what happens to them is said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from workbench.core.documents import ExamplesPage, SpannedText
from workbench.core.settings import Settings
from workbench.gui.autosave import Autosave, announced
from workbench.gui.labelledits import Edit, EditsDoc, draft_path, keep, text_digest
from workbench.gui.link import Link
from workbench.gui.window import MainWindow
from workbench.recipes import recipe
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import Home


class Desk(QObject):
    """Something that is edited: a number, and what of it was written by which thread."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.value, self.fault = 0, ""
        self.written: list[tuple[int, int]] = []
        self.told: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.autosave = Autosave(link, self.take, self, within_s=0.01)
        self.autosave.told.connect(self.told.append)

    def take(self) -> Callable[[], object]:
        value = self.value

        def write() -> None:
            self.gate.wait(10)
            if self.fault:
                raise OSError(self.fault)
            self.written.append((value, threading.get_ident()))

        return write

    def edit(self) -> None:
        self.value += 1
        self.autosave.touch()


@pytest.fixture
def desk(home: Home, qtbot: QtBot) -> Iterator[Desk]:
    link = Link(home, lambda: ScriptedRunner(home), Settings())
    made = Desk(link)
    yield made
    made.gate.set()
    link.close()


def test_that_an_edit_is_written_elsewhere_and_announced(desk: Desk, qtbot: QtBot) -> None:
    desk.edit()
    assert desk.autosave.words() == "edited, autosaving …"
    qtbot.waitUntil(lambda: desk.autosave.words() == "autosaved 0 s ago")
    assert [value for value, _ in desk.written] == [1]
    assert desk.written[0][1] != threading.get_ident()
    assert not desk.autosave.pending


def test_that_edits_made_while_one_is_written_follow(desk: Desk, qtbot: QtBot) -> None:
    desk.gate.clear()
    desk.edit()
    qtbot.wait(50)
    desk.edit()
    desk.gate.set()
    qtbot.waitUntil(lambda: not desk.autosave.pending)
    assert desk.written[-1][0] == 2


def test_that_leaving_writes_at_once_and_only_what_is_new(desk: Desk) -> None:
    desk.autosave.flush()
    assert desk.written == []
    desk.edit()
    desk.autosave.flush()
    assert desk.written == [(1, threading.get_ident())]
    assert not desk.autosave.pending


def test_that_a_failure_is_said_and_tried_again(desk: Desk, qtbot: QtBot) -> None:
    desk.fault = "No space left on device"
    desk.edit()
    qtbot.waitUntil(lambda: "No space left" in desk.autosave.words())
    assert desk.autosave.pending
    desk.autosave.flush()
    assert "No space left" in desk.autosave.words()
    desk.fault = ""
    qtbot.waitUntil(lambda: not desk.autosave.pending)
    assert desk.autosave.words() == "autosaved 0 s ago"


def test_that_another_thing_begins_without_a_word(desk: Desk) -> None:
    desk.edit()
    desk.autosave.forget()
    assert desk.autosave.words() == "" and not desk.autosave.pending


def test_that_time_is_told_in_words() -> None:
    assert announced(dirty=True, ago_s=3) == "edited, autosaving …"
    assert announced(dirty=False, ago_s=-1) == ""
    assert announced(dirty=False, ago_s=10.2) == "autosaved 10 s ago"
    assert announced(dirty=False, ago_s=300) == "autosaved 5 min ago"


def test_that_edits_left_over_are_offered_when_the_window_opens_again(
    open_window: Callable[..., MainWindow], scripted: ScriptedRunner, home: Home, qtbot: QtBot
) -> None:
    texts = [SpannedText(text, [], title="good") for text in ("one", "two")]
    scripted.answers["examples"] = ExamplesPage("class", 2, 0, ["good", "bad"], texts)
    address = recipe("berturk-nlu").reads["data"].default
    document = EditsDoc(address, "labels", [Edit(1, text_digest("two"), "bad")], "berturk-nlu", "data")
    keep(draft_path(home.edits, address, "labels"), document)
    (home.edits / "unsaved-torn.json").write_text("{torn")
    window = open_window()
    qtbot.waitUntil(window.banner.isVisible)
    assert window.banner.remedies() == ["Take them up"]
    window.banner.press("Take them up")
    page = window.recipe_page()
    assert page is not None
    qtbot.waitUntil(lambda: page.labels.labelling is not None and page.labels.labelling.draft.labels == ["good", "bad"])
    assert not window.banner.isVisible()


def test_that_without_left_over_edits_nothing_is_said(open_window: Callable[..., MainWindow], qtbot: QtBot) -> None:
    window = open_window()
    qtbot.wait(50)
    assert not window.banner.isVisible()
