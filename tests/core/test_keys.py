"""Keys of one's own as a line of text, and the table of commands they belong to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.commands import COMMANDS, PLACES, clash, place_of
from workbench.core.keys import read_keys, spell_keys

NAMES = st.from_regex(r"[a-z][a-z-]{0,8}\.[a-z][a-z-]{0,8}", fullmatch=True)
KEYS = st.sampled_from(["", "F5", "Ctrl+;", "Ctrl+1; Alt+Home", "Ctrl+=", "Ctrl++; Ctrl+=", "Ctrl+,", "Media Play"])


@given(st.dictionaries(NAMES, KEYS, max_size=6))
def test_that_keys_come_back_as_spelled(keys: dict[str, str]) -> None:
    assert read_keys(spell_keys(keys)) == keys


@pytest.mark.parametrize("line", ["", "   ", "no mark", "=F5", ";;;"])
def test_that_a_line_without_names_holds_no_keys(line: str) -> None:
    assert read_keys(line) == {}


def test_that_every_command_has_an_id_of_its_own_a_name_a_tip_and_a_place() -> None:
    assert len({one.id for one in COMMANDS}) == len(COMMANDS)
    assert all(one.text and one.tip and one.place in PLACES for one in COMMANDS)


def test_that_no_delivered_key_is_given_twice_where_both_actions_are_at_hand() -> None:
    pairs = [(a, b) for a in COMMANDS for b in COMMANDS if a.id < b.id and clash(a.place, b.place)]
    twice = [(a.id, b.id) for a, b in pairs if set(filter(None, a.key.split("; "))) & set(b.key.split("; "))]
    assert twice == []


@pytest.mark.parametrize(
    ("one", "other", "clashes"),
    [
        ("window", "recipe", True),
        ("recipe", "window", True),
        ("go", "window", True),
        ("recipe", "runs", False),
        ("recipe", "labels", False),
        ("view", "view.curve", True),
        ("view.map", "view.curve", False),
        ("labels", "labels", True),
        ("ask", "labels", False),
    ],
)
def test_that_places_clash_only_where_one_key_would_mean_two_things(one: str, other: str, clashes: bool) -> None:
    assert clash(one, other) is clashes


def test_that_an_undeclared_place_is_named_after_its_id() -> None:
    assert place_of("sweep-table").title == "Sweep table"
    assert place_of("view.mesh") is PLACES["view"]
