"""Radiance grids in NeRF-MAE's and NeRF-RPN's files: colour and density in one .npz, boxes in one .npy.

A file's `rgbsigma` is (W, L, H, 4), or the raw (W·L·H, 4) with x fastest and `resolution` beside it; the box is
`bbox_min` and `bbox_max`. What density means is said by `density_kind`, which is this program's own key, or by whoever
reads: 1 − exp(−exp(d)/100) for exp-activated fields, 1 − exp(−max(d, 0)/100) for ReLU ones (paper 09, section B).
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.scenes import ALPHA_STEP, DensityKind, RadianceMeta

Floats = NDArray[np.float32]
KINDS: tuple[str, ...] = get_args(DensityKind)
MOST_VOXELS = 512**3
_HIGHEST_LOG = 80.0


def read_grid(path: Path, density: str = "") -> tuple[Floats, RadianceMeta]:
    """Colour and alpha (X, Y, Z, 4) float32, all from 0 to 1, and the box that they fill, in file units.

    `density` is what densities mean where the file does not say it. Raises InputError for a file without these keys,
    numbers that do not fit them, values that are not finite, and densities of unknown meaning.
    """
    told = _opened(path)
    values = _shaped(told, path)
    kind = str(told["density_kind"]) if "density_kind" in told else density
    if not kind and values[..., 3].min() >= 0 and values[..., 3].max() <= 1:
        kind = "alpha"  # as a density over a step of 0.01 it would be all but empty
    if kind not in KINDS:
        raise _refused(
            path, "It is not known what this grid's densities mean.", ", ".join(KINDS), kind or "nothing about it",
            fix="Set 'Density': exp for published Front3D and HM3D grids, relu for ScanNet's, alpha for Hypersim's.",
            field="density",
        )  # fmt: skip
    found = np.empty(values.shape, np.float32)
    found[..., :3] = values[..., :3].clip(0, 1)
    found[..., 3] = alpha_of(values[..., 3], kind)
    low, high = (tuple(map(float, np.ravel(told.get(name, default)))) for name, default in
                 (("bbox_min", (0, 0, 0)), ("bbox_max", values.shape[:3])))  # fmt: skip
    if len(low) != 3 or len(high) != 3 or not all(one < other for one, other in zip(low, high, strict=True)):
        raise _refused(
            path, "The grid's box has no volume.", "bbox_min below bbox_max on all three axes", f"{low}, {high}"
        )
    return found, RadianceMeta(low, high, "alpha", path.stem)


def alpha_of(density: NDArray[Any], kind: str) -> Floats:
    """Densities as alpha, 0 to 1."""
    if kind == "alpha":
        return density.clip(0, 1).astype(np.float32)
    raw = density.astype(np.float64)
    rate = np.exp(raw.clip(max=_HIGHEST_LOG)) if kind == "exp" else raw.clip(0)
    found: Floats = (-np.expm1(-rate * ALPHA_STEP)).astype(np.float32)
    return found


def write_grid(path: Path, grid: Floats, meta: RadianceMeta) -> None:
    """Write a grid (X, Y, Z, 4) as NeRF-MAE's readers take it, with `density_kind`."""
    np.savez_compressed(path, rgbsigma=grid.astype(np.float32), resolution=np.array(grid.shape[:3]), bbox_min=meta.low,
                        bbox_max=meta.high, scale=1.0, offset=np.zeros(3), from_mitsuba=False,
                        density_kind=meta.density)  # fmt: skip


