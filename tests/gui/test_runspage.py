"""The Runs page in a real window: found, annotated, arranged, replayed, mailed, deleted and put back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QMessageBox
from pytestqt.qtbot import QtBot

from tests.gui.runs import write_run
from workbench.core import events as ev
from workbench.core.problem import ProblemRecord
from workbench.gui.columnchooser import ColumnChooser
from workbench.gui.pages.runs import RunsPage
from workbench.gui.runfilter import RunFilter
from workbench.gui.tagger import Tagger
from workbench.gui.theme import theme
from workbench.gui.trashlist import TrashList
from workbench.gui.window import MainWindow
from workbench.runner.scripted import ScriptedRunner
from workbench.store.archive import export_run
from workbench.store.home import Home, open_home
from workbench.store.notes import change_notes, read_notes
from workbench.store.runfolder import RunConfig, RunFolder, create_run

Open = Callable[..., MainWindow]
NAME = "berturk-nlu"
WITHIN_MS = 30_000


def make(home: Home, recipe: str = NAME, accuracy: float = 0.5, *end: ev.AnyEvent, **params: Any) -> RunFolder:
    """A small run of its own result."""
    folder = create_run(home.runs, RunConfig(recipe=recipe, params=params, preset="desk"))
    folder.append(
        ev.Started(1.0),
        ev.Metric(2.0, "loss", 1 - accuracy, 1, "validation"),
        ev.Metric(3.0, "loss", 2.0, 2, "validation"),
        *(end or [ev.Finished(9.0, results={"accuracy": accuracy})]),
    )
    return folder


@pytest.fixture
def page_of(open_window: Open, qtbot: QtBot, home: Home) -> Callable[[], tuple[MainWindow, RunsPage]]:
    """The page in a new window, with its rows."""

    def open_page() -> tuple[MainWindow, RunsPage]:
        window = open_window()
        page = window.open_page("runs")
        assert isinstance(page, RunsPage)
        there = len([path for path in home.runs.iterdir() if path.is_dir()])
        qtbot.waitUntil(lambda: len(page.sheet.model_.rows) == there)
        return window, page

    return open_page


PageOf = Callable[[], tuple[MainWindow, RunsPage]]


def column(page: RunsPage, key: str) -> list[str]:
    """The texts of a column, from top to bottom."""
    place = [one.key for one in page.sheet.model_.columns].index(key)
    return [page.sheet.model_.index_of(run, place).data() or "" for run in page.sheet.ids()]


def focus(page: RunsPage, qtbot: QtBot) -> None:
    """Give the list the keyboard."""
    page.window().activateWindow()
    page.sheet.setFocus()
    qtbot.waitUntil(page.sheet.hasFocus)


def drop(page: RunsPage, *files: Path) -> bool:
    """Let files fall on the page; whether it took them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(one)) for one in files])
    action, buttons, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(9, 9), action, data, buttons, keys)
    enter.ignore()
    page.dragEnterEvent(enter)
    if enter.isAccepted():
        page.dropEvent(QDropEvent(QPointF(9, 9), action, data, buttons, keys))
    return enter.isAccepted()


def test_that_filters_sorting_and_groups_arrange_the_runs(page_of: PageOf, home: Home) -> None:
    low, high = make(home, accuracy=0.6, epochs=2), make(home, accuracy=0.9, epochs=1)
    other = make(home, "trials", 0.7, ev.Failed(4.0, problem=ProblemRecord("Memory ran out.")))
    change_notes(low.path, star=True, tags=["paper"])
    _, page = page_of()
    assert page.sheet.ids() == [other.id, high.id, low.id]
    page.filter.setText("accuracy>0.8")
    assert page.sheet.ids() == [high.id] and page.card.caption() == "1 of 3 runs"
    page.filter.setText("memory")
    assert page.sheet.ids() == [other.id]
    page.narrow.clear()
    for combo, value, found in (
        (page.narrow.recipe, "trials", [other.id]),
        (page.narrow.state, "failed", [other.id]),
        (page.narrow.tag, "paper", [low.id]),
        (page.narrow.stars, "only", [low.id]),
    ):
        combo.setCurrentIndex(combo.findData(value))
        assert page.sheet.ids() == found
        page.narrow.clear()
        assert page.sheet.shown() == 3
    page.narrow.stars.setCurrentIndex(page.narrow.stars.findData("first"))
    assert page.sheet.ids()[0] == low.id
    page.narrow.group.setCurrentIndex(page.narrow.group.findData("recipe"))
    assert page.sheet.model_.groups() == [NAME, "trials"]
    first = page.sheet.model_.index(0, 0)
    assert "2 runs" in first.data() and page.sheet.isExpanded(first)


