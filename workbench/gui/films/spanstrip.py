"""Labelled spans below the timeline: a track for each label, spans to draw, drag, stretch and nudge."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QLineF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QToolTip

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.gui.films import spanedits
from workbench.gui.films.scene import FilmScene
from workbench.gui.films.spanedits import Label
from workbench.gui.films.spanpaint import TIGHT_PX, paint_track
from workbench.gui.films.strips import FilmStrip
from workbench.gui.sounds import tieredits
from workbench.gui.sounds.tieredits import Replaced, TierEdit, TiersEdit
from workbench.gui.theme import theme, tokens
from workbench.gui.undo import Document

ROW_PX, NEAR_PX = 24, 5
BEFORE_PX, AFTER_PX = 9, 6
"""What stands around a track's name: its colour before it, a gap after it."""


class SpanStrip(FilmStrip):
    """A drag on free ground draws a span, on an edge moves that, on a span moves the whole; Alt lets go of frames."""

    edited = Signal()
    marked_changed = Signal()
    """Another span is marked, or none."""
    looped = Signal()
    """The marked span is to be played again and again."""
    resized = Signal()
    """There are more or fewer tracks."""

    def __init__(self, scene: FilmScene) -> None:
        super().__init__(scene, "Labelled spans")
        self.doc = TiersDoc()
        self.document = Document(self)
        self.vocabulary: list[Label] = []
        self.track, self.marked = 0, -1
        self.open: dict[str, float] = {}
        """Labels that are being given while the video plays, and since when."""
        self._drag: Callable[[float], None] | None = None
        self._dragged = self._dragging = False
        self._drags = 0
        self._fit()

    def show_spans(self, doc: TiersDoc) -> None:
        """Other spans; what was edited before can no longer be undone."""
        self.doc, self.track, self.marked = doc, 0, -1
        self._drag = None
        self.open.clear()
        self.document.clear()
        self._fit()
        self.redraw()
        self.marked_changed.emit()

    def show_vocabulary(self, vocabulary: Sequence[Label]) -> None:
        """Labels in these colours."""
        self.vocabulary = list(vocabulary)
        self.redraw()

    def colour_of(self, label: str) -> str:
        """A label's colour, which it has everywhere."""
        categories = tokens().categories
        return next(
            (categories[one.hue % len(categories)] for one in self.vocabulary if one.name == label), tokens().dim
        )

    def span(self) -> Segment | None:
        """The marked one."""
        rows = self.doc.tiers[self.track].segments if self.track < len(self.doc.tiers) else []
        return rows[self.marked] if 0 <= self.marked < len(rows) else None

    # Editing

    def edit(self, text: str, make: Callable[[], Replaced | None], *, drag: int = 0) -> bool:
        """Do a change of the tracks; False where there is none to do."""
        if not self.scene.frames or not self.doc.tiers:
            return False
        change = make()
        if change is None:
            return False
        self.document.push(TiersEdit(self.doc, change, self.told, text=text, drag=drag))
        return True

    def put(self, label: str, start_s: float, end_s: float, *, long: bool = False) -> None:
        """Label a stretch; a `long` one may end after the scene, which shows another film by now."""
        low, high = sorted((max(start_s, 0.0), end_s if long else min(end_s, self.scene.duration_s)))
        step = spanedits.put(self.doc, label, low, high, self.told)
        if step is not None:
            self.document.push(step)

    def begin(self, label: str) -> None:
        """A span begins with the frame on screen; its track is there from now on."""
        if spanedits.track_of(self.doc, label) < 0:
            self.document.push(TierEdit(self.doc, len(self.doc.tiers), Tier(label), self.told, comes=True))
        self.open[label] = self.scene.time_s
        self.update()

    def relabel(self, label: str) -> None:
        """Give the marked span another label."""
        if self.span() is not None:
            step = spanedits.relabelled(self.doc, self.track, self.marked, label, self.told)
            if step is not None:
                self.document.push(step)

    def split(self) -> None:
        """Cut the marked span, or another one of its track, at the playhead."""
        self.edit("Split span", lambda: spanedits.split(self.doc, self.track, self.scene.time_s))

    def join(self) -> None:
        """Join the marked span with the next one of its track, and what lies between."""
        self.edit("Join spans", lambda: tieredits.join(self.doc, self.track, self.marked))

    def delete(self) -> None:
        """Remove the marked span."""
        self.edit("Delete span", lambda: tieredits.delete(self.doc, self.track, self.marked))

    def note(self, words: str) -> None:
        """Write a note to the marked span."""
        if self.span() is not None:
            self.edit("Note", lambda: spanedits.noted(self.doc, self.track, self.marked, words))

    def remove_track(self, label: str) -> None:
        """Remove a label's spans, all of them."""
        at = next((at for at, tier in enumerate(self.doc.tiers) if tier.name == label), -1)
        if at >= 0:
            self.document.push(TierEdit(self.doc, at, self.doc.tiers[at], self.told, comes=False))

    def nudge(self, frames: int) -> None:
        """Move the edge of the marked span that is nearer to the playhead by so many frames, and go there."""
        one = self.span()
        if one is None:
            return
        at_s = self.scene.time_s
        # The frame on screen lasts until its end: of a span's last frame it is the end that is meant.
        start = abs(one.start_s - at_s) <= abs(one.end_s - self.scene.end_s(self.scene.frame))
        to_s = self.stepped(one.start_s if start else one.end_s, frames)
        if self.edit(
            "Move edge",
            lambda: spanedits.edge(
                self.doc, self.track, self.marked, start, to_s, end_s=self.end_s, stepped=self.stepped
            ),
        ):
            now = self.span()
            if now is not None:
                self.go(now.start_s if start else now.end_s, last=not start)

    def shift(self, frames: int) -> None:
        """Move the marked span by so many frames."""
        one = self.span()
        if one is not None:
            to_s = self.stepped(one.start_s, frames)
            if self.edit(
                "Move span", lambda: spanedits.moved(self.doc, self.track, self.marked, to_s, end_s=self.end_s)
            ):
                self.go(self.doc.tiers[self.track].segments[self.marked].start_s)

    def step(self, by: int) -> None:
        """Mark the next span of the track, or the one before."""
        rows = self.doc.tiers[self.track].segments if self.track < len(self.doc.tiers) else []
        if not rows:
            return
        here = self.marked
        if here < 0:
            here = bisect.bisect_right(rows, self.scene.time_s, key=lambda one: one.start_s) - 1 + (by < 0)
        self.mark(self.track, min(max(here + by, 0), len(rows) - 1))

    def stepped(self, time_s: float, frames: int) -> float:
        """The edge so many frames before or after the one at a time."""
        index = self.scene.index
        if index is None or not len(index):
            return time_s
        at_end = time_s >= self.scene.duration_s - index.tick_s / 2
        at = (len(index) if at_end else index.frame_at(time_s + index.tick_s / 2)) + frames
        at = min(max(at, 0), len(index))
        return self.scene.duration_s if at == len(index) else index.time_s(at)

    @property
    def end_s(self) -> float:
        """Where spans end at the latest."""
        return self.scene.duration_s

    def go(self, time_s: float, *, last: bool = False) -> None:
        """Put on screen the frame that begins at a time, or with `last` the one that ends there."""
        index = self.scene.index
        if index is not None and self.scene.frames:
            frame = index.frame_at(time_s + index.tick_s / 2)
            self.scrubbed.emit(
                max(0, frame - 1) if last and time_s < self.scene.duration_s - index.tick_s / 2 else frame
            )

    def mark(self, track: int, index: int, *, go: bool = True) -> None:
        """Mark a span, choose its stretch, and go to its beginning."""
        self.track, self.marked = track, index
        one = self.span()
        if one is not None and go:
            self.scene.select(one.start_s, one.end_s) if one.end_s > one.start_s else self.scene.select(None)
            self.go(one.start_s)
        self.redraw()
        self.marked_changed.emit()

    def told(self, track: int, marked: int) -> None:
        """The tracks were edited; this span is marked now."""
        there = len(self.doc.tiers[track].segments) if track < len(self.doc.tiers) else 0
        self.track, self.marked = track, min(marked, there - 1)
        if not self._dragging:  # a key was pressed in the middle of a drag: what is dragged may be gone
            self._drag = None
        self._fit()
        self.redraw()
        self.edited.emit()
        self.marked_changed.emit()

    # Hands

    def press(self, event: QMouseEvent) -> bool:
        found = self.under(event.position().y())
        x = event.position().x()
        if found is None or event.modifiers() & Qt.KeyboardModifier.ShiftModifier or x < self.room.left() - NEAR_PX:
            return False
        self._drags += 1
        self._dragged = False
        tier, at_s, near_s = self.doc.tiers[found], self.time_at(x), self._near_s()
        at_edge = tieredits.boundary_near(tier, at_s, near_s)
        index = tieredits.at_time(tier, at_s)
        if at_edge is not None:
            self.mark(found, at_edge[0], go=False)
            self._drag = self._edge_drag(found, *at_edge)
        elif index >= 0:
            self.mark(found, index, go=False)
            self._drag = self._move_drag(found, index, at_s)
        else:
            self.mark(found, -1, go=False)
            self._drag = self._draw_drag(found, self.snapped(at_s, found, free=_alt(event)))
        return True

    def drag(self, event: QMouseEvent) -> None:
        if self._drag is not None:
            at_s = self.time_at(event.position().x())
            # A hand that trembles when it presses moves nothing.
            self._dragged = self._dragged or abs(self.x_of(at_s) - self._pressed_x()) > 2
            self._free = _alt(event)
            if self._dragged:
                self._dragging = True
                try:
                    self._drag(at_s)
                finally:
                    self._dragging = False

    def release(self, event: QMouseEvent) -> None:
        if self._drag is not None and not self._dragged:
            self.mark(self.track, self.marked)
            if self.marked < 0:
                self.go(self.time_at(event.position().x()))
        elif self._dragged:
            self.marked_changed.emit()
        self._drag = None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._press_x = event.position().x()
        super().mousePressEvent(event)

    _press_x = 0.0
    _free = False

    def _pressed_x(self) -> float:
        return self._press_x

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        found = self.under(event.position().y())
        if found is None or event.button() != Qt.MouseButton.LeftButton:
            return
        index = tieredits.at_time(self.doc.tiers[found], self.time_at(event.position().x()))
        if index >= 0:
            self._drag = None
            self.mark(found, index)
            self.looped.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not event.buttons():
            found = self.under(event.position().y())
            near = found is not None and event.position().x() >= self.room.left() - NEAR_PX and tieredits.boundary_near(
                self.doc.tiers[found], self.time_at(event.position().x()), self._near_s())  # fmt: skip
            self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)
        super().mouseMoveEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.words_at(event.pos().x(), event.pos().y()), self)
            return True
        return super().event(event)

    def words_at(self, x: float, y: float) -> str:
        """What is under a pixel: the label, times, note and score."""
        found = self.under(y)
        if found is None:
            return ""
        tier = self.doc.tiers[found]
        index = tieredits.at_time(tier, self.time_at(x)) if x >= self.room.left() else -1
        if index < 0:
            return tier.name
        one = tier.segments[index]
        lines = [tier.name, f"{one.start_s:.3f} to {one.end_s:.3f} s   ({one.end_s - one.start_s:.3f} s)"]
        return "\n".join([*lines, *([f"score {one.confidence:.3f}"] if one.confidence < 1 else []),
                          *([one.text] if one.text else [])])  # fmt: skip

    def under(self, y: float) -> int | None:
        """The track under a pixel."""
        found = int(y // theme().pixels(ROW_PX))
        return found if 0 <= found < len(self.doc.tiers) else None

    def _near_s(self) -> float:
        return theme().pixels(NEAR_PX) / max(self.room.width(), 1) * self.scene.span_s

    def snapped(self, at_s: float, track: int, *, free: bool = False) -> float:
        """The nearest of other tracks' edges, playhead, in and out point within a few pixels; else a frame's edge."""
        if free:
            return at_s
        within_s = self._near_s()
        edges = [self.scene.time_s, *(self.scene.selection_s or ())]
        for other, tier in enumerate(self.doc.tiers):
            near = tieredits.boundary_near(tier, at_s, within_s) if other != track else None
            if near is not None:
                edges.append(tier.segments[near[0]].start_s if near[1] else tier.segments[near[0]].end_s)
        best = min(edges, key=lambda one: abs(one - at_s))
        return best if abs(best - at_s) <= within_s else self.scene.snapped_s(at_s)

    def _edge_drag(self, track: int, index: int, start: bool) -> Callable[[float], None]:
        number = self._drags

        def follow(at_s: float) -> None:
            to_s = self.snapped(at_s, track, free=self._free)
            stepped = None if self._free else self.stepped
            self.edit(
                "Move edge",
                lambda: spanedits.edge(self.doc, track, index, start, to_s, end_s=self.end_s, stepped=stepped),
                drag=number,
            )

        return follow

    def _move_drag(self, track: int, index: int, grip_s: float) -> Callable[[float], None]:
        number, offset_s = self._drags, grip_s - self.doc.tiers[track].segments[index].start_s

        def follow(at_s: float) -> None:
            to_s = self.snapped(at_s - offset_s, track, free=self._free)
            self.edit("Move span", lambda: spanedits.moved(self.doc, track, index, to_s, end_s=self.end_s), drag=number)

        return follow

    def _draw_drag(self, track: int, anchor_s: float) -> Callable[[float], None]:
        number, made = self._drags, [-1]

        def follow(at_s: float) -> None:
            to_s = self.snapped(at_s, track, free=self._free)
            if made[0] < 0:
                change = spanedits.drawn(self.doc, track, anchor_s, to_s)
                if change is not None and self.edit("New span", lambda: change, drag=number):
                    made[0] = change.marked
                return
            # Drawn the other way, it lies on the other side of where the hand went down.
            first = made[0]
            old = self.doc.tiers[track].segments[first]
            row = self.doc.tiers[track].segments
            low = row[first - 1].end_s if first else 0.0
            high = row[first + 1].start_s if first + 1 < len(row) else self.end_s
            start, end = max(min(anchor_s, to_s), low), min(max(anchor_s, to_s), high)
            if end - start >= tieredits.LEAST_S and (start, end) != (old.start_s, old.end_s):
                change = Replaced(track, first, (Segment(old.start_s, old.end_s),), (Segment(start, end),), first)
                self.edit("New span", lambda: change, drag=number)

        return follow

    # Drawing

    def sizeHint(self) -> QSize:
        return QSize(480, self.height())

    def _fit(self) -> None:
        high = max(1, theme().pixels(ROW_PX) * len(self.doc.tiers))
        changed = high != self.height() or self.isHidden() == bool(self.doc.tiers)
        self.setFixedHeight(high)
        self.setVisible(bool(self.doc.tiers))
        wide = max((self.fontMetrics().horizontalAdvance(one.name) for one in self.doc.tiers), default=0)
        self.scene.set_names(wide + BEFORE_PX + AFTER_PX if wide else 0)
        if changed:
            self.resized.emit()

    def box(self, track: int, one: Segment) -> QRectF:
        """Where a span is drawn."""
        row = theme().pixels(ROW_PX)
        left, right = self.x_of(one.start_s), self.x_of(one.end_s)
        # An event at a point has no length and is seen all the same.
        least = theme().pixels(TIGHT_PX) if one.start_s == one.end_s else 1
        return QRectF(left, track * row + 2, max(right - left, least), row - 4)

    def paint_ground(self, painter: QPainter) -> None:
        row, now = theme().pixels(ROW_PX), tokens()
        for at, tier in enumerate(self.doc.tiers):
            colour = QColor(self.colour_of(tier.name))
            painter.fillRect(QRectF(2, at * row + 4, 3, row - 8), colour)
            painter.setPen(QColor(now.text if at == self.track else now.dim))
            left = QRectF(BEFORE_PX, at * row, self.room.left() - BEFORE_PX - AFTER_PX + 1, row)
            words = painter.fontMetrics().elidedText(tier.name, Qt.TextElideMode.ElideRight, int(left.width()))
            painter.drawText(left, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)
            painter.setPen(QColor(now.line))
            painter.drawLine(QLineF(0, at * row, self.width(), at * row))
            painter.setClipRect(QRectF(self.room.left(), at * row, self.room.width(), row))
            marked = self.marked if at == self.track else -1
            place = (at * row + 2, row - 4)
            paint_track(painter, self.room, self.scene, tier, row=place, colour=colour, marked=marked)
            painter.setClipping(False)

    def paint_over(self, painter: QPainter) -> None:
        row = theme().pixels(ROW_PX)
        for label, start_s in self.open.items():
            at = spanedits.track_of(self.doc, label)
            if at >= 0:
                low, high = sorted((start_s, self.scene.end_s(self.scene.frame)))
                left, right = self.x_of(low), self.x_of(high)
                painter.setClipRect(QRectF(self.room.left(), at * row, self.room.width(), row))
                painter.setPen(QPen(QColor(self.colour_of(label)), 1.5, Qt.PenStyle.DashLine))
                painter.drawRect(QRectF(left, at * row + 2, max(right - left, 1), row - 4))
                painter.setClipping(False)


def _alt(event: QMouseEvent) -> bool:
    return bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
