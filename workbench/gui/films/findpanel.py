"""The panel that finds videos of a folder by what they show: a folder, its features, words, and what fits them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workbench.core.recognising import Hit
from workbench.gui.actions import keymap
from workbench.gui.card import Caption
from workbench.gui.sidepanel import TellsWork, chooser, row, words
from workbench.gui.theme import theme, tokens
from workbench.gui.timestrip import clock

WIDTH_PX, THUMB_PX = 300, (96, 60)
NONE = "Choose a folder of videos. Its features are computed once and kept; after that any words find at once."


class FindPanel(QFrame, TellsWork):
    """Shows what it is told; its buttons are wired by who made it."""

    chosen = Signal(str, float)
    """A video and the time of its best moment."""

    def __init__(self) -> None:
        super().__init__()
        px = theme().pixels
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFixedWidth(px(WIDTH_PX))
        self.setAccessibleName("Find in a folder")
        self.model = chooser("Model that compares words with pictures")
        self.note = words("", "warning")
        self.folder = QPushButton("Folder…")
        self.folder.setToolTip("Choose the folder whose videos are looked through")
        self.where = Caption()
        self.none = words(NONE, "dim")
        self.index, self.stop = QPushButton("Look through"), QPushButton("Stop")
        self.make_progress("Looking through the folder")
        self.text = QLineEdit()
        self.text.setPlaceholderText("What the video shows, in words")
        self.text.setAccessibleName("Words to find")
        self.text.setClearButtonEnabled(True)
        self.told = Caption(role="small")
        self.hits = QListWidget()
        self.hits.setAccessibleName("Videos found")
        self.hits.setIconSize(QSize(px(THUMB_PX[0]), px(THUMB_PX[1])))
        self.hits.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.hits.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.failed = words("", "warning")
        self.failed.hide()
        for name, button in self.keyed().items():
            keymap().explain(button, f"films.{name}")
        self.hits.itemActivated.connect(self._choose)
        self.hits.itemClicked.connect(self._choose)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(8))
        upper: tuple[QWidget, ...] = (words("Find in a folder", "heading"), self.model, self.note)
        for widget in upper:
            column.addWidget(widget)
        column.addLayout(row(self.folder))
        column.addWidget(self.where)
        column.addWidget(self.none)
        column.addLayout(row(self.index, self.stop))
        lower: tuple[QWidget, ...] = (self.bar, self.progress, self.failed, self.text, self.told)
        for widget in lower:
            column.addWidget(widget)
        column.addWidget(self.hits, 1)
        self.say("", -1.0)

    def keyed(self) -> dict[str, QPushButton]:
        """The buttons by the command of the page that each is."""
        return {"find-index": self.index, "find-stop": self.stop}

    def show_failed(self, failed: Sequence[str]) -> None:
        """Videos that gave nothing, and why."""
        self.failed.setVisible(bool(failed))
        more = f"\nand {len(failed) - 3} more" if len(failed) > 3 else ""
        self.failed.setText("\n".join(failed[:3]) + more)
        self.failed.setToolTip("\n".join(failed))

    def show_hits(self, hits: Sequence[Hit], root: Path) -> None:
        """List what was found, the best first."""
        self.hits.clear()
        blank = QPixmap(self.hits.iconSize())
        blank.fill(QColor(tokens().raised))
        for hit in hits:
            path = Path(hit.path)
            name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
            item = QListWidgetItem(QIcon(blank), f"{name}\n{clock(hit.time_s)}  ·  {hit.score:.3f}")
            item.setToolTip(f"{hit.path}\nfits best at {clock(hit.time_s)}, cosine {hit.score:.3f}")
            item.setData(Qt.ItemDataRole.UserRole, hit)
            self.hits.addItem(item)

    def show_thumbnail(self, at: int, hit: Hit, image: QImage) -> None:
        """The picture of a hit, if it is still the one in that place."""
        item = self.hits.item(at)
        if item is not None and item.data(Qt.ItemDataRole.UserRole) == hit:
            size = self.hits.iconSize()
            whole = QPixmap(size)
            whole.fill(QColor(Qt.GlobalColor.black))
            small = image.scaled(size, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
            painter = QPainter(whole)
            painter.drawImage((size.width() - small.width()) // 2, (size.height() - small.height()) // 2, small)
            painter.end()
            item.setIcon(QIcon(whole))

    def _choose(self, item: QListWidgetItem) -> None:
        hit = item.data(Qt.ItemDataRole.UserRole)
        self.chosen.emit(hit.path, hit.time_s)
