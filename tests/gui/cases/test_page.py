from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDropEvent
from PySide6.QtWidgets import QFileDialog, QLabel

from tests.gui.cases.conftest import begun, dot, opened
from workbench.core.problem import InputError
from workbench.gui.cases.page import DISCLAIMER


def test_that_medical_is_there_without_a_recipe_and_begins_with_the_cases(open_window, answers):
    window = open_window(recipes={})
    assert "medical" in window.rail.names()
    window.open_page("medical")
    assert window.rail.marked() == "medical"
    assert window.stack.currentWidget() is window.pages["cases"]


def test_that_cases_are_the_first_choice_of_every_page_of_the_tab(open_window, answers):
    window = open_window()
    chooser = window.open_page("cases").top.chooser
    recipe = window.tabs()["medical"][0]
    assert next(one.text() for one in chooser.menu().actions()) == "Cases"
    chooser.chosen.emit(recipe.id)
    assert window.recipe_page().recipe is recipe
    other = window.recipe_page().topline.chooser
    other.menu().actions()[0].trigger()
    assert window.stack.currentWidget() is window.pages["cases"]


def test_that_a_key_offers_cases_on_every_page(open_window, answers, qtbot):
    window = open_window()
    window.open_page("runs")
    qtbot.keyClick(window, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    page = window.pages["cases"]
    assert page.menu.isVisible() and page.menu.activeAction() is page.acts["file"]
    page.menu.close()


def test_that_a_single_series_is_opened_at_once_with_what_was_noticed(page, answers, path, qtbot):
    answers.notes = ("slice 12 is missing",)
    opened(qtbot, page, path)
    assert page.places.currentWidget() is page.viewer
    assert page.viewer.scene.shape == (12, 20, 16)
    assert page.banner.accessibleName() == "Slice 12 is missing"


def test_that_several_series_are_listed_with_the_reason_against_those_that_cannot_be_loaded(page, answers, path, qtbot):
    broken = answers.one("localizer", problem="This series has slices of different sizes.")
    answers.series = [answers.one("head", modality="CT", files=12), broken]
    page.open_case(path)
    qtbot.waitUntil(lambda: page.places.currentWidget() is page.chooser)
    items = [page.chooser.list.item(at) for at in range(2)]
    assert items[0].text() == "head\nCT  ·  16 × 20 × 12 voxels  ·  2 × 2 × 2.5 mm  ·  12 files"
    assert broken.problem in items[1].text()
    assert not items[1].flags() & Qt.ItemFlag.ItemIsEnabled
    qtbot.keyClick(page.chooser.list, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.case is not None)
    assert page.case.key == "head"
    page.choose_series()
    assert page.places.currentWidget() is page.chooser


def test_that_images_of_one_lattice_are_shown_side_by_side_under_their_labels(page, answers, path, qtbot):
    answers.series = [answers.one("FLAIR", modality="MR"), answers.one("T1", modality="MR"),
                      answers.one("seg", modality="SEG")]  # fmt: skip
    page.open_case(path)
    qtbot.waitUntil(lambda: page.places.currentWidget() is page.chooser)
    page.chooser.open_button.click()
    qtbot.waitUntil(lambda: page.case is not None)
    assert [layer.title for layer in page.viewer.scene.layers] == ["FLAIR", "T1"]
    assert np.array_equal(page.viewer.editor.labels.array, answers.label_values)
    assert "Resampled to the image's grid" in page.banner.accessibleName()


def test_that_what_is_dropped_is_opened(page, answers, path, qtbot):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(path)])
    none = Qt.KeyboardModifier.NoModifier
    page.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none))
    qtbot.waitUntil(lambda: page.case is not None)
    assert page.case.info.path == path


