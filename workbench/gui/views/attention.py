"""Attention: how much each token (row) looks at each other one (column), head by head."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from workbench.core import events as ev
from workbench.gui.theme import Tokens, theme
from workbench.gui.views import palette, reading
from workbench.gui.views.base import Rows, View
from workbench.gui.views.confusion import GridLayout
from workbench.gui.views.words import small


@dataclasses.dataclass
class Content:
    """Weights (heads, T, T) and T tokens."""

    weights: NDArray[Any]
    tokens: list[str]


class AttentionView(View):
    """Weights between tokens; the head is chosen above, 'mean' averages all."""

    name = "Attention"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = Content(np.zeros((0, 0, 0)), [])
        self.heads = QComboBox()
        self.heads.setAccessibleName("Attention head")
        self.heads.setToolTip("Which head is shown")
        self.heads.currentIndexChanged.connect(lambda _at: self._show_head())
        self.heat = Heat(self)
        self.heat.pointed.connect(self._point)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.heads, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.heat, 1)
        self.set_body(body)

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        path = reading.inside(folder, artifact.path)
        weights = reading.array(path, ndim=3)
        if weights.shape[1] != weights.shape[2]:
            raise reading.damaged(path, "weights of shape (heads, T, T)", str(weights.shape))
        tokens = _tokens(folder, artifact)
        if tokens and len(tokens) != weights.shape[1]:
            raise reading.damaged(path, f"weights between {len(tokens)} tokens", str(weights.shape))
        return Content(weights, tokens or [str(at) for at in range(weights.shape[1])])

    def draw(self, content: Content) -> None:
        self.content = content
        if self.heads.count() != len(content.weights) + 1:
            self.heads.blockSignals(True)
            self.heads.clear()
            self.heads.addItems(["mean", *(f"head {at + 1}" for at in range(len(content.weights)))])
            self.heads.blockSignals(False)
        self._show_head()
        self._point(None)

    def matrix(self) -> NDArray[np.float64]:
        """The weights that are shown, (T, T)."""
        at = self.heads.currentIndex() - 1
        chosen = self.content.weights.mean(axis=0) if at < 0 else self.content.weights[at]
        return np.nan_to_num(np.asarray(chosen, dtype=np.float64))

    def _show_head(self) -> None:
        if len(self.content.weights):
            self.heat.show_weights(self.matrix(), self.content.tokens)

    def _point(self, cell: tuple[int, int] | None) -> None:
        tokens = self.content.tokens
        if cell is None:
            self.set_caption(f"{len(self.content.weights)} heads · {len(tokens)} tokens")
            return
        self.set_caption(f"{tokens[cell[0]]} → {tokens[cell[1]]}: {self.matrix()[cell]:.3f}")

    def rows(self) -> tuple[Sequence[str], Rows]:
        tokens = self.content.tokens
        rows = [[token, *map(float, row)] for token, row in zip(tokens, self.matrix(), strict=True)] if tokens else []
        return ("token", *tokens), rows

    def recolour(self) -> None:
        self.heat.set_theme(self.tokens)


def _tokens(folder: Path, artifact: ev.Artifact) -> list[str]:
    part = artifact.parts.get("tokens", "")
    if not part:
        return [str(token) for token in artifact.meta.get("tokens", [])]
    path = reading.inside(folder, part)
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[str])
    except (OSError, msgspec.DecodeError) as error:
        raise reading.damaged(path, "a list of tokens in JSON", str(error)) from None


class Heat(QWidget):
    """A square of weights with a token beside each row and below each column."""

    pointed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens: Tokens = theme().now
        self.words: list[str] = []
        self.weights: NDArray[np.float64] = np.zeros((0, 0))
        self.setMouseTracking(True)
        self.setAccessibleName("Attention weights")

    def show_weights(self, weights: NDArray[np.float64], words: list[str]) -> None:
        """Show weights (T, T) between T words."""
        self.weights, self.words = weights, words
        self.update()

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self.tokens = now
        self.update()

    def _layout(self) -> GridLayout:
        return GridLayout.fit(self.words, self.width(), self.height(), small(self.font()))

    def cell_at(self, point: QPointF) -> tuple[int, int] | None:
        """The row and column under a point of the widget."""
        return self._layout().cell_at(point) if self.words else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.pointed.emit(self.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.pointed.emit(None)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.words:
            return
        painter = QPainter(self)
        painter.setFont(small(self.font()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        layout = self._layout()
        ramp = palette.ramp(self.tokens.blend(self.tokens.raised, 0.55), self.tokens.accent)
        shade = np.clip(self.weights / max(float(self.weights.max()), 1e-9) * 255, 0, 255).astype(np.uint8)
        pixels = np.ascontiguousarray(ramp[shade])
        side = len(self.words)
        image = QImage(pixels.data, side, side, side * 3, QImage.Format.Format_RGB888)
        box = QRectF(layout.left, layout.top, side * layout.cell_width, side * layout.cell_height)
        painter.drawImage(box, image)
        layout.paint_labels(painter, self.words, QColor(self.tokens.dim))
        painter.end()
