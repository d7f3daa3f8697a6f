"""Tiers below the sound: segments with their texts, boundaries to drag, texts to edit in place."""

from __future__ import annotations

import bisect
from collections.abc import Callable

from PySide6.QtCore import QEvent, QLineF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QScrollArea

from workbench.core.audio import Segment, Tier, TiersDoc
from workbench.core.speakers import speakers_of
from workbench.gui.sounds import correcting, tieredits
from workbench.gui.sounds.canvas import SoundStrip
from workbench.gui.sounds.scene import SoundScene
from workbench.gui.sounds.tieredits import Replaced, TierEdit, TiersEdit
from workbench.gui.theme import theme, tokens
from workbench.gui.undo import Document

ROW_PX, NEAR_PX, TIGHT_PX = 30, 5, 3
MOST_COLOURED = 2000
NUDGE_S = 0.005
"""What a key moves a boundary by."""


class TierStrip(SoundStrip):
    """A row per tier; a click marks a segment and selects its time, a double click edits its text."""

    edited = Signal()

    def __init__(self, scene: SoundScene, *, editable: bool = True) -> None:
        super().__init__(scene, "Tiers")
        self.doc = TiersDoc()
        self.document = Document(self)
        self.editable = editable
        self.tier, self.marked = 0, -1
        self._drag: tuple[int, int, bool, int] | None = None
        self._drags = 0
        self.differing: frozenset[tuple[str, float, str]] = frozenset()
        """Tier, start and text of words that another model heard otherwise."""
        self._editor = QLineEdit(self)
        self._editor.setAccessibleName("Text of the segment")
        self._editor.hide()
        self._editor.installEventFilter(self)
        self._editor.editingFinished.connect(self._take_text)
        self._fit()

    def show_tiers(self, doc: TiersDoc) -> None:
        """Other tiers; what was edited before can no longer be undone."""
        self._editor.hide()
        self.doc, self.tier, self.marked = doc, 0, -1
        self.document.clear()
        self._fit()
        self.redraw()

    def resizeEvent(self, event: QResizeEvent) -> None:
        view = self.parentWidget()
        area = view.parentWidget() if view is not None else None
        self.hidden_px = area.width() - self.width() if isinstance(area, QScrollArea) else 0
        super().resizeEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(480, self.height())

    def segment(self) -> Segment | None:
        """The marked one."""
        rows = self.doc.tiers[self.tier].segments if self.tier < len(self.doc.tiers) else []
        return rows[self.marked] if 0 <= self.marked < len(rows) else None

    # Editing

    def split(self) -> None:
        """Cut the segment at the cursor."""
        self._edit("Split segment", lambda: tieredits.split(self.doc, self.tier, self.scene.time_s))

    def join(self) -> None:
        """Join the marked segment with the next."""
        self._edit("Join segments", lambda: tieredits.join(self.doc, self.tier, self.marked))

    def delete(self) -> None:
        """Remove the marked segment."""
        self._edit("Delete segment", lambda: tieredits.delete(self.doc, self.tier, self.marked))

    def insert(self) -> None:
        """A segment over the selection, or after the cursor; a first tier where there is none."""
        if not self.editable or not self.scene.samples:
            return
        if not self.doc.tiers:
            self.add(Tier("segments"))
        first, last = self.scene.selection or (self.scene.cursor, self.scene.cursor + self.scene.rate_hz // 2)
        start, end = first / self.scene.rate_hz, min(last, self.scene.samples) / self.scene.rate_hz
        if self._edit("Insert segment", lambda: tieredits.insert(self.doc, self.tier, start, end)):
            self.begin_text()

    def add(self, tier: Tier) -> None:
        """A further tier below the others; none of those is lost."""
        if self.editable and self.scene.samples:
            named = Tier(tieredits.free_name(self.doc, tier.name), tier.kind, tier.segments)
            self.document.push(TierEdit(self.doc, len(self.doc.tiers), named, self.told, comes=True))

    def remove(self) -> None:
        """Remove the tier that was clicked last."""
        if self.editable and self.tier < len(self.doc.tiers):
            gone = self.doc.tiers[self.tier]
            self.document.push(TierEdit(self.doc, self.tier, gone, self.told, comes=False))

    def nudge(self, by_s: float) -> None:
        """Move the boundary of the marked segment that is nearest to the cursor."""
        one = self.segment()
        if one is None:
            return
        start = abs(one.start_s - self.scene.time_s) <= abs(one.end_s - self.scene.time_s)
        to_s = (one.start_s if start else one.end_s) + by_s
        if self._edit("Move boundary", lambda: self._moved(self.tier, self.marked, start, to_s)):
            moved = self.segment()
            if moved is not None:
                self.scene.place(round((moved.start_s if start else moved.end_s) * self.scene.rate_hz), follow=True)

    def begin_text(self) -> None:
        """Edit the marked segment's text in its place."""
        one = self.segment()
        if one is None or not self.editable:
            return
        box = self._box(self.tier, one).intersected(self.room)
        wide = max(box.width(), theme().pixels(140))
        left = min(box.left(), self.width() - wide)
        self._editor.setText(one.text)
        self._editor.setGeometry(int(left), int(box.top()), int(wide), int(box.height()))
        self._editor.show()
        self._editor.setFocus()
        self._editor.selectAll()

    def step(self, by: int) -> None:
        """Mark the next segment, or the one before."""
        if self.tier >= len(self.doc.tiers) or not self.doc.tiers[self.tier].segments:
            return
        last = len(self.doc.tiers[self.tier].segments) - 1
        here = self.marked
        if here < 0:
            here = tieredits.at_time(self.doc.tiers[self.tier], self.scene.time_s) - (by > 0)
        self._mark(self.tier, min(max(here + by, 0), last))

    def _moved(self, tier: int, index: int, start: bool, to_s: float) -> Replaced | None:
        return tieredits.move_boundary(self.doc, tier, index, start, to_s, end_s=self.scene.duration_s)

    def _edit(self, text: str, make: Callable[[], Replaced | None], *, drag: int = 0) -> bool:
        if not self.editable or self.tier >= len(self.doc.tiers):
            return False
        change = make()
        if change is None:
            return False
        self.document.push(TiersEdit(self.doc, change, self.told, text=text, drag=drag))
        return True

    def told(self, tier: int, marked: int) -> None:
        """The tiers were edited; this segment is marked now."""
        there = len(self.doc.tiers[tier].segments) if tier < len(self.doc.tiers) else 0
        self.tier, self.marked = tier, min(marked, there - 1)
        self._fit()
        self.redraw()
        self.edited.emit()

    def _take_text(self) -> None:
        if self._editor.isVisible():
            self._editor.hide()
            text = self._editor.text()
            correcting.push_text(self, text)
            self.setFocus()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if watched is self._editor and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # while a text is written, keys belong to it
            return True
        if watched is self._editor and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape:
                self._editor.hide()
                self.setFocus()
                return True
            if event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
                self._take_text()
                self.step(1 if event.key() == Qt.Key.Key_Tab else -1)
                self.begin_text()
                return True
        return False

    def _mark(self, tier: int, index: int) -> None:
        self.tier, self.marked = tier, index
        one = self.segment()
        if one is not None:
            rate = self.scene.rate_hz
            self.scene.select(round(one.start_s * rate), round(one.end_s * rate))
            self.scene.place(round(one.start_s * rate), follow=True)
        self.redraw()

    # Hands

    def mousePressEvent(self, event: QMouseEvent) -> None:
        found = self._under(event)
        if event.button() != Qt.MouseButton.LeftButton or found is None:
            super().mousePressEvent(event)
            return
        self._editor.hide()
        tier, at_s, within_s = found
        self.tier = tier
        edge = tieredits.boundary_near(self.doc.tiers[tier], at_s, within_s) if self.editable else None
        if edge is not None:
            self._drags += 1
            self._drag = (tier, *edge, self._drags)
            self.marked = edge[0]
            self.redraw()
            return
        index = tieredits.at_time(self.doc.tiers[tier], at_s)
        if index >= 0:
            self._mark(tier, index)
        else:
            self.marked = -1
            super().mousePressEvent(event)
        self.redraw()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag is None:
            found = self._under(event)
            near = found and self.editable and tieredits.boundary_near(self.doc.tiers[found[0]], found[1], found[2])
            self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)
            super().mouseMoveEvent(event)
            return
        tier, index, start, drag = self._drag
        at_s = self.time_at(event.position().x())
        if not event.modifiers() & Qt.KeyboardModifier.AltModifier:
            at_s = self._snapped(at_s, tier)
        self._edit("Move boundary", lambda: self._moved(tier, index, start, at_s), drag=drag)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._drag is None:
            super().mouseReleaseEvent(event)
        self._drag = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        found = self._under(event)
        if found is not None:
            self._drag = None
            self._mark(found[0], tieredits.at_time(self.doc.tiers[found[0]], found[1]))
            self.begin_text()

    def _snapped(self, at_s: float, tier: int) -> float:
        """A boundary of another tier or the cursor, where one is within a few pixels."""
        within_s = NEAR_PX / max(self.room.width(), 1) * self.scene.span_s
        edges = [self.scene.time_s]
        for index, one in enumerate(self.doc.tiers):
            near = tieredits.boundary_near(one, at_s, within_s) if index != tier else None
            if near is not None:
                edges.append(one.segments[near[0]].start_s if near[1] else one.segments[near[0]].end_s)
        best = min(edges, key=lambda edge: abs(edge - at_s))
        return best if abs(best - at_s) <= within_s else at_s

    def _under(self, event: QMouseEvent) -> tuple[int, float, float] | None:
        """The tier under the pointer, its time, and how many seconds count as near."""
        tier = int(event.position().y() // theme().pixels(ROW_PX))
        x = event.position().x() - self.room.left()
        if not 0 <= tier < len(self.doc.tiers) or x < -NEAR_PX:
            return None
        per_px = self.scene.span_s / max(self.room.width(), 1)
        return tier, self.scene.start_s + x * per_px, NEAR_PX * per_px

    # Drawing

    def _fit(self) -> None:
        self.setFixedHeight(max(1, theme().pixels(ROW_PX) * len(self.doc.tiers)))
        self.setVisible(bool(self.doc.tiers))

    def _box(self, tier: int, one: Segment) -> QRectF:
        row = theme().pixels(ROW_PX)
        left, right = self.x_of(one.start_s), self.x_of(one.end_s)
        return QRectF(left, tier * row + 1, max(right - left, 1), row - 2)

    def paint_ground(self, painter: QPainter) -> None:
        row, now = theme().pixels(ROW_PX), tokens()
        for at, tier in enumerate(self.doc.tiers):
            painter.setPen(QColor(now.text if at == self.tier else now.dim))
            name = painter.fontMetrics().elidedText(
                tier.name, Qt.TextElideMode.ElideRight, theme().pixels(self.left_px) - 8
            )
            painter.drawText(
                QRectF(2, at * row, theme().pixels(self.left_px), row), Qt.AlignmentFlag.AlignVCenter, name
            )
            painter.setPen(QColor(now.line))
            painter.drawLine(QLineF(0, at * row, self.width(), at * row))
            painter.setClipRect(QRectF(self.room.left(), at * row, self.room.width(), row))
            self._paint_tier(painter, at, tier)
            painter.setClipping(False)

    def _paint_tier(self, painter: QPainter, at: int, tier: Tier) -> None:
        now = tokens()
        first = max(0, bisect.bisect_left(tier.segments, self.scene.start_s, key=lambda one: one.end_s))
        speakers = speakers_of(self.doc) if len(tier.segments) < MOST_COLOURED or tier.kind == "speakers" else []
        drawn_to = -1e9
        for index in range(first, len(tier.segments)):
            one = tier.segments[index]
            if one.start_s > self.scene.start_s + self.scene.span_s:
                break
            box = self._box(at, one)
            if box.right() < drawn_to + 0.5:  # thousands of words in one pixel look like one
                continue
            drawn_to = box.right()
            colour = now.categories[speakers.index(one.speaker) % 8] if one.speaker in speakers else now.accent
            # What the model is less sure of is nearer to the warning colour.
            ground = now.blend(colour, 0.22) if one.confidence >= 1 else now.blend(
                colour, 0.22 * one.confidence, now.blend(now.warning, 0.5 * (1 - one.confidence))
            )  # fmt: skip
            painter.fillRect(box, QColor(ground))
            if box.width() > TIGHT_PX:
                painter.setPen(QPen(QColor(now.dim), 1))
                painter.drawLines([QLineF(x, box.top(), x, box.bottom()) for x in (box.left(), box.right())])
            correcting.paint_marks(painter, box, one, differs=(tier.name, one.start_s, one.text) in self.differing)
            if at == self.tier and index == self.marked:
                painter.setPen(QPen(QColor(now.accent), 2))
                painter.drawRect(box.adjusted(1, 1, -1, -1))
            self._paint_text(painter, box, one.text or (one.speaker if tier.kind == "speakers" else ""))

    def _paint_text(self, painter: QPainter, box: QRectF, text: str) -> None:
        seen = box.intersected(self.room).adjusted(4, 0, -4, 0)
        size = painter.fontMetrics()
        if not text or seen.width() < size.averageCharWidth():
            return
        words = size.elidedText(text, Qt.TextElideMode.ElideRight, int(seen.width()))
        painter.setPen(QColor(tokens().text))
        painter.drawText(seen, Qt.AlignmentFlag.AlignCenter, words)
