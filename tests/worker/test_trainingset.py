"""Signed cases as a training set: a case's sequences are found for the model's channels by their meaning."""

from __future__ import annotations

import json
import types

import nibabel
import numpy as np
import pytest

from workbench.core.problem import InputError
from workbench.core.volumes import Label, VolumeMeta
from workbench.engine.medical.volumes import find, read
from workbench.store.readings import keep_meta, sign
from workbench.worker.review import training_set

AFFINE = np.diag([-2.0, -2.0, 4.0, 1.0])
CHANNELS = ("T1", "FLAIR", "T1 post-contrast")


@pytest.fixture
def asked(home, tmp_path):
    """Two visits of one BraTS patient and a visit of another, signed."""
    cases = []
    (home.cache / "volumes").mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(("BraTS-GLI-00001-000", "BraTS-GLI-00001-001", "BraTS-GLI-00002-000")):
        folder = tmp_path / name
        folder.mkdir()
        for level, sequence in enumerate(("flair", "t1", "t1ce")):
            values = np.full((8, 7, 3), 10 * level + number, np.int16)
            values[2, 3, 1] += 5
            nibabel.save(nibabel.Nifti1Image(values, AFFINE), folder / f"{name}_{sequence}.nii.gz")
        keys = [one.key for one in find(folder).series]
        meta = read(folder, keys[0], home.cache / "volumes").meta
        labels = np.zeros((3, 7, 8), np.uint8)
        labels[1, 3, 2] = 1
        done = sign(home.review, f"reading-{number}", labels, np.zeros_like(labels), {1: "Tumour"})
        keep_meta(home.review, done.file, VolumeMeta(meta.geometry, "SEG", labels=(Label(1, "Tumour"),)))
        cases.append({"id": f"{number}" * 24, "path": str(folder), "keys": keys, "reading": done.file,
                      "digest": done.after})  # fmt: skip
    return {"cases": cases, "channels": CHANNELS, "out": str(tmp_path / "set")}


def test_that_channels_take_the_sequences_they_mean_and_visits_stay_with_their_patient(asked, home, tmp_path):
    context = types.SimpleNamespace(home=home, cancelled=lambda: False)
    asked["trained"] = [asked["cases"][0]["path"]]  # seen by a model, so its patient tests nothing
    training_set(asked, context)
    images = tmp_path / "set" / "imagesTr"
    for number in range(3):
        found = [
            int(np.asarray(nibabel.load(next(images.glob(f"case-{number}*_000{at}.nii.gz"))).dataobj)[0, 0, 0])
            for at in range(3)
        ]
        assert found == [10 + number, number, 20 + number]
    text = (tmp_path / "set/dataset.json").read_text()
    told = json.loads(text)
    a, b, c = (told["patients"][f"case-{str(number) * 12}"] for number in range(3))
    assert a == b != c and "BraTS" not in text
    assert told["trained_before"] == ["case-" + "0" * 12, "case-" + "1" * 12]


def test_that_a_case_without_a_sequence_is_refused_by_name_of_the_channel(asked, home, tmp_path):
    context = types.SimpleNamespace(home=home, cancelled=lambda: False)
    asked["channels"] = ("FLAIR", "T2")
    with pytest.raises(InputError, match="lacks an image") as told:
        training_set(asked, context)
    assert told.value.expected == "FLAIR, T2" and not (tmp_path / "set").exists()
