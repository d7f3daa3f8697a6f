"""Splits, and the store on disk that large files go through."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.problem import InputError
from workbench.engine.text import readers
from workbench.engine.text.examples import LabelledText, QuestionAnswer, label_counts, split
from workbench.engine.text.textstore import StoredTexts, stored


def texts(count: int, classes: int = 3, split_name: str = "") -> list[LabelledText]:
    return [LabelledText(f"metin {at} şğ", f"c{at % classes}", at, split_name) for at in range(count)]


def test_that_a_store_gives_back_what_was_written():
    examples = [*texts(500), LabelledText("", "c1", 7, "test")]
    held = stored(iter(examples), "facts", 1)
    assert list(held) == examples and held[-1] == examples[-1] and held[2:4] == examples[2:4]
    assert label_counts(held) == label_counts(examples)
    with pytest.raises(IndexError):
        held[501]
    again = StoredTexts(held.folder)
    assert again[321] == examples[321]


def test_that_only_the_last_stores_are_kept():
    for number in range(5):
        held = stored(iter(texts(10)), number)
    assert len([one for one in held.folder.parent.iterdir() if one.is_dir()]) == 3


def test_that_a_store_is_divided_without_sharing_texts():
    examples = texts(3000) + texts(3000) + [LabelledText("rare", "seldom", 1)]
    parts = split(stored(iter(examples), "x"), seed=4)
    train, test = ({one.text for one in part} for part in (parts.train, parts.test))
    assert not train & test and "rare" in train
    assert 0.1 < len(parts.test) / len(examples) < 0.2
    assert sum(map(len, (parts.train, parts.validation, parts.test))) == len(examples)


def test_that_given_parts_of_a_store_are_kept_and_checked():
    examples = texts(2000, split_name="train") + [LabelledText(f"t {at}", f"c{at % 3}", at, "test") for at in range(90)]
    parts = split(stored(iter(examples), "y"), seed=0)
    assert parts.given and len(parts.test) == 90 and len(parts.validation) > 100
    with pytest.raises(InputError, match="only in test: 'new'"):
        split(stored(iter([*examples, LabelledText("a", "new", 1, "test")]), "z"))


def test_that_a_large_file_goes_through_the_store(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "IN_MEMORY_BYTES", 100)
    path = tmp_path / "large.csv"
    path.write_text("text,label\n" + "".join(f"metin {at},c{at % 3}\n" for at in range(400)), "utf-8")
    found = readers.load_labelled(str(path))
    assert isinstance(found.examples, StoredTexts) and found.labels == ["c0", "c1", "c2"]
    assert len(split(found.examples, 1).train) > 200


def test_that_a_large_file_is_read_once_until_it_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "IN_MEMORY_BYTES", 100)
    path = tmp_path / "large.csv"
    rows = "text,label\n" + "".join(f"metin {at},c{at % 3}\n" for at in range(400)) + ",c1\n"
    path.write_text(rows, "utf-8")
    first = readers.load_labelled(str(path))
    with monkeypatch.context() as patch:
        patch.setattr(readers, "labelled_rows", None)
        again = readers.load_labelled(str(path))
    assert list(again.examples) == list(first.examples) and again.problems == first.problems != []
    assert again.detail == first.detail
    path.write_text(rows + "one more,c2\n", "utf-8")
    assert len(readers.load_labelled(str(path)).examples) == 401


def test_that_a_split_is_stratified_and_the_seed_decides():
    examples = texts(300)
    one, same, other = (split(examples, seed) for seed in (1, 1, 2))
    assert list(one.test) == list(same.test) != list(other.test)
    assert set(label_counts(one.test).values()) == {15}
    assert len(one.train) + len(one.validation) + len(one.test) == 300


def test_that_equal_texts_stay_on_one_side():
    examples = [
        LabelledText(f"Text  {at % 40}".upper() if at % 2 else f"text {at % 40}", f"c{at % 2}") for at in range(160)
    ]
    parts = split(examples, seed=0)
    sides = [
        {one.text.lower().replace("  ", " ") for one in part} for part in (parts.train, parts.validation, parts.test)
    ]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])


def test_that_questions_on_one_passage_stay_on_one_side():
    asked = [QuestionAnswer(f"q{at}", f"passage {at % 12}", ((0, "passage"),)) for at in range(60)]
    parts = split(asked, seed=0)
    assert not {one.context for one in parts.train} & {one.context for one in parts.test}


def test_that_a_rare_class_stays_in_train():
    examples = [*texts(60, classes=2), LabelledText("alone", "rare")]
    parts = split(examples, seed=3)
    assert "rare" in label_counts(parts.train)
    assert "rare" not in label_counts(parts.test)


def test_that_too_little_data_is_refused():
    with pytest.raises(InputError, match="too few"):
        split(texts(2))


def test_that_a_part_of_a_part_is_still_a_view():
    parts = split(texts(100), seed=0)
    few = parts.train[:10]
    assert len(few) == 10 and few[0] == parts.train[0]
    assert isinstance(np.asarray(few.positions), np.ndarray)  # type: ignore[union-attr]
