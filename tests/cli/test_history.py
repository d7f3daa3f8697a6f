"""runs list, tag, star, note, delete, restore and trash, over folders that no worker wrote."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import Said
from workbench.core import events as ev
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder, create_run

Command = Callable[..., Said]


def make(home: Home, recipe: str = "demo", accuracy: float = 0.5, **params: object) -> RunFolder:
    folder = create_run(home.runs, RunConfig(recipe=recipe, params=params))
    folder.append(
        ev.Started(1.0), ev.Metric(2.0, "loss", 1 - accuracy, 1, "validation"),
        ev.Finished(3.0, results={"accuracy": accuracy}),
    )  # fmt: skip
    return folder


def listed(workbench: Command, *words: str) -> list[str]:
    return [line["run"] for line in workbench("runs", "list", "--json", *words).lines]


def test_that_tags_stars_and_notes_are_given_shown_and_taken(workbench: Command, home: Home) -> None:
    run, other = make(home).id, make(home).id
    assert workbench("runs", "tag", run, "+good", "+slow", "-absent", "--json").lines == [
        {"run": run, "tags": ["good", "slow"]}
    ]
    assert workbench("runs", "tag", run, "-slow", "--json").lines[0]["tags"] == ["good"]
    assert workbench("runs", "star", run, "--json").lines == [{"run": run, "star": True}]
    assert workbench("runs", "note", run, "the good one", "--json").lines[0]["note"] == "the good one"
    assert listed(workbench, "--tag", "good") == listed(workbench, "--starred") == [run]
    line = workbench("runs", "list", "--json", "--starred").lines[0]
    assert (line["tags"], line["star"], line["note"]) == (["good"], True, "the good one")
    shown = workbench("runs", "list").out
    assert "★" in shown and "good" in shown and "the good one" in shown
    workbench("runs", "star", run, "--off")
    assert listed(workbench, "--starred") == []
    assert workbench("runs", "tag", other).out.strip() == f"{other}: no tags"


def test_that_the_list_is_filtered_sorted_and_shows_any_column(workbench: Command, home: Home) -> None:
    low, high = make(home, accuracy=0.6, epochs=2).id, make(home, accuracy=0.9, epochs=1).id
    third = make(home, recipe="other", accuracy=0.7, epochs=3).id
    assert listed(workbench) == [third, high, low]
    assert listed(workbench, "--sort", "accuracy") == [high, third, low]
    assert listed(workbench, "--sort", "loss") == [high, third, low]
    assert listed(workbench, "--sort", "epochs", "--reverse") == [third, low, high]
    assert listed(workbench, "--recipe", "other", "--state", "finished") == [third]
    assert listed(workbench, "--search", "epochs<3 demo") == [high, low]
    assert listed(workbench, "--state", "failed") == []
    line = workbench("runs", "list", "--json", "--columns", "epochs,last:loss/validation", "--limit", "1").lines[0]
    assert line["columns"]["knob:epochs"] == 3 and line["columns"]["last:loss/validation"] == pytest.approx(0.3)
    assert "epochs" in workbench("runs", "list", "--columns", "epochs,started,time").out.splitlines()[0]


def test_that_a_deleted_run_comes_back_from_the_trash(workbench: Command, home: Home) -> None:
    run = make(home).id
    told = workbench("runs", "delete", run, "--json")
    assert (told.status, told.lines[0]["run"], listed(workbench)) == (0, run, [])
    assert [line["run"] for line in workbench("runs", "trash", "--json").lines] == [run]
    assert workbench("runs", "restore", run, "--json").status == 0
    assert listed(workbench) == [run]
    workbench("runs", "delete", run)
    assert workbench("runs", "trash", "--empty", "--json").lines == [{"removed": 1, "left": 0}]
    assert workbench("runs", "restore", run).status == 2


@pytest.mark.parametrize(
    "words",
    [
        ("tag", "last", "plain"), ("tag", "last", "+"), ("tag", "last", "+a,b"), ("tag", "nobody", "+a"),
        ("star", "nobody"), ("note", "last"), ("delete", "nobody"), ("delete",), ("restore", "nobody"),
        ("list", "--state", "asleep"), ("list", "--sort", "no-such"), ("list", "--columns", "no-such"),
        ("list", "--stared"), ("tag", "last", "+a", "--no-such"),
    ],
)  # fmt: skip
def test_that_wrong_words_are_refused_with_status_two(workbench: Command, home: Home, words: tuple[str, ...]) -> None:
    run = make(home)
    said = workbench("runs", *words)
    assert said.status == 2 and said.out == "" and said.err
    assert run.path.exists() and not (run.path / "notes.json").exists()


def test_that_a_run_that_goes_on_is_not_deleted(workbench: Command, home: Home) -> None:
    folder = create_run(home.runs, RunConfig(recipe="demo", params={}))
    folder.append(ev.Queued(1.0))
    said = workbench("runs", "delete", folder.id)
    assert said.status == 2 and "Cancel it first" in said.err


def test_that_unreadable_folders_are_named_and_can_be_deleted(workbench: Command, home: Home) -> None:
    run = make(home).id
    (home.runs / "lost").mkdir()
    (home.runs / "lost" / "events.jsonl").write_text("")
    said = workbench("runs", "list", "--json")
    assert (said.status, [line["run"] for line in said.lines]) == (0, [run])
    assert "Left out: lost: Its run.json is missing." in said.err
    assert workbench("runs", "delete", "lost").status == 0
    assert "Left out" not in workbench("runs", "list").err
