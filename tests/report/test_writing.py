"""Exports: right files in the right place, never over something, plain words where it cannot be done."""

from __future__ import annotations

import csv
import errno
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.report.conftest import make_run
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.recipe import Recipe
from workbench.report import writing
from workbench.report.formats import FORMATS, default_name, format_named
from workbench.report.tensorboard import crc32c
from workbench.report.writing import export
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder, create_run

FILES = [name for name, one in FORMATS.items() if one.suffix]


def test_that_a_pdf_has_pages(run: RunFolder, known: dict[str, Recipe], tmp_path: Path) -> None:
    export([run], FORMATS["pdf"], tmp_path / "r.pdf", recipes=known)
    block = (tmp_path / "r.pdf").read_bytes()
    assert block.startswith(b"%PDF-") and block.rstrip().endswith(b"%%EOF")
    assert block.count(b"/Type /Page\n") >= 2
    assert b"/Subtype /Image" in block and b"/Font" in block


def test_that_markup_in_a_run_does_not_stop_its_pdf(evil: RunFolder, tmp_path: Path) -> None:
    export([evil], FORMATS["pdf"], tmp_path / "r.pdf")
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("several", [False, True])
def test_that_curves_are_drawn(run: RunFolder, home: Home, tmp_path: Path, several: bool) -> None:
    runs = [run, make_run(home, seed=1, title="_under $score$")] if several else [run]
    export(runs, FORMATS["svg"], tmp_path / "c.svg")
    export(runs, FORMATS["png"], tmp_path / "c.png")
    svg = (tmp_path / "c.svg").read_text()
    assert svg.startswith("<svg") and "Macro F1" in svg and "validation" in svg
    assert ("_under $score$" in svg) is several
    width, height = struct.unpack(">II", (tmp_path / "c.png").read_bytes()[16:24])
    assert width > 2000 and height > 500


def test_that_curves_of_a_run_without_numbers_say_so(home: Home, tmp_path: Path) -> None:
    folder = create_run(home.runs, RunConfig(recipe="demo", params={}))
    export([folder], FORMATS["svg"], tmp_path / "c.svg")
    assert "No numbers were written." in (tmp_path / "c.svg").read_text()


def test_that_numbers_of_several_runs_stand_in_one_long_table(run: RunFolder, home: Home, tmp_path: Path) -> None:
    other = make_run(home, seed=1)
    export([run, other], FORMATS["csv"], tmp_path / "m.csv")
    rows = list(csv.DictReader((tmp_path / "m.csv").open(encoding="utf-8")))
    assert len(rows) == 204
    assert {row["run"] for row in rows} == {run.id, other.id}
    assert rows[0] | {"run": ""} == {
        "run": "", "seconds": "1.000", "step": "1", "name": "loss", "series": "train", "value": "1.0",
    }  # fmt: skip


def test_that_json_holds_settings_state_and_every_number(run: RunFolder, tmp_path: Path) -> None:
    export([run], FORMATS["json"], tmp_path / "r.json")
    (one,) = json.loads((tmp_path / "r.json").read_text())["runs"]
    assert one["run"] == run.id and one["config"]["params"]["epochs"] == 3
    assert one["state"]["results"]["macro_f1"] == 0.512345
    loss = next(line for line in one["metrics"] if line["name"] == "loss")
    assert (loss["series"], loss["steps"][:2], loss["values"][:2], loss["seconds"][:2]) == (
        "train",
        [1, 2],
        [1, 0.5],
        [1, 2],
    )
    assert {artifact["slot"] for artifact in one["artifacts"]} == {"embedding", "confusion", "per_class"}


def test_that_one_zip_is_a_file_and_several_are_a_folder(run: RunFolder, home: Home, tmp_path: Path) -> None:
    other = make_run(home, seed=1)
    export([run], FORMATS["zip"], tmp_path / "one.zip")
    made = export([run, other], FORMATS["zip"], tmp_path / "both")
    assert zipfile.is_zipfile(tmp_path / "one.zip")
    assert [one.path for one in made] == [tmp_path / "both" / f"{run.id}.zip", tmp_path / "both" / f"{other.id}.zip"]


def read_events(path: Path) -> list[bytes]:
    """The records of an event file, checksums compared."""
    block, at, found = path.read_bytes(), 0, []
    while at < len(block):
        length, length_sum = struct.unpack_from("<QI", block, at)
        event = block[at + 12 : at + 12 + length]
        (event_sum,) = struct.unpack_from("<I", block, at + 12 + length)
        for part, told in ((block[at : at + 8], length_sum), (event, event_sum)):
            crc = crc32c(part)
            assert told == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
        found.append(event)
        at += length + 16
    return found


