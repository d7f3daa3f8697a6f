"""The first run without anybody watching leaves numbers, pictures and the way to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.fixtures import runner, trials
from workbench import headless
from workbench.runner.local import LocalRunner

__all__ = ["runner", "trials"]


def test_that_it_runs_in_a_window_and_says_where_everything_is(
    runner: LocalRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    qtbot: object,
) -> None:
    monkeypatch.setattr(headless, "_first_recipe", lambda: "trials")
    out = tmp_path / "first run"
    assert headless.demonstrate(runner.home.root, out) == 0
    # training.png needs a run that lasts longer than a look at it takes; this one may not.
    left = {one.name for one in out.iterdir()} - {"training.png"}
    assert left == {"metrics.csv", "finished-dark.png", "finished-light.png"}
    assert len((out / "metrics.csv").read_text().splitlines()) == 21
    said = capfd.readouterr().out
    (folder,) = runner.home.runs.iterdir()
    for place in (folder, out / "metrics.csv", out / "finished-dark.png"):
        assert str(place) in said
