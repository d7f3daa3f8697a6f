"""Knobs: parsing, bounds, and all problems at once."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.params import Params, changed, check, knob, knobs, parse, values_of
from workbench.core.problem import InputError, Problems


class Example(Params):
    width: int = knob(8, "How wide", low=1, high=64, unit="rows")
    rate: float = knob(0.5, "How fast", low=0.0, high=1.0)
    mode: Literal["last layers", "full"] = knob("full", "Which")
    loud: bool = knob(False, "Say more")
    name: str = knob("", "Its name")
    at_least: float = knob(2.0, "No upper end", low=1.0)
    at_most: int = knob(2, "No lower end", high=5)


class Child(Example):
    depth: int = knob(1, "How deep", low=1, high=9, label="Layers", when={"mode": ("full",)})


BY_NAME = {one.name: one for one in knobs(Child)}


def test_that_knobs_come_in_order_of_declaration_with_inherited_ones_first() -> None:
    assert [one.name for one in knobs(Child)] == [
        "width", "rate", "mode", "loud", "name", "at_least", "at_most", "depth",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("width", "a whole number from 1 to 64 (rows)"),
        ("at_least", "a number of at least 1"),
        ("at_most", "a whole number of at most 5"),
        ("mode", "one of last layers, full"),
        ("loud", "true or false"),
        ("name", "text"),
    ],
)
def test_that_a_knob_says_what_it_accepts(name: str, words: str) -> None:
    assert BY_NAME[name].expected() == words


def test_that_titles_and_flags_come_from_label_and_name() -> None:
    assert (BY_NAME["at_least"].title, BY_NAME["at_least"].flag) == ("At least", "--at-least")
    assert BY_NAME["depth"].title == "Layers"


def test_that_a_knob_applies_only_beside_the_values_it_names() -> None:
    assert BY_NAME["depth"].applies({"mode": "full"})
    assert not BY_NAME["depth"].applies({"mode": "last layers"})


@pytest.mark.parametrize(
    ("name", "given_value", "expected"),
    [
        ("width", "12", 12),
        ("width", 12.0, 12),
        ("width", "1e1", 10),
        ("rate", "0.25", 0.25),
        ("rate", 1, 1.0),
        ("mode", "last layers", "last layers"),
        ("loud", "yes", True),
        ("loud", " OFF ", False),
        ("loud", True, True),
        ("loud", 0, False),
        ("name", "Türkçe metin", "Türkçe metin"),
    ],
)
def test_that_text_and_numbers_become_the_declared_type(name: str, given_value: Any, expected: Any) -> None:
    parsed = parse(BY_NAME[name], given_value)
    assert (parsed, type(parsed)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "given_value"),
    [
        ("width", "2.5"), ("width", "many"), ("width", 0), ("width", 65), ("width", True), ("width", None),
        ("width", "1e400"), ("width", "nan"), ("width", [1]), ("rate", "nan"), ("rate", math.inf), ("rate", False),
        ("rate", "0,5"), ("rate", -0.001), ("mode", "ful"), ("loud", "perhaps"), ("loud", 2), ("name", 3),
        ("at_most", 6), ("width", "9" * 5000),
    ],
)  # fmt: skip
def test_that_a_wrong_value_names_the_knob_what_was_expected_and_received(name: str, given_value: Any) -> None:
    with pytest.raises(InputError) as caught:
        parse(BY_NAME[name], given_value)
    assert caught.value.field == name
    assert caught.value.expected == BY_NAME[name].expected()
    assert caught.value.received
    assert caught.value.fix


def test_that_all_problems_of_a_form_are_reported_at_once() -> None:
    with pytest.raises(Problems) as caught:
        check(Example, {"width": 0, "rate": "x", "mode": "ful", "wdth": 3, "name": "fine"})
    assert [one.field for one in caught.value.problems] == ["width", "rate", "mode", "wdth"]
    text = str(caught.value)
    assert "Did you mean 'full'?" in text
    assert "Did you mean 'width'?" in text
    assert text.count("Expected:") == text.count("Received:") == text.count("Fix:") == 4


def test_that_check_keeps_the_base_for_what_is_not_named() -> None:
    base = Example(width=3, loud=True)
    assert check(Example, {"rate": "1"}, base=base) == Example(width=3, loud=True, rate=1.0)


def test_that_only_values_off_the_default_count_as_changed() -> None:
    assert changed(Example(width=9, mode="full")) == {"width": 9}


def test_that_replace_checks_the_new_values() -> None:
    assert Example().replace(width=4).width == 4
    with pytest.raises(Problems):
        Example().replace(width=400)


def test_that_a_knob_of_an_unsupported_type_is_refused() -> None:
    class Wrong(Params):
        items: list = knob(None, "Not a knob's type")  # type: ignore[type-arg]

    with pytest.raises(TypeError, match="items"):
        knobs(Wrong)


@given(
    width=st.integers(1, 64),
    rate=st.floats(0, 1),
    loud=st.booleans(),
    mode=st.sampled_from(["full", "last layers"]),
    name=st.text(),
)
def test_that_values_survive_being_written_as_text(
    *, width: int, rate: float, loud: bool, mode: str, name: str
) -> None:
    params = check(Example, {"width": width, "rate": rate, "loud": loud, "mode": mode, "name": name})
    assert check(Example, {key: str(value) for key, value in values_of(params).items()}) == params
