"""The HTML report: whole, self-contained, and deaf to markup that a run carries."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.report.conftest import EVIL, make_run
from workbench.core import events as ev
from workbench.core.documents import MapAxes
from workbench.core.recipe import Recipe
from workbench.report.drawing import points_picture
from workbench.report.formats import FORMATS
from workbench.report.writing import export
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig, RunFolder, create_run

VOID = {"meta", "img", "br", "use", "link"}


class Reader(HTMLParser):
    """Keeps the tags, the words, and whether every tag that was opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID and tag != "p":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "p":
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def report(runs: list[RunFolder], known: dict[str, Recipe], tmp_path: Path) -> tuple[str, Reader]:
    export(runs, FORMATS["html"], tmp_path / "r.html", recipes=known)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return text, reader


def test_that_a_report_holds_what_was_done_and_what_came_of_it(
    run: RunFolder, known: dict[str, Recipe], tmp_path: Path
) -> None:
    text, reader = report([run], known, tmp_path)
    for word in (
        "Which library wrote this sentence?", "Fine-tuning Transformer-based Encoder for Turkish", "2401.17396",
        "0.5123", run.id, "sample:libraries", "ab12" * 16, "torch", "2.13.0", "Forecast: 2 min.", "5e-5",
        "everything, the last layers",
        "Macro F1", "finished at step 100", "true \\ predicted", "precision",
    ):  # fmt: skip
        assert word in reader.text, word
    assert reader.tags.count("svg") == 3  # two metrics and the map
    assert "prefers-color-scheme: dark" in text and "var(--line)" in text and "currentColor" in text


def test_that_a_report_is_one_file_that_asks_nothing_of_the_network(
    run: RunFolder, known: dict[str, Recipe], tmp_path: Path
) -> None:
    _, reader = report([run], known, tmp_path)
    assert not {"script", "link", "iframe", "object"} & set(reader.tags)
    fetched = [value for name, value in reader.attributes if name in ("src", "srcset", "data", "poster")]
    assert all(value.startswith("data:") for value in fetched)
    assert list(tmp_path.glob(".*.part")) == []


def test_that_nothing_a_run_says_becomes_markup(evil: RunFolder, tmp_path: Path) -> None:
    text, reader = report([evil], {}, tmp_path)
    assert "script" not in reader.tags
    assert "<script" not in text
    assert EVIL in " ".join(reader.words) and "60481729" not in reader.text
    assert not [name for name, _ in reader.attributes if name.startswith("on")]


def test_that_several_runs_are_held_against_each_other(home: Home, known: dict[str, Recipe], tmp_path: Path) -> None:
    runs = [make_run(home, seed=0, title="first one"), make_run(home, seed=1, title="second one")]
    text, reader = report(runs, known, tmp_path)
    assert "2 runs compared" in reader.text
    assert "What was set differently" in reader.text
    differing = reader.text.partition("What was set differently")[2].partition("Results")[0]
    assert "epochs" in differing and "seed" in differing and "learning_rate" not in differing
    assert re.search(r'class="number best"[^>]*>1\.512<', text)
    assert reader.tags.count("details") == 2


def test_that_a_run_without_numbers_or_artifacts_is_reported(home: Home, tmp_path: Path) -> None:
    folder = create_run(home.runs, RunConfig(recipe="gone", params={}))
    _, reader = report([folder], {}, tmp_path)
    assert "gone" in reader.text and "Nothing was logged." in reader.text


@pytest.mark.parametrize(
    ("kind", "path", "content"),
    [
        ("table", "artifacts/none.json", None),
        ("table", "artifacts/t.json", b"{"),
        ("table", "../../run.json", None),
        ("confusion", "artifacts/c.json", b'{"labels": ["a"], "counts": [[1], [2, 3]]}'),
        ("confusion", "artifacts/c.json", b'{"labels": [], "counts": []}'),
        ("image", "artifacts/i.png", b"<svg onload=alert(1)>"),
        ("embedding", "artifacts/e.npy", b"\x93NUMPY broken"),
        ("volume", "artifacts/v.npy", b"x"),
    ],
)
def test_that_an_artifact_that_cannot_be_shown_is_named_and_the_rest_is_there(
    run: RunFolder, known: dict[str, Recipe], tmp_path: Path, kind: str, path: str, content: bytes | None
) -> None:
    if content is not None:
        (run.path / path).write_bytes(content)
    run.append(ev.Artifact(111.0, "odd", kind, path, 100))
    text, reader = report([run], known, tmp_path)
    assert path in reader.text
    assert "<svg onload" not in text
    assert "precision" in reader.text


def test_that_a_map_whose_directions_measure_something_has_axes_and_another_none() -> None:
    points, told = np.array([[0.0, 0.2], [4.0, 0.9]]), MapAxes("trainable parameters", "test result", log_x=True)
    drawn = points_picture(points, ["F1", "M3"], paper=False, salt="x", told=told)
    assert isinstance(drawn, str)
    assert all(word in drawn for word in ("trainable parameters", "test result", ">100<", ">1e+04<"))
    plain = points_picture(points, ["F1", "M3"], paper=False, salt="x")
    assert isinstance(plain, str) and "<text" not in plain and "<text" in drawn
