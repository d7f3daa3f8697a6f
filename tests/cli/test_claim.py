"""claim: every arm and seed, and one object at the end that says what holds."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.cli.conftest import Said
from workbench.core import events as ev
from workbench.recipes import recipes
from workbench.runner.local import LocalRunner
from workbench.store.home import Home
from workbench.store.runfolder import RunFolder

Workbench = Callable[..., Said]


@pytest.fixture
def wager(monkeypatch: pytest.MonkeyPatch, runner: LocalRunner) -> None:
    monkeypatch.setenv("WORKBENCH_PLUGINS", "tests.plugins.trials.recipe,tests.plugins.wager.recipe")
    recipes.cache_clear()


def test_that_a_claim_ends_with_one_object_of_the_documented_shape(workbench: Workbench, wager: None) -> None:
    said = workbench("claim", "wager", "--seeds", "1,2,3", "--luck", "0.01", "--json")
    assert said.status == 0
    result = said.lines[-1]
    assert {"recipe", "seeds", "arms", "statements", "holds", "seconds"} <= result.keys()
    assert (result["recipe"], result["seeds"], result["holds"]) == ("wager", [1, 2, 3], True)
    assert result["arms"]["high"]["gain"]["values"] == pytest.approx([3.01, 3.02, 3.03])
    assert result["arms"]["low"]["gain"]["mean"] == pytest.approx(1.02)
    first, second = result["statements"]
    assert (first["verdict"], first["asserted"], second["verdict"]) == ("holds", True, "does not hold")
    assert {"text", "metric", "better", "than", "by", "margin", "interval"} <= first.keys()


def test_that_a_claim_is_told_in_words_with_every_seed(workbench: Workbench, wager: None) -> None:
    said = workbench("claim", "wager")
    assert said.status == 0
    assert "seed 0" in said.out
    assert "seed 1" in said.out
    assert "HOLDS: High stakes gain more" in said.out
    assert "DOES NOT HOLD (reported): Low stakes gain more" in said.out
    assert "The claim holds here" in said.out


def test_that_a_claim_whose_runs_fail_has_status_1_and_says_so(workbench: Workbench, wager: None) -> None:
    said = workbench("claim", "wager", "--seeds", "1", "--fails", "--json")
    assert said.status == 1
    assert not said.lines[-1]["holds"]
    assert said.lines[-1]["statements"][0]["verdict"] == "gate not met"


def test_that_mistakes_in_a_claim_are_told_before_anything_starts(workbench: Workbench, wager: None) -> None:
    said = workbench("claim", "wager", "--stake", "2", "--json")
    assert (said.status, said.out) == (2, "")
    assert "arms apart" in said.err
    several = workbench("claim", "wager", "--luck", "7", "--seeds", "1,x", "--input", "dta=1")
    assert several.status == 2
    for flag in ("--luck", "--seeds"):
        assert flag in several.err
    assert workbench("claim", "trials").status == 2


def test_that_a_claim_goes_on_with_what_stands_and_adds_seeds(workbench: Workbench, wager: None, home: Home) -> None:
    assert workbench("claim", "wager", "--continue").status == 2, "there is none to go on with"
    first = workbench("claim", "wager", "--seeds", "1,2", "--luck", "0.01", "--json")
    stood = {path.name for path in home.runs.iterdir()}
    assert first.status == 0
    assert len(stood) == 4
    more = workbench("claim", "wager", "--continue", "--seeds", "1,2,3", "--luck", "0.01", "--json")
    assert more.lines[-1]["seeds"] == [1, 2, 3]
    assert more.lines[-1]["arms"]["high"]["gain"]["values"] == pytest.approx([3.01, 3.02, 3.03])
    assert len({path.name for path in home.runs.iterdir()} - stood) == 2, "only the new seed was run"
    again = workbench("claim", "wager", "--continue", "--luck", "0.01", "--json")
    assert again.lines[-1]["seeds"] == [1, 2, 3]
    assert len([*home.runs.iterdir()]) == 6


def test_that_a_claim_does_not_go_on_with_other_knobs(workbench: Workbench, wager: None, home: Home) -> None:
    workbench("claim", "wager", "--seeds", "1", "--luck", "0.01", "--json")
    said = workbench("claim", "wager", "--continue", "--luck", "0.5")
    assert said.status == 2
    assert "luck" in said.err
    assert len([*home.runs.iterdir()]) == 2


def test_that_what_failed_is_run_again_when_a_claim_goes_on(workbench: Workbench, wager: None, home: Home) -> None:
    workbench("claim", "wager", "--seeds", "1", "--json")
    lost = next(path for path in sorted(home.runs.iterdir()) if RunFolder(path).config().arm == "high")
    events = (lost / "events.jsonl").read_bytes().splitlines(keepends=True)
    (lost / "events.jsonl").write_bytes(b"".join(line for line in events if b"finished" not in line))
    RunFolder(lost).append(ev.Cancelled(t=time.time()))
    said = workbench("claim", "wager", "--continue", "--json")
    assert said.status == 0
    assert said.lines[-1]["arms"]["high"]["gain"]["values"] == [3.0]
    assert len([*home.runs.iterdir()]) == 3
