"""What is seen of a case as a picture file: its views as they stand, or one alone, finer than on the screen.

The windows' thread hands over what each view shows; another one enlarges, puts together and writes. Neither the
proposed name nor the picture says what a file or series is called, as that may tell who the patient is.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QWidget

from workbench.core.problem import KnownTrouble, ProblemRecord
from workbench.gui.autosave import Background
from workbench.gui.savedialog import ask_where, write_png
from workbench.gui.volumes.canvas import PlaneCanvas

if TYPE_CHECKING:
    from workbench.gui.volumes.spaceview import SpaceView

    View = PlaneCanvas | SpaceView

FACTOR = 2.0
"""Pixels of the picture to one of the screen."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A view in the picture."""

    place: QRect
    below: Callable[[], QImage]
    """Makes what lies lowest, on any thread."""
    over: QImage
    """Marks and words, of the same size."""


class Pictures(QObject):
    """Asks where, and writes."""

    def __init__(self, owner: QWidget, background: Background, say: Callable[[str, str], object]) -> None:
        """`say` shows words in a role."""
        super().__init__(owner)
        self._owner, self._background, self._say = owner, background, say
        self.place: Callable[[], Path] = lambda: Path.home() / "case"
        """Where a picture is proposed to be, its name's beginning included."""
        self.failed: Callable[[ProblemRecord], object] = lambda record: say(f"{record.what} {record.fix}", "error")

    def ask(self, views: Sequence[View], words: str) -> None:
        """Ask where, then write what these views show then; `words` end the proposed name."""
        place = self.place()
        ask_where(self._owner, "Save what is seen", place.with_name(f"{place.name}-{words}"),
                  {"PNG pictures (*.png)": ".png"}, then=functools.partial(self.write, views),
                  failed=self.failed)  # fmt: skip

    def write(self, views: Sequence[View], path: Path) -> None:
        """Write what these views show now."""
        parts = parts_of(views, FACTOR)
        self._say(f"writing {path.name} …", "dim")

        def work() -> QSize:
            picture = joined(parts)
            write_png(picture, path)
            return picture.size()

        def then(size: QSize) -> None:
            self._say(f"saved {path.name}: {size.width()} × {size.height()} pixels", "dim")

        def failed(record: ProblemRecord) -> None:
            self._say("", "dim")
            self.failed(record)

        self._background.background(work, then=then, failed=failed, owner=self)


def parts_of(views: Sequence[View], factor: float) -> list[Part]:
    """Views as they stand beside each other, enlarged; raises KnownTrouble where OpenGL fails."""
    places = [QRect(one.mapTo(one.window(), QPoint()), one.size()) for one in views]
    left, top = min(one.x() for one in places), min(one.y() for one in places)
    parts = []
    for view, place in zip(views, places, strict=True):
        size = QSize(round(place.width() * factor), round(place.height() * factor))
        corner = QPoint(round((place.x() - left) * factor), round((place.y() - top) * factor))
        over = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
        over.fill(Qt.GlobalColor.transparent)
        painter = QPainter(over)
        painter.setFont(view.font())
        painter.scale(factor, factor)
        below: Callable[[], QImage]
        if isinstance(view, PlaneCanvas):
            below = functools.partial(_slice, view.images() if view.filled else [], size, factor)
            if view.filled:
                view.mark(painter, nameless(view))
        else:
            below = view.picture_work(size)
            view.mark(painter, view.gaze())
            view.gizmo.paint(painter, view.gaze())
            view.say(painter)
        painter.end()
        parts.append(Part(QRect(corner, size), below, over))
    return parts


def nameless(view: PlaneCanvas) -> str:
    """What to call the volume that a plane shows without its name: what kind it is, and which of several."""
    layer, many = view.layer, len(view.scene.layers) > 1
    kind = layer.meta.modality if layer is not None else ""
    return f"{kind} {view.sequence + 1}".strip() if many else kind


def _slice(images: Sequence[tuple[QImage, QRectF, bool]], size: QSize, factor: float) -> QImage:
    picture = QImage(size, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.black)
    painter = QPainter(picture)
    painter.scale(factor, factor)
    for image, where, smooth in images:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(where, image)
    painter.end()
    return picture


def joined(parts: Sequence[Part]) -> QImage:
    """One picture of views, on black; on any thread. Raises KnownTrouble where a view draws nothing yet."""
    whole = QRect()
    for one in parts:
        whole = whole.united(one.place)
    picture = QImage(whole.size(), QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.black)
    painter = QPainter(picture)
    for one in parts:
        below = one.below()
        if below.isNull():
            painter.end()
            raise KnownTrouble("The view in 3-D is not drawn yet.", expected="a picture of it", received="none",
                               fix="Wait until it is seen, then save again.")  # fmt: skip
        painter.drawImage(one.place.topLeft(), below)
        painter.drawImage(one.place.topLeft(), one.over)
    painter.end()
    return picture
