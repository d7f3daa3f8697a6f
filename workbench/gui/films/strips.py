"""What is drawn along the time of a film: the ground of every strip, which goes through its frames; and the ruler."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter

from workbench.gui.films.scene import FilmScene
from workbench.gui.theme import theme, tokens
from workbench.gui.timestrip import TimeStrip, paint_times

LEFT_PX, MOST_LEFT_PX, LEFT_SHARE = 72, 176, 0.25
"""Room for a strip's name and scale, at least and at most, and of the width; the same in every strip, so that all
times lie below each other."""
NEAR_PX = 5
"""So near to the in or out point it is that which is dragged."""


class FilmStrip(TimeStrip):
    """A strip along the scene's time. A drag goes through the frames, with Shift it chooses a stretch.

    A subclass takes the left button by overriding `press`, `drag` and `release` (True for 'taken').
    """

    scene: FilmScene
    scrubbed = Signal(int)
    """Somebody goes to this frame with the mouse; whoever plays shows it."""
    pointed = Signal(float)
    """The time under the pointer, in seconds."""
    left_px, right_px = LEFT_PX, 1

    def __init__(self, scene: FilmScene, name: str) -> None:
        super().__init__(scene, name)
        self._scrubbing = False
        self._anchor_s: float | None = None

    def left(self, width: int) -> int:
        """As much room as the names on the timeline want, within bounds."""
        px = theme().pixels
        return max(px(LEFT_PX), min(self.scene.names_px, px(MOST_LEFT_PX), int(LEFT_SHARE * width)))

    # For subclasses

    def press(self, event: QMouseEvent) -> bool:
        """The left button went down; True keeps the strip from going through the frames."""
        return False

    def drag(self, event: QMouseEvent) -> None:
        """The mouse moved while the left button is down and was taken."""

    def release(self, event: QMouseEvent) -> None:
        """The left button went up and was taken."""

    def paint_name(self, painter: QPainter, name: str) -> None:
        """Write what the strip is at its left."""
        painter.setPen(QColor(tokens().dim))
        left = QRectF(4, 0, self.room.left() - 10, self.height())
        words = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(left.width()))
        painter.drawText(left, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)

    # Hands

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        x = event.position().x()
        if event.button() == Qt.MouseButton.LeftButton and self.scene.frames and not self.press(event):
            self._anchor_s = self._far_end(x, shifted=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
            self._scrubbing = True
            self._scrub(x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._held is not None:
            super().mouseMoveEvent(event)
        elif self._scrubbing:
            self._scrub(x)
        elif event.buttons() & Qt.MouseButton.LeftButton:
            self.drag(event)
        if self.scene.frames:
            self.pointed.emit(self.time_at(x))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self._scrubbing:
            self.release(event)
        self._scrubbing, self._anchor_s = False, None
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def _far_end(self, x: float, *, shifted: bool) -> float | None:
        """The end of the stretch that stays while the other one is dragged; None where no stretch is chosen."""
        ends = self.scene.selection_s
        if ends is not None and not shifted:
            near = [abs(self.x_of(one) - x) <= theme().pixels(NEAR_PX) for one in ends]
            return ends[1] if near[0] else ends[0] if near[1] else None
        if not shifted:
            return None
        at = self.time_at(x)
        return self.scene.snapped_s(at) if ends is None else max(ends, key=lambda one: abs(one - at))

    def _scrub(self, x: float) -> None:
        at = self.time_at(x)
        if self._anchor_s is not None:
            self.scene.select(self._anchor_s, self.scene.snapped_s(at))
        index = self.scene.index
        if index is not None:
            frame = index.frame_at(at)
            if frame != self.scene.frame:
                self.scrubbed.emit(frame)


class Ruler(FilmStrip):
    """The times in view, and the numbers of the frames at the closest."""

    def __init__(self, scene: FilmScene) -> None:
        super().__init__(scene, "Time")
        self.setFixedHeight(theme().pixels(24))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def paint_ground(self, painter: QPainter) -> None:
        room, scene = self.room, self.scene
        if not scene.frames or scene.index is None:
            return
        paint_times(painter, self)
        first = scene.index.frame_at(scene.start_s)
        last = scene.index.frame_at(scene.start_s + scene.span_s)
        if room.width() / max(last - first + 1, 1) > theme().pixels(4):
            painter.setPen(QColor(tokens().line))
            edges = [self.x_of(scene.index.time_s(one)) for one in range(first, last + 1)]
            painter.drawLines([QLineF(x, self.height() * 0.82, x, self.height()) for x in edges if x >= room.left()])
