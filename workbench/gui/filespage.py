"""What pages of files share: a list at the left of what is seen, files of late, dialogs, drops, and what is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QListWidget, QListWidgetItem, QSplitter, QStackedWidget, QWidget

from workbench.core.problem import ProblemRecord
from workbench.gui.link import Link
from workbench.gui.pages.frame import PageFrame
from workbench.gui.startplace import StartPlace
from workbench.gui.theme import theme
from workbench.gui.topline import TabChooser, TopLine

MOST_RECENT = 8
LIST_PX = 200
TITLE_PX = 220
"""So much of a file's name is read before buttons stand beside it."""


def with_first(path: str, recent: Sequence[str]) -> list[str]:
    """What was opened of late, a path at its head."""
    return [path, *(one for one in recent if one != path)][:MOST_RECENT]


def without(path: str, recent: Sequence[str]) -> list[str]:
    """What was opened of late but for a path."""
    return [one for one in recent if one != path]


def ask_paths(
    parent: QWidget, title: str, mode: QFileDialog.FileMode, then: Callable[[Sequence[str]], object], *,
    filters: str = "", beside: str = "",
) -> None:  # fmt: skip
    """Open a dialog for files or a folder, beginning beside a path; `then` gets what was chosen."""
    dialog = QFileDialog(parent, title, str(Path(beside).parent) if beside else "")
    dialog.setFileMode(mode)
    if filters:
        dialog.setNameFilters([filters, "All files (*)"])
    dialog.accepted.connect(lambda: then(dialog.selectedFiles()))
    dialog.finished.connect(lambda _: dialog.deleteLater())
    dialog.open()


class FilesPage(PageFrame):
    """Several files stand in a list at the left (`files`); one of them is seen (`path`), in the place `looking`.

    A subclass makes `start`, hands over what shows a file with `place`, and says in `open_listed` how a file of the
    list is opened, in `follow` what can be done now. What it is asked to open it notes in `wish`: a file that has
    gone can then be removed from the list.
    """

    changed = Signal()
    set_aside = Signal(str)
    """Another window had edited what is seen; its edits lie in this file now. From any thread."""
    start: StartPlace

    def __init__(self, link: Link, chooser: TabChooser, title: str) -> None:
        self.top = TopLine(chooser)
        super().__init__(title, top=self.top)
        self.link = link
        self.recent: list[str] = []
        self.path = self.wish = ""
        self.files = QListWidget()
        self.files.setAccessibleName(title)
        self.files.hide()
        self.looking = QSplitter(Qt.Orientation.Horizontal)
        self.places = QStackedWidget()
        self.files.currentItemChanged.connect(
            lambda item, _: self.open_listed(item.data(Qt.ItemDataRole.UserRole)) if item else None
        )
        self.take_drops(self.dropped)
        self.set_aside.connect(self._tell_aside)
        self.banner.reported.connect(lambda record: self.link.report_wanted.emit(record, ""))

    def place(self, viewer: QWidget, *others: QWidget) -> None:
        """What shows a file stands beside the list; the start and other places take turns with both."""
        for widget in (self.files, viewer):
            self.looking.addWidget(widget)
        self.looking.setStretchFactor(1, 1)
        self.looking.setSizes([theme().pixels(LIST_PX), theme().pixels(1000)])
        for place in (self.start, self.looking, *others):
            self.places.addWidget(place)
        self.start.recent_chosen.connect(lambda path: self.open_paths([path]))

    # For subclasses

    def open_paths(self, paths: Sequence[str]) -> None:
        """List the files of files and folders, and open the first."""
        raise NotImplementedError

    def open_listed(self, path: str) -> None:
        """Open a file of the list."""
        raise NotImplementedError

    def follow(self) -> None:
        """Enable what can be done now, and tell what is seen."""
        raise NotImplementedError

    def dropped(self, paths: list[str]) -> None:
        """Files were dropped."""
        self.open_paths(paths)

    # What is remembered

    def take_recent(self, values: Mapping[str, Any]) -> bool:
        """Back to the files of late that were remembered; False where that is no list of paths."""
        try:
            self.recent = msgspec.convert(values.get("recent", []), list[str])
        except msgspec.ValidationError:
            return False
        self.start.show_recent(self.recent)
        return True

    def remember(self, path: str) -> None:
        """A file was opened."""
        self._keep(with_first(path, self.recent))

    def _forget(self, path: str) -> None:
        self.banner.dismiss()
        self._keep(without(path, self.recent))

    def _keep(self, recent: list[str]) -> None:
        self.recent = recent
        self.start.show_recent(recent)
        self.changed.emit()

    # The list

    @property
    def viewing(self) -> bool:
        """Whether a file is seen."""
        return bool(self.path) and self.places.currentWidget() is self.looking

    def list_files(self, paths: Sequence[str]) -> None:
        """Show what was found, and open the first; a single file needs no list."""
        self.files.blockSignals(True)
        self.files.clear()
        for path in paths:
            item = QListWidgetItem(Path(path).name)
            item.setToolTip(path)
            item.setData(Qt.ItemDataRole.UserRole, path)
            self.files.addItem(item)
        self.files.setCurrentRow(0)
        self.files.blockSignals(False)
        self.files.setVisible(len(paths) > 1)
        self.open_listed(paths[0])

    def step(self, by: int) -> None:
        """Open the next file of the list."""
        row = self.files.currentRow() + by
        if 0 <= row < self.files.count():
            self.files.setCurrentRow(row)

    def ask(
        self, title: str, mode: QFileDialog.FileMode, then: Callable[[Sequence[str]], object], filters: str = ""
    ) -> None:
        """Ask for files or a folder, beginning beside the file opened last."""
        ask_paths(self, title, mode, then, filters=filters, beside="".join(self.recent[:1]))

    # What is said

    def _tell_aside(self, path: str) -> None:
        self.note([f"Another window has edited this as well. Its edits were set aside, and yours stand now: {path}"])

    def failed_with(self, record: ProblemRecord) -> None:
        """Say what went wrong."""
        gone = self.wish
        if gone in self.recent and not Path(gone).exists():
            self.banner.show_problem(record, ("Remove from the list", lambda: self._forget(gone)))
        else:
            self.banner.show_problem(record)
        self.follow()

    def left_place(self) -> None:
        """Back from another place to the file that is open, or to the start."""
        self.places.setCurrentWidget(self.looking if self.path else self.start)
        self.follow()
