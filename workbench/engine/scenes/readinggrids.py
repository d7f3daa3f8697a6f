"""NeRF-MAE and NeRF-RPN grids (.npz) and the boxes beside them, boxes as JSON or arrays, and volumes as archives.

A grid's `rgbsigma` is (W, L, H, 4), or (W·L·H, 4) with x fastest as instant-ngp's extraction writes it; boxes are in
voxels: (N, 6) least and greatest corners, (N, 7) centre, sides and yaw (papers/09, part B and "Real data").
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.scenes import Box, BoxesDoc, DensityKind, RadianceDoc, RadianceMeta, ReadThing, VolumeDoc
from workbench.core.volumes import Geometry, Matrix, VolumeFile, VolumeMeta
from workbench.core.words import spaced
from workbench.engine.medical.arrays import write_array
from workbench.engine.scenes import gridfiles
from workbench.engine.scenes.archives import claims, read_member
from workbench.engine.scenes.boxrows import centred, from_voxels
from workbench.engine.scenes.keeping import Shelf, triple
from workbench.engine.scenes.readingmeshes import damaged

MOST_JSON_BYTES = 64 << 20


class Grid(NamedTuple):
    """A grid as it is worked with: (X, Y, Z, 4) float32, the box it fills and its density, and what was done."""

    rgba: NDArray[np.float32]
    meta: RadianceMeta
    notes: tuple[str, ...]


def load_grid(path: Path) -> Grid:
    """A NeRF-MAE or NeRF-RPN grid. Raises InputError where it is damaged or no such grid."""
    found = gridfiles.parsed(path)
    rgba, notes = found.values, list[str]()
    if found.box is None:
        notes.append("The file does not say where its box lies: its longest side is taken for 1")
        size = np.array(rgba.shape[:3], np.float64)
        low, high = (0.0, 0.0, 0.0), triple(size / size.max())
    else:
        low, high = found.box
    notes += found.notes
    bad = ~np.isfinite(rgba)
    if bad.any():
        notes.append(f"{spaced(int(bad.sum()))} values that are no numbers taken for 0")
        rgba[bad] = 0
    kind = _density(found.kind, rgba, notes)
    return Grid(rgba, RadianceMeta(low, high, kind, path.stem), tuple(notes))


def _density(said: str, rgba: NDArray[np.float32], notes: list[str]) -> DensityKind:
    if said in gridfiles.KINDS:
        return cast(DensityKind, said)
    low, high = float(rgba[..., 3].min()), float(rgba[..., 3].max())
    if low >= 0 and high <= 1:
        notes.append("What its density means is not said: from 0 to 1, taken for alpha")
        return "alpha"
    notes.append(f"What its density means is not said: {low:.3g} to {high:.3g}, taken for exp-activated")
    return "exp"


def read_grid(path: Path, shelf: Shelf) -> tuple[list[ReadThing], list[str], list[Path]]:
    """A grid, the boxes beside it, and the files that they are of."""
    grid = load_grid(path)
    shape = grid.rgba.shape
    doc = RadianceDoc(shelf.save("grid", grid.rgba), (shape[0], shape[1], shape[2]), grid.meta, notes=grid.notes)
    things, notes, beside = [ReadThing(path.stem, doc)], list[str](), list[Path]()
    for file in boxes_beside(path):
        found = boxes_of(gridfiles.box_rows(file), grid.meta, doc.shape, file)
        things.append(ReadThing(f"{path.stem} boxes", found, parent=path.stem))
        beside.append(file)
        notes.append(f"Boxes of {file.parent.name}/{file.name}")
    if beside:
        things[0] = ReadThing(path.stem, doc, parent=path.stem)
    return things, notes, beside


def boxes_beside(path: Path) -> list[Path]:
    """The boxes of a grid: turned ones (obb) before upright ones, in their own folder or beside it."""
    for place in (path.parent.parent / "obb", path.parent.parent / "boxes", path.parent.parent / "aabb", path.parent):
        for name in (f"{path.stem}.npy", f"{path.stem}_boxes.npy"):
            if (place / name).is_file():
                return [place / name]
    return []


def boxes_of(rows: NDArray[np.float64], meta: RadianceMeta, shape: tuple[int, int, int], path: Path) -> BoxesDoc:
    """Boxes in voxels as boxes in the grid's own lengths; voxel i reaches from i to i + 1."""
    cell = (np.array(meta.high) - meta.low) / np.array(shape)
    notes = []
    if not np.allclose(cell, cell[0], rtol=0.02) and rows.shape[1] == 7 and rows[:, 6].any():
        notes.append("Voxels are not cubes: turned boxes are a little off")
    found = from_voxels(centred(rows), meta, shape)
    boxes = [Box(triple(row), triple(np.abs(row[3:6])), math.remainder(float(row[6]), math.tau)) for row in found]
    return BoxesDoc(tuple(boxes), notes=tuple(notes))


