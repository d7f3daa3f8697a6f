"""Losses that teach the right side, discriminators that see periods, distances, folders, and a run of its own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.core.vocoding import FOLDER
from workbench.engine import rng
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.speech import vocoders
from workbench.engine.speech.corpora import Recording
from workbench.engine.speech.vocoders import CLONING, SPEECHT5
from workbench.recipes.speech.hifi_gan import data, measures, networks, serve
from workbench.recipes.speech.hifi_gan.data import Data, Line
from workbench.recipes.speech.hifi_gan.networks import Pair, Period
from workbench.recipes.speech.hifi_gan.objective import Sounding, spectral_error
from workbench.recipes.speech.hifi_gan.recipe import ALONE, HIFI_GAN, SEARCHED, HifiGanParams, run
from workbench.runner.prepare import freeze
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute

SMALL = run.presets["smoke"]
assert isinstance(SMALL, HifiGanParams)
RATE = 16_000


def _buzz(hz: float = 120.0, seconds: float = 0.8, seed: int = 0) -> np.ndarray:
    """Ten harmonics with phases of their own."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    phases = np.random.default_rng(seed).uniform(0, 6, 10)
    parts = [np.sin(2 * np.pi * hz * k * time_s + phases[k - 1]) / k for k in range(1, 11)]
    return (0.1 * np.sum(parts, 0)).astype(np.float32)


def _sounding(params: HifiGanParams = SMALL, waves: int = 3) -> Sounding:
    rng.seed(3)
    pair = Pair(networks.generator(CLONING, params.channels), params.judge_channels)
    objective = Sounding(pair, [_buzz(100.0 + 40 * at, seed=at) for at in range(waves)], CLONING, params)
    networks.scale_by(pair.generator, torch.cat(objective.frames))
    return objective


# Networks and losses --------------------------------------------------------------------------


@pytest.mark.parametrize("mel", [CLONING, SPEECHT5, vocoders.PUBLISHED])
def test_that_a_frame_becomes_a_hop_of_samples(mel: vocoders.MelAnalysis) -> None:
    made = networks.generator(mel, 16)
    assert made(torch.zeros(2, 7, mel.bins)).shape == (2, 7 * mel.hop)
    assert made.config.model_in_dim == mel.bins


def test_that_a_period_discriminator_mixes_no_two_phases() -> None:
    rng.seed(1)
    judge = Period(3, 4).eval()
    wave = torch.randn(1, 300)
    other = wave.clone()
    other[:, 1::3] += 1.0
    for one, two in zip(judge(wave), judge(other), strict=True):
        changed = (one != two).flatten(1).any(1)
        assert changed.tolist() == [False, True, False]


def test_that_each_side_learns_from_its_own_loss_alone() -> None:
    objective = _sounding()
    objective.progress(1.0)
    batch = objective.collate([0, 1])
    made, true = objective.pair.generator(batch["frames"]), batch["waves"]
    objective._contest(made, true).backward()
    own = [one.grad.clone() for one in objective.pair.judges.parameters()]
    objective.model.zero_grad()
    alone = sum(
        (judge(true)[-1] - 1).square().mean() + judge(made.detach())[-1].square().mean()
        for judge in objective.pair.judges
    )
    alone.backward()
    assert all(torch.allclose(one, two.grad, atol=1e-5) for one, two in
               zip(own, objective.pair.judges.parameters(), strict=True))  # fmt: skip
    assert all(one.grad is None for one in objective.pair.generator.parameters())


def test_that_the_generator_is_pulled_to_what_discriminators_take_for_real() -> None:
    objective = _sounding(SMALL.replace(feature_weight=0.0))
    objective.progress(1.0)
    batch = objective.collate([0, 1])
    made = objective.pair.generator(batch["frames"]).detach().requires_grad_(True)
    objective._contest(made, batch["waves"]).backward()
    fooled = [sum((judge(wave)[-1] - 1).square().mean() for judge in objective.pair.judges).item()
              for wave in (made, made - 1e-3 * made.grad / made.grad.norm())]  # fmt: skip
    assert fooled[1] < fooled[0]


