"""Who spoke when, from the page of sounds: a real worker, the shipped encoder, names, undo, voices, turns played."""

from __future__ import annotations

import pytest
import soundfile

from tests.engine.speech.conversing import RATE_HZ, conversation
from tests.gui.sounds.fakes import Card
from tests.plugins.fixtures import end_worker
from workbench.app import make_window
from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.speakers import speakers_of, speakers_tier
from workbench.engine.speech.diarisation_error import diarisation_error
from workbench.gui.sounds.speakeredits import NewTurns, renamed
from workbench.gui.sounds.voicedialogs import NameDialog, VoicesDialog
from workbench.gui.undo import Document
from workbench.runner.local import LocalRunner
from workbench.store import voices

WITHIN_MS = 60_000


@pytest.fixture
def page(qtbot, home):
    window = make_window(home, demo=False, make_runner=lambda: LocalRunner(home, client="test"))
    window.resize(1366, 768)
    window.show()
    qtbot.waitUntil(lambda: window.link.state.pid > 0, timeout=WITHIN_MS)
    yield window.open_page("sounds")
    window.leave_quietly()
    end_worker(home)
    window.deleteLater()


def settled(qtbot, page):
    qtbot.waitUntil(
        lambda: (
            page.banner.record is not None
            or not any((page.opening.asking.doing, page.speaking.asking.doing, page.speaking.remembering.doing))
        ),
        timeout=WITHIN_MS,
    )
    assert page.banner.record is None, page.banner.record


def test_that_speakers_are_found_named_undone_and_remembered(page, qtbot, tmp_path, home):
    truth = conversation().tier.segments
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", conversation().samples, RATE_HZ)
    page.open_paths([str(tmp_path / "a.wav")])
    qtbot.waitUntil(lambda: page.path.endswith("a.wav"), timeout=WITHIN_MS)
    settled(qtbot, page)
    strip, speaking = page.viewer.tiers, page.speaking
    words = [Segment(one.start_s + 0.1, one.start_s + 0.4, "well") for one in truth]
    strip.add(Tier("words", "words", words))
    speaking.acts["speakers"].trigger()
    assert speaking.panel.isVisible() and not speaking.panel.list.isVisible()
    speaking.panel.number.setValue(2)
    speaking.acts["speakers-run"].trigger()
    settled(qtbot, page)
    turns = speakers_tier(strip.doc)
    error = diarisation_error(truth, turns.segments, collar_s=0.25)
    assert error.rate < 0.05 and speaking.panel.speakers == ["speaker 1", "speaker 2"]
    assert [error.mapping[one.speaker] for one in strip.doc.tiers[0].segments] == [one.speaker for one in truth]
    qtbot.waitUntil(speaking.panel.map.isVisible, timeout=WITHIN_MS)
    assert len(speaking.panel.map.points) == len(speaking.result.centres_s)

    low = next(name for name, who in error.mapping.items() if who == "low")
    speaking.panel.list.setCurrentRow(speaking.panel.speakers.index(low))
    speaking.acts["speakers-name"].trigger()
    assert isinstance(speaking.dialog, NameDialog)
    speaking.dialog.name.setCurrentText("  Anna ")
    speaking.dialog._accept()
    settled(qtbot, page)
    assert "Anna" in speakers_of(strip.doc) and low not in speakers_of(strip.doc)
    assert {one.speaker for one in strip.doc.tiers[0].segments} == {one.speaker for one in turns.segments}
    assert [one.name for one in voices.voices(home)] == ["Anna"]
    page.viewer.undo.trigger()
    assert low in speakers_of(strip.doc) and low in speaking.panel.speakers
    qtbot.waitUntil(lambda: voices.voices(home) == [], timeout=WITHIN_MS)
    qtbot.waitUntil(lambda: "remembered of Anna is as before" in page.banner.accessibleName())
    page.viewer.redo.trigger()
    qtbot.waitUntil(lambda: [one.name for one in voices.voices(home)] == ["Anna"], timeout=WITHIN_MS)
    voices.rename(home, "Anna", "Anna Berg")  # elsewhere: what was changed since is not taken back
    page.viewer.undo.trigger()
    qtbot.waitUntil(lambda: "was changed since: it stays" in page.banner.accessibleName(), timeout=WITHIN_MS)
    assert [one.name for one in voices.voices(home)] == ["Anna Berg"] and low in speakers_of(strip.doc)
    voices.rename(home, "Anna Berg", "Anna")
    page.viewer.undo.trigger()  # the turns, and with them the words' speakers
    assert speakers_tier(strip.doc) is None and speakers_of(strip.doc) == []
    page.viewer.redo.trigger()
    assert speakers_of(strip.doc) == ["speaker 1", "speaker 2"]

    page.open_paths([str(tmp_path / "b.wav")])
    qtbot.waitUntil(lambda: page.path.endswith("b.wav"), timeout=WITHIN_MS)
    settled(qtbot, page)
    speaking.acts["speakers-run"].trigger()
    settled(qtbot, page)
    found = speakers_tier(page.viewer.tiers.doc).segments
    assert diarisation_error(truth, found).mapping["Anna"] == "low"
    # It was not Anna: the voice is another's from now on.
    speaking.rename("Anna", "Berta", remember=True)
    settled(qtbot, page)
    assert sorted(one.name for one in voices.voices(home)) == ["Anna", "Berta"]
    assert voices.voice_named(home, "Anna").told.refused == 1

    speaking.acts["speakers-voices"].trigger()
    dialog = speaking.dialog
    assert isinstance(dialog, VoicesDialog)
    qtbot.waitUntil(lambda: len(dialog.profiles) == 2, timeout=WITHIN_MS)
    dialog.list.choose(dialog.profiles[0].id)
    dialog.delete.click()
    qtbot.waitUntil(lambda: len(dialog.profiles) == 1, timeout=WITHIN_MS)
    assert [one.name for one in voices.voices(home)] == ["Berta"]
    assert dialog.banner.accessibleName() == "Anna is forgotten."
    dialog.banner.press("Undo")
    qtbot.waitUntil(lambda: len(dialog.profiles) == 2, timeout=WITHIN_MS)
    assert voices.voice_named(home, "Anna").told.refused == 1  # whole, as it was
    dialog.accept()
    # Taking back that it was Berta takes back what the naming taught both voices.
    page.viewer.undo.trigger()
    qtbot.waitUntil(
        lambda: [(one.name, one.told.refused) for one in voices.voices(home)] == [("Anna", 0)], timeout=WITHIN_MS
    )


