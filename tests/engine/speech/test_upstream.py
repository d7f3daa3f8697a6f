"""The speech encoder that comes along: read, heard alike at any level and in any company, refused when damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from workbench.core.problem import InputError
from workbench.engine.speech import upstream
from workbench.engine.speech.vowels import sample


@pytest.fixture(scope="module")
def starter() -> upstream.Upstream:
    return upstream.load(upstream.starter())


@pytest.fixture(scope="module")
def wave() -> np.ndarray:
    samples, _ = sample()
    return (np.asarray(samples, np.float32) / max(float(np.abs(samples).max()), 1e-9)).reshape(-1)[:64_000]


def test_that_the_encoder_that_comes_along_gives_one_row_for_each_hop(starter, wave) -> None:
    found = starter.features(wave)
    assert found.shape == (len(wave) // round(starter.hop_s * upstream.RATE_HZ) + 1, starter.width)
    assert found.dtype == np.float32 and np.isfinite(found).all()
    assert np.array_equal(found, starter.features(wave))
    assert found.std(0).min() > 1e-3, "a feature that never changes tells nothing"


def test_that_level_and_company_change_nothing_of_a_sound(starter, wave) -> None:
    alone = starter.states([wave])[0]
    together = starter.states([wave[:20_000], wave, wave[30_000:45_000]])[1]
    assert np.allclose(alone.numpy(), together.numpy(), atol=1e-3)
    assert np.allclose(starter.features(wave), starter.features(wave * np.float32(0.05)), atol=1e-2)


def test_that_sounds_longer_than_the_encoder_is_given_at_once_keep_all_their_frames(starter, wave) -> None:
    long = np.tile(wave, 6)
    states = starter.states([long, wave])
    frames = [len(starter.frames(one)) for one in (long, wave)]
    assert frames[0] > upstream.LONGEST
    assert [len(one) for one in states] == frames
    first = starter.frames(long)[: upstream.LONGEST]
    assert first.shape[1] == starter.bins


def test_that_an_encoder_whose_files_do_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        upstream.load(tmp_path)
    shutil.copytree(upstream.starter(), tmp_path / "kept")
    path = tmp_path / "kept" / upstream.CONFIG
    config = json.loads(path.read_text())
    for wrong in ({"width": 64}, {"layer": 9}):
        path.write_text(json.dumps(config | wrong))
        with pytest.raises(InputError, match="cannot be read"):
            upstream.load(tmp_path / "kept")
