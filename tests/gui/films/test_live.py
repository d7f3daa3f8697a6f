"""Live pictures: a looped file, the bounded ring, a camera that goes away."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage

from tests.engine.video.films import film
from workbench.core.problem import KnownTrouble, ProblemRecord
from workbench.gui.films import camera
from workbench.gui.films.live import KeptReader, LoopedFile, Ring
from workbench.gui.films.sources import picture_of

WITHIN_MS = 30_000


def plain(shade: int, wide: int = 32, high: int = 24) -> QImage:
    image = QImage(wide, high, QImage.Format.Format_RGB888)
    image.fill(Qt.GlobalColor.black if not shade else Qt.GlobalColor.white)
    return image


class Device(QObject):
    """A camera that the test speaks for."""

    arrived = Signal(object, float)
    ended = Signal(object)
    name = "test camera"
    running = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False


@pytest.fixture
def page(qtbot, open_window):
    page = open_window().open_page("films")
    yield page
    page.closed()


def test_that_a_ring_keeps_the_last_seconds_and_no_more_bytes_than_it_may():
    ring = Ring(seconds=3.0)
    for second in range(10):
        ring.put(plain(second % 2), float(second))
        assert ring.settle()
    kept = ring.pictures()
    assert [one.time_s for one in kept] == [6.0, 7.0, 8.0, 9.0]
    assert ring.bytes == sum(len(one.data) for one in kept)
    ring.close()
    assert ring.join()
    small = Ring(most_bytes=2 * len(kept[0].data) + 10)
    for second in range(6):
        small.put(plain(0), second / 30)
        assert small.settle()
    assert 1 <= len(small.pictures()) <= 2
    small.close()
    assert small.join()


def test_that_what_was_kept_is_a_film_with_its_own_times():
    ring = Ring()
    for at, time_s in enumerate((2.0, 2.1, 2.1, 2.5)):
        ring.put(plain(at % 2), time_s)
        assert ring.settle()
    ring.close()
    reader = KeptReader(ring.pictures())
    assert reader.facts.frames == 4 and reader.facts.width == 32
    assert [round(reader.index.time_s(at), 3) for at in range(4)] == [0.0, 0.1, 0.1, 0.5]
    assert len(set(reader.index.times)) == 4
    for at in (3, 0, 2, 1):
        reader.ask(reader.index.times[at], width=16, height=12)
        told, pixels = reader.take()
        assert told.time == reader.index.times[at] and len(pixels) == 16 * 12 * 3
        assert abs(pixels[0] - 255 * (at % 2)) < 8
    assert picture_of((told, pixels)).image.width() == 16


def test_that_a_file_stands_in_for_a_camera_again_and_again(tmp_path: Path, qtbot):
    source = LoopedFile(film(tmp_path / "short.mp4", frames=4, rate=50))
    times: list[float] = []
    source.arrived.connect(lambda image, time_s: times.append(time_s))
    source.start()
    qtbot.waitUntil(lambda: source.rounds >= 2 and len(times) >= 3, timeout=WITHIN_MS)
    source.stop()
    assert source.join() and times == sorted(times)


def test_that_a_file_that_cannot_be_read_ends_the_view_with_a_word(tmp_path: Path, qtbot):
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"nothing" * 99)
    source = LoopedFile(path)
    told: list[ProblemRecord] = []
    source.ended.connect(told.append)
    source.start()
    qtbot.waitUntil(lambda: bool(told), timeout=WITHIN_MS)
    assert told[0].place == "broken.mp4" and source.join()


def test_that_an_unplugged_camera_is_told_and_its_last_pictures_are_a_film(page, qtbot):
    page.show_camera()
    device = Device()
    page.live.start(device)
    seen: list[float] = []
    page.live.arrived.connect(lambda image, time_s: seen.append(time_s))
    for at in range(5):
        device.arrived.emit(plain(at % 2, 64, 48), at / 10)
        assert page.live.ring.settle()
    assert seen == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert page.live.canvas.image.width() == 64 and "10 pictures/s" in page.live.readout.whole
    device.ended.emit(ProblemRecord("The camera has gone away.", fix="Plug it in and start it again."))
    assert not device.running and not page.live.running
    # What is still on its way from a device that is gone is not shown.
    device.arrived.emit(plain(1), 9.0)
    assert seen[-1] == 0.4
    assert page.banner.record is not None and "gone away" in page.banner.record.what
    assert page.viewing and page.viewer.scene.frames == 5
    assert "Export" in page.recognising.panel.told.text()  # why nothing can be recognised in it
    assert page.recent == []
    page.viewer.go(3)
    qtbot.waitUntil(lambda: page.viewer.player.on_screen == 3, timeout=WITHIN_MS)


def test_that_the_buttons_of_a_camera_do_not_lie_over_each_other(page, qtbot):
    page.show_camera()
    live = page.live
    shown = (live.camera, live.begin, live.file, live.stop, live.leave)
    page.recognising.toggle()
    for wide, rows in ((1366, 1), (880, 2), (1366, 1)):
        page.window().resize(wide, 700)
        qtbot.waitUntil(lambda rows=rows: len({one.y() for one in (live.file, live.stop)}) == rows)
        places = [one.geometry() for one in shown]
        assert not any(a.intersects(b) for at, a in enumerate(places) for b in places[:at]), places
        assert all(one.right() <= live.width() and one.width() >= 60 for one in places)


def test_that_a_source_that_stands_still_or_changes_its_size_is_told_and_goes_on(page, qtbot, monkeypatch):
    monkeypatch.setattr(camera, "multimedia", lambda: Multimedia)
    monkeypatch.setattr(Multimedia, "plugged", [])
    page.show_camera()
    qtbot.waitUntil(lambda: "No camera found" in page.live.canvas.hint, timeout=WITHIN_MS)
    assert "Loop a video" in page.live.canvas.hint and not page.live.begin.isEnabled() and page.live.file.isEnabled()
    now_s = 7.0
    page.live._clock = lambda: now_s
    device = Device()
    page.live.start(device)
    now_s += 4.0
    page.live.look()
    assert "no picture for 4 s" in page.live.canvas.hint and page.live.running
    device.arrived.emit(plain(1, 64, 48), 4.0)
    page.live.look()
    assert "pictures/s" in page.live.readout.whole
    now_s += 5.0
    page.live.look()
    assert "no picture for 5 s" in page.live.readout.whole and page.live.running
    device.arrived.emit(plain(1, 48, 64), 9.0)
    assert "48 × 64" in page.live.readout.whole and page.live.canvas.frame_size == QSize(48, 64)
    assert page.live.ring.settle()
    page.live.stop.click()
    # As a film both have one size: the second picture stands upright in the middle of a black one.
    assert page.viewing and page.viewer.scene.frames == 2
    page.viewer.go(1)
    qtbot.waitUntil(lambda: page.viewer.player.on_screen == 1, timeout=WITHIN_MS)
    image = page.viewer.canvas.image
    assert image.size() == QSize(64, 48)
    assert image.pixelColor(32, 24).lightness() > 200 and image.pixelColor(3, 24).lightness() < 50


def test_that_leaving_keeps_nothing_and_goes_back(page):
    page.show_camera()
    device = Device()
    page.live.start(device)
    device.arrived.emit(plain(1), 0.0)
    page.live.leave.click()
    assert not device.running and page.live.ring is None and not page.viewing
    assert page.places.currentWidget() is page.start


class Connected(QObject):
    """What Qt Multimedia's parts have in common here."""

    def __init__(self, *parts: object) -> None:
        super().__init__()
        self.parts = parts


