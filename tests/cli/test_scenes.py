"""`workbench scenes info` and `convert`, with a real worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from tests.engine.scenes.scenefiles import ball, write_grid, write_las
from workbench.runner.local import LocalRunner
from workbench.store.home import Home


def test_that_files_are_told_of_and_converted(
    runner: LocalRunner, home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    at_home = ("--home", str(home.root))
    write_las(tmp_path / "a.laz")
    shown = workbench("scenes", "info", str(tmp_path / "a.laz"), *at_home)
    assert shown.status == 0 and "300 points" in shown.out and "classification" in shown.out and "las, " in shown.err
    (found,) = workbench("scenes", "info", str(tmp_path / "a.laz"), "--most-points", "50", "--json", *at_home).lines
    (thing,) = found["read"]["things"]
    assert (thing["thing"]["count"], thing["thing"]["of"]) == (50, 300)

    (done,) = workbench("scenes", "convert", str(tmp_path / "a.laz"), str(tmp_path / "a.ply"), "--json", *at_home).lines
    assert done["files"] == [str(tmp_path / "a.ply")] and len(trimesh.load(tmp_path / "a.ply").vertices) == 300
    refused = workbench("scenes", "convert", str(tmp_path / "a.laz"), str(tmp_path / "a.ply"), *at_home)
    assert refused.status == 2 and "--force" in refused.err
    again = ("scenes", "convert", str(tmp_path / "a.laz"), str(tmp_path / "a.ply"), "--force", *at_home)
    assert workbench(*again).status == 0
    itself = workbench("scenes", "convert", str(tmp_path / "a.ply"), str(tmp_path / "a.ply"), "--force", *at_home)
    assert itself.status == 2 and "open in the scene" in itself.err

    ball().export(tmp_path / "b.glb")
    said = workbench("scenes", "convert", str(tmp_path / "b.glb"), str(tmp_path / "b.stl"), *at_home)
    assert said.out.strip() == str(tmp_path / "b.stl") and "STL has no colours" in said.err and "y is up" in said.err

    (tmp_path / "features").mkdir()
    (tmp_path / "aabb").mkdir()
    write_grid(tmp_path / "features" / "room.npz")
    np.save(tmp_path / "aabb" / "room.npy", np.array([[0.0, 0, 0, 1, 2, 3]]))
    shown = workbench("scenes", "info", str(tmp_path / "features" / "room.npz"), *at_home)
    assert "3 × 4 × 5" in shown.out and "1 box" in shown.out
    boxes = ("--only", "boxes", "--json", *at_home)
    (done,) = workbench(
        "scenes", "convert", str(tmp_path / "features" / "room.npz"), str(tmp_path / "b.npy"), *boxes
    ).lines
    assert np.load(tmp_path / "b.npy").tolist() == [[0.25, 0.5, 0.75, 0.5, 1.0, 1.5, 0.0]]
    refused = workbench("scenes", "info", str(tmp_path / "gone.ply"), *at_home)
    assert refused.status == 2 and "nothing at this path" in refused.err


def test_that_what_cannot_be_is_refused_before_the_worker_is_asked(
    home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    at_home = ("--json", "--home", str(home.root))
    cloud, there = tmp_path / "a.xyz", tmp_path / "b.ply"
    cloud.write_text("1 2 3\n")
    there.write_text("mine")
    for words, told in (
        (("info", str(cloud), "--most-points", "0"), "--most-points"),
        (("convert", str(cloud), str(tmp_path / "c.ply"), "--most-points", "-3"), "--most-points"),
        (("process", str(cloud), "normals", "--out", str(tmp_path / "no" / "c.ply")), "There is no such folder"),
        (("process", str(cloud), "normals", "--out", str(there)), "add --replace"),
    ):
        refused = workbench("scenes", *words, *at_home)
        assert (refused.status, refused.out) == (2, "") and told in refused.err and "Received" in refused.err
    assert there.read_text() == "mine"
