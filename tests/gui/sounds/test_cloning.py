"""Speaking with a voice, from the page of sounds: a real worker, the shipped encoder and synthesiser."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file, save_file

from tests.engine.speech.conversing import RATE_HZ, conversation
from tests.gui.sounds.fakes import Card
from tests.plugins.fixtures import end_worker
from workbench.app import make_window
from workbench.core.audio import Tier, TiersDoc
from workbench.core.cloning import LEARNED, SYNTHETIC, VoiceSource
from workbench.engine.backbone_folders import STARTERS
from workbench.runner.local import LocalRunner
from workbench.store import voices

WITHIN_MS = 120_000
TEXT = "A quiet village."


@pytest.fixture
def page(qtbot, home):
    window = make_window(home, demo=False, make_runner=lambda: LocalRunner(home, client="test"))
    window.resize(1366, 768)
    window.show()
    qtbot.waitUntil(lambda: window.link.state.pid > 0, timeout=WITHIN_MS)
    page = window.open_page("sounds")
    page.cloning.strip._hears = page.viewer._hears = lambda: ""  # whatever this machine has
    page.card = Card()
    page.cloning.strip.player._make_output = page.card.make
    yield page
    window.leave_quietly()
    end_worker(home)
    window.deleteLater()


def settled(qtbot, page):
    askings = (page.opening.asking, page.cloning.asking, page.cloning.placing)
    qtbot.waitUntil(lambda: page.banner.record is not None or not any(one.doing for one in askings), timeout=WITHIN_MS)
    assert page.banner.record is None, page.banner.record


def opened(qtbot, page, path):
    page.open_paths([str(path)])
    qtbot.waitUntil(lambda: page.path == str(path), timeout=WITHIN_MS)
    settled(qtbot, page)


def spoken(qtbot, page, title):
    qtbot.waitUntil(
        lambda: page.banner.record is not None or ((page.cloning.said or 0) and page.cloning.said.title == title),
        timeout=WITHIN_MS,
    )
    settled(qtbot, page)


def test_that_a_voice_is_enrolled_seen_heard_compared_remembered_and_taken_away(page, qtbot, tmp_path, home):
    truth = conversation().tier
    soundfile.write(tmp_path / "talk.wav", conversation().samples, RATE_HZ)
    opened(qtbot, page, tmp_path / "talk.wav")
    cloning, panel = page.cloning, page.cloning.panel
    cloning.acts["clone"].trigger()
    panel.text.setPlainText(TEXT)
    settled(qtbot, page)
    assert panel.isVisible() and len(panel.points) == 160 and not panel.list.isVisible()
    assert not panel.buttons["speak"].isEnabled() and not panel.buttons["play"].isVisible()
    assert panel.hint.isVisible()

    # The whole sound has two speakers; the selection has one.
    assert [panel.source.itemText(at).split("   ·")[0] for at in range(panel.source.count())] == ["The whole sound"]
    cloning.acts["clone-enrol"].trigger()
    settled(qtbot, page)
    assert "2 people" in panel.notes.text() and panel.notes.isVisible()
    first = truth.segments[0]
    page.viewer.scene.select(round(first.start_s * RATE_HZ), round(first.end_s * RATE_HZ))
    panel.source.setCurrentIndex(0)
    cloning.acts["clone-enrol"].trigger()
    settled(qtbot, page)
    assert [one.kind for one in panel.voices] == ["enrolled"] * 2 and not panel.notes.isVisible()
    assert len(panel.points) == 162 and panel.map.selected.tolist() == [161]
    page.viewer.show_tiers(TiersDoc([Tier("speakers", "speakers", truth.segments)]))
    cloning.follow()
    assert [panel.source.itemText(at).split("   ·")[0] for at in range(panel.source.count())] == [
        "The selection", "The whole sound", "high", "low",
    ]  # fmt: skip

    cloning.acts["clone-speak"].trigger()
    spoken(qtbot, page, panel.chosen().title)
    said = cloning.said
    # Played by itself, with its picture; and the original is played against it.
    qtbot.waitUntil(lambda: page.card.started, timeout=WITHIN_MS)
    expected = soundfile.read(said.sound)[0][:800]
    assert np.allclose(page.card.pull(800)[:, 0], expected, atol=1e-4)
    assert cloning.strip.scene.samples == round(said.duration_s * said.sample_rate_hz)
    assert f"{said.likeness:.2f}" in panel.result.text()
    cloning.acts["clone-play"].trigger()
    assert not cloning.strip.player.playing
    cloning.acts["clone-original"].trigger()
    settled(qtbot, page)
    qtbot.waitUntil(lambda: cloning.strip.player.playing)
    original = page.card.make(RATE_HZ, 1, cloning.strip.player.session.fill)
    qtbot.waitUntil(lambda: cloning.strip.player.session.ring.filled >= 800)
    at = round(first.start_s * RATE_HZ)
    assert np.allclose(original.pull(800)[:, 0] * 32768, conversation().samples[at : at + 800], atol=1)
    cloning.acts["clone-original"].trigger()

    out = tmp_path / "taken.wav"
    cloning.export(out)
    qtbot.waitUntil(out.is_file, timeout=WITHIN_MS)
    settled(qtbot, page)
    with soundfile.SoundFile(out) as file:
        assert file.comment == SYNTHETIC
    cloning.acts["clone-export"].trigger()
    assert "-synthetic" in cloning.dialog.selectedFiles()[0]
    cloning.dialog.reject()

    page.banner.dismiss()
    cloning.acts["clone-remember"].trigger()
    cloning.dialog.setTextValue("Anna")
    cloning.dialog.accept()
    qtbot.waitUntil(lambda: bool(voices.profiles(home)), timeout=WITHIN_MS)
    settled(qtbot, page)
    assert [(one.title, one.kind) for one in panel.voices] == [("Anna", "remembered"), ("talk", "enrolled")]
    assert panel.chosen().title == "Anna" and not panel.buttons["remember"].isEnabled()
    # A remembered voice is numbers alone: it speaks, but there is no original of it.
    cloning.acts["clone-speak"].trigger()
    spoken(qtbot, page, "Anna")
    assert not panel.buttons["original"].isEnabled()
    # A speaker that is named elsewhere, and one that is forgotten, are followed.
    page.speaking.rename("low", "Berta", remember=True)
    qtbot.waitUntil(lambda: [one.title for one in panel.voices] == ["Anna", "Berta", "talk"], timeout=WITHIN_MS)
    settled(qtbot, page)
    panel.buttons["voices"].click()
    voices.delete(home, voices.voice_named(home, "Anna").id)
    page.speaking.dialog.accept()
    qtbot.waitUntil(lambda: [one.title for one in panel.voices] == ["Berta", "talk"], timeout=WITHIN_MS)
    assert panel.chosen().title == "Berta"
    cloning.acts["clone-open"].trigger()
    qtbot.waitUntil(lambda: page.path == cloning.said.sound, timeout=WITHIN_MS)


def test_that_voices_that_nobody_has_speak_and_are_there_again_next_time_and_by_other_models(
    page, qtbot, home, tmp_path
):
    cloning, panel = page.cloning, page.cloning.panel
    cloning.acts["clone"].trigger()
    settled(qtbot, page)
    panel.text.setPlainText(TEXT)
    cloning.acts["clone-nobody"].trigger()
    spoken(qtbot, page, "nobody 1")
    cloning.acts["clone-nobody"].trigger()
    spoken(qtbot, page, "nobody 2")
    assert cloning.values() == {"text": TEXT, "seeds": [1, 2]}
    # A point of the map speaks when it is clicked, and again at once.
    panel.map.select(np.array([3]))
    spoken(qtbot, page, panel.points[3].title)
    assert cloning.chosen == VoiceSource(learned=panel.points[3].title) and panel.list.currentRow() == -1
    kept = dict(cloning._heard)
    panel.list.setCurrentRow(0)
    cloning.acts["clone-speak"].trigger()
    spoken(qtbot, page, "nobody 1")
    assert cloning._heard == kept
    cloning.acts["clone-remove"].trigger()
    assert [one.title for one in panel.voices] == ["nobody 2"] and cloning.voices.seeds == [2]

    cloning.voices.forget_places()
    cloning.set_values({"text": "Hello.", "seeds": [2, 9, -1]})
    cloning.look()
    qtbot.waitUntil(lambda: [one.title for one in panel.voices] == ["nobody 2", "nobody 9"], timeout=WITHIN_MS)
    assert panel.text.toPlainText() == "Hello."
    cloning.set_values({"seeds": "none"})
    assert cloning.voices.seeds == [2, 9]

    # A model of a run takes the place of the shipped one: every voice is heard again by the encoder that it has.
    mine = home.models / "mine"
    shutil.copytree(STARTERS / "voice-synthesiser", mine)
    learned = dict(list(load_file(mine / LEARNED).items())[:12])
    save_file(learned, mine / LEARNED)
    soundfile.write(tmp_path / "spoken.wav", conversation().samples[: 9 * RATE_HZ], RATE_HZ)
    cloning.enrol_voice(VoiceSource(str(tmp_path / "spoken.wav")))
    settled(qtbot, page)
    assert panel.buttons["remember"].isEnabled() and not panel.model.isVisible()
    cloning.look()
    qtbot.waitUntil(lambda: panel.model.count() == 2, timeout=WITHIN_MS)
    panel.model.setCurrentIndex(1)
    panel.model.activated.emit(1)
    qtbot.waitUntil(lambda: len(panel.points) == 15 and len(panel.voices) == 3, timeout=WITHIN_MS)
    settled(qtbot, page)
    panel.list.setCurrentRow(0)
    assert not panel.buttons["remember"].isEnabled()
    cloning.acts["clone-speak"].trigger()
    spoken(qtbot, page, "spoken")
    assert (cloning.chosen, "Hello.", str(mine)) in cloning._heard and cloning.said.rival in learned


def test_that_what_cannot_be_said_or_known_is_told_and_a_recording_is_enrolled(page, qtbot, tmp_path):
    cloning, panel = page.cloning, page.cloning.panel
    soundfile.write(tmp_path / "silent.wav", np.zeros(2 * RATE_HZ, np.int16), RATE_HZ)
    soundfile.write(tmp_path / "spoken.wav", conversation().samples[: 9 * RATE_HZ], RATE_HZ)
    cloning.acts["clone"].trigger()
    settled(qtbot, page)
    cloning.enrol_voice(VoiceSource(str(tmp_path / "silent.wav")))
    qtbot.waitUntil(lambda: page.banner.record is not None, timeout=WITHIN_MS)
    assert "Nobody speaks" in page.banner.record.what and not panel.voices
    page.banner.dismiss()

    cloning.acts["clone-record"].trigger()
    assert page.places.currentWidget() is page.recorder
    page.recorder.recorded.emit(str(tmp_path / "spoken.wav"))
    qtbot.waitUntil(lambda: len(panel.voices) == 1, timeout=WITHIN_MS)
    settled(qtbot, page)
    assert panel.voices[0].title == "spoken" and panel.buttons["speak"].isEnabled()
    panel.text.setPlainText("Привет")
    assert "cannot say these letters" in panel.wrong.text() and not panel.buttons["speak"].isEnabled()
    panel.text.setPlainText("word " * 1000)
    assert "too long" in panel.wrong.text()
    panel.text.setPlainText("")
    assert not panel.wrong.isVisible() and not panel.buttons["speak"].isEnabled()
    panel.text.setPlainText("Twelve, 12.")
    assert panel.buttons["speak"].isEnabled()
    # The page has room for one of the two wide panels.
    page.transcribing.acts["transcribe"].trigger()
    assert page.transcribing.panel.isVisible() and panel.isHidden() and not cloning.acts["clone"].isChecked()
    cloning.acts["clone"].trigger()
    assert panel.isVisible() and page.transcribing.panel.isHidden()
    settled(qtbot, page)
    page.show_batch()
    assert panel.isHidden() and not cloning.acts["clone"].isVisible()
