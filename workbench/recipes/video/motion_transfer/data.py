"""Clips to learn from and two held-out parts: known variants (the set that was learned from) and unknown ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.documents import DataPreview
from workbench.core.job import Job
from workbench.engine.video.sprites import SHAPES, backdrop, noisy, paint

from .recipe import MOTIONS, MotionTransfer
from .scenes import SCENES, Chance, Made, Track
from .taxonomy import Taxonomy, drawn

Pixels = NDArray[np.uint8]
Ints = NDArray[np.int64]

SPLITS = ("train", "val")
BACKDROP_MARK = 7777
"""Backdrops that are tied to classes are drawn by this beside the run's seed."""


@dataclasses.dataclass(frozen=True)
class Part:
    """N clips (N, T, H, W, 3) with their fine class in the taxonomy, and where each came from."""

    frames: Pixels
    fine: Ints
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.fine)


@dataclasses.dataclass(frozen=True)
class Data:
    """What one run sees: it learns from `train`, of set `known_set` as `known` is; `unknown` is the other set's."""

    taxonomy: Taxonomy
    train: Part
    known: Part
    unknown: Part
    known_set: int
    frames_per_s: float = 8.0

    def coarse(self, part: Part) -> Ints:
        """The coarse class of each clip, (N,)."""
        return np.array([one.coarse for one in self.taxonomy.fine], np.int64)[part.fine]

    @property
    def known_fine(self) -> list[int]:
        """The fine classes that are learned."""
        return self.taxonomy.of_set(self.known_set)

    @property
    def unknown_fine(self) -> list[int]:
        """The fine classes that are not."""
        return self.taxonomy.of_set(3 - self.known_set)


def load(job: Job, params: MotionTransfer) -> Data:
    """The data of the job's slots. Raises InputError on files that are not as they should be."""
    address = job.inputs.get("clips") or MOTIONS.address
    if address == MOTIONS.address:
        return generated(job.seed, params)
    from .folders import own_clips

    return own_clips(job, address, params)


def generated(seed: int, params: MotionTransfer) -> Data:
    """Drawn clips: colours and backdrops may be tied to classes in training, held-out clips are always free of it."""
    taxonomy = drawn(params.classes)
    known = 1 if params.direction == "1 → 2" else 2
    return Data(
        taxonomy,
        part_of(taxonomy, seed, known, "train", params),
        part_of(taxonomy, seed, known, "val", params),
        part_of(taxonomy, seed, 3 - known, "val", params),
        known,
    )


def part_of(taxonomy: Taxonomy, seed: int, number: int, split: str, params: MotionTransfer) -> Part:
    """As many clips of every fine class of a set as the knobs say; another set or split shares no chance with this one.

    Only training clips are biased, and a clip's motion does not depend on how much.
    """
    frames, fine, names = [], [], []
    mark = SPLITS.index(split)
    count = params.train_clips if split == "train" else params.test_clips
    for at in taxonomy.of_set(number):
        for clip in range(count):
            motion, looks = (np.random.default_rng((seed, number, mark, at, clip, one)) for one in range(2))
            bias = (params.colour_bias, params.background_bias) if split == "train" else (0.0, 0.0)
            frames.append(_clip(taxonomy, at, (seed, motion, looks), bias, params))
            fine.append(at)
            names.append(f"{taxonomy.fine[at].name}, {split} {clip + 1}")
    return Part(np.stack(frames), np.array(fine, np.int64), tuple(names))


def _clip(
    taxonomy: Taxonomy, at: int, chances: tuple[int, Chance, Chance], bias: tuple[float, float], params: MotionTransfer
) -> Pixels:
    seed, motion, looks = chances
    coarse = taxonomy.fine[at].coarse
    tied_colour, tied_backdrop, free_hue, jitter = looks.uniform(size=4)
    own_hue = coarse / len(taxonomy.coarse) + 0.03 * (2 * jitter - 1)
    tied = bool(tied_colour < bias[0])
    hue = (own_hue if tied else free_hue) % 1
    # Drawn in any case, so that what follows is the same however strong the bias.
    ground = backdrop(looks, params.size)
    if tied_backdrop < bias[1]:
        ground = backdrop(np.random.default_rng((seed, BACKDROP_MARK, coarse)), params.size)
    variants = [one for one, fine in enumerate(taxonomy.fine) if fine.coarse == coarse]
    scene = SCENES[taxonomy.coarse[coarse]][variants.index(at)]
    return rendered(scene(Made(motion, params.frames, float(hue), tied)), ground, looks, params)


def rendered(tracks: Sequence[Track], ground: NDArray[np.float32], looks: Chance, params: MotionTransfer) -> Pixels:
    """Objects of random shapes before a still backdrop, the first one in front, with noise: (T, H, W, 3)."""
    canvas = np.repeat(ground[None], params.frames, 0)  # (T, H, W, 3)
    shapes = [SHAPES[int(one)] for one in looks.integers(0, len(SHAPES), len(tracks))]
    for track, shape in reversed(list(zip(tracks, shapes, strict=True))):
        there = np.flatnonzero(track.radii > 0)
        some = canvas[there]
        at = np.column_stack([track.places[there], track.radii[there]]) * params.size
        paint(some, [shape] * len(there), track.colours[there].astype(np.float32), at.astype(np.float32))
        canvas[there] = some
    return noisy(canvas, looks, params.noise)


def preview(slot: str, address: str, values: dict[str, Any]) -> DataPreview:
    """What the clips are: coarse classes with their variants in both sets."""
    if address != MOTIONS.address:
        from .folders import preview as look

        return look(address, values)
    taxonomy = drawn(int(values.get("classes", 10)))
    rows = []
    for at, name in enumerate(taxonomy.coarse):
        variants = [[one.name for one in taxonomy.fine if (one.coarse, one.set) == (at, number)] for number in (1, 2)]
        rows.append([name, *("; ".join(one) for one in variants)])
    each, test = int(values.get("train_clips", 0)), int(values.get("test_clips", 0))
    return DataPreview(
        "generated clips", f"{each} clips of each variant to learn from, {test} to test",
        ["coarse motion", "Set 1", "Set 2"], rows, row_count=len(rows),
        labels=dict.fromkeys(taxonomy.coarse, 2 * each),
    )  # fmt: skip
