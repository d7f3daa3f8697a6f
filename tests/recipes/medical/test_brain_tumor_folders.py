"""Trees of BraTS, TCGA-LGG and nnU-Net as subjects: split by patient, squared, and a case segmented in its own grid."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
from PIL import Image

from workbench.core.problem import InputError
from workbench.core.volumes import Geometry
from workbench.engine import devices
from workbench.engine.medical.phantoms.head import CORE, LABELS, OEDEMA, RING
from workbench.recipes.medical.brain_tumor_resunet import data, folders, method, recipe, serve


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))


def _nifti(path: Path, array: np.ndarray, spacing: tuple[float, ...] = (1.0, 1.0, 2.0)) -> None:
    """Write (z, y, x) as NIfTI whose axes run along LPS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), affine), path)


def _brats(root: Path, count: int) -> Path:
    for number in range(1, count + 1):
        case = f"BraTS20_Training_{number:03d}"
        head = np.zeros((4, 60, 50), np.int16)
        head[:, 10:50, 10:40] = 100 + number
        mask = np.zeros(head.shape, np.uint8)
        mask[1:3, 20:32, 14:26] = 2
        mask[1:3, 22:30, 16:24] = 4
        mask[1:3, 24:28, 18:22] = 1
        for sequence in ("flair", "t1", "t1ce", "t2"):
            values = head + (mask > 0) * 50
            _nifti(root / case / f"{case}_{sequence}.nii.gz", values.astype(np.int16))
        _nifti(root / case / f"{case}_seg.nii.gz", mask)
    return root


def test_that_a_brats_tree_becomes_subjects_of_three_parts(tmp_path: Path) -> None:
    found = folders.cohort(str(_brats(tmp_path / "brats", 5)), size=64, scheme="nested", seed=1)
    assert found.channels == ("FLAIR", "T1", "T1ce", "T2")
    names = [[one.name for one in part] for part in (found.train, found.validation, found.test)]
    assert all(names)
    assert len({name for part in names for name in part}) == sum(map(len, names)) == 5
    one = found.train[0]
    assert one.image.shape == (4, 4, 64, 64)
    assert set(np.unique(one.labels)) == {0, CORE, OEDEMA, RING}
    x, y, z = one.meta.geometry.spacing_mm
    assert x == y == pytest.approx(40 * 1.04 / 64)
    assert z == 2.0
    # The tumour has the volume it had: 12 × 12 × 2 voxels of 2 mm³.
    assert (one.labels > 0).sum() * x * y * z == pytest.approx(576, rel=0.05)


def test_that_prepared_cases_are_kept_and_made_anew_when_a_file_changes(tmp_path: Path) -> None:
    root = _brats(tmp_path / "brats", 3)
    folders.cohort(str(root), size=64, scheme="nested", seed=1)
    kept = sorted((tmp_path / "home" / "cache" / "cases").glob("*.json"))
    folders.cohort(str(root), size=64, scheme="nested", seed=1)
    assert sorted((tmp_path / "home" / "cache" / "cases").glob("*.json")) == kept
    folders.cohort(str(root), size=96, scheme="nested", seed=1)
    assert len(sorted((tmp_path / "home" / "cache" / "cases").glob("*.json"))) == 2 * len(kept)


def test_that_tcga_lgg_pictures_become_three_channels_of_one_region(tmp_path: Path) -> None:
    for number in range(3):
        patient = f"TCGA_CS_494{number}_19960909"
        (tmp_path / "kaggle_3m" / patient).mkdir(parents=True)
        for z in (1, 2):
            picture = np.zeros((40, 40, 3), np.uint8)
            picture[5:35, 5:35] = (50, 100 + z, 200)
            mask = np.zeros((40, 40), np.uint8)
            mask[10:20, 10:20] = 255 * (z - 1)
            stem = tmp_path / "kaggle_3m" / patient / f"{patient}_{z}"
            Image.fromarray(picture).save(f"{stem}.tif")
            Image.fromarray(mask).save(f"{stem}_mask.tif")
    found = folders.cohort(str(tmp_path), size=64, scheme="whole tumour", seed=0)
    assert found.channels == ("pre-contrast", "FLAIR", "post-contrast")
    assert found.shown == "FLAIR"
    one = found.train[0]
    assert one.image.shape == (3, 2, 64, 64)
    assert not one.labels[0].any()
    assert one.labels[1].any()
    with pytest.raises(InputError) as caught:
        folders.cohort(str(tmp_path), size=64, scheme="nested", seed=0)
    assert caught.value.field == "scheme"


