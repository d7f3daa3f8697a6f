"""The history: every run, found again, opened, continued, or taken as the start of a new one."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QPushButton

from workbench.gui.card import Card
from workbench.gui.link import Link
from workbench.gui.pages.frame import PageFrame
from workbench.gui.sheet import Sheet
from workbench.gui.theme import theme
from workbench.gui.words import count, duration, moment, number
from workbench.store.index import Index, RunRow

COLOURS = {"failed": "error", "running": "accent", "paused": "warning"}
COLUMNS = ("run", "recipe", "state", "preset", "seed", "steps", "best", "time", "started")


class RunsPage(PageFrame):
    """Rows come from the index, read on another thread."""

    run_opened = Signal(str)
    forked = Signal(str)

    def __init__(self, link: Link) -> None:
        super().__init__("Runs")
        self.link = link
        self._rows: dict[str, RunRow] = {}
        self.sheet = Sheet(COLUMNS, numbers=("seed", "steps", "time"), colours=COLOURS)
        self.sheet.setAccessibleName("Runs")
        self.sheet.opened.connect(self.run_opened)
        self.sheet.chosen.connect(self._chosen)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter")
        self.filter.setAccessibleName("Filter of the runs")
        self.filter.setClearButtonEnabled(True)
        self.filter.setFixedWidth(theme().pixels(200))
        self.filter.textChanged.connect(self._filter)
        self.controls.addWidget(self.filter)
        self._open = self._button("Open", "Show the run in its tab, live or as it was", self.sheet.open_chosen)
        self._resume = self._button("Resume", "Continue from the checkpoint", self._resume_chosen)
        self._fork = self._button("Run again with changes", "Load the run's values into its form", self._fork_chosen)
        card = Card("History")
        card.set_body(self.sheet, margin=4)
        self._card = card
        self.column.addWidget(card, 1)
        self._chosen("")
        link.runs_changed.connect(self._refresh_if_seen)

    def opened(self) -> None:
        home = self.link.home
        self.link.background(lambda: Index(home.index, home.runs).refresh(), then=self.show_rows, owner=self)

    def show_rows(self, rows: list[RunRow]) -> None:
        """Fill the list."""
        self._rows = {row.id: row for row in rows}
        shown = [_cells(row) for row in rows]
        self.sheet.set_rows(
            [[text for text, _ in cells] for cells in shown],
            keys=[row.id for row in rows],
            ranks=[[rank for _, rank in cells] for cells in shown],
        )
        self._filter(self.filter.text())

    def _refresh_if_seen(self) -> None:
        if self.isVisible():
            self.opened()

    def _button(self, text: str, tip: str, do: Any) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda _=False: do())
        self.controls.addWidget(button)
        return button

    def _filter(self, text: str) -> None:
        self.sheet.set_filter(text)
        total, shown = len(self._rows), self.sheet.shown()
        empty = "no runs yet: Run in a recipe's tab makes the first"
        self._card.set_caption(empty if not total else count(total, "run") if shown == total else f"{shown} of {total}")

    def _chosen(self, run: str) -> None:
        row = self._rows.get(run)
        self._open.setEnabled(row is not None)
        self._fork.setEnabled(row is not None)
        self._resume.setEnabled(row is not None and row.state.resumable)

    def _resume_chosen(self) -> None:
        run = self.sheet.chosen_key()
        self.link.deliver(self.link.runner.resume(run), then=lambda _: self.run_opened.emit(run), owner=self)

    def _fork_chosen(self) -> None:
        self.forked.emit(self.sheet.chosen_key())


def _cells(row: RunRow) -> list[tuple[str, Any]]:
    """Each cell's text and what it is sorted by."""
    state, config = row.state, row.config
    spent = max(0.0, state.ended_at - state.started_at) if state.ended_at else 0.0
    name, value = _headline(row)
    return [
        (row.id, row.id),
        (config.recipe, config.recipe),
        ("kept early" if state.kept_early else state.phase, state.phase),
        (config.preset + (f" · {config.arm}" if config.arm else ""), config.preset),
        (str(config.seed), config.seed),
        (str(state.step), state.step),
        (f"{name} {number(value, 4)}" if name else "", value if value is not None else -1e300),
        (duration(spent) if spent else "", spent),
        (moment(config.created), config.created),
    ]


def _headline(row: RunRow) -> tuple[str, float | None]:
    """The number a run is known by: its first result, else the best of a quality metric, else the lowest loss."""
    if row.state.results:
        return next(iter(row.state.results.items()))
    for key, value in row.highest.items():
        if key.endswith(("/validation", "/test")) and not key.startswith("loss"):
            return key, value
    return next(iter(row.lowest.items()), ("", None))
