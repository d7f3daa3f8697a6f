"""The volume in 3-D: tones, parts, looks, controls; pixels where there is OpenGL, a sentence where there is none."""

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
from PySide6.QtGui import QVector3D
from PySide6.QtTest import QTest

from tests.gui.volumes import phantom
from workbench.core.volumes import Geometry, VolumeMeta
from workbench.gui.volumes import looks
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.camera import FRONT, Camera
from workbench.gui.volumes.labelmap import LabelMap
from workbench.gui.volumes.rendered import NO_GL
from workbench.gui.volumes.scene import Layer
from workbench.gui.volumes.tiling import Cost, Tiles, small
from workbench.gui.volumes.tones import steps_of, tones_of
from workbench.gui.volumes.viewer import VolumeViewer
from workbench.report.planes import position_mm

GEOMETRY = Geometry((1.0, 1.5, 2.0), (10.0, -20.0, 30.0), (0, 0, 1, -1, 0, 0, 0, 1, 0))


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


def test_that_the_box_holds_every_bright_voxel_with_a_margin_and_leaves_the_air_out():
    array = np.zeros((20, 20, 20), np.uint8)
    array[5:8, 10, 12:15] = 200
    low, high = tones_of(array, Geometry(), (0, 255)).box(100)
    assert low == pytest.approx([11 / 20, 9 / 20, 4 / 20]) and high == pytest.approx([16 / 20, 12 / 20, 9 / 20])
    assert tones_of(array, Geometry(), (0, 255)).box(250).tolist() == [[0, 0, 0], [1, 1, 1]]


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


def test_that_the_edge_letters_turn_with_the_camera():
    camera = Camera()
    assert camera.letters() == ("R", "L", "H", "F")
    camera.turn_by(90, 0)
    assert camera.letters()[2:] == ("H", "F") and set(camera.letters()[:2]) == {"A", "P"}
    camera.front()
    camera.turn_by(0, 90)
    assert camera.letters()[:2] == ("R", "L") and set(camera.letters()[2:]) == {"A", "P"}


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
def pane(viewer):
    """The controls with a volume that is ready, though nothing can draw it here."""
    viewer.actions_["render"].trigger()
    layer = viewer.scene.layers[0]
    viewer.rendered.view.tones = tones_of(layer.array, layer.meta.geometry)
    viewer.rendered.view.ready.emit()
    return viewer.rendered


