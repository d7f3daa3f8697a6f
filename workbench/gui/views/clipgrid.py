"""A grid of small clips that move together, each with what is true and what was predicted below it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QWidget

from workbench.core.documents import Item
from workbench.gui.theme import Tokens, theme
from workbench.gui.views import palette
from workbench.gui.views.clipset import ClipSet, verdict
from workbench.gui.views.words import small, wrapped

SIDES_PX = (64, 96, 128, 192, 256)
"""Room for a clip, in steps."""
USUAL = SIDES_PX.index(128)
GAP_PX = 8
RIGHT, WRONG = "✓", "✗"
"""Signs beside the colours, for eyes that tell red from green badly."""


class ClipGrid(QAbstractScrollArea):
    """Only tiles in view are drawn; positions are those of the clip set.

    Signals: `opened` carries the clip that was clicked, `pointed` the one with the cursor.
    """

    opened = Signal(int)
    pointed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.clips: ClipSet | None = None
        self.shown: list[int] = []
        self.frame = 0
        self.share = 0.0
        self.current = 0
        """The place of the cursor among the shown ones."""
        self._step, self._sized = USUAL, False
        """Whether somebody chose the step."""
        self.set_theme(theme().now)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setAccessibleName("Clips; arrow keys move, Enter enlarges one")

    # What is shown

    def show_clips(self, clips: ClipSet, shown: list[int]) -> None:
        """Show these clips of a set; the cursor stays on its clip where that is still shown."""
        kept = self.clip
        self.clips, self.shown = clips, shown
        self.current = shown.index(kept) if kept in shown else 0
        self._measure()
        self._tell()
        self.viewport().update()

    def show_frame(self, frame: int, share: float) -> None:
        """Put a frame of all clips on screen, the maps `share` opaque."""
        self.frame, self.share = frame, share
        self.viewport().update()

    @property
    def clip(self) -> int:
        """The clip with the cursor; -1 where none is shown."""
        return self.shown[self.current] if self.current < len(self.shown) else -1

    def point(self, place: int) -> None:
        """Move the cursor to a place and into view."""
        if not self.shown:
            return
        self.current = min(max(place, 0), len(self.shown) - 1)
        tile, bar = self.place_of(self.current), self.verticalScrollBar()
        if tile.top() < 0:
            bar.setValue(bar.value() + tile.top() - self._gap())
        elif tile.bottom() > self.viewport().height():
            bar.setValue(bar.value() + tile.bottom() - self.viewport().height() + self._gap())
        self._tell()
        self.viewport().update()

    def resize_tiles(self, by: int) -> None:
        """Larger (1) or smaller (-1) clips; the cursor stays in view."""
        self._sized = True
        self._step = min(max(self._step + by, 0), len(SIDES_PX) - 1)
        self._measure()
        self.point(self.current)

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self.tokens: Tokens = now
        # Mixed once: a grid of a hundred clips asks for it a thousand times a second.
        self._inks = {True: palette.ink(now.ok, now), False: QColor(now.error), None: QColor(now.text)}
        self.viewport().update()

    # Where things are

    def _gap(self) -> int:
        return theme().pixels(GAP_PX)

    def _tile(self) -> QSize:
        side = theme().pixels(SIDES_PX[self._step])
        return QSize(side, side + 2 * QFontMetrics(small(self.font())).height() + 2)

    @property
    def columns(self) -> int:
        """How many clips stand side by side."""
        gap = self._gap()
        return max(1, (self.viewport().width() - gap) // (self._tile().width() + gap))

    def place_of(self, place: int) -> QRect:
        """Where a shown clip and its words are, in the viewport."""
        tile, gap = self._tile(), self._gap()
        row, column = divmod(place, self.columns)
        x = gap + column * (tile.width() + gap)
        return QRect(QPoint(x, gap + row * (tile.height() + gap) - self.verticalScrollBar().value()), tile)

    def place_at(self, spot: QPoint) -> int:
        """Which shown clip is under a spot; -1 for none."""
        return next((at for at in self.in_view() if self.place_of(at).contains(spot)), -1)

    def in_view(self) -> range:
        """The places that the viewport shows."""
        height = self._tile().height() + self._gap()
        top, columns = self.verticalScrollBar().value(), self.columns
        first = max(0, (top - self._gap()) // height)
        last = (top + self.viewport().height()) // height + 1
        return range(min(first * columns, len(self.shown)), min(last * columns, len(self.shown)))

    def _measure(self) -> None:
        rows = -(-len(self.shown) // self.columns)
        whole = rows * (self._tile().height() + self._gap()) + self._gap()
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, whole - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(theme().pixels(24))

    # Drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setFont(small(self.font()))
        if self.clips is None or not self.shown:
            painter.setPen(QColor(self.tokens.dim))
            words = "No clip is like that." if self.clips is not None else ""
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, words)
        else:
            for place in self.in_view():
                if self.place_of(place).intersects(event.rect()):
                    self._paint_tile(painter, self.clips, place)
        painter.end()

    def _paint_tile(self, painter: QPainter, clips: ClipSet, place: int) -> None:
        tile, clip = self.place_of(place), self.shown[place]
        side = tile.width()
        painter.fillRect(QRect(tile.topLeft(), QSize(side, side)), Qt.GlobalColor.black)
        size = clips.fits(QSize(side, side))
        corner = tile.topLeft() + QPoint((side - size.width()) // 2, (side - size.height()) // 2)
        clips.paint(painter, QRect(corner, size), clip, self.frame % clips.length, self.share)
        if place == self.current:
            width = 2 if self.hasFocus() else 1
            painter.setPen(QPen(QColor(self.tokens.accent if self.hasFocus() else self.tokens.dim), width))
            painter.drawRect(QRect(tile.topLeft(), QSize(side, side)).adjusted(-1, -1, 1, 1))
        self._paint_words(painter, clips.items[clip], QRect(tile.left(), tile.top() + side + 2, side, tile.height()))

    def _paint_words(self, painter: QPainter, item: Item, area: QRect) -> None:
        metrics = painter.fontMetrics()
        first, second = lines_of(item)
        judged = verdict(item)
        score = f"{item.score:.2f}" if item.predicted else ""
        kept = metrics.horizontalAdvance(score) + 4 if score else 0
        if area.width() - kept < metrics.horizontalAdvance("✗ mmm"):
            score, kept = "", 0
        base = area.top() + metrics.ascent()
        painter.setPen(self._inks[judged])
        painter.drawText(area.left(), base, metrics.elidedText(first, Qt.TextElideMode.ElideRight, area.width() - kept))
        painter.setPen(QColor(self.tokens.dim))
        painter.drawText(area.right() - metrics.horizontalAdvance(score) + 1, base, score)
        told = metrics.elidedText(second, Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area.left(), base + metrics.height(), told)

    # Hand and keys

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self._sized:
            self._suit()
        self._measure()

    def _suit(self) -> None:
        """As large as usual, or smaller until two clips stand side by side."""
        for self._step in range(USUAL, -1, -1):
            if self.columns > 1:
                break

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = self.place_at(event.position().toPoint())
        if at >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.point(at)
            self.opened.emit(self.clip)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.resize_tiles(1 if event.angleDelta().y() > 0 else -1)
            return
        super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        height = max(1, self.viewport().height() // (self._tile().height() + self._gap())) * self.columns
        key = Qt.Key
        step = {
            key.Key_Left: -1, key.Key_Right: 1, key.Key_Up: -self.columns, key.Key_Down: self.columns,
            key.Key_PageUp: -height, key.Key_PageDown: height, key.Key_Home: -len(self.shown),
            key.Key_End: len(self.shown),
        }.get(key(event.key()))  # fmt: skip
        if step is None:
            super().keyPressEvent(event)
            return
        self.point(self.current + step)

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self.clips is not None:
            at = self.place_at(event.pos())
            words = in_words(self.clips.items[self.shown[at]]) if at >= 0 else ""
            QToolTip.showText(event.globalPos(), wrapped(words) if words else "", self)
            return True
        return super().viewportEvent(event)

    def _tell(self) -> None:
        if self.clips is not None and self.clip >= 0:
            told = in_words(self.clips.items[self.clip]).replace("\n", ", ")
            self.setAccessibleDescription(f"Clip {self.current + 1} of {len(self.shown)}: {told}")
            self.pointed.emit(self.clip)


def lines_of(item: Item) -> tuple[str, str]:
    """The two lines below a clip: what was predicted with the sign of its verdict, and what is true."""
    judged = verdict(item)
    if judged is None:
        return item.predicted or item.label or item.text, ""
    return f"{RIGHT if judged else WRONG} {item.predicted}", f"true: {item.label}"


def in_words(item: Item) -> str:
    """All that is known of a clip, a line each."""
    judged = verdict(item)
    lines = [
        item.text,
        f"predicted: {item.predicted} ({item.score:.2f})" if item.predicted else "",
        f"true: {item.label}" if item.label else "",
        {True: "right", False: "wrong"}.get(judged, "") if judged is not None else "",
        item.group,
    ]
    return "\n".join(line for line in lines if line)
