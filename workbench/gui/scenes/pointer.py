"""The pointer and the keys over a scene: tools first, then the gizmo, then navigation."""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes import overlay
from workbench.gui.scenes.gaze import Gaze, Vector
from workbench.gui.scenes.navigation import KEYS, Navigator, moved_px
from workbench.gui.scenes.scene import Scene

PIVOT_S = 0.5
"""Turns of the wheel that follow one another within this time come nearer to the same place."""
_TURNS = {
    Qt.Key.Key_Left: (-30, 0), Qt.Key.Key_Right: (30, 0), Qt.Key.Key_Up: (0, -30), Qt.Key.Key_Down: (0, 30),
}  # fmt: skip
Picked = tuple[str, int, Vector]
"""A node, its element (point, face, box or camera; −1 where it has none), and a place in the scene."""


class Tool(Protocol):
    """Takes the pointer before navigation does, and draws over the picture."""

    def press(self, event: QMouseEvent) -> bool:
        """Whether the press was taken."""

    def move(self, event: QMouseEvent) -> bool:
        """Whether the movement was taken."""

    def release(self, event: QMouseEvent) -> bool:
        """Whether the release was taken."""

    def paint(self, painter: QPainter) -> None:
        """Draw over the picture, in the window's pixels."""


class PointedView(QWidget):
    """Moves through a scene: orbit with the left button, pan with the middle one or Shift, wheel to the pointer, fly
    with W A S D Q E while the right button is held."""

    picked = Signal(object)
    """What a click without a drag fell on, a Picked, or None."""

    tip = ""
    """What is said of the view as a whole."""

    def __init__(self, scene: Scene, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene = scene
        self.tool: Tool | None = None
        self.navigator = Navigator(scene, self.gaze, self)
        self.gizmo = overlay.Gizmo()
        self._pressed: QPointF | None = None
        self._last = QPointF()
        self._dragged = False
        self._button = Qt.MouseButton.NoButton
        self._pivot: tuple[float, Vector] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)

    # What the pointer needs to know, by whoever draws

    def gaze(self) -> Gaze:
        """How the scene is seen, in the window's pixels."""
        return gz.gaze(self.scene.view, self.width(), self.height(), self.scene.bounds())

    def pick(self, x: float, y: float) -> Picked | None:
        """What is seen at a pixel of the window: node, element, and place in the scene; None for nothing."""
        raise NotImplementedError

    @property
    def current(self) -> bool:
        """Whether the picture shows the scene as it is, so that a pick costs nothing."""
        raise NotImplementedError

    # Views

    def aspect(self) -> float:
        """The picture's width by its height."""
        return self.width() / max(1, self.height())

    def fit(self, *, at_once: bool = False) -> None:
        """All that is shown fills the picture."""
        view = gz.fitted(self.scene.view, self.scene.bounds(), self.aspect())
        self.navigator.go(view, at_once=at_once or not self.isVisible())

    def fit_chosen(self) -> None:
        """What is chosen fills the picture; everything where nothing is."""
        bounds = self.scene.bounds(self.scene.chosen) if self.scene.chosen else None
        view = gz.fitted(self.scene.view, bounds or self.scene.bounds(), self.aspect())
        self.navigator.go(view, at_once=not self.isVisible())

    def look(self, name: str) -> None:
        """A view by its name in gaze.FIXED."""
        view = gz.fixed(self.scene.view, name, self.scene.bounds(), self.aspect())
        self.navigator.go(view, at_once=not self.isVisible())

    # The pointer and the keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.tool is not None and self.tool.press(event):
            self.update()
            return
        self._pressed = self._last = event.position()
        self._dragged, self._button = False, event.button()
        name = self.gizmo.hit(self.gaze(), event.position())
        if name and event.button() == Qt.MouseButton.LeftButton:
            self._pressed = None
            self.look(name)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.tool is not None and self.tool.move(event):
            self.update()
            return
        at = event.position()
        if self._pressed is None or not event.buttons():
            over = self.gizmo.hit(self.gaze(), at)
            if over != self.gizmo.over:
                self.gizmo.over = over
                self.setToolTip(f"See it from: {self.gizmo.words.get(over, over)}" if over else self.tip)
                self.update()
            return
        if not self._dragged and (at - self._pressed).manhattanLength() < QApplication.startDragDistance():
            return
        self._dragged = True
        right, down = moved_px(self._last, at)
        self._last = at
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if self._button == Qt.MouseButton.MiddleButton or (shift and self._button == Qt.MouseButton.LeftButton):
            self.navigator.pan(right, down)
        elif self._button == Qt.MouseButton.RightButton:
            self.navigator.look_around(right, down)
        else:
            self.navigator.orbit(right, down)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.tool is not None and self.tool.release(event):
            self.update()
            return
        clicked = self._pressed is not None and not self._dragged and event.button() == Qt.MouseButton.LeftButton
        self._pressed, self._button = None, Qt.MouseButton.NoButton
        self.navigator.land()
        if clicked:
            self.picked.emit(self.pick(event.position().x(), event.position().y()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        found = self.pick(event.position().x(), event.position().y())
        if found is not None:
            self.navigator.centre(found[2])

    def wheelEvent(self, event: QWheelEvent) -> None:
        at, now = event.position(), time.perf_counter()
        if self._pivot is None or now - self._pivot[0] > PIVOT_S:
            found = self.pick(at.x(), at.y()) if self.current else None
            gaze = self.gaze()
            depth = float(gaze.project(np.array([self.scene.view.about]))[0, 2])
            self._pivot = (now, found[2] if found is not None else gaze.at_depth(at.x(), at.y(), max(depth, 1e-9)))
        pivot = self._pivot[1]
        self.navigator.zoom(0.86 ** (event.angleDelta().y() / 120), pivot)
        self._pivot = (now, pivot)
        event.accept()

    def event(self, event: QEvent) -> bool:
        override = event.type() == QEvent.Type.ShortcutOverride  # letters are keys of other things while nobody flies
        if override and isinstance(event, QKeyEvent) and self._button == Qt.MouseButton.RightButton:
            event.setAccepted(event.key() in KEYS)
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if self._button == Qt.MouseButton.RightButton and self.navigator.key(key, down=True):
            return
        if key in _TURNS:
            self.navigator.orbit(*_TURNS[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.navigator.zoom(1.2 if key == Qt.Key.Key_Minus else 1 / 1.2, np.array(self.scene.view.about))
        elif key == Qt.Key.Key_Home:
            self.fit()
        elif key == Qt.Key.Key_F:
            self.fit_chosen()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.isAutoRepeat() or not self.navigator.key(Qt.Key(event.key()), down=False):
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.navigator.land()
        super().focusOutEvent(event)
