"""Asking where a file is written to, so that nothing is written over unasked; writing pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QSaveFile
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QWidget

from workbench.core.problem import KnownTrouble, ProblemRecord


def ask_where(
    parent: QWidget, title: str, proposed: Path, kinds: Mapping[str, str], *, then: Callable[[Path], object],
    failed: Callable[[ProblemRecord], object],
) -> QFileDialog:  # fmt: skip
    """Ask for a file of one of some kinds (name filter to ending); `then` gets its path with the ending.

    `proposed` is a path without an ending. The dialog asks about a file that is there already; where its ending was
    only added here, nobody was asked, and `failed` hears of it.
    """
    dialog = QFileDialog(parent, title, str(proposed.parent))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(list(kinds))

    def turn(name_filter: str) -> None:
        dialog.setDefaultSuffix(kinds[name_filter].removeprefix("."))

    def chosen(given: str) -> None:
        ending = kinds[dialog.selectedNameFilter()]
        if Path(given).suffix.lower() == ending.lower():
            then(Path(given))
            return
        path = Path(given + ending)
        if path.exists():
            failed(ProblemRecord(
                "There is a file of this name already.", expected=f"a new name, or one that ends in {ending}",
                received=path.name, fix="Choose another name, or write the ending to replace the file.",
                severity="input", place=path.name,
            ))  # fmt: skip
        else:
            then(path)

    dialog.filterSelected.connect(turn)
    turn(dialog.selectedNameFilter() or next(iter(kinds)))
    dialog.selectFile(proposed.name)
    dialog.fileSelected.connect(chosen)
    dialog.finished.connect(lambda _: dialog.deleteLater())
    dialog.open()
    return dialog


def write_png(picture: QImage, path: Path) -> None:
    """Write a picture whole or not at all; on any thread. Raises KnownTrouble."""
    file = QSaveFile(str(path))
    written = file.open(QSaveFile.OpenModeFlag.WriteOnly) and picture.save(file, "PNG") and file.commit()  # type: ignore[call-overload]
    if not written:
        raise KnownTrouble("The picture could not be written.", expected="a place with room that can be written",
                           received=file.errorString(), fix="Choose another folder.", place=str(path))  # fmt: skip
