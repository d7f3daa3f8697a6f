"""What phantoms are made of has the sizes, bounds and repeatability that its docstrings promise."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.engine.medical.phantoms import shapes


def test_that_the_grid_is_centred_and_in_millimetres() -> None:
    z, y, x = shapes.grid((2, 3, 5), (4.0, 1.0, 0.5))
    assert z.shape == (2, 3, 5)
    assert z[:, 0, 0].tolist() == [-2.0, 2.0]
    assert y[0, :, 0].tolist() == [-1.0, 0.0, 1.0]
    assert x[0, 0].tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]


@pytest.mark.parametrize(("shape", "radii"), [((64, 64), (20.0, 10.0)), ((40, 48, 48), (12.0, 8.0, 16.0))])
def test_that_a_turned_ellipsoid_keeps_its_volume(shape: tuple[int, ...], radii: tuple[float, ...]) -> None:
    turned = shapes.rotation((0.6,) if len(shape) == 2 else (0.6, 0.3, -0.4))
    level = shapes.superellipsoid(shapes.grid(shape), (0.0,) * len(shape), radii, turned=turned)
    unit = np.pi if len(shape) == 2 else 4 / 3 * np.pi
    assert shapes.coverage(level).sum() == pytest.approx(unit * np.prod(radii), rel=0.02)


def test_that_rotations_are_rotations() -> None:
    for angles in ((0.7,), (0.4, -1.1, 2.0)):
        matrix = shapes.rotation(angles)
        assert np.allclose(matrix @ matrix.T, np.eye(len(matrix)))
        assert np.linalg.det(matrix) == pytest.approx(1)


def test_that_a_capsule_is_a_tube_with_round_ends() -> None:
    level = shapes.capsule(shapes.grid((30, 30, 60)), (0, 0, -15), (0, 0, 15), 6.0)
    assert shapes.coverage(level).sum() == pytest.approx(np.pi * 36 * 30 + 4 / 3 * np.pi * 216, rel=0.02)


def test_that_noise_is_smooth_standardised_and_the_same_for_the_same_seed() -> None:
    one, again, other = (shapes.low_frequency(np.random.default_rng(seed), (8, 96, 96), 4) for seed in (1, 1, 2))
    assert one.dtype == np.float32
    assert np.array_equal(one, again)
    assert not np.allclose(one, other)
    assert one.mean() == pytest.approx(0, abs=1e-4)
    assert one.std() == pytest.approx(1, abs=1e-4)
    assert np.abs(np.diff(one, axis=2)).max() < 0.35


def test_that_partial_volume_paints_a_share() -> None:
    image = np.full((4,), 10.0, np.float32)
    shapes.paint(image, shapes.coverage(np.array([-2.0, -0.25, 0.25, 2.0], np.float32)), 20.0)
    assert image.tolist() == [10.0, 12.5, 17.5, 20.0]


def test_that_rician_noise_has_its_floor_in_the_dark_and_is_nearly_gaussian_in_the_bright() -> None:
    rng = np.random.default_rng(0)
    dark = shapes.rician(rng, np.zeros((200, 200), np.float32), 2.0)
    bright = shapes.rician(rng, np.full((200, 200), 100.0, np.float32), 2.0)
    assert dark.mean() == pytest.approx(2.0 * np.sqrt(np.pi / 2), rel=0.02)
    assert bright.std() == pytest.approx(2.0, rel=0.03)


def test_that_thick_slices_are_means_of_thin_ones() -> None:
    thin = np.arange(12, dtype=np.float32).reshape(6, 2)
    assert shapes.thicken(thin, 3).tolist() == [[2.0, 3.0], [8.0, 9.0]]
    assert shapes.thicken(thin, 2, axis=1)[:, 0].tolist() == [0.5, 2.5, 4.5, 6.5, 8.5, 10.5]
    with pytest.raises(ValueError, match="cannot be joined"):
        shapes.thicken(thin, 4)


def test_that_deforming_labels_invents_none() -> None:
    labels = np.zeros((20, 40, 40), np.uint8)
    labels[5:15, 10:30, 10:30] = 3
    bent = shapes.deform(labels, np.random.default_rng(4), amplitude=2.0, order=0)
    assert set(np.unique(bent)) == {0, 3}
    assert bent.dtype == labels.dtype
    assert not np.array_equal(bent, labels)


def test_that_a_bias_field_is_a_positive_factor_and_grain_has_its_deviation() -> None:
    rng = np.random.default_rng(5)
    field = shapes.bias_field(rng, (96, 96), strength=0.2)
    assert field.min() > 0
    assert np.log(field).std() == pytest.approx(0.2, rel=1e-3)
    grain = shapes.grainy(rng, np.zeros((64, 64), np.float32), 12.0)
    assert grain.std() == pytest.approx(12.0, rel=0.01)


def test_that_displaced_coordinates_bend_a_shape_and_repeat() -> None:
    at = shapes.grid((64, 64))
    bent = [shapes.displaced(at, np.random.default_rng(3), amplitude=3.0) for _ in range(2)]
    assert np.array_equal(bent[0][0], bent[1][0])
    level = shapes.superellipsoid(bent[0], (0, 0), (15, 15))
    assert not np.allclose(level, shapes.superellipsoid(at, (0, 0), (15, 15)))
