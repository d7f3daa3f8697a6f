"""Every source of chance in one place: seed them, photograph them, put them back."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


def seed(value: int) -> None:
    """Seed torch (all devices), numpy and Python alike."""
    torch.manual_seed(value)
    np.random.seed(value % 2**32)
    random.seed(value)


def snapshot() -> dict[str, Any]:
    """The state of every source of chance, as a tree that checkpoints.write accepts."""
    name, keys, *rest = np.random.get_state(legacy=True)
    version, inner, gauss = random.getstate()
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": [name, torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest],
        "python": [version, torch.tensor(inner, dtype=torch.int64), gauss],
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore(state: dict[str, Any]) -> None:
    """Put a snapshot back."""
    name, keys, *rest = state["numpy"]
    version, inner, gauss = state["python"]
    torch.set_rng_state(state["torch"])
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    random.setstate((version, tuple(inner.tolist()), gauss))
    if "cuda" in state and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """A block whose use of chance leaves no trace, so that looking does not change the run."""
    before = snapshot()
    try:
        yield
    finally:
        restore(before)
