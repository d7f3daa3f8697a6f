"""What a training step costs: seconds, and the most memory that is taken at once."""

from __future__ import annotations

import dataclasses
import os
import statistics
import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from workbench.engine.devices import Place

WARMING = 2
"""Steps before anything is measured: the optimizer makes its state in the first."""


@dataclasses.dataclass(frozen=True)
class Cost:
    """A step's `seconds` (the median of those measured) and `peak_bytes`, of which `held_bytes` are there all along.

    Held are weights, learning or not, buffers and the optimizer's state; the rest comes and goes within a step:
    activations, gradients, scratch. On a CPU all that torch allocates is counted, by its profiler; what libraries
    below it keep for themselves is not. On a CUDA device its allocator counts, everything that is on it.
    """

    seconds: float
    peak_bytes: int
    held_bytes: int
    learning: int
    """How many numbers learn."""


def measure(
    step: Callable[[], object], *, models: Iterable[nn.Module], optimizer: torch.optim.Optimizer, place: Place,
    repeats: int = 5,
) -> Cost:  # fmt: skip
    """Run `step` (forward, backward, optimizer, gradients back to None) 2 + repeats + 1 times and weigh it.

    The last one is run under the profiler for its memory, and is not timed. Weights move: measure before training
    on copies, or after it.
    """
    for _ in range(WARMING):
        step()
    seconds = []
    for _ in range(repeats):
        place.synchronize()
        began = time.perf_counter()
        step()
        place.synchronize()
        seconds.append(time.perf_counter() - began)
    kept = list(models)
    held = held_bytes(kept, optimizer)
    peak = _cuda_peak(step, place) if place.is_cuda else held + allocated_peak(step)
    learning = sum(one.numel() for group in optimizer.param_groups for one in group["params"])
    return Cost(statistics.median(seconds), peak, held, learning)


def held_bytes(models: Iterable[nn.Module], optimizer: torch.optim.Optimizer) -> int:
    """Bytes of weights, buffers and optimizer state; what is shared counts once."""
    tensors = [one for model in models for one in (*model.parameters(), *model.buffers())]
    for state in optimizer.state.values():
        tensors += [one for one in state.values() if isinstance(one, Tensor)]
    return sum({one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in tensors}.values())


def allocated_peak(step: Callable[[], object]) -> int:
    """The most bytes that a call has allocated on the CPU and not yet freed, at any moment of it."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the profiler tells stderr when it starts and stops
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as watched:
        step()
    events = [one for one in watched.profiler.kineto_results.events() if one.name() == "[memory]"]
    now = most = 0
    for one in sorted(events, key=lambda one: one.start_ns()):
        now += one.nbytes()
        most = max(most, now)
    return most


def _cuda_peak(step: Callable[[], object], place: Place) -> int:
    torch.cuda.reset_peak_memory_stats(place.device)
    step()
    place.synchronize()
    return int(torch.cuda.max_memory_allocated(place.device))
