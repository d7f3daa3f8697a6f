"""Rooms that go the whole way: ray-traced photographs, a voxel field, a grid; beside the room's exact grid.

    python -m tests.bench.field_rooms [--seeds 1,2,3] [--images 24] [--size 64] [--steps 1200] [--opacity 0.2] [--json]

For each room: PSNR on held-out photographs; the share of voxels found (intersection over union of filled ones, 32
along a side) over all voxels and over those that a camera has seen, that is that lie before or within a voxel of
where its rays end; the same for all ways of swapping and mirroring axes, the best of which has to be the one that
swaps none. Seeds from 90 on are for choosing settings, 1 to 3 for telling what they give.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.engine.scenes import fieldexport, fields, rooms
from workbench.engine.scenes.fieldrendering import lens_rays
from workbench.engine.scenes.fields import FieldFacts
from workbench.engine.scenes.fieldtraining import Learner, Learning, mean_scores, seen
from workbench.engine.scenes.fieldviews import Photograph, chosen

SIDE = 32
EXACT = 0.5
"""A voxel of the exact grid counts as filled from this share of solid points on."""
HELD_OUT_EVERY = 8


def photographed(room: rooms.Room, images: int, size: int) -> tuple[list[Photograph], NDArray[np.bool_]]:
    """Photographs of a room, every eighth held out, and the voxels (X, Y, Z) that those to learn from have seen."""
    lens, meta = rooms.lens(size), rooms.cube(room)
    low, step = np.array(meta.low), (meta.high[0] - meta.low[0]) / SIDE
    visible = np.zeros((SIDE, SIDE, SIDE), bool)
    taken = []
    for at, pose in enumerate(rooms.orbit_poses(room, images, room.seed)):
        rgb, depth = rooms.render(room, pose, lens)
        placed = tuple(pose.reshape(16).tolist())
        held_out = at % HELD_OUT_EVERY == 0
        taken.append(Photograph(rgb, lens, placed, held_out))  # type: ignore[arg-type]
        if held_out:
            continue
        rays = lens_rays(placed, lens)  # type: ignore[arg-type]
        ahead, ends = rays.directions.numpy(), depth.ravel() / rays.forward.numpy()
        for far in np.arange(step / 2, 3 * (meta.high[0] - meta.low[0]), step / 2):
            on = ahead[far <= ends + step]
            if not len(on):
                break
            index = np.floor((pose[:3, 3] + far * on - low) / step).astype(int)
            inside = ((index >= 0) & (index < SIDE)).all(1)
            visible[tuple(index[inside].T)] = True
    return taken, visible


def shared(one: NDArray[np.bool_], other: NDArray[np.bool_], where: NDArray[np.bool_]) -> float:
    """Intersection over union of two sets of voxels within a third."""
    return float((one & other & where).sum() / max(1, ((one | other) & where).sum()))


def straight(found: NDArray[np.bool_], exact: NDArray[np.bool_]) -> bool:
    """Whether no way of swapping or mirroring the axes fits better than leaving them."""
    every = np.ones_like(exact)
    scores = {}
    for order in itertools.permutations(range(3)):
        for flips in itertools.product((1, -1), repeat=3):
            turned = found.transpose(order)[tuple(slice(None, None, one) for one in flips)]
            scores[order, flips] = shared(turned, exact, every)
    return max(scores, key=scores.__getitem__) == ((0, 1, 2), (1, 1, 1))


def measured(seed: int, images: int, size: int, learning: Learning, opacity: float) -> dict[str, Any]:
    """One room's line."""
    room = rooms.make_room(seed)
    taken, visible = photographed(room, images, size)
    meta = rooms.cube(room)
    torch.manual_seed(seed)
    facts = FieldFacts("voxels", meta.low, meta.high, side=learning.start_side)
    learner = Learner(fields.made(facts), chosen(taken, meta.low, meta.high), learning, torch.device("cpu"))
    for _ in range(learning.steps):
        learner.step()
    scores = [seen(learner.shown, one, learning.samples, learner.backdrop(), occupancy=learner.empty)
              for one in learner.taken.held_out]  # fmt: skip
    grid, told = fieldexport.extract(learner.shown, [one.pose for one in learner.taken.learned], SIDE)
    exact = rooms.grid(room, SIDE)[0][..., 3] >= EXACT
    found = fieldexport.opacity(grid, told) > opacity
    every = np.ones_like(exact)
    return {"room": seed, "psnr": mean_scores(scores)[0], "shared": shared(found, exact, every),
            "shared_seen": shared(found, exact, visible), "seen": float((exact & visible).sum() / exact.sum()),
            "axes": straight(found, exact)}  # fmt: skip


def main() -> None:
    """Print a line for each room."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--opacity", type=float, default=0.2, help="from which a voxel of the field counts as filled")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="other settings of learning")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    learning = Learning(steps=asked.steps, rays=1024, start_side=24, side=48)
    for one in asked.set:
        name, _, value = one.partition("=")
        if not hasattr(learning, name):
            parser.error(f"learning has no setting {name!r}")
        kind = type(getattr(learning, name))
        learning = dataclasses.replace(learning, **{name: kind(value)})
    for seed in map(int, asked.seeds.split(",")):
        line = measured(seed, asked.images, asked.size, dataclasses.replace(learning, seed=seed), asked.opacity)
        axes = "straight" if line["axes"] else "TURNED"
        print(json.dumps(line) if asked.json else
              f"room {seed:3}  {line['psnr']:5.2f} dB  shared {line['shared']:.3f}, of what is seen "
              f"{line['shared_seen']:.3f} ({line['seen']:.0%} of the filled)  axes {axes}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
