"""Radiance grids as NeRF-MAE's .npz, boxes as JSON or arrays, volumes as NIfTI, NRRD, MetaImage or .npz, cameras."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
import numpy as np

from workbench.core.problem import InputError
from workbench.core.scenefiles import WriteThing
from workbench.core.scenes import Box, BoxesDoc, CamerasDoc, RadianceDoc, VolumeDoc
from workbench.engine.scenes import placing
from workbench.engine.scenes.gridfiles import write_grid
from workbench.engine.scenes.keeping import Told


def write_radiance(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """A radiance grid. Raises InputError where it stands turned: a grid's axes are the scene's."""
    doc = cast(RadianceDoc, things[0].thing)
    meta = placing.moved_grid(doc.meta, placing.matrix_of(things[0].placement))
    if meta is None:
        raise _turned("A radiance grid", out)
    told(0, 1, "grid")
    write_grid(out, np.load(doc.grid, mmap_mode="r"), meta)
    return ["The trained field is not part of the file"] if doc.field else []


def _turned(what: str, out: Path) -> InputError:
    return InputError(
        f"{what} cannot be written as it stands here.", expected="one that is moved or scaled along its axes",
        received="one that is turned, sheared or mirrored", fix="Take its turn away, or write it unplaced.",
        field="things", place=out.name,
    )  # fmt: skip


def write_boxes(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """Boxes as JSON, or as (N, 7): centre, sides and yaw in the scene's lengths.

    Raises InputError where they stand turned about another axis than z.
    """
    boxes, names, notes = list[Box](), list[str](), list[str]()
    for one in things:
        doc = cast(BoxesDoc, one.thing)
        names += [name for name in doc.names if name not in names]
        for box in doc.boxes:
            moved = placing.moved_box(box, placing.matrix_of(one.placement))
            if moved is None:
                raise _turned("A box", out)
            boxes.append(moved)
    if out.suffix.lower() == ".json":
        out.write_bytes(msgspec.json.format(msgspec.json.encode(BoxesDoc(tuple(boxes), tuple(names)))))
        return notes
    rows = [[*one.centre, *one.size, one.yaw_rad] for one in boxes]
    with out.open("wb") as file:
        np.save(file, np.array(rows, np.float64).reshape(-1, 7), allow_pickle=False)
    return (
        ["Labels and scores are not part of the file"]
        if any(one.label or one.score is not None for one in boxes)
        else []
    )


def write_volumes(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """A volume with its geometry. Raises InputError where its axes would not be at right angles."""
    from workbench.engine.medical.export import write_volume

    doc = cast(VolumeDoc, things[0].thing)
    geometry = placing.moved_geometry(doc.file.meta.geometry, placing.matrix_of(things[0].placement))
    if geometry is None:
        raise _turned("A volume", out)
    values = np.load(doc.file.path, mmap_mode="r", allow_pickle=False)
    told(0, 1, "volume")
    if out.suffix.lower() != ".npz":
        write_volume(np.asarray(values), geometry, out)
        return []
    with out.open("wb") as file:
        np.savez_compressed(
            file, volume=values, spacing_mm=np.array(geometry.spacing_mm), origin_mm=np.array(geometry.origin_mm),
            direction=np.array(geometry.direction).reshape(3, 3),
        )  # fmt: skip
    return []


def write_cameras(things: Sequence[WriteThing], out: Path, told: Told) -> list[str]:
    """Posed photographs as a transforms.json; the photographs stay where they are."""
    from workbench.engine.scenes.posed import write_transforms

    doc = cast(CamerasDoc, things[0].thing)
    matrix = placing.matrix_of(things[0].placement)
    if not placing.is_unmoved(matrix):
        raise InputError(
            "Cameras are written where they were taken.", expected="no placement", received="a moved group of cameras",
            fix="Write them without their placement.", field="things", place=out.name,
        )  # fmt: skip
    # Photographs are named as seen from the file's folder, which is the one that holds the passing folder of `out`.
    passing = out.parent.with_name(f"{out.parent.name}.json")
    try:
        write_transforms(passing, doc)
        passing.replace(out)
    finally:
        passing.unlink(missing_ok=True)
    return []
