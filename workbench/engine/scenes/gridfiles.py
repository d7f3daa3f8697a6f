"""Radiance grids in NeRF-MAE's and NeRF-RPN's files: colour and density in one .npz, boxes in one .npy.

A file's `rgbsigma` is (W, L, H, 4), or the raw (W·L·H, 4) with x fastest and `resolution` beside it; the box is
`bbox_min` and `bbox_max`. What density means is said by `density_kind`, which is this program's own key, or by whoever
reads: 1 − exp(−exp(d)/100) for exp-activated fields, 1 − exp(−max(d, 0)/100) for ReLU ones (paper 09, section B).
`parsed` is what both training (`read_grid`) and the scene (readinggrids) read files with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.scenes import ALPHA_STEP, DensityKind, RadianceMeta
from workbench.core.volumes import Triple
from workbench.core.words import spaced
from workbench.engine.scenes.archives import claims, map_array, read_member
from workbench.engine.scenes.boxrows import centred
from workbench.engine.scenes.keeping import triple
from workbench.engine.scenes.readingmeshes import damaged

Floats = NDArray[np.float32]
GRID = "rgbsigma"
KINDS: tuple[str, ...] = get_args(DensityKind)
MOST_VOXELS = 512**3
MOST_BOXES = 100_000
TO_Z_UP = [2, 0, 1]
"""instant-ngp has y up: its axes 2, 0, 1 are x, y, z of the photographs' world."""
_HIGHEST_LOG = 80.0
_FACT_BYTES = 4096


class Parsed(NamedTuple):
    """What a file says, z up: values (X, Y, Z, 4) float32 as stored, which may not be finite, and its box.

    `box` is None where `claimed_box` tells nothing or has no volume; `kind` is what the file says its density means,
    which may be anything; `claimed_sides` are told beside a grid that is (W, L, H, 4) already.
    """

    values: Floats
    box: tuple[Triple, Triple] | None
    claimed_box: str
    kind: str
    claimed_sides: tuple[int, int, int] | None
    notes: tuple[str, ...]


def parsed(path: Path) -> Parsed:
    """A file's grid, its axes turned upright where it is of instant-ngp's making.

    Raises InputError for a file without these keys and for numbers that do not fit them.
    """
    held = claims(path)
    if GRID not in held:
        raise damaged(path, "a radiance grid", f"an array {GRID}", ", ".join(held)[:100] or "none")
    if held[GRID].dtype.kind not in "fu":
        raise damaged(path, "a radiance grid", "numbers (W, L, H, 4)", f"{held[GRID].dtype}")
    values = read_member(path, GRID)
    facts = {name: read_member(path, name) for name in held if name != GRID and held[name].size_bytes < _FACT_BYTES}
    sides, is_raw = _sides(facts, path), values.ndim == 2 and values.shape[1] == 4
    if is_raw and sides is not None:
        values = _unravelled(values, sides, path)
    if values.ndim != 4 or values.shape[3] != 4 or not values.size:
        raise damaged(path, "a radiance grid", "(W, L, H, 4), or (W·L·H, 4) with a resolution", str(values.shape))
    turn = is_raw and "density_kind" not in facts and "from_mitsuba" in facts and not facts["from_mitsuba"].any()
    box, notes = _box(facts, values.shape[:3], turn)
    if turn:
        values = values.transpose(*TO_Z_UP, 3)
        notes.append("As instant-ngp extracts it, y up: turned, so that z is")
    scale = np.float32(1 / 255 if values.dtype == np.uint8 else 1)
    said = facts.get("density_kind")
    claimed = ", ".join(f"{name} {facts[name].reshape(-1)[:4]}" for name in ("bbox_min", "bbox_max") if name in facts)
    kind = "" if said is None else str(said) if said.ndim == 0 else "no single word"
    grid = np.ascontiguousarray(values, np.float32) * scale
    return Parsed(grid, box, claimed, kind, None if is_raw else sides, tuple(notes))


