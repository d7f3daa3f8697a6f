"""Features for networks, against sounds and formulas of which they are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import torch

from tests.engine.speech.sounds import tone
from workbench.core.problem import InputError
from workbench.engine.speech import features


def sine(hz=1000.0, seconds=1.0):
    return torch.from_numpy(tone(seconds, 16000, hz)[:, 0].astype(np.float32))[None]


def test_that_a_tone_is_loudest_in_the_mel_bin_around_it():
    for hz in (200.0, 1000.0, 4000.0):
        found = features.log_mel(sine(hz), 16000, bins=80)
        assert found.shape == (1, features.frames_of(16000, 16000), 80) == (1, 101, 80)
        centres = np.linspace(0, 8000, 257)[features.mel_filters(16000, 512, 80).argmax(1)]
        assert abs(centres[found[0, 50].argmax()] - hz) < max(40, 0.05 * hz)


def test_that_too_many_filters_are_refused():
    with pytest.raises(InputError, match="do not fit"):
        features.mel_filters(16000, 128, 80)


def test_that_cepstra_are_the_orthonormal_dct():
    frames = torch.randn(2, 5, 40, generator=torch.Generator().manual_seed(0))
    expected = scipy.fft.dct(frames.numpy(), type=2, norm="ortho", axis=-1)[..., :13]
    assert np.allclose(features.mfcc(frames).numpy(), expected, atol=1e-5)


def test_that_normalisation_counts_valid_frames_only():
    draw = torch.Generator().manual_seed(0)
    long, short = 3 + 2 * torch.randn(50, 8, generator=draw), -1 + 5 * torch.randn(30, 8, generator=draw)
    batch, lengths = features.padded([long, short])
    found = features.cmvn(batch, lengths)
    assert torch.equal(found[1, 30:], torch.zeros(20, 8))
    for row, length in zip(found, (50, 30), strict=True):
        assert row[:length].mean(0).abs().max() < 1e-5 and (row[:length].std(0, correction=0) - 1).abs().max() < 1e-4
    alone = features.cmvn(short[None], torch.tensor([30]))
    assert torch.allclose(found[1, :30], alone[0], atol=1e-6)


def test_that_masks_stay_within_their_bounds_and_leave_the_original():
    batch, lengths = torch.ones(4, 100, 40), torch.tensor([100, 60, 10, 1])
    found = features.spec_augment(batch, lengths, torch.Generator().manual_seed(3), time_masks=1, band_masks=1)
    assert bool((batch == 1).all())
    for row, length in zip(found, lengths.tolist(), strict=True):
        dead_frames, dead_bins = (row == 0).all(1).sum(), (row == 0).all(0).sum()
        assert dead_frames <= length // 5 and dead_bins <= 15
    again = features.spec_augment(batch, lengths, torch.Generator().manual_seed(3), time_masks=1, band_masks=1)
    assert torch.equal(found, again) and bool((found == 0).any())


def test_that_sound_comes_back_from_magnitudes_and_from_mels():
    wave = sine(440.0) + 0.3 * sine(1320.0)
    spectrum = features.stft(wave, 16000).abs()
    made = features.griffin_lim(spectrum, 16000, iterations=60, generator=torch.Generator().manual_seed(0))
    again = features.stft(made, 16000).abs()[:, 5:95]
    error = (again - spectrum[:, 5:95]).norm() / spectrum[:, 5:95].norm()
    assert made.shape == (1, 16000) and error < 0.15
    linear = features.mel_to_linear(features.log_mel(wave, 16000), 16000, 512)
    heard = features.griffin_lim(linear, 16000, generator=torch.Generator().manual_seed(0))
    assert abs(int(np.abs(np.fft.rfft(heard[0].numpy())).argmax()) - 440) <= 15
