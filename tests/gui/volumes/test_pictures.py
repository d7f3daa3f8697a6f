"""Pictures of what is seen of a case: views as they stand, without names, written whole or not at all."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QFileDialog

from tests.gui.volumes import phantom
from workbench.core.problem import KnownTrouble
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.labelmap import LabelMap
from workbench.gui.volumes.pictures import FACTOR, Part, joined, parts_of
from workbench.gui.volumes.scene import Layer
from workbench.gui.volumes.viewer import VolumeViewer

WITHIN_MS = 60_000


def shown(qtbot, title="", *, sequences=1):
    values, labels = phantom.head((20, 30, 25))
    found = VolumeViewer(Away())
    qtbot.addWidget(found)
    found.resize(700, 560)
    meta = phantom.meta(labels=phantom.LABELS)
    layers = [Layer(values, meta, title=title) for _ in range(sequences)]
    found.show_volumes(layers, LabelMap(labels, meta, found))
    found.show()
    return found


@pytest.fixture
def viewer(qtbot):
    return shown(qtbot)


def saved(viewer, qtbot, path, *, alone=False) -> QImage:
    viewer.save_picture(alone=alone)
    dialog = viewer.findChildren(QFileDialog)[-1]
    dialog.fileSelected.emit(str(path))
    dialog.close()
    qtbot.waitUntil(lambda: viewer.message.text().startswith(f"saved {path.name}"), timeout=WITHIN_MS)
    return QImage(str(path))


def test_that_planes_are_written_as_they_stand_with_more_pixels_than_the_screen_has(viewer, qtbot, tmp_path):
    picture = saved(viewer, qtbot, tmp_path / "planes.png")
    screen = viewer.area.grab().toImage()
    axial, coronal = viewer.canvases["axial"], viewer.canvases["coronal"]
    assert picture.width() >= FACTOR * (screen.width() - 1) and picture.height() >= FACTOR * (screen.height() - 1)
    for plane in (axial, coronal):  # beside the crosshair, and outside of the head
        corner = plane.mapTo(viewer.area, QPoint())
        for spot in (QPoint(plane.width() // 2 + 30, plane.height() // 2 + 30), QPoint(plane.width() // 5, 40)):
            seen = screen.pixelColor(corner + spot)
            there = picture.pixelColor((corner + spot) * FACTOR)
            assert max(abs(a - b) for a, b in zip(seen.getRgb(), there.getRgb(), strict=True)) < 30
    place = viewer.panel.mapTo(viewer.area, viewer.panel.rect().center()) * FACTOR
    assert picture.pixelColor(place) == QColor("black")  # what one sets is not part of it


def test_that_the_view_in_3d_is_part_of_the_picture_and_can_be_written_alone(viewer, qtbot, tmp_path):
    viewer.actions_["render"].trigger()
    view = viewer.space.view
    qtbot.waitUntil(lambda: view.whole and viewer.space.bodies.tones is not None, timeout=WITHIN_MS)
    picture = saved(viewer, qtbot, tmp_path / "all.png")
    middle = view.mapTo(viewer.area, view.rect().center()) * FACTOR
    assert picture.pixelColor(middle + QPoint(20, 20)).lightness() > 60  # the head
    viewer.activateWindow()
    view.setFocus()
    qtbot.waitUntil(view.hasFocus)
    alone = saved(viewer, qtbot, tmp_path / "alone.png", alone=True)
    assert alone.size() == view.size() * FACTOR
    assert alone.pixelColor(alone.width() // 2 + 40, alone.height() // 2 + 40).lightness() > 60


def test_that_no_name_of_a_file_or_series_is_in_the_picture_or_proposed_for_it(qtbot, tmp_path):
    named, other = (shown(qtbot, title, sequences=2) for title in ("Doe^Jane", "series"))
    for one in (named, other):
        one.actions_["sequences"].trigger()
        qtbot.waitUntil(lambda one=one: one.sequences[0].height() > 400)
    pictures = [saved(one, qtbot, tmp_path / f"{at}.png") for at, one in enumerate((named, other))]
    assert pictures[0] == pictures[1]
    named.save_picture()
    dialog = named.findChildren(QFileDialog)[-1]
    assert [one.rpartition("/")[2] for one in dialog.selectedFiles()] == ["case-sequences.png"]


def test_that_a_place_that_cannot_be_written_is_told_and_nothing_is_left_there(viewer, qtbot, tmp_path):
    told = []
    viewer.pictures.failed = told.append
    viewer.pictures.write([viewer.canvas], tmp_path / "gone" / "picture.png")
    qtbot.waitUntil(lambda: bool(told), timeout=WITHIN_MS)
    assert told[0].what == "The picture could not be written." and told[0].received and told[0].fix
    assert not (tmp_path / "gone").exists() and viewer.message.text() == ""


def test_that_a_view_that_draws_nothing_yet_is_told(viewer):
    (part,) = parts_of([viewer.canvas], 1.0)
    with pytest.raises(KnownTrouble, match="not drawn yet"):
        joined([Part(part.place, QImage, part.over)])
