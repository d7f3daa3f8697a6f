"""Names beside groups of points: placed greedily so that no two overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSizeF

Floats = NDArray[np.float64]
FEWEST_NAMED = 4
"""A name would hide smaller groups; the legend has them."""
_RING = [(math.cos(turn * math.tau / 12), math.sin(turn * math.tau / 12)) for turn in range(12)]


def anchors(points: Floats, groups: NDArray[np.int64], count: int) -> list[tuple[int, Floats]]:
    """Groups that keep together, largest first, with their middles (2,).

    A group keeps together when its points lie clearly nearer to its middle than all points do;
    a name on any other would stand among strangers.
    """
    sound = np.isfinite(points).all(axis=1)
    points, groups = points[sound], groups[sound]
    spread = points[:: max(len(points) // 2000, 1)]
    found: list[tuple[int, int, Floats]] = []
    for group in range(count):
        mine = points[groups == group]
        if len(mine) < FEWEST_NAMED:
            continue
        middle = np.median(mine, axis=0)
        own, everyone = (float(np.median(np.linalg.norm(some - middle, axis=1))) for some in (mine, spread))
        if count == 1 or own < 0.7 * everyone:
            found.append((len(mine), group, middle))
    return [(group, middle) for _, group, middle in sorted(found, key=lambda one: -one[0])]


def placed(wanted: Sequence[tuple[QPointF, QSizeF]], area: QRectF) -> list[QRectF | None]:
    """A rectangle near each wanted middle, none over another, all inside the area; None where full."""
    taken: list[QRectF] = []
    found: list[QRectF | None] = []
    for middle, size in wanted:
        spot = next((box for box in _around(middle, size) if _free(box, taken, area)), None)
        found.append(spot)
        if spot is not None:
            taken.append(spot)
    return found


def _around(middle: QPointF, size: QSizeF) -> list[QRectF]:
    boxes = [_box(middle, size)]
    for lap in (1.0, 1.7, 2.5):
        for x, y in _RING:
            shift = QPointF(x * (size.width() * 0.55 + 4) * lap, y * (size.height() + 3) * lap)
            boxes.append(_box(middle + shift, size))
    return boxes


def _box(middle: QPointF, size: QSizeF) -> QRectF:
    return QRectF(middle.x() - size.width() / 2, middle.y() - size.height() / 2, size.width(), size.height())


def _free(box: QRectF, taken: Sequence[QRectF], area: QRectF) -> bool:
    return area.contains(box) and not any(box.adjusted(-2, -2, 2, 2).intersects(other) for other in taken)
