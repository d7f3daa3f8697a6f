"""A second volume on the grid of the first."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.volumes import Geometry, VolumeFile, VolumeMeta
from workbench.engine.medical.overlaying import onto

FINE = Geometry((1.0, 1.0, 1.0), (-10.0, 5.0, 20.0))
TURNED = Geometry((2.0, 2.0, 4.0), (9.0, 5.0, 20.0), (-1, 0, 0, 0, 1, 0, 0, 0, 1))
"""Counts x from the other side; its first voxel lies 19 mm along FINE's x."""


def kept(folder, name, array, geometry, **more):
    np.save(folder / f"{name}.npy", array)
    return VolumeFile(str(folder / f"{name}.npy"), VolumeMeta(geometry, **more), ("read",))


@pytest.fixture
def first(tmp_path):
    return kept(tmp_path, "first", np.zeros((12, 14, 20), np.int16), FINE, modality="CT")


def test_that_a_value_stays_where_it_lies_in_the_patient(first, tmp_path):
    values = np.full((3, 7, 10), -5, np.int16)
    values[1, 3, 2] = 900
    second = kept(tmp_path, "second", values, TURNED, modality="PT")
    found = onto(second, first, tmp_path / "cache")
    shown = np.load(found.path)
    assert shown.shape == (12, 14, 20) and shown.dtype == np.int16
    assert np.unravel_index(shown.argmax(), shown.shape) == (4, 6, 15) and shown.max() == 900
    assert shown[11, 0, 0] == -5  # outside: the lowest value, not a tissue's
    assert found.meta.geometry == FINE and found.meta.modality == "PT"
    assert found.notes[0] == "read" and "2 × 2 × 4 mm" in found.notes[1]
    assert onto(second, first, tmp_path / "cache").path == found.path


def test_that_a_volume_of_the_same_grid_is_taken_as_it_is(first, tmp_path):
    second = kept(tmp_path, "second", np.ones((12, 14, 20), np.float32), FINE)
    assert onto(second, first, tmp_path / "cache") is second


def test_that_a_volume_that_lies_elsewhere_is_told_apart(first, tmp_path):
    beside = Geometry((1.0, 1.0, 1.0), (-10.0, 5.0, 40.0))
    assert onto(kept(tmp_path, "second", np.ones((4, 4, 4), np.int16), beside), first, tmp_path / "cache") is None
