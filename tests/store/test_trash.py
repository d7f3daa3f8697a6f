"""The trash: a deleted run can always be put back, and one that goes on is never moved."""

from __future__ import annotations

import pytest

from workbench.core import events as ev
from workbench.core.problem import InputError
from workbench.store import trash
from workbench.store.home import Home
from workbench.store.index import Index
from workbench.store.runfolder import RunConfig, RunFolder, create_run


def make(home: Home, *events: ev.AnyEvent) -> RunFolder:
    folder = create_run(home.runs, RunConfig(recipe="demo", params={}))
    folder.append(ev.Started(1.0), *events)
    return folder


def ids(home: Home) -> list[str]:
    return [row.id for row in Index(home.index, home.runs).refresh()]


def test_that_a_deleted_run_leaves_the_list_and_comes_back_whole(home: Home) -> None:
    folder = make(home, ev.Finished(2.0))
    (gone,) = trash.discard(home, [folder.id])
    assert ids(home) == [] and trash.discarded(home) == [gone]
    assert trash.restore(home, gone) == folder.path
    assert ids(home) == [folder.id] and trash.discarded(home) == []
    assert folder.state().phase == "finished"


def test_that_a_run_that_goes_on_stays_and_so_do_the_others(home: Home) -> None:
    ended, going = make(home, ev.Finished(2.0)), make(home)
    with pytest.raises(InputError, match="goes on"):
        trash.discard(home, [ended.id, going.id])
    assert len(ids(home)) == 2


def test_that_two_runs_of_one_id_do_not_overwrite_each_other(home: Home) -> None:
    folder = make(home, ev.Finished(2.0))
    first = trash.discard(home, [folder.id])[0]
    folder.path.mkdir()
    (folder.path / "events.jsonl").write_text("")
    second = trash.discard(home, [folder.id])[0]
    assert {first.run, second.run} == {folder.id} and first.path != second.path
    trash.restore(home, first)
    with pytest.raises(InputError, match="put back"):
        trash.restore(home, second)


def test_that_the_trash_can_be_emptied(home: Home) -> None:
    trash.discard(home, [make(home, ev.Finished(2.0)).id for _ in range(2)])
    assert trash.empty(home) == 2
    assert trash.discarded(home) == [] and trash.empty(home) == 0
