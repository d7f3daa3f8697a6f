"""Spectrogram tiles, pitch, energy and voice activity against sounds of which they are known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.speech.sounds import tone, write
from workbench.core.audio import TILE_COLUMNS, SpectrogramSettings
from workbench.core.problem import InputError
from workbench.engine.speech import opening, resampling, tiles, tracks, writing


@pytest.fixture
def sine(tmp_path):
    path = write(tmp_path / "a.wav", 1.998 * tone(6.0, hz=1000.0), subtype="PCM_16")
    return opening.open_whole(path, tmp_path / "cache")


@pytest.mark.parametrize("scale", ["linear", "mel", "log"])
@pytest.mark.parametrize("level", [0, 2])
def test_that_a_full_scale_tone_lies_in_its_row_at_0_db(sine, scale, level):
    settings = SpectrogramSettings(scale=scale, bins=200)
    found = tiles.tile(sine, settings, level, 0)
    values = np.load(found.path)
    assert values.shape == (found.columns, 200) and values.dtype == np.float32
    row = values[10].argmax()
    edges = tiles.edges_of(settings, 16000)
    assert edges[row] - 15 <= 1000 <= edges[row + 1] + 15
    assert -3 < values[10].max() < 0.5
    far = np.abs(np.array(found.frequencies_hz) - 1000) > 600
    assert values[10, far].max() < -60


def test_that_tiles_of_all_levels_cover_the_sound_without_gaps(sine):
    settings = SpectrogramSettings(window_s=0.02, hop_s=0.005)
    for level in range(tiles.levels_for(sine, settings)):
        at, index = 0.0, 0
        while at < sine.meta.duration_s - 1e-9:
            found = tiles.tile(sine, settings, level, index)
            assert found.start_s == pytest.approx(at) and found.column_s == pytest.approx(0.005 * 2**level)
            at += found.columns * found.column_s
            index += 1
        assert at - sine.meta.duration_s < found.column_s
    assert index == 1 and found.columns <= TILE_COLUMNS
    with pytest.raises(InputError, match="no such tile"):
        tiles.tile(sine, settings, 0, 1000)


def test_that_settings_out_of_range_are_refused_by_name(sine):
    for settings in (
        SpectrogramSettings(window_s=3), SpectrogramSettings(bins=2), SpectrogramSettings(high_hz=9000),
        SpectrogramSettings(channel=1), SpectrogramSettings(low_hz=8000),
    ):  # fmt: skip
        with pytest.raises(InputError) as caught:
            tiles.tile(sine, settings, 0, 0)
        assert caught.value.field and caught.value.expected


def test_that_pitch_follows_a_glide_and_silence_has_none(tmp_path):
    t = np.arange(4 * 16000) / 16000
    hz = 180 + 60 * np.sin(2 * np.pi * 0.5 * t)
    phase = 2 * np.pi * np.cumsum(hz) / 16000
    wave = 0.2 * sum(np.sin(k * phase) / k for k in range(1, 8))
    noise = np.random.default_rng(0).normal(0, 3e-4, len(t))
    wave = np.where((t > 1) & (t < 3), wave, 0) + noise
    sound = opening.open_whole(write(tmp_path / "a.wav", wave[:, None]), tmp_path / "cache")
    values = np.load(tracks.tracks(sound).path)
    centres = (np.arange(400) + 0.5) * 0.01
    inside = (centres > 1.05) & (centres < 2.95)
    outside = (centres < 0.95) | (centres > 3.05)
    true = 180 + 60 * np.sin(2 * np.pi * 0.5 * centres)
    assert values.shape == (400, 4)
    assert (values[inside, 0] > 0).all() and np.abs(values[inside, 0] / true[inside] - 1).max() < 0.02
    assert (values[outside, 0] == 0).mean() > 0.98
    ((start, end),) = tracks.speech_runs(values[:, 3], 0.01)
    assert start == pytest.approx(1.0, abs=0.03) and end == pytest.approx(3.0, abs=0.03)
    part = np.load(tracks.tracks(sound, start_s=1.5, end_s=2.5).path)
    assert np.abs(part[5:95, 0] - values[155:245, 0]).max() < 1.0


def test_that_short_pauses_are_bridged_and_clicks_left_out():
    energy = np.full(300, -70.0)
    energy[50:100] = energy[110:150] = -20
    energy[200:203] = -20
    assert tracks.speech_runs(tracks.active(energy, 0.01), 0.01) == [(0.5, 1.5)]


def test_that_another_rate_keeps_the_tone_and_the_length():
    wave = tone(1.0, 22_050, 1000.0, 2)
    there = resampling.resample(wave, 22_050, 16_000)
    assert there.shape == (16_000, 2)
    assert np.abs(there[1000:-1000] - tone(1.0, 16_000, 1000.0, 2)[1000:-1000]).max() < 1e-3
    pieces = resampling.resample_stream(np.array_split(wave.astype(np.float32), 17), 22_050, 16_000, 2)
    streamed = np.concatenate(list(pieces))
    assert abs(len(streamed) - 16_000) <= 1 and np.abs(streamed[1000:15000] - there[1000:15000]).max() < 1e-4


def test_that_a_part_is_written_bit_by_bit_and_at_another_rate(tmp_path):
    path = write(tmp_path / "a.wav", tone(2.0, channels=2), subtype="PCM_16")
    sound = opening.open_whole(path, tmp_path / "cache")
    out = writing.export_sound(sound, tmp_path / "part.flac", start_s=0.5, end_s=1.25)
    part = opening.samples_of(opening.open_whole(out, tmp_path / "cache"))
    assert np.array_equal(part, opening.samples_of(sound)[8000:20000])
    mono = writing.export_sound(sound, tmp_path / "mono.wav", sample_rate_hz=8000, channel=-1)
    found = opening.open_whole(mono, tmp_path / "cache")
    assert (found.meta.sample_rate_hz, found.meta.channels, found.meta.samples) == (8000, 1, 16000)
    for bad in ({"start_s": 3.0}, {"channel": 2}, {"sample_rate_hz": 10}):
        with pytest.raises(InputError):
            writing.export_sound(sound, tmp_path / "no.wav", **bad)
    with pytest.raises(InputError, match="over the sound itself"):
        writing.export_sound(sound, path)
    assert not (tmp_path / "no.wav").exists()
