"""What every test gets: an offscreen Qt, a home of its own, and a look for processes left behind."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
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

# Some environments forbid Python to keep what it has compiled: then every process of tests translates all of them
# anew, fifteen seconds of a core, and every worker the program.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Nothing is timed here, not by Hypothesis either: a loaded machine is no fault.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

ENDS_WITHIN_S = 8.0
WHOLE_SWEEP_EVERY = 25
"""Tests between two collections of everything, which cost a tenth of a second and more."""

# Python collects on whichever thread allocates. A closed window that a reading thread happens to
# destroy ends the interpreter, so that here, as in the program, only the main thread collects.
gc.disable()


CONTRACTS = "contracts/test_runs.py"
"""One file with minutes of work for one process; each recipe of it is a group of its own."""
LONG_FIRST = (CONTRACTS, "faults/test_kills.py", "/runner/", "/worker/", "/faults/", "/recipes/", "/cli/")
"""What takes long, in this order; short files go last, so that no process is left with a long one at the end."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep groups in the order below: pytest-xdist would begin with those of most tests, whatever they take."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first."""
    items.sort(key=_place_in_line)


def pytest_collection_finish() -> None:
    """Leave what the test files have loaded out of every sweep: half a million objects that stay to the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share tests out to processes by files (--dist loadgroup), so that what a module sets up is set up once.

    Marks of groups would do, were they heeded: pytest-xdist 3.8 writes a group's name where pytest 9.2 no longer reads
    it, says nothing, and shares out test by test.
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return ByFile(config, log)


def group_of(nodeid: str) -> str:
    """A test's file; each recipe of the contract tests for itself."""
    file, _, name = nodeid.partition("::")
    return f"{file}:{name.partition('[')[2]}" if file.endswith(CONTRACTS) else file


def _place_in_line(item: pytest.Item) -> int:
    path = item.path.as_posix()
    return next((place for place, part in enumerate(LONG_FIRST) if part in path), len(LONG_FIRST))


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
    before = _descendants()
    yield
    suspects = _descendants() - before | _worker_of(own_home)
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


def _descendants() -> set[psutil.Process]:
    """Children and theirs, as Linux lists them; elsewhere out of the table of all processes, three milliseconds."""
    try:
        found, new = set[int](), _started_by("self")
        while new:
            found |= new
            new = set().union(*(_started_by(str(one)) for one in new)) - found
    except OSError:  # no such lists here, or somebody has left while we read
        return set(psutil.Process().children(recursive=True))
    processes = set()
    for one in found:
        with contextlib.suppress(psutil.Error):
            processes.add(psutil.Process(one))
    return processes


def _started_by(process: str) -> set[int]:
    threads = Path(f"/proc/{process}/task").iterdir()
    return {int(one) for thread in threads for one in (thread / "children").read_text().split()}


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