def test_that_a_filter_without_a_match_says_so_and_offers_a_way_back(page_of: PageOf, home: Home) -> None:
    make(home)
    _, page = page_of()
    page.filter.setText("nothing like this")
    assert page._pages.currentIndex() == 1 and not page._clear.isHidden()
    page._clear.click()
    assert page.sheet.shown() == 1 and page._pages.currentIndex() == 0


def test_that_an_empty_history_says_what_to_do(page_of: PageOf) -> None:
    _, page = page_of()
    assert "No runs yet" in page._empty_words.text() and page._clear.isHidden()
    assert page.do.open.statusTip().endswith("choose a run first")


def test_that_any_metric_result_or_knob_becomes_a_column(page_of: PageOf, home: Home) -> None:
    make(home, accuracy=0.6, epochs=2, adapt="lora")
    make(home, accuracy=0.9, epochs=1, adapt="lora")
    _, page = page_of()
    chooser = page.choose_columns()
    assert isinstance(chooser, ColumnChooser)
    for key in ("best:loss/validation", "last:loss/validation", "result:accuracy", "knob:adapt"):
        chooser.tick(key, on=True)
    assert column(page, "best:loss/validation") == ["0.1", "0.4"]
    assert column(page, "last:loss/validation") == ["2", "2"]
    assert column(page, "result:accuracy") == ["0.9", "0.6"]
    chooser.tick("knob:adapt", on=False)
    chooser.add_differing()
    assert "knob:epochs" in page.sheet.columns() and "knob:adapt" not in page.sheet.columns()
    place = [one.key for one in page.sheet.model_.columns].index("knob:epochs")
    page.sheet.header().setSortIndicator(place, Qt.SortOrder.AscendingOrder)
    assert column(page, "knob:epochs") == ["1", "2"]
    page.sheet.header().setSortIndicator(place, Qt.SortOrder.DescendingOrder)
    assert column(page, "knob:epochs") == ["2", "1"]
    chooser.filter.setText("epoch")
    assert [key for key, item in chooser.items.items() if not item.isHidden()] == ["knob:epochs"]
    chooser.show_usual()
    assert "best:loss/validation" not in page.sheet.columns()


def test_that_columns_filter_order_and_folded_groups_survive_a_restart(page_of: PageOf, home: Home) -> None:
    make(home, epochs=2)
    make(home, "trials", 0.9, epochs=3)
    window, page = page_of()
    page.sheet.set_columns(["star", "run", "knob:epochs", "recipe", "note"])
    header = page.sheet.header()
    header.moveSection(header.visualIndex(3), 2)
    header.resizeSection(3, 200)
    page.narrow.group.setCurrentIndex(page.narrow.group.findData("recipe"))
    page.sheet.collapse(page.sheet.model_.index(0, 0))
    header.setSortIndicator(2, Qt.SortOrder.AscendingOrder)
    page.filter.setText("epochs<9")
    window.leave_quietly()
    _, again = page_of()
    assert again.sheet.columns() == ["star", "run", "recipe", "knob:epochs", "note"]
    assert again.filter.text() == "epochs<9" and again.sheet.widths()["recipe"] == 200
    assert (again.sheet.model_.wanted.sort, again.sheet.model_.wanted.descending) == ("knob:epochs", False)
    assert again.sheet.model_.groups() == [NAME, "trials"]
    folded = {again.sheet.model_.index(place, 0).data().split()[0]: place for place in range(2)}
    assert not again.sheet.isExpanded(again.sheet.model_.index(folded["trials"], 0))
    assert again.sheet.isExpanded(again.sheet.model_.index(folded[NAME], 0))


def test_that_a_garbled_memory_of_the_page_costs_only_its_layout(page_of: PageOf, home: Home) -> None:
    make(home)
    for text in (
        '{"runs": {"columns": 3}}',
        '{"runs": {"columns": ["no:such", "x"], "sort": "gone", "filter": {"a": "b"}}}',
    ):
        home.window_state.write_text(text)
        _, page = page_of()
        assert page.sheet.shown() == 1 and page.sheet.columns()[:2] == ["star", "run"]


