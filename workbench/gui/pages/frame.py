"""What these pages share: a title line with room for controls, a column below, notes, and files dropped on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from workbench.gui.banner import Banner, Remedy
from workbench.gui.card import Caption
from workbench.gui.closingwork import PageWork
from workbench.gui.theme import theme


class PageFrame(QWidget):
    """Title at the top left, controls at the right, a banner, and whatever the page adds."""

    def __init__(self, title: str, parent: QWidget | None = None, *, top: QWidget | None = None) -> None:
        """`top` takes the place of the title line where a page has one of its own."""
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        px = theme().pixels
        self.about = Caption()
        self.controls = QHBoxLayout()
        self.controls.setSpacing(px(8))
        line = QHBoxLayout()
        line.setSpacing(px(12))
        if top is None:
            heading = QLabel(title)
            heading.setProperty("role", "title")
            line.addWidget(heading)
            line.addWidget(self.about, 1)
            line.addLayout(self.controls)
        else:
            line.addWidget(top)
        self.banner = Banner()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(px(16), px(12), px(16), px(12))
        self.column.setSpacing(px(12))
        self.column.addLayout(line)
        self.column.addWidget(self.banner)
        self._dropped_on: Callable[[list[str]], object] = lambda paths: None

    def take_drops(self, take: Callable[[list[str]], object]) -> None:
        """From now on `take` gets the paths of what is dropped on the page."""
        self._dropped_on = take
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = local_paths(event)
        if paths:
            event.acceptProposedAction()
            self._dropped_on(paths)

    def note(self, lines: Sequence[str], *remedies: Remedy) -> None:
        """Say something above what the page shows; no lines take away what was said."""
        if lines:
            self.banner.show_note("\n".join(line[:1].upper() + line[1:] for line in lines), *remedies)
        else:
            self.banner.dismiss()

    def values(self) -> dict[str, Any]:
        """What is worth remembering of the page until the next start."""
        return {}

    @property
    def occupied(self) -> bool:
        """Whether somebody works here on something that no run may push aside."""
        return False

    def shows(self, _run: str) -> bool:
        """Whether a run of this id is followed here, so that it needs no page of its recipe."""
        return False

    def works(self) -> list[PageWork]:
        """What goes on in the page itself and would end with the window."""
        return []

    def opened(self) -> None:
        """Called whenever the page comes to the front."""

    def closed(self) -> None:
        """Called when the window closes: let go of what is read."""


def local_paths(event: QDropEvent) -> list[str]:
    """The paths of the files and folders that are dragged or dropped."""
    return [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
