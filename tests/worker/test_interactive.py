"""The interactive lane: warm, beside the batch lane, and as hard to break."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.plugins.fixtures import ended, reaches, trial, until
from workbench.core.documents import AnswersDoc
from workbench.core.problem import InputError, Problem
from workbench.runner.local import LocalRunner
from workbench.store.home import Home
from workbench.worker.interactive import WARM_OBJECTS, WarmCache, model_folder


def answers(raw: msgspec.Raw) -> AnswersDoc:
    return msgspec.json.decode(raw, type=AnswersDoc)


@pytest.fixture
def model(runner: LocalRunner) -> str:
    """A run folder with a model."""
    folder = runner.submit(trial(steps=2, step_s=0))
    assert ended(folder).phase == "finished"
    return str(folder.path)


def ask(runner: LocalRunner, model: str, **inputs: Any) -> Any:
    return runner.apply("trials", model, {"text": "hello", **inputs})


def test_that_it_answers_while_a_run_goes_on_and_is_warm_the_second_time(runner: LocalRunner, model: str) -> None:
    folder = runner.submit(trial(steps=100_000))
    reaches(folder, "running")
    notes = [answers(ask(runner, model).result(30)).answers[0].note for _ in range(2)]
    assert notes == ["cold", "warm"]
    assert folder.state().phase == "running"
    runner.cancel(folder.id).result(5)
    ended(folder)


def test_that_a_fault_of_apply_reaches_the_one_who_asked_and_no_other(runner: LocalRunner, model: str) -> None:
    wrong, right = ask(runner, model, wish="raise"), ask(runner, model)
    assert "asked to" in str(wrong.exception(30))
    assert answers(right.result(30)).answers[0].headline.startswith("hello")


def test_that_a_crash_of_apply_costs_one_question(runner: LocalRunner, model: str) -> None:
    crashed, next_one = ask(runner, model, wish="crash"), ask(runner, model)
    error = crashed.exception(30)
    assert isinstance(error, Problem) and "exit status 9" in error.received
    assert answers(next_one.result(30)).answers[0].note == "cold"


def test_that_an_abandoned_question_gives_way(runner: LocalRunner, model: str) -> None:
    slow = ask(runner, model, wish="wait")
    until(lambda: runner.state().interactive == "applying a model" or runner.state().interactive == "starting")
    assert slow.cancel()
    assert answers(ask(runner, model).result(30)).answers


def test_that_a_question_that_hangs_is_killed_when_others_wait(runner: LocalRunner, model: str) -> None:
    stuck = ask(runner, model, wish="hang")
    until(lambda: runner.state().interactive)
    time.sleep(0.3)
    assert stuck.cancel()
    assert answers(ask(runner, model).result(30)).answers[0].note == "cold"


def test_that_an_unfinished_run_has_no_model(runner: LocalRunner) -> None:
    folder = runner.prepare(trial())
    error = ask(runner, str(folder.path)).exception(30)
    assert isinstance(error, InputError) and error.field == "model"


def test_that_a_model_folder_alone_serves_too(runner: LocalRunner, model: str, tmp_path: Path) -> None:
    moved = tmp_path / "copied model"
    moved.mkdir()
    for file in model_folder(Path(model)).iterdir():
        (moved / file.name).write_bytes(file.read_bytes())
    assert answers(ask(runner, str(moved)).result(30)).answers


def test_that_the_cache_is_bounded_and_keeps_what_is_used() -> None:
    cache = WarmCache()
    for number in range(WARM_OBJECTS):
        cache[number] = number
    assert cache[0] == 0
    cache["new"] = 1
    assert 0 in cache and 1 not in cache and len(cache) == WARM_OBJECTS


def test_that_questions_of_two_clients_do_not_mix(runner: LocalRunner, home: Home, model: str) -> None:
    other = LocalRunner(home, client="other")
    mine = [runner.apply("trials", model, {"text": f"mine {n}"}) for n in range(5)]
    theirs = [other.apply("trials", model, {"text": f"theirs {n}"}) for n in range(5)]
    for name, futures in (("mine", mine), ("theirs", theirs)):
        for number, future in enumerate(futures):
            assert answers(future.result(30)).answers[0].headline.startswith(f"{name} {number} ")
    other.close()
