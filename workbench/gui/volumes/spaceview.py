"""A case in the scene's canvas: what lies where in the patient, where the planes cut, and clicks that move them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QHideEvent, QKeyEvent, QPainter, QPen, QPolygonF, QShowEvent
from PySide6.QtWidgets import QWidget

from workbench.core.scenes import ClipPlane, Viewpoint
from workbench.gui.actions import key_words, keymap
from workbench.gui.autosave import Background
from workbench.gui.scenes import gaze as gz
from workbench.gui.scenes.canvas import SceneCanvas
from workbench.gui.scenes.gaze import Gaze
from workbench.gui.scenes.overlay import Gizmo
from workbench.gui.scenes.pointer import Picked
from workbench.gui.scenes.scene import voxel_to_world
from workbench.gui.volumes import marks
from workbench.gui.volumes.bodies import Bodies
from workbench.report.planes import Name, letters_of

VIEW_DEG = 30.0
ALL_CUT = "All that is shown here lies before the cut. Move the crosshair, or see it whole again with {key}."
FRONT = "front"
"""With the head up: the patient's left is at the right, as in the coronal plane."""


class _Gizmo(Gizmo):
    letters = "LPH"
    words: Mapping[str, str] = {
        "right": "the patient's left", "left": "the patient's right", "back": "behind", "front": "the front",
        "top": "the head", "bottom": "the feet",
    }  # fmt: skip


class SpaceView(SceneCanvas):
    """The canvas of a case's Bodies; Home looks from the front again, a click on a surface puts the crosshair there."""

    grabbed = Signal()
    """This view has got the focus."""
    tip = "Drag to turn, middle button to shift, wheel to come nearer, Home to look from the front"

    def __init__(self, bodies: Bodies, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(bodies.space, parent, background=background)
        self.bodies, self.case = bodies, bodies.case
        self.unit, self.floor, self.first_view = "mm", False, FRONT
        self.gizmo = _Gizmo()
        self.setAccessibleName("The case in 3-D; arrow keys turn it")
        self.setToolTip(self.tip)
        self.scene.look_from(Viewpoint(self.scene.view.pose, height_deg=VIEW_DEG))
        bodies.filled.connect(self._fill)
        bodies.arranged.connect(self.update)
        bodies.troubled.connect(self.troubled)
        self._cut: tuple[Name, float] | None = None
        """The plane of a cut, and on which side of it things are left out."""
        self.case.moved.connect(self._moved)
        self.picked.connect(self._go)

    def front(self, *, at_once: bool = False) -> None:
        """Look from the front at all that is shown."""
        view = gz.fixed(self.scene.view, FRONT, self.scene.bounds(), self.aspect())
        self.navigator.go(view, at_once=at_once or not self.isVisible())

    def _fill(self, other: bool) -> None:
        """Something of another extent is shown: fill the picture with it."""
        if other:
            self.front(at_once=True)
        else:
            self.fit(at_once=True)

    def _go(self, found: Picked | None) -> None:
        if found is not None:
            x, y, z = self._to_voxel() @ [*found[2], 1.0]
            self.case.go((z, y, x))

    def _to_voxel(self) -> NDArray[np.float64]:
        """From the patient's millimetres to voxels, the first three rows, x, y, z."""
        return np.asarray(np.linalg.inv(voxel_to_world(self.case.geometry))[:3])

    def cuts(self) -> dict[Name, NDArray[np.float64]]:
        """The borders of the slices through the crosshair, (4, 3) each, in the patient's millimetres."""
        world, shape, found = voxel_to_world(self.case.geometry), self.case.shape, {}
        for name, plane in self.case.planes.items():
            corners = np.zeros((4, 3))
            for at, (down, right) in enumerate(((0, 0), (0, 1), (1, 1), (1, 0))):
                corners[at, 2 - plane.down] = down * shape[plane.down] - 0.5
                corners[at, 2 - plane.right] = right * shape[plane.right] - 0.5
                corners[at, 2 - plane.across] = self.case.cursor[plane.across]
            found[name] = corners @ world[:3, :3].T + world[:3, 3]
        return found

    def cut(self, plane: Name | None) -> None:
        """Leave out what lies before a plane's slice through the crosshair, as one looks now; None for nothing."""
        self._cut = None
        if plane is not None:
            toward = float(self._slice(plane)[0] @ self.gaze().pose[:3, 2])
            self._cut = plane, 1.0 if toward >= 0 else -1.0
        self._moved()

    def _slice(self, plane: Name) -> tuple[NDArray[np.float64], float]:
        """A plane's slice through the crosshair: normal · x = distance, in the patient's millimetres."""
        world = voxel_to_world(self.case.geometry)
        along = world[:3, 2 - self.case.planes[plane].across]
        normal = along / np.linalg.norm(along)
        return normal, float(normal @ self.case.position_mm(self.case.cursor))

    def _moved(self) -> None:
        """The crosshair has other voxels."""
        clips: tuple[ClipPlane, ...] = ()
        if self._cut is not None:
            normal, distance = self._slice(self._cut[0])
            clips = (ClipPlane(gz.triple(self._cut[1] * normal), self._cut[1] * distance),)
        if clips != self.scene.clips:
            self.scene.set_clips(clips)
        self.update()

    def mark(self, painter: QPainter, gaze: Gaze) -> None:
        if self.scene.bounds() is not None:
            self._paint_cuts(painter, gaze)
            marks.edge_letters(painter, self.width(), self.height(), letters(gaze))

    def _paint_cuts(self, painter: QPainter, gaze: Gaze) -> None:
        """Where the planes beside this view cut, in their colours."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for name, corners in self.cuts().items():
            at = gaze.project(corners)
            if all(math.isfinite(one) for one in at.ravel()) and (at[:, 2] > gaze.near).all():
                colour = QColor(marks.LINES[name])
                colour.setAlphaF(0.6)
                painter.setPen(QPen(colour, 1))
                painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y, _ in at]))

    def _told(self) -> str:
        self.hint = self.bodies.hint
        return super()._told() or (self._all_cut() if self.scene.clips else "")

    def _all_cut(self) -> str:
        """Says so where a cut leaves nothing of what is shown."""
        bounds = self.scene.bounds()
        if bounds is None:
            return ""
        corners = np.array(list(itertools.product(*zip(*bounds, strict=True))))
        gone = any((corners @ one.normal > one.distance).all() for one in self.scene.clips)
        return ALL_CUT.format(key=key_words(keymap().key("view.volume.render-cut"))) if gone else ""

    # Qt

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.grabbed.emit()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_home(event):
            event.accept()  # the planes around have it as a shortcut
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _is_home(event):
            self.front()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.bodies.awake = True
        self.bodies.wake()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.bodies.awake = False


def letters(gaze: Gaze) -> tuple[str, str, str, str]:
    """What of the patient lies to the left, the right, above and below, as letters."""
    pose = np.round(gaze.pose, 6)
    right, up = pose[:3, 0], pose[:3, 1]
    return letters_of(-right), letters_of(right), letters_of(up), letters_of(-up)


def _is_home(event: QKeyEvent) -> bool:
    return event.key() == Qt.Key.Key_Home and not event.modifiers()
