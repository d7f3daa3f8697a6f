"""Whether a device renders and learns fields as the CPU does, and how often a step waits for it.

Same weights, same rays: colours and every gradient beside those of the CPU, where the same samples are worked out.
Matrix products keep all their bits while they are compared.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from workbench.engine.scenes import fields
from workbench.engine.scenes.fieldrendering import Occupancy, Rays, learned
from workbench.engine.scenes.fields import FieldFacts
from workbench.engine.scenes.fieldtraining import LOOK_EVERY, LOOK_PARTS, Learner
from workbench.engine.scenes.fieldviews import Photographs, PixelPool

RAYS, SAMPLES = 256, 96
NEAR = 1e-3
"""Colours and gradients (of each tensor's largest) that differ by more are not the same, unless rounding alone does it:
a hash table's finest cells are so small that the last bit of a ray's origin moves its gradients by a hundredth."""
ROUNDING = 6e-8
WATCHED = 5


def agreed(facts: FieldFacts, taken: Photographs, place: torch.device) -> dict[str, Any]:
    """How far colours, gradients and empty cells of a field on a device are from the CPU's."""
    torch.manual_seed(2)
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    here = fields.made(facts)
    with torch.no_grad():
        for one in here.parameters():  # a new table is all but zero, and shows nothing
            if one.shape[0] > 1000:
                one.normal_(std=0.5)
    there = copy.deepcopy(here).to(place)
    rays, _, _ = PixelPool(taken.learned, torch.device("cpu")).drawn(RAYS, torch.Generator().manual_seed(3))
    jitter = torch.rand(RAYS, SAMPLES, generator=torch.Generator().manual_seed(4))
    told, grads = [], []
    nudged = Rays(
        rays[0] * (1 + ROUNDING * torch.randn(rays[0].shape, generator=torch.Generator().manual_seed(6))), *rays[1:]
    )
    for field, device, some in (
        (here, torch.device("cpu"), rays),
        (there, place, rays),
        (here, torch.device("cpu"), nudged),
    ):
        field.zero_grad()
        found = learned(field, Rays(*(one.to(device) for one in some)), SAMPLES, torch.ones(3, device=device),
                        occupancy=None, jitter=jitter.to(device), far_enough=0.5 * field.longest,
                        room=RAYS * SAMPLES + 500)  # fmt: skip
        (found.seen.rgb * torch.linspace(0.5, 1.5, 3, device=device)).sum().backward()  # type: ignore[no-untyped-call]
        told.append(found.seen.rgb.detach().cpu())
        grads.append([one.grad.cpu().clone() for one in field.parameters() if one.grad is not None])
    torch.set_float32_matmul_precision(precision)
    colours = float((told[0] - told[1]).abs().max())
    gradients, rounding = (_apart(grads[0], other) for other in grads[1:])
    return {"check": facts.kind, "colours": colours, "spread": float(told[0].std()), "gradients": gradients,
            "rounding": rounding, "cells": _cells(here, there),
            "agrees": colours < NEAR and gradients < max(NEAR, rounding)}  # fmt: skip


def _apart(some: list[torch.Tensor], others: list[torch.Tensor]) -> float:
    """The greatest difference of gradients, as a share of each tensor's largest."""
    return max(float((a - b).abs().max() / a.abs().max().clamp(min=1e-12)) for a, b in zip(some, others, strict=True))


def _cells(here: fields.Field, there: fields.Field) -> float:
    """The share of points of which both say alike whether they lie in filled cells."""
    one, other = Occupancy(here, 32), Occupancy(there, 32)
    one.look(here, torch.Generator().manual_seed(5))
    other.look(there, torch.Generator().manual_seed(5))
    points = here.low + torch.rand(20_000, 3) * (here.high - here.low)
    return float((one.at(points) == other.at(points.to(there.low.device)).cpu()).float().mean())


def waits(learner: Learner) -> Iterator[str]:
    """What a step without a look at empty cells waits for on a CUDA device, in its own words; ideally nothing."""
    while learner.done < LOOK_EVERY or learner.done % (LOOK_EVERY // LOOK_PARTS) != 1:
        learner.step()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(WATCHED):
                learner.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for one in caught:
        yield f"{one.filename.rsplit('/', 2)[-1]}:{one.lineno} {str(one.message)[:120]}"


def profiled(learner: Learner, rows: int = 16) -> str:
    """Where five steps spend the device's time."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        for _ in range(WATCHED):
            learner.step()
        torch.cuda.synchronize()
    key = "self_device_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    return str(seen.key_averages().table(sort_by=key, row_limit=rows, max_name_column_width=60))
