"""Editing tiers: what each edit does, that it can be undone, and that a tier stays in order without overlap."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import msgspec
import pytest

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.problem import InputError
from workbench.gui.sounds import tieredits
from workbench.gui.sounds.tieredits import TiersEdit
from workbench.gui.undo import Document

END = 10.0


@pytest.fixture
def doc() -> TiersDoc:
    words = [Segment(1.0, 2.0, "one two", confidence=0.5), Segment(2.0, 3.0, "three"), Segment(5.0, 6.0, "four")]
    return TiersDoc([Tier("words", "words", words), Tier("marks", "points", [Segment(4.0, 4.0, "x")])])


def done(doc: TiersDoc, change) -> list[tuple[float, float, str]]:
    assert change is not None
    TiersEdit(doc, change, lambda *_: None, text="").redo()
    return [(one.start_s, one.end_s, one.text) for one in doc.tiers[change.tier].segments]


def test_that_a_boundary_takes_its_neighbour_along(doc):
    after = done(doc, tieredits.move_boundary(doc, 0, 0, False, 2.5, end_s=END))
    assert after[:2] == [(1.0, 2.5, "one two"), (2.5, 3.0, "three")]


def test_that_a_boundary_stops_at_a_neighbour_and_at_the_ends(doc):
    assert done(doc, tieredits.move_boundary(doc, 0, 1, False, 9.0, end_s=END))[1] == (2.0, 5.0, "three")
    assert done(doc, tieredits.move_boundary(doc, 0, 2, False, 99.0, end_s=END))[2] == (5.0, 10.0, "four")
    assert done(doc, tieredits.move_boundary(doc, 0, 0, True, -5.0, end_s=END))[0] == (0.0, 2.0, "one two")


def test_that_a_split_shares_the_words_and_a_join_brings_them_back(doc):
    before = msgspec.json.encode(doc)
    parts = done(doc, tieredits.split(doc, 0, 1.4))
    assert parts[:2] == [(1.0, 1.4, "one"), (1.4, 2.0, "two")]
    done(doc, tieredits.join(doc, 0, 0))
    assert msgspec.json.encode(doc) == before


def test_that_an_insert_fills_a_gap_and_nothing_else(doc):
    assert tieredits.insert(doc, 0, 1.5, 1.7) is None
    assert done(doc, tieredits.insert(doc, 0, 4.0, 7.0))[2] == (4.0, 5.0, "")


def test_that_a_text_written_by_a_person_is_certain(doc):
    done(doc, tieredits.set_text(doc, 0, 0, "won two"))
    assert doc.tiers[0].segments[0].confidence == 1.0
    assert tieredits.set_text(doc, 0, 0, "won two") is None


def test_that_segments_and_boundaries_are_found_by_time(doc):
    assert [tieredits.at_time(doc.tiers[0], at) for at in (0.5, 1.0, 1.999, 2.0, 3.0, 5.5)] == [-1, 0, 0, 1, -1, 2]
    assert tieredits.at_time(doc.tiers[1], 4.005) == 0
    assert tieredits.boundary_near(doc.tiers[0], 3.04, 0.05) == (1, False)
    assert tieredits.boundary_near(doc.tiers[0], 4.0, 0.05) is None


def test_that_a_drag_is_one_step(doc):
    document = Document()
    before = msgspec.json.encode(doc)
    for to_s in (2.1, 2.2, 2.6):
        change = tieredits.move_boundary(doc, 0, 0, False, to_s, end_s=END)
        document.push(TiersEdit(doc, change, lambda *_: None, text="Move boundary", drag=1))
    assert document.stack.count() == 1
    document.undo()
    assert msgspec.json.encode(doc) == before
    document.redo()
    assert doc.tiers[0].segments[1].start_s == 2.6


def test_that_any_edits_keep_the_order_and_can_all_be_undone(doc):
    chance, document = random.Random(3), Document()
    before = msgspec.json.encode(doc)
    for _ in range(300):
        row = doc.tiers[0].segments
        index = chance.randrange(len(row)) if row else 0
        makers = [
            lambda i=index: tieredits.move_boundary(
                doc, 0, i, chance.random() < 0.5, chance.uniform(-1, 11), end_s=END
            ),
            lambda: tieredits.split(doc, 0, chance.uniform(0, END)),
            lambda i=index: tieredits.join(doc, 0, i),
            lambda: tieredits.insert(doc, 0, (at := chance.uniform(0, END)), at + 1),
            lambda i=index: tieredits.delete(doc, 0, i),
        ]
        change = chance.choices(makers, (4, 3, 2, 3, 1))[0]() if row else makers[3]()
        if change is not None:
            document.push(TiersEdit(doc, change, lambda *_: None, text=""))
        row = doc.tiers[0].segments
        assert all(0 <= one.start_s < one.end_s <= END + 1 for one in row)
        assert all(one.end_s <= after.start_s + 1e-9 for one, after in itertools.pairwise(row))
    assert document.stack.count() > 50
    while document.can_undo:
        document.undo()
    assert msgspec.json.encode(doc) == before


def test_that_kept_tiers_come_back_and_damaged_ones_are_told(doc, tmp_path):
    path = tieredits.kept_path(tmp_path, "/somewhere/a.wav")
    assert tieredits.kept(path) is None
    tieredits.keep(path, doc)
    assert msgspec.json.encode(tieredits.kept(path)) == msgspec.json.encode(doc)
    path.write_bytes(b'{"tiers": [{')
    with pytest.raises(InputError, match="cannot be read"):
        tieredits.kept(path)


def test_that_what_another_window_has_kept_is_set_aside_and_told(doc, tmp_path):
    path, told = tieredits.kept_path(tmp_path, "/somewhere/b.wav"), []
    tieredits.keeping(path, doc, told.append)()
    other = TiersDoc([Tier("of another window")])
    path.write_bytes(msgspec.json.encode(other))
    tieredits.keeping(path, doc, told.append)()
    assert told == [str(path.with_name(f"{path.stem}-other.json"))]
    assert msgspec.json.encode(tieredits.kept(Path(told[0]))) == msgspec.json.encode(other)
    assert msgspec.json.encode(tieredits.kept(path)) == msgspec.json.encode(doc)
    doc.tiers.append(Tier("mine"))
    tieredits.keeping(path, doc, told.append)()
    assert len(told) == 1 and tieredits.kept(path).tiers[-1].name == "mine"
