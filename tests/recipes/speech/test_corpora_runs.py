"""Every published layout, in its real shape, through the recipe that wants it: whole runs, gaps told, errors named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.recipes.speech import corpus_trees as trees
from workbench.core import events
from workbench.core.job import JobState
from workbench.core.settings import Settings
from workbench.runner.prepare import freeze
from workbench.store.runfolder import RunConfig, RunFolder, create_run
from workbench.worker.execute import execute

TREES: dict[str, Callable[[Path], Path]] = {
    "fluent": trees.fluent, "libri": trees.libri_speech, "libri-tts": trees.libri_tts, "aishell": trees.aishell,
    "vctk": trees.vctk, "vox": trees.vox_celeb, "arctic": trees.arctic, "must-c": trees.must_c, "wham": trees.wham,
    "manifests": trees.manifests, "timit": trees.timit,
    "libri with phones": lambda root: trees.with_phones(trees.libri_speech(root)),
}  # fmt: skip
RUNS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("slu-transfer", {"units": "characters"}, {"commands": "fluent", "recognition": "libri"}),
    ("slu-transfer", {"units": "characters"}, {"commands": "fluent", "recognition": "aishell"}),
    ("tera", {}, {"sounds": "vctk", "phones": "libri with phones"}),
    ("tera", {}, {"sounds": "vox", "phones": "timit"}),
    ("ctc-recogniser", {}, {"speech": "libri-tts"}),
    ("ctc-recogniser", {}, {"speech": "vctk"}),
    ("ctc-recogniser", {}, {"speech": "arctic"}),
    ("ctc-recogniser", {}, {"speech": "must-c"}),
    ("speecht5", {"task": "ASR"}, {"tasks": "libri", "speech": "manifests"}),
    ("speecht5", {"task": "TTS"}, {"tasks": "vctk", "speech": "libri-tts"}),
    ("speecht5", {"task": "ST"}, {"tasks": "must-c", "speech": "libri"}),
    ("speecht5", {"task": "VC"}, {"tasks": "arctic", "speech": "vctk"}),
    ("speecht5", {"task": "SE"}, {"tasks": "wham", "speech": "libri"}),
    ("speecht5", {"task": "SID"}, {"tasks": "vox", "speech": "libri"}),
    ("speecht5", {"task": "ASR"}, {"tasks": "manifests", "speech": "vox"}),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpora") / "home"


@pytest.fixture(autouse=True)
def _home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(home))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    root = tmp_path_factory.mktemp("published")

    def made(name: str) -> str:
        return str(root / name if (root / name).is_dir() else TREES[name](root / name))

    return made


def _ran(home: Path, recipe: str, params: dict[str, Any], inputs: dict[str, str]) -> tuple[RunFolder, JobState]:
    config = RunConfig(recipe=recipe, params=params, preset="smoke", seed=1, inputs=inputs)
    folder = create_run(home, freeze(config))
    execute(folder, settings=Settings())
    return folder, folder.state()


@pytest.mark.parametrize(("recipe", "params", "slots"), RUNS, ids=[f"{one[0]} {' '.join(one[2].values())}"
                                                                   for one in RUNS])  # fmt: skip
def test_that_a_recipe_learns_from_a_published_tree(
    home: Path, corpus: Callable[[str], str], recipe: str, params: dict[str, Any], slots: dict[str, str]
) -> None:  # fmt: skip
    folder, state = _ran(home, recipe, params, {slot: corpus(name) for slot, name in slots.items()})
    assert state.phase == "finished", state.problem and (state.problem.what, state.problem.trace)
    assert state.results
    assert not [one for one in folder.events() if isinstance(one, events.Log) and "are not there" in one.message]


@pytest.mark.parametrize(
    ("recipe", "params", "slot", "name", "gone", "others"),
    [
        ("slu-transfer", {"units": "characters"}, "commands", "fluent", "00.wav", {"recognition": "libri"}),
        ("ctc-recogniser", {}, "speech", "libri", "101-1-0002.flac", {}),
        ("speecht5", {"task": "ASR"}, "tasks", "manifests", "1-1.wav", {"speech": "vox"}),
        ("speecht5", {"task": "ASR"}, "speech", "libri", "101-1-0002.flac", {"tasks": "manifests"}),
        ("tera", {}, "sounds", "arctic", "arctic_a0003.wav", {"phones": "libri with phones"}),
    ],
)  # fmt: skip
def test_that_a_run_names_listed_sounds_that_are_not_there_and_goes_on(
    home: Path, corpus: Callable[[str], str], tmp_path: Path, recipe: str, params: dict[str, Any], slot: str, name: str,
    gone: str, others: dict[str, str],
) -> None:  # fmt: skip
    root = TREES[name](tmp_path / "corpus")
    next(root.rglob(gone)).unlink()
    inputs = {slot: str(root)} | {other: corpus(told) for other, told in others.items()}
    folder, state = _ran(home, recipe, params, inputs)
    assert state.phase == "finished", state.problem and (state.problem.what, state.problem.trace)
    told = [one.message for one in folder.events() if isinstance(one, events.Log) and one.level == "warning"]
    assert any(one.startswith("1 sounds that the listings name are not there") and gone in one for one in told)


@pytest.mark.parametrize(
    ("recipe", "params", "slot", "name", "what", "received"),
    [
        ("slu-transfer", {"units": "characters"}, "commands", "vctk", "not laid out as fluent", "vctk"),
        ("speecht5", {"task": "ST"}, "tasks", "arctic", "cannot be learned from this corpus", "cmu-arctic"),
        ("speecht5", {}, "tasks", "fluent/fluent_speech_commands_dataset/wavs", "no speech corpus", "wavs"),
        ("tera", {}, "phones", "libri", "have no phones", "librispeech"),
        ("ctc-recogniser", {}, "speech", "vox", "has a transcript", "voxceleb"),
    ],
)  # fmt: skip
def test_that_a_wrong_layout_is_named(
    home: Path, corpus: Callable[[str], str], recipe: str, params: dict[str, Any], slot: str, name: str, what: str,
    received: str,
) -> None:  # fmt: skip
    top, _, inside = name.partition("/")
    _, state = _ran(home, recipe, params, {slot: str(Path(corpus(top)) / inside)})
    assert state.phase == "failed"
    assert state.problem is not None
    assert what in state.problem.what
    assert received in state.problem.received
    assert state.problem.fix
