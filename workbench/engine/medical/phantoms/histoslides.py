"""Generated slides: an island of tissue on glass, of regions of `histology`'s tissues, with or without tumour."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from . import histology
from .histology import Floats, Pixels, Style
from .shapes import coverage, grid, low_frequency

GROUNDS = 3
"""Healthy tissues of a slide."""
GLASS = 0.012
"""Optical density of what is beside the tissue."""


@dataclasses.dataclass(frozen=True)
class MadeSlide:
    """A slide's pixels (y, x, 3), where its tissue and its tumour lie (y, x), and its look."""

    name: str
    rgb: Pixels
    tissue: NDArray[np.bool_]
    tumour: NDArray[np.bool_]
    style: Style

    @property
    def has_tumour(self) -> bool:
        """What a pathologist would write on the slide."""
        return bool(self.tumour.any())


def make_slide(seed: int, stream: str, number: int, *, centre: str, size: int) -> MadeSlide:
    """Slide `number` of a stream; those with odd numbers hold tumour over 2 to 20 % of their tissue."""
    rng = histology.chance_of(seed, stream, number)
    style = histology.style_of(rng, centre)
    shape = (size, size)
    tissue = _island(rng, shape)
    healthy = [one for one in range(len(histology.TISSUES)) if one != histology.TUMOUR]
    kinds = rng.choice(healthy, GROUNDS, replace=False)
    fields = np.stack([low_frequency(rng, shape, 3.0) for _ in kinds])
    owner = fields.argmax(0)
    tumour = _nest(rng, tissue) if number % 2 else np.zeros(shape, bool)
    parts = [(owner == at) & ~tumour for at in range(len(kinds))] + [tumour]
    h, e = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for kind, part in zip((*kinds, histology.TUMOUR), parts, strict=True):
        box = _box(part & tissue, 8)
        if box is None:
            continue
        inside = ndimage.gaussian_filter(part.astype(np.float32)[box], 2.0)
        painted = histology.stains_of(int(kind), inside.shape, style, rng)
        for whole, stain in zip((h, e), painted, strict=True):
            whole[box] += inside * stain
    inside = ndimage.gaussian_filter(tissue.astype(np.float32), 2.5)
    h, e = h * inside + np.float32(GLASS), e * inside + np.float32(GLASS)
    return MadeSlide(f"{stream}-{number}", histology.scanned(h, e, style, rng), tissue, tumour & tissue, style)


def _island(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Most of the picture, with a wavy shore."""
    y, x = grid(shape)
    away = np.sqrt((y / shape[0]) ** 2 + (x / shape[1]) ** 2) * 2
    level: Floats = np.float32(rng.uniform(0.95, 1.1)) - away + np.float32(0.12) * low_frequency(rng, shape, 4.0)
    return np.asarray(coverage(level, 0.02) > 0.5)


def _nest(rng: np.random.Generator, tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """One patch of tumour inside the tissue, 2 to 20 % of it."""
    share = float(np.exp(rng.uniform(np.log(0.02), np.log(0.2))))
    places = np.flatnonzero(ndimage.binary_erosion(tissue, iterations=max(1, tissue.shape[0] // 10)))
    y, x = np.unravel_index(int(rng.choice(places if len(places) else np.flatnonzero(tissue))), tissue.shape)
    down, over = np.indices(tissue.shape, dtype=np.float32)
    away = np.hypot(down - np.float32(y), over - np.float32(x))
    away *= 1 + np.float32(0.18) * low_frequency(rng, tissue.shape, 5.0)
    reach = np.quantile(away[tissue], share)
    return np.asarray((away <= reach) & tissue)


def _box(part: NDArray[np.bool_], margin: int) -> tuple[slice, slice] | None:
    found = ndimage.find_objects(part.astype(np.int8))
    if not found or found[0] is None:
        return None
    rows, columns = (
        slice(max(0, one.start - margin), min(size, one.stop + margin))
        for one, size in zip(found[0], part.shape, strict=True)
    )
    return rows, columns
