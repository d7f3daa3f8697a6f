"""The small copy of a film at work: the right frame at once, the exact one after it; made only while nobody works."""

from __future__ import annotations

import collections
import contextlib
import shutil
import threading
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QImage

from tests.engine.video.films import film
from tests.gui.films.fakes import HIGH, WIDE, Source, facts_of, index_of
from workbench.core import filmcopier
from workbench.core.problem import KnownTrouble
from workbench.gui.films import copying
from workbench.gui.films.live import packed
from workbench.gui.films.scene import FilmScene
from workbench.gui.films.thumbs import Thumbnails
from workbench.gui.films.viewer import PREVIEW, FilmViewer
from workbench.store import filmcopies

WITHIN_MS = 60_000
FAR = 2 * 96 * 64


class Copy:
    """A copy of all frames but the first ten, without a disk."""

    def __init__(self, index, lacks: int = -1) -> None:
        self.index, self.lacks = index, lacks
        self.read: list[int] = []

    def covers(self, frame: int) -> bool:
        return frame >= 10

    def picture(self, frame: int) -> bytes | None:
        self.read.append(frame)
        image = QImage(4, 2, QImage.Format.Format_RGB888)
        image.fill(frame)
        return None if frame == self.lacks else packed(image)


@pytest.fixture
def viewer(qtbot):
    """A viewer of 100 frames, whose decoder waits for the test."""
    viewer, index = FilmViewer(), index_of(100)
    qtbot.addWidget(viewer)
    viewer.gate = threading.Semaphore(0)
    viewer.source = Source(index, gate=viewer.gate)
    viewer.show_film("a film", lambda yields: Source(index) if yields else viewer.source, facts_of(), index)
    viewer.gate.release()
    qtbot.waitUntil(lambda: viewer.player.on_screen == 0, timeout=WITHIN_MS)
    viewer.copy = Copy(index, lacks=70)
    viewer.player.use_copy(viewer.copy)
    viewer.seen = []
    viewer.player.shown.connect(lambda frame, _: viewer.seen.append(("exact", frame)))
    viewer.player.stood_in.connect(lambda frame, _: viewer.seen.append(("preview", frame)))
    yield viewer
    reader = viewer.player.reader
    viewer.gate.release(1000)
    viewer.clear()
    assert reader.join()


def test_that_a_preview_is_marked_until_the_frame_itself_is_there(viewer, qtbot):
    player, canvas = viewer.player, viewer.canvas
    player.go(57)
    qtbot.waitUntil(lambda: viewer.seen == [("preview", 57)], timeout=WITHIN_MS)
    assert canvas.words == PREVIEW and canvas.image.size() == QSize(4, 2) and player.on_screen == 0
    viewer.gate.release()
    qtbot.waitUntil(lambda: viewer.seen[-1] == ("exact", 57), timeout=WITHIN_MS)
    assert canvas.words == "" and canvas.image.size() == QSize(8, 4) and player.standing_in == -1
    # Steps, and frames that are at hand or near a key frame, are waited for: no preview comes between.
    for do, frame in ((lambda: player.step(1), 58), (lambda: player.go(60), 60), (lambda: player.go(3), 3)):
        do()
        viewer.gate.release()
        qtbot.waitUntil(lambda frame=frame: player.on_screen == frame, timeout=WITHIN_MS)
    assert [kind for kind, _ in viewer.seen] == ["preview", "exact", "exact", "exact", "exact"]
    assert viewer.copy.read == [57]


def test_that_a_drag_shows_previews_and_decodes_where_it_rests(viewer, qtbot):
    player = viewer.player
    player.go(30)
    qtbot.waitUntil(lambda: viewer.source.asked[-1] == 30, timeout=WITHIN_MS)
    for frame in (40, 50, 60, 99):
        player.go(frame)
        qtbot.waitUntil(lambda frame=frame: player.standing_in == frame, timeout=WITHIN_MS)
    viewer.gate.release()  # the frame that was wished first: what is on screen is newer
    viewer.gate.release(10)
    qtbot.waitUntil(lambda: player.on_screen == 99, timeout=WITHIN_MS)
    assert ("exact", 30) not in viewer.seen and viewer.seen[-1] == ("exact", 99)


