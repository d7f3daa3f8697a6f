"""run, runs, claim and apply against a real worker and a recipe of a few numpy steps."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said
from tests.plugins.fixtures import reaches, trial, until, wait_for_step
from workbench.core import events as ev
from workbench.runner.local import LocalRunner
from workbench.store.home import Home
from workbench.store.runfolder import RunFolder, create_run, find_run

Workbench = Callable[..., Said]


def test_that_run_streams_json_lines_and_ends_with_its_results(workbench: Workbench, runner: LocalRunner) -> None:
    said = workbench("run", "trials", "--preset", "smoke", "--step-s", "0", "--seed", "4", "--json")
    assert said.status == 0
    kinds = [line["type"] for line in said.lines]
    assert kinds[0] == "submitted"
    assert {"queued", "started", "metric", "artifact", "finished"} <= set(kinds)
    last = said.lines[-1]
    assert (last["type"], last["phase"]) == ("run", "finished")
    assert last["results"]["value"] == pytest.approx(runner_value(Path(last["folder"])))


def runner_value(folder: Path) -> float:
    return RunFolder(folder).state().results["value"] or 0.0


def test_that_run_prints_the_result_and_the_folder_for_people(workbench: Workbench, runner: LocalRunner) -> None:
    said = workbench("run", "trials", "--preset", "smoke", "--step-s", "0")
    assert said.status == 0
    assert "value" in said.out
    assert str(find_run(runner.home.runs, "last").path) in said.out
    assert "walking" in said.err


def test_that_a_run_that_fails_has_status_1_and_one_with_bad_data_names_the_field(
    workbench: Workbench, runner: LocalRunner
) -> None:
    failed = workbench("run", "trials", "--behaviour", "raise", "--step-s", "0")
    assert failed.status == 1
    assert "the recipe fell over" in failed.err
    bad = workbench("run", "trials", "--behaviour", "bad-input", "--step-s", "0", "--json")
    assert bad.status == 2
    assert "data: The numbers are odd." in bad.err
    assert bad.lines[-1]["phase"] == "failed"


def test_that_detach_returns_and_the_history_shows_compares_and_replays(
    workbench: Workbench, runner: LocalRunner
) -> None:
    first = workbench("run", "trials", "--preset", "smoke", "--detach", "--json").lines[0]["run"]
    second = workbench("run", "trials", "--preset", "smoke", "--steps", "4", "--json").lines[0]["run"]
    listed = workbench("runs", "list", "--json").lines
    assert [one["run"] for one in listed] == [second, first]
    assert [one["phase"] for one in listed] == ["finished", "finished"]
    shown = workbench("runs", "show", first, "--json").lines[0]
    assert (shown["config"]["params"]["steps"], shown["state"]["phase"]) == (3, "finished")
    compared = workbench("runs", "compare", first, second, "--json").lines
    assert {one["run"]: one["differs"]["steps"] for one in compared} == {first: 3, second: 4}
    replayed = workbench("runs", "replay", first, "--json").lines
    assert [ev.decode_event(json.dumps(line)) for line in replayed] == list(
        RunFolder(runner.home.runs / first).events()
    )
    for words in (["list"], ["show", first], ["compare", first, second], ["replay", first]):
        said = workbench("runs", *words)
        assert said.status == 0
        assert "Traceback" not in said.err
        assert said.out


def test_that_export_and_import_carry_a_run_to_another_home(
    workbench: Workbench, runner: LocalRunner, tmp_path: Path
) -> None:
    run = workbench("run", "trials", "--preset", "smoke", "--json").lines[0]["run"]
    archive, numbers = tmp_path / "run.zip", tmp_path / "run.csv"
    assert workbench("runs", "export", run, "--out", str(archive)).status == 0
    assert workbench("runs", "export", run, "--out", str(numbers)).status == 0
    assert numbers.read_text().splitlines()[0] == "seconds,step,name,series,value"
    assert len(numbers.read_text().splitlines()) == 4
    other = tmp_path / "other home"
    assert workbench("runs", "import", str(archive), "--home", str(other), "--json").lines[0]["run"] == run
    assert workbench("runs", "show", run, "--home", str(other), "--json").lines[0]["state"]["phase"] == "finished"
    again = workbench("runs", "import", str(archive), "--home", str(other))
    assert again.status == 2
    assert "here already" in again.err


@pytest.mark.parametrize("out", ["run.txt", "nowhere/run.zip"])
def test_that_an_impossible_export_is_told(workbench: Workbench, home: Home, out: str, tmp_path: Path) -> None:
    folder = create_run(home.runs, trial())
    said = workbench("runs", "export", folder.id, "--out", str(tmp_path / out))
    assert said.status == 2
    assert "--out" in said.err
    assert not zipfile.is_zipfile(tmp_path / "run.zip")


def test_that_cancel_keep_pause_and_resume_work_from_a_terminal(workbench: Workbench, runner: LocalRunner) -> None:
    run = workbench("run", "trials", "--steps", "4000", "--detach", "--json").lines[0]["run"]
    folder = RunFolder(runner.home.runs / run)
    wait_for_step(folder, 6)
    assert workbench("runs", "pause", run, "--json").lines[0]["phase"] == "paused"
    assert workbench("runs", "resume", run, "--detach").status == 0
    reaches(folder, "running")
    assert workbench("runs", "cancel", run, "--json").lines[0]["phase"] == "cancelled"
    assert workbench("runs", "cancel", run).status == 2
    resumed = subprocess.Popen(
        [sys.executable, "-m", "workbench", "runs", "resume", run, "--json"], stdout=subprocess.PIPE, text=True
    )
    reaches(folder, "running", attempt=2)
    assert workbench("runs", "cancel", run, "--keep", "--json").lines[0]["phase"] == "finished"
    out, _ = resumed.communicate(timeout=60)
    assert resumed.returncode == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["type"] == "queued"
    assert (lines[-1]["phase"], lines[-1]["kept_early"]) == ("finished", True)


def test_that_the_first_interrupt_cancels_the_run(runner: LocalRunner) -> None:
    command = [sys.executable, "-m", "workbench", "run", "trials", "--steps", "4000", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: any(runner.home.runs.iterdir()) if runner.home.runs.exists() else False, "a run folder")
    folder = find_run(runner.home.runs, "last")
    wait_for_step(folder, 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Ctrl+C again" in err
    assert json.loads(out.splitlines()[-1])["phase"] == "cancelled"


def test_that_apply_answers_from_a_run_a_file_and_an_added_model(
    workbench: Workbench, runner: LocalRunner, tmp_path: Path
) -> None:
    run = workbench("run", "trials", "--preset", "smoke", "--json").lines[0]["run"]
    answers = workbench("apply", run, "--input", "text=hello", "--json").lines[0]["answers"]
    assert answers[0]["headline"].startswith("hello ")
    (tmp_path / "words.txt").write_text("çok iyi", encoding="utf-8")
    said = workbench("apply", "last", "--input", f"text=@{tmp_path / 'words.txt'}")
    assert "çok iyi" in said.out
    model = runner.home.runs / run / "model"
    assert workbench("apply", str(model), "--input", "text=from the folder").status == 0
    missing = workbench("apply", run, "--input", "text=@/no/such")
    assert missing.status == 2
    assert "cannot be read" in missing.err
    assert workbench("apply", run, "--input", "text=x", "--input", "wish=raise").status == 1


def test_that_worker_status_starts_none_and_stop_ends_it(workbench: Workbench, runner: LocalRunner) -> None:
    assert "pid" not in workbench("worker", "status", "--json").lines[0]
    workbench("run", "trials", "--preset", "smoke", "--json")
    assert workbench("worker", "status", "--json").lines[0]["pid"] > 0
    runner.close()
    stopped = workbench("worker", "stop", "--now", "--json").lines[0]
    assert stopped["stopped"]
    assert "pid" not in workbench("worker", "status", "--json").lines[0]


def test_that_doctor_names_every_part_and_its_fix(workbench: Workbench, runner: LocalRunner) -> None:
    found = {one["name"]: one for one in workbench("doctor", "--json").lines}
    assert {"python", "packages", "recipes", "display", "OpenGL", "audio", "GPU", "memory", "disk", "worker"} <= set(
        found
    )
    assert found["worker"]["state"] == "ok"
    assert all(one.get("fix") for one in found.values() if one["state"] != "ok")