def test_that_a_note_is_written_in_its_cell_and_saved_without_being_asked(
    page_of: PageOf, home: Home, qtbot: QtBot
) -> None:
    folder = make(home)
    _, page = page_of()
    page.sheet.choose(folder.id)
    focus(page, qtbot)
    qtbot.keyClick(page.sheet, Qt.Key.Key_N)
    editor = page.sheet.findChild(QLineEdit)
    assert editor is not None
    qtbot.keyClicks(editor, "lower rate next")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: column(page, "note") == ["lower rate next"])
    qtbot.waitUntil(lambda: read_notes(folder.path).note == "lower rate next")
    page.do.undo.trigger()
    qtbot.waitUntil(lambda: read_notes(folder.path).note == "")
    qtbot.waitUntil(lambda: column(page, "note") == [""])


def test_that_a_note_half_written_survives_closing_the_window_and_a_refresh(
    page_of: PageOf, home: Home, qtbot: QtBot
) -> None:
    folder = make(home)
    window, page = page_of()
    page.sheet.choose(folder.id)
    page.sheet.write_note()
    editor = page.sheet.findChild(QLineEdit)
    assert editor is not None
    qtbot.keyClicks(editor, "half a thou")
    make(home)
    page.show_rows(page._index.refresh_all())
    assert page.sheet.findChild(QLineEdit) is editor and len(page.sheet.model_.rows) == 1
    window.leave_quietly()
    assert read_notes(folder.path).note == "half a thou"


def test_that_stars_and_tags_are_given_by_key_to_all_chosen_and_taken_back(
    page_of: PageOf, home: Home, qtbot: QtBot
) -> None:
    folders = [make(home) for _ in range(3)]
    change_notes(folders[0].path, tags=["old"])
    _, page = page_of()
    page.sheet.choose(*(one.id for one in folders[:2]))
    focus(page, qtbot)
    qtbot.keyClick(page.sheet, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: [read_notes(one.path).star for one in folders] == [True, True, False])
    qtbot.keyClick(page.sheet, Qt.Key.Key_T)
    tagger = page.findChild(Tagger)
    assert tagger is not None and tagger.list.item(0).checkState() == Qt.CheckState.PartiallyChecked
    tagger.line.setText("a,b")
    assert not tagger.add_typed() and tagger.line.property("wrong")
    tagger.line.setText("paper")
    tagger.settle()
    qtbot.waitUntil(lambda: read_notes(folders[1].path).tags == ("paper",))
    qtbot.waitUntil(lambda: read_notes(folders[0].path).tags == ("old", "paper"))
    assert read_notes(folders[2].path).tags is None and len(page.sheet.chosen_rows()) == 2
    page.do.undo.trigger()
    qtbot.waitUntil(lambda: read_notes(folders[0].path).tags == ("old",))
    focus(page, qtbot)
    qtbot.keyClick(page.sheet, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: not any(read_notes(one.path).star for one in folders))


def test_that_two_windows_on_one_home_keep_each_others_words(page_of: PageOf, home: Home, qtbot: QtBot) -> None:
    mine, theirs = make(home), make(home)
    (_, one), (_, two) = page_of(), page_of()
    one.do.annotations.write(mine.id, "note", "from the first window")
    two.do.annotations.write(theirs.id, "note", "from the second window")
    one.do.annotations.star([one.sheet.model_.row_of(theirs.id)])
    qtbot.waitUntil(lambda: read_notes(theirs.path).star and bool(read_notes(theirs.path).note))
    for page in (one, two):
        page.opened()
        qtbot.waitUntil(lambda page=page: "from the first window" in column(page, "note"))
        qtbot.waitUntil(lambda page=page: "from the second window" in column(page, "note"))


def test_that_a_note_on_a_run_that_is_gone_is_said(page_of: PageOf, home: Home, qtbot: QtBot) -> None:
    import shutil

    folder = make(home)
    window, page = page_of()
    shutil.rmtree(folder.path)
    page.do.annotations.write(folder.id, "note", "too late")
    qtbot.waitUntil(lambda: window.banner.record is not None)
    assert "could not be saved" in window.banner.record.what
    qtbot.waitUntil(lambda: page.sheet.shown() == 0)


