"""The running job: its events file, its patience with the outside, its checkpoints."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from workbench.core import events as ev
from workbench.core.documents import TextDoc, read
from workbench.core.job import JobCancelled
from workbench.core.kinds import Embedding, Text
from workbench.core.settings import Settings
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder, create_run
from workbench.worker.execute import execute
from workbench.worker.job import Control, EventWriter, RunningJob


@pytest.fixture
def folder(home: Home) -> RunFolder:
    """A run's folder."""
    return create_run(home.runs, RunConfig("trials", {"steps": 3}))


def test_that_no_event_is_lost_between_adding_and_writing(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    stop = threading.Event()

    def flush() -> None:
        while not stop.is_set():
            writer.flush()

    flushers = [threading.Thread(target=flush) for _ in range(2)]
    for thread in flushers:
        thread.start()
    for step in range(30_000):
        writer.add(ev.Metric(name="x", value=1.0, step=step))
    stop.set()
    for thread in flushers:
        thread.join()
    writer.close()
    steps = [event.step for event in RunFolder(tmp_path).events() if isinstance(event, ev.Metric)]
    assert steps == list(range(30_000))


def test_that_a_write_that_fails_is_tried_again_in_order_and_told_to_the_run(folder: RunFolder) -> None:
    job = RunningJob(folder)
    path, job.writer.path = job.writer.path, folder.path / "no" / "such" / "folder"
    job.metric("x", 1.0, step=1)
    job.writer.flush()
    with pytest.raises(FileNotFoundError):
        job.step(1)
    job.metric("x", 2.0, step=2)
    job.writer.path = path
    job.writer.flush()
    assert job.step(2)
    job.writer.close()
    steps = [event.step for event in folder.events() if isinstance(event, ev.Metric)]
    assert steps == [1, 2]


def test_that_watchers_hear_what_was_written(folder: RunFolder) -> None:
    heard: list[ev.AnyEvent] = []
    job = RunningJob(folder, watch=heard.append)
    job.log("hello")
    job.writer.close()
    assert heard == list(folder.events())


def test_that_a_cancel_is_obeyed_between_phases_that_have_no_steps(folder: RunFolder) -> None:
    control = Control()
    job = RunningJob(folder, control=control)
    job.phase("reading the data")
    control.cancel.set()
    with pytest.raises(JobCancelled):
        job.phase("looking at the start")
    job.writer.close()


def test_that_cancel_keep_and_pause_are_obeyed_at_the_next_step(folder: RunFolder) -> None:
    control = Control()
    job = RunningJob(folder, control=control)
    assert job.step(1)
    control.go.clear()
    threading.Timer(0.2, control.go.set).start()
    began = time.monotonic()
    assert job.step(2)
    assert time.monotonic() - began >= 0.15
    control.keep.set()
    assert not job.step(3) and job.kept_early
    control.cancel.set()
    with pytest.raises(JobCancelled):
        job.step(4)
    job.writer.close()
    kinds = [type(event) for event in folder.events() if isinstance(event, ev.Paused | ev.Resumed)]
    assert kinds == [ev.Paused, ev.Resumed]


def test_that_previews_stay_within_their_share_and_forced_ones_do_not(folder: RunFolder) -> None:
    now = [0.0]
    job = RunningJob(folder, preview_share=0.1, clock=lambda: now[0])
    shown = 0
    for _ in range(200):
        now[0] += 1.0
        with job.preview("picture") as wanted:
            if wanted:
                now[0] += 5.0
                shown += 1
    assert shown > 2 and job.preview_share() <= 0.13
    now[0] = 0.1
    with job.preview("picture", force=True) as wanted:
        assert wanted
    job.writer.close()


def test_that_a_checkpoint_replaces_the_last_one_even_at_the_same_step(folder: RunFolder) -> None:
    job = RunningJob(folder)
    for text in ("one", "two", "three"):
        job.save_checkpoint(5, lambda place, text=text: (place / "state").write_text(text))
        standing = job.checkpoint()
        assert standing is not None and (standing / "state").read_text() == text
    assert len(list(folder.checkpoint.iterdir())) == 1
    assert folder.state().checkpoint_step == 5
    job.writer.close()


def test_that_a_checkpoint_that_fails_half_way_leaves_the_one_before(folder: RunFolder) -> None:
    job = RunningJob(folder)
    job.save_checkpoint(1, lambda place: (place / "state").write_text("whole"))

    def fail(place: Path) -> None:
        (place / "state").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        job.save_checkpoint(2, fail)
    standing = job.checkpoint()
    assert standing is not None and (standing / "state").read_text() == "whole"
    job.writer.close()


def test_that_artifacts_are_files_with_relative_paths(folder: RunFolder) -> None:
    job = RunningJob(folder)
    job.artifact("note", Text, TextDoc("hi"))
    job.artifact("map", Embedding, np.zeros((4, 2), np.float32), parts={"items": TextDoc("part")})
    job.writer.close()
    note, points = (event for event in folder.events() if isinstance(event, ev.Artifact))
    assert read(folder.path / note.path, TextDoc).text == "hi"
    assert np.load(folder.path / points.path, allow_pickle=False).shape == (4, 2)
    assert read(folder.path / points.parts["items"], TextDoc).text == "part"
    assert not Path(points.path).is_absolute() and "\\" not in points.path


def test_that_artifacts_of_a_resumed_run_overwrite_none_of_the_first_attempt(folder: RunFolder) -> None:
    for _ in range(2):
        job = RunningJob(folder)
        job.artifact("note", Text, TextDoc("hi"))
        job.writer.close()
    assert len(list(folder.artifacts.iterdir())) == 2


@pytest.mark.usefixtures("trials")
def test_that_a_run_reports_its_start_its_numbers_and_its_end(folder: RunFolder) -> None:
    job = execute(folder, settings=Settings(), device="cpu")
    events = list(folder.events())
    assert isinstance(events[0], ev.Started) and isinstance(events[-1], ev.Finished)
    assert events[-1].results == job.results
    state = folder.state()
    assert (state.step, state.total) == (3, 3)


@pytest.mark.usefixtures("trials")
def test_that_a_value_that_is_no_number_is_written_as_none(folder: RunFolder) -> None:
    job = RunningJob(folder)
    job.metric("loss", float("nan"))
    job.writer.close()
    assert [event.value for event in folder.events() if isinstance(event, ev.Metric)] == [None]


def test_that_a_phase_without_steps_tells_how_far_it_is(folder: RunFolder) -> None:
    now = [0.0]
    job = RunningJob(folder, clock=lambda: now[0])
    job.phase("reading texts")
    now[0] = 2.0
    job.progress(50, 200)
    job.phase("training", 10)
    now[0] = 4.0
    job.progress(1, 2)
    job.writer.close()
    told = [event for event in folder.events() if isinstance(event, ev.Progress)]
    assert [(one.phase, one.done, one.of) for one in told] == [
        ("reading texts", 0, 0), ("reading texts", 50, 200), ("training", 0, 0),
    ]  # fmt: skip
    assert told[1].seconds_left == pytest.approx(6.0)


def test_that_a_cancel_is_obeyed_within_a_phase_that_has_no_steps(folder: RunFolder) -> None:
    control = Control()
    job = RunningJob(folder, control=control)
    job.phase("reading texts")
    job.progress(1, 9)
    control.cancel.set()
    with pytest.raises(JobCancelled):
        job.progress(2, 9)
    job.writer.close()
