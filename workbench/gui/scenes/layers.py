"""Pictures with distances of several fields, put in the order in which each pixel sees them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from workbench.gui.scenes.rays import Elsewhere


def layered(frames: Sequence[tuple[Elsewhere, float]]) -> list[Elsewhere]:
    """Frames of one view, with what opacity each is seen, as layers from the farthest to the nearest pixel by pixel.

    As many layers as frames, each as large as the largest of them; what lies between them may still hide one.
    """
    high = max(one.depth.shape[0] for one, _ in frames)
    wide = max(one.depth.shape[1] for one, _ in frames)
    colours = np.stack([_enlarged(_colours(one, opacity), high, wide) for one, opacity in frames])
    depths = np.stack([_enlarged(np.asarray(one.depth, np.float32), high, wide) for one, _ in frames])
    order = np.argsort(-depths, axis=0, kind="stable")
    colours = np.take_along_axis(colours, order[..., None], axis=0)
    depths = np.take_along_axis(depths, order, axis=0)
    view = frames[0][0].view
    return [Elsewhere(view, _picture(rgba), depth) for rgba, depth in zip(colours, depths, strict=True)]


def _colours(one: Elsewhere, opacity: float) -> NDArray[np.uint8]:
    """Rows from above, (h, w, 4); colours are not multiplied with alpha."""
    frame = one.frame.convertToFormat(QImage.Format.Format_RGBA8888)
    rows = np.frombuffer(frame.constBits(), np.uint8).reshape(frame.height(), frame.bytesPerLine())
    found = rows[:, : 4 * frame.width()].reshape(frame.height(), frame.width(), 4).copy()
    if opacity < 1:
        found[..., 3] = np.rint(found[..., 3] * opacity).astype(np.uint8)
    return found


def _enlarged(array: NDArray[np.generic], high: int, wide: int) -> NDArray[np.generic]:
    """The nearest pixel of a smaller picture at each of a larger one's."""
    rows, columns = (np.arange(to) * of // to for to, of in zip((high, wide), array.shape[:2], strict=True))
    return array if array.shape[:2] == (high, wide) else array[rows[:, None], columns]


def _picture(rgba: NDArray[np.generic]) -> QImage:
    rows = np.ascontiguousarray(rgba)
    height, width = rows.shape[:2]
    return QImage(rows.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
