"""What every reader of whole slides offers: levels, microns per pixel, regions on white, a thumbnail."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from workbench.core.problem import InputError
from workbench.core.sizes import in_bytes

WHITE = 255
MOST_REGION_BYTES = 512 << 20
"""One region is at most so large: a picture for eyes or a network never is, a mistake soon is."""
BAND_BYTES = 48 << 20
"""How much of a level is held at once while a thumbnail is put together."""
SANE_MPP = (0.01, 20.0)
"""Microscopes resolve no more and slides are not scanned at less; other values are a printer's resolution."""


@dataclasses.dataclass(frozen=True)
class Level:
    """One resolution of a slide: its size in pixels, and how many level-0 pixels one of its pixels spans."""

    width: int
    height: int
    downsample: float


class Slide(abc.ABC):
    """A slide open for reading; close it, or use it in a `with`.

    `mpp` is µm per level-0 pixel, None where the file does not tell; `reader` names the library;
    `notes` says what was noticed on opening. One slide object serves one thread at a time.
    """

    path: Path
    reader: str
    levels: tuple[Level, ...]
    mpp: float | None
    vendor: str = ""
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Level-0 pixels."""
        return self.levels[0].width

    @property
    def height(self) -> int:
        """Level-0 pixels."""
        return self.levels[0].height

    @abc.abstractmethod
    def _read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Pixels of one level, a box that lies inside it; uint8 (h, w, 3), gaps white."""

    @abc.abstractmethod
    def associated(self) -> dict[str, np.ndarray]:
        """The label's, the macro's and other small pictures by name; uint8 (h, w, 3).

        A label often shows the patient's name: it is never part of what the program exports.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def read_region(self, x0: int, y0: int, level: int, width: int, height: int) -> np.ndarray:
        """A box of `width` × `height` pixels of `level` whose corner is (x0, y0) in level-0 pixels.

        Returns uint8 (height, width, 3); what lies outside the slide or was not scanned is white.
        Raises InputError for a level that is not there, a box without area or beyond 512 MiB, and
        damaged data.
        """
        if not 0 <= level < len(self.levels):
            raise InputError(
                "The slide has no such level.", expected=f"0 to {len(self.levels) - 1}", received=str(level),
                fix="Ask for one of the slide's levels.", place=self.path.name,
            )  # fmt: skip
        if width < 1 or height < 1 or width * height * 3 > MOST_REGION_BYTES:
            raise InputError(
                "The region cannot be read at once.",
                expected=f"at least 1 × 1 pixel and at most {in_bytes(MOST_REGION_BYTES)}",
                received=f"{width} × {height} pixels", fix="Ask for a smaller region, or a coarser level.",
                place=self.path.name,
            )  # fmt: skip
        at = self.levels[level]
        x, y = round(x0 / at.downsample), round(y0 / at.downsample)
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, at.width), min(y + height, at.height)
        if (left, top, right, bottom) == (x, y, x + width, y + height):
            return self._read(level, x, y, width, height)
        region = np.full((height, width, 3), WHITE, np.uint8)
        if left < right and top < bottom:
            found = self._read(level, left, top, right - left, bottom - top)
            region[top - y : bottom - y, left - x : right - x] = found
        return region

    def level_of(self, downsample: float) -> int:
        """The coarsest level that is not coarser than `downsample` (with 1 % to spare for rounded sizes)."""
        fitting = [at for at, level in enumerate(self.levels) if level.downsample <= downsample * 1.01]
        return fitting[-1] if fitting else 0

    def thumbnail(self, size: int = 1024, *, progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        """The whole slide with its longer side at most `size` pixels; uint8 (h, w, 3).

        Read in bands, so that a slide without coarse levels does not have to fit into memory; `progress`
        is told the rows done, of how many, and may raise to end it.
        """
        factor = max(max(self.width, self.height) / size, 1.0)
        wide, high = max(round(self.width / factor), 1), max(round(self.height / factor), 1)
        level = self.level_of(factor)
        at = self.levels[level]
        step = max(int(min(at.width / wide, at.height / high)), 1)
        reduced = np.full((math.ceil(at.height / step), math.ceil(at.width / step), 3), WHITE, np.uint8)
        rows = max(BAND_BYTES // (at.width * 3) // step, 1) * step
        for y in range(0, at.height, rows):
            if progress is not None:
                progress(y, at.height)
            band = self._read(level, 0, y, at.width, min(rows, at.height - y))
            reduced[y // step : y // step + math.ceil(band.shape[0] / step)] = shrink(band, step)
        return resize(reduced, wide, high)


def shrink(rgb: np.ndarray, step: int) -> np.ndarray:
    """Means of `step` × `step` boxes, of fewer pixels at the right and lower edge; uint8 (h, w, 3)."""
    if step == 1:
        return rgb
    return np.asarray(Image.fromarray(rgb).reduce(step))


def resize(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture at another size: bilinear, antialiased when it shrinks; uint8 (h, w, 3)."""
    if rgb.shape[:2] == (height, width):
        return rgb
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR))


def on_white(rgba: np.ndarray) -> np.ndarray:
    """Pixels with transparency (h, w, 4), not premultiplied, laid on white; uint8 (h, w, 3)."""
    alpha = rgba[..., 3:].astype(np.uint16)
    if (alpha == 255).all():
        return np.ascontiguousarray(rgba[..., :3])
    blended = (rgba[..., :3] * alpha + WHITE * (255 - alpha) + 127) // 255
    return np.asarray(blended.astype(np.uint8))


def sane_mpp(x: float | None, y: float | None) -> tuple[float | None, tuple[str, ...]]:
    """µm per pixel of both axes as one number, None where they are missing or no microscope's; and notes."""
    if not x or not y or not (math.isfinite(x) and math.isfinite(y)):
        return None, ()
    low, high = SANE_MPP
    if not (low <= x <= high and low <= y <= high):
        return None, (f"its resolution of {x:.4g} × {y:.4g} µm per pixel is no microscope's and is not used",)
    if abs(x - y) > 0.01 * max(x, y):
        return math.sqrt(x * y), (f"its pixels are not square ({x:.4g} × {y:.4g} µm): their mean is used",)
    return (x + y) / 2, ()
