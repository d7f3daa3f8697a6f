"""Segmentation that goes on from a kept model, what its loss weighs, and the faster forms of the same sums."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from monai.losses.dice import DiceCELoss
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from workbench.core.params import values_of
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.core.volumes import Label, VolumeMeta
from workbench.engine.devices import choose
from workbench.engine.medical import sliding
from workbench.recipes.medical.hi_end_mae import folders, going_on, loss, method, networks
from workbench.recipes.medical.hi_end_mae.data import Case
from workbench.recipes.medical.hi_end_mae.recipe import HiEndMae, run
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute

PARAMS = run.preset("smoke").replace(size=16, crop=12, patch=6, width=24, decoder_width=24, heads=2)
ORGANS = (Label(1, "liver"), Label(2, "spleen"))


def kept(folder: Path, **changes: Any) -> dict[str, torch.Tensor]:
    """A model as a run leaves it, with seeded weights."""
    torch.manual_seed(3)
    segmenter = method.make_segmenter(method.make_encoder(PARAMS), PARAMS, classes=3).state_dict()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(segmenter, folder / "segmenter.safetensors")
    save_file(method.make_encoder(PARAMS).state_dict(), folder / "encoder.safetensors")
    shape = {name: getattr(PARAMS, name) for name in ("crop", "patch", "width", "layers", "heads", "taps", "features")}
    card = {
        "config": {"recipe": "hi-end-mae", "params": values_of(PARAMS)}, "task": "segmentation", "channels": ["CT"],
        "labels": [method.plain(one) for one in ORGANS], "shape": shape, "spacing_mm": [4.0, 4.0, 4.0],
    }  # fmt: skip
    (folder / "workbench.json").write_text(json.dumps(card | changes))
    return segmenter


def tree(folder: Path, names: dict[str, int], *, seen: tuple[str, ...] = (), count: int = 4) -> Path:
    """Signed cases as they are written for training: 2 mm, one organ, values as `names` has them."""
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    value = next(iter(names.values()))
    for number in range(count):
        hu = np.random.default_rng(number).normal(40, 10, (24, 24, 24)).astype(np.float32)
        labels = np.zeros(hu.shape, np.uint8)
        labels[6:16, 8:18, 4:14] = value
        hu[labels == value] += 80
        for part, values, end in (("imagesTr", hu, "_0000"), ("labelsTr", labels, "")):
            image = nibabel.Nifti1Image(values, np.diag([-2.0, -2.0, 2.0, 1.0]))
            nibabel.save(image, folder / part / f"case-{number}{end}.nii.gz")
    told = {"channel_names": {"0": "CT"}, "labels": {"background": 0} | names, "numTraining": count,
            "file_ending": ".nii.gz", "trained_before": list(seen)}  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(told))
    return folder


# Going on -----------------------------------------------------------------------------------


def test_that_a_run_goes_on_from_a_kept_segmenter_at_its_spacing_and_leaves_it_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    before = kept(tmp_path / "before")
    bytes_before = (tmp_path / "before" / "segmenter.safetensors").read_bytes()
    cases = tree(tmp_path / "tree", {"spleen": 7})
    params = PARAMS.replace(continue_from=str(tmp_path / "before"), fine_steps=2, fine_rate=1e-6, test=1, validation=1)
    config = RunConfig("hi-end-mae", values_of(params), inputs={"cases": str(cases)}, seed=3, device="cpu")
    folder = create_run(tmp_path, config)
    execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "finished", state.problem and state.problem.trace
    assert {"dice", "dice_before", "dev_dice_2"} <= state.results.keys() and "probe_taps" not in state.results
    after = load_file(folder.model / "segmenter.safetensors")
    assert all(torch.allclose(one, after[name], atol=1e-4) for name, one in before.items())
    assert (tmp_path / "before" / "segmenter.safetensors").read_bytes() == bytes_before
    card = json.loads((folder.model / "workbench.json").read_text())
    assert card["channels"] == ["CT"] and card["spacing_mm"] == [4.0, 4.0, 4.0]
    assert [one["name"] for one in card["labels"]] == ["liver", "spleen"]  # the model's own, also where none is signed


def test_that_labels_are_read_by_name_as_the_models_organs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    kept(tmp_path / "before")
    params = PARAMS.replace(continue_from=str(tmp_path / "before"), test=1, validation=1)
    before = going_on.read(params)
    cases = tree(tmp_path / "tree", {"Spleen": 7}, seen=("case-0", "case-1"))
    job: Any = SimpleNamespace(seed=1, inputs={}, log=lambda _text: None, progress=lambda _done, _of: None)
    learned, validation, test, organs = folders.labelled_scans(
        job, str(cases), going_on.settled(params, before), shots=1, before=before
    )
    assert organs == ORGANS
    assert all(one.labels is not None and set(np.unique(one.labels)) == {0, 2} for one in (*learned, *test))
    unseen = {one.name.rsplit("/", 1)[-1][:6] for one in (*validation, *test)}
    assert unseen == {"case-2", "case-3"}  # who was trained on before neither validates nor tests
    assert len(learned) == 2  # all the others, however many shots were asked for


def test_that_organs_the_model_has_no_output_for_are_refused(tmp_path: Path) -> None:
    kept(tmp_path)
    before = going_on.read(PARAMS.replace(continue_from=str(tmp_path)))
    with pytest.raises(InputError, match="does not know") as caught:
        going_on.values_of((Label(1, "liver"), Label(2, "gallbladder")), before, place="tree")
    assert caught.value.field == "cases" and caught.value.received == "gallbladder"


@pytest.mark.parametrize(
    ("changes", "asked", "told"),
    [
        ({}, {"width": 48}, "width 24"),
        ({"config": {"recipe": "brain-tumor-resunet"}}, {}, "hi-end-mae"),
        ({"task": "encoder"}, {}, "segmenter"),
        ({"spacing_mm": []}, {}, "whole card"),
    ],
)
def test_that_a_model_that_does_not_fit_is_refused_by_its_field(
    tmp_path: Path, changes: dict[str, Any], asked: dict[str, Any], told: str
) -> None:
    kept(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        going_on.read(PARAMS.replace(continue_from=str(tmp_path), **asked))
    assert caught.value.field == "continue_from" and told in caught.value.expected


def test_that_generated_scans_are_refused_where_the_model_knows_other_organs(tmp_path: Path) -> None:
    kept(tmp_path)
    params: HiEndMae = PARAMS.replace(continue_from=str(tmp_path))
    folder = create_run(tmp_path, RunConfig("hi-end-mae", values_of(params), seed=3, device="cpu"))
    execute(folder, settings=Settings())
    problem = folder.state().problem
    assert problem is not None and "does not know scans of this kind" in problem.what


# The loss -----------------------------------------------------------------------------------


def _logits() -> tuple[torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(4)
    return torch.randn(2, 3, 4, 4, 4, generator=chance), torch.randint(0, 3, (2, 1, 4, 4, 4), generator=chance).float()


def test_that_without_weights_the_loss_is_the_papers() -> None:
    logits, target = _logits()
    papers = DiceCELoss(to_onehot_y=True, softmax=True, squared_pred=True)(logits, target) * 2
    assert torch.allclose(loss.SquaredDice()(logits, target), papers, atol=1e-6)


def test_that_weights_multiply_each_class_by_its_own() -> None:
    logits, target = _logits()
    weights = torch.tensor([1.0, 5.0, 0.0])
    more = loss.SquaredDice(weights)(logits, target) - loss.SquaredDice()(logits, target)
    by_voxel = F.cross_entropy(logits, target[:, 0].long(), reduction="none")
    expected = 2 * (by_voxel * (weights - 1)[target[:, 0].long()]).mean()
    assert torch.allclose(more, expected, atol=1e-5)


def test_that_rare_organs_weigh_more_and_the_mean_voxel_weighs_one() -> None:
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[0, :4] = 1
    labels[1, 0] = 2
    weights = loss.rarity([Case("one", labels.astype(np.float32), labels, VolumeMeta())], 4, 0.5).numpy()
    assert weights[2] / weights[1] == pytest.approx(2.0)  # a quarter of the voxels, to the power of minus a half
    assert np.isfinite(weights).all() and weights[3] > weights[2] > weights[1] > weights[0]
    assert (weights * np.array([950, 40, 10, 1])).sum() / 1001 == pytest.approx(1.0, rel=1e-4)


# Faster forms -------------------------------------------------------------------------------


@pytest.mark.parametrize(("keys", "exact"), [(20, torch.float32), (300, torch.float32), (20, torch.bfloat16)])
def test_that_attention_written_out_is_the_same_with_its_gradient(keys: int, exact: torch.dtype) -> None:
    chance = torch.Generator().manual_seed(5)
    parts = [torch.randn(2, 3, count, 8, generator=chance).to(exact) for count in (7, keys, keys)]
    found, wanted = [], []
    for form, kept_by in ((networks.attended, found), (F.scaled_dot_product_attention, wanted)):
        own = [one.clone().requires_grad_() for one in parts]
        result = form(*own)
        result.float().square().sum().backward()
        kept_by += [result, *(one.grad for one in own)]
    room = 1e-5 if exact == torch.float32 else 0.06
    assert all(torch.allclose(a.float(), b.float(), atol=room) for a, b in zip(found, wanted, strict=True))


def test_that_volumes_train_in_bfloat16_only_where_a_processor_has_tiles_and_nobody_asked_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = choose("cpu")
    monkeypatch.setattr(sliding, "has_tiles", lambda: True)
    assert sliding.for_volumes(place).dtype_name == "bf16"
    assert sliding.for_volumes(place, "fp32") == place
    monkeypatch.setattr(sliding, "has_tiles", lambda: False)
    assert sliding.for_volumes(place) == place
