"""What runs leave in space, read as files are: a run, one artifact, a kept field; nothing of it is altered."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from workbench.core import events as ev
from workbench.core.problem import InputError
from workbench.core.scenes import Box, BoxesDoc, CamerasDoc, RadianceMeta
from workbench.engine.scenes.gridfiles import write_grid
from workbench.engine.scenes.posed import read_posed
from workbench.engine.scenes.posedsamples import write_object
from workbench.engine.scenes.reading import read_scene

META = RadianceMeta((-1, -1, -1), (1, 1, 2), "relu")
PLY = (
    "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    "0 0 0\n1 2 3\n"
)


def write_run(folder, *artifacts, field=True):
    """A run's folder with a grid of zeros, points, boxes over a grid, cameras, and any more events."""
    run = folder / "20260101-some-run"
    (run / "artifacts").mkdir(parents=True)
    (run / "run.json").write_text("{}")
    np.save(run / "artifacts" / "grid.npy", np.zeros((2, 3, 4, 4), np.float32))
    (run / "artifacts" / "points.ply").write_text(PLY)
    (run / "artifacts" / "cameras.json").write_bytes(msgspec.json.encode(CamerasDoc(())))
    boxes = BoxesDoc((Box((0, 0, 0), (1, 1, 1), label="chair"),))
    (run / "artifacts" / "boxes.json").write_bytes(msgspec.json.encode(boxes))
    meta = msgspec.to_builtins(META)
    told = [
        ev.Artifact(slot="points", kind="points", path="artifacts/points.ply", title="On the surface"),
        ev.Artifact(slot="grid", kind="radiance-grid", path="artifacts/gone.npy", meta=meta),
        ev.Artifact(slot="grid", kind="radiance-grid", path="artifacts/grid.npy", meta=meta),
        ev.Artifact(slot="cameras", kind="cameras", path="artifacts/cameras.json"),
        ev.Artifact(slot="found", kind="boxes", path="artifacts/boxes.json", parts={"grid": "artifacts/grid.npy"},
                    meta=meta),
        ev.Artifact(slot="psnr", kind="curve", path="artifacts/curve.npy"),
        *artifacts,
    ]  # fmt: skip
    (run / "events.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, told)) + b"\n{torn")
    if field:
        (run / "model").mkdir()
        (run / "model" / "field.json").write_text('{"low": [-1, -1, -1], "high": [1, 1, 2]}')
    return run


def test_that_a_field_can_be_learned_from_the_photographs_that_a_run_was_given(tmp_path):
    run = write_run(tmp_path)
    given = write_object(1, tmp_path / "object", images=5, size=16)
    (run / "artifacts" / "cameras.json").write_bytes(msgspec.json.encode(given))
    (tmp_path / "object" / "images" / "0003.png").unlink()
    for path in (run, run / "artifacts" / "cameras.json"):
        found = read_posed(path)
        assert [one.path for one in found.images] == [one.path for at, one in enumerate(given.images) if at != 3]
        assert found.low == given.low and any("0003.png" in note for note in found.notes)
        assert [one.held_out for one in found.images] == [True, False, False, False]
    with pytest.raises(InputError, match="kept no photographs"):
        read_posed(run / "artifacts" / "points.ply")


def test_that_a_run_gives_the_newest_of_each_slot_and_its_field(tmp_path):
    run = write_run(tmp_path)
    found = read_scene(run, tmp_path / "cache")
    assert [(one.name, one.thing.__struct_config__.tag) for one in found.things] == [
        ("grid", "radiance"), ("grid of found", "radiance"), ("found", "boxes"), ("cameras", "cameras"),
        ("On the surface", "points"),
    ]  # fmt: skip
    assert {one.parent for one in found.things} == {run.name}
    grid = found.things[0].thing
    assert grid.grid == str(run / "artifacts" / "grid.npy") and grid.shape == (2, 3, 4)
    assert grid.meta == META and grid.field == str(run)
    assert read_scene(run / "model", tmp_path / "cache").things[0].thing == grid


def test_that_one_artifact_is_read_alone_and_stays_as_it_is(tmp_path):
    run = write_run(tmp_path, field=False)
    path = run / "artifacts" / "grid.npy"
    before = path.stat().st_mtime_ns
    for _ in range(2):  # the second time from the cache
        (one,) = read_scene(path, tmp_path / "cache").things
        assert one.thing.grid == str(path) and one.thing.field == "" and one.thing.meta == META and one.parent == ""
    assert path.stat().st_mtime_ns == before
    grid, boxes = read_scene(run / "artifacts" / "boxes.json", tmp_path / "cache").things
    assert grid.parent == boxes.parent == "found" and boxes.thing.boxes[0].label == "chair"


def test_that_a_kept_field_without_its_run_comes_with_its_grid(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "field.json").write_text('{"low": [0, 0, 0], "high": [1, 1, 1]}')
    (alone,) = read_scene(folder, tmp_path / "cache").things
    assert alone.thing.grid == "" and alone.thing.field == str(folder)
    write_grid(folder / "grid.npz", np.full((2, 3, 4, 4), 0.5, np.float32), META)
    (one,) = read_scene(folder, tmp_path / "cache").things
    assert one.thing.shape == (2, 3, 4) and one.thing.meta.high == META.high and one.thing.field == str(folder)
    assert np.load(one.thing.grid).shape == (2, 3, 4, 4)


@pytest.mark.parametrize("path", ["../../outside.ply", "artifacts/gone.ply", ""])
def test_that_a_run_that_names_files_elsewhere_is_refused(tmp_path, path):
    (tmp_path / "outside.ply").write_text(PLY)
    run = write_run(tmp_path / "runs", ev.Artifact(slot="points", kind="points", path=path))
    with pytest.raises(InputError, match="not there"):
        read_scene(run, tmp_path / "cache")


def test_that_a_run_without_anything_in_space_is_told(tmp_path):
    run = write_run(tmp_path)
    (run / "events.jsonl").write_bytes(msgspec.json.encode(ev.Artifact(slot="a", kind="curve", path="a.npy")) + b"\n")
    with pytest.raises(InputError, match="stands in space"):
        read_scene(run, tmp_path / "cache")
