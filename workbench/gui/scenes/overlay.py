"""What QPainter draws over the scene: labels of boxes, measures, the gizmo, the photograph one looks through."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from workbench.core.measures import measured
from workbench.gui.scenes import cutlines
from workbench.gui.scenes.boxshapes import shapes_of
from workbench.gui.scenes.gaze import Gaze
from workbench.gui.scenes.measurelist import is_plain, measures_of
from workbench.gui.scenes.scene import Scene
from workbench.gui.scenes.wires import AXES
from workbench.gui.theme import theme
from workbench.gui.views.palette import on

GIZMO_PX = 34
"""From the gizmo's middle to the ends of its axes."""
MOST_LABELS = 60
INK, MEASURE = "#E6E9EF", "#F0E442"
ENDS = (("right", 0, 1), ("left", 0, -1), ("back", 1, 1), ("front", 1, -1), ("top", 2, 1), ("bottom", 2, -1))
"""What view a click on an end of the gizmo gives: its name, its axis, and which end; one looks against it."""


def labels(painter: QPainter, scene: Scene, gaze: Gaze) -> list[QRectF]:
    """Names and scores of boxes at their upper edges, nearer ones first; what would lie on another is left out."""
    shapes = [one for one in shapes_of(scene) if one.look.labels and len(one.places)]
    if not shapes:
        return []
    corners = np.concatenate([one.corners for one in shapes])
    colours = np.concatenate([one.colours for one in shapes])
    words = [word for one in shapes for word in one.words]
    at = gaze.project(corners.reshape(-1, 3)).reshape(-1, 8, 3)
    before = np.asarray(np.isfinite(at).all(axis=(1, 2)) & (at[..., 2] > 0).any(axis=1))
    before &= cutlines.uncut(corners, cutlines.planes_of(scene.clips)).any(axis=1)
    highest = np.argmin(np.where(before[:, None], at[..., 1], 0), axis=1)
    tops = at[np.arange(len(at)), highest]
    # What lies beside the picture takes no label's place.
    before &= (tops[:, 0] >= 0) & (tops[:, 0] <= gaze.width) & (tops[:, 1] >= 0) & (tops[:, 1] <= gaze.height)
    metrics = QFontMetricsF(painter.font())
    high, widths = metrics.height() + 2, {one: metrics.horizontalAdvance(one) + 8 for one in set(words)}
    taken = np.empty((0, 4))
    found: list[QRectF] = []
    some = np.flatnonzero(before)
    for index in some[np.argsort(at[some, :, 2].mean(axis=1), kind="stable")]:
        word = words[index]
        if len(found) >= MOST_LABELS:
            break
        if not word.strip():
            continue
        left, top = tops[index, 0] - widths[word] / 2, tops[index, 1] - high - 3
        right, bottom = left + widths[word], top + high
        overlaps = (taken[:, 0] < right) & (taken[:, 2] > left) & (taken[:, 1] < bottom) & (taken[:, 3] > top)
        if overlaps.any():
            continue
        taken = np.concatenate([taken, [(left, top, right, bottom)]])
        found.append(QRectF(left, top, widths[word], high))
        _label(painter, found[-1], word, QColor(*map(int, colours[index])))
    return found


def _label(painter: QPainter, place: QRectF, words: str, colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(place, 3, 3)
    painter.setPen(on(colour))
    painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), words)


