"""What a pixel shows of a sound is what the samples say, from whichever level it is read."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gui.sounds.fakes import RATE, ramp, sine
from workbench.core.audio import TILE_COLUMNS, SoundMeta, SpectrogramSettings
from workbench.gui.sounds.ring import Ring
from workbench.gui.sounds.stretch import stretched
from workbench.gui.sounds.tints import MAPS, colour_table
from workbench.gui.sounds.waves import (
    LOW_DB,
    STEP_DB,
    Analyser,
    Sound,
    envelope,
    pyramid_of,
    row_centres_hz,
    tile_columns,
    tones,
)  # fmt: skip
from workbench.gui.timestrip import clock, ticks


@pytest.mark.parametrize("per_pixel", [1.0, 3.7, 256.0, 1000.0, 20_000.0])
def test_that_every_extreme_is_seen_at_every_magnification(per_pixel):
    noise = np.random.default_rng(1).integers(-20_000, 20_000, (400_000, 2), dtype=np.int16)
    noise[123_456, 1] = 32_767
    sound = Sound(noise, SoundMeta(RATE, 2, len(noise)), pyramid_of(noise))
    columns = min(800, int(len(noise) / per_pixel))
    start = max(0, 123_456 - per_pixel * columns / 2)
    rows = envelope(sound, start, start + columns * per_pixel, columns)
    whole = noise[int(start) : int(start + columns * per_pixel)] / 32768
    assert np.nanmax(rows[:, 1, 1]) == pytest.approx(32_767 / 32_768)
    assert np.nanmin(rows[:, 0, 0]) <= whole[:, 0].min() + 1e-6
    assert (rows[..., 0] <= rows[..., 1]).all()


def test_that_the_rms_of_all_levels_is_that_of_the_samples():
    sound = sine(20.0)
    for _, level in sound.levels:
        assert np.sqrt(np.mean(level[:-1, 0, 2] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


def test_that_pixels_beyond_the_sound_are_empty():
    rows = envelope(sine(1.0), -RATE, 2 * RATE, 300)
    assert np.isnan(rows[:99]).all() and np.isnan(rows[201:]).all()
    assert np.isfinite(rows[101:199]).all()


@pytest.mark.parametrize("scale", ["linear", "mel", "log"])
def test_that_a_sine_of_full_scale_is_0_db_at_its_frequency(scale):
    settings = SpectrogramSettings(scale=scale, bins=256)
    at = np.arange(RATE) / RATE
    power = Analyser(settings, RATE).columns(
        np.sin(2 * np.pi * 1000 * at)[:, None].astype(np.float32), np.array([8000])
    )
    best = int(power[0].argmax())
    assert row_centres_hz(settings, RATE)[best] == pytest.approx(1000, rel=0.04)
    assert power[0, best] == pytest.approx(0.0, abs=1.5)


def test_that_tiles_join_without_a_seam():
    sound, settings = sine(6.0), SpectrogramSettings(bins=64)
    first, second = (tile_columns(sound, settings, 0, at) for at in (0, 1))
    assert first.shape == (TILE_COLUMNS, 64)
    assert np.abs(first[-1] - second[0]).max() < 6.0
    assert tile_columns(sound, settings, 0, 99).shape == (0, 64)


def test_that_a_picture_has_the_high_frequencies_on_top_and_keeps_the_power():
    power = np.array([[-80.0, -20.0], [0.0, -121.5]], np.float32)
    picture = tones(power)
    assert LOW_DB + STEP_DB * picture[1, 0] == pytest.approx(-80)
    assert LOW_DB + STEP_DB * picture[0, 0] == pytest.approx(-20)


@pytest.mark.parametrize("name", list(MAPS))
def test_that_colours_get_steadily_lighter_or_darker(name):
    table = np.array(colour_table(name, -20.0, 70.0), np.uint32)
    rgb = np.stack([table >> 16 & 255, table >> 8 & 255, table & 255], axis=1) / 255
    light = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92) @ [0.2126, 0.7152, 0.0722]
    steps = np.diff(light)
    assert abs(steps.sum()) == pytest.approx(np.abs(steps).sum(), rel=0.05)
    assert abs(light[-1] - light[0]) > 0.4


def test_that_a_ruler_has_round_times():
    assert ticks(0.0, 1.0, 900)[0] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert ticks(0.0, 3600.0, 900)[1] == 600
    assert clock(3723.5, 0.1) == "1:02:03.5"
    assert clock(59.9999, 0.01) == "1:00.00"


def test_that_a_ring_gives_back_what_it_took_in_order():
    ring, chance = Ring(100, 2), np.random.default_rng(0)
    given, taken = [], []
    for _ in range(200):
        block = chance.normal(size=(chance.integers(0, 70), 2)).astype(np.float32)
        given.append(block[: ring.put(block)])
        into = np.zeros((chance.integers(0, 70), 2), np.float32)
        taken.append(into[: ring.take(into)].copy())
    whole, back = np.concatenate(given), np.concatenate(taken)
    assert len(back) > 1000
    assert (back == whole[: len(back)]).all()
    assert (ring.latest(ring.written - 10, ring.written) == whole[-10:]).all()


@pytest.mark.parametrize("speed", [0.5, 0.75, 1.5, 2.0])
def test_that_another_speed_changes_the_length_and_not_the_pitch(speed):
    sound = sine(2.0, 440.0)
    blocks = list(stretched(sound.block, 0, 2 * RATE, speed, RATE))
    out = np.concatenate([block for _, block in blocks])[:, 0]
    assert len(out) == round(2 * RATE / speed)
    middle = out[2000 : 2000 + 8192]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * RATE / len(middle) == pytest.approx(440, abs=3)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_that_speed_1_copies_every_sample():
    sound = ramp()
    blocks = list(stretched(sound.block, 100, 9_000, 1.0, RATE))
    assert (np.concatenate([block for _, block in blocks])[:, 0] * 32768 == np.arange(100, 9_000)).all()
    assert all(block[0, 0] * 32768 == source for source, block in blocks)
