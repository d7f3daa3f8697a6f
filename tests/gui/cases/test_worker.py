"""The whole way with a real worker: a NIfTI file, a DICOM series, the sample, a bad file."""

from __future__ import annotations

import nibabel
import numpy as np
import pydicom
import pytest

from tests.engine.medical import dicoms
from tests.gui.cases.conftest import begun, dot
from tests.plugins.fixtures import end_worker
from workbench.app import make_window
from workbench.gui.cases.exporting import Wish
from workbench.gui.cases.notices import tell_copied
from workbench.runner.local import LocalRunner

WITHIN_MS = 60_000


@pytest.fixture
def page(qtbot, home):
    window = make_window(home, demo=False, make_runner=lambda: LocalRunner(home, client="test"))
    window.show()
    qtbot.waitUntil(lambda: window.link.state.pid > 0, timeout=WITHIN_MS)
    yield window.open_page("cases")
    window.leave_quietly()
    end_worker(home)
    window.deleteLater()


def wait(qtbot, page):
    qtbot.waitUntil(lambda: not page.opening.asking.doing and not page.exporter.asking.doing, timeout=WITHIN_MS)
    assert page.banner.record is None, page.banner.record


def test_that_cases_are_opened_painted_and_exported_by_a_real_worker(page, tmp_path, qtbot):
    affine = np.diag([-1.5, -1.5, 3.0, 1.0])
    values = np.arange(8 * 9 * 10, dtype=np.int16).reshape(10, 9, 8)
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "one.nii.gz")
    page.open_case(str(tmp_path / "one.nii.gz"))
    wait(qtbot, page)
    assert page.viewer.scene.shape == (8, 9, 10) and not page.case.is_dicom
    dot(begun(qtbot, page), (1, 2, 3))
    page.export(Wish(("nifti", "csv"), str(tmp_path / "out"), "labels"))
    wait(qtbot, page)
    back = nibabel.load(tmp_path / "out" / "labels.nii.gz")
    assert np.allclose(back.affine, affine)
    assert np.array_equal(np.argwhere(np.asarray(back.dataobj)).min(0), (3, 2, 1))
    assert "0.0540" in (tmp_path / "out" / "labels.csv").read_text()

    ct = dicoms.series(tmp_path / "ct")
    page.open_case(str(tmp_path / "ct"))
    wait(qtbot, page)
    assert page.case.is_dicom and page.viewer.scene.shape == ct.shape
    dot(begun(qtbot, page), (1, 2, 3))
    page.export(Wish(("dicom-seg",), str(tmp_path / "out"), "seg"))
    wait(qtbot, page)
    assert pydicom.dcmread(tmp_path / "out" / "seg.dcm").Modality == "SEG"
    page.exporter.deidentify(page.case.info.path, tmp_path / "out", lambda told: tell_copied(page.banner, told))
    wait(qtbot, page)
    copies = list((tmp_path / "out" / "deidentified").rglob("*.dcm"))
    assert len(copies) == len(ct)
    assert all("Doe" not in str(pydicom.dcmread(one).get("PatientName", "")) for one in copies)

    page.open_sample()
    wait(qtbot, page)
    assert [layer.title for layer in page.viewer.scene.layers] == ["FLAIR", "T1", "T1ce"]
    assert page.viewer.editor.labels.name(1) == "Tumour core"
    assert page.remembered.recent == [str(tmp_path / "ct"), str(tmp_path / "one.nii.gz")]

    (tmp_path / "bad.nii.gz").write_bytes(b"no image")
    page.open_case(str(tmp_path / "bad.nii.gz"))
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert page.banner.record.fix and page.banner.record.place == "bad.nii.gz"
    assert page.case.is_sample


def test_that_a_volume_of_another_grid_is_laid_over_the_first_by_where_it_lies(page, tmp_path, qtbot):
    folder = tmp_path / "case"
    folder.mkdir()
    fine, coarse = np.zeros((20, 18, 16), np.int16), np.zeros((10, 9, 4), np.int16)
    fine[12, 8, 4], coarse[6, 4, 1] = 500, 700
    nibabel.save(nibabel.Nifti1Image(fine, np.diag([-1.0, -1.0, 1.0, 1.0])), folder / "T1.nii.gz")
    nibabel.save(nibabel.Nifti1Image(coarse, np.diag([-2.0, -2.0, 4.0, 1.0])), folder / "T2.nii.gz")
    far = np.diag([-1.0, -1.0, 1.0, 1.0])
    far[2, 3] = 500
    nibabel.save(nibabel.Nifti1Image(fine, far), folder / "FLAIR.nii.gz")
    page.open_case(str(folder))
    qtbot.waitUntil(lambda: page._found is not None and not page.opening.asking.doing, timeout=WITHIN_MS)
    order = {one.title: one for one in page._found.series}
    page._load([order[name] for name in sorted(order, key=lambda name: ("T1" not in name, "T2" not in name))])
    wait(qtbot, page)
    layers = page.viewer.scene.layers
    assert [one.title[:2] for one in layers] == ["T1", "T2"]
    peaks = [np.unravel_index(one.array.argmax(), one.array.shape) for one in layers]
    assert peaks[0] == peaks[1] == (4, 8, 12)
    page.viewer.actions_["overlay"].trigger()
    assert page.viewer.scene.overlay is layers[1]
    assert "onto the grid of the first volume" in page.banner.accessibleName()
    assert "lies elsewhere" in page.banner.accessibleName()
    assert np.load(page.case.files[1].path).shape == (4, 9, 10)  # a model still gets the volume as it was read
