"""A run of the recipe from photographs to what is taken away; going on with a finished field; odd knobs and views."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from tests.engine.scenes.photos import folder_of, poses
from workbench.core import events as ev
from workbench.core.fields import VIEW, FieldFrame, FieldLook
from workbench.core.problem import InputError
from workbench.core.scenes import CamerasDoc, RadianceMeta, Viewpoint
from workbench.core.settings import Settings
from workbench.engine.scenes.gridfiles import parsed
from workbench.engine.scenes.posedframes import poses_of
from workbench.recipes.scenes.radiance_field.data import cameras_of, preview
from workbench.recipes.scenes.radiance_field.recipe import OBJECT, ROOM, RadianceField
from workbench.recipes.scenes.radiance_field.serve import answer
from workbench.runner.prepare import freeze
from workbench.store.asked import ask
from workbench.store.home import open_home
from workbench.store.runfolder import RunConfig, RunFolder, create_run
from workbench.worker.execute import execute
from workbench.worker.interactive import ApplyContext


def run(folder: Path, address: str = ROOM.address, **knobs: Any) -> RunFolder:
    folder.mkdir(exist_ok=True)
    config = RunConfig(recipe="radiance-field", params=knobs, preset="smoke", seed=4, inputs={"pictures": address},
                       device="cpu")  # fmt: skip
    made = create_run(folder, freeze(config))
    execute(made, settings=Settings())
    return made


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    found = run(tmp_path_factory.mktemp("fields"), steps=60, rays=128, samples=32)
    assert found.state().phase == "finished", found.state().problem
    return found


def artifacts(found: RunFolder, slot: str) -> list[ev.Artifact]:
    return [one for one in found.events() if isinstance(one, ev.Artifact) and one.slot == slot]


def test_that_the_field_gets_nearer_to_photographs_it_never_saw(finished: RunFolder) -> None:
    told = [(one.step, one.value) for one in finished.events()
            if isinstance(one, ev.Metric) and (one.name, one.series) == ("psnr", "held out")]  # fmt: skip
    assert [step for step, _ in told] == [30, 60]
    assert told[-1][1] > told[0][1]
    (items,) = artifacts(finished, "outcomes")
    assert np.load(finished.path / items.path).mean() == pytest.approx(finished.state().results["psnr"], abs=1e-3)


def test_that_the_grid_lies_in_the_run_and_as_npz_in_the_models_folder(finished: RunFolder) -> None:
    (made,) = artifacts(finished, "grid")
    grid, meta = np.load(finished.path / made.path), msgspec.convert(made.meta, RadianceMeta)
    assert grid.shape == (12, 12, 12, 4) and grid.dtype == np.float32 and meta.density == "relu"
    kept = parsed(finished.model / "grid.npz")
    assert kept.kind == "relu" and kept.box == (meta.low, meta.high)
    np.testing.assert_array_equal(kept.values, grid)


def test_that_mesh_points_cameras_and_views_are_taken_away(finished: RunFolder) -> None:
    import trimesh

    (mesh,), (points,) = artifacts(finished, "mesh"), artifacts(finished, "points")
    assert len(trimesh.load(finished.path / mesh.path).faces) > 10
    assert trimesh.load(finished.path / points.path).vertices.shape == (200, 3)
    (cameras,) = artifacts(finished, "cameras")
    doc = msgspec.json.decode((finished.path / cameras.path).read_bytes(), type=CamerasDoc)
    assert len(doc.images) == 8 and doc.low is not None
    first, last = artifacts(finished, "view")
    assert msgspec.convert(first.meta, FieldFrame).look == msgspec.convert(last.meta, FieldFrame).look
    held = artifacts(finished, "held_out")
    assert Image.open(finished.path / held[-1].path).width > 4 * Image.open(finished.path / held[-1].path).height


def test_that_a_window_that_looks_from_elsewhere_is_shown_that_view_while_the_field_is_learned(tmp_path: Path) -> None:
    pose = (1.0, 0, 0, 0, 0, 0, -1.0, -1.0, 0, 1.0, 0, 0.8, 0, 0, 0, 1.0)
    look = FieldLook(Viewpoint(pose, height_deg=60.0), 24, 18, "depth")
    made = create_run(tmp_path, freeze(RunConfig(recipe="radiance-field", params={"steps": 40}, preset="smoke", seed=4,
                                                 inputs={"pictures": ROOM.address}, device="cpu")))  # fmt: skip
    ask(made.path, VIEW, look)
    execute(made, settings=Settings(preview_share=0.5))
    shown = [msgspec.convert(one.meta, FieldFrame) for one in artifacts(made, "view")]
    assert [one.coarseness for one in shown if one.look == look][:1] == [4]
    assert shown[0].look == shown[-1].look != look


def context(tmp_path: Path) -> ApplyContext:
    return ApplyContext("cpu", open_home(tmp_path / "home"), Settings(), {})


def test_that_a_finished_field_renders_views_and_writes_them_where_asked(finished: RunFolder, tmp_path: Path) -> None:
    asked = {"width": 20, "height": 12, "out": str(tmp_path / "view.png"), "depth": str(tmp_path / "depth.npy")}
    found = answer(context(tmp_path), finished.model, asked)
    assert found.answers[0].headline == "20 × 12 pixels"
    assert Image.open(found.picture).size == (20, 12) and np.load(found.depth).shape == (12, 20)
    for wrong in ({"pose": [1.0] * 16}, {"pose": "here"}, {"out": "/nowhere/view.png"}, {"shown": "sound"}):
        with pytest.raises(InputError):
            answer(context(tmp_path), finished.model, wrong)


def test_that_a_finished_field_is_learned_further_and_another_ones_box_is_refused(
    finished: RunFolder, tmp_path: Path
) -> None:
    further = run(tmp_path / "runs", steps=20, rays=128, samples=32, continue_from=str(finished.path))
    assert further.state().phase == "finished", further.state().problem
    assert further.state().results["psnr"] > finished.state().results["psnr"] - 0.3
    for knobs, words in (({"scene": 12}, "does not fit"), ({"field": "hash"}, "does not fit")):
        refused = run(tmp_path / "runs", continue_from=str(finished.path), **knobs).state()
        assert refused.problem is not None and words in refused.problem.what
    nowhere = run(tmp_path / "runs", continue_from=str(tmp_path)).state()
    assert nowhere.problem is not None and nowhere.problem.field == "continue_from"


@pytest.mark.parametrize("field", ["hash", "plain"])
def test_that_other_fields_go_the_whole_way_from_an_objects_clear_photographs(field: str, tmp_path: Path) -> None:
    small = {"levels": 2, "table_log2": 8, "finest": 32, "width": 16, "depth": 2}
    found = run(tmp_path / "runs", OBJECT.address, field=field, steps=10, **small)
    assert found.state().phase == "finished", found.state().problem
    kind = "exp" if field == "hash" else "relu"
    assert artifacts(found, "grid")[0].meta["density"] == kind
    assert json.loads((found.model / "workbench.json").read_text())["task"] == "radiance field"


def test_that_a_folder_without_enough_photographs_fails_with_what_is_needed(tmp_path: Path) -> None:
    lacking = {"camera_angle_x": 1.0, "w": 8, "h": 8, "frames": []}
    for at in range(2):
        Image.fromarray(np.full((8, 8, 3), 100, np.uint8)).save(tmp_path / f"{at}.png")
        pose = np.eye(4)
        pose[0, 3] = at
        lacking["frames"].append({"file_path": f"{at}.png", "transform_matrix": pose.tolist()})  # type: ignore[attr-defined]
    (tmp_path / "transforms.json").write_text(json.dumps(lacking))
    state = run(tmp_path / "runs", str(tmp_path)).state()
    assert state.phase == "failed" and state.problem is not None
    assert "too few photographs" in state.problem.what and state.problem.severity == "input"


def test_that_photographs_are_previewed_with_their_use() -> None:
    told = preview(ROOM.address, {"images": 32, "size": 64, "steps": 3})
    assert told.detail.startswith("32 photographs of 64 × 64") and len(told.rows) == 8
    assert {row[2] for row in told.rows} == {"held out", "learned"}


def test_that_mirrored_photographs_are_learned_from_only_once_their_repair_is_asked_for(tmp_path: Path) -> None:
    path = folder_of(tmp_path, 5)
    document = json.loads(path.read_text())
    for frame in document["frames"]:
        frame["transform_matrix"] = (np.array(frame["transform_matrix"]) @ np.diag([1.0, 1, -1, 1])).tolist()
    path.write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        cameras_of(str(path), tmp_path, RadianceField(), 0)
    assert caught.value.field == "repair"  # the knob of that name
    found = cameras_of(str(path), tmp_path, RadianceField(repair=True), 0)
    assert np.allclose(poses_of(found), poses(5))
    assert preview(str(path), {"repair": True}).detail.startswith("5 photographs")
