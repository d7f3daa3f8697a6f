"""One job in the job panel: its name, how far it is, what can be done with it, and more when unfolded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from workbench.core import events as ev
from workbench.core.job import JobState
from workbench.core.recipe import Recipe
from workbench.gui.buttons import tool_button
from workbench.gui.card import Caption, empty
from workbench.gui.icons import icon
from workbench.gui.jobtail import Word
from workbench.gui.jobwords import facts, frozen
from workbench.gui.logview import LogView
from workbench.gui.theme import theme, tokens
from workbench.store.runfolder import RunConfig

ICON_PX, NAME_PX, BAR_PX, INDENT_PX = 16, 280, 160, 44


class _Details(QWidget):
    """The frozen configuration and the last log lines; made when a row is first unfolded."""

    def __init__(self, run: str) -> None:
        super().__init__()
        px = theme().pixels
        self._lines: list[ev.Log] = []
        self.frozen = QLabel()
        self.frozen.setProperty("role", "small")
        self.frozen.setWordWrap(True)
        self.frozen.setTextFormat(Qt.TextFormat.PlainText)
        self.frozen.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.log = LogView()
        self.log.setTabChangesFocus(True)
        self.log.setAccessibleName(f"Last log lines of {run}")
        self.log.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(px(INDENT_PX), 0, 0, px(4))
        column.setSpacing(px(4))
        column.addWidget(self.frozen)
        column.addWidget(self.log)
        self.hide()

    def show_lines(self, lines: Sequence[ev.Log]) -> None:
        """The last lines, in a box as high as they are."""
        if list(lines) != self._lines:
            self._lines = list(lines)
            self.log.show_lines(lines)
        self.log.setVisible(bool(lines))
        self.log.setFixedHeight(QFontMetrics(self.log.font()).lineSpacing() * len(lines) + theme().pixels(20))


class JobRow(QFrame):
    """A run; one that waits can be dragged, or moved with Alt+Up and Alt+Down while it has the focus."""

    opened = Signal(str)
    unfolded = Signal(str)
    moved = Signal(str, int)
    """By how many places a waiting run shall go down."""
    dragged = Signal(object, QPoint)
    dropped = Signal(object, bool)
    """Let go; False when the drag was given up."""

    def __init__(self, run: str) -> None:
        super().__init__()
        self.setObjectName("jobRow")
        self.run = run
        self._waits = self._dragging = False
        self._pressed: QPoint | None = None
        self._buttons_now: tuple[str, ...] = ()
        px = theme().pixels
        self._grip = QLabel()
        self._grip.hide()
        self._fold = tool_button("mdi6.chevron-right", "Show the frozen configuration and the log", self.fold)
        self._name = QPushButton(run)
        self._name.setProperty("role", "link")
        self._name.setMaximumWidth(px(NAME_PX))
        self._name.clicked.connect(lambda: self.opened.emit(self.run))
        self._facts, self._place = Caption(role="small"), Caption()
        self._about, self._measures = Caption(), Caption(role="small")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(f"Progress of {run}")
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(px(4))
        self._details: _Details | None = None
        self._frozen, self._word = "", Word()
        self._lay_out()
        self._redraw()
        theme().follow(self, self._redraw)

    # What it shows

    def show_config(self, config: RunConfig, recipe: Recipe | None) -> None:
        """Name the run after its recipe; the frozen knobs stand in the tooltip and below."""
        title = recipe.title if recipe is not None else config.recipe
        words = frozen(recipe, config)
        self._name.setText(title)
        self._name.setToolTip(f"Show this run in its tab\n{self.run}\n{words}")
        self._name.setAccessibleName(f"Show run {self.run}")
        self._facts.set_whole(facts(config))
        self._frozen = words
        self._fill_details()
        self.setToolTip(words)
        self.setAccessibleName(f"{title}, {facts(config)}")

    def show_place(self, text: str) -> None:
        """Where it waits; nothing moves here."""
        self._place.set_whole(text)
        self._place.show()
        self.setAccessibleDescription(text)
        for widget in (self._about, self._bar, self._measures):
            widget.hide()

    def show_about(self, text: str, role: str = "dim") -> None:
        """What it does, or how it ended."""
        self._place.hide()
        self._about.show()
        self._about.set_whole(text)
        self.setAccessibleDescription(text)
        if self._about.property("role") != role:
            self._about.setProperty("role", role)
            self._about.style().unpolish(self._about)
            self._about.style().polish(self._about)

    def show_progress(self, state: JobState, measures: str, *, ending: bool) -> None:
        """The bar, and what the run costs."""
        unknown = state.share is None and state.phase != "finished"
        self._bar.setRange(0, 0 if unknown or ending else 1000)
        self._bar.setValue(round(1000 * (state.share or 0.0)))
        mark = "paused" if state.phase == "paused" else "failed" if ending else ""
        if self._bar.property("state") != mark:
            self._bar.setProperty("state", mark)
            self._bar.style().unpolish(self._bar)
            self._bar.style().polish(self._bar)
        self._measures.set_whole(measures)
        self._bar.show()
        self._measures.setVisible(bool(measures))

    def hide_progress(self) -> None:
        """It has ended."""
        self._bar.hide()
        self._measures.hide()

    def show_log(self, word: Word) -> None:
        """The last lines of the log."""
        self._word = word
        self._fill_details()

    def show_buttons(self, *buttons: tuple[str, str, str, Callable[[], object]]) -> None:
        """What can be done now: (picture, text, tooltip, act); an empty text makes a small icon."""
        wanted = tuple(f"{picture} {text} {tip}" for picture, text, tip, _ in buttons)
        if wanted == self._buttons_now:
            return
        self._buttons_now = wanted
        held = self._focused_button()
        empty(self._buttons)
        for picture, text, tip, act in buttons:
            made = self._button(picture, text, tip, act)
            self._buttons.addWidget(made)
            if made.accessibleName() == held:
                made.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_waits(self, waits: bool) -> None:
        """Whether it can be moved in the queue."""
        self._waits = waits
        self._grip.setVisible(waits)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if waits else Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.OpenHandCursor if waits else Qt.CursorShape.ArrowCursor)

    def mark_dragged(self, dragged: bool) -> None:
        """Look as if it were held."""
        self.setProperty("dragged", dragged)
        self.style().unpolish(self)
        self.style().polish(self)

    def is_folded(self) -> bool:
        """Whether the configuration and the log are hidden."""
        return self._details is None or self._details.isHidden()

    def fold(self) -> None:
        """Show or hide the configuration and the log."""
        if self._details is None:
            self._details = _Details(self.run)
            self._column.addWidget(self._details)
        self._details.setVisible(self._details.isHidden())
        self._fill_details()
        self._redraw()
        if not self.is_folded():
            self.unfolded.emit(self.run)

    def text(self) -> str:
        """Everything that is said, for screen readers and tests."""
        labels = [one for one in (self._facts, self._place, self._about, self._measures) if not one.isHidden()]
        parts = [self._name.text(), *(one.whole for one in labels)]
        return " · ".join(part for part in parts if part)

    # Moving

    def keyPressEvent(self, event: QKeyEvent) -> None:
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if self._waits and alt and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.moved.emit(self.run, 1 if event.key() == Qt.Key.Key_Down else -1)
        elif self._dragging and event.key() == Qt.Key.Key_Escape:
            self._let_go(kept=False)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._waits and event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()
            self.setFocus(Qt.FocusReason.MouseFocusReason)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        if self._pressed is None:
            return
        self._dragging = self._dragging or (at - self._pressed).manhattanLength() > theme().pixels(6)
        if self._dragging:
            self.dragged.emit(self, self.mapToGlobal(at))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._let_go(kept=True)
        self._pressed = None

    def _let_go(self, *, kept: bool) -> None:
        self._dragging, self._pressed = False, None
        self.dropped.emit(self, kept)

    # Building

    def _lay_out(self) -> None:
        px = theme().pixels
        top = QHBoxLayout()
        top.setSpacing(px(6))
        for widget in (self._grip, self._fold, self._name):
            top.addWidget(widget)
        top.addWidget(self._facts, 3)
        top.addWidget(self._place, 2)
        top.addLayout(self._buttons)
        below = QGridLayout()
        below.setContentsMargins(px(INDENT_PX), 0, 0, 0)
        below.setHorizontalSpacing(px(12))
        below.setVerticalSpacing(0)
        self._bar.setFixedWidth(px(BAR_PX))
        below.addWidget(self._bar, 0, 0)
        below.addWidget(self._about, 0, 1)
        below.addWidget(self._measures, 1, 1)
        below.setColumnStretch(1, 1)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(px(4), px(2), px(4), px(2))
        self._column.setSpacing(px(2))
        self._column.addLayout(top)
        self._column.addLayout(below)
        self.show_place("")

    def _fill_details(self) -> None:
        if self._details is None or self._details.isHidden():
            return
        self._details.frozen.setText(self._frozen)
        self._details.show_lines(self._word.lines)

    def _button(self, picture: str, text: str, tip: str, act: Callable[[], object]) -> QWidget:
        if not text:
            return tool_button(picture, tip, act, name=f"{tip.partition(' (')[0]}: {self.run}")
        button = QPushButton(text)
        button.setProperty("role", "compact")
        button.setProperty("picture", picture)
        button.setIcon(icon(picture, tokens().dim))
        button.setToolTip(tip)
        button.setAccessibleName(f"{text}: {self.run}")
        button.clicked.connect(lambda _=False: act())
        return button

    def _focused_button(self) -> str:
        for at in range(self._buttons.count()):
            item = self._buttons.itemAt(at)
            widget = item.widget() if item is not None else None
            if widget is not None and widget.hasFocus():
                return widget.accessibleName()
        return ""

    def _redraw(self) -> None:
        side = theme().pixels(ICON_PX)
        self._grip.setPixmap(icon("mdi6.drag-vertical", tokens().dim).pixmap(side))
        self._fold.setIcon(icon("mdi6.chevron-right" if self.is_folded() else "mdi6.chevron-down", tokens().dim))
        for at in range(self._buttons.count()):
            item = self._buttons.itemAt(at)
            button = item.widget() if item is not None else None
            if isinstance(button, QPushButton):
                button.setIcon(icon(str(button.property("picture")), tokens().dim))
