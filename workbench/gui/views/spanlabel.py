"""One spanned text as a label: grows with its words, shows what is known of a span in a tooltip."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QSize
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.core.documents import SpannedText
from workbench.gui.theme import Tokens, theme
from workbench.gui.views import palette
from workbench.gui.views.spantext import Block, chips, shortened


class SpanLabel(QWidget):
    """Shows one text; `mode` is 'labels' or 'scores' as in SpansDoc."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens: Tokens = theme().now
        self.text: SpannedText | None = None
        self.mode = "labels"
        self.labels: list[str] = []
        self._block: Block | None = None
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        theme().changed.connect(self.set_theme)

    def show_text(self, text: SpannedText | None, *, mode: str = "labels", labels: Sequence[str] = ()) -> None:
        """Show a text (None: nothing); `labels` fixes which colour each label has."""
        self.text, self.mode = (shortened(text) if text else None), mode
        used = {one.label for one in (*text.spans, *text.gold)} if text else set()
        self.labels = [*labels, *sorted(used - set(labels))]
        self._block = None
        self.setAccessibleName(_in_words(self.text))
        self.updateGeometry()
        self.update()

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self.tokens = now
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return round(self._laid(width).height) + 4 if self.text else 0

    def sizeHint(self) -> QSize:
        return QSize(240, self.heightForWidth(240))

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.heightForWidth(max(self.width(), 80)))

    def _laid(self, width: float) -> Block:
        text = self.text or SpannedText("", [])
        if self._block is None or abs(self._block.width - (width - 6)) > 0.5:
            marks = chips(text, mode=self.mode, judged=bool(text.gold))
            self._block = Block(text, marks, width=max(width - 6, 40), font=self.font())
        return self._block

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.text is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours: dict[str, QColor] = {name: palette.category(at, self.tokens) for at, name in enumerate(self.labels)}
        self._laid(self.width()).paint(painter, QPointF(3, 2), colours, self.tokens)
        painter.end()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and self.text is not None:
            chip = self._laid(self.width()).chip_at(event.pos().toPointF() - QPointF(3, 2))
            QToolTip.showText(event.globalPos(), chip.words if chip else "", self)
            return True
        return super().event(event)


def _in_words(text: SpannedText | None) -> str:
    if text is None:
        return ""
    spans = "; ".join(
        f"{text.text[one.start : one.end]}: {one.label or f'{one.score:+.2f}'}" for one in text.spans[:40]
    )
    return f"{text.text}. {spans}"
