"""sweep: declared in flags, driven to its end, listed, shown, and continued."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import Said
from workbench.recipes import recipe, recipes
from workbench.runner import sweeps as sw
from workbench.runner.local import LocalRunner
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig

Workbench = Callable[..., Said]


@pytest.fixture(autouse=True)
def wager(monkeypatch: pytest.MonkeyPatch, runner: LocalRunner) -> None:
    monkeypatch.setenv("WORKBENCH_PLUGINS", "tests.plugins.trials.recipe,tests.plugins.wager.recipe")
    recipes.cache_clear()


def test_that_a_sweep_ends_with_one_object_of_the_documented_shape(workbench: Workbench) -> None:
    said = workbench("sweep", "wager", "--space", "stake=1,5,3", "--sampler", "grid", "--luck", "0.25", "--json")
    assert said.status == 0, said.err
    result = said.lines[-1]
    assert (result["type"], result["recipe"], result["metric"], result["complete"]) == ("sweep", "wager", "gain", True)
    assert (result["best"]["params"], result["best"]["value"]) == ({"stake": 5.0}, 5.0)
    assert [trial["value"] for trial in result["trials"]] == [1.0, 5.0, 3.0]
    assert {"number", "state", "params", "value", "run"} <= result["trials"][0].keys()
    assert {line["type"] for line in said.lines} == {"sweep started", "trial", "sweep"}


def test_that_a_sweep_is_told_in_words_and_found_again(workbench: Workbench) -> None:
    said = workbench("sweep", "wager", "--space", "stake=1..9", "--runs", "2", "--sampler", "random", "--seed", "4")
    assert said.status == 0, said.err
    assert "Best: gain" in said.out
    listed = workbench("sweep", "list")
    assert "2/2" in listed.out and "stake" in listed.out
    assert "Best: gain" in workbench("sweep", "show", "last").out
    assert workbench("sweep", "show", "last", "--json").lines[-1]["complete"]


def test_that_a_sweep_that_was_let_go_of_is_continued(workbench: Workbench, home: Home) -> None:
    sweep = sw.declare(recipe("wager"), RunConfig("wager", {}), {"stake": "1,2"}, sampler="grid")
    sw.create(home, sweep)
    assert workbench("sweep", "list", "--json").lines[0]["complete"] is False
    said = workbench("sweep", "continue", sweep.id, "--json")
    assert said.status == 0, said.err
    assert said.lines[-1]["best"]["value"] == 2.0


def test_that_a_sweep_of_which_no_run_succeeds_has_status_1(workbench: Workbench) -> None:
    said = workbench("sweep", "wager", "--space", "stake=1,2", "--sampler", "grid", "--fails", "--json")
    assert said.status == 1
    assert said.lines[-1]["best"] is None
    assert {trial["state"] for trial in said.lines[-1]["trials"]} == {"failed"}


def test_that_every_mistake_is_told_at_once_under_its_flag(workbench: Workbench, home: Home) -> None:
    said = workbench(
        "sweep", "wager", "--space", "steak=1,2", "--space", "stake=9..1", "--luck", "7", "--metric", "gian",
        "--sampler", "magic", "--prune", "axe", "--runs", "many", "--frobnicate", "--json",
    )  # fmt: skip
    assert (said.status, said.out) == (2, "")
    for words in ("--space steak", "--space stake", "--luck", "--metric", "--sampler", "--prune", "--runs", "--frobn"):
        assert words in said.err
    assert not sw.sweeps(home)


def test_that_nothing_to_vary_and_unknown_sweeps_are_refused(workbench: Workbench) -> None:
    assert workbench("sweep", "wager").status == 2
    assert "No sweeps yet" in workbench("sweep", "list").err
    assert workbench("sweep", "show", "nothing").status == 2
    assert workbench("sweep", "continue", "last").status == 2


def test_that_a_damaged_sweep_is_told_of_and_the_others_are_listed(workbench: Workbench, home: Home) -> None:
    good, bad = (
        sw.create(home, sw.declare(recipe("wager"), RunConfig("wager", {}), {"stake": "1,2"})) for _ in range(2)
    )
    (bad.path / "sweep.json").write_text("{")
    said = workbench("sweep", "list", "--json")
    assert [line["sweep"] for line in said.lines] == [good.id]
    assert "not a readable sweep" in said.err


def test_that_help_names_the_spans_and_the_deeds(workbench: Workbench, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        workbench("sweep", "wager", "--help")
    out = capfd.readouterr().out
    assert "LOW..HIGH" in out and "--stake" in out and "sweep continue last" in out
