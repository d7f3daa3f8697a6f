"""Fixtures around the trials recipe and a real worker; conftest files import what they need."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from workbench.core import events as ev
from workbench.core.job import ENDED, JobState
from workbench.recipes import recipes
from workbench.runner.local import LocalRunner
from workbench.store.address import announced
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder

PATIENCE_S = 240.0
"""Far beyond what anything here takes: running out of it means that it hangs."""


def until(holds: Callable[[], Any], what: str = "") -> Any:
    """The first true value of a condition; fails when it never comes."""
    patience = time.monotonic() + PATIENCE_S
    while time.monotonic() < patience:
        value = holds()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"never came true: {what or holds}")


def trial(behaviour: str = "good", **knobs: Any) -> RunConfig:
    """A configuration of the trials recipe."""
    return RunConfig("trials", {"behaviour": behaviour, **knobs}, device="cpu")


def ended(folder: RunFolder) -> JobState:
    """The state of a run once it has ended."""
    return until(lambda: (state := folder.state()).phase in ENDED and state, f"{folder.id} ends")


def reaches(folder: RunFolder, phase: str, attempt: int = 1) -> JobState:
    """The state of a run once it is in a phase."""
    return until(
        lambda: (state := folder.state()).phase == phase and state.attempt >= attempt and state, f"{folder.id} {phase}"
    )


def last_metric_step(folder: RunFolder) -> int:
    """The step of the newest number that a run has written."""
    return max((event.step for event in folder.events() if isinstance(event, ev.Metric)), default=0)


def wait_for_step(folder: RunFolder, step: int) -> None:
    """Wait until a run has come so far."""
    until(lambda: last_metric_step(folder) >= step, f"step {step} of {folder.id}")


def worker_process(home: Home) -> psutil.Process:
    """The process of the home's worker."""
    address = announced(home)
    assert address is not None
    return psutil.Process(address.pid)


def still_there(processes: Iterable[psutil.Process], *, within_s: float) -> list[psutil.Process]:
    """Those of these processes that go on after so long; returns as soon as there is none.

    A zombie is gone: it does nothing and holds nothing. Orphans stay zombies until the system's first process looks
    after them, which in containers may take seconds.
    """
    patience = time.monotonic() + within_s
    left = list(processes)
    while left := [one for one in left if _goes_on(one)]:
        if time.monotonic() >= patience:
            break
        time.sleep(0.01)
    return left


READ_ONCE = ("reading", "samples")
"""Caches of what is read of the installed packages, which takes seconds and is the same for every home."""


def lend_readings(shared: Path, home: Home) -> None:
    """Give a new home what another one has read of the installed packages."""
    _link(shared, home.cache)


def keep_readings(home: Home, shared: Path) -> None:
    """Keep what a home has read for others; files are complete once they have their names."""
    _link(home.cache, shared)


def _link(source: Path, target: Path) -> None:
    for name in READ_ONCE:
        for file in (source / name).glob("*.json"):
            (target / name).mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.link(file, target / name / file.name)


def _goes_on(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.is_running()
        with contextlib.suppress(ChildProcessError, OSError):
            os.waitpid(process.pid, os.WNOHANG)  # one's own child is looked after at once
    return False


def end_worker(home: Home) -> None:
    """End the home's worker, kindly where it listens, and wait until all of it is gone."""
    address = announced(home)
    if address is None:
        return
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(address.pid)
        everyone = [process, *process.children(recursive=True)]
        process.resume()
        process.terminate()
        for one in still_there(everyone, within_s=10):
            one.kill()
        still_there(everyone, within_s=5)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The trials recipe known here and in workers, which load no torch for it."""
    monkeypatch.setenv("WORKBENCH_PLUGINS", "tests.plugins.trials.recipe")
    monkeypatch.setenv("WORKBENCH_WARM", "")
    monkeypatch.setenv("WORKBENCH_DEVICE", "cpu")
    recipes.cache_clear()
    yield
    recipes.cache_clear()


@pytest.fixture
def runner(trials: None, home: Home) -> Iterator[LocalRunner]:
    """A runner whose worker ends with the test."""
    one = LocalRunner(home, client="test")
    yield one
    end_worker(home)
    one.close()
