"""The panel of operations: which one, on what, its knobs, how far it is, what came of it in numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QCheckBox, QGridLayout, QPushButton, QVBoxLayout, QWidget

from workbench.core.sceneprocess import OPERATIONS, Fact, Histogram, Operation, SceneProcessed
from workbench.core.words import number, spaced
from workbench.gui.actions import keymap
from workbench.gui.card import empty
from workbench.gui.forms import Form
from workbench.gui.scenes.processpart import NOTHING
from workbench.gui.sidepanel import SidePanel, TellsWork, chooser, row, words
from workbench.gui.theme import Tokens, theme, tokens
from workbench.gui.views.plot import Plot, QuickAxis

WIDTH_PX, PLOT_PX = 320, 150
LENGTHS = {"scene units": "{0}", "square scene units": "{0}²", "cubic scene units": "{0}³"}


class ProcessPanel(SidePanel, TellsWork):
    """Shows what it is told; its buttons are wired by who made it."""

    waking = "beginning"

    def __init__(self) -> None:
        super().__init__("Process", WIDTH_PX)
        self.which = chooser("Operation")
        for one in OPERATIONS.values():
            self.which.addItem(one.title, one.name)
            self.which.setItemData(self.which.count() - 1, one.help, Qt.ItemDataRole.ToolTipRole)
        self.what, self.on = words("", "dim"), words(NOTHING, "body")
        self.on.setMinimumWidth(1)  # a long name widens no panel
        self.part = QCheckBox("Only what is selected")
        self.part.setToolTip("What is not selected stays as it is; without this the whole thing is worked on")
        self.part.setChecked(True)
        self.other_title, self.other = words("", "dim"), chooser("The other thing")
        self._forms: dict[str, Form] = {}
        self._place = QVBoxLayout()
        self.preview, self.apply, self.stop = QPushButton("Preview"), QPushButton("Apply"), QPushButton("Stop")
        self.apply.setProperty("role", "primary")
        self.make_progress("Processing")
        self.result = words("", "heading")
        self.notes = words("", "small")
        self.before = QPushButton("Before")
        self.before.setCheckable(True)
        self._facts = QGridLayout()
        self._facts.setColumnStretch(1, 1)
        self._facts.setHorizontalSpacing(theme().pixels(8))
        self._facts.setVerticalSpacing(theme().pixels(2))
        self.plot = ResidualPlot()
        for name, button in self.keyed().items():
            keymap().explain(button, f"scenes.{name}")
        self._lay_out()
        self.say("", -1.0)
        self.show_result(None)
        self.show_operation()

    def keyed(self) -> dict[str, QPushButton]:
        """The buttons by the command of the page that each is."""
        return {"process-preview": self.preview, "process-apply": self.apply, "process-stop": self.stop,
                "process-before": self.before}  # fmt: skip

    def _lay_out(self) -> None:
        column = self.make_column(right_px=8)
        upper: tuple[QWidget, ...] = (words("Process", "heading"), self.which, self.what, self.on, self.part,
                                      self.other_title, self.other)  # fmt: skip
        for widget in upper:
            column.addWidget(widget)
        column.addLayout(self._place)
        lower: tuple[QWidget, ...] = (self.result, self.before, self.notes)
        for part in lower:
            column.addWidget(part)
        column.addLayout(self._facts)
        column.addWidget(self.plot)
        column.addStretch(1)
        foot = self.make_foot(right_px=8)
        foot.addLayout(row(self.preview, self.apply, self.stop))
        for part in (self.bar, self.progress):
            foot.addWidget(part)

    @property
    def operation(self) -> Operation:
        """The chosen operation."""
        return OPERATIONS[str(self.which.currentData())]

    @property
    def form(self) -> Form:
        """The editors of the operation's knobs; made when they are first seen."""
        declared = self.operation
        if declared.name not in self._forms:
            form = self._forms[declared.name] = Form(declared.params)
            self._place.addWidget(form)
        return self._forms[declared.name]

    @property
    def forms(self) -> dict[str, Form]:
        """Those that were made."""
        return self._forms

    def show_operation(self) -> None:
        """Show the form of the chosen operation, and no other."""
        shown, declared = self.form, self.operation
        for form in self._forms.values():
            form.setVisible(form is shown)
        self.what.setText(f"{declared.help}.")
        self.other_title.setText(f"What {declared.other}" if declared.other else "")
        self.other_title.setVisible(bool(declared.other))
        self.other.setVisible(bool(declared.other))

    def offer(self, takes: Callable[[Operation], bool]) -> None:
        """Grey out operations that cannot work on what is chosen."""
        model: Any = self.which.model()
        for at in range(self.which.count()):
            model.item(at).setEnabled(takes(OPERATIONS[str(self.which.itemData(at))]))

    def offer_part(self, selected: bool) -> None:
        """Whether something is selected that the operation can keep to; it does, until a person says otherwise."""
        self.part.setVisible(selected)
        if not selected:
            self.part.setChecked(True)

    def show_others(self, named: Sequence[tuple[str, str]]) -> None:
        """The things that may be the second one, by id and name; the chosen one stays where it is still there."""
        chosen = self.other.currentData()
        with QSignalBlocker(self.other):
            self.other.clear()
            for name, title in named:
                self.other.addItem(title, name)
            self.other.setCurrentIndex(max(0, self.other.findData(chosen)) if named else -1)

    def show_result(self, found: SceneProcessed | None, heading: str = "", unit: str = "") -> None:
        """What came of it: numbers, notes, and histograms where there are such."""
        self.result.setText(heading)
        self.result.setVisible(bool(heading))
        notes = "\n".join(found.notes) if found is not None else ""
        self.notes.setText(notes)
        self.notes.setVisible(bool(notes))
        empty(self._facts)
        for at, one in enumerate(found.facts if found is not None else ()):
            name, said = words(one.name[:1].upper() + one.name[1:], "dim"), words(told(one, unit), "body")
            name.setAlignment(Qt.AlignmentFlag.AlignTop)
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            said.setMinimumWidth(1)
            self._facts.addWidget(name, at, 0)
            self._facts.addWidget(said, at, 1)
        self.plot.show_histograms(found.histograms if found is not None else (), unit)


