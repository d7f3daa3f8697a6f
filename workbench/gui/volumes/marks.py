"""What is drawn over a slice: crosshair, edge letters, slice and window, scale bar, measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from workbench.core.colours import CATEGORIES
from workbench.gui.theme import theme
from workbench.gui.volumes.measures import Measure
from workbench.report.planes import Name

if TYPE_CHECKING:
    from workbench.gui.volumes.canvas import PlaneCanvas

LINES: dict[Name, str] = {"axial": CATEGORIES[1], "coronal": CATEGORIES[0], "sagittal": CATEGORIES[3]}
"""The colour of the line in which a plane cuts the others, and of its name."""
LETTER, WORDS = "#E6E9EF", "#C6CCD6"
"""Image views are black in both themes, so these do not follow the theme."""
_LENGTHS_MM = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
GAP_PX = 8


def crosshair(painter: QPainter, canvas: PlaneCanvas) -> None:
    """Two thin lines in the colours of the planes they stand for, open around the voxel."""
    plane, scene = canvas.plane, canvas.scene
    middle = canvas.to_screen(*plane.point(scene.cursor, scene.shape))
    gap = theme().pixels(GAP_PX)
    others = {other.across: name for name, other in scene.planes.items() if name != canvas.name}
    for axis, horizontal in ((plane.down, True), (plane.right, False)):
        colour = QColor(LINES[others[axis]])
        colour.setAlphaF(0.75)
        painter.setPen(QPen(colour, 1))
        if horizontal:
            painter.drawLine(QPointF(0, middle.y()), QPointF(middle.x() - gap, middle.y()))
            painter.drawLine(QPointF(middle.x() + gap, middle.y()), QPointF(canvas.width(), middle.y()))
        else:
            painter.drawLine(QPointF(middle.x(), 0), QPointF(middle.x(), middle.y() - gap))
            painter.drawLine(QPointF(middle.x(), middle.y() + gap), QPointF(middle.x(), canvas.height()))


def corners(painter: QPainter, canvas: PlaneCanvas, title: str) -> None:
    """Edge letters; plane, slice, title and window in the corners; the scale bar; left out where there is no room."""
    px, plane = theme().pixels, canvas.plane
    font = QFont(canvas.font())
    painter.setFont(font)
    width, height, pad = canvas.width(), canvas.height(), px(8)
    line = QFontMetricsF(font).height()
    side = edge_letters(painter, width, height, plane.letters)
    half = QRectF(pad, pad / 2, width / 2 - pad - side, line)
    metrics = QFontMetricsF(font)

    def fitted(*choices: str) -> str:
        return next((one for one in choices if metrics.horizontalAdvance(one) <= half.width()), "")

    number = canvas.scene.slice_words(plane)
    start = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    _write(painter, half, start, fitted(f"{canvas.name} {number}", number), LINES[canvas.name])
    layer = canvas.layer
    if layer is not None:
        end = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        _write(painter, half.translated(width / 2 + side - pad, 0), end, fitted(title), WORDS)
        centre, wide = layer.window
        low = half.translated(0, height - line - pad)
        _write(painter, low, start, fitted(f"C {centre:.4g}  W {wide:.4g}"), WORDS)
    _scale_bar(painter, canvas, QRectF(width / 2 + side, height - line - pad / 2, width / 2 - side - pad, line))


def edge_letters(painter: QPainter, width: float, height: float, letters: tuple[str, str, str, str]) -> float:
    """What lies to the left, the right, above and below; how wide the letters are at most."""
    metrics, pad = QFontMetricsF(painter.font()), theme().pixels(8)
    line, side = metrics.height(), metrics.horizontalAdvance("HA") + 4
    left, right, top, bottom = letters
    middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignHCenter
    for letter, box in (
        (left, QRectF(pad / 2, height / 2 - line, side, 2 * line)),
        (right, QRectF(width - side - pad / 2, height / 2 - line, side, 2 * line)),
        (top, QRectF(width / 2 - side, pad / 2, 2 * side, line)),
        (bottom, QRectF(width / 2 - side, height - line - pad / 2, 2 * side, line)),
    ):
        _write(painter, box, middle, letter, LETTER)
    return side


def _scale_bar(painter: QPainter, canvas: PlaneCanvas, room: QRectF) -> None:
    """The longest round length that fits into a third of the width, with its millimetres."""
    metrics = QFontMetricsF(painter.font())

    def fits(length_mm: float) -> bool:
        words = metrics.horizontalAdvance(f"{length_mm:g} mm") + 8
        return length_mm * canvas.pixels_per_mm <= min(max(room.width() - words, 40), canvas.width() / 3)

    fitting = [one for one in _LENGTHS_MM if fits(one)]
    if not fitting:
        return
    length_mm = fitting[-1]
    long_px, y = length_mm * canvas.pixels_per_mm, room.center().y()
    x = room.right() - long_px
    painter.setPen(QPen(QColor(WORDS), 1.5))
    painter.drawLine(QPointF(x, y), QPointF(room.right(), y))
    for end in (x, room.right()):
        painter.drawLine(QPointF(end, y - 4), QPointF(end, y + 4))
    words = QRectF(room.left(), room.top(), room.width() - long_px - 6, room.height())
    if metrics.horizontalAdvance(f"{length_mm:g} mm") <= words.width():
        align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        _write(painter, words, align, f"{length_mm:g} mm", WORDS)


def measures(painter: QPainter, canvas: PlaneCanvas) -> None:
    """Rulers, angles and regions that were set on this slice."""
    for one in canvas.scene.measures:
        if one.plane == canvas.name and one.index == canvas.index:
            measure(painter, canvas, one)


def measure(painter: QPainter, canvas: PlaneCanvas, one: Measure) -> None:
    """One measure with its words."""
    points = [canvas.to_screen(*canvas.plane.point(place, canvas.scene.shape)) for place in one.points]
    if not points:
        return
    painter.setPen(QPen(QColor(CATEGORIES[6]), 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if one.kind == "roi" and len(points) == 2:
        painter.drawEllipse(QRectF(points[0], points[1]).normalized())
    else:
        painter.drawPolyline(points)
        for point in points:
            painter.drawEllipse(point, 2.5, 2.5)
    if one.words:
        metrics = QFontMetricsF(painter.font())
        size = metrics.size(0, one.words)
        last = points[-1] + QPointF(8, 4)
        last.setX(max(4.0, min(last.x(), canvas.width() - size.width() - 4)))
        last.setY(max(4.0, min(last.y(), canvas.height() - size.height() - 4)))
        _write(painter, QRectF(last, size), Qt.AlignmentFlag.AlignLeft, one.words, CATEGORIES[6])


def _write(painter: QPainter, box: QRectF, align: Qt.AlignmentFlag, words: str, colour: str) -> None:
    """Words that are read on any picture: a dark edge around them."""
    if not words:
        return
    flags = int(align) | int(Qt.TextFlag.TextDontClip)
    painter.setPen(QColor(0, 0, 0, 200))
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        painter.drawText(box.translated(dx, dy), flags, words)
    painter.setPen(QColor(colour))
    painter.drawText(box, flags, words)
