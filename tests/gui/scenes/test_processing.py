"""Operations on the 3D page: tried apart from the scene, put in as one edit, undone, refused in the right place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from workbench.core.problem import InputError, Problems
from workbench.core.sceneprocess import Fact, Histogram, SceneProcessed, SceneProcessWish
from workbench.core.scenes import MeshDoc, Node, PointsDoc
from workbench.engine.scenes.processing import process
from workbench.gui.scenes.edits import SelectEdit
from workbench.gui.scenes.processing import SAMPLE, Processing
from workbench.gui.scenes.processpanel import told
from workbench.gui.scenes.scene import placement_of
from workbench.runner.scripted import WAITING

WITHIN_MS = 20_000
MOVED = (1, 0, 0, 5, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)


def cloud(folder: Path, name: str, count: int = 400) -> PointsDoc:
    path = folder / f"{name}.npy"
    np.save(path, np.random.default_rng(0).uniform(size=(count, 3)).astype(np.float32))
    return PointsDoc(str(path), count, (0, 0, 0), (1, 1, 1))


class Done:
    """Answers with the real operation (of those without Open3D), and remembers what was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.wishes = folder, list[SceneProcessWish]()

    def __call__(self, inputs: dict[str, Any]) -> SceneProcessed:
        wish = msgspec.convert(inputs, SceneProcessWish)
        self.wishes.append(wish)
        return process(wish, self.folder / str(len(self.wishes)), lambda far, words: None)


@pytest.fixture
def done(tmp_path: Path) -> Done:
    return Done(tmp_path / "made")


@pytest.fixture
def page(qtbot, open_window, scripted, done, tmp_path):
    """Two clouds and a mesh stand in the scene; the panel is open and the first cloud is chosen."""
    scripted.answers["scene-process"] = done
    page = open_window().open_page("scenes")
    vertices, faces = tmp_path / "vertices.npy", tmp_path / "faces.npy"
    np.save(vertices, np.eye(3, dtype=np.float32))
    np.save(faces, np.array([[0, 1, 2]], np.uint32))
    mesh = MeshDoc(str(vertices), str(faces), 3, 1, (0, 0, 0), (1, 1, 1))
    nodes = [Node("a", "cloud", cloud(tmp_path, "a"), source="a.ply"), Node("b", "other", cloud(tmp_path, "b")),
             Node("c", "mesh", mesh)]  # fmt: skip
    page.trees.add(nodes, "read")
    page.scene.choose(["a"])
    work(page).acts["process"].trigger()
    return page


def work(page: Any) -> Processing:
    return page.findChild(Processing)


def use(page: Any, name: str, **knobs: Any) -> Processing:
    found = work(page)
    found.panel.which.setCurrentIndex(found.panel.which.findData(name))
    found.panel.which.activated.emit(0)
    found.panel.form.set_values(knobs)
    return found


def finish(qtbot: Any, found: Processing, act: str) -> None:
    assert found.acts[act].isEnabled()
    found.acts[act].trigger()
    qtbot.waitUntil(lambda: not found.asking.doing, timeout=WITHIN_MS)


def test_that_a_new_cloud_stands_in_the_place_of_the_old_one_and_undo_takes_it_back(qtbot, page, done):
    page.trees.put([msgspec.structs.replace(page.scene.nodes["a"], placement=MOVED)], "move")
    found = use(page, "down-sample", method="random", share=0.25)
    finish(qtbot, found, "process-apply")
    old, new = page.scene.nodes["a"], page.scene.nodes[page.scene.chosen[0]]
    assert (old.shown, new.shown, new.thing.count, new.placement) == (False, True, 100, MOVED)
    assert new.made == "down-sample of cloud" and not new.source
    assert done.wishes[0].sample == 0 and Path(done.wishes[0].folder) == page.keeping.folder()
    page.document.undo()
    assert list(page.scene.nodes) == ["a", "b", "c"] and page.scene.nodes["a"].shown


def test_that_a_preview_is_apart_from_the_scene_and_any_edit_ends_it(qtbot, page, done):
    before, steps = dict(page.scene.nodes), page.document.stack.count()
    found = use(page, "down-sample", method="random", share=0.5)
    finish(qtbot, found, "process-preview")
    assert done.wishes[0].sample == SAMPLE and found.preview.showing and found.preview.isVisibleTo(page)
    assert page.scene.nodes == before and page.document.stack.count() == steps
    assert [one.thing.count for one in found.preview.scene.nodes.values()] == [200]
    found.acts["process-before"].trigger()
    assert [one.thing.count for one in found.preview.scene.nodes.values()] == [400]
    page.trees.rename("b", "another")
    assert not found.preview.showing and not found.preview.scene.nodes


def test_that_an_operation_keeps_to_what_is_selected_until_it_is_told_not_to(qtbot, page, done):
    mask = np.arange(400) < 100
    page.document.push(SelectEdit(page.scene, {"a": mask}, text="select"))
    found = use(page, "down-sample", method="random", share=0.5)
    assert not found.panel.part.isHidden() and "100 selected of 400 points" in found.panel.on.text()
    finish(qtbot, found, "process-preview")
    rest = found.preview.scene.nodes["rest"]
    assert np.array_equal(np.load(rest.hidden), mask) and found.preview.scene.nodes["made-0"].thing.count == 50
    finish(qtbot, found, "process-apply")
    new = page.scene.nodes[page.scene.chosen[0]]
    assert (new.thing.count, page.scene.nodes["a"].shown) == (350, False)
    assert new.made == "down-sample of 100 selected points of cloud"
    assert not list(page.keeping.folder().glob("selected-*")) and not list(page.keeping.folder().glob("gone-*"))
    page.document.undo()
    assert list(page.scene.nodes) == ["a", "b", "c"] and np.array_equal(page.scene.selection["a"], mask)
    page.scene.choose(["a"])
    found.panel.part.click()
    assert "On cloud: 400 points" in found.panel.on.text()
    finish(qtbot, found, "process-apply")
    assert not done.wishes[-1].on.selected and page.scene.nodes[page.scene.chosen[0]].thing.count == 200


