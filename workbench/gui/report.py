"""A fault of the program in a window of its own: what happened, and a text to send that names nobody."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workbench.core.problem import ProblemRecord
from workbench.gui.link import Link
from workbench.gui.theme import fixed_font, theme

PROMISE = (
    "The text below holds versions, the recipe's numbers, log lines and the trace. Contents and names of your "
    "files and what stood between quotes are left out. Nothing is sent by the program: read it, copy it, send it."
)


class ReportDialog(QDialog):
    """One fault; when more of them come while it is open they are counted."""

    def __init__(self, parent: QWidget, link: Link, record: ProblemRecord, run: str = "") -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("A fault of the program")
        self.resize(theme().pixels(760), theme().pixels(560))
        self.link, self.record = link, record
        self.times = 1
        self._what = _words(f"Something went wrong that nobody foresaw: {record.what}", "heading")
        self._said = _words(_meaning(run), "")
        self.text = QPlainTextEdit("The report is being put together …")
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setFont(fixed_font())
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName("Report")
        self._told = _words("", "ok")
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme().pixels(16)] * 4)
        column.setSpacing(theme().pixels(8))
        for widget in (self._what, self._said, _words(PROMISE, "small")):
            column.addWidget(widget)
        column.addWidget(self.text, 1)
        column.addLayout(self._foot())
        home = link.home
        link.background(lambda: _compose(home, record, run), then=self._fill, failed=self._bare, owner=self)

    def count(self) -> None:
        """Another one came meanwhile."""
        self.times += 1
        self._told.setText(f"{self.times} faults since this window opened; the first is shown.")
        self._told.setProperty("role", "warning")
        self._told.style().polish(self._told)

    def copy(self) -> None:
        """Put the report on the clipboard."""
        QGuiApplication.clipboard().setText(self.text.toPlainText())
        self._told.setText("Copied.")

    def ask_path(self) -> None:
        """Ask where the report goes, then write it."""
        dialog = QFileDialog(self, "Save the report", str(Path.home()))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("Text (*.txt)")
        dialog.setDefaultSuffix("txt")
        dialog.selectFile(f"workbench-report-{time.strftime('%Y%m%d-%H%M%S')}.txt")
        dialog.fileSelected.connect(lambda chosen: self.save(Path(chosen)))
        dialog.open()

    def save(self, path: Path) -> None:
        """Write the report; a failure is said in the window."""
        content = self.text.toPlainText()
        self.link.background(
            lambda: path.write_text(content, "utf-8"),
            then=lambda _: self._told.setText(f"Saved as {path}"),
            failed=lambda record: self._told.setText(f"Not saved: {record.what}"),
            owner=self,
        )

    def _fill(self, text: str) -> None:
        self.text.setPlainText(text)
        for button in (self._copy, self._save):
            button.setEnabled(True)

    def _bare(self, record: ProblemRecord) -> None:
        """Even the report failed: what is known still stands there."""
        self._fill(f"{self.record.text()}\n\n{self.record.trace}\n\nNo more could be found out: {record.what}\n")

    def _foot(self) -> QHBoxLayout:
        foot = QHBoxLayout()
        foot.addWidget(self._told, 1)
        self._copy, self._save, close = QPushButton("Copy"), QPushButton("Save…"), QPushButton("Close")
        self._copy.setToolTip("Put the report on the clipboard")
        self._save.setToolTip("Write the report to a text file")
        self._copy.setProperty("role", "primary")
        self._copy.clicked.connect(lambda _=False: self.copy())
        self._save.clicked.connect(lambda _=False: self.ask_path())
        close.clicked.connect(lambda _=False: self.close())
        for button in (self._copy, self._save):
            button.setEnabled(False)
        for button in (self._copy, self._save, close):
            foot.addWidget(button)
        return foot


def _compose(home: object, record: ProblemRecord, run: str) -> str:
    from workbench.runner.bugreport import compose
    from workbench.store.home import Home

    assert isinstance(home, Home)
    return compose(home, record, run)


def _meaning(run: str) -> str:
    if run:
        return f"The run {run} ended with it. Its folder is intact, and other runs go on."
    return "The window goes on; running work is not touched by it. If it looks wrong now, close and open it again."


def _words(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", role)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
