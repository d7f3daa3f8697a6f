"""Confusion matrix: rows are true classes, columns predicted ones; a cell opens its items."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from workbench.core import events as ev
from workbench.core.documents import ConfusionDoc, Item, read
from workbench.core.problem import InputError
from workbench.core.words import spaced
from workbench.gui.theme import Tokens, theme
from workbench.gui.views import palette, reading
from workbench.gui.views.base import Rows, View
from workbench.gui.views.marks import paint_focus
from workbench.gui.views.words import small

Cell = tuple[int, int]
_STEPS = {
    Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0),
}  # fmt: skip


@dataclasses.dataclass
class Content:
    """A matrix with the examples behind its cells; counts (C, C)."""

    labels: list[str]
    counts: NDArray[np.int64]
    cells: dict[str, list[int]]
    items: list[Item]


class ConfusionView(View):
    """Colour is the share of the row, so that small classes are seen as well as large ones."""

    name = "Confusion matrix"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content: Content | None = None
        self.grid = Grid(self)
        self.grid.chosen.connect(self._choose)
        self.grid.pointed.connect(self._point)
        self.set_body(self.grid)
        self.setFocusProxy(self.grid)

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        path = reading.inside(folder, artifact.path)
        document = read(path, ConfusionDoc)
        size = len(document.labels)
        if not size or len(document.counts) != size or any(len(row) != size for row in document.counts):
            raise reading.damaged(path, f"{size} × {size} counts", f"{len(document.counts)} rows")
        counts = np.asarray(document.counts, dtype=np.int64)
        return Content(document.labels, counts, document.cells, reading.items_of(folder, artifact))

    def draw(self, content: Content) -> None:
        self.content = content
        self.grid.show_counts(content.labels, content.counts)
        self._point(None)

    def rows(self) -> tuple[Sequence[str], Rows]:
        if self.content is None:
            return ["true \\ predicted"], []
        labels = self.content.labels
        rows = [[label, *map(int, row)] for label, row in zip(labels, self.content.counts, strict=True)]
        return ["true \\ predicted", *labels], rows

    def recolour(self) -> None:
        self.grid.set_theme(self.tokens)

    def _choose(self, cell: Cell) -> None:
        if self.content is None:
            return
        row, column = cell
        positions = self.content.cells.get(f"{row},{column}", [])
        items = [self.content.items[at] for at in positions if 0 <= at < len(self.content.items)]
        true, predicted = self.content.labels[row], self.content.labels[column]
        self.picked_title = f"True {true}, predicted {predicted} · {spaced(len(items))}"
        self.picked.emit(items)

    def _point(self, cell: Cell | None) -> None:
        self.set_caption(self.describe(cell) if cell else self._summary())

    def _summary(self) -> str:
        if self.content is None:
            return ""
        total, right = int(self.content.counts.sum()), int(np.trace(self.content.counts))
        return f"{right / total:.1%} of {spaced(total)} right · click a cell to read it" if total else "no items"

    def describe(self, cell: Cell) -> str:
        """A cell in words: 'scipy taken for numpy: 12 of 90 (13 %)'."""
        if self.content is None:
            raise InputError("There is no matrix to describe.")
        row, column = cell
        count, total = int(self.content.counts[row, column]), int(self.content.counts[row].sum())
        true, predicted = self.content.labels[row], self.content.labels[column]
        words = f"{true} recognised" if row == column else f"{true} taken for {predicted}"
        return f"{words}: {spaced(count)} of {spaced(total)} ({count / total if total else 0:.0%})"


class Grid(QWidget):
    """Paints the matrix and moves a cursor over it with mouse or arrow keys."""

    chosen = Signal(object)
    pointed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens: Tokens = theme().now
        self.labels: list[str] = []
        self.counts: NDArray[np.int64] = np.zeros((0, 0), np.int64)
        self.cursor_cell: Cell | None = None
        self.hovered: Cell | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Confusion matrix; arrow keys move, Enter lists the cell's items")

    def show_counts(self, labels: list[str], counts: NDArray[np.int64]) -> None:
        """Show these counts, (C, C)."""
        if labels != self.labels:
            self.cursor_cell = self.hovered = None
        self.labels, self.counts = labels, counts
        self.update()

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self.tokens = now
        self.update()

    # Geometry

    def layout_of(self) -> GridLayout:
        """Where cells and labels go at the present size."""
        return GridLayout.fit(self.labels, self.width(), self.height(), small(self.font()))

    def cell_at(self, point: QPointF) -> Cell | None:
        """The cell under a point of the widget."""
        if not self.labels:
            return None
        return self.layout_of().cell_at(point)

    # Input

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover(None)

    def _hover(self, cell: Cell | None) -> None:
        if cell != self.hovered:
            self.hovered = cell
            self.setCursor(Qt.CursorShape.PointingHandCursor if cell else Qt.CursorShape.ArrowCursor)
            self.pointed.emit(cell)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and cell is not None:
            self.cursor_cell = cell
            self.chosen.emit(cell)
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if step and self.labels:
            self._move(*step)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.cursor_cell:
            self.chosen.emit(self.cursor_cell)
        else:
            super().keyPressEvent(event)

    def _move(self, down: int, right: int) -> None:
        row, column = self.cursor_cell or (0, 0)
        if self.cursor_cell:
            row, column = row + down, column + right
        last = len(self.labels) - 1
        self.cursor_cell = (min(max(row, 0), last), min(max(column, 0), last))
        self.pointed.emit(self.cursor_cell)
        self.update()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            at = self.layout_of().label_at(event.pos().toPointF()) if self.labels else -1
            QToolTip.showText(event.globalPos(), self.labels[at] if at >= 0 else "", self)
            return True
        return super().event(event)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.labels:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(small(self.font()))
        layout = self.layout_of()
        self._paint_cells(painter, layout)
        self._paint_labels(painter, layout)
        self._paint_frames(painter, layout)
        if self.hasFocus() and not self.cursor_cell:
            paint_focus(painter, QRectF(self.rect()), self.tokens)
        painter.end()

    def _paint_cells(self, painter: QPainter, layout: GridLayout) -> None:
        totals = self.counts.sum(axis=1, keepdims=True)
        shares = self.counts / np.maximum(totals, 1)
        ramp = palette.ramp(self.tokens.blend(self.tokens.raised, 0.55), self.tokens.accent)
        gap = 1.0 if min(layout.cell_width, layout.cell_height) > 6 else 0.0
        font = layout.count_font(painter.font(), int(self.counts.max(initial=0)))
        painter.setPen(Qt.PenStyle.NoPen)
        for row, column in np.ndindex(self.counts.shape):
            colour = QColor(*map(int, ramp[round(shares[row, column] * 255)]))
            painter.setBrush(colour)
            painter.drawRect(layout.cell(row, column).adjusted(gap / 2, gap / 2, -gap / 2, -gap / 2))
        if font is not None:
            self._paint_counts(painter, layout, font, shares, ramp)

    def _paint_counts(
        self, painter: QPainter, layout: GridLayout, font: QFont, shares: NDArray[np.float64], ramp: NDArray[np.uint8]
    ) -> None:
        painter.save()
        painter.setFont(font)
        for row, column in np.argwhere(self.counts):
            ground = QColor(*map(int, ramp[round(shares[row, column] * 255)]))
            faint = shares[row, column] < 0.1
            painter.setPen(QColor(self.tokens.dim) if faint else palette.on(ground))
            painter.drawText(
                layout.cell(int(row), int(column)), Qt.AlignmentFlag.AlignCenter, spaced(self.counts[row, column])
            )
        painter.restore()

    def _paint_labels(self, painter: QPainter, layout: GridLayout) -> None:
        here = self.hovered or (self.cursor_cell if self.hasFocus() else None)
        layout.paint_labels(painter, self.labels, QColor(self.tokens.dim), here=here, lit=QColor(self.tokens.text))

    def _paint_frames(self, painter: QPainter, layout: GridLayout) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self.hovered:
            painter.setPen(QPen(QColor(self.tokens.text), 1.5))
            painter.drawRect(layout.cell(*self.hovered))
        if self.cursor_cell and self.hasFocus():
            painter.setPen(QPen(QColor(self.tokens.warning), 2))
            painter.drawRect(layout.cell(*self.cursor_cell))


LEAST_CELL = 0.05
"""Pixels: of hundreds of rows several share one."""


@dataclasses.dataclass(frozen=True)
class GridLayout:
    """Sizes in pixels; column labels lie flat where they fit and lean where they do not."""

    left: float
    top: float
    cell_width: float
    cell_height: float
    size: int
    lean_degrees: float
    label_room: float
    every_row: int
    every_column: int
    line_height: float

    @classmethod
    def fit(cls, labels: Sequence[str], width: float, height: float, font: QFont) -> GridLayout:
        """The layout for these labels in a widget of this size."""
        metrics, size = QFontMetricsF(font), max(len(labels), 1)
        widest = max((metrics.horizontalAdvance(label) for label in labels), default=0.0)
        line = metrics.height()
        left = min(widest, width * 0.3) + 10
        cell_width = max((width - left - 4) / size, LEAST_CELL)
        flat = widest + 6 <= cell_width
        lean = 0.0 if flat else 45.0 if cell_width >= line * 0.95 else 90.0
        longest = min(widest, max(height * 0.3, 24))
        room = line + 4 if flat else longest * (0.72 if lean == 45.0 else 1.0) + line * 0.8
        above = max(line - max(height - room - 4, 0.0) / size, 0.0) / 2  # what the first label has above a flat row
        cell_height = max((height - room - 4 - above) / size, LEAST_CELL)
        cell_height = min(cell_height, cell_width * 1.25)
        cell_width = min(cell_width, cell_height * 2.2)
        if lean == 45.0:
            # The last label leans to the left, so the room on the left carries it.
            longest = min(longest, (left + cell_width / 2) * 1.4)
        return cls(
            left, 2.0 + above, cell_width, cell_height, size, lean, longest,
            max(int(np.ceil(line * 0.95 / cell_height)), 1),
            max(int(np.ceil(line * (1.0 if lean else 0.0) * 0.95 / cell_width)), 1), line,
        )  # fmt: skip

    def cell(self, row: int, column: int) -> QRectF:
        """A cell's rectangle."""
        return QRectF(
            self.left + column * self.cell_width, self.top + row * self.cell_height, self.cell_width, self.cell_height
        )

    def count_font(self, font: QFont, largest: int) -> QFont | None:
        """A font in which the largest count fits its cell; None where even a small one does not."""
        fitted = QFont(font)
        for points in (font.pointSizeF(), font.pointSizeF() * 0.88, 6.5):
            fitted.setPointSizeF(points)
            metrics = QFontMetricsF(fitted)
            wide = metrics.horizontalAdvance(spaced(largest)) + 6 <= self.cell_width
            if wide and metrics.height() * 0.9 <= self.cell_height:
                return fitted
        return None

    def cell_at(self, point: QPointF) -> Cell | None:
        """The row and column under a point; None beside the matrix."""
        column = int((point.x() - self.left) // self.cell_width)
        row = int((point.y() - self.top) // self.cell_height)
        return (row, column) if 0 <= row < self.size and 0 <= column < self.size else None

    def paint_labels(
        self,
        painter: QPainter,
        labels: Sequence[str],
        colour: QColor,
        *,
        here: Cell | None = None,
        lit: QColor | None = None,
    ) -> None:
        """Write the names beside rows and below columns, those of the cell `here` in `lit`."""
        for number in range(0, self.size, self.every_row):
            painter.setPen(lit if lit and here and here[0] == number else colour)
            self.paint_row_label(painter, number, labels[number])
        for number in range(0, self.size, self.every_column):
            painter.setPen(lit if lit and here and here[1] == number else colour)
            self.paint_column_label(painter, number, labels[number])

    def paint_row_label(self, painter: QPainter, number: int, label: str) -> None:
        """Write a row's name to the left of the matrix."""
        metrics = QFontMetricsF(painter.font())
        middle = self.top + (number + 0.5) * self.cell_height
        box = QRectF(0, middle - self.line_height, self.left - 8, 2 * self.line_height)
        words = metrics.elidedText(label, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)

    def paint_column_label(self, painter: QPainter, number: int, label: str) -> None:
        """Write a column's name below the matrix: flat, leaning or upright."""
        metrics = QFontMetricsF(painter.font())
        bottom = self.top + self.size * self.cell_height + 4
        middle = self.left + (number + 0.5) * self.cell_width
        if not self.lean_degrees:
            box = QRectF(middle - self.cell_width / 2, bottom, self.cell_width, self.line_height)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, label)
            return
        words = metrics.elidedText(label, Qt.TextElideMode.ElideRight, self.label_room)
        painter.save()
        painter.translate(middle + metrics.ascent() * 0.35, bottom + metrics.ascent() * 0.45)
        painter.rotate(-self.lean_degrees)
        painter.drawText(QPointF(-metrics.horizontalAdvance(words), 0), words)
        painter.restore()

    def label_at(self, point: QPointF) -> int:
        """The class whose name stands at a point beside or below the matrix; −1 over the cells."""
        row = (point.y() - self.top) // self.cell_height
        column = (point.x() - self.left) // self.cell_width
        if point.x() < self.left and 0 <= row < self.size:
            return int(row)
        below = point.y() > self.top + self.size * self.cell_height
        return int(column) if below and 0 <= column < self.size else -1
