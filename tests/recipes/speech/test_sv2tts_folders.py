"""Real corpora for voice cloning: who learns, who is cloned, who is told apart, and a run from end to end."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.recipes.speech import corpus_trees as trees
from workbench.core import events
from workbench.core.audio import Segment
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.engine.speech import vocoders
from workbench.engine.speech.bank.espeak import Said
from workbench.recipes.speech.sv2tts import attention, data, folders
from workbench.recipes.speech.sv2tts.recipe import ATTENTION, BANK, NONE, UPPER, Sv2tts, run
from workbench.runner.prepare import freeze
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute

SMALL = run.presets["smoke"]
assert isinstance(SMALL, Sv2tts)
MET = SMALL.replace(aligner=ATTENTION, reduction=1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sv2tts") / "home"


@pytest.fixture(autouse=True)
def _home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(home))


@pytest.fixture(scope="module")
def vctk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trees.vctk(tmp_path_factory.mktemp("vctk"), speakers=5, each=3)


@pytest.fixture(scope="module")
def vox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trees.vox_celeb(tmp_path_factory.mktemp("vox"), second=True)


class Letters:
    """Reads letters as phones; espeak-ng, which starts anew for each sentence, is there in the whole run."""

    def __enter__(self) -> Letters:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, text: str) -> Said:
        found = [one for one in text.lower() if one.isalpha()]
        phones = [Segment(0.05 * at, 0.05 * (at + 1), one) for at, one in enumerate(found)]
        return Said(np.zeros(800 * len(found), np.int16), 16_000, phones, [])


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "Espeak", Letters)


def _job(speech: Path | str, speakers: Path | str = BANK.address) -> Any:
    told: list[str] = []
    return SimpleNamespace(
        inputs={"speech": str(speech), "speakers": str(speakers)}, seed=1, told=told,
        log=lambda text, level="info": told.append(text), progress=lambda _done, _of: None,
        phase=lambda _name, total=0: None,
    )  # fmt: skip


def test_that_a_voice_is_learned_from_vctk_by_attention_with_an_encoder_of_vox_celeb(
    home: Path, vctk: Path, vox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(attention, "MOST_STEPS", 40)  # what has learned next to nothing does not end by itself
    config = RunConfig(
        recipe="sv2tts", params={"aligner": ATTENTION, "reduction": 1}, preset="smoke", seed=1,
        inputs={"speech": str(vctk), "speakers": str(vox)},
    )  # fmt: skip
    folder = create_run(home, freeze(config))
    execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "finished", state.problem and state.problem.trace
    assert {"judge_cosine", "cloned_error_rate", "equal_error_rate"} <= state.results.keys()
    assert not {"cepstral_distance_db", "log_distance"} & state.results.keys()
    told = [one.message for one in folder.events() if isinstance(one, events.Log)]
    assert any("cepstral distances are not measured" in one for one in told)
    model = folder.path / "model"
    assert json.loads((model / "workbench.json").read_text())["trained_on"] == "vctk"
    facts = json.loads((model / "speaker-encoder.json").read_text())["facts"]
    assert (facts["data"], facts["speakers"]) == ("voxceleb", 4)


def test_that_nobody_is_in_two_parts_and_no_tested_sentence_is_learned(tmp_path: Path, letters: None) -> None:
    root = trees.libri_tts(tmp_path, {"train-clean-100": 9, "dev-clean": 2, "test-clean": 2}, each=3)
    job = _job(root, root)
    found = data.load(job, MET)
    assert set(found.references) == {"111", "112"}, "the published test part's speakers are cloned"
    learned = {one.speaker for one in found.train}
    others = [{one.speaker for one in part} for part in (found.encoder, found.development, found.judge)]
    everyone = [set(found.references), learned, *others]
    assert [len(one) for one in everyone] == [2, 3, 4, 2, 2]
    assert sum(map(len, everyone)) == len(set.union(*everyone))
    said = {folders.same(one.text) for one in found.test}
    assert not said & {folders.same(one.text) for one in found.train}
    assert any("5 speakers whose sentences" in one for one in job.told)
    for line in found.train:
        assert sum(line.lengths) == len(line.mels)
        assert any(phone.lstrip("ˈˌ") in ("s", "b") for phone in line.phones)


def test_that_the_upper_bound_learns_other_sentences_by_those_who_are_cloned(vctk: Path, letters: None) -> None:
    found = folders._spoken(_job(vctk), vctk, MET.replace(condition=UPPER, test_sentences=1))
    assert {one.speaker for one in found.known} == set(found.references)
    said = {
        folders.same(one.text) for one in (*found.test, *(one for some in found.references.values() for one in some))
    }
    assert not said & {folders.same(one.text) for one in found.known}


def test_that_what_a_corpus_lacks_is_refused_on_its_field(
    vctk: Path, vox: Path, tmp_path: Path, letters: None
) -> None:  # fmt: skip
    for asked, job, words, field in (
        (SMALL, _job(vctk), "when each phone is said", "aligner"),
        (MET, _job(vox), "Nobody's sentences", "speech"),
        (MET, _job(trees.aishell(tmp_path / "aishell")), "Nobody's sentences", "speech"),
        (MET, _job(vctk, trees.wham(tmp_path / "wham")), "who speaks", "speakers"),
        (MET, _job(vctk, vctk), "too few speakers", "speakers"),
    ):
        with pytest.raises(InputError, match=words) as told:
            data.load(job, asked)
        assert told.value.field == field


def test_that_sounds_that_are_not_there_are_told_by_their_paths(tmp_path: Path, letters: None) -> None:
    root = trees.vctk(tmp_path, speakers=4, each=4)
    gone = list(root.rglob("p226_002_mic*.flac"))
    for path in gone:
        path.unlink()
    job = _job(root)
    folders._spoken(job, root, MET)
    assert any("p226_002_mic1.flac" in one for one in job.told)
    assert "p226_002_mic1.flac" in folders.preview_folder("speech", str(root)).detail


def test_that_a_folder_of_sounds_for_each_speaker_can_be_told_apart(tmp_path: Path) -> None:
    for speaker in range(9):
        for number in range(2):
            trees.sound(tmp_path / f"person {speaker}" / f"{number}.flac", speaker, number)
    found = folders._told_apart(_job(BANK.address, tmp_path), tmp_path, SMALL, without=set())
    heard = [*found.encoder, *found.development, *found.judge]
    assert sorted(one.speaker for one in heard) == [f"person {at}" for at in range(9)]
    assert all(len(one.speech) > 16_000 for one in heard)
    assert found.heard == "own recordings"
    assert folders.preview_folder("speakers", str(tmp_path)).detail == "9 speakers"


def test_that_parts_shrink_alike_where_a_corpus_has_fewer_speakers_than_asked() -> None:
    desk = Sv2tts()
    assert folders.shares(332, desk) == {"development": 12, "judge": 64, "encoder": 256}
    found = folders.shares(100, desk)
    assert found == {"development": 3, "judge": 19, "encoder": 78}
    assert "encoder" not in folders.shares(20, desk.replace(condition=NONE))


def test_that_speech_that_ends_at_once_can_be_sounded() -> None:
    vocoder = vocoders.GriffinLim(vocoders.MelAnalysis(bins=20), iterations=16)
    for frames in (1, 2, 5):
        wave = vocoder(np.full((frames, 20), -3.0, np.float32))
        assert np.isfinite(wave).all()
        assert len(wave) > 0