def test_that_an_nnunet_trees_labels_are_told_by_their_names(tmp_path: Path) -> None:
    told = {
        "channel_names": {"0": "FLAIR"},
        "labels": {"background": 0, "edema": 1, "non-enhancing": 2, "enhancing": 3},
    }
    (tmp_path / "dataset.json").write_text(json.dumps(told | {"numTraining": 3, "file_ending": ".nii.gz"}))
    for number in range(3):
        mask = np.zeros((2, 40, 40), np.uint8)
        mask[:, 10:16], mask[:, 16:22], mask[:, 22:28] = 1, 2, 3
        _nifti(tmp_path / "imagesTr" / f"c{number}_0000.nii.gz", np.full(mask.shape, 70, np.int16))
        _nifti(tmp_path / "labelsTr" / f"c{number}.nii.gz", mask)
    found = folders.cohort(str(tmp_path), size=64, scheme="nested", seed=0)
    rows = found.train[0].labels[0][:, 32]
    assert [int(one) for one in dict.fromkeys(rows) if one] == [OEDEMA, CORE, RING]


def test_that_a_patients_cases_stay_together_and_no_part_is_empty() -> None:
    for count in (3, 4, 10, 57):
        patients = [f"p{n}" for n in range(count)]
        parts = folders.split(patients, 5)
        assert set(parts) == set(patients)
        assert set(parts.values()) == {"train", "validation", "test"}
        assert parts == folders.split(patients, 5)


def test_that_too_few_patients_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="few patients"):
        folders.cohort(str(_brats(tmp_path / "brats", 2)), size=64, scheme="nested", seed=1)


def test_that_the_square_grid_keeps_places_in_the_patient() -> None:
    values = np.zeros((1, 3, 50, 40), np.float32)
    values[0, :, 10:31, 5:26] = 100
    grid, shape = folders.square_grid(values, Geometry((2.0, 1.0, 3.0), (7.0, -4.0, 1.0)), 64)
    assert shape == (3, 64, 64)
    middle = np.array(grid.origin_mm)[:2] + 31.5 * np.array(grid.spacing_mm)[:2]
    assert middle == pytest.approx([7 + 15 * 2, -4 + 20])
    assert grid.spacing_mm[0] == pytest.approx(21 * 2 * 1.04 / 64)


def test_that_a_case_is_read_by_its_sequences_in_the_models_order(tmp_path: Path) -> None:
    root = _brats(tmp_path / "brats", 1)
    case = next(root.iterdir())
    image, meta = folders.read_case(case, ("T1", "FLAIR"))
    assert image.shape == (2, 4, 60, 50)
    assert meta.geometry.spacing_mm == (1.0, 1.0, 2.0)
    (case / f"{case.name}_t1.nii.gz").unlink()
    with pytest.raises(InputError, match="lacks sequences"):
        folders.read_case(case, ("T1", "FLAIR"))


def test_that_a_tree_can_be_looked_at_and_loaded_by_the_recipe(tmp_path: Path) -> None:
    root = str(_brats(tmp_path / "brats", 3))
    seen = data.look("data", root, {})
    assert seen.format == "BraTS"
    assert seen.row_count == 3
    assert seen.rows[0][3] == "yes"
    job = SimpleNamespace(
        inputs={"data": root}, phase=lambda name: None, progress=lambda done, of: None, seed=0
    )  # fmt: skip
    assert len(data.load(job, recipe.DESK.replace(size=64)).test) == 1


def test_that_a_case_is_answered_on_its_own_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(_brats(tmp_path / "brats", 1).iterdir())
    params = recipe.DESK.replace(size=64)
    model = method.make_network(params, 4, 3).eval()
    regions = tuple(name for name, _ in data.REGIONS["nested"])
    channels = ("FLAIR", "T1", "T1ce", "T2")
    tool = serve.Segmenter(model, params, channels, LABELS, regions, (1.0, 1.0, 2.0), devices.choose("cpu"))
    monkeypatch.setattr(serve, "warm", lambda *_: tool)
    job = SimpleNamespace(progress=lambda done, of: None)
    found = serve.answer(job, tmp_path, {"volume": str(case)})
    assert np.load(found.labels.path).shape == np.load(found.uncertainty.path).shape == (4, 60, 50)
    assert found.labels.meta.geometry.spacing_mm == (1.0, 1.0, 2.0)
    assert [name for name, _ in found.answers[0].scores] == list(regions)
    with pytest.raises(InputError):
        serve.answer(job, tmp_path, {"volume": str(tmp_path / "nothing")})