def test_that_a_frame_whose_preview_is_gone_is_waited_for(viewer, qtbot):
    player = viewer.player
    player.go(50)
    player.go(70)  # as in a drag: this one would be decoded only when it rests
    qtbot.waitUntil(lambda: 70 in viewer.copy.read, timeout=WITHIN_MS)
    viewer.gate.release(10)
    qtbot.waitUntil(lambda: player.on_screen == 70, timeout=WITHIN_MS)
    assert ("preview", 70) not in viewer.seen


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 frames, key frames every 24, of which those from the fourth on are far."""
    return film(tmp_path_factory.mktemp("films") / "clip.mp4", frames=48, group=24)


@pytest.fixture
def page(qtbot, open_window, monkeypatch):
    monkeypatch.setattr(filmcopies, "FAR_PIXELS", FAR)
    monkeypatch.setattr(filmcopies, "PART_FRAMES", 11)
    monkeypatch.setattr(filmcopier, "OPTIONS", ())  # beside other tests it would wait for them
    monkeypatch.setattr(Thumbnails, "waiting", False)
    monkeypatch.setattr(copying, "IDLE_S", 0.0)
    monkeypatch.setattr(copying, "LOOK_MS", 20)
    page = open_window().open_page("films")
    yield page
    small = page.viewer.thumbnails.reader
    page.closed()
    assert page.opening.join() and small.join(60.0) and not copiers()


def copiers() -> list[psutil.Process]:
    found = []
    for one in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it has ended
            found += [one] if "avcopy.py" in " ".join(one.cmdline()) else []
    return found


def parts(page) -> list[Path]:
    folder = page.link.home.cache / filmcopies.FOLDER
    return sorted(folder.iterdir()) if folder.exists() else []


def open_and_wait(qtbot, page, path: Path) -> None:
    page.open_paths([str(path)])
    qtbot.waitUntil(lambda: page.path == str(path) and page.index_complete and not page.copying.going_on,
                    timeout=WITHIN_MS)  # fmt: skip


def test_that_a_copy_is_made_used_gone_on_with_and_switched_off(page, clip, qtbot, tmp_path):
    path = Path(shutil.copy(clip, tmp_path / "film.mp4"))
    open_and_wait(qtbot, page, path)
    copy = page.copying.copy
    assert len(parts(page)) == len(copy.parts) == copy.made == 4
    assert dict(page.deeds.panel.rows)["Preview copy"].startswith("4 of 4 parts")
    seen: list[int] = []
    page.viewer.player.stood_in.connect(lambda frame, _: seen.append(frame))
    page.viewer.go(40)
    qtbot.waitUntil(lambda: page.viewer.player.on_screen == 40, timeout=WITHIN_MS)
    # A part that is damaged costs its preview only, and is made anew with the next opening, under another name as well.
    damaged = copy.path_of(copy.part_of(44))
    damaged.write_bytes(damaged.read_bytes()[:-40])
    page.viewer.go(0)
    qtbot.waitUntil(lambda: page.viewer.player.on_screen == 0, timeout=WITHIN_MS)
    page.viewer.go(44)
    qtbot.waitUntil(lambda: page.viewer.player.on_screen == 44 and not damaged.exists(), timeout=WITHIN_MS)
    assert 44 not in seen
    kept = {one: one.stat().st_mtime_ns for one in parts(page)}
    assert len(kept) == 3
    other = path.rename(tmp_path / "renamed.mp4")
    open_and_wait(qtbot, page, other)
    assert len(parts(page)) == 4 and all(one.stat().st_mtime_ns == kept.get(one, one.stat().st_mtime_ns)
                                         for one in parts(page))  # fmt: skip
    page.link.change_settings(film_copies=0.0)
    assert page.copying.copy is None and "Settings" in dict(page.deeds.panel.rows)["Preview copy"]
    assert page.viewer.player._stand_ins is None
    qtbot.waitUntil(lambda: not parts(page), timeout=WITHIN_MS)
    page.link.change_settings(film_copies=4.0)
    qtbot.waitUntil(lambda: page.copying.copy is not None and not page.copying.going_on, timeout=WITHIN_MS)
    assert page.copying.copy.made == 4


def test_that_no_part_is_made_while_somebody_plays_or_the_disk_is_full(page, clip, qtbot, monkeypatch):
    monkeypatch.setattr(copying, "IDLE_S", 1e9)
    page.open_paths([str(clip)])
    qtbot.waitUntil(lambda: page.copying.going_on, timeout=WITHIN_MS)
    qtbot.wait(200)
    assert not parts(page) and not copiers() and page.viewer.aside == "preview copy 0 %"
    monkeypatch.setattr(copying, "IDLE_S", 0.0)
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(copying.shutil, "disk_usage", lambda _: usage(100, 99, 1))
    qtbot.waitUntil(lambda: not page.copying.going_on, timeout=WITHIN_MS)
    assert "nearly full" in page.banner._what.text() and not parts(page) and page.viewer.aside == ""
    page.viewer.go(40)
    qtbot.waitUntil(lambda: page.viewer.player.on_screen == 40, timeout=WITHIN_MS)


def test_that_nothing_is_kept_of_a_film_that_was_replaced_under_its_name(page, clip, qtbot, tmp_path, monkeypatch):
    path = Path(shutil.copy(clip, tmp_path / "film.mp4"))
    packing = copying.FilmCopier.pack

    def replaced(self, *args, **told):
        packed = packing(self, *args, **told)
        film(path, frames=48, group=24, width=64, height=96)
        return packed

    monkeypatch.setattr(copying.FilmCopier, "pack", replaced)
    open_and_wait(qtbot, page, path)
    assert "changed since it was opened" in page.banner._what.text()
    assert not parts(page) and page.copying.copy.made == 0


def test_that_a_copier_that_ends_is_told_as_that_and_not_as_a_lack_of_room(page, clip, qtbot, monkeypatch):
    def ended(self, *_args, **_told):
        raise KnownTrouble("The decoder of this video ended.")

    with monkeypatch.context() as broken:
        broken.setattr(copying.FilmCopier, "pack", ended)
        open_and_wait(qtbot, page, clip)
    assert page.banner._what.text().startswith("The preview copy is not gone on with.")
    page.open_film(str(clip))
    qtbot.waitUntil(lambda: page.copying.copy is not None and page.copying.copy.made == 4, timeout=WITHIN_MS)
    qtbot.waitUntil(lambda: not page.copying.going_on, timeout=WITHIN_MS)
    page.copying.copy.drop(0)
    assert "for the rest" in page.copying.words and "room" not in page.copying.words


def test_that_thumbnails_are_not_waited_for_that_cannot_be_decoded(qtbot):
    class Holed(Source):
        def take(self):
            told = super().take()
            return None if told[0].time == 0 else told

    scene, index = FilmScene(), index_of(100)
    scene.show(index)
    strip = Thumbnails(scene)
    qtbot.addWidget(strip)
    strip.resize(600, 52)
    strip.open(lambda _: Holed(index), QSize(WIDE, HIGH))
    assert strip.waiting
    qtbot.waitUntil(lambda: not strip.waiting, timeout=WITHIN_MS)
    assert not strip.grab().isNull()
    reader = strip.reader
    strip.close_film()
    broken = lambda _: Source(index, breaks_at=0)  # noqa: E731
    strip.open(broken, QSize(WIDE, HIGH))
    qtbot.waitUntil(lambda: not strip.waiting, timeout=WITHIN_MS)
    last = strip.reader
    strip.close_film()
    assert reader.join() and last.join()


def test_that_the_room_for_all_copies_is_kept_and_only_a_change_of_it_begins_anew(page, clip, qtbot, monkeypatch):
    folder = page.link.home.cache / filmcopies.FOLDER
    folder.mkdir(parents=True)
    others = [folder / f"other-{filmcopies.VERSION}-{at}.zip" for at in range(10)]
    for one in others:
        one.write_bytes(b"x" * 100_000)
    monkeypatch.setattr(copying, "GB", 1_000_000 / 4)  # the room of 4 GB is that of the others just now
    open_and_wait(qtbot, page, clip)
    copy = page.copying.copy
    assert copy.made == 4 and copy.size_bytes > 30_000 and sum(one.stat().st_size for one in parts(page)) <= 10**6
    page.link.change_settings(theme="light")
    assert page.copying.copy is copy
    page.link.change_settings(film_copies=0.12)  # less than this film has by now
    qtbot.waitUntil(lambda: not page.copying.going_on, timeout=WITHIN_MS)
    assert page.copying.copy is not copy and sum(one.stat().st_size for one in parts(page)) <= 30_000


def test_that_a_part_that_another_window_made_meanwhile_is_not_made_again(page, clip, qtbot, monkeypatch):
    made: list[Path] = []
    packing = copying.FilmCopier.pack

    def beside(self, out, *args, **told):
        packed = packing(self, out, *args, **told)
        made.append(out)
        if len(made) == 1:  # the other window makes all that is left
            copy = page.copying.copy
            for part in range(len(copy.parts)):
                if not copy.path_of(part).exists():
                    shutil.copy(out, copy.path_of(part))
        return packed

    monkeypatch.setattr(copying.FilmCopier, "pack", beside)
    open_and_wait(qtbot, page, clip)
    assert len(made) == 1 and page.copying.copy.made == len(page.copying.copy.parts) == 4
