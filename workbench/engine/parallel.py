"""accelerate as the training loop needs it: mixed precision, and one process per GPU.

Each process takes its share of every effective batch. Gradients are summed over all processes
after the local micro-batches, so the result is that of one process with the whole batch, and a
process that ran out of memory can say so before the others wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from workbench.engine.devices import Place


class Parallel:
    """The processes of one fit; with one process every method is plain torch."""

    def __init__(self, model: nn.Module, loss: Callable[[Any], Tensor], place: Place) -> None:
        # Accelerate keeps one state per process; a second fit may want another precision.
        AcceleratorState._reset_state(reset_partial_state=True)
        self.accelerator = Accelerator(
            cpu=place.device.type == "cpu",
            mixed_precision="bf16" if place.dtype_name == "bf16" else "no",
            device_placement=False,
        )
        self.device = place.device
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes
        self.learning = [one for one in model.parameters() if one.requires_grad]
        self._loss = self.accelerator.prepare_model(_Loss(loss), device_placement=False, evaluation_mode=True)
        self._signals = dist.new_group(backend="gloo") if self.world > 1 else None
        if self.world > 1:
            for one in [*model.parameters(), *model.buffers()]:
                dist.broadcast(one.detach(), 0)

    def share(self, indices: Sequence[int]) -> list[int]:
        """This process's part of an effective batch; may be empty."""
        return list(indices[self.rank :: self.world])

    def backward(self, batch: Any, total: float) -> Tensor:
        """The micro-batch's loss as its part of the mean over `total` terms; gradients add up."""
        loss: Tensor = self._loss(_moved(batch, self.device)) / total
        self.accelerator.backward(loss)
        return loss.detach()

    def sum_gradients(self, mean: Tensor) -> Tensor:
        """Sum all processes' gradients in place; returns the sum of their parts of the loss."""
        if self.world == 1:
            return mean
        for one in self.learning:
            one.grad = torch.zeros_like(one) if one.grad is None else one.grad
        waits = [dist.all_reduce(one, async_op=True) for one in [*(one.grad for one in self.learning), mean]]
        for wait in waits:
            wait.wait()
        return mean

    def clip(self, longest: float) -> None:
        """Shorten the gradient over all parameters to `longest`."""
        self.accelerator.clip_grad_norm_(self.learning, longest)

    def agree(self, *numbers: float) -> tuple[float, ...]:
        """The first process's numbers, in every process; the device is not waited for."""
        if self._signals is None:
            return numbers
        told = torch.tensor(numbers, dtype=torch.float64)
        dist.broadcast(told, 0, group=self._signals)
        return tuple(told.tolist())

    def total(self, number: float) -> float:
        """The sum of a number over all processes."""
        if self._signals is None:
            return number
        told = torch.tensor(number, dtype=torch.float64)
        dist.all_reduce(told, group=self._signals)
        return told.item()


class _Loss(nn.Module):
    """An objective's loss as a module, so that mixed precision covers all that it calls."""

    def __init__(self, compute: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.compute = compute

    def forward(self, batch: Any) -> Tensor:
        return self.compute(batch)


def _moved(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        return {name: _moved(one, device) for name, one in batch.items()}
    if isinstance(batch, (list, tuple)):
        return type(batch)(_moved(one, device) for one in batch)
    return batch
