"""Texts with labelled or scored stretches, any number of them, laid out only where they are seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QHBoxLayout, QToolButton, QToolTip, QVBoxLayout, QWidget

from workbench.core import events as ev
from workbench.core.documents import Item, Span, SpannedText, SpansDoc, read
from workbench.core.words import spaced
from workbench.gui.actions import keymap
from workbench.gui.buttons import quiet_toggles
from workbench.gui.theme import Tokens, theme
from workbench.gui.views import palette, reading
from workbench.gui.views.base import Rows, View
from workbench.gui.views.legend import Legend
from workbench.gui.views.marks import paint_focus
from workbench.gui.views.spantext import Block, Chip, chips, is_mistaken, shortened

_GAP_PX = 14
_SIDE_PX = 10


class SpansView(View):
    """Predicted spans as chips with label and score, held against the true ones; or a heat of scores."""

    name = "Texts with spans"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = SpansDoc([])
        self.page = SpanPage(self)
        self.page.opened.connect(self._choose)
        self.legend = Legend()
        self.legend.setToolTip("Click a label to see only texts with it")
        self.legend.chosen.connect(lambda _at: self._filter())
        self.mistakes = QToolButton()
        self.mistakes.setText("mistakes only")
        self.mistakes.setCheckable(True)
        keymap().explain(self.mistakes, "view.spans.mistakes")
        self.mistakes.setAccessibleName("Mistakes only")
        self.mistakes.toggled.connect(lambda _on: self._filter())
        self.strip = QWidget()
        row = QHBoxLayout(self.strip)
        row.setContentsMargins(4, 0, 4, 0)
        row.addWidget(self.legend, 1)
        row.addWidget(self.mistakes)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.page, 1)
        column.addWidget(self.strip)
        self.set_body(body)
        self.setFocusProxy(self.page)
        self.add_action("view.spans.mistakes", self.mistakes.toggle)
        self.recolour()

    def read(self, folder: Path, artifact: ev.Artifact) -> SpansDoc:
        path = reading.inside(folder, artifact.path)
        document = read(path, SpansDoc)
        for number, text in enumerate(document.texts):
            if any(not 0 <= one.start <= one.end <= len(text.text) for one in (*text.spans, *text.gold)):
                raise reading.damaged(path, "spans within their texts", f"one outside text {number}")
        return document

    def draw(self, content: SpansDoc) -> None:
        self.document = content
        heat = content.mode == "scores"
        judged = any(text.gold for text in content.texts)
        self.mistakes.setVisible(judged and not heat)
        self.strip.setVisible(not heat)
        self._show_legend()
        self._filter()

    def show_texts(self, texts: Sequence[SpannedText], *, mode: str = "labels") -> None:
        """Show texts that come from elsewhere than a file."""
        self.draw(SpansDoc(list(texts), "scores" if mode == "scores" else "labels"))
        self.reveal()

    def labels(self) -> list[str]:
        """All labels, the document's own first."""
        used = {one.label for text in self.document.texts for one in (*text.spans, *text.gold) if one.label}
        return [*self.document.labels, *sorted(used - set(self.document.labels))]

    def _show_legend(self) -> None:
        labels = self.labels()
        colours = [palette.category(at, self.tokens) for at in range(len(labels))]
        self.legend.show_entries([(name, shade, "square") for name, shade in zip(labels, colours, strict=True)])
        self.page.colours = dict(zip(labels, colours, strict=True))

    def _filter(self) -> None:
        texts = self.document.texts
        judged = any(text.gold for text in texts)
        mistaken = sum(map(is_mistaken, texts)) if judged else 0
        if judged and self.mistakes.isChecked():
            texts = [text for text in texts if is_mistaken(text)]
        if self.legend.current >= 0:
            label = self.labels()[self.legend.current]
            texts = [text for text in texts if any(one.label == label for one in (*text.spans, *text.gold))]
        self.page.show_texts(texts, mode=self.document.mode, judged=judged)
        count = f"{spaced(len(self.document.texts))} texts" if len(self.document.texts) != 1 else "1 text"
        self.set_caption(f"{count} · {spaced(mistaken)} with mistakes" if judged else count)

    def recolour(self) -> None:
        self.page.set_theme(self.tokens)
        self.legend.set_theme(self.tokens)
        self.mistakes.setStyleSheet(quiet_toggles(self.tokens))
        self._show_legend()

    def rows(self) -> tuple[Sequence[str], Rows]:
        return ("text", "start", "end", "label", "score", "kind", "source"), self._rows()

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for text in self.document.texts:
            for kind, spans in (("predicted", text.spans), ("true", text.gold)):
                for one in spans:
                    yield text.text, one.start, one.end, one.label, one.score, kind, text.source

    def _choose(self, text: SpannedText) -> None:
        self.picked_title = text.title or (f"row {text.source}" if text.source >= 0 else "text")
        label, predicted = (_in_words(text.text, spans) for spans in (text.gold, text.spans))
        self.picked.emit([Item(text.text, label, predicted, source=text.source)])


