from __future__ import annotations

import re

import numpy as np
import pytest
from PySide6.QtGui import QImage

from workbench.core.comparison import Comparison, LabelDifference
from workbench.core.problem import InputError
from workbench.core.review import Comment, Reading, ReviewCase
from workbench.core.volumes import Geometry, Label, VolumeMeta
from workbench.report.casepictures import draw
from workbench.report.casereport import BANNER, case_report, page, write_report

GEOMETRY = Geometry(spacing_mm=(1.0, 1.0, 2.0))
META = VolumeMeta(GEOMETRY, "CT", "HU", title="Doe^Jane")
NAMES = (Label(1, "<core>", "#FF0000"), Label(2, "edge", "#00FF00"))


@pytest.fixture
def arrays():
    image = np.full((10, 20, 16), 50, np.int16)
    labels = np.zeros((10, 20, 16), np.uint8)
    labels[2:6, 4:8, 3:7] = 1
    labels[7, 10, 10] = 2
    return image, labels


@pytest.fixture
def report(arrays):
    image, labels = arrays
    at = "2026-01-02T03:04:05.000Z"
    case = ReviewCase("ab" * 12, "/data/Doe_Jane.nii.gz", "Doe_Jane.nii.gz", seconds={"Ada": 65.0})
    case.readings["Ada"] = Reading("Ada", "corrected", at, dice={"core": 0.91})
    case.comments.append(Comment(at, "Ada", "left & right"))
    found = Comparison("the model", "Ada", (LabelDifference(1, "<core>", 0.91, None, 0.4, 0.1, 0.128, 0.03, 0.0),))
    return case_report("ab" * 12, (image, META), (labels, NAMES), review=case, comparison=found, model="net 3")


def pixel(picture, x, y):
    return QImage.fromData(picture.png).pixelColor(x, y)


def test_that_planes_show_the_slice_with_most_labels_and_the_patients_left_at_the_right(arrays):
    image, labels = arrays
    labels[:] = 0
    labels[3, 2:6, 12:15] = 1  # x grows to the left in LPS, and y to the back
    axial, coronal, sagittal = draw(image, META, labels, NAMES)
    assert axial.title == "Axial, slice 4 of 10"
    scale = 640 / 20
    red = pixel(axial, round((640 - 16 * scale) / 2 + 13.5 * scale), round(3.5 * scale))
    assert red.red() > red.green() + 40
    grey = pixel(axial, round((640 - 16 * scale) / 2 + 2.5 * scale), round(3.5 * scale))
    assert grey.red() == grey.green() == grey.blue() and 100 < grey.red() < 155
    assert coronal.title.startswith("Coronal") and sagittal.title == "Sagittal, slice 13 of 16"


def test_that_a_page_tells_volumes_comparison_reader_and_banner_but_not_the_patient(report):
    html = page(report)
    assert "Doe" not in html and BANNER in html and "Case abababab" in html
    assert "0.128" in html and "&lt;core&gt;" in html and "<core>" not in html
    assert "Ada" in html and "corrected" in html and "left &amp; right" in html and "net 3" in html
    assert html.count("data:image/png;base64,") == 3
    assert not re.search(r"(src|href)=\"(?!data:)", html)


def test_that_the_path_is_told_only_when_it_is_wanted(arrays):
    image, labels = arrays
    named = case_report("ab", (image, META), (labels, NAMES), identity="/data/Doe_Jane.nii.gz")
    assert "/data/Doe_Jane.nii.gz" in page(named)


def test_that_a_report_is_written_as_html_or_pdf_and_never_over_a_file(report, tmp_path):
    assert write_report(report, tmp_path / "new" / "case.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert write_report(report, tmp_path / "case.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(InputError, match="already"):
        write_report(report, tmp_path / "case.pdf")
    with pytest.raises(InputError, match="HTML or PDF"):
        write_report(report, tmp_path / "case.doc")


def test_that_labels_of_another_grid_are_refused(arrays):
    with pytest.raises(InputError, match="grid"):
        case_report("ab", (arrays[0], META), (arrays[1][1:], NAMES))
