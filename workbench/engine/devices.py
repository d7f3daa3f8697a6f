"""Where a model runs, in which number format, on how many threads, and what memory is there."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from contextlib import AbstractContextManager
from typing import Any, Literal

import psutil
import torch

from workbench.core.job import Job
from workbench.core.problem import InputError

Precision = Literal["fp32", "bf16"]


@dataclasses.dataclass(frozen=True)
class Place:
    """A device and the number format to train in; `memory_bytes` is all that the device has."""

    device: torch.device
    dtype_name: Precision
    name: str
    memory_bytes: int

    @property
    def is_cuda(self) -> bool:
        """Whether kernels run beside Python, so that reading a number waits for them."""
        return self.device.type == "cuda"

    def autocast(self) -> AbstractContextManager[Any]:
        """The number format of training, for forward passes outside of fit (evaluation, apply)."""
        if self.dtype_name == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def synchronize(self) -> None:
        """Wait until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def peak_bytes(self) -> int:
        """The most memory taken so far: the device's own, or this process's on the CPU."""
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device))
        if self.device.type == "mps":
            return int(torch.mps.driver_allocated_memory())
        return _peak_process_bytes()

    def free_cache(self) -> None:
        """Give unused blocks back to the device."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()


def has_tiles() -> bool:
    """Whether the processor multiplies matrices of bfloat16 in hardware (AMX)."""
    asked: Any = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return bool(asked())


def choose(device: str = "auto", precision: str = "auto") -> Place:
    """The place for 'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'; raises InputError where it is absent.

    'auto' takes the first accelerator and, there, bf16 where the hardware has it.
    """
    kind = _auto() if device in ("", "auto") else device
    present = {one["device"] for one in available()}
    if kind.split(":")[0] == "cuda" and ":" not in kind and "cuda:0" in present:
        kind = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    if kind not in present:
        raise InputError(
            f"This machine has no device {device!r}.",
            expected="one of " + ", ".join(sorted(present)),
            received=device,
            fix="Choose 'auto' to take the best one there is.",
            field="device",
        )
    place = torch.device(kind)
    fact = next(one for one in available() if one["device"] == kind)
    return Place(place, _precision(place, precision), fact["name"], fact["memory_bytes"])


def place_of(job: Job) -> Place:
    """The place a job was given; its `precision`, where it has one, comes from the settings."""
    return choose(job.device, getattr(job, "precision", "auto"))


def available() -> list[dict[str, Any]]:
    """Every device: its address, its name, its memory in bytes, and whether it has bf16."""
    memory = psutil.virtual_memory().total
    found = [{"device": "cpu", "name": f"CPU, {cores()} cores", "memory_bytes": memory, "bf16": False}]
    for number in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(number)
        found.append(
            {"device": f"cuda:{number}", "name": facts.name, "memory_bytes": facts.total_memory,
             "bf16": facts.major >= 8}
        )  # fmt: skip
    if torch.backends.mps.is_available():
        found.append({"device": "mps", "name": "Apple GPU", "memory_bytes": memory, "bf16": False})
    return found


def _auto() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _precision(device: torch.device, asked: str) -> Precision:
    if asked in ("fp32", "bf16"):
        return "bf16" if asked == "bf16" else "fp32"
    return "bf16" if device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8 else "fp32"


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_threads(lane: Literal["batch", "interactive"]) -> int:
    """Threads for torch's CPU kernels: all cores for a batch job, half for the interactive lane.

    OMP_NUM_THREADS in the environment wins. Returns the number set.
    """
    named = os.environ.get("OMP_NUM_THREADS", "")
    count = int(named) if named.isdigit() and int(named) > 0 else cores() if lane == "batch" else max(1, cores() // 2)
    torch.set_num_threads(count)
    return count


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, in any of torch's ways of saying it."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return "out of memory" in text or "not enough memory" in text


def _peak_process_bytes() -> int:
    memory = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):
        return int(memory.peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return max(int(memory.rss), int(peak) if sys.platform == "darwin" else int(peak) * 1024)
