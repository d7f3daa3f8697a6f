"""Small pictures along the timeline: read by a decoder that lets all others go first, coarse to fine, kept."""

from __future__ import annotations

import bisect
from collections import OrderedDict
from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QObject, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QResizeEvent

from workbench.core.problem import Problem
from workbench.core.video import FrameIndex
from workbench.gui.films.ownthread import OwnThread, lost
from workbench.gui.films.scene import FilmScene
from workbench.gui.films.sources import FrameSource, OpenSource, picture_of
from workbench.gui.films.strips import FilmStrip
from workbench.gui.theme import DARK, theme, tokens

HIGH_PX = 52
KEPT = 600
"""Small pictures of 60 kB or so each."""
ENDED = "The small pictures of the timeline stopped."


class ThumbReader(OwnThread, QObject):
    """Reads the small pictures wished last; `arrived` carries (frame, QImage).

    A decoder that ends is followed by a second one, and no third: `faltered` says so, (text, ProblemRecord or None).
    """

    arrived = Signal(int, object)
    """A null picture stands for a frame that cannot be decoded."""
    faltered = Signal(str, object)

    def __init__(self, open_source: OpenSource, box: tuple[int, int], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open, self._box = open_source, box
        self._wishes: list[tuple[int, int]] = []
        self.ended = False
        """No decoder is left: what is wished does not come any more."""
        self._ready("reader of thumbnails").start()

    def want(self, wishes: Sequence[tuple[int, int]]) -> None:
        """Read these frames (number, time in ticks) in this order; earlier wishes are forgotten."""
        with self._turn:
            self._wishes = list(wishes)
            self._turn.notify_all()

    def _run(self) -> None:
        try:
            self._read()
        except (Problem, OSError) as first:
            self._tell(self.faltered, f"{ENDED} {lost(first).what} Another one goes on with them.", None)
            try:
                self._read()
            except (Problem, OSError) as second:
                self.ended = True
                self._tell(
                    self.faltered, "", msgspec.structs.replace(lost(second), what=f"{ENDED} {lost(second).what}")
                )

    def _read(self) -> None:
        """Read what is wished until nobody wants it any more; a wish that fails stays the next one."""
        source: FrameSource | None = None
        try:
            while (wish := self._next()) is not None:
                source = source or self._open(True)
                source.ask(wish[1], width=self._box[0], height=self._box[1])
                found = source.take()
                self._done(wish)
                image = picture_of(found).image.copy() if found is not None else QImage()
                self._tell(self.arrived, wish[0], image)
        finally:
            if source is not None:
                source.close()

    def _done(self, wish: tuple[int, int]) -> None:
        with self._turn:
            if wish in self._wishes:
                self._wishes.remove(wish)

    def _next(self) -> tuple[int, int] | None:
        with self._turn:
            while not self._closed and not self._wishes:
                self._turn.wait()
            return None if self._closed else self._wishes[0]


class Thumbnails(FilmStrip):
    """Frames beside one another, each where its time begins."""

    dark = True
    faltered = Signal(str, object)
    """As ThumbReader's."""

    def __init__(self, scene: FilmScene) -> None:
        super().__init__(scene, "Timeline")
        self.setFixedHeight(theme().pixels(HIGH_PX))
        self.reader: ThumbReader | None = None
        self._kept: OrderedDict[int, QImage] = OrderedDict()
        self._aspect = 16 / 9
        scene.ranged.connect(self.ask)
        scene.shown.connect(self.ask)

    def open(self, open_source: OpenSource | None, size: QSize) -> None:
        """Another film, or none."""
        self.close_film()
        if open_source is None or size.isEmpty():
            return
        self._aspect = min(max(size.width() / size.height(), 0.4), 4.0)
        ratio = self.devicePixelRatioF()
        box = (max(round(self._wide() * ratio), 1), max(round(self.height() * ratio), 1))
        self.reader = ThumbReader(open_source, box, self)
        self.reader.arrived.connect(self._arrived)
        self.reader.faltered.connect(self.faltered)
        self.ask()

    def close_film(self) -> None:
        """Read no more of a film."""
        self._kept.clear()
        if self.reader is not None:
            self.reader.close()
            self.reader.deleteLater()
            self.reader = None
        self.redraw()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.ask()

    def ask(self) -> None:
        """Want the pictures in view that are not there yet, those far apart first."""
        index = self.scene.index
        if self.reader is None or index is None or not len(index):
            return
        frames = [frame for _, frame in self.slots()]
        missing = [one for one in coarse_first(list(dict.fromkeys(frames))) if one not in self._kept]
        self.reader.want([(one, index.times[one]) for one in missing])

    @property
    def waiting(self) -> bool:
        """Whether pictures in view are still to come."""
        reader = self.reader
        return reader is not None and not reader.ended and any(frame not in self._kept for _, frame in self.slots())

    def slots(self) -> list[tuple[float, int]]:
        """Where pictures stand (left pixel), and of which frame: a key frame where there are several in a slot."""
        index, scene = self.scene.index, self.scene
        if index is None or not len(index):
            return []
        each_s = self._wide() / max(self.room.width(), 1) * scene.span_s
        first = int(scene.start_s / each_s)
        found = []
        for at in range(first, int((scene.start_s + scene.span_s) / each_s) + 1):
            begin_s = at * each_s
            if begin_s <= scene.duration_s:
                found.append((self.x_of(begin_s), shown_in(index, begin_s, each_s)))
        return found

    def paint_ground(self, painter: QPainter) -> None:
        room, now = self.room, tokens()
        self.paint_name(painter, "frames")
        painter.setClipRect(room)
        painter.fillRect(QRectF(room), QColor(DARK.raised))
        wide = self._wide()
        for left, frame in self.slots():
            image = self._kept.get(frame)
            place = QRectF(left, 0, wide - 1, self.height())
            if image is None or image.isNull():
                painter.setPen(QColor(DARK.line))
                painter.drawRect(place)
            else:
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
                painter.drawImage(_within(place, image), image)
        end = self.x_of(self.scene.duration_s)
        if end < room.right():
            painter.fillRect(QRectF(end, 0, room.right() - end + 1, self.height()), QColor(now.surface))
        painter.setClipping(False)

    def _wide(self) -> float:
        return max(self.height() * self._aspect, 16.0)

    def _arrived(self, frame: int, image: QImage) -> None:
        if self.sender() is not self.reader:
            return
        self._kept[frame] = image
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self.redraw()


def shown_in(index: FrameIndex, begin_s: float, span_s: float) -> int:
    """The frame that stands for a stretch: the first key frame in it, since that is soonest decoded, or its first."""
    first, last = index.frame_at(begin_s), index.frame_at(begin_s + span_s * 0.999)
    at = bisect.bisect_left(index.keys, first)
    return index.keys[at] if at < len(index.keys) and index.keys[at] <= last else first


def coarse_first(frames: list[int]) -> list[int]:
    """The same frames, every 8th first, then every 4th, 2nd, and the rest."""
    found: dict[int, None] = {}
    for apart in (8, 4, 2, 1):
        found |= dict.fromkeys(frames[::apart])
    return list(found)


def _within(place: QRectF, image: QImage) -> QRectF:
    size = QSize(image.size()).scaled(place.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
    corner = place.topLeft() + QPointF((place.width() - size.width()) / 2, (place.height() - size.height()) / 2)
    return QRectF(corner.x(), corner.y(), size.width(), size.height())
