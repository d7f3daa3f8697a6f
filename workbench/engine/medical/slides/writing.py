"""Slides written as tiled pyramids that both tifffile and OpenSlide read, with their resolution."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import tifffile

from workbench.core.problem import InputError
from workbench.engine.medical.slides.slide import shrink

SMALLEST = 512
"""Levels are halved until both sides are at most so long."""


def write_pyramid(
    path: Path | str,
    rgb: np.ndarray,
    *,
    mpp: float | None,
    levels: int | None = None,
    tile: int = 256,
    compression: Literal["auto", "jpeg", "deflate"] = "auto",
    quality: int = 90,
) -> Path:
    """A tiled TIFF of uint8 (h, w, 3) whose levels halve; returns its path.

    `mpp` (µm per pixel) goes into the resolution tags, None leaves them out; "auto" is JPEG where
    imagecodecs is installed and lossless deflate elsewhere. The levels are pages one after another,
    which OpenSlide and QuPath read, too. Raises InputError for what is no RGB picture.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise InputError(
            "This is no picture to write as a slide.", expected="uint8 (height, width, 3)",
            received=f"{rgb.dtype} {rgb.shape}", fix="Convert it to 8-bit RGB first.",
        )  # fmt: skip
    jpeg = compression == "jpeg" or (compression == "auto" and importlib.util.find_spec("imagecodecs") is not None)
    how = {"compression": "jpeg", "compressionargs": {"level": quality}} if jpeg else {"compression": "deflate"}
    place = Path(path)
    scratch = place.with_name(f".{place.name}.part")
    try:
        with tifffile.TiffWriter(scratch, bigtiff=rgb.nbytes > 3 << 30) as writer:
            for at, level in enumerate(_levels(rgb, levels)):
                unit = mpp * rgb.shape[1] / level.shape[1] if mpp else 0.0
                writer.write(
                    level, photometric="rgb", tile=(tile, tile), subfiletype=1 if at else 0, metadata=None,
                    resolution=(1e4 / unit, 1e4 / unit) if unit else None,
                    resolutionunit="CENTIMETER" if unit else None, **how,
                )  # fmt: skip
        scratch.replace(place)
    finally:
        scratch.unlink(missing_ok=True)
    return place


def _levels(rgb: np.ndarray, count: int | None) -> Iterator[np.ndarray]:
    yield rgb
    done = 1
    while (max(rgb.shape[:2]) > SMALLEST if count is None else done < count) and min(rgb.shape[:2]) > 1:
        rgb = shrink(np.ascontiguousarray(rgb), 2)
        done += 1
        yield rgb
