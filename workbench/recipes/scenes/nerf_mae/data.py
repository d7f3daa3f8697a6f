"""Grids as the networks see them: generated rooms or own files, mirrored and turned, filled up to one cube."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.core.scenes import RadianceMeta
from workbench.engine.scenes import rooms
from workbench.engine.scenes.boxrows import rows_of, to_voxels

from .recipe import NONE, ROOMS, SUPER, NerfMae, tasks_of

if TYPE_CHECKING:
    from .going_on import Before

Floats = NDArray[np.float32]
Stream = Literal["unlabelled", "labelled", "validation", "test"]
STREAMS: tuple[Stream, ...] = ("unlabelled", "labelled", "validation", "test")
MOST_OF_A_STREAM = 100_000
SEEN_ALPHA = 0.01
"""Voxels above this count as there (the paper's threshold, fixed)."""
UNCOUNTED = -1


@dataclasses.dataclass(frozen=True)
class Grid:
    """A radiance grid (X, Y, Z, 4) with alpha, and what is known of it.

    `labels` (X, Y, Z) uint8 are places in the run's names, `boxes` (N, 7) are in voxels; `finer` is the same grid at
    `upscale` times the resolution.
    """

    name: str
    rgba: Floats
    meta: RadianceMeta
    labels: NDArray[np.uint8] | None = None
    boxes: Floats | None = None
    finer: Floats | None = None


@dataclasses.dataclass(frozen=True)
class Grids:
    """All grids of a run; none stands in two lists. `names` are the labels', the first of them is empty space."""

    unlabelled: Sequence[Grid]
    labelled: Sequence[Grid]
    validation: Sequence[Grid]
    test: Sequence[Grid]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        parts = (self.unlabelled, self.labelled, self.validation, self.test)
        names = [one.name for part in parts for one in getattr(part, "scenes", part)]  # files are not opened for it
        if len(set(names)) != len(names):
            raise InputError(
                "A grid stands in more than one part of the data.",
                expected="grids to learn from, to choose by and to test on, apart from each other",
                received=f"{len(names) - len(set(names))} names twice", fix="Change the list of scenes.", field="grids",
            )  # fmt: skip


def load(job: Job, params: NerfMae, before: Before | None = None) -> Grids:
    """The grids that the job's slots name; rooms come from the job's seed.

    Without pretraining no grid is read for it.
    """
    unlabelled, labelled = (job.inputs.get(slot) or ROOMS.address for slot in ("grids", "scenes"))
    pretrains = params.pretrain != NONE and before is None
    parts: Sequence[Sequence[Grid]]
    names: tuple[str, ...] = rooms.LABELS
    if labelled == ROOMS.address:
        counts: dict[Stream, int] = {"labelled": params.shots, "validation": params.validation, "test": params.test}
        parts = [made(job, stream, count, params) for stream, count in counts.items()]
    else:
        from .folders import labelled_grids

        parts, names = labelled_grids(job, labelled, params)
    if not pretrains:
        free: Sequence[Grid] = []
    elif unlabelled == ROOMS.address:
        free = made(job, "unlabelled", params.unlabelled, params)
    else:
        from .folders import unlabelled_grids

        free = unlabelled_grids(job, unlabelled, params, without={one.name for part in parts for one in part})
    learned, chosen, tested = parts
    return Grids(free, learned, chosen, tested, names)


def made(job: Job, stream: Stream, count: int, params: NerfMae) -> list[Grid]:
    """Rooms of a stream, seen as a radiance field would have them."""
    found = []
    for index in range(count):
        found.append(room(job.seed, stream, index, params))
        job.progress(index + 1, count)
    return found


def room(seed: int, stream: Stream, index: int, params: NerfMae) -> Grid:
    """One room; no two seeds, streams and places share one, so nothing that is tested on was learned from."""
    number = (seed * len(STREAMS) + STREAMS.index(stream)) * MOST_OF_A_STREAM + index
    built, chance = rooms.make_room(number), np.random.default_rng((seed, STREAMS.index(stream), index))
    clean, labels, meta = rooms.grid(built, params.side)
    rgba = rooms.degraded(clean, chance).astype(np.float32)
    name = f"{stream} room {index + 1}"
    meta = msgspec.structs.replace(meta, title=name)
    if stream == "unlabelled":
        return Grid(name, rgba, meta)
    finer = None
    if SUPER in tasks_of(params):
        finer = rooms.grid(built, params.side * params.upscale)[0].astype(np.float32)
    return Grid(name, rgba, meta, labels, to_voxels(rows_of(built.boxes().boxes), meta, rgba.shape[:3]), finer)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """A few grids of a slot: voxels, what is there, boxes."""
    if address != ROOMS.address:
        from .folders import preview_grids

        return preview_grids(slot, address, values)
    streams: tuple[Stream, ...] = ("unlabelled",) if slot == "grids" else ("labelled", "validation", "test")
    shown = [room(0, stream, index, NerfMae()) for stream in streams for index in range(2)]
    rows = [[one.name, " × ".join(map(str, one.rgba.shape[:3])), f"{(one.rgba[..., 3] > SEEN_ALPHA).mean():.0%}",
             "" if one.boxes is None else str(len(one.boxes))] for one in shown]  # fmt: skip
    maps = [one.labels for one in shown if one.labels is not None]
    counts = {name: sum(int((one == at).any()) for one in maps) for at, name in enumerate(rooms.LABELS) if at}
    return DataPreview("Sample", "furnished rooms of about 4 m, as a radiance field leaves them",
                       ["grid", "voxels", "filled", "boxes"], rows,
                       labels=counts if slot == "scenes" else {})  # fmt: skip


# Mirrored, turned, filled up --------------------------------------------------------------------


def varied(grid: Grid, chance: np.random.Generator) -> Grid:
    """The grid mirrored along x and along y and turned by 90° about z, each with probability 0.5."""
    mirrored, turned = chance.random(2) < 0.5, chance.random() < 0.5
    for axis in range(2):
        if mirrored[axis]:
            grid = _mirrored(grid, axis)
    return _quarter_turned(grid) if turned else grid


def _mapped(grid: Grid, change: Any, boxes: Floats | None) -> Grid:
    labels = None if grid.labels is None else change(grid.labels)
    finer = None if grid.finer is None else change(grid.finer)
    return dataclasses.replace(grid, rgba=change(grid.rgba), labels=labels, boxes=boxes, finer=finer)


def _mirrored(grid: Grid, axis: int) -> Grid:
    boxes = grid.boxes
    if boxes is not None:
        boxes = boxes.copy()
        boxes[:, axis] = grid.rgba.shape[axis] - boxes[:, axis]
        boxes[:, 6] = -boxes[:, 6]  # what turned one way turns the other way in the mirror
    return _mapped(grid, lambda array: np.flip(array, axis), boxes)


def _quarter_turned(grid: Grid) -> Grid:
    """Turned counter-clockwise as seen from above: (x, y) goes to (−y, x)."""
    boxes = grid.boxes
    if boxes is not None:
        boxes = boxes.copy()
        boxes[:, 0], boxes[:, 1] = grid.rgba.shape[1] - grid.boxes[:, 1], grid.boxes[:, 0]  # type: ignore[index]
        boxes[:, 6] += np.pi / 2
    return _mapped(grid, lambda array: np.rot90(array, 1, (0, 1)), boxes)


def filled(array: NDArray[Any], side: int, value: float = 0) -> NDArray[Any]:
    """An array (X, Y, Z, …) with `value` behind its ends, up to a cube of `side`."""
    spare = [(0, side - size) for size in array.shape[:3]] + [(0, 0)] * (array.ndim - 3)
    return np.pad(array, spare, constant_values=value)


def batch_of(grids: Sequence[Grid], side: int, *, upscale: int = 1) -> dict[str, Any]:
    """What networks and losses read.

    `grid` (B, 4, S, S, S); `valid` (B, S, S, S) bool, false where a grid was filled up; and where the grids have them
    `labels` (B, S, S, S) int64 with UNCOUNTED where nothing is and nothing was seen, `boxes` [(N, 7)], and
    with `upscale` u above 1 `finer` (B, 4, uS, uS, uS).
    """
    found: dict[str, Any] = {
        "grid": _stacked([filled(one.rgba, side) for one in grids], channels=True),
        "valid": _stacked([filled(np.ones(one.rgba.shape[:3], bool), side) for one in grids]),
    }
    if all(one.labels is not None for one in grids):
        found["labels"] = _stacked([filled(counted(one), side, UNCOUNTED) for one in grids])
    if all(one.boxes is not None for one in grids):
        found["boxes"] = [torch.from_numpy(np.ascontiguousarray(one.boxes)) for one in grids]
    if upscale > 1 and all(one.finer is not None for one in grids):
        found["finer"] = _stacked([filled(one.finer, side * upscale) for one in grids], channels=True)  # type: ignore[arg-type]
    return found


def _stacked(arrays: Sequence[NDArray[Any]], *, channels: bool = False) -> Tensor:
    moved = [np.moveaxis(one, -1, 0) for one in arrays] if channels else arrays
    return torch.from_numpy(np.ascontiguousarray(np.stack(moved)))


def counted(grid: Grid) -> NDArray[np.int64]:
    """The labels that count: where something is, or was seen (floaters are to be called empty); UNCOUNTED elsewhere."""
    if grid.labels is None:
        raise InputError("A labelled grid has no labels.", expected="labels", received=grid.name, field="scenes")
    looked = (grid.labels > 0) | (grid.rgba[..., 3] > SEEN_ALPHA)
    return np.where(looked, grid.labels.astype(np.int64), UNCOUNTED)


class Drawing:
    """What objectives share: grids, mirrored and turned.

    What chance does depends on the seed, the step and the grid alone, so a resumed run sees the same.
    """

    def __init__(self, grids: Sequence[Grid], params: NerfMae, *, seed: int) -> None:
        self.grids, self.params, self.seed = grids, params, seed
        self.steps = 0

    @property
    def examples(self) -> int:
        return len(self.grids)

    def progress(self, fraction: float) -> None:
        """Before each step: what chance does next depends on how many there were."""
        self.steps += 1

    def drawn(self, indices: list[int]) -> list[Grid]:
        """Grids by their places, as this step sees them."""
        chosen = [self.grids[index] for index in indices]
        if not self.params.augment:
            return chosen
        return [varied(one, np.random.default_rng((self.seed, self.steps, index)))
                for one, index in zip(chosen, indices, strict=True)]  # fmt: skip

    def weight(self, batch: dict[str, Any]) -> float:
        return float(len(batch["grid"]))

    def state(self) -> dict[str, int]:
        return {"steps": self.steps}

    def load_state(self, state: dict[str, int]) -> None:
        self.steps = state["steps"]
