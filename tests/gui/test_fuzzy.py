from __future__ import annotations

import pytest

from workbench.gui.fuzzy import NONE, fitness

NAMES = ["Go to Models", "Go to Home", "Command palette", "Copy as command", "Show the last claim", "Run claim",
         "Confusion: Copy as CSV", "Switch between dark and light", "Theme: dark"]  # fmt: skip


def best(typed: str) -> str:
    return max(NAMES, key=lambda name: fitness(typed, name))


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("go to mod", "Go to Models"),
        ("gth", "Go to Home"),
        ("runc", "Run claim"),
        ("last cl", "Show the last claim"),
        ("claim last", "Show the last claim"),
        ("ccsv", "Confusion: Copy as CSV"),
        ("cac", "Copy as command"),
        ("DARK", "Theme: dark"),
    ],
)
def test_that_letters_find_the_name_whose_words_they_begin(typed: str, name: str) -> None:
    assert best(typed) == name


def test_that_letters_in_another_order_do_not_fit() -> None:
    assert fitness("nur", "Run claim") == NONE
    assert fitness("runx", "Run claim") == NONE


def test_that_nothing_typed_fits_everything() -> None:
    assert all(fitness("", name) > NONE for name in NAMES)


def test_that_a_run_of_letters_is_worth_more_than_scattered_ones() -> None:
    assert fitness("model", "Go to Models") > fitness("model", "Smooth the deal")