class Multimedia:
    """Qt Multimedia as far as a camera needs it, with one device that may be pulled out."""

    plugged: ClassVar = [SimpleNamespace(id=lambda: b"1", description=lambda: "front camera")]

    class QMediaDevices(Connected):
        videoInputsChanged = Signal()  # noqa: N815 (Qt's name)

        @staticmethod
        def videoInputs():
            return list(Multimedia.plugged)

        @staticmethod
        def defaultVideoInput():
            return SimpleNamespace(id=lambda: b"1")

    class QCamera(Connected):
        errorOccurred = Signal(object, str)  # noqa: N815
        active = False

        def start(self) -> None:
            self.active = True

        def stop(self) -> None:
            self.active = False

    class QVideoSink(Connected):
        videoFrameChanged = Signal(object)  # noqa: N815

    class QMediaCaptureSession(Connected):
        def setCamera(self, _camera) -> None: ...

        def setVideoSink(self, _sink) -> None: ...


def test_that_a_camera_gives_pictures_until_it_is_pulled_out(qtbot, monkeypatch):
    monkeypatch.setattr(camera, "multimedia", lambda: Multimedia)
    monkeypatch.setattr(Multimedia, "plugged", list(Multimedia.plugged))
    assert camera.cameras() == ["front camera"]
    with pytest.raises(KnownTrouble, match="not there"):
        camera.Camera("another")
    source = camera.Camera("front camera")
    seen: list[QImage] = []
    told: list[ProblemRecord] = []
    source.arrived.connect(lambda image, _: seen.append(image))
    source.ended.connect(told.append)
    source.start()
    assert source._camera.active
    source._sink.videoFrameChanged.emit(SimpleNamespace(toImage=lambda: plain(1)))
    source._sink.videoFrameChanged.emit(SimpleNamespace(toImage=QImage))  # a frame that cannot be read
    source._sink.videoFrameChanged.emit(SimpleNamespace(toImage=lambda: plain(1, 2560, 1440)))
    assert [one.width() for one in seen] == [32, 1280]
    source._devices.videoInputsChanged.emit()  # another one came or went
    assert not told
    Multimedia.plugged.clear()
    source._devices.videoInputsChanged.emit()
    source._camera.errorOccurred.emit(None, "no device")
    assert len(told) == 1 and "unplugged" in told[0].received and not source._camera.active
    source._sink.videoFrameChanged.emit(SimpleNamespace(toImage=lambda: plain(1)))
    assert len(seen) == 2


