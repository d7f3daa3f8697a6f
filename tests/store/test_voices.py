"""Remembered voices: kept privately, told apart, corrected, merged and forgotten without a trace."""

from __future__ import annotations

import stat

import numpy as np
import pytest

from workbench.core.problem import InputError, KnownTrouble
from workbench.store import voices
from workbench.store.voices import Reference


def direction(seed: int, near: np.ndarray | None = None, spread: float = 0.05) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal(32)
    made = made / np.linalg.norm(made) if near is None else near + spread * made
    return (made / np.linalg.norm(made)).astype(np.float32)


def heard(vector: np.ndarray, key: str = "a", seconds: float = 5.0) -> Reference:
    return Reference(vector, seconds, key, f"sound {key}")


def test_that_a_voice_is_kept_readable_by_its_owner_only(home):
    anna = voices.enrol(home, " Anna  Maria ", "e1", heard(direction(1)))
    (path,) = home.voices.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(home.voices.stat().st_mode) == 0o700
    (told,) = voices.profiles(home)
    assert (told.name, told.seconds, told.sources, told.id) == ("Anna Maria", 5.0, ("sound a",), anna.id)
    assert np.allclose(voices.voices(home)[0].centre, direction(1), atol=1e-6)
    voices.delete(home, anna.id)
    assert not list(home.voices.iterdir()) and not voices.voices(home)
    with pytest.raises(InputError, match="No voice is remembered"):
        voices.delete(home, anna.id)


def test_that_a_sound_counts_once_and_more_speech_counts_more(home):
    near = direction(1)
    voices.enrol(home, "Anna", "e1", heard(direction(2, near), "a", 60.0))
    voices.enrol(home, "anna", "e1", heard(direction(3, near), "b", 1.0))
    again = voices.enrol(home, "Anna", "e1", heard(direction(4, near), "b", 2.0))
    assert [one.key for one in again.references] == ["a", "b"] and len(voices.voices(home)) == 1
    assert again.centre @ direction(2, near) > again.centre @ direction(4, near)
    # Another encoder's numbers mean something else.
    other = voices.enrol(home, "Anna", "e2", heard(direction(5), "c"))
    assert [one.key for one in other.references] == ["c"] and other.id == again.id
    for number in range(voices.MOST_REFERENCES + 3):
        last = voices.enrol(home, "Anna", "e2", heard(direction(number), str(number)))
    assert len(last.references) == voices.MOST_REFERENCES and last.references[-1].key == str(number)


def test_that_a_voice_is_recognised_and_a_strange_one_is_not_alike(home):
    anna, ben = direction(1), direction(2)
    voices.enrol(home, "Anna", "e1", heard(anna))
    voices.enrol(home, "Ben", "e1", heard(ben))
    voices.enrol(home, "Carl", "e2", heard(direction(3)))
    known = voices.voices(home)
    found = voices.recognise(known, "e1", direction(9, anna))
    assert found is not None and found.voice.name == "Anna" and found.score > 0.9
    assert voices.recognise(known, "e1", direction(3)).score < 0.6, "the voice of another encoder does not count"
    assert voices.recognise([], "e1", anna) is None


def test_that_no_voice_is_two_speakers_of_one_sound(home):
    anna = direction(1)
    voices.enrol(home, "Anna", "e1", heard(anna))
    known = voices.voices(home)
    rows = np.stack([direction(7, anna, 0.1), direction(8, anna, 0.01), direction(3)])
    found = voices.recognise_all(known, "e1", rows, 0.7)
    assert found[1].voice.name == "Anna" and found[1].score >= 0.7
    assert found[0] is None and (found[2] is None or found[2].score < 0.7)


def test_that_a_correction_moves_a_voice_from_one_name_to_another(home):
    anna = direction(1)
    like = direction(2, anna, 0.08)
    first = voices.enrol(home, "Anna", "e1", heard(anna, "a"))
    voices.enrol(home, "Anna", "e1", heard(like, "b"))
    assert voices.recognise(voices.voices(home), "e1", like).voice.name == "Anna"
    left = voices.refuse(home, first.id, like, key="b")
    assert [one.key for one in left.references] == ["a"] and left.told.refused == 1
    assert voices.recognise(voices.voices(home), "e1", like) is None
    voices.enrol(home, "Berta", "e1", heard(like, "b"))
    again = direction(5, like, 0.01)
    assert voices.recognise(voices.voices(home), "e1", again).voice.name == "Berta"
    assert voices.recognise(voices.voices(home), "e1", direction(6, anna, 0.01)).voice.name == "Anna"
    # Whoever says that it is Anna after all takes the refusal back.
    assert not voices.enrol(home, "Anna", "e1", heard(like, "b")).refused
    assert voices.refuse(home, voices.voice_named(home, "berta").id, like, key="b") is None
    assert [one.name for one in voices.voices(home)] == ["Anna"]


def test_that_names_are_unique_and_two_of_one_person_are_merged(home):
    anna = voices.enrol(home, "Anna", "e1", heard(direction(1), "a"))
    ann = voices.enrol(home, "Ann", "e1", heard(direction(2, direction(1)), "b", 3.0))
    with pytest.raises(InputError, match="Another voice"):
        voices.rename(home, ann.id, "ANNA")
    assert voices.rename(home, anna.id, "Anna B.").name == "Anna B."
    merged = voices.merge(home, ann.id, anna.id)
    assert merged.told.seconds == 8.0 and [one.name for one in voices.voices(home)] == ["Anna B."]
    with pytest.raises(InputError, match="cannot be merged"):
        voices.merge(home, anna.id, anna.id)
    for name in ("", "  ", "x" * 200, "a\0b"):
        with pytest.raises(InputError, match="no name"):
            voices.rename(home, anna.id, name)


def test_that_a_damaged_profile_is_passed_by_and_a_closed_folder_is_told(home, monkeypatch):
    voices.enrol(home, "Anna", "e1", heard(direction(1)))
    (home.voices / "bad.safetensors").write_bytes(b"no tensors")
    assert [one.name for one in voices.voices(home)] == ["Anna"]

    def refuse(*_args: object) -> int:
        raise PermissionError("closed")

    monkeypatch.setattr(voices.os, "open", refuse)
    with pytest.raises(KnownTrouble, match="could not be kept"):
        voices.enrol(home, "Ben", "e1", heard(direction(2)))
