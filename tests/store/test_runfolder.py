"""Run folders: configuration, events, torn lines, finding a run."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.core import events as ev
from workbench.core.problem import InputError
from workbench.store.home import Home
from workbench.store.runfolder import (
    EventTail,
    RunConfig,
    RunFolder,
    append_events,
    create_run,
    digest,
    find_run,
)

CONFIG = RunConfig(recipe="berturk-nlu", params={"epochs": 2, "backbone": "package:x"}, inputs={"data": "sample:a"})


def test_that_a_new_run_carries_its_frozen_configuration(home: Home) -> None:
    folder = create_run(home.runs, CONFIG)
    config = folder.config()
    assert msgspec.structs.replace(config, created=0.0) == CONFIG
    assert config.created > 0
    assert folder.artifacts.is_dir()
    assert "berturk-nlu" in folder.id


@pytest.mark.parametrize("content", [b"", b"{", b'{"recipe": 3}', b"\x00\xff"])
def test_that_a_damaged_run_json_is_told_with_its_place(home: Home, content: bytes) -> None:
    folder = create_run(home.runs, CONFIG)
    (folder.path / "run.json").write_bytes(content)
    with pytest.raises(InputError) as caught:
        folder.config()
    assert caught.value.place == str(folder.path)


def test_that_a_run_of_a_newer_program_is_refused_with_the_way_out(home: Home) -> None:
    folder = create_run(home.runs, msgspec.structs.replace(CONFIG, format=99))
    with pytest.raises(InputError, match="newer") as caught:
        folder.config()
    assert "Update" in caught.value.fix


def test_that_events_come_back_in_order_and_make_the_state(home: Home) -> None:
    folder = create_run(home.runs, CONFIG)
    said = [ev.Started(1.0, pid=1), ev.Metric(2.0, "loss", 0.5, 1), ev.Finished(3.0, results={"a": 1.0})]
    folder.append(*said[:1])
    folder.append(*said[1:])
    assert list(folder.events()) == said
    assert folder.state().results == {"a": 1.0}


def test_that_a_torn_last_line_waits_and_is_read_once_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    line = ev.encode(ev.Log(1.0, "hello")) + b"\n"
    path.write_bytes(line + line[:9])
    tail = EventTail(path)
    assert len(tail.read()) == 1
    assert tail.read() == []
    with path.open("ab") as file:
        file.write(line[9:])
    assert tail.read() == [ev.Log(1.0, "hello")]
    assert tail.damaged == 0


def test_that_appending_after_a_torn_line_loses_only_that_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append_events(path, [ev.Log(1.0, "first")])
    with path.open("ab") as file:
        file.write(ev.encode(ev.Log(2.0, "torn"))[:-4])
    append_events(path, [ev.Log(3.0, "after")])
    tail = EventTail(path)
    assert [one.t for one in tail.read()] == [1.0, 3.0]
    assert tail.damaged == 1


def test_that_a_tail_reads_in_small_blocks_without_losing_a_long_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    said = [ev.Log(float(i), "x" * (10 ** (i % 4))) for i in range(12)]
    append_events(path, said)
    tail, got = EventTail(path), []
    while block := tail.read(limit_bytes=64):
        got += block
    assert got == said


def test_that_no_events_file_means_no_events(tmp_path: Path) -> None:
    assert EventTail(tmp_path / "none.jsonl").read() == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(cut=st.integers(0, 400), flip=st.integers(0, 399), garbage=st.binary(max_size=40))
def test_that_any_damage_still_gives_the_intact_lines(tmp_path: Path, cut: int, flip: int, garbage: bytes) -> None:
    path = tmp_path / "damaged.jsonl"
    intact = [ev.encode(ev.Metric(float(i), "loss", i / 7, i, "train")) for i in range(6)]
    block = b"\n".join(intact[:3]) + b"\n" + garbage + b"\n" + b"\n".join(intact[3:]) + b"\n"
    damaged = bytearray(block[: max(len(block) - cut, 0)])
    if flip < len(damaged):
        damaged[flip] ^= 0x55
    path.write_bytes(bytes(damaged))
    whole = [line for line in intact if line + b"\n" in bytes(damaged)]
    assert len(EventTail(path).read()) >= len(whole) - 1


def test_that_a_run_is_found_by_id_part_path_and_last(home: Home) -> None:
    first, second = create_run(home.runs, CONFIG), create_run(home.runs, CONFIG)
    assert find_run(home.runs, first.id) == first
    assert find_run(home.runs, first.id[-6:]) == first
    assert find_run(home.runs, str(second.path)).path == second.path
    assert find_run(home.runs, "last") == second


@pytest.mark.parametrize("name", ["nothing", "", "berturk"])
def test_that_no_or_several_matches_are_one_clear_problem(home: Home, name: str) -> None:
    create_run(home.runs, CONFIG)
    create_run(home.runs, CONFIG)
    with pytest.raises(InputError) as caught:
        find_run(home.runs, name)
    assert caught.value.field == "run"


def test_that_last_is_the_run_made_last_even_within_one_second(home: Home) -> None:
    made = [create_run(home.runs, CONFIG) for _ in range(5)]
    assert find_run(home.runs, "last") == made[-1]


def test_that_a_digest_tells_files_and_folders_apart(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("two")
    assert digest(tmp_path / "a") != digest(tmp_path / "b")
    assert digest(tmp_path) == digest(tmp_path)
    assert digest(tmp_path / "missing") == ""


def test_that_an_unfinished_write_never_replaces_run_json(home: Home) -> None:
    folder = create_run(home.runs, CONFIG)
    (folder.path / "run.json.tmp").write_bytes(b"{")
    assert RunFolder(folder.path).config().recipe == "berturk-nlu"
