"""How sure a model was of its words, along the upper edge of the spectrogram."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter

from workbench.core.audio import Segment, TiersDoc
from workbench.gui.theme import theme, tokens

if TYPE_CHECKING:
    from workbench.gui.sounds.canvas import SoundStrip

BAR_PX, EDGE_PX = 5, 1


def judged_words(doc: TiersDoc) -> list[Segment]:
    """The words of the first tier that tells how sure its model was; none where no tier does."""
    for tier in doc.tiers:
        if tier.kind == "words" and any(one.confidence < 1 for one in tier.segments):
            return tier.segments
    return []


def word_at(words: Sequence[Segment], at_s: float) -> Segment | None:
    """The word that is said at a time."""
    found = bisect.bisect_right(words, at_s, key=lambda one: one.start_s) - 1
    return words[found] if found >= 0 and at_s < words[found].end_s else None


def paint(painter: QPainter, strip: SoundStrip, words: Sequence[Segment]) -> None:
    """A bar over each word, from the colour of errors (0) over that of warnings to that of what is well (1)."""
    scene = strip.scene
    first = max(0, bisect.bisect_left(words, scene.start_s, key=lambda one: one.end_s))
    tall, edge, drawn_to = theme().pixels(BAR_PX), theme().pixels(EDGE_PX), -1e9
    painter.setClipRect(strip.room)
    for at in range(first, len(words)):
        one = words[at]
        if one.start_s > scene.start_s + scene.span_s:
            break
        left, right = strip.x_of(one.start_s), strip.x_of(one.end_s)
        if right < drawn_to + 0.5:  # thousands of words in one pixel look like one
            continue
        drawn_to = right
        painter.fillRect(QRectF(left, 0, max(right - left, 1), tall + 2 * edge), QColor("#000000"))  # on any colours
        painter.fillRect(QRectF(left + edge, edge, max(right - left - 2 * edge, 1), tall), QColor(_colour(one)))
    painter.setClipping(False)


def _colour(one: Segment) -> str:
    shades = tokens()
    sure = min(max(one.confidence, 0.0), 1.0)
    if sure < 0.5:
        return shades.blend(shades.warning, 2 * sure, shades.error)
    return shades.blend(shades.ok, 2 * sure - 1, shades.warning)
