"""Labels held against labels: numbers by label, what was added and removed in the planes, readers' agreement."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workbench.core.comparison import Agreement, Comparison, LabelDifference
from workbench.core.problem import Problem, ProblemRecord
from workbench.core.review import ReviewCase
from workbench.core.volumes import Label, VolumeMeta
from workbench.gui.asking import Asking
from workbench.gui.banner import Banner
from workbench.gui.card import Caption
from workbench.gui.cases.opening import OpenCase
from workbench.gui.link import Link
from workbench.gui.theme import theme
from workbench.gui.volumes.labelmap import LabelMap, open_labels
from workbench.gui.volumes.scene import Layer
from workbench.gui.volumes.viewer import VolumeViewer

BEFORE, NOW = "as the model or file gave them", "as they are now"
CHANGES = (Label(1, "Added", "#3FB68B"), Label(2, "Removed", "#E97C84"), Label(3, "Other label", "#E0A83C"))
"""What engine/medical/comparing.py writes into its map of changes."""
HEADS = ("Label", "Dice", "HD95, mm", "Mean surface\ndistance, mm", "Before, ml", "After, ml", "Difference, ml",
         "Added, ml", "Removed, ml")  # fmt: skip
ROOM_PX = (1240, 700)


@dataclasses.dataclass(frozen=True)
class Choice:
    """Labels that can be compared: `side` is how the worker finds them."""

    words: str
    side: dict[str, Any]


def choices_of(
    case: OpenCase, now: Path | None, now_meta: VolumeMeta | None, review: ReviewCase | None
) -> list[Choice]:
    """The labels of a case: before correction, as they are now, and as each reader signed them last."""
    found = []
    if case.labels is not None:
        found.append(Choice(BEFORE, _array(case.labels.path, case.labels.kept.meta)))
    if now is not None and now_meta is not None:
        found.append(Choice(NOW, _array(now, now_meta)))
    signed = [one for one in review.readings.values() if one.file] if review is not None else []
    return found + [Choice(f"signed by {one.who}", {"reading": one.file, "digest": one.after}) for one in signed]


def _array(path: Path, meta: VolumeMeta) -> dict[str, Any]:
    return {"path": str(path), "meta": msgspec.to_builtins(meta)}


class CompareDialog(QDialog):
    """Stays beside the page; its planes show what was changed and cannot be painted on."""

    shown = Signal(object)
    """A Comparison has been shown."""

    def __init__(self, parent: QWidget, link: Link, layers: Sequence[Layer], choices: Sequence[Choice]) -> None:
        """`layers` are the case's images; the first two choices are compared at once."""
        super().__init__(parent)
        self.setWindowTitle("Compare labels")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._link, self.choices = link, choices
        self._layers = [Layer(one.array, one.meta, title=one.title) for one in layers]
        for old, new in zip(layers, self._layers, strict=True):
            new.set_window(old.window)
        self.comparing, self.agreeing = Asking(link, self, failed=self._failed), Asking(link, self, failed=self._failed)
        self.comparison: Comparison | None = None
        self.agreement: list[Agreement] = []
        self._changes = ""
        self._lay_out()
        for box in (self.first, self.second):
            box.currentIndexChanged.connect(lambda _: self.compare())
        for asking in (self.comparing, self.agreeing):
            asking.changed.connect(lambda _: self._tell())
        self.finished.connect(lambda _: self._let_go())
        self.viewer.show_volumes(self._layers)
        self.compare()
        self._agree()

    def _lay_out(self) -> None:
        px = theme().pixels
        self.banner = Banner()
        self.first, self.second = self._box("Compare"), self._box("with")
        self.second.setCurrentIndex(min(1, len(self.choices) - 1))
        across = QHBoxLayout()
        across.setSpacing(px(8))
        for words, box in (("Before", self.first), ("After", self.second)):
            across.addWidget(QLabel(words))
            across.addWidget(box, 1)
        self.table = _table(HEADS, "Numbers by label")
        self.viewer = VolumeViewer(self._link, own_panel=False)
        self.viewer.bar.hide()
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setText(" &nbsp; ".join(f"<span style='color:{one.colour}'>■</span> {one.name}" for one in CHANGES))
        self.readers = _table((), "Agreement of readers")
        self.readers.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.readers.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        heading = QLabel("Agreement of readers")
        heading.setProperty("role", "heading")
        self.side = QWidget()
        beside = QVBoxLayout(self.side)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(heading)
        beside.addWidget(self.readers, 1)
        self.side.hide()
        below = QHBoxLayout()
        below.setSpacing(px(12))
        below.addWidget(self.viewer, 1)
        below.addWidget(self.side, 1)
        self.working = Caption()
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        column.addWidget(self.banner)
        column.addLayout(across)
        for part in (self.table, self.working, self.legend):
            column.addWidget(part)
        column.addLayout(below, 1)
        self.resize(px(ROOM_PX[0]), px(ROOM_PX[1]))

    def compare(self) -> None:
        """Measure the two that are chosen."""
        sides = [{"title": one.words, **one.side} for one in (self._chosen(self.first), self._chosen(self.second))]
        self.banner.dismiss()
        self.comparing.ask("Comparing", "compare", Comparison, self._show, sides=sides)

    def _chosen(self, box: QComboBox) -> Choice:
        return self.choices[max(0, box.currentIndex())]

    def _agree(self) -> None:
        sides = [{"title": one.words.removeprefix("signed by "), **one.side} for one in self.choices
                 if "reading" in one.side]  # fmt: skip
        if len(sides) > 1:
            self.agreeing.ask("Measuring agreement", "agreement", list[Agreement], self._show_agreement, sides=sides)

    def _show(self, found: Comparison) -> None:
        self.comparison = found
        _fill(self.table, [_row(one) for one in found.labels])
        self._drop()
        self._changes = found.changes
        path = Path(found.changes)
        self._link.background(
            lambda: (open_labels(path), _first_changed(path)), then=lambda told: self._lay(found, *told),
            failed=self._failed, owner=self,
        )  # fmt: skip

    def _lay(self, found: Comparison, array: Any, middle: tuple[int, int, int] | None) -> None:
        if found is not self.comparison:
            return
        meta = VolumeMeta(self._layers[0].meta.geometry, "SEG", labels=CHANGES)
        try:
            self.viewer.show_volumes(self._layers, LabelMap(array, meta, self.viewer))
        except Problem as problem:
            self._failed(problem.record())
            return
        self.viewer.editor.busy = "Comparison"  # a map of changes is not to be painted on
        self.viewer.editor.changed.emit()
        if middle is not None:
            self.viewer.go(middle)
        self.shown.emit(found)

    def _show_agreement(self, found: list[Agreement]) -> None:
        self.agreement = found
        rows = []
        for one in found:
            for at, reader in enumerate(one.readers):
                fit = "–" if one.sensitivity is None else f"{one.sensitivity[at]:.3f}"
                other = "–" if one.specificity is None else f"{one.specificity[at]:.3f}"
                dice = [f"{value:.3f}" if at != column else "" for column, value in enumerate(one.dice[at])]
                rows.append([one.name if at == 0 else "", reader, *dice, f"{one.ml[at]:.3f}", fit, other])
        readers = found[0].readers if found else ()
        heads = ["Label", "Reader", *(f"Dice to\n{one}" for one in readers), "ml", "STAPLE\nsens.",
                 "STAPLE\nspec."]  # fmt: skip
        self.readers.setColumnCount(len(heads))
        self.readers.setHorizontalHeaderLabels(heads)
        _fill(self.readers, rows)
        self.readers.setMinimumHeight(0)
        self.readers.setMaximumHeight(16777215)
        self.side.show()

    def _tell(self) -> None:
        said = "; ".join(one.doing for one in (self.comparing, self.agreeing) if one.doing)
        self.working.set_whole(f"{said} …" if said else "")
        self.working.setVisible(bool(said))

    def _failed(self, record: ProblemRecord) -> None:
        self.banner.show_problem(record)

    def _box(self, name: str) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(name)
        box.setToolTip("Which labels are compared")
        for one in self.choices:
            box.addItem(one.words[:1].upper() + one.words[1:])
        return box

    def _let_go(self) -> None:
        self.comparing.cancel()
        self.agreeing.cancel()
        self.viewer.editor.edit(None)
        self._drop()

    def _drop(self) -> None:
        if self._changes:
            self._link.background(functools.partial(_remove, Path(self._changes)), failed=lambda _: None)
            self._changes = ""