def read_grid(path: Path, density: str = "") -> tuple[Floats, RadianceMeta]:
    """Colour and alpha (X, Y, Z, 4) float32, all from 0 to 1, and the box that they fill, for training.

    `density` is what densities mean where the file does not say it. Raises InputError as `parsed` does, and for values
    that are not finite, sides that are not those of `resolution`, densities of unknown meaning and empty boxes.
    """
    try:
        found = parsed(path)
    except InputError as error:
        raise _placed(error, path) from None
    values, kind = found.values, found.kind or density
    if found.claimed_sides not in (None, values.shape[:3]):
        raise _refused(path, "The grid is not of the size that the file tells.", str(found.claimed_sides),
                       str(values.shape[:3]))  # fmt: skip
    if values.size // 4 > MOST_VOXELS:
        raise _refused(
            path, "The grid is too large.", "at most 512³ voxels", str(values.shape[:3]), fix="Extract it coarser."
        )
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values)).any(-1).sum())
        raise _refused(path, "The grid holds values that are no numbers.", "finite values", f"{count} NaN or ∞",
                       fix="Extract it again; the field may have diverged.")  # fmt: skip
    if not kind and values[..., 3].min() >= 0 and values[..., 3].max() <= 1:
        kind = "alpha"  # as a density over a step of 0.01 it would be all but empty
    if kind not in KINDS:
        raise _refused(
            path, "It is not known what this grid's densities mean.", ", ".join(KINDS), kind or "nothing about it",
            fix="Set 'Density': exp for published Front3D and HM3D grids, relu for ScanNet's, alpha for Hypersim's.",
            field="density",
        )  # fmt: skip
    if found.box is None and found.claimed_box:
        raise _refused(
            path, "The grid's box has no volume.", "bbox_min below bbox_max on all three axes", found.claimed_box
        )
    low, high = found.box or ((0.0, 0.0, 0.0), triple(np.array(values.shape[:3], float)))
    values[..., 3] = alpha_of(values[..., 3], kind)
    return values.clip(0, 1, out=values), RadianceMeta(low, high, "alpha", path.stem)


def alpha_of(density: NDArray[Any], kind: str) -> Floats:
    """Densities as alpha, 0 to 1: the share of light that a step of 0.01 of the longest side takes away."""
    if kind == "alpha":
        return density.clip(0, 1).astype(np.float32)
    raw = density.astype(np.float64)
    rate = np.exp(raw.clip(max=_HIGHEST_LOG)) if kind == "exp" else raw.clip(0)
    found: Floats = (-np.expm1(-rate * ALPHA_STEP)).astype(np.float32)
    return found


def write_grid(path: Path, rgba: NDArray[Any], meta: RadianceMeta) -> None:
    """A grid (X, Y, Z, 4) as an .npz with the keys of NeRF-MAE's files, and what its density means.

    `rgbsigma` is (X·Y·Z, 4) float32 with x fastest (paper 09, part B); `scale` 1 and `offset` 0, as the box is in the
    scene's own coordinates. Axes are the scene's, z up; `from_mitsuba` says so to programs that would turn
    instant-ngp's.
    """
    rows = np.ascontiguousarray(rgba.transpose(2, 1, 0, 3).reshape(-1, 4), np.float32)
    with path.open("wb") as file:
        np.savez_compressed(
            file, rgbsigma=rows, resolution=np.array(rgba.shape[:3], np.int64),
            bbox_min=np.array(meta.low, np.float64), bbox_max=np.array(meta.high, np.float64), scale=np.array(1.0),
            offset=np.zeros(3), from_mitsuba=np.array(True), density_kind=np.array(meta.density),
        )  # fmt: skip


def _unravelled(rows: NDArray[Any], sides: tuple[int, int, int], path: Path) -> NDArray[Any]:
    """Raw rows, x fastest, as (W, L, H, 4)."""
    x, y, z = sides
    if len(rows) != x * y * z:
        raise damaged(path, "a radiance grid", f"{spaced(x * y * z)} voxels of {x} × {y} × {z}", spaced(len(rows)))
    return rows.reshape(z, y, x, 4).transpose(2, 1, 0, 3)


