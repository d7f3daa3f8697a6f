"""The contract of sounds: lengths, levels of detail, and tiers as they travel."""

from __future__ import annotations

import msgspec
import pytest

from workbench.core import audio, documents


def test_that_a_level_is_never_coarser_than_a_pixel():
    levels = tuple(audio.Level(f"{size}.npy", size, 1) for size in (256, 1024, 4096))
    pyramid = audio.Pyramid(levels)
    assert pyramid.level_for(255) is None
    assert pyramid.level_for(256) == levels[0]
    assert pyramid.level_for(4000) == levels[1]
    assert pyramid.level_for(1e6) == levels[2]


def test_that_a_sound_without_a_rate_has_no_duration():
    assert audio.SoundMeta(0, 1, 100).duration_s == 0
    assert audio.SoundMeta(8000, 2, 4000).duration_s == 0.5


def test_that_tiers_come_back_from_their_file_as_they_were(tmp_path):
    tiers = audio.TiersDoc(
        [audio.Tier("words", "words", [audio.Segment(0.5, 1.0, "naïve", "a", 0.25)])], 2.0, "x", "en"
    )
    documents.write(tmp_path / "t.json", tiers)
    assert documents.read(tmp_path / "t.json", audio.TiersDoc) == tiers


def test_that_a_meta_of_something_else_is_refused():
    assert audio.sound_meta_of(audio.to_meta(audio.SoundMeta(16000, 1, 5, "t"))) == audio.SoundMeta(16000, 1, 5, "t")
    with pytest.raises(msgspec.ValidationError):
        audio.sound_meta_of({"geometry": {}})
