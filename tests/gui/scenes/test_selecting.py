"""What lies under a region of the picture, parts of things, and places as numbers: held against plain geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.gui.scenes.pagethings import cloud, mesh
from workbench.core.scenes import Box, ClipPlane, Viewpoint
from workbench.gui.scenes import selecting
from workbench.gui.scenes.gaze import gaze, looking
from workbench.gui.scenes.placing import box_moved, placement_from, pose_of, scaled, shifted, turned
from workbench.gui.scenes.selecting import Target, combined, under
from workbench.gui.scenes.subsets import part_of

WIDE, HIGH = 200, 120


@pytest.fixture(scope="module", params=[False, True], ids=["perspective", "orthographic"])
def seen(request):
    eye, about = np.array([3.0, -4.0, 2.0]), np.array([0.5, 0.5, 0.5])
    view = Viewpoint(looking(eye, about, np.array([0.0, 0.0, 1.0])), orthographic=request.param, height=3.0)
    return gaze(view, WIDE, HIGH, (np.zeros(3), np.ones(3)))


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    return np.load(cloud(tmp_path_factory.mktemp("cloud"), 5000).positions)


def inside(region, at):
    """Which projected places (N, 3) fall on a region, one by one."""
    found = []
    for x, y, depth in at:
        fits = math.isfinite(x) and depth > 0 and 0 <= x < WIDE and 0 <= y < HIGH
        found.append(bool(fits and region[int(y), int(x)]))
    return np.array(found)


def region():
    found = np.zeros((HIGH, WIDE), bool)
    found[30:80, 70:120] = True
    found[40:60, 90:100] = False
    return found


def test_that_points_under_a_region_are_those_that_are_seen_there(seen, points):
    world = shifted(np.array([0.2, 0.0, -0.1])) @ turned(np.array([0, 0, 1.0]), 0.4, np.zeros(3))
    found = under(region(), seen.whole, Target("p", points, world))
    wanted = inside(region(), seen.project(points @ world[:3, :3].T + world[:3, 3]))
    # A point within rounding of a pixel's edge may fall on either side of it.
    assert 100 < wanted.sum() < 4900 and (found != wanted).sum() <= 3


def test_that_points_behind_the_camera_are_never_under_anything(points):
    view = Viewpoint(looking(np.array([0.5, 0.5, 0.5]), np.array([0.5, 2.0, 0.5]), np.array([0.0, 0.0, 1.0])))
    seen = gaze(view, WIDE, HIGH, (np.zeros(3), np.ones(3)))
    found = under(np.ones((HIGH, WIDE), bool), seen.whole, Target("p", points, np.eye(4)))
    assert found.any() and (points[found, 1] > 0.5).all()


def test_that_what_is_cropped_or_clipped_away_is_not_selected(seen, points):
    hidden = points[:, 0] > 0.7
    clips = (ClipPlane((0, 0, 1), 0.4), ClipPlane((0, 1, 0), -5.0, on=False))
    everything = np.ones((HIGH, WIDE), bool)
    found = under(everything, seen.whole, Target("p", points, np.eye(4), hidden=hidden), clips)
    wanted = under(everything, seen.whole, Target("p", points, np.eye(4))) & ~hidden & (points[:, 2] <= 0.4)
    assert found.any() and np.array_equal(found, wanted)


def test_that_faces_are_selected_by_their_centres(seen, tmp_path):
    thing = mesh(tmp_path)
    vertices, faces = np.load(thing.vertices), np.load(thing.faces)
    found = under(region(), seen.whole, Target("m", vertices, np.eye(4), faces))
    assert np.array_equal(found, inside(region(), seen.project(vertices[faces].mean(axis=1)))) and found.any()


def test_that_a_stroke_replaces_adds_or_takes_away():
    before, hit = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    assert combined(before, hit, "replace").tolist() == [True, False, True, False]
    assert combined(before, hit, "add").tolist() == [True, True, True, False]
    assert combined(before, hit, "subtract").tolist() == [False, True, False, False]
    assert not combined(None, hit, "subtract").any()


def test_that_values_that_are_no_numbers_lie_in_no_range():
    values = np.array([0.0, 1.0, np.nan, 2.0, np.inf])
    assert selecting.with_values(values, 1.0, 2.0).tolist() == [False, True, False, True, False]
    assert selecting.with_classes(np.array([3, 1, 2]), [1, 3]).tolist() == [True, True, False]


def test_that_a_part_of_a_cloud_has_its_own_arrays_bounds_and_ranges(tmp_path):
    thing = cloud(tmp_path / "from")
    positions = np.load(thing.positions)
    keep = positions[:, 0] < 0.25
    part = part_of(thing, keep, tmp_path / "to")
    assert part.count == keep.sum() and np.array_equal(np.load(part.positions), positions[keep])
    assert np.allclose(part.low, positions[keep].min(axis=0)) and part.high[0] < 0.25
    assert np.array_equal(np.load(part.order), np.load(thing.order)[keep])
    for before, after in zip(thing.columns, part.columns, strict=True):
        assert np.array_equal(np.load(after.path), np.load(before.path)[keep])
    assert part.columns[2].high == positions[keep, 0].max() and part.columns[1].names == thing.columns[1].names


def test_that_a_part_of_a_mesh_keeps_only_the_vertices_of_its_faces(tmp_path):
    thing = mesh(tmp_path / "from")
    vertices, faces, colours = (np.load(path) for path in (thing.vertices, thing.faces, thing.colours))
    keep = np.arange(12) < 2
    part = part_of(thing, keep, tmp_path / "to")
    assert (part.face_count, part.vertex_count) == (2, 4)
    assert np.array_equal(np.load(part.vertices)[np.load(part.faces)], vertices[faces[keep]])
    assert np.array_equal(np.load(part.colours)[np.load(part.faces)], colours[faces[keep]])
    assert part.high == (0.0, 1.0, 1.0)


@pytest.mark.parametrize("turn", [(0, 0, 0), (30, -40, 170), (0, 90, 20), (0, -90, 0), (-170, 10, 5)])
@pytest.mark.parametrize("scale", [(1, 1, 1), (2, 0.5, 3), (-1, 1, 2)])
def test_that_a_place_in_numbers_is_the_placement(turn, scale):
    from workbench.gui.scenes.placing import Pose

    placement = placement_from(Pose((1, 2, 3), turn, scale))
    found = pose_of(placement)
    assert found.exact and np.allclose(placement_from(found), placement, atol=1e-9)
    assert np.allclose(found.position, (1, 2, 3)) and np.allclose(np.abs(found.scale), np.abs(scale))


def test_that_a_sheared_place_is_known_as_one():
    matrix = np.eye(4)
    matrix[0, 1] = 0.5
    assert not pose_of(tuple(matrix.ravel())).exact


def test_that_boxes_are_turned_and_scaled_about_the_upright():
    change = turned(np.array([0, 0, 1.0]), math.pi / 2, np.zeros(3)) @ scaled(2.0, np.zeros(3))
    box = box_moved(Box((1, 0, 1), (1, 2, 3), 0.1, "a"), change)
    assert np.allclose(box.centre, (0, 2, 2)) and np.allclose(box.size, (2, 4, 6))
    assert box.yaw_rad == pytest.approx(0.1 + math.pi / 2) and box.label == "a"
