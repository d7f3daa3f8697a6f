"""Slides read by OpenSlide: MIRAX, Hamamatsu, Leica, Philips, Ventana, Trestle, DICOM and more; optional.

OpenSlide is LGPL: an unmodified shared library in the worker's process, installed only by choice.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openslide

from workbench.core.problem import InputError
from workbench.engine.medical.slides.slide import Level, Slide, on_white, sane_mpp


def detected(path: Path) -> str:
    """OpenSlide's name for the format, empty where it knows none."""
    try:
        return str(openslide.OpenSlide.detect_format(str(path)) or "")
    except openslide.OpenSlideError:
        return ""


class OpenSlideSlide(Slide):
    """A slide open through OpenSlide."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._slide = openslide.OpenSlide(str(path))
        except (openslide.OpenSlideError, OSError) as error:
            raise self._damaged(error) from None
        about = self._slide.properties
        self.reader, self.vendor = f"OpenSlide {openslide.__library_version__}", about.get("openslide.vendor", "")
        self.levels = tuple(
            Level(width, height, float(scale))
            for (width, height), scale in zip(
                self._slide.level_dimensions, self._slide.level_downsamples, strict=True
            )
        )  # fmt: skip
        self.mpp, self.notes = sane_mpp(
            _number(about.get(openslide.PROPERTY_NAME_MPP_X)), _number(about.get(openslide.PROPERTY_NAME_MPP_Y))
        )

    def _damaged(self, error: Exception) -> InputError:
        return InputError(
            "The slide cannot be read.", expected="a whole, undamaged file", received=str(error),
            fix="The file is cut off or damaged: copy or download it again.", place=self.path.name,
        )  # fmt: skip

    def _read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        scale = self.levels[level].downsample
        try:
            found = self._slide.read_region((round(x * scale), round(y * scale)), level, (width, height))
        except openslide.OpenSlideError as error:
            raise self._damaged(error) from None
        return on_white(np.asarray(found))

    def associated(self) -> dict[str, np.ndarray]:
        return {name: on_white(np.asarray(one.convert("RGBA"))) for name, one in self._slide.associated_images.items()}

    def close(self) -> None:
        self._slide.close()


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
