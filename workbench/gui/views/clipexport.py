"""A clip as a file to send or to print: a moving GIF, or its frames side by side as PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QColor, QImage, QPainter

from workbench.core.problem import InputError
from workbench.gui.views.clipset import ClipSet

LEAST_PX = 256
"""Smaller clips are enlarged by a whole number: viewers of files blur what is tiny."""
MARGIN_PX = 4


def enlarged(clips: ClipSet) -> QSize:
    """The size at which a clip is written."""
    times = -(-LEAST_PX // max(clips.size_px.width(), clips.size_px.height(), 1))
    return clips.size_px * max(times, 1)


def save_gif(clips: ClipSet, clip: int, share: float, path: Path) -> None:
    """Write a clip, with its maps where `share` is above 0, as a GIF that repeats; raises OSError."""
    from PIL import Image  # only when somebody exports

    size = enlarged(clips)
    frames = [Image.fromarray(_pixels(clips.picture(clip, at, size, share))) for at in range(clips.length)]
    # A GIF counts in hundredths of a second, and viewers slow down what is faster than 2 of them.
    duration_ms = max(20, round(100 / clips.meta.frames_per_s) * 10)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=duration_ms, loop=0)


def save_strip(clips: ClipSet, clip: int, share: float, path: Path) -> None:
    """Write a clip's frames side by side as PNG; raises InputError where the file cannot be written."""
    size = enlarged(clips)
    width = clips.length * (size.width() + MARGIN_PX) - MARGIN_PX
    strip = QImage(width, size.height(), QImage.Format.Format_RGB888)
    strip.fill(QColor("white"))
    painter = QPainter(strip)
    for at in range(clips.length):
        place = QRect(at * (size.width() + MARGIN_PX), 0, size.width(), size.height())
        clips.paint(painter, place, clip, at, share)
    painter.end()
    if not strip.save(str(path), "PNG"):  # type: ignore[call-overload]
        raise InputError("The frames could not be written.", expected="a writable place", place=str(path))


def _pixels(image: QImage) -> np.ndarray:
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return flat[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()
