"""A case in 3-D: tones, parts, looks, controls, what stands where; pixels where there is OpenGL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtTest import QTest

from tests.gui.volumes import phantom
from workbench.core.scenes import ClipPlane
from workbench.core.volumes import Geometry, VolumeMeta
from workbench.gui.scenes.canvas import SceneCanvas
from workbench.gui.scenes.looks import look_of
from workbench.gui.volumes import looks
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.bodies import HIDDEN
from workbench.gui.volumes.labelmap import LabelMap
from workbench.gui.volumes.scene import Layer
from workbench.gui.volumes.spaceview import ALL_CUT, letters
from workbench.gui.volumes.tiling import Cost, Tiles, small
from workbench.gui.volumes.tones import steps_of, tones_of
from workbench.gui.volumes.viewer import VolumeViewer
from workbench.report.planes import position_mm

GEOMETRY = Geometry((1.0, 1.5, 2.0), (10.0, -20.0, 30.0), (0, 0, 1, -1, 0, 0, 0, 1, 0))
WITHIN_MS = 60_000


# Tones


def test_that_tones_span_the_values_and_what_is_no_number_is_the_lowest():
    array = np.linspace(-500, 500, 6 * 7 * 8, dtype=np.float32).reshape(6, 7, 8)
    array[2, 3, 4] = np.nan
    found = tones_of(array, Geometry(), (-500, 500))
    assert found.steps == (1, 1, 1) and found.words == ""
    assert found.tones[0, 0, 0] == 0 and found.tones[-1, -1, -1] == 255 and found.tones[2, 3, 4] == 0
    assert found.value(found.tone(120.0)) == pytest.approx(120.0)
    assert found.shares.sum() == pytest.approx(1.0)


def test_that_a_large_volume_is_thinned_along_its_finest_axis_first_and_says_so():
    assert steps_of((60, 512, 512), (5.0, 0.5, 0.5), most_voxels=2**22, most_side=512) == [1, 2, 2]
    assert steps_of((700, 10, 10), (1.0, 1.0, 1.0), most_voxels=2**22, most_side=512) == [2, 1, 1]
    array = np.arange(20 * 20 * 20, dtype=np.int16).reshape(20, 20, 20)
    found = tones_of(array, Geometry(), (0, 7999), most_voxels=1000)
    assert found.steps == (2, 2, 2) and found.tones.shape == (10, 10, 10)
    assert found.words == "shown at a half of its resolution"
    assert found.tones[3, 4, 5] == round(int(array[6, 8, 10]) * 255 / 7999)


@pytest.mark.parametrize("most_voxels", [10**6, 300])
def test_that_the_middle_of_a_texel_lies_where_its_voxel_does(most_voxels):
    array = np.zeros((8, 10, 12), np.int16)
    found = tones_of(array, GEOMETRY, (0, 1), most_voxels=most_voxels)
    texel = np.array([3, 2, 1])  # z, y, x
    share = (texel[::-1] + 0.5) / found.tones.shape[::-1]
    there = found.placed(GEOMETRY) @ [*share, 1]
    assert there[:3] == pytest.approx(position_mm(GEOMETRY, texel * found.steps))


# Parts


@pytest.mark.parametrize("costs", [[1e-9], [1e-3], [1e-6, 5e-5, 1e-7]])
def test_that_the_parts_of_a_picture_cover_each_pixel_once_whatever_they_cost(costs):
    size, cost, seen = QSize(211, 97), Cost(), np.zeros((97, 211), int)
    tiles, at = Tiles(size, cost), 0
    while tiles:
        part = tiles.next()
        seen[part.y() : part.y() + part.height(), part.x() : part.x() + part.width()] += 1
        cost.took(part.width() * part.height(), costs[at % len(costs)] * part.width() * part.height())
        at += 1
        assert tiles.drawn == pytest.approx(seen.mean())
    assert (seen == 1).all()


def test_that_a_part_that_proves_dear_makes_the_next_ones_smaller():
    cost = Cost()
    cost.pixel_s = 1e-9
    tiles = Tiles(QSize(600, 600), cost)
    first = tiles.next()
    cost.took(first.width() * first.height(), 1.0)
    second = tiles.next()
    assert second.width() * second.height() < first.width() * first.height() / 16


def test_that_a_coarse_picture_keeps_its_shape_and_is_never_larger_than_the_whole():
    found = small(QSize(800, 400), 5000)
    assert found.width() == 2 * found.height() and found.width() * found.height() == pytest.approx(5000, rel=0.05)
    assert small(QSize(80, 40), 1e9) == QSize(80, 40)


# Looks


def test_that_the_automatic_look_follows_the_modality_and_ct_looks_need_their_unit():
    ct, mr = VolumeMeta(modality="CT", unit="HU"), VolumeMeta(modality="MR")
    assert looks.look_of("auto", ct, -1000, 2000) == looks.look_of("soft-tissue", ct, -1000, 2000)
    assert looks.look_of("auto", mr, 0, 600) == looks.look_of("mr", mr, 0, 600)
    assert looks.look_of("bone", mr, 0, 600) == looks.look_of("mr", mr, 0, 600)  # 250 means nothing there
    for name in looks.LOOKS:
        values = [value for value, _, _ in looks.look_of(name, ct, -1000, 2000).points]
        assert values == sorted(values)


def test_that_a_handle_stays_between_its_neighbours():
    look = looks.Look(((0, (0, 0, 0), 0.0), (10, (9, 9, 9), 0.1), (20, (0, 0, 0), 0.5)), 5)
    assert look.moved(1, 99, 0.2).points[1] == (20, (9, 9, 9), 0.2)
    assert look.moved(1, -5, 7).points[1] == (0, (9, 9, 9), 1.0)


# The viewer


@pytest.fixture
def viewer(qtbot):
    values, labels = phantom.head((40, 60, 50))
    shown = VolumeViewer(Away())
    qtbot.addWidget(shown)
    shown.resize(900, 700)
    meta = phantom.meta(labels=phantom.LABELS)
    shown.show_volumes([Layer(values, meta)], LabelMap(labels, meta, shown))
    shown.show()
    return shown


@pytest.fixture
def pane(viewer, qtbot):
    """The controls with a volume whose values are counted."""
    viewer.actions_["render"].trigger()
    qtbot.waitUntil(lambda: viewer.space.bodies.tones is not None, timeout=WITHIN_MS)
    return viewer.space


def test_that_without_opengl_the_case_is_drawn_coarsely_and_one_view_shows_volume_or_surfaces(viewer, qtbot):
    viewer.activateWindow()
    viewer.canvas.setFocus()
    QTest.keyClick(viewer.canvas, Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    pane, canvas = viewer.space, viewer.space.view
    assert isinstance(canvas, SceneCanvas) and "No OpenGL" in canvas.note
    qtbot.waitUntil(lambda: canvas.whole and pane.names.isEnabled(), timeout=WITHIN_MS)
    assert pane.controls.isVisible() and not viewer.panel.isVisible()
    image = canvas.grab_picture(canvas.size())
    assert image.pixelColor(canvas.width() // 2, canvas.height() // 2).lightness() > 100  # the head
    assert all(plane.isVisible() for plane in viewer.canvases.values())
    viewer.actions_["solid"].trigger()  # one place, one of the two
    assert pane.isVisible() and not pane.controls.isVisible() and not viewer.actions_["render"].isChecked()
    qtbot.waitUntil(lambda: set(pane.bodies.meshes) == {1, 2, 3}, timeout=WITHIN_MS)
    assert [one.id for one in canvas.scene.nodes.values() if one.shown] == ["label 1", "label 2", "label 3"]
    viewer.actions_["solid"].trigger()
    assert viewer.panel.isVisible() and not pane.isVisible()


def test_that_the_view_with_the_focus_is_enlarged_be_it_the_one_in_3d(viewer, pane, qtbot):
    viewer.activateWindow()
    pane.view.setFocus()
    qtbot.waitUntil(pane.view.hasFocus)
    QTest.keyClick(pane.view, Qt.Key.Key_X)
    assert pane.isVisible() and not any(one.isVisible() for one in viewer.canvases.values())
    assert viewer.actions_["one"].isChecked() and viewer.actions_["render-cut"].isEnabled()
    QTest.keyClick(pane.view, Qt.Key.Key_X)
    assert pane.isVisible() and all(one.isVisible() for one in viewer.canvases.values())
    viewer.canvas.setFocus()
    QTest.keyClick(viewer.canvas, Qt.Key.Key_X)
    assert viewer.canvas.isVisible() and not pane.isVisible()


def test_that_the_volume_is_drawn_from_the_array_that_the_planes_show(viewer, pane):
    path = pane.bodies.space.nodes["volume"].thing.file.path
    assert pane.bodies.space.array(path) is viewer.scene.layers[0].array


def test_that_a_handle_is_dragged_moved_by_keys_undone_and_reset(viewer, pane, qtbot):
    strip, delivered = pane.strip, pane.setting.look
    wanted = looks.look_of("soft-tissue", phantom.meta(), -1000, 1000)
    assert pane.names.currentData() == "auto" and delivered == wanted
    QTest.mousePress(strip, Qt.MouseButton.LeftButton, pos=strip.place(2).toPoint())
    for step in range(1, 4):
        QTest.mouseMove(strip, strip.place(2).toPoint() + QPoint(0, -4 * step))
    QTest.mouseRelease(strip, Qt.MouseButton.LeftButton)
    dragged = pane.setting.look
    assert dragged.points[2][2] > delivered.points[2][2] and dragged.points[1] == delivered.points[1]
    assert pane.document.stack.count() == 1  # one drag is one step
    viewer.activateWindow()
    strip.setFocus()
    QTest.keyClick(strip, Qt.Key.Key_PageUp)
    assert strip.handle == 3
    QTest.keyClick(strip, Qt.Key.Key_Up)
    assert pane.setting.look.points[3][2] > dragged.points[3][2] and "per mm" in strip.accessibleDescription()
    painted = viewer.editor.labels.document.stack.index()
    QTest.keyClick(strip, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert pane.setting.look == dragged
    QTest.keyClick(strip, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert pane.setting.look == delivered
    QTest.keyClick(strip, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert pane.setting.look == dragged and viewer.editor.labels.document.stack.index() == painted
    viewer.actions_["render-reset"].trigger()
    assert pane.setting.look == delivered


def test_that_keys_turn_the_view_and_home_looks_from_the_front_again(viewer, pane, qtbot):
    viewer.activateWindow()
    pane.view.setFocus()
    viewer.canvas.zoom = 3.0
    zoom, scene, front = viewer.canvas.zoom, pane.view.scene, pane.view.scene.view
    QTest.keyClick(pane.view, Qt.Key.Key_Left)
    assert scene.view.pose != front.pose and letters(pane.view.gaze())[2:] == ("H", "F")
    QTest.keyClick(pane.view, Qt.Key.Key_Plus)
    QTest.keyClick(pane.view, Qt.Key.Key_Home)
    qtbot.waitUntil(lambda: scene.view.pose == pytest.approx(front.pose, abs=1e-6), timeout=WITHIN_MS)
    assert viewer.canvas.zoom == zoom and letters(pane.view.gaze()) == ("R", "L", "H", "F")


def test_that_modes_and_looks_are_changed_by_actions_and_the_surface_has_a_value_with_its_unit(viewer, pane):
    viewer.actions_["render-look"].trigger()
    assert pane.names.currentData() == "bone"
    for words in ("maximum", "isosurface"):
        viewer.actions_["render-mode"].trigger()
        assert pane.modes.currentText() == words
    assert pane.level.isVisible() and pane.level_words.text() == "250 HU" and not pane.strip.isVisible()
    pane.level.setValue(400)
    tones = pane.bodies.tones
    assert pane.setting.look.level == pytest.approx(tones.value(0.8)) and pane.level_words.text().endswith(" HU")
    look = look_of(pane.bodies.space.nodes["volume"])
    assert (look.mode, look.level) == ("surface", pane.setting.look.level)
    viewer.actions_["render-mode"].trigger()
    assert pane.strip.isVisible() and pane.bodies.mode == "volume"


def test_that_ct_looks_cannot_be_chosen_for_values_without_unit(viewer, pane, qtbot):
    values = np.random.default_rng(0).random((10, 12, 14)).astype(np.float32)
    meta = VolumeMeta(phantom.meta().geometry, modality="MR")
    viewer.show_volumes([Layer(values, meta)])
    qtbot.waitUntil(lambda: pane.bodies.tones is not None and pane.bodies.tones.high < 2, timeout=WITHIN_MS)
    model = pane.names.model()
    able = [pane.names.itemText(at) for at in range(pane.names.count()) if model.item(at).isEnabled()]
    assert able == ["automatic", "MR"] and pane.setting.look.points[0][0] < 1


def test_that_of_several_volumes_the_chosen_one_is_drawn(viewer, pane, qtbot):
    assert pane.volumes.isHidden()
    meta = VolumeMeta(phantom.meta().geometry, modality="MR")
    shape = (10, 12, 14)
    viewer.show_volumes([Layer(np.full(shape, at, np.int16), meta, title=f"echo {at}") for at in (1, 2)])
    qtbot.waitUntil(lambda: pane.bodies.tones is not None, timeout=WITHIN_MS)
    assert pane.volumes.isVisible() and pane.volumes.currentText() == "echo 1"
    pane.volumes.setCurrentIndex(1)
    pane.volumes.activated.emit(1)
    drawn = pane.bodies.space
    assert drawn.array(drawn.nodes["volume"].thing.file.path) is viewer.scene.layers[1].array
    viewer.show_volumes([viewer.scene.layers[0]])  # the chosen one is gone
    assert drawn.array(drawn.nodes["volume"].thing.file.path) is viewer.scene.layers[0].array


OBLIQUE = Geometry((2.0, 1.5, 3.0), (10.0, -20.0, 30.0), (0, 0, 1, -1, 0, 0, 0, 1, 0))
"""Columns run to the front, rows to the head, slices to the left."""


@pytest.fixture
def oblique(qtbot):
    """Two labels of an array whose axes are none of the patient's: 2 lies at the patient's left."""
    array = np.zeros((30, 24, 20), np.uint8)
    array[4:9, 8:16, 8:14], array[21:26, 8:16, 8:14] = 1, 2
    meta = VolumeMeta(OBLIQUE, labels=phantom.LABELS)
    shown = VolumeViewer(Away())
    qtbot.addWidget(shown)
    shown.resize(800, 700)
    shown.show_volumes([], LabelMap(array, meta, shown))
    shown.show()
    shown.actions_["solid"].trigger()
    qtbot.waitUntil(lambda: set(shown.space.bodies.meshes) == {1, 2}, timeout=WITHIN_MS)
    return shown


def test_that_labels_stand_where_they_lie_in_the_patient_and_a_click_on_one_puts_the_crosshair_there(oblique, qtbot):
    view = oblique.space.view
    assert letters(view.gaze()) == ("R", "L", "H", "F")
    middle = {value: position_mm(OBLIQUE, np.argwhere(oblique.editor.labels.array == value).mean(axis=0))
              for value in (1, 2)}  # fmt: skip
    spots = {value: QPointF(*view.project(at[None])[0, :2]) for value, at in middle.items()}
    assert spots[2].x() > view.width() / 2 > spots[1].x()
    for value, spot in spots.items():
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=spot.toPoint())
        z, y, x = oblique.scene.cursor
        near = oblique.editor.labels.array[max(0, z - 1) : z + 2, y - 1 : y + 2, x - 1 : x + 2]
        assert (near == value).any() and z == pytest.approx(23 if value == 2 else 6, abs=2)
    for name, corners in view.cuts().items():
        across = oblique.scene.planes[name].across
        apart = corners - position_mm(OBLIQUE, oblique.scene.cursor)
        assert apart @ np.reshape(OBLIQUE.direction, (3, 3))[:, 2 - across] == pytest.approx(0, abs=1e-6)


def test_that_surfaces_follow_what_is_painted_and_which_labels_are_shown(oblique, qtbot):
    labels, bodies = oblique.editor.labels, oblique.space.bodies
    view, before = oblique.space.view.scene.view, bodies.meshes[1]
    labels.show_label(2, False)
    labels.restyle(1, colour="#112233")
    nodes = bodies.space.nodes
    assert not nodes["label 2"].shown and look_of(nodes["label 1"]).colour == (0x11, 0x22, 0x33)
    assert bodies.meshes[1] is before and nodes["label 1"].thing is before  # nothing is made or sent anew
    labels.replace((slice(0, 4), slice(0, 4), slice(0, 4)), np.ones((4, 4, 4), bool), "a stroke")
    qtbot.waitUntil(lambda: bodies.meshes[1] is not before, timeout=WITHIN_MS)
    assert bodies.meshes[1].low[2] < before.low[2] - 5 and bodies.space.view == view


def test_that_surfaces_stand_in_the_volume_only_while_they_are_asked_for_and_keep_their_place(viewer, pane, qtbot):
    assert pane.bodies.meshes == {}
    view = pane.view.scene.view
    viewer.actions_["render-labels"].trigger()
    qtbot.waitUntil(lambda: set(pane.bodies.meshes) == {1, 2, 3}, timeout=WITHIN_MS)
    nodes = pane.bodies.space.nodes
    assert pane.labels.isChecked() and all(one.shown for one in nodes.values())
    assert all(look_of(nodes[f"label {value}"]).opacity == 1 for value in (1, 2, 3))  # the volume hides what it holds
    pane.labels.click()
    assert [one.id for one in nodes.values() if one.shown] == ["volume"] and not pane.labels.isChecked()
    assert pane.view.scene.view == view


def test_that_a_cut_leaves_out_what_lies_before_the_slice_and_follows_the_crosshair(viewer, pane):
    viewer.actions_["render-cut"].trigger()
    scene, (cut,) = pane.view.scene, pane.view.scene.clips
    eye, here = np.reshape(scene.view.pose, (4, 4))[:3, 3], viewer.scene.position_mm(viewer.scene.cursor)
    assert cut.normal == pytest.approx((0, 0, 1)) or cut.normal == pytest.approx((0, 0, -1))  # of the axial plane
    viewer.focused = "coronal"
    viewer.actions_["render-cut"].trigger()
    pane.cut.click()
    (cut,) = scene.clips
    assert np.dot(cut.normal, eye) > cut.distance and np.dot(cut.normal, here) == pytest.approx(cut.distance)
    viewer.scene.step(viewer.scene.planes["coronal"], 3)
    assert scene.clips[0].distance == pytest.approx(cut.distance - 6)  # three slices of 2 mm to the back
    viewer.actions_["render-cut"].trigger()
    assert scene.clips == () and not pane.cut.isChecked()


def test_that_a_cut_that_leaves_nothing_says_so_with_its_key(oblique):
    view = oblique.space.view
    for distance, said in ((-1e4, ALL_CUT.format(key="Shift+X")), (1e4, "")):
        view.scene.set_clips((ClipPlane((0.0, 0.0, 1.0), distance),))
        assert view._told() == said


def test_that_hiding_labels_hides_their_surfaces_and_says_so(oblique):
    nodes, bodies = oblique.space.bodies.space.nodes, oblique.space.bodies
    oblique.actions_["hide"].trigger()
    assert not any(one.shown for one in nodes.values()) and bodies.hint == HIDDEN
    oblique.actions_["hide"].trigger()
    assert all(one.shown for one in nodes.values())
    for value in bodies.meshes:
        oblique.editor.labels.show_label(value, False)
    assert bodies.hint == HIDDEN


DRAW = Path(__file__).with_name("gldraw.py")


@pytest.mark.slow
def test_that_with_opengl_pixels_are_what_the_values_and_labels_say():
    assert shutil.which("xvfb-run"), "packaging/test installs xvfb; apt-get install xvfb does by hand"
    line = ["xvfb-run", "-a", "-s", "-screen 0 1000x1000x24 +extension GLX", sys.executable, str(DRAW)]
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(line, cwd=root, capture_output=True, text=True, check=False, timeout=120,
                          env=os.environ | {"QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(root)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() != "no OpenGL", "packaging/test installs Mesa, which draws in a virtual display"
    found = json.loads(done.stdout)
    for mode in ("volume", "surface"):  # what lies nearer hides what lies behind it
        assert found["front"][mode] == ["white", "red", "black"]
        assert found["back"][mode] == ["red", "red", "white"]
    assert found["front"]["maximum"] == ["both", "red", "black"]  # what stands within shines through
    assert found["back"]["maximum"] == ["red", "red", "white"]
    assert found["blue"] < 0.4 and found["orange"] > 0.6  # the label at the patient's left is drawn at the right
    assert found["nested"] < 12  # a clear surface and an opaque one in the same place make no spots
    assert "context" not in done.stderr  # nothing is let go where Qt cannot
