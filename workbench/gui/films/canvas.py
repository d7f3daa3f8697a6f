"""The frame on screen: as large as there is room for, magnified with the wheel, with a map laid over it."""

from __future__ import annotations

import time

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.gui.theme import DARK, theme, tokens

MOST_MAGNIFIED = 32.0
STEP = 1.25
NOTCH = 120
"""A step of a common wheel, in eighths of a degree."""
PIXELS_SEEN = 3.0
"""From so many screen pixels for one of the frame on, its pixels are shown as squares rather than smoothed."""


class FilmCanvas(QWidget):
    """Black in both themes. `frame_size` is the film's own size; a frame may be shown from fewer pixels."""

    resized = Signal()
    """Another number of pixels is wanted for a frame."""
    grabbed = Signal()
    """The picture was pressed: keys go to the film from now on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Frame")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.image = QImage()
        self.frame_size = QSize(0, 0)
        self.draw_ms = 0.0
        """How long the last frame took to be painted."""
        self.words = ""
        """What stands in the picture's corner."""
        self.hint = ""
        """What stands in the middle while there is no picture."""
        self.overlay_alpha = 0.7
        self._overlay: NDArray[np.float32] | None = None
        self._tint = QImage()
        self._zoom = 1.0
        self._middle = QPointF(0.5, 0.5)
        """Which point of the frame, in shares, is in the middle of the widget."""
        self._held: QPointF | None = None
        self._pixels: bytes = b""

    # What is shown

    def show_frame(self, image: QImage, pixels: bytes = b"") -> None:
        """Paint this from now on; `pixels` is what the image leans on."""
        self.image, self._pixels = image, pixels
        self.update()

    def open(self, size: QSize) -> None:
        """A film of this size, seen whole."""
        self.frame_size = size
        self.image, self._pixels = QImage(), b""
        self.overlay = None
        self.words = ""
        self.whole()

    def set_words(self, words: str) -> None:
        """Say something in the picture's corner."""
        if words != self.words:
            self.words = words
            self.update()

    def set_hint(self, hint: str) -> None:
        """Say in the middle what will be seen here, or why nothing is."""
        if hint != self.hint:
            self.hint = hint
            self.update()

    @property
    def overlay(self) -> NDArray[np.float32] | None:
        """A map (h, w) of 0 to 1 over the whole frame, or None; stays until another is set."""
        return self._overlay

    @overlay.setter
    def overlay(self, values: NDArray[np.float32] | None) -> None:
        self._overlay = values
        self._tint = QImage() if values is None else tinted(values)
        self.update()

    def box(self) -> tuple[int, int]:
        """How many pixels of the screen a frame fills; (0, 0), for all that it has, where those are not many more.

        A decoder takes several times as long to scale a frame as it takes to hand it over whole.
        """
        if self.frame_size.isEmpty():
            return 0, 0
        ratio = self.devicePixelRatioF()
        wide, high = (round(one * ratio) for one in (self.room().width(), self.room().height()))
        if wide >= self.frame_size.width() / 2 or high >= self.frame_size.height() / 2:
            return 0, 0
        return max(wide, 1), max(high, 1)

    # Looking closer

    @property
    def zoom(self) -> float:
        """How many times larger than the whole frame; 1 shows all of it."""
        return self._zoom

    def magnify(self, factor: float, at: QPointF | None = None) -> None:
        """Larger or smaller about a point of the widget, or its middle."""
        if self.frame_size.isEmpty():
            return
        where = at or QPointF(self.width() / 2, self.height() / 2)
        before = self.on_frame(where)
        self._zoom = min(max(self._zoom * factor, 1.0), MOST_MAGNIFIED)
        after = self.on_frame(where)
        self._middle += before - after
        self._keep()

    def whole(self) -> None:
        """All of the frame."""
        self._zoom, self._middle = 1.0, QPointF(0.5, 0.5)
        self._keep()

    def on_frame(self, point: QPointF) -> QPointF:
        """The point of the frame, in shares of its width and height, under one of the widget."""
        room = self.room()
        return QPointF((point.x() - room.x()) / room.width(), (point.y() - room.y()) / room.height())

    def room(self) -> QRectF:
        """Where the frame is painted; larger than the widget when it is magnified."""
        size = QSizeF(self.frame_size if not self.frame_size.isEmpty() else QSize(16, 9))
        size = size.scaled(QSizeF(self.size()), Qt.AspectRatioMode.KeepAspectRatio) * self._zoom
        size = QSizeF(max(size.width(), 1.0), max(size.height(), 1.0))
        return QRectF(
            self.width() / 2 - self._middle.x() * size.width(), self.height() / 2 - self._middle.y() * size.height(),
            size.width(), size.height(),
        )  # fmt: skip

    def _keep(self) -> None:
        """Keep the frame over the widget, and say that another size is seen."""
        room = self.room()
        for axis, span, whole in (("x", room.width(), self.width()), ("y", room.height(), self.height())):
            reach = max(0.5 - whole / 2 / span, 0.0)
            value = min(max(getattr(self._middle, axis)(), 0.5 - reach), 0.5 + reach)
            getattr(self._middle, f"set{axis.upper()}")(value)
        self.update()
        self.resized.emit()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        began = time.perf_counter()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(Qt.GlobalColor.black))
        if not self.image.isNull():
            room = self.room()
            ratio = self.devicePixelRatioF()
            scale = room.width() * ratio / self.image.width()
            smooth = abs(scale - 1.0) > 1e-3 and scale < PIXELS_SEEN
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
            painter.drawImage(room, self.image)
            if not self._tint.isNull():
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
                painter.setOpacity(self.overlay_alpha)
                painter.drawImage(room, self._tint)
                painter.setOpacity(1.0)
        elif self.hint:
            painter.setPen(QColor(DARK.dim))
            gap = theme().pixels(24)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(self.rect()).adjusted(gap, gap, -gap, -gap), flags, self.hint)
        self._paint_words(painter)
        if self.hasFocus():
            painter.setPen(QPen(QColor(tokens().accent), 1))
            painter.drawRect(QRectF(0.5, 0.5, self.width() - 1, self.height() - 1))
        painter.end()
        self.draw_ms = (time.perf_counter() - began) * 1000

    def _paint_words(self, painter: QPainter) -> None:
        if not self.words:
            return
        gap = theme().pixels(6)
        size = painter.fontMetrics().size(0, self.words)
        plate = QRectF(gap, gap, size.width() + 2 * gap, size.height() + gap)
        painter.fillRect(plate, QColor(0, 0, 0, 150))
        painter.setPen(QColor(Qt.GlobalColor.white))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, self.words)

    # Hands

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.magnify(STEP ** (event.angleDelta().y() / NOTCH), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._held = event.position()
        self.grabbed.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held is not None and self._zoom > 1.0:
            by, room = event.position() - self._held, self.room()
            self._middle -= QPointF(by.x() / room.width(), by.y() / room.height())
            self._held = event.position()
            self._keep()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.whole()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._keep()

    def sizeHint(self) -> QSize:
        return QSize(640, 360)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme().pixels(160), theme().pixels(90))


def tinted(values: NDArray[np.float32]) -> QImage:
    """Values (h, w) of 0 to 1 in perceptually even colours, the lower the clearer."""
    if values.ndim != 2:
        raise ValueError(f"a map is (h, w), not {values.shape}")
    shades = (np.clip(np.nan_to_num(values), 0.0, 1.0) * 255).astype(np.uint8)
    found = pg.colormap.get("inferno")
    if found is None:
        raise KeyError("inferno")
    # What is nothing lets the frame through.
    rgba = found.map(np.linspace(0.0, 1.0, 256), mode="byte")[shades]
    rgba[..., 3] = shades
    high, wide = shades.shape
    return QImage(np.ascontiguousarray(rgba).tobytes(), wide, high, wide * 4, QImage.Format.Format_RGBA8888).copy()
