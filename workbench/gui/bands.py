"""Scaled pictures drawn in low bands: so they are drawn at once, on this thread."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter

ROWS = 90
"""From 96 rows on Qt shares a scaled picture out to threads and waits for them: a thousandth of a second of work then
waits for its turn many times over on a machine whose cores are busy."""


def bands(painter: QPainter, room: QRectF) -> Iterator[QRectF]:
    """Clip to one band of a rectangle after the other; draw the same pictures in each. Ends without a clip."""
    high = max(1.0, ROWS // painter.device().devicePixelRatioF())
    top = room.top()
    while top < room.bottom():
        band = QRectF(room.left(), top, room.width(), min(high, room.bottom() - top))
        painter.setClipRect(band)
        yield band
        top += high
    painter.setClipping(False)
