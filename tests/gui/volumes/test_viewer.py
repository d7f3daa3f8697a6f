"""The viewer with mouse and keys: linked planes, windows, read-out, measuring."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt, QThreadPool
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from tests.gui.volumes import phantom
from tests.gui.volumes.hands import CONTROL, LEFT, MIDDLE, RIGHT, SHAPE, SHIFT, drag, event_moved, spot, wheel
from workbench.core import events as ev
from workbench.core.problem import InputError
from workbench.core.volumes import Geometry, VolumeMeta, to_meta
from workbench.gui.theme import theme
from workbench.gui.views import make_view
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.labelmap import LabelMap
from workbench.gui.volumes.measures import length_mm
from workbench.gui.volumes.scene import Layer
from workbench.gui.volumes.viewer import VolumeViewer

# Viewing


def test_that_a_click_moves_the_crosshair_of_all_planes(qtbot, viewer):
    axial, coronal = viewer.canvases["axial"], viewer.canvases["coronal"]
    viewer.go((12, 30, 20))
    qtbot.mouseClick(axial, LEFT, pos=spot(axial, (12, 41, 33)))
    assert viewer.scene.cursor == (12, 41, 33)
    assert (coronal.index, viewer.canvases["sagittal"].index) == (41, 33)
    drag(qtbot, coronal, spot(coronal, (12, 41, 33)), spot(coronal, (25, 41, 10)))
    assert viewer.scene.cursor == (25, 41, 10)
    assert axial.index == 25


def test_that_the_wheel_changes_slices_and_with_ctrl_or_shift_magnifies(viewer):
    axial = viewer.canvases["axial"]
    viewer.go((12, 30, 20))
    wheel(axial, 2)
    assert axial.index == 14
    wheel(axial, 1, CONTROL)
    wheel(axial, 1, SHIFT)
    assert axial.zoom == pytest.approx(1.44) and axial.index == 14
    wheel(axial, -30)
    assert axial.index == 0


def test_that_magnifying_keeps_the_point_under_the_pointer(viewer):
    axial = viewer.canvases["axial"]
    where = QPointF(90, 120)
    before = axial.to_point(where)
    axial.zoom_by(3.0, where)
    assert axial.to_point(where) == pytest.approx(before)
    axial.fit()
    assert axial.zoom == 1.0


def test_that_the_middle_button_shifts_the_slice(qtbot, viewer):
    axial = viewer.canvases["axial"]
    before = axial.to_screen(10, 10)
    drag(qtbot, axial, QPoint(50, 50), QPoint(70, 40), MIDDLE)
    moved = axial.to_screen(10, 10) - before
    assert (moved.x(), moved.y()) == pytest.approx((20, -10), abs=0.5)


def test_that_the_right_button_sets_window_and_level(qtbot, viewer):
    axial, layer = viewer.canvases["axial"], viewer.scene.layers[0]
    assert layer.window == (40, 120)
    drag(qtbot, axial, QPoint(50, 50), QPoint(100, 80), RIGHT)
    centre, width = layer.window
    assert width == pytest.approx(120 + 50 * 0.4) and centre == pytest.approx(40 + 30 * 0.4)
    assert viewer.panel.window_.currentData() == ""


@pytest.mark.parametrize(("key", "window"), [("F3", (40, 80)), ("F4", (-600, 1500)), ("F5", (400, 1800)),
                                             ("F6", (50, 400)), ("F7", (60, 350)), ("F8", (40, 120))])  # fmt: skip
def test_that_windows_have_keys(qtbot, viewer, key, window):
    axial = viewer.canvases["axial"]
    axial.setFocus()
    viewer.scene.set_window((0, 7))
    qtbot.keyClick(axial, getattr(Qt.Key, f"Key_{key}"))
    assert viewer.scene.layers[0].window == window


def test_that_pixels_keep_the_aspect_of_the_patient(viewer):
    coronal = viewer.canvases["coronal"]
    scale = coronal.to_image()
    assert scale.m11() / scale.m22() == pytest.approx(2.0 / 2.5)


def test_that_the_left_of_the_patient_is_painted_at_the_right(qtbot, viewer):
    axial = viewer.canvases["axial"]
    viewer.set_window("auto")
    viewer.scene.layers[0].set_window((40, 80))
    viewer.scene.restyled.emit()
    viewer.actions_["hide"].trigger()  # values alone
    z, y, x = 22, 36, 33  # the lesion lies at the left: x grows to the left
    viewer.go((z, 5, 5))
    picture = axial.grab().toImage()
    lesion, mirrored = spot(axial, (z, y, x)), spot(axial, (z, y, SHAPE[2] - 1 - x))
    assert lesion.x() > axial.width() / 2 > mirrored.x()
    assert picture.pixelColor(lesion).lightness() > picture.pixelColor(mirrored).lightness()
    assert axial.plane.letters[1] == "L"


def test_that_the_read_out_tells_patient_voxel_value_and_label(viewer):
    words = viewer.words((22, 36, 33))
    value = viewer.scene.layers[0].array[22, 36, 33]
    assert words == f"R 34.0  A 48.0  F 45.0 mm  ·  voxel 33, 36, 22  ·  {value} HU  ·  enhancing"


def test_that_pointing_reads_out_the_voxel_under_the_pointer(qtbot, viewer):
    axial = viewer.canvases["axial"]
    viewer.go((22, 5, 5))
    event_moved(axial, QPointF(spot(axial, (22, 36, 33))), Qt.MouseButton.NoButton)
    assert "voxel 33, 36, 22" in viewer.read_out.whole
    event_moved(axial, QPointF(1, 1), Qt.MouseButton.NoButton)
    assert "voxel 5, 5, 22" in viewer.read_out.whole  # beside the slice: where the crosshair is


def test_that_everything_can_be_reached_by_keys(qtbot, viewer):
    axial = viewer.canvases["axial"]
    axial.setFocus()
    viewer.go((20, 30, 25))
    for key, modifiers, cursor in (
        (Qt.Key.Key_PageUp, Qt.KeyboardModifier.NoModifier, (21, 30, 25)),
        (Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier, (20, 30, 25)),
        (Qt.Key.Key_Up, SHIFT, (30, 30, 25)),
        (Qt.Key.Key_Left, CONTROL, (30, 30, 24)),
        (Qt.Key.Key_Down, CONTROL, (30, 31, 24)),
    ):
        qtbot.keyClick(axial, key, modifiers)
        assert viewer.scene.cursor == cursor
    qtbot.keyClick(axial, Qt.Key.Key_Plus)
    assert axial.zoom == pytest.approx(1.25)
    qtbot.keyClick(axial, Qt.Key.Key_Home)
    assert axial.zoom == 1.0
    qtbot.keyClick(axial, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() in viewer.canvases.values() and QApplication.focusWidget() is not axial
    assert all(canvas.accessibleName().startswith(name.capitalize()) for name, canvas in viewer.canvases.items())


def test_that_cine_runs_through_the_slices_and_starts_again_at_the_end(qtbot, viewer):
    viewer.go((38, 30, 25))
    viewer.canvases["axial"].setFocus()
    viewer.actions_["cine"].trigger()
    assert viewer.actions_["cine"].isChecked()
    qtbot.waitUntil(lambda: viewer.scene.cursor[0] < 5)
    viewer.actions_["cine"].trigger()
    assert not viewer.actions_["cine"].isChecked()


def test_that_one_plane_can_fill_the_place(viewer):
    viewer.canvases["coronal"].setFocus()
    viewer.actions_["one"].trigger()
    assert [name for name, canvas in viewer.canvases.items() if canvas.isVisible()] == ["coronal"]
    viewer.actions_["one"].trigger()
    assert all(canvas.isVisible() for canvas in viewer.canvases.values()) and viewer.panel.isVisible()


# Measuring


def test_that_a_ruler_measures_millimetres_of_the_patient(qtbot, viewer):
    axial = viewer.canvases["axial"]
    viewer.go((22, 5, 5))
    viewer.editor.choose("ruler")
    drag(qtbot, axial, spot(axial, (22, 20, 10)), spot(axial, (22, 20, 40)))
    (measure,) = viewer.scene.measures
    assert float(measure.words.split()[0]) == pytest.approx(60, abs=1.0)
    assert length_mm(viewer.scene.geometry, (0, 0, 0), (2, 3, 4)) == pytest.approx(np.sqrt(25 + 36 + 64))
    viewer.actions_["unmeasure"].trigger()
    assert viewer.scene.measures == []


def test_that_three_clicks_measure_an_angle(qtbot, viewer):
    axial = viewer.canvases["axial"]
    viewer.go((22, 5, 5))
    viewer.editor.choose("angle")
    for voxel in ((22, 20, 10), (22, 40, 10), (22, 40, 40)):
        qtbot.mouseClick(axial, LEFT, pos=spot(axial, voxel))
    assert float(viewer.scene.measures[0].words[:-1]) == pytest.approx(90, abs=2)


def test_that_a_region_tells_its_values_with_their_unit(qtbot, viewer):
    axial = viewer.canvases["axial"]
    viewer.go((22, 5, 5))
    viewer.editor.choose("roi")
    drag(qtbot, axial, spot(axial, (22, 33, 32)), spot(axial, (22, 38, 36)))
    words = viewer.scene.measures[0].words
    mean = float(words.split()[1])
    assert 60 < mean < 85 and " HU (" in words and words.endswith("mm²")


# Artifacts


def test_that_a_volume_is_never_read_whole(qtbot, tmp_path):
    size = 512
    header = np.lib.format.open_memmap(tmp_path / "large.npy", "w+", np.int16, (size, size, size))
    header[256, 100:400, 100:400] = 500
    del header
    import psutil

    view = make_view("volume")
    qtbot.addWidget(view)
    view.resize(600, 500)
    before = psutil.Process().memory_info().rss
    view.show_artifact(tmp_path, ev.Artifact(slot="a", kind="volume", path="large.npy", meta=to_meta(VolumeMeta())))
    qtbot.waitUntil(lambda: view.viewer.scene.shape == (size, size, size))
    view.show()
    view.grab()
    QThreadPool.globalInstance().waitForDone()
    grown = psutil.Process().memory_info().rss - before
    assert isinstance(view.viewer.scene.layers[0].array, np.memmap)
    assert grown < 0.25 * 2 * size**3
    layer, sagittal = view.viewer.scene.layers[0], view.viewer.scene.planes["sagittal"]
    layer.set_window((250, 500))
    assert layer.tones(sagittal, 399).any() and not layer.tones(sagittal, 400).any()


def test_that_sequences_stand_side_by_side_linked_and_one_lies_over_another(qtbot, tmp_path):
    values, _ = phantom.head(SHAPE)
    layers = [Layer(values + at, phantom.meta(title=f"sequence {at}")) for at in range(4)]
    viewer = VolumeViewer(Away())
    qtbot.addWidget(viewer)
    viewer.resize(800, 600)
    viewer.show_volumes(layers)
    viewer.show()
    viewer.actions_["sequences"].trigger()
    shown = [canvas for canvas in viewer.sequences if canvas.isVisible()]
    assert [canvas.layer for canvas in shown] == layers and not viewer.canvases["axial"].isVisible()
    wheel(shown[2], 3)
    assert len({canvas.index for canvas in shown}) == 1
    assert viewer.words((1, 2, 3)).count("HU") == 4
    viewer.actions_["sequences"].trigger()
    before = viewer.canvases["axial"].grab().toImage()
    viewer.actions_["overlay"].trigger()
    assert viewer.scene.overlay is layers[1]
    assert viewer.canvases["axial"].grab().toImage() != before


def test_that_another_grid_is_refused_in_words(qtbot):
    values, labels = phantom.head(SHAPE)
    viewer = VolumeViewer(Away())
    qtbot.addWidget(viewer)
    other = phantom.meta(geometry=Geometry((2.0, 2.0, 2.5), (0.0, 0.0, 0.0)))
    with pytest.raises(InputError, match="same grid") as caught:
        viewer.show_volumes([Layer(values, phantom.meta())], LabelMap(labels, other))
    assert "50 × 60 × 40" in caught.value.received and "resampled" in caught.value.fix
    with pytest.raises(InputError, match="no volume"):
        viewer.show_volumes([])


def test_that_labels_without_a_volume_are_shown_alone(qtbot, tmp_path):
    _, over = phantom.artifacts(tmp_path, SHAPE)
    view = make_view("labels")
    qtbot.addWidget(view)
    view.show_artifact(tmp_path, ev.Artifact(slot="a", kind="labels", path=over.path, meta=over.meta))
    view.show()
    assert view.viewer.scene.layers == [] and view.viewer.words((22, 36, 33)).endswith("enhancing")
    assert not view.grab().isNull()


@pytest.mark.parametrize(
    ("array", "meta"),
    [(np.zeros((3, 4)), {}), (np.zeros((2, 2, 2, 2)), {}), (np.zeros((0, 2, 2)), {}),
     (np.zeros((2, 2, 2)), {"geometry": "none"})],
)  # fmt: skip
def test_that_a_damaged_volume_is_told_in_its_place(qtbot, tmp_path, array, meta):
    np.save(tmp_path / "wrong.npy", array)
    view = make_view("volume")
    qtbot.addWidget(view)
    view.show_artifact(tmp_path, ev.Artifact(slot="a", kind="volume", path="wrong.npy", meta=meta))
    assert view.problem is not None and "damaged" in view.problem.what


def test_that_the_next_step_of_a_run_keeps_place_and_window(qtbot, tmp_path):
    volume, _ = phantom.artifacts(tmp_path, SHAPE)
    view = make_view("volume")
    qtbot.addWidget(view)
    view.show_artifact(tmp_path, volume)
    view.viewer.go((3, 4, 5))
    view.viewer.set_window("lung")
    np.save(tmp_path / "artifacts" / "next.npy", phantom.head(SHAPE, seed=1)[0])
    view.show_artifact(tmp_path, ev.Artifact(slot="image", kind="volume", path="artifacts/next.npy", meta=volume.meta))
    assert view.viewer.scene.cursor == (3, 4, 5) and view.viewer.scene.layers[0].window == (-600, 1500)


def test_that_labels_are_saved_to_a_file_of_their_own_and_never_over_the_artifact(viewer, tmp_path):
    from workbench.core.volumes import VolumeFile
    from workbench.gui.volumes.exporting import export

    export(viewer.editor.labels, tmp_path / "mine.npy")
    assert (np.load(tmp_path / "mine.npy") == viewer.editor.labels.array).all()
    import msgspec

    told = msgspec.json.decode((tmp_path / "mine.json").read_bytes(), type=VolumeFile)
    assert told.meta.labels == phantom.LABELS and told.meta.geometry == phantom.meta().geometry
    with pytest.raises(InputError, match="original"):
        export(viewer.editor.labels, viewer.editor.labels.path)


@pytest.mark.parametrize("mode", ["dark", "light"])
@pytest.mark.parametrize("scale", [100, 200])
def test_that_planes_are_black_in_both_themes_at_every_scale(qtbot, view, mode, scale):
    theme().use(mode, scale_percent=scale)
    canvas = view.viewer.canvases["axial"]
    canvas.fit()
    assert canvas.grab().toImage().pixelColor(6, canvas.height() // 4) == QColor("#000000")


def test_that_the_parts_of_an_artifact_are_sequences_and_an_overlay(qtbot, tmp_path):
    volume, _ = phantom.artifacts(tmp_path, SHAPE)
    np.save(tmp_path / "artifacts" / "heat.npy", np.random.default_rng(0).random(SHAPE).astype(np.float32))
    parts = {"volume_2": "artifacts/image.npy", "overlay": "artifacts/heat.npy"}
    view = make_view("volume")
    qtbot.addWidget(view)
    view.show_artifact(tmp_path, ev.Artifact(slot="a", kind="volume", path=volume.path, meta=volume.meta, parts=parts))
    assert len(view.viewer.scene.layers) == 2 and view.viewer.scene.overlay is None
    view.viewer.actions_["overlay"].trigger()
    assert 0 < view.viewer.scene.overlay.window[0] < 1  # its own window, not the CT's


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        (VolumeMeta(modality="CT", unit="HU"), "soft tissue"),
        (VolumeMeta(modality="MR"), "automatic"),
        (VolumeMeta(modality="MR", window=(50.0, 100.0)), "as delivered"),
    ],
)
def test_that_the_first_window_is_named(viewer, meta, said):
    viewer.show_volumes([Layer(np.arange(64, dtype=np.int16).reshape(4, 4, 4), meta)])
    assert viewer.panel.window_.currentText() == said
    viewer.scene.layers[0].set_window((10.0, 20.0))
    viewer.show_volumes([Layer(np.arange(64, dtype=np.int16).reshape(4, 4, 4), meta)])
    assert viewer.panel.window_.currentText() == "set by hand"


def test_that_alt_and_arrows_set_level_and_width(qtbot, viewer):
    layer, axial = viewer.scene.layers[0], viewer.canvases["axial"]
    centre, width = layer.window
    step = layer.first[1] / 100
    alt = Qt.KeyboardModifier.AltModifier
    slice_before = axial.index
    qtbot.keyClick(axial, Qt.Key.Key_Up, alt)
    qtbot.keyClick(axial, Qt.Key.Key_Right, alt | SHIFT)
    assert layer.window == pytest.approx((centre + step, width + 10 * step)) and axial.index == slice_before
    qtbot.keyClick(axial, Qt.Key.Key_Down, alt)
    qtbot.keyClick(axial, Qt.Key.Key_Left, alt | SHIFT)
    assert layer.window == pytest.approx((centre, width))


def test_that_a_narrow_panel_cuts_no_field_and_names_labels_instead_of_their_volumes(qtbot, viewer):
    panel = viewer.panel
    for wide, hidden in ((130, True), (320, False)):
        panel.setFixedSize(wide, 300)
        qtbot.waitUntil(lambda hidden=hidden: panel.list.isColumnHidden(1) is hidden)
        body = panel.widget()
        assert body.minimumSizeHint().width() <= panel.viewport().width()
        right = panel.window_.mapTo(body, panel.window_.rect().topRight()).x()
        assert right <= panel.viewport().width()
