"""Marks for and against a label, and what the worker makes of them; window and worker share these words.

Boxes and places are voxels (z, y, x) of the volume's array.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Voxel = tuple[int, int, int]
Way = Literal["geodesic", "network"]
WAYS: dict[Way, str] = {"geodesic": "geodesic distance", "network": "small network"}
"""How a label may be refined by marks, in words; the first is as delivered: on structures that the network was never
trained on, which a person's mostly are, distance measured better (resources/decisions/refining-by-clicks.md)."""
REACH_MM = 48.0
"""Nothing further than this from every mark changes, unless a person says otherwise."""


class RefineAsked(msgspec.Struct, frozen=True):
    """A volume's array on disk, the box that may change, marks in it, and the label as it is there.

    `prior` is store.bits.packed of the box, empty where the label is not there yet.
    """

    path: str
    spacing_mm: tuple[float, float, float]
    """Along z, y, x."""
    start: Voxel
    shape: Voxel
    wanted: list[Voxel]
    unwanted: list[Voxel]
    prior: bytes = b""
    shown: bytes = b""
    """What came of the marks before the last one, as store.bits.packed of the box; empty at the first mark."""
    way: Way = "geodesic"


class RefineAnswer(msgspec.Struct, frozen=True):
    """The label's mask in the box that was asked for, as store.bits.packed; notes say what was thinned."""

    mask: bytes
    seconds: float
    notes: list[str] = []
