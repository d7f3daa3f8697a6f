"""The record of corrections: it only grows, what stands of it, training sets, and which models transcribe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.core.audio import Segment
from workbench.core.problem import InputError
from workbench.store import corrections
from workbench.store.recognisers import find_recogniser, recognisers
from workbench.store.remembered import remember


def test_that_the_record_only_grows_and_the_last_word_on_a_stretch_stands(home, tmp_path):
    sound = tmp_path / "a b.wav"
    sound.write_bytes(b"RIFF")
    assert (
        corrections.add(home, sound, [Segment(0, 1, "one\ttwo", "Ann"), Segment(2, 3, "three"), Segment(4, 5, " ")])
        == 2
    )
    first = corrections.record_of(home).read_bytes()
    assert first.decode().splitlines()[0] == f"{sound}\t0.000000\t1.000000\tAnn\tone two"
    assert corrections.add(home, sound, [Segment(0, 1, "one two", "Ann")]) == 0
    assert corrections.add(home, sound, [Segment(0.1, 1.1, "one too", "Ann"), Segment(2, 3, "three")]) == 1
    assert corrections.record_of(home).read_bytes().startswith(first)
    rows = corrections.read(corrections.record_of(home))
    assert [one.text for one in rows] == ["one two", "three", "one too"]
    assert [one.text for one in corrections.effective(rows)] == ["one too", "three"]
    # Going back to an earlier text is a correction, too.
    assert corrections.add(home, sound, [Segment(0, 1, "one two", "Ann")]) == 1


def test_that_a_training_set_holds_what_stands_and_whose_sound_is_there(home, tmp_path):
    with pytest.raises(InputError, match="no corrections"):
        corrections.training_set(home)
    here, gone = tmp_path / "here.wav", tmp_path / "gone.wav"
    here.write_bytes(b"RIFF")
    corrections.add(home, gone, [Segment(0, 1, "lost")])
    with pytest.raises(InputError, match="no corrections") as caught:
        corrections.training_set(home)
    assert "gone.wav" in caught.value.received
    corrections.add(home, here, [Segment(0, 1, "wrong")])
    corrections.add(home, here, [Segment(0, 1, "right")])
    with corrections.record_of(home).open("a") as file:
        file.write("torn line\t0.0")
    folder, count = corrections.training_set(home)
    assert count == 1 and (folder / "transcripts.tsv").read_text() == f"{here}\t0.000000\t1.000000\t\tright\n"
    with pytest.raises(InputError, match="cannot stand in a table"):
        corrections.add(home, Path("/a\tb.wav"), [Segment(0, 1, "x")])


def _folder(path: Path, **config) -> Path:
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config))
    return path


def test_that_models_that_transcribe_are_told_from_others_by_their_files(home, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.store.recognisers.SHIPPED", tmp_path / "no such folder")
    assert recognisers(home) == []
    with pytest.raises(InputError, match="no model here that transcribes"):
        find_recogniser(home, "")
    _folder(home.models / "w2v", model_type="wav2vec2", architectures=["Wav2Vec2ForCTC"])
    _folder(home.models / "bare", model_type="wav2vec2", architectures=["Wav2Vec2Model"])
    _folder(home.models / "voice", model_type="speecht5", architectures=["SpeechT5ForTextToSpeech"])
    (home.models / "broken").mkdir()
    (home.models / "broken" / "config.json").write_text("[1, 2")
    elsewhere = _folder(tmp_path / "elsewhere", model_type="whisper", architectures=["WhisperForConditionalGeneration"])
    remember(home, elsewhere)
    run = home.runs / "20260101-120000-ctc" / "model"
    run.mkdir(parents=True)
    for name in ("recogniser.json", "recogniser.safetensors"):
        (run / name).write_bytes(b"{}")
    (run / "workbench.json").write_text(json.dumps({"config": {"recipe": "ctc-recogniser", "title": "My voice"}}))
    found = {Path(one.path).name: one for one in recognisers(home)}
    assert {name: one.family for name, one in found.items()} == {
        "model": "recogniser", "w2v": "ctc", "elsewhere": "whisper"}  # fmt: skip
    assert found["model"].title == "My voice  ·  20260101-120000-ctc"
    assert find_recogniser(home, "") == run
    assert find_recogniser(home, "20260101-120000-ctc") == run and find_recogniser(home, "w2v") == home.models / "w2v"
    assert find_recogniser(home, str(elsewhere)) == elsewhere
    with pytest.raises(InputError, match="does not transcribe") as caught:
        find_recogniser(home, "voice")
    assert "SpeechT5ForTextToSpeech" in caught.value.received
    with pytest.raises(InputError, match="no such model"):
        find_recogniser(home, "nothing")
