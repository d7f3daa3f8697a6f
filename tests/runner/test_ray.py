"""Runs on a cluster: against a double of Ray everywhere, and against Ray itself where it is installed."""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.fixtures import ended, last_metric_step, reaches, trial, until, wait_for_step
from workbench.core import events as ev
from workbench.core.problem import Problem
from workbench.runner.ray import RayRunner
from workbench.runner.seat import Seat
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder, away_mark
from workbench.worker.ledger import Ledger


class Handle:
    """An actor of the double: calls are done by a thread of its own, which lives as long as it does."""

    def __init__(self, kind: type[Seat], *arguments: Any) -> None:
        self.thread = ThreadPoolExecutor(1)
        self.seat, self.lost = self.thread.submit(kind, *arguments).result(), False

    def __getattr__(self, name: str) -> Any:
        def remote(*arguments: Any) -> Any:
            if self.lost:
                raise RuntimeError("the actor died")
            return self.thread.submit(getattr(self.seat, name), *arguments).result()

        return types.SimpleNamespace(remote=remote)


class RayDouble(types.ModuleType):
    """What RayRunner uses of Ray."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.actors: dict[str, Handle] = {}

    def is_initialized(self) -> bool:
        return True

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def nodes(self) -> list[str]:
        return ["one"]

    def get_actor(self, name: str, namespace: str) -> Handle:
        if name not in self.actors:
            raise ValueError(name)
        return self.actors[name]

    def get(self, value: Any, timeout: float) -> Any:
        return value

    def kill(self, actor: Handle) -> None:
        self.actors = {name: one for name, one in self.actors.items() if one is not actor}

    def remote(self, kind: type[Seat]) -> Any:
        def options(*, name: str, **_: Any) -> Any:
            def create(*arguments: Any) -> Handle:
                self.actors[name] = Handle(kind, *arguments)
                return self.actors[name]

            return types.SimpleNamespace(remote=create)

        return types.SimpleNamespace(options=options)


@pytest.fixture(params=["double", "ray"] if importlib.util.find_spec("ray") else ["double"])
def cluster(request: pytest.FixtureRequest, trials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Ray, or its double."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]))
    if request.param == "double":
        double = RayDouble()
        monkeypatch.setitem(sys.modules, "ray", double)
        yield double
        for actor in double.actors.values():
            actor.seat.clear()
        return
    import ray

    ray.init(namespace="workbench", include_dashboard=False, log_to_driver=False, num_cpus=2)
    yield ray
    ray.shutdown()


@pytest.fixture
def start(cluster: Any, home: Home) -> Iterator[Callable[[], RayRunner]]:
    """Makes runners on the cluster; all are closed at the end."""
    made: list[RayRunner] = []

    def make() -> RayRunner:
        made.append(RayRunner(home, address=""))
        made[-1].attach().result(120)
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_that_a_run_comes_home_whole(start: Callable[[], RayRunner], tmp_path: Path) -> None:
    (tmp_path / "numbers.txt").write_text("1 2 3")
    runner = start()
    folder = runner.submit(
        RunConfig("trials", {"steps": 30}, inputs={"data": str(tmp_path / "numbers.txt")}, device="cpu")
    )
    assert ended(folder).phase == "finished"
    until(lambda: not runner.state().running)
    assert [event.step for event in folder.events() if isinstance(event, ev.Metric)] == list(range(1, 31))
    for event in folder.events():
        if isinstance(event, ev.Artifact | ev.Checkpoint):
            assert (folder.path / event.path).exists() or "step-00000030" not in event.path
    assert (folder.model / "value.npy").exists() and (folder.checkpoint / "step-00000030").is_dir()
    assert folder.config().inputs["data"] == str(tmp_path / "numbers.txt")
    assert not away_mark(folder).exists()


def test_that_cancel_keep_and_pause_reach_the_cluster(start: Callable[[], RayRunner]) -> None:
    runner = start()
    cancelled, kept = (runner.submit(trial(steps=100_000)) for _ in range(2))
    wait_for_step(cancelled, 3)
    runner.pause(cancelled.id).result(5)
    reaches(cancelled, "paused")
    runner.resume(cancelled.id).result(5)
    reaches(cancelled, "running")
    runner.cancel(cancelled.id).result(5)
    assert ended(cancelled).resumable
    wait_for_step(kept, 3)
    runner.cancel(kept.id, keep=True).result(5)
    assert ended(kept).kept_early
    until(lambda: not runner.state().running)
    assert isinstance(runner.pause(kept.id).exception(5), Problem)


def test_that_a_failed_run_resumes_there_from_the_checkpoint_here(start: Callable[[], RayRunner]) -> None:
    runner = start()
    whole = runner.submit(trial(steps=30, step_s=0))
    broken = runner.submit(trial("exit", steps=30, trouble_at=13, once=True, step_s=0))
    state = ended(broken)
    assert state.phase == "failed" and state.problem is not None and "exit status 7" in state.problem.received
    runner.resume(broken.id).result(5)
    assert reaches(broken, "finished", attempt=2).results == ended(whole).results


def test_that_the_next_client_takes_up_what_the_last_one_left(start: Callable[[], RayRunner], home: Home) -> None:
    first = start()
    folder, waiting = first.submit(trial(steps=120)), first.submit(trial(steps=3))
    wait_for_step(folder, 5)
    first.close()
    standing = last_metric_step(folder)
    assert Ledger(home).sweep() == [] and folder.state().phase == "running"
    start()
    assert ended(folder).phase == ended(waiting).phase == "finished"
    steps = [event.step for event in folder.events() if isinstance(event, ev.Metric)]
    assert steps == list(range(1, 121)) and standing < 120


def test_that_a_run_that_does_not_listen_is_killed_on_the_cluster(start: Callable[[], RayRunner]) -> None:
    runner = start()
    folder = runner.submit(trial("ignore", step_s=0))
    reaches(folder, "running")
    runner.cancel(folder.id).result(5)
    assert ended(folder).phase == "cancelled"
    assert [event.forced for event in folder.events() if isinstance(event, ev.Cancelled)] == [True]


def test_that_a_lost_actor_fails_its_run_alone(trials: None, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    double = RayDouble()
    monkeypatch.setitem(sys.modules, "ray", double)
    runner = RayRunner(home)
    folder, other = runner.submit(trial(steps=100_000)), runner.submit(trial(steps=3))
    wait_for_step(folder, 6)
    (actor,) = double.actors.values()
    actor.lost = True
    state = ended(folder)
    assert state.resumable and state.problem is not None and "lost" in state.problem.what
    assert ended(other).phase == "finished"
    actor.seat.clear()
    runner.close()


def test_that_a_missing_ray_is_said_with_the_way_to_get_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    runner = RayRunner(home)
    error = runner.attach().exception(30)
    assert isinstance(error, Problem) and "pip install" in error.fix
    runner.close()


def test_that_a_seat_writes_and_reads_nothing_outside_its_folder() -> None:
    seat = Seat("run", b"{}")
    try:
        for path in ("../../escape", "/etc/passwd"):
            with pytest.raises(ValueError, match="outside"):
                seat.receive(path, b"x")
            with pytest.raises(ValueError, match="outside"):
                seat.read(path, 0)
    finally:
        seat.clear()


def test_that_files_the_cluster_names_cannot_leave_the_run_folder(
    trials: None, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = RayDouble()
    monkeypatch.setitem(sys.modules, "ray", double)
    listings = iter([{}])  # nothing yet when the run begins
    monkeypatch.setattr(Seat, "files", lambda self: next(listings, {"../../../escape": (0, 1)}))
    runner = RayRunner(home)
    folder: RunFolder = runner.submit(trial())
    state = ended(folder)
    assert state.problem is not None and "outside" in state.problem.what
    assert not (home.root.parent / "escape").exists()
    for actor in double.actors.values():
        actor.seat.clear()
    runner.close()
