"""Own scans on one grid, parts kept apart, probes and scores, and runs that are kept early."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pytest

from workbench.core import events as ev
from workbench.core.params import values_of
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.core.volumes import Geometry, Label, VolumeMeta
from workbench.recipes.medical.hi_end_mae import data, folders, probe, serve, show
from workbench.recipes.medical.hi_end_mae.data import Case, Scans
from workbench.recipes.medical.hi_end_mae.recipe import PHANTOM, HiEndMae, run
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute
from workbench.worker.job import Control

SMALL = HiEndMae(size=16, crop=12, patch=6, unlabelled=4, validation=1, test=2, shots=2)


def _job(inputs: dict[str, str], seed: int = 1) -> Any:
    return SimpleNamespace(inputs=inputs, seed=seed, log=lambda _text: None, progress=lambda _done, _of: None)


# Data ---------------------------------------------------------------------------------------


def test_that_phantoms_of_all_parts_differ_and_labels_come_with_those_that_have_them() -> None:
    scans = data.load(_job({}), SMALL)
    parts = [scans.unlabelled, scans.labelled, scans.validation, scans.test]
    assert [len(one) for one in parts] == [4, 2, 1, 2]
    images = [one.image.tobytes() for part in parts for one in part]
    assert len(set(images)) == len(images)
    assert all(one.image.min() >= 0 and one.image.max() <= 1 for part in parts for one in part)


def test_that_a_scan_in_two_parts_is_refused() -> None:
    one = Case("same", np.zeros((4, 4, 4), np.float32), None, VolumeMeta())
    with pytest.raises(InputError) as caught:
        Scans([one], [], [], [one], ())
    assert caught.value.field == "scans"


def test_that_without_pretraining_no_unlabelled_scan_is_made() -> None:
    assert not data.load(_job({}), SMALL.replace(pretrain="none")).unlabelled


def test_that_crops_follow_their_seed_and_are_filled_up_where_a_scan_ends() -> None:
    case = data.load(_job({}), SMALL).labelled[0]
    one, other = (data.pretraining_crop(case, SMALL, np.random.default_rng(seed)) for seed in (5, 5))
    assert one.shape == (1, 12, 12, 12)
    assert np.array_equal(one, other)
    assert data.cut(case.image, [8, 0, 0], 12).shape == (12, 12, 12)
    assert not data.cut(case.image, [8, 0, 0], 12)[8:].any()


def test_that_image_and_labels_are_cropped_alike() -> None:
    labels = np.zeros((16, 16, 16), np.uint8)
    labels[9:12, 3:6, 10:12] = 2
    case = Case("one", (labels > 0).astype(np.float32), labels, VolumeMeta())
    shots = data.Shots([case], 12, times=3)
    assert len(shots) == 3
    for index in range(3):
        image, target = shots.sample(index, np.random.default_rng(index))
        assert np.array_equal(image > 0, target == 2)


# Own scans ----------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An nnU-Net data set of six scans at 2 mm, half of them stored with x turned around."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "Dataset001_Tiny"
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for number in range(6):
        hu = np.full((20, 18, 16), -1000.0, np.float32)  # nibabel's arrays are (x, y, z), here RAS
        hu[2:18, 2:16, :] = 40
        labels = np.zeros(hu.shape, np.uint8)
        labels[12:17, 4:9, 3:8] = 5
        hu[labels == 5] = 150
        affine = np.diag([2.0, 2.0, 2.0, 1.0])
        if number % 2:
            hu, labels = hu[::-1], labels[::-1]
            affine[0] = [-2.0, 0, 0, 2.0 * 19]
        nibabel.save(nibabel.Nifti1Image(hu, affine), folder / "imagesTr" / f"case_{number}_0000.nii.gz")
        nibabel.save(nibabel.Nifti1Image(labels, affine), folder / "labelsTr" / f"case_{number}.nii.gz")
    told = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 5}, "numTraining": 6,
            "file_ending": ".nii.gz"}  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(told))
    return folder


def test_that_an_nnunet_tree_is_divided_and_brought_to_one_grid_whatever_way_it_was_stored(tree: Path) -> None:
    params = SMALL.replace(spacing=4.0)
    scans = data.load(_job({"cases": str(tree), "scans": str(tree / "imagesTr")}), params)
    assert scans.organs == (Label(1, "liver"),)
    parts = [scans.labelled, scans.validation, scans.test]
    assert [len(one) for one in parts] == [2, 1, 2]
    assert len(scans.unlabelled) == 1  # all but the five that are learned from, validated and tested on
    cases = [one for part in parts for one in part]
    for one in cases:
        assert one.meta.geometry.spacing_mm == (4.0, 4.0, 4.0)
        assert one.meta.geometry.direction == Geometry().direction
        assert one.labels is not None
        assert set(np.unique(one.labels)) == {0, 1}
        inside = one.image[one.labels == 1]
        assert np.median(inside) > one.image[one.labels == 0].max() - 0.3
        assert np.argwhere(one.labels == 1).mean(0) == pytest.approx(np.argwhere(cases[0].labels == 1).mean(0), abs=0.6)


def test_that_too_few_labelled_scans_are_told_with_their_number(tree: Path) -> None:
    with pytest.raises(InputError) as caught:
        data.load(_job({"cases": str(tree)}), SMALL.replace(shots=40))
    assert caught.value.field == "cases"
    assert "6" in caught.value.received


def test_that_folders_can_be_looked_at_before_a_run(tree: Path) -> None:
    cases = data.preview("cases", str(tree), {})
    assert cases.row_count == 6
    assert "liver" in cases.detail
    assert data.preview("scans", str(tree / "imagesTr"), {}).row_count == 6
    assert data.preview("cases", PHANTOM.address, {}).labels["liver"] == 4


def test_that_labels_come_back_to_the_grid_they_were_asked_for() -> None:
    turned = Geometry((2.0, 3.0, 4.0), (30.0, 10.0, -5.0), (-1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    array = np.zeros((10, 12, 14), np.float32)
    array[3:7, 4:9, 2:6] = 1
    moved, grid = folders.onto_grid(array, turned, (2.0, 2.0, 2.0))
    back = folders.back_onto((moved > 0.5).astype(np.uint8), grid, turned, array.shape)
    truth = array > 0
    assert 2 * (back & truth).sum() / (back.sum() + truth.sum()) > 0.85
    assert grid.direction == Geometry().direction


# Probes and scores --------------------------------------------------------------------------


def test_that_a_patch_is_named_after_the_organ_that_fills_most_of_it() -> None:
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[0:6, 0:6, 0:3] = 2
    labels[0:6, 0:6, 3:5] = 1
    labels[6:8, 6:8, 6:8] = 1  # too little of its patch
    assert probe.patch_labels(labels, SMALL, 2).tolist() == [2, 0, 0, 0, 0, 0, 0, 0]


def test_that_recall_counts_organs_alike_and_leaves_background_out() -> None:
    truth = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    said = np.array([1, 1, 1, 1, 1, 0, 0, 2])
    assert probe.mean_recall(said, truth) == pytest.approx((0.5 + 1) / 2)
    assert np.isnan(probe.mean_recall(said, np.zeros(8, np.int64)))


def test_that_dice_counts_organs_that_are_there_or_were_found_and_no_background() -> None:
    organs = (Label(1, "one"), Label(2, "two"), Label(3, "three"))
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[0] = 1
    found = labels.copy()
    found[1] = 2  # an organ that is not there
    case = Case("one", labels.astype(np.float32), labels, VolumeMeta())
    assert show.organ_dice(found, case, organs).tolist() == [1.0, 0.0]


# Runs ---------------------------------------------------------------------------------------


def test_that_a_run_kept_during_pretraining_leaves_an_encoder_that_does_not_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    folder = create_run(tmp_path, RunConfig("hi-end-mae", {}, preset="smoke", seed=3, device="cpu"))
    control = Control()

    def keep(event: ev.AnyEvent) -> None:
        if isinstance(event, ev.Metric) and event.name == "reconstruction":
            control.keep.set()

    control.keep.set()
    execute(folder, settings=Settings(), control=control, watch=keep)
    state = folder.state()
    assert state.phase == "finished", state.problem and state.problem.trace
    assert "dice" not in state.results
    card = json.loads((folder.model / "workbench.json").read_text())
    assert card["task"] == "encoder"
    assert (folder.model / "encoder.safetensors").is_file()
    assert not (folder.path / "weights").exists()
    context = SimpleNamespace(cache={}, device="cpu", precision="auto", progress=lambda _done, _of: None)
    with pytest.raises(InputError):
        serve.answer(context, folder.model, {"volume": PHANTOM.address})


def test_that_one_four_and_eight_shots_each_take_the_rate_that_validation_chose(tmp_path: Path) -> None:
    knobs = run.preset("smoke").replace(
        ladder=True, shots=4, second_rate=0.01, pretrain="plain MAE", fine_steps=2, test=1, validation=1,
        keep_model=False,
    )  # fmt: skip
    folder = create_run(tmp_path, RunConfig("hi-end-mae", values_of(knobs), preset="smoke", seed=3, device="cpu"))
    execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "finished", state.problem and state.problem.trace
    assert all(state.results[f"rate_{shots}"] in (0.002, 0.01) for shots in (1, 4, 8))
    assert all(f"dice_{shots}_shots" in state.results for shots in (1, 4, 8))
    assert state.results["dice"] == state.results["dice_4_shots"]
    looked = {}
    for event in folder.events():
        if isinstance(event, ev.Metric) and event.name == "dice" and event.series.endswith("validation"):
            looked[event.series] = max(event.value or 0.0, looked.get(event.series, 0.0))
    for shots in (1, 4, 8):
        own = {rate: looked[f"{shots} shots, rate {rate:g}, validation"] for rate in (0.002, 0.01)}
        assert own[state.results[f"rate_{shots}"]] == state.results[f"dev_dice_{shots}"] == max(own.values())


def test_that_every_arm_of_the_claim_has_the_same_budget() -> None:
    claim = run.claim
    assert claim is not None
    arms = list(claim.arms.values())
    for name in ("max_steps", "batch", "fine_steps", "fine_batch", "fine_rate", "second_rate", "shots", "mask_share"):
        assert len({getattr(one, name) for one in arms}) == 1, name
