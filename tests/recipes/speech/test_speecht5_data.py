"""Scores in their units, voices in each other's time, data whose tests stand nowhere else, what is shown."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.recipes.speech.speecht5_pieces import BINS, SMALL
from tests.recipes.speech.speecht5_pieces import item as _item
from tests.recipes.speech.speecht5_pieces import mel as _mel
from workbench.core.audio import Segment
from workbench.core.problem import InputError
from workbench.engine.speech import vocoders
from workbench.recipes.speech.speecht5 import (
    data,
    doing,
    scores,
    show,
    words,
)
from workbench.recipes.speech.speecht5.data import Data, Parts, Scale
from workbench.recipes.speech.speecht5.recipe import (
    ASR,
    CLAIM,
    ERRORS,
    PRETRAINED,
    RANDOM,
    SE,
    SID,
    ST,
    TASKS,
    TTS,
    VC,
    SpeechT5,
    run,
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("speecht5") / "home"


@pytest.fixture(autouse=True)
def _home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(home))


# Scores -------------------------------------------------------------------------------------


def test_that_warping_finds_the_same_path_whatever_is_said_twice() -> None:
    mel = np.cumsum(_mel(20), 0)
    slow = np.repeat(mel, 2, 0)
    assert scores.distortion_db(mel, mel) == pytest.approx(0, abs=1e-5)
    assert scores.distortion_db(slow, mel) == pytest.approx(0, abs=1e-4)
    assert scores.distortion_db(mel[::-1], mel) > 1
    path = scores.warped(np.random.default_rng(0).random((7, 5)))
    assert path[0] == (0, 0)
    assert path[-1] == (6, 4)
    assert all(0 <= b[0] - a[0] <= 1 and 0 <= b[1] - a[1] <= 1 for a, b in itertools.pairwise(path))


def test_that_warping_is_the_cheapest_of_all_paths() -> None:
    cost = np.random.default_rng(1).random((6, 5))

    def cheapest(i: int, j: int) -> float:
        before = [cheapest(i - a, j - b) for a, b in ((1, 1), (1, 0), (0, 1)) if i >= a and j >= b]
        return float(cost[i, j]) + (min(before) if before else 0.0)

    assert sum(cost[at] for at in scores.warped(cost)) == pytest.approx(cheapest(5, 4))


def test_that_distances_are_in_decibels_and_distortion_does_not_hear_loudness() -> None:
    mel = _mel(10)
    assert scores.spectral_distance_db(mel + np.log(10) / 20 * 6, mel) == pytest.approx(6, rel=1e-4)
    assert scores.distortion_db(mel + 1, mel) == pytest.approx(0, abs=1e-4)
    assert scores.chrf(["el anciano"], ["el anciano"]) == pytest.approx(1.0)
    assert scores.chrf(["xyz"], ["el anciano"]) == pytest.approx(0.0, abs=1e-6)


# Data ---------------------------------------------------------------------------------------


def test_that_another_voices_frames_are_moved_phone_by_phone() -> None:
    mel = np.repeat(np.arange(10, dtype=np.float32)[:, None], BINS, 1)
    own = [Segment(0.0, 0.04, "a"), Segment(0.04, 0.18, "b")]
    slow = [Segment(0.0, 0.12, "a"), Segment(0.12, 0.18, "b")]
    moved = data.aligned(mel, own, slow, 10)
    assert moved[6, 0] == pytest.approx(2.0, abs=1e-5)
    assert moved[3, 0] == pytest.approx(1.0, abs=1e-5)
    even = data.aligned(mel, own[:1], slow, 19)
    assert even[9, 0] == pytest.approx(4.5, abs=1e-5)


def test_that_the_scale_undoes_itself_and_a_voices_vector_has_length_one() -> None:
    mels = [_mel(30, seed) * 3 + 2 for seed in range(3)]
    scale = Scale.of(mels)
    assert np.allclose(scale.undo(scale(mels[0])), mels[0], atol=1e-4)
    assert np.linalg.norm(data.vector_of(mels[0])) == pytest.approx(1, abs=1e-5)


@pytest.fixture(scope="module")
def spoken(home: Path) -> Data:
    job: Any = SimpleNamespace(inputs={}, seed=1, log=lambda *_: None, progress=lambda *_: None, phase=lambda *_: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        return data.load(job, SMALL)


def test_that_no_voice_and_no_sentence_of_a_test_stands_in_what_is_learned_from(spoken: Data) -> None:
    sentences = {one.sentence for parts in spoken.tasks.values() for one in parts.test}
    assert not sentences & (set(spoken.text) | spoken.speech_sentences)
    voices = {voice for parts in spoken.tasks.values() for one in parts.test for voice in one.voices}
    assert not voices & spoken.speech_voices
    learned = {voice for one in spoken.tasks[ASR].train for voice in one.voices}
    assert not learned & {voice for one in spoken.tasks[ASR].test for voice in one.voices}
    assert not set(spoken.text) & spoken.speech_sentences
    with pytest.raises(InputError, match="voice of the test"):
        dataclasses.replace(spoken, speech_voices=frozenset(voices))
    with pytest.raises(InputError, match="sentence of the test"):
        dataclasses.replace(spoken, text=[*spoken.text, spoken.tasks[TTS].test[0].sentence])
    with pytest.raises(InputError, match="sentence of the test"):
        parts = spoken.tasks[SID]
        dataclasses.replace(spoken, tasks={SID: Parts([*parts.train, parts.test[0]], parts.development, parts.test)})


def test_that_more_sentences_than_the_bank_has_are_refused() -> None:
    job: Any = SimpleNamespace(inputs={}, seed=1, log=print, progress=print, phase=print)
    paper = run.presets["paper"]
    assert isinstance(paper, SpeechT5)
    with pytest.raises(InputError, match="fewer sentences") as told:
        data.load(job, paper)
    assert told.value.field == "unlabelled"


def test_that_each_task_has_what_it_needs(spoken: Data) -> None:
    assert set(spoken.tasks) == set(TASKS)
    for item in spoken.tasks[VC].train:
        assert item.heard is not None
        assert item.said is not None
        assert item.heard.shape == item.said.shape
        assert item.voices[1] == "target-0000"
    for item in spoken.tasks[SE].train:
        assert item.heard is not None
        assert item.said is not None
        assert np.abs(item.heard - item.said).mean() > 0.1
        assert len(item.said) % SMALL.step_frames == 0
    assert {one.speaker for one in spoken.tasks[SID].test} <= set(range(SMALL.told_apart))
    assert all(one.answer == words.spanish(one.sentence) for one in spoken.tasks[ST].test)
    (first, *_) = spoken.tasks[TTS].train
    assert first.vector is not None
    assert not np.allclose(first.vector, data.vector_of(first.said), atol=1e-3)  # type: ignore[arg-type]


def test_that_both_arms_have_the_same_budget_data_rates_and_decoding() -> None:
    one, other = (CLAIM.arms[name] for name in (PRETRAINED, RANDOM))
    assert one.replace(start=RANDOM) == other  # type: ignore[attr-defined]
    asserted = [each for each in CLAIM.statements if each.asserted]
    assert asserted[0].of == tuple(ERRORS.values())
    assert {each.metric for each in CLAIM.statements if not each.asserted} == set(ERRORS.values())


# Shown --------------------------------------------------------------------------------------


def test_that_pictures_of_uneven_rows_fit_and_sound_comes_back_from_frames() -> None:
    picture = np.zeros((20, 60, 3), np.uint8)
    sheet = show.sheet(
        [[("one", picture), ("a very long title that does not fit", picture[:, :30])], [("two", picture)]]
    )
    assert sheet.width == 60 + show.GAP + 30
    wave = vocoders.choose("", **show.how(BINS))(np.full((20, BINS), -3, np.float32))
    assert np.abs(wave).max() <= 1
    assert len(wave) == 19 * 320


def test_that_doing_nothing_has_a_price_where_it_means_something() -> None:
    scale = Scale(np.zeros(BINS, np.float32), np.ones(BINS, np.float32))
    items = [_item(SE, 20, seed) for seed in range(2)]
    assert doing.nothing_done(SID, items, scale, 4) == 0.75
    assert doing.nothing_done(ASR, items, scale, 4) is None
    same = [dataclasses.replace(one, said=one.heard) for one in items]
    assert doing.nothing_done(SE, same, scale, 4) == pytest.approx(0, abs=1e-5)
