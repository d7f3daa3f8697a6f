"""Edits and copies, without widgets."""

import json

import pytest

from workbench.core.documents import ExamplesPage, Item, Span, SpannedText
from workbench.core.problem import InputError
from workbench.engine.text.readers import load_labelled, load_questions, load_tagged
from workbench.gui.labelledits import Draft, conll, copy_name, replaced, snapped, write_copy


def tagged(*, prefixed=True, notes=("", "")):
    texts = [
        SpannedText("Ankara'dır , Ada Lovelace", [Span(0, 6, "LOC"), Span(13, 25, "PER")], note=notes[0]),
        SpannedText("kimse yok", [], note=notes[1]),
    ]
    words = [[(0, 10), (11, 12), (13, 16), (17, 25)], [(0, 5), (6, 9)]]
    return Draft.of_pages([ExamplesPage("spans", 2, 0, ["LOC", "PER"], texts, words, prefixed)], "/x/names.conll")


def test_that_conll_cuts_a_word_where_a_span_ends_inside_it():
    lines = conll(tagged(), 0).splitlines()
    assert lines[:3] == ["Ankara\tB-LOC", "'dır\tO", ",\tO"]
    assert lines[3:5] == ["Ada\tB-PER", "Lovelace\tI-PER"]


def test_that_marks_without_prefix_stay_without():
    assert "Ada\tPER" in conll(tagged(prefixed=False), 0)


def test_that_a_copy_of_spans_is_read_back_as_it_was(tmp_path):
    draft = tagged()
    draft.spans[1] = [Span(0, 5, "PER")]
    path = write_copy(draft, tmp_path / "copy.conll")
    read = load_tagged(str(path)).examples
    assert [one.tags for one in read][1] == ("B-PER", "O")
    assert read[0].tokens[0] == "Ankara"


@pytest.mark.parametrize("name", ["copy.csv", "copy.jsonl"])
def test_that_a_copy_of_classes_is_read_back_as_it_was(tmp_path, name):
    items = [Item('a "quoted", text', "x"), Item("two\nlines", "y"), Item("=1+1", "x"), Item("ünïcödé 😀", "y")]
    path = write_copy(Draft.of_items(items, ""), tmp_path / name)
    read = load_labelled(str(path)).examples
    assert [one.label for one in read] == ["x", "y", "x", "y"]
    assert [one.text for one in read] == ['a "quoted", text', "two\nlines", "=1+1", "ünïcödé 😀"]


def test_that_a_copy_of_answers_is_read_back_as_it_was(tmp_path):
    texts = [
        SpannedText("Ada was born in London.", [Span(16, 22, "answer")], title="Where was Ada born?"),
        SpannedText("Ada was born in London.", [], title="Who was Bob?"),
    ]
    draft = Draft.of_pages([ExamplesPage("answer", 2, 0, ["answer"], texts)], "")
    path = write_copy(draft, tmp_path / "copy.json")
    read = load_questions(str(path)).examples
    assert [(one.question, one.answers) for one in read] == [
        ("Where was Ada born?", ((16, "London"),)),
        ("Who was Bob?", ()),
    ]
    assert json.loads(path.read_text())["version"] == "v2.0"


def test_that_divided_data_stays_divided(tmp_path):
    draft = tagged(notes=("train", "test"))
    folder = write_copy(draft, copy_name(tmp_path, draft))
    assert sorted(path.name for path in folder.iterdir()) == ["test.conll", "train.conll"]
    assert [one.split for one in load_tagged(str(folder)).examples] == ["train", "test"]


def test_that_copies_get_new_names_and_spare_the_source(tmp_path):
    draft = Draft.of_items([Item("a", "x")], str(tmp_path / "my data.csv"))
    assert copy_name(tmp_path, draft).name == "my-data-relabelled.csv"
    write_copy(draft, copy_name(tmp_path, draft))
    assert copy_name(tmp_path, draft).name == "my-data-relabelled-2.csv"
    (tmp_path / "data").mkdir()
    divided = tagged(notes=("train", "test"))
    divided.source = str(tmp_path / "data")
    with pytest.raises(InputError, match="overwrite"):
        write_copy(divided, tmp_path / "data")
    with pytest.raises(InputError, match="overwrite"):
        write_copy(divided, tmp_path / "data" / "inside.conll")


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("Ada Lovelace", (1, 5), (0, 12)),
        (" Ada  ", (0, 6), (1, 4)),
        ("Ankara'dır", (0, 6), (0, 6)),
        ("ab", (1, 1), (1, 1)),
    ],
)
def test_that_selections_snap_to_words(text, given, expected):
    assert snapped(text, *given) == expected


def test_that_only_touched_spans_are_replaced():
    spans = [Span(0, 3, "A"), Span(4, 7, "B"), Span(8, 9, "C")]
    assert replaced(spans, Span(2, 5, "D"), 2, 5) == [Span(2, 5, "D"), Span(8, 9, "C")]
    assert replaced(spans, None, 4, 5) == [spans[0], spans[2]]
