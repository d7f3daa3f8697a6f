"""With OpenGL: one run on a virtual display draws known scenes; pixels must be what the scenes say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DRAW = Path(__file__).with_name("gldraw.py")
RED, GREEN, BLUE, NOTHING = [255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0]


@pytest.fixture(scope="module")
def drawn() -> dict:
    assert shutil.which("xvfb-run"), "packaging/test installs xvfb; apt-get install xvfb does by hand"
    line = ["xvfb-run", "-a", "-s", "-screen 0 1000x1000x24 +extension GLX", sys.executable, str(DRAW)]
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(line, cwd=root, capture_output=True, text=True, check=False, timeout=200,
                          env=os.environ | {"QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(root)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() != "no OpenGL", "packaging/test installs Mesa, which draws in a virtual display"
    return json.loads(done.stdout)


pytestmark = pytest.mark.slow


@pytest.mark.parametrize("orthographic", ["True", "False"])
def test_that_what_lies_nearer_hides_what_lies_behind_and_is_what_a_click_falls_on(drawn, orthographic):
    assert drawn[f"above {orthographic}"] == RED and drawn[f"below {orthographic}"] == BLUE
    name, element, place = drawn[f"pick {orthographic}"]
    assert name == "high" and element >= 0
    nearer = 1.0 if orthographic == "True" else 9.5 / 10  # a pixel is shorter above the floor
    assert place == pytest.approx([30 * 4 / 181 * nearer, 20 * 4 / 181 * nearer, 0.5], abs=0.015)
    assert drawn["clear"] == NOTHING and drawn[f"where {orthographic}"] == [True, False]


def test_that_selected_hidden_and_clipped_elements_are_seen_as_such(drawn):
    plain, selected = drawn["selected"]
    assert plain == RED and selected[2] > 150 and selected[0] < 150  # the accent is blue
    assert drawn["lit"] == [False, True, False]
    point, chosen_face, other_face = drawn["hidden"]
    assert point == RED and other_face == BLUE and chosen_face[1] > 80 and chosen_face[2] == 255
    assert drawn["clipped"] == [NOTHING, RED]  # rows above the middle lie beyond the plane


def test_that_points_have_the_colours_of_their_columns(drawn):
    first, left_out = drawn["classes"]
    assert first == [86, 180, 233, 255] and left_out == NOTHING  # Okabe and Ito's first
    low, high = drawn["scalar"]
    assert low[2] > low[1] and low[0] < 90 and high[0] > 180 and high[1] > 200 and high[2] < 80  # viridis
    assert drawn["edges"] > 150


def test_that_eye_dome_lighting_darkens_what_lies_behind_an_edge_and_no_plane(drawn):
    behind_edge, near_plane, far_plane = drawn["dome"]
    assert behind_edge < 160 and near_plane == far_plane == 200


def test_that_clear_things_are_composited_by_depth(drawn):
    assert drawn["veil before"] == pytest.approx([127, 0, 128, 255], abs=2)
    assert drawn["veil behind"] == RED
    assert drawn["grid"][1] == NOTHING and drawn["grid"][0] == pytest.approx(GREEN, abs=3)
    assert drawn["grid before"] == RED
    for place in ("inside", "behind"):
        assert drawn[f"grid {place}"] == pytest.approx(GREEN, abs=6)
    assert drawn["threshold"] == NOTHING


@pytest.mark.parametrize("mode", ["volume", "maximum", "surface"])
def test_that_volumes_are_seen_in_their_middle_and_hidden_by_walls(drawn, mode):
    middle, beside, brightest = drawn[mode]
    assert middle > 150 and beside == 0 and brightest > 150
    assert drawn[f"{mode} behind a wall"] == RED


def test_that_at_rest_edges_of_meshes_cover_parts_of_pixels_and_who_is_seen_stays_exact(drawn):
    assert drawn["edges of one sample"] == 0 and drawn["edges at rest"] > 100
    assert drawn["cut edges"] > 30 and drawn["clear edges"] > 100 and drawn["points' edges"] == 0
    assert drawn["who"]
    pixels, darkest = drawn["rim in light"]
    assert pixels > 8 and darkest > 225  # what is behind the edge is as bright as what is before it


def test_that_a_photograph_is_seen_upright_in_its_frustum_and_stands_before_nobody_who_looks_through_it(drawn):
    upper, lower = drawn["photograph"]
    assert [one > 0 for one in drawn["photograph and box cut"]] == [True, False] * 2
    assert upper[0] > 200 and upper[2] < 50 and lower[2] > 200 and lower[0] < 50
    assert max(drawn["looked through"][:3]) < 120


def test_that_a_mesh_of_many_faces_is_dots_while_it_moves_and_whole_at_rest(drawn):
    assert drawn["sketched"] and drawn["after dots"] == 0


def test_that_a_picture_rendered_elsewhere_is_hidden_by_what_lies_before_it_and_shown_for_its_view_only(drawn):
    nearer, farther = drawn["frame"]
    assert nearer == [255, 0, 255, 255] and farther == RED
    cyan, magenta = [0, 255, 255, 255], [255, 0, 255, 255]
    assert drawn["frames"] == [cyan, magenta, cyan]  # of two fields the nearer one at each pixel, before the wall
    assert drawn["frame elsewhere"][1] > 200  # the grid instead


def test_that_damage_and_a_failing_driver_are_told_and_nothing_goes_black(drawn):
    assert drawn["beside damage"] == GREEN and "gone or damaged" in drawn["damage"][0]
    assert drawn["failed"] == ["OpenGL failed while the scene was drawn."]
    assert drawn["after failing"] == GREEN and drawn["threads"] == []
