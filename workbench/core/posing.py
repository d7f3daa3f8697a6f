"""Posed photographs as the worker is asked for them: read with what was repaired or guessed, or drawn as a sample."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from workbench.core.scenes import UNMOVED, CamerasDoc, Placement, PoseReading

SampleScene = Literal["room", "object"]
MOST_IMAGES, LEAST_SIZE_PX, MOST_SIZE_PX = 1000, 8, 2048
"""What a sample may be asked for: photographs, and pixels of their sides."""


class Remedy(NamedTuple):
    """What helps where poses are odd: words by which a note or a fault that it helps is known, the flag of a terminal,
    the words of a button, what it does in a sentence, and how photographs are read then."""

    mark: str
    flag: str
    button: str
    does: str
    changes: dict[str, Any]

    def after(self, reading: PoseReading) -> PoseReading:
        """The same reading with this done, too."""
        return msgspec.structs.replace(reading, **self.changes)


MIRRORED, AWAY, LYING = "poses are mirrored", "The cameras look away from", "The cameras do not stand along z"
"""How what is said of odd poses begins."""
REMEDIES = (
    Remedy(MIRRORED, "--repair", "Read them repaired", "mirrored poses put right", {"repair": True}),
    Remedy(AWAY, "--axes opencv", "Read with OpenCV's axes", "with OpenCV's camera axes", {"axes": "opencv"}),
    Remedy(LYING, "--upright", "Turn them upright", "turned upright", {"upright": True}),
)


def remedy_of(said: str) -> Remedy | None:
    """What helps against something that was said of poses, in a window and in a terminal."""
    return next((one for one in REMEDIES if one.mark in said), None)


def read_as(reading: PoseReading) -> str:
    """How photographs were read that were not as they should be: 'mirrored poses put right, turned upright'."""
    return ", ".join(one.does for one in REMEDIES if one.after(reading) == reading)


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
