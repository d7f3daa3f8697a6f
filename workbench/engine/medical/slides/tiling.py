"""Tiles of one resolution over the tissue of a slide, and their pixels.

With d* = target mpp / the slide's mpp, a tile is read from the coarsest level whose downsample is at
most d*, as round(tile · d* / downsample) pixels, and resized with antialiasing. Coordinates are always
level-0 pixels.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine.medical.slides.slide import Slide, resize

MOST_ENLARGED = 2.0
"""A tile may be enlarged so much, and no more: beyond it, the detail that a model expects is not there."""
MOST_TILES = 4_000_000


@dataclasses.dataclass(frozen=True)
class TilePlan:
    """How tiles of one size and resolution are read from a slide.

    `level` is read `size` pixels wide and brought to `tile` pixels; `span` is a tile's width in
    level-0 pixels.
    """

    level: int
    size: int
    span: float
    tile: int


def needed_mpp(slide: Slide) -> float:
    """The slide's µm per pixel; raises InputError where the file does not tell."""
    if slide.mpp is None:
        raise InputError(
            "The slide does not say how large its pixels are.", expected="µm per pixel (mpp) in the file",
            received="none", fix="Give it: 20× scans have about 0.5, 40× scans about 0.25 µm per pixel.", field="mpp",
            place=slide.path.name,
        )  # fmt: skip
    return slide.mpp


def tile_plan(slide: Slide, mpp: float = 0.5, tile: int = 256) -> TilePlan:
    """The level and size by which tiles of `tile` pixels at `mpp` µm per pixel are read.

    Raises InputError where the slide's own resolution is missing or less than half of `mpp`'s.
    """
    own = needed_mpp(slide)
    if tile < 1 or not mpp > 0:
        raise InputError(
            "Such tiles cannot be cut.", expected="at least one pixel, and a resolution above 0",
            received=f"{tile} pixels at {mpp:g} µm per pixel", fix="Use 256 pixels at 0.5 µm per pixel.",
        )  # fmt: skip
    wanted = mpp / own
    if wanted * MOST_ENLARGED < 1:
        raise InputError(
            "The slide is scanned too coarsely for these tiles.",
            expected=f"at most {mpp * MOST_ENLARGED:g} µm per pixel", received=f"{own:.4g} µm per pixel",
            fix=f"Ask for tiles at {own:.2g} µm per pixel or coarser.", place=slide.path.name,
        )  # fmt: skip
    level = slide.level_of(wanted)
    size = max(round(tile * wanted / slide.levels[level].downsample), 1)
    return TilePlan(level, size, tile * wanted, tile)


def tile_grid(
    slide: Slide, mask: np.ndarray, *, mpp: float = 0.5, tile: int = 256, overlap: int = 0, min_tissue: float = 0.5
) -> np.ndarray:
    """The corners of the tiles that hold tissue: int64 (n, 2) of (x, y) in level-0 pixels, row by row.

    `mask` is bool (h, w) over the whole slide at any scale; `overlap` is in pixels of the tile;
    `min_tissue` is the least share of a tile that must be tissue. Only tiles that lie wholly on the
    slide are taken. Raises InputError where there is none, or what makes the grid impossible.
    """
    plan = tile_plan(slide, mpp, tile)
    if not 0 <= overlap < tile:
        raise InputError(
            "Tiles cannot overlap so far.", expected=f"0 to {tile - 1} pixels", received=str(overlap),
            fix="Use half a tile at most.", field="overlap",
        )  # fmt: skip
    stride = plan.span * (tile - overlap) / tile
    columns, rows = _count(slide.width, plan.span, stride), _count(slide.height, plan.span, stride)
    if columns * rows > MOST_TILES:
        raise InputError(
            "There would be too many tiles.", expected=f"at most {spaced(MOST_TILES)}", received=spaced(columns * rows),
            fix="Use larger tiles, less overlap or a coarser resolution.", place=slide.path.name,
        )  # fmt: skip
    x, y = np.round(np.arange(columns) * stride), np.round(np.arange(rows) * stride)
    share = tissue_shares(mask, x, y, plan.span, (slide.width, slide.height))
    row, column = np.nonzero((share >= min_tissue) & (share > 0))
    if not len(row):
        raise InputError(
            "No tile of this slide holds enough tissue.",
            expected=f"tiles of {plan.span:.0f} level-0 pixels, tissue in at least {min_tissue:.0%} of one",
            received=f"{mask.mean():.1%} tissue in the mask, at most {share.max(initial=0):.0%} in a tile",
            fix="Lower the tissue threshold or the least share, or use smaller tiles.", place=slide.path.name,
        )  # fmt: skip
    return np.stack([x[column], y[row]], axis=1).astype(np.int64)


def _count(length: int, span: float, stride: float) -> int:
    # Half a pixel of rounding is no reason to lose a row of tiles.
    return int((length - span + 0.5) // stride) + 1 if length + 0.5 >= span else 0


def tissue_shares(mask: np.ndarray, x: np.ndarray, y: np.ndarray, span: float, size: tuple[int, int]) -> np.ndarray:
    """The share of tissue in the tiles at all (x, y), `span` wide: (len(y), len(x)), by sums over the mask.

    `size` is the slide's (width, height); all in level-0 pixels.
    """
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int64)
    sums[1:, 1:] = mask.cumsum(axis=0, dtype=np.int64).cumsum(axis=1)

    def edges(start: np.ndarray, scale: float, most: int) -> tuple[np.ndarray, np.ndarray]:
        low = np.clip(np.round(start * scale).astype(np.int64), 0, most - 1)
        return low, np.clip(np.round((start + span) * scale).astype(np.int64), low + 1, most)

    left, right = edges(x, mask.shape[1] / size[0], mask.shape[1])
    top, bottom = edges(y, mask.shape[0] / size[1], mask.shape[0])
    tissue = (
        sums[np.ix_(bottom, right)] - sums[np.ix_(top, right)]
        - sums[np.ix_(bottom, left)] + sums[np.ix_(top, left)]
    )  # fmt: skip
    return np.asarray(tissue / np.outer(bottom - top, right - left))


def read_tile(slide: Slide, coord: np.ndarray | tuple[int, int], mpp: float = 0.5, tile: int = 256) -> np.ndarray:
    """One tile at `coord` = (x, y) in level-0 pixels: uint8 (tile, tile, 3)."""
    plan = tile_plan(slide, mpp, tile)
    found = slide.read_region(int(coord[0]), int(coord[1]), plan.level, plan.size, plan.size)
    return resize(found, tile, tile)
