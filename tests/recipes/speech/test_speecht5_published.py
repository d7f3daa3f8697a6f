"""Tiny networks in the published format: loaded from a folder, asked, fine-tuned, kept in the same format."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.recipes.speech.corpus_trees import manifests, sound
from tests.recipes.speech.speecht5_pieces import SMALL
from workbench.core import events
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.engine import rng
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.devices import choose
from workbench.engine.speech.listening import read_wave
from workbench.engine.speech.speaker_encoder import Shape, SpeakerEncoder, load_speaker_encoder
from workbench.recipes.speech.speecht5 import published, serve, tuning, vectors
from workbench.recipes.speech.speecht5.data import Item, load
from workbench.recipes.speech.speecht5.recipe import ASR, BANK, ENCODER, PUBLISHED, SE, TTS, VC, X_VECTORS
from workbench.runner.prepare import freeze
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute

KINDS = {"asr": "SpeechT5ForSpeechToText", "tts": "SpeechT5ForTextToSpeech", "vc": "SpeechT5ForSpeechToSpeech"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("published") / "home"


@pytest.fixture(autouse=True)
def _home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(home))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One folder of each kind, and a vocoder's, as save_pretrained writes them; weights are seeded."""
    import sentencepiece
    import transformers

    root = tmp_path_factory.mktemp("checkpoints")
    (root / "text.txt").write_text("the old man saw a yellow boat\nmi hermana llevó pan fresco ayer\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(root / "text.txt"), model_prefix=str(root / "spm_char"), model_type="char", vocab_size=32,
        bos_id=0, pad_id=1, eos_id=2, unk_id=3, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    tokenizer = transformers.SpeechT5Tokenizer(str(root / "spm_char.model"))
    heard = transformers.SpeechT5FeatureExtractor(num_mel_bins=20)
    config = transformers.SpeechT5Config(
        vocab_size=len(tokenizer), hidden_size=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, encoder_layerdrop=0.0,
        decoder_layerdrop=0.0, conv_dim=(8, 8), conv_stride=(20, 16), conv_kernel=(20, 16), num_mel_bins=20,
        num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, speech_decoder_prenet_units=16,
        speaker_embedding_dim=12, speech_decoder_postnet_layers=2, speech_decoder_postnet_units=16,
        mask_time_prob=0.0, max_text_positions=60,
    )  # fmt: skip
    found = {}
    for name, kind in KINDS.items():
        rng.seed(4)
        found[name] = root / name
        getattr(transformers, kind)(config).save_pretrained(found[name])
        transformers.SpeechT5Processor(heard, tokenizer).save_pretrained(found[name])
    found["hifigan"] = root / "hifigan"
    rng.seed(5)
    transformers.SpeechT5HifiGan(transformers.SpeechT5HifiGanConfig(
        model_in_dim=20, upsample_initial_channel=8, upsample_rates=(16, 16), upsample_kernel_sizes=(32, 32),
        resblock_kernel_sizes=(3,), resblock_dilation_sizes=((1,),),
    )).save_pretrained(found["hifigan"])  # fmt: skip
    return found


def _asked() -> Any:
    return SimpleNamespace(cache={}, device="cpu", precision="fp32")


def _wave(seconds: float = 0.5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * 16_000)).astype(np.float32)


def test_that_each_kind_is_known_by_its_folder_and_answers_as_what_it_is(
    folders: dict[str, Path], tmp_path: Path
) -> None:  # fmt: skip
    import soundfile

    soundfile.write(tmp_path / "sound.wav", _wave(), 16_000)
    question = {"sound": str(tmp_path / "sound.wav"), "text": "a boat", "out": str(tmp_path)}
    for name, task in (("asr", ASR), ("tts", TTS), ("vc", VC)):
        assert published.is_published(folders[name])
        found = serve.answer(_asked(), folders[name], question)
        assert found.answers[0].model == f"{task}, {name}"
        assert bool(found.sounds) == (task != ASR)
    assert not published.is_published(tmp_path)


def test_that_a_vocoder_folder_makes_the_wave_and_a_wrong_one_is_told(folders: dict[str, Path], tmp_path: Path) -> None:
    import soundfile

    question = {"text": "a boat", "out": str(tmp_path), "vocoder": str(folders["hifigan"])}
    found = serve.answer(_asked(), folders["tts"], question)
    assert "SpeechT5HifiGan" in found.answers[0].note
    wave, _ = soundfile.read(found.sounds[0])
    assert len(wave) % 256 == 0
    with pytest.raises(InputError, match="vocoder"):
        serve.answer(_asked(), folders["tts"], question | {"vocoder": str(folders["asr"])})


