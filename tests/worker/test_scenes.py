"""What a window may ask about files of things in space, without a process of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.engine.scenes.scenefiles import ball, ply_cloud, write_las
from workbench.core.job import JobCancelled
from workbench.core.problem import InputError
from workbench.core.scenefiles import SceneInfo, SceneWriteWish, SceneWritten, WriteThing
from workbench.core.scenes import MeshDoc, PointsDoc, SceneRead
from workbench.core.settings import Settings
from workbench.engine.scenes import samples
from workbench.engine.scenes.reading import files_of
from workbench.store.home import open_home
from workbench.store.shedding import shed
from workbench.worker.inspectors import inspect
from workbench.worker.interactive import ApplyContext


@pytest.fixture
def context(tmp_path: Path) -> ApplyContext:
    return ApplyContext("cpu", open_home(tmp_path / "home"), Settings(), {})


def asked(context: ApplyContext, kind: type, what: str, **arguments: Any) -> Any:
    """An answer as it comes over the wire."""
    found = inspect(what, msgspec.json.decode(msgspec.json.encode(arguments)), context)
    return msgspec.json.decode(msgspec.json.encode(found), type=kind)


def test_that_files_are_read_told_of_and_written(tmp_path: Path, context: ApplyContext) -> None:
    write_las(tmp_path / "a.laz")
    told: list[tuple[float, str]] = []
    context.tell = lambda fraction, words, partial: told.append((fraction, words))
    read = asked(context, SceneRead, "scene-read", path=str(tmp_path / "a.laz"))
    (one,) = read.things
    assert isinstance(one.thing, PointsDoc) and one.name == "a" and (1.0, "points") in told
    assert Path(one.thing.positions).parent == context.home.cache / "scene-files"
    info = asked(context, SceneInfo, "scene-info", path=str(tmp_path / "a.laz"))
    assert info.read == read and info.format == "las" and info.size_bytes == (tmp_path / "a.laz").stat().st_size
    wish = SceneWriteWish((WriteThing(one.thing),), str(tmp_path / "out.ply"), open_files=(str(tmp_path / "a.laz"),))
    done = asked(context, SceneWritten, "scene-write", **msgspec.to_builtins(wish))
    assert done.files == (str(tmp_path / "out.ply"),)
    again = asked(context, SceneRead, "scene-read", path=done.files[0]).things[0].thing
    assert again.count == one.thing.count and again.origin == one.thing.origin
    assert np.array_equal(np.load(again.positions), np.load(one.thing.positions))
    few = asked(context, SceneRead, "scene-read", path=done.files[0], most_points=10).things[0].thing
    assert (few.count, few.of) == (10, 300)


def test_that_a_malformed_or_abandoned_question_is_told(tmp_path: Path, context: ApplyContext) -> None:
    (tmp_path / "a.ply").write_bytes(ply_cloud()[0])
    with pytest.raises(InputError, match="malformed"):
        inspect("scene-read", {"file": "a.ply"}, context)
    context.cancelled = lambda: True
    with pytest.raises(JobCancelled):
        inspect("scene-read", {"path": str(tmp_path / "a.ply")}, context)
    assert not list((context.home.cache / "scene-files").glob("*"))


def test_that_samples_are_made_once_and_stand_in_one_scene(
    context: ApplyContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "GROUND", 4000)
    monkeypatch.setattr(samples, "TREE_POINTS", 60)
    monkeypatch.setattr(samples, "HOUSE_POINTS", 600)
    paths = [Path(one) for one in asked(context, list[str], "scene-sample")]
    assert [one.name for one in paths] == ["terrain.laz", "statue.glb"]
    made = [one.stat().st_ino for one in paths]
    assert asked(context, list[str], "scene-sample", name="statue") == [str(paths[1])]
    assert [Path(one).stat().st_ino for one in asked(context, list[str], "scene-sample")] == made
    (cloud,) = asked(context, SceneRead, "scene-read", path=str(paths[0])).things
    classes = next(one for one in cloud.thing.columns if one.name == "classification")
    assert set(np.unique(np.load(classes.path))) == {2, 3, 5, 6}
    assert {"colour", "intensity"} <= {one.name for one in cloud.thing.columns}
    statue = asked(context, SceneRead, "scene-read", path=str(paths[1]))
    for one in statue.things:
        assert isinstance(one.thing, MeshDoc)
        at = np.array(one.placement).reshape(4, 4)[:3, 3]
        assert (cloud.thing.low < at).all() and (at < cloud.thing.high).all()
    ring = next(one.thing for one in statue.things if one.name == "knotted ring")
    assert ring.notes == () and ring.colours


def test_that_a_mesh_is_told_of_with_its_oddities(tmp_path: Path, context: ApplyContext) -> None:
    mesh = ball()
    mesh.faces = np.concatenate([mesh.faces, mesh.faces[:1]])
    mesh.export(tmp_path / "a.ply")
    info = asked(context, SceneInfo, "scene-info", path=str(tmp_path / "a.ply"))
    assert "3 edges of more than two faces" in info.read.things[0].thing.notes[0]


def test_that_things_unused_for_long_go_from_the_cache_and_come_again(tmp_path: Path, context: ApplyContext) -> None:
    ball().export(tmp_path / "a.ply")
    first = asked(context, SceneRead, "scene-read", path=str(tmp_path / "a.ply"))
    folder = context.home.cache / "scene-files"
    for one in folder.iterdir():
        os.utime(one, (1_700_000_000, 1_700_000_000))
    assert shed(context.home, 0).files == len(set(files_of(first.things[0].thing))) + 1 and not list(folder.iterdir())
    wish = SceneWriteWish((WriteThing(first.things[0].thing, "a"),), str(tmp_path / "b.ply"))
    with pytest.raises(InputError, match="no longer in the cache"):
        inspect("scene-write", msgspec.to_builtins(wish), context)
    assert asked(context, SceneRead, "scene-read", path=str(tmp_path / "a.ply")) == first
    inspect("scene-write", msgspec.to_builtins(wish), context)
