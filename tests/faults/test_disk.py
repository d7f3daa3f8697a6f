"""Torn files, full disks, odd folders and odd clocks: a clear word, and nothing lost."""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.plugins.fixtures import end_worker, ended, reaches, trial, until, wait_for_step, worker_process
from workbench.core import events as ev
from workbench.core.problem import Problem
from workbench.core.settings import Settings
from workbench.runner.local import LocalRunner
from workbench.store.home import Home, open_home
from workbench.store.index import Index
from workbench.store.runfolder import EventTail, RunFolder, create_run
from workbench.worker.execute import execute
from workbench.worker.ledger import Ledger

pytestmark = pytest.mark.usefixtures("trials")


def finished(home: Home, **knobs: object) -> RunFolder:
    """A run that was done in this process."""
    folder = create_run(home.runs, trial(steps=6, step_s=0, **knobs))
    execute(folder, settings=Settings())
    return folder


# Event files and the index.


def test_that_every_torn_end_of_an_event_file_still_opens(home: Home) -> None:
    folder = finished(home)
    whole = folder.events_path.read_bytes()
    lines = whole.splitlines(keepends=True)
    tries = 0
    for cut in range(len(whole) - len(lines[-1]) - len(lines[-2]), len(whole)):
        folder.events_path.write_bytes(whole[:cut])
        entire = whole[:cut].count(b"\n")
        assert len(list(folder.events())) == entire
        folder.append(ev.Log(message="after the crash"))
        events = list(folder.events())
        assert isinstance(events[-1], ev.Log) and len(events) in (entire + 1, entire + 2)
        tries += 1
    assert tries > 100


def test_that_garbage_in_the_middle_costs_its_own_lines_only(home: Home) -> None:
    folder = finished(home)
    lines = folder.events_path.read_bytes().splitlines(keepends=True)
    lines[3:3] = [b"\x00" * 64 + b"\n", b"\xff\xfe not json\n", b'{"type":"from the future"}\n', b"\n"]
    folder.events_path.write_bytes(b"".join(lines))
    tail = EventTail(folder.events_path)
    assert len(tail.read()) == len(lines) - 4
    assert tail.damaged == 3
    assert folder.state().phase == "finished"


@pytest.mark.parametrize("damage", ["deleted", "garbage", "truncated", "another program's", "older"])
def test_that_the_index_is_rebuilt_from_the_folders(home: Home, damage: str) -> None:
    folders = {finished(home).id for _ in range(3)}
    index = Index(home.index, home.runs)
    before = index.refresh()
    if damage == "deleted":
        home.index.unlink()
    elif damage == "garbage":
        home.index.write_bytes(os.urandom(5000))
    elif damage == "truncated":
        home.index.write_bytes(home.index.read_bytes()[:3000])
    else:
        with contextlib.closing(sqlite3.connect(home.index)) as db:
            db.executescript(
                "PRAGMA user_version=99" if damage == "older" else "DROP TABLE runs; CREATE TABLE runs (id, x)"
            )
    assert {row.id for row in index.refresh()} == folders
    assert sorted(index.refresh(), key=lambda row: row.id) == sorted(before, key=lambda row: row.id)


# A run whose worker is gone.


def test_that_a_run_without_its_process_is_marked_on_the_next_start(home: Home) -> None:
    folder = finished(home)
    lines = folder.events_path.read_bytes().splitlines(keepends=True)
    text = b"".join(lines[:-2]).replace(f'"pid":{os.getpid()}'.encode(), b'"pid":4194301')
    folder.events_path.write_bytes(text + lines[-2][:10])
    assert Ledger(home).sweep() == []
    state = folder.state()
    assert state.phase == "failed" and state.resumable
    assert state.problem is not None and "Resume" in state.problem.fix


def test_that_a_run_of_a_living_process_is_left_alone(home: Home) -> None:
    folder = create_run(home.runs, trial())
    folder.append(ev.Started(pid=os.getpid()))
    Ledger(home).sweep()
    assert folder.state().phase == "running"


def test_that_a_number_given_to_another_process_does_not_pass_for_the_run(home: Home) -> None:
    folder = create_run(home.runs, trial())
    folder.append(ev.Started(pid=os.getpid()))
    os.utime(folder.events_path, (1e9, 1e9))  # written long before this process began
    Ledger(home).sweep()
    assert folder.state().phase == "failed"


def test_that_a_process_that_was_still_dying_at_the_start_is_marked_later(home: Home) -> None:
    sleeper = subprocess.Popen(["sleep", "600"])
    folder = create_run(home.runs, trial())
    folder.append(ev.Started(pid=sleeper.pid))
    ledger = Ledger(home)
    ledger.sweep()
    assert folder.state().phase == "running"
    sleeper.kill()
    sleeper.wait()
    ledger.look_after_others()
    assert folder.state().phase == "failed"


def test_that_a_lost_queue_file_is_made_up_from_the_folders(home: Home) -> None:
    folders = [create_run(home.runs, trial()) for _ in range(3)]
    for place, folder in enumerate(folders):
        folder.append(ev.Queued(t=100.0 - place))
    assert Ledger(home).sweep() == [folder.id for folder in folders[::-1]]
    home.queue.write_text(f'{{"runs": ["gone", "{folders[1].id}"')
    assert len(Ledger(home).sweep()) == 3
    home.queue.write_text(f'{{"runs": ["gone", "{folders[1].id}"]}}')
    assert Ledger(home).sweep()[0] == folders[1].id


