"""The one canvas that draws the whole scene: coarse while it moves, all of it at rest, never a stalled window."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from workbench.core.problem import ProblemRecord, record_of
from workbench.core.scenes import CamerasDoc, Viewpoint
from workbench.gui.autosave import Background
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes import overlay
from workbench.gui.scenes.gaze import Gaze, Vector
from workbench.gui.scenes.navigation import Navigator, moved_px
from workbench.gui.scenes.rays import Elsewhere
from workbench.gui.scenes.renderer import Renderer
from workbench.gui.scenes.scene import Scene, placement_of
from workbench.gui.scenes.veil import straight
from workbench.gui.theme import theme
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.glmesh import opengl, when_known

MOVING_S, RESTING_S = 0.030, 0.020
"""What drawing may take of a moving picture, and of a turn of the event loop at rest."""
REST_MS, SHOW_EVERY_S = 140, 0.15
PICK_PX = 5
PICTURE_STEP_S = 0.04
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


class SceneCanvas(QWidget):
    """Draws a scene and moves through it: orbit with the left button, pan with the middle one or Shift, wheel to the
    pointer, fly with W A S D Q E while the right button is held."""

    troubled = Signal(object)
    """A ProblemRecord: something of the scene cannot be drawn."""
    picked = Signal(object)
    """What a click without a drag fell on, a Picked, or None."""
    drawn = Signal()
    """All of the scene is on the screen."""

    def __init__(self, scene: Scene, parent: QWidget | None = None, *, background: Background | None = None) -> None:
        """`background` does work on other threads; without one the canvas has its own."""
        super().__init__(parent)
        self.scene = scene
        self._background = background or Away(self)
        self.tool: Tool | None = None
        self.unit = ""
        """Of lengths, for measures."""
        self.words = ""
        """What is said in the picture's place; empty while it is drawn."""
        self.hint = "There is nothing in this scene yet."
        self.through: tuple[str, int] | None = None
        """The camera that one looks through."""
        self.longest_s = 0.0
        """The longest that drawing or sending has held this thread since the first picture."""
        self.navigator = Navigator(scene, self.gaze, self)
        self.gizmo = overlay.Gizmo()
        self._renderer: Renderer | None = None
        self._image: QImage | None = None
        self._current = self._whole = self._fitted = False
        self._presented_s = 0.0
        self._pressed: QPointF | None = None
        self._last = QPointF()
        self._dragged = False
        self._button = Qt.MouseButton.NoButton
        self._pivot: tuple[float, Vector] | None = None
        self._rest, self._work = QTimer(self), QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._work.start)
        self._work.setInterval(1)
        self._work.timeout.connect(self._go_on)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(120, 90)
        self.setAccessibleName("The scene in 3-D; arrow keys turn it")
        scene.rearranged.connect(self._rearranged)
        scene.changed.connect(lambda _: self._synced())
        scene.chosen_changed.connect(self._rewired)
        scene.selected.connect(self._selected)
        scene.viewed.connect(self.outdate)
        scene.cut.connect(self.outdate)
        theme().follow(self, self._rewired)
        when_known(self, self._known)

    # What the scene says

    def _known(self) -> None:
        """Whether there is OpenGL."""
        self._synced()

    def _rearranged(self) -> None:
        if not self._fitted and self.scene.bounds() is not None:
            self._fitted = True
            if self.scene.view == Viewpoint(pose=placement_of(np.eye(4))):
                self.scene.look_from(gz.fixed(self.scene.view, "corner", self.scene.bounds(), self._aspect()))
        self._fitted = self._fitted and bool(self.scene.nodes)
        self._synced()

    def _synced(self) -> None:
        renderer = self._ready()
        if renderer is not None:
            self._guard(renderer.sync)
        self.outdate()

    def _selected(self, names: set[str]) -> None:
        if self._renderer is not None:
            self._renderer.reselect(names)
        self.outdate()

    def _rewired(self) -> None:
        if self._renderer is not None:
            self._renderer.outdate_wires()
        self.outdate()

    def _ready(self) -> Renderer | None:
        """What draws, with its context current; None where nothing can."""
        if self._renderer is None and opengl() and self.isVisible():
            try:
                self._renderer = Renderer(self.scene, self.troubled.emit, self._background, self.outdate, self)
            except Exception as error:  # whatever a driver does, the window stays and says so
                self._give_up(record_of(error))
                return None
            self.words = ""
            self.destroyed.connect(self._renderer.close)
            app = QApplication.instance()
            if app is not None:  # a window that is only closed is not destroyed
                app.aboutToQuit.connect(self._renderer.close)
            self._renderer.sync()
        if self._renderer is not None and not self._renderer.device.current():
            return None
        return self._renderer

    def _guard(self, do: object) -> None:
        """Draw or send; what fails is told, and the picture says so."""
        began = time.perf_counter()
        try:
            do()  # type: ignore[operator]
        except Exception as error:  # a black picture without a word is the one thing that must not be
            self._give_up(record_of(error))
        self.longest_s = max(self.longest_s, time.perf_counter() - began)

    def _give_up(self, record: ProblemRecord) -> None:
        self._work.stop()
        self._rest.stop()
        self._image = None
        self.words = f"{record.what} {record.fix}".strip()
        self.troubled.emit(record)
        self.update()

    # The picture

    @property
    def ratio(self) -> float:
        """Pixels of the picture to one of the window."""
        return float(self.devicePixelRatioF())

    def _aspect(self) -> float:
        return self.width() / max(1, self.height())

    def gaze(self) -> Gaze:
        """How the scene is seen, in the window's pixels."""
        return gz.gaze(self.scene.view, self.width(), self.height(), self.scene.bounds())

    def outdate(self) -> None:
        """What was drawn holds no longer."""
        if self.through is not None and self._seen_through() != self.scene.view:
            self.through = None
        self._current = self._whole = False
        self._pivot = None
        self._work.stop()
        self._rest.start()
        self.update()

    @property
    def whole(self) -> bool:
        """Whether all of the scene is in the picture."""
        return self._whole

    def _begin(self, renderer: Renderer) -> None:
        """The moving picture: as much as may be drawn now."""
        size = QSize(max(1, round(self.width() * self.ratio)), max(1, round(self.height() * self.ratio)))
        renderer.begin(gz.gaze(self.scene.view, size.width(), size.height(), self.scene.bounds()), self.ratio)
        renderer.advance(time.perf_counter() + MOVING_S, clear=False)
        self._show(renderer)
        self._current = True

    def _show(self, renderer: Renderer) -> None:
        self._image = renderer.present()
        self._image.setDevicePixelRatio(self.ratio)
        self._presented_s = time.perf_counter()

    def _go_on(self) -> None:
        """Send what is left of the things, and draw what is left of the picture."""
        renderer = self._ready() if self.isVisible() else None
        if renderer is None or self.words or not self._current:
            self._work.stop()
            return
        self._guard(lambda: self._step(renderer))
        renderer.device.done()

    def _step(self, renderer: Renderer) -> None:
        sent = renderer.send(time.perf_counter() + RESTING_S / 2)
        drawn = renderer.advance(time.perf_counter() + RESTING_S / 2)
        if sent and drawn:
            self._work.stop()
            self._whole = True
        if self._whole or time.perf_counter() - self._presented_s > SHOW_EVERY_S:
            self._show(renderer)
            self.update()
        if self._whole:
            self.drawn.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        renderer = None if self.words else self._ready()
        if renderer is not None and not self._current:
            self._guard(lambda: self._begin(renderer))
            renderer.device.done()
            if not self._rest.isActive():
                self._rest.start()
        if self._image is not None:
            painter.drawImage(0, 0, self._image)
            self._paint_over(painter)
        self._say(painter)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme().now.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def _paint_over(self, painter: QPainter) -> None:
        gaze = self.gaze()
        painter.setFont(self.font())
        overlay.labels(painter, self.scene, gaze)
        overlay.measures(painter, self.scene.measures, gaze, self.unit)
        if self.tool is not None:
            painter.save()
            self.tool.paint(painter)
            painter.restore()
        self.gizmo.paint(painter, gaze)

    def _say(self, painter: QPainter) -> None:
        words = self.words or ("" if self.scene.bounds() is not None else self.hint)
        if words:
            painter.setPen(QColor("#98A2B3"))  # black in both themes, as pictures are
            pad = theme().pixels(16)
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(pad, pad, -pad, -pad), flags, words)

    # What others ask

    def fit(self, *, at_once: bool = False) -> None:
        """All that is shown fills the picture."""
        view = gz.fitted(self.scene.view, self.scene.bounds(), self._aspect())
        self.navigator.go(view, at_once=at_once or not self.isVisible())

    def fit_chosen(self) -> None:
        """What is chosen fills the picture; everything where nothing is."""
        bounds = self.scene.bounds(self.scene.chosen) if self.scene.chosen else None
        view = gz.fitted(self.scene.view, bounds or self.scene.bounds(), self._aspect())
        self.navigator.go(view, at_once=not self.isVisible())

    def look(self, name: str) -> None:
        """A view by its name in gaze.FIXED."""
        view = gz.fixed(self.scene.view, name, self.scene.bounds(), self._aspect())
        self.navigator.go(view, at_once=not self.isVisible())

    def look_through(self, node: str, index: int) -> None:
        """See what a photograph's camera saw, with the photograph over it."""
        self.through = (node, index)
        view = self._seen_through()
        if view is None:
            self.through = None
            return
        self.navigator.go(view, at_once=True)
        self.through = (node, index)
        self.update()

    def _seen_through(self) -> Viewpoint | None:
        name, index = self.through or ("", 0)
        thing = self.scene.nodes[name].thing if name in self.scene.nodes else None
        if not isinstance(thing, CamerasDoc) or not 0 <= index < len(thing.images):
            return None
        return gz.through(thing.images[index], self.scene.view.about, self.scene.world(name))

    def show_radiance(self, node: str, frame: QImage, depth: NDArray[np.float32], view: Viewpoint) -> None:
        """Show a field as it was rendered elsewhere for a view, while one looks from there and its look wants it.

        `frame` has alpha; `depth` (h, w) holds distances along the view axis, rows from above.
        """
        if self._renderer is not None and node in self.scene.nodes:
            self._renderer.elsewhere[node] = Elsewhere(view, straight(frame), depth)
            if view == self.scene.view:
                self._current = self._whole = False
                self._rest.start()
                self.update()

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 3) scene coordinates → (N, 3): the window's pixels, and the distance along the view axis."""
        return self.gaze().project(points)

    def pick(self, x: float, y: float) -> Picked | None:
        """What is seen at a pixel of the window: node, element, and place in the scene; None for nothing."""
        renderer = None if self.words else self._ready()
        if renderer is None:
            return None
        if not self._current:
            self._guard(lambda: self._begin(renderer))
        ratio = self.ratio
        found = renderer.whom(round(x * ratio), round(y * ratio), round(PICK_PX * ratio))
        renderer.device.done()
        if found is None:
            return None
        name, element, depth = found
        return name, element, self.gaze().at_depth(x, y, depth)

    def grab_picture(self, size: QSize, transparent: bool = False) -> QImage:
        """All of the scene in a picture of this size, without words over it; null where nothing can be drawn."""
        found = QImage()
        for one in self.picture_steps(size, transparent):
            found = one
        return found

    def picture_steps(self, size: QSize, transparent: bool = False) -> Iterator[QImage]:
        """The same in steps of a moment each, null pictures until the last."""
        renderer = None if self.words else self._ready()
        if renderer is None:
            return
        self._current = False  # the picture on the screen is drawn anew afterwards
        ratio = max(1.0, size.height() / max(1, self.height()))
        renderer.begin(gz.gaze(self.scene.view, size.width(), size.height(), self.scene.bounds()), ratio)
        while True:
            sent = renderer.send(time.perf_counter() + PICTURE_STEP_S / 2)
            if renderer.advance(time.perf_counter() + PICTURE_STEP_S / 2) and sent:
                break
            yield QImage()
            if not renderer.device.current():
                return
            self._current = False
        found = renderer.present()
        renderer.device.done()
        if not transparent:
            ground = QImage(found.size(), QImage.Format.Format_RGB32)
            ground.fill(Qt.GlobalColor.black)
            painter = QPainter(ground)
            painter.drawImage(0, 0, found)
            painter.end()
            found = ground
        self.outdate()
        yield found

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
                self.setToolTip(f"See the scene from: {over}" if over else "")
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
        if self._pivot is None or now - self._pivot[0] > 0.5:
            found = self.pick(at.x(), at.y()) if self._current else None
            gaze = self.gaze()
            depth = float(gaze.project(np.array([self.scene.view.about]))[0, 2])
            self._pivot = (now, found[2] if found is not None else gaze.at_depth(at.x(), at.y(), max(depth, 1e-9)))
        pivot = self._pivot[1]
        self.navigator.zoom(0.86 ** (event.angleDelta().y() / 120), pivot)
        self._pivot = (now, pivot)
        event.accept()

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

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.outdate()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._synced()
