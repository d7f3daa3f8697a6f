"""Coordinates and features of tiles in CLAM's HDF5 files, for exchange with other pathology programs.

`patches/<slide>.h5`: `coords` (n, 2) with attributes `patch_level` and `patch_size`;
`feat/h5_files/<slide>.h5`: `features` (n, d) float32 and `coords`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import h5py
import numpy as np

from workbench.core.problem import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class Coords:
    """Corners of tiles, int64 (n, 2) of (x, y) in level-0 pixels.

    A tile is `patch_size` pixels of level `patch_level` wide.
    """

    coords: np.ndarray
    patch_level: int
    patch_size: int


def write_coords(path: Path | str, coords: np.ndarray, *, patch_level: int, patch_size: int) -> Path:
    """Corners of tiles (n, 2) as CLAM keeps them; returns the path. Raises InputError for another shape."""
    place = Path(path)
    with h5py.File(place, "w") as file:
        kept = file.create_dataset("coords", data=_corners(coords, place))
        kept.attrs["patch_level"], kept.attrs["patch_size"] = patch_level, patch_size
    return place


def read_coords(path: Path | str) -> Coords:
    """The corners of tiles in a file of CLAM's. Raises InputError for any other file."""
    place = Path(path)
    with _opened(place, ("coords",)) as file:
        kept = file["coords"]
        missing = [name for name in ("patch_level", "patch_size") if name not in kept.attrs]
        if missing:
            raise _unlike(place, f"attributes {', '.join(missing)} missing")
        return Coords(
            _corners(kept[:], place), int(kept.attrs["patch_level"]), int(kept.attrs["patch_size"])
        )  # fmt: skip


def write_features(path: Path | str, features: np.ndarray, coords: np.ndarray) -> Path:
    """Features (n, d), kept as float32, with their tiles' corners (n, 2); returns the path.

    Raises InputError where the two do not belong together.
    """
    place = Path(path)
    corners = _corners(coords, place)
    if features.ndim != 2 or len(features) != len(corners):
        raise _unlike(place, f"features {features.shape} for coords {corners.shape}")
    with h5py.File(place, "w") as file:
        file.create_dataset("features", data=features.astype(np.float32))
        file.create_dataset("coords", data=corners)
    return place


def read_features(path: Path | str) -> tuple[np.ndarray, np.ndarray]:
    """Features float32 (n, d) and corners int64 (n, 2). Raises InputError for any other file."""
    place = Path(path)
    with _opened(place, ("features", "coords")) as file:
        features, corners = file["features"], _corners(file["coords"][:], place)
        if features.ndim != 2 or len(features) != len(corners):
            raise _unlike(place, f"features {features.shape} for coords {corners.shape}")
        return features[:].astype(np.float32), corners


def _opened(path: Path, needed: tuple[str, ...]) -> h5py.File:
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise _unlike(path, str(error)) from None
    missing = [name for name in needed if not isinstance(file.get(name), h5py.Dataset)]
    if missing:
        held = ", ".join(file) or "nothing"
        file.close()
        raise _unlike(path, f"{held}; {', '.join(missing)} missing")
    return file


def _corners(coords: np.ndarray, path: Path) -> np.ndarray:
    if coords.ndim != 2 or coords.shape[1] != 2 or coords.dtype.kind not in "iu":
        raise _unlike(path, f"coords {coords.dtype} {coords.shape}")
    return np.asarray(coords.astype(np.int64))


def _unlike(path: Path, received: str) -> InputError:
    return InputError(
        "This is no file of tiles in CLAM's layout.",
        expected="HDF5 with coords (n, 2) of whole numbers and, for features, features (n, d)",
        received=received, fix="Write it with CLAM or with this program.", place=path.name,
    )  # fmt: skip
