"""Labels out of the program: what is asked of a person, and the files that the worker then writes."""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workbench.core.comparison import Comparison
from workbench.core.problem import KnownTrouble, ProblemRecord
from workbench.core.review import ReviewCase
from workbench.core.volumes import VolumeFile
from workbench.gui.asking import Asking
from workbench.gui.card import Caption
from workbench.gui.cases import reporting
from workbench.gui.cases.opening import OpenCase
from workbench.gui.link import Link
from workbench.gui.theme import theme
from workbench.gui.volumes.editor import Editor
from workbench.gui.volumes.labelmap import LabelMap

FORMATS = {
    "nifti": ("NIfTI", ".nii.gz"), "nrrd": ("NRRD", ".nrrd"), "mha": ("MetaImage", ".mha"),
    "dicom-seg": ("DICOM SEG", ".dcm"), "stl": ("Surfaces as STL", ".stl"), "ply": ("Surfaces as PLY", ".ply"),
    "csv": ("Table of volumes", ".csv"), **reporting.FORMATS,
}  # fmt: skip
SURFACES = ("stl", "ply")
SEG = "dicom-seg"
ROOM_PX = 460


class Wish(msgspec.Struct, frozen=True):
    """What a person wants written: FORMATS' names, into `folder`, called `name`."""

    formats: tuple[str, ...]
    folder: str
    name: str
    smooth: bool = True
    identified: bool = False
    """Whether a report names the case's path."""


class ExportDialog(QDialog):
    """Formats, a folder and a name; files that are there already are never written over."""

    wanted = Signal(object)
    """A Wish."""

    def __init__(self, parent: QWidget, *, is_dicom: bool, last: Wish) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export labels")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        px = theme().pixels
        self.formats = {name: QCheckBox(f"{title} ({ending})") for name, (title, ending) in FORMATS.items()}
        for name, box in self.formats.items():
            box.setChecked(name in last.formats and (name != SEG or is_dicom))
            box.toggled.connect(lambda _: self._check())
        if not is_dicom:
            self.formats[SEG].setEnabled(False)
            self.formats[SEG].setText("DICOM SEG (only over a DICOM series)")
        self.smooth = _box("Smooth surfaces", "Round off the voxels' steps; off leaves them as they are", last.smooth)
        self.identified = _box("Name the file in the report", "Paths may tell who the patient is; off, the case is a "
                               "number", last.identified)  # fmt: skip
        self.folder, self.name = QLineEdit(last.folder), QLineEdit(last.name)
        self.folder.setAccessibleName("Folder")
        self.name.setAccessibleName("Name of the files")
        for line in (self.folder, self.name):
            line.textChanged.connect(lambda _: self._check())
        choose = QPushButton("Choose…")
        choose.setToolTip("Choose the folder to write into")
        choose.clicked.connect(lambda _=False: self._choose())
        across = QHBoxLayout()
        across.addWidget(self.folder, 1)
        across.addWidget(choose)
        form = QFormLayout()
        form.setSpacing(px(8))
        boxes = QVBoxLayout()
        boxes.setSpacing(px(4))
        for box in self.formats.values():
            boxes.addWidget(box)
        boxes.addWidget(self.smooth)
        boxes.addWidget(self.identified)
        form.addRow("Write", boxes)
        form.addRow("Folder", across)
        form.addRow("Name", self.name)
        self.hint = Caption()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go = QPushButton("Export")
        self.go.setProperty("role", "primary")
        buttons.addButton(self.go, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(12))
        column.addLayout(form)
        column.addWidget(self.hint)
        column.addWidget(buttons)
        self.setMinimumWidth(px(ROOM_PX))
        self._check()

    def wish(self) -> Wish:
        """What is set now."""
        formats = tuple(name for name, box in self.formats.items() if box.isChecked())
        return Wish(formats, self.folder.text().strip(), self.name.text().strip(), self.smooth.isChecked(),
                    self.identified.isChecked())  # fmt: skip

    def _check(self) -> None:
        wish = self.wish()
        self.smooth.setEnabled(any(name in SURFACES for name in wish.formats))
        self.identified.setEnabled(any(name in reporting.FORMATS for name in wish.formats))
        fault = "" if wish.formats else "Choose at least one format."
        fault = fault or ("" if wish.folder else "Choose a folder.")
        fault = fault or (
            "" if wish.name and not set(wish.name) & set('/\\:*?"<>|') else "The name takes no / \\ : * ?"
        )
        self.go.setEnabled(not fault)
        self.hint.set_whole(fault or "Files that are there already stay; the new ones get a number.")

    def _choose(self) -> None:
        dialog = QFileDialog(self, "Export into", self.folder.text())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.folder.setText)
        dialog.open()

    def _accept(self) -> None:
        self.wanted.emit(self.wish())
        self.accept()


def _box(words: str, tip: str, checked: bool) -> QCheckBox:
    box = QCheckBox(words)
    box.setToolTip(tip)
    box.setChecked(checked)
    return box


