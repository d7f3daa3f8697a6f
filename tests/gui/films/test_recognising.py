"""Recognising on the page of videos: scores drawn as they come, live views, looks, labels made of them, finding."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QObject, QPoint, QRectF, Signal
from PySide6.QtGui import QColor, QImage, QPainter

from tests.engine.video.films import film
from workbench.core.problem import InputError
from workbench.core.recognising import (
    FailedVideo,
    FeaturesDone,
    Found,
    Hit,
    LiveAnswer,
    Recognised,
    RecogniserFacts,
    Saliency,
)
from workbench.core.spans import AnnotatedVideo, LabelledSpan, LabelsWritten, spans_of
from workbench.core.videorecognisers import SHIPPED_NOTE
from workbench.gui.films.lookmap import whole_frame
from workbench.gui.films.recognisedspans import parted
from workbench.gui.films.scores import LIVE_S, LiveStrip, Series, paint, told
from workbench.gui.theme import theme, tokens
from workbench.runner.scripted import WAITING
from workbench.store.framering import RingReader

WITHIN_MS = 30_000
AB = ("a red circle", "a blue square")


def part(rows: list[list[float]], first: int, total: int, **more: object) -> Recognised:
    windows = [(0.4 * (first + at), 0.4 * (first + at) + 0.4) for at in range(len(rows))]
    return Recognised(AB, windows, rows, first, first + len(rows), total, duration_s=1.6, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """40 frames in 1.6 s."""
    return film(tmp_path_factory.mktemp("films") / "clip.mp4")


@pytest.fixture
def page(qtbot, open_window, scripted, clip):
    """A film is open beside the panel; answers are given by hand."""
    scripted.answers["video-recognise"] = WAITING
    page = open_window().open_page("films")
    page.open_paths([str(clip)])
    qtbot.waitUntil(lambda: page.viewing and page.index_complete and page.labelling.ready, timeout=WITHIN_MS)
    work = page.recognising
    work.acts["recognise"].trigger()
    qtbot.waitUntil(work.acts["recognise-run"].isEnabled, timeout=WITHIN_MS)
    work.panel.classes.setPlainText("\n".join(AB))
    yield page
    page.closed()
    assert page.opening.join()


def question(qtbot, scripted):
    qtbot.waitUntil(lambda: any(not future.done() for _, future in scripted.waiting), timeout=WITHIN_MS)


def recognised(page, scripted, qtbot, rows) -> None:
    page.recognising.acts["recognise-run"].trigger()
    question(qtbot, scripted)
    scripted.answer(part(rows, 0, len(rows)))
    qtbot.waitUntil(lambda: not page.recognising.errand.running, timeout=WITHIN_MS)


ROWS = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.4, 0.35]]


def test_that_scores_are_drawn_as_they_come_and_told_for_the_frame_on_screen(page, scripted, qtbot):
    work = page.recognising
    assert work.panel.note.text() == SHIPPED_NOTE and work.strip.isHidden()
    work.acts["recognise-run"].trigger()
    question(qtbot, scripted)
    assert work.acts["recognise-stop"].isEnabled() and not work.acts["recognise-run"].isEnabled()
    assert [one.doing for one in page.works()] == ["Recognising clip.mp4"]
    scripted.reach(0.25, "window 1 of 4", part(ROWS[:1], 0, 4))
    qtbot.waitUntil(lambda: len(work.strip.series.windows) == 1)
    assert work.panel.progress.whole == "25 %, window 1 of 4" and not work.strip.isHidden()
    scripted.answer(part(ROWS[:2], 0, 4))
    question(qtbot, scripted)
    scripted.answer(part(ROWS[2:], 2, 4, lost=1, notes=("a note",)))
    qtbot.waitUntil(lambda: not work.errand.running, timeout=WITHIN_MS)
    assert len(work.strip.series.windows) == 4 and work.found.complete and not page.works()
    assert "1 window could not be decoded" in page.banner.accessibleName()
    assert "A note." in page.banner.accessibleName()
    page.viewer.go(25)  # 1.0 s: the third window
    qtbot.waitUntil(lambda: work.panel.ranking.rows[0][0] == AB[1])
    assert work.panel.ranking.accessibleDescription() == "a blue square 90 %, a red circle 10 %"
    assert told(work.strip.series, 2) == "0.80 to 1.20 s\n90 %  a blue square\n10 %  a red circle"


def test_that_stop_keeps_what_was_recognised_and_another_film_drops_it(page, scripted, qtbot):
    work = page.recognising
    work.acts["recognise-run"].trigger()
    question(qtbot, scripted)
    scripted.answer(part(ROWS[:2], 0, 4))
    question(qtbot, scripted)
    future = scripted.waiting[-1][1]
    work.acts["recognise-stop"].trigger()
    qtbot.waitUntil(lambda: not work.errand.running, timeout=WITHIN_MS)
    assert future.cancelled() and len(work.found.windows) == 2 and "stopped at 2 of 4" in work.panel.told.text()
    page.close_films()
    assert not work.found.windows and work.strip.isHidden() and work.panel.isHidden()
    assert not work.acts["recognise"].isEnabled()


def test_that_no_class_is_told_before_anything_is_asked(page, scripted):
    page.recognising.panel.classes.setPlainText(" \n ")
    page.recognising.acts["recognise-run"].trigger()
    assert page.banner.record is not None and "no class" in page.banner.record.what and not scripted.waiting


def test_that_a_recognised_stretch_becomes_a_label_and_undo_takes_it_back(page, scripted, qtbot):
    work, labels = page.recognising, page.labelling
    recognised(page, scripted, qtbot, ROWS)
    page.viewer.go(5)
    work.acts["recognise-span"].trigger()
    (span,) = spans_of(labels.strip.doc)
    assert (span.label, span.start_s) == (AB[0], 0.0) and span.end_s == pytest.approx(0.8)
    assert span.score == pytest.approx(0.85) and not labels.panel.isHidden()
    assert work.strip.series.colour(AB[0]) == labels.strip.colour_of(AB[0])
    page.viewer.scene.select(0.88, 1.2)
    work.acts["recognise-span"].trigger()
    assert [(one.label, one.start_s) for one in spans_of(labels.strip.doc)][-1] == (AB[1], pytest.approx(0.88))
    labels.undo.trigger()
    work.acts["recognise-spans"].trigger()
    assert [one.label for one in spans_of(labels.strip.doc)] == [AB[0], AB[1]]
    labels.undo.trigger()
    labels.undo.trigger()
    assert not spans_of(labels.strip.doc)
    work.panel.threshold.setValue(95)
    work.acts["recognise-spans"].trigger()
    assert "No class reaches the threshold" in page.banner.accessibleName() and not spans_of(labels.strip.doc)
    work.panel.from_labels.click()
    assert work.panel.classes.toPlainText().split("\n")[:2] == [AB[0], AB[1]]


def test_that_labels_open_the_recipe_with_clips_and_the_model_in_its_form(page, scripted, qtbot):
    work, wanted = page.recognising, []
    work.recipe_wanted.connect(lambda *asked: wanted.append(asked))
    recognised(page, scripted, qtbot, ROWS)
    work.acts["recognise-train"].trigger()
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert "too little to learn from" in page.banner.record.what and not wanted
    asked = []

    def written(arguments):
        asked.append(arguments)
        return LabelsWritten(arguments["out"], 2)

    scripted.answers["spans-clips"] = written
    for start_s, label in ((0.0, AB[0]), (0.4, AB[0]), (0.8, AB[1]), (1.2, AB[0])):
        page.labelling.strip.put(label, start_s, start_s + 0.3)
    work.acts["recognise-train"].trigger()
    qtbot.waitUntil(lambda: bool(wanted), timeout=WITHIN_MS)
    recipe, inputs, knobs = wanted[0]
    assert recipe == "dist-image-to-video" and inputs["clips"] == asked[0]["out"] and inputs["clips"].endswith(".csv")
    assert knobs == {"backbone": "starter:mini-image-language"}
    parts = {one["split"]: [span["label"] for span in one["spans"]] for one in asked[0]["videos"]}
    assert parts == {"train": [AB[0], AB[1]], "validation": [AB[0]], "test": [AB[0]]}


def test_that_spans_are_divided_by_time_only_where_videos_are_too_few():
    def video(name: str, labels: str) -> AnnotatedVideo:
        return AnnotatedVideo(name, [LabelledSpan(one, at, at + 0.5) for at, one in enumerate(labels)])

    many = [video(name, "ab") for name in "uvw"]
    assert parted(many) == many
    made = parted([video("u", "a" * 10 + "b" * 4 + "c")])
    counts = {one.split: [span.label for span in one.spans] for one in made}
    assert {part: "".join(sorted(labels)) for part, labels in counts.items()} == {
        "train": "aaaaaabbc", "validation": "aab", "test": "aab"}  # fmt: skip
    assert all(one.start_s >= 8 for group in made if group.split == "test" for one in group.spans)
    for few in ([video("u", "aaaa")], [video("u", "aabb")], []):
        with pytest.raises(InputError, match="too little"):
            parted(few)


def test_that_where_it_looks_lies_over_the_frame_and_goes_with_the_switch(page, scripted, qtbot):
    work, asked = page.recognising, []

    def looked(arguments):
        asked.append(arguments)
        return Saliency(2, 2, [0.0, 1.0, 0.0, 0.0], (0.25, 0.0, 0.75, 1.0))

    scripted.answers["video-saliency"] = looked
    recognised(page, scripted, qtbot, ROWS)
    work.acts["recognise-look"].trigger()
    qtbot.waitUntil(lambda: page.viewer.canvas.overlay is not None, timeout=WITHIN_MS)
    assert asked[0]["label"] == AB[0] and work.panel.look.isChecked()
    over = page.viewer.canvas.overlay
    assert over.shape == (72, 108) and over[:, :26].max() == 0 and over[:, 82:].max() == 0
    assert over[10, 70] > 0.9 and over[60, 40] < 0.1
    page.viewer.player.step(1)  # a map of another frame lies over none
    assert page.viewer.canvas.overlay is None
    qtbot.waitUntil(lambda: page.viewer.canvas.overlay is not None, timeout=WITHIN_MS)
    page.viewer.player.step(1)
    work._overlay(Saliency(2, 2, [0.0, 0.0, 0.0, 1.0]))  # it was asked for before the step
    assert page.viewer.canvas.overlay is None
    work.acts["recognise-look"].trigger()
    assert page.viewer.canvas.overlay is None and not work.panel.look.isChecked()


def test_that_models_with_classes_of_their_own_take_no_words(page, qtbot):
    work = page.recognising
    own = RecogniserFacts("/models/mine", "Mine", "run", recipe="r", classes=("up", "down"))
    work.panel.show_models([own], "")
    work.follow()
    assert work.panel.classes.isHidden() and "up, down" in work.panel.known.text()
    assert not work.acts["recognise-look"].isEnabled() and work.asked_classes() == ()
    work.panel.show_models([], "")
    assert not work.panel.none.isHidden()


def test_that_the_panel_is_remembered_and_strange_values_are_passed_by(page):
    work = page.recognising
    work.panel.window_s.setValue(2.0)
    work.panel.threshold.setValue(70)
    kept = msgspec.json.decode(msgspec.json.encode(page.values()))
    work.panel.window_s.setValue(1.0)
    page.set_values(kept)
    assert work.panel.window_s.value() == 2.0 and work.panel.classes.toPlainText() == "\n".join(AB)
    page.set_values({"recognising": {"window_s": "long"}, "finding": 7})
    assert work.panel.window_s.value() == 2.0


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


def plain(colour: str, width: int = 64, height: int = 48) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor(colour))
    return image


def test_that_camera_pictures_reach_the_worker_and_its_answers_the_strip(page, scripted, qtbot):
    seen = []

    def answered(arguments):
        sequence, at_s, frames = RingReader(Path(arguments["ring"])).latest(4, 1.0)
        if not len(frames):
            return LiveAnswer(0, 0.0, AB)
        red = float(frames[-1, 0, 0, 0] > frames[-1, 0, 0, 2])
        seen.append(frames.shape)
        return LiveAnswer(sequence, at_s, AB, [red, 1 - red], 0.1, 2.0)

    scripted.answers["video-live"] = answered
    work = page.recognising
    page.show_camera()
    work.panel.show()
    device = Device()
    page.live.start(device)
    assert work.acts["recognise-run"].isEnabled() and work.panel.run.text() == "Recognise live"
    work.acts["recognise-run"].trigger()
    for at, colour in enumerate(("#e02020", "#e02020", "#2020e0")):
        device.arrived.emit(plain(colour), at / 10)
        wanted = AB[0] if colour == "#e02020" else AB[1]
        qtbot.waitUntil(lambda at=at, wanted=wanted: bool(work.panel.ranking.rows)
                        and work.panel.ranking.rows[0][0] == wanted
                        and work.live.strip.now_s == pytest.approx(at / 10), timeout=WITHIN_MS)  # fmt: skip
    assert seen[0] == (4, 32, 43, 3)
    assert "a blue square" in work.panel.heading.text() and not work.live.strip.isHidden()
    page.live.close_live()
    assert not work.live.running and work.live.strip.isHidden()
    assert not any((page.link.home.cache / "live").glob("*/frames.npy"))


def test_that_a_live_strip_keeps_so_many_seconds_and_starts_anew_with_other_classes(qtbot):
    strip = LiveStrip()
    qtbot.addWidget(strip)
    for at in range(600):
        strip.add(AB, [0.5, 0.5], at * 0.1)
    assert strip.series.windows[0][1] >= 59.9 - LIVE_S - 1.2 and len(strip.series.windows) < 230
    strip.add(("other",), [1.0], 60.0)
    assert len(strip.series.windows) == 1
    strip.add(("other",), [1.0], 59.0)
    assert len(strip.series.windows) == 1


# Drawing


def test_that_the_band_has_the_colour_of_what_is_likeliest_and_the_ground_below_the_threshold(qapp):
    series = Series()
    series.take(part(ROWS, 0, 4))
    image = QImage(400, 100, QImage.Format.Format_RGB32)
    image.fill(QColor("#000000"))
    painter = QPainter(image)
    paint(painter, QRectF(0, 0, 400, 100), series, lambda time_s: time_s / 1.6 * 400, 0.5)
    painter.end()
    colours = [image.pixelColor(QPoint(x, 98)).name().upper() for x in (4, 190, 204, 296, 396)]
    first, second = (tokens().blend(series.colour(name), 0.55) for name in AB)
    assert colours == [first, first, second, second, tokens().raised.upper()]


def test_that_of_many_classes_the_likeliest_are_drawn(qapp):
    names = tuple(f"class {at}" for at in range(500))
    row = [0.0] * 500
    row[321], row[17] = 0.7, 0.3
    series = Series()
    series.take(Recognised(names, [(0.0, 1.0)], [row], 0, 1, 1))
    assert 321 in series.drawn and 17 in series.drawn and len(series.drawn) == 8
    assert series.ranked(0)[0] == ("class 321", pytest.approx(0.7))
    assert series.at(0.5) == 0 and series.at(1.5) == -1 and series.at(-1.0) == -1
    assert "and 494 more classes" in told(series, 0)


def test_that_a_map_lies_where_the_crop_was():
    whole = whole_frame(Saliency(1, 1, [1.0], (0.25, 0.0, 0.75, 1.0)), 2.0)
    assert whole.shape == (72, 144) and np.array_equal(np.flatnonzero(whole[0])[[0, -1]], [36, 107])
    assert whole_frame(Saliency(3, 3, [0.5] * 9), 1.0).min() == 0.5


# Finding


def test_that_a_folder_is_looked_through_found_in_and_a_hit_opens_at_its_moment(page, scripted, qtbot, clip):
    find = page.finding
    find.acts["find"].trigger()
    qtbot.waitUntil(lambda: find.panel.model.count() > 0, timeout=WITHIN_MS)
    assert not find.acts["find-index"].isEnabled() and not find.panel.none.isHidden()
    find.use_folder(str(clip.parent))
    failed = [FailedVideo(str(clip.parent / "broken.mp4"), "There is no video to be had from this file.")]
    scripted.answers["video-features"] = FeaturesDone(2, 1, 40, 40, 0.5, failed, complete=True)
    find.acts["find-index"].trigger()
    qtbot.waitUntil(lambda: not find.errand.running, timeout=WITHIN_MS)
    assert find.panel.progress.whole == "1 video, 40 features: 40 new" and "broken.mp4" in find.panel.failed.text()
    asked = []

    def found(arguments):
        asked.append(arguments)
        return Found([Hit(str(clip), 0.8, 0.5), Hit("/away.mp4", 0.0, 0.1)], 2, 40, 1, 0.2)

    scripted.answers["video-find"] = found
    find.panel.text.setText("a red circle")
    qtbot.waitUntil(lambda: find.panel.hits.count() == 2, timeout=WITHIN_MS)
    assert asked[0]["text"] == "a red circle" and "1 not looked through" in find.panel.told.whole
    assert find.panel.hits.item(0).text() == "clip.mp4\n0:00.800  ·  0.500"
    qtbot.waitUntil(lambda: not find.thumbs.running, timeout=WITHIN_MS)
    icons = [find.panel.hits.item(at).icon().pixmap(96, 60).toImage() for at in range(2)]
    assert icons[0].pixelColor(48, 30) != icons[1].pixelColor(48, 30)
    assert icons[1].pixelColor(48, 30).name() == tokens().raised.lower()
    find.panel.hits.itemClicked.emit(find.panel.hits.item(0))
    qtbot.waitUntil(lambda: page.viewer.scene.frame == 20, timeout=WITHIN_MS)


@pytest.mark.parametrize("look", ["dark", "light"])
def test_that_the_panels_are_no_wider_than_their_place(page, look, qtbot):
    theme().use(look, scale_percent=100)
    for panel in (page.recognising.panel, page.finding.panel):
        panel.show()
    wide = page.recognising.panel
    assert wide.widget().minimumSizeHint().width() <= wide.viewport().width()
    assert page.finding.panel.minimumSizeHint().width() <= page.finding.panel.width()
