"""What the worker does and what waits: pause, resume, stop and keep, cancel, reorder."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from workbench.core.events import WorkerState
from workbench.core.job import JobState
from workbench.gui.actions import keymap
from workbench.gui.buttons import tool_button
from workbench.gui.card import Caption, empty
from workbench.gui.link import Link
from workbench.gui.theme import theme
from workbench.gui.topline import describe

HEIGHT_PX = 200


class JobPanel(QFrame):
    """Opened from the status bar, reachable from every page."""

    opened = Signal(str)
    """A run that a person wants to see."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.setObjectName("jobPanel")
        self.link = link
        self._running: dict[str, JobState] = {}
        self.setFixedHeight(theme().pixels(HEIGHT_PX))
        px = theme().pixels
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(8), px(16), px(8))
        column.setSpacing(px(4))
        column.addLayout(self._head())
        self._rows = QWidget()
        self._rows.setObjectName("scrolled")
        self._list = QVBoxLayout(self._rows)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(px(2))
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self._rows)
        column.addWidget(area, 1)
        self._drawn: object = None
        link.worker_changed.connect(self._show)
        theme().follow(self, lambda: self._show(self.link.state, again=True))
        self.hide()

    def show_job(self, run: str, state: JobState) -> None:
        """Tell how far the running job is, where somebody reads it anyway."""
        self._running = {run: state}
        for at in range(self._list.count()):
            item = self._list.itemAt(at)
            row = item.widget() if item is not None else None
            if isinstance(row, _JobRow) and row.run == run:
                row.about.set_whole(describe(state))

    def showEvent(self, event: object) -> None:
        self._show(self.link.state, again=True)

    def _head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        title = QLabel("Jobs")
        title.setProperty("role", "heading")
        self._caption = Caption()
        end = QPushButton("End worker")
        end.setToolTip("End the background process; a running run stays resumable")
        end.clicked.connect(lambda: self.link.deliver(self.link.runner.shutdown(now=True), owner=self))
        self._end = end
        head.addWidget(title)
        head.addWidget(self._caption, 1)
        head.addWidget(end)
        close = tool_button("mdi6.close", "Close the job panel", self.hide)
        keymap().explain(close, "window.jobs", "Close the job panel")
        head.addWidget(close)
        return head

    def _show(self, state: WorkerState, again: bool = False) -> None:
        if not self.isVisible():
            return
        facts = (state.running, state.paused, state.ending, state.queue, state.pid, state.silent)
        self._end.setVisible(bool(state.pid))
        if facts == self._drawn and not again:
            return
        self._drawn = facts
        empty(self._list)
        if state.running:
            self._list.addWidget(self._running_row(state))
        for place, run in enumerate(state.queue):
            self._list.addWidget(self._waiting_row(state, place, run))
        if not state.running and not state.queue:
            self._list.addWidget(Caption("Nothing runs and nothing waits. Run or Queue in a tab adds a job."))
        self._list.addStretch(1)
        self._caption.set_whole(f"process {state.pid}" if state.pid else "no worker; one starts when it is needed")

    def _running_row(self, state: WorkerState) -> _JobRow:
        known = self._running.get(state.running)
        row = _JobRow(state.running, describe(known) if known else "running", self.opened.emit)
        ask = self.link.runner
        if state.paused:
            row.add("mdi6.play", "Go on", lambda: self._ask(ask.resume, state.running))
        else:
            row.add("mdi6.pause", "Pause", lambda: self._ask(ask.pause, state.running))
        row.add("mdi6.content-save-outline", "Stop and keep the model", lambda: self._keep(state.running))
        row.add("mdi6.close", "Cancel", lambda: self._ask(ask.cancel, state.running))
        if state.ending:
            row.about.set_whole(f"{state.ending}…")
        return row

    def _waiting_row(self, state: WorkerState, place: int, run: str) -> _JobRow:
        row = _JobRow(run, f"waiting, place {place + 1}", self.opened.emit)
        if place > 0:
            row.add("mdi6.arrow-up", "Move up", lambda: self._swap(state.queue, place, place - 1))
        if place + 1 < len(state.queue):
            row.add("mdi6.arrow-down", "Move down", lambda: self._swap(state.queue, place, place + 1))
        row.add("mdi6.close", "Take out of the queue", lambda: self._ask(self.link.runner.cancel, run))
        return row

    def _swap(self, queue: tuple[str, ...], one: int, other: int) -> None:
        order = list(queue)
        order[one], order[other] = order[other], order[one]
        self.link.deliver(self.link.runner.reorder(order), owner=self)

    def _ask(self, request: Callable[[str], object], run: str) -> None:
        self.link.deliver(request(run), owner=self)  # type: ignore[arg-type]

    def _keep(self, run: str) -> None:
        self.link.deliver(self.link.runner.cancel(run, keep=True), owner=self)


class _JobRow(QWidget):
    """A run's name, what it does, and what can be done with it."""

    def __init__(self, run: str, about: str, opened: Callable[[str], None]) -> None:
        super().__init__()
        self.run = run
        name = QPushButton(run)
        name.setProperty("role", "flat")
        name.setToolTip("Show this run in its tab")
        name.clicked.connect(lambda: opened(run))
        self.about = Caption(about)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.addWidget(name)
        self._row.addWidget(self.about, 1)

    def add(self, picture: str, tip: str, do: Callable[[], None]) -> None:
        """A small button."""
        self._row.addWidget(tool_button(picture, tip, do, name=f"{tip}: {self.run}"))
