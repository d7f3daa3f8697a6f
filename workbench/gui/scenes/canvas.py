"""The one canvas that draws the whole scene: coarse while it moves, all of it at rest, never a stalled window."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from workbench.core.problem import ProblemRecord, record_of
from workbench.core.scenes import Viewpoint
from workbench.gui.autosave import Background
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes import overlay, splatter, wires
from workbench.gui.scenes.gaze import Gaze
from workbench.gui.scenes.pointer import Picked, PointedView
from workbench.gui.scenes.rays import Elsewhere
from workbench.gui.scenes.renderer import Renderer
from workbench.gui.scenes.scene import Scene, placement_of
from workbench.gui.scenes.splatter import Shot, Splatted
from workbench.gui.scenes.through import Photograph, grounded, seen_through
from workbench.gui.scenes.veil import straight
from workbench.gui.scenes.warming import warmth
from workbench.gui.theme import theme
from workbench.gui.volumes.away import Away
from workbench.gui.volumes.glmesh import opengl, when_known

MOVING_S, RESTING_S = 0.030, 0.020
"""What drawing may take of a moving picture, and of a turn of the event loop at rest."""
REST_MS, SHOW_EVERY_S = 140, 0.15
PICK_PX = 5
PICTURE_STEP_S = 0.04
MAKING = "Making the picture ready …"


class SceneCanvas(PointedView):
    """Draws a scene: points, meshes, volumes, radiance grids, boxes and cameras, and what is measured in it."""

    troubled = Signal(object)
    """A ProblemRecord: something of the scene cannot be drawn."""
    drawn = Signal()
    """All of the scene is on the screen."""

    def __init__(self, scene: Scene, parent: QWidget | None = None, *, background: Background | None = None) -> None:
        """`background` does work on other threads; without one the canvas has its own."""
        super().__init__(scene, parent)
        self._background = background or Away(self)
        self.unit = ""
        """Of lengths, for measures."""
        self.words = ""
        """What is said in the picture's place; empty while it is drawn."""
        self.hint = "There is nothing in this scene yet."
        self.through: tuple[str, int] | None = None
        """The camera that one looks through."""
        self.longest_s = 0.0
        """The longest that drawing or sending has held this thread since the first picture."""
        self._renderer: Renderer | None = None
        self._plain = self._held = self._anew = False
        """Whether pictures are made without OpenGL."""
        self._splatted: Splatted | None = None
        self._kept: splatter.Kept = {}
        self._image: QImage | None = None
        self.photograph = Photograph(scene, self._background, self)
        self._current = self._whole = self._fitted = False
        self._presented_s = 0.0
        self._rest, self._work = QTimer(self), QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._work.start)
        self._work.setInterval(1)
        self._work.timeout.connect(self._go_on)
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
        self._plain = not opengl()
        self._synced()

    @property
    def note(self) -> str:
        """What a person should know of the picture: that it is made without OpenGL, or that things are thinned."""
        if self._plain:
            return "No OpenGL 3.3 on this display: drawn coarsely, without it"
        if self._renderer is None:
            return ""
        said = [f"{one.node.name}: {one.note}" for one in self._renderer.rays.values() if one.note]
        broken = self._renderer.broken()
        return "; ".join([*said, f"Cannot be drawn: {', '.join(broken[:5])}"] if broken else said)

    def _rearranged(self) -> None:
        bounds = self.scene.bounds()
        if not self._fitted and bounds is not None:
            self._fitted = True
            # The view of a scene before may be of a hundred times its size, or look elsewhere.
            if self.scene.view == Viewpoint(pose=placement_of(np.eye(4))) or not gz.well_seen(self.gaze(), bounds):
                self.scene.look_from(gz.fixed(self.scene.view, "corner", bounds, self.aspect()))
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
        if self._plain:
            return None
        if self._renderer is None and opengl() and self.isVisible():
            if not warmth.done:
                warmth.when_done(self, self._synced)
                return None
            try:
                self._renderer = Renderer(self.scene, self.troubled.emit, self._background, self.outdate, self)
            except Exception as error:  # whatever a driver does, the window stays and says so
                self._plain = True
                self.troubled.emit(record_of(error))
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
        """From now on without OpenGL: coarse, but never black."""
        self._work.stop()
        self._plain, self._renderer = True, None
        self.troubled.emit(record)
        self.outdate()

    # Without OpenGL

    def _gaze_px(self) -> Gaze:
        """How the scene is seen, in the picture's pixels."""
        size = self._size()
        return gz.gaze(self.scene.view, size.width(), size.height(), wires.seen_bounds(self.scene))

    def _shot(self, gaze: Gaze | None = None) -> Shot:
        gaze = gaze or self._gaze_px()
        ratio = max(1.0, gaze.height / max(1, self.height()))
        return splatter.shot_of(self.scene, gaze, ratio, self._kept)

    def _size(self) -> QSize:
        return QSize(max(1, round(self.width() * self.ratio)), max(1, round(self.height() * self.ratio)))

    def _splat(self) -> None:
        """The coarse picture at once; the better one comes from another thread when nothing moves."""
        self._take(splatter.splat(self._shot(), splatter.QUICK))
        self._current = True

    def _take(self, made: Splatted) -> None:
        self._splatted, self._image = made, made.image
        self._image.setDevicePixelRatio(self.ratio)

    def _refine(self) -> None:
        shot = self._shot()

        def then(made: Splatted) -> None:
            if made.shot is self._wanted and self._current:
                self._take(made)
                self._whole = True
                self.update()
                self.drawn.emit()

        self._wanted = shot
        self._background.background(lambda: splatter.splat(shot), then=then, failed=self.troubled.emit, owner=self)

    _wanted: Shot | None = None

    # What is looked through

    # The picture

    @property
    def ratio(self) -> float:
        """Pixels of the picture to one of the window."""
        return float(self.devicePixelRatioF())

    def outdate(self) -> None:
        """What was drawn holds no longer."""
        if self.through is not None and seen_through(self.scene, self.through) != self.scene.view:
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
        self._anew = False
        renderer.photographs = self.through is None  # others would stand before the one that is looked through
        renderer.begin(self._gaze_px(), self.ratio)
        renderer.advance(time.perf_counter() + MOVING_S, moving=True)
        self._show(renderer)
        self._current = True

    def _show(self, renderer: Renderer) -> None:
        self._image = renderer.present(taps=8 if self._whole else 4)
        self._image.setDevicePixelRatio(self.ratio)
        self._presented_s = time.perf_counter()

    def _go_on(self) -> None:
        """Send what is left of the things, and draw what is left of the picture."""
        if self._plain:
            self._work.stop()
            if self._current and self.isVisible():
                self._refine()
            return
        renderer = self._ready() if self.isVisible() else None
        if renderer is None or self.words or self._held or not self._current:
            self._work.stop()
            return
        self._guard(lambda: self._step(renderer))
        if self._renderer is not None:
            renderer.device.done()

    def _step(self, renderer: Renderer) -> None:
        sent = renderer.send(time.perf_counter() + RESTING_S / 2)
        if renderer.sketched and sent:
            renderer.begin(self._gaze_px(), self.ratio)  # nothing is shown before all that is opaque is there
            self._anew = True
        drawn = renderer.advance(time.perf_counter() + RESTING_S / 2)
        if sent and drawn:
            self._work.stop()
            self._whole = True
        shows = renderer.solid or not self._anew
        if self._whole or (shows and time.perf_counter() - self._presented_s > SHOW_EVERY_S):
            self._show(renderer)
            self.update()
        if self._whole:
            self.drawn.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        renderer = None if self.words else self._ready()
        if renderer is not None and not self._current and not self._held:
            self._guard(lambda: self._begin(renderer))
            if self._renderer is not None:
                renderer.device.done()
        if self._plain and not self._current and not self.words:
            self._splat()
        if not self._whole and not self._held and not self._rest.isActive() and not self._work.isActive():
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
        self.photograph.paint(painter, self.through, self.size())
        overlay.labels(painter, self.scene, gaze)
        overlay.measures(painter, self.scene, gaze, self.unit)
        if self.tool is not None:
            painter.save()
            self.tool.paint(painter)
            painter.restore()
        self.gizmo.paint(painter, gaze)
        painter.setFont(self.font())
        if self.note:
            overlay.tag(painter, QPointF(8, self.height() - 10), self.note, "#98A2B3")

    def _say(self, painter: QPainter) -> None:
        making = MAKING if self._image is None and not self._plain else ""
        words = self.words or (making if self.scene.bounds() is not None else self.hint)
        if words:
            painter.setPen(QColor("#98A2B3"))  # black in both themes, as pictures are
            pad = theme().pixels(16)
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(pad, pad, -pad, -pad), flags, words)

    # What others ask

    def look_through(self, node: str, index: int) -> None:
        """See what a photograph's camera saw, with the photograph over it."""
        self.through = (node, index)
        view = seen_through(self.scene, self.through)
        if view is None:
            self.through = None
            return
        self.navigator.go(view, at_once=True)
        self.through = (node, index)
        self.update()

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

    @property
    def plain(self) -> bool:
        """Whether things are drawn without OpenGL."""
        return self._plain

    @property
    def current(self) -> bool:
        return self._current

    def pick(self, x: float, y: float) -> Picked | None:
        renderer = self._ready()
        at = (round(x * self.ratio), round(y * self.ratio))
        if self._plain:
            if not self._current:
                self._splat()
            found = self._splatted.beneath(*at, round(PICK_PX * self.ratio)) if self._splatted is not None else None
        elif renderer is not None:
            if self._held:
                return None
            if not self._current:
                self._guard(lambda: self._begin(renderer))
            found = renderer.whom(*at, round(PICK_PX * self.ratio)) if self._renderer is not None else None
            renderer.device.done()
        else:
            return None
        gaze = self.gaze()
        wire = wires.near(self.scene, gaze, x, y)
        if wire is not None and (found is None or wire[2] < found[2]):
            found = wire
        if found is None:
            return None
        name, element, depth = found
        return name, element, gaze.at_depth(x, y, depth)

    def grab_picture(self, size: QSize, transparent: bool = False) -> QImage:
        """All of the scene in a picture of this size, without words over it; null where nothing can be drawn."""
        found = QImage()
        for one in self.picture_steps(size, transparent):
            found = one
        return found

    def picture_steps(self, size: QSize, transparent: bool = False, view: Viewpoint | None = None) -> Iterator[QImage]:
        """The same in steps of a moment each, null pictures until the last, seen from a viewpoint or as now; what is
        on the screen stays there meanwhile. Raises KnownTrouble where OpenGL fails."""
        view = view or self.scene.view
        gaze = gz.gaze(view, size.width(), size.height(), wires.seen_bounds(self.scene))
        renderer = self._ready()
        if renderer is not None:
            self._held = True
            try:
                yield from self._drawn_steps(renderer, gaze, transparent)
            finally:
                self._held = False
                self.outdate()
        elif self._plain:
            yield grounded(splatter.splat(self._shot(gaze)).image, transparent)

    def _drawn_steps(self, renderer: Renderer, gaze: Gaze, transparent: bool) -> Iterator[QImage]:
        renderer.begin(gaze, max(1.0, gaze.height / max(1, self.height())))
        self._work.stop()
        self._rest.stop()
        while not self._step_picture(renderer):
            renderer.device.done()
            yield QImage()
            if self._renderer is not renderer or not renderer.device.current():
                return
        found = renderer.present()
        renderer.device.done()
        yield grounded(found, transparent)

    def _step_picture(self, renderer: Renderer) -> bool:
        sent = renderer.send(time.perf_counter() + PICTURE_STEP_S / 2)
        return renderer.advance(time.perf_counter() + PICTURE_STEP_S / 2) and sent

    # Qt

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.outdate()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._synced()
