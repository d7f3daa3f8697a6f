"""What a page shows before something is open: what to drop, samples, and what was opened of late."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workbench.gui.card import empty
from workbench.gui.icons import large_icon
from workbench.gui.theme import theme, tokens

PICTURE_PX, ROOM_PX, LINE_PX = 48, 560, 72


@dataclasses.dataclass(frozen=True)
class Way:
    """A button that opens something; the first one of a place is its primary."""

    text: str
    do: Callable[[], None]
    tip: str


class StartPlace(QWidget):
    """Never empty-handed: the first way is a sample that needs no file."""

    recent_chosen = Signal(str)

    def __init__(self, title: str, kinds: str, ways: Sequence[Way], *, picture: str = "mdi6.tray-arrow-down") -> None:
        super().__init__()
        px = theme().pixels
        self._icon = picture
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme().follow(self._picture, self._draw)
        self._draw()
        what, about = QLabel(title), QLabel(kinds)
        what.setProperty("role", "title")
        about.setProperty("role", "dim")
        for label in (what, about):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        buttons = QHBoxLayout()
        buttons.setSpacing(px(8))
        buttons.addStretch(1)
        for number, way in enumerate(ways):
            button = QPushButton(way.text)
            button.setToolTip(way.tip)
            if not number:
                button.setProperty("role", "primary")
            button.clicked.connect(lambda _=False, do=way.do: do())
            buttons.addWidget(button)
        buttons.addStretch(1)
        self._heading = QLabel("Opened of late")
        self._heading.setProperty("role", "heading")
        self._recent = QVBoxLayout()
        self._recent.setSpacing(px(2))
        inner = QWidget()
        inner.setFixedWidth(px(ROOM_PX))
        column = QVBoxLayout(inner)
        column.setSpacing(px(12))
        for widget in (self._picture, what, about):
            column.addWidget(widget)
        column.addLayout(buttons)
        column.addSpacing(px(16))
        column.addWidget(self._heading)
        column.addLayout(self._recent)
        whole = QVBoxLayout(self)
        whole.addStretch(1)
        whole.addWidget(inner, 0, Qt.AlignmentFlag.AlignHCenter)
        whole.addStretch(2)

    def show_recent(self, paths: Sequence[str]) -> None:
        """List what was opened of late, the newest first."""
        empty(self._recent)
        self._heading.setVisible(bool(paths))
        for path in paths:
            button = QPushButton(short(path))
            button.setProperty("role", "link")
            button.setToolTip(path)
            button.setAccessibleName(f"Open {path}")
            button.clicked.connect(lambda _=False, path=path: self.recent_chosen.emit(path))
            self._recent.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)

    def _draw(self) -> None:
        side = theme().pixels(PICTURE_PX)
        self._picture.setPixmap(large_icon(self._icon, side, tokens().dim))


def short(path: str) -> str:
    """The end of a path, as much as a line holds."""
    parts = Path(path).parts
    shown = str(Path(*parts[-3:])) if len(parts) > 4 else path
    shown = f"… {shown}" if shown != path else path
    return shown if len(shown) <= LINE_PX else "…" + shown[-LINE_PX:]
