"""How near radiance fields come to photographs they never saw, after 10, 30, 60 and 120 seconds of training.

    python -m tests.bench.fields [--seconds 10,30,60,120] [--size 100] [--images 40] [--scene 5] [--methods NAME ...]
                                 [--nerfacto] [--json]

All methods learn the same photographs of a generated room, in the same box, one after another on the same device, and
are compared on the same chance pixels of held-out photographs. The clock runs while they train, not while they are
compared. `plain NeRF` is the first one's, written out here: 8 layers of 256, 10 and 4 frequencies, a coarse network of
64 samples and a fine one that sees 128 more where the coarse one saw something, 1,024 rays, Adam 5e-4. `--nerfacto`
tries to install nerfstudio into a throw-away environment, and says so where that fails.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workbench.engine.scenes import fields, rooms
from workbench.engine.scenes.fieldrendering import Rays, pictured, through_box
from workbench.engine.scenes.fields import FieldFacts, FieldKind, waves
from workbench.engine.scenes.fieldtraining import Learner, Learning
from workbench.engine.scenes.fieldviews import Photograph, Photographs, PixelPool, chosen

COMPARED = 2000
"""Pixels of held-out photographs that everyone is compared on."""
INSTALL_S = 300


def photographs(scene: int, images: int, size: int) -> Photographs:
    """Of a room, every eighth held out."""
    room, lens = rooms.make_room(scene), rooms.lens(size)
    taken = []
    for at, pose in enumerate(rooms.orbit_poses(room, images, scene)):
        rgb, _ = rooms.render(room, pose, lens)
        taken.append(Photograph(rgb, lens, tuple(pose.reshape(16).tolist()), at % 8 == 0))  # type: ignore[arg-type]
    meta = rooms.cube(room)
    return chosen(taken, meta.low, meta.high)


class Ours:
    """A field of the workbench; its schedule stretches over the seconds that it is given."""

    def __init__(self, kind: FieldKind, taken: Photographs, learning: Learning, budget_s: float, place: torch.device):
        torch.manual_seed(0)
        levels, table_log2, finest = (16, 19, 2048) if place.type == "cuda" else (8, 14, 256)
        facts = FieldFacts(kind, taken.low, taken.high, side=learning.start_side, levels=levels, table_log2=table_log2,
                           finest=finest)  # fmt: skip
        self.learner = Learner(fields.made(facts), taken, learning, place)
        self.budget_s, self.spent_s = budget_s, 0.0

    def step(self) -> None:
        began, learner = time.perf_counter(), self.learner
        if learner.done >= 5:
            steps = max(learner.done + 1, round(learner.done * self.budget_s / max(self.spent_s, 1e-3)))
            learner.learning = dataclasses.replace(learner.learning, steps=steps)
        learner.step()
        self.spent_s += time.perf_counter() - began

    def colours(self, rays: Rays) -> Tensor:
        white = torch.ones(3, device=rays.origins.device)
        learner = self.learner
        return pictured(learner.shown, rays, learner.learning.samples, white, occupancy=learner.empty).rgb


class Network(nn.Module):
    """NeRF's own: 8 × 256 with the input again in the fifth layer, density by ReLU, colour by a layer of 128."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [63, 256, 256, 256, 256, 256 + 63, 256, 256]
        self.layers = nn.ModuleList(nn.Linear(one, 256) for one in sizes)
        self.density, self.feature = nn.Linear(256, 1), nn.Linear(256, 256)
        self.colour = nn.Sequential(nn.Linear(256 + 27, 128), nn.ReLU(), nn.Linear(128, 3))

    def forward(self, points: Tensor, ahead: Tensor) -> tuple[Tensor, Tensor]:
        """Densities (N,) and colours (N, 3) of points from −1 to 1."""
        given = waves(points, 10)
        found = given
        for at, layer in enumerate(self.layers):
            found = torch.relu(layer(torch.cat([found, given], 1) if at == 5 else found))
        rgb = torch.sigmoid(self.colour(torch.cat([self.feature(found), waves(ahead, 4)], 1)))
        return torch.relu(self.density(found)[:, 0]), rgb


