"""What went wrong, above the page: what happened, what was expected, what was received, what helps."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from workbench.core.problem import ProblemRecord
from workbench.gui.buttons import tool_button
from workbench.gui.card import empty
from workbench.gui.theme import theme

Remedy = tuple[str, Callable[[], None]]


class Banner(QFrame):
    """Hidden until there is something to say; stays until it is closed or replaced."""

    reported = Signal(object)
    """A fault of the program that a person wants to report."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("banner")
        self.record: ProblemRecord | None = None
        self._offered: dict[str, Callable[[], None]] = {}
        px = theme().pixels
        self._what = _line("heading")
        self._detail = _line("dim")
        self._fix = _line("")
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(px(8))
        close = tool_button("mdi6.close", "Close this message", self.dismiss)
        words = QVBoxLayout()
        words.setSpacing(px(2))
        for label in (self._what, self._detail, self._fix):
            words.addWidget(label)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(12), px(8), px(8), px(8))
        row.addLayout(words, 1)
        row.addLayout(self._buttons)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_problem(self, record: ProblemRecord, *remedies: Remedy) -> None:
        """Say a problem; each remedy becomes a button. A bug offers its trace."""
        self.record = record
        where = f"{record.place}: " if record.place else ""
        self._say(self._what, where + record.what)
        facts = [f"Expected {record.expected}."] if record.expected else []
        facts += [f"Received {record.received}."] if record.received else []
        self._say(self._detail, " ".join(facts))
        others = [f"{one.field + ': ' if one.field else ''}{one.what} {one.fix}".strip() for one in record.others]
        self._say(self._fix, "\n".join([line for line in (record.fix, *others) if line]))
        offered = list(remedies)
        if record.severity == "bug":
            offered.append(("Report…", lambda: self.reported.emit(record)))
        elif record.trace:
            offered.append(("Copy trace", lambda: QGuiApplication.clipboard().setText(record.trace)))
        self._offer(offered)
        self._dress(record.severity)

    def show_note(self, text: str, *remedies: Remedy) -> None:
        """Say something that is no fault."""
        self.record = None
        self._say(self._what, text)
        self._say(self._detail, "")
        self._say(self._fix, "")
        self._offer(list(remedies))
        self._dress("info")

    def remedies(self) -> list[str]:
        """What is offered."""
        return list(self._offered)

    def press(self, remedy: str) -> None:
        """Do what a button offers."""
        self._offered[remedy]()

    def dismiss(self) -> None:
        """Hide the message."""
        self.record = None
        self.hide()

    def _say(self, label: QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))

    def _offer(self, remedies: list[Remedy]) -> None:
        empty(self._buttons)
        self._offered = dict(remedies)
        for text, act in remedies:
            button = QPushButton(text)
            button.clicked.connect(lambda _=False, act=act: act())
            self._buttons.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)

    def _dress(self, severity: str) -> None:
        self.setProperty("severity", severity)
        self.style().unpolish(self)
        self.style().polish(self)
        self.setAccessibleName(self._what.text())
        self.show()


def _line(role: str) -> QLabel:
    label = QLabel()
    label.setProperty("role", role)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
