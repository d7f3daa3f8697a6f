"""Taking runs away from the window: a menu of formats, a place to write to, and word of where it went."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPoint, QStandardPaths, Qt, QUrl
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.gui.banner import Banner
from workbench.gui.link import Link
from workbench.report.formats import FORMATS, Format, default_name, into_folder
from workbench.store.runfolder import RunFolder

if TYPE_CHECKING:
    from workbench.report.writing import Written


class Exporter(QObject):
    """Offers every format for the runs that `runs` names at that moment."""

    def __init__(
        self,
        owner: QWidget,
        link: Link,
        banner: Banner,
        recipes: Mapping[str, Recipe],
        runs: Callable[[], Sequence[RunFolder]],
    ) -> None:
        super().__init__(owner)
        self.owner, self.link, self.banner = owner, link, banner
        self.recipes, self.runs = recipes, runs
        self.folder = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation) or ".")
        self.menu = QMenu(owner)
        self.actions = [self._action(form) for form in FORMATS.values()]
        self.menu.addActions(self.actions)

    def pop(self, below: QWidget | None = None) -> None:
        """Show the menu under a button, or in the middle of the page."""
        anchor = below or self.owner
        at = QPoint(0, anchor.height()) if below is not None else anchor.rect().center()
        self.menu.popup(anchor.mapToGlobal(at))

    def set_enabled(self, able: bool) -> None:
        """Whether there is anything to take away."""
        for action in self.actions:
            action.setEnabled(able)

    def ask(self, form: Format) -> QFileDialog | None:
        """Ask where to; what is chosen there is written."""
        runs = list(self.runs())
        if not runs:
            return None
        dialog = QFileDialog(self.owner, form.title)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        folder = into_folder(form, len(runs))
        dialog.setDirectory(str(self.folder))
        if folder:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setLabelText(QFileDialog.DialogLabel.Accept, "Write here")
        else:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setNameFilter(f"{form.title} (*{form.suffix})")
            dialog.setDefaultSuffix(form.suffix.removeprefix("."))
            dialog.selectFile(default_name(runs, form))
        # A file that is there was confirmed in the dialog; what is in a folder nobody has been asked about.
        dialog.fileSelected.connect(lambda chosen: self.write(runs, form, Path(chosen), force=not folder))
        dialog.open()
        return dialog

    def write(self, runs: Sequence[RunFolder], form: Format, out: Path, *, force: bool = False) -> None:
        """Write in the background and say where it went, or why it did not."""
        self.folder = out if out.is_dir() else out.parent
        self.banner.show_note(f"Writing {form.title} …")
        self.link.background(
            lambda: _export(runs, form, out, recipes=self.recipes, force=force),
            then=self._written,
            failed=lambda record: self._failed(record, functools.partial(self.write, runs, form, out, force=True)),
            owner=self.owner,
        )

    def _written(self, written: list[Written]) -> None:
        first = written[0].path.absolute()
        shown = first if len(written) == 1 else first.parent
        opened = [("Open", lambda: _open(first))] if first.is_file() and first.suffix != ".zip" else []
        self.banner.show_note(f"Written: {shown}", *opened, ("Show folder", lambda: _open(first.parent)))

    def _failed(self, record: ProblemRecord, replace: Callable[[], None]) -> None:
        there = record.severity == "input" and "--force" in record.fix
        if there:
            self.banner.show_problem(_asked(record), ("Replace it", replace))
        else:
            self.banner.show_problem(record)

    def _action(self, form: Format) -> QAction:
        action = QAction(f"Export: {form.title}…", self.owner)
        action.setStatusTip(form.help[:1].upper() + form.help[1:])
        action.triggered.connect(lambda _=False: self.ask(form))
        return action


def _export(runs: Sequence[RunFolder], form: Format, out: Path, **how: Any) -> list[Written]:
    from workbench.report.writing import export  # only when somebody exports

    return export(runs, form, out, **how)


def _asked(record: ProblemRecord) -> ProblemRecord:
    """The same problem in the words of a window."""
    import msgspec

    return msgspec.structs.replace(record, fix="Choose another place, or replace what is there.", field="")


def _open(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
