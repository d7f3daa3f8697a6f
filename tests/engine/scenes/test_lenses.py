"""Projections: points in space and the pixels that show them, after OpenCV's and OpenGL's conventions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workbench.core.problem import InputError
from workbench.core.scenes import Lens
from workbench.engine.scenes.colmap import pose_of, view_of
from workbench.engine.scenes.lenses import bent, directions_at, pinhole, pixels_of, seen_at, straightened
from workbench.engine.scenes.photographs import shrunk, straight_lens, undistorted

BENT = Lens(100, 80, 90.0, 95.0, 51.0, 39.0, k1=-0.21, k2=0.04, p1=0.003, p2=-0.002, k3=0.01)
FISHEYE = Lens(100, 80, 45.0, 46.0, 51.0, 39.0, k1=0.05, k2=-0.02, k3=0.004, k4=-0.001, fisheye=True)


def _opencv(point: list[float], lens: Lens) -> tuple[float, float]:
    """A point in OpenCV's camera axes to its pixel, written out as OpenCV's documentation has it."""
    a, b = point[0] / point[2], point[1] / point[2]
    if lens.fisheye:
        r = math.hypot(a, b)
        t = math.atan(r)
        td = t * (1 + lens.k1 * t**2 + lens.k2 * t**4 + lens.k3 * t**6 + lens.k4 * t**8)
        x, y = td / r * a, td / r * b
    else:
        s = a * a + b * b
        radial = 1 + lens.k1 * s + lens.k2 * s**2 + lens.k3 * s**3
        x = a * radial + 2 * lens.p1 * a * b + lens.p2 * (s + 2 * a * a)
        y = b * radial + lens.p1 * (s + 2 * b * b) + 2 * lens.p2 * a * b
    return lens.fx * x + lens.cx, lens.fy * y + lens.cy


@pytest.mark.parametrize("lens", [BENT, FISHEYE, Lens(100, 80, 90.0, 95.0, 51.0, 39.0)])
def test_that_points_are_seen_where_opencv_says(lens: Lens) -> None:
    rng = np.random.default_rng(90)
    points = rng.uniform([-0.5, -0.4, 1], [0.5, 0.4, 4], (50, 3))
    expected = np.array([_opencv(list(point), lens) for point in points])
    assert np.allclose(seen_at(points * [1, -1, -1], lens), expected, atol=1e-9)
    assert np.isnan(seen_at(np.array([[0.0, 0, 1], [0, 0, 0]]), lens)).all(), "behind the camera"


@pytest.mark.parametrize("lens", [BENT, FISHEYE])
def test_that_every_pixel_looks_where_it_is_seen(lens: Lens) -> None:
    pixels = pixels_of(lens)
    assert pixels.shape == (80, 100, 2) and pixels[0, 0].tolist() == [0.5, 0.5]
    ahead = directions_at(pixels, lens)
    assert np.isfinite(ahead).all() and np.allclose(seen_at(ahead, lens), pixels, atol=1e-9)


def test_that_pixels_beyond_a_fold_of_the_lens_see_nothing() -> None:
    lens = Lens(100, 100, 20.0, 20.0, 50.0, 50.0, k1=-0.3)  # r (1 − 0.3 r²) never exceeds 0.703
    plane = straightened(np.array([[0.5, 0.0], [0.7, 0.0], [0.72, 0.0], [2.0, 1.0]]), lens)
    assert np.isfinite(plane[:2]).all() and np.isnan(plane[2:]).all()
    assert np.allclose(bent(plane[:2], lens), [[0.5, 0], [0.7, 0]], atol=1e-9)
    assert plane[1, 0] < 1.06, "the inner of two solutions"


def test_that_world_to_camera_in_opencv_axes_and_camera_to_world_in_opengl_axes_show_the_same_pixels() -> None:
    rng = np.random.default_rng(90)
    for _ in range(20):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turn *= np.linalg.det(turn)
        eye = rng.normal(size=3)
        opengl = np.eye(4)
        opengl[:3, :3], opengl[:3, 3] = turn, eye
        view = view_of(1, "a", 1, opengl)
        w, x, y, z = view.quaternion
        cv = np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                       [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                       [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]])  # fmt: skip
        point = eye + turn @ (rng.uniform([-1, -1, -4], [1, 1, -2]))
        in_camera = cv @ point + view.shift
        expected = _opencv(list(in_camera), BENT)
        assert np.allclose(seen_at((point - eye) @ turn, BENT), expected, atol=1e-9)
        assert np.allclose(pose_of(view), opengl, atol=1e-12)


def test_that_a_pinhole_spans_the_angle_that_it_was_asked_for() -> None:
    lens = pinhole(60, 40, 90.0)
    assert lens.fx == pytest.approx(30) and (lens.cx, lens.cy) == (30, 20)
    assert lens.height_deg == pytest.approx(2 * math.degrees(math.atan(20 / 30)))


# Pictures


@pytest.mark.parametrize("lens", [BENT, FISHEYE])
def test_that_an_undistorted_photograph_is_the_one_that_a_pinhole_takes(lens: Lens) -> None:
    def taken(with_lens: Lens) -> np.ndarray:
        """A picture of a board on which colours say the place."""
        ahead = directions_at(pixels_of(with_lens), with_lens)
        return np.dstack([128 + 90 * ahead[..., 0], 128 + 90 * ahead[..., 1], np.full(ahead.shape[:2], 7)])

    bytes_ = np.rint(taken(lens)).clip(0, 255).astype(np.uint8)
    found, straight = undistorted(bytes_, lens)
    assert not straight.is_distorted and (straight.width, straight.height) == (100, 80)
    assert straight.fx / straight.fy == pytest.approx(lens.fx / lens.fy)
    expected = taken(straight)
    sure = ((expected > 2) & (expected < 253)).all(-1)
    sure[[0, -1]] = sure[:, [0, -1]] = False  # half a pixel of the rim has no neighbour to be mixed with
    assert sure.mean() > 0.4
    assert np.abs(found - expected)[sure].max() < 1.1
    assert np.abs(bytes_ - expected)[sure].max() > 3, "it was bent before"


def test_that_a_straightened_picture_shows_only_what_was_seen() -> None:
    for lens in (BENT, FISHEYE, Lens(100, 80, 90.0, 90.0, 50.0, 40.0, k1=0.3)):
        straight = straight_lens(lens)
        source = seen_at(directions_at(pixels_of(straight), straight), lens)
        assert (source >= 0).all() and (source <= [100, 80]).all()
        wider = Lens(100, 80, straight.fx * 0.98, straight.fy * 0.98, straight.cx, straight.cy)
        source = seen_at(directions_at(pixels_of(wider), wider), lens)
        assert not ((source >= 0).all() and (source <= [100, 80]).all()), "as wide as it can be"


def test_that_a_lens_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="makes no sense"):
        undistorted(np.zeros((80, 100, 3), np.uint8), Lens(100, 80, 90.0, 90.0, 50.0, 40.0, k1=-4e5))


def test_that_undistorting_a_straight_picture_changes_nothing() -> None:
    pixels = np.random.default_rng(90).integers(0, 255, (8, 10, 4), dtype=np.uint8)
    same, lens = undistorted(pixels, pinhole(10, 8, 60))
    assert same is pixels and lens == pinhole(10, 8, 60)


def test_that_a_smaller_picture_is_the_mean_and_its_lens_sees_the_same_points() -> None:
    pixels = np.random.default_rng(90).integers(0, 255, (80, 100, 3), dtype=np.uint8)
    small, lens = shrunk(pixels, BENT, 25)
    assert small.shape == (20, 25, 3) and (lens.width, lens.height) == (25, 20)
    assert np.array_equal(small[3, 5], np.rint(pixels[12:16, 20:24].reshape(-1, 3).mean(0)).astype(np.uint8))
    points = np.random.default_rng(91).uniform([-0.4, -0.4, -4], [0.4, 0.4, -1], (20, 3))
    assert np.allclose(seen_at(points, lens) * 4, seen_at(points, BENT))
    for longest_px in (0, 100, 400):
        same, lens = shrunk(pixels, BENT, longest_px)
        assert same is pixels and lens == BENT


def test_that_pictures_are_shrunk_by_parts_of_pixels_too() -> None:
    pixels = np.repeat(np.array([[0, 90, 210]], np.uint8)[..., None], 3, 2)
    small, lens = shrunk(pixels, Lens(3, 1, 3.0, 3.0, 1.5, 0.5), 2)
    assert small[0, :, 0].tolist() == [45, 150] and (lens.fx, lens.cx) == (2.0, 1.0)


def test_that_colours_of_clear_pixels_do_not_bleed_into_smaller_pictures() -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = (200, 100, 50, 255)
    pixels[1, 1] = (0, 0, 255, 0)
    small, _ = shrunk(pixels, pinhole(2, 2, 60), 1)
    assert small.tolist() == [[[200, 100, 50, 64]]]
