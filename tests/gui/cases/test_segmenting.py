"""The panel that segments the open case: choices, progress, the partial result, doubts, what stays untouched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.gui.cases.conftest import begun, dot, opened
from tests.gui.volumes import phantom
from workbench.core.documents import Answer
from workbench.core.params import values_of
from workbench.core.problem import InputError
from workbench.core.segmenting import GrowingLabels, ProbabilityMap, Segmented, UncertainSlice, guess_channels
from workbench.core.settings import load
from workbench.core.volumes import VolumeFile
from workbench.gui.cases import keeping
from workbench.gui.cases.exporting import _made
from workbench.runner.scripted import WAITING
from workbench.store.runfolder import RunConfig
from workbench.store.worklist import Worklist

RECIPE = "hi-end-mae"


@pytest.fixture
def model(home) -> Path:
    """A trained model's card; nothing reads its weights here."""
    folder = home.runs / "20260101-organs" / "model"
    folder.mkdir(parents=True)
    card = {"task": "segmentation", "config": {"recipe": RECIPE}, "labels": [{"value": 1, "name": "Liver"}]}
    (folder / "workbench.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def segmented(answers) -> Segmented:
    """What the worker answers in the end."""
    labels = np.zeros(answers.label_values.shape, np.uint8)
    labels[3:6, 4:9, 5:9] = 1
    np.save(answers.folder / "made.npy", labels)
    np.save(answers.folder / "unsure.npy", labels.astype(np.float16) * 0.5)
    np.save(answers.folder / "likely.npy", np.where(labels, 204, 26).astype(np.uint8))
    meta = phantom.meta(labels=phantom.LABELS)
    likely = VolumeFile(str(answers.folder / "likely.npy"), phantom.meta(window=(127.5, 255.0)))
    return Segmented(
        [Answer("Segmentation", "Liver 3.0 ml", scores=[("Liver", 3.0)], note="Research use only.")],
        labels=VolumeFile(str(answers.folder / "made.npy"), meta),
        uncertainty=VolumeFile(str(answers.folder / "unsure.npy"), phantom.meta()),
        slices=(UncertainSlice(0, 4, 0.4, (4, 5, 6)), UncertainSlice(2, 7, 0.2, (3, 5, 7))),
        probabilities=(ProbabilityMap("Liver", 1, likely),), model="hi-end-mae 20260101-organs",
    )  # fmt: skip


@pytest.fixture
def ready(page, path, model, scripted, qtbot):
    """The page with a case open, the panel shown and the model listed; answers are given by hand."""
    scripted.answers[RECIPE] = WAITING
    opened(qtbot, page, path)
    page.acts["segment"].trigger()
    qtbot.waitUntil(page.segmenting.acts["segment-run"].isEnabled)
    return page


def finished(qtbot, page, scripted, segmented):
    page.segmenting.acts["segment-run"].trigger()
    scripted.answer(segmented)
    qtbot.waitUntil(lambda: page.segmenting.acts["uncertainty"].isEnabled() and page.viewer.editor.labels is not None
                    and page.case.labels is not None and bool(page.case.labels.kept.model))  # fmt: skip


def test_that_the_partial_result_is_drawn_while_progress_is_told_and_nothing_can_be_painted(
    ready, scripted, segmented, qtbot
):
    segmenting, scene = ready.segmenting, ready.viewer.scene
    segmenting.acts["segment-run"].trigger()
    assert not ready.viewer.editor.able() and segmenting.acts["segment-stop"].isEnabled()
    scripted.reach(0.4, "window 4 of 10", GrowingLabels(segmented.labels, 0.4))
    qtbot.waitUntil(lambda: scene.preview is not None)
    assert segmenting.panel.progress.whole == "Segmenting: 40 %, window 4 of 10"
    assert scene.preview.array[4, 5, 6] == 1
    scripted.answer(segmented)
    qtbot.waitUntil(lambda: ready.viewer.editor.labels is not None)
    assert scene.preview is None and ready.viewer.editor.able()
    assert segmenting.panel.progress.isHidden()
    assert "hi-end-mae 20260101-organs" in ready.banner.accessibleName()


def test_that_stop_abandons_the_question_and_shows_what_was_there(ready, scripted, segmented, qtbot):
    ready.segmenting.acts["segment-run"].trigger()
    future = scripted.waiting[0][1]
    scripted.reach(0.4, "", GrowingLabels(segmented.labels, 0.4))
    qtbot.waitUntil(lambda: ready.viewer.scene.preview is not None)
    ready.segmenting.acts["segment-stop"].trigger()
    assert future.cancelled()
    assert ready.viewer.scene.preview is None and not ready.viewer.editor.busy
    assert ready.segmenting.acts["segment-run"].isEnabled()


def test_that_a_persons_labels_stay_beside_the_models_and_can_be_shown_again(ready, scripted, segmented, qtbot):
    dot(begun(qtbot, ready))
    mine = ready.case.labels.kept.file
    finished(qtbot, ready, scripted, segmented)
    assert np.array_equal(ready.viewer.editor.labels.array, np.load(segmented.labels.path))
    assert ready.case.other.file == mine
    ready.banner.press("Show the other labels")
    qtbot.waitUntil(lambda: ready.case.labels.kept.file == mine)
    assert ready.viewer.editor.labels.array[4, 5, 6] == 1 and ready.viewer.editor.labels.array.sum() == 8


def test_that_an_export_says_which_model_made_the_labels_and_whether_somebody_changed_them(
    ready, scripted, segmented, qtbot
):
    finished(qtbot, ready, scripted, segmented)
    labels = ready.viewer.editor.labels
    qtbot.waitUntil(lambda: labels.voxels is not None)
    assert _made(ready.case, labels) == ("automatic", "hi-end-mae 20260101-organs")
    dot(labels, (8, 8, 8))
    assert _made(ready.case, labels) == ("semiautomatic", "hi-end-mae 20260101-organs")


def test_that_keys_go_through_the_uncertain_slices_and_the_overlay_comes_and_goes(ready, scripted, segmented, qtbot):
    finished(qtbot, ready, scripted, segmented)
    acts, scene = ready.segmenting.acts, ready.viewer.scene
    acts["unsure-next"].trigger()
    assert scene.cursor == (4, 5, 6) and ready.viewer.focused == "axial"
    acts["unsure-next"].trigger()
    assert scene.cursor == (3, 5, 7) and ready.viewer.focused == "sagittal"
    acts["unsure-previous"].trigger()
    assert scene.cursor == (4, 5, 6)
    acts["uncertainty"].trigger()
    assert scene.overlay is not None and acts["uncertainty"].isChecked()
    acts["uncertainty"].trigger()
    assert scene.overlay is None


def test_that_a_labels_probability_lies_over_the_images_with_its_colours_and_value(ready, scripted, segmented, qtbot):
    acts, scene, overlays = ready.segmenting.acts, ready.viewer.scene, ready.segmenting.panel.overlays
    assert not acts["probability"].isEnabled()
    ready.segmenting.acts["segment-run"].trigger()
    scripted.answer(segmented)
    qtbot.waitUntil(lambda: acts["probability"].isEnabled() and ready.case.labels is not None)
    assert [overlays.combo.itemText(at) for at in range(overlays.combo.count())] == [
        "Nothing over the images",
        "Uncertainty",
        "Probability of Liver",
    ]
    acts["probability"].trigger()
    assert scene.overlay.title == "Liver" and overlays.combo.currentIndex() == 2
    ready.viewer.go((4, 5, 6))
    assert overlays.told.whole.endswith("80 % at the crosshair") and "Liver 80 %" in ready.viewer.read_out.whole
    assert overlays.bar.at == pytest.approx(0.8)
    ready.viewer.go((0, 0, 0))
    assert "10 % at" in overlays.told.whole and overlays.bar.at == pytest.approx(26 / 255)
    acts["probability"].trigger()
    assert scene.overlay is None and overlays.bar.isHidden()
    overlays.combo.setCurrentIndex(1)
    overlays.combo.activated.emit(1)
    assert scene.overlay.title == "uncertainty" and acts["uncertainty"].isChecked()


def test_that_a_problem_is_said_and_the_page_goes_on(ready, scripted, qtbot):
    ready.segmenting.acts["segment-run"].trigger()
    scripted.answer(InputError("This model reads CT, and this is MR.", fix="Choose another."))
    qtbot.waitUntil(lambda: ready.banner.record is not None)
    assert "reads CT" in ready.banner.record.what and not ready.viewer.editor.busy


def test_that_a_missing_volume_is_said_before_anything_is_asked(ready, scripted, qtbot):
    ready.segmenting.panel.channels[0].setCurrentIndex(0)
    ready.segmenting.acts["segment-run"].trigger()
    assert "lacks sequences" in ready.banner.record.what and not scripted.waiting


def test_that_without_a_model_a_first_one_can_be_trained(page, path, scripted, qtbot):
    opened(qtbot, page, path)
    page.acts["segment"].trigger()
    qtbot.waitUntil(lambda: not page.segmenting.panel.learn.isHidden())
    assert not page.segmenting.acts["segment-run"].isEnabled()
    page.segmenting.panel.learn.click()
    qtbot.waitUntil(lambda: any(name == "submit" for name, _ in scripted.asked))
    assert RECIPE in next(run for name, run in scripted.asked if name == "submit")  # the case is CT


@pytest.mark.parametrize(
    ("channels", "titles", "found"),
    [
        (("T1", "FLAIR", "T1 post-contrast"), ("FLAIR", "T1", "T1ce"), [1, 0, 2]),
        (("FLAIR", "T1", "T1ce", "T2"), ("AX T2 FLAIR", "SAG T1", "AX T1 POST GD", "AX T2"), [0, 1, 2, 3]),
        (("T1", "T2"), ("T1 a", "T1 b"), [None, None]),
        (("CT",), ("scan.nii.gz",), [0]),
    ],
)
def test_that_sequences_are_known_by_their_names_and_never_by_their_order(channels, titles, found):
    assert guess_channels(channels, titles) == found


def test_that_the_answer_survives_its_way_over_the_socket(segmented):
    assert msgspec.json.decode(msgspec.json.encode(segmented), type=Segmented).slices == segmented.slices


def test_that_the_log_names_the_model_whose_labels_were_signed(ready, path, scripted, segmented, home, qtbot):
    ready.link.change_settings(reader="Ada")
    review = ready.reviewing.review
    review.add([(path, "a case")], lambda new: None)
    qtbot.waitUntil(lambda: len(review.cases) == 1)
    review.opened(ready.case)
    finished(qtbot, ready, scripted, segmented)
    dot(ready.viewer.editor.labels, (8, 8, 8))
    with qtbot.waitSignal(review.signed):
        ready.reviewing.sign("accepted")
    log = Worklist(home.review)
    log.refresh()
    signed = [one for one in log.entries if one.deed == "state" and one.state == "corrected"]
    assert [one.model for one in signed] == ["hi-end-mae 20260101-organs"]
    assert signed[0].before != signed[0].after and review.case.readings["Ada"].model == signed[0].model


def test_that_equal_findings_of_two_models_are_kept_apart(tmp_path):
    np.save(tmp_path / "made.npy", np.zeros((2, 3, 4), np.uint8))
    made = VolumeFile(str(tmp_path / "made.npy"), phantom.meta())
    one, other = (keeping.take_in(tmp_path / "case", made, model=name) for name in ("a 1", "b 2"))
    assert one.file != other.file and {two.model for two in keeping.kept(tmp_path / "case").sets} == {"a 1", "b 2"}
    assert keeping.take_in(tmp_path / "case", made, model="a 1") == one


def test_that_a_newer_model_waits_until_it_is_chosen_and_the_one_before_is_a_click_away(
    ready, model, scripted, segmented, home, qtbot
):
    finished(qtbot, ready, scripted, segmented)
    assert ready.link.settings.segmenter == str(model)
    newer = home.runs / "20270101-120000-organs" / "model"
    shutil.copytree(model, newer)
    ready.link.runs_changed.emit()
    panel = ready.segmenting.panel
    qtbot.waitUntil(lambda: panel.model.count() == 2)
    assert panel.model.currentData() == str(model) and panel.back.isHidden()

    ready.segmenting.use(str(newer))
    qtbot.waitUntil(lambda: panel.model.currentData() == str(newer))
    assert not panel.back.isHidden() and "20260101-organs" in panel.back.toolTip()
    qtbot.waitUntil(lambda: load(home.settings, {}).settings.segmenter == str(newer))
    panel.back.click()
    assert panel.model.currentData() == str(model) and "20270101-120000-organs" in panel.back.toolTip()
    qtbot.waitUntil(lambda: load(home.settings, {}).settings.segmenter == str(model))

    shutil.rmtree(model.parent)
    ready.link.runs_changed.emit()
    qtbot.waitUntil(lambda: panel.model.count() == 1)
    assert "no longer there" in panel.gone.text() and panel.back.isHidden()


def test_that_a_ct_is_refused_by_a_model_of_heads_before_sequences_are_asked_for(page, path, home, scripted, qtbot):
    folder = home.runs / "20260102-heads" / "model"
    folder.mkdir(parents=True)
    card = {"config": {"recipe": "brain-tumor-resunet", "params": {"scheme": "nested"}},
            "channels": ["T1", "FLAIR"], "labels": [{"value": 1, "name": "Tumour"}]}  # fmt: skip
    (folder / "workbench.json").write_text(json.dumps(card))
    opened(qtbot, page, path)
    page.case.files[0] = msgspec.structs.replace(page.case.files[0], meta=phantom.meta(modality="CT"))
    page.acts["segment"].trigger()
    qtbot.waitUntil(page.segmenting.acts["segment-run"].isEnabled)
    page.segmenting.acts["segment-run"].trigger()
    assert page.banner.record.what == "This model reads MR, and this is CT." and not scripted.waiting


def test_that_volumes_chosen_by_hand_stay_when_runs_come_and_go(ready, home, qtbot):
    panel = ready.segmenting.panel
    panel.channels[0].setCurrentIndex(0)
    with qtbot.waitSignal(ready.segmenting.listed):
        ready.link.runs_changed.emit()
    assert panel.chosen() == [-1]


@pytest.mark.parametrize("is_open", [True, False])
def test_that_a_run_that_begins_does_not_take_a_reader_away_from_the_case(page, path, scripted, is_open, qtbot):
    window = page.window()
    if is_open:
        opened(qtbot, page, path)
    recipe = page.recipes["brain-tumor-resunet"]
    run = scripted.submit(RunConfig(recipe.id, values_of(recipe.preset("smoke")), preset="smoke"))
    qtbot.waitUntil(lambda: run.id in window._attached)
    seen = []
    page.link.background(lambda: seen.append(run.config()))
    qtbot.waitUntil(lambda: bool(seen) and (window.stack.currentWidget() is page) is is_open)
    qtbot.wait(100)
    assert (window.stack.currentWidget() is page) is is_open
    scripted.play()


def test_that_the_whole_panel_is_seen_at_1366_by_768_beside_the_worklist(
    ready, model, scripted, segmented, home, qtbot
):
    finished(qtbot, ready, scripted, segmented)
    newer = home.runs / "20270101-120000-organs" / "model"
    shutil.copytree(model, newer)
    ready.segmenting.use(str(newer))
    panel = ready.segmenting.panel
    qtbot.waitUntil(lambda: not panel.back.isHidden())
    ready.reviewing.panel.show()
    ready.window().resize(1366, 768)
    qtbot.wait(50)
    assert not ready.banner.isHidden() and panel.verticalScrollBar().maximum() == 0
    assert panel.next.visibleRegion().boundingRect() == panel.next.rect()
