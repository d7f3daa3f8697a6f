"""Posed photographs as the worker is asked for them: read with what was repaired or guessed, or drawn as a sample."""

from __future__ import annotations

from typing import Literal

import msgspec

from workbench.core.scenes import UNMOVED, CamerasDoc, Placement

SampleScene = Literal["room", "object"]
MOST_IMAGES, LEAST_SIZE_PX, MOST_SIZE_PX = 1000, 8, 2048
"""What a sample may be asked for: photographs, and pixels of their sides."""


class PosedWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Photographs to read; the question `posed-read`.

    `repair` puts mirrored poses right, `axes` are the camera axes of a JSON file; `upright` turns the cameras' mean up
    to +z (by default for COLMAP only), `rescale` makes their mean distance from what they look at 4. `out` is where
    they are written: a folder for a COLMAP model, or a file ending in .json; over what lies there only with `replace`,
    and never over what was read.
    """

    path: str
    repair: bool = False
    axes: Literal["opengl", "opencv"] = "opengl"
    upright: bool | None = None
    rescale: bool = False
    out: str = ""
    replace: bool = False


class PosedRead(msgspec.Struct, frozen=True, omit_defaults=True):
    """Photographs in the scene's axes; `placement` (row by row) takes the file's coordinates there."""

    cameras: CamerasDoc
    kind: str
    placement: Placement = UNMOVED
    point_count: int = 0
    """How many matched points lie beside them."""
    written: str = ""


class PosedSampleWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A sample to draw; the question `posed-sample`. Without `out` it lies in the home's cache and is drawn once.

    With `out` a room's exact grid, boxes and labels are written beside the photographs, too.
    """

    name: SampleScene = "room"
    images: int = 24
    size_px: int = 64
    seed: int = 0
    out: str = ""
    replace: bool = False


class PosedSample(msgspec.Struct, frozen=True, omit_defaults=True):
    """A drawn sample: its folder, its photographs, and the other files that were written."""

    folder: str
    cameras: CamerasDoc
    files: tuple[str, ...] = ()
