"""Distances and angles between places that are clicked on things."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen

from workbench.core.scenes import MeasureDoc
from workbench.core.volumes import Triple
from workbench.gui.scenes.tools import ClickTool

if TYPE_CHECKING:
    from workbench.gui.scenes.canvas import SceneCanvas
    from workbench.gui.scenes.gaze import Gaze

INK = "#F0E442"
HINTS = {
    2: ("Click where the distance begins", "Click where it ends"),
    3: ("Click the first place", "Click the corner of the angle", "Click the last place"),
}


class MeasureTool(ClickTool):
    """Takes two or three clicks; `measured` carries a MeasureDoc, `told` what to do next."""

    measured = Signal(object)
    told = Signal(str)

    def __init__(self, canvas: SceneCanvas, seen: Callable[[], Gaze], clicks: int) -> None:
        super().__init__(canvas)
        self.seen, self.clicks = seen, clicks
        self.points: list[Triple] = []
        self.hint = HINTS[clicks][0]
        self.clicked.connect(self._take)

    def _take(self, x: float, y: float) -> None:
        found = self.canvas.pick(x, y)
        if found is None:
            self.told.emit("Nothing is here: click on a thing")
            return
        at = np.asarray(found[2], np.float64)
        self.points.append((float(at[0]), float(at[1]), float(at[2])))
        if len(self.points) == self.clicks:
            points, self.points = tuple(self.points), []
            self.measured.emit(MeasureDoc(points))
        self.hint = HINTS[self.clicks][len(self.points)]
        self.told.emit(self.hint)
        self.canvas.update()

    def paint(self, painter: QPainter) -> None:
        if not self.points:
            return
        at = self.seen().project(np.array(self.points))
        spots = [QPointF(x, y) for x, y, _ in at if np.isfinite(x + y)]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(INK), 1.8, Qt.PenStyle.DashLine))
        way = [*spots, self.at] if self.at is not None else spots
        for a, b in itertools.pairwise(way):
            painter.drawLine(a, b)
        painter.setBrush(QColor(INK))
        for spot in spots:
            painter.drawEllipse(spot, 3.5, 3.5)

    def leave(self) -> None:
        self.points = []
        self.hint = HINTS[self.clicks][0]
        super().leave()
