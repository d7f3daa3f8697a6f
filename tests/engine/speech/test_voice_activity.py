"""Where somebody speaks, against a conversation whose turns are known to the sample, and against no speech at all."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.speech.conversing import RATE_HZ, conversation
from workbench.core.audio import Segment
from workbench.engine.speech import voice_activity
from workbench.engine.speech.bank import rooms
from workbench.engine.speech.diarisation_error import diarisation_error


def heard(samples: np.ndarray) -> list[Segment]:
    above = voice_activity.activity(samples)
    return [Segment(start, end, "", "somebody") for start, end in voice_activity.stretches(above)]


def said() -> list[Segment]:
    return [Segment(one.start_s, one.end_s, "", "somebody") for one in conversation().tier.segments]


@pytest.mark.parametrize(("noise", "snr_db"), [("pink", 20.0), ("white", 10.0), ("pink", 5.0), ("hum", 5.0)])
def test_that_speech_is_found_in_noise(noise, snr_db) -> None:
    wave = conversation().samples.astype(np.float32) / 32768
    background = rooms.noise(np.random.default_rng(3), noise, len(wave), RATE_HZ)
    error = diarisation_error(said(), heard(rooms.with_noise(wave, background, snr_db)), collar_s=0.1)
    assert error.rate < 0.05


def test_that_a_constant_offset_and_another_level_change_nothing() -> None:
    samples = conversation().samples
    before, after = heard(samples), heard((samples // 2 + 8000).astype(np.int16))
    edges = [[(one.start_s, one.end_s) for one in found] for found in (before, after)]
    assert len(before) == len(after) and np.allclose(*edges, atol=0.05)


@pytest.mark.parametrize("kind", ["silence", "white", "pink", "hum", "tone", "dither"])
def test_that_nobody_speaks_where_there_is_no_speech(kind) -> None:
    count, rng = 20 * RATE_HZ, np.random.default_rng(1)
    if kind == "silence":
        wave = np.zeros(count, np.float32)
    elif kind == "dither":
        wave = (rng.integers(-1, 2, count) / 32768).astype(np.float32)
    elif kind == "tone":
        wave = (0.3 * np.sin(2 * np.pi * 440 * np.arange(count) / RATE_HZ)).astype(np.float32)
    else:
        wave = 0.05 * rooms.noise(rng, kind, count, RATE_HZ)
    assert heard(wave) == []


def test_that_a_sound_shorter_than_a_frame_is_silent() -> None:
    for length in (0, 1, 100, 200, 2000):
        assert heard(np.full(length, 3000, np.int16)) == []


def test_that_blocks_leave_no_seams(monkeypatch) -> None:
    samples = np.tile(conversation().samples, 2)
    whole = voice_activity.activity(samples)
    monkeypatch.setattr(voice_activity, "BLOCK_S", 20.0)
    parts = voice_activity.activity(samples)
    assert len(parts) == len(whole) == len(samples) // 160
    # Other surroundings give other floors, but speech is speech.
    assert np.mean((parts > voice_activity.BEGINS_DB) == (whole > voice_activity.BEGINS_DB)) > 0.97
