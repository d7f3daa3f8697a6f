"""The caches of cases stay below their limit."""

from __future__ import annotations

import os

import pytest

from workbench.store.home import open_home
from workbench.store.shedding import IN_USE_S, shed

NOW = 1_800_000_000.0


@pytest.fixture
def home(tmp_path):
    return open_home(tmp_path / "home")


def put(home, name, size, age_s):
    path = home.cache / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (NOW - age_s, NOW - age_s))
    return path


def test_that_what_was_not_used_for_longest_goes_until_the_limit_is_kept(home):
    ages = [IN_USE_S * days for days in (9, 8, 7, 6, 5)]
    files = [put(home, f"{('segmentations', 'volumes')[at % 2]}/{at}.npy", 100, age) for at, age in enumerate(ages)]
    found = shed(home, 250, now=NOW)
    assert [one.exists() for one in files] == [False, False, False, True, True]
    assert found == (3, 300, 200)
    assert shed(home, 250, now=NOW) == (0, 0, 200)


def test_that_a_file_in_use_stays_whatever_the_limit_is(home):
    written, read = put(home, "segmentations/a.npy", 500, 60), put(home, "volumes/b.npy", 500, 99 * IN_USE_S)
    os.utime(read, (NOW - 60, NOW - 99 * IN_USE_S))  # only read of late
    assert shed(home, 0, now=NOW).left_bytes == 1000
    assert written.exists() and read.exists()


def test_that_a_killed_writers_file_goes_below_the_limit_too_and_a_living_ones_stays(home):
    dead, alive = (
        put(home, "segmentations/growing-1.npy", 10, 2 * IN_USE_S),
        put(home, "segmentations/growing-2.npy", 10, 5),
    )
    scratch, whole = put(home, "volumes/a.npy.7.tmp", 10, 2 * IN_USE_S), put(home, "volumes/a.npy", 10, 2 * IN_USE_S)
    assert shed(home, 1e9, now=NOW).files == 2
    assert not dead.exists() and not scratch.exists() and alive.exists() and whole.exists()


def test_that_other_caches_links_and_folders_are_left_alone(home, tmp_path):
    other = put(home, "sounds/a.npy", 500, 9 * IN_USE_S)
    (tmp_path / "precious").write_text("mine")
    (home.cache / "volumes").mkdir()
    (home.cache / "volumes" / "link.npy").symlink_to(tmp_path / "precious")
    inside = put(home, "volumes/folder/a.npy", 500, 9 * IN_USE_S)
    assert shed(home, 0, now=NOW) == (0, 0, 0)
    assert other.exists() and inside.exists() and (tmp_path / "precious").read_text() == "mine"
