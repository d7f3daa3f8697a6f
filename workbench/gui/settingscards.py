"""Cards of the settings page that no knob declares: where data lives, and whose recipes are there."""

from __future__ import annotations

import os
import shutil

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.words import count, size
from workbench.gui.actions import keymap
from workbench.gui.card import Card
from workbench.gui.link import Link
from workbench.gui.theme import theme

HOW_TO_MOVE = (
    "To move it: close the window, move the folder, and start with WORKBENCH_HOME=/new/place in the environment "
    "(or workbench --home /new/place). Runs keep working: they name their files by place within their folder."
)
NO_PLUGINS = (
    "No recipes of third parties. A package that offers some in the entry-point group workbench.recipes is found by "
    "itself once it is installed; while one is being written, WORKBENCH_PLUGINS names its module."
)


class DataFolder(Card):
    """Where runs, models and settings are kept, how much room is left, and how to move it."""

    def __init__(self, link: Link) -> None:
        super().__init__("Data folder")
        self.link = link
        self._path, self._room = _text(str(link.home.root)), _text("", "dim")
        self._path.setAccessibleName("Path of the data folder")
        show, copy = QPushButton("Open folder"), QPushButton("Copy path")
        for button, name, do in (
            (show, "settings.folder", self.open_folder), (copy, "settings.path", self.copy_path)
        ):  # fmt: skip
            keymap().explain(button, name)
            button.setProperty("command", name)
            button.clicked.connect(lambda _=False, do=do: do())
        buttons = QHBoxLayout()
        buttons.addWidget(show)
        buttons.addWidget(copy)
        buttons.addStretch(1)
        body, column = _column()
        for label in (self._path, self._room):
            column.addWidget(label)
        column.addLayout(buttons)
        column.addWidget(_text(_why_there(), "small"))
        column.addWidget(_text(HOW_TO_MOVE, "small"))
        self.set_body(body)

    def refresh(self) -> None:
        """Look again how much room there is."""
        home = self.link.home
        self.link.background(lambda: _room(str(home.root), str(home.runs)), then=self._room.setText, owner=self)

    def filter(self, words: list[str]) -> bool:
        """Whether the card is about these words."""
        hay = f"data folder home workbench_home runs disk space free move path {self.link.home.root}".lower()
        return all(word in hay for word in words)

    def open_folder(self) -> None:
        """Show the folder in the file manager."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.link.home.root)))

    def copy_path(self) -> None:
        """Put the folder's path on the clipboard."""
        QGuiApplication.clipboard().setText(str(self.link.home.root))


class PlugIns(Card):
    """Recipes that came from elsewhere, and what keeps others from being used."""

    def __init__(self) -> None:
        from workbench.recipes import faults, recipes

        super().__init__("Plug-ins")
        self.fill([one for one in recipes().values() if not _ours(one)], list(faults()))

    def fill(self, found: list[Recipe], faults: list[ProblemRecord]) -> None:
        """Tell of these recipes and faults."""
        body, column = _column()
        self._hay = f"plug-ins plugins third party recipes faults {' '.join(one.id for one in found)}".lower()
        for one in found:
            column.addWidget(_text(f"{one.title} · {one.id} · {one.run.__module__}"))
        for fault in faults:
            column.addWidget(self._fault(fault))
        if not found and not faults:
            column.addWidget(_text(NO_PLUGINS, "small"))
        told = [count(len(found), "recipe")] * bool(found) + [count(len(faults), "fault")] * bool(faults)
        self.set_caption(", ".join(told))
        self.set_body(body)

    def filter(self, words: list[str]) -> bool:
        """Whether the card is about these words."""
        return all(word in self._hay for word in words)

    def _fault(self, fault: ProblemRecord) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        words = QVBoxLayout()
        words.setSpacing(theme().pixels(2))
        words.addWidget(_text(fault.what, "error"))
        words.addWidget(_text(f"Received {fault.received}.", "small"))
        words.addWidget(_text(fault.fix, "small"))
        row.addLayout(words, 1)
        copy = QPushButton("Copy trace")
        copy.setToolTip("Put the whole trace of the fault on the clipboard")
        copy.setAccessibleName(f"Copy trace: {fault.what}")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(fault.trace or fault.text()))
        row.addWidget(copy, 0, Qt.AlignmentFlag.AlignTop)
        return holder


def _why_there() -> str:
    named = "WORKBENCH_HOME in the environment names this folder."
    return named if os.environ.get("WORKBENCH_HOME") else "This is the system's folder for the data of applications."


def _room(root: str, runs: str) -> str:
    disk = shutil.disk_usage(root)
    with os.scandir(runs) as entries:
        amount = sum(entry.is_dir() for entry in entries)
    return f"{count(amount, 'run')} · {size(disk.free)} free of {size(disk.total)}"


def _ours(recipe: Recipe) -> bool:
    return recipe.run.__module__.startswith("workbench.recipes.")


def _column() -> tuple[QWidget, QVBoxLayout]:
    body = QWidget()
    column = QVBoxLayout(body)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(theme().pixels(8))
    return body, column


def _text(text: str, role: str = "") -> QLabel:
    label = QLabel(text)
    label.setProperty("role", role)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
