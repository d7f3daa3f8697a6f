"""What shall be searched: each knob ticked gets a list or a range; all mistakes are marked at once."""

from __future__ import annotations

from typing import Any

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from workbench.core.judging import better
from workbench.core.params import Knob, knobs
from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.gui.banner import Banner
from workbench.gui.card import Caption, Card
from workbench.gui.fields import Combo
from workbench.gui.link import Link
from workbench.gui.theme import theme
from workbench.runner.space import FIELD, usual
from workbench.runner.sweeps import MOST_RUNS, RUNS, declare, metrics_of, reported
from workbench.store.runfolder import RunConfig

SAMPLERS = {
    "tpe": ("model of what was good (TPE)", "Learns from the runs so far where the next one should be"),
    "random": ("at random", "Every run is drawn independently of the others"),
    "grid": ("grid of all combinations", "Walks through every combination of the listed values"),
}
DIRECTIONS = {"max": "highest", "min": "lowest"}


class _KnobRow:
    """A tick, the span, and what is wrong with it."""

    def __init__(self, knob: Knob, value: Any) -> None:
        self.knob = knob
        self.tick = QCheckBox(knob.title)
        self.tick.setToolTip(f"{knob.help}\n{knob.flag}")
        self.span = QLineEdit(usual(knob, value).words())
        self.span.setAccessibleName(f"What to try for {knob.title}")
        self.span.setToolTip(_how(knob))
        self.span.setEnabled(False)
        self.fault = QLabel()
        self.fault.setProperty("role", "error")
        self.fault.setWordWrap(True)
        self.fault.hide()
        self.tick.toggled.connect(self._ticked)

    def place(self, grid: QGridLayout, line: int) -> None:
        grid.addWidget(self.tick, 2 * line, 0)
        grid.addWidget(self.span, 2 * line, 1)
        grid.addWidget(self.fault, 2 * line + 1, 0, 1, 2)

    def accuse(self, text: str) -> None:
        self.fault.setText(text)
        self.fault.setVisible(bool(text))
        self.span.setAccessibleDescription(text)
        self.span.setProperty("wrong", bool(text))
        self.span.style().unpolish(self.span)
        self.span.style().polish(self.span)

    def _ticked(self, on: bool) -> None:
        self.span.setEnabled(on)
        self.accuse("")


def _how(knob: Knob) -> str:
    if knob.type in (int, float):
        factors = "; steps go by factors" if knob.log else "; :log behind it steps by factors"
        return f"A,B,C or LOW..HIGH{factors}\nEach {knob.expected()}"
    return f"A,B,C: each {knob.expected()}"


