"""Colours of points by their look, piece by piece, so that a cloud of any size is coloured between two events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.colours import CLASS_COLOURS, class_rgb
from workbench.core.scenes import Column, PointsDoc
from workbench.gui.scenes.looks import (
    COLUMN,
    HEIGHT,
    NORMALS,
    PointsLook,
    colour_table,
    span_of_points,
    way_of_points,
)

if TYPE_CHECKING:
    from workbench.gui.scenes.scene import Seen

UNSURE = (96, 102, 112)
"""Of values that are no numbers."""
_PALETTE = np.array([class_rgb(one) for one in range(CLASS_COLOURS)], np.uint8)


def class_colours(values: NDArray[Any]) -> NDArray[np.uint8]:
    """The colours of classes by their values, (N, 3)."""
    return _PALETTE[np.asarray(values).astype(np.int64) % CLASS_COLOURS]


def shades_by(
    load: Callable[[str], NDArray[Any]], thing: PointsDoc, look: PointsLook, first: int, last: int
) -> NDArray[np.uint8]:
    """Colours of points `first` … `last`, (n, 4); alpha 0 where the look leaves a point out.

    Raises OSError or ValueError where an array is gone or damaged.
    """
    way, column = way_of_points(thing, look)
    found = np.empty((last - first, 4), np.uint8)
    found[:, 3] = 255
    if way == HEIGHT:
        heights = np.asarray(load(thing.positions)[first:last, 2], np.float32)
        found[:, :3] = _mapped(heights, thing, look)
        _limit(found, heights, look)
    elif way == NORMALS and column is not None:
        normals = np.asarray(load(column.path)[first:last], np.float32)
        found[:, :3] = np.clip(np.nan_to_num(normals) * 127.5 + 127.5, 0, 255)
    elif way.startswith(COLUMN) and column is not None:
        _by_column(found, column, np.asarray(load(column.path)[first:last]), thing, look)
    else:
        found[:, :3] = look.colour
    return found


def shades(scene: Seen, thing: PointsDoc, look: PointsLook, first: int, last: int) -> NDArray[np.uint8]:
    """The same with the scene's arrays."""
    return shades_by(scene.array, thing, look, first, last)


def _by_column(
    found: NDArray[np.uint8], column: Column, values: NDArray[np.generic], thing: PointsDoc, look: PointsLook
) -> None:
    if column.kind == "colour":
        found[:, :3] = values[:, :3]
    elif column.kind == "class":
        found[:, :3] = class_colours(values)
        if look.without:
            found[np.isin(values, look.without), 3] = 0
    else:
        found[:, :3] = _mapped(values.astype(np.float32), thing, look)
        _limit(found, values.astype(np.float32), look)


def _mapped(values: NDArray[np.float32], thing: PointsDoc, look: PointsLook) -> NDArray[np.uint8]:
    low, high = span_of_points(thing, look)
    table = colour_table(look.colour_map, backwards=look.reversed)
    known = np.isfinite(values)
    share = np.clip((np.where(known, values, low) - low) / (high - low), 0, 1)
    colours = table[(share * 255 + 0.5).astype(np.uint8)]
    if not known.all():
        colours[~known] = UNSURE
    return colours


def _limit(found: NDArray[np.uint8], values: NDArray[np.float32], look: PointsLook) -> None:
    if look.only is not None:
        low, high = look.only
        found[~((values >= low) & (values <= high)), 3] = 0


def marks(
    hidden: NDArray[np.generic] | None, selected: NDArray[np.bool_] | None, first: int, last: int
) -> NDArray[np.uint8]:
    """What is hidden (1) and selected (2) of points or faces, (n,)."""
    found = np.zeros(last - first, np.uint8)
    if hidden is not None:
        found |= np.asarray(hidden[first:last], np.bool_).astype(np.uint8)
    if selected is not None:
        found |= selected[first:last].astype(np.uint8) << 1
    return found
