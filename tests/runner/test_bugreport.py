"""A report holds what mends a fault and nothing that belongs to a person."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from workbench.core import events as ev
from workbench.core.problem import ProblemRecord, record_of
from workbench.runner.bugreport import compose, masked, masked_trace
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, create_run


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Row 3 of '/data/ward 7/jane.csv' is empty", "Row 3 of '…' is empty"),
        ("cannot open /data/ward7/jane_doe.nii.gz", "cannot open /….gz"),
        (r"cannot open C:\Users\Jane\scan.dcm now", "cannot open ….dcm now"),
        ("cannot open /data/ward 7/jane doe.csv at row 3", "cannot open /….csv at row 3"),
        ("Reading jane_doe.CSV and study/jane.wav", "Reading ….CSV and study/….wav"),
        ("wrote ~/jane", "wrote ~/…"),
        ("torch.nn.Module of torch 2.6.0", "torch.nn.Module of torch 2.6.0"),
        ("label “Jane Doe” is new", "label '…' is new"),
        ("don't stop at 3/4, it's fine", "don't stop at 3/4, it's fine"),
        ("Step 400: macro F1 0.842", "Step 400: macro F1 0.842"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
    ],
)
def test_that_lines_lose_names_of_people_and_keep_the_rest(line: str, shown: str) -> None:
    assert masked(line) == shown


def test_that_the_home_folder_is_told_as_a_tilde() -> None:
    assert masked(f"wrote {Path.home()}/study/jane.csv") == "wrote ~/….csv"


def test_that_a_trace_keeps_its_code_and_loses_its_message() -> None:
    try:
        {}["Jane Doe"]
    except KeyError as error:
        trace = masked_trace(record_of(error).trace)
    assert '{}["Jane Doe"]' in trace  # a line of code, the same on every machine
    assert trace.endswith("KeyError: '…'")
    assert str(Path.home()) not in trace


def test_that_a_run_tells_its_recipe_its_numbers_and_its_last_lines(home: Home, tmp_path: Path) -> None:
    params = {"epochs": 5, "adapt": "lora", "note": "for Jane Doe", "balanced": True}
    inputs = {"data": str(tmp_path / "jane-doe.csv"), "more": "sample:libraries"}
    folder = create_run(home.runs, RunConfig(recipe="berturk-nlu", params=params, inputs=inputs, preset="desk", seed=7))
    folder.append(*(ev.Log(t=time.time(), message=f"line {at}") for at in range(40)))
    text = compose(home, ProblemRecord("RuntimeError: fell", severity="bug", trace="Traceback: x"), folder.id)
    assert "Recipe: berturk-nlu (version 1), preset desk, seed 7, device auto" in text
    assert "epochs=5, balanced=True" in text
    assert "data a .csv file, more sample:libraries" in text
    assert "info: line 39" in text and "info: line 19" not in text
    assert "Jane" not in text and "jane" not in text and str(home.root) not in text


def test_that_a_fault_of_the_window_tells_the_workers_log_or_that_there_is_none(home: Home) -> None:
    assert "  none" in compose(home, ProblemRecord("x", severity="bug"))
    home.worker_log.write_text("started\ncould not read '/data/jane.csv'\n")
    text = compose(home, ProblemRecord("x", severity="bug"))
    assert "  started" in text and "jane" not in text
    assert "python 3" in text and "Platform: " in text


def test_that_a_damaged_run_does_not_hinder_a_report(home: Home) -> None:
    (home.runs / "torn").mkdir()
    (home.runs / "torn" / "run.json").write_text("{torn")
    assert "Trace:" in compose(home, ProblemRecord("x", severity="bug"), "torn")
