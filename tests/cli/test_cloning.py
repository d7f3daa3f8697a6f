"""`workbench speech clone`, with a real worker and the shipped voices."""

from __future__ import annotations

import soundfile

from tests.engine.speech.conversing import RATE_HZ, conversation
from workbench.core.cloning import SYNTHETIC

TEXT = "A quiet village."


def test_that_a_sounds_voice_a_remembered_one_and_nobodys_speak(runner, home, workbench, tmp_path, monkeypatch):
    talk = tmp_path / "talk.wav"
    first = conversation().tier.segments[0]
    soundfile.write(talk, conversation().samples[: round(first.end_s * RATE_HZ)], RATE_HZ)
    at = ("--home", str(home.root))
    done = workbench("speech", "clone", "--voice", str(talk), "--text", TEXT, "--out", str(tmp_path / "x.wav"),
                     "--json", *at)  # fmt: skip
    (found,) = done.lines
    assert done.status == 0 and found["sound"] == str(tmp_path / "x.wav") and found["title"] == "talk"
    assert -1 <= found["likeness"] <= 1 and found["rival"] and found["notice"]
    with soundfile.SoundFile(tmp_path / "x.wav") as file:
        assert file.comment == SYNTHETIC and file.samplerate == found["sample_rate_hz"]

    assert workbench("speech", "profiles", "enrol", "Anna", str(talk), *at).status == 0
    monkeypatch.chdir(tmp_path)
    done = workbench("speech", "clone", "--voice", "anna", "--text", "I owe you $2.", *at)
    assert done.out.strip() == str(tmp_path / "Anna-synthetic.wav") and (tmp_path / "Anna-synthetic.wav").is_file()
    assert "cosine" in done.err and "Clone only voices" in done.err

    done = workbench("speech", "clone", "--random-seed", "7", "--text", TEXT, *at)
    assert done.status == 0 and (tmp_path / "nobody-7-synthetic.wav").is_file()


def test_that_everything_wrong_is_told_at_once_without_a_worker(home, workbench):
    at = ("--home", str(home.root))
    done = workbench("speech", "clone", "--voice", "nobody-knows", "--text", "Привет", *at)
    assert done.status == 2 and "no remembered voice" in done.err and "cannot say these letters" in done.err
    assert workbench("speech", "clone", "--text", TEXT, *at).status == 2
    assert workbench("speech", "clone", "--voice", "x", "--random-seed", "1", "--text", TEXT, *at).status == 2
    assert workbench("speech", "clone", "--random-seed", "-1", "--text", TEXT, *at).status == 2