def test_that_compare_asks_for_two_to_twenty_runs_and_says_so(page_of: PageOf, home: Home, qtbot: QtBot) -> None:
    folders = [make(home) for _ in range(21)]
    _, page = page_of()
    page.sheet.choose(folders[0].id)
    assert not page.do.compare.isEnabled() and "2 to 20 runs, 1 is chosen" in page.do.compare.statusTip()
    page.sheet.selectAll()
    assert not page.do.compare.isEnabled() and "21 are chosen" in page.do.compare.statusTip()
    page.sheet.choose(folders[0].id, folders[1].id)
    with qtbot.waitSignal(page.compared) as told:
        page.do.compare.trigger()
    assert sorted(told.args[0]) == sorted([folders[0].id, folders[1].id])


def test_that_actions_that_cannot_be_done_say_why(page_of: PageOf, home: Home) -> None:
    make(home, NAME, 0.5, ev.Checkpoint(3.0, step=1), ev.Cancelled(4.0))
    running = make(home, NAME, 0.5, ev.Progress(3.0, step=1, total=9))
    _, page = page_of()
    page.sheet.choose(running.id)
    assert "cancel the run" in page.do.delete.statusTip() and not page.do.delete.isEnabled()
    assert "checkpoint" in page.do.resume.statusTip() and not page.do.resume.isEnabled()
    page.sheet.selectAll()
    assert "single run" in page.do.open.statusTip() and page.do.star.isEnabled()
    tips = {action.text(): action.shortcut().toString() for action in page.sheet.actions()}
    assert tips["Star"] == "S" and tips["Tags…"] == "T" and tips["Write a note"] == "N" and tips["Delete"] == "Del"


def test_that_resume_continues_and_opens_the_run(
    page_of: PageOf, home: Home, scripted: ScriptedRunner, qtbot: QtBot
) -> None:
    folder = make(home, NAME, 0.5, ev.Checkpoint(3.0, step=1), ev.Cancelled(4.0))
    window, page = page_of()
    page.sheet.choose(folder.id)
    page.do.resume.trigger()
    qtbot.waitUntil(lambda: ("resume", folder.id) in scripted.asked)
    qtbot.waitUntil(lambda: window.recipe_page() is not None)


def test_that_replay_plays_the_run_from_its_first_step(page_of: PageOf, home: Home, qtbot: QtBot) -> None:
    folder = write_run(home.runs, steps=150, ended=True, recipe=NAME)
    window, page = page_of()
    page.sheet.choose(folder.id)
    focus(page, qtbot)
    qtbot.keyClick(page.sheet, Qt.Key.Key_R)
    qtbot.waitUntil(
        lambda: window.recipe_page() is not None and window.recipe_page().timeline.playing, timeout=WITHIN_MS
    )
    timeline = window.recipe_page().timeline
    assert timeline.step == 50
    qtbot.waitUntil(lambda: not timeline.playing)
    assert timeline.step is None
    timeline.play()
    timeline.stop()
    assert timeline.step == 50


