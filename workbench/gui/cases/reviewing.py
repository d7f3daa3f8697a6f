"""What the page of cases does with a worklist: its column, its keys, what is asked of a reader."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QInputDialog

from workbench.core.review import Entry, ReviewCase, State, case_id
from workbench.core.words import count
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.banner import Remedy
from workbench.gui.cases.auditing import AuditDialog, read_log
from workbench.gui.cases.comparing import CompareDialog, choices_of, copy_now
from workbench.gui.cases.finetuning import FineTuneDialog, FineTuning, Plan, Starter, usable
from workbench.gui.cases.opening import OpenCase
from workbench.gui.cases.review import Review
from workbench.gui.cases.worklist import WorklistPanel
from workbench.store.runfolder import RunFolder
from workbench.store.worklist import Audit

if TYPE_CHECKING:
    from workbench.gui.cases.page import CasesPage

FROM_PLANES = ("accept", "correct", "reject", "comment", "next", "previous")
FROM_LIST = ("next", "previous", "comment")
"""Deeds whose keys work in the list as well; signing wants the planes in front."""


class Reviewing(QObject):
    """Puts the worklist into a page; the page tells it which case is open."""

    def __init__(self, page: CasesPage) -> None:
        super().__init__(page)
        self.page = page
        self._aim = ""
        """The case that is to be opened and is not there yet, or cannot be: the next one is counted from it."""
        self.review = Review(page.link, self._looked, self)
        self.asking = Asking(page.link, self, failed=page.failed_with)
        self.finetuning = FineTuning(page.link, self, failed=page.failed_with)
        self.finetuning.started.connect(self._training)
        self.finetuning.ready.connect(self._trained)
        self.finetuning.trained = lambda: [one.path for one in self.review.cases.values() if one.runs]
        self.askings = (self.asking, self.finetuning.asking)
        viewer = page.viewer
        doing: dict[str, Callable[[], None]] = {
            "accept": lambda: self.sign("accepted"), "correct": lambda: self.sign("corrected"),
            "reject": self.ask_reason, "comment": self.ask_comment, "next": lambda: self.go(1),
            "previous": lambda: self.go(-1),
        }  # fmt: skip
        first = viewer.canvases["axial"]
        self.acts = {name: make_action(first, f"view.volume.review.{name}", do) for name, do in doing.items()}
        for name, do in {
            "worklist": self.toggle,
            "add": self.ask_folder,
            "compare": self.compare,
            "log": self.show_log,
            "finetune": self.ask_finetune,
        }.items():
            self.acts[name] = make_action(page, f"cases.{name}", do)
        self.panel = WorklistPanel(self.review, self.acts, self.ask_reader)
        for name in FROM_PLANES:
            for canvas in list(viewer.canvases.values())[1:]:
                canvas.addAction(self.acts[name])
        for name in FROM_LIST:
            self.panel.list.addAction(self.acts[name])
        self.comparing: CompareDialog | None = None
        self.panel.hide()
        self.panel.wanted.connect(self.open)
        self.review.changed.connect(self.refresh)
        self.review.signed.connect(self._signed)
        self.review.failed.connect(page.failed_with)
        page.opening.reader_of = self.review.reader_of
        page.exporter.review_of = lambda case: self.review.cases.get(case_id(Path(case.info.path)))
        page.exporter.written.connect(self._exported)
        viewer.editor.changed.connect(self.refresh)
        viewer.actions_["sequences"].triggered.connect(lambda _=False: self._reach_sequences())
        self.review.load()
        self.refresh()

    # The list

    def toggle(self) -> None:
        """Show the worklist and go to it; hide it when it is there already."""
        focus = self.page.focusWidget()
        inside = focus is not None and self.panel.isAncestorOf(focus)
        if self.panel.isVisibleTo(self.page) and (inside or not self.panel.isVisible()):
            self.panel.hide()
            return
        self.show()

    def show(self) -> None:
        """Show the worklist, read anew, and go to it."""
        self.panel.show()
        self.review.load(self.refresh)
        self.panel.list.setFocus()
        if not self.review.reader:
            self.ask_reader()

    def ask_reader(self) -> None:
        """Ask who reads; deeds are written under this name."""
        self._ask_line("Who reads?", "Your name, as it stands in the worklist and its log:", self._named,
                       self.review.reader)  # fmt: skip

    def ask_folder(self) -> None:
        """Choose a folder; every case below it comes onto the list."""
        self.page.choose_folder("Add to worklist: folder", self.add_folder)

    def add_folder(self, folder: str) -> None:
        """Find the cases below a folder and put them on the list."""
        self.show()
        root = Path(folder)

        def then(paths: list[str]) -> None:
            self.review.add([(one, _title(Path(one), root)) for one in paths], lambda new: self._added(new, len(paths)))

        self.asking.ask(f"Looking for cases in {root.name}", "cases", list[str], then, path=folder)

    def open(self, case: ReviewCase) -> None:
        """Open a case of the list."""
        if not self.review.reader:
            self.ask_reader()
            return
        self._aim = case.id
        self.page.open_listed(case.path, case.keys)

    def remedies(self, path: str) -> list[Remedy]:
        """What can be done where a case of the list cannot be opened."""
        case = self.review.cases.get(case_id(Path(path))) if path else None
        if case is None or case.id != self._aim:
            return []

        def drop() -> None:
            self._aim = ""
            self.review.write("removed", case.id)
            self.page.banner.dismiss()

        return [("Go on to the next case", lambda: self.go(1)), ("Take it off the worklist", drop)]

    def go(self, by: int) -> None:
        """The next case of those shown, or the one before."""
        case = self.review.neighbour(by, self.panel.shown(), self._aim)
        if case is None:
            end = "last" if by > 0 else "first"
            self.page.banner.show_note(f"This is the {end} case of the list.")
            return
        self.open(case)

    def ask_finetune(self) -> None:
        """Ask which cases and which model; nothing is trained before that is confirmed."""

        def then(models: list[Starter]) -> None:
            dialog = FineTuneDialog(self.page, usable(self.review.cases), models, self.page.recipes)
            dialog.wanted.connect(self.finetuning.begin)
            dialog.open()

        self.finetuning.find(self.page.recipes, then)

    def _training(self, run: RunFolder, plan: Plan) -> None:
        for case in plan.cases:
            self.review.write("trained", case.id, run=run.id, model=plan.starter.facts.name)
        remedies: list[Remedy] = [("Show the run", lambda: self.page.run_wanted.emit(run.id))]
        before = plan.starter.facts.run
        if before:
            remedies.append(("Compare with the run before", lambda: self.page.compare_wanted.emit([before, run.id])))
        self.page.banner.show_note(
            f"Queued as {run.id}. The model it starts from, {plan.starter.facts.name}, stays as it is.", *remedies
        )

    def _trained(self, run: RunFolder, plan: Plan) -> None:
        """The further model is there; it is used once somebody says so."""
        remedies: list[Remedy] = [
            ("Use it for segmentation", lambda: self._use(str(run.path / "model"), plan.starter.facts.path)),
            ("Show the run", lambda: self.page.run_wanted.emit(run.id)),
        ]
        before = plan.starter.facts.run
        if before:
            remedies.append(("Compare with the run before", lambda: self.page.compare_wanted.emit([before, run.id])))
        self.page.banner.show_note(
            f"The model fine-tuned on {count(len(plan.cases), 'reviewed case')} is ready. Segmentation goes on with "
            f"the one used so far until you choose it.", *remedies,
        )  # fmt: skip

    def _use(self, path: str, before: str) -> None:
        settings = self.page.link.settings
        if not settings.segmenter:
            self.page.segmenting.in_use.use(before)
        self.page.segmenting.use(path)
        self.page.banner.show_note(
            "The fine-tuned model segments from now on. The panel 'Segment' leads back to the one before."
        )

    # The open case

    def opened(self, case: OpenCase) -> None:
        """A case is shown."""
        self._aim = ""
        self.review.opened(case)
        if self.page.viewer.editor.tool == "refine":
            self.page.viewer.editor.choose("crosshair")  # Space means "accept" again
        if self.review.current:
            self.panel.show()

    def sign(self, state: State, text: str = "") -> None:
        """Sign the open case; the next one follows when that is written."""
        if self.page.case is not None:
            self.review.sign(state, self.page.case, self.page.viewer.editor, text)

    def ask_reason(self) -> None:
        """A case is rejected with a reason."""
        self._ask_line("Reject the case", "Why can it not be used?", lambda text: self.sign("rejected", text))

    def ask_comment(self) -> None:
        """Say something about the open case."""
        id = self.review.current

        def then(text: str) -> None:
            self.review.write("comment", id, text=text)

        if id:
            self._ask_line("Comment", "What is to be said about this case?", then)

    def compare(self) -> None:
        """Hold labels against labels, in a window of its own."""
        case, labels, link = self.page.case, self.page.viewer.editor.labels, self.page.link
        if case is None or labels is None or self.page.viewer.editor.busy:
            return
        meta = msgspec.structs.replace(labels.meta, labels=tuple(labels.labels), title="")
        listed = self.review.case

        def then(path: Path) -> None:
            self.comparing = CompareDialog(self.page, link, case.layers, choices_of(case, path, meta, listed))
            self.comparing.finished.connect(lambda _: link.background(lambda: path.unlink(missing_ok=True)))
            self.comparing.show()

        folder = link.home.cache / "changes"
        self.asking.work("Copying the labels", lambda: copy_now(labels.array, folder), then)

    def show_log(self) -> None:
        """Show the audit log, read anew."""
        folder, case = self.page.link.home.review, self.review.current

        def then(found: tuple[list[Entry], Audit]) -> None:
            before = self.page.focusWidget()
            dialog = AuditDialog(self.page, *found, self.review.cases, case)
            dialog.finished.connect(lambda _: before.setFocus() if before is not None else None)
            dialog.open()

        self.asking.work("Reading the log", lambda: read_log(folder), then)

    def refresh(self) -> None:
        """What can be done now."""
        page = self.page
        can = page.case is not None and page.viewer.editor.able() and page.places.currentWidget() is page.viewer
        self.acts["compare"].setEnabled(can)
        self.acts["finetune"].setEnabled(bool(usable(self.review.cases)))
        self.acts["compare"].setVisible(page.case is not None and page.places.currentWidget() is page.viewer)
        open_, free = bool(self.review.current), not self.page.viewer.editor.busy
        for name in ("accept", "correct", "reject"):
            self.acts[name].setEnabled(open_ and free)
        self.acts["comment"].setEnabled(open_)
        for name in ("next", "previous"):
            self.acts[name].setEnabled(bool(self.review.cases))

    def _exported(self, files: list[str]) -> None:
        """What left the program stands in the log, with its digest."""
        id = self.review.current
        if id:
            self.page.link.background(
                lambda: {Path(one).name: digest_of_file(Path(one)) for one in files},
                then=lambda digests: self.review.write("exported", id, files=digests),
                failed=self.page.failed_with, owner=self,
            )  # fmt: skip

    def _signed(self, state: State) -> None:
        case = self.review.waiting(self._in_order())
        if case is not None:
            self.open(case)
        else:
            self.page.banner.show_note(f"{state.capitalize()}. No case of the list waits any longer.")

    def _in_order(self) -> list[str]:
        # Under a filter the signed case has just left the list; what follows it is found among all.
        return list(self.review.cases)

    def _added(self, new: int, found: int) -> None:
        old = f"; {found - new} were on the list already" if found > new else ""
        self.page.banner.show_note(f"{count(new, 'case')} added{old}.")
        self.panel.list.setFocus()

    def _named(self, name: str) -> None:
        self.review.set_reader(name)
        self.panel.list.setFocus()

    def _looked(self) -> bool:
        page = self.page
        return page.viewer.isVisible() and page.window().isActiveWindow()

    def _reach_sequences(self) -> None:
        for canvas in self.page.viewer.sequences:
            for name in FROM_PLANES:
                if self.acts[name] not in canvas.actions():
                    canvas.addAction(self.acts[name])

    def _ask_line(self, title: str, words: str, then: Callable[[str], None], text: str = "") -> None:
        dialog = QInputDialog(self.page)
        dialog.setWindowTitle(title)
        dialog.setLabelText(words)
        dialog.setInputMode(QInputDialog.InputMode.TextInput)
        dialog.setTextValue(text)
        dialog.resize(420, dialog.sizeHint().height())
        before = self.page.focusWidget()

        def take(said: str) -> None:
            if said.strip():
                then(said.strip())

        def done() -> None:
            dialog.deleteLater()
            if before is not None:
                before.setFocus()

        dialog.textValueSelected.connect(take)
        dialog.finished.connect(lambda _: done())
        self.dialog = dialog
        dialog.open()


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _title(path: Path, root: Path) -> str:
    """A case's place below the folder that was added."""
    return path.relative_to(root).as_posix() if path != root else path.name
