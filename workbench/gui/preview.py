"""A pane that shows data before it is used: its rows, what the model gets of them, its problems."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from workbench.core.documents import DataPreview, SpannedText
from workbench.core.problem import ProblemRecord
from workbench.core.words import count, spaced
from workbench.gui.card import Caption
from workbench.gui.theme import Tokens, theme, tokens

MOST_LABELS = 12


class PreviewDialog(QDialog):
    """Opened empty, saying that it waits; filled by show_preview or show_problem."""

    def __init__(self, parent: QWidget, title: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Preview: {title}")
        px = theme().pixels
        self.resize(px(880), px(560))
        self.head = QLabel("Reading the data …")
        self.head.setProperty("role", "heading")
        self.head.setTextFormat(Qt.TextFormat.PlainText)
        self.head.setWordWrap(True)
        self.labels = Caption(role="dim")
        self.pages = QTabWidget()
        self.rows, self.problems = quiet_sheet("Rows"), quiet_sheet("Problems")
        self.seen = QTextBrowser()
        self.seen.setAccessibleName("What the model sees")
        self.seen.setOpenLinks(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        column.addWidget(self.head)
        column.addWidget(self.labels)
        column.addWidget(self.pages, 1)
        theme().changed.connect(self._redraw)
        self._found: DataPreview | None = None

    def show_preview(self, found: DataPreview) -> None:
        """Fill the pages with what was understood."""
        self._found = found
        self.head.setText(found.detail if found.detail.startswith(found.format) else f"{found.format}: {found.detail}")
        named = [f"{label}: {spaced(number)}" for label, number in found.labels.items()]
        more = f", and {len(named) - MOST_LABELS} more" if len(named) > MOST_LABELS else ""
        self.labels.set_whole(", ".join(named[:MOST_LABELS]) + more)
        self.pages.clear()
        fill(self.rows, found.columns, found.rows)
        self.pages.addTab(self.rows, "First rows")
        if found.seen:
            self.seen.setHtml(seen_html(found.seen, tokens()))
            self.pages.addTab(self.seen, "What the model sees")
        if found.problem_count:
            listed = [["all" if one.row < 0 else str(one.row + 1), one.what] for one in found.problems]
            fill(self.problems, ["row", "what is wrong"], listed)
            self.pages.addTab(self.problems, count(found.problem_count, "problem"))

    def show_problem(self, record: ProblemRecord) -> None:
        """Say why there is nothing to show."""
        self.head.setText(record.what)
        self.labels.set_whole(record.fix)
        lines = [("Expected", record.expected), ("Received", record.received), ("Where", record.place)]
        fill(self.problems, ["", ""], [[name, text] for name, text in lines if text])
        self.pages.clear()
        self.pages.addTab(self.problems, "Details")

    def _redraw(self, now: Tokens) -> None:
        if self._found is not None and self._found.seen:
            self.seen.setHtml(seen_html(self._found.seen, now))


def quiet_sheet(name: str) -> QTableWidget:
    """A table to be read, not edited."""
    sheet = QTableWidget()
    sheet.setAccessibleName(name)
    sheet.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    sheet.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    sheet.setWordWrap(False)
    sheet.verticalHeader().hide()
    sheet.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return sheet


def fill(sheet: QTableWidget, columns: list[str], rows: list[list[str]]) -> None:
    """Put plain texts into a table; the column with the most text takes the room."""
    width = max([len(columns), *map(len, rows)], default=0)
    sheet.clear()
    sheet.setColumnCount(width)
    sheet.setRowCount(len(rows))
    sheet.setHorizontalHeaderLabels(columns + [""] * (width - len(columns)))
    for at, row in enumerate(rows):
        for place, text in enumerate(row):
            sheet.setItem(at, place, QTableWidgetItem(" ".join(text.split())))
    lengths = [sum(len(row[place]) for row in rows if place < len(row)) for place in range(width)]
    head = sheet.horizontalHeader()
    head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    head.setMaximumSectionSize(theme().pixels(520))
    if width:
        head.setSectionResizeMode(lengths.index(max(lengths)), QHeaderView.ResizeMode.Stretch)


def seen_html(texts: list[SpannedText], now: Tokens) -> str:
    """Texts as the tokenizer's pieces, neighbours told apart by their ground; all of it escaped."""
    return "".join(_one_html(text, now) for text in texts)


def _one_html(text: SpannedText, now: Tokens) -> str:
    grounds = (now.blend(now.accent, 0.16), now.blend(now.accent, 0.34))
    parts: list[str] = []
    end = 0
    for at, span in enumerate(text.spans):
        if span.label == "cut off" and span.score == 0:
            rest = html.escape(_shortened(text.text[span.start : span.end]))
            parts.append(f' <span style="color:{now.dim}; text-decoration:line-through">{rest}</span>')
            continue
        gap = " " if span.start > end and parts else ""
        piece = html.escape(span.label.removeprefix("##").lstrip("▁Ġ") or text.text[span.start : span.end])
        parts.append(f'{gap}<span style="background-color:{grounds[at % 2]}">{piece}</span>')
        end = span.end
    title = f'<span style="color:{now.dim}">{html.escape(text.title)}</span><br>' if text.title else ""
    note = f'<br><span style="color:{now.dim}; font-size:small">{html.escape(text.note)}</span>' if text.note else ""
    return f'<p style="line-height:150%; color:{now.text}">{title}{"".join(parts)}{note}</p>'


def _shortened(text: str, longest: int = 240) -> str:
    return text if len(text) <= longest else text[:longest].rstrip() + " …"
