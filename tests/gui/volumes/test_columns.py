"""Slices along the fastest axis of a large file."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QThreadPool

from workbench.gui.volumes import columns
from workbench.gui.volumes.columns import KEPT, SLAB, Columns


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "LARGE_BYTES", 1000)
    np.save(tmp_path / "volume.npy", np.random.default_rng(0).integers(-1000, 3000, (70, 9, 3 * SLAB + 5), np.int16))
    return np.load(tmp_path / "volume.npy", mmap_mode="r")


def test_that_slices_from_slabs_are_those_of_the_array_in_any_order(mapped):
    found = Columns(mapped)
    order = [0, 1, SLAB - 1, SLAB, 3 * SLAB + 4, 2, *np.random.default_rng(1).integers(0, mapped.shape[2], 60)]
    for index in order:
        assert (found.slice_at(int(index)) == mapped[:, :, index]).all()
        assert len(found._slabs) <= KEPT
    QThreadPool.globalInstance().waitForDone()
    assert len(found._slabs) <= KEPT


def test_that_the_next_slab_comes_before_it_is_asked_for(mapped):
    found = Columns(mapped)
    found.slice_at(SLAB - 2)
    QThreadPool.globalInstance().waitForDone()
    assert not found._slabs  # nobody moves yet: the slice that is seen was cut alone
    assert (found.slice_at(SLAB - 2) == mapped[:, :, SLAB - 2]).all()
    assert not found._slabs
    found.slice_at(SLAB - 1)
    QThreadPool.globalInstance().waitForDone()
    assert set(found._slabs) == {0, 1}


def test_that_small_and_written_arrays_are_left_alone(mapped, tmp_path):
    assert Columns.suit(mapped)
    assert not Columns.suit(np.array(mapped))
    assert not Columns.suit(np.load(tmp_path / "volume.npy", mmap_mode="c"))  # giving pages back would lose edits


def test_that_a_slice_that_is_expected_is_the_one_that_is_cut(mapped):
    found = Columns(mapped)
    found.expect(7)
    assert np.array_equal(found.slice_at(7), mapped[:, :, 7])
    found.expect(9)  # too late to matter
    assert np.array_equal(found.slice_at(9), mapped[:, :, 9])
    other = Columns(mapped)
    other.expect(7)
    assert np.array_equal(other.slice_at(3), mapped[:, :, 3]), "another one than was expected"
