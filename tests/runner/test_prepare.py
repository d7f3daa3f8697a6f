"""A configuration is checked whole and frozen whole before anything is queued."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workbench.core.problem import InputError, Problems
from workbench.runner.prepare import freeze, prepare
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig

pytestmark = pytest.mark.usefixtures("trials")


def faults(config: RunConfig) -> dict[str, InputError]:
    with pytest.raises(Problems) as caught:
        freeze(config)
    return {problem.field: problem for problem in caught.value.problems}


def test_that_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "wrong.pdf").write_text("1")
    found = faults(
        RunConfig(
            "trials",
            {"steps": "many", "step_s": 99, "behavior": "good"},
            inputs={"data": "sample:twos", "more": str(tmp_path / "wrong.pdf"), "dat": "x"},
        )
    )
    assert found.keys() == {"steps", "step_s", "behavior", "data", "more", "dat"}
    assert "behaviour" in found["behavior"].fix and "data" in found["dat"].fix
    assert "sample:ones" in found["data"].fix


@pytest.mark.parametrize("name", ["gone.txt", "folder"])
def test_that_missing_files_and_folders_in_their_place_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    found = faults(RunConfig("trials", {}, inputs={"data": str(tmp_path / name)}))
    assert str(tmp_path / name) in found["data"].received


def test_that_a_missing_file_named_by_a_knob_is_found() -> None:
    assert faults(RunConfig("trials", {"notes": "/no/such/file"})).keys() == {"notes"}


def test_that_an_unknown_recipe_and_an_unknown_preset_are_refused() -> None:
    with pytest.raises(InputError, match="no recipe"):
        freeze(RunConfig("trails", {}))
    assert faults(RunConfig("trials", {}, preset="huge")).keys() == {"preset"}


def test_that_every_knob_and_input_is_spelled_out(home: Home) -> None:
    config = prepare(home, RunConfig("trials", {"steps": "7"}, preset="smoke")).config()
    assert config.params["steps"] == 7 and config.params["behaviour"] == "good"
    assert config.inputs == {"data": "sample:ones"}
    assert config.packages["torch"] and config.packages["python"] == sys.version.split()[0]
    assert config.created > 0


def test_that_a_preset_lies_under_the_named_knobs() -> None:
    assert freeze(RunConfig("trials", {}, preset="smoke")).params["steps"] == 3


def test_that_paths_become_absolute_and_are_digested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "numbers.TXT").write_text("1 2 3")
    monkeypatch.chdir(tmp_path)
    frozen = freeze(RunConfig("trials", {}, inputs={"data": "numbers.TXT"}))
    assert frozen.inputs["data"] == str(tmp_path / "numbers.TXT")
    before = frozen.digests["data"]
    (tmp_path / "numbers.TXT").write_text("1 2 4")
    assert freeze(RunConfig("trials", {}, inputs={"data": "numbers.TXT"})).digests["data"] != before


def test_that_nothing_is_left_behind_by_a_refused_configuration(home: Home) -> None:
    with pytest.raises(Problems):
        prepare(home, RunConfig("trials", {"steps": -1}))
    assert list(home.runs.iterdir()) == []


def test_that_preparing_loads_no_torch() -> None:
    code = (
        "import sys; from workbench.runner.prepare import freeze; from workbench.runner.local import LocalRunner;"
        "from workbench.store.runfolder import RunConfig; freeze(RunConfig('trials', {}));"
        "sys.exit(bool({'torch', 'transformers', 'workbench.worker'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
