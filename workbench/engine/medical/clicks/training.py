"""Trains the network that refines by clicks, on generated data only.

`python -m workbench.engine.medical.clicks.training --steps 8000 --seed 1 --out resources/backbones/click-refiner`

Every step answers one mark of a simulated person; the answer is the mask that the next mark of the same session is
set against, so that the network meets its own mistakes (iterative training, Sofiiuk et al., arXiv:2102.06583).
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from workbench.core.problem import InputError
from workbench.engine import checkpoints
from workbench.engine.devices import has_tiles
from workbench.engine.medical import refine
from workbench.engine.medical.clicks import network, person
from workbench.engine.medical.clicks.objects import Case, training_case

logger = logging.getLogger(__name__)
Mask = NDArray[np.bool_]
WORKING_VOXELS = 40_000
"""Of a step's working grid: a quarter of what is answered on, to see more of them in the same time."""
TOGETHER = 2
DAMAGED, SLICED, SCRIBBLED, SLOPPY = 0.4, 0.15, 0.2, 0.3
MOST_MARKS = 8
KEPT_EVERY = 200


@dataclasses.dataclass
class Session:
    """A person at work on one case."""

    number: int
    case: Case
    mask: Mask
    reach_mm: float
    left: int
    """Marks still to set."""
    marks: dict[bool, list[NDArray[np.intp]]] = dataclasses.field(default_factory=lambda: {True: [], False: []})

    @property
    def all_marks(self) -> NDArray[np.intp]:
        """Marked voxels (N, 3)."""
        return np.concatenate(self.marks[True] + self.marks[False])


@dataclasses.dataclass(frozen=True)
class Step:
    """A mark's question, what would be right on its grid, and where in the volume it lies."""

    session: Session
    box: person.Box
    question: refine.Question
    truth: Mask
    step: tuple[int, int, int]


def sessions(seed: int, first: int = 0) -> Iterator[Session]:
    """People at work, without end: from nothing, from a damaged mask, within a slice."""
    for number in itertools.count(first):
        case = training_case(seed, number)
        rng = np.random.default_rng((8, seed, number))
        if rng.random() < SLICED:
            areas = case.truth.sum((1, 2))
            at = int(rng.choice(np.flatnonzero(areas >= 0.3 * areas.max())))
            case = Case(case.name, case.values[at : at + 1], case.truth[at : at + 1], case.spacing_mm)
        mask = np.zeros_like(case.truth)
        if rng.random() < DAMAGED:
            mask = person.damaged(case.truth, case.spacing_mm, rng)
        yield Session(number, case, mask, float(rng.uniform(25, 60)), int(rng.integers(1, MOST_MARKS + 1)))


def steps(seed: int, first: int = 0) -> Iterator[Step]:
    """Marks one after another, without end; whoever takes one puts the answer into its session's mask."""
    for session in sessions(seed, first):
        case, rng = session.case, np.random.default_rng((9, seed, session.number))
        while session.left:
            session.left -= 1
            wrong = session.mask != case.truth
            if not wrong.any():
                break
            found = _marks(wrong, case, rng)
            session.marks[bool(case.truth[tuple(found[0])])].append(found)
            try:
                yield _step(session)
            except InputError:  # nothing to be told apart within reach
                break


def _marks(wrong: Mask, case: Case, rng: np.random.Generator) -> NDArray[np.intp]:
    if rng.random() < SCRIBBLED:
        return person.scribble(wrong, case.spacing_mm, rng)
    depth = float(rng.uniform(0.3, 0.8)) if rng.random() < SLOPPY else 0.8
    return person.click(wrong, case.spacing_mm, rng, depth=depth)[None]


def _step(session: Session) -> Step:
    case = session.case
    box = person.box_around(session.all_marks, case.truth.shape, case.spacing_mm, session.reach_mm)
    corner = np.asarray([one.start for one in box])
    yes, no = (np.concatenate([np.zeros((0, 3), np.intp), *session.marks[key]]) - corner for key in (True, False))
    question, step = refine.ask(
        case.values[box], yes, no, case.spacing_mm, prior=session.mask[box], shown=session.mask[box],
        most_voxels=WORKING_VOXELS,
    )  # fmt: skip
    return Step(session, box, question, refine.thinned_mask(case.truth[box], step), step)