def test_that_a_voice_changes_what_is_said_and_the_same_voice_says_the_same(
    folders: dict[str, Path], tmp_path: Path
) -> None:  # fmt: skip
    tool = published.load(folders["tts"], choose("cpu"))
    np.save(tmp_path / "voice.npy", np.eye(12, dtype=np.float32)[3])
    vector, _ = published._voice({"voice": str(tmp_path / "voice.npy")}, folders["tts"], 12)
    mute, voiced, again = (published.speak(tool, "a boat", one, ratio=2.0) for one in (None, vector, vector))
    assert np.array_equal(voiced, again)
    assert voiced.shape[1] == 20
    assert mute.shape != voiced.shape or not np.allclose(mute, voiced)
    with pytest.raises(InputError, match="voice cannot be read"):
        published._voice({"voice": str(tmp_path / "absent.npy")}, folders["tts"], 12)


def test_that_folders_that_are_no_speecht5_or_damaged_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    place = choose("cpu")
    with pytest.raises(InputError, match="no SpeechT5"):
        published.load(tmp_path, place)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "speecht5", "architectures": ["Other"]}))
    with pytest.raises(InputError, match="no SpeechT5") as told:
        published.load(tmp_path, place)
    assert "Other" in told.value.received
    for file in folders["asr"].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError):
        published.load(tmp_path, place)


@pytest.mark.parametrize(("name", "task"), [("asr", ASR), ("tts", TTS), ("vc", VC), ("vc", SE)])
def test_that_every_kind_has_a_loss_that_reaches_its_encoder(folders: dict[str, Path], name: str, task: str) -> None:
    tool = published.load(folders[name], choose("cpu"))
    items = [
        Item(f"{at}", "", ("",), read="a boat" if task == TTS else "", answer="a boat", vector=np.ones(80, np.float32),
             sound=_wave(0.5 + at / 10, at), spoken=_wave(0.4 + at / 10, at + 5))
        for at in range(2)
    ]  # fmt: skip
    objective = tuning.Tuning(tool, items)
    tool.model.train()
    torch.manual_seed(0)
    loss = objective.loss(objective.collate([0, 1]))
    loss.backward()
    assert torch.isfinite(loss)
    encoder = tool.model.speecht5.encoder.wrapped_encoder
    assert any(one.grad is not None and bool(one.grad.any()) for one in encoder.parameters())


def _ran(home: Path, checkpoint: Path, inputs: dict[str, str] | None = None, **params: Any) -> Any:
    config = RunConfig(
        recipe="speecht5",
        params={"start": "published", "checkpoint": str(checkpoint), **params},
        inputs=inputs or {},
        preset="smoke",
        seed=1,
    )
    folder = create_run(home, freeze(config))
    execute(folder, settings=Settings())
    return folder


def test_that_a_published_network_is_fine_tuned_and_kept_in_its_format(folders: dict[str, Path], home: Path) -> None:
    folder = _ran(home, folders["asr"], task=ASR)
    state = folder.state()
    assert state.phase == "finished", state.problem and state.problem.trace
    assert {"asr_error", "asr_error_before"} <= state.results.keys()
    kept = folder.path / "model"
    assert published.is_published(kept)
    before, after = (published.load(one, choose("cpu")).model.state_dict() for one in (folders["asr"], kept))
    assert any(not torch.equal(before[name], after[name]) for name in before)
    found = serve.answer(_asked(), kept, {"sound": BANK.address})
    assert found.answers[0].model.startswith(ASR)


def test_that_with_no_steps_it_is_only_tested_and_another_task_is_refused(folders: dict[str, Path], home: Path) -> None:
    folder = _ran(home, folders["tts"], task=TTS, task_steps=0)
    state = folder.state()
    assert state.phase == "finished", state.problem and state.problem.trace
    assert state.results["tts_error"] == state.results["tts_error_before"]
    refused = _ran(home, folders["tts"], task=ASR).state()
    assert refused.phase == "failed"
    assert refused.problem is not None
    assert "not one for ASR" in refused.problem.what


# Voices ---------------------------------------------------------------------------------------


