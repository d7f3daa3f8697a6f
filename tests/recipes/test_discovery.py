"""Recipes are found by themselves; somebody else's broken one keeps nobody from working."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.app import make_window
from workbench.cli.doctor import examine
from workbench.recipes import faults, recipes
from workbench.runner.scripted import ScriptedRunner
from workbench.store.home import Home


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A plug-in that cannot be imported, one that declares nothing, and one that is sound."""
    (tmp_path / "falls_over.py").write_text("raise RuntimeError('no licence found')\n")
    (tmp_path / "declares_nothing.py").write_text("def run(job, p): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(
        "WORKBENCH_PLUGINS", "falls_over, declares_nothing, missing_altogether, tests.plugins.wager.recipe"
    )
    recipes.cache_clear()
    yield
    monkeypatch.undo()
    recipes.cache_clear()


def test_that_a_broken_plugin_leaves_every_other_recipe(plugins: None) -> None:
    assert {"berturk-nlu", "punctuation-adversarial", "wager"} <= set(recipes())


def test_that_each_broken_plugin_is_named_with_its_reason(plugins: None) -> None:
    said = {record.what: record.received for record in faults()}
    assert said["The plug-in falls_over cannot be used."] == "RuntimeError: no licence found"
    assert "not declared with @recipe" in said["The plug-in declares_nothing cannot be used."]
    assert "ModuleNotFoundError" in said["The plug-in missing_altogether cannot be used."]
    assert len(said) == 3


def test_that_a_plugin_cannot_take_the_place_of_a_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_PLUGINS", "workbench.recipes.text.berturk_nlu.recipe")
    recipes.cache_clear()
    assert [record.received for record in faults()] == ["ValueError: a recipe named 'berturk-nlu' is there already"]
    monkeypatch.undo()
    recipes.cache_clear()


def test_that_the_doctor_and_the_window_say_which_plugin_is_broken(plugins: None, qtbot: object, home: Home) -> None:
    (finding,) = [one for one in examine(home.root, worker=False) if one.name == "recipes"]
    assert finding.state == "missing" and "falls_over" in finding.detail
    window = make_window(home, demo=False, make_runner=lambda: ScriptedRunner(home))
    assert window.banner.record is not None and "falls_over" in window.banner.record.what
    window.close()
