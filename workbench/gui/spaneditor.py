"""A text whose stretches are marked: select words, press a label's number; Delete takes a mark away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QToolTip, QWidget

from workbench.core.documents import Span
from workbench.gui.labelledits import snapped
from workbench.gui.theme import Tokens, theme


class SpanEditor(QPlainTextEdit):
    """Shows a text read-only with its spans; offsets are characters, as in the documents.

    Signals: `removed(start, end)` when the person wants the spans of a stretch gone.
    """

    removed = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens: Tokens = theme().now
        self.whole, self.spans = "", list[Span]()
        self.colours: Mapping[str, QColor] = {}
        self.setReadOnly(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setAccessibleName("Text; select words and press a label's number, Delete removes a mark")
        self.setToolTip("Select words, then press a label's number; Delete removes the mark under the cursor")

    def show_spans(self, text: str, spans: Sequence[Span], colours: Mapping[str, QColor]) -> None:
        """Show a text and its marks; the selection stays where the text is the same."""
        self.spans, self.colours = list(spans), colours
        if text != self.whole:
            self.whole = text
            self.setPlainText(text.replace("\r", " "))
        self._mark()

    def set_theme(self, now: Tokens) -> None:
        """Use these colours."""
        self.tokens = now
        self._mark()

    def selection(self) -> tuple[int, int]:
        """The selected characters, grown to whole words; an empty pair of equal numbers without a selection."""
        cursor = self.textCursor()
        start, end = (self._characters(at) for at in (cursor.selectionStart(), cursor.selectionEnd()))
        return snapped(self.whole, start, end)

    def select(self, start: int, end: int) -> None:
        """Select characters [start, end)."""
        cursor = self.textCursor()
        cursor.setPosition(self._units(start))
        cursor.setPosition(self._units(end), QTextCursor.MoveMode.KeepAnchor)
        self.setTextCursor(cursor)

    def _characters(self, units: int) -> int:
        """Qt counts UTF-16 units, the documents characters."""
        return len(self.whole.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore"))

    def _units(self, characters: int) -> int:
        return len(self.whole[:characters].encode("utf-16-le", "surrogatepass")) // 2

    def _mark(self) -> None:
        marks = []
        for one in self.spans:
            mark = QTextEdit.ExtraSelection()
            look, colour = QTextCharFormat(), QColor(self.colours.get(one.label, QColor(self.tokens.accent)))
            look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.SingleUnderline)
            look.setUnderlineColor(colour)
            colour.setAlphaF(0.3)
            look.setBackground(colour)
            cursor = QTextCursor(self.document())
            cursor.setPosition(self._units(one.start))
            cursor.setPosition(self._units(one.end), QTextCursor.MoveMode.KeepAnchor)
            mark.cursor, mark.format = cursor, look
            marks.append(mark)
        self.setExtraSelections(marks)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            start, end = self.selection()
            if start == end:
                start = self._characters(self.textCursor().position())
                end = start + 1
            self.removed.emit(start, end)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            at = self._characters(self.cursorForPosition(event.pos()).position())
            label = next((one.label for one in self.spans if one.start <= at < one.end), "")
            QToolTip.showText(event.globalPos(), label or self.toolTip(), self)
            return True
        return super().event(event)

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy plain words, without the marks' colours."""
        data = QMimeData()
        data.setText(self.textCursor().selectedText())
        return data
