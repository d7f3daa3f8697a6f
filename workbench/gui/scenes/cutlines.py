"""What clip planes and the eye leave of lines and places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import ClipPlane
from workbench.gui.scenes.gaze import Gaze

Places = NDArray[np.floating]
Plane = tuple[NDArray[np.float64], float]
"""What lies where normal · place is more than the distance is cut away."""


def planes_of(clips: Iterable[ClipPlane]) -> list[Plane]:
    """The clip planes that are on."""
    return [(np.array(one.normal, np.float64), float(one.distance)) for one in clips if one.on]


def eye_plane(gaze: Gaze) -> Plane:
    """The plane that the eye looks from: what lies behind it is not seen."""
    back, eye = gaze.pose[:3, 2], gaze.pose[:3, 3]
    return back, float(back @ eye) - (0.0 if gaze.view.orthographic else gaze.near)


def uncut(places: Places, planes: Sequence[Plane]) -> NDArray[np.bool_]:
    """Which places (…, 3) none of the planes cuts away."""
    found = np.ones(places.shape[:-1], bool)
    for normal, distance in planes:
        found &= places @ normal <= distance
    return found


def shortened(
    starts: Places, ends: Places, planes: Sequence[Plane]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Where lines (N, 3) begin and end as far as planes leave them, and which of them (N,) are left at all."""
    first, last, left = np.zeros(len(starts)), np.ones(len(starts)), np.ones(len(starts), bool)
    for normal, distance in planes:
        before, after = distance - starts @ normal, distance - ends @ normal
        left &= (before >= 0) | (after >= 0)
        along = np.where(before == after, 1.0, before - after)  # a line along the plane is left whole, or not at all
        first = np.where(before < 0, np.maximum(first, before / along), first)
        last = np.where(after < 0, np.minimum(last, before / along), last)
    way = ends - starts
    return starts + first[:, None] * way, starts + last[:, None] * way, left & (first < last)
