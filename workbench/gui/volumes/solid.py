"""The 3-D view: surfaces of the labels where there is OpenGL, a sentence where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QMatrix4x4, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from workbench.core.problem import InputError, ProblemRecord
from workbench.gui.autosave import Background
from workbench.gui.volumes.camera import Camera, TurnedView
from workbench.gui.volumes.glmesh import opengl, triangles, when_known
from workbench.gui.volumes.labelmap import LabelMap
from workbench.gui.volumes.scene import Scene
from workbench.gui.volumes.surfaces import Surface, centre_mm, surface_of

if TYPE_CHECKING:
    from workbench.gui.volumes.glmesh import MeshPainter

AGAIN_AFTER_MS = 700
"""Surfaces are made anew when nobody has painted for this long."""
NO_GL = "This display has no OpenGL, so surfaces cannot be drawn. The planes show the same labels."
EMPTY = "Nothing of the shown labels is in the volume yet. Paint, and its surface appears here."
MAKING = "Making surfaces …"


class SolidView(TurnedView):
    """Surfaces of all labels that are shown, made anew some time after the last stroke."""

    made = Signal()
    """There are other surfaces now, or other colours."""

    def __init__(
        self, scene: Scene, background: Background, parent: QWidget | None = None, camera: Camera | None = None
    ) -> None:
        super().__init__(camera or Camera(), parent)
        self.scene, self._background = scene, background
        self.surfaces: dict[int, Surface] = {}
        self.wanted = False
        """Whether somebody else draws these surfaces, so that they are made while this is hidden."""
        self.words = MAKING
        """What is said in the picture's place; empty while surfaces are shown."""
        self._painter: MeshPainter | None = None
        self._image: QImage | None = None
        self._made: LabelMap | None = None
        self._making, self._stale = False, True
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.make)
        self.setAccessibleName("Surfaces of the labels in 3-D; arrow keys turn them")
        self.setToolTip("Drag to turn, wheel to come nearer, Home to look from the front")
        scene.edited.connect(lambda _: self._want())
        scene.restyled.connect(self._restyled)
        when_known(self, self._known)

    def _known(self) -> None:
        """Whether there is OpenGL."""
        self._say("" if opengl() else NO_GL)
        if self.isVisible() or self.wanted:
            self.make()

    def make(self) -> None:
        """Make the surfaces of all labels off the GUI thread, then show them."""
        labels = self.scene.labels
        if self._making or not opengl():
            return
        self._stale = False
        if labels is None:
            self.surfaces, self._made = {}, None
            self._say(EMPTY)
            return
        self._making = True
        if labels is not self._made:
            self._say(MAKING)
        geometry, values = self.scene.geometry, labels.values

        def work() -> dict[int, tuple[Surface, NDArray[np.float32]]]:
            found = {}
            for value in values:
                try:
                    surface = surface_of(labels.array, value, geometry)
                except InputError:  # a label of which nothing is painted yet has no surface
                    continue
                found[value] = (surface, triangles(surface))
            return found

        def then(found: dict[int, tuple[Surface, NDArray[np.float32]]]) -> None:
            self._making = False
            if labels is self.scene.labels:
                self._take(labels, found)
            if self._stale:
                self._want()

        def failed(record: ProblemRecord) -> None:
            self._making = False
            self._say(record.what)

        self._background.background(work, then=then, failed=failed, owner=self)

    def _take(self, labels: LabelMap, found: dict[int, tuple[Surface, NDArray[np.float32]]]) -> None:
        if self._painter is None:
            from workbench.gui.volumes.glmesh import MeshPainter

            self._painter = MeshPainter()
        self.surfaces = {value: surface for value, (surface, _) in found.items()}
        self._painter.take({value: corners for value, (_, corners) in found.items()})
        self._made = labels
        self._say("" if found else EMPTY)
        self.made.emit()

    def _say(self, words: str) -> None:
        self.words, self._image = words, None
        self.update()

    def _want(self) -> None:
        self._stale = True
        if self.isVisible() or self.wanted:
            self._timer.start(AGAIN_AFTER_MS)

    def _restyled(self) -> None:
        if self.scene.labels is not self._made or (self._made and set(self.surfaces) != set(self._made.values)):
            self._want()
        self.outdate()
        self.made.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._timer.start(0)

    # Drawing

    def colours(self) -> dict[int, QColor]:
        """The colours of the shown labels; the largest surface is clear where others may lie inside it."""
        labels = self._made
        if labels is None:
            return {}
        found = {value: labels.colour(value) for value in self.surfaces if value not in labels.hidden}
        if len(found) > 1:
            outer = max(found, key=lambda value: float(np.ptp(self.surfaces[value].vertices, axis=0).prod()))
            found[outer].setAlphaF(0.35)
        return found

    def standing(self, size: QSize, seen: QMatrix4x4) -> Iterator[tuple[QImage, QImage] | None]:
        """The shown surfaces, all opaque, for another view of this camera, as MeshPainter.standing has them."""
        colours = self.colours()
        if self._painter is None or not colours:
            return iter(())
        for colour in colours.values():
            colour.setAlphaF(1.0)
        turned = QMatrix4x4()
        turned.rotate(self.camera.turn)
        return self._painter.standing(size, colours, seen, turned)

    def matrices(self) -> tuple[QMatrix4x4, QMatrix4x4]:
        """From patient millimetres to the picture, and how directions are turned."""
        middle, reach = centre_mm(list(self.surfaces.values()))
        return self.camera.matrices(middle, reach, self.width() / max(1, self.height()))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        colours = self.colours()
        if self._painter is not None and not self.words and colours:
            if self._image is None:
                ratio = self.devicePixelRatioF()
                size = QSize(max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio)))
                self._image = self._painter.draw(size, colours, *self.matrices())
            painter.drawImage(self.rect(), self._image)
        else:
            self.say(painter, self.words or EMPTY)
        self.frame(painter, letters=bool(colours) and not self.words)
        painter.end()

    def outdate(self) -> None:
        self._image = None
        self.update()
