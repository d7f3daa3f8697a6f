"""What all methods of the fields' bench share: photographs, the pixels they are compared on, a field of ours."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from workbench.core.problem import InputError
from workbench.engine.scenes import fields, rooms
from workbench.engine.scenes.fieldrendering import Rays, pictured
from workbench.engine.scenes.fields import FieldFacts, FieldKind
from workbench.engine.scenes.fieldtraining import Learner, Learning, psnr
from workbench.engine.scenes.fieldviews import Photograph, Photographs, PixelPool, chosen, from_cameras

BLOCK = 16
"""Steps that a GPU is given between two looks at the clock: each look waits for it."""


class Method(Protocol):
    """Something that learns photographs step by step and can be looked at."""

    def step(self) -> None:
        """One step of training."""

    def colours(self, rays: Rays) -> Tensor:
        """What rays (R, 3) see, on the CPU: (R, 3) from 0 to 1."""


def photographs(scene: int, images: int, size: int) -> Photographs:
    """Of a room, every eighth held out."""
    room, lens = rooms.make_room(scene), rooms.lens(size)
    taken = []
    for at, pose in enumerate(rooms.orbit_poses(room, images, scene)):
        rgb, _ = rooms.render(room, pose, lens)
        taken.append(Photograph(rgb, lens, tuple(pose.reshape(16).tolist()), at % 8 == 0))  # type: ignore[arg-type]
    meta = rooms.cube(room)
    return chosen(taken, meta.low, meta.high)


def of_folder(folder: Path, size: int) -> Photographs:
    """Those of a folder with poses, shrunk to `size`; raises InputError where none is held out."""
    from workbench.engine.scenes.posed import read_posed

    found = from_cameras(read_posed(folder), longest_px=size, place=str(folder))
    if not found.held_out:
        raise InputError("No photograph is held out.", expected="some to compare on", received="none",
                         place=str(folder))  # fmt: skip
    return found


def on_white(rgba: Tensor) -> Tensor:
    """Colours (N, 3) of pixels with opacity (N, 4) before white."""
    return rgba[:, :3] * rgba[:, 3:] + (1 - rgba[:, 3:])


def compared(taken: Photographs, place: torch.device, count: int) -> tuple[Rays, Tensor]:
    """Chance pixels of the held-out photographs, the same on every device, and their colours before white."""
    rays, rgba, _ = PixelPool(taken.held_out, place).drawn(count, torch.Generator().manual_seed(1))
    return rays, on_white(rgba).cpu()


class Ours:
    """A field of the workbench; its schedule stretches over the seconds that it is given."""

    def __init__(self, facts: FieldFacts, taken: Photographs, learning: Learning, budget_s: float, place: torch.device):
        torch.manual_seed(0)
        self.learner = Learner(fields.made(facts), taken, learning, place, half=place.type == "cuda")
        self.budget_s, self.spent_s = budget_s, 0.0

    def step(self) -> None:
        began, learner = time.perf_counter(), self.learner
        if learner.done >= 5:
            steps = max(learner.done + 1, round(learner.done * self.budget_s / max(self.spent_s, 1e-3)))
            learner.learning = dataclasses.replace(learner.learning, steps=steps)
        learner.step()
        self.spent_s += time.perf_counter() - began

    def colours(self, rays: Rays) -> Tensor:
        learner = self.learner
        white = torch.ones(3, device=learner.device)
        return pictured(learner.shown, rays, learner.learning.samples, white, occupancy=learner.empty).rgb


def presets(kind: FieldKind, taken: Photographs, place: torch.device, rays: int, room: int
            ) -> tuple[FieldFacts, Learning]:  # fmt: skip
    """How a field of ours is made and learned on a device; `rays` and `room` of a step replace ours where not 0."""
    quick = place.type == "cuda"
    if not quick:
        common = Learning(rays=rays or 512, samples=96, side=96, grow_at=0.15, skip_from=0.1, rate=0.5, room=room,
                          long_from=1 << 40)  # fmt: skip
        learning = dataclasses.replace(common, rate=1.0, cells=40) if kind == "hash" else common
        levels, table_log2, finest = 8, 14, 256
    else:
        # Steps of one size, so many samples in filled cells as Instant NGP works out at once.
        learning = Learning(rays=rays or 1 << 15, samples=512, room=room or 1 << 18, start_side=96, side=192,
                            grow_at=0.15, skip_from=0.02, rate=0.5 if kind == "voxels" else 1.0, cells=128,
                            long_from=1 << 40)  # fmt: skip
        levels, table_log2, finest = 16, 19, 2048
    facts = FieldFacts(kind, taken.low, taken.high, side=learning.start_side, view_dependent=quick, levels=levels,
                       table_log2=table_log2, finest=finest)  # fmt: skip
    return facts, learning


def measured(method: Method, marks: list[float], test: tuple[Rays, Tensor]) -> Iterator[dict[str, float]]:
    """PSNR at each of the seconds, with the steps that were done by then."""
    spent, steps = 0.0, 0
    waits = test[0].origins.is_cuda
    for mark in marks:
        while spent < mark:
            began = time.perf_counter()
            for _ in range(BLOCK if waits else 1):
                method.step()
                steps += 1
            if waits:
                torch.cuda.synchronize()
            spent += time.perf_counter() - began
        error = float((method.colours(test[0]).clamp(0, 1) - test[1]).square().mean())
        yield {"seconds": mark, "spent": spent, "steps": steps, "psnr": -10 * math.log10(max(error, 1e-10))}


def whole(method: Method, taken: Photographs, count: int) -> list[float]:
    """PSNR of whole held-out photographs, the first `count`."""
    found = []
    for one in taken.held_out[:count]:
        seen = method.colours(one.rays).clamp(0, 1).view(one.lens.height, one.lens.width, 3).numpy()
        found.append(psnr(seen, one.seen_on(torch.ones(3)).numpy()))
    return found
