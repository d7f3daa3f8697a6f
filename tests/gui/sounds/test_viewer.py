"""Hands on the viewer: what is seen, selected, edited and played; and how long a frame takes for an hour."""

from __future__ import annotations

import json
import wave

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.gui.sounds.fakes import RATE, Card, sine
from workbench.core import events as ev
from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.gui.sounds.viewer import SoundViewer
from workbench.gui.views import make_view
from workbench.gui.volumes.away import Away


@pytest.fixture
def card() -> Card:
    return Card()


@pytest.fixture
def viewer(qtbot, card):
    found = SoundViewer(Away(), make_output=card.make, hears=lambda: "")
    qtbot.addWidget(found)
    found.resize(1000, 600)
    words = [Segment(0.5, 1.0, "one"), Segment(1.0, 1.5, "two", confidence=0.2)]
    found.show_sound(sine(2.0), TiersDoc([Tier("words", "words", words)]))
    found.show()
    qtbot.waitUntil(lambda: not found.store.waiting)
    yield found
    session = found.player.session
    found.player.halt()
    if session is not None:
        session.join(5)


def wheel(strip, x: float, notches: int, mods=Qt.KeyboardModifier.NoModifier) -> None:
    at = QPointF(x, 20)
    QApplication.sendEvent(strip, QWheelEvent(
        at, strip.mapToGlobal(at), QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton, mods,
        Qt.ScrollPhase.NoScrollPhase, False,
    ))  # fmt: skip


