"""The one canvas that draws the whole scene: coarse while it moves, all of it at rest, never a stalled window."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QHideEvent, QImage, QPainter, QPaintEvent, QPen, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QWidget

from workbench.core.problem import ProblemRecord
from workbench.core.scenes import Viewpoint
from workbench.gui.autosave import Background
from workbench.gui.opengl import opengl, when_known
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes import overlay, splatter, wires
from workbench.gui.scenes.drawing import Drawing, Frame, Wanted
from workbench.gui.scenes.gaze import Gaze
from workbench.gui.scenes.pointer import Picked, PointedView
from workbench.gui.scenes.rays import Elsewhere
from workbench.gui.scenes.scene import Scene, placement_of
from workbench.gui.scenes.splatter import Shot, Splatted
from workbench.gui.scenes.through import Photograph, grounded, seen_through
from workbench.gui.scenes.veil import straight
from workbench.gui.scenes.warming import warmth
from workbench.gui.theme import theme
from workbench.gui.volumes.away import Away

REST_MS = 140
DIM = "#98A2B3"
"""For words: pictures are black in both themes."""
PICK_PX = 5
MAKING = "Making the picture ready …"
SLOW_S = 0.6
"""A picture that is not whole after so long says how far it is."""


class SceneCanvas(PointedView):
    """Draws a scene: points, meshes, volumes, radiance grids, boxes and cameras, and what is measured in it."""

    troubled = Signal(object)
    """A ProblemRecord: something of the scene cannot be drawn."""
    drawn = Signal()
    """All of the scene is on the screen."""
    outdated = Signal()
    """What was drawn holds no longer, or it is drawn another way from now on."""
    plainly = "No OpenGL 3.3 on this display: drawn coarsely, without it"
    """What is said of a picture without OpenGL."""

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
        self.floor = True
        """Whether axes and a level grid are drawn; set before anything is."""
        self.first_view = "corner"
        """From where a scene is seen at first, a name of gaze.FIXED."""
        self.waiting: tuple[str, ...] = ()
        """Names of what is shown and not ready to be drawn, as far as the last picture knows."""
        self.frames = 0
        """How many pictures have come."""
        self._drawing: Drawing | None = None
        self._plain = False
        """Whether pictures are made without OpenGL."""
        self._numbers = itertools.count(1)
        self._asked: Wanted | None = None
        """What is drawn now."""
        self._shown: Frame | None = None
        """What is seen."""
        self._wished_s = 0.0
        """When it was first asked for."""
        self._lines = 0
        self._elsewhere: dict[str, Elsewhere] = {}
        self._splatted: Splatted | None = None
        self._kept: splatter.Kept = {}
        self._image: QImage | None = None
        self.photograph = Photograph(scene, self._background, self)
        self._current = self._whole = self._fitted = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._refine)
        self.setMinimumSize(120, 90)
        self.setAccessibleName("The scene in 3-D; arrow keys turn it")
        scene.rearranged.connect(self._rearranged)
        scene.changed.connect(lambda _: self._synced())
        scene.chosen_changed.connect(self.outdate)
        scene.selected.connect(lambda _: self.outdate())
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
            return self.plainly
        return "; ".join(self._shown.notes) if self._shown is not None else ""

    @property
    def progress(self) -> str:
        """How far a picture is that takes long; empty for one that is whole, or not shown at all yet, or that waits for
        things, of which the note tells."""
        frame, slow = self._shown, time.monotonic() >= self._wished_s + SLOW_S
        if frame is None or self._whole or frame.wanted is not self._asked or frame.waiting or not slow:
            return ""
        return f"drawing, {frame.drawn:.0%}"

    def _rearranged(self) -> None:
        bounds = self.scene.bounds()
        if not self._fitted and bounds is not None:
            self._fitted = True
            # The view of a scene before may be of a hundred times its size, or look elsewhere.
            if self.scene.view == Viewpoint(pose=placement_of(np.eye(4))) or not gz.well_seen(self.gaze(), bounds):
                self.scene.look_from(gz.fixed(self.scene.view, self.first_view, bounds, self.aspect()))
        self._fitted = self._fitted and bool(self.scene.nodes)
        self._synced()

    def _synced(self) -> None:
        self._elsewhere = {name: made for name, made in self._elsewhere.items() if name in self.scene.nodes}
        self.outdate()
        if not self.isVisible():
            self._unseen()

    def _unseen(self) -> None:
        """Nobody looks: no picture is made, and what is no longer in the scene takes no memory."""
        if self._drawing is not None:
            self._drawing.want(self._wanted(self._gaze_px(), self.ratio), seen=False)
            self._current = False

    def _rewired(self) -> None:
        self._lines += 1
        self.outdate()

    def _ready(self) -> Drawing | None:
        """What draws; None where nothing can, or nothing is seen."""
        if self._plain or self.words or not self.isVisible():
            return None
        if self._drawing is None and opengl():
            if not warmth.done:
                warmth.when_done(self, self._synced)
                return None
            self._drawing = drawing = Drawing()
            queued = Qt.ConnectionType.QueuedConnection  # they come from another thread
            drawing.came.connect(self._take_frame, queued)
            drawing.told.connect(self.troubled, queued)
            drawing.failed.connect(self._give_up, queued)
            self.destroyed.connect(drawing.close)
            app = QApplication.instance()
            if app is not None:  # a window that is only closed is not destroyed
                app.aboutToQuit.connect(drawing.close)
        return self._drawing

    def _want(self, drawing: Drawing) -> None:
        """Have the scene drawn as it is now."""
        self._asked = self._wanted(self._gaze_px(), self.ratio)
        drawing.want(self._asked)
        self._current, self._wished_s = True, time.monotonic()

    def _wanted(self, gaze: Gaze, ratio: float) -> Wanted:
        return Wanted(
            next(self._numbers), self.scene.seen(), gaze, ratio, self._lines, dict(self._elsewhere), floor=self.floor,
            # Others would stand before the one that is looked through.
            photographs=self.through is None,
        )  # fmt: skip

    @Slot(object)
    def _take_frame(self, frame: Frame) -> None:
        """A picture has come; while something moves it may show what was wanted a moment before."""
        if self._drawing is None or (self._shown is not None and self._shown.wanted.number > frame.wanted.number):
            return
        self._shown, self._image, self.waiting = frame, frame.image, frame.waiting
        self._image.setDevicePixelRatio(frame.wanted.ratio)
        self.frames += 1
        self._whole = frame.whole and self._current and frame.wanted is self._asked
        self.update()
        if self._whole:
            self.drawn.emit()

    @Slot(object)
    def _give_up(self, record: ProblemRecord) -> None:
        """From now on without OpenGL: coarse, but never black."""
        drawing, self._drawing = self._drawing, None
        if drawing is not None:
            drawing.close()
            self._plain, self._shown = True, None
            self.troubled.emit(record)
            self.outdate()

    # Without OpenGL

    def _gaze_px(self) -> Gaze:
        """How the scene is seen, in the picture's pixels."""
        size = self._size()
        return gz.gaze(self.scene.view, size.width(), size.height(), wires.seen_bounds(self.scene))

    def shot(self, gaze: Gaze | None = None) -> Shot:
        """What a picture without OpenGL needs, seen from here or as asked."""
        gaze = gaze or self._gaze_px()
        ratio = max(1.0, gaze.height / max(1, self.height()))
        return splatter.shot_of(self.scene, gaze, ratio, self._kept, floor=self.floor)

    def _size(self) -> QSize:
        return QSize(max(1, round(self.width() * self.ratio)), max(1, round(self.height() * self.ratio)))

    def _splat(self) -> None:
        """The coarse picture at once; the better one comes from another thread when nothing moves."""
        self._take(splatter.splat(self.shot(), splatter.QUICK))
        self._current = True

    def _take(self, made: Splatted) -> None:
        self._splatted, self._image = made, made.image
        self._image.setDevicePixelRatio(self.ratio)

    def _refine(self) -> None:
        if not self._plain or not self._current or self._whole or not self.isVisible():
            return
        shot = self.shot()

        def then(made: Splatted) -> None:
            if made.shot is self._shot_wanted:
                self.take_whole(made)

        self._shot_wanted = shot
        self._background.background(lambda: splatter.splat(shot), then=then, failed=self.troubled.emit, owner=self)

    def take_whole(self, made: Splatted) -> None:
        """Show all of the scene, drawn from a shot; one that has come late is passed by."""
        if self._plain and self._current:
            self._shot_wanted = None
            self._take(made)
            self._whole = True
            self.update()
            self.drawn.emit()

    _shot_wanted: Shot | None = None

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
        self._pivot = self._shot_wanted = None
        if self._plain:
            self._rest.start()
        self.update()
        self.outdated.emit()

    @property
    def whole(self) -> bool:
        """Whether all of the scene is in the picture."""
        return self._whole

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        drawing = self._ready()
        if drawing is not None and not self._current:
            self._want(drawing)
        if self._plain and not self._current and not self.words:
            self._splat()
        if self._plain and not self._whole and not self._rest.isActive():
            self._rest.start()
        if self._image is not None:
            painter.drawImage(0, 0, self._image)
            self._paint_over(painter)
        self.say(painter)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme().now.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def _paint_over(self, painter: QPainter) -> None:
        gaze = self._gaze_shown()
        painter.setFont(self.font())
        self.photograph.paint(painter, self.through, self.size())
        self.mark(painter, gaze)
        overlay.labels(painter, self.scene, gaze)
        overlay.measures(painter, self.scene, gaze, self.unit)
        if self.tool is not None:
            painter.save()
            self.tool.paint(painter)
            painter.restore()
        self.gizmo.paint(painter, gaze)
        painter.setFont(self.font())
        if self.note:
            overlay.tag(painter, QPointF(8, self.height() - 10), self.note, DIM)
        if words := self.progress:
            left = self.width() - overlay.tag_width(painter, words) - 8
            overlay.tag(painter, QPointF(left, self.height() - 10), words, DIM)

    def _gaze_shown(self) -> Gaze:
        """How the scene is seen in the picture that is on the screen, in the window's pixels: words go with it."""
        seen = self._shown.wanted.moment if self._shown is not None else None
        if seen is None or seen.view == self.scene.view:
            return self.gaze()
        return gz.gaze(seen.view, self.width(), self.height(), seen.bounds())

    def mark(self, painter: QPainter, gaze: Gaze) -> None:
        """What else is drawn over the picture, below words and tools."""

    def say(self, painter: QPainter) -> None:
        """What is said in the middle of the picture, where there is nothing to see."""
        words = self._told()
        if words:
            painter.setPen(QColor(DIM))
            pad = theme().pixels(16)
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(pad, pad, -pad, -pad), flags, words)

    def _told(self) -> str:
        """What is said in the middle of the picture."""
        making = MAKING if self._image is None and not self._plain else ""
        return self.words or (making if self.scene.bounds() is not None else self.hint)

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
        if not self._plain and node in self.scene.nodes:
            self._elsewhere[node] = Elsewhere(view, straight(frame), depth)
            if view == self.scene.view:
                self._current = self._whole = False
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
        return self._current if self._plain else self._shown is not None and self._shown.wanted is self._asked

    def pick(self, x: float, y: float) -> Picked | None:
        drawing = self._ready()
        at = (round(x * self.ratio), round(y * self.ratio))
        if self._plain:
            if not self._current:
                self._splat()
            found = self._splatted.beneath(*at, round(PICK_PX * self.ratio)) if self._splatted is not None else None
        elif drawing is not None:
            if not self._current:
                self._want(drawing)
            try:
                found = drawing.whom(*at, round(PICK_PX * self.ratio))
            except Exception:  # a driver that fails is told of by `failed`
                return None
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

    def where(self, names: set[str], then: Callable[[NDArray[np.bool_]], None]) -> None:
        """Find in which pixels of the picture these nodes are seen, (h, w), and call `then`; later, or never."""
        self._find(lambda made: made.where(names), lambda drawing: drawing.where(names), then)

    def lit(self, then: Callable[[NDArray[np.bool_]], None]) -> None:
        """The same for what is selected."""
        self._find(lambda made: made.lit(self.scene.selection), Drawing.lit, then)

    def _find(
        self, plainly: Callable[[Splatted], NDArray[np.bool_]], ask: Callable[[Drawing], Future[NDArray[np.bool_]]],
        then: Callable[[NDArray[np.bool_]], None],
    ) -> None:  # fmt: skip
        drawing = self._ready()
        if self._plain and self._splatted is not None:
            then(plainly(self._splatted))
        elif drawing is not None:
            if not self._current:
                self._want(drawing)
            self._background.background(ask(drawing).result, then=then, failed=_pass_by, owner=self)

    def grab_picture(self, size: QSize, transparent: bool = False) -> QImage:
        """All of the scene in a picture of this size, without words over it; null where nothing can be drawn."""
        return self.picture_work(size, transparent)()

    def picture_work(self, size: QSize, transparent: bool = False) -> Callable[[], QImage]:
        """What makes the same of the scene as it is now, on any thread; raises KnownTrouble where OpenGL fails."""
        wanted = self._picture_wanted(size, self.scene.view)
        drawing = self._ready()
        if drawing is not None:
            found = drawing.picture(wanted)
            return lambda: grounded(found.result(), transparent)
        if self._plain:
            shot = self.shot(wanted.gaze)
            return lambda: grounded(splatter.splat(shot).image, transparent)
        return QImage

    def _picture_wanted(self, size: QSize, view: Viewpoint) -> Wanted:
        gaze = gz.gaze(view, size.width(), size.height(), wires.seen_bounds(self.scene))
        return self._wanted(gaze, max(1.0, gaze.height / max(1, self.height())))

    def picture_steps(self, size: QSize, transparent: bool = False, view: Viewpoint | None = None) -> Iterator[QImage]:
        """The same, null pictures until it is there, seen from a viewpoint or as now; what is on the screen stays
        there meanwhile. Raises KnownTrouble where OpenGL fails."""
        wanted = self._picture_wanted(size, view or self.scene.view)
        drawing = self._ready()
        if drawing is None:
            if self._plain:
                yield grounded(splatter.splat(self.shot(wanted.gaze)).image, transparent)
            return
        found = drawing.picture(wanted)
        try:
            while not found.done():
                yield QImage()
            if not found.cancelled():  # the canvas is closed, or draws without OpenGL by now
                yield grounded(found.result(), transparent)
        finally:
            found.cancel()

    # Qt

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.outdate()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._synced()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._unseen()


def _pass_by(_: ProblemRecord) -> None:
    """A drawing that ended or failed, which is told where it happens."""
