"""Textures as PNG files in the cache: decoded here once, whatever they were, within bounds."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

from PIL import Image

from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.engine.scenes.keeping import Shelf

MOST_PIXELS = 1 << 26
MOST_SIDE_PX = 8192
Source = Path | bytes | Image.Image


def keep_picture(shelf: Shelf, source: Source) -> str:
    """A picture on the shelf; returns its final path. Larger ones than a graphics card takes are made smaller.

    Raises InputError where it is no picture, or one of too many pixels.
    """
    place = source.name if isinstance(source, Path) else "a texture"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened = source if isinstance(source, Image.Image) else Image.open(_stream(source))
            if opened.width * opened.height > MOST_PIXELS:
                raise ValueError(f"{opened.width} × {opened.height} pixels")
            plain = opened.convert("RGBA" if "A" in opened.getbands() or "transparency" in opened.info else "RGB")
    except Exception as error:  # decoders raise what they like
        raise InputError(
            "This texture cannot be read.", expected=f"a picture of at most {spaced(MOST_PIXELS)} pixels",
            received=str(error)[:120] or type(error).__name__, fix="Save it as PNG or JPEG.", place=place,
        ) from None  # fmt: skip
    if max(plain.size) > MOST_SIDE_PX:
        plain.thumbnail((MOST_SIDE_PX, MOST_SIDE_PX))
    final, scratch = shelf.place("texture", ".png")
    plain.save(scratch, format="PNG", compress_level=1)
    return str(final)


def near(path: Path, name: str) -> Path | None:
    """A file that another names: beside it or below, nowhere else."""
    try:
        file = (path.parent / name.replace("\\", "/")).resolve()
        return file if file.is_relative_to(path.parent.resolve()) and file.is_file() else None
    except (OSError, ValueError):
        return None


def _stream(source: Path | bytes) -> Path | io.BytesIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source
