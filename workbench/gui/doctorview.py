"""The doctor in the window: what this machine offers and lacks, each lack with its fix."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from workbench.core.events import WorkerState
from workbench.core.problem import ProblemRecord
from workbench.core.words import count
from workbench.gui.icons import icon
from workbench.gui.link import Link
from workbench.gui.theme import theme, tokens

if TYPE_CHECKING:
    from workbench.runner.doctor import Finding

PICTURES = {
    "ok": ("mdi6.check-circle-outline", "ok"),
    "missing": ("mdi6.alert-circle-outline", "warning"),
    "broken": ("mdi6.close-circle-outline", "error"),
}


class Examination(QObject):
    """Looks at one thing after the other off the GUI thread; `found` carries a Finding, `done` all of them."""

    found = Signal(object)
    done = Signal(list)

    def __init__(self, link: Link, parent: QObject) -> None:
        super().__init__(parent)
        self.link = link
        self.findings: list[Finding] = []
        self._looks: Iterator[Finding] = iter(())
        self._worker = False
        self.running = False

    def start(self, *, worker: bool) -> None:
        """Look again at everything; with `worker` one is started where none runs."""
        if self.running:
            return
        self.findings, self._worker, self.running = [], worker, True
        self.link.background(self._open, then=lambda _: self._next(), owner=self)

    def _open(self) -> None:
        from workbench.runner.doctor import examine

        self._looks = examine(self.link.home.root)

    def _next(self) -> None:
        self.link.background(lambda: next(self._looks, None), then=self._take, owner=self)

    def _take(self, finding: Finding | None) -> None:
        if finding is not None:
            self._add(finding)
            self._next()
        elif self._worker:
            began = time.monotonic()
            self.link.deliver(
                self.link.runner.attach(),
                then=lambda state: self._answered(state, time.monotonic() - began),
                failed=self._refused,
                owner=self,
            )
        else:
            self._finish()

    def _answered(self, state: WorkerState, seconds: float) -> None:
        from workbench.runner.doctor import Finding

        self._add(Finding("worker", "ok", f"process {state.pid} answers after {seconds:.1f} s"))
        self._finish()

    def _refused(self, record: ProblemRecord) -> None:
        from workbench.runner.doctor import Finding

        self._add(Finding("worker", "broken", record.received or record.what, record.fix))
        self._finish()

    def _add(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.found.emit(finding)

    def _finish(self) -> None:
        self.running = False
        self.done.emit(list(self.findings))


class DoctorDialog(QDialog):
    """The findings as they come, as `workbench doctor` prints them."""

    def __init__(self, parent: QWidget, link: Link) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Doctor")
        self.resize(theme().pixels(720), theme().pixels(560))
        self.examination = Examination(link, self)
        self.examination.found.connect(self._add)
        self.examination.done.connect(self._summarize)
        self._summary = _text("", "heading")
        holder = QWidget()
        holder.setObjectName("scrolled")
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(theme().pixels(12))
        self._grid.setVerticalSpacing(theme().pixels(8))
        self._grid.setColumnStretch(2, 1)
        rows = QVBoxLayout(holder)
        rows.setContentsMargins(0, 0, theme().pixels(8), 0)
        rows.addLayout(self._grid)
        rows.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme().pixels(16)] * 4)
        column.setSpacing(theme().pixels(12))
        column.addWidget(self._summary)
        column.addWidget(area, 1)
        column.addLayout(self._foot())
        self.look()

    def look(self) -> None:
        """Look at everything, the worker too."""
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._again.setEnabled(False)
        self._summary.setText("Looking at this machine …")
        self.examination.start(worker=True)

    def text(self) -> str:
        """All findings as plain lines, to be pasted somewhere."""
        lines = [
            f"{one.state:<8} {one.name:<17} {one.detail}" + (f"\n{'':26} Fix: {one.fix}" if one.fix else "")
            for one in self.examination.findings
        ]
        return "\n".join(lines)

    def _add(self, finding: Finding) -> None:
        line = 2 * len(self.examination.findings)
        picture, role = PICTURES[finding.state]
        mark = QLabel()
        mark.setPixmap(icon(picture, getattr(tokens(), role)).pixmap(theme().pixels(20)))
        mark.setAccessibleName(finding.state)
        self._grid.addWidget(mark, line, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(_text(finding.name, "heading"), line, 1, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(_text(finding.detail, ""), line, 2)
        if finding.fix:
            self._grid.addWidget(_text(f"Fix: {finding.fix}", "dim"), line + 1, 2)
        if not self.examination.findings[-1:] or not self.examination.running:
            return
        self._summary.setText(f"Looking at this machine … {finding.name} seen")

    def _summarize(self, findings: list[Finding]) -> None:
        self._summary.setText(summary(findings))
        self._again.setEnabled(True)

    def _foot(self) -> QHBoxLayout:
        foot = QHBoxLayout()
        foot.addWidget(_text("The same in a terminal: workbench doctor", "small"), 1)
        self._again, copy, close = QPushButton("Look again"), QPushButton("Copy"), QPushButton("Close")
        self._again.setToolTip("Look at everything once more")
        copy.setToolTip("Put the findings on the clipboard")
        self._again.clicked.connect(lambda _=False: self.look())
        copy.clicked.connect(lambda _=False: QGuiApplication.clipboard().setText(self.text()))
        close.clicked.connect(lambda _=False: self.close())
        for button in (self._again, copy, close):
            foot.addWidget(button)
        return foot


def summary(findings: list[Finding]) -> str:
    """'2 things are missing, none is broken.'"""
    missing = sum(one.state == "missing" for one in findings)
    broken = sum(one.state == "broken" for one in findings)
    if not missing and not broken:
        return "Everything is there."
    said = f"{count(missing, 'thing is', 'things are')} missing, which costs a feature each" if missing else ""
    worse = f"{count(broken, 'thing is', 'things are')} broken" if broken else "none is broken"
    return "; ".join(part for part in (said, worse) if part) + "."


def _text(words: str, role: str) -> QLabel:
    label = QLabel(words)
    label.setProperty("role", role)
    label.setWordWrap(role != "heading")
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