def copy_now(array: Any, folder: Path) -> Path:
    """The labels as they are now in a file for the worker; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.npy"
    np.save(path, array, allow_pickle=False)
    return path


def _first_changed(path: Path) -> tuple[int, int, int] | None:
    """The middle of the slice along z with most changes."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    counts = [int(np.count_nonzero(flat)) for flat in array]
    if not any(counts):
        return None
    z = int(np.argmax(counts))
    rows, columns = np.nonzero(array[z])
    return z, int(np.median(rows)), int(np.median(columns))


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _row(one: LabelDifference) -> list[str]:
    more = one.second_ml - one.first_ml

    def figure(value: float | None, digits: int) -> str:
        return "–" if value is None else f"{value:.{digits}f}"

    return [one.name, figure(one.dice, 3), figure(one.hd95_mm, 2), figure(one.mean_surface_mm, 2),
            figure(one.first_ml, 3), figure(one.second_ml, 3), f"{more:+.3f}" if more else "0.000",
            figure(one.added_ml, 3), figure(one.removed_ml, 3)]  # fmt: skip


def _table(heads: Sequence[str], name: str) -> QTableWidget:
    table = QTableWidget(0, len(heads))
    table.setHorizontalHeaderLabels(list(heads))
    table.verticalHeader().hide()
    table.horizontalHeader().setMinimumHeight(theme().pixels(44))
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setAccessibleName(name)
    return table


def _fill(table: QTableWidget, rows: Sequence[Sequence[str]]) -> None:
    table.setRowCount(len(rows))
    for at, row in enumerate(rows):
        for column, words in enumerate(row):
            item = QTableWidgetItem(words)
            item.setTextAlignment(
                Qt.AlignmentFlag.AlignVCenter
                | (Qt.AlignmentFlag.AlignLeft if column == 0 or words[:1].isalpha() else Qt.AlignmentFlag.AlignRight)
            )
            table.setItem(at, column, item)
    header = table.horizontalHeader()
    head_px = max(header.sizeHint().height(), header.minimumHeight())
    table.setFixedHeight(head_px + table.rowHeight(0) * min(len(rows), 5) + 8)
