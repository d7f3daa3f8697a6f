"""`workbench scenes posed`, `room` and `object`, with a real worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tests.engine.scenes.photos import folder_of
from workbench.core.posing import PosedRead, PosedSample
from workbench.core.scenes import SceneRead
from workbench.runner.local import LocalRunner
from workbench.store.home import Home


def test_that_photographs_are_drawn_shown_converted_and_repaired_when_asked(
    runner: LocalRunner, home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    at_home = ("--home", str(home.root))
    room = tmp_path / "room"
    words = ("scenes", "room", "--seed", "90", "--images", "9", "--size", "8", "--out", str(room), *at_home)
    drawn = workbench(*words)
    assert drawn.status == 0 and drawn.out.splitlines() == [
        str(room / name) for name in ("transforms.json", "grid.npz", "grid_boxes.npy", "grid_labels.npy")]  # fmt: skip
    assert f"9 photographs in {room}" in drawn.err
    refused = workbench(*words)
    assert refused.status == 2 and "lies there already" in refused.err and "--replace" in refused.err
    (done,) = workbench("scenes", "object", *words[2:], "--replace", "--json").lines
    assert len(msgspec.convert(done, PosedSample).cameras.images) == 9

    shown = workbench("scenes", "posed", str(room), *at_home)
    assert "photographs  9, 2 of them held out" in shown.out and "8 × 8, focal length 11.1" in shown.out
    model = room / "sparse" / "0"
    converted = workbench("scenes", "posed", str(room), "--to", str(model), *at_home)
    assert f"written to   {model}" in converted.out and "is COLMAP's image path" in converted.err
    (found,) = workbench("scenes", "posed", str(model), "--rescale", "--json", *at_home).lines
    read = msgspec.convert(found, PosedRead)
    assert (read.kind, len(read.cameras.images)) == ("COLMAP", 9)
    eyes = np.array([one.pose for one in read.cameras.images]).reshape(-1, 4, 4)[:, :3, 3]
    assert abs(np.linalg.norm(eyes, axis=1).mean() - 4) < 1e-6

    # What the readers of all things make of the same folder.
    answered = runner.inspect("scene-read", path=str(room)).result(60)
    (thing,) = msgspec.json.decode(answered, type=SceneRead).things
    assert len(thing.thing.images) == 9  # type: ignore[union-attr]

    path = folder_of(tmp_path / "left", 5)
    document = json.loads(path.read_text())
    for frame in document["frames"]:
        frame["transform_matrix"] = (np.diag([1.0, -1, 1, 1]) @ frame["transform_matrix"]).tolist()
    path.write_text(json.dumps(document))
    mirrored = workbench("scenes", "posed", str(path), *at_home)
    assert mirrored.status == 2 and "determinant −1" in mirrored.err and "--repair" in mirrored.err
    repaired = workbench("scenes", "posed", str(path), "--repair", *at_home)
    assert repaired.status == 0 and "which is a guess" in repaired.err


def test_that_mistakes_are_told_before_a_worker_starts(
    home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    at_home = ("--home", str(home.root))
    refused = workbench("scenes", "room", "--size", "3", "--images", "0", "--seed", "-1", "--out", str(tmp_path / "no"))
    assert refused.status == 2
    assert all(f"--{flag} cannot be this" in refused.err for flag in ("size", "images", "seed"))
    gone = workbench("scenes", "posed", str(tmp_path / "gone"), "--json", *at_home)
    assert gone.status == 2 and gone.out == "" and "no photographs at this path" in gone.err
