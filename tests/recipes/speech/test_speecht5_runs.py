"""A whole run of all six tasks with its control, and its model at work."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workbench.core.documents import TableDoc, read
from workbench.core.problem import InputError
from workbench.core.settings import Settings
from workbench.recipes.speech.speecht5 import serve
from workbench.recipes.speech.speecht5.recipe import ASR, BANK, ERRORS, SE, SID, TASKS, TTS, VC
from workbench.runner.prepare import freeze
from workbench.store.runfolder import RunConfig, RunFolder, create_run
from workbench.worker.execute import execute


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("speecht5-runs") / "home"


@pytest.fixture(autouse=True)
def _home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(home))


@pytest.fixture(scope="module")
def ran(home: Path) -> RunFolder:
    """A smoke run of all tasks with its control."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        folder = create_run(
            home, freeze(RunConfig(recipe="speecht5", params={"compare": True}, preset="smoke", seed=1))
        )
        execute(folder, settings=Settings())
    state = folder.state()
    assert state.phase == "finished", state.problem and state.problem.trace
    return folder


def test_that_a_run_tells_every_task_by_arm_and_writes_what_claims_resample(ran: RunFolder) -> None:
    results = ran.state().results
    assert {*ERRORS.values(), *(f"{one}_random" for one in ERRORS.values()), "mean_log_error"} <= results.keys()
    (path,) = (ran.path / "artifacts").glob("results-*.json")
    table = read(path, TableDoc)
    assert [row[0].partition(",")[0] for row in table.rows] == list(TASKS)
    assert [row[2] for row in table.rows] == [pytest.approx(results[ERRORS[str(row[0].partition(",")[0])]], abs=1e-4)
                                              for row in table.rows]  # fmt: skip
    for task in (ASR, TTS, VC, SE, SID):
        (path,) = (ran.path / "artifacts").glob(f"outcomes_{task.lower()}-*.npy")
        counts = np.load(path)
        value = counts[:, 0].sum() / counts[:, 1].sum() if task == ASR else counts[:, 0].mean()
        assert value == pytest.approx(results[ERRORS[task]], abs=1e-3)
    assert not (ran.path / "weights").exists()


def _asked() -> Any:
    return SimpleNamespace(cache={}, device="cpu", precision="fp32")


def test_that_a_trained_network_answers_in_text_sound_and_names(ran: RunFolder, tmp_path: Path) -> None:
    import soundfile

    found = serve.answer(_asked(), ran.path / "model", {"sound": BANK.address, "text": "A boat.", "out": str(tmp_path)})
    assert [one.model.partition(",")[0] for one in found.answers] == list(TASKS)
    assert len(found.sounds) == 3
    for path in found.sounds:
        wave, rate = soundfile.read(path)
        assert rate == 16_000
        assert len(wave) > 0
    assert sum(share for _, share in found.answers[-1].scores) <= 1.001


def test_that_what_cannot_be_done_is_told(ran: RunFolder, tmp_path: Path) -> None:
    model = ran.path / "model"
    with pytest.raises(InputError, match="no such task"):
        serve.answer(_asked(), model, {"task": "singing"})
    with pytest.raises(InputError, match="no sound"):
        serve.answer(_asked(), model, {"task": ASR, "sound": str(tmp_path / "absent.wav")})
    with pytest.raises(InputError, match="cannot be spoken"):
        serve.answer(_asked(), model, {"task": TTS, "text": "la " * 200})
    with pytest.raises(InputError, match="cannot be written"):
        serve.answer(_asked(), model, {"task": TTS, "text": "a boat", "out": str(tmp_path / "nowhere")})
