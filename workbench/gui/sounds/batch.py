"""Transcribing many files: what each stands at and why, formats chosen once, a folder that is watched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from workbench.core.problem import InputError, ProblemRecord
from workbench.core.transcripts import FORMATS, Format, RecogniserFacts
from workbench.core.words import count
from workbench.gui.card import Caption
from workbench.gui.link import Link
from workbench.gui.sidepanel import chooser, words
from workbench.gui.sounds.errand import Errand
from workbench.gui.sounds.opening import SUFFIXES
from workbench.gui.sounds.transcribepanel import NONE, fill
from workbench.gui.theme import theme, tokens
from workbench.runner.transcribing import ENDED, Batch, BatchWish, Item, State, items_of

TICK_MS = 150
HINT = "Drop sounds or a folder here, or choose them above.\nEach file is shown with where it stands and why."
NAMES: Mapping[Format, str] = {
    "txt": "TXT", "srt": "SRT", "vtt": "VTT", "textgrid": "TextGrid", "ctm": "CTM", "json": "JSON",
}  # fmt: skip
LEFT = "These were not finished when the window closed.\nTranscribe goes on with them; what is done already stays."
UNFINISHED: tuple[State, ...] = ("waiting", "working", "cancelled")
COLUMNS = ("File", "State", "Details")
Index = QModelIndex | QPersistentModelIndex


class ItemsModel(QAbstractTableModel):
    """Files of a batch as rows; `refresh` looks at them again."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.items: list[Item] = []
        self._told: list[str] = []
        self._source: Callable[[], tuple[list[Item], list[str]]] = lambda: ([], [])

    def use(self, source: Callable[[], tuple[list[Item], list[str]]]) -> None:
        """Other files; `source` gives them with what there is to say of each."""
        self.beginResetModel()
        self._source = source
        self.items, self._told = source()
        self.endResetModel()

    def refresh(self) -> None:
        """Show what has changed."""
        items, told = self._source()
        told = told[: len(items)]
        before = len(self.items)
        if len(items) > before:
            self.beginInsertRows(QModelIndex(), before, len(items) - 1)
            self.items, self._told = items, told
            self.endInsertRows()
        self._told = told
        if self.items:
            self.dataChanged.emit(self.index(0, 1), self.index(len(self.items) - 1, 2))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.items)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        item = self.items[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return (_named(item), _state(item), self._words(index.row()))[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return (str(item.path), _state(item), self._tip(index.row()))[index.column()]
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 1:
            now = tokens()
            colours: Mapping[State, str] = {"done": now.ok, "failed": now.error, "working": now.accent}
            return QBrush(QColor(colours.get(item.state, now.dim)))
        return None

    def _words(self, row: int) -> str:
        item, said = self.items[row], self._told[row] if row < len(self._told) else ""
        if item.state == "working":
            parts = [count(item.heard, "word")] if item.heard else []
            return ", ".join([*parts, said]) if said else ", ".join(parts) or "beginning"
        return said

    def _tip(self, row: int) -> str:
        item = self.items[row]
        return item.problem.text() if item.problem is not None else "\n".join([self._words(row), *item.files])


def _named(item: Item) -> str:
    return str(item.path.relative_to(item.root)) if item.path.is_relative_to(item.root) else item.path.name


def _state(item: Item) -> str:
    if item.state == "working" and item.fraction >= 0:
        return f"working {100 * item.fraction:.0f} %"
    return {"kept": "there already"}.get(item.state, item.state)


class BatchPlace(QWidget):
    """Works while something else is looked at, too; `sound_wanted` carries the path of a file to be opened."""

    left = Signal()
    sound_wanted = Signal(str)
    failed = Signal(object)
    remembered = Signal()

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self.errand = Errand(link, self, "transcribing many")
        self.batch: Batch | None = None
        self.paths: list[Path] = []
        self.out: Path | None = None
        self.model = chooser("Model of the batch")
        self.none = words(NONE, "dim")
        self.what, self.where, self.state = Caption(), Caption(), Caption()
        self.files, self.folder = QPushButton("Choose files…"), QPushButton("Choose folder…")
        self.place, self.beside = QPushButton("Write to…"), QPushButton("Beside each sound")
        self.formats = {form: QCheckBox(NAMES[form]) for form in FORMATS}
        self.watch = QCheckBox("Go on with what comes into the folder")
        self.watch.setToolTip("Files that are still being written are waited for; Stop ends it")
        self.again = QCheckBox("Write anew what is there")
        self.again.setToolTip("Otherwise no file is written over: somebody may have corrected it")
        self.start, self.stop, self.leave = QPushButton("Transcribe"), QPushButton("Stop"), QPushButton("Back")
        self.start.setProperty("role", "primary")
        self.rows = ItemsModel(self)
        self.table = QTableView()
        self.table.setModel(self.rows)
        self.table.setAccessibleName("Files to transcribe")
        self.hint = words(HINT, "dim")
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.list = QStackedWidget()
        self.list.addWidget(self.hint)
        self.list.addWidget(self.table)
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._dirty = False
        self._lay_out()
        self._wire()
        self.formats["txt"].setChecked(True)
        self._show_place()
        self.show_models([], "")

    # What is chosen

    def values(self) -> dict[str, Any]:
        """Formats and place, to be remembered, and what of a batch was not finished."""
        found = {"formats": list(self._chosen()), "out": str(self.out or "")}
        left = self.errand.running or any(one.state in UNFINISHED for one in self.rows.items)
        return found | ({"unfinished": [str(one) for one in self.paths]} if left else {})

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered; anything else is passed by."""
        try:
            chosen = msgspec.convert(values.get("formats", ["txt"]), list[Format])
            out = msgspec.convert(values.get("out", ""), str)
            left = msgspec.convert(values.get("unfinished", []), list[str])
        except msgspec.ValidationError:
            return
        for form, box in self.formats.items():
            with QSignalBlocker(box):
                box.setChecked(form in chosen)
        self.out = Path(out) if out else None
        self._show_place()
        if left and not self.errand.running:
            self.choose(left)
            self.hint.setText(LEFT)

    def show_models(self, models: Sequence[RecogniserFacts], chosen: str) -> None:
        """List the models that can be used."""
        fill(self.model, models, chosen if self.model.currentIndex() < 0 else "")
        self.model.setVisible(bool(models))
        self.none.setVisible(not models)
        self._able()

    def choose(self, paths: Sequence[str]) -> None:
        """These files, or what is in these folders."""
        self.paths = [Path(one) for one in paths]
        first = str(self.paths[0]) if self.paths else ""
        self.what.set_whole(first if len(self.paths) < 2 else f"{count(len(self.paths), 'file')}, {first} first")
        if not self._one_folder():
            self.watch.setChecked(False)
        self._able()

    def ask(self, *, folder: bool) -> None:
        """Choose files, or a folder."""
        dialog = QFileDialog(self, "Transcribe a folder of sounds" if folder else "Transcribe sounds")
        dialog.setFileMode(QFileDialog.FileMode.Directory if folder else QFileDialog.FileMode.ExistingFiles)
        if not folder:
            dialog.setNameFilters([f"Sounds ({' '.join(f'*{one}' for one in SUFFIXES)})", "All files (*)"])
        dialog.accepted.connect(lambda: self.choose(dialog.selectedFiles()))
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def _ask_place(self) -> None:
        dialog = QFileDialog(self, "Write transcripts to a folder", str(self.out or ""))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda path: self._put(Path(path)))
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def _put(self, out: Path | None) -> None:
        self.out = out
        self._show_place()
        self.remembered.emit()

    def _show_place(self) -> None:
        self.where.set_whole(f"Files are written to {self.out}" if self.out else "Files are written beside each sound")
        self.beside.setVisible(self.out is not None)

    def _chosen(self) -> tuple[Format, ...]:
        return tuple(form for form, box in self.formats.items() if box.isChecked())

    def _one_folder(self) -> bool:
        return len(self.paths) == 1 and self.paths[0].is_dir()

    # Working

    def begin(self) -> None:
        """Transcribe what is chosen."""
        model = str(self.model.currentData() or "")
        if not model or not self.paths or self.errand.running:
            return
        wish = BatchWish(model, self._chosen(), self.out, self.again.isChecked())
        batch, paths, watch = Batch(self._link.runner, wish, self._changed), list(self.paths), self.watch.isChecked()
        self.batch = batch
        self.rows.use(lambda: (list(batch.items), batch.reasons()))
        self.list.setCurrentWidget(self.table)

        def work(stop: threading.Event, _tell: Any) -> None:
            batch.stop = stop
            if watch:
                batch.watch(paths[0])
                return
            items = items_of(paths)
            if not items:
                kinds = ", ".join(SUFFIXES[:8])
                raise InputError("There is no sound in this folder.", expected=f"files such as {kinds}",
                                 received=str(paths[0]), fix="Choose another one.")  # fmt: skip
            batch.run(items)

        self.errand.start(work, lambda _: self._tick())
        self._timer.start()
        self.remembered.emit()

    def halt(self) -> None:
        """End it; the file that is worked on is left as it was."""
        self.errand.ask_stop()
        self.state.set_whole("Stopping …")

    def close_batch(self) -> None:
        """End it and wait for its thread."""
        self.errand.close()

    def _changed(self, _: Item) -> None:
        self._dirty = True  # on the batch's thread

    def _tick(self) -> None:
        if self._dirty or not self.errand.running:
            self._dirty = False
            self.rows.refresh()
        self._summary()
        if not self.errand.running:
            self._timer.stop()

    def _summary(self) -> None:
        counts: dict[str, int] = {}
        for one in self.rows.items:
            name = "there already" if one.state == "kept" else one.state
            counts[name] = counts.get(name, 0) + 1
        told = ", ".join(f"{many} {state}" for state, many in counts.items())
        watching = self.errand.running and self.batch is not None and self.watch.isChecked()
        if watching and all(one.state in ENDED for one in self.rows.items):
            told = f"{told}  ·  watching for more" if told else "Watching; nothing has come yet"
        self.state.set_whole(told)

    def _able(self) -> None:
        running = self.errand.running
        ready = bool(self.paths) and self.model.currentIndex() >= 0 and bool(self._chosen())
        self.start.setEnabled(ready and not running)
        self.stop.setEnabled(running)
        for one in (self.model, self.files, self.folder, self.place, self.beside, self.again, *self.formats.values()):
            one.setEnabled(not running)
        self.watch.setEnabled(not running and self._one_folder())
        lacks = "Choose files or a folder." if not self.paths else "" if self._chosen() else "Choose a format."
        why = "" if running else lacks
        if why or not self.rows.items:
            self.state.set_whole(why)

    # Building

    def _wire(self) -> None:
        self.files.clicked.connect(lambda _=False: self.ask(folder=False))
        self.folder.clicked.connect(lambda _=False: self.ask(folder=True))
        self.place.clicked.connect(lambda _=False: self._ask_place())
        self.beside.clicked.connect(lambda _=False: self._put(None))
        self.start.clicked.connect(lambda _=False: self.begin())
        self.stop.clicked.connect(lambda _=False: self.halt())
        self.leave.clicked.connect(lambda _=False: self.left.emit())
        self.errand.changed.connect(self._able)
        self.errand.failed.connect(self._fail)
        self.table.activated.connect(lambda index: self.sound_wanted.emit(str(self.rows.items[index.row()].path)))
        for box in self.formats.values():
            box.toggled.connect(lambda _: self._able())
            box.toggled.connect(lambda _: self.remembered.emit())

    def _fail(self, record: ProblemRecord) -> None:
        self._tick()
        self.failed.emit(record)

    def _lay_out(self) -> None:
        px = theme().pixels
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.table.setWordWrap(False)
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        self.table.setColumnWidth(0, px(300))
        self.table.setColumnWidth(1, px(110))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(8))
        column.addLayout(_line([self.files, self.folder, (self.what, 1), self.watch]))
        column.addLayout(_line([(self.model, 2), (self.none, 3), *self.formats.values()]))
        column.addLayout(_line([self.place, self.beside, (self.where, 1), self.again]))
        column.addWidget(self.list, 1)
        column.addLayout(_line([(self.state, 1), self.leave, self.stop, self.start]))


def _line(widgets: Sequence[QWidget | tuple[QWidget, int]]) -> QHBoxLayout:
    found = QHBoxLayout()
    found.setSpacing(theme().pixels(8))
    for one in widgets:
        widget, share = one if isinstance(one, tuple) else (one, 0)
        found.addWidget(widget, share)
    return found
