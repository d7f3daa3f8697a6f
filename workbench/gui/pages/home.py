"""The first page: a card per recipe, the latest runs, samples to begin with, and how this machine stands."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from workbench.core.events import WorkerState
from workbench.core.recipe import Recipe
from workbench.core.words import count, moment, size
from workbench.gui.actions import keymap, make_action
from workbench.gui.card import Caption, Card
from workbench.gui.link import Link
from workbench.gui.pages.frame import PageFrame
from workbench.gui.recipecard import RecipeCard
from workbench.gui.theme import theme
from workbench.gui.topline import describe
from workbench.store.index import Index, RunRow

CARD_PX, SIDE_PX = 320, 400
RECENT, FOUND = 8, 15
"""Runs listed on their own, and while something is searched for."""


class HomePage(PageFrame):
    """Everything one click away, and found as one types."""

    tried = Signal(str)
    recipe_opened = Signal(str)
    run_opened = Signal(str)
    sample_opened = Signal(str, str, str)
    """Recipe, slot and address of a sample that a person wants to begin with."""

    def __init__(self, recipes: Iterable[Recipe], link: Link) -> None:
        super().__init__("Home")
        self.link = link
        self._recipes = {one.id: one for one in recipes}
        self._rows: list[RunRow] = []
        self._free = ""
        self.cards = [self._card(one) for one in self._recipes.values()]
        self._across = 0
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search recipes, papers, runs")
        self.search.setAccessibleName("Search recipes, papers and runs")
        self.search.setClearButtonEnabled(True)
        self.search.setFixedWidth(theme().pixels(256))
        self.search.textChanged.connect(lambda _: self._filter())
        keymap().explain(self.search, "home.find", "Words of a recipe, its paper, or a run")
        self.controls.addWidget(self.search)
        make_action(self, "home.find", self.search.setFocus)
        self._recent, self._machine, self._samples = Card("Recent runs"), Card("This machine"), Card("Samples")
        self._lay_out()
        self._arrange()
        self._show_runs()
        self._show_samples()
        self._facts: dict[str, Caption] = {}
        self._show_machine(link.state)
        link.runs_changed.connect(self._refresh_if_seen)
        link.worker_changed.connect(self._show_machine)

    def opened(self) -> None:
        home = self.link.home
        self.link.background(lambda: Index(home.index, home.runs).refresh(), then=self._take_runs, owner=self)
        self.link.background(lambda: shutil.disk_usage(home.root).free, then=self._take_free, owner=self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def shown(self) -> list[str]:
        """The recipes that the search leaves."""
        return [card.recipe.id for card in self._fitting()]

    def _take_runs(self, rows: list[RunRow]) -> None:
        self._rows = rows
        self._show_runs()

    def _take_free(self, free: int) -> None:
        self._free = size(free)
        self._show_machine(self.link.state)

    def _refresh_if_seen(self) -> None:
        if self.isVisible():
            self.opened()

    def _card(self, recipe: Recipe) -> RecipeCard:
        card = RecipeCard(recipe)
        card.tried.connect(self.tried)
        card.opened.connect(self.recipe_opened)
        return card

    # Searching

    def _words(self) -> list[str]:
        return self.search.text().lower().split()

    def _filter(self) -> None:
        fitting = self._fitting()
        for card in self.cards:
            card.setVisible(card in fitting)
        self._nothing.setVisible(not fitting)
        for other in (self._samples, self._machine):
            other.setVisible(not self._words())
        self._across = 0
        self._arrange()
        self._show_runs()

    def _fitting(self) -> list[RecipeCard]:
        return [card for card in self.cards if card.fits(self._words())]

    def _found(self) -> list[RunRow]:
        words = self._words()
        if not words:
            return self._rows[:RECENT]
        return [row for row in self._rows if all(word in self._hay(row) for word in words)][:FOUND]

    def _hay(self, row: RunRow) -> str:
        config, known = row.config, self._recipes.get(row.config.recipe)
        title = f"{known.title} {known.paper.title}" if known else ""
        inputs = " ".join(config.inputs.values())
        return f"{row.id} {config.recipe} {config.title} {config.preset} {config.arm} {title} {inputs}".lower()

    # Placing

    def _lay_out(self) -> None:
        px = theme().pixels
        holder = QWidget()
        holder.setObjectName("scrolled")
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(0, 0, px(8), 0)
        inner.setSpacing(px(12))
        self._grid = QGridLayout()
        self._grid.setSpacing(px(12))
        self._nothing = QLabel("No recipe has these words.")
        self._nothing.setProperty("role", "dim")
        self._nothing.hide()
        self._below = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._below.setSpacing(px(12))
        beside = QVBoxLayout()
        beside.setSpacing(px(12))
        beside.addWidget(self._machine)
        beside.addWidget(self._samples)
        beside.addStretch(1)
        left = QVBoxLayout()
        left.addWidget(self._recent)
        left.addStretch(1)
        self._below.addLayout(left, 2)
        self._below.addLayout(beside, 1)
        inner.addLayout(self._grid)
        inner.addWidget(self._nothing)
        inner.addLayout(self._below)
        inner.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        self.column.addWidget(area, 1)

    def _arrange(self) -> None:
        px = theme().pixels
        narrow = self.width() < px(CARD_PX + SIDE_PX)
        way = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        self._below.setDirection(way)
        across = max(1, min(len(self.cards), (self.width() - px(32)) // px(CARD_PX)))
        if across == self._across:
            return
        for place in range(self._grid.columnCount()):
            self._grid.setColumnStretch(place, 0)
        self._across = across
        for place, card in enumerate(self._fitting()):
            self._grid.addWidget(card, place // across, place % across)
        for place in range(across):
            self._grid.setColumnStretch(place, 1)

    # Filling

    def _show_runs(self) -> None:
        body, grid = _grid(stretched=2)
        rows = self._found()
        for line, row in enumerate(rows):
            self._recent_row(grid, line, row)
        if not rows:
            words = "No run has these words." if self._words() else "No runs yet. Try on a card above starts one."
            grid.addWidget(_dim(words), 0, 0)
        self._recent.set_title("Runs found" if self._words() else "Recent runs")
        self._recent.set_caption(count(len(self._rows), "run") if self._rows else "")
        self._recent.set_body(body, margin=8)

    def _recent_row(self, grid: QGridLayout, line: int, row: RunRow) -> None:
        config = row.config
        known = self._recipes.get(config.recipe)
        name = _link(known.title if known else config.recipe, f"Show this run in its tab\n{row.id}")
        name.setAccessibleName(f"Show run {row.id}")
        name.clicked.connect(lambda: self.run_opened.emit(row.id))
        facts = [config.preset, config.arm, f"seed {config.seed}"]
        grid.addWidget(name, line, 0)
        grid.addWidget(_dim(" · ".join(fact for fact in facts if fact)), line, 1)
        grid.addWidget(Caption(describe(row.state)), line, 2)
        grid.addWidget(_dim(moment(config.created)), line, 3, Qt.AlignmentFlag.AlignRight)

    def _show_samples(self) -> None:
        body, grid = _grid(stretched=0)
        for recipe in self._recipes.values():
            heading = Caption(recipe.title, role="small")
            heading.setContentsMargins(theme().pixels(5), theme().pixels(4), 0, 0)
            grid.addWidget(heading, grid.rowCount(), 0)
            for slot, declared in recipe.reads.items():
                for sample in declared.samples:
                    name = _link(sample.title, f"{sample.help}\nOpens {recipe.title} with this data")
                    name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
                    told = (recipe.id, slot, sample.address)
                    name.clicked.connect(lambda _=False, told=told: self.sample_opened.emit(*told))
                    grid.addWidget(name, grid.rowCount(), 0)
        self._samples.set_caption("data that needs no file")
        self._samples.set_body(body, margin=8)

    def _show_machine(self, state: WorkerState) -> None:
        memory = f"{size(state.memory_bytes)} of {size(state.memory_total_bytes)}" if state.memory_total_bytes else ""
        network = "offline" if self.link.settings.offline else "allowed"
        facts = {
            "Device": state.device or "told once the worker is there",
            "Memory": memory,
            "Network": network,
            "Disk": f"{self._free} free" if self._free else "",
            "Data": str(self.link.home.root),
        }
        told = [(name, fact) for name, fact in facts.items() if fact]
        if [name for name, _ in told] == list(self._facts):  # the memory is another with each state
            for name, fact in told:
                self._facts[name].set_whole(fact)
            return
        self._facts = {name: Caption(fact, role="") for name, fact in told}
        body, grid = _grid(stretched=1)
        grid.setVerticalSpacing(theme().pixels(4))
        for line, (name, caption) in enumerate(self._facts.items()):
            grid.addWidget(_dim(name), line, 0)
            grid.addWidget(caption, line, 1)
        self._machine.set_body(body, margin=12)


def _grid(*, stretched: int) -> tuple[QWidget, QGridLayout]:
    body = QWidget()
    grid = QGridLayout(body)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(theme().pixels(16))
    grid.setVerticalSpacing(0)
    grid.setColumnStretch(stretched, 1)
    return body, grid


def _link(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("role", "link")
    button.setToolTip(tip)
    return button


def _dim(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "dim")
    return label
