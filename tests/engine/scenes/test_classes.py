"""Which classes occur among values."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.engine.scenes.classes import classes_in, listed


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int32, np.uint64, np.int64, np.float32])
def test_that_classes_are_found_as_sorting_finds_them(kind):
    rng = np.random.default_rng(0)
    for reach in (5, 100, 1 << 20, 1 << 40):
        top = reach if np.dtype(kind).kind == "f" else min(reach, np.iinfo(kind).max)
        values = rng.integers(0, top, 300).astype(kind)
        assert classes_in(values).tolist() == np.unique(values).tolist()
    far = np.array([2**63 + 5, 2**63 + 3], np.uint64) if kind is np.uint64 else np.array([-3, -1, -3])
    assert classes_in(far).tolist() == sorted(set(far.tolist()))
    assert classes_in(values[:0]).tolist() == []


def test_that_more_classes_than_can_be_listed_are_not():
    assert listed({5, 2}) == (2, 5) and listed(set(range(257))) == ()
