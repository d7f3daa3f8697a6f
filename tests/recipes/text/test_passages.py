"""Passages are read by position, from the examples they came in and from the file their pieces were put into."""

from __future__ import annotations

import pytest

from workbench.engine.text.examples import LabelledText
from workbench.recipes.text.berturk_nlu.passages import Blocks, Picked, in_portions


def test_that_picked_texts_come_in_the_chosen_order() -> None:
    examples = [LabelledText(f"text {at}", "") for at in range(5)]
    picked = Picked(examples, [4, 0, 2])
    assert list(picked) == ["text 4", "text 0", "text 2"]
    assert list(picked[1:]) == ["text 0", "text 2"]
    assert list(Picked(picked, [2, 0])) == ["text 2", "text 4"]


def test_that_blocks_give_back_the_rows_they_were_made_of() -> None:
    rows = [[2, 7, 3], [2, 3], [2, *range(500), 3]]
    blocks = Blocks(rows)
    assert [len(blocks), list(blocks), blocks[-1], blocks[:2]] == [3, rows, rows[2], rows[:2]]
    with pytest.raises(IndexError):
        blocks[3]


def test_that_portions_hold_no_more_texts_than_asked_for() -> None:
    sizes: list[int] = []

    def count(some: list[str]) -> list[list[int]]:
        sizes.append(len(some))
        return [[len(text)] for text in some]

    assert list(in_portions(["a", "bb", "ccc", "d", "ee"], 2, count)) == [[1], [2], [3], [1], [2]]
    assert sizes == [2, 2, 1]
