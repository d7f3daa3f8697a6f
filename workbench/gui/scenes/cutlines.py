"""What clip planes and the eye leave of lines that are drawn over the picture."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import ClipPlane
from workbench.gui.scenes.gaze import Gaze

Plane = tuple[NDArray[np.float64], float]
"""What lies where normal · place is more than the distance is cut away."""
Piece = tuple[NDArray[np.float64], NDArray[np.float64]]


def planes_of(clips: Iterable[ClipPlane], gaze: Gaze) -> list[Plane]:
    """The planes that are on, and the one that the eye looks from."""
    found = [(np.array(one.normal, np.float64), float(one.distance)) for one in clips if one.on]
    back, eye = gaze.pose[:3, 2], gaze.pose[:3, 3]
    return [*found, (back, float(back @ eye) - (0.0 if gaze.view.orthographic else gaze.near))]


def kept(place: NDArray[np.float64], planes: Sequence[Plane]) -> bool:
    """Whether a place is cut away by none of the planes."""
    return all(float(normal @ place) <= distance for normal, distance in planes)


def pieces(places: NDArray[np.float64], planes: Sequence[Plane]) -> list[Piece]:
    """The lines that join places (N, 3) in their order, as far as they are not cut away."""
    found = []
    for start, end in itertools.pairwise(places):
        first, last = 0.0, 1.0
        for normal, distance in planes:
            before, after = distance - float(normal @ start), distance - float(normal @ end)
            if before < 0 and after < 0:
                first, last = 1.0, 0.0
            elif before < 0:
                first = max(first, before / (before - after))
            elif after < 0:
                last = min(last, before / (before - after))
        if first < last:
            found.append((start + first * (end - start), start + last * (end - start)))
    return found
