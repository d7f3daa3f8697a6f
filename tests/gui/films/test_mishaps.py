"""What goes wrong on the page of videos while something is under way, and what is left whole by it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from tests.engine.video.films import changing, decoded, film
from workbench.core.problem import KnownTrouble
from workbench.core.recognising import RecogniserFacts
from workbench.gui.films import exporting as export_module
from workbench.gui.films import opening
from workbench.gui.films.live import LoopedFile

WITHIN_MS = 30_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films of 48 frames, and one whose pictures become smaller half-way."""
    root = tmp_path_factory.mktemp("films")
    film(root / "clip.mp4", frames=48)
    film(root / "other.mp4", frames=48, width=64, height=96)
    changing(root / "shrinks.ts", [(96, 64), (64, 48)])
    return root


@pytest.fixture
def page(qtbot, open_window):
    page = open_window().open_page("films")
    yield page
    page.closed()
    assert page.opening.join() and page.deeds.exporting.join() and page.deeds.taking.join()


def open_and_wait(qtbot, page, path: Path) -> None:
    page.open_paths([str(path)])
    qtbot.waitUntil(
        lambda: page.path == str(path) and page.index_complete
        and page.viewer.player.on_screen == page.viewer.scene.frame,
        timeout=WITHIN_MS,
    )  # fmt: skip


def decoders() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "avframes.py" in " ".join(one.cmdline())]


def test_that_a_film_goes_on_after_its_decoder_was_killed(page, folder, qtbot):
    open_and_wait(qtbot, page, folder / "clip.mp4")
    page.viewer.player.set_loop(True)
    page.viewer.player.play(1.0)
    qtbot.waitUntil(lambda: page.viewer.scene.frame > 2, timeout=WITHIN_MS)
    for one in decoders():
        one.send_signal(signal.SIGKILL)
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert "decoder" in page.banner.record.what and not page.viewer.player.playing
    page.viewer.go(30)
    qtbot.waitUntil(lambda: page.viewer.player.on_screen == 30, timeout=WITHIN_MS)
    seen: list[int] = []
    page.viewer.player.shown.connect(lambda frame, _: seen.append(frame))
    page.viewer.player.play(1.0)
    qtbot.waitUntil(lambda: len(set(seen)) > 3, timeout=WITHIN_MS)


def test_that_small_pictures_go_on_once_after_their_decoder_was_killed_and_say_so(page, folder, qtbot):
    open_and_wait(qtbot, page, folder / "clip.mp4")
    strip = page.viewer.thumbnails
    qtbot.waitUntil(lambda: not strip.waiting, timeout=WITHIN_MS)

    def kill() -> None:
        (theirs,) = [one for one in decoders() if "yields" in one.cmdline()]
        theirs.send_signal(signal.SIGKILL)
        theirs.wait(10)
        strip._kept.clear()
        strip.ask()

    kill()
    qtbot.waitUntil(lambda: not strip.waiting, timeout=WITHIN_MS)
    assert page.banner.record is None and "Another one goes on" in page.banner._what.text()
    page.viewer.go(30)  # the film's own decoder lives
    qtbot.waitUntil(lambda: page.viewer.player.on_screen == 30, timeout=WITHIN_MS)
    kill()
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert "small pictures" in page.banner.record.what and page.banner.record.severity == "known"
    # Nothing comes any more, so nothing is waited for.
    assert not strip.waiting and not strip._kept and not [one for one in decoders() if "yields" in one.cmdline()]


def test_that_a_film_that_was_closed_while_it_came_does_not_come_back(page, folder, qtbot):
    told = threading.Event()
    first = page.opening._first

    def then_told(*given):
        first(*given)
        told.set()

    page.opening._first = then_told
    page.open_film(str(folder / "clip.mp4"))
    assert told.wait(30)  # its word is on the way to this thread
    page.show_camera()
    qtbot.wait(50)
    assert page.places.currentWidget() is page.live and page.path == ""
    qtbot.waitUntil(lambda: not decoders(), timeout=WITHIN_MS)