def fields(block: bytes) -> dict[int, bytes | int | float]:
    """A protobuf message's fields by number, the last of each."""
    found: dict[int, bytes | int | float] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = block[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(block):
        key = varint()
        if key & 7 == 2:
            size = varint()
            found[key >> 3], at = block[at : at + size], at + size
        elif key & 7 == 0:
            found[key >> 3] = varint()
        else:
            kind, size = ("<d", 8) if key & 7 == 1 else ("<f", 4)
            found[key >> 3], at = struct.unpack_from(kind, block, at)[0], at + size
    return found


def test_that_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720, and every catalogue of checksums
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_that_event_files_read_back_equal(run: RunFolder, tmp_path: Path) -> None:
    (made,) = export([run], FORMATS["tensorboard"], tmp_path / "tb")
    assert made.path == tmp_path / "tb" / run.id
    (file,) = made.path.iterdir()
    assert file.name.startswith("events.out.tfevents.10.")
    events = [fields(event) for event in read_events(file)]
    assert events[0][3] == b"brain.Event:2"
    values = [(event, fields(fields(event[5])[1])) for event in events[1:]]  # type: ignore[arg-type]
    loss = [(event[2], value[2], event[1]) for event, value in values if value[1] == b"loss/train"]
    assert [step for step, _, _ in loss] == list(range(1, 101))
    assert [value for _, value, _ in loss] == [float(np.float32(1 / step)) for step in range(1, 101)]
    assert [moment for _, _, moment in loss[:2]] == [11.0, 12.0]
    assert [value[2] for _, value in values if value[1] == b"result/macro_f1"] == [pytest.approx(0.512345)]
    assert values[0][1][1] == b"run/text_summary" and b"learning" in values[0][1][8]  # type: ignore[operator]


def test_that_numbers_beyond_float32_and_gaps_are_written(home: Home, tmp_path: Path) -> None:
    from workbench.core import events as ev

    folder = create_run(home.runs, RunConfig(recipe="demo", params={}))
    folder.append(ev.Metric(1.0, "huge", 1e300, 1), ev.Metric(2.0, "huge", None, 2), ev.Metric(3.0, "huge", -1e300, 3))
    (made,) = export([folder], FORMATS["tensorboard"], tmp_path / "tb")
    events = [fields(event) for event in read_events(next(made.path.iterdir()))][2:]
    values = [fields(fields(event[5])[1])[2] for event in events]  # type: ignore[arg-type]
    assert values[0] == float("inf") and np.isnan(values[1]) and values[2] == float("-inf")


@pytest.mark.parametrize("name", FILES)
def test_that_a_file_is_only_replaced_when_that_is_asked_for(run: RunFolder, tmp_path: Path, name: str) -> None:
    out = tmp_path / f"r{FORMATS[name].suffix}"
    out.write_text("precious")
    with pytest.raises(InputError) as caught:
        export([run], FORMATS[name], out)
    assert caught.value.received == str(out) and "--force" in caught.value.fix
    assert out.read_text() == "precious"
    export([run], FORMATS[name], out, force=True)
    assert out.read_bytes()[:8] != b"precious"
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".part")] == []


def test_that_force_replaces_event_files_and_nothing_else(run: RunFolder, tmp_path: Path) -> None:
    (made,) = export([run], FORMATS["tensorboard"], tmp_path / "tb")
    with pytest.raises(InputError):
        export([run], FORMATS["tensorboard"], tmp_path / "tb")
    export([run], FORMATS["tensorboard"], tmp_path / "tb", force=True)
    (made.path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError):
        export([run], FORMATS["tensorboard"], tmp_path / "tb", force=True)
    assert (made.path / "thesis.tex").exists()
    assert [one.name for one in (tmp_path / "tb").iterdir()] == [run.id]


@pytest.mark.parametrize("name", FORMATS)
def test_that_a_folder_that_is_not_there_is_told(run: RunFolder, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no such folder"):
        export([run], FORMATS[name], tmp_path / "nowhere" / "r")


@pytest.mark.parametrize("name", FILES)
def test_that_a_folder_is_never_replaced_by_a_file(run: RunFolder, tmp_path: Path, name: str) -> None:
    (tmp_path / "r").mkdir()
    with pytest.raises(InputError, match="folder has this name"):
        export([run], FORMATS[name], tmp_path / "r", force=True)


@pytest.mark.parametrize(
    ("code", "said"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "may not be written"), (errno.EIO, "failed")]
)
def test_that_a_full_disk_and_a_locked_place_are_told_and_leave_nothing(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    def refuse(_runs: object, _recipes: object, out: Path) -> None:
        out.write_text("half a rep")
        raise OSError(code, "no")

    monkeypatch.setitem(writing._WRITERS, "html", refuse)
    with pytest.raises(KnownTrouble, match=said) as caught:
        export([run], FORMATS["html"], tmp_path / "r.html")
    assert caught.value.fix and caught.value.place
    assert list(tmp_path.glob("*.html")) + list(tmp_path.glob(".*")) == []


def test_that_a_run_whose_configuration_is_damaged_is_told(run: RunFolder, tmp_path: Path) -> None:
    (run.path / "run.json").write_text("{")
    with pytest.raises(InputError, match="not a readable run"):
        export([run], FORMATS["html"], tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_that_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        format_named("tensorbord")
    assert "tensorboard" in caught.value.fix


def test_that_names_say_what_they_hold(run: RunFolder, home: Home) -> None:
    both = [run, make_run(home, seed=1)]
    assert default_name([run], FORMATS["html"]) == f"{run.id}.html"
    assert default_name(both, FORMATS["pdf"]) == "2-runs.pdf"
    assert default_name(both, FORMATS["zip"]) == "2-runs"
    assert default_name([run], FORMATS["tensorboard"]) == f"{run.id}-tensorboard"