class SweepDialog(QDialog):
    """Starts from the form's values; `declared` carries a checked Sweep."""

    declared = Signal(object)

    def __init__(self, parent: QWidget, recipe: Recipe, config: RunConfig, link: Link) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Sweep: {recipe.title}")
        px = theme().pixels
        self.resize(px(720), px(640))
        self.recipe, self.config, self.link = recipe, config, link
        # A column is chosen where the data is.
        ordered = sorted((one for one in knobs(recipe.params) if one.widget != "column"), key=lambda one: one.more)
        self.rows = {one.name: _KnobRow(one, config.params.get(one.name, one.default)) for one in ordered}
        self.banner = Banner()
        self._make_fields()
        self._lay_out()
        self._refill([])
        next(iter(self.rows.values())).tick.setFocus(Qt.FocusReason.OtherFocusReason)
        home = link.home
        link.background(lambda: reported(home, recipe.id), then=self._refill, failed=lambda _: None, owner=self)

    def space(self) -> dict[str, str]:
        """The spans of the ticked knobs."""
        return {name: row.span.text().strip() for name, row in self.rows.items() if row.tick.isChecked()}

    def start(self) -> None:
        """Check everything; `declared` follows when nothing is wrong."""
        self._clear()
        self.start_button.setEnabled(False)
        space, recipe, known = self.space(), self.recipe, self._known()
        fixed = {name: value for name, value in self.config.params.items() if name not in space}
        base = msgspec.structs.replace(self.config, params=fixed)
        metric, direction = self.metric_box.currentText(), self.direction_box.currentData()
        sampler, pruner = self.sampler_box.currentData(), "median" if self.prune.isChecked() else "none"
        runs = self.runs_box.value()
        self.link.background(
            lambda: declare(
                recipe, base, space, metric=metric, direction=direction, runs=runs, sampler=sampler, pruner=pruner,
                known=known,
            ),
            then=self._accepted, failed=self._refused, owner=self,
        )  # fmt: skip

    def _accepted(self, sweep: Any) -> None:
        self.declared.emit(sweep)
        self.accept()

    def _refused(self, record: ProblemRecord) -> None:
        self.start_button.setEnabled(True)
        strangers = []
        for one in (record, *record.others):
            row = self.rows.get(one.field.removeprefix(FIELD))
            if row is not None and one.field.startswith(FIELD):
                row.accuse(f"{one.what} {one.fix}".strip())
            else:
                strangers.append(msgspec.structs.replace(one, others=()))
        wrong = [row for row in self.rows.values() if not row.fault.isHidden()]
        if wrong:
            wrong[0].span.setFocus(Qt.FocusReason.OtherFocusReason)
            self._area.ensureWidgetVisible(wrong[0].span)
        if strangers:
            self.banner.show_problem(msgspec.structs.replace(strangers[0], others=tuple(strangers[1:])))

    def _clear(self) -> None:
        self.banner.dismiss()
        for row in self.rows.values():
            row.accuse("")

    def _known(self) -> list[str]:
        return [self.metric_box.itemText(at) for at in range(self.metric_box.count())]

    def _refill(self, reported_: list[str]) -> None:
        chosen = self.metric_box.currentText()
        names = list(dict.fromkeys([*metrics_of(self.recipe), *reported_]))
        blocked = self.metric_box.blockSignals(True)
        self.metric_box.clear()
        self.metric_box.addItems(names)
        self.metric_box.setCurrentText(chosen if chosen in names else names[0] if names else "")
        self.metric_box.blockSignals(blocked)
        if not chosen:
            self._follow_metric(self.metric_box.currentText())

    def _follow_metric(self, metric: str) -> None:
        lower = better(metric) == "low"
        for one in self.recipe.claim.statements if self.recipe.claim is not None else ():
            lower = one.lower if one.metric == metric else lower
        self.direction_box.setCurrentIndex(self.direction_box.findData("min" if lower else "max"))

    def _make_fields(self) -> None:
        self.metric_box, self.direction_box, self.sampler_box, self.runs_box = Combo(), Combo(), Combo(), QSpinBox()
        self.metric_box.setAccessibleName("What to look for")
        self.metric_box.setToolTip("What the recipe declares, and what its earlier runs reported")
        self.metric_box.currentTextChanged.connect(self._follow_metric)
        for value, words in DIRECTIONS.items():
            self.direction_box.addItem(words, value)
        self.direction_box.setAccessibleName("Which way is better")
        self.direction_box.setToolTip("Whether the highest or the lowest value is the best")
        for value, (words, tip) in SAMPLERS.items():
            self.sampler_box.addItem(words, value)
            self.sampler_box.setItemData(self.sampler_box.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.sampler_box.setAccessibleName("How values are chosen")
        self.sampler_box.setToolTip("\n".join(f"{words}: {tip}" for words, tip in SAMPLERS.values()))
        self.runs_box.setRange(1, MOST_RUNS)
        self.runs_box.setValue(RUNS)
        self.runs_box.setSuffix(" runs")
        self.runs_box.lineEdit().setTextMargins(6, 0, 0, 0)
        self.runs_box.setAccessibleName("Number of runs")
        self.runs_box.setToolTip("How many runs at most; a grid ends with its last combination")
        self.prune = QCheckBox("End hopeless runs early")
        self.prune.setToolTip(
            "A run that is worse than half of the finished ones were at the same share of their steps"
        )

    def _lay_out(self) -> None:
        px = theme().pixels
        what = Card("What to vary", "A,B,C or LOW..HIGH")
        what.set_body(self._knob_list(), margin=4)
        how = Card("How")
        how.set_body(self._how_form())
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(8))
        column.addWidget(self.banner)
        column.addWidget(what, 1)
        column.addWidget(how)
        column.addLayout(self._foot())

    def _knob_list(self) -> QWidget:
        px = theme().pixels
        holder = QWidget()
        holder.setObjectName("scrolled")
        grid = QGridLayout(holder)
        grid.setContentsMargins(px(8), px(4), px(8), px(4))
        grid.setHorizontalSpacing(px(16))
        grid.setVerticalSpacing(px(4))
        grid.setColumnStretch(1, 1)
        for line, row in enumerate(self.rows.values()):
            row.place(grid, line)
        grid.setRowStretch(2 * len(self.rows), 1)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(holder)
        return self._area

    def _how_form(self) -> QWidget:
        px = theme().pixels
        holder = QWidget()
        form = QFormLayout(holder)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(px(16))
        form.setVerticalSpacing(px(8))
        better, amount = QHBoxLayout(), QHBoxLayout()
        for row in (better, amount):
            row.setSpacing(px(8))
        better.addWidget(self.direction_box, 1)
        better.addWidget(self.metric_box, 3)
        amount.addWidget(self.runs_box, 1)
        amount.addWidget(self.sampler_box, 3)
        form.addRow("Look for the", better)
        form.addRow("With", amount)
        form.addRow("", self.prune)
        return holder

    def _foot(self) -> QHBoxLayout:
        self.start_button = QPushButton("Start")
        self.start_button.setProperty("role", "primary")
        self.start_button.setToolTip("Queue the first runs and watch (Return)")
        self.start_button.setDefault(True)
        self.start_button.clicked.connect(lambda _=False: self.start())
        close = QPushButton("Cancel")
        close.setAutoDefault(False)
        close.setToolTip("Search nothing (Esc)")
        close.clicked.connect(self.reject)
        foot = QHBoxLayout()
        foot.setSpacing(theme().pixels(8))
        foot.addWidget(Caption("Every other knob, the data and the seed stay as the form has them."), 1)
        foot.addWidget(close)
        foot.addWidget(self.start_button)
        return foot
