"""Archives: a run survives the journey; anything but a run is refused and leaves nothing behind."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.core import events as ev
from workbench.core.problem import InputError, KnownTrouble
from workbench.store.archive import export_metrics, export_run, import_run
from workbench.store.home import Home, open_home
from workbench.store.runfolder import RunConfig, RunFolder, create_run


@pytest.fixture
def run(home: Home) -> RunFolder:
    folder = create_run(home.runs, RunConfig(recipe="demo", params={"a": 1}))
    folder.append(
        ev.Started(10.0),
        ev.Metric(11.0, "loss", 0.5, 1, "train"),
        ev.Metric(12.0, "loss", None, 2, "train"),
        ev.Artifact(12.0, "note", "text", "artifacts/note.json"),
        ev.Finished(13.0, results={"acc": 0.5}),
    )
    (folder.artifacts / "note.json").write_text('{"text": "hi"}')
    (folder.checkpoint / "step-1").mkdir(parents=True)
    (folder.checkpoint / "step-1" / "state.json").write_text("{}")
    (folder.checkpoint / "unfinished").mkdir()
    (folder.checkpoint / "unfinished" / "half").write_text("x")
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Home:
    return open_home(tmp_path / "elsewhere")


def test_that_a_run_arrives_whole_without_unfinished_work_and_links(
    run: RunFolder, elsewhere: Home, tmp_path: Path
) -> None:
    (run.artifacts / "secret").symlink_to("/etc/hostname")
    arrived = import_run(export_run(run, tmp_path / "run.zip"), elsewhere.runs)
    assert arrived.id == run.id
    assert arrived.config() == run.config()
    assert list(arrived.events()) == list(run.events())
    assert (arrived.artifacts / "note.json").read_text() == '{"text": "hi"}'
    assert (arrived.checkpoint / "step-1" / "state.json").exists()
    assert not (arrived.checkpoint / "unfinished").exists()
    assert not (arrived.artifacts / "secret").exists()


def test_that_the_checkpoint_can_stay_at_home(run: RunFolder, elsewhere: Home, tmp_path: Path) -> None:
    arrived = import_run(export_run(run, tmp_path / "run.zip", checkpoint=False), elsewhere.runs)
    assert not arrived.checkpoint.exists()


def test_that_a_run_exported_while_going_on_arrives_as_ended(home: Home, elsewhere: Home, tmp_path: Path) -> None:
    folder = create_run(home.runs, RunConfig(recipe="demo", params={}))
    folder.append(ev.Started(1.0, pid=1), ev.Checkpoint(2.0, step=3))
    state = import_run(export_run(folder, tmp_path / "run.zip"), elsewhere.runs).state()
    assert (state.phase, state.resumable) == ("failed", True)


def test_that_an_unwritable_place_is_known_trouble_and_leaves_no_part(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(KnownTrouble):
        export_run(run, tmp_path / "no such folder" / "run.zip")


def test_that_metrics_become_rows_with_seconds_since_the_start(run: RunFolder, tmp_path: Path) -> None:
    rows = export_metrics(run, tmp_path / "m.csv").read_text().splitlines()
    assert rows == ["seconds,step,name,series,value", "1.000,1,loss,train,0.5", "2.000,2,loss,train,"]


def crafted(path: Path, entries: dict[str, str], *, link: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    return path


GOOD = {"run-1/run.json": '{"recipe": "demo", "params": {}}'}
OUTSIDE = '{"type":"artifact","slot":"a","kind":"text","path":"%s"}\n'


@pytest.mark.parametrize(
    "entries",
    [
        GOOD | {"../evil": "x"},
        GOOD | {"run-1/../../evil": "x"},
        GOOD | {"/tmp/evil": "x"},
        GOOD | {"run-1\\..\\evil": "x"},
        GOOD | {"C:/evil": "x"},
        GOOD | {"run-2/run.json": "{}"},
        {"..": "x"},
        {"run-1/events.jsonl": ""},
        {"run-1/run.json": "{"},
        {"-rf/run.json": GOOD["run-1/run.json"]},
        GOOD | {"run-1/events.jsonl": OUTSIDE % "../../../etc/passwd"},
        GOOD | {"run-1/events.jsonl": OUTSIDE % "/etc/passwd"},
        GOOD | {"run-1/events.jsonl": OUTSIDE % "..\\\\..\\\\secret"},
        GOOD | {"run-1/a": "file", "run-1/a/b": "below a file"},
        {},
    ],
)
def test_that_an_archive_that_reaches_outside_or_is_no_run_is_refused(
    elsewhere: Home, tmp_path: Path, entries: dict[str, str]
) -> None:
    with pytest.raises(InputError) as caught:
        import_run(crafted(tmp_path / "bad.zip", entries), elsewhere.runs)
    assert caught.value.expected
    assert list(elsewhere.runs.iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_that_a_run_of_a_newer_program_is_refused_by_its_archives_name(elsewhere: Home, tmp_path: Path) -> None:
    newer = {"run-1/run.json": '{"recipe": "demo", "params": {}, "format": 99}'}
    archive = crafted(tmp_path / "newer.zip", newer)
    with pytest.raises(InputError, match="newer version") as caught:
        import_run(archive, elsewhere.runs)
    assert caught.value.place == str(archive)
    assert list(elsewhere.runs.iterdir()) == []


def test_that_links_in_an_archive_are_refused(elsewhere: Home, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="link"):
        import_run(crafted(tmp_path / "bad.zip", GOOD, link="run-1/artifacts"), elsewhere.runs)
    assert list(elsewhere.runs.iterdir()) == []


def test_that_a_bomb_is_refused_before_it_is_unpacked(elsewhere: Home, tmp_path: Path) -> None:
    bomb = crafted(tmp_path / "bomb.zip", GOOD | {"run-1/zeros": "0" * 30_000_000})
    assert bomb.stat().st_size < 100_000
    with pytest.raises(InputError, match="more than there is room"):
        import_run(bomb, elsewhere.runs, most_bytes=10_000_000)
    assert list(elsewhere.runs.iterdir()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(place=st.floats(0, 1), value=st.integers(0, 255), cut=st.booleans())
def test_that_a_damaged_archive_is_refused_or_read_and_never_crashes(
    run: RunFolder, tmp_path_factory: pytest.TempPathFactory, place: float, value: int, cut: bool
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    archive = export_run(run, folder / "run.zip")
    block = bytearray(archive.read_bytes())
    at = min(int(place * len(block)), len(block) - 1)
    block[at] ^= value
    archive.write_bytes(bytes(block[:at]) if cut else bytes(block))
    home = open_home(folder / "home")
    try:
        import_run(archive, home.runs)
    except InputError:
        assert list(home.runs.iterdir()) == []