def measures(painter: QPainter, scene: Scene, gaze: Gaze, unit: str) -> None:
    """Lines with their distances and angles, over everything but what is cut away; those that are chosen are thicker
    and say their names."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    planes = [*cutlines.planes_of(scene.clips), cutlines.eye_plane(gaze)]
    for node, points in measures_of(scene):
        starts, ends, some = cutlines.shortened(points[:-1], points[1:], planes)
        lines = list(zip(_spots(gaze, starts[some]), _spots(gaze, ends[some]), strict=True))
        if not lines:
            continue
        left = cutlines.uncut(points, planes)
        chosen = node.id in scene.chosen
        wide = 3.2 if chosen else 1.8
        for width, colour in ((wide + 2.2, QColor(0, 0, 0, 160)), (wide, QColor(MEASURE))):
            painter.setPen(QPen(colour, width))
            for a, b in lines:
                painter.drawLine(a, b)
        painter.setPen(QPen(QColor(0, 0, 0, 160), 1))
        painter.setBrush(QColor(MEASURE))
        for spot in _spots(gaze, points[left]):
            painter.drawEllipse(spot, 3.5, 3.5)
        name = node.name if chosen or not is_plain(node.name) else ""
        words = "  ".join(filter(None, (name, measured(points.tolist(), unit))))
        corner = len(points) >= 3 and left[1]
        where = _spots(gaze, points[1:2])[0] if corner else (lines[0][0] + lines[0][1]) / 2
        tag(painter, where + QPointF(8, -8), words)


def _spots(gaze: Gaze, places: NDArray[np.float64]) -> list[QPointF]:
    return [QPointF(x, y) for x, y, _ in gaze.project(places)]


def tag(painter: QPainter, at: QPointF, words: str, colour: str = INK) -> None:
    """Words on a dark ground, readable over anything."""
    if not words:
        return
    high = QFontMetricsF(painter.font()).height()
    place = QRectF(at.x(), at.y() - high, tag_width(painter, words), high + 2)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 170))
    painter.drawRoundedRect(place, 3, 3)
    painter.setPen(QColor(colour))
    painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), words)


def tag_width(painter: QPainter, words: str) -> float:
    """Pixels that a tag takes from left to right."""
    return QFontMetricsF(painter.font()).horizontalAdvance(words) + 8


class Gizmo:
    """The axes as they stand in the picture, in its upper right corner; an end leads to a view along it."""

    letters = "XYZ"
    words: Mapping[str, str] = {}
    """What a person calls views, by their names in ENDS, where it is something else."""

    def __init__(self) -> None:
        self.over = ""
        """The view whose end the pointer is over."""

    def middle(self, width: int) -> QPointF:
        """Where it stands."""
        away = theme().pixels(GIZMO_PX) * 1.45
        return QPointF(width - away, away)

    def ends(self, gaze: Gaze) -> list[tuple[str, int, int, QPointF, float]]:
        """Names, axes, signs, places and how near the ends are, far ones first."""
        pose, reach = gaze.pose, theme().pixels(GIZMO_PX)
        middle = self.middle(gaze.width)
        found = []
        for name, axis, sign in ENDS:
            at = pose[:3, :3].T[:, axis] * sign
            found.append((name, axis, sign, middle + QPointF(at[0] * reach, -at[1] * reach), float(at[2])))
        return sorted(found, key=lambda one: one[4])

    def hit(self, gaze: Gaze, at: QPointF) -> str:
        """The view that a click here leads to; empty where no end is."""
        reach = theme().pixels(10)
        for name, _, _, place, _ in reversed(self.ends(gaze)):
            if math.hypot(place.x() - at.x(), place.y() - at.y()) <= reach:
                return name
        return ""

    def paint(self, painter: QPainter, gaze: Gaze) -> None:
        """Draw it."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, big = self.middle(gaze.width), theme().pixels(8)
        font = QFont(painter.font())
        font.setPixelSize(theme().pixels(11))
        font.setBold(True)
        painter.setFont(font)
        if self.over:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(255, 255, 255, 26))
            painter.drawEllipse(middle, theme().pixels(GIZMO_PX) * 1.35, theme().pixels(GIZMO_PX) * 1.35)
        for name, axis, sign, place, near in self.ends(gaze):
            colour = QColor(AXES[axis])
            colour.setAlphaF(0.55 + 0.45 * (near + 1) / 2)
            if sign > 0:
                painter.setPen(QPen(colour, 2))
                painter.drawLine(middle, place)
            painter.setPen(QPen(QColor(INK) if name == self.over else colour, 1.5))
            painter.setBrush(colour if sign > 0 else QColor(0, 0, 0, 200))
            painter.drawEllipse(place, big, big)
            if sign > 0:
                painter.setPen(QColor("#0B1220"))
                box = QRectF(place.x() - big, place.y() - big, 2 * big, 2 * big)
                painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), self.letters[axis])