def _opened(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            if not hasattr(file, "files"):
                raise _refused(path, "This file holds one array, not a grid.", "an .npz with rgbsigma", "a .npy array")
            return {name: file[name] for name in file.files if name in
                    ("rgbsigma", "resolution", "bbox_min", "bbox_max", "density_kind")}  # fmt: skip
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise _refused(path, "This grid cannot be read.", "an .npz of plain arrays", str(error)[:200]) from None


def _shaped(told: dict[str, NDArray[Any]], path: Path) -> Floats:
    if "rgbsigma" not in told:
        raise _refused(path, "This file holds no radiance grid.", "the key rgbsigma", ", ".join(told) or "other keys")
    values = told["rgbsigma"]
    if values.shape[-1:] != (4,) or values.dtype.kind not in "fu":
        raise _refused(path, "The grid does not hold colour and density.", "numbers (W, L, H, 4)",
                       f"{values.dtype} {values.shape}")  # fmt: skip
    if values.dtype == np.uint8:
        values = values / np.float32(255)
    if values.ndim == 2:
        values = _unravelled(values, told, path)
    sides = tuple(np.ravel(told["resolution"]).astype(int)) if "resolution" in told else values.shape[:3]
    if values.ndim != 4 or not values.size or values.shape[:3] != sides:
        raise _refused(path, "The grid is not of the size that the file tells.", f"{sides}, all above 0",
                       str(values.shape[:-1]))  # fmt: skip
    if values.size // 4 > MOST_VOXELS:
        raise _refused(
            path, "The grid is too large.", "at most 512³ voxels", str(values.shape[:3]), fix="Extract it coarser."
        )
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values)).any(-1).sum())
        raise _refused(path, "The grid holds values that are no numbers.", "finite values", f"{count} NaN or ∞",
                       fix="Extract it again; the field may have diverged.")  # fmt: skip
    found: Floats = values.astype(np.float32, copy=False)
    return found


def _unravelled(values: NDArray[Any], told: dict[str, NDArray[Any]], path: Path) -> NDArray[Any]:
    """Raw rows, x fastest, as (W, L, H, 4)."""
    sides = np.ravel(told.get("resolution", ())).astype(int)
    if len(sides) != 3 or int(sides.prod()) != len(values):
        raise _refused(path, "The rows do not fill the grid.", f"resolution with the product {len(values)}",
                       " × ".join(map(str, sides)) or "no resolution")  # fmt: skip
    return values.reshape(*sides[::-1], 4).transpose(2, 1, 0, 3)


def read_boxes(path: Path, sides: tuple[int, ...]) -> Floats:
    """Boxes as rows (N, 7) in voxels, from (N, 6) least and greatest corners or (N, 7) centre, sides and yaw.

    Raises InputError for other arrays, boxes without volume, and boxes that lie outside the grid's `sides`.
    """
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _refused(path, "The boxes cannot be read.", "an .npy array", str(error)[:200]) from None
    if rows.size == 0:
        return np.zeros((0, 7), np.float32)
    if rows.ndim != 2 or rows.shape[1] not in (6, 7) or rows.dtype.kind not in "fiu" or not np.isfinite(rows).all():
        raise _refused(path, "These are no boxes.", "finite numbers (N, 6) or (N, 7)", f"{rows.dtype} {rows.shape}")
    rows = rows.astype(np.float32)
    if rows.shape[1] == 6:
        low, high = rows[:, :3], rows[:, 3:]
        rows = np.concatenate([(low + high) / 2, high - low, np.zeros((len(rows), 1), np.float32)], 1)
    if (rows[:, 3:6] <= 0).any():
        raise _refused(path, "A box has no volume.", "sides above 0", str(rows[(rows[:, 3:6] <= 0).any(1)][0, 3:6]))
    outside = ((rows[:, :3] < 0) | (rows[:, :3] > np.array(sides))).any(1)
    if outside.any():
        raise _refused(path, "Boxes lie outside their grid.", f"middles within {sides} voxels",
                       f"{int(outside.sum())} of {len(rows)}, such as {rows[outside][0, :3]}",
                       fix="Boxes are in voxels; bring them there with the grid's bbox_min and bbox_max.")  # fmt: skip
    found: Floats = rows
    return found


def _refused(path: Path, what: str, expected: str, received: str, *, fix: str = "", field: str = "grids") -> InputError:
    return InputError(what, expected=expected, received=received[:500], field=field, place=str(path),
                      fix=fix or "Choose a file as NeRF-MAE's extraction writes it.")  # fmt: skip
