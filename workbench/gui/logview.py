"""The run's log: time, line, warnings and errors in their colours."""

from __future__ import annotations

import time
from collections.abc import Iterable

from PySide6.QtGui import QColor, QFont, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from workbench.core import events as ev
from workbench.gui.theme import base_font, theme, tokens

MOST_LINES = 5000


class LogView(QPlainTextEdit):
    """Appends lines and follows the end unless a person has scrolled up."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("log")
        self.setReadOnly(True)
        self.setMaximumBlockCount(MOST_LINES)
        self.setFont(_font())
        self.setAccessibleName("Log of the run")
        self.setPlaceholderText("What the run says appears here.")
        self._lines: list[ev.Log] = []
        theme().changed.connect(self._redraw)

    def show_lines(self, lines: Iterable[ev.Log]) -> None:
        """Replace everything."""
        self._lines = []
        self.clear()
        self.add_lines(lines)

    def add_lines(self, lines: Iterable[ev.Log]) -> None:
        """Add to the end."""
        fresh = list(lines)
        if not fresh:
            return
        self._lines = (self._lines + fresh)[-MOST_LINES:]
        bar = self.verticalScrollBar()
        follow = bar.value() >= bar.maximum() - 4
        self._write(fresh)
        if follow:
            bar.setValue(bar.maximum())

    def _write(self, lines: list[ev.Log]) -> None:
        now = tokens()
        colours = {"warning": now.warning, "error": now.error}
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.beginEditBlock()
        for line in lines:
            if not self.document().isEmpty():
                cursor.insertBlock()
            cursor.insertText(time.strftime("%H:%M:%S  ", time.localtime(line.t)), _format(now.dim))
            cursor.insertText(line.message, _format(colours.get(line.level, now.text)))
        cursor.endEditBlock()

    def _redraw(self) -> None:
        self.setFont(_font())
        self.viewport().setFont(self.font())  # the hint is drawn with it, and does not inherit a later change
        self.show_lines(list(self._lines))


def _font() -> QFont:
    font = base_font(theme().scale)
    font.setPointSizeF(font.pointSizeF() * 0.9)
    return font


def _format(colour: str) -> QTextCharFormat:
    drawn = QTextCharFormat()
    drawn.setForeground(QColor(colour))
    return drawn
