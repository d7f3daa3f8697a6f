"""The worklist beside the planes: which cases there are, how far the reader is, and the case that is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListView,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workbench.core.review import SIGNED, STATES, ReviewCase, State
from workbench.core.words import count
from workbench.gui.actions import keymap
from workbench.gui.card import Caption
from workbench.gui.cases.review import Review
from workbench.gui.icons import icon
from workbench.gui.theme import theme, tokens

WIDE_PX = 280
PICTURES: dict[State, tuple[str, str]] = {
    "pending": ("mdi6.circle-outline", "dim"), "in work": ("mdi6.progress-pencil", "accent"),
    "accepted": ("mdi6.check-circle", "ok"), "corrected": ("mdi6.pencil-circle", "ok"),
    "rejected": ("mdi6.close-circle", "error"),
}  # fmt: skip
ALL = "All states"
Index = QModelIndex | QPersistentModelIndex


class Cases(QAbstractListModel):
    """Cases that pass the filter, in the order in which they were added."""

    def __init__(self, review: Review) -> None:
        super().__init__()
        self._review = review
        self.ids: list[str] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if parent.isValid() else len(self.ids)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        case = self._review.cases.get(self.ids[index.row()]) if index.row() < len(self.ids) else None
        if case is None:
            return None
        state = case.state_for(self._review.reader)
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{case.title}\n{_line(case, self._review)}"
        if role == Qt.ItemDataRole.DecorationRole:
            name, colour = PICTURES[state]
            return icon(name, getattr(tokens(), colour))
        if role == Qt.ItemDataRole.ToolTipRole:
            said = [f"{one.who}: {one.text}" for one in case.comments[-5:]]
            return "\n".join([case.path, *said])
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{case.title}, {state}"
        return None

    def show_cases(self, ids: list[str]) -> None:
        """Another filter, or other cases; the same ones are only drawn again."""
        if ids == self.ids:
            self.dataChanged.emit(self.index(0), self.index(max(0, len(ids) - 1)))
            return
        self.beginResetModel()
        self.ids = ids
        self.endResetModel()


class WorklistPanel(QWidget):
    """Folded away until somebody asks for it; every control has a key."""

    wanted = Signal(object)
    """The ReviewCase to open."""

    def __init__(self, review: Review, actions: dict[str, QAction], ask_reader: Callable[[], None]) -> None:
        super().__init__()
        self.review = review
        px = theme().pixels
        self.setFixedWidth(px(WIDE_PX))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(px(8))
        self._make_head(actions, ask_reader)
        self._make_list()
        self._make_case(actions)
        review.changed.connect(self.refresh)
        review.ticked.connect(self._tell_case)
        theme().follow(self.list, self.list.viewport().update)
        self.refresh()

    def _make_head(self, actions: dict[str, QAction], ask_reader: Callable[[], None]) -> None:
        px = theme().pixels
        heading = QLabel("Worklist")
        heading.setProperty("role", "heading")
        self.reader = QPushButton()
        self.reader.setProperty("role", "link")
        self.reader.setToolTip("Whose states and times these are; press to change the name")
        self.reader.clicked.connect(lambda _=False: ask_reader())
        self.add = QPushButton("Add folder…")
        self.add.clicked.connect(actions["add"].trigger)
        keymap().explain(self.add, "cases.add")
        self.fold = QPushButton("Hide")
        self.fold.setProperty("role", "compact")
        self.fold.clicked.connect(actions["worklist"].trigger)
        keymap().explain(self.fold, "cases.worklist", "Hide the worklist")
        top = QHBoxLayout()
        top.addWidget(heading)
        top.addWidget(self.reader, 1, Qt.AlignmentFlag.AlignLeft)
        top.addWidget(self.fold)
        self.filter = QComboBox()
        self.filter.setAccessibleName("Show cases of this state")
        self.filter.setToolTip("Show cases of this state only")
        self.filter.addItem(ALL, "")
        for state in STATES:
            self.filter.addItem(state.capitalize(), state)
        self.filter.currentIndexChanged.connect(lambda _: self.refresh())
        across = QHBoxLayout()
        across.setSpacing(px(8))
        across.addWidget(self.filter, 1)
        across.addWidget(self.add)
        self._column.addLayout(top)
        self._column.addLayout(across)

    def _make_list(self) -> None:
        px = theme().pixels
        self.model = Cases(self.review)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setUniformItemSizes(True)
        self.list.setIconSize(QSize(px(18), px(18)))
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("Cases to review")
        self.list.activated.connect(self._activated)
        self.none = Caption()
        self._column.addWidget(self.none)
        self._column.addWidget(self.list, 1)

    def _make_case(self, actions: dict[str, QAction]) -> None:
        px = theme().pixels
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(px(6))
        self.progress.setAccessibleName("Cases signed")
        self.tally, self.now = Caption(role="small"), Caption()
        self.now.setAccessibleName("The open case")
        self.comments = Caption(role="small")
        for widget in (self.progress, self.tally, self.now, self.comments):
            self._column.addWidget(widget)
        lines = (
            (("accept", "Accept"), ("correct", "Corrected"), ("reject", "Reject…")),
            (("previous", "Previous"), ("next", "Next"), ("comment", "Comment…")),
        )
        for line in lines:
            row = QHBoxLayout()
            row.setSpacing(px(4))
            for name, words in line:
                row.addWidget(self._button(actions[name], words), 1)
            self._column.addLayout(row)
        below = QHBoxLayout()
        below.setSpacing(px(4))
        below.addWidget(self._button(actions["finetune"], "Fine-tune on the corrections…"), 1)
        below.addWidget(self._button(actions["log"], "Log…"))
        self._column.addLayout(below)

    def shown(self) -> list[str]:
        """The ids in the list, from the top."""
        return list(self.model.ids)

    def refresh(self) -> None:
        """Cases, counts and the open case as they are now."""
        review, state = self.review, self.filter.currentData()
        reader = review.reader
        self.reader.setText(reader or "Who reads?")
        ids = [one.id for one in review.cases.values() if not state or one.state_for(reader) == state]
        self.model.show_cases(ids)
        if review.current in ids:
            index = self.model.index(ids.index(review.current))
            self.list.setCurrentIndex(index)
            self.list.scrollTo(index)
        elif ids and not self.list.currentIndex().isValid():
            self.list.setCurrentIndex(self.model.index(0))
        whole, counts = len(review.cases), review.counts()
        empty = "No case is in this state." if whole else "Add a folder: every case below it comes onto the list."
        self.none.set_whole("" if ids else empty)
        self.none.setVisible(not ids)
        done = sum(counts[one] for one in SIGNED)
        self.progress.setMaximum(max(1, whole))
        self.progress.setValue(done)
        told = [f"{counts[one]} {one}" for one in STATES if counts[one]]
        self.tally.set_whole(f"{done} of {count(whole, 'case')} signed" if whole else "")
        self.tally.setToolTip(", ".join(told))
        for at, one in enumerate(STATES, 1):
            self.filter.setItemText(at, f"{one.capitalize()} ({counts[one]})")
        self._tell_case()

    def _tell_case(self) -> None:
        case = self.review.case
        self.now.setVisible(case is not None)
        said = case.comments[-1] if case is not None and case.comments else None
        self.comments.setVisible(said is not None)
        if case is not None:
            state = case.state_for(self.review.reader)
            self.now.set_whole(f"{state.capitalize()}  ·  {clock(self.review.seconds())}")
        if said is not None:
            self.comments.set_whole(f"{said.who}: {said.text}")

    def _activated(self, index: QModelIndex) -> None:
        case = self.review.cases.get(self.model.ids[index.row()]) if index.isValid() else None
        if case is not None:
            self.wanted.emit(case)

    def _button(self, action: QAction, words: str) -> QPushButton:
        button = QPushButton(words)
        button.setProperty("role", "compact")
        button.clicked.connect(action.trigger)
        keymap().explain(button, action.objectName())

        def follow() -> None:
            button.setEnabled(action.isEnabled())

        action.changed.connect(follow)
        follow()
        return button


def clock(seconds: float) -> str:
    """Time as a clock shows it: '1:05', '1:02:03'."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _line(case: ReviewCase, review: Review) -> str:
    parts: list[str] = [case.state_for(review.reader)]
    if case.seconds_for(review.reader) >= 1:
        parts.append(clock(case.seconds_for(review.reader)))
    others = [f"{one.who}: {one.state}" for one in case.readings.values() if one.who != review.reader]
    parts += others[:2]
    if case.comments:
        parts.append(count(len(case.comments), "comment"))
    if case.runs:
        parts.append("trained on")
    return "  ·  ".join(parts)