def test_that_a_frame_is_taken_while_a_stretch_is_written_and_a_second_one_waits(page, folder, qtbot, monkeypatch):
    open_and_wait(qtbot, page, folder / "clip.mp4")
    gate = threading.Event()
    write = export_module._write

    def slow(*given):
        assert gate.wait(30)
        write(*given)

    monkeypatch.setattr(export_module, "_write", slow)
    deeds, out = page.deeds, folder / "part.mp4"
    deeds.exporting.write(deeds.film, out, (0, 9))
    deeds.copy_frame()
    qtbot.waitUntil(lambda: "on the clipboard" in page.banner._what.text(), timeout=WITHIN_MS)
    deeds.export()
    assert "still under way" in page.banner._what.text() and page.findChild(QFileDialog) is None
    gate.set()
    qtbot.waitUntil(lambda: "10 frames were written" in page.banner._what.text(), timeout=WITHIN_MS)
    assert len(decoded(out)) == 10


def test_that_nothing_is_left_of_a_file_that_was_being_written_when_the_window_closes(page, folder, qtbot, tmp_path):
    open_and_wait(qtbot, page, folder / "clip.mp4")
    reached = threading.Event()
    reach = page.deeds.exporting._reach

    def slowly(*given):
        reached.set()
        threading.Event().wait(0.05)
        reach(*given)

    page.deeds.exporting._reach = slowly
    out = tmp_path / "out"
    out.mkdir()
    page.deeds.exporting.write(page.deeds.film, out / "long.mp4", None)
    assert reached.wait(30)
    page.closed()
    assert list(out.iterdir()) == []


def test_that_a_film_is_not_written_over_itself_and_no_file_unasked(page, folder, qtbot, tmp_path):
    path = film(tmp_path / "own.mp4", frames=4)
    before = path.read_bytes()
    open_and_wait(qtbot, page, path)
    page.deeds.exporting.write(page.deeds.film, path, None)
    assert "over itself" in page.banner.record.what and path.read_bytes() == before
    other = tmp_path / "own.v2.mkv"
    other.write_text("dear to somebody")
    page.deeds.export()
    dialog = page.findChild(QFileDialog)
    assert dialog.defaultSuffix() == "mp4"
    (matroska,) = (one for one in dialog.nameFilters() if "*.mkv" in one)
    dialog.selectNameFilter(matroska)
    dialog.filterSelected.emit(matroska)
    assert dialog.defaultSuffix() == "mkv"
    dialog.fileSelected.emit(str(tmp_path / "own.v2"))
    assert "of this name already" in page.banner.record.what
    assert page.deeds.exporting.join() and other.read_text() == "dear to somebody"
    dialog.reject()


def test_that_a_film_whose_pictures_change_their_size_is_written_whole(page, folder, qtbot, tmp_path):
    open_and_wait(qtbot, page, folder / "shrinks.ts")
    frames, out = page.viewer.scene.frames, tmp_path / "even.mp4"
    assert frames == 24
    page.deeds.exporting.write(page.deeds.film, out, None)
    qtbot.waitUntil(lambda: "frames were written" in page.banner._what.text(), timeout=WITHIN_MS)
    written = decoded(out)
    assert len(written) == frames and {one.shape for _, one in written} == {(64, 96, 3)}


def test_that_a_hit_in_a_film_that_is_not_open_yet_is_seen_at_its_moment(page, folder, qtbot):
    open_and_wait(qtbot, page, folder / "clip.mp4")
    page.finding.open_hit(str(folder / "other.mp4"), 1.2)
    qtbot.waitUntil(lambda: page.path == str(folder / "other.mp4") and page.viewer.player.on_screen == 30,
                    timeout=WITHIN_MS)  # fmt: skip
    page.finding.open_hit(str(folder / "gone.mp4"), 1.2)
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    open_and_wait(qtbot, page, folder / "clip.mp4")
    assert page.finding._go is None and page.viewer.scene.frame == 0


