"""Small coloured shapes, drawn by formula: what generated clips, stills and films are made of.

Coordinates are pixels, x to the right and y down; pixel (row, column) covers [column, column + 1) × [row, row + 1), so
that its centre lies at + 0.5. Every shape reaches as far as its radius: the box of a sprite is x ± radius, y ± radius.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring")
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.92, 0.18, 0.16),
    "green": (0.20, 0.78, 0.24),
    "blue": (0.22, 0.38, 0.98),
    "yellow": (0.96, 0.86, 0.16),
    "purple": (0.70, 0.24, 0.86),
    "cyan": (0.20, 0.84, 0.88),
}
NOISE = 0.03
"""Standard deviation of the noise on a frame whose values go from 0 to 1."""
BLOCKS, BRIGHTEST_BLOCK = 8, 0.5
_CUT_TRIANGLE, _ARM, _HOLE = 0.5, 0.36, 0.5


def cover(shape: str, at: Floats, height: int, width: int) -> Floats:
    """How much of each pixel M sprites of one shape hide, (M, height, width) from 0 to 1; `at` (M, 3): x, y, radius.

    Edges are soft over one pixel. Raises ValueError on a shape that is not one of SHAPES.
    """
    x, y, r = (at[:, one, None, None].astype(np.float32) for one in range(3))
    dx = np.arange(0.5, width, dtype=np.float32)[None, None, :] - x
    dy = np.arange(0.5, height, dtype=np.float32)[None, :, None] - y
    found: Floats = np.clip(np.float32(0.5) - _distance(shape, dx, dy, r), 0, 1)
    return found


def _distance(shape: str, dx: Floats, dy: Floats, r: Floats) -> Floats:
    """Pixels from the shape's edge, negative inside; close to the edge exact enough for one soft pixel."""
    found: Floats
    if shape == "circle":
        found = np.sqrt(dx * dx + dy * dy) - r
    elif shape == "square":
        found = np.maximum(np.abs(dx), np.abs(dy)) - r
    elif shape == "diamond":
        found = (np.abs(dx) + np.abs(dy) - r) * np.float32(0.5**0.5)
    elif shape == "triangle":  # its point at the top, its base at the bottom of the box
        found = np.maximum((np.abs(dx) - (dy + r) * _CUT_TRIANGLE) * np.float32(0.8**0.5), dy - r)
    elif shape == "cross":
        across, along = np.abs(dx), np.abs(dy)
        arm = r * _ARM
        found = np.minimum(np.maximum(across - r, along - arm), np.maximum(across - arm, along - r))
    elif shape == "ring":
        middle = r * np.float32((1 + _HOLE) / 2)
        found = np.abs(np.sqrt(dx * dx + dy * dy) - middle) - (r - middle)
    else:
        raise ValueError(f"a sprite is one of {', '.join(SHAPES)}, not {shape!r}")
    return found.astype(np.float32, copy=False)


def paint(canvas: Floats, shapes: Sequence[str], rgb: Floats, at: Floats) -> None:
    """Draw one sprite into each of M pictures, in place.

    canvas (M, H, W, 3) from 0 to 1; `shapes` M names, rgb (M, 3), `at` (M, 3): x, y, radius in pixels.
    """
    height, width = canvas.shape[1:3]
    named = np.asarray(shapes)
    for shape in dict.fromkeys(shapes):
        chosen = np.flatnonzero(named == shape)
        hidden = cover(shape, at[chosen], height, width)[..., None]
        under = canvas[chosen]
        canvas[chosen] = under + hidden * (rgb[chosen, None, None, :].astype(np.float32) - under)


def backdrop(rng: np.random.Generator, size: int | tuple[int, int], blocks: int = BLOCKS) -> Floats:
    """A picture of random blocks to move before, (H, W, 3) from 0 to BRIGHTEST_BLOCK; `size` an edge or (H, W)."""
    found: Floats = backdrops(rng, 1, size, blocks)[0]
    return found


def backdrops(rng: np.random.Generator, count: int, size: int | tuple[int, int], blocks: int = BLOCKS) -> Floats:
    """`count` pictures of random blocks, (count, H, W, 3); each is another one."""
    height, width = (size, size) if isinstance(size, int) else size
    grid = rng.random((count, blocks, blocks, 3), np.float32) * np.float32(BRIGHTEST_BLOCK)
    rows, columns = (np.arange(edge) * blocks // edge for edge in (height, width))
    found: Floats = grid[:, rows][:, :, columns]
    return found


def noisy(frames: Floats, rng: np.random.Generator, amount: float = NOISE) -> NDArray[np.uint8]:
    """Frames of values from 0 to 1 as bytes, with Gaussian noise of standard deviation `amount`; any shape."""
    if amount:
        frames = frames + rng.standard_normal(frames.shape, np.float32) * np.float32(amount)
    found: NDArray[np.uint8] = (np.clip(frames, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return found
