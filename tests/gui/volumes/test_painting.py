"""Painting, filling and keeping with mouse and keys."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor

from tests.gui.volumes.hands import CONTROL, LEFT, RIGHT, SHIFT, drag, event_moved, idle, spot
from workbench.gui.views import make_view
from workbench.gui.volumes import drafts


def test_that_a_brush_paints_the_active_label_and_the_right_button_erases_it(qtbot, viewer):
    axial, labels = viewer.canvases["axial"], viewer.editor.labels
    before = labels.array.copy()
    viewer.go((12, 5, 5))
    labels.choose(2)
    viewer.editor.choose("brush")
    drag(qtbot, axial, spot(axial, (12, 20, 15)), spot(axial, (12, 20, 30)))
    assert (labels.array[12, 20, 15:31] == 2).all() and (labels.array[11] == before[11]).all()
    assert labels.ml(2) == pytest.approx((labels.array == 2).sum() * 0.01)
    drag(qtbot, axial, spot(axial, (12, 20, 15)), spot(axial, (12, 20, 30)), RIGHT)
    assert (labels.array[12, 20, 15:31] == 0).all()
    assert labels.document.stack.count() == 2
    qtbot.keyClick(axial, Qt.Key.Key_Z, CONTROL)
    qtbot.keyClick(axial, Qt.Key.Key_Z, CONTROL)
    assert (labels.array == before).all()
    qtbot.keyClick(axial, Qt.Key.Key_Z, CONTROL | SHIFT)
    assert (labels.array[12, 20, 15:31] == 2).all()


def test_that_a_sphere_goes_through_slices_and_the_brackets_set_its_size(qtbot, viewer):
    axial, labels = viewer.canvases["axial"], viewer.editor.labels
    axial.setFocus()
    viewer.editor.choose("brush")
    qtbot.keyClick(axial, Qt.Key.Key_BracketRight)
    assert viewer.editor.brush.radius_mm == 5.0
    qtbot.keyClick(axial, Qt.Key.Key_D)
    viewer.go((12, 20, 15))
    qtbot.keyClick(axial, Qt.Key.Key_Return)
    slices = np.flatnonzero(labels.array[:, 20, 15] == 1)
    assert slices.tolist() == [10, 11, 12, 13, 14]
    qtbot.keyClick(axial, Qt.Key.Key_Return, SHIFT)
    assert not (labels.array[:, 20, 15] == 1).any()


def test_that_the_brush_can_be_held_to_a_range_of_values(qtbot, viewer):
    axial, labels = viewer.canvases["axial"], viewer.editor.labels
    viewer.editor.choose("brush")
    viewer.panel.low.setValue(-50)
    viewer.panel.high.setValue(200)
    viewer.panel.threshold.setChecked(True)
    viewer.editor.brush.radius_mm = 60
    viewer.go((12, 30, 25))
    before = labels.array.copy()
    qtbot.mouseClick(axial, LEFT, pos=spot(axial, (12, 30, 25)))
    values = viewer.scene.layers[0].array
    changed = labels.array != before
    assert changed.sum() > 500 and values[changed].min() >= -50 and values[changed].max() <= 200


def test_that_a_lasso_fills_a_dragged_line_and_clicked_corners(qtbot, viewer):
    axial, labels = viewer.canvases["axial"], viewer.editor.labels
    viewer.go((12, 5, 5))
    viewer.editor.choose("lasso")
    corners = [(12, 20, 12), (12, 30, 12), (12, 30, 22), (12, 20, 22)]
    for voxel in corners:
        qtbot.mouseClick(axial, LEFT, pos=spot(axial, voxel))
    qtbot.keyClick(axial, Qt.Key.Key_Return)
    assert (labels.array[12, 22:29, 14:21] == 1).all() and labels.array[12, 25, 25] == 0
    qtbot.mousePress(axial, RIGHT, pos=spot(axial, corners[0]))
    for voxel in corners[1:]:
        event_moved(axial, QPointF(spot(axial, voxel)), RIGHT)
    qtbot.mouseRelease(axial, RIGHT, pos=spot(axial, corners[3]))
    assert (labels.array[12, 22:29, 14:21] == 0).all()


def test_that_a_lasso_is_drawn_by_keys_alone(qtbot, viewer):
    axial, labels = viewer.canvases["axial"], viewer.editor.labels
    viewer.editor.choose("lasso")
    before = labels.array.copy()
    for close, modifier in ((1, Qt.KeyboardModifier.NoModifier), (0, Qt.KeyboardModifier.ShiftModifier)):
        for voxel in [(12, 20, 12), (12, 30, 12), (12, 30, 22), (12, 20, 22)]:
            viewer.go(voxel)
            qtbot.keyClick(axial, Qt.Key.Key_Period)
        qtbot.keyClick(axial, Qt.Key.Key_Return, modifier)
        assert (labels.array[12, 22:29, 14:21] == close).all()
    assert np.array_equal(labels.array[13], before[13])


def test_that_region_growing_labels_what_is_alike_off_the_gui_thread(qtbot, viewer):
    axial, labels = viewer.canvases["axial"], viewer.editor.labels
    viewer.go((20, 5, 5))
    viewer.editor.choose("fill")
    viewer.editor.tolerance = 300
    qtbot.mouseClick(axial, LEFT, pos=spot(axial, (20, 2, 2)))
    assert viewer.editor.busy and not viewer.editor.able()
    idle(qtbot, viewer)
    values = viewer.scene.layers[0].array[20]
    assert (labels.array[20][values < -600] == 1).all() and labels.array[20, 30, 25] == 0


@pytest.mark.parametrize("name", ["grow", "shrink", "smooth", "largest", "islands"])
def test_that_operations_are_one_step_and_are_undone(qtbot, viewer, name):
    labels = viewer.editor.labels
    labels.choose(2)
    labels.stroke()
    labels.put((slice(2, 3), slice(5, 7), slice(5, 7)), np.ones((1, 2, 2), bool))
    labels.finish("brush stroke")
    before = labels.array.copy()
    viewer.actions_[name].trigger()
    idle(qtbot, viewer)
    assert (labels.array != before).any() and labels.document.stack.count() == 2
    viewer.actions_["undo"].trigger()
    assert (labels.array == before).all()


def test_that_an_operation_that_cannot_be_done_says_why(qtbot, viewer):
    viewer.editor.labels.add_label("nothing yet")
    viewer.actions_["grow"].trigger()
    idle(qtbot, viewer)
    assert "nowhere" in viewer.message.whole and viewer.message.property("role") == "error"


def test_that_interpolation_and_copying_follow_the_plane_with_the_focus(qtbot, viewer):
    labels, coronal = viewer.editor.labels, viewer.canvases["coronal"]
    labels.add_label("new")
    coronal.setFocus()
    for y in (8, 14):
        labels.stroke()
        labels.put((slice(5, 12), slice(y, y + 1), slice(5, 12)), np.ones((7, 1, 7), bool))
        labels.finish("lasso")
    qtbot.keyClick(coronal, Qt.Key.Key_I)
    idle(qtbot, viewer)
    assert (labels.array[6:11, 8:15, 6:11] == 4).all()
    viewer.go((8, 14, 8))
    viewer.actions_["next"].trigger()
    assert viewer.scene.cursor == (8, 15, 8) and (labels.array[5:12, 15, 5:12] == 4).all()


def test_that_a_label_is_combined_with_another_and_with_itself_as_it_was(qtbot, viewer):
    labels = viewer.editor.labels
    original = labels.array.copy()
    labels.choose(1)
    viewer.editor.combine(2, "union")
    idle(qtbot, viewer)
    assert (labels.array[original == 2] == 1).all()
    viewer.editor.combine(None, "intersection")
    idle(qtbot, viewer)
    assert ((labels.array == 1) == (original == 1)).all()


def test_that_numbers_choose_labels_and_the_list_hides_them(qtbot, viewer):
    axial, labels = viewer.canvases["axial"], viewer.editor.labels
    axial.setFocus()
    qtbot.keyClick(axial, Qt.Key.Key_3)
    assert labels.active == 3
    viewer.go((22, 36, 33))
    viewer.editor.choose("crosshair")
    viewer.go((22, 5, 5))
    viewer.panel.fill.setValue(100)
    shown = axial.grab().toImage().pixelColor(spot(axial, (22, 36, 33)))
    assert shown == QColor(labels.colour(3))
    viewer.panel.list.topLevelItem(2).setCheckState(0, Qt.CheckState.Unchecked)
    assert labels.hidden == {3}
    assert axial.grab().toImage().pixelColor(spot(axial, (22, 36, 33))) != shown
    viewer.panel.list.topLevelItem(2).setText(0, "active tumour")
    assert labels.name(3) == "active tumour"


def test_that_edits_are_autosaved_beside_the_artifact_and_taken_up_again(qtbot, view, tmp_path):
    viewer = view.viewer
    viewer.editor.autosave.set_delay(0.05)
    path = tmp_path / "artifacts" / "labels.npy"
    original = path.read_bytes()
    viewer.go((12, 20, 15))
    viewer.editor.choose("brush")
    qtbot.keyClick(viewer.canvases["axial"], Qt.Key.Key_Return)
    assert viewer.saved.text().startswith("edited")
    qtbot.waitUntil(lambda: viewer.saved.text().startswith("autosaved"))
    painted = viewer.editor.labels.array.copy()
    assert drafts.edits_path(path).exists() and path.read_bytes() == original
    again = make_view("labels")
    qtbot.addWidget(again)
    again.show_artifact(tmp_path, view.artifact)
    assert (again.viewer.editor.labels.array == painted).all()
    assert "taken up" in again.viewer.message.whole
    again.viewer.editor.undo()
    assert (again.viewer.editor.labels.array == np.load(path)).all()
    again.viewer.editor.finish()


def test_that_leaving_the_place_writes_at_once(qtbot, view, tmp_path):
    view.viewer.editor.autosave.set_delay(60)
    view.viewer.go((12, 20, 15))
    view.viewer.editor.choose("brush")
    qtbot.keyClick(view.viewer.canvases["axial"], Qt.Key.Key_Return)
    view.hide()
    assert drafts.edits_path(tmp_path / "artifacts" / "labels.npy").exists()


def test_that_region_growing_can_take_away_and_keeps_other_labels(qtbot, viewer):
    labels, axial = viewer.editor.labels, viewer.canvases["axial"]
    labels.choose(1)
    viewer.editor.tolerance = 5000
    viewer.go((22, 36, 33))
    viewer.editor.choose("fill")
    before = labels.array.copy()
    qtbot.mouseClick(axial, RIGHT, pos=spot(axial, (22, 36, 33)))
    idle(qtbot, viewer)
    assert not (labels.array[22] == 1).any() and (labels.array[22] == 2).sum() == (before[22] == 2).sum()
    labels.only_over = "background"
    qtbot.mouseClick(axial, LEFT, pos=spot(axial, (22, 36, 33)))
    idle(qtbot, viewer)
    assert (labels.array[22][before[22] > 1] == before[22][before[22] > 1]).all()
    assert (labels.array[22][before[22] < 2] == 1).all()


def test_that_every_button_is_named_and_says_its_key(viewer):
    for button in viewer.bar.buttons:
        assert button.accessibleName() and button.toolTip()
    assert "(B)" in viewer.actions_["brush"].toolTip()
