"""The three planes of a case with its labels, drawn for a report: edge letters and scale bar, no widget."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.volumes import Label, VolumeMeta
from workbench.report.drawing import COLOURS
from workbench.report.pdf import with_fonts
from workbench.report.planes import NAMES, Plane, planes_of

if TYPE_CHECKING:
    from PySide6.QtGui import QPainter

SIDE_PX = 640
FILL = 0.35
ROUND_MM = (1, 2, 5, 10, 20, 50, 100, 200)
SAMPLES = 200_000
SOFT_TISSUE = (50.0, 400.0)


@dataclasses.dataclass(frozen=True)
class Picture:
    """A plane as PNG, and which slice it is in words."""

    title: str
    png: bytes


def window_of(array: NDArray[Any], meta: VolumeMeta) -> tuple[float, float]:
    """Centre and width for somebody who chose none: the file's, soft tissue for CT, else 1st to 99th percentile."""
    if meta.window is not None and np.isfinite(meta.window).all() and meta.window[1] > 0:
        return meta.window
    if meta.modality == "CT" and meta.unit == "HU":
        return SOFT_TISSUE
    step = max(1, int(np.ceil((array.size / SAMPLES) ** (1 / 3))))
    values = np.asarray(array[::step, ::step, ::step], np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.5, 1.0
    low, high = np.percentile(values, (1, 99))
    return float(low + high) / 2, max(float(high - low), 1e-6)


def colours_of(labels: Sequence[Label]) -> dict[int, str]:
    """A colour per value: a label's own, or the next one of the palette."""
    return {one.value: one.colour or COLOURS[at % len(COLOURS)] for at, one in enumerate(labels)}


def draw(
    array: NDArray[Any], meta: VolumeMeta, labels: NDArray[Any] | None, names: Sequence[Label],
    window: tuple[float, float] | None = None,
) -> list[Picture]:  # fmt: skip
    """Axial, coronal and sagittal: each the slice with most of the labels, the middle one without labels.

    Arrays are (z, y, x) on one grid; may be called on any thread.
    """
    with_fonts()
    centre, width = window or window_of(array, meta)
    colours = colours_of(names)
    pictures = []
    for name in NAMES:
        plane = planes_of(meta.geometry)[name]
        index = _fullest(labels, plane.across, array.shape)
        grey = np.asarray(plane.cut(array, index), np.float64)
        with np.errstate(invalid="ignore"):
            tones = np.nan_to_num(np.clip((grey - centre) / width + 0.5, 0, 1) * 255).astype(np.uint8)
        flat = np.asarray(plane.cut(labels, index)) if labels is not None else None
        last = array.shape[plane.across]
        shown = last - index if plane.flip_across else index + 1
        pictures.append(Picture(f"{name.capitalize()}, slice {shown} of {last}", _png(tones, flat, plane, colours)))
    return pictures


def _fullest(labels: NDArray[Any] | None, across: int, shape: Sequence[int]) -> int:
    if labels is None:
        return shape[across] // 2
    counts = np.zeros(shape[across], np.int64)
    for at, flat in enumerate(labels):  # slice by slice: a large file is never in memory as a whole
        if across == 0:
            counts[at] = np.count_nonzero(flat)
        else:
            counts += np.count_nonzero(flat, axis=1 if across == 1 else 0)
    return int(counts.argmax()) if counts.any() else shape[across] // 2


def _png(tones: NDArray[np.uint8], labels: NDArray[Any] | None, plane: Plane, colours: dict[int, str]) -> bytes:
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF
    from PySide6.QtGui import QImage, QPainter

    rows, columns = tones.shape
    tall_mm, wide_mm = rows * plane.pitch_mm[0], columns * plane.pitch_mm[1]
    per_mm = SIDE_PX / max(tall_mm, wide_mm)
    canvas = QImage(SIDE_PX, SIDE_PX, QImage.Format.Format_RGB32)
    canvas.fill(0)
    painter = QPainter(canvas)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    place = QRectF((SIDE_PX - wide_mm * per_mm) / 2, (SIDE_PX - tall_mm * per_mm) / 2, wide_mm * per_mm,
                   tall_mm * per_mm)  # fmt: skip
    grey = np.ascontiguousarray(tones)
    painter.drawImage(place, QImage(grey.data, columns, rows, columns, QImage.Format.Format_Grayscale8))
    if labels is not None:
        over = _overlay(labels, colours)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(place, QImage(over.data, columns, rows, 4 * columns, QImage.Format.Format_ARGB32))
    _mark(painter, plane, per_mm)
    painter.end()
    store = QByteArray()
    buffer = QBuffer(store)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    canvas.save(buffer, "PNG")  # type: ignore[call-overload]  # the stubs want bytes, the call a str
    return bytes(store.data())


def _overlay(labels: NDArray[Any], colours: dict[int, str]) -> NDArray[np.uint32]:
    """Colours as ARGB, (rows, columns): inside pale, at a label's edge full."""
    found = np.zeros(labels.shape, np.uint32)
    edge = np.zeros(labels.shape, bool)
    edge[1:] |= labels[1:] != labels[:-1]
    edge[:-1] |= labels[1:] != labels[:-1]
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    for value in np.unique(labels):
        if value:
            colour = int(colours.get(int(value), COLOURS[int(value) % len(COLOURS)]).lstrip("#"), 16)
            inside = labels == value
            found[inside] = (round(255 * FILL) << 24) | colour
            found[inside & edge] = (0xFF << 24) | colour
    return found


def _mark(painter: QPainter, plane: Plane, per_mm: float) -> None:
    from PySide6.QtCore import QPointF, QRectF, Qt
    from PySide6.QtGui import QColor, QFont, QPen

    font = QFont("Inter")
    font.setStyleHint(QFont.StyleHint.SansSerif)
    font.setPixelSize(28)
    painter.setFont(font)
    left, right, top, bottom = plane.letters
    middle, line = SIDE_PX / 2, 36
    for letter, box in (
        (left, QRectF(4, middle - line / 2, 40, line)), (right, QRectF(SIDE_PX - 44, middle - line / 2, 40, line)),
        (top, QRectF(middle - 20, 4, 40, line)), (bottom, QRectF(middle - 20, SIDE_PX - line - 4, 40, line)),
    ):  # fmt: skip
        _write(painter, box, letter)
    length_mm = max((one for one in ROUND_MM if one * per_mm <= SIDE_PX / 3), default=ROUND_MM[0])
    y, end = SIDE_PX - 20.0, SIDE_PX - 16.0
    for colour, thick in ((QColor(0, 0, 0), 5), (QColor("#E6E9EF"), 2)):
        painter.setPen(QPen(colour, thick))
        painter.drawLine(QPointF(end - length_mm * per_mm, y), QPointF(end, y))
        for x in (end - length_mm * per_mm, end):
            painter.drawLine(QPointF(x, y - 6), QPointF(x, y + 6))
    _write(painter, QRectF(end - 160, y - 44, 160, 36), f"{length_mm} mm", Qt.AlignmentFlag.AlignRight)


def _write(painter: QPainter, box: Any, words: str, across: Any = None) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QColor

    flags = int(across if across is not None else Qt.AlignmentFlag.AlignHCenter) | int(Qt.AlignmentFlag.AlignVCenter)
    painter.setPen(QColor(0, 0, 0))
    for dx, dy in ((2, 0), (-2, 0), (0, 2), (0, -2)):
        painter.drawText(box.translated(dx, dy), flags, words)
    painter.setPen(QColor("#E6E9EF"))
    painter.drawText(box, flags, words)
