"""Where the 3-D views look from: one camera for all of them, so that going from one to another turns nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMatrix4x4,
    QMouseEvent,
    QPainter,
    QPen,
    QQuaternion,
    QResizeEvent,
    QVector3D,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from workbench.gui.theme import theme
from workbench.gui.volumes import marks
from workbench.report.planes import letters_of

VIEW_DEG = 30.0
# Looking from the front with the head up: the patient's left is at the right, as in the coronal plane.
FRONT = QQuaternion.fromEulerAngles(-90.0, 0.0, 0.0)
_TURNS = {
    Qt.Key.Key_Left: (-10, 0), Qt.Key.Key_Right: (10, 0), Qt.Key.Key_Up: (0, -10), Qt.Key.Key_Down: (0, 10),
}  # fmt: skip


class Camera(QObject):
    """A turn of the patient (LPS) and how near the camera is."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.turn = QQuaternion(FRONT)
        self.zoom = 1.0

    def turn_by(self, right_deg: float, down_deg: float) -> None:
        """Turn about the screen's upright and level axes."""
        about = QQuaternion.fromAxisAndAngle(1, 0, 0, down_deg) * QQuaternion.fromAxisAndAngle(0, 1, 0, right_deg)
        self.turn = (about * self.turn).normalized()
        self.changed.emit()

    def nearer(self, factor: float) -> None:
        """Come nearer by a factor, within bounds."""
        self.zoom = min(max(self.zoom * factor, 0.3), 8.0)
        self.changed.emit()

    def front(self) -> None:
        """Look from the front again."""
        self.turn, self.zoom = QQuaternion(FRONT), 1.0
        self.changed.emit()

    def matrices(
        self, middle: NDArray[np.floating], reach: float, aspect: float, *, margin: float = 1.15
    ) -> tuple[QMatrix4x4, QMatrix4x4]:
        """From patient millimetres to the picture, and how directions are turned.

        `middle` and `reach` are the ball that is seen, in millimetres; `aspect` is width by height.
        """
        away = reach * margin / float(np.sin(np.radians(VIEW_DEG / 2))) / self.zoom
        turned = QMatrix4x4()
        turned.rotate(self.turn)
        seen = QMatrix4x4()
        seen.perspective(VIEW_DEG, aspect, max(away - 4 * reach, away * 0.02), away + 4 * reach)
        seen.translate(0, 0, -away)
        seen *= turned
        seen.translate(QVector3D(*(-float(one) for one in middle)))
        return seen, turned

    def letters(self) -> tuple[str, str, str, str]:
        """What of the patient lies to the left, the right, above and below, as letters."""
        back = self.turn.inverted()
        right, up = (
            np.round([one.x(), one.y(), one.z()], 6)
            for one in (back.rotatedVector(QVector3D(1, 0, 0)), back.rotatedVector(QVector3D(0, 1, 0)))
        )
        return letters_of(-right), letters_of(right), letters_of(up), letters_of(-up)


class TurnedView(QWidget):
    """Drag or the arrow keys turn, the wheel or + and − come nearer, Home looks from the front again."""

    def __init__(self, camera: Camera, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.camera = camera
        self._dragged: QPointF | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        camera.changed.connect(self.outdate)

    def outdate(self) -> None:
        """What was drawn holds no longer."""
        self.update()

    def say(self, painter: QPainter, words: str) -> None:
        """Words in the picture's place."""
        painter.setPen(QColor("#98A2B3"))  # black in both themes, as the planes are
        pad = theme().pixels(16)
        flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(self.rect().adjusted(pad, pad, -pad, -pad), flags, words)

    def frame(self, painter: QPainter, *, letters: bool) -> None:
        """What lies over every picture: edge letters and the mark of the focus."""
        if letters:
            painter.setFont(self.font())
            marks.edge_letters(painter, self.width(), self.height(), self.camera.letters())
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme().now.accent), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.outdate()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._dragged = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragged is not None:
            moved, self._dragged = event.position() - self._dragged, event.position()
            self.camera.turn_by(moved.x() * 0.5, moved.y() * 0.5)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragged = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.camera.nearer(1.15 ** (event.angleDelta().y() / 120))
        event.accept()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            mine = event.key() == Qt.Key.Key_Home and not event.modifiers()  # the planes around have it as a shortcut
            event.setAccepted(mine)
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in _TURNS:
            self.camera.turn_by(*_TURNS[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.camera.nearer(1 / 1.2 if key == Qt.Key.Key_Minus else 1.2)
        elif key == Qt.Key.Key_Home:
            self.camera.front()
        else:
            super().keyPressEvent(event)
