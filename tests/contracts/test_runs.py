"""Every recipe's smoke preset: through the real worker, cancelled, resumed, replayed, applied.

Runs have processes of their own; what answers questions is one process for all recipes, as in the window, and loads
each library once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.plugins.fixtures import end_worker, ended, keep_readings, lend_readings, until
from workbench.cli.main import main
from workbench.core import documents
from workbench.core import events as ev
from workbench.core.audio import TiersDoc
from workbench.core.framepipe import read_index
from workbench.core.job import JobState, advance
from workbench.core.kinds import KINDS, Curve, Outcomes
from workbench.core.recipe import Recipe
from workbench.core.settings import Settings
from workbench.core.video import ClipsMeta
from workbench.recipes import recipes
from workbench.runner.local import LocalRunner
from workbench.store.home import Home, open_home
from workbench.store.index import Index
from workbench.store.runfolder import RunConfig, RunFolder, create_run
from workbench.worker.execute import execute
from workbench.worker.job import Control

DOCUMENTS = {
    "table": documents.TableDoc, "text": documents.TextDoc, "spans": documents.SpansDoc,
    "confusion": documents.ConfusionDoc,
}  # fmt: skip
ANSWER_WITHIN_S = 240


ONE_OF_EACH_TAB = list({one.tab.name: one for one in recipes().values()}.values())


@dataclass(frozen=True)
class Trained:
    """A recipe, the runner, and its smoke run once that has ended."""

    recipe: Recipe
    runner: LocalRunner
    folder: RunFolder
    state: JobState

    @property
    def artifacts(self) -> list[ev.Artifact]:
        return [event for event in self.folder.events() if isinstance(event, ev.Artifact)]

    @property
    def metrics(self) -> dict[tuple[str, str, int], float | None]:
        return _metrics(self.folder)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRunner]:
    """A home with a real worker."""
    home = open_home(tmp_path_factory.mktemp("contracts") / "home with spaces")
    one = LocalRunner(home, client="contracts")
    yield one
    end_worker(home)
    one.close()


@pytest.fixture(scope="module", params=list(recipes()))
def trained(request: pytest.FixtureRequest, runner: LocalRunner, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The smoke run of a recipe, done by a real worker."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "read-once"
    lend_readings(shared, runner.home)
    recipe = recipes()[request.param]
    folder = runner.submit(_smoke(recipe))
    state = ended(folder)
    keep_readings(runner.home, shared)
    return Trained(recipe, runner, folder, state)


def _smoke(recipe: Recipe) -> RunConfig:
    return RunConfig(recipe=recipe.id, params={}, preset="smoke", seed=7, device="cpu")


def test_that_the_smoke_preset_finishes(trained: Trained) -> None:
    assert trained.state.phase == "finished", trained.state.problem and trained.state.problem.text()
    assert trained.state.results
    assert all(value is not None for value in trained.state.results.values())


def test_that_every_declared_slot_is_written(trained: Trained) -> None:
    names = {event.name for event in trained.folder.events() if isinstance(event, ev.Metric)}
    slots = {event.slot for event in trained.artifacts}
    lacking = {
        slot for slot, kind in trained.recipe.writes.items() if slot not in (names if kind is Curve else slots)
    }  # fmt: skip
    assert not lacking


def test_that_every_artifact_is_a_sound_file_of_its_kind_inside_the_run(trained: Trained) -> None:
    for one in trained.artifacts:
        # Only Outcomes, which no view draws, need no declared place.
        assert trained.recipe.writes.get(one.slot, Outcomes) is KINDS[one.kind], one.slot
        for path in (one.path, *one.parts.values()):
            file = (trained.folder.path / path).resolve()
            assert file.is_relative_to(trained.folder.path)
            if file.suffix == ".npy":
                np.load(file, allow_pickle=False)
            elif file.suffix == ".json":
                json.loads(file.read_bytes())
        if one.kind in DOCUMENTS:
            documents.read(trained.folder.path / one.path, DOCUMENTS[one.kind])
        if one.kind in ("clips", "clip"):
            (_assert_clips if one.kind == "clips" else _assert_video)(trained.folder.path, one)


def test_that_progress_is_told_and_ends_at_its_total(trained: Trained) -> None:
    told = [event for event in trained.folder.events() if isinstance(event, ev.Progress)]
    assert told
    assert all(0 <= event.step <= event.total or event.total == 0 for event in told)


def test_that_a_replay_gives_the_state_the_index_has_and_the_same_lines(
    trained: Trained, capfd: pytest.CaptureFixture[str]
) -> None:
    state = JobState()
    for event in trained.folder.events():
        state = advance(state, event)
    home = trained.runner.home
    (row,) = [row for row in Index(home.index, home.runs).refresh() if row.id == trained.folder.id]
    assert state == trained.state == row.state
    assert main(["runs", "replay", trained.folder.id, "--home", str(home.root), "--json"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [ev.decode_event(line) for line in lines] == list(trained.folder.events())


def test_that_a_trained_model_answers(trained: Trained) -> None:
    if trained.recipe.apply is None:
        return
    samples = {slot: declared.default for slot, declared in trained.recipe.reads.items()}
    question = samples | {"text": "Reads an image from a file and returns an array.", "question": "What does it read?"}
    future = trained.runner.apply(trained.recipe.id, str(trained.folder.path), question)
    answers = msgspec.json.decode(future.result(ANSWER_WITHIN_S), type=documents.AnswersDoc).answers
    assert answers
    assert all(answer.model and answer.headline for answer in answers)


def test_that_every_sample_can_be_looked_at(trained: Trained) -> None:
    for slot, declared in trained.recipe.reads.items():
        for sample in declared.samples:
            arguments = {"path": sample.address, "recipe": trained.recipe.id, "slot": slot, "params": dict(sample.sets)}
            raw = trained.runner.inspect("data", **arguments).result(ANSWER_WITHIN_S)
            preview = msgspec.json.decode(raw, type=documents.DataPreview)
            assert preview.rows, sample.name
            assert preview.problem_count == 0, sample.name


# That every recipe heeds a cancel is tested below; what the worker does about it is the same for all.
@pytest.mark.parametrize("recipe", ONE_OF_EACH_TAB, ids=[one.id for one in ONE_OF_EACH_TAB])
def test_that_a_cancelled_run_ends_and_the_worker_goes_on(runner: LocalRunner, recipe: Recipe) -> None:
    folder = runner.submit(_smoke(recipe))
    until(lambda: folder.state().phase == "running", "running")
    runner.cancel(folder.id).result(ANSWER_WITHIN_S)
    assert ended(folder).phase == "cancelled"
    assert runner.attach().result(ANSWER_WITHIN_S).pid


def test_that_a_run_that_was_stopped_and_resumed_has_the_numbers_of_one_that_was_not(
    trained: Trained, tmp_path: Path, home: Home
) -> None:
    lend_readings(trained.runner.home.cache, home)
    config = trained.folder.config()
    folder = create_run(tmp_path, config)
    control = Control()

    def stop_after_checkpoint(event: ev.AnyEvent) -> None:
        if isinstance(event, ev.Checkpoint):
            control.cancel.set()

    eager = Settings(checkpoint_every=0.0)
    execute(folder, settings=eager, control=control, watch=stop_after_checkpoint)
    stopped = folder.state()
    assert stopped.phase == "cancelled", stopped.problem and stopped.problem.text() + stopped.problem.trace
    assert stopped.resumable
    execute(folder, settings=Settings())
    assert folder.state().phase == "finished"
    _assert_same(_metrics(folder), trained.metrics)
    _assert_same(folder.state().results, trained.state.results)


def _metrics(folder: RunFolder) -> dict[tuple[str, str, int], float | None]:
    events = [event for event in folder.events() if isinstance(event, ev.Metric)]
    return {(event.name, event.series, event.step): event.value for event in events}


def _assert_clips(folder: Path, one: ev.Artifact) -> None:
    frames = np.load(folder / one.path, mmap_mode="r", allow_pickle=False)
    assert frames.ndim == 5 and frames.shape[-1] == 3 and frames.dtype == np.uint8 and frames.size
    assert len(documents.read(folder / one.parts["items"], documents.ItemsDoc).items) == len(frames)
    told = msgspec.convert(one.meta, ClipsMeta)
    assert told.frames_per_s > 0
    if "maps" in one.parts:
        maps = np.load(folder / one.parts["maps"], mmap_mode="r", allow_pickle=False)
        assert maps.ndim == 4 and maps.shape[:2] == frames.shape[:2] and told.maps
        assert np.isfinite(maps).all() and maps.min() >= 0 and maps.max() <= 1


def _assert_video(folder: Path, one: ev.Artifact) -> None:
    _, index = read_index(folder / one.path)
    assert len(index)
    if "tiers" in one.parts:
        documents.read(folder / one.parts["tiers"], TiersDoc)


def _assert_same(got: object, expected: object) -> None:
    assert isinstance(got, dict)
    assert isinstance(expected, dict)
    timed = [key for key in expected if "seconds" in str(key) or "per_s" in str(key)]
    for one in (got, expected):
        for key in timed:
            one.pop(key, None)
    assert got.keys() == expected.keys()
    assert {k: pytest.approx(v, rel=1e-4, abs=1e-5) for k, v in expected.items()} == got
