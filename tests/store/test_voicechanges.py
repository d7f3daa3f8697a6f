"""Changes of remembered voices, taken back and done again without touching what was changed since."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.store import voices
from workbench.store.voicechanges import changes, keep, put_back
from workbench.store.voices import Reference

RNG = np.random.default_rng(3)


def reference(key: str) -> Reference:
    return Reference(RNG.normal(size=16).astype(np.float32), 4.0, key, key)


@pytest.fixture
def changed(home):
    """Anna is known; then she is heard again, and Berta for the first time."""
    voices.enrol(home, "Anna", "e", reference("a"))
    before = keep(home)
    voices.enrol(home, "Anna", "e", reference("b"))
    voices.enrol(home, "Berta", "e", reference("c"))
    return changes(before, keep(home))


def test_that_changes_go_back_and_come_again_to_the_byte(home, changed):
    after = keep(home).files
    assert sorted(one.name for one in changed) == ["Anna", "Berta"]
    assert put_back(home, changed) == [] and [one.name for one in voices.voices(home)] == ["Anna"]
    assert [one.key for one in voices.voice_named(home, "Anna").references] == ["a"]
    assert put_back(home, changed) == []  # twice is once
    assert put_back(home, [one.turned for one in changed]) == [] and keep(home).files == after
    assert all(path.stat().st_mode & 0o077 == 0 for path in home.voices.iterdir())


def test_that_what_was_changed_or_deleted_since_stays_so(home, changed):
    voices.enrol(home, "Berta", "e", reference("d"))
    voices.delete(home, voices.voice_named(home, "Anna").id)
    assert sorted(put_back(home, changed)) == ["Anna", "Berta"]
    assert [(one.name, len(one.references)) for one in voices.voices(home)] == [("Berta", 2)]
