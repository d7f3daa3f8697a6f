"""Labelling by hand: drawn, dragged, nudged, begun and ended while playing, kept, read from files and written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.engine.video.films import film
from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.spans import AnnotatedVideo, LabelFile, LabelledSpan, LabelsWritten, content_digest
from workbench.core.video import FrameIndex
from workbench.gui.films import spanedits
from workbench.gui.films.scene import FilmScene
from workbench.gui.films.spanpanel import SpanPanel
from workbench.gui.films.spanstrip import SpanStrip
from workbench.gui.films.strips import LEFT_PX, MOST_LEFT_PX, Ruler
from workbench.gui.sounds import tieredits
from workbench.gui.theme import theme

WITHIN_MS = 30_000
ALT, NONE = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def strip(qtbot):
    """100 frames of 40 ms over 1000 pixels, with two tracks."""
    scene = FilmScene()
    scene.show(FrameIndex(0.04, tuple(range(100)), (0,)))
    found = SpanStrip(scene)
    qtbot.addWidget(found)
    run = Tier("run", "segments", [Segment(0.4, 0.8), Segment(2.0, 3.0, "far")])
    found.show_spans(TiersDoc([run, Tier("jump", "segments", [Segment(1.2, 1.6)])]))
    found.resize(int(found.room.left()) + 1001, found.height())
    found.scrubbed.connect(scene.place)
    found.show()
    return found


def at(strip: SpanStrip, time_s: float, track: int = 0) -> QPoint:
    return QPoint(round(strip.x_of(time_s)), round((track + 0.5) * strip.height() / len(strip.doc.tiers)))


def drag(strip: SpanStrip, start: QPoint, stop: QPoint, mods: Qt.KeyboardModifier = NONE) -> None:
    QTest.mousePress(strip, Qt.MouseButton.LeftButton, mods, start)
    for share in (0.3, 0.7, 1.0):
        QTest.mouseMove(strip, start + (stop - start) * share)
    QTest.mouseRelease(strip, Qt.MouseButton.LeftButton, mods, stop)


def spans(strip: SpanStrip, track: int = 0) -> list[tuple[float, float]]:
    return [(round(one.start_s, 6), round(one.end_s, 6)) for one in strip.doc.tiers[track].segments]


def test_that_a_drag_on_free_ground_draws_a_span_between_frames_as_one_step(strip):
    drag(strip, at(strip, 1.013), at(strip, 1.507))
    assert spans(strip) == [(0.4, 0.8), (1.0, 1.52), (2.0, 3.0)]
    assert strip.document.stack.count() == 1
    strip.document.undo()
    assert spans(strip) == [(0.4, 0.8), (2.0, 3.0)]
    drag(strip, at(strip, 1.507), at(strip, 0.5))  # backwards, and into its neighbour
    assert spans(strip) == [(0.4, 0.8), (0.8, 1.52), (2.0, 3.0)]


def test_that_long_names_of_tracks_get_room_which_all_strips_share_up_to_a_share_of_the_width(strip, qtbot):
    ruler, usual = Ruler(strip.scene), strip.room.left()
    qtbot.addWidget(ruler)
    ruler.resize(strip.size())
    assert usual == ruler.room.left() == theme().pixels(LEFT_PX)
    names = ("opens the red door", "opens the red door and goes out through it, slowly")
    lefts = []
    for name in names:
        strip.show_spans(TiersDoc([Tier(name, "segments", [Segment(0.4, 0.8)])]))
        assert strip.room.left() == ruler.room.left() == pytest.approx(strip.x_of(0.0))
        lefts.append(strip.room.left())
    assert usual < lefts[0] and lefts[0] > strip.fontMetrics().horizontalAdvance(names[0])
    assert lefts[1] == theme().pixels(MOST_LEFT_PX)
    strip.resize(400, strip.height())
    assert strip.room.left() == 100
    strip.show_spans(TiersDoc())
    assert strip.room.left() == usual


def test_that_edges_and_whole_spans_are_dragged_and_snap_to_those_of_other_tracks(strip):
    drag(strip, at(strip, 0.8), at(strip, 1.19))
    assert spans(strip)[0] == (0.4, 1.2)  # the other label begins there
    drag(strip, at(strip, 2.5), at(strip, 2.91))
    assert spans(strip)[1] == (2.4, 3.4)
    assert strip.doc.tiers[0].segments[1].text == "far"
    assert strip.document.stack.count() == 2
    drag(strip, at(strip, 1.6, 1), at(strip, 1.75, 1))
    assert spans(strip, 1) == [(1.2, 1.76)]


def test_that_a_click_marks_a_span_and_goes_to_its_first_frame(strip):
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, NONE, at(strip, 2.5))
    assert strip.span() == Segment(2.0, 3.0, "far")
    assert strip.scene.selection_s == (2.0, 3.0) and strip.scene.frame == 50
    looped = []
    strip.looped.connect(lambda: looped.append(strip.marked))
    QTest.mouseDClick(strip, Qt.MouseButton.LeftButton, NONE, at(strip, 1.4, 1))
    assert looped == [0] and strip.scene.selection_s == (1.2, 1.6)
    assert "far" in strip.words_at(strip.x_of(2.5), 5) and "2.000 to 3.000 s" in strip.words_at(strip.x_of(2.5), 5)


def test_that_no_edge_is_moved_so_far_that_a_span_holds_no_frame(strip):
    strip.mark(0, 0)
    strip.nudge(20)
    assert spans(strip)[0] == (0.76, 0.8) and strip.scene.frame == 19
    strip.nudge(1)
    assert spans(strip)[0] == (0.76, 0.8)
    strip.nudge(-9)
    strip.scene.place(15)
    strip.split()  # two that touch: neither loses its last frame
    strip.mark(0, 1)
    for by, edge_s in ((10, 0.76), (-30, 0.44)):
        strip.scene.place(strip.scene.index.frame_at(strip.span().start_s))
        strip.nudge(by)
        assert spans(strip)[:2] == [(0.4, edge_s), (edge_s, 0.8)]
    strip.mark(1, 0)
    drag(strip, at(strip, 1.6, 1), at(strip, 1.0, 1))
    assert spans(strip, 1) == [(1.2, 1.24)]


def test_that_keys_nudge_the_nearer_edge_and_show_its_frame(strip):
    strip.mark(0, 1)
    strip.nudge(-1)
    assert spans(strip)[1] == (1.96, 3.0) and strip.scene.frame == 49
    strip.scene.place(74)
    strip.nudge(10)
    assert spans(strip)[1] == (1.96, 3.4)
    assert strip.scene.frame == 84  # the last frame of the span, not the first after it
    strip.nudge(-10)
    strip.nudge(1)
    assert spans(strip)[1] == (1.96, 3.04)
    strip.shift(-1)
    assert spans(strip)[1] == (1.92, 3.0)
    for _ in range(30):
        strip.nudge(10)
    assert spans(strip)[1][1] <= strip.scene.duration_s
    strip.step(-1)
    assert strip.span() == Segment(0.4, 0.8)
    strip.scene.place(15)
    strip.split()
    assert spans(strip)[:2] == [(0.4, 0.6), (0.6, 0.8)]
    strip.mark(0, 0)
    strip.join()
    strip.mark(0, 0)
    strip.delete()
    assert len(spans(strip)) == 1
    while strip.document.can_undo:
        strip.document.undo()
    assert spans(strip) == [(0.4, 0.8), (2.0, 3.0)]


def test_that_the_panel_lists_filters_and_sums_what_there_is(strip, qtbot):
    panel = SpanPanel(strip)
    qtbot.addWidget(panel)
    panel.refresh()
    assert [row[:2] for row in panel.spans.rows] == [("run", "0:00.40"), ("jump", "0:01.20"), ("run", "0:02.00")]
    assert panel.sums.rows == [("1", "jump", "1", "0:00.4"), ("2", "run", "2", "0:01.4")]
    panel.filter.setText("FAR")
    assert [row[0] for row in panel.spans.rows] == ["run"]
    assert panel.summary.whole.startswith("1 of 3 spans")
    panel.list.clicked.emit(panel.spans.index(0, 0))
    assert strip.scene.frame == 50
    qtbot.waitUntil(lambda: panel.note.text() == "far")
    panel.note.selectAll()
    QTest.keyClicks(panel.note, "near")
    QTest.keyClick(panel.note, Qt.Key.Key_Return)
    assert strip.span() == Segment(2.0, 3.0, "near")
    panel.filter.clear()
    strip.delete()
    qtbot.waitUntil(lambda: len(panel.spans.rows) == 2)


def test_that_a_key_in_the_middle_of_a_drag_ends_the_drag_and_breaks_nothing(strip):
    start = at(strip, 2.5)
    QTest.mousePress(strip, Qt.MouseButton.LeftButton, NONE, start)
    QTest.mouseMove(strip, start + QPoint(40, 0))
    strip.delete()
    QTest.mouseMove(strip, start + QPoint(90, 0))
    assert spans(strip) == [(0.4, 0.8)]
    strip.document.undo()
    strip.document.undo()
    assert spans(strip) == [(0.4, 0.8), (2.0, 3.0)]
    QTest.mouseRelease(strip, Qt.MouseButton.LeftButton, NONE, start)
    QTest.mousePress(strip, Qt.MouseButton.LeftButton, NONE, at(strip, 1.0))
    QTest.mouseMove(strip, at(strip, 1.5))
    assert len(spans(strip)) == 3
    strip.show_spans(TiersDoc())
    QTest.mouseMove(strip, QPoint(700, 5))
    QTest.mouseRelease(strip, Qt.MouseButton.LeftButton, NONE, QPoint(700, 5))
    assert strip.doc.tiers == []


# The page


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "clip.mp4", frames=50)


@pytest.fixture
def page(qtbot, open_window):
    page = open_window().open_page("films")
    yield page
    page.closed()
    assert page.opening.join()


def open_and_wait(qtbot, page, path: Path) -> None:
    page.open_paths([str(path)])
    qtbot.waitUntil(
        lambda: page.path == str(path) and page.index_complete and page.labelling.ready
        and page.labelling.place is not None, timeout=WITHIN_MS,
    )  # fmt: skip


def test_that_keys_label_while_playing_or_the_stretch_and_all_is_there_again(page, clip, qtbot, home, tmp_path):
    open_and_wait(qtbot, page, clip)
    labelling, viewer = page.labelling, page.viewer
    strip = labelling.strip
    labelling.panel.new.setText("run")
    labelling.panel.new.returnPressed.emit()
    labelling.panel.new.setText("jump  high ")
    labelling.panel.new.returnPressed.emit()
    assert [one.name for one in strip.vocabulary] == ["run", "jump high"]
    viewer.canvas.setFocus()
    viewer.go(5)
    QTest.keyClick(viewer.canvas, Qt.Key.Key_1)
    assert strip.open == {"run": 0.2} and "Labelling run" in labelling.panel.saved.whole
    viewer.go(12)
    QTest.keyClick(viewer.canvas, Qt.Key.Key_1)
    assert strip.open == {} and spans(strip) == [(0.2, 0.52)]  # with the frame on screen
    viewer.scene.select(1.0, 1.4)
    QTest.keyClick(viewer.canvas, Qt.Key.Key_2)
    assert spans(strip, 1) == [(1.0, 1.4)]
    viewer.scene.select(None)
    viewer.go(40)
    QTest.keyClick(viewer.canvas, Qt.Key.Key_Return)  # the label given last
    page.close_films()  # what was begun ends with the frame on screen
    place = spanedits.kept_path(home.edits, content_digest(clip))
    kept = tieredits.kept(place)
    assert [(tier.name, len(tier.segments)) for tier in kept.tiers] == [("run", 1), ("jump high", 2)]
    assert json.loads((home.edits / "films" / "vocabulary.json").read_bytes())[1]["name"] == "jump high"
    assert strip.doc.tiers == [] and not labelling.panel.isVisibleTo(page)

    moved = shutil.copy(clip, tmp_path / "renamed.mp4")
    open_and_wait(qtbot, page, Path(moved))
    assert spans(strip, 1) == [(1.0, 1.4), (1.6, 1.64)]
    assert labelling.panel.saved.whole == "your labels of last time"
    QTest.keyClick(viewer.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert spans(strip, 1) == [(1.0, 1.4), (1.6, 1.64)]  # of another time
    strip.mark(1, 0)
    QTest.keyClick(viewer.canvas, Qt.Key.Key_Delete)
    QTest.keyClick(viewer.canvas, Qt.Key.Key_BracketRight)
    assert spans(strip, 1) == [(1.6, 1.64)]
    QTest.keyClick(viewer.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert spans(strip, 1) == [(1.0, 1.4), (1.6, 1.64)]
    qtbot.waitUntil(lambda: labelling.autosave.words().startswith("autosaved"), timeout=WITHIN_MS)


def test_that_autosaving_is_announced_and_damaged_labels_are_told_not_overwritten(page, clip, qtbot, home):
    place = spanedits.kept_path(home.edits, content_digest(clip))
    place.parent.mkdir(parents=True)
    place.write_bytes(b'{"tiers": [{"na')
    page.open_paths([str(clip)])
    qtbot.waitUntil(lambda: page.path == str(clip) and page.banner.record is not None, timeout=WITHIN_MS)
    assert "cannot be read" in page.banner.record.what and str(place) in page.banner.record.place
    assert not page.labelling.ready
    page.labelling.press("run")
    page.close_films()
    assert place.read_bytes() == b'{"tiers": [{"na'


def test_that_files_of_annotations_come_beside_what_is_there_and_the_rest_is_told(page, clip, qtbot):
    open_and_wait(qtbot, page, clip)
    labelling = page.labelling
    labelling.strip.put("run", 0.2, 0.6)
    spans_read = [
        LabelledSpan("run", 0.5, 1.0, note="on"),
        LabelledSpan("clap", 1.2, 1.2),
        LabelledSpan("run", 1.5, 9.0),
    ]
    labelling.exchange.take(
        "a.csv", LabelFile("csv", [AnnotatedVideo("", spans_read)], ("rest",), notes=("something odd",))
    )
    doc = labelling.strip.doc
    assert [(tier.name, tier.kind) for tier in doc.tiers] == [("run", "segments"), ("clap", "points")]
    assert spans(labelling.strip) == [(0.2, 1.0)]
    told = page.banner._what.text()
    for words in ("2 spans from a.csv", "1 annotation outside the video", "1 span overlapped", "something odd"):
        assert words.lower() in told.lower()
    assert [one.name for one in labelling.strip.vocabulary] == ["run", "clap", "rest"]
    labelling.strip.document.undo()
    assert spans(labelling.strip) == [(0.2, 0.6)] and len(doc.tiers) == 1
    foreign = LabelFile("activitynet", [AnnotatedVideo("x", spans_read), AnnotatedVideo("y", spans_read)])
    labelling.exchange.take("b.json", foreign)
    assert page.banner.record.received == "2 videos: x, y …"
    assert spans(labelling.strip) == [(0.2, 0.6)]


def test_that_the_texts_of_elan_s_annotations_can_be_the_labels_instead_of_its_tiers(page, clip, qtbot, scripted):
    open_and_wait(qtbot, page, clip)

    def labels(arguments):
        names = ("gesture", "wave") if arguments["labels_from"] == "tier" else ("wave", "gesture")
        return LabelFile("eaf", [AnnotatedVideo("", [LabelledSpan(names[0], 0.2, 0.6, note=names[1])])])

    scripted.answers["spans"] = labels
    page.labelling.exchange.read("/data/a.eaf")
    doc = page.labelling.strip.doc
    qtbot.waitUntil(lambda: page.banner.remedies() == ["Texts as labels"], timeout=WITHIN_MS)
    assert [tier.name for tier in doc.tiers] == ["gesture"]
    page.banner.press("Texts as labels")
    qtbot.waitUntil(lambda: [tier.name for tier in doc.tiers] == ["wave"], timeout=WITHIN_MS)
    assert doc.tiers[0].segments[0].text == "gesture" and page.banner.remedies() == []


def test_that_spans_are_written_by_the_worker_as_labels_and_as_clips(page, clip, qtbot, scripted, tmp_path):
    open_and_wait(qtbot, page, clip)
    labelling = page.labelling
    labelling.strip.put("run", 0.2, 0.6)
    scripted.answers["spans-export"] = lambda asked: LabelsWritten(asked["out"], 1, ("1 note lost",))
    labelling.exchange.write(tmp_path / "a.eaf", "eaf")
    qtbot.waitUntil(lambda: "1 note lost" in page.banner._what.text(), timeout=WITHIN_MS)
    asked = {}

    def clips(arguments):
        asked.update(arguments)
        return LabelsWritten(arguments["out"], 1)

    scripted.answers["spans-clips"] = clips
    labelling.exchange.write_clips(tmp_path / "clips.csv")
    qtbot.waitUntil(lambda: "clips.csv" in page.banner._what.text(), timeout=WITHIN_MS)
    (video,) = asked["videos"]
    assert video["name"] == str(clip) and video["spans"][0]["label"] == "run"


def test_that_annotations_are_asked_for_by_the_video_s_name_and_a_span_gets_another_label(page, clip, qtbot, scripted):
    open_and_wait(qtbot, page, clip)
    labelling = page.labelling
    for name in ("run", "jump"):
        labelling._make_label(name)
    asked = {}

    def labels(arguments):
        asked.update(arguments)
        return LabelFile("csv", [AnnotatedVideo("", [LabelledSpan("run", 0.2, 0.6)])])

    scripted.answers["spans"] = labels
    labelling.exchange.read("/data/a.csv")
    qtbot.waitUntil(lambda: len(labelling.strip.doc.tiers) == 1, timeout=WITHIN_MS)
    assert asked == {"path": "/data/a.csv", "of": "clip.mp4", "labels_from": "tier"}
    labelling.strip.mark(0, 0)
    labelling.acts["label"].trigger()
    menu = QApplication.activePopupWidget()
    menu.actions()[1].trigger()
    menu.close()
    assert spans(labelling.strip, 1) == [(0.2, 0.6)] and spans(labelling.strip) == []


def test_that_labels_are_removed_and_rekeyed_from_the_panel(page, clip, qtbot):
    open_and_wait(qtbot, page, clip)
    labelling, panel = page.labelling, page.labelling.panel
    for name in ("a", "b", "c"):
        labelling._make_label(name)
        labelling.strip.put(name, 0.2, 0.6)
    panel.refresh()
    panel.totals.selectRow(2)
    assert panel.chosen() == "c" and panel.key.isEnabled()
    panel.key_chosen.emit("c", 1)
    assert panel.keys.names == ["c", "b", "a"]
    panel.totals.selectRow(1)
    panel.remove.click()
    assert [tier.name for tier in labelling.strip.doc.tiers] == ["a", "c"] and panel.keys.names == ["c", "a"]
    labelling.strip.document.undo()
    assert [tier.name for tier in labelling.strip.doc.tiers] == ["a", "b", "c"] and panel.keys.names == ["c", "a", "b"]


def test_that_labels_of_another_window_are_set_aside_and_told(page, clip, qtbot, home):
    open_and_wait(qtbot, page, clip)
    strip, place = page.labelling.strip, page.labelling.place
    strip.put("run", 0.2, 0.4)
    page.labelling.autosave.flush()
    theirs = msgspec.json.encode(TiersDoc([Tier("theirs", "segments", [Segment(0.0, 1.0)])]))
    place.write_bytes(theirs)
    strip.put("run", 1.0, 1.2)
    page.labelling.autosave.flush()
    assert place.with_name(f"{place.stem}-other.json").read_bytes() == theirs
    assert len(tieredits.kept(place).tiers[0].segments) == 2
    qtbot.waitUntil(lambda: "Another window" in page.banner._what.text(), timeout=WITHIN_MS)
