"""Texts for an English voice: what is expanded, left out and told, or refused."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.core.cloning import file_stem
from workbench.core.problem import InputError
from workbench.core.sayable import MOST_CHARACTERS, sayable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I paid $3.50 for 42 apples.", "I paid 3 dollars and 50 cents for 42 apples."),
        ("£1.01 or €1,200", "1 pound and 1 pence or 1200 euros"),
        ("$1.00", "1 dollar"),
        ("version 3.14159", "version 3.14159"),
        ("naïve  Straße, Łódź", "naive Strasse, Lodz"),
        ("don’t – “wait” …", 'don\'t , "wait" .'),
        ("½ of it", "1/2 of it"),
        ("one\x00two\tthree", "one two three"),
    ],
)
def test_that_writing_is_put_as_it_is_said(text: str, said: str) -> None:
    assert sayable(text)[0] == said


def test_that_what_has_no_sound_is_left_out_and_told() -> None:
    said, notes = sayable("Hello 🙂 there ✓")
    assert said == "Hello there"
    assert notes == ("left out what has no sound: 🙂 ✓",)


@pytest.mark.parametrize(
    ("text", "what", "received"),
    [
        ("", "nothing to say", "an empty text"),
        ("  \n", "nothing to say", "an empty text"),
        ("?!…", "nothing to say", "?!…"),
        ("🙂", "nothing to say", "🙂"),
        ("Hello Привет", "cannot say these letters", "П р и в е т"),
        ("你好", "cannot say these letters", "你 好"),
        ("word " * 1000, "too long", "4\u202f999 characters"),
    ],
)
def test_that_what_cannot_be_said_is_refused_with_what_it_was(text: str, what: str, received: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        sayable(text)
    assert received in caught.value.received and caught.value.fix


@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200))
def test_that_any_text_is_said_in_plain_writing_or_refused(text: str) -> None:
    try:
        said, _ = sayable(text)
    except InputError:
        return
    assert 0 < len(said) <= MOST_CHARACTERS
    assert all(one.isascii() or one in "€£" for one in said)


def test_that_a_files_name_tells_that_it_is_synthetic() -> None:
    assert file_stem("Anna K. 3.0–4.5 s") == "Anna-K-3-0-4-5-s-synthetic"
    assert file_stem("///") == "voice-synthetic"
    assert file_stem("my synthetic one") == "my-synthetic-one"
