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
from workbench.engine.medical.arrays import write_array
from workbench.engine.scenes.archives import claims, map_array, read_member
from workbench.engine.scenes.keeping import Shelf, triple
from workbench.engine.scenes.readingmeshes import damaged

GRID = "rgbsigma"
KINDS = ("alpha", "relu", "exp")
TO_Z_UP = [2, 0, 1]
"""instant-ngp has y up: its axes 2, 0, 1 are x, y, z of the photographs' world."""
MOST_BOXES = 100_000
MOST_JSON_BYTES = 64 << 20


class Grid(NamedTuple):
    """A grid as it is worked with: (X, Y, Z, 4) float32, the box it fills and its density, and what was done."""

    rgba: NDArray[np.float32]
    meta: RadianceMeta
    notes: tuple[str, ...]


def load_grid(path: Path) -> Grid:
    """A NeRF-MAE or NeRF-RPN grid. Raises InputError where it is damaged or no such grid."""
    held = claims(path)
    if GRID not in held:
        raise damaged(path, "a radiance grid", f"an array {GRID}", ", ".join(held)[:100] or "none")
    values, notes = read_member(path, GRID), list[str]()
    facts = {name: read_member(path, name) for name in held if name != GRID and held[name].size_bytes < 4096}
    sides = _sides(facts, path)
    if values.ndim == 2 and values.shape[1] == 4 and sides is not None:
        x, y, z = sides
        if len(values) != x * y * z:
            raise damaged(path, "a radiance grid", f"{x * y * z:,} voxels of {x} × {y} × {z}", f"{len(values):,}")
        grid = values.reshape(z, y, x, 4).transpose(2, 1, 0, 3)
        turn = "density_kind" not in facts and "from_mitsuba" in facts and not facts["from_mitsuba"].any()
    elif values.ndim == 4 and values.shape[3] == 4 and min(values.shape) > 0:
        grid, turn = values, False
    else:
        raise damaged(path, "a radiance grid", "(W, L, H, 4), or (W·L·H, 4) with a resolution", str(values.shape))
    low, high = _box(facts, grid.shape[:3], turn, notes)
    if turn:
        grid = grid.transpose(2, 0, 1, 3)
        notes.append("As instant-ngp extracts it, y up: turned, so that z is")
    scale = 1 / 255 if grid.dtype == np.uint8 else 1
    rgba = np.ascontiguousarray(grid, np.float32) * np.float32(scale)
    bad = ~np.isfinite(rgba)
    if bad.any():
        notes.append(f"{int(bad.sum()):,} values that are no numbers taken for 0")
        rgba[bad] = 0
    kind = _density(facts, rgba, notes)
    return Grid(rgba, RadianceMeta(low, high, kind, path.stem), tuple(notes))


def _sides(facts: dict[str, NDArray[Any]], path: Path) -> tuple[int, int, int] | None:
    found = facts.get("resolution")
    if found is None:
        return None
    flat = np.asarray(found).reshape(-1)
    if len(flat) != 3 or flat.dtype.kind not in "iuf" or not (flat >= 1).all() or not (flat < 1 << 20).all():
        raise damaged(path, "a radiance grid", "a resolution of three sides", str(flat[:4]))
    return int(flat[0]), int(flat[1]), int(flat[2])


