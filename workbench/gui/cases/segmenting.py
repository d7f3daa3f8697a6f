"""Segmenting the case that is open: a model, its progress and partial result, and where to look first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from workbench.core.params import values_of
from workbench.core.problem import InputError, Problem, ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.segmenting import GrowingLabels, Segmented, SegmentingWish
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.cases.casemodels import CaseModel, case_models
from workbench.gui.cases.modelinuse import ModelInUse
from workbench.gui.cases.overlays import Probability
from workbench.gui.cases.segmentpanel import SegmentPanel
from workbench.gui.volumes.labelmap import LabelMap, open_labels
from workbench.gui.volumes.scene import Layer, open_volume
from workbench.store.runfolder import RunConfig

if TYPE_CHECKING:
    from workbench.gui.cases.opening import OpenCase
    from workbench.gui.cases.page import CasesPage

BUSY = "Segmentation"
LEARNS = {"CT": "hi-end-mae"}
"""The recipe whose desk preset makes a first model, by modality; MR's otherwise."""
LEARNS_ELSE = "brain-tumor-resunet"


class Segmenting(QObject):
    """Asks the worker for labels of the page's case; what a person painted is never written over.

    A result is a label set of its own beside those that the case has, and can be left for them again.
    """

    listed = Signal()
    """The models were looked for again."""

    def __init__(self, page: CasesPage) -> None:
        super().__init__(page)
        self.page, self._link = page, page.link
        self.models: list[CaseModel] = []
        self.result: Segmented | None = None
        self._doubt: Layer | None = None
        self._case: OpenCase | None = None
        self._growing: tuple[str, LabelMap] | None = None
        self._listed = False
        self.asking = Asking(page.link, self, failed=self._fail)
        self.panel = SegmentPanel()
        self.panel.hide()
        self.in_use = ModelInUse(page.link, self.panel, self)
        doing = {
            "segment": self.toggle, "segment-run": self.run, "segment-stop": self.stop,
            "uncertainty": self.toggle_uncertainty, "probability": self.next_probability,
            "unsure-next": lambda: self.step(1),
            "unsure-previous": lambda: self.step(-1),
        }  # fmt: skip
        checkable = ("segment", "uncertainty")
        self.acts = {name: make_action(page, f"cases.{name}", do, checkable=name in checkable)
                     for name, do in doing.items()}  # fmt: skip
        panel = self.panel
        for button, name in ((panel.run, "segment-run"), (panel.stop, "segment-stop"), (panel.next, "unsure-next"),
                             (panel.previous, "unsure-previous")):  # fmt: skip
            button.clicked.connect(self.acts[name].trigger)
        panel.learn.clicked.connect(lambda _=False: self.learn())
        panel.model.currentIndexChanged.connect(lambda _: self._choose())
        panel.overlays.chosen.connect(self._lay_over)
        for changed in (page.viewer.scene.moved, page.viewer.scene.restyled):
            changed.connect(lambda: self.panel.overlays.follow(self.page.viewer.scene))
        self.in_use.changed.connect(self._chosen)
        panel.slices.currentRowChanged.connect(self._go)
        self.asking.changed.connect(lambda _: self._tell())
        self.asking.grown.connect(self._grow)
        page.link.runs_changed.connect(self._list)

    def beside(self, places: QWidget) -> QHBoxLayout:
        """The page's places with the panel at their right."""
        row = QHBoxLayout()
        row.setSpacing(self.panel.gap)
        row.addWidget(places, 1)
        row.addWidget(self.panel)
        return row

    def toggle(self) -> None:
        """Show the panel or hide it; work that is under way goes on."""
        self.panel.setVisible(self.panel.isHidden() and self.page.case is not None)
        if not self.panel.isHidden():
            self._list(always=True)
        self.follow()

    def follow(self) -> None:
        """The page has another case, or does something else now."""
        page = self.page
        case, viewing = page.case, page.case is not None and page.places.currentWidget() is page.viewer
        if case is not self._case:
            self._case, self.result, self._doubt = case, None, None
            self.stop()
            self.panel.show_result(None)
            self.panel.overlays.offer([])
            self._choose()
        if not viewing:
            self.panel.hide()
        running = bool(self.asking.doing)
        can = {
            "segment": viewing, "segment-run": viewing and self._model() is not None and not running
            and not page.opening.asking.doing, "segment-stop": running,
            "uncertainty": viewing and self._doubt is not None,
            "probability": viewing and len(self.panel.overlays.layers) > 1,
            "unsure-next": viewing and bool(self.panel.slices.count()),
            "unsure-previous": viewing and bool(self.panel.slices.count()),
        }  # fmt: skip
        for name, able in can.items():
            self.acts[name].setEnabled(able)
        self.acts["segment"].setChecked(not self.panel.isHidden())
        self.acts["uncertainty"].setChecked(self._doubt is not None and page.viewer.scene.overlay is self._doubt)
        self.panel.allow({name: self.acts[name].isEnabled() for name in can})
        self.panel.overlays.follow(page.viewer.scene)

    # Models

    def _list(self, *, always: bool = False) -> None:
        if not always and not self._listed:
            return
        self._listed = True
        home = self._link.home
        self._link.background(lambda: case_models(home, _recipes()), then=self._listed_now, owner=self)

    def _listed_now(self, found: list[CaseModel]) -> None:
        self.models = found
        self.in_use.show(found)
        self._choose()
        self.follow()
        self.listed.emit()

    def _chosen(self) -> None:
        self._choose()
        self.follow()

    def _model(self) -> CaseModel | None:
        at = self.panel.model.currentIndex()
        return self.models[at] if 0 <= at < len(self.models) else None

    def _choose(self) -> None:
        """Another model or case: a volume for each of the model's channels."""
        model, case = self._model(), self.page.case
        titles = [one.title for one in case.series] if case is not None else []
        self.panel.show_channels(model.told if model is not None else None, titles)

    def use(self, path: str) -> None:
        """Segment with the model at a path from now on, and show the panel with it."""
        self.in_use.use(path)
        if self.page.case is not None and self.panel.isHidden():
            self.toggle()
        else:
            self._list(always=True)

    def learn(self) -> None:
        """Train a first model: the desk preset of a recipe for such images, on generated subjects."""
        case = self.page.case
        modality = case.files[0].meta.modality if case is not None and case.files else ""
        name = LEARNS.get(modality, LEARNS_ELSE)

        def submit() -> str:
            recipe = _recipes()[name]
            inputs = {slot: one.default for slot, one in recipe.reads.items() if one.default}
            config = RunConfig(recipe.id, values_of(recipe.preset("desk")), inputs=inputs, preset="desk")
            self._link.runner.submit(config)
            return recipe.title

        self._link.background(
            submit, then=lambda title: self.panel.say_learning(f"{title}: training. The job panel shows how far."),
            failed=self._fail, owner=self,
        )  # fmt: skip

    # Running

    def run(self) -> None:
        """Ask the chosen model."""
        model, case, editor = self._model(), self.page.case, self.page.viewer.editor
        if model is None or case is None or self.asking.doing:
            return
        self.page.banner.dismiss()
        editor.finish()
        try:
            if editor.busy:
                raise InputError(f"{editor.busy} is under way.", fix="Wait until it has ended, or stop it.")
            wish = self._wish(model, case)
        except Problem as problem:
            self._fail(problem.record())
            return
        self.in_use.use(model.path)  # it stays so when a newer one is trained
        editor.busy = BUSY
        self.asking.apply(
            "Segmenting", (model.recipe, model.path), Segmented, lambda found: self._take(case, found),
            inputs=msgspec.to_builtins(wish),
        )  # fmt: skip
        editor.changed.emit()

    def stop(self) -> None:
        """End the work; what was shown before is shown again."""
        self.asking.cancel()
        self._release()

    def _wish(self, model: CaseModel, case: OpenCase) -> SegmentingWish:
        wanted, has = model.told.modality, case.files[0].meta.modality
        if wanted and has in ("CT", "MR") and has != wanted:
            raise InputError(
                f"This model reads {wanted}, and this is {has}.", expected=f"{wanted} images", received=has,
                fix="Choose a model that learned from such images.",
            )  # fmt: skip
        chosen = self.panel.chosen()
        missing = [channel for channel, at in zip(model.told.channels, chosen, strict=True) if at < 0]
        if missing:
            raise InputError(
                "This case lacks sequences that the model learned from.", expected=", ".join(model.told.channels),
                received=", ".join(one.title for one in case.series),
                fix=f"Choose a volume for {', '.join(missing)}, or open the case with all its sequences.",
            )  # fmt: skip
        files = {channel: case.files[at] for channel, at in zip(model.told.channels, chosen, strict=True)}
        return SegmentingWish(files, Path(case.info.path).stem, self.panel.mirrored.isChecked(),
                              self.page.viewer.scene.cursor, probabilities=True)  # fmt: skip

    def _grow(self, raw: msgspec.Raw) -> None:
        """Draw what there is of the labels."""
        scene = self.page.viewer.scene
        try:
            told = msgspec.json.decode(raw, type=GrowingLabels)
            if self._growing is None or self._growing[0] != told.labels.path:
                grown = LabelMap(open_labels(Path(told.labels.path)), told.labels.meta, self)
                self._growing = (told.labels.path, grown)
        except (msgspec.DecodeError, Problem):
            return  # it is only for the eye, and its file may be gone by now
        if self._growing[1].array.shape == tuple(scene.shape):
            scene.show_preview(self._growing[1])

    def _take(self, case: OpenCase, found: Segmented) -> None:
        self._release()
        if case is not self.page.case:
            return
        self.result = found
        notes = [f"Segmented by {found.model}. {found.answers[0].note}", *found.notes]
        self._link.background(
            lambda: _layers(found), then=lambda layers: self._take_layers(found, layers), failed=self._fail,
            owner=self,
        )  # fmt: skip
        self.panel.show_result(found, self._words(found))
        self.page.opening.take_labels(case, _on_grid(found, case), found.model, notes)
        self.follow()

    def _take_layers(self, found: Segmented, layers: list[Layer]) -> None:
        if found is not self.result:
            return  # another case was opened meanwhile
        self._doubt = layers[0]
        self.panel.overlays.offer(layers)
        self.follow()

    def _words(self, found: Segmented) -> list[str]:
        scene = self.page.viewer.scene
        names = {plane.across: name for name, plane in scene.planes.items()}
        return [f"{names[one.axis].capitalize()} {one.index + 1} / {scene.shape[one.axis]}   ·   {one.mean:.2f}"
                for one in found.slices]  # fmt: skip

    def _release(self) -> None:
        viewer = self.page.viewer
        if self._growing is not None:
            self._growing[1].deleteLater()
            self._growing = None
        if viewer.scene.preview is not None:
            viewer.scene.show_preview(None)
        if viewer.editor.busy == BUSY:
            viewer.editor.busy = ""
            viewer.editor.changed.emit()
        self._tell()

    def _tell(self) -> None:
        if self.asking.doing or self.panel.working:
            self.panel.say_far(self.asking.doing, self.asking.words, self.asking.fraction)
        self.follow()

    def _fail(self, record: ProblemRecord) -> None:
        self._release()
        self.page.banner.show_problem(record)

    # Looking

    def toggle_uncertainty(self) -> None:
        """Lay the entropy over the first volume, or take it away."""
        scene = self.page.viewer.scene
        if self._doubt is not None:
            scene.show_overlay(None if scene.overlay is self._doubt else self._doubt)
        self.follow()

    def next_probability(self) -> None:
        """Lay the next label's probability over the first volume; none after the last."""
        maps = self.panel.overlays.layers[1:]
        shown = self.page.viewer.scene.overlay
        at = maps.index(shown) + 1 if shown in maps else 0
        self._lay_over(maps[at] if at < len(maps) else None)

    def _lay_over(self, layer: Layer | None) -> None:
        self.page.viewer.scene.show_overlay(layer)
        self.follow()

    def step(self, by: int) -> None:
        """Go to the next slice of the list (or the one before), around its end."""
        rows, many = self.panel.slices, self.panel.slices.count()
        if many:
            at = rows.currentRow()
            rows.setCurrentRow((at + by) % many if at >= 0 else (0 if by > 0 else many - 1))

    def _go(self, row: int) -> None:
        viewer = self.page.viewer
        if self.result is None or not 0 <= row < len(self.result.slices):
            return
        one = self.result.slices[row]
        viewer.go(one.voxel)
        name = next(name for name, plane in viewer.scene.planes.items() if plane.across == one.axis)
        viewer.canvases[name].setFocus()


def _layers(found: Segmented) -> list[Layer]:
    """Uncertainty and each label's probability, mapped from their files."""
    unsure = found.uncertainty
    layers = [Layer(open_volume(Path(unsure.path)), unsure.meta, title="uncertainty")]
    return layers + [Probability(open_volume(Path(one.volume.path)), one.volume.meta, title=one.name)
                     for one in found.probabilities]  # fmt: skip


def _on_grid(found: Segmented, case: OpenCase) -> Any:
    """The labels with the geometry of the case's first volume to the last digit, which they lie on."""
    meta = msgspec.structs.replace(found.labels.meta, geometry=case.files[0].meta.geometry)
    return msgspec.structs.replace(found.labels, meta=meta)


def _recipes() -> dict[str, Recipe]:
    from workbench.recipes import recipes

    return dict(recipes())
