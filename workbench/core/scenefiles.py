"""Files of things in space: which kinds are read and written, and what a window asks of whoever writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from workbench.core.scenes import UNMOVED, Placement, ReadGroup, SceneRead, Thing, ThingKind

READ_ENDINGS: Mapping[str, tuple[str, ...]] = {
    "Point clouds": (".ply", ".pcd", ".xyz", ".txt", ".csv", ".pts", ".asc", ".las", ".laz"),
    "Meshes": (".ply", ".obj", ".stl", ".glb", ".gltf", ".off"),
    "Volumes": (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".npz"),
    "Radiance grids": (".npz",),
    "Boxes": (".json", ".npy"),
    "Posed photographs": (".json",),
}
"""Endings by what the files hold, for dialogs; folders of photographs with poses are read too."""
WRITE_ENDINGS: Mapping[ThingKind, tuple[str, ...]] = {
    "points": (".ply", ".las", ".laz", ".pcd", ".xyz", ".csv"),
    "mesh": (".ply", ".obj", ".stl", ".glb", ".off"),
    "volume": (".nii.gz", ".nii", ".nrrd", ".mha", ".npz"),
    "radiance": (".npz",),
    "boxes": (".json", ".npy"),
    "cameras": (".json",),
    "measure": (".csv",),
    "group": (),
}
"""What each kind of thing can be written as; the first is the usual one."""


class WriteThing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A thing to write: `placement` takes its coordinates to those of the file, `hidden` (.npy, bool) leaves out,
    `parent` is the id of the group that it stands in."""

    thing: Thing
    name: str = ""
    placement: Placement = UNMOVED
    hidden: str = ""
    parent: str = ""


class SceneWriteWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Things to be written into the file `out`, by its ending; the question `scene-write`.

    Several things go into one file where the format knows several (OBJ, GLB) and are otherwise put together: points
    with points, meshes with meshes. `open_files` are never written over; another file only where `replace` says so.
    `unit` is what lengths are told in, where a file tells; `groups`, outer ones first, are kept where a format has
    such (GLB).
    """

    things: tuple[WriteThing, ...]
    out: str
    replace: bool = False
    open_files: tuple[str, ...] = ()
    unit: str = ""
    groups: tuple[ReadGroup, ...] = ()


class SceneWritten(msgspec.Struct, frozen=True, omit_defaults=True):
    """The files that were written, the asked one first, and what to know about them."""

    files: tuple[str, ...]
    notes: tuple[str, ...] = ()


class SceneInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a file holds, in numbers; the question `scene-info`."""

    path: str
    format: str
    size_bytes: int
    read: SceneRead


SceneSample = Literal["terrain", "statue", "head"]
SAMPLES: Mapping[SceneSample, str] = {
    "terrain": "A hill with trees and a house: 900 000 points with classes and colours (LAZ)",
    "statue": "A knotted ring that stands on the hill: coloured meshes (GLB)",
    "head": "A head in an MR scanner: a volume (NIfTI)",
}
"""What is generated on demand by the question `scene-sample` {name}; the answer is a list with its file's path."""
TOGETHER: tuple[SceneSample, ...] = ("terrain", "statue")
"""Samples that stand in one scene; the answer to a question without a name."""
