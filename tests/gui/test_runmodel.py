from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from tests.gui.runs import write_run
from workbench.core import events as ev
from workbench.gui.runmodel import Change, RunModel
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder, create_run


@pytest.fixture
def folder(home: Home) -> RunFolder:
    return create_run(home.runs, RunConfig(recipe="demo-nlu", params={"rank": 8}))


@pytest.fixture
def model(folder: RunFolder, qtbot: QtBot) -> Iterator[RunModel]:
    made = RunModel(folder)
    made.start()
    yield made
    made.close()


def metrics(*pairs: tuple[int, float], name: str = "loss", series: str = "train") -> list[ev.Metric]:
    return [ev.Metric(t=float(step), name=name, value=value, step=step, series=series) for step, value in pairs]


def picture(step: int) -> ev.Artifact:
    return ev.Artifact(t=float(step), slot="map", kind="embedding", path=f"artifacts/{step}.npy", step=step)


def test_that_numbers_arrive_as_lines_by_name_and_series(folder: RunFolder, model: RunModel, qtbot: QtBot) -> None:
    folder.append(ev.Started(t=1.0), *metrics((1, 0.9), (2, 0.8)), *metrics((2, 0.85), series="validation"))
    qtbot.waitUntil(lambda: "validation" in model.metrics.get("loss", {}))
    track = model.metrics["loss"]["train"]
    assert (track.steps.tolist(), track.values.tolist(), track.times.tolist()) == ([1, 2], [0.9, 0.8], [1, 2])
    assert model.state.phase == "running"


def test_that_what_is_written_later_is_added(folder: RunFolder, model: RunModel, qtbot: QtBot) -> None:
    folder.append(*metrics((1, 0.9)))
    qtbot.waitUntil(lambda: "loss" in model.metrics)
    first = model.metrics["loss"]["train"]
    folder.append(*metrics(*((step, 1 / step) for step in range(2, 1000))))
    qtbot.waitUntil(lambda: len(model.metrics["loss"]["train"]) == 999)
    assert first.values.tolist() == [0.9]


def test_that_a_number_that_is_none_is_kept_as_a_gap(folder: RunFolder, model: RunModel, qtbot: QtBot) -> None:
    folder.append(ev.Metric(t=1.0, name="loss", value=None, step=1))
    qtbot.waitUntil(lambda: "loss" in model.metrics)
    assert np.isnan(model.metrics["loss"][""].values).all()


def test_that_resuming_takes_back_what_came_after_the_checkpoint(
    folder: RunFolder, model: RunModel, qtbot: QtBot
) -> None:
    folder.append(ev.Started(attempt=1), *metrics(*((step, 1.0) for step in range(1, 11))), picture(4), picture(9))
    folder.append(ev.Checkpoint(step=5), ev.Failed(resumable=True))
    qtbot.waitUntil(lambda: model.state.phase == "failed")
    folder.append(ev.Queued(), ev.Started(attempt=2), ev.Resumed(step=5), *metrics((6, 2.0)))
    qtbot.waitUntil(lambda: model.metrics["loss"]["train"].values[-1] == 2.0)
    assert model.metrics["loss"]["train"].steps.tolist() == [1, 2, 3, 4, 5, 6]
    assert [one.step for one in model.artifacts["map"]] == [4]


def test_that_a_second_attempt_without_checkpoint_begins_anew(folder: RunFolder, model: RunModel, qtbot: QtBot) -> None:
    folder.append(ev.Started(attempt=1), *metrics((1, 1.0), (2, 1.0)), ev.Failed())
    qtbot.waitUntil(lambda: model.state.phase == "failed")
    folder.append(ev.Started(attempt=2), *metrics((1, 3.0)))
    qtbot.waitUntil(lambda: model.metrics["loss"]["train"].values.tolist() == [3.0])


def test_that_the_newest_artifact_up_to_a_step_is_found(folder: RunFolder, model: RunModel, qtbot: QtBot) -> None:
    folder.append(picture(10), picture(20), picture(30))
    qtbot.waitUntil(lambda: len(model.artifacts.get("map", [])) == 3)
    found = [model.artifact_at("map", step) for step in (5, 10, 29, 30, None)]
    assert [one.step if one else None for one in found] == [None, 10, 20, 30, 30]
    assert model.steps() == [10, 20, 30]


def test_that_a_torn_line_is_passed_over_and_the_rest_is_read(folder: RunFolder, model: RunModel, qtbot: QtBot) -> None:
    folder.append(*metrics((1, 1.0)))
    with folder.events_path.open("ab") as file:
        file.write(b'{"type":"metric","na')
    folder.append(*metrics((2, 2.0)))
    qtbot.waitUntil(lambda: len(model.metrics.get("loss", {}).get("train", [])) == 2)


def test_that_a_run_without_events_or_configuration_can_be_opened(qtbot: QtBot, tmp_path: Path) -> None:
    model = RunModel(RunFolder(tmp_path))
    model.start()
    qtbot.wait(60)
    assert model.trouble is not None
    assert "run.json" in model.trouble.expected
    model.close()


def test_that_changes_are_told_in_batches_on_the_windows_thread(home: Home, qtbot: QtBot) -> None:
    folder = write_run(home.runs, steps=400, ended=True)
    changes: list[Change] = []
    threads: set[int] = set()
    model = RunModel(folder)
    model.changed.connect(lambda change: (changes.append(change), threads.add(threading.get_ident())))
    model.start()
    qtbot.waitUntil(lambda: model.caught_up and model.state.phase == "finished")
    model.close()
    assert threads == {threading.get_ident()}
    assert len(changes) < 10
    assert len(model.metrics["loss"]["train"]) == 400
    assert sum(len(change.log) for change in changes) == len(model.log) == 10


def test_that_closing_ends_the_reading_thread(home: Home, qtbot: QtBot) -> None:
    before = threading.active_count()
    model = RunModel(write_run(home.runs, steps=50))
    model.start()
    qtbot.waitUntil(lambda: model.caught_up)
    model.close()
    assert threading.active_count() == before
