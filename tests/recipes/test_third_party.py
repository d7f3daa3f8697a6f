"""A recipe in somebody else's package: found by its entry point, with form, flags, a real run and views.

The package is the README's example, laid out as an installed one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.plugins.fixtures import end_worker, ended
from workbench.app import make_window
from workbench.cli.main import main
from workbench.core.params import values_of
from workbench.recipes import faults, recipe, recipes
from workbench.runner.local import LocalRunner
from workbench.store.home import Home
from workbench.store.runfolder import RunConfig

RECIPE = '''
from workbench.core.job import Job
from workbench.core.kinds import Curve, Table
from workbench.core.params import Params, knob
from workbench.core.recipe import LAB, Paper, recipe


class Shout(Params):
    loudness: float = knob(2.0, "How loud", low=0.0, high=11.0, unit="dB")
    steps: int = knob(5, "Steps to take", low=1, high=1000)


@recipe(tab=LAB, title="Shouting", paper=Paper("On Shouting", 2026), reads={}, writes={"level": Curve, "rows": Table},
        presets={"smoke": Shout(steps=2), "desk": Shout(), "paper": Shout(steps=50)})
def run(job: Job, p: Shout) -> None:
    """Shout louder and louder."""
    from workbench.core.documents import Column, TableDoc

    for step in range(1, p.steps + 1):
        job.metric("level", p.loudness * step, step=step)
        if not job.step(step):
            break
    job.artifact("rows", Table, TableDoc([Column("step"), Column("level")], [[1, p.loudness]]))
    job.result("level", p.loudness * p.steps)
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """lab-shout 1.0 on the path, as pip would leave it."""
    site = tmp_path / "site"
    folder = site / "lab_shout" / "shout"
    folder.mkdir(parents=True)
    for module, text in (("__init__", ""), ("shout/__init__", ""), ("shout/recipe", RECIPE)):
        (site / "lab_shout" / f"{module}.py").write_text(text)
    info = site / "lab_shout-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-shout\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[workbench.recipes]\nshout = lab_shout.shout.recipe:run\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("WORKBENCH_WARM", "")
    monkeypatch.setenv("WORKBENCH_DEVICE", "cpu")
    recipes.cache_clear()
    yield
    monkeypatch.undo()
    recipes.cache_clear()


@pytest.fixture
def runner(package: None, home: Home) -> Iterator[LocalRunner]:
    """A runner whose worker ends with the test."""
    one = LocalRunner(home, client="test")
    yield one
    end_worker(home)
    one.close()


def test_that_it_is_found_under_its_own_name(package: None) -> None:
    assert faults() == ()
    assert (recipe("shout").title, recipe("shout").tab.name) == ("Shouting", "lab")


def test_that_its_knobs_are_flags_with_bounds(runner: LocalRunner, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "shout", "--loudness", "12"]) == 2
    assert "a number from 0 to 11" in capsys.readouterr().err
    assert main(["run", "shout", "--loudness", "3", "--steps", "4", "--json"]) == 0
    assert '"level":12.0' in capsys.readouterr().out.replace(" ", "")


def test_that_its_form_and_its_views_appear_in_the_window(runner: LocalRunner, home: Home, qtbot: QtBot) -> None:
    folder = runner.submit(RunConfig("shout", values_of(recipe("shout").preset("desk"))))
    assert ended(folder).results == {"level": 10.0}
    window = make_window(home, demo=False, make_runner=lambda: runner)
    window.show()
    page = window.open_recipe("shout")
    assert page.setup.form.values() == {"loudness": 2.0, "steps": 5}
    assert page.setup.form.field("loudness").text() == "2 dB"
    window.open_run(folder.id)
    qtbot.waitUntil(lambda: page.side.charts["level"].view is not None and page.stage.places["rows"].view is not None)
    assert [len(line.values) for line in page.side.charts["level"].view.lines] == [5]
    window.leave_quietly()
