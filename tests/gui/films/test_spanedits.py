"""Edits of labelled spans: nothing overlaps within a track, and every step can be taken back."""

from __future__ import annotations

import random

import pytest

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.gui.films import spanedits
from workbench.gui.films.spanedits import Label
from workbench.gui.sounds import tieredits
from workbench.gui.sounds.tieredits import Replaced, TiersEdit
from workbench.gui.undo import Document


def doc(*spans: tuple[float, float], label: str = "run") -> TiersDoc:
    return TiersDoc([Tier(label, "segments", [Segment(start, end) for start, end in spans])])


def pairs(found: TiersDoc, track: int = 0) -> list[tuple[float, float]]:
    return [(one.start_s, one.end_s) for one in found.tiers[track].segments]


def quiet(_track: int, _marked: int) -> None:
    pass


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 0.5, [(0, 0.5), (1, 2), (3, 4), (5, 6)]),
        (2, 3, [(1, 2), (2, 3), (3, 4), (5, 6)]),
        (1.5, 2.5, [(1, 2.5), (3, 4), (5, 6)]),
        (1.5, 3.5, [(1, 4), (5, 6)]),
        (0, 9, [(0, 9)]),
        (3.2, 3.8, [(1, 2), (3, 4), (5, 6)]),
    ],
)
def test_that_a_label_put_over_spans_of_it_becomes_one_with_them(
    start: float, end: float, expected: list[tuple[float, float]]
) -> None:
    found, document = doc((1, 2), (3, 4), (5, 6)), Document()
    step = spanedits.put(found, "run", start, end, quiet)
    if step is None:
        assert pairs(found) == expected
        return
    document.push(step)
    assert pairs(found) == expected
    document.undo()
    assert pairs(found) == [(1, 2), (3, 4), (5, 6)]


def test_that_a_first_span_comes_and_goes_with_its_track() -> None:
    found, document, heard = doc((1, 2)), Document(), []
    step = spanedits.put(found, "jump", 1.5, 3, lambda *told: heard.append(told), note="high")
    assert step is not None
    document.push(step)
    assert [tier.name for tier in found.tiers] == ["run", "jump"]
    assert found.tiers[1].segments == [Segment(1.5, 3, "high")]
    assert heard == [(1, 0)]
    document.undo()
    assert [tier.name for tier in found.tiers] == ["run"]
    document.redo()
    assert pairs(found, 1) == [(1.5, 3)]


def test_that_spans_are_drawn_and_moved_up_to_those_beside_them() -> None:
    found = doc((1, 2), (3, 4))
    for anchor, to, expected in ((2.2, 2.8, (2.2, 2.8)), (2.2, 9, (2.2, 3)), (2.2, 0, (2, 2.2)), (4.5, 9, (4.5, 9))):
        change = spanedits.drawn(found, 0, anchor, to)
        assert change is not None
        assert (change.new[0].start_s, change.new[0].end_s) == expected
    assert spanedits.drawn(found, 0, 1.5, 2.5) is None
    assert spanedits.drawn(found, 0, 2.5, 2.5) is None
    for to, start in ((0, 0), (1.5, 1.5), (2.5, 2), (9, 2)):
        change = spanedits.moved(found, 0, 0, to, end_s=10)
        assert change is not None
        assert (change.new[0].start_s, change.new[0].end_s) == (start, start + 1)
    change = spanedits.moved(found, 0, 1, 9.7, end_s=10)
    assert change is not None and (change.new[0].start_s, change.new[0].end_s) == (9, 10)


def test_that_both_halves_of_a_split_span_keep_its_note_and_score() -> None:
    found = TiersDoc([Tier("run", "segments", [Segment(1, 3, "far away", "", 0.5)])])
    change = spanedits.split(found, 0, 2)
    assert change is not None
    assert change.new == (Segment(1, 2, "far away", "", 0.5), Segment(2, 3, "far away", "", 0.5))
    assert spanedits.split(found, 0, 5) is None


def test_that_a_span_goes_to_another_label_as_one_step() -> None:
    found, document = doc((1, 2), (3, 4)), Document()
    found.tiers.append(Tier("jump", "segments", [Segment(3.5, 5, "old")]))
    found.tiers[0].segments[1].text = "new"
    step = spanedits.relabelled(found, 0, 1, "jump", quiet)
    assert step is not None
    document.push(step)
    assert pairs(found) == [(1, 2)]
    assert found.tiers[1].segments == [Segment(3, 5, "old; new")]
    document.undo()
    assert pairs(found) == [(1, 2), (3, 4)] and pairs(found, 1) == [(3.5, 5)]
    assert spanedits.relabelled(found, 0, 1, "run", quiet) is None


def test_that_any_row_of_edits_leaves_tracks_whole_and_can_be_taken_back() -> None:
    for seed in range(30):
        chance, found, document = random.Random(seed), doc((1, 2), (3, 4)), Document()
        before = [pairs(found)]
        for _ in range(60):
            count = len(found.tiers[0].segments)
            a, b = sorted(chance.uniform(0, 10) for _ in range(2))
            index = chance.randrange(max(count, 1))
            change: Replaced | None = None
            match chance.randrange(6):
                case 0:
                    change = spanedits.covered(found, 0, a, b) if b - a > 0.01 else None
                case 1:
                    change = spanedits.drawn(found, 0, chance.uniform(0, 10), chance.uniform(0, 10))
                case 2 if count:
                    change = spanedits.moved(found, 0, index, a, end_s=10)
                case 3 if count:
                    change = spanedits.edge(found, 0, index, chance.random() < 0.5, a, end_s=10)
                case 4:
                    change = spanedits.split(found, 0, a)
                case 5:
                    change = tieredits.delete(found, 0, index)
            if change is not None:
                document.push(TiersEdit(found, change, quiet, text="edit"))
                before.append(pairs(found))
            flat = [time for pair in pairs(found) for time in pair]
            assert flat == sorted(flat), seed
            assert all(0 <= start < end <= 10 for start, end in pairs(found)), seed
        for expected in reversed(before):
            assert pairs(found) == expected
            document.undo()


def test_that_labels_get_colours_apart_and_the_keys_one_gives_them() -> None:
    words: list[Label] = []
    for name in ("a", "b", "c", "b"):
        words = spanedits.with_label(words, name)
    assert [(one.name, one.hue) for one in words] == [("a", 0), ("b", 1), ("c", 2)]
    again = spanedits.with_label([words[0], words[2]], "d")
    assert again[-1] == Label("d", 1)
    swapped = spanedits.keyed(words, "c", 1)
    assert [(one.name, one.hue) for one in swapped] == [("c", 2), ("b", 1), ("a", 0)]
    assert spanedits.keyed(words, "nobody", 1) == words
    assert [one.name for one in spanedits.keyed(words, "a", 9)] == ["c", "b", "a"]
