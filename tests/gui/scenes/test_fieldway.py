"""From photographs to boxes in one scene: a field is learned, grows, leaves its grid, and things are found in it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PySide6.QtWidgets import QMenu

from workbench.core import events as ev
from workbench.core.fields import FieldLook
from workbench.core.gridreading import GridReading
from workbench.core.scenefiles import SceneWritten
from workbench.core.scenes import (
    Box,
    BoxesDoc,
    CamerasDoc,
    Lens,
    Node,
    PosedImage,
    PoseReading,
    RadianceDoc,
    RadianceMeta,
    ReadThing,
    SceneRead,
)
from workbench.gui.scenes.fieldlearning import FieldLearning
from workbench.gui.scenes.gridfinding import finders
from workbench.gui.views import make_view
from workbench.store.asked import AskedFile, asked_path
from workbench.store.runfolder import append_events

WITHIN_MS = 10_000
POSE = (0.0, 0.0, 1.0, 3.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
MOVED = (1.0, 0, 0, 5, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
META = RadianceMeta((-1, -1, -1), (1, 1, 1), "relu", "voxels field")


@pytest.fixture
def page(open_window):
    page = open_window().open_page("scenes")
    page.keeping.autosave.set_delay(3600)
    yield page
    page.closed()


@pytest.fixture
def cameras(page, tmp_path):
    """Photographs that were moved in the scene and are chosen."""
    source = tmp_path / "transforms.json"
    source.write_text("{}")
    doc = CamerasDoc((PosedImage("a.png", Lens(8, 8, 8, 8, 4, 4), POSE),), (-1, -1, -1), (1, 1, 1))
    page.trees.add([Node("c", "photographs", doc, placement=MOVED, source=str(source))], "read")
    return page.scene.nodes["c"]


def grid_node(folder: Path, name: str = "r") -> Node:
    np.save(folder / "grid.npy", np.full((4, 4, 4, 4), 0.5, np.float32))
    return Node(name, "room", RadianceDoc(str(folder / "grid.npy"), (4, 4, 4), META), placement=MOVED)


def write_model(home, run: str, tasks: list[str], recipe: str = "nerf-mae") -> Path:
    folder = home.runs / run / "model"
    folder.mkdir(parents=True)
    (folder / "workbench.json").write_text(json.dumps({"config": {"recipe": recipe}, "tasks": tasks}))
    return folder


def the_run(page):
    (node,) = (one for one in page.scene.nodes.values() if one.kind == "radiance")
    return node, Path(node.thing.field)


def learning(qtbot, page):
    """A run that was started on the chosen photographs, under way."""
    act = next(one for one in page.more_acts if one.text() == "Learn a field")
    assert act.isEnabled() and act.isVisible()
    act.trigger()
    qtbot.waitUntil(lambda: any(one.kind == "radiance" for one in page.scene.nodes.values()), timeout=WITHIN_MS)
    return the_run(page)


def test_that_learning_starts_a_run_whose_node_stands_where_the_photographs_do(qtbot, page, cameras):
    node, run = learning(qtbot, page)
    config = json.loads((run / "run.json").read_text())
    assert config["recipe"] == "radiance-field" and config["inputs"] == {"pictures": cameras.source}
    assert node.placement == cameras.placement and node.source == str(run) and "photographs" in node.made
    assert node.thing.meta.low == (-1, -1, -1) and page.scene.chosen == (node.id,)
    page.document.undo()
    assert node.id not in page.scene.nodes and (run / "run.json").is_file()


def test_that_a_growing_field_is_asked_of_its_run_only_while_the_page_is_seen(qtbot, page, cameras):
    _, run = learning(qtbot, page)
    asked = AskedFile(run, "view")
    qtbot.waitUntil(lambda: asked.read(FieldLook) is not None, timeout=WITHIN_MS)
    at = np.reshape(asked.read(FieldLook).view.pose, (4, 4))[:3, 3]
    assert np.allclose(at, np.reshape(page.scene.view.pose, (4, 4))[:3, 3] - [5, 0, 0])
    page.window().open_page("runs")
    assert not asked_path(run, "view").exists()
    page.scene.look_from(msgspec.structs.replace(page.scene.view, height_deg=33.0))
    qtbot.wait(150)
    assert not asked_path(run, "view").exists()
    assert page.shows(run.name) and page.window().recipe_page() is None  # its place is the scene
    page.window().open_page("scenes")
    qtbot.waitUntil(lambda: asked_path(run, "view").exists(), timeout=WITHIN_MS)
    assert asked.read(FieldLook).view.height_deg == 33.0


def test_that_the_grid_of_a_run_comes_into_the_scene_and_stays_through_undo_and_redo(qtbot, page, cameras):
    node, run = learning(qtbot, page)
    np.save(run / "artifacts" / "grid.npy", np.full((3, 4, 5, 4), 0.5, np.float32))
    made = ev.Artifact(slot="grid", kind="radiance-grid", path="artifacts/grid.npy", meta=msgspec.to_builtins(META))
    append_events(run / "events.jsonl", [made])
    qtbot.waitUntil(lambda: bool(page.scene.nodes[node.id].thing.grid), timeout=WITHIN_MS)
    thing = page.scene.nodes[node.id].thing
    assert thing.shape == (3, 4, 5) and thing.meta == META and thing.field == str(run)
    page.trees.rename(node.id, "mine")
    page.document.undo()
    assert page.scene.nodes[node.id].thing == thing
    page.document.undo()
    page.document.redo()
    qtbot.waitUntil(lambda: page.scene.nodes[node.id].thing == thing, timeout=WITHIN_MS)


def test_that_a_run_that_ends_without_a_field_is_told_of_once(qtbot, page, cameras):
    _, run = learning(qtbot, page)
    append_events(run / "events.jsonl", [ev.Cancelled(t=2.0)])
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert "cancelled" in page.banner.record.what and page.banner.record.place == run.name
    page.banner.dismiss()
    page.scene.put([msgspec.structs.replace(page.scene.nodes["c"], name="other")])
    qtbot.wait(150)
    assert page.banner.isHidden()


def test_that_a_field_is_learned_from_the_poses_that_the_scene_shows(qtbot, page, cameras):
    reading = PoseReading(repair=True)
    page.scene.put([msgspec.structs.replace(cameras, thing=msgspec.structs.replace(cameras.thing, reading=reading))])
    _, run = learning(qtbot, page)
    params = json.loads((run / "run.json").read_text())["params"]
    assert params["repair"] is True and params["axes"] == "opengl"
    assert "as the scene shows them: mirrored poses put right" in page.banner._what.text()
    page.scene.choose(["c"])
    next(one for one in page.more_acts if one.text() == "Learn a field with…").trigger()
    assert page.window().recipe_page().setup.form.values()["repair"] is True


def growing_card(page):
    return page.findChild(FieldLearning).card


def test_that_a_card_says_how_far_a_field_is_and_holds_and_stops_its_run(qtbot, page, cameras):
    _, run = learning(qtbot, page)
    card = growing_card(page)
    told = [ev.Started(t=1.0), ev.Progress(t=2.0, step=30, total=120, phase="training", seconds_left=20.0),
            ev.Metric(name="psnr", value=21.26, series="held out")]  # fmt: skip
    append_events(run / "events.jsonl", told)
    qtbot.waitUntil(lambda: "step 30 / 120" in card.words(), timeout=WITHIN_MS)
    assert card.isVisible() and "field of photographs" in card.words() and "PSNR 21.3 dB" in card.words()
    assert [one.text() for one in card.buttons()] == ["Pause", "Stop and keep", "Cancel"]
    card.buttons()[0].click()
    qtbot.waitUntil(lambda: "drawn again once it goes on" in card.words(), timeout=WITHIN_MS)
    qtbot.waitUntil(lambda: card.buttons()[0].text() == "Go on", timeout=WITHIN_MS)
    card.buttons()[2].click()
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert card.isHidden() and "cancelled" in page.banner.record.what
    assert page.banner.remedies() == ["Go on learning"]


def test_that_a_kept_field_is_learned_further_beside_itself_and_undo_shows_it_again(qtbot, page, cameras, home):
    node, run = learning(qtbot, page)
    (run / "model").mkdir(exist_ok=True)
    (run / "model" / "workbench.json").write_text("{}")
    page.scene.choose([])
    page.scene.choose([node.id])
    act = next(one for one in page.more_acts if one.text() == "Learn further")
    assert act.isVisible()
    act.trigger()
    qtbot.waitUntil(lambda: len(page.scene.nodes) == 3, timeout=WITHIN_MS)
    made = page.scene.nodes[page.scene.chosen[0]]
    config = json.loads((Path(made.thing.field) / "run.json").read_text())
    assert config["params"]["continue_from"] == str(run) and config["inputs"] == {"pictures": cameras.source}
    assert made.placement == node.placement and made.shown and not page.scene.nodes[node.id].shown
    page.document.undo()
    assert list(page.scene.nodes) == ["c", node.id] and page.scene.nodes[node.id].shown


def test_that_the_recipe_opens_with_the_photographs_and_nothing_is_started(page, cameras, home):
    next(one for one in page.more_acts if one.text() == "Learn a field with…").trigger()
    opened = page.window().recipe_page()
    assert opened.recipe.id == "radiance-field" and opened.setup.inputs.inputs()["pictures"] == cameras.source
    assert not list(home.runs.glob("*/run.json"))


def test_that_photographs_without_a_file_are_told_of(page, cameras):
    page.scene.put([msgspec.structs.replace(cameras, source="")])
    next(one for one in page.more_acts if one.text() == "Learn a field").trigger()
    assert "no file" in page.banner.record.what


def test_that_only_models_that_find_something_are_offered(home):
    first = write_model(home, "1-mae", ["labels", "boxes"])
    write_model(home, "2-mae", ["super-resolution"])
    write_model(home, "3-other", ["boxes"], recipe="radiance-field")
    (found,) = finders(home)
    assert found.path == str(first) and found.title == "Boxes and labels  ·  1-mae"


def test_that_found_boxes_and_named_voxels_stand_where_the_grid_does_and_undo_takes_them_out(
    qtbot, page, home, scripted, tmp_path
):
    model = write_model(home, "1-mae", ["labels", "boxes"])
    node = grid_node(tmp_path)
    page.trees.add([node], "read")
    asked = []

    def written(wish):
        asked.append(wish)
        Path(wish["out"]).write_bytes(b"grid")
        return SceneWritten((wish["out"],))

    def found(inputs):
        asked.append(inputs)
        labels = np.zeros((2, 2, 2), np.uint8)
        labels[0, 1, 1], labels[1, 0, 0] = 1, 2
        np.save(tmp_path / "labels.npy", labels)
        boxes = BoxesDoc((Box((0.5, 0, 0), (1, 1, 1), 0, "found", 0.9),), ("found",))
        return GridReading([], node.thing.grid, META, boxes, str(tmp_path / "labels.npy"), ("", "wall", "chair"),
                           ("Made coarser.",))  # fmt: skip

    scripted.answers |= {"scene-write": written, "nerf-mae": found}
    act = next(one for one in page.more_acts if one.text().startswith("Find boxes"))
    act.trigger()
    qtbot.waitUntil(lambda: any("1-mae" in one.text() for menu in page.findChildren(QMenu) for one in menu.actions()))
    menu = next(one for one in page.findChildren(QMenu) if any("1-mae" in act.text() for act in one.actions()))
    next(one for one in menu.actions() if "1-mae" in one.text()).trigger()
    menu.close()
    qtbot.waitUntil(lambda: len(page.scene.nodes) == 3, timeout=WITHIN_MS)
    assert asked[0]["things"][0].placement[3] == 0  # the model reads the grid in its own coordinates
    assert asked[1] == {"grid": asked[0]["out"], "fit": True} and not Path(asked[0]["out"]).exists()
    boxes, points = (page.scene.nodes[one] for one in page.scene.chosen)
    assert boxes.thing.boxes[0].label == "found" and boxes.placement == points.placement == node.placement
    places = np.load(points.thing.positions)
    assert sorted(map(tuple, places.tolist())) == [(-0.5, 0.5, 0.5), (0.5, -0.5, -0.5)]
    (column,) = points.thing.columns
    at = int(np.flatnonzero(np.load(column.path) == 2)[0])
    assert column.names == {"1": "wall", "2": "chair"} and places[at].tolist() == [0.5, -0.5, -0.5]
    assert "Made coarser." in page.banner._what.text() and str(model) == finders(home)[0].path
    page.document.undo()
    assert list(page.scene.nodes) == ["r"]


def test_that_a_folder_that_finds_nothing_is_refused(qtbot, page, tmp_path):
    page.trees.add([grid_node(tmp_path)], "read")
    finding = page.findChild(type(next(one for one in page.children() if type(one).__name__ == "GridFinding")))
    finding.find(str(tmp_path))
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert "neither boxes nor labels" in page.banner.record.what and list(page.scene.nodes) == ["r"]


def test_that_a_run_that_is_read_is_seen_by_its_field_with_surfaces_hidden(page, tmp_path):
    kept = msgspec.structs.replace(grid_node(tmp_path).thing, field=str(tmp_path))
    from tests.gui.scenes.pagethings import cloud

    things = (ReadThing("grid", kept, parent="run"), ReadThing("points", cloud(tmp_path / "p", 9), parent="run"))
    page._read(str(tmp_path), SceneRead(things))
    shown = {one.name: (page.scene.is_shown(one.id), one.look) for one in page.scene.nodes.values()}
    assert shown["grid"] == (True, {"rendered_by": "field"}) and shown["points"][0] is False
    assert list(page.fields.nodes().values()) == [str(tmp_path)]


def test_that_a_grid_of_which_nothing_is_seen_is_drawn_without_opengl(page, tmp_path):
    page.trees.add([grid_node(tmp_path)], "read")  # its alphas lie below the threshold of what is drawn
    page.canvas._splat()
    assert page.canvas.plain and page.canvas.grab_picture(page.canvas.size()).size() == page.canvas.size()


def test_that_an_artifact_of_a_run_is_opened_in_the_scene_under_its_own_file(qtbot, page, scripted, tmp_path):
    asked = []

    def read(wish):
        asked.append(wish["path"])
        return SceneRead((ReadThing("grid", grid_node(tmp_path).thing),))

    scripted.answers["scene-read"] = read
    run = tmp_path / "run"
    (run / "artifacts").mkdir(parents=True)
    np.save(run / "artifacts" / "grid.npy", np.full((4, 4, 4, 4), 0.5, np.float32))
    view = make_view("radiance-grid")
    view.setParent(page.window())
    view.resize(300, 200)
    view.show()
    assert view.scene_button.isHidden()
    made = ev.Artifact(slot="grid", kind="radiance-grid", path="artifacts/grid.npy", meta=msgspec.to_builtins(META))
    page.window().open_page("runs")
    view.show_artifact(run, made)
    assert view.scene_button.isVisible() and view.canvas.rect().contains(view.scene_button.geometry())
    view.scene_button.click()
    qtbot.waitUntil(lambda: bool(page.scene.nodes), timeout=WITHIN_MS)
    assert asked == [str(run / "artifacts" / "grid.npy")] and page.isVisible()
    (node,) = page.scene.nodes.values()
    assert node.source == asked[0]
    view.close()
