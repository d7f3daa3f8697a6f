"""Many boxes: made once, drawn and pointed at together; what is remembered of a scene follows its changes."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from PySide6.QtGui import QImage, QPainter

from workbench.core.scenes import Box, BoxesDoc, Node
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes import overlay, wires
from workbench.gui.scenes.boxshapes import MARK, corners_of, shapes_of
from workbench.gui.scenes.scene import Scene
from workbench.gui.theme import theme

UP = (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 5, 0, 0, 0, 1)


def boxes(*at: float, label: str = "chair") -> BoxesDoc:
    return BoxesDoc(tuple(Box((x, 0.0, 0.5), (0.4, 0.6, 1.0), 0.3, label, 0.5) for x in at), (label,))


@pytest.fixture
def scene(qapp):
    scene = Scene()
    scene.set_nodes([Node("g", "group"), Node("a", "a", boxes(0, 1, 2), "g"), Node("b", "b", boxes(10, label="table"))])
    return scene


def test_that_what_is_remembered_of_a_scene_follows_its_changes(scene):
    before = {one.node.id: one for one in shapes_of(scene)}
    low, high = scene.bounds()
    assert low[2] == 0 and high[2] == 1
    scene.put([msgspec.structs.replace(scene.nodes["g"], placement=UP)])
    after = {one.node.id: one for one in shapes_of(scene)}
    assert after["b"] is before["b"]  # of many only those that moved are made again
    assert np.allclose(after["a"].corners, before["a"].corners + np.array([0, 0, 5]))
    assert scene.world("a")[2, 3] == 5 and scene.bounds()[1][2] == 6 and scene.bounds(["a"])[0][2] == 5
    scene.put([msgspec.structs.replace(scene.nodes["g"], shown=False)])
    assert [one.node.id for one in shapes_of(scene)] == ["b"] and scene.bounds()[1][2] == 1
    scene.set_nodes([scene.nodes["b"]])
    assert scene.bounds()[0][0] > 9 and scene.standing_in("g") == []
    scene.world("b")[:] = 7
    assert np.array_equal(scene.world("b"), np.eye(4))  # what is handed out may be altered


def test_that_boxes_drawn_together_are_where_each_of_them_is(scene):
    scene.select({"a": np.array([False, True, False])})
    lines = wires.lines_of(scene, axes=False, grid=False)
    assert len(lines) == 4 * 12
    every = [*scene.nodes["a"].thing.boxes, *scene.nodes["b"].thing.boxes]
    for at, box in enumerate(every):
        ends = lines[12 * at : 12 * at + 12]
        away = np.linalg.norm(np.concatenate([ends["start"], ends["end"]])[:, None] - corners_of(box), axis=2)
        assert away.min(axis=1).max() < 1e-5 and (away.argmin(axis=1) == np.arange(8)[:, None]).sum(axis=1).min() == 3
    marked = (lines["shade"][:, :3] == MARK).all(axis=1).reshape(4, 12)
    assert marked.all(axis=1).tolist() == [False, True, False, False] and (lines["width"][12:24] > 3).all()
    assert len(wires.faces_of(scene)) == 4 * 36
    gaze = gz.gaze(gz.fixed(scene.view, "front", scene.bounds(), 2.0), 800, 400, scene.bounds())
    for name, place, box in (("a", 2, every[2]), ("b", 0, every[3])):
        x, y, depth = gaze.project(corners_of(box)[[0, 4]].mean(axis=0))[0]
        found = wires.near(scene, gaze, x, y)
        assert found is not None and found[:2] == (name, place) and abs(found[2] - depth) < 0.7
    assert wires.near(scene, gaze, 400, 5) is None


def test_that_boxes_beside_the_picture_take_no_labels_from_those_in_it(scene):
    many = boxes(*np.linspace(-3000, -2000, 200).tolist())
    scene.set_nodes([Node("far", "far", many), scene.nodes["b"]])
    view = gz.fixed(scene.view, "front", scene.bounds(["b"]), 2.0)
    gaze = gz.gaze(view, 800, 400, scene.bounds())
    picture = QImage(800, 400, QImage.Format.Format_RGB32)
    painter = QPainter(picture)
    taken = overlay.labels(painter, scene, gaze)
    painter.end()
    assert len(taken) == 1 and picture.rect().contains(taken[0].center().toPoint())


@pytest.mark.parametrize("name", ["dark", "light"])
def test_that_marks_are_seen_on_black_in_both_themes(scene, name):
    theme().choose(name)
    try:
        scene.choose(["b"])
        marked = wires.lines_of(scene, axes=False, grid=False)[-24:]["shade"][:, :3].astype(float) / 255
        linear = np.where(marked <= 0.04045, marked / 12.92, ((marked + 0.055) / 1.055) ** 2.4)
        contrast = ((linear @ [0.2126, 0.7152, 0.0722]) + 0.05) / 0.05
        assert (contrast > 5).all()
    finally:
        theme().choose("dark")
