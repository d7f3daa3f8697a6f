"""Heads repeat by seed, their tumours keep to one side, their distractors come in mirrored pairs."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.engine.medical.phantoms.head import CORE, OEDEMA, RING, HeadPlan, make_head

STRAIGHT = HeadPlan(tilt=0.0, warp_mm=0.0, pairs=(2, 3))


def test_that_the_same_seed_gives_the_same_voxels_and_another_one_others() -> None:
    one, again, other = make_head((5, 1)), make_head((5, 1)), make_head((5, 2))
    assert np.array_equal(one.images, again.images)
    assert np.array_equal(one.labels, again.labels)
    assert not np.array_equal(one.images, other.images)


def test_that_arrays_and_geometry_fit_each_other() -> None:
    head = make_head(0, HeadPlan(size=64, slices=4), name="A")
    assert head.images.shape == (3, 4, 64, 64)
    assert head.images.dtype == np.float32
    assert head.labels.shape == head.distractors.shape == (4, 64, 64)
    assert head.meta.geometry.spacing_mm == (3.0, 3.0, 4.0)
    assert head.meta.geometry.origin_mm == (-94.5, -94.5, -6.0)
    assert head.meta.modality == "MR"
    assert head.meta.title == "A"


@pytest.mark.parametrize("seed", range(6))
def test_that_a_tumour_has_its_parts_in_one_hemisphere(seed: int) -> None:
    head = make_head(seed, STRAIGHT)
    assert set(np.unique(head.labels)) <= {0, CORE, OEDEMA, RING}
    assert (head.labels > 0).any()
    columns = np.flatnonzero((head.labels > 0).any((0, 1)))
    middle = (head.labels.shape[2] - 1) / 2
    assert np.all((columns - middle) * head.side > 0)


def test_that_distractors_mirror_each_other_and_keep_clear_of_the_tumour() -> None:
    shown = 0
    for seed in range(8):
        head = make_head(seed, STRAIGHT)
        assert np.array_equal(head.distractors, head.distractors[:, :, ::-1])
        assert not (head.distractors & (head.labels > 0)).any()
        shown += int(head.distractors.any())
    assert shown >= 6


def test_that_distractors_and_oedema_are_alike_in_brightness_so_that_only_symmetry_tells() -> None:
    plan = HeadPlan(tilt=0.0, warp_mm=0.0, pairs=(2, 3), noise=(0.0, 0.0), bias=1e-6)
    heads = [make_head(seed, plan) for seed in range(12)]
    flair = [head.images[1] / np.percentile(head.images[1], 99.9) for head in heads]
    oedema = np.concatenate([one[head.labels == OEDEMA] for one, head in zip(flair, heads, strict=True)])
    blobs = np.concatenate([one[head.distractors] for one, head in zip(flair, heads, strict=True)])
    low, high = np.quantile(oedema, [0.05, 0.95])
    assert np.mean((blobs > low) & (blobs < high)) > 0.5


def test_that_radii_follow_the_plan() -> None:
    heads = [make_head(seed, HeadPlan(slices=2, size=32, tumour_mm=(10.0, 12.0))) for seed in range(12)]
    assert all(10.0 <= head.radius_mm <= 12.0 for head in heads)
    assert {head.side for head in heads} == {-1, 1}
