"""Edits of a scene: the tree as values, and every step taken back exactly."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from tests.gui.scenes.pagethings import nodes
from workbench.core.scenes import UNMOVED, Node
from workbench.gui.scenes import cropping, edits, trees
from workbench.gui.scenes.edits import PutEdit, SelectEdit, SwapEdit, Together, TreeEdit, packed, unpacked
from workbench.gui.scenes.scene import Scene
from workbench.gui.undo import Document


@pytest.fixture
def scene(qapp, tmp_path):
    scene = Scene()
    scene.set_nodes(nodes(tmp_path))
    return scene


@pytest.fixture
def document(scene):
    return Document(scene)


def told(scene):
    """All of the scene that edits may change."""
    masks = {name: mask.tobytes() for name, mask in scene.selection.items()}
    return list(scene.nodes.values()), masks, scene.clips


@pytest.mark.parametrize("many", [0, 1, 7, 8, 1001])
def test_that_a_mask_comes_back_from_its_bits(many):
    mask = np.random.default_rng(many).random(many) > 0.5
    assert np.array_equal(unpacked(packed(mask)), mask)


def test_that_nodes_are_regrouped_where_they_seem_and_never_below_themselves(scene):
    before = scene.world("m")
    after = trees.moved(scene, ["m"], "", 0)
    assert [one.id for one in after] == ["m", "g", "p", "b"]
    scene.set_nodes(after)
    assert np.allclose(scene.world("m"), before) and scene.nodes["m"].parent == ""
    assert trees.moved(scene, ["g"], "g") is None
    scene.set_nodes(trees.moved(scene, ["b"], "g"))
    assert trees.moved(scene, ["g"], "b") is None
    assert [one.id for one in scene.standing_in("g")] == ["p", "b"]


def test_that_a_group_is_made_and_dissolved_with_everything_where_it_was(scene):
    places = {name: scene.world(name) for name in ("p", "m", "b")}
    after, group = trees.grouped(scene, ["m", "b"], "pair")
    scene.set_nodes(after)
    assert [one.id for one in scene.standing_in(group)] == ["m", "b"]
    assert all(np.allclose(scene.world(name), place) for name, place in places.items())
    scene.set_nodes(trees.ungrouped(scene, group))
    assert group not in scene.nodes and scene.nodes["b"].parent == ""
    assert all(np.allclose(scene.world(name), place) for name, place in places.items())


def test_that_a_copy_of_a_group_has_copies_of_what_is_in_it(scene):
    after, made = trees.copies(scene, ["g", "p"])
    scene.set_nodes(after)
    assert len(made) == 1 and scene.nodes[made[0]].name == "room 2"
    assert [one.name for one in scene.standing_in(made[0])] == ["scan", "crate"]
    assert [one.id for one in scene.standing_in()] == ["g", made[0], "b"]
    assert trees.free_name("room 2", {"room 2", "room 3"}.__contains__) == "room 4"


def test_that_what_lost_its_parent_stands_on_top(scene):
    found = trees.in_order([one for one in scene.nodes.values() if one.id != "g"])
    assert [(one.id, one.parent) for one in found] == [("p", ""), ("m", ""), ("b", "")]


def test_that_any_row_of_edits_is_undone_and_redone_exactly(scene, document):
    rng = np.random.default_rng(3)
    states = [told(scene)]

    def select(count: int) -> SelectEdit:
        return SelectEdit(scene, {"p": rng.random(count) > 0.5}, text="select")

    def put(**changes) -> PutEdit:
        return PutEdit(scene, [msgspec.structs.replace(scene.nodes["p"], **changes)], text="put")

    makes = (
        lambda: select(1000),
        lambda: put(name="other"),
        lambda: select(1000),
        lambda: SwapEdit(scene.set_clips, (), ("one",), text="clip"),
        lambda: TreeEdit(scene, trees.without(scene, ["m"]), text="remove"),
        lambda: Together([SelectEdit(scene, {"p": np.zeros(1000, bool)}, text=""), put(hidden="a.npy")], text="hide"),
        lambda: select(1000),
        lambda: TreeEdit(scene, trees.without(scene, ["g"]), text="remove"),
        lambda: TreeEdit(scene, trees.copies(scene, ["b"])[0], text="copy"),
    )
    for make in makes:
        document.push(make())
        states.append(told(scene))
    assert document.nbytes > 0
    for state in reversed(states[:-1]):
        document.undo()
        assert told(scene) == state
    for state in states[1:]:
        document.redo()
        assert told(scene) == state


def test_that_steps_of_one_stroke_are_undone_together(scene, document):
    first = scene.nodes["b"]
    for at in range(3):
        document.push(PutEdit(scene, [msgspec.structs.replace(scene.nodes["b"], name=f"n{at}")], text="", stroke=4))
    document.push(PutEdit(scene, [msgspec.structs.replace(scene.nodes["b"], name="last")], text="", stroke=5))
    assert document.stack.count() == 2
    document.undo()
    assert scene.nodes["b"].name == "n2"
    document.undo()
    assert scene.nodes["b"] is first


def test_that_a_selection_goes_with_the_thing_that_it_is_of_and_comes_back_with_it(scene, document, tmp_path):
    mask = np.arange(1000) < 300
    document.push(SelectEdit(scene, {"p": mask}, text="select"))
    thing = msgspec.structs.replace(scene.nodes["p"].thing, count=10)
    document.push(PutEdit(scene, [msgspec.structs.replace(scene.nodes["p"], thing=thing)], text="process"))
    assert scene.selection == {}
    document.undo()
    assert np.array_equal(scene.selection["p"], mask)


def test_that_a_million_selected_points_take_few_bytes(scene, document):
    mask = np.zeros(1_000_000, bool)
    mask[200_000:300_000] = True
    document.push(SelectEdit(scene, {"p": mask}, text="select"))
    assert document.nbytes < 2000


def test_that_a_tree_of_a_file_is_made_sound():
    flat, nowhere = [0.0] * 15 + [1.0], [1, 0, 0, 1e300, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    told = [
        Node("a", "first"), Node("a", "again"), Node("b", "below itself", parent="c"), Node("c", "too", parent="b"),
        Node("d", "flat", placement=tuple(flat)), Node("e", "far", parent="d", placement=tuple(nowhere)),
        Node("", "nameless"), Node("f", "lost", parent="gone"),
    ]  # fmt: skip
    found = trees.sound(told)
    assert [(one.id, one.name, one.parent) for one in found] == [
        ("a", "first", ""), ("d", "flat", ""), ("e", "far", "d"), ("f", "lost", "")]  # fmt: skip
    assert found[1].placement == UNMOVED and found[2].placement[3] == 1e300


def test_that_large_masks_are_packed_once_and_forgotten_with_them(qapp):
    mask = np.zeros(edits.LARGE + 9, bool)
    mask[::7] = True
    bits = edits.packed(mask)
    assert edits.packed(mask) is bits and np.array_equal(edits.unpacked(bits), mask)
    assert edits.difference(mask, np.zeros_like(mask)) is bits  # letting go of all differs by all of it
    known = id(mask)
    del mask
    assert known not in edits._packs


def test_that_a_stroke_worked_out_before_the_selection_changed_is_worked_out_anew(qtbot, tmp_path, open_window):
    page = open_window().open_page("scenes")
    page.keeping.autosave.set_delay(3600)
    page.trees.add(nodes(tmp_path), "read")
    some, other = np.arange(1000) < 100, np.arange(1000) >= 900
    stale = {"p": cropping._stroke(None, some, "add")}
    page.cropping._selected("select", {"p": other}, "replace")
    page.cropping._stroked("select", stale, "add")
    assert np.array_equal(page.scene.selection["p"], some | other)
    page.document.undo()
    assert np.array_equal(page.scene.selection["p"], other)
    page.document.undo()
    assert "p" not in page.scene.selection
    page.closed()
