"""The 3D page without OpenGL and with a scripted worker: read, edited, kept, found again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from tests.gui.scenes.pagethings import WITHIN_MS, boxes, cloud, look, look_fields, mesh, nodes, select
from tests.gui.test_access import CONTROLS, named, walked, within
from workbench.core.problem import InputError, ProblemRecord
from workbench.core.scenecommands import SCENES
from workbench.core.scenes import (
    UNMOVED,
    CamerasDoc,
    Lens,
    MeasureDoc,
    Node,
    PosedImage,
    PoseReading,
    RadianceDoc,
    RadianceMeta,
    ReadThing,
    SceneRead,
)
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes import keeping as keeping_module
from workbench.gui.scenes import placing, projects
from workbench.gui.scenes.colourbar import end_words
from workbench.gui.scenes.exporting import written_place
from workbench.gui.scenes.sessions import Session
from workbench.gui.scenes.tree import SIZE, size_words
from workbench.gui.sidepanel import SidePanel

# Reading


def test_that_files_are_read_one_after_the_other_and_large_coordinates_moved(page, scripted, qtbot, tmp_path):
    large = SceneRead((ReadThing("scan", cloud(tmp_path / "a", origin=(4e5, 5e6, 100.0))),), unit="mm")
    other = SceneRead((ReadThing("crate", mesh(tmp_path / "b"), parent="room"),), notes=("told by the reader",))
    beside = SceneRead((ReadThing("more", cloud(tmp_path / "c", origin=(4e5 + 7, 5e6, 100.0))),))
    answers = {"one.las": large, "two.glb": other, "three.las": beside, "bad.ply": InputError("No PLY.", place="bad")}
    scripted.answers["scene-read"] = lambda asked: answers[Path(asked["path"]).name]
    page.open_paths([f"/data/{name}" for name in answers])
    qtbot.waitUntil(lambda: page.banner.record is not None and len(page.scene.nodes) == 4, timeout=WITHIN_MS)
    assert [one.name for one in page.scene.nodes.values()] == ["scan", "room", "crate", "more"]
    scan, room, crate, more = page.scene.nodes.values()
    assert page.state.origin == (4e5, 5e6, 100.0) and page.state.unit == "mm"
    assert np.allclose(page.scene.world(scan.id), np.eye(4)) and crate.parent == room.id
    assert page.scene.world(more.id)[:3, 3].tolist() == [7, 0, 0]
    assert page.state.place_words((1, 2, 3)) == "400\u202f001.00, 5\u202f000\u202f002.00, 103.000 mm"
    assert (
        page.banner.record.what == "No PLY."
        and page.banner.record.place == "bad"
        and page.recent[0] == "/data/three.las"
    )
    assert written_place(page.scene.world(more.id), more.thing.origin, page.state.origin) == scan.placement
    page.document.undo()
    assert len(page.scene.nodes) == 3


# The tree


def test_that_the_tree_shows_names_counts_and_eyes_and_edits_with_undo(filled, qtbot):
    page, rows = filled, filled.tree.rows
    group = rows.index_of("g")
    texts = [rows.data(rows.index(row, column, group)) for row in range(2) for column in (0, 2)]
    assert texts == ["scan", "1\u202f000", "crate", "12"] and rows.rowCount() == 2
    assert rows.setData(rows.index_of("p"), " survey ") and page.scene.nodes["p"].name == "survey"
    assert not rows.setData(rows.index_of("p"), "  ")
    at = page.tree.visualRect(rows.index_of("g", 1)).center()
    qtbot.mouseClick(page.tree.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert not page.scene.is_shown("m") and page.scene.nodes["m"].shown
    data = rows.mimeData([rows.index_of("b")])
    rows.dropMimeData(data, Qt.DropAction.MoveAction, 0, 0, group)
    assert [one.id for one in page.scene.standing_in("g")] == ["b", "p", "m"]
    for _ in range(3):
        page.document.undo()
    assert page.scene.nodes["p"].name == "scan" and page.scene.nodes["b"].parent == "" and page.scene.is_shown("m")


def test_that_a_field_without_a_grid_has_no_size_in_the_tree_and_a_measure_is_read_whole(filled, tmp_path):
    page, tree = filled, filled.tree
    assert size_words(Node("f", "field", RadianceDoc("", (0, 0, 0), RadianceMeta(), "/runs/f"))) == ""
    page.trees.add([Node("d", "long", MeasureDoc(((0, 0, 0), (12345.6, 0, 0))))], "measure")
    at = tree.rows.index_of("d", SIZE)
    words = tree.fontMetrics().horizontalAdvance(tree.rows.data(at))
    assert words < tree.sizeHintForColumn(SIZE) <= tree.columnWidth(SIZE)


def test_that_mirrored_photographs_can_be_read_repaired_from_the_banner(page, monkeypatch):
    asked = []
    monkeypatch.setattr(page.opening.asking, "ask", lambda *args, **more: asked.append(more))
    page.open_paths(["/data/room"])
    page.opening._fail(ProblemRecord("All 9 poses are mirrored.", field="repair"))
    (remedy,) = [one for one in page.banner.findChildren(QPushButton) if one.text() == "Read them repaired"]
    remedy.click()
    assert asked == [{"path": "/data/room"}, {"path": "/data/room", "repair": True}]
    assert page.banner.record is None
    page.opening._fail(ProblemRecord("Something else."))
    page.open_paths(["/data/room"])
    assert asked[-1] == {"path": "/data/room"}


def test_that_photographs_that_lie_on_their_side_are_turned_by_a_click_and_undo_brings_them_back(page, monkeypatch):
    asked = []
    monkeypatch.setattr(page.opening.asking, "ask", lambda *args, **more: asked.append(more))

    def found(*notes, **reading):
        picture = PosedImage("a.png", Lens(8, 8, 8, 8, 4, 4), UNMOVED)
        return SceneRead((ReadThing("room", CamerasDoc((picture,), None, None, notes, False, PoseReading(**reading))),))

    note = "The cameras do not stand along z but along y: the scene lies on its side."
    page._read("/data/room", found(note))
    (first,) = page.scene.nodes
    page.banner.press("Turn them upright")
    assert asked == [{"path": "/data/room", "upright": True}] and page.banner.isHidden()
    page._read("/data/room", found(note, upright=True))  # it did not help: it is not offered again
    assert len(page.scene.nodes) == 1 and first not in page.scene.nodes and page.banner.remedies() == []
    page.document.undo()
    assert list(page.scene.nodes) == [first]


def test_that_numbers_that_the_program_chooses_are_not_told_as_0(filled, qtbot):
    page = filled
    page.properties.show()
    page.scene.choose(["p"])
    page.properties._set_look("colour_by", "height")
    field = look_fields(qtbot, page)
    assert field["low"].text() == field["high"].text() == "automatic"
    page.properties._set_look("high", 3.0)
    assert [field[one].text() for one in ("low", "high")] == ["0", "3"]
    page.document.undo()
    field["high"].lineEdit().setText("2.5")
    field["high"].interpretText()
    assert page.scene.nodes["p"].look["high"] == 2.5 and field["low"].text() == "0"
    assert [end_words(one) for one in (-1.7345, 38642.0, 3e8)] == ["−1.734", "38\u202f642", "3e+08"]


def test_that_choosing_in_the_tree_and_in_the_scene_is_one(filled):
    page, rows = filled, filled.tree.rows
    page.scene.choose(["m", "b"])
    chosen = [rows.name_at(one) for one in page.tree.selectionModel().selectedRows()]
    assert sorted(chosen) == ["b", "m"]
    page.tree.setCurrentIndex(rows.index_of("p"))
    assert page.scene.chosen == ("p",)
    page.trees.duplicate()
    assert [page.scene.nodes[one].name for one in page.scene.chosen] == ["scan 2"]
    page.trees.remove()
    assert len(page.scene.nodes) == 4 and page.scene.chosen == ()
    page.scene.choose(["p"])
    page.trees.show_alone()
    assert [one.id for one in page.scene.nodes.values() if page.scene.is_shown(one.id)] == ["g", "p"]
    page.trees.show_alone()
    assert all(one.shown for one in page.scene.nodes.values())


def test_that_a_thousand_nodes_are_listed(page):
    page.trees.add([Node(f"n{at}", f"group {at}") for at in range(1000)], "many")
    assert page.tree.rows.rowCount() == 1000 and len(page.scene.chosen) == 1000
    chosen = page.tree.selectionModel()
    assert len(chosen.selectedRows()) == 1000 and len(chosen.selection()) == 1
    page.scene.choose(["n1", "n2", "n7", "n999"])
    assert [page.tree.rows.name_at(one) for one in chosen.selectedRows()] == ["n1", "n2", "n7", "n999"]
    page.scene.choose(["n999"])
    page.trees.show(["n999"], False)
    assert page.tree.rows.rowCount() == 1000 and not page.scene.nodes["n999"].shown


# Kept


def test_that_a_window_that_is_gone_leaves_its_scene_to_the_next(filled, qtbot, open_window, home):
    page, mask = filled, np.arange(1000) % 5 == 0
    select(qtbot, page, mask)
    page.trees.rename("p", "survey")
    page.keeping.leave()
    again = open_window().open_page("scenes")
    qtbot.waitUntil(lambda: bool(again.scene.nodes), timeout=WITHIN_MS)
    assert list(again.scene.nodes) == list(page.scene.nodes) and again.scene.nodes["p"].name == "survey"
    assert np.array_equal(again.scene.selection["p"], mask) and again.keeping.unsaved
    assert "here again" in again.banner._detail.text() + again.banner._what.text()
    again.keeping.drop()
    again.state.clear()
    assert Session.left(again.keeping.root) is None


def test_that_edits_are_saved_by_themselves_and_it_is_said(filled, qtbot):
    page = filled
    page.keeping.autosave.set_delay(0.01)
    page.trees.rename("p", "survey")
    qtbot.waitUntil(lambda: "autosaved" in page.kept.whole, timeout=WITHIN_MS)
    (place,) = page.keeping.root.glob("*/scene.json")
    assert b"survey" in place.read_bytes()


def test_that_a_scene_that_was_closed_while_it_was_saved_does_not_come_back(filled):
    page = filled
    write = page.keeping._take()
    page._close()
    write()
    assert not list(page.keeping.root.glob("*/scene.json"))


def test_that_a_project_is_saved_and_opened_and_no_source_is_touched(filled, qtbot, tmp_path):
    page, path = filled, tmp_path / "room.scene"
    page.keeping._write(path)
    qtbot.waitUntil(lambda: page.state.path == str(path), timeout=WITHIN_MS)
    assert page.document.clean and not page.keeping.unsaved and page.recent[0] == str(path)
    page.trees.rename("p", "survey")
    assert page.keeping.unsaved and "(changed)" in page.keeping.words()
    page.document.undo()
    page.keeping.open(str(path))
    qtbot.waitUntil(lambda: page.document.stack.count() == 0 and bool(page.scene.nodes), timeout=WITHIN_MS)
    assert list(page.scene.nodes) == ["g", "p", "m", "b"] and page.scene.nodes["p"].name == "scan"
    assert not page.keeping.unsaved


def test_that_closing_asks_about_a_scene_that_is_in_no_project(filled, qtbot, monkeypatch):
    page = filled
    page.close_scene()
    asked = page.findChild(keeping_module.QMessageBox)
    assert asked is not None and page.scene.nodes
    next(one for one in asked.buttons() if one.text() == "Do not save").click()
    qtbot.waitUntil(lambda: not page.scene.nodes, timeout=WITHIN_MS)
    assert page.places.currentWidget() is page.start and not list(page.keeping.root.glob("*/scene.json"))


def test_that_missing_arrays_are_read_again_from_their_source(filled, scripted, qtbot, tmp_path):
    page, source = filled, tmp_path / "scan.ply"
    source.write_bytes(b"there")
    lost = msgspec.structs.replace(page.scene.nodes["p"], source=str(source))
    doc = msgspec.structs.replace(page.state.document(), nodes=(page.scene.nodes["g"], lost))
    Path(lost.thing.positions).unlink()
    fresh = cloud(tmp_path / "again")
    scripted.answers["scene-read"] = SceneRead((ReadThing("scan", fresh),))
    page.keeping.take(projects.kept(doc, {}))
    qtbot.waitUntil(lambda: page.scene.nodes["p"].thing == fresh, timeout=WITHIN_MS)
    assert page.document.stack.count() == 0


def test_that_a_source_that_is_gone_is_told_of_with_a_way_to_find_it(filled, qtbot):
    page = filled
    Path(page.scene.nodes["p"].thing.positions).unlink()
    page.keeping.take(page.keeping.kept()())
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert page.banner.record.expected == "/data/scan.ply"


def test_that_what_can_be_read_again_does_not_wait_for_what_must_be_looked_for(filled, scripted, qtbot, tmp_path):
    page, fresh = filled, mesh(tmp_path / "fresh")
    (tmp_path / "crate.ply").touch()
    for path in (page.scene.nodes["p"].thing.positions, page.scene.nodes["m"].thing.faces):
        Path(path).unlink()
    scripted.answers["scene-read"] = SceneRead((ReadThing("crate", fresh),))
    crate = msgspec.structs.replace(page.scene.nodes["m"], source=str(tmp_path / "crate.ply"))
    page.scene.put([crate])
    page.keeping.take(page.keeping.kept()())
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert page.banner.record.expected == "/data/scan.ply" and page.scene.nodes["m"].thing == fresh


def test_that_a_scene_after_another_is_seen_whole_however_large_that_was(filled, tmp_path):
    page = filled
    look(page, "top")
    far = gz.fixed(page.scene.view, "corner", (np.full(3, -900.0), np.full(3, 900.0)), 1.5)
    page.scene.look_from(far)
    page._close()
    page.trees.add(nodes(tmp_path / "next"), "read")
    assert gz.well_seen(page.canvas.gaze(), page.scene.bounds())
    page.scene.choose(list(page.scene.nodes))
    page.trees.remove()
    assert not page.scene.nodes
    page.scene.look_from(far)
    page.document.undo()
    assert gz.well_seen(page.canvas.gaze(), page.scene.bounds())


# Everything


@pytest.mark.parametrize("chosen", ["p", "m", "b"])
def test_that_every_control_beside_a_thing_has_a_name_and_tab_leaves_it(filled, qtbot, chosen):
    page = filled
    page.scene.choose([chosen])
    page._toggle(page.cutting)
    page.window().resize(1920, 1080)
    qtbot.wait(50)
    controls = [one for one in page.findChildren(QWidget) if isinstance(one, CONTROLS) and one.isVisible()]
    assert len(controls) > 30 and [one for one in controls if not within(one) and not named(one)] == []
    page.tree.setFocus()
    found = walked(page.window(), qtbot)
    assert page.canvas in found and page.tree in found and page.cutting.sliders[2] in found


def test_that_viewpoints_are_listed_seen_and_deleted_in_the_menu(filled):
    page = filled
    page.toolbox.add_view("here")
    menu = page.toolbox.row._more.menu()
    views, gone = (one for one in menu.findChildren(QMenu) if one.title() in ("Viewpoints", "Delete viewpoint"))
    for inner in (views, gone):
        inner.aboutToShow.emit()
        assert [one.text() for one in inner.actions()] == ["here"]
    gone.actions()[0].trigger()
    assert page.state.views == ()
    page.document.undo()
    assert [one.name for one in page.state.views] == ["here"]


def test_that_every_command_of_the_page_is_made_once(filled):
    made = [one.objectName() for one in filled.findChildren(QAction)]
    declared = {one.id for one in SCENES}
    assert declared <= set(made) and not [one for one in declared if made.count(one) != 1]


def test_that_a_clip_plane_is_dragged_by_its_arrow(filled, qtbot):
    page = filled
    page._toggle(page.cutting)
    page.cutting.set_plane(0, 1.5)
    look(page, "front")
    tool, seen = page.canvas.tool, page.canvas.gaze()
    ends = seen.project(tool.arrow(0, page.scene.clips[0], page.scene.bounds()))
    first, way = (QPoint(*np.round(at[:2]).astype(int)) for at in (ends.mean(axis=0), ends[1] - ends[0]))
    depth = float(ends[0, 2])
    qtbot.mousePress(page.canvas, Qt.MouseButton.LeftButton, pos=first)
    qtbot.mouseMove(page.canvas, first + way)
    qtbot.mouseRelease(page.canvas, Qt.MouseButton.LeftButton, pos=first + way)
    wanted = 1.5 + way.x() * seen.pixel_size(depth)
    assert way.x() < -20 and page.scene.clips[0].distance == pytest.approx(wanted, abs=0.02)
    page.document.undo()
    assert page.scene.clips[0].distance == 1.5
    page._toggle(page.cutting)
    assert page.canvas.tool is None


def test_that_handles_move_the_box_that_is_marked_and_turn_it_about_the_upright_only(filled):
    page, tool = filled, filled.toolbox.tools["transform"]
    page.scene.choose(["b"])
    assert tool.rings() == (0, 1, 2) and page.properties.boxes.marked() == -1
    page.properties.boxes.mark(0)
    assert tool.rings() == (2,) and np.allclose(tool.middle(), (0.5, 0.5, 0.5))
    for angle in (0.2, 0.5):
        page.toolbox._drag(placing.turned(np.array([0, 0, 1.0]), angle, tool.middle()))
    page.toolbox._drop()
    first, second = page.scene.nodes["b"].thing.boxes
    assert first.yaw_rad == pytest.approx(0.8) and np.allclose(first.centre, 0.5) and second == boxes().boxes[1]
    assert page.properties.boxes.yaw.value() == pytest.approx(np.degrees(0.8), abs=1e-4)
    page.document.undo()
    assert page.scene.nodes["b"].thing == boxes()


def test_that_a_film_is_made_told_of_and_can_be_stopped(filled, qtbot, tmp_path):
    page = filled
    page.toolbox.add_view("here")
    assert not page.toolbox.acts["path"].isEnabled() and page.toolbox.acts["turntable"].isEnabled()
    views = [page.scene.view] * 3
    page.filming.make(views, tmp_path / "scene.mp4")
    assert [one.doing for one in page.works()] == ["Filming scene.mp4"]
    page._stop()
    assert page.works() == [] and not list(tmp_path.glob("*.mp4"))
    page.filming.make(views, tmp_path / "scene.mp4")
    qtbot.waitUntil(lambda: not page.filming.doing, timeout=60_000)
    assert "scene.mp4" in page.banner._what.text() and (tmp_path / "scene.mp4").stat().st_size > 500


@pytest.mark.parametrize(("wide", "least"), [(1920, 900), (1366, 600), (1080, 320)])
def test_that_panels_leave_the_canvas_room_are_never_cut_off_and_the_one_shown_last_stays(filled, qtbot, wide, least):
    page = filled
    page.window().resize(wide, 768)
    page._toggle(page.cutting)
    qtbot.waitUntil(lambda: page.canvas.width() > least, timeout=WITHIN_MS)
    one, other = (each.mapTo(page, each.rect().topLeft()) for each in (page.cutting, page.properties))
    assert page.cutting.isVisible() and page.properties.isVisible()
    assert (one.x() == other.x()) is (wide < 1900) and (one.y() == other.y()) is (wide > 1900)
    assert wide > 1900 or page.cutting.width() == page.properties.width()
    for panel in (page.cutting, page.properties):
        assert panel.mapTo(page, panel.rect().bottomRight()).x() < page.width()
        assert panel.mapTo(page, panel.rect().bottomRight()).y() < page.height() and panel.height() > 200
    more = [SidePanel("more", 240) for _ in range(2)]
    for panel in more:
        page.add_panel(panel)
        panel.show()
    page.beside.fit()
    assert more[-1].isVisible() and page.acts["properties"].isChecked() is not page.properties.isHidden()
    assert page.properties.isHidden()
