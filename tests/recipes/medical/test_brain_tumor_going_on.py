"""Going on from a kept model, and the cases that an earlier training has seen."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from workbench.core.problem import InputError
from workbench.core.volumes import Geometry, Label, VolumeFile, VolumeMeta
from workbench.engine.medical.datasets import read_tree
from workbench.engine.medical.trainingset import TrainingCase, write_training_set
from workbench.recipes.medical.brain_tumor_resunet import folders, going_on, method
from workbench.recipes.medical.brain_tumor_resunet.recipe import BrainTumorResunet

PARAMS = BrainTumorResunet(size=64, encoder="residual", decoder_width=8, encoder_width=2, aspp_width=4,
                           scheme="whole tumour")  # fmt: skip
GEOMETRY = Geometry((1.5, 1.5, 3.0), (4.0, 5.0, 6.0))


def kept(folder, **changes):
    model = method.make_network(PARAMS, 1, 1)
    save_file(model.state_dict(), folder / "network.safetensors")
    card = {
        "config": {"recipe": "brain-tumor-resunet"}, "channels": ["FLAIR"], "regions": [["whole tumour", [1]]],
        "shape": {name: getattr(PARAMS, name) for name in method.SHAPE},
    }  # fmt: skip
    card["regions"] = [[name, list(values)] for name, values in method.REGIONS[PARAMS.scheme]]
    (folder / "workbench.json").write_text(json.dumps(card | changes))
    return model


def go_on(folder, params=PARAMS, channels=("FLAIR",)):
    fresh = method.make_network(params, len(channels), 1)
    job = SimpleNamespace(log=lambda words: None)
    going_on.put_in(job, fresh, params.replace(continue_from=str(folder)), SimpleNamespace(channels=list(channels)))
    return fresh


def test_that_training_goes_on_with_the_kept_weights(tmp_path):
    before = kept(tmp_path)
    after = go_on(tmp_path)
    assert all(torch.equal(one, after.state_dict()[name]) for name, one in before.state_dict().items())


@pytest.mark.parametrize(
    ("make", "asked", "told"),
    [
        (kept, {"params": PARAMS.replace(decoder_width=16)}, "decoder_width 8"),
        (kept, {"channels": ("T1",)}, "channels ['FLAIR']"),
        (lambda folder: kept(folder, config={"recipe": "hi-end-mae"}), {}, "brain-tumor-resunet"),
        (lambda folder: None, {}, "workbench.json"),
        (lambda folder: (kept(folder), (folder / "network.safetensors").write_bytes(b"no"))[0], {}, "whole weights"),
    ],
)
def test_that_a_model_that_does_not_fit_is_refused_by_its_field_with_what_differs(tmp_path, make, asked, told):
    make(tmp_path)
    with pytest.raises(InputError) as caught:
        go_on(tmp_path, **asked)
    assert caught.value.field == "continue_from" and told in caught.value.expected


def test_that_patients_an_earlier_training_saw_are_learnt_from_and_never_tested_on():
    patients = [f"p{number}" for number in range(10)]
    for seed in range(6):
        parts = folders.split(patients, seed, seen=patients[:6])
        assert {parts[one] for one in patients[:6]} == {"train"}
        assert sorted(set(parts.values())) == ["test", "train", "validation"] and set(parts) == set(patients)
    assert folders.split(patients, 3) == folders.split(patients, 3, seen=())
    with pytest.raises(InputError, match="nobody left to test"):
        folders.split(patients, 0, seen=patients[:9])


def case(folder, name, *, seen=False, label="Tumour"):
    values = np.random.default_rng(1).integers(0, 100, (6, 8, 10)).astype(np.int16)
    np.save(folder / f"{name}.npy", values)
    labels = (values > 60).astype(np.uint8)
    meta = VolumeMeta(GEOMETRY, "SEG", labels=(Label(1, label),))
    image = VolumeFile(str(folder / f"{name}.npy"), VolumeMeta(GEOMETRY, "MR"))
    return TrainingCase(name, {"FLAIR": image}, labels, meta, "d" * 64, seen)


def test_that_signed_cases_become_a_tree_that_the_readers_know_with_its_geometry(tmp_path):
    import nibabel

    cases = [case(tmp_path, "case-a", seen=True), case(tmp_path, "case-b"), case(tmp_path, "case-c")]
    tree = read_tree(write_training_set(cases, ["FLAIR"], tmp_path / "tree"))
    assert [one.id for one in tree.cases] == ["case-a", "case-b", "case-c"] and tree.seen == ("case-a",)
    assert tree.labels == (Label(1, "Tumour"),) and tree.notes == ()
    image, label = (nibabel.load(one) for one in (tree.cases[1].images["FLAIR"], tree.cases[1].label))
    assert np.allclose(image.affine, label.affine)
    assert np.allclose(nibabel.affines.voxel_sizes(image.affine), (1.5, 1.5, 3.0))
    assert np.allclose(image.affine[:3, 3], (-4, -5, 6))
    assert np.array_equal(np.asarray(label.dataobj).T, cases[1].labels)


def test_that_cases_that_do_not_belong_together_leave_nothing_behind(tmp_path):
    mixed = [case(tmp_path, "case-a"), case(tmp_path, "case-b", label="Cyst")]
    with pytest.raises(InputError, match="mean different things"):
        write_training_set(mixed, ["FLAIR"], tmp_path / "tree")
    with pytest.raises(InputError, match="lacks an image"):
        write_training_set([case(tmp_path, "case-a")], ["FLAIR", "T1"], tmp_path / "tree")
    assert not list(tmp_path.glob("*tree*"))