def test_that_without_qt_multimedia_cameras_are_said_to_be_lacking(page, qtbot, monkeypatch):
    monkeypatch.setitem(sys.modules, "PySide6.QtMultimedia", None)
    with pytest.raises(KnownTrouble, match="Qt Multimedia"):
        camera.cameras()
    page.show_camera()
    qtbot.waitUntil(lambda: "not installed" in page.live.canvas.hint, timeout=WITHIN_MS)
    assert not page.live.begin.isEnabled() and page.live.file.isEnabled()


def test_that_a_camera_that_goes_before_its_first_picture_is_told_and_starts_again_when_it_is_back(page, monkeypatch):
    monkeypatch.setattr(camera, "multimedia", lambda: Multimedia)
    monkeypatch.setattr(Multimedia, "plugged", list(Multimedia.plugged))
    page.show_camera()
    page.live.start_camera("front camera")
    first = page.live.source
    assert page.live.running and "Waiting for front camera" in page.live.canvas.hint
    Multimedia.plugged, kept = [], Multimedia.plugged
    first._devices.videoInputsChanged.emit()
    assert not page.live.running and not first._camera.active and not page.viewing
    assert "gone away" in page.banner.record.what and page.banner.record.place == "front camera"
    page.show_camera()
    page.live.start_camera("front camera")  # it is not back yet
    assert "not there" in page.banner.record.what and not page.live.running
    Multimedia.plugged = kept
    page.live.start_camera("front camera")
    second = page.live.source
    assert second is not first and second._camera.active
    second._sink.videoFrameChanged.emit(SimpleNamespace(toImage=lambda: plain(1)))
    assert page.live.ring.settle()
    second._camera.errorOccurred.emit(None, "")  # without a word of why
    assert "no more pictures" in page.banner.record.received
    assert page.viewing and page.viewer.scene.frames == 1  # what was seen is kept as a film
