"""Grids from above, as flat pictures: what was hidden and restored, and what was found beside what is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workbench.core.colours import class_rgb
from workbench.engine.scenes.boxes import corners

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
CELL, GAP, LEFT, TOP, LINE, KEY = 150, 8, 8, 30, 24, 116
_GROUND, _TEXT = (0, 0, 0), (230, 233, 239)
TRUE_RGB, FOUND_RGB = (255, 255, 255), class_rgb(0)
"""No class of the rooms has these colours: 0 is empty space."""


def seen(grid: Floats) -> Bytes:
    """A grid (X, Y, Z, 4) with alpha, from straight above, (Y, X, 3): y upwards, x to the right, on black."""
    from_top = grid[:, :, ::-1]
    alpha = from_top[..., 3].clip(0, 1)
    through = np.cumprod(1 - alpha, axis=2)
    light = np.concatenate([np.ones_like(through[:, :, :1]), through[:, :, :-1]], 2)
    colour = (from_top[..., :3] * (alpha * light)[..., None]).sum(2)
    found: Bytes = np.rint(colour.clip(0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(found.transpose(1, 0, 2)[::-1])


def tile(grid: Floats) -> Image.Image:
    """A grid from above as a square picture; voxels stay voxels."""
    picture = Image.fromarray(seen(grid))
    share = CELL / max(picture.size)
    grown = picture.resize([max(1, round(side * share)) for side in picture.size], Image.Resampling.NEAREST)
    whole = Image.new("RGB", (CELL, CELL), _GROUND)
    whole.paste(grown, ((CELL - grown.width) // 2, (CELL - grown.height) // 2))
    return whole


def boxed(picture: Image.Image, sides: Sequence[int], rows: Floats, colour: tuple[int, int, int]) -> None:
    """Draw the outlines of boxes, rows (N, 7) in voxels of a grid of these sides, into its tile."""
    share = CELL / max(sides[0], sides[1])
    left, top = (CELL - sides[0] * share) / 2, (CELL - sides[1] * share) / 2
    pen = ImageDraw.Draw(picture)
    for outline in corners(torch.from_numpy(rows.astype(np.float64))).numpy():
        points = [(left + x * share, top + (sides[1] - y) * share) for x, y in outline]
        pen.line([*points, points[0]], colour, 2)


def sheet(columns: Sequence[tuple[str, Sequence[Image.Image]]], *, keys: Sequence[tuple[str, tuple[int, int, int]]] = ()
          ) -> Image.Image:  # fmt: skip
    """Tiles in columns with their names above; `keys` name the colours of lines, below."""
    rows = max(len(tiles) for _, tiles in columns)
    width = 2 * LEFT + len(columns) * CELL + (len(columns) - 1) * GAP
    below = LINE * -(-len(keys) // _keys_a_line(width))
    whole = Image.new("RGB", (width, TOP + rows * (CELL + GAP) + below), _GROUND)
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(14)
    for at, (name, tiles) in enumerate(columns):
        x = LEFT + at * (CELL + GAP)
        pen.text((x + CELL / 2, TOP / 2), name, _TEXT, font, anchor="mm")
        for row, one in enumerate(tiles):
            whole.paste(one, (x, TOP + row * (CELL + GAP)))
    for at, (name, colour) in enumerate(keys):
        line, place = divmod(at, _keys_a_line(width))
        x, y = LEFT + place * KEY, whole.height - below + LINE * line + LINE / 2 - 2
        pen.line((x, y, x + 18, y), colour, 4)
        pen.text((x + 24, y), name, _TEXT, font, anchor="lm")
    return whole


def _keys_a_line(width: int) -> int:
    return max(1, (width - 2 * LEFT) // KEY)


def rgb(colour: Sequence[float]) -> tuple[int, int, int]:
    """A colour of 0 to 1 as bytes."""
    red, green, blue = (round(255 * one) for one in colour)
    return red, green, blue
