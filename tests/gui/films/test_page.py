"""The page of videos over real files: opened, stepped, looped, exported; what is wrong with a file is said."""

from __future__ import annotations

import struct
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication, QImage

from tests.engine.video.films import decoded, film, picture
from workbench.core.framepipe import read_index
from workbench.core.video import FrameIndex
from workbench.gui.films import opening
from workbench.gui.films.opening import listed
from workbench.gui.films.page import LEAST_PX

WITHIN_MS = 30_000


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 frames of 40 ms, key frames every 12."""
    return film(tmp_path_factory.mktemp("films") / "clip.mp4", frames=48)


@pytest.fixture
def page(qtbot, open_window):
    page = open_window().open_page("films")
    yield page
    page.closed()
    assert page.opening.join() and page.deeds.exporting.join()


def open_and_wait(qtbot, page, path: Path) -> None:
    page.open_paths([str(path)])
    qtbot.waitUntil(
        lambda: page.banner.record is not None or (page.path == str(path) and page.index_complete
                                                   and page.viewer.player.on_screen == page.viewer.scene.frame),
        timeout=WITHIN_MS,
    )  # fmt: skip


def on_screen(page) -> np.ndarray:
    image = page.viewer.canvas.image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(bytes(image.constBits()), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3)


def shows(page, frame: int) -> bool:
    return page.viewer.player.on_screen == page.viewer.scene.frame == frame


def test_that_a_video_is_opened_stepped_by_keys_and_played_in_its_stretch(page, clip, qtbot):
    open_and_wait(qtbot, page, clip)
    viewer, scene = page.viewer, page.viewer.scene
    assert scene.frames == 48 and page.banner.record is None
    truth = decoded(clip)
    for key, mod, frame in (
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 1),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier, 11),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, 10),
        (Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier, 47),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier, 37),
        (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier, 0),
    ):
        qtbot.keyClick(viewer.canvas, key, mod)
        qtbot.waitUntil(lambda frame=frame: shows(page, frame), timeout=WITHIN_MS)
        assert np.abs(on_screen(page).astype(int) - truth[frame][1]).mean() < 1.0
    viewer.go(20)
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_I)
    viewer.go(23)
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_O)
    assert viewer.player.stretch() == (20, 23)
    qtbot.waitUntil(lambda: "4 frames" in viewer.readout.whole, timeout=WITHIN_MS)
    seen: list[int] = []
    viewer.player.shown.connect(lambda frame, _: seen.append(frame))
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_R)
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_L)
    qtbot.waitUntil(lambda: len(seen) > 6, timeout=WITHIN_MS)
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_K)
    assert not viewer.player.playing and set(seen) <= {20, 21, 22, 23}
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Escape)
    assert scene.selection_s is None


def test_that_panels_leave_the_film_room_and_the_one_shown_last_stays(page, clip, qtbot):
    page.window().resize(1366, 768)
    open_and_wait(qtbot, page, clip)
    qtbot.waitUntil(lambda: page.labelling.ready, timeout=WITHIN_MS)
    acts = {"facts": page.acts["facts"], "recognise": page.recognising.acts["recognise"],
            "labels": page.labelling.toggle, "find": page.finding.acts["find"]}  # fmt: skip
    panels = {"facts": page.deeds.panel, "recognise": page.recognising.panel, "labels": page.labelling.panel,
              "find": page.finding.panel}  # fmt: skip

    def beside() -> set[str]:
        shown = {name for name, one in panels.items() if not one.isHidden()}
        assert shown == {name for name, one in acts.items() if one.isChecked()}
        return shown

    acts["recognise"].trigger()
    acts["labels"].trigger()
    assert beside() == {"recognise", "labels"}
    acts["facts"].trigger()
    assert beside() == {"labels", "facts"}
    acts["find"].trigger()
    assert beside() == {"facts", "find"}
    page.window().resize(900, 768)
    qtbot.waitUntil(lambda: beside() == {"find"}, timeout=WITHIN_MS)
    qtbot.waitUntil(lambda: page.viewer.width() >= LEAST_PX, timeout=WITHIN_MS)


def test_that_labels_go_while_a_camera_is_seen_and_come_back_with_the_film(page, clip, qtbot):
    open_and_wait(qtbot, page, clip)
    qtbot.waitUntil(lambda: page.labelling.ready, timeout=WITHIN_MS)
    page.labelling.toggle.trigger()
    page.show_camera()
    assert page.labelling.panel.isHidden() and not page.labelling.toggle.isVisible()
    page.live.close_live()
    assert not page.labelling.panel.isHidden() and page.labelling.toggle.isChecked()


def test_that_thumbnails_come_and_a_drag_on_the_timeline_goes_through_the_frames(page, clip, qtbot):
    open_and_wait(qtbot, page, clip)
    strip, scene = page.viewer.thumbnails, page.viewer.scene
    wanted = {frame for _, frame in strip.slots()}
    qtbot.waitUntil(lambda: wanted <= set(strip._kept), timeout=WITHIN_MS)
    for at_s in (0.5, 1.0, 1.5):
        where = QPointF(strip.x_of(at_s + 0.01), 10).toPoint()
        if at_s == 0.5:
            qtbot.mousePress(strip, Qt.MouseButton.LeftButton, pos=where)
        else:
            # QTest's mouse moves carry no button.
            strip._scrub(where.x())
    qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton, pos=where)
    frame = scene.index.frame_at(1.5)
    qtbot.waitUntil(lambda: shows(page, frame), timeout=WITHIN_MS)
    assert scene.selection_s is None
    qtbot.mousePress(strip, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier,
                     pos=QPointF(strip.x_of(0.41), 10).toPoint())  # fmt: skip
    strip._scrub(strip.x_of(0.81))
    qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton)
    assert scene.selection_s == pytest.approx((0.4, 0.8), abs=0.041)
    held = dict(strip._kept)
    page.close_films()
    assert held and not strip._kept and strip.reader is None


def test_that_a_stretch_and_a_frame_are_taken_away_exactly(page, clip, qtbot, tmp_path):
    open_and_wait(qtbot, page, clip)
    deeds = page.deeds
    out = tmp_path / "part.mp4"
    deeds.exporting.write(deeds.film, out, (10, 19))
    qtbot.waitUntil(lambda: page.banner.record is not None or "written" in page.banner._what.text(), timeout=WITHIN_MS)
    part, truth = decoded(out), decoded(clip)
    assert len(part) == 10
    for at, (_, pixels) in enumerate(part):
        errors = [np.abs(pixels.astype(int) - one).mean() for _, one in truth]
        assert int(np.argmin(errors)) == 10 + at
    png = tmp_path / "frame.png"
    deeds.exporting.save_frame(deeds.film, 33, png)
    assert deeds.exporting.join()
    saved = QImage(str(png)).convertToFormat(QImage.Format.Format_RGB888)
    assert (saved.width(), saved.height()) == (96, 64)
    deeds.exporting.copy_frame(deeds.film, 7)
    assert deeds.exporting.join()
    qtbot.waitUntil(lambda: not QGuiApplication.clipboard().image().isNull(), timeout=WITHIN_MS)
    assert QGuiApplication.clipboard().image().width() == 96
    deeds.exporting.write(deeds.film, tmp_path / "missing" / "x.mp4", (0, 3))
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert "could not be written" in page.banner.record.what
    assert list(tmp_path.glob("*.part")) == []


def test_that_the_frame_written_in_the_dialog_is_gone_to(page, clip, qtbot):
    open_and_wait(qtbot, page, clip)
    from workbench.gui.films.goto import GoTo

    page.deeds.go()
    dialog = page.findChild(GoTo)
    dialog.text.setText("99")
    dialog.accept()
    assert dialog.isVisible() and "0 to 47" in dialog.said.text()
    dialog.text.setText("0:01.3")
    dialog.accept()
    qtbot.waitUntil(lambda: shows(page, 32), timeout=WITHIN_MS)


def test_that_the_facts_tell_rate_rotation_bits_and_sound(page, qtbot, tmp_path):
    path = film(tmp_path / "deep.mp4", "libx265", "yuv420p10le", frames=12,
                options={"x265-params": "log-level=none:transfer=smpte2084"})  # fmt: skip
    open_and_wait(qtbot, page, path)
    page.deeds.acts["facts"].trigger()
    told = dict(page.deeds.panel.rows)
    assert told["Size"] == "96 × 64 pixels" and told["Frames"] == "12" and told["Colours"].endswith("10 bits a channel")
    assert "steady" in told["Rate"] and told["Sound"] == "none"
    assert "10 bits a channel, shown as 8" in page.banner._what.text()
    uneven = film(tmp_path / "uneven.mov", frames=12, uneven=True)
    open_and_wait(qtbot, page, uneven)
    assert "frames stay for 40 to 90 ms" in dict(page.deeds.panel.rows)["Rate"]


def test_that_one_frame_and_odd_sizes_are_seen(page, qtbot, tmp_path):
    one = film(tmp_path / "one.mp4", frames=1)
    open_and_wait(qtbot, page, one)
    assert page.banner.record is None and page.viewer.scene.frames == 1
    page.labelling.learn("flash")
    qtbot.waitUntil(lambda: page.labelling.ready and not page.viewer.thumbnails.waiting, timeout=WITHIN_MS)
    for name in ("in", "out"):
        page.viewer.acts[name].trigger()
    page.labelling.press("flash")
    assert [(span.start_s, round(span.end_s, 6)) for span in page.labelling.strip.doc.tiers[0].segments] == [(0, 0.04)]
    page.viewer.acts["play"].trigger()
    qtbot.waitUntil(lambda: not page.viewer.player.playing, timeout=WITHIN_MS)
    odd = film(tmp_path / "odd.avi", "mjpeg", "yuvj444p", frames=3, width=33, height=21)
    open_and_wait(qtbot, page, odd)
    assert page.viewer.canvas.image.width() == 33
    out = tmp_path / "odd.mp4"
    page.deeds.exporting.write(page.deeds.film, out, None)
    assert page.deeds.exporting.join()
    assert decoded(out)[0][1].shape == (20, 32, 3) and len(decoded(out)) == 3


def test_that_times_that_jump_are_told_and_put_in_order(page, qtbot, tmp_path):
    # Transport streams carry the times that they are given.
    path = tmp_path / "jumps.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = 5, 0
        packets = []
        for number in range(20):
            packets += stream.encode(av.VideoFrame.from_ndarray(picture(number), "rgb24"))
        packets += stream.encode()
        for at, packet in enumerate(packets):
            shift = 100 if at < 10 else 0
            packet.pts += shift
            packet.dts += shift
        for packet in sorted(packets, key=lambda one: one.dts):
            container.mux(packet)
    _, index = read_index(path)
    assert len(index) == 20 and index.times == tuple(sorted(index.times))
    open_and_wait(qtbot, page, path)
    assert page.viewer.scene.frames == 20
    page.viewer.go(19)
    qtbot.waitUntil(lambda: shows(page, 19), timeout=WITHIN_MS)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"no video at all, only words\n" * 40, "no video to be had"),
        ("gone.mp4", None, "nothing at this path"),
    ],
)
def test_that_what_is_no_video_is_said_and_what_was_seen_before_stays(page, clip, qtbot, tmp_path, name, content, said):
    open_and_wait(qtbot, page, clip)
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    page.open_paths([str(path)])
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert said in page.banner.record.what
    assert page.path == str(clip) and page.viewer.scene.frames == 48


def test_that_sound_alone_and_a_film_without_frames_are_said(page, qtbot, tmp_path):
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    none = film(tmp_path / "none.mkv", frames=0)
    wave = tmp_path / "tone.wav"
    soundfile.write(wave, np.zeros(1600), 16000)
    for path in (sound, none, wave):
        page.banner.dismiss()
        page.open_paths([str(path)])
        qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
        assert page.banner.record.fix, path
        assert not page.viewing


def test_that_a_cut_off_file_and_a_broken_index_give_what_is_there(page, qtbot, tmp_path):
    whole = film(tmp_path / "whole.mkv", frames=60)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    open_and_wait(qtbot, page, cut)
    assert page.banner.record is None and 5 < page.viewer.scene.frames < 60
    assert "it may be cut off" in page.banner._what.text()
    avi = film(tmp_path / "whole.avi", "mpeg4", frames=30)
    data = bytearray(avi.read_bytes())
    at = data.rindex(b"idx1")
    data[at + 8 : at + 8 + 160] = struct.pack("<40I", *([0xFFFFFFF0] * 40))
    lying = tmp_path / "lying.avi"
    lying.write_bytes(bytes(data))
    open_and_wait(qtbot, page, lying)
    assert page.banner.record is None and page.viewer.scene.frames >= 20
    # What cannot be decoded is said where it would be seen, and is no other frame in its place.
    qtbot.waitUntil(lambda: page.viewer.canvas.words == "frame 0 cannot be decoded", timeout=WITHIN_MS)
    page.viewer.go(1)
    qtbot.waitUntil(lambda: shows(page, 1) and page.viewer.canvas.words == "", timeout=WITHIN_MS)
    page.viewer.go(2)
    qtbot.waitUntil(lambda: "the one before" in page.viewer.canvas.words, timeout=WITHIN_MS)
    broken = tmp_path / "broken.avi"
    broken.write_bytes(avi.read_bytes()[:at])
    open_and_wait(qtbot, page, broken)
    assert page.banner.record is None and page.viewer.scene.frames == 30
    page.viewer.go(29)
    qtbot.waitUntil(lambda: shows(page, 29), timeout=WITHIN_MS)
    assert np.abs(on_screen(page).astype(int) - decoded(avi)[29][1]).mean() < 1.0


def test_that_a_wrong_ending_makes_no_difference(page, clip, qtbot, tmp_path):
    path = tmp_path / "really-mp4.avi"
    path.write_bytes(clip.read_bytes())
    open_and_wait(qtbot, page, path)
    assert page.viewer.scene.frames == 48 and page.viewer.facts.format == "mov"


def test_that_a_picture_of_a_folder_that_cannot_be_read_is_told_in_its_place(page, qtbot, tmp_path):
    for number in range(4):
        image = QImage(40, 30, QImage.Format.Format_RGB888)
        image.fill(Qt.GlobalColor.blue)
        image.save(str(tmp_path / f"{number}.png"))
    (tmp_path / "2.png").write_bytes(b"no picture")
    open_and_wait(qtbot, page, tmp_path)
    viewer = page.viewer
    viewer.go(2)
    qtbot.waitUntil(lambda: viewer.canvas.words == "frame 2 cannot be decoded", timeout=WITHIN_MS)
    viewer.go(0)
    viewer.acts["play"].trigger()
    qtbot.waitUntil(lambda: not viewer.player.playing and shows(page, 3), timeout=WITHIN_MS)
    assert viewer.canvas.words == "" and not viewer.thumbnails.waiting


def test_that_folders_give_their_videos_or_their_pictures(page, qtbot, tmp_path, clip):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in (1, 2, 10):
        side = (40, 30) if number != 10 else (20, 30)
        image = QImage(*side, QImage.Format.Format_RGB888)
        image.fill(Qt.GlobalColor.red if number == 2 else Qt.GlobalColor.blue)
        image.save(str(pictures / f"frame{number}.png"))
    films = tmp_path / "films"
    films.mkdir()
    (films / "b.mp4").write_bytes(clip.read_bytes())
    (films / "a.mp4").write_bytes(clip.read_bytes())
    assert listed([str(films), str(pictures)]) == [str(films / "a.mp4"), str(films / "b.mp4"), str(pictures)]
    open_and_wait(qtbot, page, pictures)
    assert page.viewer.scene.frames == 3 and "1 of 3 pictures are not 40 × 30" in page.banner._what.text()
    page.viewer.go(1)
    qtbot.waitUntil(lambda: shows(page, 1), timeout=WITHIN_MS)
    assert on_screen(page)[15, 20].tolist() == [255, 0, 0] and page.viewer._decode_ms > 0
    page.viewer.go(2)
    qtbot.waitUntil(lambda: shows(page, 2), timeout=WITHIN_MS)
    # A narrower picture stands in a black frame of the first one's size.
    assert on_screen(page)[15, 2].tolist() == [0, 0, 0] and on_screen(page)[15, 20].tolist() == [0, 0, 255]
    page.set_picture_rate(4.0)
    qtbot.waitUntil(lambda: page.viewer.scene.duration_s == 0.75 and shows(page, 2), timeout=WITHIN_MS)
    assert page.viewer.facts.frames_per_s == 4.0 and page.acts["rate"].isVisible()
    page.open_paths([str(films)])
    qtbot.waitUntil(lambda: page.path == str(films / "a.mp4"), timeout=WITHIN_MS)
    assert page.files.count() == 2
    page.acts["next"].trigger()
    qtbot.waitUntil(lambda: page.path == str(films / "b.mp4"), timeout=WITHIN_MS)
    (tmp_path / "nothing").mkdir()
    page.open_paths([str(tmp_path / "nothing")])
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert "no picture" in page.banner.record.what


def test_that_a_film_of_four_hours_plays_while_its_index_is_still_read(page, qtbot, tmp_path, monkeypatch):
    path = four_hours(tmp_path / "long.mkv")
    holds = threading.Event()
    real = opening.read_index

    def slowly(where, tell=None, grown=None):
        facts, index = real(where)
        grown(FrameIndex(index.tick_s, index.times[:60], index.keys[:60]))
        holds.wait(20)
        return facts, index

    monkeypatch.setattr(opening, "read_index", slowly)
    page.open_paths([str(path)])
    qtbot.waitUntil(lambda: page.viewer.scene.frames == 60, timeout=WITHIN_MS)
    assert not page.index_complete
    page.viewer.go(5)
    qtbot.waitUntil(lambda: shows(page, 5), timeout=WITHIN_MS)
    holds.set()
    qtbot.waitUntil(lambda: page.index_complete, timeout=WITHIN_MS)
    scene = page.viewer.scene
    assert (scene.frames, scene.duration_s, scene.frame) == (14_400, 14_400, 5)
    assert scene.span_s == 14_400
    page.viewer.go(14_399)
    qtbot.waitUntil(lambda: shows(page, 14_399), timeout=WITHIN_MS)


def four_hours(path: Path) -> Path:
    """A frame a second, all from one compressed picture: the container is what is long."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuvj420p"
        made = stream.encode(av.VideoFrame.from_ndarray(picture(0, 32, 16), "rgb24"))
        data = bytes((made + stream.encode())[0])
        for number in range(14_400):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, number, number, True
            packet.time_base = Fraction(1)
            container.mux(packet)
    return path


