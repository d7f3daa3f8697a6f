"""Words against words: alignments, error rates, two readings of one sound, speakers."""

from __future__ import annotations

import random

import pytest

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.transcripts import (
    Transcript,
    against_corrections,
    changes,
    differing,
    joined,
    plain_words,
    tiers_of,
    word_errors,
)


def rows(text: str, *, at_s: float = 0.0, gap_s: float = 0.5) -> list[Segment]:
    return [Segment(at_s + gap_s * at, at_s + gap_s * at + 0.4, word) for at, word in enumerate(text.split())]


def test_that_texts_are_aligned_with_the_fewest_edits():
    found = changes(["the", "cat", "sat", "on", "mats"], ["The", "cat", "on", "red", "mats"])
    assert [(one.equal, one.first, one.other_first) for one in found if one.first < one.last] == [
        (True, 0, 0), (True, 1, 1), (False, 2, 2), (True, 3, 2), (True, 4, 4)]  # fmt: skip
    assert sum(not one.equal for one in found) == 2
    assert changes([], []) == []


def test_that_the_word_error_rate_counts_against_the_reference_and_passes_over_punctuation():
    assert plain_words("„Yes“, he said – twice!") == ["yes", "he", "said", "twice"]
    rate = word_errors([("the cat sat", "the cat sat down"), ("Hello, world!", "hello word")])
    assert (rate.errors, rate.words, rate.rate) == (2, 5, 0.4)
    assert word_errors([("", "")]).rate == 0 and word_errors([("", "noise")]).rate == 1


def test_that_two_readings_of_an_hour_are_compared_place_by_place():
    chance = random.Random(3)
    said = [chance.choice(("alpha", "beta", "gamma", "delta", "nu")) for _ in range(7200)]
    first, second = rows(" ".join(said)), rows(" ".join(said), at_s=0.05)
    second[100] = Segment(second[100].start_s, second[100].end_s, "omega")
    del second[5000]
    here, there = differing(first, second)
    assert len(here) == 2 and there == {100}
    assert 100 in here and min(abs(one - 5000) for one in here - {100}) < 20
    assert differing([], rows("a b")) == (set(), {0, 1})


def test_that_only_what_a_person_corrected_measures_a_model():
    true = [Segment(0, 1, "hello world", corrected=True), Segment(2, 3, "never looked at")]
    doc = TiersDoc([Tier("transcript", "segments", true)])
    rate, count = against_corrections(rows("hello word also more"), doc)
    assert (rate.errors, rate.words, count) == (1, 2, 1)


def test_that_parts_join_with_each_note_once():
    parts = [Transcript(rows("a"), rows("a"), 0, 5, 9, False, notes=("n", "m")),
             Transcript(rows("b", at_s=6), rows("b", at_s=6), 5, 9, 9, True, notes=("n",))]  # fmt: skip
    whole = joined(parts)
    assert (whole.text, whole.start_s, whole.reached_s, whole.complete) == ("a\nb", 0, 9, True)
    assert whole.notes == ("n", "m")
    assert [one.kind for one in tiers_of(whole).tiers] == ["segments", "words"]
    assert tiers_of(whole).duration_s == pytest.approx(9)