def test_that_discriminators_join_in_late_and_only_where_they_are_asked_for() -> None:
    objective = _sounding(SMALL.replace(judged_from=0.5))
    told = []
    for fraction in (0.0, 0.49, 0.5, 0.99):
        objective.progress(fraction)
        told.append(objective.adversarial)
    assert told == [False, False, True, True]
    alone = _sounding(SMALL.replace(method=ALONE))
    alone.progress(1.0)
    assert not alone.adversarial
    assert len(alone.parameter_groups()) == 1


def test_that_crops_of_sound_and_frames_belong_together() -> None:
    objective = _sounding()
    rng.seed(2)
    batch = objective.collate([0, 1, 2])
    assert batch["waves"].shape == (3, objective.crop * CLONING.hop)
    inner = slice(4, -4)  # where no window reaches over an end
    again = CLONING.log_mel(batch["waves"])[:, :-1]
    assert torch.allclose(again[:, inner], batch["frames"][:, inner], atol=1e-3)


def test_that_a_small_generator_comes_closer_to_what_it_hears() -> None:
    objective = _sounding(SMALL.replace(method=ALONE, channels=16))
    optimizer = torch.optim.AdamW(objective.parameter_groups())
    losses = []
    for _ in range(15):
        rng.seed(7)
        loss = objective.loss(objective.collate([0, 1]))
        losses.append(float(loss.detach()))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.8 * losses[0]


# Distances ------------------------------------------------------------------------------------


def test_that_distances_are_none_for_the_same_and_grow_with_noise() -> None:
    true = _buzz()
    noise = np.random.default_rng(1).normal(size=len(true)).astype(np.float32)
    same, little, much = (measures.off(true + np.float32(level) * noise, true, RATE) for level in (0, 1e-3, 1e-2))
    assert same.spectral_db == same.cepstral_db == same.pitch_st == same.voicing == 0
    for name in ("spectral_db", "convergence", "cepstral_db"):
        assert 0 < getattr(little, name) < getattr(much, name)
    one, other = (torch.from_numpy(wave)[None] for wave in (true, true + np.float32(0.01) * noise))
    assert float(spectral_error(one, one, RATE)) == 0 < float(spectral_error(other, one, RATE))


def test_that_a_phase_of_its_own_costs_nothing_and_an_octave_is_twelve_semitones() -> None:
    shifted = measures.off(_buzz(seed=1), _buzz(seed=0), RATE)
    assert shifted.spectral_db < 1.0 and shifted.convergence < 0.3 and shifted.pitch_st < 0.01
    octave = measures.off(_buzz(240.0), _buzz(120.0), RATE)
    assert octave.pitch_st == pytest.approx(12, abs=0.1)
    assert measures.mean([shifted, octave])["pitch_error_semitones"] == pytest.approx(6, abs=0.1)


# Data -----------------------------------------------------------------------------------------


def test_that_a_test_speaker_in_training_is_refused() -> None:
    lines = [Line("x", name, _buzz()) for name in "abc"]
    Data(lines[:1], lines[1:2], lines[2:])
    with pytest.raises(InputError, match="is heard in training"):
        Data(lines[:1], lines[1:2], lines[:1])
    with pytest.raises(InputError, match="too few recordings"):
        Data(lines, [], lines)