def answer(one: Step, shares: refine.Floats) -> None:
    """Put what the network says into the session's mask; marks come out as marked."""
    inside = refine.spread(shares, one.session.mask[one.box].shape) > 0.5
    one.session.mask[one.box] = inside
    for wanted, all_of in one.session.marks.items():
        for marks in all_of:
            one.session.mask[tuple(marks.T)] = wanted


def loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy and one minus the soft Dice, of (1, 1, z, y, x)."""
    share = torch.sigmoid(logits)
    dice = (2 * (share * truth).sum() + 1) / (share.sum() + truth.sum() + 1)
    return F.binary_cross_entropy_with_logits(logits, truth) + 1 - dice


def train(
    count: int, seed: int, *, shape: network.Shape | None = None, rate: float = 2e-3, kept: Path | None = None
) -> network.ClickNetwork:
    """The network after `count` steps; with `kept` a folder where a run that was cut off goes on from.

    Raises KnownTrouble where that folder cannot be read.
    """
    torch.manual_seed(seed)
    net = network.ClickNetwork(shape)
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=1e-4)
    updates = max(count // TOGETHER, 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda at: min((at + 1) / 100, 0.02 + 0.98 * (1 + math.cos(math.pi * at / updates)) / 2)
    )
    parts: dict[str, Any] = {"net": net, "optimiser": optimiser, "schedule": schedule}
    done = first = 0
    if kept is not None and (kept / checkpoints.SKELETON).is_file():
        state = checkpoints.read(kept)
        done, first = state["steps"], state["session"]
        for name, part in parts.items():
            part.load_state_dict(state[name])
    begun, told = time.monotonic(), list[tuple[float, float]]()
    for number, one in zip(range(done + 1, count + 1), steps(seed, first), strict=False):
        x = torch.from_numpy(network.channels(one.question))[None]
        truth = torch.from_numpy(one.truth)[None, None].float()
        with torch.autocast("cpu", torch.bfloat16, enabled=has_tiles()):  # eight times as fast with AMX
            logits = net(x, one.question.spacing_mm)
        logits = logits.float()
        cost = loss(logits, truth)
        (cost / TOGETHER).backward()  # type: ignore[no-untyped-call]
        answer(one, torch.sigmoid(logits.detach())[0, 0].numpy())
        told.append((float(cost.detach()), _dice(one.session.mask[one.box], one.session.case.truth[one.box])))
        if number % TOGETHER == 0:
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
        if number % KEPT_EVERY == 0:
            cost_, dice = np.mean(told[-KEPT_EVERY:], axis=0)
            logger.info("%d steps, %.0f s: loss %.3f, Dice %.3f", number, time.monotonic() - begun, cost_, dice)
            if kept is not None:
                states = {name: part.state_dict() for name, part in parts.items()}
                kept.mkdir(parents=True, exist_ok=True)
                checkpoints.write(kept, {"steps": number, "session": one.session.number + 1, **states})
    return net.eval()


def _dice(one: Mask, other: Mask) -> float:
    return float(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))


def main() -> None:
    """Train as the card says, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kept", type=Path, help="a folder for the state, from where a run that was cut off goes on")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    begun = time.monotonic()
    net = train(asked.steps, asked.seed, kept=asked.kept)
    facts = {"steps": asked.steps, "seed": asked.seed, "data": "generated heads and torsos",
             "never asked for": ["tumour core", "MR after contrast agent", "spleen", "aorta"],
             "weights": sum(one.numel() for one in net.parameters())}  # fmt: skip
    network.save(net, asked.out, facts)
    logger.info("%s after %.0f s", asked.out, time.monotonic() - begun)


if __name__ == "__main__":
    main()
