"""The spans of one track as they are drawn: ten thousand of them in the time of a frame."""

from __future__ import annotations

import bisect

from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from workbench.core.audio import Tier
from workbench.gui.films.scene import FilmScene
from workbench.gui.theme import Tokens, theme, tokens

TIGHT_PX = 3
WORDY_PX = 16
"""So narrow a span has no room for words."""


class Shades:
    """A label's colour over the ground: what the model is less sure of is paler."""

    def __init__(self, colour: QColor, now: Tokens) -> None:
        self.line = QPen(colour, 1)
        self._colour, self._now = colour.name(), now
        self._made: dict[int, QColor] = {}

    def of(self, confidence: float) -> QColor:
        """The shade of a score, of twenty."""
        step = round(20 * min(max(confidence, 0.0), 1.0))
        if step not in self._made:
            self._made[step] = QColor(self._now.blend(self._colour, 0.25 + 0.3 * step / 20))
        return self._made[step]


def paint_track(
    painter: QPainter, room: QRectF, scene: FilmScene, tier: Tier, *, row: tuple[float, float], colour: QColor,
    marked: int,
) -> None:  # fmt: skip
    """Draw the spans that are in view; `row` is the top and the height of theirs, `marked` the one that stands out."""
    # What is the same for all spans is asked for once.
    left, per_s, first_s = room.left(), int(room.width()) / scene.span_s, scene.start_s
    end_s, (top, high), tight = first_s + scene.span_s, row, theme().pixels(TIGHT_PX)
    wordy, shades, drawn_to = theme().pixels(WORDY_PX), Shades(colour, tokens()), -1e9
    for index in range(bisect.bisect_left(tier.segments, first_s, key=lambda one: one.end_s), len(tier.segments)):
        one = tier.segments[index]
        if one.start_s > end_s:
            break
        right = left + (one.end_s - first_s) * per_s
        if right < drawn_to + 0.75 and index != marked:  # thousands of spans in one pixel look like one
            continue
        drawn_to, begin = right, left + (one.start_s - first_s) * per_s
        # An event at a point has no length and is seen all the same.
        wide = max(right - begin, tight if one.start_s == one.end_s else 1.0)
        box = QRectF(begin, top, wide, high)
        painter.fillRect(box, shades.of(one.confidence))
        if wide > tight:
            painter.setPen(shades.line)
            painter.drawLines([QLineF(x, top, x, top + high) for x in (begin, begin + wide)])
        if index == marked:
            painter.setPen(QPen(QColor(tokens().text), 1.5))
            painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
        if wide > wordy:
            paint_words(painter, box.intersected(room).adjusted(4, 0, -4, 0), one.text or tier.name)


def paint_words(painter: QPainter, room: QRectF, text: str) -> None:
    """Words as far as there is room for them."""
    size = painter.fontMetrics()
    if room.width() < 2 * size.averageCharWidth():
        return
    painter.setPen(QColor(tokens().text))
    words = size.elidedText(text, Qt.TextElideMode.ElideRight, int(room.width()))
    painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)
