"""A passage of text, shown as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from workbench.core import events as ev
from workbench.core.documents import TextDoc, read
from workbench.gui.views import reading
from workbench.gui.views.base import Rows, View


class TextView(View):
    """Plain text that can be selected and copied; markup in it is not obeyed."""

    name = "Text"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.page = QPlainTextEdit(self)
        self.page.setReadOnly(True)
        self.page.setFrameShape(QFrame.Shape.NoFrame)
        self.page.setAccessibleName("Text")
        self.page.setObjectName("log")
        self.set_body(self.page)
        self.setFocusProxy(self.page)

    def read(self, folder: Path, artifact: ev.Artifact) -> TextDoc:
        return read(reading.inside(folder, artifact.path), TextDoc)

    def draw(self, content: TextDoc) -> None:
        self.page.setPlainText(content.text)
        self.set_caption(content.title)

    def rows(self) -> tuple[Sequence[str], Rows]:
        return ("line",), [[line] for line in self.page.toPlainText().split("\n")]
