"""What the worker answers about cloned voices, with the shipped encoder and synthesiser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.engine.speech.conversing import RATE_HZ, conversation
from workbench.core.cloning import SYNTHETIC
from workbench.core.job import JobCancelled
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.engine.backbone_folders import STARTERS
from workbench.store import voices
from workbench.worker.inspectors import inspect
from workbench.worker.interactive import ApplyContext, WarmCache

CACHE = WarmCache()
TEXT = "A quiet village."


@pytest.fixture
def ask(home):
    context = ApplyContext("cpu", home, Settings(), CACHE)

    def ask(what: str, **arguments: Any) -> Any:
        return inspect(what, arguments, context)

    return ask


@pytest.fixture
def talk(tmp_path: Path) -> str:
    soundfile.write(tmp_path / "talk.wav", conversation().samples, RATE_HZ)
    return str(tmp_path / "talk.wav")


def turn(at: int) -> tuple[float, float]:
    one = conversation().tier.segments[at]
    return one.start_s, one.end_s


def test_that_one_speakers_turns_are_one_voice_and_another_lies_elsewhere(ask, talk):
    found = [ask("clone-voice", source={"path": talk, "spans": [turn(at)]}) for at in (0, 2, 1)]
    assert found[0].neighbour == found[1].neighbour != found[2].neighbour
    places = np.array([one.place for one in found])
    assert np.linalg.norm(places[0] - places[1]) < 0.2 < np.linalg.norm(places[0] - places[2])
    assert found[0].title.startswith("talk 0.3–9.0") and found[0].speech_s > 8 and not found[0].notes


def test_that_two_speakers_in_one_selection_are_told(ask, talk):
    (note,) = ask("clone-voice", source={"path": talk, "spans": [[turn(0)[0], turn(1)[1]]]}).notes
    assert note.startswith("2 people seem to speak here (")
    # Of the same speaker's turns there is one voice, however many there are.
    assert ask("clone-voice", source={"path": talk, "spans": [turn(0), turn(2)]}).notes == ()


def test_that_silence_and_shreds_of_speech_are_refused_and_channels_and_shortness_told(ask, talk, tmp_path):
    silent, many = str(tmp_path / "silent.wav"), str(tmp_path / "many.wav")
    soundfile.write(silent, np.zeros(3 * RATE_HZ, np.int16), RATE_HZ)
    first = conversation().samples[: 9 * RATE_HZ]
    soundfile.write(many, np.stack([first] * 12, 1), RATE_HZ)
    with pytest.raises(InputError, match="Nobody speaks"):
        ask("clone-voice", source={"path": silent})
    with pytest.raises(InputError, match="too little speech") as caught:
        ask("clone-voice", source={"path": talk, "spans": [[1.0, 1.1]]})
    assert "0.10 s" in caught.value.received
    assert ask("clone-voice", source={"path": many}).notes == ("the 12 channels are heard as their mean",)
    (note,) = ask("clone-voice", source={"path": talk, "spans": [[1.0, 2.5]]}).notes
    assert "is little" in note


def test_that_a_source_must_be_one_and_known(ask, talk):
    for source in ({}, {"path": talk, "seed": 3}):
        with pytest.raises(InputError, match="Whose voice"):
            ask("clone-voice", source=source)
    with pytest.raises(InputError, match="learned no voice") as caught:
        ask("clone-say", source={"learned": "voices-001"}, text=TEXT)
    assert "Did you mean" in caught.value.fix
    with pytest.raises(InputError, match="remembered as 'Anna'"):
        ask("clone-say", source={"profile": "Anna"}, text=TEXT)
    with pytest.raises(InputError, match="malformed"):
        ask("clone-say", source={"seed": "three"}, text=TEXT)


def test_that_a_remembered_voice_is_on_the_map_and_speaks_and_one_of_another_encoder_is_told(ask, talk, home):
    made = ask("voice-enrol", path=talk, name="Anna", spans=[turn(0), turn(2)])
    voices.enrol(home, "Berta", "another", voices.Reference(np.ones(8, np.float32), 3.0, "k", "t"))
    found = ask("clone-map")
    assert len(found.learned) == 160 and [one.title for one in found.remembered] == ["Anna"]
    assert found.notes == ("remembered by another encoder, so not heard here: Berta",)
    here = ask("clone-voice", source={"path": talk, "spans": [turn(0)]})
    assert np.linalg.norm(np.subtract(found.remembered[0].place, here.place)) < 0.2
    said = ask("clone-say", source={"profile": made.id}, text=TEXT)
    assert said.title == "Anna" and said.text == TEXT and said.duration_s > 0.5
    with pytest.raises(InputError, match="another encoder"):
        ask("clone-say", source={"profile": "Berta"}, text=TEXT)


def test_that_what_is_said_is_marked_compared_and_leaves_no_numbers_of_the_voice(ask, talk, home, tmp_path):
    source = {"path": talk, "spans": [turn(1)]}
    said = ask("clone-say", source=source, text="The old man found a yellow boat near the river.")
    path = Path(said.sound)
    assert "-synthetic-" in path.name and path.is_relative_to(home.cache)
    with soundfile.SoundFile(path) as file:
        assert file.comment == SYNTHETIC
        assert file.frames / file.samplerate == pytest.approx(said.duration_s, abs=1e-3)
    assert said.likeness is not None and said.likeness > 0.7 and said.rival
    assert said.own_cosine is not None and said.own_cosine > 0.8
    assert not [one for one in home.cache.rglob("*.npy") if "cloned" in str(one) and "map-" not in one.name]
    out = tmp_path / "own.flac"
    again = ask("clone-say", source=source, text="Oh.", out=str(out))
    assert Path(again.sound) == out and out.is_file()
    assert again.likeness is None and again.notes == ("too little was said to compare the voices",)


def test_that_a_voice_that_nobody_has_is_the_same_for_the_same_seed(ask):
    one, same, other = (ask("clone-voice", source={"seed": seed}) for seed in (4, 4, 5))
    assert one == same and one.place != other.place and one.cosine < 0.6
    first = ask("clone-say", source={"seed": 4}, text=TEXT)
    samples = soundfile.read(first.sound)[0]
    second = ask("clone-say", source={"seed": 4}, text=TEXT)
    assert np.array_equal(samples, soundfile.read(second.sound)[0])
    assert ask("clone-say", source={"seed": 5}, text=TEXT).sound != first.sound


def test_that_who_waits_no_longer_gets_nothing_and_no_file_is_left(ask, home, tmp_path):
    context = ApplyContext("cpu", home, Settings(), CACHE, cancelled=lambda: True)
    with pytest.raises(JobCancelled):
        inspect("clone-say", {"source": {"seed": 1}, "text": TEXT, "out": str(tmp_path / "x.wav")}, context)
    assert not (tmp_path / "x.wav").exists()


def test_that_a_model_without_voices_is_refused(ask, tmp_path):
    (tmp_path / "workbench.json").write_bytes((STARTERS / "voice-synthesiser" / "workbench.json").read_bytes())
    with pytest.raises(InputError, match="voices cannot be read"):
        ask("clone-map", model=str(tmp_path))
    with pytest.raises(InputError, match="no model here"):
        ask("clone-map", model=str(tmp_path / "nowhere"))