class PlainNerf:
    """Coarse and fine (Mildenhall et al., secs. 4, 5.2, 5.3), white behind the box."""

    RAYS, COARSE, FINE = 1024, 64, 128

    def __init__(self, taken: Photographs, place: torch.device) -> None:
        torch.manual_seed(0)
        self.pool, self.place = PixelPool(taken.learned, place), place
        self.box = fields.PlainField(taken.low, taken.high, width=16, depth=2).to(place)
        self.coarse, self.fine = Network().to(place), Network().to(place)
        every = [*self.coarse.parameters(), *self.fine.parameters()]
        self.optimizer = torch.optim.Adam(every, lr=5e-4, fused=True)
        self.chance = torch.Generator().manual_seed(0)

    def step(self) -> None:
        rays, rgba, _ = self.pool.drawn(self.RAYS, self.chance)
        coarse, fine = self._seen(rays, jitter=True)
        loss = (coarse - rgba[:, :3]).square().mean() + (fine - rgba[:, :3]).square().mean()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def colours(self, rays: Rays) -> Tensor:
        parts = zip(*(one.split(512) for one in rays), strict=True)
        return torch.cat([self._seen(Rays(*part), jitter=False)[1] for part in parts]).cpu()

    def _seen(self, rays: Rays, *, jitter: bool) -> tuple[Tensor, Tensor]:
        near, far = through_box(self.box, rays)
        count = len(near)
        shift = torch.rand(count, self.COARSE, device=self.place) if jitter else 0.5
        step = (far - near) / self.COARSE
        first = near[:, None] + step[:, None] * (torch.arange(self.COARSE, device=self.place) + shift)
        coarse, weights = self._composed(self.coarse, rays, first, far)
        more = self._drawn(near, step, weights.detach() + 1e-5, jitter=jitter)
        fine, _ = self._composed(self.fine, rays, torch.cat([first, more], 1).sort(1).values, far)
        return coarse, fine

    def _composed(self, network: Network, rays: Rays, at: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
        points = rays.origins[:, None] + rays.directions[:, None] * at[..., None]
        scaled = 2 * (points - self.box.low) / self.box.longest - 1
        density, rgb = network(scaled.view(-1, 3), rays.directions[:, None].expand_as(points).reshape(-1, 3))
        gaps = torch.cat([at[:, 1:], far[:, None]], 1) - at
        alpha = 1 - torch.exp(-density.view_as(at) * gaps.clamp(min=0))
        clear = torch.cumprod(1 - alpha + 1e-10, 1)
        weights = alpha * torch.cat([torch.ones_like(clear[:, :1]), clear[:, :-1]], 1)
        seen = (weights[..., None] * rgb.view(*at.shape, 3)).sum(1)
        return seen + clear[:, -1:], weights

    def _drawn(self, near: Tensor, step: Tensor, weights: Tensor, *, jitter: bool) -> Tensor:
        total = torch.cumsum(weights / weights.sum(1, keepdim=True), 1)
        total = torch.cat([torch.zeros_like(total[:, :1]), total], 1)
        shares = (torch.rand(len(near), self.FINE, device=self.place) if jitter
                  else torch.linspace(0.5 / self.FINE, 1 - 0.5 / self.FINE, self.FINE, device=self.place)
                  .expand(len(near), self.FINE))  # fmt: skip
        index = torch.searchsorted(total, shares.contiguous(), right=True).clamp(1, self.COARSE)
        low, high = total.gather(1, index - 1), total.gather(1, index)
        within = (shares - low) / (high - low).clamp(min=1e-8)
        return near[:, None] + step[:, None] * (index - 1 + within)


def compared(taken: Photographs, place: torch.device) -> tuple[Rays, Tensor]:
    """Chance pixels of the held-out photographs and their colours."""
    rays, rgba, _ = PixelPool(taken.held_out, place).drawn(COMPARED, torch.Generator().manual_seed(1))
    return rays, rgba[:, :3].cpu()


def measured(method: Any, marks: list[float], test: tuple[Rays, Tensor]) -> Iterator[dict[str, float]]:
    """PSNR at each of the seconds, with the steps that were done by then."""
    spent, steps = 0.0, 0
    for mark in marks:
        while spent < mark:
            began = time.perf_counter()
            method.step()
            if test[0].origins.is_cuda:
                torch.cuda.synchronize()
            spent, steps = spent + time.perf_counter() - began, steps + 1
        error = float((method.colours(test[0]).cpu().clamp(0, 1) - test[1]).square().mean())
        yield {"seconds": mark, "spent": spent, "steps": steps, "psnr": -10 * float(np.log10(max(error, 1e-10)))}


def nerfacto() -> str:
    """Why nerfstudio's nerfacto is not among the methods; the attempt to install it takes INSTALL_S at most."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, "-m", "venv", scratch], check=True)
        # The torch that is here counts as installed, so that only what is missing is fetched.
        site = next(Path(scratch).glob("lib/python*/site-packages"))
        (site / "host.pth").write_text(str(Path(torch.__file__).parents[1]))
        pip = [str(Path(scratch) / "bin" / "python"), "-m", "pip", "install", "-q", "-c",
               "packaging/constraints.txt", "nerfstudio"]  # fmt: skip
        try:
            done = subprocess.run(pip, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        except subprocess.TimeoutExpired:
            return f"not installable here: pip was not done after {INSTALL_S} s (it builds fpsample from source)"
        if done.returncode:
            return "not installable here: " + (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
    return "installs here, but this script does not know how to run it yet: compare with ns-train by hand"


def main() -> None:
    """Print a line for each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", default="10,30,60,120")
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--scene", type=int, default=5)
    parser.add_argument("--methods", nargs="*", choices=["voxels", "hash", "plain NeRF"],
                        default=["voxels", "hash", "plain NeRF"])  # fmt: skip
    parser.add_argument("--nerfacto", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    marks = [float(one) for one in asked.seconds.split(",")]
    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    taken = photographs(asked.scene, asked.images, asked.size)
    test = compared(taken, place)
    quick = place.type == "cuda"
    rays, samples, side = (4096, 192, 160) if quick else (512, 96, 96)
    common = Learning(rays=rays, samples=samples, side=side, grow_at=0.15, skip_from=0.1, rate=0.5)
    hashed = dataclasses.replace(common, rate=1.0, cells=128 if quick else 40)
    made: dict[str, Callable[[], Any]] = {
        "voxels": lambda: Ours("voxels", taken, common, marks[-1], place),
        "hash": lambda: Ours("hash", taken, hashed, marks[-1], place),
        "plain NeRF": lambda: PlainNerf(taken, place),
    }
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    told = {"device": str(place), "threads": torch.get_num_threads(), "load_before": load, "size": asked.size,
            "learned": len(taken.learned), "held_out": len(taken.held_out)}  # fmt: skip
    print(json.dumps(told) if asked.json else told, flush=True)
    for name in asked.methods:
        found = list(measured(made[name](), marks, test))
        if asked.json:
            print(json.dumps({"method": name, "at": found}), flush=True)
        else:
            cells = "".join(f"  {one['psnr']:6.2f} dB ({one['steps']:.0f})" for one in found)
            print(f"{name:12}{cells}", flush=True)
    if asked.nerfacto:
        why = nerfacto()
        print(
            json.dumps({"method": "nerfacto", "at": [], "why": why}) if asked.json else f"nerfacto     {why}",
            flush=True,
        )


if __name__ == "__main__":
    main()
