"""`workbench speech diarise` and `profiles`, with a real worker and an encoder that has learned nothing."""

from __future__ import annotations

import msgspec
import numpy as np
import pandas
import pytest
import soundfile
from praatio import textgrid

from tests.engine.speech.conversing import RATE_HZ, conversation
from tests.engine.speech.voices import write_averaging
from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.engine.speech.diarisation_error import diarisation_error
from workbench.store import voices

RTTM = ["type", "file", "channel", "onset", "duration", "text", "subtype", "speaker", "confidence", "lookahead"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return write_averaging(tmp_path_factory.mktemp("encoder"), conversation().samples)


@pytest.fixture
def talk(tmp_path):
    soundfile.write(tmp_path / "a talk.wav", conversation().samples, RATE_HZ)
    return tmp_path / "a talk.wav"


def test_that_turns_are_told_and_read_back_by_other_libraries(runner, home, workbench, talk, encoder, tmp_path):
    words = [Segment(one.start_s + 0.1, one.start_s + 0.4, "well") for one in conversation().tier.segments]
    doc = TiersDoc([Tier("words", "words", words)])
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "a talk.json").write_bytes(msgspec.json.encode(doc))
    common = ("--speakers", "2", "--encoder", str(encoder), "--home", str(home.root))
    done = workbench("speech", "diarise", str(talk), *common, "--out", str(tmp_path / "out"), "--format",
                     "rttm,TextGrid,json", "--tiers", str(tmp_path / "words"), "--json")  # fmt: skip
    (found,) = done.lines
    turns = [Segment(**one) for one in found["turns"]]
    truth = conversation().tier.segments
    assert diarisation_error(truth, turns, collar_s=0.25).rate < 0.1
    assert [one["name"] for one in found["voices"]] == ["speaker 1", "speaker 2"]
    assert found["voices"][0]["talk_s"] >= found["voices"][1]["talk_s"] and found["notes"]

    rows = pandas.read_csv(tmp_path / "out" / "a talk.rttm", sep=" ", names=RTTM, keep_default_na=False)
    assert set(rows.type) == {"SPEAKER"} and set(rows.file) == {"a_talk"} and len(rows) == len(turns)
    assert np.allclose(rows.onset, [one.start_s for one in turns])
    assert np.allclose(rows.onset + rows.duration, [one.end_s for one in turns], atol=1.1e-3)
    assert list(rows.speaker) == [one.speaker.replace(" ", "_") for one in turns]

    grid = textgrid.openTextgrid(str(tmp_path / "out" / "a talk.TextGrid"), includeEmptyIntervals=False)
    for name in ("speaker 1", "speaker 2"):
        entries = grid.getTier(f"speakers [{name}]").entries
        own = [one for one in turns if one.speaker == name]
        assert [(one.start, one.end, one.label) for one in entries] == [(t.start_s, t.end_s, name) for t in own]
    # Every word has the speaker of the turn that it lies in.
    back = msgspec.json.decode((tmp_path / "out" / "a talk.json").read_bytes(), type=TiersDoc)
    assert [tier.kind for tier in back.tiers] == ["words", "speakers"] and back.tiers[1].segments == turns
    mapping = diarisation_error(truth, turns).mapping
    assert [mapping[one.speaker] for one in back.tiers[0].segments] == [one.speaker for one in truth]

    shown = workbench("speech", "diarise", str(talk), *common).out
    assert f"{turns[0].start_s:.3f}" in shown and "speaker 2:" in shown


def test_that_a_silent_or_damaged_file_costs_the_others_nothing(runner, home, workbench, talk, encoder, tmp_path):
    soundfile.write(tmp_path / "b silent.wav", np.zeros(RATE_HZ, np.int16), RATE_HZ)
    (tmp_path / "c text.wav").write_text("no sound", encoding="utf-8")
    common = ("--speakers", "2", "--encoder", str(encoder), "--home", str(home.root), "--json")
    done = workbench("speech", "diarise", str(tmp_path), "--out", str(tmp_path / "out"), *common)
    good, silent, damaged = done.lines
    assert done.status == 1 and good["files"] == [str(tmp_path / "out" / "a talk.rttm")]
    assert "Nobody speaks" in silent["problem"]["what"] and "no sound" in damaged["problem"]["what"]
    refused = workbench("speech", "diarise", str(talk), "--format", "doc", "--home", str(home.root))
    assert refused.status == 2 and "rttm" in refused.err
    (tmp_path / "empty").mkdir()
    assert workbench("speech", "diarise", str(tmp_path / "empty"), "--home", str(home.root)).status == 2


def test_that_voices_are_enrolled_recognised_corrected_and_forgotten(
    runner, home, workbench, talk, encoder, tmp_path
):  # fmt: skip
    common = ("--encoder", str(encoder), "--home", str(home.root), "--json")
    truth = conversation().tier.segments
    for who, name in (("low", "Anna"), ("high", "Ben")):
        wave = np.concatenate([conversation().samples[round(one.start_s * RATE_HZ) : round(one.end_s * RATE_HZ)]
                               for one in truth if one.speaker == who])  # fmt: skip
        soundfile.write(tmp_path / f"{who}.flac", np.pad(wave, 8000), RATE_HZ)
        (told,) = workbench("speech", "profiles", "enrol", name, str(tmp_path / f"{who}.flac"), *common).lines
        assert told["name"] == name and told["seconds"] > 3 and told["sources"] == [who]
    (found,) = workbench("speech", "diarise", str(talk), "--speakers", "2", *common).lines
    assert {one["name"] for one in found["voices"]} == {"Anna", "Ben"} and all(one["known"] for one in found["voices"])
    mapping = diarisation_error(truth, [Segment(**one) for one in found["turns"]]).mapping
    assert mapping == {"Anna": "low", "Ben": "high"}
    (plain,) = workbench("speech", "diarise", str(talk), "--speakers", "2", "--anonymous", *common).lines
    assert {one["name"] for one in plain["voices"]} == {"speaker 1", "speaker 2"}

    # A voice that was taken for the wrong one is that one no more.
    anna = voices.voice_named(home, "Anna")
    spans = [(one["start_s"], one["end_s"]) for one in found["turns"] if one["speaker"] == "Anna"]
    wish = {"path": str(talk), "name": "Cleo", "spans": spans, "instead_of": anna.id, "encoder": str(encoder)}
    told = msgspec.json.decode(runner.inspect("voice-enrol", **wish).result(60))
    assert told["name"] == "Cleo" and len(voices.voice_named(home, "Anna").refused) == 1
    (again,) = workbench("speech", "diarise", str(talk), "--speakers", "2", *common).lines
    assert {one["name"] for one in again["voices"]} == {"Cleo", "Ben"}

    at_home = ("--home", str(home.root))
    assert workbench("speech", "profiles", "rename", "Cleo", "Ben", *at_home).status == 2
    workbench("speech", "profiles", "rename", "Cleo", "Clea", *at_home)
    listed = workbench("speech", "profiles", "list", *at_home)
    assert "Clea" in listed.out and "biometric" in listed.err
    (merged,) = workbench("speech", "profiles", "rename", "Clea", "Anna", "--merge", "--json", *at_home).lines
    assert merged["id"] == anna.id and sorted(merged["sources"]) == ["a talk", "low"]
    for name in ("anna", "ben"):
        workbench("speech", "profiles", "delete", name, *at_home)
    assert not list(home.voices.iterdir())
    refused = workbench("speech", "profiles", "delete", "Anna", *at_home)
    assert refused.status == 2 and "No voice is remembered" in refused.err
