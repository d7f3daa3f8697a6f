"""Three cases reviewed with the keyboard alone, by a window with a real worker."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QInputDialog

from tests.gui.cases.conftest import dot
from tests.gui.cases.test_worker import WITHIN_MS, page  # noqa: F401 (a fixture)
from workbench.core.review import USABLE
from workbench.gui.cases.exporting import ExportDialog, Wish
from workbench.store.readings import read_signed
from workbench.store.worklist import Worklist, audit

SHAPE = (12, 14, 10)
CTRL, SHIFT, NONE = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.NoModifier,
)


@pytest.fixture
def folder(tmp_path):
    """Three CT volumes and, for each, labels to be reviewed."""
    found = tmp_path / "cases"
    found.mkdir()
    generator = np.random.default_rng(3)
    for name in ("a", "b", "c"):
        values = generator.normal(40, 5, SHAPE[::-1]).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(values, np.diag([-1.5, -1.5, 3.0, 1.0])), found / f"{name}.nii.gz")
    return found


class Keyboard:
    """Presses keys where the focus is, as a person without a mouse does."""

    def __init__(self, qtbot, over):
        self.qtbot, self.page = qtbot, over

    def press(self, key, modifier=NONE):
        focus = QApplication.focusWidget() or self.page.focusWidget() or self.page
        self.qtbot.keyClick(focus, key, modifier)

    def answer(self, words):
        """Write into the question that has come up, and confirm it."""
        self.qtbot.waitUntil(lambda: bool(self._questions()), timeout=WITHIN_MS)
        question = self._questions()[-1]
        self.qtbot.keyClicks(question, words) if question.focusWidget() is None else self.qtbot.keyClicks(
            question.focusWidget(), words
        )
        self.qtbot.keyClick(question, Qt.Key.Key_Return)
        self.qtbot.waitUntil(lambda: not self._questions(), timeout=WITHIN_MS)
        self.page.window().activateWindow()  # what a window manager does
        self.qtbot.waitUntil(self.page.window().isActiveWindow, timeout=WITHIN_MS)

    def _questions(self):
        return [one for one in self.page.findChildren(QInputDialog) if one.isVisible()]


def test_that_three_cases_are_reviewed_by_keys_alone(page, folder, home, qtbot, monkeypatch):  # noqa: F811
    window = page.window()
    window.activateWindow()
    keys, reviewing, review = Keyboard(qtbot, page), page.reviewing, page.reviewing.review
    # the system's own folder dialog stands in the way of keys sent by a test
    monkeypatch.setattr(page, "choose_folder", lambda title, then: then(str(folder)))

    keys.press(Qt.Key.Key_W, CTRL | SHIFT)
    keys.answer("Ada")
    keys.press(Qt.Key.Key_F, CTRL | SHIFT)
    qtbot.waitUntil(lambda: len(review.cases) == 3, timeout=WITHIN_MS)
    assert reviewing.panel.list.hasFocus() and review.reader == "Ada"

    def at(name):
        qtbot.waitUntil(lambda: review.case is not None and review.case.title == f"{name}.nii.gz", timeout=WITHIN_MS)
        qtbot.waitUntil(lambda: not page.opening.asking.doing and page.viewer.canvas.hasFocus(), timeout=WITHIN_MS)

    keys.press(Qt.Key.Key_Return)
    at("a")
    qtbot.waitUntil(lambda: review.case.state_for("Ada") == "in work", timeout=WITHIN_MS)
    keys.press(Qt.Key.Key_N)
    at("b")
    keys.press(Qt.Key.Key_N, SHIFT)
    at("a")

    keys.press(Qt.Key.Key_N, CTRL | SHIFT)
    qtbot.waitUntil(lambda: page.viewer.editor.labels is not None and page.viewer.editor.labels.voxels is not None)
    editor = page.viewer.editor
    keys.press(Qt.Key.Key_B)
    keys.press(Qt.Key.Key_Return)
    first_dab = int((editor.labels.array == 1).sum())
    for _ in range(3):
        keys.press(Qt.Key.Key_Right, CTRL)
    keys.press(Qt.Key.Key_Return)
    dabs = editor.labels.array.copy()
    assert int((dabs == 1).sum()) > first_dab > 0
    keys.press(Qt.Key.Key_Z, CTRL)
    assert int((editor.labels.array == 1).sum()) == first_dab
    keys.press(Qt.Key.Key_Z, CTRL | SHIFT)
    assert np.array_equal(editor.labels.array, dabs)
    keys.press(Qt.Key.Key_K)
    keys.press(Qt.Key.Key_Space)  # marks at the crosshair; the case stays unsigned
    qtbot.waitUntil(lambda: bool(editor.refiner.marks) and not editor.refiner.asking, timeout=WITHIN_MS)
    keys.press(Qt.Key.Key_Return)
    assert editor.refiner.marks == [] and review.case.state_for("Ada") == "in work"
    keys.press(Qt.Key.Key_X, CTRL | SHIFT)
    qtbot.waitUntil(lambda: page.findChild(ExportDialog) is not None, timeout=WITHIN_MS)
    qtbot.keyClick(page.findChild(ExportDialog), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: any(folder.glob("labels*.nii.gz")) and editor.able(), timeout=WITHIN_MS)
    painted = editor.labels.array.copy()
    written = np.asarray(nibabel.load(next(folder.glob("labels*.nii.gz"))).dataobj)
    assert np.array_equal(written.transpose(2, 1, 0), painted)
    qtbot.waitUntil(lambda: page.findChild(ExportDialog) is None, timeout=WITHIN_MS)
    page.window().activateWindow()
    qtbot.waitUntil(page.window().isActiveWindow, timeout=WITHIN_MS)
    page.viewer.canvas.setFocus()
    keys.press(Qt.Key.Key_V)
    assert editor.tool == "crosshair" and reviewing.acts["accept"].isEnabled()
    keys.press(Qt.Key.Key_Space)
    at("b")
    first = next(one for one in review.cases.values() if one.title == "a.nii.gz")
    reading = first.readings["Ada"]
    assert reading.state == "corrected" and reading.state in USABLE and reading.dice == {"Label 1": 0.0}
    kept, meta = read_signed(home.review, reading.file, reading.after)
    assert np.array_equal(kept, painted) and meta.geometry.spacing_mm == (1.5, 1.5, 3.0)

    keys.press(Qt.Key.Key_M)
    keys.answer("look at the left side")
    qtbot.waitUntil(lambda: bool(review.case.comments), timeout=WITHIN_MS)
    keys.press(Qt.Key.Key_J)
    keys.answer("motion")
    at("c")
    keys.press(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: review.case.state_for("Ada") == "accepted", timeout=WITHIN_MS)
    assert review.counts() == {"pending": 0, "in work": 0, "accepted": 1, "corrected": 1, "rejected": 1}

    keys.press(Qt.Key.Key_N, SHIFT)
    at("b")
    keys.press(Qt.Key.Key_N, SHIFT)
    at("a")
    assert np.array_equal(page.viewer.editor.labels.array, painted)

    log = Worklist(home.review)
    log.refresh()
    assert [one.text for one in log.cases[review.cases and list(review.cases)[1]].comments] == [
        "look at the left side", "motion"]  # fmt: skip
    assert {one.who for one in log.entries} == {"Ada"} and audit(home.review).faults == ()
    runs = list(home.runs.iterdir())
    assert runs == []  # signing never trains


def test_that_a_listed_case_of_several_sequences_opens_whole(page, tmp_path, qtbot):  # noqa: F811
    root = tmp_path / "brats"
    for name in ("p1", "p2"):
        (root / name).mkdir(parents=True)
        for sequence in ("t1", "flair", "t1ce"):
            values = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE[::-1])
            nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), root / name / f"{name}_{sequence}.nii.gz")
    page.link.change_settings(reader="Ada")
    reviewing, review = page.reviewing, page.reviewing.review
    reviewing.add_folder(str(root))
    qtbot.waitUntil(lambda: len(review.cases) == 2, timeout=WITHIN_MS)
    reviewing.go(1)
    qtbot.waitUntil(lambda: page.case is not None and not page.opening.asking.doing, timeout=WITHIN_MS)
    assert {one.title for one in page.case.series} == {"T1", "FLAIR", "T1ce"}
    page.new_labels()
    qtbot.waitUntil(lambda: page.viewer.editor.labels is not None and page.viewer.editor.able(), timeout=WITHIN_MS)
    page.viewer.editor.choose("refine")
    before = page.case
    reviewing.go(1)
    qtbot.waitUntil(lambda: page.case is not before and not page.opening.asking.doing, timeout=WITHIN_MS)
    assert page.viewer.editor.tool == "crosshair"


def test_that_labels_are_compared_between_readers_and_reported_with_a_real_worker(page, folder, home, tmp_path, qtbot):  # noqa: F811
    reviewing, review = page.reviewing, page.reviewing.review
    truth = np.zeros(SHAPE[::-1], np.uint8)
    truth[3:6, 3:7, 3:7] = 1
    nibabel.save(nibabel.Nifti1Image(truth, np.diag([-1.5, -1.5, 3.0, 1.0])), tmp_path / "model.nii.gz")
    page.link.change_settings(reader="Ada")
    reviewing.add_folder(str(folder))
    qtbot.waitUntil(lambda: len(review.cases) == 3, timeout=WITHIN_MS)
    page.window().show()

    def read_as(name, edit):
        if name != review.reader:
            review.set_reader(name)
        reviewing.open(next(iter(review.cases.values())))
        before = page.case
        qtbot.waitUntil(lambda: page.case is not before and not page.opening.asking.doing, timeout=WITHIN_MS)
        if page.viewer.editor.labels is None:
            page.opening.add_labels(page.case, str(tmp_path / "model.nii.gz"))
        qtbot.waitUntil(lambda: page.viewer.editor.labels is not None and page.viewer.editor.able(), timeout=WITHIN_MS)
        labels = page.viewer.editor.labels
        assert int((labels.array == 1).sum()) == 48  # nobody begins from another reader's corrections
        if edit:
            dot(labels, edit)
        with qtbot.waitSignal(review.signed, timeout=WITHIN_MS) as said:
            reviewing.sign("accepted")
        qtbot.waitUntil(lambda: not page.opening.asking.doing, timeout=WITHIN_MS)
        return said.args[0]

    assert read_as("Ada", (8, 8, 2)) == "corrected"
    assert read_as("Bob", None) == "accepted"
    assert read_as("Cy", (8, 8, 2)) == "corrected"
    case = next(iter(review.cases.values()))
    assert case.readings["Ada"].dice == {"Label 1": pytest.approx(2 * 48 / 104, abs=1e-6)}

    reviewing.open(case)
    qtbot.waitUntil(lambda: page.case.info.path == case.path and page.viewer.editor.able(), timeout=WITHIN_MS)
    reviewing.compare()
    qtbot.waitUntil(lambda: reviewing.comparing is not None, timeout=WITHIN_MS)
    dialog = reviewing.comparing
    qtbot.waitUntil(lambda: bool(dialog.agreement) and dialog.comparison is not None, timeout=WITHIN_MS)
    one = dialog.comparison.labels[0]
    assert (one.dice, one.added_ml) == (pytest.approx(96 / 104), pytest.approx(8 * 6.75e-3))
    assert one.hd95_mm > 0 and one.mean_surface_mm > 0
    assert dialog.agreement[0].readers == ("Ada", "Bob", "Cy") and dialog.agreement[0].dice[0][2] == 1
    qtbot.waitUntil(lambda: dialog.viewer.scene.labels is not None, timeout=WITHIN_MS)
    assert int((dialog.viewer.scene.labels.array == 1).sum()) == 8 and not dialog.viewer.editor.able()
    dialog.close()

    page.export(Wish(("html", "pdf"), str(tmp_path / "out"), "report"))
    qtbot.waitUntil((tmp_path / "out" / "report.pdf").exists, timeout=WITHIN_MS)
    html = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "0.923" in html and "Bob" in html and "a.nii.gz" not in html
    qtbot.waitUntil(lambda: not page.exporter.asking.doing, timeout=WITHIN_MS)

    def noted():
        log = Worklist(home.review)
        log.refresh()
        return [set(one.files) for one in log.entries if one.deed == "exported"]

    qtbot.waitUntil(lambda: noted() == [{"report.html", "report.pdf"}], timeout=WITHIN_MS)


def test_that_a_case_that_is_gone_can_be_passed_and_taken_off_the_list(page, folder, home, qtbot):  # noqa: F811
    page.link.change_settings(reader="Ada")
    reviewing, review = page.reviewing, page.reviewing.review
    reviewing.add_folder(str(folder))
    qtbot.waitUntil(lambda: len(review.cases) == 3, timeout=WITHIN_MS)
    reviewing.go(1)
    qtbot.waitUntil(lambda: review.case is not None and not page.opening.asking.doing, timeout=WITHIN_MS)
    (folder / "b.nii.gz").unlink()
    reviewing.go(1)
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert review.case.title == "a.nii.gz"
    offered = page.banner.remedies()
    assert offered[:2] == ["Go on to the next case", "Take it off the worklist"]
    page.banner.press("Go on to the next case")
    qtbot.waitUntil(lambda: review.case.title == "c.nii.gz" and not page.opening.asking.doing, timeout=WITHIN_MS)
    reviewing.go(-1)
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    page.banner.press("Take it off the worklist")
    qtbot.waitUntil(lambda: len(review.cases) == 2, timeout=WITHIN_MS)
    assert page.banner.record is None and audit(home.review).faults == ()
    reviewing.go(-1)
    qtbot.waitUntil(lambda: review.case.title == "a.nii.gz" and not page.opening.asking.doing, timeout=WITHIN_MS)
