"""Closing the window while the page of sounds works: asked, finished first or stopped, and nothing is lost."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from tests.gui.sounds.fakes import sine
from tests.gui.sounds.test_transcribing import next_question, said, scripted_page  # noqa: F401 (a fixture)
from workbench.gui.closingwork import FINISH, STAY, STOP, WorkQuestion
from workbench.gui.sounds import tieredits


@pytest.fixture
def page(scripted_page, scripted, qtbot):  # noqa: F811
    """A page that transcribes, four seconds of eight heard."""
    scripted_page.transcribing.acts["transcribe-run"].trigger()
    next_question(qtbot, scripted)
    scripted.answer(said("so far", 0, 4))
    next_question(qtbot, scripted)
    return scripted_page


def question(window) -> WorkQuestion:
    (box,) = window.findChildren(WorkQuestion)
    return box


def answer(window, text: str) -> None:
    next(one for one in question(window).buttons() if one.text().replace("&", "") == text).click()


def test_that_closing_asks_once_and_escape_stays(page, qtbot):
    window = page.window()
    window.close()
    window.close()
    box = question(window)
    assert box.text() == "Transcribing a.wav." and "goes into the tiers" in box.informativeText()
    assert {one.text().replace("&", "") for one in box.buttons()} == {FINISH, STOP, STAY}
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert window.isVisible() and page.transcribing.errand.running


def test_that_stopping_keeps_what_was_heard_on_disk(page, qtbot):
    window, place = page.window(), tieredits.kept_path(page.link.home.edits, page.path)
    window.close()
    answer(window, STOP)
    assert "closing…" in window.windowTitle()
    qtbot.waitUntil(lambda: not window.isVisible())
    kept = tieredits.kept(place)
    assert [one.text for one in kept.tiers[0].segments] == ["so far"]


def test_that_finishing_closes_when_the_last_word_is_heard(page, scripted, qtbot):
    window, place = page.window(), tieredits.kept_path(page.link.home.edits, page.path)
    window.close()
    answer(window, FINISH)
    qtbot.wait(250)
    assert window.isVisible() and "when this is done: Transcribing a.wav" in window.banner.accessibleName()
    scripted.answer(said("and all", 5, 8, complete=True))
    qtbot.waitUntil(lambda: not window.isVisible())
    assert [one.text for one in tieredits.kept(place).tiers[0].segments] == ["so far", "and all"]


def test_that_staying_open_after_all_closes_nothing(page, scripted, qtbot):
    window = page.window()
    window.close()
    answer(window, FINISH)
    next(one for one in window.banner.findChildren(QPushButton) if one.text() == "Stay open").click()
    scripted.answer(said("and all", 5, 8, complete=True))
    qtbot.waitUntil(lambda: not page.transcribing.errand.running)
    qtbot.wait(250)
    assert window.isVisible() and window.windowTitle() == "Transfer Workbench"


def test_that_a_batch_is_asked_about_and_remembered_for_the_next_window(
    scripted_page, scripted, open_window, qtbot, tmp_path  # noqa: F811
):  # fmt: skip
    import soundfile

    page, window = scripted_page, scripted_page.window()
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", sine(1.0).samples, 16_000)
    page.acts["batch"].trigger()
    batch = page.batch
    batch.choose([str(tmp_path / "a.wav"), str(tmp_path / "b.wav")])
    qtbot.waitUntil(batch.start.isEnabled)
    batch.begin()
    next_question(qtbot, scripted)
    qtbot.waitUntil(lambda: "1 working" in batch.state.whole)
    window.close()
    assert question(window).text() == "Transcribing many files: 1 working, 1 waiting."
    answer(window, STOP)
    qtbot.waitUntil(lambda: not window.isVisible())
    again = open_window().open_page("sounds").batch
    assert [one.name for one in again.paths] == ["a.wav", "b.wav"] and "goes on with them" in again.hint.text()


def test_that_a_watched_folder_cannot_be_finished(scripted_page, qtbot, tmp_path):  # noqa: F811
    page, window = scripted_page, scripted_page.window()
    (tmp_path / "in").mkdir()
    page.acts["batch"].trigger()
    page.batch.choose([str(tmp_path / "in")])
    page.batch.watch.setChecked(True)
    qtbot.waitUntil(page.batch.start.isEnabled)
    page.batch.begin()
    window.close()
    assert {one.text().replace("&", "") for one in question(window).buttons()} == {STOP, STAY}
    assert "does not end by itself" in question(window).informativeText()
    answer(window, STOP)
    qtbot.waitUntil(lambda: not window.isVisible())
