"""Fine-tune on the corrections: which signed cases, which model to go on from, what it comes to; only on demand."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workbench.core.job import ENDED
from workbench.core.params import knobs
from workbench.core.problem import InputError
from workbench.core.recipe import Recipe
from workbench.core.review import USABLE, Reading, ReviewCase
from workbench.core.words import count, size, spaced
from workbench.gui.asking import Asking, Failed
from workbench.gui.link import Link
from workbench.gui.theme import theme
from workbench.store.home import Home
from workbench.store.models import ModelFacts, trained_models
from workbench.store.runfolder import RunConfig, RunFolder

KNOB = "continue_from"
"""A recipe that has this knob can go on from a model of its own."""
SLOTS = ("data", "cases")
"""What the slot of labelled cases is called; a recipe that can be gone on from has one of them."""
LEAST, LEAST_UNSEEN = 3, 2
"""Cases that a split into training, validation and test needs, and those that must be new to the model."""
WIDE_PX = 560


@dataclasses.dataclass(frozen=True)
class Starter:
    """A model to go on from, and the card it was kept with."""

    facts: ModelFacts
    card: Mapping[str, Any]

    @property
    def params(self) -> dict[str, Any]:
        """The knobs of the run that made it."""
        return dict(self.card.get("config", {}).get("params", {}))


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a person has chosen."""

    cases: tuple[ReviewCase, ...]
    starter: Starter
    recipe: Recipe


def usable(cases: Mapping[str, ReviewCase]) -> list[tuple[ReviewCase, Reading]]:
    """Cases whose last signature accepts or corrects labels that are kept."""
    signed = [(case, case.reading()) for case in cases.values()]
    return [(case, one) for case, one in signed if one is not None and one.state in USABLE and one.file]


def starters(home: Home, recipes: Mapping[str, Recipe]) -> list[Starter]:
    """Trained models that can be gone on from, the newest first; reads files."""
    able = {id for id, one in recipes.items() if _can_go_on(one)}
    found = [one for one in trained_models(home) if one.recipe in able and not one.problem]
    made = [Starter(one, json.loads((Path(one.path) / "workbench.json").read_text("utf-8"))) for one in found]
    return [one for one in made if one.card.get("task") != "encoder"]  # it has not learned to segment yet


class FineTuneDialog(QDialog):
    """Says what will be done before anything is."""

    wanted = Signal(object)
    """A Plan."""

    def __init__(
        self, parent: QWidget, cases: Sequence[tuple[ReviewCase, Reading]], models: Sequence[Starter],
        recipes: Mapping[str, Recipe],
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.setWindowTitle("Fine-tune on the corrections")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._cases, self._models, self._recipes = cases, models, recipes
        px = theme().pixels
        self.list = QListWidget()
        self.list.setAccessibleName("Signed cases to learn from")
        self.list.setToolTip("Cases that were accepted or corrected; take the mark away to leave one out")
        for case, reading in cases:
            seen = "  ·  trained on before" if case.runs else ""
            item = QListWidgetItem(f"{case.title}  ·  {reading.state} by {reading.who}{seen}")
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked)
            self.list.addItem(item)
        self.list.itemChanged.connect(lambda _: self._check())
        self.models = QComboBox()
        self.models.setAccessibleName("Model to go on from")
        self.models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.models.setMinimumContentsLength(24)  # a long name must not press its label out of the window
        self.models.setToolTip("It stays as it is; training makes a further model")
        for one in models:
            self.models.addItem(f"{recipes[one.facts.recipe].title}  ·  {one.facts.name}")
        self.models.currentIndexChanged.connect(lambda _: self._check())
        self.cost, self.hint = QLabel(), QLabel()
        for line in (self.cost, self.hint):
            line.setWordWrap(True)
            line.setProperty("role", "dim")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go = QPushButton("Fine-tune")
        self.go.setProperty("role", "primary")
        buttons.addButton(self.go, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.setSpacing(px(8))
        form.addRow("Go on from", self.models)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(16), px(16), px(16))
        column.setSpacing(px(12))
        column.addWidget(self.list, 1)
        column.addLayout(form)
        column.addWidget(self.cost)
        column.addWidget(self.hint)
        column.addWidget(buttons)
        self.setMinimumWidth(px(WIDE_PX))
        self._check()

    def plan(self) -> Plan | None:
        """What is chosen; None where there is no model."""
        if not self._models:
            return None
        starter = self._models[self.models.currentIndex()]
        chosen = [case for at, (case, _) in enumerate(self._cases)
                  if self.list.item(at).checkState() == Qt.CheckState.Checked]  # fmt: skip
        return Plan(tuple(chosen), starter, self._recipes[starter.facts.recipe])

    def _check(self) -> None:
        plan = self.plan()
        fault = ""
        if plan is None:
            fault = f"No model can be gone on from yet: train one with {_able(self._recipes)} first."
        elif len(plan.cases) < LEAST:
            fault = f"At least {LEAST} signed cases with labels are needed: to learn from, to validate, to test."
        elif sum(not case.runs for case in plan.cases) < LEAST_UNSEEN:
            fault = f"At least {LEAST_UNSEEN} of them must be new to the model, or nothing could test it."
        self.go.setEnabled(not fault)
        self.hint.setText(
            fault
            or "Cases of one patient stay together; patients trained on before are only learnt from, new "
            "ones validate and test."
        )
        self.cost.setText(_cost(plan) if plan is not None else "")

    def _accept(self) -> None:
        plan = self.plan()
        if plan is not None:
            self.wanted.emit(plan)
        self.accept()