def drag(strip, start: QPoint, stop: QPoint) -> None:
    QTest.mousePress(strip, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(strip, (start + stop) / 2)
    QTest.mouseMove(strip, stop)
    QTest.mouseRelease(strip, Qt.MouseButton.LeftButton, pos=stop)


def test_that_the_wheel_magnifies_about_the_pointer(viewer):
    strip = viewer.waveform
    before = strip.sample_at(700)
    for _ in range(6):
        wheel(strip, 700, 1)
    assert viewer.scene.span_s < 0.6
    assert strip.sample_at(700) == pytest.approx(before, abs=2)
    assert viewer.bar.isVisible()


def test_that_a_drag_selects_exactly_the_samples_between(viewer):
    viewer.scene.look(0.1, 100 / RATE)  # about ten pixels a sample
    strip = viewer.waveform
    drag(strip, QPoint(200, 30), QPoint(500, 30))
    assert viewer.scene.selection == (strip.sample_at(200), strip.sample_at(500))
    first, last = viewer.scene.selection
    assert f"{last - first} samples" in viewer.readout.whole
    assert strip.x_of(first / RATE) == pytest.approx(200, abs=6)


def test_that_the_pointer_tells_frequency_and_power(viewer, qtbot):
    strip = viewer.spectrogram
    y = round(strip.y_of(440))
    QTest.mouseMove(strip, QPoint(500, y))
    share = 1 - y / strip.height()
    assert strip.hz_at(share) == pytest.approx(440, abs=40)
    qtbot.waitUntil(lambda: strip.db_at(strip.sample_at(500), share) is not None)  # tiles are made on a thread
    assert strip.db_at(strip.sample_at(500), share) == pytest.approx(-6, abs=3)
    assert strip.db_at(strip.sample_at(500), 0.9) < -60


def test_that_arrow_keys_move_by_a_pixel_and_with_alt_by_a_sample(viewer):
    viewer.scene.place(8000)
    QTest.keyClick(viewer.waveform, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert viewer.scene.cursor == 8001
    QTest.keyClick(viewer.waveform, Qt.Key.Key_Left)
    assert viewer.scene.cursor < 8000


def test_that_a_boundary_is_dragged_with_its_neighbour_and_undone(viewer):
    strip = viewer.tiers
    x = round(strip.x_of(1.0))
    told = []
    viewer.edited.connect(lambda: told.append(1))
    drag(strip, QPoint(x, 10), QPoint(x + 80, 10))
    one, two = strip.doc.tiers[0].segments
    assert one.end_s == two.start_s == pytest.approx(strip.sample_at(x + 80) / RATE)
    assert told and strip.document.stack.count() == 1
    viewer.undo.trigger()
    assert strip.doc.tiers[0].segments[0].end_s == 1.0


def test_that_a_text_is_edited_in_its_place(viewer):
    strip = viewer.tiers
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(round(strip.x_of(0.7)), 10))
    assert viewer.scene.selection == (RATE // 2, RATE)
    viewer.acts["text"].trigger()
    strip._editor.setText("won")
    QTest.keyClick(strip._editor, Qt.Key.Key_Return)
    assert strip.doc.tiers[0].segments[0].text == "won"
    assert not strip._editor.isVisible()


def test_that_a_first_segment_makes_a_tier(viewer):
    viewer.show_sound(sine(1.0))
    assert not viewer.tier_area.isVisible()
    viewer.scene.select(1000, 5000)
    viewer.acts["insert"].trigger()
    assert viewer.tiers.doc.tiers[0].segments == [Segment(1000 / RATE, 5000 / RATE)]
    assert viewer.tier_area.isVisible()


def test_that_the_selection_is_played_and_the_cursor_goes_along(qtbot, viewer, card):
    qtbot.waitUntil(viewer.acts["play"].isEnabled)
    viewer.scene.select(4000, 8000)
    viewer.scene.place(4000)
    viewer.acts["play"].trigger()
    qtbot.waitUntil(lambda: viewer.player.session.output is not None and viewer.player.session.ended)
    card.pull(1000)
    card.now_s += 500 / RATE
    viewer.player.tick()
    assert viewer.scene.cursor == 4500
    viewer.acts["play"].trigger()
    assert not viewer.player.playing


def test_that_without_a_sound_card_all_but_playing_works(qtbot):
    viewer = SoundViewer(Away(), make_output=Card().make, hears=lambda: "There is no sound output on this machine.")
    qtbot.addWidget(viewer)
    viewer.show_sound(sine(1.0))
    viewer.show()
    qtbot.waitUntil(viewer.silence.isVisible)
    assert not viewer.acts["play"].isEnabled()
    assert viewer.acts["in"].isEnabled()


def test_that_an_axis_of_another_kind_asks_for_other_tiles(qtbot, viewer):
    viewer.controls.axis.setCurrentText("mel")
    assert viewer.scene.settings.scale == "mel"
    qtbot.waitUntil(lambda: viewer.store.peek(viewer.scene.settings, viewer.spectrogram._level(), 0) is not None)


def test_that_fields_without_room_are_left_out_rather_than_cut(viewer):
    viewer.resize(560, 420)
    QApplication.processEvents()
    shown = [field for _, field, _ in viewer.controls._pairs if field.isVisible()]
    assert shown[0] is viewer.controls.axis and 1 < len(shown) < 8
    assert all(field.geometry().right() <= viewer.controls.width() for field in shown)
    viewer.resize(1300, 600)
    QApplication.processEvents()
    assert all(field.isVisible() for _, field, _ in viewer.controls._pairs)
    assert not viewer.controls.more.isVisible()


def test_that_a_button_opens_the_fields_without_room_and_they_work_and_come_back(qtbot, viewer):
    viewer.resize(560, 420)
    QApplication.processEvents()
    controls = viewer.controls
    assert controls.more.isVisible() and not controls.hop.isVisible()
    qtbot.mouseClick(controls.more, Qt.MouseButton.LeftButton)
    panel = controls.hop.parentWidget()
    assert panel is not controls and controls.hop.isVisible()
    assert all(one.geometry().right() <= panel.width() for one in (controls.shape, controls.hop))
    controls.shape.setCurrentText("gaussian")
    assert viewer.scene.settings.window == "gaussian"
    panel.close()
    QApplication.processEvents()
    assert controls.hop.parentWidget() is controls and not controls.hop.isVisible()
    viewer.resize(1300, 600)
    QApplication.processEvents()
    shown = [field for _, field, _ in controls._pairs]
    assert [one.x() for one in shown] == sorted(one.x() for one in shown)
    assert all(one.isVisible() for one in shown)


@pytest.mark.parametrize("kind", ["audio", "tiers"])
def test_that_a_run_shows_its_sound_with_tiers(qtbot, tmp_path, kind):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sine(1.5, channels=2).samples.tobytes())
    (tmp_path / "a.json").write_text(json.dumps({"tiers": [{"name": "w", "segments": [
        {"start_s": 0.1, "end_s": 0.4, "text": "hello"}]}]}))  # fmt: skip
    paths = {"audio": ("a.wav", {"tiers": "a.json"}), "tiers": ("a.json", {"audio": "a.wav"})}[kind]
    view = make_view(kind)
    qtbot.addWidget(view)
    view.resize(700, 500)
    view.show()
    view.show_artifact(tmp_path, ev.Artifact(slot="s", kind=kind, path=paths[0], parts=paths[1]))
    qtbot.waitUntil(lambda: view.viewer.scene.samples == 1.5 * RATE)
    assert "stereo" in view.caption
    assert view.viewer.scene.sound.samples.shape == (24_000, 2)
    assert next(iter(view.rows()[1]))[3] == "hello"


def test_that_a_damaged_sound_of_a_run_is_told(qtbot, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF....")
    view = make_view("audio")
    qtbot.addWidget(view)
    view.show_artifact(tmp_path, ev.Artifact(slot="s", kind="audio", path="a.wav"))
    assert view.problem is not None
    assert np.isfinite(view.viewer.scene.duration_s)


def test_that_many_tiers_scroll_and_their_times_stay_below_those_of_the_waveform(viewer, qtbot):
    viewer.resize(900, 700)
    viewer.show_tiers(TiersDoc([Tier(f"tier {at}", "segments", [Segment(0.5, 1.0, "a")]) for at in range(12)]))
    qtbot.waitUntil(lambda: viewer.tier_area.verticalScrollBar().isVisible())
    assert viewer.tiers.width() < viewer.waveform.width()
    assert [viewer.tiers.x_of(at_s) for at_s in (0, 0.5, 1.9)] == [viewer.waveform.x_of(at_s) for at_s in (0, 0.5, 1.9)]
    tall = viewer.tier_area.height()
    viewer.resize(900, 420)
    assert viewer.tier_area.height() < tall  # the sound itself keeps the most of the height
