"""What clip planes and the eye leave of lines and places."""

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


def uncut(places: NDArray[np.floating], clips: Iterable[ClipPlane]) -> NDArray[np.bool_]:
    """Which places (…, 3) no clip plane cuts away."""
    found = np.ones(places.shape[:-1], bool)
    for one in clips:
        if one.on:
            found &= places @ np.array(one.normal) <= one.distance
    return found


def shortened(lines: NDArray[np.void], clips: Iterable[ClipPlane]) -> NDArray[np.void]:
    """Lines with a `start` and an `end` (N,), as far as clip planes leave them."""
    for one in clips:
        if one.on and len(lines):
            normal = np.array(one.normal)
            before, after = one.distance - lines["start"] @ normal, one.distance - lines["end"] @ normal
            lines = lines[(before >= 0) | (after >= 0)].copy()
            before, after = (side[(before >= 0) | (after >= 0)] for side in (before, after))
            share = np.where(before == after, 0.0, before / np.where(before == after, 1.0, before - after))[:, None]
            at = lines["start"] + share * (lines["end"] - lines["start"])
            lines["start"] = np.where(before[:, None] < 0, at, lines["start"])
            lines["end"] = np.where(after[:, None] < 0, at, lines["end"])
    return lines


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
