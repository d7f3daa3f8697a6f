"""Abdomen CTs from the worklist to a further model, by the keyboard and a window with a real worker."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from safetensors.torch import save_file

from tests.gui.cases.test_reviewing import CTRL, SHIFT, Keyboard
from tests.gui.cases.test_worker import WITHIN_MS, page  # noqa: F401 (a fixture)
from workbench.core.job import ENDED
from workbench.core.params import values_of
from workbench.gui.cases.auditing import AuditDialog
from workbench.gui.cases.comparing import CompareDialog
from workbench.gui.cases.finetuning import FineTuneDialog
from workbench.recipes.medical.hi_end_mae.recipe import run as recipe
from workbench.store.worklist import Worklist, audit

PARAMS = recipe.preset("smoke").replace(
    size=16, crop=12, patch=6, width=24, decoder_width=24, heads=2, fine_steps=2, validation=1, test=1, shots=1,
)  # fmt: skip
SHAPE = ("crop", "patch", "width", "layers", "heads", "taps", "features", "window_low", "window_high")
CASES = "abcd"
TRAINED_WITHIN_MS = 10 * WITHIN_MS
"""Two steps; most of it is a process that starts while others keep the machine busy."""


@pytest.fixture
def folder(tmp_path):
    """Torsos of 2 mm with one bright organ."""
    found = tmp_path / "cases"
    found.mkdir()
    for seed, name in enumerate(CASES):
        hu = np.random.default_rng(seed).normal(40, 10, (24, 24, 24)).astype(np.int16)
        hu[6:16, 8:18, 4:14] += 80
        hu[0], hu[-1] = -1000, -1000
        nibabel.save(nibabel.Nifti1Image(hu, np.diag([-2.0, -2.0, 2.0, 1.0])), found / f"{name}.nii.gz")
    return found


@pytest.fixture
def model(home) -> Path:
    """A model as a run leaves it, with seeded weights; it calls most voxels liver."""
    from workbench.recipes.medical.hi_end_mae import method

    place = home.models / "before"
    place.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        encoder = method.make_encoder(PARAMS)
        segmenter = method.make_segmenter(method.make_encoder(PARAMS), PARAMS, classes=3)
    with torch.no_grad():
        segmenter.out.get_submodule("conv.conv").bias.copy_(torch.tensor([0.0, 3.0, 0.0]))
    for name, network in (("segmenter", segmenter), ("encoder", encoder)):
        save_file({key: one.contiguous() for key, one in network.state_dict().items()}, place / f"{name}.safetensors")
    card = {
        "config": {"recipe": "hi-end-mae", "params": values_of(PARAMS)}, "task": "segmentation", "channels": ["CT"],
        "labels": [{"value": 1, "name": "liver"}, {"value": 2, "name": "spleen"}], "run": "",
        "shape": {name: getattr(PARAMS, name) for name in SHAPE}, "spacing_mm": [4.0, 4.0, 4.0],
    }  # fmt: skip
    (place / "workbench.json").write_text(json.dumps(card))
    return place


def dialog_of(kind, over, qtbot):
    """The dialog that a key has opened, in front."""
    qtbot.waitUntil(lambda: any(one.isVisible() for one in over.findChildren(kind)), timeout=WITHIN_MS)
    return next(one for one in over.findChildren(kind) if one.isVisible())


def gone(kind, over, qtbot):
    qtbot.waitUntil(lambda: not any(one.isVisible() for one in over.findChildren(kind)), timeout=WITHIN_MS)
    over.window().activateWindow()  # what a window manager does
    qtbot.waitUntil(over.window().isActiveWindow, timeout=WITHIN_MS)


@pytest.mark.slow
def test_that_corrected_cts_make_a_further_model_and_the_old_one_stays_a_click_away(
    page, folder, model, home, qtbot, monkeypatch,  # noqa: F811
):  # fmt: skip
    page.window().activateWindow()
    keys, reviewing, review = Keyboard(qtbot, page), page.reviewing, page.reviewing.review
    segmenting, editor = page.segmenting, page.viewer.editor
    monkeypatch.setattr(page, "choose_folder", lambda title, then: then(str(folder)))  # the system's own dialog
    keys.press(Qt.Key.Key_W, CTRL | SHIFT)
    keys.answer("Ada")
    keys.press(Qt.Key.Key_F, CTRL | SHIFT)
    qtbot.waitUntil(lambda: len(review.cases) == len(CASES), timeout=WITHIN_MS)
    keys.press(Qt.Key.Key_Return)

    def at(name):
        qtbot.waitUntil(lambda: review.case is not None and review.case.title == f"{name}.nii.gz", timeout=WITHIN_MS)
        qtbot.waitUntil(lambda: not page.opening.asking.doing and page.viewer.canvas.hasFocus(), timeout=WITHIN_MS)

    for name in CASES:
        at(name)
        if segmenting.panel.isHidden():
            keys.press(Qt.Key.Key_G, CTRL)
        qtbot.waitUntil(segmenting.acts["segment-run"].isEnabled, timeout=WITHIN_MS)
        keys.press(Qt.Key.Key_R, CTRL)
        qtbot.waitUntil(lambda: page.case.labels is not None and bool(page.case.labels.kept.model)
                        and editor.able() and not segmenting.asking.doing, timeout=3 * WITHIN_MS)  # fmt: skip
        qtbot.waitUntil(lambda: editor.labels is not None and editor.labels.voxels is not None, timeout=WITHIN_MS)
        found = editor.labels.array.copy()
        assert (found == 1).any()
        if segmenting.acts["unsure-next"].isEnabled():
            keys.press(Qt.Key.Key_PageDown, CTRL)
            assert segmenting.panel.slices.currentRow() == 0
            keys.press(Qt.Key.Key_U, CTRL)
            assert page.viewer.scene.overlay is not None
            keys.press(Qt.Key.Key_U, CTRL)
        page.viewer.canvas.setFocus()
        keys.press(Qt.Key.Key_2)  # the second label
        keys.press(Qt.Key.Key_B)
        keys.press(Qt.Key.Key_Return)
        assert editor.labels.name(editor.labels.active) == "spleen" and (editor.labels.array == 2).any()
        assert not np.array_equal(editor.labels.array, found)
        if name == CASES[0]:
            keys.press(Qt.Key.Key_M, CTRL | SHIFT)
            compared = dialog_of(CompareDialog, page, qtbot)
            qtbot.waitUntil(lambda shown=compared: shown.comparison is not None, timeout=WITHIN_MS)
            assert {one.name for one in compared.comparison.labels} >= {"liver", "spleen"}
            qtbot.keyClick(compared, Qt.Key.Key_Escape)
            gone(CompareDialog, page, qtbot)
            page.viewer.canvas.setFocus()
        keys.press(Qt.Key.Key_V)
        keys.press(Qt.Key.Key_S)
        qtbot.waitUntil(lambda n=name: _state(review, n) == "corrected", timeout=WITHIN_MS)
    assert list(home.runs.iterdir()) == []  # signing never trains

    keys.press(Qt.Key.Key_G, CTRL | SHIFT)
    log = dialog_of(AuditDialog, page, qtbot)
    log.all.setChecked(True)
    assert log.sheet.shown() >= 2 * len(CASES) and "each follows" in log.verdict.whole
    qtbot.keyClick(log, Qt.Key.Key_Escape)
    gone(AuditDialog, page, qtbot)

    before = {one.name: one.read_bytes() for one in model.iterdir()}
    reviewing.acts["finetune"].trigger()  # from the palette
    dialog = dialog_of(FineTuneDialog, page, qtbot)
    assert dialog.list.count() == len(CASES) and dialog.go.isEnabled(), dialog.hint.text()
    with qtbot.waitSignal(reviewing.finetuning.started, timeout=WITHIN_MS) as told:
        qtbot.keyClick(dialog.go, Qt.Key.Key_Space)
    run = told.args[0]
    gone(FineTuneDialog, page, qtbot)
    assert run.config().recipe == "hi-end-mae" and run.config().params["continue_from"] == str(model)
    qtbot.waitUntil(lambda: run.state().phase in ENDED, timeout=TRAINED_WITHIN_MS)
    assert run.state().phase == "finished", run.state().problem
    assert {one.name: one.read_bytes() for one in model.iterdir()} == before
    ready = "Use it for segmentation"
    qtbot.waitUntil(lambda: ready in page.banner.remedies(), timeout=WITHIN_MS)
    assert page.link.settings.segmenter in ("", str(model))  # nothing takes over by itself
    page.banner.press(ready)
    further = str(run.path / "model")
    panel = segmenting.panel
    qtbot.waitUntil(lambda: panel.model.currentData() == further and segmenting.acts["segment-run"].isEnabled(),
                    timeout=WITHIN_MS)  # fmt: skip
    page.viewer.canvas.setFocus()
    keys.press(Qt.Key.Key_R, CTRL)
    qtbot.waitUntil(lambda: page.case.labels is not None and run.id in page.case.labels.kept.model
                    and not segmenting.asking.doing, timeout=3 * WITHIN_MS)  # fmt: skip
    panel.back.setFocus()
    qtbot.keyClick(panel.back, Qt.Key.Key_Space)
    assert panel.model.currentData() == str(model) and page.link.settings.segmenter == str(model)

    kept = Worklist(home.review)
    kept.refresh()
    assert audit(home.review).faults == ()
    signed = [one for one in kept.entries if one.deed == "state" and one.state == "corrected"]
    assert len(signed) == len(CASES) and all(one.model and one.dice for one in signed)
    assert sum(one.deed == "trained" and one.run == run.id for one in kept.entries) == len(CASES)


def _state(review, name):
    case = next(one for one in review.cases.values() if one.title == f"{name}.nii.gz")
    return case.state_for("Ada")