def _sides(facts: dict[str, NDArray[Any]], path: Path) -> tuple[int, int, int] | None:
    found = facts.get("resolution")
    if found is None:
        return None
    flat = np.asarray(found).reshape(-1)
    if len(flat) != 3 or flat.dtype.kind not in "iuf" or not (flat >= 1).all() or not (flat < 1 << 20).all():
        raise damaged(path, "a radiance grid", "a resolution of three sides", str(flat[:4]))
    return int(flat[0]), int(flat[1]), int(flat[2])


def _box(
    facts: dict[str, NDArray[Any]], sides: tuple[int, ...], turn: bool
) -> tuple[tuple[Triple, Triple] | None, list[str]]:
    """The corners in the frame of the photographs, and what was done to find them."""
    corners = [np.asarray(facts.get(name, np.zeros(0))).reshape(-1) for name in ("bbox_min", "bbox_max")]
    notes, shape = list[str](), np.array(sides, np.float64)
    fine = all(len(one) == 3 and one.dtype.kind in "iuf" and np.isfinite(one).all() for one in corners)
    if not fine or not (corners[1] > corners[0]).all():
        return None, notes
    low, high = (one.astype(np.float64) for one in corners)
    cells = (high - low) / shape
    if turn:
        low, high = low[TO_Z_UP], high[TO_Z_UP]
    elif "density_kind" not in facts and cells.max() > 1.1 * cells.min():
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
    return (triple(low), triple(high)), notes


def read_boxes(path: Path, sides: tuple[int, ...]) -> Floats:
    """Boxes as rows (N, 7) in voxels, from (N, 6) least and greatest corners or (N, 7) centre, sides and yaw.

    Raises InputError for other arrays, boxes without volume, and boxes that lie outside the grid's `sides`.
    """
    try:
        rows = centred(box_rows(path).astype(np.float32))
    except InputError as error:
        raise _placed(error, path) from None
    if (rows[:, 3:6] <= 0).any():
        raise _refused(path, "A box has no volume.", "sides above 0", str(rows[(rows[:, 3:6] <= 0).any(1)][0, 3:6]))
    outside = ((rows[:, :3] < 0) | (rows[:, :3] > np.array(sides))).any(1)
    if outside.any():
        raise _refused(path, "Boxes lie outside their grid.", f"middles within {sides} voxels",
                       f"{int(outside.sum())} of {len(rows)}, such as {rows[outside][0, :3]}",
                       fix="Boxes are in voxels; bring them there with the grid's bbox_min and bbox_max.")  # fmt: skip
    return rows


def box_rows(path: Path) -> NDArray[np.float64]:
    """The rows (N, 6) or (N, 7) of an array of boxes. Raises InputError for other arrays and damaged files."""
    found = map_array(path)
    if found.size == 0:
        return np.zeros((0, 7))
    if found.ndim != 2 or found.shape[1] not in (6, 7) or found.dtype.kind not in "iuf" or len(found) > MOST_BOXES:
        raise damaged(path, "boxes", "numbers (N, 6) or (N, 7)", f"{found.shape} {found.dtype}")
    rows = np.asarray(found, np.float64)
    if not np.isfinite(rows).all():
        raise damaged(path, "boxes", "finite numbers", "others among them")
    return rows


def _placed(error: InputError, path: Path) -> InputError:
    """The same trouble of a form's field, with the whole path: one of many files is at fault."""
    return _refused(path, error.what, error.expected, error.received, fix=error.fix)


def _refused(path: Path, what: str, expected: str, received: str, *, fix: str = "", field: str = "grids") -> InputError:
    return InputError(what, expected=expected, received=received[:500], field=field, place=str(path),
                      fix=fix or "Choose a file as NeRF-MAE's extraction writes it.")  # fmt: skip
