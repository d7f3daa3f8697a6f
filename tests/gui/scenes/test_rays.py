"""Volumes and grids on their way into the driver's memory: what is kept of them here."""

from __future__ import annotations

import time
import weakref
from unittest.mock import MagicMock

import numpy as np
import pytest

from tests.gui.scenes import things
from workbench.gui.scenes.rays import RaysItem
from workbench.gui.scenes.scene import Scene


@pytest.mark.parametrize("make", [things.volume, things.grid])
def test_that_nothing_of_a_volume_is_kept_beside_the_texture_once_that_has_it(tmp_path, monkeypatch, make):
    monkeypatch.setattr("workbench.gui.scenes.rays.SLAB_BYTES", 2000)  # several slabs
    scene, node, kept = Scene(), make(tmp_path), []

    def at_once(work, take) -> None:
        found = work()
        kept.extend(weakref.ref(one) for one in (found.values, found.tones.tones if found.tones else found.values))
        take(found)

    item = RaysItem(MagicMock(), scene, node, at_once)
    assert not item.ready and all(one() is not None for one in kept)
    sent = 0
    while not item.send(time.perf_counter()):
        sent += 1
    assert item.ready and sent > 1 and all(one() is None for one in kept)
    assert not any(item._texels.values.strides)  # of the values only their number
    assert np.count_nonzero(item._texels.blocks)
