"""Windows of the models page: what a download brings before it is agreed to, what takes room, a last question."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workbench.core.problem import ProblemRecord
from workbench.core.words import count, size
from workbench.gui.banner import Banner
from workbench.gui.card import Card
from workbench.gui.downloads import Downloads, Offered
from workbench.gui.link import Link
from workbench.gui.modellist import ModelEntry
from workbench.gui.sheet import Sheet
from workbench.gui.theme import theme
from workbench.store.diskuse import Spare, Use, free, spare, used


class DownloadDialog(QDialog):
    """Asks the hub first; downloads only what was looked at and whose licence was accepted."""

    def __init__(self, parent: QWidget, downloads: Downloads) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Download a model from the hub")
        self.resize(theme().pixels(600), theme().pixels(480))
        self.downloads = downloads
        self.offer: Offered | None = None
        self.name = QLineEdit()
        self.name.setPlaceholderText("hub:owner/name")
        self.name.setAccessibleName("The model's id on the hub")
        self.name.textChanged.connect(lambda _: self._reset())
        self.look = QPushButton("Look up")
        self.look.setToolTip("Ask the hub for the licence, the files and their sizes (Return)")
        self.look.setDefault(True)
        self.look.clicked.connect(self._ask)
        self.banner = Banner()
        self.about = QLabel("Nothing is fetched before you have seen the licence and agreed.")
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self.about.setWordWrap(True)
        self.files = Sheet(("file", "size"), numbers=("size",), wide="file")
        self.accept_ = QCheckBox("I accept the licence")
        self.accept_.toggled.connect(lambda _: self._fit())
        self.begin = QPushButton("Download")
        self.begin.setProperty("role", "primary")
        self.begin.clicked.connect(self._begin)
        self._lay_out()
        self._reset()
        self.finished.connect(lambda _: downloads.drop_question())

    def _lay_out(self) -> None:
        px = theme().pixels
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        row = QHBoxLayout()
        row.addWidget(self.name, 1)
        row.addWidget(self.look)
        column.addLayout(row)
        column.addWidget(self.banner)
        column.addWidget(self.about)
        column.addWidget(self.files, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.accept_, 1)
        foot.addWidget(self.begin)
        column.addLayout(foot)

    def _reset(self) -> None:
        self.offer = None
        self.banner.dismiss()
        self.files.set_rows([], keys=[])
        self.accept_.setChecked(False)
        self._fit()

    def _fit(self) -> None:
        self.look.setEnabled(bool(self.name.text().strip()))
        self.accept_.setEnabled(self.offer is not None)
        self.begin.setEnabled(self.offer is not None and self.accept_.isChecked())
        self.begin.setToolTip("" if self.begin.isEnabled() else "Look a model up and accept its licence first")

    def _ask(self) -> None:
        self._reset()
        self.about.setText("Asking the hub…")
        self.look.setEnabled(False)
        self.downloads.look_up(self.name.text(), self._show, self._show_problem)

    def _show(self, offer: Offered) -> None:
        self.offer = offer
        licence = offer.licence or "not stated"
        here = f", {size(offer.arrived)} of them here already" if offer.arrived else ""
        self.about.setText(f"{offer.model}: {count(len(offer.files), 'file')}, {size(offer.bytes)}{here}. "
                           f"Licence: {licence}. Code and pickles are left out.")  # fmt: skip
        self.accept_.setText(f"I accept the licence “{offer.licence}”" if offer.licence else
                             "It states no licence; I have made sure that I may use it")  # fmt: skip
        rows = [[str(one["name"]), size(float(one["size_bytes"]))] for one in offer.files]
        ranks = [[one["name"], one["size_bytes"]] for one in offer.files]
        self.files.set_rows(rows, keys=[row[0] for row in rows], ranks=ranks)
        self._fit()
        self.accept_.setFocus()

    def _show_problem(self, record: ProblemRecord) -> None:
        self.about.setText("")
        self.banner.show_problem(record)
        self._fit()

    def _begin(self) -> None:
        if self.offer is not None:
            self.downloads.add(self.offer)
            self.accept()


class DiskDialog(QDialog):
    """Where the home's bytes lie, and a list of what may go."""

    freed = Signal(int)

    def __init__(self, parent: QWidget, link: Link, *, busy: Callable[[], list[str]]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Disk use")
        self.resize(theme().pixels(720), theme().pixels(640))
        self.link, self._busy = link, busy
        self.banner = Banner()
        self.used = Sheet(("what", "size", "count"), numbers=("size", "count"), wide="what")
        self.spare = QTreeWidget()
        self.spare.setAccessibleName("What may go")
        self.spare.setHeaderLabels(["what", "size", "if it goes"])
        self.spare.setRootIsDecorated(False)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        self.spare.headerItem().setTextAlignment(1, right)
        self.spare.header().setStretchLastSection(False)
        self.spare.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.spare.itemChanged.connect(lambda *_: self._fit())
        self.button = QPushButton("Free up")
        self.button.setProperty("role", "primary")
        self.button.clicked.connect(self._free)
        self._whole, self._list = Card("In the home", "measuring…"), Card("What may go")
        self._lay_out()
        self._measure()

    def _lay_out(self) -> None:
        px = theme().pixels
        self._whole.set_body(self.used, margin=4)
        self._list.set_body(self.spare, margin=4)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        column.addWidget(self.banner)
        column.addWidget(self._whole, 3)
        column.addWidget(self._list, 2)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.button)
        column.addLayout(foot)
        self._fit()

    def _measure(self) -> None:
        home = self.link.home
        self.link.background(
            lambda: (used(home), spare(home)), then=self._show, failed=self.banner.show_problem, owner=self
        )  # fmt: skip

    def _show(self, found: tuple[list[Use], list[Spare]]) -> None:
        rows, list_ = found
        cells = [[one.what, size(one.size_bytes), str(one.count)] for one in rows]
        ranks = [[one.what, one.size_bytes, one.count] for one in rows]
        self.used.set_rows(cells, keys=[one.what for one in rows], ranks=ranks)
        self._whole.set_caption(f"{size(sum(one.size_bytes for one in rows))} in {self.link.home.root}")
        busy = self._busy()
        offered = [one for one in list_ if one.path not in busy]
        self.spare.clear()
        for one in offered:
            item = QTreeWidgetItem([one.what, size(one.size_bytes), one.loss])
            item.setData(0, Qt.ItemDataRole.UserRole, (one.path, one.size_bytes))
            item.setCheckState(0, Qt.CheckState.Checked if one.safe else Qt.CheckState.Unchecked)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setToolTip(0, one.path)
            self.spare.addTopLevelItem(item)
        self.spare.resizeColumnToContents(2)
        self._list.set_caption("nothing: no cache, no unfinished or finished download" if not offered else "tick it")
        self._fit()

    def chosen(self) -> list[tuple[str, int]]:
        """Path and size of what is ticked."""
        items = [self.spare.topLevelItem(at) for at in range(self.spare.topLevelItemCount())]
        ticked = [one for one in items if one is not None and one.checkState(0) == Qt.CheckState.Checked]
        return [one.data(0, Qt.ItemDataRole.UserRole) for one in ticked]

    def _fit(self) -> None:
        amount = sum(one[1] for one in self.chosen())
        self.button.setText(f"Free {size(amount)}" if amount else "Free up")
        self.button.setEnabled(bool(amount))
        self.button.setToolTip("Delete what is ticked" if amount else "Tick what may go")

    def _free(self) -> None:
        home, paths = self.link.home, [str(one[0]) for one in self.chosen()]
        self.button.setEnabled(False)
        self.link.background(
            lambda: free(home, paths), then=self._freed, failed=self.banner.show_problem, owner=self
        )  # fmt: skip

    def _freed(self, amount: int) -> None:
        self.banner.show_note(f"{size(amount)} are free now.")
        self.freed.emit(amount)
        self._measure()


def ask_deleting(parent: QWidget, entry: ModelEntry, then: Callable[[], None]) -> QMessageBox:
    """Ask once before a model is deleted or a folder forgotten."""
    forgets = entry.origin == "folder"
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("Forget the folder?" if forgets else "Delete the model?")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"Forget {entry.title}?" if forgets else f"Delete {entry.title}?")
    box.setInformativeText(
        f"{entry.address} stays on the disk and can be added again." if forgets else
        f"{size(entry.size_bytes)} in {entry.path} are deleted for good. Runs that start from it need it again."
    )  # fmt: skip
    yes = box.addButton("Forget" if forgets else "Delete", QMessageBox.ButtonRole.DestructiveRole)
    keep = box.addButton("Keep", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.finished.connect(lambda _: then() if box.clickedButton() is yes else None)
    box.open()
    return box