def test_that_the_turns_of_one_speaker_are_played_one_after_the_other(page, qtbot, tmp_path):
    page.viewer._hears = lambda: ""  # whatever this machine has
    soundfile.write(tmp_path / "a.wav", conversation().samples, RATE_HZ)
    page.open_paths([str(tmp_path / "a.wav")])
    qtbot.waitUntil(lambda: page.path.endswith("a.wav"), timeout=WITHIN_MS)
    settled(qtbot, page)
    card, viewer = Card(), page.viewer
    viewer.player._make_output = card.make
    turns = [Segment(1.0, 1.5, "", "anna"), Segment(2.0, 2.5, "", "ben"), Segment(3.0, 3.25, "", "anna")]
    viewer.show_tiers(TiersDoc([Tier("speakers", "speakers", turns)]))
    page.speaking.acts["speakers"].trigger()
    page.speaking.panel.list.setCurrentRow(page.speaking.panel.speakers.index("anna"))
    played: list[tuple[int, int]] = []
    play = viewer.player.play

    def note(sound, first, last, **how):
        played.append((first, last))
        play(sound, first, last, **how)

    viewer.player.play = note
    page.speaking.acts["speakers-play"].trigger()
    viewer.player.finished = True
    viewer.player.halt()
    qtbot.waitUntil(lambda: len(played) == 2)
    assert played == [(RATE_HZ, 1.5 * RATE_HZ), (3 * RATE_HZ, 3.25 * RATE_HZ)]
    viewer.player.finished = False
    page.speaking.acts["speakers-play"].trigger()  # halts
    assert not viewer.player.playing and page.speaking._turns == []


def test_that_a_name_that_another_has_makes_them_one_and_undo_parts_them(qtbot):
    turns = [Segment(0, 1, "", "a"), Segment(1, 2, "", "b"), Segment(2, 3, "", "a")]
    doc = TiersDoc([Tier("words", "words", [Segment(1.2, 1.6, "hm", "b")]), Tier("speakers", "speakers", turns)])
    document = Document()
    told = []
    document.push(renamed(doc, "a", "b", lambda *where: told.append(where)))
    assert speakers_of(doc) == ["b"] and told
    document.undo()
    assert [one.speaker for one in turns] == ["a", "b", "a"] and doc.tiers[0].segments[0].speaker == "b"
    assert renamed(doc, "nobody", "b", lambda *where: None) is None
    new = Tier("speakers", "speakers", [Segment(0, 3, "", "c")])
    document.push(NewTurns(doc, new, lambda *where: None))
    assert [tier.name for tier in doc.tiers] == ["words", "speakers"] and doc.tiers[0].segments[0].speaker == "c"
    document.undo()
    assert doc.tiers[1].segments == turns and doc.tiers[0].segments[0].speaker == "b"