def test_that_a_bad_file_is_explained_and_the_open_case_stays(page, answers, scripted, path, qtbot):
    case = opened(qtbot, page, path)
    scripted.answers["case"] = InputError("This file cannot be read as NIfTI.", fix="Copy it again.", place="b.nii")
    page.open_case("b.nii")
    qtbot.waitUntil(lambda: page.banner.record is not None)
    assert page.banner.record.fix == "Copy it again."
    assert page.case is case and page.working.isHidden()


def test_that_a_path_that_is_gone_can_be_taken_off_the_list(page, answers, scripted, path, qtbot):
    opened(qtbot, page, path)
    assert page.remembered.recent == [path]
    scripted.answers["case"] = InputError("There is nothing at this path.")
    page.open_case(path)
    qtbot.waitUntil(lambda: page.banner.remedies() == ["Remove from the list"])
    page.banner.press("Remove from the list")
    assert page.remembered.recent == []


def test_that_nothing_of_the_patient_is_kept_but_the_path(open_window, answers, path, home, qtbot):
    window = open_window()
    page = window.open_page("cases")
    case = opened(qtbot, page, path)
    page.opening.add_labels(case, path)
    qtbot.waitUntil(lambda: page.viewer.editor.labels is not None)
    dot(page.viewer.editor.labels)
    page.viewer.editor.finish()
    window.memory.save()
    assert json.loads(home.window_state.read_bytes())["cases"]["recent"] == [path]
    kept = [one for one in home.root.rglob("*") if one.is_file()]
    assert case.folder / "labels.json" in kept
    assert [one for one in kept if b"Doe" in one.read_bytes() or "Doe" in str(one)] == []


def test_that_a_newer_wish_goes_before_the_answer_to_an_older_one(page, answers, path, tmp_path, qtbot):
    page.open_case(path)
    second = str(tmp_path / "second.nii.gz")
    page.open_case(second)
    qtbot.waitUntil(lambda: page.case is not None)
    qtbot.wait(50)
    assert page.case.info.path == second


def test_that_the_page_says_what_it_is_not_and_its_actions_fit_what_is_shown(page, answers, path, qtbot):
    assert DISCLAIMER in [one.text() for one in page.findChildren(QLabel)]
    shown = {name for name, act in page.acts.items() if act.isVisible()}
    assert shown == {"file", "folder", "sample", "slide"}
    opened(qtbot, page, path)
    assert not page.acts["export"].isEnabled() and page.acts["labels"].isEnabled()
    assert not page.acts["deidentify"].isVisible()
    begun(qtbot, page)
    assert page.acts["export"].isEnabled()
    page.close_case()
    assert {name for name, act in page.acts.items() if act.isVisible()} == shown
    assert page.findChild(QAction, "cases.close").isEnabled() is False


def test_that_labels_of_another_grid_leave_the_images_and_say_so(page, answers, path, qtbot):
    case = opened(qtbot, page, path)
    np.save(answers.folder / "labels.npy", np.ones((3, 4, 5), np.uint8))
    page.opening.add_labels(case, str(Path(path).with_name("other.nii.gz")))
    qtbot.waitUntil(lambda: page.banner.record is not None)
    assert "same grid" in page.banner.record.what
    assert page.viewer.scene.shape == (12, 20, 16) and page.viewer.scene.labels is None


def test_that_a_picture_is_proposed_beside_the_case_under_a_name_that_tells_nothing_of_it(
    page, answers, tmp_path, qtbot
):
    answers.series = [answers.one("Doe^Jane", modality="CT")]
    opened(qtbot, page, str(tmp_path / "Doe_Jane.nii.gz"))
    assert page.viewer.actions_["picture"].isEnabled()
    page.viewer.actions_["picture"].trigger()
    dialog = page.viewer.findChild(QFileDialog)
    (proposed,) = dialog.selectedFiles()
    dialog.close()
    assert Path(proposed).parent == tmp_path and "oe" not in Path(proposed).name
    assert Path(proposed).name.startswith("case-") and Path(proposed).name.endswith("-planes.png")
