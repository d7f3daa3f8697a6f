"""The legend of a comparison: every run with its colour; click to hide or show it, close to leave it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QToolButton, QVBoxLayout, QWidget

from workbench.gui.buttons import tool_button
from workbench.gui.card import Caption, empty
from workbench.gui.compare.comparison import Comparison, Member
from workbench.gui.theme import theme, tokens
from workbench.gui.views import palette
from workbench.gui.views.words import wrapped

if TYPE_CHECKING:
    from workbench.gui.runmodel import RunModel


class RunList(QScrollArea):
    """Rows follow the comparison; nothing is kept here."""

    run_opened = Signal(str)

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self.comparison = comparison
        self.rows: dict[str, RunLine] = {}
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        holder = QWidget()
        holder.setObjectName("scrolled")
        self._column = QVBoxLayout(holder)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme().pixels(8))
        self.setWidget(holder)
        comparison.members_changed.connect(self.refresh)
        theme().follow(self, self.refresh)

    def refresh(self) -> None:
        """Show the runs as they are now."""
        members = self.comparison.members
        if list(members) != list(self.rows):
            empty(self._column)
            self.rows = {run: self._line(member) for run, member in members.items()}
            for line in self.rows.values():
                self._column.addWidget(line)
            self._column.addStretch(1)
        for run, line in self.rows.items():
            line.tell(members[run])

    def tell(self, run: str) -> None:
        """A run has said something."""
        if run in self.rows and run in self.comparison.members:
            self.rows[run].tell(self.comparison.members[run])

    def _line(self, member: Member) -> RunLine:
        line, run = RunLine(), member.id
        line.swatch.clicked.connect(lambda on: self.comparison.show(run, on))
        line.remove.clicked.connect(lambda: self.comparison.remove(run))
        line.open.clicked.connect(lambda: self.run_opened.emit(run))
        return line


class RunLine(QFrame):
    """One run: its colour (hollow while hidden), its name, how it stands, what is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        px = theme().pixels
        self.swatch = QToolButton()
        self.swatch.setCheckable(True)
        self.swatch.setIconSize(QSize(px(16), px(16)))
        self.name, self.state = Caption(role=""), Caption()
        self.trouble = QLabel()
        self.trouble.setProperty("role", "warning")
        self.trouble.setWordWrap(True)
        self.trouble.setTextFormat(Qt.TextFormat.PlainText)
        self.open = tool_button("mdi6.open-in-app", "Show this run in its tab", lambda: None)
        self.remove = tool_button("mdi6.close", "Leave this run out of the comparison", lambda: None)
        top = QHBoxLayout()
        top.setSpacing(px(4))
        top.addWidget(self.swatch)
        top.addWidget(self.name, 1)
        top.addWidget(self.open)
        top.addWidget(self.remove)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        below = QVBoxLayout()
        below.setContentsMargins(px(28), 0, px(4), 0)
        below.addWidget(self.state)
        below.addWidget(self.trouble)
        column.addLayout(below)

    def tell(self, member: Member) -> None:
        """Show a run as it is now."""
        model, readable = member.model, member.model is not None
        self.name.set_whole(member.name)
        self.state.set_whole(_standing(model) if model is not None else member.id)
        self.name.setToolTip(wrapped(f"{member.name}\n{member.id}"))
        self.trouble.setText(member.trouble)
        self.trouble.setVisible(bool(member.trouble))
        self.swatch.setChecked(member.shown)
        self.swatch.setEnabled(readable)
        self.open.setEnabled(readable)
        deed = "Hide" if member.shown else "Show"
        self.swatch.setToolTip(f"{deed} this run in charts and artifacts")
        self.swatch.setAccessibleName(f"{deed} {member.name}")
        self.remove.setAccessibleName(f"Leave {member.name} out")
        self.open.setAccessibleName(f"Show {member.name} in its tab")
        self.swatch.setIcon(swatch(palette.category(member.place, tokens()), full=member.shown and readable))


def _standing(model: RunModel) -> str:
    """'finished · step 800', 'training · step 40 of 800': as much as a narrow list has room for."""
    state = model.state
    if state.phase == "new":
        return "read as it is"
    doing = state.doing if state.phase == "running" and state.doing else state.phase
    of = f" of {state.total}" if model.alive and state.total else ""
    return f"{doing} · step {state.step}{of}" if state.step else doing


def swatch(colour: QColor, *, full: bool = True) -> QIcon:
    """A square of a run's colour; only its edge while the run is hidden."""
    side = theme().pixels(16)
    pixmap = QPixmap(side * 2, side * 2)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(colour)
    painter.setBrush(colour if full else Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(QRectF(2, 2, side - 4, side - 4), 3, 3)
    painter.end()
    return QIcon(pixmap)
