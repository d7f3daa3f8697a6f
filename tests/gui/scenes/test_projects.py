"""Scenes on disk: a project comes back as it was, a session after a crash, damaged files are told of."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.gui.scenes.pagethings import cloud, nodes
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.scenes import Measure, Node, SceneDoc, Viewpoint
from workbench.gui.scenes import projects, trees
from workbench.gui.scenes.keeping import moved_with
from workbench.gui.scenes.measurelist import measures_of
from workbench.gui.scenes.scene import Scene
from workbench.gui.scenes.sessions import Session
from workbench.gui.scenes.state import State


@pytest.fixture
def kept(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    np.save(own / "hidden.npy", np.arange(1000) < 10)
    some = nodes(tmp_path)
    some[1] = msgspec.structs.replace(some[1], hidden=str(own / "hidden.npy"), look={"size": 3.0})
    some.append(Node("s", "split", cloud(own / "split", 50), made="split off scan"))
    view = Viewpoint((1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 9, 0, 0, 0, 1), name="here")
    doc = SceneDoc(tuple(some), "mm", (4e5, 5e6, 0), view, (view,), (), (Measure(((0, 0, 0), (1, 1, 1))),))
    return projects.kept(doc, {"p": np.arange(1000) % 3 == 0}), own


def test_that_a_project_comes_back_as_it_was_with_arrays_that_no_source_holds(kept, tmp_path):
    what, own = kept
    path = tmp_path / "room.scene"
    projects.write(path, what, own)
    before = {one.id: one for one in what.scene.nodes}
    splits = np.load(before["s"].thing.positions)
    for one in own.rglob("*.npy"):
        one.unlink()
    found = projects.read(path, tmp_path / "new")
    after = {one.id: one for one in found.scene.nodes}
    assert list(after) == list(before) and found.path == str(path)
    assert after["p"].thing == before["p"].thing and after["p"].look == {"size": 3.0}
    assert np.array_equal(np.load(after["p"].hidden), np.arange(1000) < 10)
    assert np.array_equal(np.load(after["s"].thing.positions), splits)
    assert Path(after["s"].thing.positions).parent == tmp_path / "new"
    assert np.array_equal(found.masks()["p"], np.arange(1000) % 3 == 0)
    rest = ("unit", "origin", "view", "views", "measures")
    assert [getattr(found.scene, one) for one in rest] == [getattr(what.scene, one) for one in rest]
    state = State(Scene())  # measures of projects from before they stood in the tree
    state.take(found.scene)
    ((node, places),) = measures_of(state.scene)
    assert (node.name, places.tolist()) == ("distance 1", [[0, 0, 0], [1, 1, 1]]) and not state.document().measures


def test_that_a_source_is_found_again_where_its_project_was_moved_together_with_it(tmp_path):
    (tmp_path / "site" / "scans").mkdir(parents=True)
    (tmp_path / "site" / "scans" / "hill.ply").touch()
    project = str(tmp_path / "site" / "all.scene")
    assert moved_with("/old/place/site/scans/hill.ply", project) == str(tmp_path / "site" / "scans" / "hill.ply")
    assert moved_with("/old/place/other.ply", project) == moved_with("/old/scans/hill.ply", "") == ""


def test_that_arrays_of_sources_stay_out_of_a_project(kept, tmp_path):
    what, own = kept
    path = tmp_path / "room.scene"
    projects.write(path, what, own)
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("scene.json"))
        names = archive.namelist()
    by_id = {one["id"]: one for one in document["scene"]["nodes"]}
    assert by_id["p"]["thing"]["positions"].endswith("cloud/positions.npy")
    assert by_id["p"]["hidden"].startswith("inside:") and by_id["m"]["thing"]["vertices"].startswith("inside:")
    assert all(one == "scene.json" or one.startswith("arrays/") for one in names)


def test_that_writing_that_fails_leaves_the_project_before(kept, tmp_path, monkeypatch):
    what, own = kept
    path = tmp_path / "room.scene"
    projects.write(path, what, own)
    before = path.read_bytes()

    def full(self, *args, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    with pytest.raises(KnownTrouble) as told:
        projects.write(path, what, own)
    assert "No space left" in told.value.received
    assert path.read_bytes() == before and not list(tmp_path.glob(".*.tmp"))


def test_that_no_entry_of_a_project_leads_out_of_its_folder(kept, tmp_path):
    what, _ = kept
    evil = "inside:../../evil.npy"
    some = [msgspec.structs.replace(one, hidden=evil) if one.id == "p" else one for one in what.scene.nodes]
    doc = msgspec.structs.replace(what, scene=msgspec.structs.replace(what.scene, nodes=tuple(some)))
    path = tmp_path / "evil.scene"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scene.json", projects.encoded(doc))
        archive.writestr("../../evil.npy", b"no")
    found = projects.read(path, tmp_path / "deep" / "new")
    assert all(Path(one.hidden).parent == tmp_path / "deep" / "new" for one in found.scene.nodes if one.id == "p")
    assert not (tmp_path.parent / "evil.npy").exists() and not (tmp_path / "evil.npy").exists()


@pytest.mark.parametrize("damage", ["empty", "text", "no document", "bad document", "newer", "cut"])
def test_that_a_damaged_project_is_told_of(kept, tmp_path, damage):
    what, own = kept
    path = tmp_path / "room.scene"
    projects.write(path, what, own)
    if damage in ("empty", "text"):
        path.write_bytes(b"" if damage == "empty" else b"hello")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-300])
    else:
        newer = projects.encoded(msgspec.structs.replace(
            what, scene=msgspec.structs.replace(what.scene, version=99, nodes=())))  # fmt: skip
        content = {"no document": None, "bad document": b'{"scene": 3}', "newer": newer}[damage]
        with zipfile.ZipFile(path, "w") as archive:
            if content is not None:
                archive.writestr("scene.json", content)
    with pytest.raises(InputError) as caught:
        projects.read(path, tmp_path / "new")
    assert caught.value.record().place == "room.scene" and caught.value.record().fix


def test_that_a_session_is_found_again_only_when_its_window_is_gone(qapp, kept, tmp_path):
    what, _ = kept
    root = tmp_path / "sessions"
    first = Session.begin(root)
    first.write(what)
    assert Session.left(root) is None
    first.release()
    empty = Session.begin(root)
    empty.write(projects.kept(SceneDoc(), {}))
    empty.release()
    session, found = Session.left(root)
    assert session.folder == first.folder and found.scene == what.scene
    assert not empty.folder.exists()
    session.remove()
    assert not first.folder.exists()


def test_that_a_damaged_session_is_set_aside_and_arrays_without_use_are_deleted(qapp, kept, tmp_path):
    what, _ = kept
    root = tmp_path / "sessions"
    broken = Session.begin(root)
    (broken.folder / "scene.json").write_bytes(b"{")
    broken.release()
    assert Session.left(root) is None and (broken.folder / "scene.damaged").exists()
    session = Session.begin(root)
    for folder in ("made-1", "made-2"):  # of operations: one is in use, the worker was killed over the other
        (session.folder / folder).mkdir()
        np.save(session.folder / folder / "cloud.npy", np.zeros(3, bool))
    np.save(session.folder / "old.npy", np.zeros(3, bool))
    used = [msgspec.structs.replace(what.scene.nodes[1], hidden=str(session.folder / "made-1" / "cloud.npy"))]
    session.write(projects.kept(SceneDoc(tuple(used)), {}))
    session.release()
    found = Session.left(root)
    assert found is not None
    session, kept_scene = found
    np.save(session.folder / "new.npy", np.zeros(3, bool))  # an edit does not wait for the tidying
    session.tidy(kept_scene)
    names = {str(one.relative_to(session.folder)) for one in session.folder.rglob("*")}
    assert names == {"scene.json", "lock", "made-1", "made-1/cloud.npy", "new.npy"}
    session.remove()


DIE = """
import os, sys
from pathlib import Path
from PySide6.QtCore import QLockFile
folder = Path(sys.argv[1])
lock = QLockFile(str(folder / "lock"))
lock.setStaleLockTime(0)
assert lock.tryLock(0)
os._exit(9)
"""


def test_that_the_scene_of_a_window_that_was_killed_is_found_again(qapp, kept, tmp_path):
    what, _ = kept
    folder = tmp_path / "sessions" / "scene-killed"
    folder.mkdir(parents=True)
    (folder / "scene.json").write_bytes(projects.encoded(what))
    assert subprocess.run([sys.executable, "-c", DIE, str(folder)], check=False).returncode == 9
    assert (folder / "lock").exists()
    session, found = Session.left(tmp_path / "sessions")
    assert session.folder == folder and found.scene == what.scene
    session.remove()


def test_that_projects_damaged_anywhere_are_read_or_told_of(kept, tmp_path):
    what, own = kept
    path = tmp_path / "room.scene"
    projects.write(path, what, own)
    whole, rng = path.read_bytes(), np.random.default_rng(5)
    told = 0
    for at in range(150):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 1 + at % 4):
            data[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(data[: len(data) if at % 3 else int(rng.integers(len(data)))]))
        try:
            found = projects.read(path, tmp_path / "new")
            trees.sound(found.scene.nodes)
        except InputError as problem:
            assert problem.record().place == "room.scene" and problem.record().fix
            told += 1
    assert told > 75


def test_that_a_place_that_cannot_be_written_is_told(kept, tmp_path):
    what, own = kept
    (tmp_path / "file").touch()
    with pytest.raises(KnownTrouble) as told:
        projects.write(tmp_path / "file" / "room.scene", what, own)
    assert "stays open" in str(told.value) and str(tmp_path / "file") in told.value.received
