"""A selection transcribed anew: its words at their times, corrected ones left alone, one undo; window and page."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from tests.gui.sounds.fakes import sine
from tests.gui.sounds.test_correcting import texts, transcript
from tests.gui.sounds.test_transcribing import next_question, scripted_page  # noqa: F401 (a fixture)
from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.transcripts import TranscribingWish, Transcript
from workbench.gui.sounds import correcting
from workbench.gui.sounds.retranscribing import Placed, put_stretch
from workbench.gui.sounds.scene import SoundScene
from workbench.gui.sounds.tierstrip import TierStrip
from workbench.runner.transcribing import _share


def heard(start_s: float, end_s: float, *words: tuple[float, float, str]) -> Transcript:
    """What a model hears in [start_s, end_s), as one segment."""
    found = [Segment(*one, confidence=0.9) for one in words]
    whole = [Segment(found[0].start_s, found[-1].end_s, " ".join(one.text for one in found))] if found else []
    return Transcript(whole, found, start_s, end_s, 20.0, True)


@pytest.fixture
def strip(qtbot):
    """'the cat sat' at 0–1.1 s, 'on the mat' at 1.8–2.9 s, below a tier of a person's own."""
    scene = SoundScene()
    scene.show(sine(20.0))
    one = TierStrip(scene)
    qtbot.addWidget(one)
    one.show_tiers(TiersDoc([Tier("hand", "segments", [Segment(0, 1, "mine")])]))
    correcting.add_transcript(one, transcript("the cat sat", "on the mat"))
    return one


def ordered(strip) -> bool:
    rows = [tier.segments for tier in strip.doc.tiers]
    return all(a.end_s <= b.start_s + 1e-9 for row in rows for a, b in itertools.pairwise(row))


def test_that_a_stretch_replaces_its_words_alone_and_one_undo_brings_them_back(strip):
    before = msgspec.to_builtins(strip.doc)
    placed = put_stretch(strip, heard(0.38, 0.75, (0.41, 0.55, "dog"), (0.56, 0.7, "has")))
    assert placed == Placed("transcript", 1, 0)
    assert texts(strip, "words of transcript") == ["the", "dog", "has", "sat", "on", "the", "mat"]
    assert texts(strip, "transcript") == ["the", "dog has", "sat", "on the mat"]
    words = strip.doc.tiers[2].segments
    assert (words[1].start_s, words[1].end_s, words[1].confidence) == (0.41, 0.55, 0.9)
    assert ordered(strip) and texts(strip, "hand") == ["mine"]
    after = msgspec.to_builtins(strip.doc)
    strip.document.undo()
    assert msgspec.to_builtins(strip.doc) == before
    strip.document.redo()
    assert msgspec.to_builtins(strip.doc) == after


def test_that_words_after_the_last_go_where_they_were_heard(strip):
    put_stretch(strip, heard(5.0, 7.0, (5.5, 5.9, "and"), (6.0, 6.4, "more")))
    assert texts(strip, "transcript") == ["the cat sat", "on the mat", "and more"]
    put_stretch(strip, heard(1.1, 1.8, (1.3, 1.6, "well")))
    assert texts(strip, "transcript") == ["the cat sat", "well", "on the mat", "and more"] and ordered(strip)
    put_stretch(strip, heard(5.91, 5.99, (5.92, 5.98, "so")))  # in a gap between the words of one segment
    assert texts(strip, "transcript")[3:] == ["and", "so", "more"] and ordered(strip)


def test_that_corrected_segments_stay_and_words_heard_within_them_are_passed_by(strip):
    strip.tier, strip.marked = 1, 1
    correcting.push_text(strip, "on my mat")
    placed = put_stretch(strip, heard(0.7, 4.0, (0.8, 1.1, "slept"), (1.8, 2.1, "in"), (2.2, 2.5, "the"),
                                      (3.2, 3.5, "yes")))  # fmt: skip
    assert placed == Placed("transcript", 1, 1)
    assert texts(strip, "transcript") == ["the cat", "slept", "on my mat", "yes"]
    assert texts(strip, "words of transcript") == ["the", "cat", "slept", "on", "my", "mat", "yes"] and ordered(strip)


def test_that_a_word_cut_by_the_edge_is_not_written_twice(strip):
    """The stretch begins within 'cat' (0.4–0.7 s), which lies mostly before it."""
    put_stretch(strip, heard(0.6, 1.2, (0.6, 0.69, "at"), (0.68, 1.1, "sits")))
    assert texts(strip, "words of transcript")[:3] == ["the", "cat", "sits"]
    assert strip.doc.tiers[2].segments[2].start_s == pytest.approx(0.7) and ordered(strip)


def test_that_a_sound_without_a_transcript_gets_its_tiers(qtbot):
    scene = SoundScene()
    scene.show(sine(20.0))
    one = TierStrip(scene)
    qtbot.addWidget(one)
    assert put_stretch(one, heard(3.0, 4.0, (3.1, 3.4, "hello"))) == Placed("transcript", 0, 0)
    assert [(tier.name, tier.segments[0].start_s) for tier in one.doc.tiers] == [
        ("transcript", 3.1), ("words of transcript", 3.1),
    ]  # fmt: skip


def test_that_progress_counts_the_stretch_and_not_what_lies_before_it():
    part = TranscribingWish("a.wav", "m", 6.0, 8.0)
    assert [_share(one / 8.0, part) for one in (6.0, 7.0, 8.0)] == pytest.approx([0.0, 0.5, 1.0])
    assert _share(-1.0, part) == -1.0 and _share(0.25, TranscribingWish("a.wav", "m")) == 0.25


def test_that_the_page_asks_for_the_selection_alone(scripted_page, scripted, qtbot, monkeypatch):  # noqa: F811
    wishes, plain = [], scripted.inspect
    monkeypatch.setattr(scripted, "inspect", lambda what, **words: wishes.append(words) or plain(what, **words))
    page, work = scripted_page, scripted_page.transcribing
    assert not work.acts["transcribe-part"].isEnabled() and not work.panel.part.isEnabled()
    page.viewer.scene.select(2 * 16_000, 3 * 16_000)
    assert work.panel.part.isEnabled()
    work.panel.part.click()
    next_question(qtbot, scripted)
    assert (wishes[-1]["start_s"], wishes[-1]["end_s"]) == (2.0, 3.0)
    scripted.answer(msgspec.structs.replace(heard(2.0, 3.0, (2.25, 2.5, "hello")), duration_s=8.0))
    qtbot.waitUntil(lambda: len(page.viewer.tiers.doc.tiers) == 2)
    assert page.viewer.tiers.doc.tiers[1].segments[0].start_s == 2.25
    assert "1 word from 2.00 to 3.00 s by by-hand" in page.banner.accessibleName()
    page.viewer.undo.trigger()
    assert not page.viewer.tiers.doc.tiers
    page.viewer.scene.select(None)
    assert not work.acts["transcribe-part"].isEnabled()