def test_that_curves_grow_while_a_run_is_played_and_are_whole_afterwards(
    page_of: PageOf, home: Home, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.gui.timeline.PLAYED_WITHIN_MS", 1_000_000)
    monkeypatch.setattr("workbench.gui.timeline.SLOWEST_MS", 300_000)  # for as long as the first stop is looked for
    folder = write_run(home.runs, steps=150, ended=True, recipe=NAME)
    window, _ = page_of()
    window.open_run(folder.id)
    qtbot.waitUntil(
        lambda: window.recipe_page() is not None and window.recipe_page().model is not None, timeout=WITHIN_MS
    )
    page = window.recipe_page()
    qtbot.waitUntil(lambda: page.model.caught_up, timeout=WITHIN_MS)
    chart = page.side.charts["loss"]

    def last_step() -> float:
        return max((line.steps[-1] for line in chart.view.lines), default=0.0) if chart.view is not None else 0.0

    qtbot.waitUntil(lambda: last_step() == 150, timeout=WITHIN_MS)
    assert page.timeline.play()
    qtbot.waitUntil(lambda: 0 < last_step() <= 50, timeout=WITHIN_MS)
    page.timeline.stop()
    qtbot.waitUntil(lambda: last_step() == 150, timeout=WITHIN_MS)


def test_that_a_run_without_pictures_says_that_there_is_nothing_to_play(
    page_of: PageOf, home: Home, qtbot: QtBot
) -> None:
    folder = make(home)
    window, page = page_of()
    page.sheet.choose(folder.id)
    page.do.replay.trigger()
    qtbot.waitUntil(lambda: window.recipe_page() is not None and not window.recipe_page().banner.isHidden())


def test_that_a_deleted_run_is_asked_for_once_and_comes_back_with_undo(
    page_of: PageOf, home: Home, qtbot: QtBot
) -> None:
    kept, gone = make(home), make(home)
    change_notes(gone.path, note="precious")
    _, page = page_of()
    page.sheet.choose(gone.id)
    for answer, left in (("Keep", 2), ("Delete", 1)):
        focus(page, qtbot)
        qtbot.keyClick(page.sheet, Qt.Key.Key_Delete)
        box = next(one for one in page.findChildren(QMessageBox) if one.isVisible())
        next(one for one in box.buttons() if one.text() == answer).click()
        qtbot.waitUntil(lambda left=left: page.sheet.shown() == left)
    assert page.sheet.ids() == [kept.id] and not gone.path.exists()
    assert page.banner.remedies() == ["Undo"]
    page.banner.press("Undo")
    qtbot.waitUntil(lambda: [row.id for row in page.sheet.chosen_rows()] == [gone.id])
    assert page.sheet.shown() == 2
    assert read_notes(gone.path).note == "precious"


def test_that_the_trash_is_looked_into_put_back_from_and_emptied_on_the_second_press(
    page_of: PageOf, home: Home, qtbot: QtBot
) -> None:
    folders = [make(home), make(home)]
    _, page = page_of()

    def opened() -> TrashList:
        page.do.trash.trigger()
        qtbot.waitUntil(lambda: any(one.isVisible() for one in page.findChildren(TrashList)))
        return next(one for one in page.findChildren(TrashList) if one.isVisible())

    nothing = opened()
    assert not nothing.empty.isEnabled()
    nothing.reject()
    page.do.delete_runs([one.id for one in folders])
    qtbot.waitUntil(lambda: page.sheet.shown() == 0)
    found = opened()
    assert [found.list.item(place).text() for place in range(2)] == sorted((one.id for one in folders), reverse=True)
    assert not found.back.isEnabled()
    found.list.item(0).setSelected(True)
    found.back.click()
    qtbot.waitUntil(lambda: page.sheet.shown() == 1)
    again = opened()
    again.empty.click()
    assert again.empty.text() == "Remove for good" and len(list(home.trash.iterdir())) == 1
    again.empty.click()
    qtbot.waitUntil(lambda: not list(home.trash.iterdir()))
    assert page.sheet.shown() == 1


def test_that_runs_are_exported_and_dropped_in_elsewhere(
    page_of: PageOf, home: Home, qtbot: QtBot, tmp_path: Path
) -> None:
    folders = [make(home), make(home)]
    _, page = page_of()
    targets = {one.id: tmp_path / f"{one.id}.zip" for one in folders}
    page.do.export_runs(targets)
    qtbot.waitUntil(lambda: page.banner.remedies() == ["Show folder"])
    assert all(path.exists() for path in targets.values())
    page.do.delete_runs([one.id for one in folders])
    qtbot.waitUntil(lambda: page.sheet.shown() == 0)
    assert drop(page, *targets.values())
    qtbot.waitUntil(lambda: len(page.sheet.chosen_rows()) == 2)


def test_that_what_is_no_run_is_refused_with_reasons(page_of: PageOf, home: Home, qtbot: QtBot, tmp_path: Path) -> None:
    good = export_run(make(open_home(tmp_path / "other")), tmp_path / "good.zip")
    torn = tmp_path / "torn.zip"
    torn.write_bytes(good.read_bytes()[:100])
    _, page = page_of()
    assert not drop(page, tmp_path / "picture.png")
    assert drop(page, torn, good)
    qtbot.waitUntil(lambda: page.banner.record is not None)
    assert "cannot be read" in page.banner.record.what and str(torn) == page.banner.record.place
    qtbot.waitUntil(lambda: page.sheet.shown() == 1)
    assert drop(page, good)
    qtbot.waitUntil(lambda: page.banner.record is not None and "is here already" in page.banner.record.what)


def test_that_unreadable_folders_are_listed_with_what_is_wrong(page_of: PageOf, home: Home, qtbot: QtBot) -> None:
    make(home)
    (home.runs / "20260131-142501-lost-3f9a").mkdir()
    (home.runs / "20260131-142501-lost-3f9a" / "events.jsonl").write_text("")
    (home.runs / "newer").mkdir()
    (home.runs / "newer" / "run.json").write_text('{"recipe": "x", "params": {}, "format": 99}')
    _, page = page_of()
    assert "2 cannot be read" in page.card.caption()
    assert column(page, "state") == ["finished", "unreadable", "unreadable"]
    assert "newer version" in column(page, "note")[2]
    page.sheet.choose("newer")
    assert not page.do.open.isEnabled() and not page.do.star.isEnabled() and page.do.delete.isEnabled()
    page.sheet.open_chosen()
    page.sheet.write_note()
    page.do.delete_runs(["newer"])
    qtbot.waitUntil(lambda: page.sheet.shown() == 2)


def test_that_a_refresh_keeps_what_is_chosen_and_a_running_run_is_followed(
    page_of: PageOf, home: Home, qtbot: QtBot
) -> None:
    folder = make(home, NAME, 0.5, ev.Progress(3.0, step=1, total=4))
    other = make(home)
    _, page = page_of()
    page.sheet.choose(folder.id, other.id)
    assert "running 25 %" in column(page, "state")
    folder.append(ev.Progress(4.0, step=2, total=4))
    page.opened()
    page.opened()
    qtbot.waitUntil(lambda: "running 50 %" in column(page, "state"))
    assert len(page.sheet.chosen_rows()) == 2
    folder.append(ev.Finished(5.0))
    make(home)
    page.link.runs_changed.emit()
    qtbot.waitUntil(lambda: page.sheet.shown() == 3)
    assert {row.id for row in page.sheet.chosen_rows()} == {folder.id, other.id}


def test_that_enter_opens_a_run_and_letters_in_the_filter_stay_letters(
    page_of: PageOf, home: Home, qtbot: QtBot
) -> None:
    folder = make(home)
    window, page = page_of()
    page.sheet.choose(folder.id)
    qtbot.keyClick(page, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: QApplication.focusWidget() is page.filter)
    qtbot.keyClicks(page.filter, "stn")
    assert page.filter.text() == "stn" and not read_notes(folder.path).star
    page.filter.clear()
    page.sheet.choose(folder.id)
    focus(page, qtbot)
    qtbot.keyClick(page.sheet, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.recipe_page() is not None and window.recipe_page().model is not None)


def test_that_a_star_is_given_with_a_click(page_of: PageOf, home: Home, qtbot: QtBot) -> None:
    folder = make(home)
    _, page = page_of()
    spot = page.sheet.visualRect(page.sheet.model_.index_of(folder.id)).center()
    qtbot.mouseClick(page.sheet.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    qtbot.waitUntil(lambda: read_notes(folder.path).star)


def test_that_buttons_without_room_stand_in_the_menu(page_of: PageOf, home: Home) -> None:
    make(home)
    _, page = page_of()
    assert "Delete" in page.bar.buttons()
    page.bar.resize(300, page.bar.height())
    assert "Delete" not in page.bar.buttons() and page.bar.buttons()[0] == "Open"
    assert "Delete" in [action.text() for action in page.bar.menu.actions()]


def test_that_the_filters_take_more_lines_before_their_words_are_cut(qtbot: QtBot) -> None:
    theme().use("dark", scale_percent=200)
    shown = RunFilter()
    qtbot.addWidget(shown)
    shown.show()
    for width in (2400, 1230, 700):
        shown.resize(width, 60)
        qtbot.wait(1)
        words = shown.group.fontMetrics().horizontalAdvance("Group: none")
        assert min(one.width() for one in (shown.recipe, shown.state, shown.tag, shown.stars, shown.group)) > words


def test_that_down_goes_from_the_filter_to_the_runs_it_left(
    open_window: Callable[..., MainWindow], home: Home, qtbot: QtBot
) -> None:
    kept = write_run(home.runs, steps=5, ended=True, recipe=NAME)
    window = open_window()
    page = window.open_page("runs")
    assert isinstance(page, RunsPage)
    qtbot.waitUntil(lambda: page.sheet.model().rowCount() == 1)
    page.filter.setFocus()
    qtbot.keyClicks(page.filter, "berturk")
    qtbot.keyClick(page.filter, Qt.Key.Key_Down)
    assert page.sheet.hasFocus()
    assert [one.id for one in page.sheet.chosen_rows()] == [kept.id]