def _able(recipes: Mapping[str, Recipe]) -> str:
    """Titles of the recipes whose models can be gone on from."""
    return " or ".join(f"'{one.title}'" for one in recipes.values() if _can_go_on(one))


def _can_go_on(one: Recipe) -> bool:
    return any(knob.name == KNOB for knob in knobs(one.params))


def _cost(plan: Plan) -> str:
    params = plan.starter.params
    # Where a recipe pretrains as well, its `fine_steps` are the segmentation's and going on pretrains nothing.
    number = params.get("fine_steps") or params.get("max_steps")
    steps = f"{spaced(number)} steps" if number else ""
    steps = steps or count(int(params.get("epochs", 1)), "epoch")
    return (
        f"{count(len(plan.cases), 'case')} are copied as a training set into the home, then trained for {steps} with "
        f"the model's own settings; the run says how long that takes once it has begun. It makes a further model of "
        f"about {size(plan.starter.facts.size_bytes)}; the one it starts from stays."
    )


class FineTuning(QObject):
    """Writes the training set and queues the run."""

    started = Signal(object, object)
    """The RunFolder, and the Plan it came from."""
    ready = Signal(object, object)
    """The same, once the run has ended with a model."""

    def __init__(self, link: Link, parent: QObject, *, failed: Failed) -> None:
        super().__init__(parent)
        self._link, self._failed = link, failed
        self.asking = Asking(link, self, failed=failed)
        self.trained: Callable[[], list[str]] = list
        """Paths of all cases of the worklist that some model was trained on."""
        self._running: dict[str, tuple[RunFolder, Plan]] = {}
        link.runs_changed.connect(self._look)

    def find(self, recipes: Mapping[str, Recipe], then: Callable[[list[Starter]], None]) -> None:
        """Look for models to go on from."""
        self.asking.work("Looking for models", lambda: starters(self._link.home, recipes), then)

    def begin(self, plan: Plan) -> None:
        """Write the cases as they were signed, then queue a run that goes on from the model."""
        channels = plan.starter.card.get("channels")
        if not isinstance(channels, list) or not channels:
            self._failed(InputError("This model does not tell which images it needs.", expected="channels in its card",
                                    fix="Choose another model.").record())  # fmt: skip
            return
        place = self._link.home.review / "training" / time.strftime("%Y-%m-%d-%H%M%S")
        cases = [
            {"id": case.id, "path": case.path, "keys": case.keys, "reading": one.file, "digest": one.after,
             "seen": bool(case.runs)}
            for case, one in usable({case.id: case for case in plan.cases})
        ]  # fmt: skip
        self.asking.ask(
            "Writing the training set", "training-set", str, lambda folder: self._submit(plan, folder), cases=cases,
            channels=channels, out=str(place), trained=self.trained(),
        )  # fmt: skip

    def _submit(self, plan: Plan, folder: str) -> None:
        config = config_of(plan, folder, device=self._link.settings.device)
        self.asking.work("Queueing the run", lambda: self._link.runner.submit(config),
                         lambda run: self._started(run, plan))  # fmt: skip

    def _started(self, run: RunFolder, plan: Plan) -> None:
        self._running[run.id] = run, plan
        self._link.runs_changed.emit()
        self.started.emit(run, plan)

    def _look(self) -> None:
        """Which of the runs that were queued here have ended; the others are looked at again."""
        waiting = list(self._running.values())
        if waiting:
            self._link.background(
                lambda: [(run, plan, *_ended(run)) for run, plan in waiting], then=self._seen, failed=self._failed,
                owner=self,
            )  # fmt: skip

    def _seen(self, found: list[tuple[RunFolder, Plan, bool, bool]]) -> None:
        for run, plan, ended, has_model in found:
            if ended and self._running.pop(run.id, None) is not None and has_model:
                self.ready.emit(run, plan)


def _ended(run: RunFolder) -> tuple[bool, bool]:
    """Whether a run has ended, and whether it left a model."""
    ended = run.state().phase in ENDED
    return ended, ended and (run.path / "model" / "workbench.json").is_file()


def config_of(plan: Plan, data: str, *, device: str) -> RunConfig:
    """A run with the model's own settings that goes on from it."""
    known = {one.name for one in knobs(plan.recipe.params)}
    params = {name: value for name, value in plan.starter.params.items() if name in known}
    params |= {KNOB: plan.starter.facts.path, "keep_model": True}
    slot = next(name for name in SLOTS if name in plan.recipe.reads)
    return RunConfig(
        recipe=plan.recipe.id, params=params, inputs={slot: data}, device=device,
        title=f"Fine-tuned on {count(len(plan.cases), 'reviewed case')}", tags=("fine-tuned",),
        forked_from=plan.starter.facts.run, recipe_version=plan.recipe.version,
    )  # fmt: skip
