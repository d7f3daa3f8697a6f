"""Viewpoints: what is projected where, and ways between them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from workbench.core.scenes import Lens, PosedImage, Viewpoint
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes.scene import matrix_of, placement_of

UP = np.array([0, 0, 1.0])
BOX = (np.array([-1.0, -2.0, 0.0]), np.array([3.0, 2.0, 1.0]))


def from_corner(**more: object) -> Viewpoint:
    pose = gz.looking(np.array([5.0, -7.0, 4.0]), np.array([1.0, 0.0, 0.5]), UP)
    return Viewpoint(pose, about=(1.0, 0.0, 0.5), **more)


@pytest.mark.parametrize("orthographic", [False, True])
def test_that_pixels_and_depths_lead_back_to_the_places_they_came_from(orthographic):
    gaze = gz.gaze(from_corner(orthographic=orthographic, height=6.0), 640, 480, BOX)
    points = np.random.default_rng(1).uniform(*BOX, (50, 3))
    for point, (x, y, depth) in zip(points, gaze.project(points), strict=True):
        assert gaze.at_depth(x, y, depth) == pytest.approx(point, abs=1e-9)
    at = np.c_[points, np.ones(50)] @ gaze.whole.T  # OpenGL's own way to the same pixels
    ndc = at[:, :3] / at[:, 3:]
    assert gaze.project(points)[:, 0] == pytest.approx((ndc[:, 0] + 1) * 320)
    assert gaze.project(points)[:, 1] == pytest.approx((1 - ndc[:, 1]) * 240)
    assert [gaze.depth_of(z) for z in (ndc[:, 2] + 1) / 2] == pytest.approx(gaze.project(points)[:, 2])
    assert (abs(ndc[:, 2]) < 1).all()  # nothing of the scene is cut off by depth


def test_that_what_is_behind_the_camera_has_no_pixel():
    gaze = gz.gaze(from_corner(), 640, 480, BOX)
    behind = gaze.pose[:3, 3] + gaze.pose[:3, 2]
    assert not np.isfinite(gaze.project(behind)[0, :2]).any() and gaze.project(behind)[0, 2] < 0


@pytest.mark.parametrize("name", list(gz.FIXED))
@pytest.mark.parametrize("orthographic", [False, True])
def test_that_fixed_views_hold_the_whole_box_and_fill_the_picture(name, orthographic):
    view = gz.fixed(Viewpoint(placement_of(np.eye(4)), orthographic=orthographic), name, BOX, 4 / 3)
    gaze = gz.gaze(view, 640, 480, BOX)
    corners = np.array([[BOX[i >> k & 1][k] for k in range(3)] for i in range(8)])
    x, y, _ = gaze.project(corners).T
    assert (x >= 0).all() and (x <= 640).all() and (y >= 0).all() and (y <= 480).all()
    assert max(x.max() - x.min(), (y.max() - y.min()) * 4 / 3) > 640 * (0.6 if name == "corner" else 0.75)
    along, up = (np.array(one) for one in gz.FIXED[name])
    assert -gaze.pose[:3, 2] @ along == pytest.approx(np.linalg.norm(along))
    assert gaze.pose[:3, 1] @ up > 0


def test_that_a_way_between_views_starts_and_ends_there_and_stays_a_view():
    first, last = from_corner(), gz.fixed(from_corner(), "back", BOX, 1.0)
    for share, end in ((0.0, first), (1.0, last)):
        assert np.array(gz.between(first, last, share).pose) == pytest.approx(np.array(end.pose), abs=1e-9)
    for share in (0.2, 0.5, 0.9):
        turn = matrix_of(gz.between(first, last, share).pose)[:3, :3]
        assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-9) and np.linalg.det(turn) == pytest.approx(1)
    opposite = gz.fixed(from_corner(), "front", BOX, 1.0)  # half a turn has no shortest arc
    turn = matrix_of(gz.between(last, opposite, 0.5).pose)[:3, :3]
    assert np.linalg.det(turn) == pytest.approx(1)


def test_that_one_looks_through_a_photograph_as_its_camera_did():
    lens = Lens(640, 480, 500.0, 500.0, 320.0, 240.0)
    image = PosedImage("a.png", lens, gz.looking(np.array([0, -5.0, 1.0]), np.zeros(3), UP))
    view = gz.through(image, (0, 0, 0), np.eye(4) * [[2], [2], [2], [1]])  # its node is twice as large
    gaze = gz.gaze(view, 640, 480, BOX)
    point = np.array([0.3, 0.2, 0.4])
    seen = gz.inverted(matrix_of(image.pose)) @ [*point, 1]
    x, y = 320 + 500 * seen[0] / -seen[2], 240 - 500 * seen[1] / -seen[2]
    assert gaze.project(point * 2)[0, :2] == pytest.approx([x, y])


def test_that_a_fitted_view_keeps_its_direction():
    view = from_corner()
    found = gz.fitted(view, BOX, 1.5)
    assert matrix_of(found.pose)[:3, :3] == pytest.approx(matrix_of(view.pose)[:3, :3])
    assert found.about == pytest.approx((1.0, 0.0, 0.5))
    assert msgspec.structs.replace(found, pose=view.pose, about=view.about, height=view.height) == view


def test_that_a_tiny_thing_is_not_cut_off_in_a_huge_scene():
    huge = (np.full(3, -5e5), np.full(3, 5e5))
    tiny = (np.full(3, -1e-6), np.full(3, 1e-6))
    view = gz.fixed(from_corner(), "corner", tiny, 1.5)
    gaze = gz.gaze(view, 600, 400, huge)
    assert gaze.near < gaze.project(np.array([tiny[0], tiny[1]]))[:, 2].min() and gaze.far > 5e5
    far_off = gz.gaze(gz.fixed(view, "corner", huge, 1.5), 600, 400, huge)
    assert far_off.near > 1e-4 * far_off.far  # seen from afar nothing of the depth's precision is lost


def test_that_a_box_is_well_seen_unless_it_is_a_dot_or_beside_or_all_around():
    small, large, beside = BOX, (BOX[0] * 300, BOX[1] * 300), (BOX[0] + 1e4, BOX[1] + 1e4)

    def seen(of, box):
        return gz.well_seen(gz.gaze(gz.fixed(from_corner(), "corner", of, 1.5), 600, 400, box), box)

    assert seen(small, small) and seen(large, large)
    assert not seen(large, small) and not seen(small, large) and not seen(small, beside)
