"""The 3-D view: surfaces of the labels where there is OpenGL, a sentence where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMatrix4x4,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QQuaternion,
    QShowEvent,
    QVector3D,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from workbench.core.problem import InputError, ProblemRecord
from workbench.gui.autosave import Background
from workbench.gui.theme import theme
from workbench.gui.volumes.glmesh import has_opengl, triangles
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
VIEW_DEG = 30.0
# Looking from the front with the head up: the patient's left is at the right, as in the coronal plane.
_FRONT = QQuaternion.fromEulerAngles(-90.0, 0.0, 0.0)
_TURNS = {
    Qt.Key.Key_Left: (-10, 0), Qt.Key.Key_Right: (10, 0), Qt.Key.Key_Up: (0, -10), Qt.Key.Key_Down: (0, 10),
}  # fmt: skip


class SolidView(QWidget):
    """Drag or the arrow keys turn, the wheel or + and − come nearer, Home looks from the front again."""

    def __init__(self, scene: Scene, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene, self._background = scene, background
        self.surfaces: dict[int, Surface] = {}
        self.words = "" if has_opengl() else NO_GL
        """What is said in the picture's place; empty while surfaces are shown."""
        self.turn = QQuaternion(_FRONT)
        self.zoom = 1.0
        self._painter: MeshPainter | None = None
        self._image: QImage | None = None
        self._made: LabelMap | None = None
        self._making, self._stale = False, True
        self._dragged: QPointF | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.make)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Surfaces of the labels in 3-D; arrow keys turn them")
        self.setToolTip("Drag to turn, wheel to come nearer, Home to look from the front")
        scene.edited.connect(lambda _: self._want())
        scene.restyled.connect(self._restyled)

    def make(self) -> None:
        """Make the surfaces of all labels off the GUI thread, then show them."""
        labels = self.scene.labels
        if self._making or not has_opengl():
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

    def _say(self, words: str) -> None:
        self.words, self._image = words, None
        self.update()

    def _want(self) -> None:
        self._stale = True
        if self.isVisible():
            self._timer.start(AGAIN_AFTER_MS)

    def _restyled(self) -> None:
        if self.scene.labels is not self._made or (self._made and set(self.surfaces) != set(self._made.values)):
            self._want()
        self._image = None
        self.update()

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

    def matrices(self) -> tuple[QMatrix4x4, QMatrix4x4]:
        """From patient millimetres to the picture, and how directions are turned."""
        middle, reach = centre_mm(list(self.surfaces.values()))
        away = reach * 1.15 / float(np.sin(np.radians(VIEW_DEG / 2))) / self.zoom
        turned = QMatrix4x4()
        turned.rotate(self.turn)
        seen = QMatrix4x4()
        seen.perspective(VIEW_DEG, self.width() / max(1, self.height()), max(away - 4 * reach, away * 0.02),
                         away + 4 * reach)  # fmt: skip
        seen.translate(0, 0, -away)
        seen *= turned
        seen.translate(QVector3D(*(-float(one) for one in middle)))
        return seen, turned

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
            painter.setPen(QColor("#98A2B3"))  # black in both themes, as the planes are
            pad = theme().pixels(16)
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(pad, pad, -pad, -pad), flags, self.words or EMPTY)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme().now.accent), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def resizeEvent(self, event: object) -> None:
        self._image = None

    # Input

    def turn_by(self, right_deg: float, down_deg: float) -> None:
        """Turn about the screen's upright and level axes."""
        about = QQuaternion.fromAxisAndAngle(1, 0, 0, down_deg) * QQuaternion.fromAxisAndAngle(0, 1, 0, right_deg)
        self.turn = (about * self.turn).normalized()
        self._image = None
        self.update()

    def _nearer(self, factor: float) -> None:
        self.zoom = min(max(self.zoom * factor, 0.3), 8.0)
        self._image = None
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._dragged = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragged is not None:
            moved, self._dragged = event.position() - self._dragged, event.position()
            self.turn_by(moved.x() * 0.5, moved.y() * 0.5)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragged = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._nearer(1.15 ** (event.angleDelta().y() / 120))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in _TURNS:
            self.turn_by(*_TURNS[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self._nearer(1 / 1.2 if key == Qt.Key.Key_Minus else 1.2)
        elif key == Qt.Key.Key_Home:
            self.turn, self.zoom, self._image = QQuaternion(_FRONT), 1.0, None
            self.update()
        else:
            super().keyPressEvent(event)
