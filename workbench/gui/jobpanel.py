"""What the worker does on both lanes, what waits, what has just ended, and everything to do about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from workbench.core.events import WorkerState
from workbench.core.job import ENDED
from workbench.core.recipe import Recipe
from workbench.core.words import count, moment, size
from workbench.gui.actions import keymap
from workbench.gui.buttons import tool_button
from workbench.gui.card import Caption
from workbench.gui.jobdeeds import running_deeds
from workbench.gui.jobqueue import JobQueue
from workbench.gui.jobrow import JobRow
from workbench.gui.jobtail import JobTail, Word, last_word
from workbench.gui.jobwords import answering, going, measures, outcome
from workbench.gui.link import Link
from workbench.gui.theme import theme
from workbench.store.index import Index, RunRow
from workbench.store.runfolder import RunConfig, RunFolder

HEIGHT_PX, LEAST_PX, NARROW_PX = 248, 120, 1000
MOST_ENDED = 8


class JobPanel(QFrame):
    """Opened from the status bar, reachable from every page; reads only while it is seen."""

    opened = Signal(str)
    """A run that a person wants to see."""
    changed = Signal()
    """Shown, hidden or cleared: worth remembering."""

    def __init__(self, link: Link, recipes: Mapping[str, Recipe]) -> None:
        super().__init__()
        self.setObjectName("jobPanel")
        self.link, self.recipes = link, recipes
        self.cleared_at = 0.0
        self._rows: dict[str, JobRow] = {}
        self._configs: dict[str, RunConfig | None] = {}
        self._ended: list[RunRow] = []
        self._tail: JobTail | None = None
        self._word = Word()
        self._listed: object = None
        self.setMinimumHeight(theme().pixels(LEAST_PX))
        self._build()
        link.worker_changed.connect(self._show)
        link.runs_changed.connect(self._list_ended)
        self.hide()

    def values(self) -> dict[str, Any]:
        """What is remembered: whether it is open, and what was cleared."""
        return {"open": not self.isHidden(), "cleared_at": self.cleared_at}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered."""
        self.cleared_at = float(values.get("cleared_at", 0.0))
        self.setVisible(bool(values.get("open", False)))

    def close_tail(self) -> None:
        """Stop reading the running job."""
        if self._tail is not None:
            self._tail.close()
            self._tail.deleteLater()
            self._tail = None

    def row(self, run: str) -> JobRow | None:
        """The row of a run, if it is listed."""
        return self._rows.get(run)

    def order(self) -> list[str]:
        """Waiting runs as they are listed."""
        return self._queue.order()

    def clear_ended(self) -> None:
        """Take ended jobs out of the list; the history keeps them."""
        self.cleared_at = time.time()
        self._show_ended([])
        self.changed.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show(self.link.state)
        self._list_ended()
        self.changed.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.close_tail()
        self.changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < theme().pixels(NARROW_PX)
        self._across.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)

    # What the worker says

    def _show(self, state: WorkerState) -> None:
        if not self.isVisible():
            return
        self._end.setVisible(bool(state.pid))
        self._caption.set_whole(_about_worker(state))
        self._follow(state.running)
        self._show_running(state)
        self._queue.show_rows([self._waiting_row(state, place, run) for place, run in enumerate(state.queue)])
        self._nothing.setVisible(not state.running and not state.queue)
        self._waiting.setVisible(bool(state.queue))
        self._waiting.setText(f"{count(len(state.queue), 'run')} waiting; drag, or Alt+Up and Alt+Down")
        asked = answering(state)
        self._asking.set_whole(asked or "Nothing is asked. Trying a model and reading data are answered here.")
        facts = (state.running, state.queue)
        if facts != self._listed:
            self._listed = facts
            self._list_ended()
        self._drop_strangers(state)

    def _follow(self, run: str) -> None:
        if self._tail is not None and self._tail.folder.id == run:
            return
        self.close_tail()
        self._word = Word()
        if run:
            self._tail = JobTail(RunFolder(self.link.home.runs / run), self)
            self._tail.told.connect(self._heard)
            self._tail.start()

    def _heard(self, word: Word) -> None:
        if self._tail is not None:
            self._tail.taken()
            self._word = word
            self._show_running(self.link.state)

    def _show_running(self, state: WorkerState) -> None:
        if not state.running or self._tail is None or self._tail.folder.id != state.running:
            return
        row = self._row_of(state.running)
        row.set_waits(False)
        if self._running.indexOf(row) < 0:
            self._running.addWidget(row)
        row.show_about(going(state, self._word), "warning" if state.ending or state.paused else "dim")
        row.show_progress(self._word.state, measures(self._word), ending=bool(state.ending))
        row.show_log(self._word)
        row.show_buttons(*running_deeds(state, self.link.runner, self._ask))

    def _waiting_row(self, state: WorkerState, place: int, run: str) -> JobRow:
        row = self._row_of(run)
        row.set_waits(True)
        row.show_place("waits, next" if place == 0 else f"waits, place {place + 1}")
        last = place + 1 == len(state.queue)
        buttons: list[tuple[str, str, str, Callable[[], object]]] = []
        if place > 0:
            buttons.append(("mdi6.arrow-up", "", "Move up (Alt+Up)", lambda: row.moved.emit(run, -1)))
        if not last:
            buttons.append(("mdi6.arrow-down", "", "Move down (Alt+Down)", lambda: row.moved.emit(run, 1)))
        leave = lambda: self._ask(self.link.runner.cancel(run))  # noqa: E731
        row.show_buttons(*buttons, ("mdi6.close", "", "Take out of the queue", leave))
        return row

    # What has ended

    def _list_ended(self) -> None:
        if self.isVisible():
            home = self.link.home
            self.link.background(Index(home.index, home.runs).refresh, then=self._show_ended, owner=self)

    def _show_ended(self, known: list[RunRow]) -> None:
        busy = {self.link.state.running, *self.link.state.queue}
        ended = [
            one for one in known
            if one.state.phase in ENDED and one.state.ended_at > self.cleared_at and one.id not in busy
        ]  # fmt: skip
        self._ended = sorted(ended, key=lambda one: -one.state.ended_at)[:MOST_ENDED]
        for place, one in enumerate(self._ended):
            self._show_end(place, one)
        self._drop_strangers(self.link.state)
        self._none_ended.setVisible(not self._ended)
        self._clear.setVisible(bool(self._ended))

    def _show_end(self, place: int, one: RunRow) -> None:
        row = self._row_of(one.id)
        row.set_waits(False)
        row.hide_progress()
        words, role = outcome(one.state)
        row.show_about(f"{moment(one.state.ended_at)} {words}", role)
        buttons: list[tuple[str, str, str, Callable[[], object]]] = []
        if one.state.phase != "finished":
            where = "from its checkpoint" if one.state.resumable else "from the start: it has no checkpoint"
            again = lambda: self._ask(self.link.runner.resume(one.id))  # noqa: E731
            buttons.append(("mdi6.play", "Resume", f"Queue the run again; it goes on {where}", again))
        show = lambda: self.opened.emit(one.id)  # noqa: E731
        row.show_buttons(*buttons, ("mdi6.open-in-app", "Open", "Show this run in its tab", show))
        self._past.insertWidget(place, row)

    # Rows

    def _row_of(self, run: str) -> JobRow:
        if run not in self._rows:
            row = self._rows[run] = JobRow(run)
            row.opened.connect(self.opened)
            row.unfolded.connect(self._unfolded)
            self._queue.adopt(row)
            self._ask_config(run)
        return self._rows[run]

    def _ask_config(self, run: str) -> None:
        if run in self._configs:
            self._dress(run)
            return
        self._configs[run] = None
        folder = RunFolder(self.link.home.runs / run)
        self.link.background(
            folder.config, then=lambda config: self._know(run, config), failed=lambda _: None, owner=self
        )

    def _know(self, run: str, config: RunConfig) -> None:
        self._configs[run] = config
        self._dress(run)

    def _dress(self, run: str) -> None:
        config, row = self._configs.get(run), self._rows.get(run)
        if config is not None and row is not None:
            row.show_config(config, self.recipes.get(config.recipe))

    def _unfolded(self, run: str) -> None:
        if run != self.link.state.running:
            folder = RunFolder(self.link.home.runs / run)
            self.link.background(lambda: last_word(folder), then=lambda word: self._tell_log(run, word), owner=self)

    def _tell_log(self, run: str, word: Word) -> None:
        row = self._rows.get(run)
        if row is not None:
            row.show_log(word)

    def _drop_strangers(self, state: WorkerState) -> None:
        wanted = {state.running, *state.queue, *(one.id for one in self._ended)}
        for run in [run for run in self._rows if run not in wanted]:
            row = self._rows.pop(run)
            row.hide()
            row.deleteLater()

    # Asking

    def _ask(self, answer: Future[Any]) -> None:
        self.link.deliver(answer, owner=self)

    def _reorder(self, order: list[str]) -> None:
        self._ask(self.link.runner.reorder(order))

    # Building

    def _build(self) -> None:
        px = theme().pixels
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(4), px(8), px(4))
        column.setSpacing(px(4))
        column.addLayout(self._head())
        inner = QWidget()
        inner.setObjectName("scrolled")
        self._across = QBoxLayout(QBoxLayout.Direction.LeftToRight, inner)
        self._across.setContentsMargins(0, 0, px(8), 0)
        self._across.setSpacing(px(24))
        self._across.addLayout(self._batch_lane(), 3)
        self._across.addLayout(self._right_side(), 2)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        column.addWidget(area, 1)

    def _head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        head.setSpacing(theme().pixels(8))
        self._caption = Caption()
        self._end = _compact("End worker", "End the background process; a running run stays resumable")
        self._end.clicked.connect(lambda _=False: self._ask(self.link.runner.shutdown(now=True)))
        head.addWidget(_heading("Jobs"))
        head.addWidget(self._caption, 1)
        head.addWidget(self._end)
        close = tool_button("mdi6.close", "Close the job panel", self.hide)
        keymap().explain(close, "window.jobs", "Close the job panel")
        head.addWidget(close)
        return head

    def _batch_lane(self) -> QVBoxLayout:
        lane = _column()
        lane.addWidget(_small("Batch lane: one run at a time"))
        self._running = _column()
        self._waiting = _small("")
        self._queue = JobQueue()
        self._queue.reordered.connect(self._reorder)
        self._nothing = _dim("Nothing runs and nothing waits. Run or Queue in a tab adds a job.")
        lane.addLayout(self._running)
        for widget in (self._nothing, self._waiting, self._queue):
            lane.addWidget(widget)
        lane.addStretch(1)
        return lane

    def _right_side(self) -> QVBoxLayout:
        side = _column()
        side.addWidget(_small("Interactive lane: answers beside the training"))
        self._asking = Caption()
        side.addWidget(self._asking)
        title = QHBoxLayout()
        title.setContentsMargins(0, theme().pixels(8), 0, 0)
        self._clear = _compact("Clear ended", "Take ended jobs out of this list; Runs keeps them")
        self._clear.clicked.connect(lambda _=False: self.clear_ended())
        title.addWidget(_small("Ended"), 1)
        title.addWidget(self._clear)
        side.addLayout(title)
        self._past = _column()
        side.addLayout(self._past)
        self._none_ended = _dim("Nothing has ended since this list was cleared. Runs holds the whole history.")
        side.addWidget(self._none_ended)
        side.addStretch(1)
        return side


def _about_worker(state: WorkerState) -> str:
    if not state.pid:
        return "no worker; one starts when it is needed"
    memory = f" · {size(state.memory_bytes)} of {size(state.memory_total_bytes)} used" if state.memory_bytes else ""
    return f"worker process {state.pid}{f' · {state.device}' if state.device else ''}{memory}"


def _column() -> QVBoxLayout:
    column = QVBoxLayout()
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(theme().pixels(2))
    return column


def _label(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", role)
    return label


def _heading(text: str) -> QLabel:
    return _label(text, "heading")


def _small(text: str) -> QLabel:
    return _label(text, "small")


def _dim(text: str) -> QLabel:
    label = _label(text, "dim")
    label.setWordWrap(True)
    return label


def _compact(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("role", "compact")
    button.setToolTip(tip)
    return button
