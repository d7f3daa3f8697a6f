"""From signed cases to a run that goes on from a model, by a window with a real worker."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest

from tests.gui.cases.test_worker import WITHIN_MS, page  # noqa: F401 (a fixture)
from workbench.core.job import ENDED
from workbench.core.params import values_of
from workbench.core.review import Reading, ReviewCase
from workbench.gui.cases.finetuning import FineTuneDialog, starters, usable
from workbench.store.runfolder import RunFolder

SHAPE = (4, 40, 40)
AFFINE = np.diag([-2.0, -2.0, 4.0, 1.0])


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "cases"
    found.mkdir()
    generator = np.random.default_rng(5)
    truth = np.zeros(SHAPE[::-1], np.uint8)
    truth[12:22, 14:26, 1:3] = 1
    for name in "abcd":
        values = 100 + 80 * truth + generator.normal(0, 5, truth.shape)
        nibabel.save(nibabel.Nifti1Image(values.astype(np.int16), AFFINE), found / f"{name}.nii.gz")
    nibabel.save(nibabel.Nifti1Image(truth, AFFINE), tmp_path / "labels.nii.gz")
    return found


@pytest.fixture
def model(home):
    """What an earlier run of the recipe has left."""
    from safetensors.torch import save_file

    from workbench.recipes.medical.brain_tumor_resunet import method
    from workbench.recipes.medical.brain_tumor_resunet.recipe import BrainTumorResunet

    params = BrainTumorResunet(size=64, encoder="residual", decoder_width=8, encoder_width=2, aspp_width=4, batch=2,
                               scheme="whole tumour", max_steps=2, evaluations=1)  # fmt: skip
    place = home.models / "before"
    place.mkdir(parents=True)
    network = method.make_network(params, 1, 1)
    save_file(network.state_dict(), place / "network.safetensors")
    card = {
        "config": {"recipe": "brain-tumor-resunet", "params": values_of(params)}, "channels": ["FLAIR"],
        "labels": [{"value": 1, "name": "Tumour"}],
        "regions": [[name, list(labels)] for name, labels in method.REGIONS["whole tumour"]],
        "shape": {name: getattr(params, name) for name in method.SHAPE},
    }  # fmt: skip
    (place / "workbench.json").write_text(json.dumps(card))
    return place


def test_that_signed_cases_train_a_model_once_confirmed(page, folder, model, home, tmp_path, qtbot):  # noqa: F811
    reviewing, review = page.reviewing, page.reviewing.review
    page.link.change_settings(reader="Ada")
    reviewing.add_folder(str(folder))
    qtbot.waitUntil(lambda: len(review.cases) == 4, timeout=WITHIN_MS)
    reviewing._signed = lambda state: None
    review.signed.disconnect()
    assert not reviewing.acts["finetune"].isEnabled()
    for case in list(review.cases.values()):
        before = page.case
        reviewing.open(case)
        qtbot.waitUntil(lambda b=before: page.case is not b and not page.opening.asking.doing, timeout=WITHIN_MS)
        page.opening.add_labels(page.case, str(tmp_path / "labels.nii.gz"))
        qtbot.waitUntil(lambda: page.viewer.editor.able() and not page.opening.asking.doing, timeout=WITHIN_MS)
        with qtbot.waitSignal(review.signed, timeout=WITHIN_MS):
            reviewing.sign("accepted")
    assert list(home.runs.iterdir()) == [] and reviewing.acts["finetune"].isEnabled()

    weights = (model / "network.safetensors").read_bytes()
    reviewing.ask_finetune()
    qtbot.waitUntil(lambda: page.findChild(FineTuneDialog) is not None, timeout=WITHIN_MS)
    dialog = page.findChild(FineTuneDialog)
    assert dialog.list.count() == 4 and "2 steps" in dialog.cost.text() and dialog.go.isEnabled()
    with qtbot.waitSignal(reviewing.finetuning.started, timeout=WITHIN_MS) as told:
        dialog.go.click()
    run: RunFolder = told.args[0]
    config = run.config()
    assert config.recipe == "brain-tumor-resunet" and config.params["continue_from"] == str(model)
    qtbot.waitUntil(lambda: run.state().phase in ENDED, timeout=4 * WITHIN_MS)
    state = run.state()
    assert state.phase == "finished", state.problem
    assert (run.path / "model" / "network.safetensors").exists()
    assert (model / "network.safetensors").read_bytes() == weights
    qtbot.waitUntil(lambda: all(case.runs == [run.id] for case in review.cases.values()), timeout=WITHIN_MS)

    ready = "Use it for segmentation"
    qtbot.waitUntil(lambda: ready in page.banner.remedies(), timeout=WITHIN_MS)
    assert page.link.settings.segmenter == ""  # nothing takes over by itself
    page.banner.press(ready)
    settings = page.link.settings
    assert (settings.segmenter, settings.segmenter_before) == (str(run.path / "model"), str(model))
    panel = page.segmenting.panel
    qtbot.waitUntil(lambda: panel.model.currentData() == str(run.path / "model"), timeout=WITHIN_MS)
    panel.back.click()
    assert panel.model.currentData() == str(model) and page.link.settings.segmenter == str(model)

    again = FineTuneDialog(page, usable(review.cases), starters(home, page.recipes), page.recipes)
    qtbot.addWidget(again)
    assert not again.go.isEnabled() and "new to the model" in again.hint.text()


def test_that_only_signed_labels_that_are_kept_can_be_learnt_from():
    def case(id, state, file="x.npz"):
        found = ReviewCase(id, f"/data/{id}", id)
        found.readings["Ada"] = Reading("Ada", state, "", file=file)
        return found

    cases = [case("a", "accepted"), case("b", "corrected"), case("c", "rejected"), case("d", "in work"),
             case("e", "accepted", file="")]  # fmt: skip
    assert [one.id for one, _ in usable({one.id: one for one in cases})] == ["a", "b"]
