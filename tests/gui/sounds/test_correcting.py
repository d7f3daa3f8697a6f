"""A transcript's segments and words: correcting one corrects the other, in one step that can be taken back."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from PySide6.QtGui import QColor

from tests.gui.sounds.fakes import sine
from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.transcripts import Transcript
from workbench.gui.sounds import correcting
from workbench.gui.sounds.scene import SoundScene
from workbench.gui.sounds.tierstrip import TierStrip
from workbench.gui.sounds.viewer import SoundViewer


def transcript(*texts: str) -> Transcript:
    segments, words, at = [], [], 0.0
    for text in texts:
        begin = at
        for word in text.split():
            words.append(Segment(at, at + 0.3, word, confidence=0.5))
            at += 0.4
        segments.append(Segment(begin, at - 0.1, text, confidence=0.5))
        at += 0.6
    return Transcript(segments, words, 0, at, at, True)


class Undone:
    """A background that does nothing: no tile comes, and nobody says what can be heard."""

    def background(self, work, *, then=None, failed=None, owner=None) -> None:
        pass


@pytest.fixture
def strip(qtbot):
    scene = SoundScene()
    scene.show(sine(20.0))
    one = TierStrip(scene)
    qtbot.addWidget(one)
    one.show_tiers(TiersDoc([Tier("hand", "segments", [Segment(0, 1, "mine")])]))
    correcting.add_transcript(one, transcript("the cat sat", "on the mat"))
    return one


def texts(strip, name):
    return [one.text for tier in strip.doc.tiers if tier.name == name for one in tier.segments]


def write(strip, tier, index, text):
    strip.tier, strip.marked = tier, index
    correcting.push_text(strip, text)


def test_that_a_corrected_segment_gives_its_words_the_new_text_and_undo_takes_both_back(strip):
    before = msgspec.to_builtins(strip.doc)
    write(strip, 1, 0, "the  black cat sits")
    assert texts(strip, "transcript") == ["the black cat sits", "on the mat"]
    words = strip.doc.tiers[2].segments
    assert [one.text for one in words[:5]] == ["the", "black", "cat", "sits", "on"]
    assert (words[0].start_s, words[2].start_s, words[3].end_s) == (0.0, 0.4, pytest.approx(1.1))
    assert all(one.end_s <= two.start_s + 1e-9 and one.end_s > one.start_s for one, two in itertools.pairwise(words))
    assert strip.doc.tiers[1].segments[0].corrected and strip.doc.tiers[1].segments[0].confidence == 1
    assert all(one.corrected for one in words[:4]) and not words[4].corrected
    strip.document.undo()
    assert msgspec.to_builtins(strip.doc) == before
    strip.document.redo()
    assert texts(strip, "transcript")[0] == "the black cat sits"


def test_that_a_corrected_word_gives_its_segment_the_new_text(strip):
    write(strip, 2, 1, "dog")
    assert texts(strip, "transcript") == ["the dog sat", "on the mat"]
    assert [one.corrected for one in strip.doc.tiers[1].segments] == [True, False]
    assert [one.corrected for one in strip.doc.tiers[2].segments[:3]] == [False, True, False]
    strip.document.undo()
    assert texts(strip, "transcript")[0] == "the cat sat" and not strip.doc.tiers[1].segments[0].corrected


def test_that_confirming_marks_a_segment_and_what_was_corrected_is_what_can_be_learnt_from(strip):
    assert correcting.corrected_rows(strip.doc) == []
    strip.tier, strip.marked = 1, 1
    assert correcting.confirm(strip)
    assert [one.text for one in correcting.corrected_rows(strip.doc)] == ["on the mat"]
    assert all(one.confidence == 1 for one in strip.doc.tiers[2].segments[3:])
    write(strip, 0, 0, "my own words")
    assert [one.text for one in correcting.corrected_rows(strip.doc)] == ["my own words", "on the mat"]
    strip.tier, strip.marked = 2, 0
    assert not correcting.confirm(strip)


def test_that_a_further_transcript_never_takes_corrections_away(strip):
    again = transcript("a new reading")
    assert correcting.add_transcript(strip, again) == ("transcript", True)
    assert [one.name for one in strip.doc.tiers] == ["hand", "transcript", "words of transcript"]
    assert texts(strip, "transcript") == ["a new reading"]
    write(strip, 1, 0, "a new writing")
    assert correcting.add_transcript(strip, again) == ("transcript 2", False)
    assert [one.name for one in strip.doc.tiers][1:] == [
        "transcript", "words of transcript", "transcript 2", "words of transcript 2"]  # fmt: skip
    assert texts(strip, "transcript") == ["a new writing"] and texts(strip, "hand") == ["mine"]
    for _ in range(3):
        strip.document.undo()
    assert texts(strip, "transcript") == ["the cat sat", "on the mat"]
    assert strip.height() == strip.minimumHeight() > 60


def test_that_the_spectrogram_shows_how_sure_the_model_was_of_each_word(qtbot):
    viewer = SoundViewer(Undone(), hears=lambda: "")
    qtbot.addWidget(viewer)
    viewer.resize(900, 500)
    viewer.show()
    words = [Segment(0, 1, "sure", confidence=0.99), Segment(2, 3, "unsure", confidence=0.02)]
    viewer.show_sound(sine(4.0), TiersDoc([Tier("words", "words", words)]))
    strip = viewer.spectrogram
    picture = strip.grab().toImage()

    def colour(at_s: float) -> QColor:
        return picture.pixelColor(round(strip.x_of(at_s)), 3)

    assert colour(0.5).green() > colour(0.5).red() and colour(2.5).red() > 1.5 * colour(2.5).green()
    assert colour(1.5) == picture.pixelColor(round(strip.x_of(1.5)), 30)
    viewer.scene.place(40_000)
    assert "“unsure” 2 % sure" in viewer.readout.whole
    viewer.tiers._mark(0, 1)
    correcting.push_text(viewer.tiers, "certain")
    viewer.scene.place(40_001)
    assert "“certain” 100 % sure" in viewer.readout.whole


def test_that_words_without_room_take_it_from_the_word_before():
    words = [Segment(0, 0.5, "a"), Segment(0.5, 1.0, "b")]
    found = correcting.laid_out(Segment(0, 1, "a new b"), words)
    assert (found[0].text, found[0].start_s) == ("a", 0) and found[2].start_s == 0.5
    assert 0.05 < found[1].end_s - found[1].start_s < 0.5
    assert [one.text for one in correcting.laid_out(Segment(0, 1, "x y z"), [])] == ["x", "y", "z"]
    assert correcting.laid_out(Segment(0, 1, ""), words) == []
    twin = correcting.laid_out(Segment(0, 1, "can not b"), [Segment(0, 0.5, "cannot"), words[1]])
    assert [one.text for one in twin] == ["can", "not", "b"] and twin[1].end_s == pytest.approx(0.5)
