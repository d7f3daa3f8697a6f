"""`workbench scenes process`, with a real worker: coordinates in the millions come back as what they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.cli.sceneprocess import in_file, shifted
from workbench.core.scenes import UNMOVED, Placement
from workbench.runner.local import LocalRunner
from workbench.store.home import Home

ORIGIN = np.array([500_000.0, 5_400_000.0, 300.0])


def corner(count: int, seed: int) -> np.ndarray:
    """Points on three faces of a box, which hold a thing in every direction."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(size=(count, 3)) * [3, 2, 1]
    points[np.arange(count), rng.integers(0, 3, count)] = 0
    return points


def test_that_a_file_is_registered_and_written_in_the_numbers_of_the_world(
    runner: LocalRunner, home: Home, workbench: Callable[..., Any], tmp_path: Path
) -> None:
    fixed, moving, out = (tmp_path / name for name in ("fixed.xyz", "moving.xyz", "moved.xyz"))
    turn = np.array([[np.cos(0.05), -np.sin(0.05), 0], [np.sin(0.05), np.cos(0.05), 0], [0, 0, 1]])
    np.savetxt(fixed, corner(1500, 0) + ORIGIN, fmt="%.4f")
    np.savetxt(moving, corner(1500, 1) @ turn.T + ORIGIN + [0.1, -0.1, 0.05], fmt="%.4f")
    at_home = ("--home", str(home.root))
    words = ("register", str(fixed), "--method", "ICP", "--spacing", "0.1", "--out", str(out), "--json")
    said = workbench("scenes", "process", str(moving), *words, *at_home)
    (found,) = said.lines
    facts = {one["name"]: one.get("value") for one in found["facts"]}
    assert said.status == 0 and found["files"] == [str(out)] and facts["fitness"] > 0.95
    assert facts["turned by"] == pytest.approx(np.degrees(0.05), abs=0.2)
    moved = np.loadtxt(out, comments="//")[:, :3] - ORIGIN
    truth = corner(1500, 1)
    order, wanted = np.lexsort(np.rint(moved / 0.05).T), np.lexsort(np.rint(truth / 0.05).T)
    assert np.abs(np.median(moved[order] - truth[wanted], axis=0)).max() < 0.02
    assert np.abs(moved.min(axis=0)).max() < 0.02 and np.abs(moved.max(axis=0) - [3, 2, 1]).max() < 0.02

    shown = workbench("scenes", "process", str(fixed), "planes", "--distance", "0.01", *at_home)
    assert shown.status == 0 and "planes" in shown.out and "normal (0.000, 0.000, 1.000)" in shown.out
    faulty = ("--most", "0", "--out", "x.obj", "--lest", "1")
    wrong = workbench("scenes", "process", str(fixed), "planes", *faulty, *at_home)
    assert wrong.status == 2 and all(told in wrong.err for told in ("cannot be '0'", ".ply", "--least"))
    assert workbench("scenes", "process", str(fixed), "decimate", *at_home).status == 2


def test_that_places_are_told_from_one_origin_and_written_from_their_own() -> None:
    turned: Placement = (0, -1, 0, 2, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
    assert shifted(UNMOVED, (10, 0, 0), (4, 0, 0))[3] == 6
    assert in_file(UNMOVED, (7.5, 5e6, 0), (7.5, 5e6, 0)) == UNMOVED
    own, base, point = (10.0, 20.0, 0.0), (4.0, 0.0, 0.0), np.array([1.0, 2, 3])
    place = np.reshape(in_file(turned, own, base), (4, 4))
    there = np.reshape(turned, (4, 4))[:3, :3] @ point + [2, 0, 0] + base
    assert np.allclose(place[:3, :3] @ (point + own) + place[:3, 3], there)