def test_that_another_film_is_opened_in_the_place_of_one_that_is_still_being_read(page, clip, qtbot, tmp_path):
    long = four_hours(tmp_path / "long.mkv")
    page.open_film(str(long))
    page.open_film(str(clip))
    qtbot.waitUntil(lambda: page.path == str(clip) and page.index_complete, timeout=WITHIN_MS)
    qtbot.wait(300)
    assert page.path == str(clip) and page.viewer.scene.frames == 48 and page.banner.record is None
    page.viewer.player.play(4.0)
    assert page.viewer.speed.currentText() == "4 ×"
    page.open_film(str(long))
    qtbot.waitUntil(lambda: page.path == str(long), timeout=WITHIN_MS)
    assert not page.viewer.player.playing and page.viewer.speed.currentText() == "1 ×"
    page.opening.cancel()


def test_that_what_is_remembered_comes_back_and_rubbish_does_not(page, clip, qtbot):
    open_and_wait(qtbot, page, clip)
    page.deeds._set_step(25)
    own = {name: page.values()[name] for name in ("recent", "step", "rate")}
    assert own == {"recent": [str(clip)], "step": 25, "rate": 25.0}
    page.set_values({"recent": ["/a.mp4"], "step": 30, "rate": 10})
    assert page.viewer.step_frames == 30 and page.opening.pictures_per_s == 10.0
    page.set_values({"recent": ["/a.mp4"], "step": "many", "rate": 1e9})
    assert page.opening.pictures_per_s == 25.0
    assert page.recent == ["/a.mp4"] and page.viewer.step_frames == 10
    page.set_values({"recent": 3})
    assert page.recent == ["/a.mp4"]
