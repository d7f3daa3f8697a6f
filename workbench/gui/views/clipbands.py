"""Labelled spans below a video of a run, to be looked through; a band for each tier."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter
from PySide6.QtWidgets import QToolTip

from workbench.core.audio import Segment, Tier
from workbench.gui.films.scene import FilmScene
from workbench.gui.films.strips import FilmStrip
from workbench.gui.theme import theme, tokens
from workbench.gui.views import palette
from workbench.gui.views.words import small, wrapped

ROW_PX = 22


class SpanBand(FilmStrip):
    """One tier; a text has the same colour wherever it stands."""

    def __init__(self, scene: FilmScene, tier: Tier, names: list[str]) -> None:
        super().__init__(scene, f"Spans: {tier.name}")
        self.tier, self.names = tier, names
        self.setFixedHeight(theme().pixels(ROW_PX))

    def sizeHint(self) -> QSize:
        return QSize(160, theme().pixels(ROW_PX))

    def span_at(self, time_s: float) -> Segment | None:
        """The span over a time, the one that begins last."""
        over = [one for one in self.tier.segments if one.start_s <= time_s < one.end_s]
        return max(over, key=lambda one: one.start_s, default=None)

    def paint_ground(self, painter: QPainter) -> None:
        now, room = tokens(), self.room
        painter.setFont(small(self.font()))
        metrics = QFontMetricsF(painter.font())
        base = (self.height() + metrics.ascent() - metrics.descent()) / 2
        self.paint_name(painter, self.tier.name)
        painter.setClipRect(room)
        for one in self.tier.segments:
            left, right = self.x_of(one.start_s), self.x_of(one.end_s)
            if right < room.left() or left > room.right():
                continue
            colour = palette.category(self.names.index(one.text), now)
            box = QRectF(left, 2, max(right - left - 1, 2), self.height() - 4)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawRoundedRect(box, 3, 3)
            seen = box.intersected(room).adjusted(4, 0, -4, 0)
            painter.setPen(palette.on(colour))
            words = metrics.elidedText(one.text, Qt.TextElideMode.ElideRight, seen.width())
            if len(words) > 1:
                painter.drawText(QPointF(seen.left(), base), words)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            one = self.span_at(self.time_at(event.pos().x())) if self.scene.frames else None
            words = f"{one.text}\n{one.start_s:.2f} to {one.end_s:.2f} s" if one is not None else ""
            QToolTip.showText(event.globalPos(), wrapped(words) if words else "", self)
            return True
        return super().event(event)