def test_that_an_added_column_is_coloured_by_and_undo_takes_both(qtbot, page):
    found = use(page, "distances")
    assert [found.panel.other.itemText(at) for at in range(found.panel.other.count())] == ["other", "mesh"]
    finish(qtbot, found, "process-apply")
    node = page.scene.nodes["a"]
    assert node.thing.columns[0].name == "distance" and node.look["colour_by"] == "column:distance"
    assert not found.panel.plot.isHidden()
    page.document.undo()
    assert page.scene.nodes["a"].thing.columns == () and not page.scene.nodes["a"].look


def test_that_registration_moves_a_thing_within_its_group_and_can_be_compared(qtbot, page, scripted):
    up = placement_of(np.diag([2.0, 2, 2, 1]))
    page.trees.add([Node("g", "group", placement=up)], "group")
    page.trees.move(["a"], "g", 0)
    page.scene.choose(["a"])
    start = page.scene.world("a")
    scripted.answers["scene-process"] = SceneProcessed(
        "register", world=MOVED, facts=(Fact("fitness", 0.9),), histograms=(Histogram("Residuals", (0, 1, 2), (3, 1)),),
        notes=("Look again",), seen=400, of=400,
    )  # fmt: skip
    found = use(page, "register")
    finish(qtbot, found, "process-preview")
    assert found.preview.scene.nodes["made-0"].placement == MOVED and np.allclose(page.scene.world("a"), start)
    finish(qtbot, found, "process-apply")
    assert np.allclose(page.scene.world("a"), np.reshape(MOVED, (4, 4)))
    assert found.panel.notes.text() == "Look again" and not found.panel.plot.isHidden()
    found.acts["process-before"].trigger()
    assert np.allclose(page.scene.world("a"), start) and found.panel.before.isChecked()
    found.acts["process-before"].trigger()
    assert np.allclose(page.scene.world("a"), np.reshape(MOVED, (4, 4))) and not found.panel.before.isChecked()
    page.trees.rename("b", "another")
    assert not found.acts["process-before"].isEnabled()


def test_that_only_what_fits_can_be_done(page):
    found = work(page)
    assert page.scene.chosen == ("a",) and found.acts["process-apply"].isEnabled()
    page.scene.choose(["c"])
    assert found.panel.operation.reads == "mesh" and not found.acts["process-preview"].isEnabled()
    able = [found.panel.which.model().item(at).isEnabled() for at in range(found.panel.which.count())]
    assert able[found.panel.which.findData("decimate")] and not able[found.panel.which.findData("planes")]
    page.scene.choose([])
    assert not found.acts["process-apply"].isEnabled() and "Choose" in found.panel.on.text()


def test_that_stopping_leaves_the_scene_and_abandons_the_question(qtbot, page, scripted):
    scripted.answers["scene-process"] = WAITING
    found = use(page, "planes")
    steps = page.document.stack.count()
    found.acts["process-apply"].trigger()
    assert found.acts["process-stop"].isEnabled() and not found.acts["process-apply"].isEnabled()
    question = found.asking._future
    found.acts["process-stop"].trigger()
    assert question.cancelled() and page.document.stack.count() == steps
    assert found.acts["process-apply"].isEnabled() and "nothing was changed" in found.panel.progress.text()
    found.acts["process-apply"].trigger()
    found.toggle()  # behind a hidden panel the page tells of it, and can stop it
    assert page.working.isVisibleTo(page)
    page.working.stop.click()
    assert not found.asking.doing and not page.working.isVisibleTo(page)


def test_that_a_knob_at_fault_is_marked_and_another_trouble_is_told_on_the_page(qtbot, page, scripted):
    scripted.answers["scene-process"] = lambda _: Problems([
        InputError("The cells are too small.", fix="Choose a larger spacing.", field="spacing"),
        InputError("This cloud has no points.", field="on"),
    ])  # fmt: skip
    found = use(page, "down-sample")
    finish(qtbot, found, "process-apply")
    assert "too small" in found.panel.form.field("spacing").accessibleDescription()
    assert page.banner.isVisibleTo(page)


def test_that_what_was_edited_meanwhile_is_not_overwritten(qtbot, page, scripted):
    scripted.answers["scene-process"] = WAITING
    found = use(page, "distances")
    found.acts["process-apply"].trigger()
    thing = page.scene.nodes["a"].thing
    other = msgspec.structs.replace(thing, count=thing.count, notes=("edited",))
    page.trees.put([msgspec.structs.replace(page.scene.nodes["a"], thing=other)], "edit")
    scripted.answer(SceneProcessed("distances", thing=thing, column="distance", seen=400, of=400))
    qtbot.waitUntil(lambda: not found.asking.doing, timeout=WITHIN_MS)
    assert page.scene.nodes["a"].thing.notes == ("edited",) and "changed meanwhile" in found.panel.progress.text()


def test_that_facts_are_told_with_the_unit_of_the_scene():
    assert told(Fact("area", 2.5, "square scene units"), "m") == "2.5 m²"
    assert told(Fact("points", 1_234_567, "points"), "m") == "1\u202f234\u202f567 points"
    assert told(Fact("closed", text="no"), "m") == "no"
