"""What the window brings up by itself: faults with their report, what the machine lacks, edits left over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from workbench.core.problem import ProblemRecord
from workbench.core.words import count, moment
from workbench.gui.doctorview import DoctorDialog, Examination
from workbench.gui.labelledits import EditsDoc, left_over
from workbench.gui.report import ReportDialog

if TYPE_CHECKING:
    from workbench.gui.window import MainWindow

EXAMINE_AFTER_MS = 5000
"""The window settles first: what is missing on a machine is no news that anybody waits for."""


class Attention(QObject):
    """Listens to the link and the banner of a window and opens what they ask for, each once."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window, self._link = window, window.link
        self.examination = Examination(window.link, self)
        self.examination.done.connect(window.status.show_findings)
        window.link.problem.connect(self._tell)
        window.link.report_wanted.connect(self.report)
        window.banner.reported.connect(lambda record: self.report(record, ""))
        window.status.doctor_wanted.connect(self.open_doctor)

    def begin(self) -> None:
        """After the first paint."""
        self._link.background(lambda: left_over(self._link.home.edits), then=self._offer_edits, owner=self)
        QTimer.singleShot(EXAMINE_AFTER_MS, self, lambda: self.examination.start(worker=False))

    def report(self, record: ProblemRecord, run: str) -> None:
        """Open the report of a fault of the program; one at a time, further ones are counted there."""
        shown = self._window.findChild(ReportDialog)
        if shown is None:
            ReportDialog(self._window, self._link, record, run).open()
        else:
            shown.count()

    def open_doctor(self) -> None:
        """What this machine offers and lacks, with fixes."""
        shown = self._window.findChild(DoctorDialog)
        if shown is None:
            dialog = DoctorDialog(self._window, self._link)
            dialog.examination.done.connect(self._window.status.show_findings)
            dialog.open()
        else:
            shown.raise_()

    def _tell(self, record: ProblemRecord) -> None:
        self._window.banner.show_problem(record)
        if record.severity == "bug":
            self.report(record, "")

    def _offer_edits(self, found: list[tuple[EditsDoc, float]]) -> None:
        """Edits that were autosaved and are in no copy: the newest can be taken up from here."""
        known = [one for one in found if one[0].recipe in self._window.recipes and one[0].slot]
        if not known or not self._window.banner.isHidden():
            return
        document, written_s = known[0]
        what = f"{count(len(document.edits), 'edit')} of {Path(document.source.removeprefix('sample:')).name}"
        more = f" ({count(len(known) - 1, 'more data set has', 'more data sets have')} some too)" if known[1:] else ""
        self._window.banner.show_note(
            f"In no copy yet: {what}, autosaved {moment(written_s)}{more}.",
            ("Take them up", lambda: self._take_up(document)),
        )

    def _take_up(self, document: EditsDoc) -> None:
        self._window.banner.dismiss()
        page = self._window.open_recipe(document.recipe)
        page.setup.inputs.set_inputs({document.slot: document.source})
        page.label()
