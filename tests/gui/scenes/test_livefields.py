"""Trained fields of a scene: asked of the worker or of the run that learns them, in the field's own coordinates."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from workbench.core import events as ev
from workbench.core.fields import FieldFrame, FieldLook
from workbench.core.problem import KnownTrouble
from workbench.core.scenes import Node, RadianceDoc, RadianceMeta, Viewpoint
from workbench.core.settings import Settings
from workbench.gui.link import Link
from workbench.gui.scenes.layers import layered
from workbench.gui.scenes.livefields import LiveFields
from workbench.gui.scenes.rays import Elsewhere
from workbench.gui.scenes.scene import Scene, placement_of
from workbench.runner.scripted import ScriptedRunner
from workbench.store.asked import AskedFile, asked_path
from workbench.store.runfolder import RunConfig, append_events, create_run

POSE = (0.0, 0.0, 1.0, 3.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
VIEW = Viewpoint(POSE, height_deg=40.0)


class Canvas(QWidget):
    """Remembers what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.resize(80, 60)
        self.shown: list[tuple[str, QImage, np.ndarray, Viewpoint]] = []

    def show_radiance(self, node, frame, depth, view) -> None:
        self.shown.append((node, frame, depth, view))


@pytest.fixture
def rendered(tmp_path):
    """Answers as the worker's: the look comes back with files."""
    wishes = []

    def answer(wish):
        wishes.append(wish)
        rgba = np.full((6, 8, 4), 200, np.uint8)
        np.save(tmp_path / "rgba.npy", rgba)
        np.save(tmp_path / "depth.npy", np.full((6, 8), 2.0, np.float32))
        look = msgspec.convert(wish["look"], FieldLook)
        return FieldFrame(look, 1, str(tmp_path / "rgba.npy"), str(tmp_path / "depth.npy"))

    answer.wishes = wishes
    return answer


@pytest.fixture
def fields(qtbot, home, rendered):
    link = Link(home, lambda: ScriptedRunner(home, answers={"field-render": rendered}), Settings())
    scene, canvas = Scene(), Canvas()
    qtbot.addWidget(canvas)
    canvas.show()
    found = LiveFields(link, scene, canvas, canvas)
    yield found
    found.leave()
    link.close()


def node(field: str, placement=None) -> Node:
    thing = RadianceDoc("grid.npy", (4, 4, 4), RadianceMeta(), field=field)
    look = {"rendered_by": "field"}
    return Node("a", "field", thing, placement=placement or placement_of(np.eye(4)), look=look)


def test_that_a_kept_field_is_rendered_by_the_worker_from_where_one_looks(fields, qtbot, rendered, tmp_path):
    fields.scene.set_nodes([node(str(tmp_path))])
    fields.scene.look_from(VIEW)
    qtbot.waitUntil(lambda: bool(fields.canvas.shown))
    name, image, depth, view = fields.canvas.shown[-1]
    assert (name, image.width(), image.height(), view) == ("a", 8, 6, VIEW)
    assert depth[0, 0] == 2.0 and image.pixelColor(0, 0).red() == 200
    assert rendered.wishes[-1]["model"] == str(tmp_path)
    assert rendered.wishes[-1]["look"]["width"] == 80


def test_that_a_placed_field_is_seen_in_its_own_coordinates_and_its_depth_in_the_scenes(
    fields, qtbot, rendered, tmp_path
):
    place = np.diag([2.0, 2.0, 2.0, 1.0])
    place[:3, 3] = (1, 0, 0)
    fields.scene.set_nodes([node(str(tmp_path), placement_of(place))])
    fields.scene.look_from(VIEW)
    qtbot.waitUntil(lambda: bool(fields.canvas.shown))
    pose = np.array(rendered.wishes[-1]["look"]["view"]["pose"]).reshape(4, 4)
    np.testing.assert_allclose(pose[:3, 3], [1, 0, 0])  # 3 in the scene is 1 in a field of half the size, moved by 1
    np.testing.assert_allclose(pose[:3, :3], np.array(POSE).reshape(4, 4)[:3, :3], atol=1e-9)
    assert fields.canvas.shown[-1][2][0, 0] == pytest.approx(4.0)


def test_that_what_is_hidden_or_has_no_field_is_not_rendered(fields, qtbot, rendered, tmp_path):
    fields.scene.set_nodes([msgspec.structs.replace(node(str(tmp_path)), shown=False)])
    fields.scene.look_from(VIEW)
    qtbot.wait(120)
    fields.scene.set_nodes([node("")])
    qtbot.wait(120)
    assert not rendered.wishes and not fields.nodes()


