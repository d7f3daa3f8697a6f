"""Mouse and wheel on a plane, for tests."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
SHAPE = (40, 60, 50)


def spot(canvas, voxel):
    """Where a voxel (z, y, x) is on a canvas."""
    return canvas.to_screen(*canvas.plane.point(voxel, canvas.scene.shape)).toPoint()


def drag(qtbot, canvas, start, end, button=LEFT):
    qtbot.mousePress(canvas, button, pos=start)
    for share in (0.25, 0.5, 0.75, 1.0):
        where = QPointF(start) + (QPointF(end) - QPointF(start)) * share
        event_moved(canvas, where, button)
    qtbot.mouseRelease(canvas, button, pos=end)


def event_moved(canvas, where, button):
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent

    kind, none = QEvent.Type.MouseMove, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(canvas, QMouseEvent(kind, where, canvas.mapToGlobal(where), button, button, none))


def wheel(canvas, notches, modifiers=Qt.KeyboardModifier.NoModifier):
    middle = QPointF(canvas.rect().center())
    event = QWheelEvent(middle, canvas.mapToGlobal(middle), QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton,
                        modifiers, Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
    QApplication.sendEvent(canvas, event)


def idle(qtbot, viewer):
    qtbot.waitUntil(lambda: not viewer.editor.busy)
