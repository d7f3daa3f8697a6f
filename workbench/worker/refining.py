"""The question `refine`: marks on a volume in, the label's mask around them out; only the box is read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.job import JobCancelled
from workbench.core.problem import InputError, KnownTrouble
from workbench.core.refining import RefineAnswer, RefineAsked, Voxel
from workbench.store.bits import packed, unpacked
from workbench.worker.child import share_cores
from workbench.worker.questions import as_asked

if TYPE_CHECKING:
    from workbench.engine.medical.refine import Candidate, Mask
    from workbench.worker.interactive import ApplyContext

SHIPPED = "click-refiner"


def refine(arguments: dict[str, Any], context: ApplyContext) -> RefineAnswer:
    """See core.refining; raises InputError for marks or boxes outside, no structure, one value everywhere.

    Raises KnownTrouble where the network is asked for and is not there.
    """
    asked = as_asked(arguments, RefineAsked)
    if context.cancelled():  # a newer mark was set while this one waited
        raise JobCancelled
    from workbench.engine.medical import refine as engine

    begun = time.monotonic()
    volume = _opened(Path(asked.path))
    stop = [low + size for low, size in zip(asked.start, asked.shape, strict=True)]
    inside = all(0 <= low < high <= size for low, high, size in zip(asked.start, stop, volume.shape, strict=True))
    if not inside:
        raise InputError(
            "The box to refine does not lie in the volume.", expected=f"a box within {volume.shape} voxels (z, y, x)",
            received=f"from {asked.start} to {tuple(stop)}", fix="Set the marks on the picture.",
        )  # fmt: skip
    z, y, x = (slice(low, high) for low, high in zip(asked.start, stop, strict=True))
    corner = np.asarray(asked.start)
    wanted, unwanted = (np.asarray(one, np.int64).reshape(-1, 3) - corner for one in (asked.wanted, asked.unwanted))
    prior, shown = _mask(asked.prior, asked.shape), _mask(asked.shown, asked.shape)
    candidate = _network(context) if asked.way == "network" else engine.geodesic
    found = engine.refine(
        np.asarray(volume[z, y, x]), wanted, unwanted, asked.spacing_mm, prior=prior, shown=shown, candidate=candidate
    )
    notes = []
    if found.step != (1, 1, 1):
        notes = ["worked out on every " + " × ".join(str(one) for one in found.step[::-1]) + " voxels together"]
    return RefineAnswer(packed(found.mask), time.monotonic() - begun, notes)


def _mask(bits: bytes, shape: Voxel) -> Mask | None:
    try:
        return unpacked(bits, shape) if bits else None
    except ValueError as error:
        raise InputError("The label that is there cannot be read.", expected="one bit for each voxel of the box",
                         received=str(error)) from None  # fmt: skip


def _network(context: ApplyContext) -> Candidate:
    """The shipped network, loaded once; raises KnownTrouble where it is missing, InputError where it is broken."""
    from workbench.engine.backbone_folders import STARTERS
    from workbench.engine.medical.clicks import network

    folder = STARTERS / SHIPPED
    weights = folder / network.WEIGHTS
    if not weights.is_file():
        raise KnownTrouble(
            "The network that refines by clicks is missing.", expected=str(weights), received="no such file",
            fix="Refine by geodesic distance (beside the tool), or install the program again.",
        )  # fmt: skip
    state = weights.stat()
    key = (SHIPPED, str(weights), state.st_mtime_ns, state.st_size)
    if key not in context.cache:
        share_cores("interactive")  # torch may have come just now
        context.cache[key] = network.load(folder)
    found: network.ClickNetwork = context.cache[key]
    return found.shares


def _opened(path: Path) -> np.ndarray[Any, Any]:
    try:
        volume: np.ndarray[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError("The volume cannot be read.", expected="a whole .npy array", received=str(error),
                         fix="Open the case again.", place=str(path)) from None  # fmt: skip
    if volume.ndim != 3 or volume.dtype.kind not in "biuf":
        raise InputError("This is no volume.", expected="numbers of shape (z, y, x)",
                         received=f"{volume.dtype} of shape {volume.shape}", place=str(path))  # fmt: skip
    return volume
