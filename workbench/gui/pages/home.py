"""The first page: a card per recipe, the latest runs, where things are kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from workbench.core.recipe import Recipe
from workbench.gui.card import Caption, Card
from workbench.gui.icons import icon
from workbench.gui.link import Link
from workbench.gui.pages.frame import PageFrame
from workbench.gui.theme import theme, tokens
from workbench.gui.topline import describe
from workbench.gui.words import count, moment, size
from workbench.store.index import Index, RunRow

CARD_PX = 320
RECENT = 8


class RecipeCard(QFrame):
    """A recipe's title, idea and paper, with one button that makes it happen."""

    tried = Signal(str)
    opened = Signal(str)

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.setObjectName("recipeCard")
        self.setAccessibleName(recipe.title)
        px = theme().pixels
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(12), px(16), px(12))
        column.setSpacing(px(6))
        head = QHBoxLayout()
        self._icon, self._picture = QLabel(), recipe.tab.icon
        title = QLabel(recipe.title)
        title.setProperty("role", "heading")
        title.setWordWrap(True)
        head.addWidget(self._icon)
        head.addWidget(title, 1)
        column.addLayout(head)
        idea = QLabel(recipe.paper.idea or recipe.help.partition("\n")[0])
        idea.setWordWrap(True)
        idea.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(idea, 1)
        arxiv = f", arXiv {recipe.paper.arxiv}" if recipe.paper.arxiv else ""
        paper = QLabel(f"{recipe.paper.title}, {recipe.paper.year}{arxiv}")
        paper.setProperty("role", "small")
        paper.setWordWrap(True)
        column.addWidget(paper)
        column.addLayout(self._foot(recipe))
        self._redraw()
        theme().changed.connect(self._redraw)

    def _foot(self, recipe: Recipe) -> QHBoxLayout:
        foot = QHBoxLayout()
        foot.addWidget(Caption(f"{recipe.tab.title} · {recipe.id}", role="small"), 1)
        look = QPushButton("Open")
        look.setToolTip("Open the recipe without starting anything")
        look.clicked.connect(lambda: self.opened.emit(recipe.id))
        start = QPushButton("Try")
        start.setProperty("role", "primary")
        start.setToolTip("Open the recipe and run its desk preset on sample data")
        start.setAccessibleName(f"Try {recipe.title}")
        start.clicked.connect(lambda: self.tried.emit(recipe.id))
        foot.addWidget(look)
        foot.addWidget(start)
        return foot

    def _redraw(self) -> None:
        self._icon.setPixmap(icon(self._picture, tokens().accent).pixmap(theme().pixels(20)))


class HomePage(PageFrame):
    """Everything one click away."""

    tried = Signal(str)
    recipe_opened = Signal(str)
    run_opened = Signal(str)

    def __init__(self, recipes: Iterable[Recipe], link: Link) -> None:
        super().__init__("Home")
        self.link = link
        known = list(recipes)
        self._titles = {one.id: one.title for one in known}
        self._cards = [self._card(one) for one in known]
        self._across = 0
        holder = QWidget()
        holder.setObjectName("scrolled")
        inner = QVBoxLayout(holder)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(theme().pixels(12))
        self._grid = QGridLayout()
        self._grid.setSpacing(theme().pixels(12))
        inner.addLayout(self._grid)
        self._recent = Card("Recent runs")
        inner.addWidget(self._recent)
        inner.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        self.column.addWidget(area, 1)
        self._arrange()
        self._show_recent([])
        link.runs_changed.connect(self._refresh_if_seen)

    def opened(self) -> None:
        home = self.link.home
        free = shutil.disk_usage(home.root).free
        self.about.set_whole(f"{home.root} · {size(free)} free")
        self.link.background(lambda: Index(home.index, home.runs).refresh(), then=self._show_recent, owner=self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _refresh_if_seen(self) -> None:
        if self.isVisible():
            self.opened()

    def _card(self, recipe: Recipe) -> RecipeCard:
        card = RecipeCard(recipe)
        card.tried.connect(self.tried)
        card.opened.connect(self.recipe_opened)
        return card

    def _arrange(self) -> None:
        across = max(1, (self.width() - theme().pixels(32)) // theme().pixels(CARD_PX))
        if across == self._across:
            return
        for place in range(self._grid.columnCount()):
            self._grid.setColumnStretch(place, 0)
        self._across = across
        for place, card in enumerate(self._cards):
            self._grid.addWidget(card, place // across, place % across)
        for place in range(across):
            self._grid.setColumnStretch(place, 1)

    def _show_recent(self, rows: list[RunRow]) -> None:
        body = QWidget()
        grid = QGridLayout(body)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme().pixels(16))
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(2, 1)
        for line, row in enumerate(rows[:RECENT]):
            self._recent_row(grid, line, row)
        if not rows:
            grid.addWidget(QLabel("No runs yet. Try on a card above starts one on sample data."), 0, 0)
        self._recent.set_caption(count(len(rows), "run") if rows else "")
        self._recent.set_body(body, margin=8)

    def _recent_row(self, grid: QGridLayout, line: int, row: RunRow) -> None:
        config = row.config
        name = QPushButton(self._titles.get(config.recipe, config.recipe))
        name.setProperty("role", "link")
        name.setToolTip(f"Show this run in its tab\n{row.id}")
        name.setAccessibleName(f"Show run {row.id}")
        name.clicked.connect(lambda: self.run_opened.emit(row.id))
        facts = [config.preset, config.arm, f"seed {config.seed}"]
        grid.addWidget(name, line, 0)
        grid.addWidget(_dim(" · ".join(fact for fact in facts if fact)), line, 1)
        grid.addWidget(Caption(describe(row.state)), line, 2)
        grid.addWidget(_dim(moment(config.created)), line, 3, Qt.AlignmentFlag.AlignRight)


def _dim(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "dim")
    return label