def read_boxes(path: Path) -> BoxesDoc:
    """Boxes of a JSON as the program writes it, or of an array, which is taken to be in the scene's own lengths."""
    if path.suffix.lower() == ".npy":
        return boxes_of(gridfiles.box_rows(path), RadianceMeta(), (1, 1, 1), path)
    if path.stat().st_size > MOST_JSON_BYTES:
        raise damaged(path, "boxes", "at most 64 MB of JSON", f"{spaced(path.stat().st_size)} bytes")
    try:
        return msgspec.json.decode(path.read_bytes(), type=BoxesDoc)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise damaged(path, "boxes", "boxes as the program writes them", str(error)[:120]) from None


# Volumes as archives


def read_npz_volume(path: Path, shelf: Shelf) -> VolumeDoc:
    """A (z, y, x) array of an .npz: `volume`, or the only one of three axes; its spacing_mm, origin_mm and direction.

    Raises InputError where there is none, or more than one.
    """
    held = claims(path)
    solid = [name for name, claim in held.items() if len(claim.shape) == 3 and min(claim.shape) > 0
             and claim.dtype.kind in "biuf"]  # fmt: skip
    chosen = "volume" if "volume" in solid else solid[0] if len(solid) == 1 else ""
    if not chosen:
        raise damaged(path, "a volume", f"an array {gridfiles.GRID}, or 'volume', or a single one of three axes",
                      ", ".join(f"{name} {claim.shape}" for name, claim in held.items())[:160] or "none")  # fmt: skip
    values = read_member(path, chosen)
    geometry, notes = _geometry(path, held)
    final, scratch = shelf.place("volume")
    writer = write_array(scratch, values.astype(np.uint8) if values.dtype == np.bool_ else values)
    if writer.not_finite:
        notes.append(f"{spaced(writer.not_finite)} values that are no numbers taken for 0")
    return VolumeDoc(VolumeFile(str(final), VolumeMeta(geometry=geometry, title=path.name), tuple(notes)))


def _geometry(path: Path, held: dict[str, Any]) -> tuple[Geometry, list[str]]:
    def of(name: str, many: int) -> NDArray[np.float64] | None:
        if name not in held or held[name].size_bytes > 1024 or held[name].dtype.kind not in "iuf":
            return None
        found = np.asarray(read_member(path, name), np.float64).reshape(-1)
        return found if len(found) == many and np.isfinite(found).all() else None

    spacing, origin, direction = of("spacing_mm", 3), of("origin_mm", 3), of("direction", 9)
    if spacing is None or not (spacing > 0).all():
        return Geometry(), ["Its spacing is not said: 1 mm is assumed"]
    turned = np.eye(3).reshape(-1) if direction is None else direction
    at = np.zeros(3) if origin is None else origin
    return Geometry(triple(spacing), triple(at), cast(Matrix, tuple(float(one) for one in turned))), []
