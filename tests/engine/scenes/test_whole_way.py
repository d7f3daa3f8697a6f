"""A room the whole way: photographs and transforms.json, a radiance field learned from them, a grid, NeRF-MAE's file.

The bounds are what this room reaches with 24 photographs of 64 × 64 pixels and 1,200 steps (23.1 dB, overlap 0.47),
less a margin. A field spreads a surface over two or three voxels, so most of a wall's voxels take less than half the
light.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from workbench.core.scenes import RadianceMeta
from workbench.engine.scenes import fieldexport as export
from workbench.engine.scenes import fields, rooms
from workbench.engine.scenes.fields import FieldFacts
from workbench.engine.scenes.fieldtraining import Learner, Learning, mean_scores, seen
from workbench.engine.scenes.fieldviews import from_cameras
from workbench.engine.scenes.gridfiles import read_grid, write_grid
from workbench.engine.scenes.posed import read_posed, with_held_out
from workbench.engine.scenes.posedsamples import write_room

SIDE, SEEN_FROM, FILLED = 32, 2, 0.2
LEAST_PSNR_DB, LEAST_IOU = 22.0, 0.4
LEARNING = Learning(steps=1200, rays=1024, samples=64, start_side=24, side=48)


@dataclasses.dataclass(frozen=True)
class Way:
    """What a room's photographs became: held-out PSNR in dB, the grid as the file gives it back, and the exact one."""

    psnr_db: float
    found: np.ndarray
    exact: np.ndarray
    labels: np.ndarray
    meta: RadianceMeta


def gone(seed: int, folder: Path) -> Way:
    """A room from its photographs to a grid."""
    write_room(seed, folder / "room", images=24, size=64)
    cameras = with_held_out(read_posed(folder / "room"))
    taken = from_cameras(cameras)
    assert taken.learned and taken.held_out
    room = rooms.make_room(seed)
    exact, labels, meta = rooms.grid(room, SIDE)
    torch.manual_seed(seed)
    facts = FieldFacts("voxels", meta.low, meta.high, side=LEARNING.start_side)
    learner = Learner(fields.made(facts), taken, dataclasses.replace(LEARNING, seed=seed), torch.device("cpu"))
    for _ in range(LEARNING.steps):
        learner.step()
    views = [
        seen(learner.shown, one, LEARNING.samples, torch.ones(3), occupancy=learner.empty) for one in taken.held_out
    ]
    poses = [one.pose for one in cameras.images if not one.held_out]
    grid, told = export.extract(learner.shown, poses, SIDE, meta.low, meta.high)
    grid[..., 3] = export.opacity(grid, told)
    write_grid(folder / "room.npz", grid, RadianceMeta(told.low, told.high, "alpha"))
    found, read = read_grid(folder / "room.npz")
    assert read.low == pytest.approx(meta.low) and read.high == pytest.approx(meta.high)
    return Way(mean_scores(views)[0], found, exact, labels, meta)


def iou(found: np.ndarray, exact: np.ndarray, where: np.ndarray) -> float:
    """Of voxels that take a fifth of the light and voxels that are half solid, within what photographs can show."""
    one, other = found[where][:, 3] > FILLED, exact[where][:, 3] > 0.5
    return float((one & other).sum() / (one | other).sum())


def visible(exact: np.ndarray) -> np.ndarray:
    """Air within the walls, and solid voxels within two of it; no photograph shows the rest."""
    solid = exact[..., 3] > 0.5
    parts, _ = ndimage.label(~solid[:, :, : SIDE // 2])
    inside = np.zeros_like(solid)
    inside[:, :, : SIDE // 2] = parts == parts[SIDE // 2, SIDE // 2, SIDE // 3]
    return inside | (solid & ndimage.binary_dilation(inside, iterations=SEEN_FROM))


@pytest.mark.slow
def test_that_a_room_s_photographs_become_the_grid_that_the_room_is(tmp_path: Path) -> None:
    way = gone(91, tmp_path)
    where = visible(way.exact)
    found = iou(way.found, way.exact, where)
    assert way.psnr_db >= LEAST_PSNR_DB
    assert found >= LEAST_IOU
    # No other order or direction of the axes fits as well.
    others = [np.transpose(way.found, (*order, 3)) for order in ((1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0), (2, 0, 1))]
    others += [np.flip(way.found, axis) for axis in range(3)]
    assert all(iou(one, way.exact, where) < found for one in others)
    shown = where & (way.exact[..., 3] > 0.5) & (way.found[..., 3] > FILLED)
    far = np.abs(way.found[shown][:, :3] - way.exact[shown][:, :3]).mean()
    swapped = np.abs(np.transpose(way.found, (1, 0, 2, 3))[shown][:, :3] - way.exact[shown][:, :3]).mean()
    assert far < swapped