def test_that_several_fields_are_rendered_and_the_oldest_picture_first(fields, qtbot, rendered, tmp_path):
    folders = [str(tmp_path / name) for name in "ab"]
    fields.scene.set_nodes([msgspec.structs.replace(node(one), id=one) for one in folders])
    fields.scene.look_from(VIEW)
    qtbot.waitUntil(lambda: len(fields.canvas.shown) == 2)
    assert [one["model"] for one in rendered.wishes] == [shown[0] for shown in fields.canvas.shown] == folders
    fields._seen_s[folders[0]] += 1  # seen last, so the other one comes first from here
    fields.scene.look_from(msgspec.structs.replace(VIEW, height_deg=30.0))
    qtbot.waitUntil(lambda: len(fields.canvas.shown) == 4)
    assert [one[0] for one in fields.canvas.shown[2:]] == folders[::-1]
    fields.scene.put([msgspec.structs.replace(fields.scene.nodes[folders[0]], shown=False)])
    qtbot.waitUntil(lambda: not fields._soon.isActive())
    assert list(fields._wanted) == folders[1:] and len(rendered.wishes) == 4  # what is seen already is not asked again


def test_that_pictures_of_fields_are_seen_in_the_order_of_their_pixels():
    def frame(colour, depth):
        picture = QImage(depth.shape[1], depth.shape[0], QImage.Format.Format_RGBA8888)
        picture.fill(colour)
        return Elsewhere(VIEW, picture, depth.astype(np.float32))

    left = np.array([[1.0, 9.0]])
    far, near = layered(
        [(frame(Qt.GlobalColor.red, left), 1.0), (frame(Qt.GlobalColor.blue, np.full((2, 4), 5.0)), 0.5)]
    )
    assert near.depth.tolist() == [[1, 1, 5, 5]] * 2 and far.depth.tolist() == [[5, 5, 9, 9]] * 2
    seen = [near.frame.pixelColor(at, 1) for at in (0, 3)]
    assert [(one.red(), one.blue(), one.alpha()) for one in seen] == [(255, 0, 255), (0, 255, 128)]


def test_that_a_run_that_goes_on_is_asked_and_its_frames_shown_until_its_end(fields, qtbot, rendered, tmp_path):
    run = create_run(tmp_path, RunConfig(recipe="radiance-field", params={})).path
    append_events(run / "events.jsonl", [ev.Started(t=1.0, pid=1, device="cpu", attempt=1)])
    fields.scene.set_nodes([node(str(run))])
    fields.scene.look_from(VIEW)
    file = AskedFile(run, "view")
    qtbot.waitUntil(lambda: file.read(FieldLook) is not None and file.read(FieldLook).view == VIEW)
    assert not rendered.wishes
    picture = QImage(8, 6, QImage.Format.Format_RGBA8888)
    picture.fill(0xFF00FF00)
    picture.save(str(run / "artifacts" / "view.png"))
    np.save(run / "artifacts" / "view.npy", np.full((6, 8), 1.5, np.float32))
    meta = msgspec.to_builtins(FieldFrame(file.read(FieldLook), 2))
    made = ev.Artifact(slot="view", kind="frame", path="artifacts/view.png", parts={"depth": "artifacts/view.npy"},
                       meta=meta)  # fmt: skip
    append_events(run / "events.jsonl", [made])
    qtbot.waitUntil(lambda: bool(fields.canvas.shown))
    assert fields.canvas.shown[-1][2][0, 0] == 1.5
    append_events(run / "events.jsonl", [ev.Finished(t=2.0, results={}, seconds=1.0)])
    qtbot.waitUntil(lambda: bool(rendered.wishes))
    assert rendered.wishes[-1]["model"] == str(run)
    fields.leave()
    assert not asked_path(run, "view").exists()


def test_that_a_field_that_cannot_be_rendered_is_told(fields, qtbot, tmp_path):
    fields._asking._link.runner.answers["field-render"] = KnownTrouble("The radiance field cannot be read.")
    fields.scene.set_nodes([node(str(Path(tmp_path)))])
    fields.scene.look_from(VIEW)
    qtbot.waitUntil(lambda: fields.trouble is not None)
    assert "cannot be read" in fields.trouble.what and not fields.canvas.shown


def test_that_a_picture_is_never_taken_back_for_a_coarser_one_of_the_same_view(fields, qtbot, rendered, tmp_path):
    """The worker begins anew where its picture made way for another question."""
    fields.scene.set_nodes([node(str(tmp_path))])
    fields.scene.look_from(VIEW)
    qtbot.waitUntil(lambda: len(fields.canvas.shown) == 1)
    look = msgspec.convert(rendered.wishes[-1]["look"], FieldLook)
    for coarseness, many in ((8, 1), (1, 2)):
        fields._rendered("a", FieldFrame(look, coarseness, str(tmp_path / "rgba.npy"), str(tmp_path / "depth.npy")))
        assert len(fields.canvas.shown) == many
    fields.scene.look_from(msgspec.structs.replace(VIEW, height_deg=33.0))
    qtbot.waitUntil(lambda: len(fields.canvas.shown) == 3)
