"""Operations in a process of their own: their answers, their faults, and their end at any moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from workbench.core.job import JobCancelled
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.sceneprocess import SceneProcessed, SceneProcessWish, Standing
from workbench.core.scenes import PointsDoc
from workbench.core.settings import Settings
from workbench.store.address import is_alive
from workbench.store.home import Home
from workbench.worker.inspectors import inspect
from workbench.worker.interactive import ApplyContext, WarmCache
from workbench.worker.sceneprocessor import Processor


@pytest.fixture
def processor() -> Iterator[Processor]:
    made = Processor()
    yield made
    made.end()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> PointsDoc:
    path = tmp_path_factory.mktemp("cloud") / "points.npy"
    np.save(path, np.random.default_rng(0).uniform(size=(2000, 3)).astype(np.float32))
    return PointsDoc(str(path), 2000, (0, 0, 0), (1, 1, 1))


def ask(processor: Processor, cloud: PointsDoc, folder: Path, name: str, *, told: Callable[[float, str], None] = (
    lambda far, words: None), look: Callable[[], None] = lambda: None, **knobs: Any) -> SceneProcessed:  # fmt: skip
    return processor.do(SceneProcessWish(name, Standing(cloud), knobs), folder, told, look)


def test_that_a_fault_keeps_the_process_and_its_death_is_told_as_what_it_is(
    processor: Processor, cloud: PointsDoc, tmp_path: Path
) -> None:
    heard: list[str] = []
    found = ask(processor, cloud, tmp_path / "one", "normals", told=lambda far, words: heard.append(words))
    pid = processor.pid
    assert found.thing is not None and found.thing.columns[0].kind == "normal" and "fitting planes" in " ".join(heard)
    with pytest.raises(InputError) as told:
        ask(processor, cloud, tmp_path / "two", "normals", neighbours=0)
    assert told.value.field == "neighbours" and processor.pid == pid and is_alive(pid)
    with pytest.raises(KnownTrouble, match="ended over it") as trouble:
        ask(processor, cloud, tmp_path / "three", "surface", depth=12, told=lambda *_: os.kill(pid, signal.SIGKILL))
    assert "-9" in trouble.value.received


def test_that_an_abandoned_operation_ends_its_process_and_the_next_one_has_another(
    processor: Processor, cloud: PointsDoc, tmp_path: Path
) -> None:
    reached: list[str] = []

    def look() -> None:
        if reached:
            raise JobCancelled

    def hear(_far: float, words: str) -> None:
        reached.extend([words] if "solving" in words else [])

    with pytest.raises(JobCancelled):  # at this depth the library says nothing for many seconds
        ask(
            processor,
            cloud,
            tmp_path / "one",
            "surface",
            depth=12,
            look=look,
            told=lambda _, words: reached.append(words),
        )
    assert processor.pid == 0
    assert ask(processor, cloud, tmp_path / "two", "down-sample", spacing=0.5).made and is_alive(processor.pid)


def test_that_answers_lie_in_the_home_and_nothing_is_left_of_failed_ones(cloud: PointsDoc, tmp_path: Path) -> None:
    home = Home(tmp_path)
    context = ApplyContext("cpu", home, Settings(), WarmCache())
    wish = SceneProcessWish("down-sample", Standing(cloud), {"method": "random", "share": 0.5})
    old = home.cache / "scene-processing" / "old"
    old.mkdir(parents=True)
    os.utime(old, (1, 1))
    made = inspect("scene-process", msgspec.to_builtins(wish), context).made[0].thing
    shown = inspect("scene-process", msgspec.to_builtins(msgspec.structs.replace(wish, sample=100)), context)
    assert isinstance(made, PointsDoc) and Path(made.positions).is_relative_to(home.cache / "scene-processing")
    assert shown.seen == 100 and not old.exists()
    own = msgspec.structs.replace(wish, folder=str(tmp_path / "session"))
    kept = inspect("scene-process", msgspec.to_builtins(own), context).made[0].thing
    assert isinstance(kept, PointsDoc) and Path(kept.positions).is_relative_to(tmp_path / "session")
    with pytest.raises(InputError):
        inspect("scene-process", msgspec.to_builtins(wish) | {"operation": "fly"}, context)
    assert len(list((home.cache / "scene-processing").iterdir())) == 2  # made and shown
    context.cache["scene-processor",].end()
