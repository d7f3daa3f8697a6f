"""Pretrains the network that the recipe's desk size begins with, on many more rooms than a desk would make.

`python -m workbench.recipes.scenes.nerf_mae.starter --rooms 4000 --steps 2000 --seed 1000 --out
resources/backbones/radiance-encoder`

The networks, the loss, the masks and the rooms are the recipe's. What differs is speed: rooms are made by all cores and
lie on the device, where they are mirrored and turned, and a GPU repeats one recorded step.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from workbench.core.scenes import RadianceMeta
from workbench.engine import rng
from workbench.engine.batches import schedule
from workbench.engine.devices import Place, choose, cores
from workbench.engine.objective import decaying
from workbench.engine.scenes.swin3d import voxel_mask

from .data import SEEN_ALPHA, Grid, Stream, room
from .going_on import FILE, NAME, shape_of
from .networks import MaskedAutoencoder, restoring_errors
from .pretraining import AVERAGES, mask_of, mean_grid
from .recipe import DESK, NerfMae

logger = logging.getLogger(__name__)
HELD_OUT = 32
WARM_UP_STEPS = 3
"""Before a step is recorded, so that libraries have made what they keep."""


def rooms(seed: int, stream: Stream, count: int, params: NerfMae) -> list[Grid]:
    """The first rooms of a stream, made by all cores."""
    one = functools.partial(room, seed, stream, params=params)
    workers = min(cores(), count)
    if workers <= 1:
        return [one(index) for index in range(count)]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(one, range(count), chunksize=max(1, count // (8 * workers))))


def stacked(grids: list[Grid], place: Place) -> Tensor:
    """Grids (N, 4, S, S, S) on the device, in half precision."""
    whole = np.stack([np.moveaxis(one.rgba, -1, 0) for one in grids]).astype(np.float16)
    return torch.from_numpy(whole).to(place.device)


def varied(grids: Tensor, mirrored: Tensor, turned: Tensor) -> Tensor:
    """Grids (B, C, S, S, S) mirrored along x and y where `mirrored` (B, 2) says so, and turned by 90° about z.

    What data.varied does with a grid and its boxes, for grids alone and without a wait for the host.
    """
    for axis in range(2):
        grids = torch.where(mirrored[:, axis, None, None, None, None], grids.flip(2 + axis), grids)
    return torch.where(turned[:, None, None, None, None], grids.rot90(1, (2, 3)), grids)


@dataclasses.dataclass
class Step:
    """One step of pretraining with everything on the device; on a GPU it is recorded and repeated."""

    model: MaskedAutoencoder
    grids: Tensor
    params: NerfMae
    place: Place

    def __post_init__(self) -> None:
        device, batch = self.place.device, self.params.batch
        tokens = self.params.side // self.params.patch
        self.which = torch.zeros(batch, dtype=torch.int64, device=device)
        self.mirrored = torch.zeros(batch, 2, dtype=torch.bool, device=device)
        self.turned = torch.zeros(batch, dtype=torch.bool, device=device)
        self.hidden = torch.zeros(tokens, tokens, tokens, dtype=torch.bool, device=device)
        self.valid = torch.ones(batch, *self.grids.shape[2:], dtype=torch.bool, device=device)
        self.rate = torch.zeros((), device=device)
        self.optimizer = torch.optim.AdamW(
            [one | {"lr": self.rate} for one in decaying(self.model, self.params)], capturable=self.place.is_cuda
        )
        self.again: Callable[[], None] | None = None

    def draw(self, step: int, seed: int) -> None:
        """Which grids this step sees and how, and what it hides; all hang on the seed and the step."""
        chance = np.random.default_rng((seed, step))
        batch = self.params.batch
        self.which.copy_(torch.from_numpy(chance.integers(len(self.grids), size=batch)))
        self.mirrored.copy_(torch.from_numpy(chance.random((batch, 2)) < 0.5))
        self.turned.copy_(torch.from_numpy(chance.random(batch) < 0.5))
        self.hidden.copy_(mask_of(self.params, seed * 1_000_003 + step))

    def __call__(self, step: int, seed: int, rate: float) -> None:
        self.draw(step, seed)
        self.rate.fill_(rate)
        (self.again or self.learn)()

    def learn(self) -> None:
        """Forward, backward, clipping, AdamW."""
        grid = varied(self.grids[self.which].float(), self.mirrored, self.turned)
        with self._format():
            colour, opacity = self.model.losses(grid, self.hidden, self.valid)
        (colour + opacity).backward()  # type: ignore[no-untyped-call]
        if self.params.clip > 0:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.params.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=False)

    def _format(self) -> contextlib.AbstractContextManager[object]:
        if self.place.dtype_name == "fp32":
            return contextlib.nullcontext()
        # Weights must not be kept in the other format from one pass to the next: a recorded step would keep them.
        return torch.autocast(self.place.device.type, dtype=torch.bfloat16, cache_enabled=False)

    def record(self) -> None:
        """Take down what a step does on the GPU, so that repeating it costs the host one call."""
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP_STEPS):
                self.learn()
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.learn()
        self.again = graph.replay

    def forget(self) -> None:
        """Begin anew after recording: no gradients, no moments, the same tensors."""
        self.optimizer.zero_grad(set_to_none=False)
        for state in self.optimizer.state.values():
            for one in state.values():
                one.zero_()


@torch.no_grad()
def held_out_errors(model: MaskedAutoencoder, grids: Tensor, params: NerfMae, place: Place) -> tuple[float, float]:
    """Errors of colour and opacity on grids that were never learned from, always with the same masks."""
    model.eval()
    sums = np.zeros(2)
    for at in range(len(grids)):
        grid, hidden = grids[at : at + 1].float(), mask_of(params, 2024 + at).to(place.device)
        with place.autocast():
            errors = model.losses(grid, hidden, torch.ones_like(grid[:, 3], dtype=torch.bool))
        sums += [float(one) for one in errors]
    model.train()
    colour, opacity = sums / len(grids)
    return float(colour), float(opacity)


def unseeing_errors(grids: Tensor, held_out: Tensor, params: NerfMae) -> tuple[float, float]:
    """The same errors of who says the mean grid everywhere."""
    known = [Grid("", one.permute(1, 2, 3, 0).float().numpy(), RadianceMeta()) for one in grids[:AVERAGES].cpu()]
    mean, sums = mean_grid(known, params.side)[None], np.zeros(2)
    for at in range(len(held_out)):
        grid = held_out[at : at + 1].float().cpu()
        covered = voxel_mask(mask_of(params, 2024 + at), params.patch)[None]
        sums += [
            float(one) for one in restoring_errors(mean[:, :3], mean[:, 3], grid, grid[:, 3] > SEEN_ALPHA, covered)
        ]
    colour, opacity = sums / len(held_out)
    return float(colour), float(opacity)


def pretrain(
    grids: Tensor, held_out: Tensor, params: NerfMae, *, seed: int, place: Place
) -> tuple[MaskedAutoencoder, list[dict[str, float]]]:
    """The autoencoder after `params.max_steps` steps, and its held-out errors on the way."""
    rng.seed(seed)
    model = MaskedAutoencoder(params).to(place.device).train()
    step = Step(model, grids, params, place)
    if place.is_cuda:
        before = {name: one.clone() for name, one in model.state_dict().items()}
        step.draw(0, seed)
        step.record()
        model.load_state_dict(before)
        step.forget()
    told: list[dict[str, float]] = []
    every = max(1, params.max_steps // params.evaluations)
    began = time.monotonic()
    for at in range(params.max_steps):
        step(at, seed, params.learning_rate * schedule(at, params.max_steps, params.warmup))
        if (at + 1) % every == 0 or at + 1 == params.max_steps:
            place.synchronize()
            colour, opacity = held_out_errors(model, held_out, params, place)
            told.append({"step": at + 1, "seconds": time.monotonic() - began, "colour": colour, "opacity": opacity})
            logger.info("step %d, %.0f s: held out colour %.4f, opacity %.4f", at + 1, told[-1]["seconds"], colour,
                        opacity)  # fmt: skip
    return model.eval(), told


def keep(folder: Path, model: MaskedAutoencoder, params: NerfMae, facts: dict[str, Any]) -> None:
    """Write the network, and a card that says how it was made, as going_on.read wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: one.detach().cpu().float().contiguous() for name, one in model.state_dict().items()}
    save_file(state, folder / FILE)
    card = {"config": {"recipe": NAME}, "task": "encoder", "knobs": shape_of(params), **facts}
    (folder / "workbench.json").write_text(json.dumps(card, indent=1) + "\n")


