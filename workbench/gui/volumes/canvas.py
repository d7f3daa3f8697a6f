"""One plane on black: the slice with what lies over it, drawn once per change and then only copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
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
    QPixmap,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.gui.theme import theme
from workbench.gui.views import palette
from workbench.gui.volumes import marks, shades
from workbench.gui.volumes.scene import Layer, Scene
from workbench.report.planes import Name, Plane, Voxel

if TYPE_CHECKING:
    from workbench.gui.volumes.tools import Tool

MOST_ZOOM, LEAST_ZOOM = 60.0, 0.2
PIXELS_SEEN = 4.0
"""From this many screen pixels a voxel on, voxels are drawn as they are instead of smoothed."""
_STEPS = {
    Qt.Key.Key_Up: 1, Qt.Key.Key_PageUp: 1, Qt.Key.Key_Right: 1,
    Qt.Key.Key_Down: -1, Qt.Key.Key_PageDown: -1, Qt.Key.Key_Left: -1,
}  # fmt: skip
_MOVES = {Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1)}
_WINDOWS = {Qt.Key.Key_Up: (1, 0), Qt.Key.Key_Down: (-1, 0), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1)}
"""What an arrow does to level and width, with Alt."""
FAR = 10
"""Slices that a key goes with Shift."""


class PlaneCanvas(QWidget):
    """A plane of a scene. Wheel: slices; with Ctrl or Shift: zoom; middle: pan; right: window; left: the tool."""

    pointed = Signal(object)
    """The voxel under the pointer, (z, y, x), or None."""
    grabbed = Signal()
    """This plane has got the focus."""

    def __init__(self, scene: Scene, name: Name, *, sequence: int = 0, parent: QWidget | None = None) -> None:
        """`sequence` says which of the scene's volumes is shown."""
        super().__init__(parent)
        self.scene, self.name, self.sequence = scene, name, sequence
        self.tool: Tool | None = None
        self.zoom = 1.0
        self.pan_mm = QPointF()
        self.hovered: QPointF | None = None
        """Where the pointer is, in pixels of the widget."""
        self._grey: QImage | None = None
        self._over: QImage | None = None
        self._marks: QImage | None = None
        self._ground: QPixmap | None = None
        """Volume and overlay as they are on the screen; labels are drawn over a copy of it."""
        self._at = -1
        self._dragged: tuple[Qt.MouseButton, QPointF] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)  # the right button has another task
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        scene.moved.connect(self._moved)
        scene.restyled.connect(self.refresh)
        scene.edited.connect(self._edited)
        self._name_it()

    # What is shown

    @property
    def plane(self) -> Plane:
        """How the scene's array is cut here."""
        return self.scene.planes[self.name]

    @property
    def index(self) -> int:
        """The slice shown, counted along the array's axis."""
        return self.scene.cursor[self.plane.across]

    @property
    def layer(self) -> Layer | None:
        """The volume shown."""
        return self.scene.layers[self.sequence] if self.sequence < len(self.scene.layers) else None

    @property
    def filled(self) -> bool:
        """Whether there is something to show."""
        return all(self.scene.shape)

    def refresh(self) -> None:
        """Draw everything anew."""
        self._grey = self._over = self._marks = self._ground = None
        self._name_it()
        self.update()

    def fit(self) -> None:
        """Show the whole slice."""
        self.zoom, self.pan_mm = 1.0, QPointF()
        self._replaced()

    def zoom_by(self, factor: float, about: QPointF | None = None) -> None:
        """Magnify about a point of the widget, or about the crosshair."""
        about = about or self.to_screen(*self.plane.point(self.scene.cursor, self.scene.shape))
        before = self.to_image().inverted()[0].map(about)
        self.zoom = min(max(self.zoom * factor, LEAST_ZOOM), MOST_ZOOM)
        after = self.to_image().map(before)
        self.pan_mm += (about - after) / self.pixels_per_mm
        self._replaced()

    def sizeHint(self) -> QSize:
        return QSize(320, 320)

    def minimumSizeHint(self) -> QSize:
        return QSize(96, 96)

    def _moved(self) -> None:
        if self.filled and self.index != self._at:
            self._grey = self._over = self._marks = self._ground = None
            self._name_it()
        self.update()

    def _edited(self, box: Any) -> None:
        where = box[self.plane.across]
        if where.start <= self.index < where.stop:
            self._marks = None
            self.update()

    def _replaced(self) -> None:
        self._ground = None
        self.update()

    def _name_it(self) -> None:
        words = f"{self.name.capitalize()} plane"
        if self.filled:
            self._at = self.index
            layer = self.layer
            words += f", slice {self.scene.slice_words(self.plane)}"
            words += f", {layer.title}" if layer is not None and layer.title else ""
        self.setAccessibleName(words)

    # Places

    @property
    def pixels_per_mm(self) -> float:
        """Pixels of the widget per millimetre of the patient."""
        rows, columns = self.plane.size(self.scene.shape)
        down, right = self.plane.pitch_mm
        margin = theme().pixels(8)
        room = max(self.width() - margin, 8) / (columns * right), max(self.height() - margin, 8) / (rows * down)
        return min(room) * self.zoom

    def to_image(self) -> QTransform:
        """From image coordinates (column, row; whole numbers are pixels' corners) to the widget."""
        rows, columns = self.plane.size(self.scene.shape)
        scale = self.pixels_per_mm
        down, right = self.plane.pitch_mm
        left = self.width() / 2 + (self.pan_mm.x() - columns * right / 2) * scale
        top = self.height() / 2 + (self.pan_mm.y() - rows * down / 2) * scale
        return QTransform(right * scale, 0, 0, down * scale, left, top)

    def to_screen(self, row: float, column: float) -> QPointF:
        """Where the middle of a shown pixel is on the widget."""
        return self.to_image().map(QPointF(column + 0.5, row + 0.5))

    def to_point(self, at: QPointF) -> tuple[float, float]:
        """The shown point (row, column) at a point of the widget."""
        found = self.to_image().inverted()[0].map(at)
        return found.y() - 0.5, found.x() - 0.5

    def to_place(self, at: QPointF) -> tuple[float, float, float]:
        """The array position (z, y, x) at a point of the widget."""
        return self.plane.place(*self.to_point(at), self.index, self.scene.shape)

    def voxel_at(self, at: QPointF) -> Voxel | None:
        """The voxel under a point of the widget."""
        if not self.filled:
            return None
        place = [int(np.floor(one + 0.5)) for one in self.to_place(at)]
        inside = all(0 <= one < size for one, size in zip(place, self.scene.shape, strict=True))
        return (place[0], place[1], place[2]) if inside else None

    # Drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if not self.filled:
            painter.fillRect(self.rect(), Qt.GlobalColor.black)
        else:
            if self._ground is None:
                self._ground = self._draw()
            painter.drawPixmap(0, 0, self._ground)
            labels = self._label_image()
            if labels is not None:
                painter.drawImage(self._where(), labels)
            self.mark(painter, self.layer.title if self.layer is not None else "")
            if self.tool is not None:
                self.tool.paint(self, painter)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(QPen(QColor(theme().now.accent), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def mark(self, painter: QPainter, title: str) -> None:
        """Crosshair, measures and words over the slice; `title` is what its volume is called."""
        marks.crosshair(painter, self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        marks.measures(painter, self)
        marks.corners(painter, self, title)

    def images(self) -> list[tuple[QImage, QRectF, bool]]:
        """What the slice is made of, where each lies on the widget, and whether it is smoothed."""
        where = self._where()
        grounds = [(one, where, self._smooth) for one in (self._grey_image(), self._overlay_image()) if one is not None]
        labels = self._label_image()
        return grounds if labels is None else [*grounds, (labels, where, False)]

    @property
    def _smooth(self) -> bool:
        return self.pixels_per_mm * min(self.plane.pitch_mm) < PIXELS_SEEN

    def _draw(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        picture = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.black)
        painter = QPainter(picture)
        where = self._where()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._smooth)
        for image in (self._grey_image(), self._overlay_image()):
            if image is not None:
                painter.drawImage(where, image)
        painter.end()
        return picture

    def _where(self) -> QRectF:
        """Where the slice is on the widget."""
        rows, columns = self.plane.size(self.scene.shape)
        return self.to_image().mapRect(QRectF(0, 0, columns, rows))

    def _grey_image(self) -> QImage | None:
        if self._grey is None and self.layer is not None:
            self._grey = _image(self.layer.tones(self.plane, self.index))
        return self._grey

    def _overlay_image(self) -> QImage | None:
        overlay, share = self.scene.overlay, self.scene.overlay_share
        if self._over is None and overlay is not None and self.sequence == 0:
            self._over = _image(overlay.tones(self.plane, self.index), heat(share))
        return self._over

    def _label_image(self) -> QImage | None:
        labels, style = self.scene.preview or self.scene.labels, self.scene.style
        if labels is None or not style.visible:
            return None
        if self._marks is None:
            index = shades.LabelIndex.of(labels.values, lambda value: value not in labels.hidden)
            indices = shades.with_outline(index.indices(self.plane.cut(labels.array, self.index)))
            colours = [(one.red(), one.green(), one.blue()) for one in map(labels.colour, labels.values)]
            self._marks = _image(indices, shades.colour_table(colours, fill=style.fill, outline=style.outline))
        return self._marks

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._ground = None

    # Input

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = (event.angleDelta().y() or event.angleDelta().x()) / 120
        if not self.filled or not turned:
            return
        if event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier):
            self.zoom_by(1.2**turned, event.position())
        else:
            self.scene.step(self.plane, round(turned) or (1 if turned > 0 else -1))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if not self.filled:
            return
        self._dragged = (event.button(), event.position())
        if self.tool is not None and event.button() in self.tool.buttons:
            self.tool.press(self, event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.filled and self.tool is not None and event.button() in self.tool.buttons:
            self.tool.double(self, event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.hovered = event.position()
        if not self.filled:
            return
        if self._dragged is None:
            if self.tool is not None:
                self.tool.hover(self, event)
        elif self.tool is not None and self._dragged[0] in self.tool.buttons:
            self.tool.drag(self, event)
        else:
            self._drag(event.position())
        self.pointed.emit(self.voxel_at(event.position()))
        if self.tool is not None and self.tool.follows:
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._dragged is not None and self.tool is not None and self._dragged[0] in self.tool.buttons:
            self.tool.release(self, event)
        self._dragged = None

    def leaveEvent(self, event: Any) -> None:
        self.hovered = None
        self.pointed.emit(None)
        self.update()

    def _drag(self, to: QPointF) -> None:
        if self._dragged is None:
            return
        button, before = self._dragged
        self._dragged = (button, to)
        moved = to - before
        if button == Qt.MouseButton.MiddleButton:
            self.pan_mm += moved / self.pixels_per_mm
            self._replaced()
        elif button == Qt.MouseButton.RightButton and self.layer is not None:
            centre, width = self.layer.window
            speed = max(abs(self.layer.first[1]), 1e-9) / 300
            self.scene.set_window((centre + moved.y() * speed, width + moved.x() * speed), self.layer)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and self.filled and self.tool is not None:
            assert isinstance(event, QKeyEvent)
            if self.tool.claims(event):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, far = Qt.Key(event.key()), FAR if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        if not self.filled:
            super().keyPressEvent(event)
        elif self.tool is not None and self.tool.key(self, event):
            self.update()
        elif event.modifiers() & Qt.KeyboardModifier.ControlModifier and key in _MOVES:
            row, column = self.plane.point(self.scene.cursor, self.scene.shape)
            down, right = _MOVES[key]
            self.scene.go(self.plane.place(row + down * far, column + right * far, self.index, self.scene.shape))
        elif event.modifiers() & Qt.KeyboardModifier.AltModifier and key in _WINDOWS and self.layer is not None:
            (centre, width), speed = self.layer.window, abs(self.layer.first[1]) * far / 100
            up, wider = _WINDOWS[key]
            self.scene.set_window((centre + up * speed, width + wider * speed), self.layer)
        elif key in _STEPS:
            self.scene.step(self.plane, _STEPS[key] * far)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.zoom_by(1 / 1.25 if key == Qt.Key.Key_Minus else 1.25)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.grabbed.emit()
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()


def _image(pixels: NDArray[np.uint8], colours: Sequence[int] = ()) -> QImage:
    """Bytes (rows, columns) as greys, or as colours of a table, in the format that Qt enlarges fastest.

    Enlarging an image of bytes takes five to ten times as long as changing its format first.
    """
    rows, columns = pixels.shape
    kind, drawn = QImage.Format.Format_Grayscale8, QImage.Format.Format_RGB32
    if colours:
        kind, drawn = QImage.Format.Format_Indexed8, QImage.Format.Format_ARGB32_Premultiplied
    image = QImage(pixels.data, columns, rows, columns, kind)
    if colours:
        image.setColorTable(colours)
    return image.convertToFormat(drawn)


def heat(share: float) -> list[int]:
    """An even colour map for an overlay, clear at its lowest tone, as 256 ARGB numbers."""
    low, high = palette.ramp("#440154", "#2A9D8F", 128), palette.ramp("#2A9D8F", "#FDE725", 128)
    found = []
    for at, (red, green, blue) in enumerate(np.concatenate([low, high]).tolist()):
        opacity = round(255 * share * min(1.0, at / 64))
        found.append(opacity << 24 | red << 16 | green << 8 | blue)
    return found
