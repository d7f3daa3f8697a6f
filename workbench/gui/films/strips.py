"""What is drawn along the time of a film: the ground of every strip, with zoom, playhead and stretch; and the ruler."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from workbench.gui.films.scene import FilmScene
from workbench.gui.sounds.canvas import clock, ticks
from workbench.gui.theme import DARK, theme, tokens

LEFT_PX, MOST_LEFT_PX, LEFT_SHARE = 72, 176, 0.25
"""Room for a strip's name and scale, at least and at most, and of the width; the same in every strip, so that all
times lie below each other."""
NOTCH = 120
"""A step of a common wheel, in eighths of a degree."""
NEAR_PX = 5
"""So near to the in or out point it is that which is dragged."""


class FilmStrip(QWidget):
    """A strip along the scene's time. A drag goes through the frames, with Shift it chooses a stretch; the wheel
    magnifies about the pointer, with Shift it shifts, as the middle button does.

    A subclass draws what changes with the view in `paint_ground` (kept as a picture), what changes faster in
    `paint_over`, and takes the left button by overriding `press`, `drag` and `release` (True for 'taken').
    """

    scrubbed = Signal(int)
    """Somebody goes to this frame with the mouse; whoever plays shows it."""
    pointed = Signal(float)
    """The time under the pointer, in seconds."""
    dark = False
    """Whether the ground is dark in both themes."""
    hidden_px = 0
    """So much of the strip lies under a scroll bar: time runs on below it, as in the strips above."""

    def __init__(self, scene: FilmScene, name: str) -> None:
        super().__init__()
        self.scene = scene
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._ground: QPixmap | None = None
        self._scrubbing = False
        self._anchor_s: float | None = None
        self._held: tuple[float, float] | None = None
        for signal in (scene.shown, scene.ranged):
            signal.connect(self.redraw)
        scene.moved.connect(self.update)
        scene.selected.connect(self.update)
        theme().follow(self, self.redraw)

    def redraw(self) -> None:
        """Draw the ground anew."""
        self._ground = None
        self.update()

    @property
    def room(self) -> QRectF:
        """Where time runs."""
        whole, px = self.width() + self.hidden_px, theme().pixels
        left = max(px(LEFT_PX), min(self.scene.names_px, px(MOST_LEFT_PX), int(LEFT_SHARE * whole)))
        return QRectF(left, 0, max(whole - left - 1, 1), self.height())

    def x_of(self, time_s: float) -> float:
        """The pixel of a time."""
        return self.room.left() + self.scene.x_of(time_s, int(self.room.width()))

    def time_at(self, x: float) -> float:
        """The time under a pixel, within the film."""
        return self.scene.time_at(x - self.room.left(), int(self.room.width()))

    # For subclasses

    def paint_ground(self, painter: QPainter) -> None:
        """Draw what the view shows."""

    def paint_over(self, painter: QPainter) -> None:
        """Draw what changes faster than the view."""

    def press(self, event: QMouseEvent) -> bool:
        """The left button went down; True keeps the strip from going through the frames."""
        return False

    def drag(self, event: QMouseEvent) -> None:
        """The mouse moved while the left button is down and was taken."""

    def release(self, event: QMouseEvent) -> None:
        """The left button went up and was taken."""

    # Painting

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._ground = None
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._ground is None:
            ratio = self.devicePixelRatioF()
            self._ground = QPixmap(self.size() * ratio)
            self._ground.setDevicePixelRatio(ratio)
            self._ground.fill(QColor(tokens().surface))
            inner = QPainter(self._ground)
            self.paint_ground(inner)
            inner.end()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._ground)
        self.paint_over(painter)
        self._paint_marks(painter)
        painter.end()

    def paint_name(self, painter: QPainter, name: str) -> None:
        """Write what the strip is at its left."""
        painter.setPen(QColor(tokens().dim))
        left = QRectF(4, 0, self.room.left() - 10, self.height())
        words = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(left.width()))
        painter.drawText(left, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)

    def _paint_marks(self, painter: QPainter) -> None:
        if not self.scene.frames:
            return
        now = tokens()
        painter.setClipRect(self.room)
        if self.scene.selection_s is not None:
            left, right = (self.x_of(one) for one in self.scene.selection_s)
            shade = QColor(now.accent)
            shade.setAlpha(48)
            painter.fillRect(QRectF(left, 0, max(right - left, 1), self.height()), shade)
            painter.setPen(QPen(QColor(now.accent), 1))
            painter.drawLines([QLineF(x, 0, x, self.height()) for x in (left, right)])
        x = self.x_of(self.scene.time_s)
        painter.setPen(QPen(QColor(DARK.warning if self.dark else now.warning), theme().pixels(1.5)))
        painter.drawLine(QLineF(x, 0, x, self.height()))
        painter.setClipping(False)
        if self.hasFocus():
            painter.setPen(QPen(QColor(now.accent), 1))
            painter.drawRect(QRectF(0.5, 0.5, self.width() - 1, self.height() - 1))

    # Hands

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches, across = event.angleDelta().y() / NOTCH, event.angleDelta().x() / NOTCH
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or (across and not notches):
            self.scene.shift(-0.1 * (across or notches))
        else:
            self.scene.magnify(1.25**notches, self.time_at(event.position().x()))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if event.button() == Qt.MouseButton.MiddleButton:
            self._held = (x, self.scene.start_s)
        elif event.button() == Qt.MouseButton.LeftButton and self.scene.frames and not self.press(event):
            self._anchor_s = self._far_end(x, shifted=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
            self._scrubbing = True
            self._scrub(x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._held is not None:
            back = (x - self._held[0]) / self.room.width() * self.scene.span_s
            self.scene.look(self._held[1] - back, self.scene.span_s)
        elif self._scrubbing:
            self._scrub(x)
        elif event.buttons() & Qt.MouseButton.LeftButton:
            self.drag(event)
        if self.scene.frames:
            self.pointed.emit(self.time_at(x))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self._scrubbing:
            self.release(event)
        self._scrubbing = False
        self._held = self._anchor_s = None

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
        room, now, scene = self.room, tokens(), self.scene
        if not scene.frames or scene.index is None:
            return
        values, step = ticks(scene.start_s, scene.span_s, room.width())
        for value in values:
            self._tick(painter, self.x_of(value), clock(value, step), now.dim)
        first = scene.index.frame_at(scene.start_s)
        last = scene.index.frame_at(scene.start_s + scene.span_s)
        if room.width() / max(last - first + 1, 1) > theme().pixels(4):
            painter.setPen(QColor(now.line))
            edges = [self.x_of(scene.index.time_s(one)) for one in range(first, last + 1)]
            painter.drawLines([QLineF(x, self.height() * 0.82, x, self.height()) for x in edges if x >= room.left()])

    def _tick(self, painter: QPainter, x: float, words: str, colour: str) -> None:
        room = self.room
        painter.setPen(QColor(tokens().line))
        painter.drawLine(QLineF(x, self.height() * 0.62, x, self.height()))
        painter.setPen(QColor(colour))
        width = painter.fontMetrics().horizontalAdvance(words)
        left = min(max(x - width / 2, room.left()), self.width() - width - 2)
        painter.drawText(QPointF(left, self.height() * 0.56), words)
