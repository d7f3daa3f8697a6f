"""A slide to look around on: coarse at once, sharp as tiles arrive; scores, a scale bar and a map over it."""

from __future__ import annotations

import dataclasses

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.core.slides import SlideInfo
from workbench.gui.slides import viewpoint as vp
from workbench.gui.slides.heat import HeatLayer
from workbench.gui.slides.tiles import TileStore
from workbench.gui.theme import theme, tokens

STEP = 1.25
"""One notch of the wheel, one press of a key."""
BAR_PX, MAP_PX, MARGIN_PX = 140, 168, 12
PLATE = QColor(0, 0, 0, 150)
"""Behind words and lines over the slide: they stay readable on glass and on tissue, in both themes."""
INK = QColor(255, 255, 255)


class SlideCanvas(QWidget):
    """Drag shifts, the wheel zooms about the pointer, a click on the map goes there."""

    moved = Signal()
    pointed = Signal(object)
    """The level-0 point (x, y) under the pointer, None beside the slide."""

    def __init__(self, tiles: TileStore, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tiles = tiles
        self.info: SlideInfo | None = None
        self.view = vp.Viewpoint(0, 0, 1)
        self.heat: HeatLayer | None = None
        self.opacity = 0.5
        self.map_shown = True
        self._whole = QImage()
        self._fitted = True
        """Whether everything is shown, so that a new size of the window shows everything again."""
        self._held: QPointF | None = None
        self._on_map = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setAccessibleName("Slide")
        tiles.arrived.connect(self.update)

    def show_slide(self, info: SlideInfo, whole: QImage) -> None:
        """Show this slide from now on; `whole` is its thumbnail."""
        self.info, self._whole, self.heat = info, whole, None
        self.tiles.open(info.path)
        self.fit()

    def clear(self) -> None:
        """Show nothing."""
        self.info, self._whole, self.heat = None, QImage(), None
        self.tiles.open("")
        self.update()

    @property
    def size_px(self) -> tuple[int, int]:
        """Of the slide, in level-0 pixels."""
        return (self.info.levels[0].width, self.info.levels[0].height) if self.info else (1, 1)

    def fit(self) -> None:
        """Show everything."""
        self._go(vp.whole(self.size_px, (self.width(), self.height())), fitted=True)

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Show `factor` times as many level-0 pixels per screen pixel, about a point or the middle."""
        where = at or QPointF(self.width() / 2, self.height() / 2)
        wanted = dataclasses.replace(self.view, scale=self.view.scale * factor)
        scale = wanted.kept(self.size_px, (self.width(), self.height())).scale
        self._go(self.view.zoomed(scale / self.view.scale, where.x(), where.y(), self.width(), self.height()))

    def set_scale(self, scale: float) -> None:
        """Show so many level-0 pixels per screen pixel about the middle."""
        self.zoom(scale / self.view.scale)

    def go(self, x: float, y: float, scale: float | None = None) -> None:
        """Put a level-0 point into the middle."""
        self._go(vp.Viewpoint(x, y, scale or self.view.scale))

    def set_heat(self, heat: HeatLayer | None) -> None:
        """Lay scores over the slide, or take them away."""
        self.heat = heat
        self.update()

    def box(self) -> tuple[float, float, float, float]:
        """The level-0 box that is seen: left, top, right, bottom."""
        left, top = self.view.on_slide(0, 0, self.width(), self.height())
        right, bottom = self.view.on_slide(self.width(), self.height(), self.width(), self.height())
        return left, top, right, bottom

    def sizeHint(self) -> QSize:
        return QSize(720, 480)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)

    def _go(self, view: vp.Viewpoint, *, fitted: bool = False) -> None:
        self._fitted = fitted
        self.view = view.kept(self.size_px, (self.width(), self.height()))
        self._want()
        self.update()
        self.moved.emit()

    def _zoom_level(self) -> int:
        ratio = self.devicePixelRatioF()
        return vp.zoom_for(self.view.scale / ratio, self.info.coarsest if self.info else 0)

    def _want(self) -> None:
        if self.info is None:
            return
        if self._whole_is_enough():
            self.tiles.want([])
            return
        zoom = self._zoom_level()
        coarse = min(zoom + 2, self.info.coarsest)
        keys = vp.tiles_in(self.box(), self.size_px, coarse) if coarse > zoom else []
        self.tiles.want([*keys[:4], *vp.tiles_in(self.box(), self.size_px, zoom)])

    def _whole_is_enough(self) -> bool:
        """Whether the thumbnail is as sharp as the screen."""
        return self._whole.width() * self.view.scale / self.devicePixelRatioF() >= self.size_px[0]

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(Qt.GlobalColor.black))
        if self.info is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.view.scale > 0.5)
            painter.save()
            painter.translate(self.width() / 2, self.height() / 2)
            painter.scale(1 / self.view.scale, 1 / self.view.scale)
            painter.translate(-self.view.x, -self.view.y)
            self._paint_slide(painter)
            painter.restore()
            self._paint_bar(painter)
            if self.map_seen():
                self._paint_map(painter)
        if self.hasFocus():
            painter.setPen(QPen(QColor(tokens().accent), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_slide(self, painter: QPainter) -> None:
        assert self.info is not None
        box, slide = self.box(), self.size_px
        painter.setClipRect(QRectF(0, 0, *slide))
        painter.drawImage(QRectF(0, 0, *slide), self._whole)
        if not self._whole_is_enough():
            zoom = self._zoom_level()
            # What is coarser stands in until the sharp tile has come.
            for coarser in range(min(zoom + 4, self.info.coarsest), zoom - 1, -1):
                for key in vp.tiles_in(box, slide, coarser):
                    image = self.tiles.tile(key)
                    if image is not None:
                        painter.drawImage(QRectF(*vp.tile_box(key, slide)), image)
        if self.heat is not None:
            painter.setOpacity(self.opacity)
            self.heat.paint(painter, box)
            painter.setOpacity(1.0)

    def _paint_bar(self, painter: QPainter) -> None:
        px = theme().pixels
        assert self.info is not None
        length, words = vp.scale_bar(self.view.scale, self.info.mpp, px(BAR_PX))
        said = f"{words}   {vp.magnification_words(self.view.scale, self.info.mpp)}"
        metrics = painter.fontMetrics()
        wide, high = max(length, metrics.horizontalAdvance(said)) + px(16), metrics.height() + px(18)
        plate = QRectF(px(MARGIN_PX), self.height() - high - px(MARGIN_PX), wide, high)
        self._plate(painter, plate)
        base = plate.bottom() - px(8)
        painter.setPen(QPen(INK, 2))
        left = plate.left() + px(8)
        painter.drawLine(QPointF(left, base), QPointF(left + length, base))
        for end in (left, left + length):
            painter.drawLine(QPointF(end, base - px(4)), QPointF(end, base))
        painter.drawText(QPointF(left, plate.top() + px(4) + metrics.ascent()), said)

    def _plate(self, painter: QPainter, box: QRectF) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(PLATE)
        painter.drawRoundedRect(box, 4, 4)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def map_box(self) -> QRectF:
        """Where the small map of the whole slide lies."""
        px = theme().pixels
        size = self._whole.size().scaled(px(MAP_PX), px(MAP_PX), Qt.AspectRatioMode.KeepAspectRatio)
        left, top = self.width() - size.width() - px(MARGIN_PX), px(MARGIN_PX)
        return QRectF(left, top, size.width(), size.height())

    def map_seen(self) -> bool:
        """Whether the map is there: it is wanted, there is room, and not all of the slide is seen anyway."""
        place, (left, top, right, bottom) = self.map_box(), self.box()
        roomy = place.width() * 2.5 <= self.width() and place.height() * 1.5 <= self.height()
        everything = left <= 0 and top <= 0 and right >= self.size_px[0] and bottom >= self.size_px[1]
        return self.map_shown and roomy and not everything

    def _paint_map(self, painter: QPainter) -> None:
        place = self.map_box()
        self._plate(painter, place.adjusted(-3, -3, 3, 3))
        painter.drawImage(place, self._whole)
        scale = place.width() / self.size_px[0]
        left, top, right, bottom = self.box()
        seen = QRectF(left, top, right - left, bottom - top).intersected(QRectF(0, 0, *self.size_px))
        frame = QRectF(seen.x() * scale, seen.y() * scale, seen.width() * scale, seen.height() * scale)
        frame.translate(place.topLeft())
        if frame.width() < 6:
            frame.adjust(-3, -3, 3, 3)
        for colour, thick in ((QColor(0, 0, 0), 3), (QColor(tokens().accent), 1.5)):
            painter.setPen(QPen(colour, thick))
            painter.drawRect(frame)

    # Hands

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() / 120
        if self.info is not None and notches:
            self.zoom(STEP**-notches, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.info is None or event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            return
        self._on_map = self.map_seen() and self.map_box().contains(event.position())
        self._held = event.position()
        if self._on_map:
            self._go_by_map(event.position())
        else:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held is not None and self._on_map:
            self._go_by_map(event.position())
        elif self._held is not None:
            by = event.position() - self._held
            self._held = event.position()
            self._go(self.view.shifted(by.x(), by.y()))
        x, y = self.view.on_slide(event.position().x(), event.position().y(), self.width(), self.height())
        inside = 0 <= x < self.size_px[0] and 0 <= y < self.size_px[1]
        self.pointed.emit((x, y) if inside and self.info is not None else None)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = None
        self.setCursor(Qt.CursorShape.OpenHandCursor)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.pointed.emit(None)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.info is not None and event.button() == Qt.MouseButton.LeftButton:
            self.zoom(0.5, event.position())

    def _go_by_map(self, point: QPointF) -> None:
        place = self.map_box()
        scale = self.size_px[0] / place.width()
        self.go((point.x() - place.left()) * scale, (point.y() - place.top()) * scale)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = (self.width() if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else self.width() / 5) or 1
        shifts = {
            Qt.Key.Key_Left: (step, 0), Qt.Key.Key_Right: (-step, 0), Qt.Key.Key_Up: (0, step),
            Qt.Key.Key_Down: (0, -step),
        }  # fmt: skip
        if event.key() in shifts:
            dx, dy = shifts[Qt.Key(event.key())]
            self._go(self.view.shifted(dx, dy))
        elif event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(1 / STEP)
        elif event.key() == Qt.Key.Key_Minus:
            self.zoom(STEP)
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fitted:
            self.fit()
        else:
            self._go(self.view)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()
