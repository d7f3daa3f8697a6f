"""`runs export` from a terminal: every format, several runs at once, and what is said when it cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said
from tests.report.conftest import make_run
from workbench.store.home import Home

Workbench = Callable[..., Said]


@pytest.mark.parametrize("name", ["r.html", "r.csv", "r.json", "r.svg", "r.zip"])
def test_that_the_suffix_says_what_to_write(workbench: Workbench, home: Home, tmp_path: Path, name: str) -> None:
    run = make_run(home, seed=0)
    said = workbench("runs", "export", run.id, "--out", str(tmp_path / name), "--json")
    assert said.status == 0
    (line,) = said.lines
    assert (line["run"], line["format"], line["file"]) == (run.id, name[2:], str(tmp_path / name))
    assert line["bytes"] == (tmp_path / name).stat().st_size > 100


def test_that_several_runs_share_a_report_and_have_event_files_of_their_own(
    workbench: Workbench, home: Home, tmp_path: Path
) -> None:
    runs = [make_run(home, seed=seed).id for seed in (0, 1)]
    report = workbench("runs", "export", *runs, "--out", str(tmp_path / "r.html"), "--json").lines
    assert [line["runs"] for line in report] == [runs]
    events = workbench(
        "runs", "export", *runs, "--format", "tensorboard", "--out", str(tmp_path / "tb"), "--json"
    ).lines
    assert [line["run"] for line in events] == runs
    assert sorted(path.name for path in (tmp_path / "tb").iterdir()) == sorted(runs)


def test_that_nothing_is_replaced_without_force(workbench: Workbench, home: Home, tmp_path: Path) -> None:
    run, out = make_run(home, seed=0), tmp_path / "r.json"
    out.write_text("precious")
    refused = workbench("runs", "export", run.id, "--out", str(out))
    assert (refused.status, out.read_text()) == (2, "precious")
    assert "--out" in refused.err and "--force" in refused.err
    assert workbench("runs", "export", run.id, "--out", str(out), "--force").status == 0
    assert json.loads(out.read_text())["runs"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "r.docx"], "suffix"),
        (["--format", "tensorbord"], "Did you mean 'tensorboard'?"),
        (["--out", "nowhere/r.html"], "no such folder"),
        (["--fromat", "html"], "--format"),
    ],
)
def test_that_what_cannot_be_written_is_told(
    workbench: Workbench, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = workbench("runs", "export", make_run(home, seed=0).id, *words)
    assert said.status == 2
    assert told in said.err
    assert [path for path in tmp_path.iterdir() if path != home.root] == []


def test_that_an_unknown_run_is_told(workbench: Workbench, home: Home) -> None:
    said = workbench("runs", "export", "nobody", "--format", "html")
    assert said.status == 2 and "nobody" in said.err
