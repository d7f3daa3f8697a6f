"""What the command line and the window both look at."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

from workbench.core.events import WorkerState
from workbench.core.problem import KnownTrouble
from workbench.runner.doctor import Finding, examine, look_at_worker


def test_that_every_lack_has_a_fix_and_no_worker_is_started_unasked(own_home: Path) -> None:
    found = list(examine(own_home))
    assert {"python", "packages", "recipes", "GPU", "memory", "disk"} <= {one.name for one in found}
    assert "worker" not in {one.name for one in found}
    assert all(one.fix for one in found if one.state != "ok")


def test_that_a_folder_that_cannot_be_written_is_named_with_its_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    last = list(examine(tmp_path / "file" / "home", worker=lambda _: Finding("worker", "ok", "")))[-1]
    assert (last.name, last.state) == ("data folder", "broken")
    assert "WORKBENCH_HOME" in last.fix


def test_that_a_worker_answers_refuses_or_keeps_silent() -> None:
    here: Future[WorkerState] = Future()
    here.set_result(WorkerState(pid=7))
    assert "process 7 answers" in look_at_worker(lambda: here).detail
    refused: Future[WorkerState] = Future()
    refused.set_exception(KnownTrouble("It cannot start.", fix="Free memory."))
    assert look_at_worker(lambda: refused) == Finding("worker", "broken", "It cannot start.", "Free memory.")
    silent = look_at_worker(Future, within_s=0.01)
    assert silent.state == "broken" and "worker stop" in silent.fix
