"""Differences instead of copies, a budget that forgets the oldest, one stack per document."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from workbench.gui.undo import ArrayEdit, Document, KeyedEdit


@pytest.fixture
def document(qapp: object) -> Document:
    return Document()


def paint(document: Document, array: np.ndarray, where: tuple[slice, ...], value: float, stroke: int = 0) -> None:
    before = array[where].copy()
    array[where] = value
    document.push(ArrayEdit(array, where, before, text=f"paint {value}", stroke=stroke))


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.float32, np.float64, bool])
def test_that_painting_comes_off_and_on_again_to_the_bit(document: Document, kind: type) -> None:
    array = np.asfortranarray(np.arange(4 * 5 * 6).reshape(4, 5, 6)).astype(kind)
    first = array.copy()
    paint(document, array, (slice(1, 3), slice(0, 5), slice(2, 4)), 1)
    painted = array.copy()
    document.undo()
    assert array.tobytes() == first.tobytes()
    document.redo()
    assert array.tobytes() == painted.tobytes()


def test_that_not_a_number_comes_back(document: Document) -> None:
    array = np.array([1.0, np.nan, 3.0])
    paint(document, array, (slice(0, 3),), np.nan)
    document.undo()
    assert np.array_equal(array, [1.0, np.nan, 3.0], equal_nan=True)


def test_that_only_what_changed_is_remembered(document: Document) -> None:
    array = np.zeros((256, 256, 64), np.uint8)
    whole = (slice(0, 256), slice(0, 256), slice(0, 64))
    before = array.copy()
    array[10:20, 30:40, 5] = 3
    edit = ArrayEdit(array, whole, before, text="dab")
    assert edit.box == (slice(10, 20), slice(30, 40), slice(5, 6))
    assert edit.nbytes < 100
    document.push(edit)
    document.undo()
    assert not array.any()


def test_that_a_stroke_is_one_step_and_the_next_stroke_another(document: Document) -> None:
    array = np.zeros((20, 20), np.uint8)
    for at in range(5):
        paint(document, array, (slice(at, at + 4), slice(at, at + 4)), 1, stroke=1)
    once = array.copy()
    paint(document, array, (slice(0, 20), slice(0, 2)), 2, stroke=2)
    assert document.stack.count() == 2
    document.undo()
    assert np.array_equal(array, once)
    document.undo()
    assert not array.any() and not document.can_undo


DABS = st.lists(st.tuples(*[st.integers(0, 9)] * 4, st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(DABS)
def test_that_any_painting_can_be_walked_back_to_the_start(dabs: list[tuple[int, ...]]) -> None:
    document, array = Document(), np.zeros((10, 10), np.uint16)
    for a, b, c, d, value, stroke in dabs:
        paint(document, array, (slice(min(a, b), max(a, b) + 1), slice(min(c, d), max(c, d) + 1)), value, stroke)
    last = array.copy()
    while document.can_undo:
        document.undo()
    assert not array.any()
    while document.stack.canRedo():
        document.redo()
    assert np.array_equal(array, last)


def test_that_the_budget_forgets_the_oldest_and_never_the_newest(document: Document) -> None:
    chance, array = np.random.default_rng(0), np.zeros(4000, np.uint8)
    document.budget_bytes = 10_000
    states = [array.copy()]
    for _ in range(10):
        before = array.copy()
        array[:] = chance.integers(0, 255, 4000)
        document.push(ArrayEdit(array, (slice(0, 4000),), before, text="noise"))
        states.append(array.copy())
    assert document.nbytes <= 10_000
    back = 0
    while document.can_undo:
        document.undo()
        back += 1
    assert back == 2 and np.array_equal(array, states[8])
    document.budget_bytes = 10
    before = array.copy()
    array[:] = 1
    document.push(ArrayEdit(array, (slice(0, 4000),), before, text="too large, and still"))
    assert document.can_undo
    document.undo()
    assert np.array_equal(array, states[8])


def test_that_values_by_key_go_back_and_forth_and_are_told(document: Document) -> None:
    told: list[list[object]] = []
    names = {"a": 1, "b": 2}
    document.push(KeyedEdit(names, {"b": 5}, told.append, text="set b"))
    document.undo()
    assert names == {"a": 1, "b": 2}
    document.redo()
    assert names["b"] == 5 and told == [["b"]] * 3


def test_that_the_actions_name_what_they_do_and_rest_when_there_is_nothing(qtbot: QtBot) -> None:
    owner = QWidget()
    qtbot.addWidget(owner)
    document = Document(owner)
    undo, redo = document.actions(owner, ("labels.undo", "labels.redo"))
    assert (undo.text(), undo.isEnabled(), redo.isEnabled()) == ("Undo", False, False)
    values = [0]
    document.push(KeyedEdit(values, {0: 1}, lambda _: None, text="set the first"))
    assert (undo.text(), undo.isEnabled()) == ("Undo: set the first", True)
    undo.trigger()
    assert (redo.text(), undo.isEnabled(), values) == ("Redo: set the first", False, [0])


def test_that_it_knows_whether_it_is_as_it_was_saved(document: Document) -> None:
    values = [0]
    assert document.clean
    document.push(KeyedEdit(values, {0: 1}, lambda _: None, text="x"))
    document.set_clean()
    assert document.clean
    document.undo()
    assert not document.clean
    document.redo()
    assert document.clean


def test_that_a_document_goes_quietly_with_its_owner(qtbot: QtBot) -> None:
    owner = QObject()
    document = Document(owner)
    document.push(KeyedEdit([0], {0: 1}, lambda _: None, text="x"))
    owner.deleteLater()
    qtbot.wait(10)
