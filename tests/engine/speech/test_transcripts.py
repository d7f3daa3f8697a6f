"""Transcripts in one spelling, the best path, and edit distances."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from workbench.engine.speech.transcripts import character_errors, edits, greedy, plain, word_errors


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Don't stop — “really”!", "don't stop really"),
        ("a well-known 'quoted' word", "a well known quoted word"),
        ("It’s  HERE.\n", "it's here"),
        ("room 12", None),
        ("x = y", None),
        ("...", None),
        ("über", None),
    ],
)
def test_that_transcripts_have_one_spelling_and_digits_none(written: str, said: str | None) -> None:
    assert plain(written) == said


def test_that_the_best_path_drops_repeats_and_blanks_but_keeps_doubles() -> None:
    vocabulary = ("<blank>", " ", "a", "b")
    path = [1, 2, 2, 0, 2, 0, 0, 1, 1, 3, 3, 1]
    emissions = np.log(np.eye(4, dtype=np.float32)[path] * 0.9 + 0.025)
    assert greedy(emissions, vocabulary) == "aa b"
    assert greedy(emissions[:0], vocabulary) == ""


def _slow(heard: str, said: str) -> int:
    table = np.zeros((len(said) + 1, len(heard) + 1), int)
    table[:, 0], table[0] = np.arange(len(said) + 1), np.arange(len(heard) + 1)
    for row, column in itertools.product(range(1, len(said) + 1), range(1, len(heard) + 1)):
        table[row, column] = min(table[row - 1, column] + 1, table[row, column - 1] + 1,
                                 table[row - 1, column - 1] + (said[row - 1] != heard[column - 1]))  # fmt: skip
    return int(table[-1, -1])


def test_that_edits_are_levenshteins() -> None:
    assert edits("kitten", "sitting") == 3
    rng = np.random.default_rng(4)
    for _ in range(60):
        heard, said = ("".join(rng.choice(list("abc"), rng.integers(0, 9))) for _ in range(2))
        assert edits(heard, said) == _slow(heard, said), (heard, said)


def test_that_errors_come_with_what_was_said() -> None:
    assert character_errors("the cat", "the cats") == (1, 8)
    assert word_errors("the cat sat down", "a cat sat") == (2, 3)
    assert word_errors("", "two words") == (2, 2)