def test_that_without_opengl_a_sentence_says_so_and_the_planes_remain(viewer):
    viewer.activateWindow()
    viewer.canvas.setFocus()
    QTest.keyClick(viewer.canvas, Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    assert viewer.rendered.view.words == NO_GL and viewer.rendered.isVisible()
    assert not viewer.rendered.names.isEnabled() and not viewer.panel.isVisible()
    assert all(canvas.isVisible() for canvas in viewer.canvases.values())
    assert not viewer.grab().isNull()
    viewer.actions_["solid"].trigger()  # one place, one of the two
    assert viewer.solid.isVisible() and not viewer.rendered.isVisible()
    assert viewer.solid.camera is viewer.rendered.view.camera
    viewer.actions_["solid"].trigger()
    assert viewer.panel.isVisible() and not viewer.solid.isVisible()


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


def test_that_keys_turn_the_camera_and_home_looks_from_the_front_again(viewer, pane):
    viewer.activateWindow()
    pane.view.setFocus()
    zoom = viewer.canvas.zoom = 3.0
    QTest.keyClick(pane.view, Qt.Key.Key_Left)
    QTest.keyClick(pane.view, Qt.Key.Key_Plus)
    assert viewer.camera.turn != FRONT and viewer.camera.zoom > 1
    QTest.keyClick(pane.view, Qt.Key.Key_Home)
    assert viewer.camera.turn == FRONT and viewer.camera.zoom == 1 and viewer.canvas.zoom == zoom


def test_that_modes_and_looks_are_changed_by_actions_and_the_surface_has_a_value_with_its_unit(viewer, pane):
    viewer.actions_["render-look"].trigger()
    assert pane.names.currentData() == "bone"
    for words in ("maximum", "isosurface"):
        viewer.actions_["render-mode"].trigger()
        assert pane.modes.currentText() == words
    assert pane.level.isVisible() and pane.level_words.text() == "250 HU" and not pane.strip.isVisible()
    pane.level.setValue(400)
    tones = pane.view.tones
    assert pane.setting.look.level == pytest.approx(tones.value(0.8)) and pane.level_words.text().endswith(" HU")
    viewer.actions_["render-mode"].trigger()
    assert pane.strip.isVisible() and pane.view.mode == "composite"


def test_that_ct_looks_cannot_be_chosen_for_values_without_unit(viewer, pane, qtbot):
    values = np.random.default_rng(0).random((10, 12, 14)).astype(np.float32)
    meta = VolumeMeta(phantom.meta().geometry, modality="MR")
    viewer.show_volumes([Layer(values, meta)])
    pane.view.tones = tones_of(values, meta.geometry)
    pane.view.ready.emit()
    model = pane.names.model()
    able = [pane.names.itemText(at) for at in range(pane.names.count()) if model.item(at).isEnabled()]
    assert able == ["automatic", "MR"] and pane.setting.look.points[0][0] < 1


def test_that_surfaces_stand_in_the_volume_only_while_they_are_asked_for(viewer, pane):
    assert viewer.solid is None
    viewer.actions_["render-labels"].trigger()
    assert viewer.solid is not None and viewer.solid.wanted and viewer.solid.isHidden() and pane.labels.isChecked()
    pane.labels.click()
    assert not viewer.solid.wanted and not pane.labels.isChecked()


def test_that_of_several_volumes_the_chosen_one_is_drawn(viewer, pane):
    assert pane.volumes.isHidden()
    meta = VolumeMeta(phantom.meta().geometry, modality="MR")
    shape = (10, 12, 14)
    viewer.show_volumes([Layer(np.full(shape, at, np.int16), meta, title=f"echo {at}") for at in (1, 2)])
    pane.view.ready.emit()
    assert pane.volumes.isVisible() and pane.volumes.currentText() == "echo 1"
    pane.volumes.setCurrentIndex(1)
    pane.volumes.activated.emit(1)
    assert pane.view.layer is viewer.scene.layers[1]
    viewer.show_volumes([viewer.scene.layers[0]])  # the chosen one is gone
    assert pane.view.layer is viewer.scene.layers[0]


def test_that_a_thinned_volume_is_said_to_be_one(viewer, pane):
    assert pane.note.isHidden()
    layer = viewer.scene.layers[0]
    pane.view.tones = tones_of(layer.array, layer.meta.geometry, most_voxels=20_000)
    pane.view.ready.emit()
    assert pane.note.isVisible() and pane.note.whole == "shown at a half of its resolution"


def test_that_the_volume_is_seen_from_the_front_with_the_patients_left_at_the_right(viewer, pane):
    seen, placed = pane.view.matrices()
    middle = seen.map(placed.map(QVector3D(0.5, 0.5, 0.5)))
    assert (middle.x(), middle.y()) == pytest.approx((0, 0), abs=1e-4)
    left, head = (seen.map(placed.map(QVector3D(*at))) for at in ((1, 0.5, 0.5), (0.5, 0.5, 1)))
    assert left.x() > 0.2 and head.y() > 0.2
    assert QPointF(left.x(), head.y()).manhattanLength() < 2  # inside of the picture


DRAW = Path(__file__).with_name("gldraw.py")


@pytest.mark.slow
def test_that_with_opengl_pixels_are_what_the_values_say():
    assert shutil.which("xvfb-run"), "packaging/test installs xvfb; apt-get install xvfb does by hand"
    line = ["xvfb-run", "-a", "-s", "-screen 0 1000x1000x24 +extension GLX", sys.executable, str(DRAW)]
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(line, cwd=root, capture_output=True, text=True, check=False, timeout=120,
                          env=os.environ | {"QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(root)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() != "no OpenGL", "packaging/test installs Mesa, which draws in a virtual display"
    found = json.loads(done.stdout)
    assert found["maximum"] < 4  # tones of 255 from numpy's own projection
    assert found["parts"] <= 1
    assert found["middle"] > 150 and found["corner"] == 0
    assert found["silhouette"] == pytest.approx(found["expected"], rel=0.03)
    assert found["thin"] == 0 and found["clear"] == 0
    for mode in ("composite", "surface"):  # what lies nearer hides what lies behind it
        assert found["front"][mode] == ["white", "red", "black"]
        assert found["back"][mode] == ["red", "red", "white"]
    assert found["alone"] < 30
    assert found["right"] < 0.45 and found["left"] > 0.55
    assert found["first drawn"] == "elsewhere"  # what the driver compiles does not hold the window
    assert found["closed, then warmed"] and found["closed, while warmed"]
    assert found["lent again"] == [False, True]  # only shapes that the driver compiles anew for
    assert found["fine"] and "context" not in done.stderr  # nothing is let go where Qt cannot