def affordable_steps(grids: Tensor, params: NerfMae, place: Place, seconds: float, *, tried: int = 60) -> int:
    """How many steps fit into so many seconds, in whole hundreds: some are taken and forgotten."""
    model = MaskedAutoencoder(params).to(place.device).train()
    step = Step(model, grids, params, place)
    step.draw(0, 0)
    if place.is_cuda:
        step.record()
    place.synchronize()
    began = time.monotonic()
    for at in range(tried):
        step(at, 0, 0.0)
    place.synchronize()
    return max(100, int(seconds * tried / (time.monotonic() - began)) // 100 * 100)


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=0, help="0: as many as --seconds hold")
    parser.add_argument("--seconds", type=float, default=100.0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--patch", type=int, default=DESK.patch)
    parser.add_argument("--block", type=int, default=DESK.block)
    parser.add_argument("--share", type=float, default=DESK.mask_share, help="share of the blocks that are hidden")
    parser.add_argument("--width", type=int, default=DESK.width)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--grids", type=Path, help="a file that the rooms are kept in, to make them once")
    parser.add_argument("--make-only", action="store_true", help="make the rooms and end")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    place = choose(given.device)
    params = DESK.replace(
        batch=given.batch, learning_rate=given.rate, warmup=0.05, evaluations=20, patch=given.patch, block=given.block,
        width=given.width, mask_share=given.share,
    )  # fmt: skip
    began = time.monotonic()
    if given.grids and given.grids.is_file():
        whole = torch.from_numpy(np.load(given.grids)).to(place.device)
    else:
        whole = stacked(rooms(given.seed, "unlabelled", given.rooms + HELD_OUT, params), place)
        if given.grids:
            np.save(given.grids, whole.cpu().numpy())
    if given.make_only:
        return
    held_out, grids = whole[-HELD_OUT:], whole[:-HELD_OUT]
    logger.info("%d rooms after %.0f s", len(whole), time.monotonic() - began)
    steps = given.steps or affordable_steps(grids, params, place, given.seconds)
    params = params.replace(max_steps=steps)
    unseeing = unseeing_errors(grids, held_out, params)
    logger.info("%d steps of %d rooms on %s; who says the mean room errs by %.4f (colour) and %.4f (opacity)",
                steps, params.batch, place.name, *unseeing)  # fmt: skip
    began = time.monotonic()
    model, told = pretrain(grids, held_out, params, seed=given.seed, place=place)
    facts = {"seed": given.seed, "rooms": len(grids), "steps": steps, "batch": params.batch,
             "learning_rate": params.learning_rate, "mask_share": params.mask_share, "device": place.name,
             "seconds": round(time.monotonic() - began), "unseeing": [round(one, 4) for one in unseeing],
             "held_out": {name: round(told[-1][name], 4) for name in ("colour", "opacity")}}  # fmt: skip
    keep(given.out, model, params, facts)
    logger.info("%s", json.dumps(facts))


if __name__ == "__main__":
    main()
