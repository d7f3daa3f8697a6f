from __future__ import annotations

import numpy as np

from tests.gui.cases.conftest import begun, dot, opened
from workbench.gui.cases.exporting import ExportDialog, Wish


def test_that_painted_labels_survive_the_window_and_are_announced(open_window, answers, path, qtbot):
    first = open_window()
    page = first.open_page("cases")
    opened(qtbot, page, path)
    dot(begun(qtbot, page))
    painted = page.viewer.editor.labels.array.copy()
    first.leave_quietly()
    page = open_window().open_page("cases")
    assert page.remembered.recent == [path]
    opened(qtbot, page, path)
    assert np.array_equal(page.viewer.editor.labels.array, painted) and painted.any()
    assert page.banner.accessibleName().startswith("Your edits of last time are shown again")
    page.viewer.editor.undo()
    assert not page.viewer.editor.labels.array.any()


def test_that_edits_of_a_label_file_come_back_with_the_file(page, answers, path, qtbot):
    case = opened(qtbot, page, path)
    page.opening.add_labels(case, "labels.nii.gz")
    qtbot.waitUntil(lambda: page.viewer.editor.labels is not None)
    dot(page.viewer.editor.labels, (1, 1, 1))
    page.close_case()
    case = opened(qtbot, page, path)
    assert case.labels.restored
    assert page.viewer.editor.labels.array[1, 1, 1] == 1
    assert page.viewer.editor.labels.name(2) == "core"


def test_that_new_labels_keep_the_old_ones_at_hand(page, answers, path, qtbot):
    opened(qtbot, page, path)
    dot(begun(qtbot, page))
    former = page.viewer.editor.labels
    page.new_labels()
    qtbot.waitUntil(lambda: page.viewer.editor.labels is not former)
    assert not page.viewer.editor.labels.array.any()
    page.banner.press("Show the other labels")
    qtbot.waitUntil(lambda: bool(page.viewer.editor.labels.array.any()))


def test_that_labels_nobody_has_touched_are_not_piled_up(page, answers, path, qtbot):
    case = opened(qtbot, page, path)
    begun(qtbot, page)
    former = page.viewer.editor.labels
    page.new_labels()
    qtbot.waitUntil(lambda: page.viewer.editor.labels is not former)
    assert [one.name for one in case.folder.glob("*.npy")] == ["new-1.npy"]


def test_that_a_damaged_list_of_labels_is_said_and_left_alone(page, answers, path, qtbot):
    case = opened(qtbot, page, path)
    case.folder.mkdir(parents=True)
    (case.folder / "labels.json").write_text("{")
    opened(qtbot, page, path)
    assert "cannot be listed" in page.banner.accessibleName()
    assert (case.folder / "labels.json").read_text() == "{"


def test_that_export_writes_what_is_painted_now_and_nothing_over_what_is_there(page, answers, path, tmp_path, qtbot):
    opened(qtbot, page, path)
    dot(begun(qtbot, page))
    out = tmp_path / "out"
    out.mkdir()
    (out / "labels.nrrd").write_bytes(b"mine")
    page.export(Wish(("nifti", "nrrd"), str(out), "labels"))
    qtbot.waitUntil(lambda: "Written to" in page.banner.accessibleName())
    assert sorted(one.name for one in out.iterdir()) == ["labels.nrrd", "labels_2.nii.gz", "labels_2.nrrd"]
    assert (out / "labels.nrrd").read_bytes() == b"mine"
    assert np.array_equal(answers.exported, page.viewer.editor.labels.array)
    asked = answers.asked[-1][1]
    assert asked["how"] == "manual" and asked["source"] is None
    assert page.viewer.editor.able()
    qtbot.waitUntil(lambda: not list((page.link.home.cache / "exports").iterdir()))


def test_that_a_failing_format_is_told_with_what_was_written_before(page, answers, path, tmp_path, qtbot):
    opened(qtbot, page, path)
    begun(qtbot, page)
    page.export(Wish(("nifti", "stl"), str(tmp_path / "out"), "labels"))
    qtbot.waitUntil(lambda: page.banner.record is not None)
    assert page.banner.record.fix == "Paint or segment something first. Written before that: labels.nii.gz."
    assert page.viewer.editor.able() and page.acts["export"].isEnabled()


def test_that_a_dicom_seg_is_offered_over_dicom_only(page, answers, path, tmp_path, qtbot):
    (tmp_path / "image.nii.gz").write_bytes(b"")
    opened(qtbot, page, path)
    begun(qtbot, page)
    page.ask_export()
    dialog = page.findChild(ExportDialog)
    assert not dialog.formats["dicom-seg"].isEnabled()
    dialog.formats["nifti"].setChecked(False)
    assert not dialog.go.isEnabled()
    dialog.formats["csv"].setChecked(True)
    dialog.folder.setText(str(tmp_path / "out"))
    dialog.name.setText("a/b")
    assert not dialog.go.isEnabled()
    dialog.name.setText("tumour")
    dialog.go.click()
    qtbot.waitUntil((tmp_path / "out" / "tumour.csv").exists)
