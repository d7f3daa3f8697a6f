"""Labelling in place."""

import csv
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from workbench.core.documents import ExamplesPage, Item, Span, SpannedText
from workbench.core.settings import Settings
from workbench.gui import labelling as module
from workbench.gui.autosave import announced
from workbench.gui.labelledits import draft_path
from workbench.gui.labelling import Labelling
from workbench.gui.link import Link
from workbench.runner.scripted import ScriptedRunner

TEXTS = ["Ada met Bob in London.", "London is large.", "Bob likes Ada.", "Londoners stay home."]


def items():
    labels = ["good", "bad", "good", "good"]
    return [
        Item(text, label, predicted, source=at)
        for at, (text, label, predicted) in enumerate(
            zip(["fine film", "poor film", "Fine  film", "so so"], labels, ["good", "bad", "bad", "bad"], strict=True)
        )
    ]


@pytest.fixture
def link(home, qapp):
    made = Link(home, lambda: ScriptedRunner(home), Settings())
    yield made
    made.close()


@pytest.fixture
def make(qtbot, link):
    def made():
        box = Labelling(link)
        qtbot.addWidget(box)
        box.resize(760, 520)
        box.show()
        box.activateWindow()
        qtbot.waitUntil(box.isActiveWindow)
        return box

    return made


@pytest.fixture
def classes(make):
    box = make()
    box.show_items(items(), "/data/films.csv")
    return box


@pytest.fixture
def spans(make):
    box = make()
    texts = [SpannedText(text, []) for text in TEXTS]
    texts[0].spans = [Span(0, 3, "PER")]
    box.show_texts(texts, "/data/names.conll")
    box.draft.add_name("LOC")
    box._show_names()
    return box


def test_that_a_number_key_labels_the_chosen_example_and_goes_on(qtbot, classes):
    classes.table.setFocus()
    qtbot.keyClick(classes.table, Qt.Key.Key_1)
    assert classes.draft.names[0] == "bad"
    assert classes.draft.labels == ["bad", "bad", "good", "good"]
    assert classes.current() == 1
    assert classes.draft.changed(0)


def test_that_undo_and_redo_go_back_and_forth_and_show_the_place(qtbot, classes):
    for label in ("bad", "good"):
        classes.give(label)
    qtbot.keyClick(classes.table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert classes.draft.labels == ["bad", "bad", "good", "good"]
    assert classes.current() == 1
    shifted = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(classes.table, Qt.Key.Key_Z, shifted)
    assert classes.draft.labels == ["bad", "good", "good", "good"]
    classes.stack.undo()
    classes.stack.undo()
    assert classes.draft.edits() == []


def test_that_every_repeat_is_labelled_in_one_step(classes):
    classes.every.setChecked(True)
    classes.give("bad")
    assert classes.draft.labels == ["bad", "bad", "bad", "good"]
    classes.stack.undo()
    assert classes.draft.labels == ["good", "bad", "good", "good"]


def test_that_several_chosen_rows_are_labelled_at_once(classes):
    classes.table.selectAll()
    classes.give("so-so")
    assert classes.draft.labels == ["so-so"] * 4
    assert "so-so" in classes.keys.names


def test_that_disputed_and_changed_examples_can_be_listed_alone(classes):
    classes.which.setCurrentIndex(2)
    assert classes.model.shown == [2, 3]
    classes.give("bad")
    classes.which.setCurrentIndex(1)
    assert classes.model.shown == [2]
    classes.which.setCurrentIndex(0)
    classes.search.setText("poor")
    assert classes.model.shown == [1]
    classes.search.setText("nothing like this")
    assert classes.current() == -1
    classes.give("bad")


def test_that_selected_words_become_a_span_grown_to_whole_words(qtbot, spans):
    spans.table.selectRow(0)
    spans.spans.select(16, 18)
    spans.spans.setFocus()
    qtbot.keyClick(spans.spans, Qt.Key.Key_2)
    assert spans.draft.spans[0] == [Span(0, 3, "PER"), Span(15, 21, "LOC")]


def test_that_every_repeat_of_a_span_is_marked_as_whole_words_only(spans):
    spans.every.setChecked(True)
    spans.table.selectRow(0)
    spans.spans.select(15, 21)
    spans.give("LOC")
    assert [len(some) for some in spans.draft.spans] == [2, 1, 0, 0]
    spans.stack.undo()
    assert [len(some) for some in spans.draft.spans] == [1, 0, 0, 0]


def test_that_a_new_span_takes_the_place_of_what_it_touches(spans):
    spans.spans.select(0, 11)
    spans.give("LOC")
    assert spans.draft.spans[0] == [Span(0, 11, "LOC")]
    spans.stack.undo()
    assert spans.draft.spans[0] == [Span(0, 3, "PER")]


def test_that_delete_removes_the_span_under_the_cursor(qtbot, spans):
    spans.spans.select(1, 1)
    spans.spans.setFocus()
    qtbot.keyClick(spans.spans, Qt.Key.Key_Delete)
    assert spans.draft.spans[0] == []
    spans.stack.undo()
    assert spans.draft.spans[0] == [Span(0, 3, "PER")]


def test_that_without_a_selection_it_is_said_what_to_do(spans):
    spans.spans.select(5, 5)
    spans.give("LOC")
    assert "Select some words" in spans.message.text()


def test_that_rare_letters_do_not_shift_a_span(make):
    box = make()
    box.show_texts([SpannedText("😀😀 Ada 😀", [])], "x")
    box.draft.add_name("PER")
    box.spans.select(3, 6)
    assert box.spans.selection() == (3, 6)
    box.give("PER")
    assert box.draft.texts[0][3:6] == "Ada" and box.draft.spans[0] == [Span(3, 6, "PER")]


def test_that_edits_are_autosaved_and_announced(qtbot, classes, link, monkeypatch):
    classes.autosave.set_delay(0.01)
    told = []
    link.saved.connect(told.append)
    classes.give("bad")
    assert classes.saved.text() == "edited, autosaving …"
    path = draft_path(link.home.edits, "/data/films.csv", "labels")
    qtbot.waitUntil(path.exists)
    qtbot.waitUntil(lambda: classes.saved.text() == "autosaved 0 s ago")
    assert told[0] == "edited, autosaving …" and "autosaved 0 s ago" in told
    assert announced(dirty=False, ago_s=4) == "autosaved 4 s ago"
    assert module.AUTOSAVE_AFTER_S <= 5


def test_that_edits_of_last_time_come_back_and_can_be_dropped(classes, make, link):
    classes.give("bad")
    classes.save_now()
    again = make()
    again.show_items(items(), "/data/films.csv")
    assert again.draft.labels[0] == "bad"
    assert "last time" in again.message.text()
    again.stack.undo()
    again.save_now()
    assert not draft_path(link.home.edits, "/data/films.csv", "labels").exists()


def test_that_edits_never_land_on_another_text(classes, make):
    classes.give("bad")
    classes.save_now()
    again = make()
    changed = items()
    changed[0] = Item("another film altogether", "good")
    again.show_items(changed, "/data/films.csv")
    assert again.draft.labels[0] == "good" and again.draft.edits() == []


def test_that_garbled_autosaves_are_set_aside_and_said(make, link):
    path = draft_path(link.home.edits, "/data/films.csv", "labels")
    path.write_text("{torn")
    box = make()
    box.show_items(items(), "/data/films.csv")
    assert "cannot be read" in box.message.text()
    assert len(list(link.home.edits.glob("*.garbled.json"))) == 1


def test_that_hiding_the_page_saves_at_once(classes, link):
    classes.give("bad")
    classes.hide()
    assert draft_path(link.home.edits, "/data/films.csv", "labels").exists()


def test_that_a_failed_autosave_is_said_and_tried_again(classes, link, monkeypatch):
    def full(*_args):
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "keep", full)
    classes.give("bad")
    classes.save_now()
    assert "No space left" in classes.saved.text()
    assert classes.autosave.pending


