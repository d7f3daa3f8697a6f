"""What every test gets: an offscreen Qt, a home of its own, and a look for processes left behind."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.plugins.fixtures import still_there
from workbench.recipes import recipes
from workbench.store.address import announced
from workbench.store.home import Home, open_home

# Before any test imports Qt or a numerical library: both read these once.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
for _name in [name for name in os.environ if name.startswith("WORKBENCH_")]:
    del os.environ[_name]
# Workers start a process ahead of need that loads torch and transformers: four seconds of a core, which only those
# tests want that run in it. Who has need of a library loads it then.
os.environ["WORKBENCH_WARM"] = ""

ENDS_WITHIN_S = 8.0
WHOLE_SWEEP_EVERY = 25
"""Tests between two collections of everything, which cost a tenth of a second and more."""

# Python collects on whichever thread allocates. A closed window that a reading thread happens to
# destroy ends the interpreter, so that here, as in the program, only the main thread collects.
gc.disable()


LONG = "contracts/test_runs.py"
"""One file with minutes of work for one process; each recipe of it is a group of its own, and begins first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Share tests out to processes by files (--dist loadgroup), so that what a module sets up is set up once."""
    for item in items:
        group = item.path.as_posix()
        if group.endswith(LONG) and (call := getattr(item, "callspec", None)) is not None:
            # No brackets: pytest-xdist takes what ends in one for a parameter, and each test for a group of its own.
            group += f":{call.params.get('trained', '')}"
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONG))


@pytest.fixture
def recipes_found_anew() -> Iterator[None]:
    """Forget the recipes that a test has found once its environment, which may name plug-ins, is gone."""
    yield
    recipes.cache_clear()


@pytest.fixture(autouse=True)
def own_home(recipes_found_anew: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh WORKBENCH_HOME, so that no test sees another's runs, queue, settings or worker."""
    root = tmp_path / "home"
    monkeypatch.setenv("WORKBENCH_HOME", str(root))
    return root


@pytest.fixture(autouse=True)
def garbage_goes_on_the_main_thread() -> Iterator[None]:
    """Collect what a test has left, and fail one that gives the collection back to every thread."""
    yield
    assert not gc.isenabled(), "automatic collection was left on, which destroys Qt objects on reading threads"
    global _tests_since_sweep
    _tests_since_sweep = (_tests_since_sweep + 1) % WHOLE_SWEEP_EVERY
    gc.collect(1 if _tests_since_sweep else 2)


_tests_since_sweep = 0


@pytest.fixture(autouse=True)
def no_process_left_behind(own_home: Path) -> Iterator[None]:
    """Fail a test whose worker, child or helper process outlives it."""
    before = set(psutil.Process().children(recursive=True))
    yield
    suspects = set(psutil.Process().children(recursive=True)) - before | _worker_of(own_home)
    left = [one for one in suspects if not _is_tracker(one) and not _belongs_to(one, before)]
    alive = still_there(left, within_s=ENDS_WITHIN_S)
    told = [_told(one) for one in alive]
    for one in alive:
        with contextlib.suppress(psutil.Error):
            one.kill()
    if told:
        pytest.fail("Processes outlived the test: " + "; ".join(told))


@pytest.fixture
def home(own_home: Path) -> Home:
    """The test's home with its folders made."""
    return open_home(own_home)


def _worker_of(root: Path) -> set[psutil.Process]:
    # A worker detaches from its starter, so it need not be among this process's children.
    address = announced(Home(root.resolve()))
    with contextlib.suppress(psutil.Error):
        return {psutil.Process(address.pid)} if address is not None else set()
    return set()


def _belongs_to(process: psutil.Process, others: set[psutil.Process]) -> bool:
    # A worker that several tests share may start children during one of them.
    with contextlib.suppress(psutil.Error):
        return any(one in others for one in process.parents())
    return False


def _is_tracker(process: psutil.Process) -> bool:
    # multiprocessing keeps one resource tracker per interpreter; it ends with the test run.
    return "resource_tracker" in _told(process) or "forkserver" in _told(process)


def _told(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return f"{process.pid} {' '.join(process.cmdline())}"
    return ""
