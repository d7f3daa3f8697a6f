"""Frames to sound: by searched phases, by folders as they are published, and never by one that does not fit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.speech.sounds import tone
from workbench.core import vocoding
from workbench.core.problem import InputError
from workbench.engine import rng
from workbench.engine.backbone_folders import catalogue
from workbench.engine.speech import features, vocoders
from workbench.engine.speech.vocoders import CLONING, PUBLISHED, SPEECHT5, GriffinLim, HifiGan


def _wave(hz: float = 440.0, seconds: float = 0.6) -> torch.Tensor:
    return torch.from_numpy(tone(seconds, 16_000, hz)[:, 0].astype(np.float32))[None]


def _generator(rates: tuple[int, ...] = (4, 4, 4, 4), bins: int = 80) -> Any:
    import transformers

    rng.seed(5)
    return transformers.SpeechT5HifiGan(transformers.SpeechT5HifiGanConfig(
        model_in_dim=bins, upsample_initial_channel=16, upsample_rates=rates,
        upsample_kernel_sizes=tuple(2 * one + one % 2 for one in rates), resblock_kernel_sizes=(3,),
        resblock_dilation_sizes=((1, 3),), initializer_range=0.1,
    )).eval()  # fmt: skip


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As microsoft/speecht5_hifigan lies on a disk, only narrow: its config.json, and torch weights."""
    folder = tmp_path_factory.mktemp("vocoders") / "speecht5_hifigan"
    folder.mkdir()
    model = _generator()
    model.mean.copy_(torch.linspace(-3, -1, 80))
    model.scale.fill_(0.5)
    config = {
        "architectures": ["SpeechT5HifiGan"], "initializer_range": 0.01, "leaky_relu_slope": 0.1, "model_in_dim": 80,
        "model_type": "speecht5_hifigan", "normalize_before": True, "resblock_dilation_sizes": [[1, 3]],
        "resblock_kernel_sizes": [3], "sampling_rate": 16000, "torch_dtype": "float32",
        "transformers_version": "4.27.0.dev0", "upsample_initial_channel": 16,
        "upsample_kernel_sizes": [8, 8, 8, 8], "upsample_rates": [4, 4, 4, 4],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder


def test_that_frames_are_those_of_the_recipes_and_of_transformers_own_extractor() -> None:
    from transformers import SpeechT5FeatureExtractor

    wave = _wave() + 0.01 * torch.randn(1, 9600, generator=torch.Generator().manual_seed(0))
    wave[:, :2000] = 0
    house = features.log_mel(wave, 16_000, bins=80, window_s=0.050, hop_s=0.0125)
    assert torch.allclose(CLONING.log_mel(wave), house, atol=1e-4)
    small = features.log_mel(wave, 16_000, bins=40, window_s=0.064, hop_s=0.020, low_hz=80.0)
    assert torch.allclose(SPEECHT5.log_mel(wave), small, atol=1e-4)
    known = SpeechT5FeatureExtractor()(audio_target=wave[0].numpy(), sampling_rate=16_000)["input_values"][0]
    # Its edges are mirrored, and its silence goes down further.
    assert np.allclose(PUBLISHED.log_mel(wave)[0, 11:-3], known[11:-3], atol=2e-3)


@pytest.mark.parametrize("mel", [CLONING, SPEECHT5, PUBLISHED])
def test_that_griffin_lim_brings_a_tone_back_from_any_frames(mel: vocoders.MelAnalysis) -> None:
    made = GriffinLim(mel)(mel.log_mel(_wave(seconds=1.0))[0].numpy())
    assert len(made) == 16_000 // mel.hop * mel.hop
    assert abs(int(np.abs(np.fft.rfft(made, 16_000)).argmax()) - 440) <= 35  # half of the widest bin there
    assert np.abs(made).max() <= vocoders.LOUDEST + 1e-6


def test_that_a_published_folder_makes_what_transformers_makes(published: Path) -> None:
    vocoder = vocoders.choose(str(published), PUBLISHED)
    frames = PUBLISHED.log_mel(_wave())[0]
    wave = vocoder(frames.numpy())
    known = _generator()
    known.load_state_dict(torch.load(published / "pytorch_model.bin", weights_only=True))
    assert wave.shape == (256 * len(frames),)
    assert wave.std() > 0
    assert np.allclose(wave, known(frames).detach().numpy(), atol=1e-6)


def test_that_a_vocoder_of_other_frames_is_refused_with_what_differs(published: Path) -> None:
    with pytest.raises(InputError) as caught:
        vocoders.choose(str(published), CLONING)
    problem = caught.value
    assert "hop 200 samples" in problem.expected and "lowest frequency 20 Hz" in problem.expected
    assert "hop 256 samples" in problem.received and "logarithm log10" in problem.received
    assert "mel bins" not in problem.expected
    assert problem.field == "vocoder" and "hifi-gan" in problem.fix


def test_that_a_saved_vocoder_knows_its_frames_and_comes_back(tmp_path: Path) -> None:
    model = _generator((5, 5, 8), 40)
    mel = dataclasses.replace(CLONING, bins=40)
    vocoders.save(tmp_path, model, mel)
    again = vocoders.load(tmp_path)
    frames = mel.log_mel(_wave())[0].numpy()
    assert again.mel == mel
    assert np.allclose(again(frames), HifiGan(model, mel)(frames), atol=1e-6)
    with pytest.raises(InputError, match="same frames"):
        vocoders.choose(str(tmp_path), CLONING)
    facts = json.loads((tmp_path / vocoders.MEL_CARD).read_text())
    (tmp_path / vocoders.MEL_CARD).write_text(json.dumps(facts | {"hop": 256}))
    with pytest.raises(InputError, match="cannot be used"):
        vocoders.load(tmp_path)


def test_that_what_is_no_vocoder_is_refused(published: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="cannot be used"):
            vocoders.load(folder)
    config = json.loads((published / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "bert"}))
    with pytest.raises(InputError, match="cannot be used"):
        vocoders.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    state = torch.load(published / "pytorch_model.bin", weights_only=True)
    torch.save({name: one for name, one in state.items() if "upsampler" not in name}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError) as caught:
        vocoders.load(tmp_path)
    assert "upsampler" in caught.value.received
    (tmp_path / "pytorch_model.bin").unlink()
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 40)
    with pytest.raises(InputError, match="cannot be used"):
        vocoders.load(tmp_path)


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("unpickled"),)


