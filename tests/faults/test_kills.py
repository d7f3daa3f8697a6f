"""The experiment of tests/faults/kills.py with three kills; fifty of them with that script."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import kills
from workbench.recipes import recipes


def test_that_killed_runs_end_with_the_weights_and_the_curve_of_an_uninterrupted_one(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WORKBENCH_PLUGINS", "WORKBENCH_CHECKPOINT_EVERY", "WORKBENCH_WARM", "WORKBENCH_DEVICE"):
        monkeypatch.setenv(name, "")
    kills.equip()
    report = kills.experiment(own_home, count=3, seed=1, epochs=8, step_s=0.015, span_s=1.5)
    recipes.cache_clear()
    assert report["kills"] == 3
    assert report["nothing_lost"], report
