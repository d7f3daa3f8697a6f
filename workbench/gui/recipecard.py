"""A recipe as a card: a picture that one of its runs made, its idea, its paper, and what starts it."""

from __future__ import annotations

import functools
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

import workbench
from workbench.core.recipe import Recipe
from workbench.gui.card import Caption
from workbench.gui.icons import icon
from workbench.gui.theme import theme, tokens

PICTURES = Path(workbench.__file__).resolve().parents[1] / "resources" / "pictures" / "recipes"
PICTURE_PX, HIGHEST_PX, SHARE = 136, 208, 0.3
"""A picture is as high as this share of its card's width, between these two heights."""
MOST_CUT, CUT_ABOVE = 1.2, 0.1
"""Pictures are enlarged at most so far beyond what shows all of them."""


@functools.cache
def _pixmap(path: str) -> QPixmap:
    return QPixmap(path)


class Picture(QWidget):
    """What a run of the recipe drew, in the theme's colours; the tab's icon where there is no picture."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self._recipe = recipe
        self.setFixedHeight(theme().pixels(PICTURE_PX))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"Picture from a run of {recipe.title}")
        theme().follow(self, self.update)

    def sizeHint(self) -> QSize:
        return QSize(theme().pixels(240), theme().pixels(PICTURE_PX))

    def drawn(self) -> bool:
        """Whether there is a picture in the colours of now."""
        return not self._picture().isNull()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, now, radius = QPainter(self), tokens(), theme().pixels(8)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(self.rect()).adjusted(0, 0, 0, radius), radius, radius)
        painter.setClipPath(shape)
        painter.fillRect(self.rect(), QColor(now.background))
        picture = self._picture()
        if picture.isNull():
            size = theme().pixels(40)
            picture = icon(self._recipe.tab.icon, now.blend(now.dim, 0.5)).pixmap(size)
            painter.drawPixmap((self.width() - size) // 2, (self.height() - size) // 2, size, size, picture)
        else:
            painter.drawPixmap(self._target(picture), picture, QRectF(picture.rect()))
        painter.end()

    def _target(self, picture: QPixmap) -> QRectF:
        """As large as fills the place, within reason; what does not fit is cut at the sides, or mostly below."""
        across, down = self.width() / picture.width(), self.height() / picture.height()
        scale = min(max(across, down), MOST_CUT * min(across, down))
        width, height = picture.width() * scale, picture.height() * scale
        return QRectF((self.width() - width) / 2, (self.height() - height) * CUT_ABOVE, width, height)

    def _picture(self) -> QPixmap:
        return _pixmap(str(PICTURES / f"{self._recipe.id}-{tokens().name}.png"))


class RecipeCard(QFrame):
    """A recipe's picture, title, idea and paper, with one button that makes it happen."""

    tried = Signal(str)
    opened = Signal(str)

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.setObjectName("recipeCard")
        self.setAccessibleName(recipe.title)
        self.setProperty("help", f"recipe:{recipe.id}")
        self.picture = Picture(recipe)
        px = theme().pixels
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, px(12))
        column.setSpacing(px(8))
        column.addWidget(self.picture)
        words = QVBoxLayout()
        words.setContentsMargins(px(16), px(4), px(16), 0)
        words.setSpacing(px(6))
        words.addWidget(_wrapped(recipe.title, "heading"))
        words.addWidget(_wrapped(recipe.paper.idea or recipe.help.partition("\n")[0], ""), 1)
        words.addWidget(_wrapped(paper_line(recipe), "small"))
        words.addLayout(self._foot(recipe))
        column.addLayout(words, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        px = theme().pixels
        self.picture.setFixedHeight(min(px(HIGHEST_PX), max(px(PICTURE_PX), round(SHARE * self.width()))))

    def fits(self, words: list[str]) -> bool:
        """Whether the recipe is about these words."""
        one = self.recipe
        hay = f"{one.title} {one.id} {one.tab.title} {paper_line(one)} {one.paper.idea} {one.help}".lower()
        return all(word in hay for word in words)

    def _foot(self, recipe: Recipe) -> QHBoxLayout:
        foot = QHBoxLayout()
        foot.addWidget(Caption(f"{recipe.tab.title} · {recipe.id}", role="small"), 1)
        look, start = QPushButton("Open"), QPushButton("Try")
        look.setToolTip("Open the recipe without starting anything")
        look.setAccessibleName(f"Open {recipe.title}")
        look.setProperty("command", f"recipes.open-{recipe.id}")
        look.clicked.connect(lambda: self.opened.emit(recipe.id))
        start.setProperty("role", "primary")
        start.setToolTip("Open the recipe and run its desk preset on sample data")
        start.setAccessibleName(f"Try {recipe.title}")
        start.setProperty("command", f"recipes.try-{recipe.id}")
        start.clicked.connect(lambda: self.tried.emit(recipe.id))
        foot.addWidget(look)
        foot.addWidget(start)
        return foot


def paper_line(recipe: Recipe) -> str:
    """The paper as it is cited on a card."""
    arxiv = f", arXiv {recipe.paper.arxiv}" if recipe.paper.arxiv else ""
    return f"{recipe.paper.title}, {recipe.paper.year}{arxiv}"


def _wrapped(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", role)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setAlignment(Qt.AlignmentFlag.AlignTop)
    return label
