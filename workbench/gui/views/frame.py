"""A radiance field as it is learned, seen from where a person stands: dragging turns, the run or the worker renders.

While the run goes on it is asked through its folder and answers within its share of the time; after its end the worker
renders the kept field.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from workbench.core import events as ev
from workbench.core.fields import VIEW, FieldFrame, FieldLook, FieldWish, Shown
from workbench.core.problem import ProblemRecord
from workbench.core.scenes import Placement, Viewpoint
from workbench.gui.asking import Asking
from workbench.gui.link import Link
from workbench.gui.views import reading
from workbench.gui.views.base import Rows
from workbench.gui.views.image import ImageView
from workbench.store.asked import ask, is_over, withdraw

ASKED_EVERY_MS = 40
RENEWED_EVERY_MS = 20_000
LARGEST_PX = 512
"""Longer side that is asked for: the run renders on a share of a processor."""
DEG_PER_PX = 0.4
ARROW_DEG = 10.0
STEEPEST = 0.995
NEAREST = 0.02
_SHOWN: tuple[tuple[Shown, str], ...] = (("colour", "Colours"), ("depth", "Depth"), ("normal", "Normals"))


@dataclasses.dataclass(frozen=True)
class Shot:
    """A picture and what was looked at."""

    image: QImage
    frame: FieldFrame
    run: Path


class FrameView(ImageView):
    """The field from a viewpoint; drag turns around what is looked at, with Shift it moves, the wheel goes nearer."""

    name = "View of the field"
    run: Path | None = None

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look: FieldLook | None = None
        """What is looked at; None until the run has shown something."""
        self.home: FieldLook | None = None
        self._wanted: FieldLook | None = None
        self._from: QPointF | None = None
        self._behind = (0.0, 0.0, 0.0)
        self._asking: Asking | None = None
        self.canvas.setAccessibleName("View of the radiance field")
        self.canvas.setToolTip("Drag to turn, Shift and drag to move, wheel to go nearer, double click for the start")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._soon = QTimer(self, singleShot=True, interval=ASKED_EVERY_MS)
        self._soon.timeout.connect(self._request)
        self._renew = QTimer(self, interval=RENEWED_EVERY_MS)
        self._renew.timeout.connect(self._keep_asking)
        for shown, words in _SHOWN:
            self.add_action(f"Show {words.lower()}", functools.partial(self.show_as, shown))
        self.add_action("Back to the first view", self.go_home)

    # What is shown

    def read(self, folder: Path, artifact: ev.Artifact) -> Shot:  # type: ignore[override]
        path = reading.inside(folder, artifact.path)
        try:
            frame = msgspec.convert(artifact.meta, FieldFrame)
        except msgspec.ValidationError as error:
            raise reading.damaged(path, "a FieldFrame in the artifact's meta", str(error)) from None
        return Shot(super().read(folder, artifact), frame, folder)

    def draw(self, content: Shot) -> None:  # type: ignore[override]
        if content.run != self.run:
            self._leave()
            self.run, self.look, self.home = content.run, None, None
        if self.look is None:
            self.look = self.home = content.frame.look
            self._soon.start()
        self._behind = content.frame.behind
        self._paint(content.image, content.frame)

    def _paint(self, image: QImage, frame: FieldFrame) -> None:
        if frame.look.shown == "colour":
            image = in_front_of(image, frame.behind)
        self.canvas.show_image(image)
        coarse = f", pixels of {frame.coarseness}" if frame.coarseness > 1 else ""
        self.set_caption(f"{image.width()} × {image.height()} pixels{coarse}")

    def rows(self) -> tuple[Sequence[str], Rows]:
        pose = self.look.view.pose if self.look is not None else ()
        return ("row", "x", "y", "z", "place"), [[at // 4, *pose[at : at + 4]] for at in range(0, len(pose), 4)]

    def clear(self, hint: str) -> None:
        if self.run is not None:
            self._leave()
            self.run = self.look = self.home = None
        super().clear(hint)

    # Looking around

    def show_as(self, shown: Shown) -> None:
        """Colours, distances or normals."""
        if self.look is not None:
            self._change(msgspec.structs.replace(self.look, shown=shown))

    def go_home(self) -> None:
        """The view that the run began with."""
        if self.home is not None:
            self._change(self.home)

    def turn(self, right_deg: float, up_deg: float) -> None:
        """Go around what is looked at."""
        if self.look is not None:
            self._view(turned(self.look.view, right_deg, up_deg))

    def shift(self, right: float, up: float) -> None:
        """Move by shares of the picture's height."""
        if self.look is not None:
            self._view(moved(self.look.view, right, up))

    def approach(self, factor: float) -> None:
        """Come nearer to what is looked at (below 1) or go away from it."""
        if self.look is not None:
            self._view(nearer(self.look.view, factor))

    def _view(self, view: Viewpoint) -> None:
        if self.look is not None:
            self._change(msgspec.structs.replace(self.look, view=view))

    def _change(self, look: FieldLook) -> None:
        self.look = look
        if not self._soon.isActive():
            self._soon.start()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._from = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._from = None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._from is None:
            return
        step = event.position() - self._from
        self._from = event.position()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.shift(-step.x() / max(self.height(), 1), step.y() / max(self.height(), 1))
        else:
            self.turn(-step.x() * DEG_PER_PX, step.y() * DEG_PER_PX)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.go_home()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.approach(0.9 ** (event.angleDelta().y() / 120))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Left:
                self.turn(-ARROW_DEG, 0)
            case Qt.Key.Key_Right:
                self.turn(ARROW_DEG, 0)
            case Qt.Key.Key_Up:
                self.turn(0, ARROW_DEG)
            case Qt.Key.Key_Down:
                self.turn(0, -ARROW_DEG)
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.approach(0.8)
            case Qt.Key.Key_Minus:
                self.approach(1.25)
            case _:
                super().keyPressEvent(event)

    # Asking

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._wanted = None
        self._soon.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._leave()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._soon.start()

    def _sized(self, look: FieldLook) -> FieldLook:
        """For the place it has: as large as this, within bounds."""
        width, height = max(self.canvas.width(), 8), max(self.canvas.height(), 8)
        scale = min(1.0, LARGEST_PX / max(width, height))
        return msgspec.structs.replace(look, width=round(width * scale), height=round(height * scale))

    def _request(self) -> None:
        if self.run is None or self.look is None or not self.isVisible():
            return
        look = self._sized(self.look)
        if look == self._wanted:
            return
        first, self._wanted = self._wanted is None, look
        if not is_over(self.run):
            with contextlib.suppress(OSError):  # a folder that cannot be written is one that nobody renders for
                ask(self.run, VIEW, look)
            self._renew.start()
        elif not (first and self.look == self.home):  # its picture is there already
            self._ask_worker(look)

    def _keep_asking(self) -> None:
        if self.run is not None and self._wanted is not None and not is_over(self.run):
            with contextlib.suppress(OSError):
                ask(self.run, VIEW, self._wanted)
        else:
            self._renew.stop()

    def _ask_worker(self, look: FieldLook) -> None:
        link = _link_of(self)
        if link is None:
            self.set_caption("the run has ended; only a window can have its field rendered")
            return
        if self._asking is None:
            self._asking = Asking(link, self, failed=self._failed)
            self._asking.grown.connect(self._grown)
        wish = msgspec.to_builtins(FieldWish(str(self.run), look))
        self._asking.ask("rendering the view", "field-render", FieldFrame, self._rendered, **wish)

    def _grown(self, raw: Any) -> None:
        self._rendered(msgspec.json.decode(raw, type=FieldFrame))

    def _rendered(self, frame: FieldFrame) -> None:
        frame = msgspec.structs.replace(frame, behind=self._behind)
        with contextlib.suppress(OSError, ValueError):  # written over by a newer one meanwhile
            self._paint(image_of(np.load(frame.rgba, allow_pickle=False)), frame)

    def _failed(self, record: ProblemRecord) -> None:
        self.set_caption(f"not rendered: {record.what}")

    def _leave(self) -> None:
        """Ask for nothing more."""
        self._renew.stop()
        self._soon.stop()
        if self.run is not None and self._wanted is not None:
            withdraw(self.run, VIEW)
        if self._asking is not None:
            self._asking.cancel()
        self._wanted = None


