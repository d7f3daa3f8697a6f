"""What can be done with the chosen runs; an action that cannot be done now says why in its tooltip."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QKeySequence
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from workbench.core.job import ENDED
from workbench.core.problem import Problem, ProblemRecord, record_of
from workbench.core.words import count
from workbench.gui.annotating import Annotations
from workbench.gui.banner import Banner
from workbench.gui.history import HistoryList
from workbench.gui.link import Link
from workbench.gui.tagger import Tagger
from workbench.gui.trashlist import TrashList
from workbench.store import trash
from workbench.store.archive import export_run, import_run
from workbench.store.index import RunRow
from workbench.store.runfolder import RunFolder

FEWEST_COMPARED, MOST_COMPARED = 2, 20


class RunActions(QObject):
    """Actions with their keys, which hold while the list has the focus."""

    opened = Signal(str)
    replayed = Signal(str)
    forked = Signal(str)
    compared = Signal(object)
    """The ids of 2 to 20 runs, as a list."""
    changed = Signal(object)
    """Runs came or went: a list of those to be chosen once they are shown."""

    def __init__(self, link: Link, view: HistoryList, banner: Banner, parent: QWidget) -> None:
        super().__init__(parent)
        self.link, self._view, self._banner, self._page = link, view, banner, parent
        self.annotations = Annotations(link, view, self)
        self._tips: dict[QAction, str] = {}
        make = self._make
        self.open = make(
            "Open", "Show the run in its tab, live or as it was", "", ("Return", "Enter"), view.open_chosen
        )
        self.replay = make("Replay", "Play the run in its tab from its first step", "mdi6.replay", ("R",), self._replay)
        self.fork = make("Run again with changes", "Load the run's values into its form", "", ("F",), self._fork)
        self.resume = make("Resume", "Continue from the checkpoint", "", (), self._resume)
        self.compare = make("Compare", "Curves, knobs and samples side by side", "", ("C",), self._compare)
        self.star = make(
            "Star", "Star the chosen runs, or take their stars away", "mdi6.star-outline", ("S",), self._star
        )
        self.tag = make("Tags…", "Give and take tags", "mdi6.tag-outline", ("T",), self.ask_tags)
        self.note = make(
            "Write a note", "Write in the note's cell; it is saved by itself", "", ("N", "F2"), view.write_note
        )
        self.export = make(
            "Export zip…", "Write each run into one file that opens elsewhere", "", ("E",), self._ask_export
        )
        self.folder = make("Show folder", "Open the run's folder in the file manager", "", (), self._show_folder)
        self.delete = make(
            "Delete", "Move the runs into the trash", "mdi6.delete-outline", ("Delete",), self._ask_delete
        )
        self.trash = make("Deleted runs…", "Put deleted runs back, or empty the trash", "", (), self.ask_trash)
        undo, redo = self.annotations.undo_stack.undo, self.annotations.undo_stack.redo
        self.undo = make("Undo change of stars, tags and notes", "Take the last change back", "", ("Ctrl+Z",), undo)
        self.redo = make("Redo change of stars, tags and notes", "Do it again", "", ("Ctrl+Shift+Z",), redo)
        self.annotations.undo_stack.indexChanged.connect(self._undo_moved)
        view.opened.connect(self.opened)
        view.chosen.connect(self.judge)
        view.tags_wanted.connect(self.ask_tags)
        view.starred.connect(self._star_one)
        self.judge()

    def judge(self) -> None:
        """Say of each action whether it can be done with what is chosen, and why not."""
        rows = self._view.chosen_rows()
        number, sound = len(rows), [row for row in rows if not row.trouble]
        none = "" if rows else "choose a run first"
        unreadable = none or ("" if len(sound) == number else "a chosen folder cannot be read")
        single = unreadable or ("" if number == 1 else "choose a single run")
        resumable = number == 1 and rows[0].state.resumable
        few, many = number < FEWEST_COMPARED, number > MOST_COMPARED
        some = f"choose {FEWEST_COMPARED} to {MOST_COMPARED} runs, {number} {'is' if number == 1 else 'are'} chosen"
        going = [row for row in sound if row.state.phase not in (*ENDED, "new")]
        stack = self.annotations.undo_stack
        for action, reason in {
            self.open: single,
            self.replay: single,
            self.fork: single,
            self.resume: single or ("" if resumable else "only a run that ended early with a checkpoint can go on"),
            self.compare: some if few or many else unreadable,
            self.star: unreadable,
            self.tag: unreadable,
            self.note: single,
            self.export: unreadable,
            self.folder: none or ("" if number == 1 else "choose a single run"),
            self.delete: none or ("cancel the run that goes on first" if going else ""),
            self.undo: "" if stack.canUndo() else "nothing was changed",
            self.redo: "" if stack.canRedo() else "nothing was taken back",
        }.items():
            action.setStatusTip(f"{self._tips[action]}: {reason}" if reason else self._tips[action])
            action.setEnabled(not reason)

    def _undo_moved(self, _: int) -> None:
        self.judge()

    def closing(self) -> None:
        """The window goes: nothing typed may be lost."""
        self.annotations.save_now()

    # Single runs

    def _replay(self) -> None:
        self.replayed.emit(self._one().id)

    def _fork(self) -> None:
        self.forked.emit(self._one().id)

    def _resume(self) -> None:
        run = self._one().id
        self.link.deliver(
            self.link.runner.resume(run),
            then=lambda _: self.opened.emit(run),
            failed=self._banner.show_problem,
            owner=self,
        )

    def _show_folder(self) -> None:
        _show(self.link.home.runs / self._one().id)

    def _compare(self) -> None:
        self.compared.emit([row.id for row in self._view.chosen_rows()])

    def _one(self) -> RunRow:
        return self._view.chosen_rows()[0]

    # Words on runs

    def _star(self) -> None:
        self.annotations.star(self._view.chosen_rows())

    def _star_one(self, run: str) -> None:
        row = self._view.model_.row_of(run)
        if row is not None:
            self.annotations.star([row])

    def ask_tags(self) -> None:
        """Open the list of tags for the chosen runs."""
        rows = [row for row in self._view.chosen_rows() if not row.trouble]
        if rows:
            known = sorted({tag for row in self._view.model_.rows for tag in row.tags}, key=str.casefold)
            dialog = Tagger(self._page, rows, known)
            dialog.settled.connect(lambda add, remove: self.annotations.tag(rows, add, remove))
            dialog.open()

    # Archives

    def _ask_export(self) -> None:
        rows = self._view.chosen_rows()
        dialog = QFileDialog(self._page, "Export runs" if len(rows) > 1 else "Export run")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        if len(rows) > 1:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptOpen)
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.fileSelected.connect(lambda chosen: self.export_runs(_named(rows, Path(chosen))))
        else:
            dialog.setNameFilters(["Exported run (*.zip)"])
            dialog.setDefaultSuffix("zip")
            dialog.selectFile(f"{rows[0].id}.zip")
            dialog.fileSelected.connect(lambda chosen: self.export_runs({rows[0].id: Path(chosen)}))
        dialog.open()

    def export_runs(self, targets: dict[str, Path]) -> None:
        """Write each run into its file, one after the other; Stop leaves out those that wait."""
        left = list(targets.items())
        total, stopped = len(left), threading.Event()

        def next_one() -> None:
            if not left or stopped.is_set():
                return self._exported(list(targets.values())[: total - len(left)])
            run, target = left.pop(0)
            told = f"Exporting {run}" if total == 1 else f"Exporting {total - len(left)} of {count(total, 'run')}"
            self._banner.show_note(f"{told} …", *([("Stop", stopped.set)] if left else []))
            folder = RunFolder(self.link.home.runs / run)
            self.link.background(
                lambda: export_run(folder, target),
                then=lambda _: next_one(), failed=self._banner.show_problem, owner=self,
            )  # fmt: skip
            return None

        next_one()

    def _exported(self, files: Sequence[Path]) -> None:
        where = files[0].parent
        told = files[0].name if len(files) == 1 else count(len(files), "run")
        self._banner.show_note(f"Exported {told} to {where}.", ("Show folder", lambda: _show(where)))

    def ask_import(self) -> None:
        """Ask for exported runs and take them in."""
        dialog = QFileDialog(self._page, "Import runs")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters(["Exported run (*.zip)", "Any file (*)"])
        dialog.filesSelected.connect(lambda chosen: self.import_files(map(Path, chosen)))
        dialog.open()

    def import_files(self, files: Iterable[Path]) -> None:
        """Take exported runs into the history; what is wrong with any of them is said."""
        archives, runs = list(files), self.link.home.runs
        self._banner.show_note(
            f"Importing {archives[0].name if len(archives) == 1 else count(len(archives), 'file')} …"
        )

        def work() -> tuple[list[str], list[ProblemRecord]]:
            arrived, wrong = [], []
            for one in archives:
                try:
                    arrived.append(import_run(one, runs).id)
                except (Problem, OSError) as error:
                    wrong.append(record_of(error))
            return arrived, wrong

        self.link.background(work, then=lambda found: self._imported(*found), owner=self)

    def _imported(self, arrived: list[str], wrong: list[ProblemRecord]) -> None:
        if wrong:
            others = tuple(msgspec.structs.replace(one, what=f"{one.place}: {one.what}") for one in wrong[1:])
            self._banner.show_problem(msgspec.structs.replace(wrong[0], others=others))
        else:
            self._banner.show_note(f"Imported {arrived[0] if len(arrived) == 1 else count(len(arrived), 'run')}.")
        if arrived:
            self.changed.emit(arrived)

    # Deleting

    def _ask_delete(self) -> None:
        rows = self._view.chosen_rows()
        box = QMessageBox(self._page)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("Delete runs")
        box.setText(f"Delete {rows[0].id}?" if len(rows) == 1 else f"Delete {count(len(rows), 'run')}?")
        box.setInformativeText(
            "Models, checkpoints and notes go with them into the trash, from where all can be put back."
        )
        yes = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(yes)
        box.setEscapeButton(box.addButton("Keep", QMessageBox.ButtonRole.RejectRole))
        box.finished.connect(
            lambda _: self.delete_runs([row.id for row in rows]) if box.clickedButton() is yes else None
        )
        box.open()

    def delete_runs(self, runs: Sequence[str]) -> None:
        """Move runs into the trash, and offer to take that back."""
        home = self.link.home
        self.annotations.save_now()
        self.link.background(
            lambda: trash.discard(home, runs), then=self._deleted, failed=self._banner.show_problem, owner=self
        )

    def _deleted(self, gone: list[trash.Discarded]) -> None:
        told = gone[0].run if len(gone) == 1 else count(len(gone), "run")
        self._banner.show_note(f"Deleted {told}.", ("Undo", lambda: self.put_back(gone)))
        self.changed.emit([])

    def put_back(self, gone: Sequence[trash.Discarded]) -> None:
        """Take runs out of the trash."""
        home = self.link.home

        def done(_: object) -> None:
            self._banner.show_note(f"{gone[0].run if len(gone) == 1 else count(len(gone), 'run')} put back.")
            self.changed.emit([one.run for one in gone])

        self._banner.dismiss()
        self.link.background(
            lambda: [trash.restore(home, one) for one in gone],
            then=done, failed=self._banner.show_problem, owner=self,
        )  # fmt: skip

    def ask_trash(self) -> None:
        """Show what was deleted."""
        home = self.link.home

        def show(runs: list[trash.Discarded]) -> None:
            dialog = TrashList(self._page, runs)
            dialog.restored.connect(self.put_back)
            dialog.emptied.connect(self.empty_trash)
            dialog.open()

        self.link.background(lambda: trash.discarded(home), then=show, failed=self._banner.show_problem, owner=self)

    def empty_trash(self) -> None:
        """Remove deleted runs for good."""
        home = self.link.home

        def told(gone: int) -> None:
            self._banner.show_note(f"{count(gone, 'run')} removed for good.")

        self.link.background(lambda: trash.empty(home), then=told, failed=self._banner.show_problem, owner=self)

    def _make(self, text: str, tip: str, picture: str, keys: Sequence[str], do: Callable[[], Any]) -> QAction:
        action = QAction(text, self)
        self._tips[action] = tip
        action.setStatusTip(tip)
        action.setData(picture)
        action.setShortcuts([QKeySequence(key) for key in keys])
        # Letters are keys of the list alone: in a field they are letters.
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(lambda _=False: do())
        self._view.addAction(action)
        return action


def _show(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _named(rows: Sequence[RunRow], folder: Path) -> dict[str, Path]:
    return {row.id: folder / f"{row.id}.zip" for row in rows}
