"""The volume itself in 3-D: coarse within a frame's time while something moves, fine part by part at rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QMatrix4x4, QPainter, QPaintEvent, QShowEvent, QVector3D
from PySide6.QtWidgets import QApplication, QWidget

from workbench.core.problem import ProblemRecord
from workbench.gui.autosave import Background
from workbench.gui.volumes import tiling
from workbench.gui.volumes.camera import Camera, TurnedView
from workbench.gui.volumes.glmesh import opengl, when_known
from workbench.gui.volumes.glvolume import COLOURS, Mode, VolumePainter, table_of
from workbench.gui.volumes.looks import Look
from workbench.gui.volumes.scene import Layer, Scene
from workbench.gui.volumes.tones import TONES, Tones, tones_of

if TYPE_CHECKING:
    from workbench.core.volumes import Geometry
    from workbench.gui.volumes.solid import SolidView

REST_MS = 180
"""Nothing has moved for this long: the fine picture is begun."""
COARSE, FINE = 2.0, 0.7
"""Steps of a ray, in sides of a texel."""
MARGIN = 0.7
"""A volume fills the picture to its sides; its corners are mostly air."""
NO_GL = "This display has no OpenGL 3, so the volume cannot be drawn as a whole. The planes show the same values."
_AXES = (QVector3D(1, 0, 0), QVector3D(0, 1, 0), QVector3D(0, 0, 1))
_HALF = QVector3D(0.5, 0.5, 0.5)
EMPTY = "There is no volume to draw here, only labels. Their surfaces can be shown."
MAKING = "Making the volume ready …"


class RenderedView(TurnedView):
    """Draws one of the scene's volumes by a look, in one of three modes, from the shared camera."""

    ready = Signal()
    """Another volume can be drawn, or none."""

    def __init__(self, scene: Scene, background: Background, camera: Camera, parent: QWidget | None = None) -> None:
        super().__init__(camera, parent)
        self.scene, self._background = scene, background
        self.words = MAKING
        """What is said in the picture's place; empty while the volume is shown."""
        self.tones: Tones | None = None
        self.look: Look | None = None
        self.mode: Mode = "composite"
        self.sequence = 0
        self.longest_s = 0.0
        """The longest that drawing has held this thread since the first picture."""
        self._surfaces: SolidView | None = None
        self._standing: Iterator[tuple[QImage, QImage] | None] | None = None
        self._standing_s = 1.0
        """What drawing the surfaces took last; until it is known, too much for a moving picture."""
        self._painter: VolumePainter | None = None
        self._layer: Layer | None = None
        self._making = False
        self._sent = self._coloured = False
        self._costs = {COARSE: tiling.Cost(caution=0.75), FINE: tiling.Cost()}
        self._coarse: QImage | None = None
        self._fine: QImage | None = None
        self._tiles: tiling.Tiles | None = None
        self._rest, self._work = QTimer(self), QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._settle)
        self._work.setInterval(2)
        self._work.timeout.connect(self._go_on)
        self.setAccessibleName("The volume in 3-D; arrow keys turn it")
        self.setToolTip("Drag to turn, wheel to come nearer, Home to look from the front")
        self.setMinimumSize(80, 60)
        scene.restyled.connect(self._restyled)
        when_known(self, self._known)

    def _known(self) -> None:
        """Whether there is OpenGL."""
        self._say("" if opengl() else NO_GL)
        self._restyled()

    # What is drawn

    @property
    def fine(self) -> bool:
        """Whether the whole fine picture is on the screen."""
        return self._fine is not None and self._tiles is None

    @property
    def layer(self) -> Layer | None:
        """The volume that is drawn, or is made ready for it."""
        layers = self.scene.layers
        return layers[self.sequence if self.sequence < len(layers) else 0] if layers else None

    def show_sequence(self, at: int) -> None:
        """Draw another of the scene's volumes."""
        self.sequence = at
        self._restyled()

    def show_look(self, look: Look, mode: Mode) -> None:
        """Draw by this look and mode from now on."""
        for cost in self._costs.values() if self._sent else ():
            cost.doubt()
        self.look, self.mode, self._coloured = look, mode, False
        self.outdate()

    def stand(self, surfaces: SolidView | None) -> None:
        """Draw the surfaces of labels where they lie in the volume, or no longer."""
        if self._surfaces is not None:
            self._surfaces.wanted = False
            self._surfaces.made.disconnect(self.outdate)
        self._surfaces = surfaces
        if surfaces is not None:
            surfaces.wanted = True
            surfaces.made.connect(self.outdate)
            surfaces.make()
        self.outdate()

    def make(self) -> None:
        """Make the tones of the volume off the GUI thread, then draw it."""
        layer = self.layer
        if self._making or layer is self._layer or not opengl():
            return
        self.tones, self._sent, self._layer = None, False, layer
        if layer is None:
            self._say(EMPTY)
            self.ready.emit()
            return
        self._making = True
        self._say(MAKING)
        array, geometry = layer.array, layer.meta.geometry

        def then(tones: Tones) -> None:
            self._making = False
            if layer is self._layer:
                self._take(tones)
            self._restyled()  # it may be another volume by now

        self._background.background(lambda: tones_of(array, geometry), then=then, failed=self._fail, owner=self)

    def _fail(self, record: ProblemRecord) -> None:
        self._making = False
        self._say(record.what)

    def _take(self, tones: Tones) -> None:
        if self._painter is None:
            self._painter = VolumePainter()
            self.destroyed.connect(self._painter.close)
            app = QApplication.instance()
            if app is not None:  # a window that is only closed is not destroyed
                app.aboutToQuit.connect(self._painter.close)
        if not self._painter.able:
            self._say(NO_GL)
            return
        painter, shape = self._painter, tones.tones.shape
        if not painter.lend(shape):
            self._begin(tones)
            return
        self._making = True
        self._background.background(
            lambda: painter.warm(shape), then=lambda _: self._begin(tones), failed=self._fail, owner=self
        )

    def _begin(self, tones: Tones) -> None:
        """Send tones to a painter that is warm, unless another volume is wanted meanwhile."""
        self._making = False
        if self.layer is self._layer and self._painter is not None:
            self.tones = tones
            self._painter.begin(tones.tones)
            self._work.start()
            self.ready.emit()
        self._restyled()

    def _say(self, words: str) -> None:
        self.words = words
        self.outdate()

    def _restyled(self) -> None:
        if self.isVisible():
            self.make()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self.fine:  # what was begun before it was hidden
            self.outdate()
        QTimer.singleShot(0, self, self.make)

    # Drawing

    def outdate(self) -> None:
        self._coarse = self._fine = self._tiles = self._standing = None
        if self._sent:
            self._work.stop()
            self._rest.start()
        self.update()

    def matrices(self) -> tuple[QMatrix4x4, QMatrix4x4]:
        """From patient millimetres to the picture, and from the texture's 0 … 1 to patient millimetres."""
        placed = self._placed()
        middle = placed.map(_HALF)
        x, y, z = (placed.mapVector(axis) for axis in _AXES)
        reach = max((x * i + y * j + z).length() for i in (-1, 1) for j in (-1, 1)) / 2
        ball = np.asarray([middle.x(), middle.y(), middle.z()])
        aspect = self.width() / max(1, self.height())
        return self.camera.matrices(ball, reach, aspect, margin=MARGIN)[0], placed

    def _placed(self) -> QMatrix4x4:
        geometry: Geometry = self._layer.meta.geometry if self._layer else self.scene.geometry
        matrix: NDArray[np.float64] = self.tones.placed(geometry) if self.tones else np.eye(4)
        return QMatrix4x4(*matrix.ravel().tolist())

    def _drawable(self) -> bool:
        able = self._painter is not None and self._painter.able
        return self._sent and able and self.tones is not None and self.look is not None

    def _draw(self, size: QSize, pace: float, part: QRect | None = None) -> QImage:
        """A picture, or a part of it, and what it took."""
        began = time.perf_counter()
        painter, tones, look = self._painter, self.tones, self.look
        if painter is None or tones is None or look is None:
            return QImage()
        table = table_of([(tones.tone(value), colour, opacity) for value, colour, opacity in look.points])
        if not self._coloured:
            painter.colour(table)
            self._coloured = True
        seen, placed = self.matrices()
        texel = min(placed.mapVector(axis).length() / n for axis, n in zip(_AXES, tones.tones.shape[::-1], strict=True))
        level = min(max(tones.tone(look.level), 0.002), 1.0)
        least = int(level * TONES) if self.mode == "surface" else 1
        if self.mode == "composite":
            least = int(np.argmax(table[:, 3] > 0)) if table[:, 3].any() else COLOURS - 1
        image = painter.draw(
            size, seen, placed, pace=pace * texel, mode=self.mode, level=level,
            span=(max(0.0, tones.tone(look.points[0][0])), min(1.0, tones.tone(look.points[-1][0]))),
            box=tones.box(least), part=part,
        )  # fmt: skip
        spent, drawn = time.perf_counter() - began, part.size() if part is not None else size
        self._costs[pace].took(drawn.width() * drawn.height(), spent)
        self.longest_s = max(self.longest_s, spent)
        return image

    def _stand_on(self, until: float) -> None:
        """Go on with the surfaces until they stand in the volume, or as long as one may take."""
        began = time.perf_counter()
        while self._standing is not None and time.perf_counter() < until:
            pictures = next(self._standing, ())
            if pictures is not None and self._painter is not None:
                self._painter.stand(pictures or None)
                self._standing = None
        self._standing_s += time.perf_counter() - began

    def _stand_whole(self, size: QSize) -> None:
        """The surfaces in a moving picture, where that is quick enough; they come at rest otherwise."""
        quick = self._surfaces is not None and self._standing_s < tiling.BUDGET_S
        if quick and self._surfaces is not None:
            self._standing, self._standing_s = self._surfaces.standing(tiling.odd(size), self.matrices()[0]), 0.0
            self._stand_on(float("inf"))
        elif self._painter is not None:
            self._painter.stand(None)

    def _warm(self) -> None:
        """Let the driver compile before anything is timed."""
        costs, self._costs = self._costs, {COARSE: tiling.Cost(), FINE: tiling.Cost()}
        if self._painter is not None:
            self._painter.stand(None)
        self._draw(QSize(2, 2), COARSE)
        self._costs, self.longest_s = costs, 0.0

    def _size(self) -> QSize:
        ratio = self.devicePixelRatioF()
        return QSize(max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio)))

    def _settle(self) -> None:
        """Begin the fine picture over the coarse one."""
        if not self._drawable() or not self.isVisible():
            return
        size = self._size()
        self._fine = QImage(size, QImage.Format.Format_RGB32)
        painter = QPainter(self._fine)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self._coarse is None:
            painter.fillRect(self._fine.rect(), Qt.GlobalColor.black)
        else:
            painter.drawImage(self._fine.rect(), self._coarse)
        painter.end()
        self._tiles = tiling.Tiles(size, self._costs[FINE])
        if self._surfaces is not None:
            self._standing, self._standing_s = self._surfaces.standing(tiling.odd(size), self.matrices()[0]), 0.0
        self._work.start()

    def _go_on(self) -> None:
        """Send what is left of the volume, or draw parts for as long as one may take."""
        until = time.perf_counter() + tiling.BUDGET_S
        if not self._sent and self._painter is not None:
            self._sent = self._painter.send()
            if self._sent and self.tones is not None:
                self.tones = self.tones.emptied()
                self._say("")
                self._warm()
            return
        if not self._tiles or self._fine is None or not self.isVisible():
            self._work.stop()
            return
        if self._standing is not None:
            self._stand_on(until)
            return
        painter, size = QPainter(self._fine), self._fine.size()
        while self._tiles and time.perf_counter() < until:
            part = self._tiles.next()
            painter.drawImage(part.topLeft(), self._draw(size, FINE, part))
        painter.end()
        if not self._tiles:
            self._tiles = None
            self._work.stop()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        shown = self._drawable() and not self.words
        if shown:
            if self._fine is None and self._coarse is None:
                size = tiling.small(self._size(), self._costs[COARSE].affordable())
                self._stand_whole(size)
                self._coarse = self._draw(size, COARSE)
                self._rest.start()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            picture = self._fine or self._coarse
            if picture is not None:
                painter.drawImage(self.rect(), picture)
        else:
            self.say(painter, self.words or MAKING)
        self.frame(painter, letters=shown)
        painter.end()
