"""Canvas, timeline, names of pictures and what a person writes to go somewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QImage

from tests.gui.films.fakes import Source, facts_of, index_of
from workbench.core.problem import InputError
from workbench.gui.films import telling
from workbench.gui.films.canvas import FilmCanvas, tinted
from workbench.gui.films.goto import frame_of
from workbench.gui.films.scene import FilmScene
from workbench.gui.films.sources import natural
from workbench.gui.films.strips import FilmStrip
from workbench.gui.films.thumbs import coarse_first, shown_in
from workbench.gui.films.viewer import FilmViewer


@pytest.mark.parametrize(
    ("text", "frame"),
    [("0", 0), ("12", 12), ("-1", 99), ("−1", 99), ("1.0", 25), ("1s", 25), ("0:01.02", 25), ("0:00:03.96", 99)],
)
def test_that_frames_and_times_are_understood(text: str, frame: int):
    assert frame_of(text, index_of(100)) == frame


@pytest.mark.parametrize("text", ["", "x", "100", "-101", "99:00", "1:2:3:4", "4.1", "-1.5", "1:-2"])
def test_that_what_is_no_frame_of_the_film_is_said(text: str):
    with pytest.raises(InputError):
        frame_of(text, index_of(100))


def test_that_numbers_in_names_count_by_their_value():
    names = ["b1.png", "a10.png", "a9.png", "a010x.png", "A2.png", "10.png", "9.png"]
    assert sorted(names, key=natural) == ["9.png", "10.png", "A2.png", "a9.png", "a10.png", "a010x.png", "b1.png"]


@given(st.lists(st.integers(0, 999), unique=True))
def test_that_coarse_first_leaves_nothing_out(frames: list[int]):
    assert sorted(coarse_first(frames)) == sorted(frames)
    assert coarse_first(frames)[: len(frames[::8])] == frames[::8]


def test_that_a_slot_of_the_timeline_shows_its_first_key_frame_or_its_first():
    index = index_of(100)  # key frames every ten
    assert shown_in(index, 0.5, 0.8) == 20
    assert shown_in(index, 0.5, 0.2) == 12


def test_that_the_picture_is_magnified_about_the_pointer_and_never_leaves_the_widget(qtbot):
    canvas = FilmCanvas()
    qtbot.addWidget(canvas)
    canvas.resize(400, 300)
    canvas.open(QSize(1920, 1080))
    assert canvas.box() == (400, 225)
    at = QPointF(100, 120)
    before = canvas.on_frame(at)
    canvas.magnify(4.0, at)
    after = canvas.on_frame(at)
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()))
    assert canvas.box() == (0, 0)  # the frame as it is: it has less than twice as many pixels
    canvas.magnify(0.5)
    assert canvas.box() == (800, 450)
    canvas.magnify(16.0)
    canvas._middle = QPointF(9.0, -9.0)
    canvas._keep()
    room = canvas.room()
    assert room.right() == pytest.approx(400) and room.top() == pytest.approx(0)
    canvas.whole()
    assert canvas.zoom == 1.0 and canvas.box() == (400, 225)


def test_that_a_map_is_laid_over_the_frame_and_taken_away(qtbot):
    canvas = FilmCanvas()
    qtbot.addWidget(canvas)
    canvas.resize(160, 90)
    canvas.open(QSize(160, 90))
    grey = QImage(160, 90, QImage.Format.Format_RGB888)
    grey.fill(Qt.GlobalColor.gray)
    canvas.show_frame(grey)
    plain = canvas.grab().toImage()
    values = np.zeros((3, 2), np.float32)
    values[:, 1] = 1.0
    canvas.overlay = values
    over = canvas.grab().toImage()
    assert over.pixelColor(5, 45) == plain.pixelColor(5, 45)
    assert over.pixelColor(150, 45) != plain.pixelColor(150, 45)
    canvas.overlay = None
    assert canvas.grab().toImage() == plain
    with pytest.raises(ValueError):
        tinted(np.zeros((2, 2, 3), np.float32))


class Marks(FilmStrip):
    """A strip of somebody else's, below the thumbnails."""

    def __init__(self, scene: FilmScene) -> None:
        super().__init__(scene, "Marks")
        self.setFixedHeight(20)
        self.pressed: list[float] = []

    def press(self, event) -> bool:
        self.pressed.append(self.time_at(event.position().x()))
        return event.modifiers() == Qt.KeyboardModifier.AltModifier


def test_that_strips_of_others_share_the_time_and_may_take_the_mouse(qtbot):
    viewer = FilmViewer()
    qtbot.addWidget(viewer)
    viewer.resize(800, 600)
    viewer.show()
    source = Source(index_of(100))
    viewer.show_film("fake", lambda _: source, facts_of(), source.index)
    strip = Marks(viewer.scene)
    viewer.add_strip(strip)
    assert strip.isVisible()
    qtbot.waitUntil(lambda: strip.width() == viewer.thumbnails.width())
    assert strip.x_of(2.0) == viewer.thumbnails.x_of(2.0)
    where = QPointF(strip.x_of(2.01), 5).toPoint()
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier, pos=where)
    assert viewer.scene.frame == 0 and strip.pressed == pytest.approx([2.01], abs=0.01)
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=where)
    assert viewer.scene.frame == 50
    viewer.tell_inference(12.34)
    qtbot.waitUntil(lambda: "inference 12.3 ms" in viewer.costs.text())
    viewer.remove_strip(strip)
    assert strip.parent() is None and not viewer.strip_area.isVisible()
    strip.deleteLater()
    reader = viewer.player.reader
    viewer.clear()
    assert reader.join() and viewer.costs.text() == ""


def test_that_a_growing_film_stays_where_it_is():
    scene = FilmScene()
    scene.show(index_of(50))
    scene.place(30)
    scene.select(0.4, 0.8)
    scene.grow(index_of(100))
    assert (scene.frame, scene.selection_s, scene.frames) == (30, (0.4, 0.8), 100)
    assert scene.span_s == scene.duration_s == pytest.approx(4.0)
    scene.look(1.0, 2.0)
    scene.grow(index_of(200))
    assert (scene.start_s, scene.span_s) == (1.0, 2.0)


def test_that_facts_are_told_where_they_matter():
    turned = facts_of(rotation_degrees=90, pixel_aspect=2.0, coded_width=4, has_sound=True, notes=("hdr",))
    told = dict(telling.rows(turned, index_of(30, uneven=True)))
    assert told["Turned"] == "90° clockwise" and told["Stored as"] == "4 × 4"
    assert told["Pixels"].startswith("2 times as wide") and "not played" in told["Sound"] and told["Note"] == "Hdr"
    assert "40 to 100 ms" in told["Rate"]
    assert dict(telling.rows(facts_of(), index_of(30), complete=False))["Frames"] == "30 so far"
