"""Notes: a person's words on a run survive other windows, newer programs, garbled files and journeys."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from workbench.core.problem import InputError, KnownTrouble
from workbench.store.archive import export_run, import_run
from workbench.store.home import Home, open_home
from workbench.store.index import Index
from workbench.store.notes import Notes, change_notes, change_tags, read_notes
from workbench.store.runfolder import RunConfig, RunFolder, create_run


@pytest.fixture
def folder(home: Home) -> RunFolder:
    return create_run(home.runs, RunConfig(recipe="demo", params={}, tags=("asked",), title="As asked"))


def test_that_a_run_without_notes_has_none(folder: RunFolder) -> None:
    assert read_notes(folder.path) == Notes()


def test_that_each_field_is_set_by_itself(folder: RunFolder) -> None:
    change_notes(folder.path, star=True)
    change_notes(folder.path, note="lr too high")
    assert read_notes(folder.path) == Notes(star=True, note="lr too high")
    assert folder.config().title == "As asked"


def test_that_tags_begin_with_those_asked_for(folder: RunFolder) -> None:
    assert change_tags(folder.path, ("asked",), add=["good", " good "]).tags == ("asked", "good")
    assert change_tags(folder.path, ("asked",), remove=["asked"]).tags == ("good",)
    assert change_tags(folder.path, ("asked",), remove=["good"]).tags == ()


@pytest.mark.parametrize("tag", ["", "  ", "a,b", "a\nb", "x" * 61])
def test_that_what_cannot_be_a_tag_is_refused(folder: RunFolder, tag: str) -> None:
    with pytest.raises(InputError) as caught:
        change_tags(folder.path, (), add=[tag])
    assert caught.value.expected
    assert read_notes(folder.path) == Notes()


def test_that_windows_that_write_at_once_keep_each_others_words(folder: RunFolder) -> None:
    writers = [
        threading.Thread(target=change_tags, args=(folder.path, ()), kwargs={"add": [f"t{i}"]}) for i in range(8)
    ]
    writers.append(threading.Thread(target=change_notes, args=(folder.path,), kwargs={"star": True}))
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    notes = read_notes(folder.path)
    assert notes.star and set(notes.tags or ()) == {f"t{i}" for i in range(8)}


def test_that_fields_of_a_newer_program_are_kept(folder: RunFolder) -> None:
    (folder.path / "notes.json").write_text('{"colour": "red", "star": true}')
    assert change_notes(folder.path, note="x") == Notes(star=True, note="x")
    assert b'"colour": "red"' in (folder.path / "notes.json").read_bytes()


@pytest.mark.parametrize("content", [b"", b"{torn", b"[]", b"\xff\xfe", b'{"tags": 3, "note": "kept"}'])
def test_that_garbled_notes_are_said_and_set_aside_when_written(folder: RunFolder, content: bytes) -> None:
    (folder.path / "notes.json").write_bytes(content)
    notes = read_notes(folder.path)
    assert "notes.json" in notes.trouble
    assert (folder.path / "notes.json").read_bytes() == content
    after = change_notes(folder.path, star=True)
    assert after == Notes(star=True, note=notes.note)
    assert [aside.read_bytes() for aside in folder.path.glob("notes.garbled-*.json")] == [content]


def test_that_notes_on_a_run_that_is_gone_are_known_trouble(home: Home) -> None:
    with pytest.raises(KnownTrouble):
        change_notes(home.runs / "gone", star=True)
    assert not (home.runs / "gone").exists()


def test_that_notes_travel_with_the_run(folder: RunFolder, tmp_path: Path) -> None:
    folder.append()
    change_notes(folder.path, note="from afar", tags=["mailed"])
    elsewhere = open_home(tmp_path / "elsewhere")
    arrived = import_run(export_run(folder, tmp_path / "run.zip"), elsewhere.runs)
    assert read_notes(arrived.path) == Notes(note="from afar", tags=("mailed",))
    assert [path.name for path in arrived.path.glob(".*")] == []


def test_that_the_index_follows_notes_without_reading_events(home: Home, folder: RunFolder) -> None:
    index = Index(home.index, home.runs)
    assert (index.refresh()[0].title, index.refresh()[0].tags) == ("As asked", ("asked",))
    for number in range(3):
        change_notes(folder.path, note=str(number), tags=[], title="Mine")
        (row,) = index.refresh()
        assert (row.notes.note, row.title, row.tags) == (str(number), "Mine", ())
    assert msgspec.json.decode((folder.path / "notes.json").read_bytes())["note"] == "2"
