"""Our own network with voices by the speaker encoder: trained, kept with it, and asked for somebody unheard."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.recipes.speech.corpus_trees import arctic, sound
from tests.recipes.speech.speecht5_pieces import SMALL
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.engine.backbone_folders import STARTERS
from workbench.engine.speech.listening import read_wave
from workbench.engine.speech.speaker_encoder import CARD, load_speaker_encoder
from workbench.recipes.speech.speecht5 import data, serve, vectors
from workbench.recipes.speech.speecht5.recipe import BANK, CLAIM, ENCODER, STATISTICS, TTS, VC, X_VECTORS, SpeechT5
from workbench.runner.prepare import freeze
from workbench.store.runfolder import RunConfig, create_run
from workbench.worker.execute import execute


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path_factory.mktemp("home")))


def _job(tasks: str = BANK.address) -> Any:
    return SimpleNamespace(
        inputs={"tasks": tasks}, seed=1, log=lambda text, level="info": None,
        progress=lambda _done, _of: None, phase=lambda _name, total=0: None,
    )  # fmt: skip


def test_that_the_claims_arms_go_on_with_statistics() -> None:
    for arm in CLAIM.arms.values():
        assert isinstance(arm, SpeechT5)
        assert (arm.voices, arm.encoder) == (STATISTICS, "")


def test_that_a_target_voice_is_what_the_encoder_hears_in_its_recording(tmp_path: Path) -> None:
    root = arctic(tmp_path)
    found = data.load(_job(str(root)), SMALL.replace(task=VC, voices=ENCODER))
    encoder = load_speaker_encoder(STARTERS / "speaker-encoder")
    assert found.vector == 64
    assert {len(one.vector) for one in found.speech} == {64}
    for one in found.tasks[VC].train:
        said = root / "cmu_us_slt_arctic" / "wav" / f"{one.name}.wav"
        assert one.vector is not None
        assert np.allclose(one.vector, encoder.embed(read_wave(said), 16_000), atol=1e-5)


def test_that_a_voice_to_speak_with_comes_from_other_sentences_than_the_one_to_be_said() -> None:
    found = data.load(_job(), SMALL.replace(voices=ENCODER))
    item = found.tasks[TTS].train[0]
    encoder = load_speaker_encoder(STARTERS / "speaker-encoder")
    assert item.spoken is not None
    assert item.vector is not None
    own = encoder.embed(item.spoken, 16_000)
    assert item.vector.shape == own.shape
    assert not np.allclose(item.vector, own, atol=1e-3)


def test_that_x_vectors_are_for_published_networks_alone() -> None:
    with pytest.raises(InputError, match="no x-vectors") as told:
        data.load(_job(), SMALL.replace(voices=X_VECTORS))
    assert told.value.field == "voices"


def test_that_a_model_keeps_its_encoder_and_is_asked_for_the_voice_of_any_sound(tmp_path: Path) -> None:
    config = RunConfig(recipe="speecht5", params={"task": TTS, "voices": ENCODER}, preset="smoke", seed=1)
    folder = create_run(tmp_path / "runs", freeze(config))
    execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "finished", state.problem and state.problem.trace
    model = folder.path / "model"
    assert (model / CARD).is_file()
    tell = vectors.kept(model)
    assert isinstance(tell, vectors.Encoded)
    assert tell.width == 64
    lane: Any = SimpleNamespace(cache={}, device="cpu", precision="fp32")
    voices = [str(sound(tmp_path / f"{at}.wav", at, 0)) for at in (1, 8)]
    heard = []
    for voice in voices:
        asked = {"text": "a boat", "task": TTS, "voice": voice, "out": str(tmp_path)}
        heard.append(read_wave(Path(serve.answer(lane, model, asked).sounds[0])))
    assert heard[0].shape != heard[1].shape or not np.allclose(heard[0], heard[1], atol=1e-3)
