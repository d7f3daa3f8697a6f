"""Two to twenty runs held against each other: curves, results, settings, and artifacts side by side."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from workbench.core.judging import better
from workbench.core.recipe import Recipe
from workbench.core.words import count, in_words, number
from workbench.gui.card import Card
from workbench.gui.compare.comparison import MOST_RUNS, Comparison, Member, models
from workbench.gui.compare.grid import Grid, GridRow
from workbench.gui.compare.picker import RunPicker
from workbench.gui.compare.runlist import RunList, swatch
from workbench.gui.compare.sidebyside import SideBySide
from workbench.gui.exporting import Exporter
from workbench.gui.link import Link
from workbench.gui.pages.frame import PageFrame
from workbench.gui.runmodel import Change
from workbench.gui.theme import theme, tokens
from workbench.gui.views import palette
from workbench.gui.views.overlay import OverlayView, Stroke
from workbench.report.differences import Figure, Setting, figures, settings
from workbench.report.gather import metric_names

if TYPE_CHECKING:
    from workbench.store.runfolder import RunFolder

PAINT_EVERY_MS = 33
AGAIN_AFTER_S = {"curves": 0.2, "results": 0.5, "settings": 0.5}
"""How soon the same thing is drawn anew, however fast numbers come."""
FIRST_AFTER_S = 1.0
"""Curves wait this long for all runs to be read before the first, incomplete picture."""
LIST_PX = 232


class ComparePage(PageFrame):
    """Everything follows the Comparison; one thing is drawn at a time, so that the window never stalls."""

    run_opened = Signal(str)
    runs_wanted = Signal()

    def __init__(self, link: Link, recipes: Mapping[str, Recipe]) -> None:
        super().__init__("Compare")
        self.link = link
        self.comparison = Comparison(link.home.runs, self)
        self.list = RunList(self.comparison)
        self.list.run_opened.connect(self.run_opened)
        self.curves, self.metric_box = OverlayView(), QComboBox()
        self.results = Grid("Results")
        self.settings, self.all_settings = Grid("Settings"), QCheckBox("All")
        self.side = SideBySide(self.comparison)
        self.side.wanted.connect(lambda run: self._want(("place", run)))
        self.exporter = Exporter(self, link, self.banner, recipes, self._folders)
        self._waiting: dict[tuple[str, str], None] = {}
        self._painted: dict[tuple[str, str], float] = {}
        self._since = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAINT_EVERY_MS)
        self._timer.timeout.connect(self._paint)
        self._make_controls()
        self._lay_out()
        self.comparison.members_changed.connect(self._members_changed)
        self.comparison.member_changed.connect(self._heard)
        theme().follow(self, self._want_all)
        self._members_changed()

    def show_runs(self, runs: Iterable[str]) -> None:
        """Compare these runs and no others."""
        self._since = time.monotonic()
        self.banner.dismiss()
        self._tell_left(self.comparison.set_runs(runs))

    def add_runs(self, runs: Iterable[str]) -> None:
        """Compare these runs too."""
        self._tell_left(self.comparison.add(runs))

    def pick(self) -> RunPicker:
        """Open the list of runs that can be added."""
        picker = RunPicker(self, self.link, list(self.comparison.members))
        picker.picked.connect(lambda run: self.add_runs([run]))
        picker.open()
        return picker

    def paint_all(self) -> None:
        """Draw everything that waits, now (for pictures of the window)."""
        while self._waiting:
            self._paint_one(next(iter(self._waiting)))

    def closed(self) -> None:
        self.comparison.close()

    # What changes

    def _members_changed(self) -> None:
        members = self.comparison.members
        self._stack.setCurrentIndex(1 if members else 0)
        self.about.set_whole(self._about())
        self.export_button.setEnabled(bool(self.comparison.readable()))
        self.exporter.set_enabled(bool(self.comparison.readable()))
        self.add_action.setEnabled(len(members) < MOST_RUNS)
        self._offer_metrics()
        self.side.refresh()
        self._want_all()

    def _heard(self, run: str, change: Change) -> None:
        self._want(("line", run))
        if change.metrics - {self.metric_box.itemData(at) for at in range(self.metric_box.count())} or change.reset:
            self._offer_metrics()
        if self._metric() in change.metrics or change.reset:
            self._want(("curves", ""))
        self._want(("results", ""))
        if change.slots or change.reset:
            self.side.tell(run, change.slots)
        if change.caught_up:
            self._want(("settings", ""))

    def _about(self) -> str:
        members = self.comparison.members.values()
        hidden = sum(not one.shown for one in members)
        recipes = {one.model.config.recipe for one in members if one.model is not None and one.model.config.recipe}
        facts = [count(len(members), "run"), *sorted(recipes), f"{hidden} hidden" if hidden else ""]
        return " · ".join(fact for fact in facts if fact) if members else ""

    def _tell_left(self, left: Sequence[str]) -> None:
        if left:
            self.banner.show_note(
                f"{MOST_RUNS} runs are compared at once; {count(len(left), 'run')} were left out: take some off first."
            )

    def _offer_metrics(self) -> None:
        """All metrics; the one that most runs have is shown first."""
        runs = models(self.comparison.readable())
        names = metric_names(runs)
        if names == [self.metric_box.itemData(at) for at in range(self.metric_box.count())]:
            return
        held, chosen = self._metric(), self.metric_box.property("chosen")
        blocked = self.metric_box.blockSignals(True)
        self.metric_box.clear()
        for name in names:
            self.metric_box.addItem(in_words(name), name)
        common = max(names, key=lambda name: _interest(name, runs), default="")
        wanted = held if held in names and chosen else common
        self.metric_box.setCurrentIndex(max(0, self.metric_box.findData(wanted)))
        self.metric_box.blockSignals(blocked)
        self.metric_box.setEnabled(bool(names))
        self._want(("curves", ""))

    def _metric(self) -> str:
        return str(self.metric_box.currentData() or "")

    def _choose_metric(self) -> None:
        self.metric_box.setProperty("chosen", True)
        self._painted.pop(("curves", ""), None)
        self._want(("curves", ""))

    def _folders(self) -> list[RunFolder]:
        return [run.folder for run in models(self.comparison.readable())]

    # Drawing

    def _want(self, thing: tuple[str, str]) -> None:
        self._waiting[thing] = None
        if not self._timer.isActive():
            self._timer.start()

    def _want_all(self) -> None:
        for kind in ("curves", "results", "settings"):
            self._painted.pop((kind, ""), None)
            self._want((kind, ""))

    def _paint(self) -> None:
        now = time.monotonic()
        due = [thing for thing in self._waiting if self._due(thing, now)]
        if due:
            self._paint_one(min(due, key=_urgency))
        if self._waiting:
            self._timer.start(PAINT_EVERY_MS if due else 15)

    def _due(self, thing: tuple[str, str], now: float) -> bool:
        kind = thing[0]
        reading = not self.comparison.caught_up and now - self._since < FIRST_AFTER_S
        if reading and kind != "line":
            return False
        return now - self._painted.get(thing, 0.0) >= AGAIN_AFTER_S.get(kind, 0.2)

    def _paint_one(self, thing: tuple[str, str]) -> None:
        self._waiting.pop(thing, None)
        self._painted[thing] = time.monotonic()
        kind, run = thing
        match kind:
            case "curves":
                self._draw_curves()
            case "results":
                self._draw_results()
            case "settings":
                self._draw_settings()
            case "line":
                self.list.tell(run)
            case _:
                self.side.draw(run)

    def _draw_curves(self) -> None:
        name = self._metric()
        strokes = [
            Stroke(member.id, member.name, member.place, series, track)
            for member, run in _paired(self.comparison.shown())
            for series, track in sorted(run.metrics.get(name, {}).items())
        ]
        self.curves.show_strokes(name, strokes, better(name))

    def _draw_results(self) -> None:
        members = self.comparison.readable()
        rows = [_result_row(one) for one in figures(models(members))]
        self.results.set_rows(_heads(members), rows)
        self._result_card.set_caption("" if rows else "numbers appear with the first steps")

    def _draw_settings(self) -> None:
        members = [one for one in self.comparison.readable() if one.model is not None and one.model.trouble is None]
        found = settings(models(members))
        shown = found if self.all_settings.isChecked() else [one for one in found if one.differs]
        self.settings.set_rows(_heads(members), [_setting_row(one) for one in shown])
        differing = sum(one.differs for one in found)
        alike = "set alike" if len(members) > 1 else "one run: nothing to hold it against"
        self._setting_card.set_caption(f"{differing} of {len(found)} differ" if differing else alike)

    # Building

    def _make_controls(self) -> None:
        self.export_button = QPushButton("Export…")
        self.add_action = self._action(
            "Add run…", "Add a run of the history to this comparison", "Ctrl+Shift+A", self.pick
        )
        self.export_action = self._action(
            "Export comparison…", "Take these runs away as a report, curves, numbers or archives", "Ctrl+Shift+X",
            lambda: self.exporter.pop(self.export_button),
        )  # fmt: skip
        add = _button("Add run…", self.add_action)
        self.add_action.changed.connect(lambda: add.setEnabled(self.add_action.isEnabled()))
        _wear(self.export_button, self.export_action)
        self.controls.addWidget(add)
        self.controls.addWidget(self.export_button)
        self.metric_box.setAccessibleName("The metric whose curves are shown")
        self.metric_box.setToolTip("The metric whose curves are shown")
        self.metric_box.setMinimumWidth(theme().pixels(160))
        self.metric_box.currentIndexChanged.connect(lambda _: self._choose_metric())
        self.all_settings.setToolTip("Also show what all runs have in common")
        self.all_settings.setAccessibleName("Show all settings")
        self.all_settings.toggled.connect(lambda _: self._want_all())

    def _action(self, text: str, tip: str, key: str, do: Any) -> QAction:
        action = QAction(text, self)
        action.setStatusTip(tip)
        action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda _=False: do())
        self.addAction(action)
        return action

    def _lay_out(self) -> None:
        px = theme().pixels
        runs = Card("Runs", "click a colour to hide")
        runs.set_body(self.list, margin=8)
        runs.setMinimumWidth(px(176))
        split = _splitter(Qt.Orientation.Horizontal)
        split.addWidget(runs)
        split.addWidget(self._tabs())
        split.setStretchFactor(1, 1)
        split.setSizes([px(LIST_PX), px(1000)])
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty())
        self._stack.addWidget(split)
        self.column.addWidget(self._stack, 1)

    def _tabs(self) -> QWidget:
        charts = Card("Curves")
        charts.header.insertWidget(1, self.metric_box)
        charts.set_body(self.curves, margin=8)
        self.curves.captioned.connect(charts.set_caption)
        self._result_card, self._setting_card = Card("Results"), Card("Settings")
        self._result_card.set_body(self.results, margin=4)
        self._setting_card.set_body(self.settings, margin=4)
        self._setting_card.header.addWidget(self.all_settings)
        tables = _splitter(Qt.Orientation.Horizontal)
        tables.addWidget(self._result_card)
        tables.addWidget(self._setting_card)
        for at in (0, 1):
            tables.setStretchFactor(at, 1)
        tables.setSizes([1000, 1000])
        overview = _splitter(Qt.Orientation.Vertical)
        overview.addWidget(charts)
        overview.addWidget(tables)
        overview.setSizes([340, 260])
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        tabs.tabBar().setDrawBase(False)
        tabs.addTab(overview, "Curves and tables")
        tabs.addTab(self.side, "Side by side")
        tabs.setTabToolTip(1, "One artifact of every run under one time slider")
        self.tabs = tabs
        return tabs

    def _empty(self) -> QWidget:
        hint = QLabel(
            f"Nothing is compared yet.\n\nChoose 2 to {MOST_RUNS} runs on the Runs page and press Compare there,\n"
            "or add them here one by one."
        )
        hint.setProperty("role", "dim")
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        look, add = QPushButton("Go to Runs"), _button("Add run…", self.add_action)
        look.setProperty("role", "primary")
        look.setToolTip("Open the history")
        look.clicked.connect(lambda _=False: self.runs_wanted.emit())
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(look)
        row.addWidget(add)
        row.addStretch(1)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(theme().pixels(16))
        column.addStretch(1)
        column.addWidget(hint)
        column.addLayout(row)
        column.addStretch(2)
        return page


def _interest(name: str, runs: Sequence[Any]) -> tuple[int, int]:
    """What most runs have comes first; among that, qualities before losses before schedules."""
    return sum(name in run.metrics for run in runs), ("", "low", "high").index(better(name))


def _urgency(thing: tuple[str, str]) -> int:
    order = ("curves", "results", "settings", "line", "place")
    return order.index(thing[0])


def _paired(members: Sequence[Member]) -> list[tuple[Member, Any]]:
    return [(one, one.model) for one in members if one.model is not None]


def _heads(members: Sequence[Member]) -> list[tuple[str, Any]]:
    return [(one.name, swatch(palette.category(one.place, tokens()))) for one in members]


def _result_row(one: Figure) -> GridRow:
    name = in_words(one.metric) + (f" · {one.series}" if one.series else "")
    cells = tuple(number(value, 4) if value is not None else "–" for value in one.values)
    end = {"high": "; higher is better", "low": "; lower is better"}.get(one.better, "")
    return GridRow(f"{name}, {one.what}", cells, f"{name}, {one.what}{end}", one.winners)


def _setting_row(one: Setting) -> GridRow:
    return GridRow(one.name, tuple(value or "–" for value in one.values), f"{one.group}: {one.name}")


def _button(text: str, action: QAction) -> QPushButton:
    button = QPushButton(text)
    _wear(button, action)
    return button


def _wear(button: QPushButton, action: QAction) -> None:
    button.setToolTip(f"{action.statusTip()} ({action.shortcut().toString()})")
    button.clicked.connect(action.trigger)


def _splitter(orientation: Qt.Orientation) -> QSplitter:
    splitter = QSplitter(orientation)
    splitter.setHandleWidth(theme().pixels(8))
    splitter.setChildrenCollapsible(False)
    return splitter
