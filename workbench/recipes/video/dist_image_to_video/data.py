"""The clips of a run: generated ones, or those of a folder; parts kept apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.core.problem import InputError
from workbench.engine.video import motions
from workbench.engine.video.sprites import SHAPES

from .recipe import SPRITES, DistImageToVideo

MOTION, SHAPE, CLASS = "motion", "shape", "class"
"""Tasks: the two of generated clips, the one of a folder's."""
ASKED_SEED = 990_001
"""Of the generated clips that are looked at outside of a run: no run's parts have it."""


@dataclasses.dataclass(frozen=True)
class Part:
    """Clips (N, F, H, W, 3) uint8 with each task's classes (N,), and what they are called."""

    frames: NDArray[np.uint8]
    labels: Mapping[str, NDArray[np.int64]]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frames)


@dataclasses.dataclass(frozen=True)
class Data:
    """What is learned from, what chooses the step, what only tests; `tasks` names each task's classes.

    Classes that are each other's reversal in time stand beside each other.
    """

    train: Part
    validation: Part
    test: Part
    tasks: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        for name, classes in self.tasks.items():
            if len(set(self.train.labels[name].tolist())) < 2:
                raise InputError(
                    "There is nothing to tell apart.", expected="training clips of two classes at least",
                    received=f"{name}: {', '.join(classes[:3])}", fix="Choose a folder with more classes.",
                    field="clips",
                )  # fmt: skip


def seeds_of(seed: int) -> dict[str, int]:
    """A generator's seed for each part of a run: no two runs and no two parts share a backdrop or a path."""
    return {part: 1000 * seed + at for at, part in enumerate(("train", "validation", "test"), start=1)}


def generated(job: Job, params: DistImageToVideo) -> Data:
    """Clips of one moving sprite, from the job's seed; each part from another seed of the generator."""
    job.phase("drawing clips")
    parts = {}
    counts = {"train": params.clips, "validation": params.validation, "test": params.test}
    for at, (part, seed) in enumerate(seeds_of(job.seed).items()):
        job.progress(at, len(counts))
        parts[part] = _part(motions.clips(counts[part], seed, frames=params.frames, size=params.size))
    return Data(**parts, tasks={MOTION: motions.MOTIONS, SHAPE: SHAPES})


def _part(found: motions.ClipSet) -> Part:
    return Part(found.frames, {MOTION: found.motion, SHAPE: found.shape}, tuple(found.captions))


def load(job: Job, params: DistImageToVideo, edge: int) -> Data:
    """The clips that the job's slot names; `edge` is what the encoder's pictures measure, in pixels.

    Raises InputError where a folder has too few classes or clips.
    """
    address = job.inputs.get("clips") or SPRITES.address
    if address == SPRITES.address:
        return generated(job, params)
    from .folders import own_clips

    return own_clips(job, address, params, edge)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """A few clips of the slot, and how often each class comes."""
    if address != SPRITES.address:
        from .folders import preview_folder

        return preview_folder(address)
    found = motions.clips(48, ASKED_SEED, frames=2, size=16)
    rows = [[text, motions.MOTIONS[m], SHAPES[s]]
            for text, m, s in zip(found.captions[:8], found.motion, found.shape, strict=False)]  # fmt: skip
    counts = {name: int((found.motion == at).sum()) for at, name in enumerate(motions.MOTIONS)}
    detail = "eight motions in four pairs, each the other backwards; six shapes; other backdrops in the test"
    return DataPreview("Sample", detail, ["clip", "motion", "shape"], rows, labels=counts)
