"""NeRF-MAE's and NeRF-RPN's folders and lists: parts, boxes, labels, and what is refused or left out."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workbench.core.problem import InputError
from workbench.core.scenes import RadianceMeta
from workbench.engine.scenes.gridfiles import write_grid
from workbench.recipes.scenes.nerf_mae import data, folders
from workbench.recipes.scenes.nerf_mae.recipe import run

SMALL = run.preset("smoke").replace(task="boxes", shots=2, validation=1, test=1)
NAMES = [f"scene_{at}" for at in range(6)]


def _job(folder: Path, seed: int = 1, *, grids: Path | None = None) -> Any:
    told: list[str] = []
    return SimpleNamespace(inputs={"scenes": str(folder), "grids": str(grids or folder)}, seed=seed, told=told,
                           log=lambda words, *_: told.append(words), progress=lambda *_: None)  # fmt: skip


def _tree(folder: Path, count: int = 6, sides: tuple[int, int, int] = (12, 10, 8)) -> Path:
    """A NeRF-RPN folder: every scene has a box in voxels, aligned and turned, and labels from 0 to 2."""
    chance = np.random.default_rng(4)
    for name in ("features", "aabb", "obb", "labels"):
        (folder / name).mkdir(parents=True)
    for name in NAMES[:count]:
        grid = chance.random((*sides, 4)).astype(np.float32)
        write_grid(folder / "features" / f"{name}.npz", grid, RadianceMeta((0, 0, 0), (3, 2.5, 2)))
        np.save(folder / "aabb" / f"{name}.npy", np.array([[1.0, 2, 3, 5, 6, 7]]))
        np.save(folder / "obb" / f"{name}.npy", np.array([[3.0, 4, 5, 4, 3, 2, 0.5]]))
        np.save(folder / "labels" / f"{name}.npy", chance.integers(0, 3, sides))
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return _tree(tmp_path / "data")


def test_that_a_split_file_decides_which_scenes_are_learned_from_and_tested_on(tree: Path) -> None:
    np.savez(tree / "front_split.npz", train_scenes=NAMES[:3], val_scenes=NAMES[3:4], test_scenes=NAMES[4:5])
    grids = data.load(_job(tree), SMALL.replace(pretrain="none"))
    assert {one.name for one in grids.labelled} <= set(NAMES[:3]) and len(grids.labelled) == 2
    assert [one.name for one in grids.validation] == NAMES[3:4]
    assert [one.name for one in grids.test] == NAMES[4:5]
    assert grids.names == ("empty", "class 1", "class 2")
    one = grids.test[0]
    assert one.boxes is not None and one.boxes.tolist() == [[3, 4, 5, 4, 4, 4, 0]]
    free = data.load(_job(tree), SMALL).unlabelled
    assert {one.name for one in free} == set(NAMES[:3]) - {one.name for one in grids.labelled}


def test_that_without_a_split_file_scenes_are_divided_by_the_seed_and_none_is_used_twice(tree: Path) -> None:
    parts = [data.load(_job(tree, seed), SMALL.replace(boxes="turned")) for seed in (1, 1, 2)]
    names = [[one.name for part in (found.labelled, found.validation, found.test, found.unlabelled) for one in part]
             for found in parts]  # fmt: skip
    assert names[0] == names[1] != names[2]
    assert sorted(names[0]) == NAMES
    one = parts[0].labelled[0]
    assert one.boxes is not None and one.boxes[0].tolist() == [3, 4, 5, 4, 3, 2, 0.5]
    assert data.batch_of([one], 16)["grid"].shape == (1, 4, 16, 16, 16)


def test_that_a_list_names_files_relative_to_itself(tree: Path) -> None:
    rows = [["", "scene", "rgbsigma_path", "boxes_path"]]
    rows += [[str(at), f"s{at}", f"features/{NAMES[at]}.npz", f"aabb/{NAMES[at]}.npy"] for at in range(4)]
    with (tree / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    grids = data.load(_job(tree / "list.csv"), SMALL.replace(pretrain="none"))
    assert len(grids.validation) == len(grids.test) == 1
    assert all(one.boxes is not None and len(one.boxes) == 1 for one in grids.labelled)
    for column in ("rgbsigma_path", "path"):
        (tree / "bad.csv").write_text(f"scene,{column}\na,missing.npz\n")
        with pytest.raises(InputError) as caught:
            folders.scenes_of(str(tree / "bad.csv"), "scenes")
        assert caught.value.place.endswith("bad.csv")


def test_that_finer_grids_are_the_files_and_coarse_ones_are_their_means(tree: Path) -> None:
    one = data.load(_job(tree), SMALL.replace(pretrain="none", task="super-resolution")).test[0]
    assert one.finer is not None and one.finer.shape == (12, 10, 8, 4) and one.rgba.shape == (6, 5, 4, 4)
    part = one.finer[2:4, 4:6, 6:8]
    assert one.rgba[1, 2, 3, 3] == pytest.approx(part[..., 3].mean(), rel=1e-5)
    mean = (part[..., :3] * part[..., 3:]).sum((0, 1, 2)) / part[..., 3].sum()
    assert one.rgba[1, 2, 3, :3] == pytest.approx(mean, rel=1e-4)
    assert one.boxes is not None and one.boxes[0, :6].tolist() == [1.5, 2, 2.5, 2, 2, 2]


def test_that_labels_of_finer_grids_are_made_coarser_with_them(tree: Path) -> None:
    labels = np.zeros((12, 10, 8), np.int64)
    labels[2:4, 4:6, 6:8] = np.array([0, 0, 0, 2, 2, 2, 1, 1]).reshape(2, 2, 2)
    labels[0, 0, 0] = 2  # less than half of its block
    for name in NAMES:
        np.save(tree / "labels" / f"{name}.npy", labels)
    one = data.load(_job(tree), SMALL.replace(pretrain="none", task="all")).test[0]
    assert one.labels is not None and one.labels.shape == (6, 5, 4)
    assert one.labels[1, 2, 3] == 2 and one.labels.sum() == 2


def test_that_unlabelled_grids_that_cannot_be_read_are_left_out_and_told(tree: Path, tmp_path: Path) -> None:
    free = _tree(tmp_path / "free", count=3)
    for at, name in enumerate("abc"):
        (free / "features" / f"{NAMES[at]}.npz").rename(free / "features" / f"{name}.npz")
    (free / "features" / "b.npz").write_bytes(b"broken")
    job = _job(tree, grids=free)
    assert [one.name for one in data.load(job, SMALL).unlabelled] == ["a", "c"]
    assert any("1 of 3" in words for words in job.told)
    for name in "ac":
        (free / "features" / f"{name}.npz").write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot be read"):
        data.load(job, SMALL)


def test_that_labelled_grids_that_do_not_fit_are_refused_before_anything_is_trained(tree: Path) -> None:
    with pytest.raises(InputError, match="larger than the cube") as caught:
        data.load(_job(tree), SMALL.replace(side=8))
    assert caught.value.field == "side"
    with pytest.raises(InputError, match="too few"):
        data.load(_job(tree), SMALL.replace(shots=40))
    for name in NAMES:
        np.save(tree / "labels" / f"{name}.npy", np.zeros((2, 2, 2), int))
    with pytest.raises(InputError, match="Labels do not fit"):
        data.load(_job(tree), SMALL)
    with pytest.raises(InputError, match="no grid"):
        folders.scenes_of(str(tree / "aabb"), "scenes")
    with pytest.raises(InputError, match="no grids"):
        folders.scenes_of(str(tree / "nowhere"), "scenes")


def test_that_a_folder_can_be_looked_at_and_its_faults_are_counted(tree: Path) -> None:
    (tree / "features" / "scene_1.npz").write_bytes(b"broken")
    seen = data.preview("scenes", str(tree), {})
    assert seen.row_count == 6 and seen.problem_count == 1
    assert seen.rows[0][:2] == ["scene_0", "12 × 10 × 8"] and seen.rows[0][3] == "1"
