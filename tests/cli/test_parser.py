"""Flags from declarations, and every fault of a command line in one answer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said
from workbench.cli.main import COMMANDS, build
from workbench.cli.parser import given_knobs, parse
from workbench.core.params import knobs
from workbench.recipes import recipe, recipes

Workbench = Callable[..., Said]


@pytest.mark.parametrize("name", list(recipes()))
def test_that_every_knob_has_a_flag_with_bounds_and_unit_in_the_help(workbench: Workbench, name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        workbench("run", name, "--help")
    assert ended.value.code == 0
    parser = build(["run", name])
    text = " ".join(parser._subparsers._group_actions[0].choices["run"].format_help().split())  # type: ignore[union-attr]
    for one in knobs(recipe(name).params):
        assert one.flag in text
        assert " ".join(one.expected().split()) in text
    assert recipe(name).paper.title in text


def test_that_a_knob_is_given_as_flag_value_flag_equals_value_and_switch(trials: None) -> None:
    words = ["run", "trials", "--steps", "7", "--step-s=-1e-3", "--once"]
    assert given_knobs(parse(build(words), words)) == {"steps": "7", "step_s": "-1e-3", "once": "true"}
    words = ["run", "trials", "--no-once", "--notes", "a b"]
    assert given_knobs(parse(build(words), words)) == {"once": "false", "notes": "a b"}


def test_that_all_mistakes_are_told_at_once_on_stderr_with_status_2(workbench: Workbench, trials: None) -> None:
    said = workbench(
        "run", "trials", "--stpes", "3", "--step-s", "x", "--trouble-at", "-5", "--input", "dta=1", "--input",
        "nonsense", "--seed", "many", "--device", "abacus", "--set", "theem=dark", "--set", "scale=9", "--behaviour",
        "goood", "--notes", "/no/such/file", "--json",
    )  # fmt: skip
    assert (said.status, said.out) == (2, "")
    for expected in (
        "Did you mean '--steps'?", "--step-s: ", "--trouble-at: ", "Did you mean 'data'?", "nonsense", "--seed: ",
        "abacus", "Did you mean 'theme'?", "--set scale: ", "Did you mean 'good'?",
    ):  # fmt: skip
        assert expected in said.err, expected
    assert said.err.count("Expected:") >= 10
    assert "Traceback" not in said.err


def test_that_a_group_without_a_deed_says_what_there_is_to_do(workbench: Workbench, tmp_path: Path) -> None:
    for words in (("scenes", "--home", str(tmp_path)), ("scenes",), ("scenes", "ifno", "scan.ply")):
        said = workbench(*words)
        assert said.status == 2 and "convert (points, meshes" in said.err and "scenes info PATH" in said.err
        assert "DEED" not in said.err
    assert "Did you mean 'info'?" in said.err


def test_that_a_missing_input_file_and_a_bad_knob_are_told_together(workbench: Workbench, trials: None) -> None:
    said = workbench("run", "trials", "--input", "data=/no/such.txt", "--steps", "0")
    assert said.status == 2
    assert "--input data: " in said.err
    assert "--steps: " in said.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["run"], "NAME"),
        (["run", "berturk-nul"], "Did you mean 'berturk-nlu'?"),
        (["run", "berturk-nlu", "--preset", "dsek"], "Did you mean 'desk'?"),
        (["run", "berturk-nlu", "--epochs"], "--epochs"),
        (["runs"], "list (the runs, newest first)"),
        (["runs", "show", "nothing"], "No single run"),
        (["runs", "list", "--limit", "x"], "--limit"),
        (["runs", "list", "--recpie", "x"], "Did you mean '--recipe'?"),
        (["apply", "nothing"], "Nothing to apply"),
        (["claim", "berturk-nlu", "--seeds", "1,x"], "--seeds"),
        (["claim", "berturk-nlu", "--seeds", "1,1"], "none twice"),
        (["models", "add", "/no/such/folder"], "no such model folder"),
        (["models", "download", "some/model"], "network is switched off"),
        (["runs", "import", "/no/such.zip"], "no/such.zip"),
    ],
)
def test_that_a_wrong_command_gets_status_2_and_the_way_out(
    workbench: Workbench, words: list[str], expected: str
) -> None:
    said = workbench(*words)
    assert (said.status, said.out) == (2, "")
    assert expected in said.err
    assert "Traceback" not in said.err


def test_that_a_wrong_recipe_and_wrong_words_are_no_crash_for_any_command(workbench: Workbench) -> None:
    for command in COMMANDS:
        said = workbench(command, "--nonsense")
        assert said.status == 2, command
        assert "Traceback" not in said.err


def test_that_set_reaches_the_environment_checked(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_SCALE", "100")
    assert workbench("recipes", "--set", "scale=150").status == 0
    assert os.environ["WORKBENCH_SCALE"] == "150"


def test_that_recipes_lists_all_with_paper_and_as_json(workbench: Workbench) -> None:
    words = workbench("recipes")
    listed = workbench("recipes", "--json").lines
    assert {one["recipe"] for one in listed} == set(recipes())
    for one in listed:
        assert one["recipe"] in words.out
        assert one["paper"]["title"] in words.out
        assert {knob["name"] for knob in one["knobs"]} == {k.name for k in knobs(recipe(one["recipe"]).params)}


def test_that_a_reader_who_leaves_early_is_no_error(own_home: Path) -> None:
    command = f"{sys.executable} -m workbench run berturk-nlu --help | head -1"
    done = subprocess.run(command, check=False, shell=True, capture_output=True, text=True, timeout=60)
    assert "usage" in done.stdout
    assert "Traceback" not in done.stderr
