"""The page of cases: open, look, correct labels, take them away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QStackedWidget

from workbench.core.problem import Problem, ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.review import case_id
from workbench.core.slides import SlideInfo
from workbench.core.volumes import CaseInfo, SeriesInfo
from workbench.gui.actions import key_words, keymap, make_action
from workbench.gui.banner import Remedy
from workbench.gui.card import Caption
from workbench.gui.cases.chooser import SeriesChooser
from workbench.gui.cases.exporting import ExportDialog, Exporter, Wish
from workbench.gui.cases.notices import tell_copied, tell_written
from workbench.gui.cases.opening import OpenCase, Opening, Shown
from workbench.gui.cases.remembered import Remembered
from workbench.gui.cases.reviewing import Reviewing
from workbench.gui.cases.segmenting import Segmenting
from workbench.gui.cases.slides import FILTER, SlideDesk
from workbench.gui.cases.start import start_place
from workbench.gui.filespage import ask_paths
from workbench.gui.link import Link
from workbench.gui.pages.frame import PageFrame
from workbench.gui.startplace import short
from workbench.gui.theme import theme
from workbench.gui.topline import TabChooser, TopLine
from workbench.gui.volumes.labelmap import LabelMap
from workbench.gui.volumes.viewer import VolumeViewer
from workbench.gui.working import WorkingLine

DISCLAIMER = "Research use only – not a medical device."
PICTURE_DIGITS = 8
VOLUMES = "Medical images (*.nii *.nii.gz *.nrrd *.nhdr *.mha *.mhd *.dcm *.ima *.hdr *.img)"


class CasesPage(PageFrame):
    """Nothing of a patient is remembered but the paths that were opened."""

    changed = Signal()
    run_wanted = Signal(str)
    compare_wanted = Signal(object)
    """Ids of runs to be held against each other."""

    def __init__(self, link: Link, chooser: TabChooser) -> None:
        self.top = TopLine(chooser)
        super().__init__("Cases", top=self.top)
        self.link = link
        self.case: OpenCase | None = None
        self.remembered = Remembered()
        self.recipes: Mapping[str, Recipe] = {}
        """Whose models can be gone on from."""
        self.opening, self.exporter = Opening(link, self), Exporter(link, self)
        self.start = start_place(
            file=self.ask_file, folder=self.ask_folder, sample=self.open_sample, slide=self.open_slide_sample
        )
        self.chooser = SeriesChooser(link.background)
        self.viewer = VolumeViewer(link)
        self.segmenting = Segmenting(self)
        self.viewer.editor.refiner.ask = self._inspect
        self.viewer.pictures.place, self.viewer.pictures.failed = self._picture_place, self.failed_with
        self.places = QStackedWidget()
        for place in (self.start, self.chooser, self.viewer):
            self.places.addWidget(place)
        self.slides = SlideDesk(link, self, lambda viewer: self.places.insertWidget(self.places.count(), viewer))
        self.working = WorkingLine(self._stop)
        self._found: CaseInfo | None = None
        self._wish = ""
        self.take_drops(lambda paths: self.open_case(paths[0]))
        self.reviewing = Reviewing(self)
        self._make_actions()
        footer = Caption(DISCLAIMER, role="small")
        footer.setAccessibleName(DISCLAIMER)
        self.column.addWidget(self.working)
        across = QHBoxLayout()
        across.setSpacing(theme().pixels(12))
        across.addWidget(self.reviewing.panel)
        across.addLayout(self.segmenting.beside(self.places), 1)
        self.column.addLayout(across, 1)
        self.column.addWidget(footer)
        self._wire()
        self.start.show_recent([])
        self._refresh()

    # What is remembered

    def values(self) -> dict[str, Any]:
        """The cases of late, by path, and how labels were exported last."""
        found: dict[str, Any] = msgspec.to_builtins(self.remembered)
        return found

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered; anything else is passed by."""
        try:
            self.remembered = msgspec.convert(values, Remembered)
        except msgspec.ValidationError:
            return
        self.start.show_recent(self.remembered.recent)

    @property
    def occupied(self) -> bool:
        """Whether a case or a slide is open."""
        return self.case is not None or self.slides.info is not None

    def closed(self) -> None:
        """Put edits on disk."""
        self.viewer.editor.finish()
        self.reviewing.review.finish()
        self._stop()

    # Opening

    def open_case(self, path: str) -> None:
        """Look at a file or a folder, and open what is in it."""
        self.banner.dismiss()
        self._wish = path
        self._wait_no_more()
        if not self.slides.open(path, lambda: self.opening.open(path)):
            self.opening.open(path)

    def open_listed(self, path: str, keys: tuple[str, ...]) -> None:
        """Open a case of the worklist with the series it was looked at in before."""
        self.banner.dismiss()
        self._wish = path
        self._wait_no_more()
        self.slides.close()
        self.viewer.editor.finish()
        self.opening.open(path, keys, listed=True)

    def open_sample(self) -> None:
        """Open the phantom."""
        self.banner.dismiss()
        self._wish = ""
        self._wait_no_more()
        self.opening.open_sample()

    def open_slide_sample(self) -> None:
        """Open the drawn slide."""
        self.banner.dismiss()
        self._wish = ""
        self._wait_no_more()
        self.slides.open_sample()

    def ask_file(self) -> None:
        """Choose a file to open."""
        kinds = f"{VOLUMES[:-1]} {FILTER.partition('(')[2]}"
        self._ask("Open a case: file", QFileDialog.FileMode.ExistingFile, self.open_case, kinds)

    def ask_folder(self) -> None:
        """Choose a folder to open."""
        self._ask("Open a case: folder", QFileDialog.FileMode.Directory, self.open_case)

    def choose_folder(self, title: str, then: Callable[[str], None]) -> None:
        """Choose a folder for something else than to open it."""
        self._ask(title, QFileDialog.FileMode.Directory, then)

    def show_menu(self) -> None:
        """Everything that can be opened, the cases of late among it."""
        self.menu.clear()
        self.menu.addActions([self.acts[name] for name in ("file", "folder", "sample", "slide")])
        if self.remembered.recent:
            self.menu.addSection("Opened of late")
        for path in self.remembered.recent:
            entry = self.menu.addAction(short(path).replace("&", "&&"))
            entry.setProperty("command", "cases.file")
            entry.triggered.connect(lambda _=False, path=path: self.open_case(path))
        anchor = self.top.anchor(self.open_button)
        self.menu.popup(anchor.mapToGlobal(anchor.rect().bottomLeft()))
        self.menu.setActiveAction(self.acts["file"])

    def _ask(self, title: str, mode: QFileDialog.FileMode, then: Any, filters: str = "") -> None:
        beside = "".join(self.remembered.recent[:1])
        ask_paths(self, title, mode, lambda paths: then(paths[0]), filters=filters, beside=beside)

    def _choose(self, info: CaseInfo) -> None:
        self._found = info
        self.chooser.set_title(f"Series in {info.title}")
        self.chooser.show_case(info)
        self.places.setCurrentWidget(self.chooser)
        self.chooser.list.setFocus()
        if info.notes:
            self.banner.show_note("\n".join(info.notes))
        self._refresh()

    def _load(self, series: Sequence[SeriesInfo]) -> None:
        if self._found is not None:
            self.banner.dismiss()
            self.opening.load(self._found, series)

    def _opened(self, case: OpenCase) -> None:
        former = self.case
        self.slides.close()
        self.case, labels = case, None
        if len(case.info.series) > 1:
            self._found = case.info
        elif former is None or former.info is not case.info:
            self._found = None
        if case.labels is not None:
            labels = self._map(case.labels)
        try:
            self.viewer.show_volumes(case.layers, labels)
        except Problem as problem:
            case.labels = None
            self.viewer.show_volumes(case.layers)
            self._failed(problem.record())
        else:
            self._announce(case)
        self.places.setCurrentWidget(self.viewer)
        self.viewer.canvas.setFocus()
        self._remember(case)
        self.reviewing.opened(case)
        self._refresh()

    def _slide_opened(self, info: SlideInfo, is_sample: bool) -> None:
        viewer = self.slides.viewer
        if viewer is None:
            return
        self.reviewing.review.leave()
        self.viewer.clear()
        self.case = self._found = None
        self.places.setCurrentWidget(viewer)
        viewer.canvas.setFocus()
        if not is_sample:
            self._remember_path(info.path)
        self._say(info.notes)
        self._refresh()

    def _inspect(self, what: str, **about: Any) -> Future[msgspec.Raw]:
        return self.link.runner.inspect(what, **about)  # the runner is made on first use

    def _map(self, shown: Shown) -> LabelMap:
        return LabelMap(shown.array, shown.kept.meta, self.viewer, path=shown.path, digest=shown.digest)

    def _labelled(self, shown: Shown, notes: Sequence[str]) -> None:
        case = self.case
        if case is None:
            return
        before = case.labels.kept if case.labels is not None else None
        edited = self.viewer.editor.labels is not None and self.viewer.editor.labels.document.can_undo
        try:
            self.viewer.show_volumes(case.layers, self._map(shown), overlay=self.viewer.spare)
        except Problem as problem:
            self._failed(problem.record())
            return
        case.labels = shown
        case.other = (
            before if before is not None and (edited or shown.kept.model) and before.file != shown.kept.file else None
        )
        lines = ["Empty labels: choose the brush (B) and paint."] if shown.kept.begun and not shown.restored else []
        if shown.restored and shown.kept.model:
            lines = ["The model finds what it found before; your corrections lie over it again, Undo drops them."]
        self._say([*lines, *notes])
        self.viewer.canvas.setFocus()
        self._refresh()

    def _announce(self, case: OpenCase) -> None:
        restored = case.labels is not None and case.labels.restored
        told = ["Your edits of last time are shown again; Undo drops them."] if restored else []
        self._say([*told, *case.notes, *(case.info.notes if not self._found else ())])

    def _say(self, lines: Sequence[str]) -> None:
        """Notes about what is shown, with other labels of the case at hand."""
        remedies: list[Remedy] = []
        case = self.case
        if case is not None and case.other is not None:
            other = case.other
            lines = [*lines, "This case has other labels too; they are kept."]
            remedies = [("Show the other labels", lambda: self.opening.show_kept(case, other))]
        self.note(lines, *remedies)

    def _remember(self, case: OpenCase) -> None:
        if not case.is_sample:
            self._remember_path(case.info.path)

    def _remember_path(self, path: str) -> None:
        self.remembered.put_first(path)
        self.start.show_recent(self.remembered.recent)
        self.changed.emit()

    def failed_with(self, record: ProblemRecord) -> None:
        """Show a problem of a part of the page."""
        self.banner.show_problem(record)
        self._refresh()

    def _failed(self, record: ProblemRecord) -> None:
        remedies = self.reviewing.remedies(self._wish)
        if self._wish in self.remembered.recent and not Path(self._wish).exists():
            gone = self._wish
            remedies.append(("Remove from the list", lambda: self._forget(gone)))
        self.banner.show_problem(record, *remedies)
        self._refresh()

    def _forget(self, path: str) -> None:
        self.remembered.drop(path)
        self.start.show_recent(self.remembered.recent)
        self.banner.dismiss()
        self.changed.emit()

    # The case that is open

    def choose_series(self) -> None:
        """Back to the list of what the folder holds."""
        if self._found is not None:
            self._choose(self._found)

    def add_labels(self) -> None:
        """Choose a label file for the case."""
        case = self.case
        if case is not None:
            then = lambda path: self.opening.add_labels(case, path)  # noqa: E731
            self._ask("Add labels", QFileDialog.FileMode.ExistingFile, then, VOLUMES)

    def new_labels(self) -> None:
        """Begin with empty labels."""
        if self.case is not None:
            self.viewer.editor.finish()
            self.opening.begin_labels(self.case)

    def ask_export(self) -> None:
        """Ask what to write where."""
        case = self.case
        if case is None or self.viewer.editor.labels is None:
            return
        last = self.remembered.export
        place = last.folder or str(Path.home() if case.is_sample else Path(case.info.path).parent)
        dialog = ExportDialog(self, is_dicom=case.is_dicom, last=msgspec.structs.replace(last, folder=place))
        dialog.wanted.connect(self.export)
        dialog.open()

    def export(self, wish: Wish) -> None:
        """Write the labels as they are now."""
        self.remembered.export = wish
        self.changed.emit()
        if self.case is not None:
            self.exporter.export(self.case, self.viewer.editor, wish)

    def deidentify(self) -> None:
        """Ask where to, then copy the DICOM files without the patient's data."""
        case = self.case
        if case is not None:

            def then(folder: str) -> None:
                self.exporter.deidentify(case.info.path, Path(folder), lambda told: tell_copied(self.banner, told))

            self._ask("De-identified copy below", QFileDialog.FileMode.Directory, then)

    def _picture_place(self) -> Path:
        """Where a picture of the case is proposed to be; called by what no name can be told from."""
        case = self.case
        if case is None or case.is_sample:
            return Path.home() / ("sample-case" if case is not None else "case")
        path = Path(case.info.path)
        return path.parent / f"case-{case_id(path)[:PICTURE_DIGITS]}"

    def close_case(self) -> None:
        """Back to the start; labels are kept."""
        self.opening.asking.cancel()
        self.slides.close()
        self.reviewing.review.leave()
        self.viewer.clear()
        self.case = self._found = None
        self.banner.dismiss()
        self.places.setCurrentWidget(self.start)
        self._refresh()

    def _stop(self) -> None:
        self._wait_no_more()
        self.exporter.cancel()
        for asking in self.reviewing.askings:
            asking.cancel()
        self.segmenting.stop()

    def _wait_no_more(self) -> None:
        """For a case or slide that is still being opened."""
        self.opening.asking.cancel()
        self.slides.asking.cancel()

    # Building

    def _make_actions(self) -> None:
        doing = {
            "file": self.ask_file, "folder": self.ask_folder, "sample": self.open_sample,
            "slide": self.open_slide_sample,
            "series": self.choose_series, "labels": self.add_labels, "new": self.new_labels,
            "export": self.ask_export, "deidentify": self.deidentify, "close": self.close_case,
        }  # fmt: skip
        self.acts = {name: make_action(self, f"cases.{name}", do) for name, do in doing.items()}
        self.menu = QMenu(self)
        opens = QAction("Open…", self)
        opens.setProperty("command", "window.case")
        opens.setStatusTip(f"{keymap().command('window.case').tip} ({key_words(keymap().key('window.case'))})")
        opens.setData("mdi6.folder-open-outline")
        opens.triggered.connect(lambda _=False: self.show_menu())
        self.acts["segment"] = self.segmenting.acts["segment"]
        for name in ("close", "deidentify", "series", "labels", "new", "segment", "export"):
            self.top.add(self.acts[name])
        for name in ("compare", "worklist"):
            self.top.add(self.reviewing.acts[name])
        self.open_button: QPushButton = self.top.add(opens, primary=True)

    def _wire(self) -> None:
        self.start.recent_chosen.connect(self.open_case)
        self.opening.found.connect(self._choose)
        self.opening.opened.connect(self._opened)
        self.opening.labelled.connect(self._labelled)
        self.opening.failed.connect(self._failed)
        self.chooser.chosen.connect(self._load)
        self.slides.opened.connect(self._slide_opened)
        self.slides.failed.connect(self._failed)
        self.exporter.written.connect(lambda files: tell_written(self.banner, files))
        self.exporter.failed.connect(self._failed)
        for asking in (self.opening.asking, self.exporter.asking, self.slides.asking, *self.reviewing.askings):
            asking.changed.connect(lambda _: self._tell())
        self.viewer.editor.changed.connect(self._refresh)
        self.banner.reported.connect(lambda record: self.link.report_wanted.emit(record, ""))

    def _tell(self) -> None:
        askings = (self.opening.asking, self.exporter.asking, self.slides.asking, *self.reviewing.askings)
        self.working.tell([one.doing for one in askings], self.opening.asking.fraction)
        self._refresh()

    def _refresh(self) -> None:
        """Which actions can be done, and what is said of the case."""
        case, shown = self.case, self.places.currentWidget()
        viewing = case is not None and shown is self.viewer
        slide = self.slides.info if shown is self.slides.viewer else None
        free = not self.exporter.asking.doing
        can = {
            "series": viewing and self._found is not None,
            "labels": viewing and not self.opening.asking.doing, "new": viewing and not self.opening.asking.doing,
            "export": viewing and free and self.viewer.editor.able(),
            "deidentify": viewing and case is not None and case.is_dicom and free,
            "segment": viewing, "close": case is not None or shown is self.chooser or slide is not None,
        }  # fmt: skip
        for name, able in can.items():
            self.acts[name].setEnabled(bool(able))
            self.acts[name].setVisible(bool(viewing and (able or name not in ("series", "deidentify"))))
        self.acts["close"].setVisible(bool(can["close"]))
        self.segmenting.follow()
        self.reviewing.refresh()
        self.top.about.set_whole(slide.title if slide else case.title if viewing and case is not None else "")
