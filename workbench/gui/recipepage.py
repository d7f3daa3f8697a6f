"""One recipe's place: inputs and form at the left, views in the middle, curves and log at the right."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QPushButton, QSplitter, QWidget

from workbench.core.events import WorkerState
from workbench.core.job import ENDED, JobState
from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.words import in_words
from workbench.gui.actions import make_action
from workbench.gui.banner import Banner
from workbench.gui.command import command_line
from workbench.gui.exporting import Exporter
from workbench.gui.labelplace import LabelPlace
from workbench.gui.link import Link
from workbench.gui.picked import PickedCard
from workbench.gui.recipeframe import RecipeFrame
from workbench.gui.setup import Setup
from workbench.gui.showing import Showing
from workbench.gui.side import Side
from workbench.gui.stage import Stage
from workbench.gui.timeline import Timeline
from workbench.gui.topline import ProgressLine, RecipeChooser, TopLine
from workbench.gui.tour import Step
from workbench.gui.tryplace import TryPlace
from workbench.store.runfolder import RunConfig, RunFolder

if TYPE_CHECKING:
    from workbench.gui.runmodel import RunModel

UNDO, REDO = "Undo change of a knob", "Redo change of a knob"


class RecipePage(QWidget):
    """Built from the recipe's declaration alone; shows at most one run at a time."""

    recipe_wanted = Signal(str)
    claim_wanted = Signal(object)
    """A RunConfig whose data, device and first seed all arms shall share; None for the claim run last."""
    sweep_wanted = Signal(object)
    """A RunConfig whose knobs shall be searched; None for the sweep run last."""
    run_shown = Signal(str)

    def __init__(self, recipe: Recipe, link: Link, neighbours: Iterable[Recipe], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.recipe, self.link = recipe, link
        self.frame = RecipeFrame(self)
        self.setup = Setup(recipe, link, self.frame.form_area.viewport())
        self.stage, self.side, self.timeline = Stage(recipe), Side(recipe), Timeline()
        self.progress, self.banner, self.picked = ProgressLine(), Banner(), PickedCard()
        self.banner.reported.connect(lambda record: link.report_wanted.emit(record, self._run_id()))
        self.tryplace = TryPlace(recipe, link)
        chooser = RecipeChooser(recipe, neighbours)
        chooser.chosen.connect(self.recipe_wanted)
        self.topline = TopLine(chooser)
        self.showing = Showing(self.stage, self.side, self.timeline, self)
        self.showing.state_changed.connect(self._state_changed)
        self.showing.nothing_to_play.connect(
            lambda: self.banner.show_note("This run wrote no pictures to play; its curves and its log are whole.")
        )
        self.stage.picked.connect(self.picked.show_items)
        self.labels = LabelPlace(link)
        self.labels.retrain.connect(self._train_on)
        self.labels.closed.connect(lambda: self.frame.middles.setCurrentIndex(0))
        self.picked.relabel.connect(self._relabel)
        self.setup.label_button.clicked.connect(lambda _=False: self.label())
        self._waiting = False
        self._phase = "new"
        self.exporter = Exporter(self, link, self.banner, {recipe.id: recipe}, self._shown_runs)
        self._make_actions()
        self._lay_out()
        self._describe()
        link.worker_changed.connect(self._worker_changed)
        if self.setup.form.has_backbone:
            self._backbones_asked = False

    @property
    def model(self) -> RunModel | None:
        """The run on the stage."""
        return self.showing.model

    @property
    def busy(self) -> bool:
        """Whether a run that has not ended is shown, or one is being submitted."""
        return self._waiting or (self.model is not None and self.model.alive)

    @property
    def splitters(self) -> dict[str, QSplitter]:
        """The movable borders, by the names under which they are remembered."""
        return {"columns": self.frame.columns, "inner": self.frame.inner, "rows": self.stage.rows, "side": self.side}

    def run(self) -> None:
        """Submit the form as a run and show it; while one is shown that goes on: stop it and keep its model."""
        model = self.model
        if model is not None and model.state.phase in ("running", "paused"):
            self.link.deliver(self.link.runner.cancel(model.folder.id, keep=True), owner=self)
            self._waiting = True
            self._refresh_actions()
        elif model is not None and model.state.phase == "queued":
            self.cancel()
        else:
            self.start()

    def start(self) -> None:
        """Submit the form as a run and show it, whatever is shown now."""
        self._submit(self.show_run)

    def queue(self) -> None:
        """Submit the form as a run without leaving the one on the stage."""
        self._submit(self._queued)

    def cancel(self) -> None:
        """End the run shown without keeping it."""
        if self.model is not None:
            self.link.deliver(self.link.runner.cancel(self.model.folder.id), owner=self)

    def pause(self) -> None:
        """Hold the run shown, or let it go on."""
        if self.model is not None:
            paused = self.model.state.phase == "paused"
            ask = self.link.runner.resume if paused else self.link.runner.pause
            self.link.deliver(ask(self.model.folder.id), owner=self)

    def resume(self) -> None:
        """Continue an ended run from its checkpoint."""
        if self.model is not None:
            self.banner.dismiss()
            self.link.deliver(self.link.runner.resume(self.model.folder.id), owner=self)

    def copy_command(self) -> None:
        """Put the command line that does the same on the clipboard."""
        config = self.setup.config()
        QGuiApplication.clipboard().setText(self.command())
        self.banner.show_note(f"Copied: {command_of(self.recipe, config)}")

    def command(self) -> str:
        """The command line of the form as it stands."""
        return command_of(self.recipe, self.setup.config())

    def label(self, text: str = "") -> None:
        """Correct the labels of the chosen data in the place of the views; `text` is looked up first."""
        slot = self.setup.labelled_slot()
        if slot:
            self.frame.middles.setCurrentWidget(self.labels)
            self.labels.begin(self.setup.config(), slot, text=text)

    def show_run(self, folder: RunFolder) -> RunModel:
        """Put a run on the stage, live or as it was."""
        self.banner.dismiss()
        self._waiting = False
        self._phase = "new"
        model = self.showing.show_run(folder)
        self.topline.about.set_whole(_about(self.recipe, model.config, folder))
        self.progress.show_state(model.state)
        self.tryplace.show_model(folder)
        self._refresh_actions()
        self.run_shown.emit(folder.id)
        return model

    def take_run(self, folder: RunFolder, *, replay: bool = False) -> None:
        """Show a run unless it is on the stage already, with its values in the form; a replay begins at its start."""
        if self.model is None or self.model.folder.path != folder.path:
            self.setup.load(self.show_run(folder).config)
        if replay:
            self.showing.replay()

    def values(self) -> dict[str, Any]:
        """What is remembered of this page."""
        return {
            "setup": self.setup.values(),
            "splitters": {name: one.sizes() for name, one in self.splitters.items()},
        }

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered."""
        self.setup.set_values(values.get("setup", {}))
        for name, sizes in values.get("splitters", {}).items():
            splitter = self.splitters.get(name)
            if splitter is not None and len(sizes) == splitter.count() and sum(sizes) > 0:
                splitter.setSizes([int(one) for one in sizes])

    def wake(self) -> None:
        """Called when the page is first looked at with a worker at hand: fill the slow lists."""
        if getattr(self, "_backbones_asked", True):
            return
        self._backbones_asked = True
        self.link.deliver(
            self.link.runner.inspect("backbones"), then=self._backbones_found, failed=lambda _: None, owner=self
        )

    def tour(self) -> list[Step]:
        """The steps of the tour that stand on this page."""
        return [
            Step(lambda: self.setup.inputs, "Your data",
                 "Drop a file or a folder here, or stay with the sample that is chosen."),
            Step(lambda: self.setup.form, "The recipe's knobs",
                 "Everything the method can be told. Hover over a knob for its bounds; {key} explains it.",
                 "window.help"),
            Step(lambda: self.run_button, "Run",
                 "Starts training with these values ({key}). Views and curves are drawn while it learns; "
                 "closing the window does not stop it.", "recipe.run"),
            Step(lambda: self.tryplace if self.tryplace.isVisible() else self.topline, "Try it, and everything else",
                 "Once a run has a model, type a text of your own here. {key} finds every command, recipe, run and "
                 "setting by its name, this tour too.", "window.palette"),
        ]  # fmt: skip

    def close_run(self) -> None:
        """Stop reading the run shown; edits of labels are saved."""
        self.labels.save_now()
        self.showing.close()

    def _backbones_found(self, raw: Any) -> None:
        import msgspec

        self.setup.form.set_backbones(msgspec.json.decode(raw))

    def _submit(self, then: Callable[[RunFolder], Any]) -> None:
        config = self.setup.config()
        self.setup.clear_problems()
        self._waiting = True
        self._refresh_actions()
        self.link.background(
            lambda: self.link.runner.submit(config),
            then=lambda folder: self._submitted(folder, then),
            failed=self._refused,
            owner=self,
        )

    def _submitted(self, folder: RunFolder, then: Callable[[RunFolder], Any]) -> None:
        self._waiting = False
        then(folder)
        self._refresh_actions()
        self.link.runs_changed.emit()

    def _queued(self, folder: RunFolder) -> None:
        self.banner.show_note(f"Queued as {folder.id}.", ("Show it", lambda: self._show_queued(folder)))

    def _show_queued(self, folder: RunFolder) -> None:
        self.show_run(folder)

    def _refused(self, record: ProblemRecord) -> None:
        self._waiting = False
        self._refresh_actions()
        strangers = self.setup.show_problems(record)
        if strangers:
            self.banner.show_problem(strangers[0])

    def _state_changed(self, state: JobState) -> None:
        queue = self.link.state.queue
        run = self._run_id()
        self.progress.show_state(state, ahead=queue.index(run) if run in queue else 0)
        if state.phase == self._phase:
            return
        live = self._phase in ("queued", "running", "paused")
        self._phase = state.phase
        self._waiting = False
        self._refresh_actions()
        self._tell_end(state)
        if live and state.problem is not None and state.problem.severity == "bug":
            self.link.report_wanted.emit(state.problem, run)
        if state.phase in ENDED:
            self.link.runs_changed.emit()

    def _tell_end(self, state: JobState) -> None:
        model = self.model
        if model is None or state.phase not in ENDED:
            self.banner.dismiss()
            return
        self.tryplace.show_model(model.folder)
        remedies = [("Resume", self.resume)] if state.resumable else []
        if state.phase == "failed" and state.problem is not None:
            self.setup.show_problems(state.problem)
            self.banner.show_problem(state.problem, *remedies)
        elif state.phase == "cancelled":
            self.banner.show_note("The run was cancelled; its folder is kept.", *remedies)

    def _run_id(self) -> str:
        return self.model.folder.id if self.model is not None else ""

    def _worker_changed(self, _: WorkerState) -> None:
        if self.model is not None and self.model.state.phase == "queued":
            self._state_changed(self.model.state)

    def _make_actions(self) -> None:
        make = functools.partial(make_action, self)
        self.run_action = make("recipe.run", self.run)
        self.queue_action = make("recipe.queue", self.queue)
        self.claim_action = make("recipe.claim", self._want_claim)
        last = make("recipe.verdict", lambda: self.claim_wanted.emit(None))
        for action in (self.claim_action, last):
            action.setVisible(self.recipe.claim is not None)
            action.setProperty("why", "this recipe has no claim")
        self.sweep_action = make("recipe.sweep", lambda: self.sweep_wanted.emit(self.setup.config()))
        make("recipe.trials", lambda: self.sweep_wanted.emit(None))
        self.copy_action = make("recipe.copy", self.copy_command)
        self.export_action = make("recipe.export", lambda: self.exporter.pop(self.topline.anchor(self._export_button)))
        self.pause_action = make("recipe.pause", self.pause)
        self.cancel_action = make("recipe.cancel", self.cancel)
        stack = self.setup.form.undo_stack
        self._form_steps = (make("recipe.undo", stack.undo), make("recipe.redo", stack.redo))
        stack.undoTextChanged.connect(self._name_undo)
        stack.redoTextChanged.connect(self._name_redo)
        make("recipe.label", self.label)
        make("recipe.newest", self.timeline.follow)
        self._refresh_actions()

    def _refresh_actions(self) -> None:
        phase = self.model.state.phase if self.model is not None else "new"
        going = phase in ("running", "paused")
        look = {
            "running": ("Stop and keep", "End early and keep the model", "mdi6.stop"),
            "queued": ("Leave queue", "Take the run out of the queue", "mdi6.close"),
        }.get("running" if going else phase, ("Run", "Train with these values", "mdi6.play"))
        self.run_action.setText(look[0])
        self.run_action.setStatusTip(look[1])
        self.run_action.setData(look[2])
        self.run_action.setEnabled(not self._waiting)
        self.export_action.setEnabled(self.model is not None)
        self.exporter.set_enabled(self.model is not None)
        paused = phase == "paused"
        self.pause_action.setText("Go on" if paused else "Pause")
        self.pause_action.setData("mdi6.play" if paused else "mdi6.pause")
        self.pause_action.setStatusTip("Let the run go on" if paused else "Hold the run; its memory is kept")
        for action in (self.pause_action, self.cancel_action):
            action.setVisible(going)
            action.setProperty("why", "nothing runs here")

    def _name_undo(self, knob: str) -> None:
        self._form_steps[0].setText(f"{UNDO}: {in_words(knob)}" if knob else UNDO)

    def _name_redo(self, knob: str) -> None:
        self._form_steps[1].setText(f"{REDO}: {in_words(knob)}" if knob else REDO)

    def _share_undo(self) -> None:
        """While labels are in front, Ctrl+Z belongs to them, and to the form only where that has the focus."""
        labels = self.frame.middles.currentWidget() is self.labels
        narrow, wide = Qt.ShortcutContext.WidgetWithChildrenShortcut, Qt.ShortcutContext.WindowShortcut
        for step in self._form_steps:
            step.setShortcutContext(narrow if labels else wide)

    def _relabel(self, items: list[Any]) -> None:
        self.label(items[0].text if items else "")

    def _train_on(self, path: str) -> None:
        """Run again with the relabelled copy in the place of the data."""
        self.setup.inputs.set_inputs({self.setup.labelled_slot(): path})
        self.frame.middles.setCurrentIndex(0)
        self.start()

    def _shown_runs(self) -> list[RunFolder]:
        return [self.model.folder] if self.model is not None else []

    def _want_claim(self) -> None:
        self.claim_wanted.emit(self.setup.config())

    def _describe(self) -> None:
        paper = self.recipe.paper
        self.topline.about.set_whole(f"{self.recipe.id} · {paper.title}, {paper.year}")

    def _lay_out(self) -> None:
        self._export_button: QPushButton = self.topline.add(self.export_action)
        self.topline.add(self.copy_action)
        self.topline.add(self.queue_action)
        self.topline.add(self.sweep_action)
        self.topline.add(self.claim_action)
        self.run_button = self.topline.add(self.run_action, primary=True)
        self.progress.add(self.pause_action)
        self.progress.add(self.cancel_action)
        self.frame.fill_above(self.topline, self.progress, self.banner)
        self.frame.fill_left(self.setup, self.tryplace)
        self.frame.fill_middle(self.stage, self.picked, self.timeline, self.labels)
        self.frame.fill_right(self.side)
        for step in self._form_steps:
            self.removeAction(step)
            self.setup.addAction(step)
        self.frame.middles.currentChanged.connect(lambda _: self._share_undo())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.frame.turn(self.side, self.width())


def command_of(recipe: Recipe, config: RunConfig) -> str:
    """The command line of a run's configuration."""
    return command_line(
        recipe, preset=config.preset or "desk", params=config.params, inputs=config.inputs,
        seed=config.seed, device=config.device,
    )  # fmt: skip


def _about(recipe: Recipe, config: RunConfig, folder: RunFolder) -> str:
    facts = [recipe.id, config.preset]
    facts += [str(config.params[name]) for name in ("task", "adapt") if name in config.params]
    return " · ".join([fact for fact in facts if fact] + [f"seed {config.seed}", f"run {folder.id[-6:]}"])
