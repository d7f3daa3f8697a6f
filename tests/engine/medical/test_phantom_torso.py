"""The torso phantom: the same by seed, apart by stream, and no organ that brightness alone would find."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from workbench.engine.medical.phantoms import torso


@pytest.fixture(scope="module")
def made() -> list[torso.Torso]:
    return torso.subjects(3, "labelled", 6)


def test_that_a_subject_is_the_same_each_time_and_another_with_another_seed(made: list[torso.Torso]) -> None:
    again, other = torso.subject(3, "labelled", 2), torso.subject(4, "labelled", 2)
    assert np.array_equal(again.hu, made[2].hu)
    assert np.array_equal(again.labels, made[2].labels)
    assert not np.array_equal(other.hu, made[2].hu)


def test_that_no_two_subjects_of_any_stream_share_a_random_state() -> None:
    keys = list(itertools.product((0, 1), torso.STREAMS, range(200)))
    drawn = {torso.generator(*key).integers(2**63) for key in keys}
    assert len(drawn) == len(keys)


def test_that_a_subject_beyond_what_streams_keep_apart_is_refused() -> None:
    with pytest.raises(ValueError, match="99999"):
        torso.generator(0, "test", torso.MOST_SUBJECTS)


def test_that_every_organ_is_there_on_its_own_side(made: list[torso.Torso]) -> None:
    for one in made:
        middles = {
            organ.name: np.argwhere(one.labels == organ.value).mean(0) - (np.array(one.labels.shape) - 1) / 2
            for organ in torso.LABELS
        }
        assert not any(np.isnan(place).any() for place in middles.values())
        # x grows to the patient's left: right organs lie at negative x; z grows to the head, y to the back.
        assert middles["liver"][2] < 0 < middles["spleen"][2]
        assert middles["right kidney"][2] < 0 < middles["left kidney"][2]
        assert middles["right lung"][2] < 0 < middles["left lung"][2]
        assert middles["right lung"][0] > middles["right kidney"][0]
        assert middles["spine"][1] > middles["aorta"][1] - 1


def test_that_soft_organs_lie_within_25_hu_of_each_other(made: list[torso.Torso]) -> None:
    soft = {organ.value for organ, body in zip(torso.LABELS, torso.ORGANS, strict=True) if body.soft}
    for one in made:
        # Medians, and some room for tissue grain and for voxels that share their edge with others.
        means = [float(np.median(one.hu[one.labels == value])) for value in soft]
        assert max(means) - min(means) < torso.SOFT_SPREAD_HU + 20


def test_that_unlabelled_tissue_is_as_bright_as_organs(made: list[torso.Torso]) -> None:
    for one in made:
        soft = np.isin(one.labels, (3, 4, 5, 6, 7))
        low, high = np.percentile(one.hu[soft], (10, 90))
        alike = (one.hu > low) & (one.hu < high) & (one.labels == 0)
        assert alike.sum() > 0.3 * soft.sum()


def test_that_size_is_free_and_spacing_follows() -> None:
    one = torso.subject(0, "test", 0, size=24)
    assert one.hu.shape == one.labels.shape == (24, 24, 24)
    assert one.meta.geometry.spacing_mm == pytest.approx((320 / 24,) * 3)
    assert one.meta.unit == "HU"


def test_that_scaling_clips_the_window_to_zero_and_one() -> None:
    found = torso.scaled(np.array([-1000.0, -175.0, 37.5, 250.0, 3000.0]))
    assert found == pytest.approx([0, 0, 0.5, 1, 1])
