"""The left side of a recipe's tab: data, knobs, seed and device – all that a run is asked with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from workbench.core.params import Params, knob, values_of
from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.words import count
from workbench.gui.card import Card
from workbench.gui.fields import Combo
from workbench.gui.forms import Form
from workbench.gui.inputs import Inputs, make_inputs
from workbench.gui.link import Link
from workbench.gui.taborder import tab_through
from workbench.gui.theme import theme
from workbench.store.runfolder import RunConfig

CUSTOM = "own values"
PRESETS = ("smoke", "desk", "paper")
PRESET_PX = 160


class Repeat(Params):
    """What belongs to a run and not to its recipe."""

    seed: int = knob(0, "Start of every random number; the same seed gives the same run", low=0, high=2**31 - 1)
    device: Literal["auto", "cpu", "cuda", "mps"] = knob("auto", "Where this run computes")


class Setup(QWidget):
    """Collects a RunConfig and shows what is wrong with one."""

    changed = Signal()

    def __init__(self, recipe: Recipe, link: Link, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.recipe, self.link = recipe, link
        self._card, knobs_ = Card("Recipe"), QWidget()
        whole = QVBoxLayout(self)
        whole.addWidget(self._card)
        self._card.set_body(knobs_)
        self.inputs: Inputs = make_inputs(recipe, link)
        columns = {name for slot in recipe.reads.values() for name in slot.columns}
        self.form = Form(recipe.params, hide=columns, parent=knobs_)
        self.repeat = Form(Repeat, parent=knobs_)
        self.preset = self._preset_box()
        self._lay_out(whole, knobs_)
        self.choose_preset("desk")
        self.inputs.sample_chosen.connect(self._imply)
        self.inputs.changed.connect(self._told)
        self.form.changed.connect(self._told)
        self.repeat.changed.connect(self._told)
        self.form.changed.connect(self._read_anew)
        self._imply(self.inputs.implied())
        self._read_anew()

    def config(self, **more: Any) -> RunConfig:
        """The run as the fields stand now."""
        again = self.repeat.values()
        return RunConfig(
            recipe=self.recipe.id, params=self.params(), inputs=self.inputs.inputs(), seed=again["seed"],
            device=again["device"], preset=self.nearest_preset(), recipe_version=self.recipe.version, **more,
        )  # fmt: skip

    def params(self) -> dict[str, Any]:
        """Every knob's value, those of the column picker included."""
        return self.form.values() | self.inputs.knobs()

    def values(self) -> dict[str, Any]:
        """All fields, to be remembered until the next start."""
        return {"params": self.params(), "inputs": self.inputs.inputs(), **self.repeat.values()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Fields as they were; unknown names are passed over."""
        with QSignalBlocker(self):
            self.inputs.set_inputs(values.get("inputs", {}))
            self.form.set_values(values.get("params", {}))
            self.inputs.set_knobs(values.get("params", {}))
            self.repeat.set_values({name: values[name] for name in ("seed", "device") if name in values})
        self._told()

    def load(self, config: RunConfig) -> None:
        """The fields of an earlier run."""
        again = {"seed": config.seed, "device": config.device}
        self.set_values({"params": config.params, "inputs": config.inputs, **again})

    def choose_preset(self, name: str) -> None:
        """Set all knobs as a preset has them; what the chosen sample implies stays."""
        self.form.set_values(values_of(self.recipe.preset(name)) | self._still_implied())

    def nearest_preset(self) -> str:
        """The preset that the fewest knobs differ from."""
        return min(self.recipe.presets, key=lambda name: (len(self._differences(name)), name != "desk"))

    def show_problems(self, record: ProblemRecord) -> list[ProblemRecord]:
        """Mark every field at fault; returns what belongs to none."""
        records = [record, *record.others]
        self.clear_problems()
        strangers = [one for one in records if not self.inputs.accuse(one.field, f"{one.what} {one.fix}".strip())]
        left = self.repeat.show_problems(self.form.show_problems(strangers))
        return [one for one in left if isinstance(one, ProblemRecord)]

    def labelled_slot(self) -> str:
        """The slot whose labels can be corrected in place; empty where there is none."""
        return next((name for name, slot in self.recipe.reads.items() if slot.kind.name == "text-data"), "")

    def clear_problems(self) -> None:
        """Acquit every field."""
        self.form.clear_problems()
        self.repeat.clear_problems()
        self.inputs.acquit()

    def _differences(self, preset: str) -> list[str]:
        base, now = values_of(self.recipe.preset(preset)) | self._still_implied(), self.params()
        return [name for name, value in now.items() if base.get(name) != value]

    def _still_implied(self) -> dict[str, Any]:
        return self.inputs.implied()

    def _imply(self, sets: Mapping[str, Any]) -> None:
        if sets:
            self.form.set_values(sets)

    def _read_anew(self) -> None:
        self.inputs.set_params(self.form.values())

    def _told(self) -> None:
        preset = self.nearest_preset()
        changed = len(self._differences(preset))
        last = self.preset.count() - 1
        with QSignalBlocker(self.preset):
            self.preset.setItemText(last, f"{preset}, {count(changed, 'change')}" if changed else CUSTOM)
            self.preset.setCurrentIndex(last if changed else self.preset.findText(preset))
        self.changed.emit()

    def _preset_box(self) -> Combo:
        box = Combo()
        box.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme().follow(box, lambda: box.setFixedWidth(theme().pixels(PRESET_PX)))
        box.setFixedWidth(theme().pixels(PRESET_PX))
        box.addItems([*[name for name in PRESETS if name in self.recipe.presets], CUSTOM])
        box.setAccessibleName("Preset")
        box.setToolTip("Set every knob at once: smoke ends in seconds, desk in minutes, paper as published")
        box.activated.connect(lambda _: self._preset_picked(box.currentText()))
        return box

    def _preset_picked(self, name: str) -> None:
        if name in self.recipe.presets:
            self.choose_preset(name)
        else:
            self._told()

    def _lay_out(self, whole: QVBoxLayout, knobs_: QWidget) -> None:
        gap = theme().pixels(8)
        data = Card("Data")
        data.set_body(self.inputs)
        self.label_button = QPushButton("Label…")
        self.label_button.setProperty("role", "flat")
        self.label_button.setToolTip("Look through the examples, correct labels or spans, train again from a copy")
        data.header.addWidget(self.label_button)
        self.label_button.setHidden(self.labelled_slot() == "")
        column = QVBoxLayout(knobs_)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().pixels(4))
        column.addWidget(self.form)
        column.addWidget(self.repeat)
        self._card.header.addWidget(self.preset)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(gap)
        whole.insertWidget(0, data)
        whole.addStretch(1)
        tab_through(self.inputs, self.label_button, self.preset, self.form, self.repeat)