def test_that_a_manifests_x_vectors_reach_a_published_network_and_other_speech_has_none(
    folders: dict[str, Path], home: Path, tmp_path: Path
) -> None:  # fmt: skip
    root = manifests(tmp_path / "manifests", width=12)
    vector = np.load(root / "audio" / "3-0.npy")
    found = load(_reading(root), SMALL.replace(start=PUBLISHED, voices=X_VECTORS, task=TTS))
    (test, _) = found.tasks[TTS].test
    assert test.vector is not None
    assert np.array_equal(test.vector, vector)
    assert found.vector == 12
    state = _ran(home, folders["tts"], inputs={"tasks": str(root)}, task=TTS, task_steps=1, voices=X_VECTORS).state()
    assert state.phase == "finished", state.problem and state.problem.trace
    with pytest.raises(InputError, match="no x-vectors"):
        load(_reading(BANK.address), SMALL.replace(start=PUBLISHED, voices=X_VECTORS))
    np.save(root / "audio" / "0-1.npy", np.ones(5, np.float32))
    with pytest.raises(InputError, match="one width"):
        load(_reading(root), SMALL.replace(start=PUBLISHED, voices=X_VECTORS, task=TTS, labelled=6))


def _reading(tasks: Any) -> Any:
    return SimpleNamespace(
        inputs={"tasks": str(tasks)}, seed=1, log=lambda text, level="info": None,
        progress=lambda _done, _of: None, phase=lambda _name, total=0: None,
    )  # fmt: skip


def test_that_a_network_fine_tuned_with_the_speaker_encoder_speaks_with_any_sounds_voice(
    folders: dict[str, Path], home: Path, tmp_path: Path
) -> None:  # fmt: skip
    folder = _ran(home, folders["tts"], task=TTS, task_steps=1, lower_rate=3e-3, voices=ENCODER)
    assert folder.state().phase == "finished"
    assert any("64 numbers" in one.message for one in folder.events() if isinstance(one, events.Log))
    kept, paths = folder.path / "model", [sound(tmp_path / f"{at}.wav", at, 0) for at in (1, 8)]
    vectors = [published._voice({"voice": str(path)}, kept, 12)[0] for path in paths]
    for path, one in zip(paths, vectors, strict=True):
        assert one is not None
        wave = read_wave(path)
        assert np.allclose(one, load_speaker_encoder(STARTERS / "speaker-encoder").embed(wave, 16_000), atol=1e-5)
    assert not np.allclose(vectors[0], vectors[1], atol=1e-2)
    found = serve.answer(_asked(), kept, {"text": "a boat", "voice": str(paths[0]), "out": str(tmp_path)})
    assert "voice of 1" in found.answers[0].note


def test_that_a_published_network_takes_a_sounds_voice_by_an_encoder_of_its_width_alone(
    folders: dict[str, Path], tmp_path: Path
) -> None:  # fmt: skip
    voice = str(sound(tmp_path / "voice.wav", 2, 0))
    with pytest.raises(InputError, match="x-vectors alone") as told:
        serve.answer(_asked(), folders["tts"], {"text": "a boat", "voice": voice})
    assert told.value.field == "voice"
    with pytest.raises(InputError, match="does not fit") as told:
        asked = {"text": "a boat", "voice": voice, "encoder": str(STARTERS / "speaker-encoder")}
        serve.answer(_asked(), folders["tts"], asked)
    assert told.value.field == "encoder"
    torch.manual_seed(3)
    encoder = SpeakerEncoder(Shape(layers=1, cells=8, width=12))
    (tmp_path / "encoder").mkdir()
    encoder.save(tmp_path / "encoder")
    asked |= {"encoder": str(tmp_path / "encoder"), "out": str(tmp_path)}
    assert serve.answer(_asked(), folders["tts"], asked).sounds


def test_that_a_published_x_vector_model_is_kept_with_the_network_that_learned_its_vectors(tmp_path: Path) -> None:
    from transformers import WavLMConfig, WavLMForXVector

    source = tmp_path / "wavlm"
    torch.manual_seed(6)
    WavLMForXVector(WavLMConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24, conv_dim=(8, 8),
        conv_stride=(20, 16), conv_kernel=(20, 16), num_feat_extract_layers=2, num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2, tdnn_dim=(8, 8, 8), tdnn_kernel=(5, 3, 1), tdnn_dilation=(1, 2, 1),
        xvector_output_dim=12,
    )).save_pretrained(source)  # fmt: skip
    tell = vectors.teller(SMALL.replace(voices=ENCODER, encoder=str(source)))
    wave = read_wave(sound(tmp_path / "voice.wav", 2, 0))
    (tmp_path / "model").mkdir()
    vectors.save(tell, tmp_path / "model")
    again = vectors.kept(tmp_path / "model")
    assert again.width == tell.width
    assert np.allclose(again(wave[:0], lambda: wave, {}), tell(wave[:0], lambda: wave, {}), atol=1e-5)