def told(one: Fact, unit: str) -> str:
    """A fact's value with its unit; `unit` is what lengths of the scene are told in."""
    if one.text or one.value is None:
        return one.text
    large = one.value == int(one.value) and abs(one.value) >= 10_000
    said = spaced(one.value) if large else number(one.value)
    return f"{said} {LENGTHS.get(one.unit, one.unit).format(unit)}".strip()


class ResidualPlot(QWidget):
    """A histogram, in shares of all values."""

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.title = words("", "dim")
        self.plot = Plot()
        self.plot.setFixedHeight(theme().pixels(PLOT_PX))
        axis = QuickAxis("bottom")  # the plot's own counts whole steps
        axis.setStyle(tickLength=-3, tickTextOffset=4, autoExpandTextSpace=True, hideOverlappingLabels=True)
        axis.enableAutoSIPrefix(False)
        self.plot.setAxisItems({"bottom": axis})
        self.plot.setAccessibleName("Histogram")
        column.addWidget(self.title)
        column.addWidget(self.plot)
        self._shown: Sequence[Histogram] = ()
        self._unit = ""
        theme().follow(self, lambda: self.set_theme(tokens()))

    def set_theme(self, now: Tokens) -> None:
        """Draw in the colours of the theme."""
        self.plot.set_theme(now)
        self.show_histograms(self._shown, self._unit)

    def show_histograms(self, found: Sequence[Histogram], unit: str) -> None:
        """Show the first, in shares of all; nothing for none."""
        self._shown, self._unit = found, unit
        self.setVisible(bool(found))
        self.plot.getPlotItem().clear()
        if not found:
            return
        now, first = tokens(), found[0]
        edges, shares = np.asarray(first.edges), 100 * np.asarray(first.counts) / max(1, sum(first.counts))
        bars = pg.BarGraphItem(x0=edges[:-1], x1=edges[1:], height=shares, brush=QColor(now.accent), pen=pg.mkPen(None))
        self.plot.addItem(bars)
        self.plot.set_ranges((float(edges[0]), float(edges[-1])), (0.0, float(max(shares.max(), 1e-9)) * 1.05))
        self.title.setText(f"{first.title} ({unit}): % of points")