# A full disk.


@contextlib.contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """Let writes beyond a file size fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_that_a_full_disk_tears_no_event_and_repeats_none(home: Home) -> None:
    folder = create_run(home.runs, trial())
    some = [ev.Metric(name="loss", value=0.5, step=step) for step in range(10)]
    folder.append(*some)
    size = folder.events_path.stat().st_size
    with files_no_longer_than(size + 40), pytest.raises(OSError, match="too large"):
        folder.append(*some)
    assert folder.events_path.stat().st_size == size
    folder.append(*some)
    assert [event.step for event in folder.events() if isinstance(event, ev.Metric)] == [*range(10), *range(10)]


def test_that_the_ledger_keeps_what_a_full_disk_refused_and_writes_it_later(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = create_run(home.runs, trial())
    ledger = Ledger(home)
    with files_no_longer_than(1):
        ledger.append(folder.id, ev.Queued)
        ledger.save_queue([folder.id])
    assert folder.state().phase == "new"
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now + 60)
    ledger.retry()
    assert folder.state().phase == "queued"
    assert Ledger(home).sweep() == [folder.id]


class FullDisk:
    """A disk of 2 MB where mounting is allowed; elsewhere, processes that may not lengthen their files."""

    def __init__(self, place: Path) -> None:
        place.mkdir()
        self.place, self.limited = place, list[psutil.Process]()
        command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
        self.mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0

    def fill(self, folder: RunFolder, worker: psutil.Process) -> None:
        """Leave no room for what these processes want to write."""
        if self.mounted:
            with contextlib.suppress(OSError), (self.place / "ballast").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(512))
            return
        self.limited = [worker, psutil.Process(folder.state().pid)]
        for one in self.limited:
            one.rlimit(psutil.RLIMIT_FSIZE, (4096, psutil.RLIM_INFINITY))

    def free(self) -> None:
        """Make room again."""
        (self.place / "ballast").unlink(missing_ok=True)
        for one in self.limited:
            with contextlib.suppress(psutil.Error):
                one.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))

    def remove(self) -> None:
        """Unmount."""
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.place)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FullDisk]:
    """A disk that can be filled."""
    one = FullDisk(tmp_path / "disk")
    yield one
    one.remove()


def test_that_a_full_disk_ends_the_run_with_that_reason_and_it_resumes_with_space(disk: FullDisk) -> None:
    home = open_home(disk.place)
    runner = LocalRunner(home, client="test")
    folder = runner.submit(trial(steps=200))
    wait_for_step(folder, 10)
    disk.fill(folder, worker_process(home))
    until(lambda: runner.state().running == "", "the run gives up")
    disk.free()
    state = ended(folder)
    assert state.problem is not None and "disk is full" in state.problem.what
    runner.resume(folder.id).result(10)
    assert reaches(folder, "finished", attempt=2).results
    tail = EventTail(folder.events_path)
    steps = [event.step for event in tail.read() if isinstance(event, ev.Metric)]
    assert tail.damaged == 0 and set(steps) == set(range(1, 201))
    end_worker(home)
    runner.close()


# Odd homes.


@pytest.mark.parametrize("name", ["with spaces and ünïcödé 数据", "deep/" * 30 + "home", "quote'\"$(x)"])
def test_that_odd_homes_work_like_any_other(tmp_path: Path, name: str) -> None:
    home = open_home(tmp_path / name)
    runner = LocalRunner(home, client="test")
    folder = runner.submit(trial(steps=3))
    assert ended(folder).phase == "finished"
    assert [row.id for row in Index(home.index, home.runs).refresh()] == [folder.id]
    end_worker(home)
    runner.close()


READ_ONLY = """
import os, sys
from pathlib import Path
from workbench.core.problem import KnownTrouble
from workbench.store.home import open_home
if os.getuid() == 0:
    os.setuid(65534)  # root may write anywhere
try:
    open_home(Path(sys.argv[1]))
except KnownTrouble as trouble:
    print(trouble)
"""


def test_that_a_read_only_home_is_refused_with_the_way_out() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o555)
        command = [sys.executable, "-c", READ_ONLY, place]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "WORKBENCH_HOME" in said and place in said


def test_that_a_home_that_turns_read_only_is_reported_by_the_runner(home: Home) -> None:
    runner = LocalRunner(home, client="test")
    home.worker_log.mkdir()  # cannot be opened as a file, whoever asks
    error = runner.attach().exception(60)
    assert isinstance(error, Problem) and "could not be started" in error.what
    runner.close()


# The clock.


def test_that_a_clock_set_back_confuses_neither_states_nor_index(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    lost, earlier = create_run(home.runs, trial()), finished(home)
    lost.append(ev.Queued(t=real()), ev.Started(t=real(), pid=4194301))
    monkeypatch.setattr("time.time", lambda: real() - 86_400)
    Ledger(home).sweep()
    later = finished(home)
    states = {row.id: row.state for row in Index(home.index, home.runs).refresh()}
    assert [states[folder.id].phase for folder in (lost, earlier, later)] == ["failed", "finished", "finished"]
    assert all(state.ended_at >= state.started_at for state in states.values())


def test_that_times_within_a_run_never_go_back_with_the_clock(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = time.time, iter(range(10**6))
    monkeypatch.setattr("time.time", lambda: real() - 3600 * next(calls))
    times = [event.t for event in finished(home).events()]
    assert times == sorted(times)