class Exporter(QObject):
    """Writes labels as they are at the press of the button; painting waits only until they are copied."""

    written = Signal(object)
    """The files' paths."""
    failed = Signal(object)

    def __init__(self, link: Link, parent: QObject) -> None:
        super().__init__(parent)
        self._link = link
        self.asking = Asking(link, self, failed=self._fail)
        self._files: list[str] = []
        self._scratch: Path | None = None
        self._release: Callable[[], None] = lambda: None
        self.review_of: Callable[[OpenCase], ReviewCase | None] = lambda case: None
        """What readers said of a case, for its report."""

    def export(self, case: OpenCase, editor: Editor, wish: Wish) -> None:
        """Copy the labels, then have every format written, one after the other."""
        labels = editor.labels
        if labels is None or self.asking.doing or editor.busy:
            return
        self._files = []
        self._hold(editor)
        scratch = self._scratch = self._link.home.cache / "exports" / f"{uuid.uuid4().hex}.npy"
        meta = msgspec.structs.replace(labels.meta, labels=tuple(labels.labels), title="")
        file = VolumeFile(str(scratch), meta)

        def then(name: str) -> None:
            self._release()
            self._next(case, file, msgspec.structs.replace(wish, name=name), made=_made(case, labels))

        self.asking.work("Copying the labels", functools.partial(_copy, labels.array, scratch, wish), then)

    def deidentify(self, path: str, folder: Path, then: Callable[[Any], None]) -> None:
        """Copies of a case's DICOM files without what tells whom they show, in a new folder below `folder`."""
        if not self.asking.doing:
            self._files = []

            def go_on(out: str) -> None:
                self.asking.ask("Copying without the patient's data", "deidentify", dict[str, Any], then,
                                path=path, out=out)  # fmt: skip

            self.asking.work("Looking for a free name", lambda: _free_folder(folder), go_on)

    def cancel(self) -> None:
        """Wait for no further file; what is written stays."""
        self.asking.cancel()
        self._clean()

    def _next(self, case: OpenCase, labels: VolumeFile, wish: Wish, *, made: tuple[str, str]) -> None:
        if not wish.formats:
            self._clean()
            self.written.emit(list(self._files))
            return
        format, *rest = wish.formats
        title, ending = FORMATS[format]

        def then(files: list[str]) -> None:
            self._files += files
            self._next(case, labels, msgspec.structs.replace(wish, formats=tuple(rest)), made=made)

        if format in reporting.FORMATS:
            self._write_report(case, labels, wish, title, then)
            return
        self.asking.ask(
            f"Writing {title}", "export", list[str], then, labels=msgspec.to_builtins(labels), format=format,
            out=str(Path(wish.folder) / (wish.name + ending)), smooth=wish.smooth,
            source={"path": case.info.path, "key": case.key} if format == SEG else None,
            how=made[0], model=made[1],
        )  # fmt: skip

    def _write_report(
        self, case: OpenCase, labels: VolumeFile, wish: Wish, title: str, then: Callable[[list[str]], None]
    ) -> None:
        out = Path(wish.folder) / (wish.name + FORMATS[wish.formats[0]][1])
        report = reporting.Reporting(case, labels, out, self.review_of(case), wish.identified)

        def write(found: Comparison | None) -> None:
            report.comparison = found
            self.asking.work(f"Writing {title}", report.write, then)

        sides = msgspec.to_builtins(report.sides())
        if sides:
            self.asking.ask("Comparing with the labels before", "compare", Comparison, write, sides=sides)
        else:
            write(None)

    def _hold(self, editor: Editor) -> None:
        """No stroke may fall into the copy."""
        editor.tools[editor.tool].leave()
        editor.busy = "Export"
        editor.changed.emit()

        def release() -> None:
            editor.busy = ""
            editor.changed.emit()
            self._release = lambda: None

        self._release = release

    def _fail(self, record: ProblemRecord) -> None:
        self._clean()
        if self._files:
            names = ", ".join(Path(one).name for one in self._files)
            record = msgspec.structs.replace(record, fix=f"{record.fix} Written before that: {names}.".strip())
        self.failed.emit(record)

    def _clean(self) -> None:
        self._release()
        if self._scratch is not None:
            scratch, self._scratch = self._scratch, None
            self._link.background(functools.partial(_remove, scratch), failed=lambda _: None)


def _made(case: OpenCase, labels: LabelMap) -> tuple[str, str]:
    """How the labels came about, in DICOM's words, and the model that made them.

    Manual where they began empty here, so that every voxel was set by hand; automatic where nobody changed
    what a model made.
    """
    shown = case.labels if case.labels is not None and case.labels.path == labels.path else None
    if shown is None or not (shown.kept.begun or shown.kept.model):
        return "semiautomatic", ""
    if shown.kept.begun:
        return "manual", ""
    touched = shown.restored or labels.document.can_undo
    return "semiautomatic" if touched else "automatic", shown.kept.model


def _copy(array: Any, scratch: Path, wish: Wish) -> str:
    """Write the array for the worker; returns the name under which nothing is there yet. Raises KnownTrouble."""
    try:
        scratch.parent.mkdir(parents=True, exist_ok=True)
        np.save(scratch, array, allow_pickle=False)
        return _free_name(Path(wish.folder), wish)
    except OSError as error:
        raise KnownTrouble("The labels cannot be copied for the export.", expected="a writable place with room",
                           received=error.strerror or str(error), fix="Free some space, or choose another folder.",
                           place=str(error.filename or "")) from None  # fmt: skip


def _free_name(folder: Path, wish: Wish) -> str:
    there = {one.name for one in folder.iterdir()} if folder.is_dir() else set()
    endings = [FORMATS[one][1] for one in wish.formats]

    def taken(name: str) -> bool:
        return any(one.startswith((name + ending, name + "-")) and one.endswith(ending)
                   for one in there for ending in endings)  # fmt: skip

    name, number = wish.name, 2
    while taken(name):
        name, number = f"{wish.name}_{number}", number + 1
    return name


def _free_folder(folder: Path) -> str:
    name, number = "deidentified", 2
    while (folder / name).exists():
        name, number = f"deidentified_{number}", number + 1
    return str(folder / name)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
