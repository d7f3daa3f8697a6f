"""Looking at a slide: coarse at once, sharp as tiles come, scores over it, keys and hands."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent

from tests.gui.slides.conftest import HEIGHT, WIDTH, colour, info
from workbench.core import events as ev
from workbench.core.problem import InputError
from workbench.core.slides import HeatMap
from workbench.gui.slides import tiles as tile_store
from workbench.gui.slides.heat import HeatLayer, colour_table
from workbench.gui.views.slide import SlideView

TUMOUR = HeatMap(((0, 0), (4000, 3000)), 500, {"tumour": (0.2, 0.9), "attention": (1.0, 0.0)})


def settled(qtbot, viewer):
    qtbot.waitUntil(lambda: not viewer.tiles.busy)


def test_that_a_slide_is_opened_from_a_path_and_kept_among_the_cases_of_late(page, slides, viewer):
    assert page.places.currentWidget() is viewer and page.top.about.whole == "a.svs"
    assert slides.wishes[0]["path"] == "/slides/a.svs" and page.remembered.recent == ["/slides/a.svs"]
    assert "8\u202f000 × 6\u202f000 px" in viewer.read_out.whole and "0.25 µm/px" in viewer.read_out.whole
    assert viewer.canvas.hasFocus()


def test_that_the_thumbnail_stands_in_where_no_tile_has_come(page, slides, scripted, qtbot):
    scripted.answers["slide-tile"] = InputError("No tile comes.")
    page.open_case("/slides/a.svs")
    qtbot.waitUntil(lambda: page.slides.info is not None)
    canvas = page.slides.viewer.canvas
    canvas.go(4000, 3000, 1.0)
    settled(qtbot, page.slides.viewer)
    assert np.abs(colour(canvas, canvas.width() / 2, canvas.height() / 2) - 90).max() <= 2


def test_that_tiles_of_the_zoom_are_asked_near_the_middle_first_and_painted_in_their_place(slides, viewer, qtbot):
    slides.asked.clear()
    viewer.canvas.go(4096 + 256, 2048 + 256, 1.0)  # the middle of tile (8, 4)
    settled(qtbot, viewer)
    sharp = [key for key in slides.asked if key[0] == 0]
    assert sharp[0] == (0, 8, 4) and len(set(slides.asked)) == len(slides.asked)
    middle = QPoint(viewer.canvas.width() // 2, viewer.canvas.height() // 2)
    assert np.abs(colour(viewer.canvas, middle.x(), middle.y()) - (200, 160, 80)).max() < 12
    beside = colour(viewer.canvas, middle.x() + 512 - 260 + 10, middle.y())
    assert np.abs(beside - (200, 180, 80)).max() < 12


def test_that_old_wishes_are_dropped_and_few_questions_are_under_way(viewer, slides, qtbot):
    slides.asked.clear()
    for at in range(60):
        viewer.canvas.go(300 + at * 100, 3000, 1.0)
        assert len(viewer.tiles._asked) <= tile_store.AT_ONCE
    settled(qtbot, viewer)
    assert (0, (300 + 59 * 100) // 512, 3000 // 512) in viewer.tiles._kept
    passed = {(0, column, row) for column in range(WIDTH // 512 + 1) for row in range(HEIGHT // 512 + 1)}
    near = {key for key in passed if 4 <= key[2] <= 7 and key[1] <= 14}
    assert len(near & set(slides.asked)) < len(near)  # some of what was passed by quickly was never asked for


def test_that_tiles_that_are_kept_are_bounded_and_not_asked_again(viewer, slides, qtbot, monkeypatch):
    viewer.canvas.go(4000, 3000, 1.0)
    settled(qtbot, viewer)
    for x in (4700, 4000, 3300, 4000):
        viewer.canvas.go(x, 3000, 1.0)
        settled(qtbot, viewer)
    assert len(slides.asked) == len(set(slides.asked))
    monkeypatch.setattr(tile_store, "CACHE_BYTES", 4 << 20)
    for x in range(0, WIDTH, 1000):
        viewer.canvas.go(x, 1500, 1.0)
        settled(qtbot, viewer)
    assert viewer.tiles.held_bytes <= 4 << 20


def test_that_a_damaged_tile_is_told_once_and_the_rest_is_shown(page, viewer, slides, qtbot):
    slides.broken = {(0, column, row) for column in (7, 8) for row in (4, 5)}
    viewer.canvas.go(4096, 2560, 1.0)
    qtbot.waitUntil(lambda: viewer.tiles.broken >= slides.broken and not viewer.tiles.busy)
    assert page.banner.record is not None and page.banner.record.received == "a torn tile"
    assert viewer.tiles.tile((0, 9, 4)) is not None
    asked = len(slides.asked)
    viewer.canvas.go(4097, 2560, 1.0)
    assert len(slides.asked) == asked  # not asked again and again


def test_that_the_wheel_zooms_about_the_pointer_and_a_drag_shifts(viewer, qtbot):
    canvas = viewer.canvas
    place = QPointF(200, 150)
    before, scale = canvas.view.on_slide(200, 150, canvas.width(), canvas.height()), canvas.view.scale
    event = QWheelEvent(
        place, canvas.mapToGlobal(place), QPoint(), QPoint(0, 240), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    canvas.wheelEvent(event)
    assert canvas.view.scale == pytest.approx(scale / 1.25**2)
    assert canvas.view.on_slide(200, 150, canvas.width(), canvas.height()) == pytest.approx(before)
    canvas.go(4000, 3000, 2.0)
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(300, 300))
    qtbot.mouseMove(canvas, QPoint(340, 290))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(340, 290))
    assert (canvas.view.x, canvas.view.y) == pytest.approx((4000 - 80, 3000 + 20))


def test_that_keys_magnify_shift_fit_and_set_the_objective(viewer, qtbot):
    canvas = viewer.canvas
    qtbot.keyClick(canvas, Qt.Key.Key_F7)
    assert canvas.view.scale == pytest.approx(10 / 20 / 0.25)
    qtbot.keyClick(canvas, Qt.Key.Key_N)
    assert canvas.view.scale == pytest.approx(1.0)
    x = canvas.view.x
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert canvas.view.x > x
    qtbot.keyClick(canvas, Qt.Key.Key_Minus)
    assert canvas.view.scale == pytest.approx(1.25)
    qtbot.keyClick(canvas, Qt.Key.Key_Home)
    assert canvas.view.x == WIDTH / 2 and canvas.view.scale > WIDTH / canvas.width()


def test_that_a_click_on_the_map_goes_there(viewer, qtbot):
    canvas = viewer.canvas
    canvas.go(1000, 1000, 1.0)
    place = canvas.map_box()
    at = QPoint(round(place.left() + place.width() * 0.75), round(place.top() + place.height() * 0.5))
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    assert abs(canvas.view.x - WIDTH * 0.75) < 60 and abs(canvas.view.y - HEIGHT * 0.5) < 60
    assert canvas.map_seen()
    canvas.fit()
    assert not canvas.map_seen()  # all of the slide is seen anyway
    canvas.go(1000, 1000, 1.0)
    qtbot.keyClick(canvas, Qt.Key.Key_M)
    assert not canvas.map_seen()


def test_that_scores_lie_over_their_tiles_with_opacity_and_can_be_hidden(viewer, qtbot):
    canvas = viewer.canvas
    viewer.set_heat(TUMOUR)
    viewer.bar.opacity.setValue(100)
    canvas.go(4250, 3250, 4.0)
    settled(qtbot, viewer)
    middle = canvas.width() / 2, canvas.height() / 2
    assert np.abs(colour(canvas, *middle) - colour_table()[round(0.9 * 255)]).max() <= 2
    assert canvas.heat.at(4250, 3250) == 0.9 and canvas.heat.at(3000, 3000) is None
    qtbot.keyClick(canvas, Qt.Key.Key_S)
    assert viewer.score == "attention"
    assert np.abs(colour(canvas, *middle) - colour_table()[0]).max() <= 2
    qtbot.keyClick(canvas, Qt.Key.Key_BracketLeft)
    assert canvas.opacity == pytest.approx(0.9)
    qtbot.keyClick(canvas, Qt.Key.Key_H)
    assert canvas.heat is None and not viewer.actions_["heat"].isChecked()


def test_that_the_colours_are_viridis():
    import pyqtgraph as pg

    true = np.asarray(pg.colormap.get("viridis").getLookupTable(nPts=256))[:, :3].astype(int)
    assert np.abs(colour_table().astype(int) - true).max() <= 5


def test_that_overlapping_tiles_show_their_mean():
    heat = HeatMap(((0, 0), (500, 0)), 1000, {"a": (0.0, 1.0)})
    layer = HeatLayer(heat, "a", (2000, 1000))
    assert layer.at(750, 500) == 0.5 and layer._overlapping
    picture = layer._picture()
    half = picture.pixelColor(round(0.75 * 1024), 500)
    assert np.abs(np.array(half.getRgb()[:3]) - colour_table()[128]).max() <= 3
    assert picture.pixelColor(1900, 500).alpha() == 0


def test_that_many_tiles_are_made_ready_off_the_gui_thread_and_the_last_wish_counts(viewer, qtbot):
    tiles = tuple((x, y) for x in range(0, WIDTH, 100) for y in range(0, HEIGHT, 100))
    ramp = tuple(x / WIDTH for x, _ in tiles)
    viewer.bar.opacity.setValue(100)
    viewer.set_heat(HeatMap(tiles, 100, {"zero": (0.0,) * len(tiles), "ramp": ramp}))
    viewer.choose_score("ramp")
    qtbot.waitUntil(lambda: viewer.canvas.heat is not None and viewer.canvas.heat.name == "ramp")
    viewer.canvas.fit()
    x, y = viewer.canvas.view.on_screen(0.75 * WIDTH, HEIGHT / 2, viewer.canvas.width(), viewer.canvas.height())
    assert np.abs(colour(viewer.canvas, x, y) - colour_table()[191]).max() <= 6


def test_that_the_highest_scores_are_visited_in_their_order(viewer, qtbot):
    viewer.set_heat(TUMOUR)
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_J)
    assert (viewer.canvas.view.x, viewer.canvas.view.y) == (4250, 3250) and "0.90" in viewer.message.whole
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_J)
    assert (viewer.canvas.view.x, viewer.canvas.view.y) == (250, 250)


def test_that_tiles_with_tissue_are_asked_shown_and_put_away(viewer, slides, qtbot):
    viewer.set_heat(TUMOUR)
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_G)
    qtbot.waitUntil(lambda: viewer.score == "tissue")
    assert slides.wishes[-1]["mpp"] == 0.25 and viewer.actions_["grid"].isChecked()
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_G)
    assert viewer.score == "tumour" and not viewer.actions_["grid"].isChecked()


def test_that_scores_are_written_as_geojson(viewer, tmp_path, qtbot):
    viewer.set_heat(TUMOUR)
    viewer._save_geojson(tmp_path / "heat.geojson")
    qtbot.waitUntil(lambda: "Written" in viewer.message.whole)
    features = json.loads((tmp_path / "heat.geojson").read_text())["features"]
    assert features[1]["properties"]["measurements"] == {"tumour": 0.9, "attention": 0.0}


def test_that_a_slide_without_resolution_shows_pixels_until_somebody_gives_it(page, slides, qtbot):
    slides.info = info(mpp=None, grid=None)
    page.open_case("/slides/a.svs")
    qtbot.waitUntil(lambda: page.slides.info is not None)
    viewer = page.slides.viewer
    assert "resolution unknown" in viewer.read_out.whole and not viewer.actions_["x20"].isEnabled()
    viewer.set_mpp(0.5)
    assert viewer.actions_["x20"].isEnabled() and viewer.info.mpp == 0.5


def test_that_scores_that_do_not_fit_are_refused(viewer):
    with pytest.raises(InputError, match="fit"):
        viewer.show_slide(info(), HeatMap(((0, 0),), 512, {"a": (0.1, 0.2)}))


def test_that_a_tiff_that_is_a_plain_picture_is_opened_as_a_case(page, slides, scripted, qtbot):
    asked = []
    scripted.answers["slide"] = lambda one: slides.wishes.append(one) or InputError("This is a picture, not a slide.")
    scripted.answers["case"] = lambda one: asked.append(one) or InputError("Nothing here.")
    page.open_case("/pictures/photo.tif")
    qtbot.waitUntil(lambda: bool(asked))
    assert slides.wishes[-1]["pictures"] is False and asked[0]["path"] == "/pictures/photo.tif"


def test_that_closing_goes_back_to_the_start(page, viewer):
    assert page.acts["close"].isEnabled()
    page.acts["close"].trigger()
    assert page.places.currentWidget() is page.start and page.slides.info is None
    assert page.top.about.whole == ""


def test_that_a_run_shows_its_slide_with_scores_and_later_steps_keep_the_place(page, slides, tmp_path, qtbot):
    (tmp_path / "slide.tif").write_bytes(b"II*\0")

    def step(scores):
        meta = {"mpp": 0.25, "tiles": [[0, 0], [4000, 3000]], "tile_px": 500, "scores": {"tumour": scores}}
        return ev.Artifact(slot="heat", kind="slide", path="slide.tif", title="Heat", meta=meta)

    view = SlideView(page)  # as within a page, whose link reads the tiles
    qtbot.addWidget(view)
    view.resize(600, 400)
    view.show()
    view.show_artifact(tmp_path, step([0.1, 0.2]))
    qtbot.waitUntil(lambda: view.viewer is not None and view.viewer.info is not None)
    view.viewer.canvas.go(4000, 3000, 1.5)
    view.show_artifact(tmp_path, step([0.3, 0.8]))
    assert view.viewer.heat.scores["tumour"] == (0.3, 0.8) and view.viewer.canvas.view.scale == 1.5
    names, rows = view.rows()
    assert list(names) == ["x", "y", "tumour"] and list(rows)[1] == [4000, 3000, 0.8]
    assert sum("zoom" not in one for one in slides.wishes) == 1
    view.show_artifact(tmp_path, step([0.3]))
    assert view.problem is not None and "1 scores" in view.problem.received


def test_that_a_view_without_a_window_says_who_reads_slides(tmp_path, qtbot):
    (tmp_path / "slide.tif").write_bytes(b"II*\0")
    view = SlideView()
    qtbot.addWidget(view)
    view.show_artifact(tmp_path, ev.Artifact(slot="heat", kind="slide", path="slide.tif", meta={}))
    assert view.problem is not None and "worker" in view.problem.what
