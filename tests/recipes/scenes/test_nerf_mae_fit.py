"""Grids that are larger than a model's cube, made coarser where that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.problem import InputError
from workbench.core.scenes import RadianceMeta
from workbench.engine.scenes.gridfiles import write_grid
from workbench.recipes.scenes.nerf_mae.recipe import NerfMae
from workbench.recipes.scenes.nerf_mae.serve import _grid


def test_that_a_large_grid_is_made_coarser_in_its_own_box_only_where_that_is_asked_for(tmp_path):
    rgba = np.zeros((20, 9, 4, 4), np.float32)
    rgba[4:6, 2:4, :2] = (1, 0.5, 0, 1)
    path = tmp_path / "room.npz"
    write_grid(path, rgba, RadianceMeta((0, 0, 0), (20, 9, 4), "alpha"))
    params = NerfMae(side=8)
    with pytest.raises(InputError, match="larger than the cube"):
        _grid({"grid": str(path)}, params)
    grid, notes = _grid({"grid": str(path), "fit": True}, params)
    assert grid.rgba.shape == (7, 3, 2, 4) and "3 times coarser" in notes[0]
    assert grid.meta.low == (0, 0, 0) and grid.meta.high == pytest.approx((21, 9, 6))  # filled up, voxels stay cubes
    full = grid.rgba[..., 3] > 0
    np.testing.assert_allclose(grid.rgba[full][:, :3], [[1, 0.5, 0]] * int(full.sum()), atol=1e-6)
    assert grid.rgba[..., 3].sum() * 27 == pytest.approx(rgba[..., 3].sum())
    small, none = _grid({"grid": str(path), "fit": True}, NerfMae(side=20))
    assert small.rgba.shape == rgba.shape and none == ()