def _in_words(text: str, spans: Sequence[Span]) -> str:
    return "; ".join(f"{one.label}: {text[one.start : one.end]}" for one in spans)


class SpanPage(QAbstractScrollArea):
    """A column of texts; heights are guessed until a text comes into view."""

    opened = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens: Tokens = theme().now
        self.colours: dict[str, QColor] = {}
        self.texts: list[SpannedText] = []
        self.mode, self.judged = "labels", False
        self.current = -1
        self._blocks: dict[int, Block] = {}
        self._heights = np.zeros(0)
        self._tops = np.zeros(1)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName("Texts; up and down choose one, Enter opens it")

    def show_texts(self, texts: Sequence[SpannedText], *, mode: str, judged: bool) -> None:
        """Show these texts; `judged` compares predicted spans with the true ones."""
        self.texts, self.mode, self.judged = list(texts), mode, judged
        self.current = min(self.current, len(self.texts) - 1)
        self._relay()

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self.tokens = now
        self.viewport().update()

    def sizeHint(self) -> QSize:
        return QSize(320, 160)

    def content_height(self) -> float:
        """The height of all texts, as far as it is known."""
        return float(self._tops[-1])

    # Layout

    def _relay(self) -> None:
        self._blocks.clear()
        metrics = QFontMetricsF(self.font())
        per_line = max(self._width() / max(metrics.averageCharWidth(), 1), 8)
        lines = np.array([len(text.text) // per_line + 1 + 0.9 * bool(text.title or text.note) for text in self.texts])
        self._heights = lines * metrics.height() * 1.32 + _GAP_PX
        self._stack()
        self.viewport().update()

    def _stack(self) -> None:
        self._tops = np.concatenate([[0.0], np.cumsum(self._heights)])
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(24)
        bar.setRange(0, max(round(self._tops[-1]) - self.viewport().height(), 0))

    def _width(self) -> float:
        return max(self.viewport().width() - 2 * _SIDE_PX, 60)

    def block(self, at: int) -> Block:
        """A text laid out; its true height takes the guess's place."""
        if at not in self._blocks:
            text = shortened(self.texts[at])
            marks = chips(text, mode=self.mode, judged=self.judged)
            self._blocks[at] = Block(text, marks, width=self._width(), font=self.font())
        return self._blocks[at]

    def _visible(self) -> range:
        top = self.verticalScrollBar().value()
        first = max(int(np.searchsorted(self._tops, top, side="right")) - 1, 0)
        bottom, last, y = top + self.viewport().height(), first, self._tops[first]
        changed = False
        while last < len(self.texts) and y < bottom:
            height = self.block(last).height + _GAP_PX
            changed |= abs(height - self._heights[last]) > 0.5
            self._heights[last] = height
            y += height
            last += 1
        if changed:
            self._stack()
        return range(first, last)

    def text_at(self, point: QPointF) -> int:
        """The text under a point of the viewport; −1 below the last."""
        y = point.y() + self.verticalScrollBar().value()
        at = int(np.searchsorted(self._tops, y, side="right")) - 1
        return at if 0 <= at < len(self.texts) else -1

    def chip_at(self, point: QPointF) -> Chip | None:
        """The chip under a point of the viewport."""
        at = self.text_at(point)
        if at < 0:
            return None
        top = self._tops[at] - self.verticalScrollBar().value() + _GAP_PX / 2
        return self.block(at).chip_at(point - QPointF(_SIDE_PX, top))

    # Events

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._relay()
        else:
            self._stack()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for at in self._visible():
            y = self._tops[at] - self.verticalScrollBar().value()
            if at == self.current and self.hasFocus():
                painter.fillRect(QRectF(0, y, self.viewport().width(), self._heights[at]), QColor(self.tokens.raised))
            self.block(at).paint(painter, QPointF(_SIDE_PX, y + _GAP_PX / 2), self.colours, self.tokens)
            if at + 1 < len(self.texts):
                painter.fillRect(
                    QRectF(_SIDE_PX, y + self._heights[at] - 0.5, self._width(), 1), QColor(self.tokens.line)
                )
        if self.hasFocus() and self.current < 0:
            paint_focus(painter, QRectF(self.viewport().rect()), self.tokens)
        painter.end()

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            chip = self.chip_at(event.pos().toPointF())
            QToolTip.showText(event.globalPos(), chip.words if chip else "", self.viewport())
            return True
        return super().viewportEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        at = self.text_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and at >= 0:
            self.current = at
            self.opened.emit(self.texts[at])
            self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
        if step and self.texts:
            self._go(min(max(self.current + step, 0), len(self.texts) - 1))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and 0 <= self.current < len(self.texts):
            self.opened.emit(self.texts[self.current])
        else:
            super().keyPressEvent(event)

    def _go(self, at: int) -> None:
        self.current = at
        bar, top = self.verticalScrollBar(), self._tops[at]
        self.block(at)
        bar.setValue(round(min(max(bar.value(), self._tops[at + 1] - self.viewport().height()), top)))
        self.viewport().update()
