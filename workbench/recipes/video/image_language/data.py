"""Pictures with captions, in parts that share no picture: to learn from, to choose by, to test, to probe."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.engine.video.motions import MOTIONS, clips, stills
from workbench.engine.video.sprites import COLOURS, SHAPES

from .recipe import SHUFFLED, STILLS, ImageLanguage

PICTURES_SLOT = "pictures"
CLASSES = tuple(f"a {colour} {shape}" for shape in SHAPES for colour in COLOURS)
"""What generated pictures are named by: class shape · 6 + colour."""
_LEFT_OUT = ("small ", "large ")
_TRAIN, _CHOOSE, _TEST, _PROBE, _FRAMES = range(5)


@dataclasses.dataclass(frozen=True)
class Pairs:
    """N pictures (N, S, S, 3), each with one or more captions, and its class where there are classes."""

    images: NDArray[np.uint8]
    captions: list[tuple[str, ...]]
    classes: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclasses.dataclass(frozen=True)
class Data:
    """The parts of a run. `probe` and `frames` (of clips, whose motion no caption tells) are generated ones only."""

    train: Pairs
    validation: Pairs
    test: Pairs
    classes: tuple[str, ...] = ()
    probe: Pairs | None = None
    frames: Pairs | None = None


def load(job: Job, params: ImageLanguage) -> Data:
    """The pairs that the job's slot names; raises InputError where they are too few or cannot be read."""
    address = job.inputs.get(PICTURES_SLOT) or STILLS.address
    if address == STILLS.address:
        found = generated(job.seed, params)
    else:
        from .folders import own_pairs

        found = own_pairs(job, address, params)
    if params.learn_from == SHUFFLED:
        order = np.random.default_rng([job.seed, 7]).permutation(len(found.train))
        mixed = dataclasses.replace(found.train, captions=[found.train.captions[at] for at in order])
        found = dataclasses.replace(found, train=mixed)
    return found


def generated(seed: int, params: ImageLanguage) -> Data:
    """Stills of a seed; each part has a seed of its own, so that none shares a backdrop with another."""

    def part(which: int, count: int) -> Pairs:
        found = stills(count, 10 * seed + which, params.image_px)
        return Pairs(found.images, [(one,) for one in found.captions], found.shape * len(COLOURS) + found.colour)

    return Data(
        part(_TRAIN, params.pictures), part(_CHOOSE, max(params.test_pictures // 2, 36)),
        part(_TEST, params.test_pictures), CLASSES, part(_PROBE, params.shots * len(CLASSES)),
        single_frames(10 * seed + _FRAMES, params),
    )  # fmt: skip


def single_frames(seed: int, params: ImageLanguage) -> Pairs:
    """The middle frames of as many clips as there are test pictures: sprites of sizes and at places of a motion."""
    found = clips(params.test_pictures, seed, frames=3, size=params.image_px, motions=MOTIONS)
    classes = found.shape * len(COLOURS) + found.colour
    return Pairs(found.frames[:, 1], [(CLASSES[one],) for one in classes], classes)


def shortened(caption: str, chance: np.random.Generator, left_out: float) -> str:
    """A generated caption that may leave out the size or the place, each with probability `left_out`."""
    if chance.random() < left_out:
        for one in _LEFT_OUT:
            caption = caption.replace(one, "", 1)
    return caption.rpartition(" at ")[0] or caption if chance.random() < left_out else caption


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """A few pictures' captions, and how many there are of each shape."""
    if address != STILLS.address:
        from .folders import preview_folder

        return preview_folder(address)
    found = stills(360, 0)
    rows = [[f"picture {at + 1}", caption] for at, caption in enumerate(found.captions[:8])]
    counts = {name: int((found.shape == at).sum()) for at, name in enumerate(SHAPES)}
    return DataPreview("Sample", "generated pictures, drawn anew from each run's seed", ["picture", "caption"], rows,
                       labels=counts)  # fmt: skip
