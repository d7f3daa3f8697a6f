"""The sample sound: the same every time, and its tiers lie where the sound is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from workbench.engine.speech.vowels import RATE_HZ, sample


def test_that_the_sample_is_the_same_every_time_and_does_not_clip():
    first, second = sample()[0], sample()[0]
    assert (first == second).all()
    assert 0.2 < np.abs(first).max() < 0.9
    assert abs(first.mean()) < 1e-3


def test_that_its_tiers_are_in_order_and_lie_over_sound():
    samples, doc = sample()
    for tier in doc.tiers:
        assert all(one.end_s <= after.start_s + 1e-9 for one, after in itertools.pairwise(tier.segments))
        for one in tier.segments:
            part = samples[round(one.start_s * RATE_HZ) : round(one.end_s * RATE_HZ)]
            assert np.sqrt(np.mean(part**2)) > 0.01, one
    assert doc.duration_s == pytest.approx(len(samples) / RATE_HZ)
