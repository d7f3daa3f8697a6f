"""The index: only a cache, read incrementally, rebuilt whenever in doubt."""

from __future__ import annotations

import shutil
import sqlite3

import msgspec
import pytest

from workbench.core import events as ev
from workbench.store.home import Home
from workbench.store.index import Index
from workbench.store.runfolder import EventTail, RunConfig, RunFolder, create_run

CONFIG = RunConfig(recipe="demo", params={"epochs": 2})


def make(home: Home, *values: float) -> RunFolder:
    folder = create_run(home.runs, CONFIG)
    folder.append(ev.Started(1.0), *(ev.Metric(2.0 + i, "acc", one, i, "test") for i, one in enumerate(values)))
    return folder


def index_of(home: Home) -> Index:
    return Index(home.index, home.runs)


def test_that_rows_carry_state_and_last_best_and_worst_values(home: Home) -> None:
    folder = make(home, 0.5, 0.9, 0.7)
    (row,) = index_of(home).refresh()
    assert (row.id, row.config.recipe, row.state.phase) == (folder.id, "demo", "running")
    assert (row.last["acc/test"], row.highest["acc/test"], row.lowest["acc/test"]) == (0.7, 0.9, 0.5)


def test_that_newest_runs_come_first(home: Home) -> None:
    made = [make(home) for _ in range(3)]
    assert [row.id for row in index_of(home).refresh()] == [one.id for one in reversed(made)]


def test_that_a_refresh_reads_only_what_was_appended(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, index = make(home, 0.5), index_of(home)
    index.refresh()
    read = EventTail.read
    blocks: list[int] = []

    def counted(tail: EventTail, limit_bytes: int = -1) -> list[ev.AnyEvent]:
        events = read(tail, limit_bytes)
        if tail.path == folder.events_path:
            blocks.append(len(events))
        return events

    monkeypatch.setattr(EventTail, "read", counted)
    index.refresh()
    assert blocks == []
    folder.append(ev.Metric(9.0, "acc", 0.8, 9, "test"), ev.Finished(10.0))
    (row,) = index.refresh()
    assert blocks == [2]
    assert (row.state.phase, row.highest["acc/test"], row.lowest["acc/test"]) == ("finished", 0.8, 0.5)


def test_that_incremental_and_fresh_reading_agree(home: Home) -> None:
    folder, index = make(home, 0.5), index_of(home)
    for step in range(5):
        folder.append(ev.Metric(3.0, "acc", step / 3, step, "test"), ev.Progress(4.0, step=step))
        gradual = index.refresh()
    assert gradual == index.rebuild()


def test_that_a_torn_line_is_counted_once_it_is_whole(home: Home) -> None:
    folder, index = make(home), index_of(home)
    line = ev.encode(ev.Metric(3.0, "acc", 0.25, 1, "test")) + b"\n"
    with folder.events_path.open("ab") as file:
        file.write(line[:10])
    assert index.refresh()[0].last == {}
    with folder.events_path.open("ab") as file:
        file.write(line[10:])
    assert index.refresh()[0].last == {"acc/test": 0.25}


def test_that_a_deleted_run_leaves_the_list(home: Home) -> None:
    gone, stays = make(home), make(home)
    index = index_of(home)
    index.refresh()
    shutil.rmtree(gone.path)
    assert [row.id for row in index.refresh()] == [stays.id]


def test_that_a_changed_title_or_tag_shows_without_new_events(home: Home) -> None:
    folder, index = make(home), index_of(home)
    index.refresh()
    folder.write_config(msgspec.structs.replace(folder.config(), title="A better name", tags=("star",)))
    assert (index.refresh()[0].config.title, index.refresh()[0].config.tags) == ("A better name", ("star",))


@pytest.mark.parametrize("content", [b"", b"not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 4000])
def test_that_a_damaged_index_is_rebuilt_from_the_folders(home: Home, content: bytes) -> None:
    folder = make(home, 0.5)
    index_of(home).refresh()
    home.index.write_bytes(content)
    assert [row.id for row in index_of(home).refresh()] == [folder.id]


def test_that_a_deleted_index_comes_back(home: Home) -> None:
    make(home, 0.5)
    before = index_of(home).refresh()
    home.index.unlink()
    assert index_of(home).refresh() == before


def test_that_an_index_of_another_version_or_with_garbled_rows_is_rebuilt(home: Home) -> None:
    make(home, 0.5)
    before = index_of(home).refresh()
    for spoil in ("PRAGMA user_version=99", "UPDATE runs SET state='{'", "ALTER TABLE runs DROP COLUMN highest"):
        db = sqlite3.connect(home.index)
        with db:
            db.execute(spoil)
        db.close()
        assert index_of(home).refresh() == before, spoil


def test_that_an_index_that_cannot_be_written_is_done_without(home: Home) -> None:
    folder = make(home, 0.5)
    nowhere = Index(home.root / "missing" / "index.sqlite", home.runs)
    assert [row.id for row in nowhere.refresh()] == [folder.id]


def test_that_folders_that_are_no_runs_are_passed_over(home: Home) -> None:
    folder = make(home, 0.5)
    (home.runs / "notes").mkdir()
    (home.runs / "file.txt").write_text("x")
    (home.runs / "broken").mkdir()
    (home.runs / "broken" / "run.json").write_text("{")
    assert [row.id for row in index_of(home).refresh()] == [folder.id]
    assert [row.id for row in index_of(home).refresh()] == [folder.id]


def test_that_a_run_without_events_is_listed_as_new(home: Home) -> None:
    create_run(home.runs, CONFIG)
    assert index_of(home).refresh()[0].state.phase == "new"


def test_that_a_run_that_cannot_be_read_is_named_with_what_is_wrong(home: Home) -> None:
    folder = make(home, 0.5)
    for name, content in {"torn": "{", "newer": '{"recipe": "x", "params": {}, "format": 99}'}.items():
        (home.runs / name).mkdir()
        (home.runs / name / "run.json").write_text(content)
    (home.runs / "20260131-142501-lost-3f9a").mkdir()
    (home.runs / "20260131-142501-lost-3f9a" / "events.jsonl").write_text("")
    (home.runs / "odd" / "run.json").mkdir(parents=True)
    index = index_of(home)
    assert [row.id for row in index.refresh()] == [folder.id]
    troubles = {row.id: row.trouble for row in index.faults}
    assert set(troubles) == {"torn", "newer", "20260131-142501-lost-3f9a", "odd"}
    assert "newer version" in troubles["newer"] and "run.json is missing" in troubles["20260131-142501-lost-3f9a"]
    everything = index.refresh_all()
    assert len(everything) == 5 and everything[0].id == folder.id and everything[1].phase == "unreadable"


def test_that_events_in_place_of_a_file_and_events_of_a_newer_program_are_survived(home: Home) -> None:
    (create_run(home.runs, CONFIG).path / "events.jsonl").mkdir()
    folder, index = make(home, 0.5), index_of(home)
    with folder.events_path.open("a") as file:
        file.write('{"type": "hologram", "t": 3}\n{"type": "metric", "name": "acc", "value": 1, "mood": "good"}\n')
    (row,) = index.refresh()
    assert (row.damaged, row.last) == (1, {"acc/test": 0.5, "acc": 1.0})
    assert len(index.faults) == 1


def test_that_a_run_that_becomes_unreadable_leaves_the_sound_ones(home: Home) -> None:
    folder, index = make(home, 0.5), index_of(home)
    index.refresh()
    (folder.path / "run.json").write_text("{")
    assert index.refresh() == [] and index.faults[0].id == folder.id