def test_that_a_label_given_with_ctrl_held_moves_on_to_the_next_example_alone(qtbot, classes):
    qtbot.keyClick(classes.table, Qt.Key.Key_F12, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.keyboardModifiers() == Qt.KeyboardModifier.ControlModifier  # as Qt knows it from then on
    classes.give("bad")
    assert [index.row() for index in classes.table.selectionModel().selectedRows()] == [1]
    assert classes.current() == 1


def test_that_training_starts_from_a_saved_copy(qtbot, classes, link):
    classes.give("bad")
    with qtbot.waitSignal(classes.retrain) as caught:
        qtbot.mouseClick(classes.train_button, Qt.MouseButton.LeftButton)
    first = caught.args[0]
    with Path(first).open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file))[:2] == [["text", "label"], ["fine film", "bad"]]
    with qtbot.waitSignal(classes.retrain) as caught:
        classes.train_on_copy()
    assert caught.args[0] == first
    classes.give("bad")
    classes.give("bad")
    classes.give("bad")
    with qtbot.waitSignal(classes.retrain) as caught:
        classes.train_on_copy()
    assert caught.args[0] != first


def test_that_the_source_is_never_overwritten(make, tmp_path):
    source = tmp_path / "films.csv"
    source.write_text("text,label\nfine film,good\n")
    box = make()
    box.show_items(items(), str(source))
    assert box.save_copy(source) is None
    assert "overwrite" in box.message.text()
    assert source.read_text() == "text,label\nfine film,good\n"


def test_that_examples_come_from_the_worker_page_by_page(qtbot, make, link):
    def page(arguments):
        offset = arguments["offset"]
        texts = [
            SpannedText(f"text {at}", [], title="ab"[at % 2], source=at) for at in range(offset, min(offset + 2, 5))
        ]
        return ExamplesPage("class", 5, offset, ["a", "b", "c"], texts)

    link.runner.answers["examples"] = page
    box = make()
    box.load("sample:x", recipe="berturk-nlu")
    qtbot.waitUntil(lambda: len(box.draft) == 5)
    assert box.draft.labels == list("ababa")
    assert box.draft.names == ["a", "b", "c"]
    assert not box.message.isVisible()


def test_that_trouble_with_the_data_is_said(qtbot, make, link):
    from workbench.core.problem import InputError

    link.runner.answers["examples"] = InputError("The file is empty.", fix="Choose another one.")
    box = make()
    box.load("/data/none.csv", recipe="berturk-nlu")
    qtbot.waitUntil(lambda: "empty" in box.message.text())
    assert not box.train_button.isEnabled()