def _link_of(widget: QWidget) -> Link | None:
    around: QWidget | None = widget
    while around is not None:
        found = getattr(around, "link", None)
        if isinstance(found, Link):
            return found
        around = around.parentWidget()
    return None


def image_of(rgba: NDArray[np.uint8]) -> QImage:
    """(h, w, 4) as a picture of its own."""
    height, width = rgba.shape[:2]
    return QImage(rgba.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


def in_front_of(image: QImage, behind: tuple[float, float, float]) -> QImage:
    """A picture with opacity in front of a colour."""
    found = QImage(image.size(), QImage.Format.Format_RGB32)
    found.fill(QColor.fromRgbF(*behind))
    painter = QPainter(found)
    painter.drawImage(0, 0, image)
    painter.end()
    return found


# Viewpoints -----------------------------------------------------------------------------------


def turned(view: Viewpoint, right_deg: float, up_deg: float) -> Viewpoint:
    """The view from elsewhere on the sphere around its point, z up; not steeper than nearly straight."""
    pose, about = _pose(view), np.asarray(view.about)
    around = _rotation(np.array([0.0, 0.0, 1.0]), math.radians(right_deg))
    pose = _about(pose, about, around)
    rise = _rotation(pose[:3, 0], -math.radians(up_deg))
    steeper = _about(pose, about, rise)
    if abs(steeper[2, 2]) < STEEPEST and steeper[2, 1] > 0:
        pose = steeper
    return msgspec.structs.replace(view, pose=_placement(pose))


def moved(view: Viewpoint, right: float, up: float) -> Viewpoint:
    """The view and its point, moved across by shares of what the picture's height spans at that point."""
    pose, about = _pose(view), np.asarray(view.about)
    reach = np.linalg.norm(pose[:3, 3] - about) * 2 * math.tan(math.radians(view.height_deg) / 2)
    step = reach * (right * pose[:3, 0] + up * pose[:3, 1])
    pose[:3, 3] += step
    x, y, z = (about + step).tolist()
    return msgspec.structs.replace(view, pose=_placement(pose), about=(x, y, z))


def nearer(view: Viewpoint, factor: float) -> Viewpoint:
    """The view from `factor` times as far from its point."""
    pose, about = _pose(view), np.asarray(view.about)
    away = pose[:3, 3] - about
    length = float(np.linalg.norm(away))
    pose[:3, 3] = about + away * max(factor, NEAREST / max(length, NEAREST))
    return msgspec.structs.replace(view, pose=_placement(pose))


def _pose(view: Viewpoint) -> NDArray[np.float64]:
    return np.array(view.pose, np.float64).reshape(4, 4)


def _placement(pose: NDArray[np.float64]) -> Placement:
    return tuple(pose.reshape(16).tolist())  # type: ignore[return-value]


def _about(pose: NDArray[np.float64], point: NDArray[Any], turn: NDArray[np.float64]) -> NDArray[np.float64]:
    found = pose.copy()
    found[:3, :3] = turn @ pose[:3, :3]
    found[:3, 3] = point + turn @ (pose[:3, 3] - point)
    return found


def _rotation(axis: NDArray[np.float64], angle_rad: float) -> NDArray[np.float64]:
    """Rodrigues' formula."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    found: NDArray[np.float64] = np.eye(3) + math.sin(angle_rad) * cross + (1 - math.cos(angle_rad)) * (cross @ cross)
    return found