def test_that_where_it_looks_keeps_silent_while_the_classes_are_written_anew(page, folder, qtbot):
    open_and_wait(qtbot, page, folder / "clip.mp4")
    work = page.recognising
    work.panel.show()
    work.panel.show_models([RecogniserFacts("/m", "m", "image-language")], "/m")
    work.acts["recognise-look"].setChecked(True)
    work.panel.classes.setPlainText("")
    page.viewer.canvas.setFocus()
    work._ask_look()
    assert page.banner.record is None and not work.panel.classes.hasFocus()


# Live


class Device(QObject):
    """A camera whose pictures the test gives."""

    arrived = Signal(object, float)
    ended = Signal(object)
    name = "test camera"

    def start(self) -> None:
        """Nothing comes by itself."""

    def stop(self) -> None:
        """Nothing is held."""


def live(page) -> Device:
    page.show_camera()
    device = Device()
    page.live.start(device)
    page.recognising.live.start(RecogniserFacts("/m", "m", "image-language"), ("a", "b"), 1.0)
    return device


def picture() -> QImage:
    image = QImage(64, 48, QImage.Format.Format_RGB32)
    image.fill(0)
    return image


def test_that_recognising_live_ends_with_a_word_where_the_model_cannot_answer(page, scripted, qtbot):
    scripted.answers["video-live"] = KnownTrouble("The model is gone.")
    device = live(page)
    device.arrived.emit(picture(), 0.0)
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert not page.recognising.live.running and page.live.running
    assert page.recognising.panel.bar.isHidden()


def test_that_recognising_live_ends_with_a_word_where_pictures_cannot_be_kept(page, scripted, home):
    (home.cache / "live").parent.mkdir(parents=True, exist_ok=True)
    (home.cache / "live").write_text("a file where a folder should be")
    device = live(page)
    device.arrived.emit(picture(), 0.0)
    assert "no room" in page.banner.record.what and not page.recognising.live.running


def test_that_two_windows_on_one_home_do_not_share_a_camera_s_pictures(page, scripted, home, qtbot):
    root = home.cache / "live"
    for name in (f"{os.getppid()}-0", "999999999-0"):
        (root / name).mkdir(parents=True)
    scripted.answers["video-live"] = KnownTrouble("Never mind.")
    device = live(page)
    device.arrived.emit(picture(), 0.0)
    (own,) = (one.name for one in root.iterdir() if one.name.startswith(f"{os.getpid()}-"))
    assert {one.name for one in root.iterdir()} == {own, f"{os.getppid()}-0"}
    qtbot.waitUntil(lambda: not page.recognising.live.running, timeout=WITHIN_MS)


def test_that_a_film_that_loops_live_lets_its_decoder_go_with_the_window(page, folder, qtbot):
    page.show_camera()
    source = LoopedFile(folder / "clip.mp4", page.live)
    page.live.start(source)
    qtbot.waitUntil(lambda: page.live.canvas.image.width() == 96, timeout=WITHIN_MS)
    page.closed()
    assert source.join()
    qtbot.waitUntil(lambda: not decoders(), timeout=WITHIN_MS)


def test_that_of_films_that_are_passed_by_quickly_only_the_last_is_read(page, folder, qtbot, monkeypatch):
    begun: list[str] = []
    start = page.opening._start

    def noted(work, name):
        begun.append(name)
        start(work, name)

    monkeypatch.setattr(page.opening, "_start", noted)
    for name in ("clip.mp4", *["other.mp4", "clip.mp4"] * 10, "other.mp4"):
        page.open_film(str(folder / name))
    qtbot.waitUntil(lambda: page.path == str(folder / "other.mp4") and page.index_complete, timeout=WITHIN_MS)
    assert begun == ["opener of a film", "index of a film"] * 2
    page.open_film(str(folder / "clip.mp4"))
    page.open_film(str(folder / "other.mp4"))
    page.close_films()
    qtbot.wait(opening.QUICK_MS + 50)
    assert page.path == "" and page.working.isHidden()