def _box(
    facts: dict[str, NDArray[Any]], sides: tuple[int, ...], turn: bool, notes: list[str]
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """The corners in the frame of the photographs; without any, voxels are of one size and the longest side is 1."""
    corners = [np.asarray(facts.get(name, np.zeros(0))).reshape(-1) for name in ("bbox_min", "bbox_max")]
    shape = np.array(sides, np.float64)
    fine = all(len(one) == 3 and one.dtype.kind in "iuf" and np.isfinite(one).all() for one in corners)
    if not fine or not (corners[1] > corners[0]).all():
        notes.append("The file does not say where its box lies: its longest side is taken for 1")
        size = shape[TO_Z_UP] if turn else shape
        return (0.0, 0.0, 0.0), triple(size / size.max())
    low, high = (one.astype(np.float64) for one in corners)
    cells = (high - low) / shape
    if turn:
        low, high = low[TO_Z_UP], high[TO_Z_UP]
    elif cells.max() > 1.1 * cells.min():
        turned = (high - low)[TO_Z_UP] / shape
        if turned.max() < 1.1 * turned.min():
            low, high = low[TO_Z_UP], high[TO_Z_UP]
            notes.append("Its box is in instant-ngp's axes, its voxels are not: the box was turned")
    scale, offset = (np.asarray(facts.get(name, np.array(0.0))).reshape(-1) for name in ("scale", "offset"))
    if (
        len(scale) == 1
        and len(offset) in (1, 3)
        and np.isfinite(scale).all()
        and np.isfinite(offset).all()
        and scale[0]
    ):
        low, high = (low - offset) / scale[0], (high - offset) / scale[0]
        low, high = np.minimum(low, high), np.maximum(low, high)
    return triple(low), triple(high)


def _density(facts: dict[str, NDArray[Any]], rgba: NDArray[np.float32], notes: list[str]) -> DensityKind:
    said = str(facts["density_kind"]) if "density_kind" in facts and facts["density_kind"].ndim == 0 else ""
    if said in KINDS:
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
        found = boxes_of(_rows(file), grid.meta, doc.shape, file)
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


def _rows(path: Path) -> NDArray[np.float64]:
    found = map_array(path)
    if found.size == 0:
        return np.zeros((0, 7))
    if found.ndim != 2 or found.shape[1] not in (6, 7) or found.dtype.kind not in "iuf" or len(found) > MOST_BOXES:
        raise damaged(path, "boxes", "numbers (N, 6) or (N, 7)", f"{found.shape} {found.dtype}")
    rows = np.asarray(found, np.float64)
    if not np.isfinite(rows).all():
        raise damaged(path, "boxes", "finite numbers", "others among them")
    return rows


def boxes_of(rows: NDArray[np.float64], meta: RadianceMeta, shape: tuple[int, int, int], path: Path) -> BoxesDoc:
    """Boxes in voxels as boxes in the grid's own lengths; voxel i reaches from i to i + 1."""
    low, high = np.array(meta.low), np.array(meta.high)
    cell = (high - low) / np.array(shape)
    notes = []
    if not np.allclose(cell, cell[0], rtol=0.02) and rows.shape[1] == 7 and rows[:, 6].any():
        notes.append("Voxels are not cubes: turned boxes are a little off")
    found = []
    for row in rows:
        if rows.shape[1] == 6:
            centre, size, yaw = (row[:3] + row[3:]) / 2, np.abs(row[3:] - row[:3]), 0.0
        else:
            centre, size, yaw = row[:3], np.abs(row[3:6]), math.remainder(float(row[6]), math.tau)
        found.append(Box(triple(low + centre * cell), triple(size * cell), yaw))
    return BoxesDoc(tuple(found), notes=tuple(notes))


def read_boxes(path: Path) -> BoxesDoc:
    """Boxes of a JSON as the program writes it, or of an array, which is taken to be in the scene's own lengths."""
    if path.suffix.lower() == ".npy":
        return boxes_of(_rows(path), RadianceMeta(), (1, 1, 1), path)
    if path.stat().st_size > MOST_JSON_BYTES:
        raise damaged(path, "boxes", "at most 64 MB of JSON", f"{path.stat().st_size:,} bytes")
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
        raise damaged(path, "a volume", f"an array {GRID}, or 'volume', or a single one of three axes",
                      ", ".join(f"{name} {claim.shape}" for name, claim in held.items())[:160] or "none")  # fmt: skip
    values = read_member(path, chosen)
    geometry, notes = _geometry(path, held)
    final, scratch = shelf.place("volume")
    writer = write_array(scratch, values.astype(np.uint8) if values.dtype == np.bool_ else values)
    if writer.not_finite:
        notes.append(f"{writer.not_finite:,} values that are no numbers taken for 0")
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
