"""Tools of the 3D page: selecting, cropping, numbers, handles, measures, planes, views."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from tests.gui.scenes.pagethings import boxes, cloud, look, look_fields, mesh, positions, select, settled
from workbench.core.scenes import (
    Box,
    CamerasDoc,
    ClipPlane,
    Lens,
    MeasureDoc,
    Node,
    PosedImage,
    ReadGroup,
    ReadThing,
    SceneRead,
)
from workbench.gui.scenes import measurelist, placing
from workbench.gui.scenes.exporting import groups_of
from workbench.gui.scenes.looks import KINDS, look_of
from workbench.gui.scenes.scene import placement_of
from workbench.gui.scenes.state import nodes_of
from workbench.gui.scenes.tree import SIZE
from workbench.gui.scenes.valuedialog import ValueDialog

# Selecting and cropping


def test_that_a_drawn_outline_selects_what_is_under_it_and_shift_adds(filled, qtbot):
    page = filled
    page.scene.choose(["p"])
    look(page, "front")
    page.toolbox.use("box")
    at = page.canvas.project(positions(page) + page.scene.world("p")[:3, 3])
    middle = QPoint(*np.median(at[:, :2], axis=0).astype(int))
    drags = (
        (QPoint(1, 1), QPoint(middle.x(), page.canvas.height() - 1), Qt.KeyboardModifier.NoModifier),
        (middle, page.canvas.rect().bottomRight(), Qt.KeyboardModifier.ShiftModifier),
    )
    for first, last, keys in drags:
        qtbot.mousePress(page.canvas, Qt.MouseButton.LeftButton, keys, first)
        qtbot.mouseMove(page.canvas, last)
        qtbot.mouseRelease(page.canvas, Qt.MouseButton.LeftButton, keys, last)
        settled(qtbot, page)
    wanted = (at[:, 0] < middle.x()) | ((at[:, 0] >= middle.x()) & (at[:, 1] >= middle.y()))
    assert 0 < wanted.sum() < 1000 and (page.scene.selection["p"] != wanted).sum() <= 3
    assert "of 1\u202f000 points selected" in page.told.whole
    page.document.undo()
    assert ((at[:, 0] < middle.x()) != page.scene.selection["p"]).sum() <= 3
    page.document.undo()
    assert page.scene.selection == {}


def test_that_the_brush_paints_discs_and_the_lasso_fills_its_outline(filled):
    page = filled
    brush = page.toolbox.brush
    brush.path = [QPointF(50, 40), QPointF(90, 40)]
    region = brush.region()
    y, x = np.nonzero(region)
    assert abs(x.min() - (50 - brush.radius_px)) <= 1 and abs(x.max() - (90 + brush.radius_px)) <= 1
    assert abs(y.max() - (40 + brush.radius_px)) <= 1 and region[40, 70]
    brush.path = []
    lasso = page.toolbox.tools["lasso"]
    lasso.path = [QPointF(10, 10), QPointF(50, 10), QPointF(10, 50)]
    assert abs(int(lasso.region().sum()) - 800) < 60
    lasso.path = []


def test_that_a_selection_is_cropped_shown_again_split_and_deleted(filled, qtbot):
    page, mask = filled, np.arange(1000) < 250
    first = positions(page)
    select(qtbot, page, mask)
    page.cropping.hide()
    settled(qtbot, page)
    assert np.array_equal(np.load(page.scene.nodes["p"].hidden), mask) and page.scene.selection == {}
    page.scene.choose(["p"])
    assert ("Cropped", "250 are hidden") in page.properties.facts.rows
    page.cropping.select_all()
    settled(qtbot, page)
    assert np.array_equal(page.scene.selection["p"], ~mask)
    page.document.undo()
    page.document.undo()
    assert page.scene.nodes["p"].hidden == "" and np.array_equal(page.scene.selection["p"], mask)
    page.cropping.hide(others=True)
    settled(qtbot, page)
    assert np.array_equal(np.load(page.scene.nodes["p"].hidden), ~mask)
    page.cropping.unhide()
    assert page.scene.nodes["p"].hidden == ""
    page.cropping.split()
    settled(qtbot, page)
    made = page.scene.nodes[page.scene.chosen[0]]
    assert np.array_equal(positions(page, made.id), first[mask]) and made.made == "split off scan"
    assert np.array_equal(positions(page), first[~mask]) and page.scene.selection == {}
    page.document.undo()
    page.cropping.delete()
    settled(qtbot, page)
    assert page.scene.nodes["p"].thing.count == 750 and made.id not in page.scene.nodes
    page.document.undo()
    assert np.array_equal(positions(page), first) and np.array_equal(page.scene.selection["p"], mask)


def test_that_deeds_wait_for_each_other_and_let_go_of_what_is_gone_meanwhile(filled, qtbot):
    page = filled
    page.scene.choose(["p"])
    page.cropping.select_all()
    page.cropping.hide()  # of the selection that is still being found
    settled(qtbot, page)
    assert np.load(page.scene.nodes["p"].hidden).all()
    page.document.undo()
    page.cropping.hide()
    page.trees.remove()
    settled(qtbot, page)
    assert "p" not in page.scene.nodes and page.document.stack.undoText() == "remove"


def test_that_points_are_selected_by_class_and_inverted(filled, qtbot):
    page = filled
    page.scene.choose(["p"])
    page.toolbox.select_value()
    dialog = page.findChild(ValueDialog)
    dialog.column.setCurrentText("classification")
    dialog.classes.item(1).setCheckState(Qt.CheckState.Checked)
    dialog.accept()
    settled(qtbot, page)
    high = positions(page)[:, 2] > 0.5
    assert np.array_equal(page.scene.selection["p"], high)
    page.cropping.invert()
    settled(qtbot, page)
    assert np.array_equal(page.scene.selection["p"], ~high)


def test_that_a_reset_puts_a_thing_where_its_file_placed_it(page, tmp_path):
    placed = (0, -1, 0, 3, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
    large = cloud(tmp_path / "large", origin=(4e5, 5e6, 100.0))
    things = (ReadThing("base", large), ReadThing("scan", cloud(tmp_path / "scan", origin=(4e5 + 7, 5e6, 100.0)),
              placement=placed), ReadThing("crate", mesh(tmp_path / "crate"), placement=placed))  # fmt: skip
    found, page.state.origin, _ = nodes_of(SceneRead(things), page.state, "here.glb")
    _, scan, crate = found
    assert crate.placement == page.state.home_of(crate) == placed
    assert scan.placement == page.state.home_of(scan) == (0, -1, 0, 10, *placed[4:])
    page.scene.set_nodes(found)
    page.scene.choose([crate.id])
    page.properties.follow()
    page.properties.numbers["scale"][0].setValue(2.0)
    assert page.scene.nodes[crate.id].placement != placed
    page.properties.reset.click()
    assert page.scene.nodes[crate.id].placement == placed


def test_that_groups_of_a_file_stand_in_each_other_and_go_into_one_that_is_written(page, tmp_path):
    up, turned = (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 5, 0, 0, 0, 1), (0, -1, 0, 3, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1)
    groups = ReadGroup("#0", "room", up), ReadGroup("#1", "desk", turned, "#0")
    things = ReadThing("lamp", mesh(tmp_path), turned, "#1"), ReadThing("crate", mesh(tmp_path), up, "#0")
    found, _, _ = nodes_of(SceneRead(things, groups=groups), page.state, "here.glb")
    page.scene.set_nodes(found)
    room, desk, lamp, crate = found
    assert (room.name, desk.parent, lamp.parent, crate.parent) == ("room", room.id, desk.id, room.id)
    assert np.allclose(page.scene.world(lamp.id), np.reshape(turned, (4, 4)))
    assert page.state.home_of(desk) == turned and np.allclose(page.scene.world(crate.id), np.reshape(up, (4, 4)))
    told = groups_of(page.scene, [lamp, crate], (7.0, 0, 0))
    assert [(one.name, one.placement[3]) for one in told] == [("room", 7), ("desk", 3)]


def test_that_arrays_that_are_gone_are_told_of(filled, qtbot):
    page = filled
    Path(page.scene.nodes["p"].thing.positions).unlink()
    page.scene._arrays.clear()  # the canvas has it mapped
    page.scene.choose(["p"])
    page.cropping.select_all()
    settled(qtbot, page)
    assert page.banner.record is not None and page.scene.selection == {}


# Properties


def test_that_places_and_looks_are_changed_by_numbers_and_undone(filled, qtbot):
    page, panel = filled, filled.properties
    page.scene.choose(["m"])
    panel.numbers["turn_deg"][2].setValue(90.0)
    assert np.allclose(page.scene.world("m") @ [1, 0, 0, 1], [2, 1, 5, 1])
    panel.reset.click()
    assert np.allclose(page.scene.world("m")[:3, 3], [0, 0, 5])
    page.scene.choose(["p"])
    fields = look_fields(qtbot, page)
    panel.look.changed.emit("colour_by", "column:intensity")
    panel.look.changed.emit("size", 4.0)
    panel.look.changed.emit("size", 5.0)
    assert look_of(page.scene.nodes["p"]).size == 5.0 and fields["colour_map"].isVisibleTo(panel)
    page.document.undo()
    assert look_of(page.scene.nodes["p"]).size == 2.0  # steps in quick succession are one
    page.document.undo()
    assert not fields["colour_map"].isVisibleTo(panel)
    assert ("Columns", "rgb, classification, intensity") in panel.facts.rows


def test_that_sizes_are_told_along_a_things_own_axes_and_a_long_name_widens_nothing(filled, qtbot):
    page, panel = filled, filled.properties
    page.scene.choose(["m"])
    wide = panel.widget().minimumSizeHint().width()
    assert ("Size", "1 × 1 × 1 m") in panel.facts.rows
    panel.numbers["turn_deg"][2].setValue(45.0)
    panel.numbers["scale"][0].setValue(2.0)
    assert ("Size", "2 × 1 × 1 m") in panel.facts.rows
    node = page.scene.nodes["m"]
    page.trees.put([msgspec.structs.replace(node, name="surface " * 20 + "x" * 90)], "rename")
    assert panel.title.whole.startswith("surface") and panel.widget().minimumSizeHint().width() == wide


def test_that_forms_of_looks_are_made_before_they_are_wanted_and_kept(filled, qtbot):
    page, look = filled, filled.properties.look
    page.properties.prepare()
    qtbot.waitUntil(lambda: not look._piece.isActive(), timeout=10_000)
    assert set(look._forms) == set(KINDS) and all(one.ready for one in look._forms.values()) and not look.fields
    page.scene.choose(["p"])
    fields = look.fields  # at once
    assert [fields["colour_by"].itemText(at) for at in range(3)] == ["automatic", "rgb", "classification"]
    page.scene.choose(["m"])
    assert look.fields["edges"].isVisibleTo(look) and not fields["colour_by"].isVisibleTo(look)
    page.scene.choose(["p"])
    assert look.fields is fields


def test_that_boxes_are_drawn_labelled_and_deleted(filled):
    page, editor = filled, filled.properties.boxes
    page.scene.choose(["b"])
    page.toolbox.add_box(Box((1, 1, 1), (2, 2, 2)))
    doc = page.scene.nodes["b"].thing
    assert len(doc.boxes) == 3 and doc.boxes[2].label == "table"
    editor.mark(2)
    editor._relabel("lamp")
    editor.numbers["size"][0].setValue(3.0)
    doc = page.scene.nodes["b"].thing
    assert doc.boxes[2] == Box((1, 1, 1), (3, 2, 2), 0.0, "lamp") and doc.names == ("chair", "table", "lamp")
    editor._remove()
    assert len(page.scene.nodes["b"].thing.boxes) == 2
    for _ in range(4):
        page.document.undo()
    assert page.scene.nodes["b"].thing == boxes()


def test_that_no_numbers_are_told_of_no_box(filled):
    page, editor = filled, filled.properties.boxes
    page.scene.choose(["b"])
    field = editor.numbers["size"][0]
    assert editor.marked() == -1 and (field.text(), editor.yaw.text()) == ("", "°") and not field.isEnabled()
    editor.mark(0)
    assert field.text() == "1" and editor.numbers["centre"][0].text() == "0.5"
    page.scene.choose(["m"])
    assert page.scene.nodes["b"].thing == boxes()


def test_that_a_box_is_dragged_on_the_floor_and_raised(filled, qtbot):
    page = filled
    look(page, "corner")
    page.toolbox.use("new-box")
    tool, seen = page.toolbox.tools["new-box"], page.canvas.gaze()
    tool.floor = lambda x, y: 0.0
    first, last = (QPoint(*np.round(at[:2]).astype(int)) for at in seen.project(np.array([(0, 0, 0), (1.0, 1.5, 0)])))
    qtbot.mousePress(page.canvas, Qt.MouseButton.LeftButton, pos=first)
    qtbot.mouseMove(page.canvas, last)
    qtbot.mouseRelease(page.canvas, Qt.MouseButton.LeftButton, pos=last)
    assert tool.raising
    up = last - QPoint(0, 40)
    qtbot.mouseMove(page.canvas, up)
    qtbot.mousePress(page.canvas, Qt.MouseButton.LeftButton, pos=up)
    qtbot.mouseRelease(page.canvas, Qt.MouseButton.LeftButton, pos=up)
    made = page.scene.nodes[page.scene.chosen[0]]
    (box,) = made.thing.boxes
    assert np.allclose(box.size[:2], (1, 1.5), atol=0.05) and box.size[2] > 0.1
    assert np.allclose(box.centre[:2], (0.5, 0.75), atol=0.05) and box.centre[2] == pytest.approx(box.size[2] / 2)


# Handles, measures, planes, views


def test_that_a_handle_that_is_dragged_moves_along_its_axis_and_is_one_step(filled, qtbot):
    page = filled
    page.scene.choose(["m"])
    look(page, "front")
    page.toolbox.use("transform")
    tool, seen = page.toolbox.tools["transform"], page.canvas.gaze()
    middle = tool.middle()
    reach = tool.reach(seen, middle)
    before, count = page.scene.world("m"), page.document.stack.count()
    ends = seen.project(middle + np.outer([0.6, 1.6], [1, 0, 0]) * reach)
    first, last = (QPoint(*np.round(at[:2]).astype(int)) for at in ends)
    assert tool.hit(QPointF(first)) == ("move", 0)
    qtbot.mousePress(page.canvas, Qt.MouseButton.LeftButton, pos=first)
    for share in (0.3, 0.7, 1.0):
        qtbot.mouseMove(page.canvas, first + (last - first) * share)
    qtbot.mouseRelease(page.canvas, Qt.MouseButton.LeftButton, pos=last)
    moved = page.scene.world("m")[:3, 3] - before[:3, 3]
    assert np.allclose(moved, [reach, 0, 0], atol=0.05 * reach)
    assert page.document.stack.count() == count + 1
    page.document.undo()
    assert np.allclose(page.scene.world("m"), before)


def test_that_a_ring_turns_about_its_axis(filled):
    page = filled
    page.scene.choose(["m"])
    look(page, "top")
    tool, seen = page.toolbox.tools["transform"], page.canvas.gaze()
    middle = tool.middle()
    radius = tool.reach(seen, middle) * 0.7
    angles = []
    for angle in (0.2, 0.9):
        at = seen.project((middle + radius * np.array([np.cos(angle), np.sin(angle), 0]))[None])[0]
        angles.append(tool._along(("turn", 2), middle, QPointF(at[0], at[1])))
    assert np.allclose(angles, (0.2, 0.9), atol=1e-6)
    page.toolbox._drag(placing.turned(np.array([0, 0, 1.0]), np.pi / 2, middle))
    page.toolbox._drop()
    assert np.allclose(page.scene.world("m") @ [1, 0, 0, 1], [3, 1, 5, 1])


def test_that_measures_planes_units_and_viewpoints_are_undone(filled):
    page, one = filled, MeasureDoc(((0, 0, 0), (3, 4, 0)))
    page.toolbox.add_measure(one)
    assert [node.thing for node, _ in measurelist.measures_of(page.scene)] == [one]
    page._toggle(page.cutting)
    page.cutting.sliders[0].setValue(500)
    page.cutting.sliders[0].setValue(250)
    low, high = page.cutting.extent(0)
    assert page.scene.clips == (ClipPlane((1, 0, 0), pytest.approx(low + (high - low) / 4)),)
    page.cutting.set_plane(0, 1.0, flipped=True)
    assert page.scene.clips == (ClipPlane((-1, 0, 0), -1.0),)
    page.toolbox.add_view("here")
    look(page, "top")
    page.toolbox.step_view(1)
    assert page.state.views[0].name == "here"
    page.properties._set_unit("mm")
    for _ in range(5):
        page.document.undo()
    assert (page.scene.clips, page.state.views, page.state.unit) == ((), (), "m")
    assert not measurelist.measures_of(page.scene) and len(page.scene.nodes) == 4


def test_that_measures_stand_in_the_tree_with_their_values_move_with_their_group_and_go_with_it(filled, qtbot):
    page = filled
    for points in (((0, 0, 0), (3, 4, 0)), ((1, 0, 0), (0, 0, 0), (0, 2, 0)), ((0, 0, 0), (0, 0, 2))):
        page.toolbox.add_measure(MeasureDoc(points))
    group, *some = [one for one in page.scene.nodes.values() if one.kind == "measure" or one.name == "Measures"]
    assert [one.name for one in some] == ["distance 1", "angle 1", "distance 2"]
    rows = page.tree.rows
    page.properties._set_unit("mm")
    assert [rows.data(rows.index_of(one.id, SIZE)) for one in some] == ["5 mm", "90.0°", "2 mm"]
    page.trees.put([msgspec.structs.replace(group, placement=placement_of(np.diag([2.0, 2, 2, 1])))], "scale")
    page.toolbox.add_measure(MeasureDoc(((0, 0, 0), (7, 0, 0))))  # in the group, and as it was clicked
    lengths = [float(np.linalg.norm(places[1] - places[0])) for _, places in measurelist.measures_of(page.scene)]
    assert lengths == pytest.approx([10, 2, 4, 7])
    page.trees.show([some[0].id], False)
    assert len(measurelist.measures_of(page.scene)) == 3
    page.toolbox.remove_measures()
    assert len(page.scene.nodes) == 4
    page.document.undo()
    assert len(page.scene.nodes) == 9
    page.scene.choose([group.id])
    assert [one.name for one in page.exporting.nodes()] == ["distance 1", "angle 1", "distance 2", "distance 3"]


def test_that_clicks_measure_and_do_not_choose(filled, qtbot, monkeypatch):
    page, places = filled, iter([(0, 0, 0), None, (1, 0, 0), (1, 2, 0)])
    found = (("p", 0, np.array(at, float)) if at is not None else None for at in places)
    monkeypatch.setattr(page.canvas, "pick", lambda x, y: next(found))
    page.toolbox.use("angle")
    for _ in range(4):
        qtbot.mouseClick(page.canvas, Qt.MouseButton.LeftButton, pos=QPoint(30, 30))
    ((node, _),) = measurelist.measures_of(page.scene)
    assert node.thing == MeasureDoc(((0, 0, 0), (1, 0, 0), (1, 2, 0))) and page.scene.chosen == ()


def test_that_orthographic_views_show_as_much_and_lead_back(filled):
    page = filled
    look(page, "front")
    before = page.scene.view
    spot = np.add([before.about], [[0.3, 0, 0.2]])
    at = page.canvas.project(spot)
    page.toolbox.orthographic()
    assert page.scene.view.orthographic and np.allclose(page.canvas.project(spot)[:, :2], at[:, :2], atol=0.5)
    page.toolbox.orthographic()
    assert np.allclose(page.scene.view.pose, before.pose)


def test_that_one_looks_through_the_camera_that_was_clicked_and_then_the_next(filled):
    page, lens = filled, Lens(40, 30, 40.0, 40.0, 20.0, 15.0)
    poses = [(1, 0, 0, x, 0, 1, 0, 0, 0, 0, 1, 9, 0, 0, 0, 1) for x in range(3)]
    doc = CamerasDoc(tuple(PosedImage(f"/data/{at}.png", lens, pose) for at, pose in enumerate(poses)))
    assert not page.toolbox.acts["through"].isEnabled()
    page.trees.add([Node("c", "photographs", doc)], "read")
    page.toolbox._picked(("c", 1, np.zeros(3)))
    for x in (1, 2, 0):
        page.toolbox.through()
        assert page.scene.view.pose[3] == x and page.scene.view.height_deg == pytest.approx(lens.height_deg)
    assert "Photograph 1 of 3: 0.png" in page.told.whole