def test_that_folders_are_divided_by_speaker_where_they_tell_any() -> None:
    rows = [Recording(f"{at}.wav", speaker=f"s{at % 10}") for at in range(40)]
    parts, shared = data.divided(rows)
    assert not shared
    names = {part: {one.speaker for one in some} for part, some in parts.items()}
    assert not names["test"] & (names["train"] | names["development"])
    assert sum(map(len, parts.values())) == 40
    parts, shared = data.divided([Recording(f"{at}.wav") for at in range(5)])
    assert shared and all(parts.values())
    with pytest.raises(InputError, match="too few recordings"):
        data.divided([Recording("one.wav"), Recording("two.wav")])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four speakers with two sounds each."""
    root = tmp_path_factory.mktemp("sounds")
    for who in range(4):
        (root / f"speaker{who}").mkdir()
        for at in range(2):
            soundfile.write(root / f"speaker{who}" / f"{at}.wav", _buzz(100 + 20 * who, 0.6, at), RATE)
    return root


def test_that_a_folder_without_sounds_is_refused_and_one_with_them_is_previewed(corpus: Path, tmp_path: Path) -> None:
    found = data.preview(str(corpus))
    assert found.row_count == 8 and "4 speakers" in found.detail
    with pytest.raises(InputError, match="no sound"):
        data.preview(str(tmp_path))


# A run ----------------------------------------------------------------------------------------


def _finished(home: Path, corpus: Path, **params: Any) -> Any:
    config = RunConfig(recipe="hifi-gan", params=params, preset="smoke", seed=1, inputs={"speech": str(corpus)})
    folder = create_run(home, freeze(config))
    execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "finished", state.problem
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Any:
    home = tmp_path_factory.mktemp("hifi-gan") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        return _finished(home, corpus, judged_from=0.5)


def test_that_a_run_leaves_a_vocoder_that_says_its_frames_and_fits_voice_cloning(trained: Any) -> None:
    results = trained.state().results
    assert set(measures.NAMES.values()) >= results.keys() >= {"spectral_distance_db", "cepstral_distance_db"}
    model = trained.path / "model"
    vocoder = vocoders.choose(str(model), CLONING)
    frames = CLONING.log_mel(torch.from_numpy(_buzz())[None])[0].numpy()
    assert vocoder(frames).shape == (len(frames) * CLONING.hop,)
    with pytest.raises(InputError, match="same frames"):
        vocoders.choose(str(model), SPEECHT5)


def test_that_a_model_makes_a_sound_again_and_tells_how_far_it_is(
    trained: Any, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    job = SimpleNamespace(cache={}, device="cpu", precision="fp32")
    question = {"sound": str(corpus / "speaker0" / "0.wav"), "out": str(tmp_path)}
    found = serve.answer(job, trained.path / "model", question)
    assert [one.model for one in found.answers] == ["HiFi-GAN", "Griffin-Lim"]
    for path in found.sounds:
        assert abs(soundfile.info(path).frames - 9600) <= CLONING.hop
    distances = [dict(one.scores)["spectral distance, dB"] for one in found.answers]
    assert distances[1] < distances[0]  # four steps teach little
    with pytest.raises(InputError, match="cannot be written"):
        serve.answer(job, trained.path / "model", question | {"out": str(tmp_path / "none")})


def test_that_griffin_lim_learns_nothing_and_keeps_no_model(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    folder = _finished(tmp_path / "home", corpus, method=SEARCHED)
    assert not (folder.path / "model").exists()
    assert folder.state().results["spectral_distance_db"] < 6


def test_that_voice_cloning_refuses_a_vocoder_of_other_frames_before_it_trains(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    params = {"vocoder": FOLDER, "vocoder_folder": str(trained.path / "model"), "mel_bins": 20}
    folder = create_run(tmp_path / "home", freeze(RunConfig(recipe="sv2tts", params=params, preset="smoke", seed=1)))
    execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "failed" and "same frames" in str(state.problem)
    assert "mel bins 20" in str(state.problem)


def test_that_methods_have_the_parts_they_learn_with() -> None:
    assert len(_sounding(SMALL.replace(method=HIFI_GAN)).parameter_groups()) == 2


def test_that_a_cloned_voice_sounds_through_the_vocoder_that_is_asked_for(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    from workbench.recipes.speech.sv2tts import serve as cloning

    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    job = SimpleNamespace(cache={}, device="cpu", precision="fp32", progress=lambda *_: None)
    voice = STARTERS / "voice-synthesiser"
    question = {"text": "A word.", "voice": "fictitious:1", "iterations": 16}
    folder = str(trained.path / "model")
    one, other = (cloning.answer(job, voice, question | {"vocoder": name}) for name in ("Griffin-Lim", folder))
    assert one.sound != other.sound
    waves = [soundfile.read(each.sound)[0] for each in (one, other)]
    assert abs(len(waves[0]) - len(waves[1])) <= CLONING.hop and not np.allclose(waves[0][:4000], waves[1][:4000])
    rng.seed(4)
    vocoders.save(tmp_path, networks.generator(SPEECHT5, 8), SPEECHT5)
    with pytest.raises(InputError) as caught:
        cloning.answer(job, voice, question | {"vocoder": str(tmp_path)})
    assert caught.value.field == "vocoder" and "mel bins 40" in caught.value.received
