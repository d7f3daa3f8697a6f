"""Scores of tiles as colours: rectangles where few are seen, one small picture of all where many are."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from workbench.core.slides import HeatMap

VIRIDIS = (
    "440154 481769 472A7A 433D84 3D4E8A 355E8D 2E6D8E 297B8E 23898E "
    "1F978B 21A585 2EB37C 46C06F 65CB5E 89D548 B0DD2F D8E219 FDE725"
)
"""Every fifteenth of its 256 colours (CC0): perceptually even, and told apart by colour-blind eyes."""
MOST_RECTANGLES = 2500
PICTURE_PX = 2048


@functools.cache
def colour_table() -> NDArray[np.uint8]:
    """256 colours for scores from 0 to 1, uint8 (256, 3)."""
    anchors = np.array([list(bytes.fromhex(one)) for one in VIRIDIS.split()], np.float64)
    steps = np.linspace(0, 255, len(anchors))
    bands = [np.interp(np.arange(256), steps, anchors[:, band]) for band in range(3)]
    return np.stack(bands, axis=-1).round().astype(np.uint8)


class HeatLayer:
    """One score over a slide of a given size; with many tiles to be `prepared` off the GUI thread."""

    def __init__(self, heat: HeatMap, name: str, slide: tuple[int, int]) -> None:
        self.name, self.side, self.slide = name, heat.tile_px, slide
        self.corners = np.asarray(heat.tiles, np.float64).reshape(-1, 2)
        self.scores = np.asarray(heat.scores[name], np.float64)
        self._image: QImage | None = None

    def prepared(self) -> HeatLayer:
        """Itself with all that is slow done; for any thread."""
        if len(self.corners) > MOST_RECTANGLES or self._overlapping:
            self._picture()
        return self

    def at(self, x: float, y: float) -> float | None:
        """The mean score of the tiles over a level-0 point; None beside them."""
        inside = ((self.corners <= (x, y)) & (self.corners + self.side > (x, y))).all(axis=1)
        return float(self.scores[inside].mean()) if inside.any() else None

    def paint(self, painter: QPainter, box: tuple[float, float, float, float]) -> None:
        """Fill the tiles that touch a level-0 box; the painter's units are level-0 pixels."""
        left, top, right, bottom = box
        x, y = self.corners[:, 0], self.corners[:, 1]
        seen = np.flatnonzero((x < right) & (x + self.side > left) & (y < bottom) & (y + self.side > top))
        if len(seen) > MOST_RECTANGLES or self._overlapping:
            painter.drawImage(QRectF(0, 0, *self.slide), self._picture())
            return
        colours = colour_table()
        for at in seen:
            painter.fillRect(
                QRectF(x[at], y[at], self.side, self.side), QColor(*colours[round(self.scores[at] * 255)].tolist())
            )

    @functools.cached_property
    def _overlapping(self) -> bool:
        """Whether tiles lie over each other, so that their means have to be drawn."""
        steps = np.diff(np.unique(self.corners[:, 0])), np.diff(np.unique(self.corners[:, 1]))
        return any(len(step) and step.min() < self.side - 1 for step in steps)

    def _picture(self) -> QImage:
        if self._image is None:
            self._image = _drawn(self.corners, self.side, self.scores, self.slide)
        return self._image


def _drawn(corners: NDArray[Any], side: float, scores: NDArray[Any], slide: tuple[int, int]) -> QImage:
    """The mean score of the tiles over each pixel of a small picture of the slide; clear where there are none."""
    factor = PICTURE_PX / max(slide)
    high, wide = max(round(slide[1] * factor), 1), max(round(slide[0] * factor), 1)
    total, count = np.zeros((high + 1, wide + 1)), np.zeros((high + 1, wide + 1))
    low = np.clip(np.round(corners * factor).astype(int), 0, (wide, high))
    end = np.clip(np.maximum(np.round((corners + side) * factor).astype(int), low + 1), 0, (wide, high))
    for target, values in ((total, scores), (count, np.ones_like(scores))):  # corners of boxes, summed below
        np.add.at(target, (low[:, 1], low[:, 0]), values)
        np.add.at(target, (end[:, 1], end[:, 0]), values)
        np.add.at(target, (low[:, 1], end[:, 0]), -values)
        np.add.at(target, (end[:, 1], low[:, 0]), -values)
    total, count = (np.cumsum(np.cumsum(one, 0), 1)[:high, :wide] for one in (total, count))
    covered = count > 0.5
    index = np.clip(np.where(covered, total / np.maximum(count, 1), 0) * 255, 0, 255).round().astype(np.uint8)
    pixels = np.zeros((high, wide, 4), np.uint8)
    pixels[..., :3] = colour_table()[index][..., ::-1]
    pixels[..., 3] = covered * 255
    pixels[~covered] = 0
    return QImage(pixels.tobytes(), wide, high, wide * 4, QImage.Format.Format_ARGB32_Premultiplied).copy()