def test_that_weights_are_never_unpickled(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_bytes((published / "config.json").read_bytes())
    torch.save({"mean": torch.zeros(80), "bomb": _Bomb()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be used"):
        vocoders.load(tmp_path)
    assert not (tmp_path / "unpickled").exists()


def test_that_choices_are_told_to_apply_as_words_or_as_a_path(published: Path) -> None:
    every = (vocoding.GRIFFIN_LIM, vocoding.TRAINED_HERE, vocoding.FOLDER)
    told = [vocoding.asked(one, str(published)) for one in every]
    assert told == [vocoding.GRIFFIN_LIM, vocoding.TRAINED_HERE, str(published)]
    with pytest.raises(InputError) as caught:
        vocoders.choose(vocoding.asked(vocoding.FOLDER), PUBLISHED, field="vocoder_folder")
    assert caught.value.field == "vocoder_folder"


def test_that_a_warm_vocoder_is_opened_once_and_again_when_its_weights_change(tmp_path: Path) -> None:
    import os

    vocoders.save(tmp_path, _generator((5, 5, 8)), CLONING)
    job = SimpleNamespace(cache={})
    first = vocoders.warm_vocoder(job, str(tmp_path), CLONING)
    assert vocoders.warm_vocoder(job, str(tmp_path), CLONING) is first
    os.utime(tmp_path / "model.safetensors", (1, 1))
    assert vocoders.warm_vocoder(job, str(tmp_path), CLONING) is not first
    assert vocoders.warm_vocoder(job, "", CLONING, iterations=16) == GriffinLim(CLONING, 16)


def test_that_the_starter_is_small_fits_voice_cloning_alone_and_is_no_backbone() -> None:
    vocoder = vocoders.choose(vocoding.TRAINED_HERE, CLONING)
    assert isinstance(vocoder, HifiGan)
    assert sum(one.numel() for one in vocoder.model.parameters()) < 500_000
    wave = vocoder(CLONING.log_mel(_wave())[0].numpy())
    assert wave.shape == (49 * 200,) and np.isfinite(wave).all()
    with pytest.raises(InputError) as caught:
        vocoders.choose(vocoding.TRAINED_HERE, SPEECHT5)
    assert "mel bins 40" in caught.value.expected and caught.value.place == "vocoder"
    assert "starter:vocoder" not in [one.address for one in catalogue()]
