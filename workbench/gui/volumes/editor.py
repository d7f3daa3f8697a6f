"""Editing the labels of a scene: tools, operations off the GUI thread, undo, autosave beside the artifact."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from workbench.core.problem import Problem, ProblemRecord
from workbench.gui.autosave import Autosave, Background, Write
from workbench.gui.volumes import operations
from workbench.gui.volumes.labelmap import LabelMap
from workbench.gui.volumes.operations import Boolean, Result
from workbench.gui.volumes.refining import Refiner, Refining
from workbench.gui.volumes.scene import Scene
from workbench.gui.volumes.tools import Brush, Crosshair, Fill, Lasso, Measuring, Tool
from workbench.report.planes import Plane, Voxel, spacing_zyx_mm


class Editor(QObject):
    """One per viewer; while an operation is under way nothing else is painted."""

    said = Signal(str, str)
    """A sentence for the person and its role: 'dim' or 'error'."""
    changed = Signal()
    """Tool, undo, or whether something is under way."""
    saved = Signal(str)
    """How the edits are kept: 'autosaved 4 s ago'."""

    def __init__(self, scene: Scene, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.scene, self._background = scene, background
        self.busy = ""
        """What is under way."""
        self.tolerance = 50.0
        self.margin_mm = 2.0
        self.least_ml = 0.1
        self.labels: LabelMap | None = None
        self.brush = Brush(scene, able=self.able)
        self.eraser = Brush(scene, erases=True, able=self.able)
        self.lasso = Lasso(scene, able=self.able)
        self.fill = Fill(scene, self.grow_region, able=self.able)
        self.refiner = Refiner(scene, background, self)
        self.refiner.said.connect(self.said)
        self.refiner.changed.connect(self.changed)
        self.tools: dict[str, Tool] = {
            "crosshair": Crosshair(), "ruler": Measuring("ruler"), "angle": Measuring("angle"),
            "roi": Measuring("roi"), "brush": self.brush, "eraser": self.eraser, "lasso": self.lasso,
            "fill": self.fill, "refine": Refining(self.refiner, self._slice, able=self.able),
        }  # fmt: skip
        self.tool = "crosshair"
        self.autosave = Autosave(background, self._take, self)
        self.autosave.told.connect(self.saved)

    def able(self) -> bool:
        """Whether the labels may be painted on now."""
        return self.labels is not None and not self.busy

    def edit(self, labels: LabelMap | None) -> None:
        """Edit these labels from now on; what was edited before is written first.

        Edits that were autosaved and are not in the artifact are taken up again, which is said.
        """
        self.finish()
        self.labels = labels
        self.autosave.forget()
        if labels is not None:
            labels.document.changed.connect(self._edited)
            self._take_up(labels)
            self._count(labels)
        else:
            self.said.emit("", "dim")  # what was said of other labels
            if self.tool in ("brush", "eraser", "lasso", "fill", "refine"):
                self.choose("crosshair")
        self.changed.emit()

    def finish(self) -> None:
        """Put everything on disk now: the place is being left."""
        self.tools[self.tool].leave()
        self.autosave.flush()
        self.autosave.rest()

    def choose(self, name: str) -> None:
        """Take up a tool."""
        self.tools[self.tool].leave()
        self.tool = name
        self.said.emit(self.tools[name].words, "dim")
        self.changed.emit()

    def resize(self, by: int) -> None:
        """A larger or smaller brush."""
        self.brush.resize(by)
        self.eraser.radius_mm = self.brush.radius_mm
        self.said.emit(f"Brush of {2 * self.brush.radius_mm:.1f} mm", "dim")
        self.changed.emit()

    def set_sphere(self, sphere: bool) -> None:
        """Brush and region growing in their slice, or through all slices."""
        self.brush.sphere = self.eraser.sphere = sphere
        self.changed.emit()

    def undo(self) -> None:
        """Take the last edit back."""
        if self.able() and self.labels is not None:
            self.refiner.accept()
            self.labels.document.undo()

    def redo(self) -> None:
        """Do it again."""
        if self.able() and self.labels is not None:
            self.refiner.accept()
            self.labels.document.redo()

    # Operations

    def operate(
        self, words: str, work: Callable[[LabelMap], Result], *, erase: bool = False, add: bool = False
    ) -> None:
        """Compute the active label's new mask off the GUI thread, then put it in one step.

        `add` only adds to the label, `erase` only takes from it.
        """
        labels = self.labels
        self.refiner.accept()  # an operation works on what is shown
        if labels is None or not self.able():
            self.said.emit(f"Wait: {self.busy} is under way." if self.busy else "There are no labels to edit.", "dim")
            return
        self.busy = words
        self.said.emit(f"{words} …", "dim")
        self.changed.emit()

        def then(result: Result) -> None:
            self._end()
            if labels is not self.labels or labels.active != value:
                self.said.emit(f"{words}: dropped, as another label was chosen meanwhile.", "dim")
                return
            count = labels.replace(*result, words) if result[1].size else 0
            changed = f"{count * labels.voxel_ml:.3g} ml" if count else "nothing"
            self.said.emit(f"{words}: {changed} changed", "dim")

        def failed(record: ProblemRecord) -> None:
            self._end()
            self.said.emit(" ".join(filter(None, (record.what, record.fix))), "error")

        def narrow() -> Result:
            box, mask = work(labels)
            mask = ~mask if erase else mask  # what is taken away is what must not stay
            return operations.narrowed(labels.array, value, (box, mask), gains=not erase, losses=not add)

        value = labels.active
        self._background.background(narrow, then=then, failed=failed, owner=self)

    def _end(self) -> None:
        self.busy = ""
        self.changed.emit()

    def _slice(self, plane: Plane, index: int) -> tuple[Plane, int] | None:
        """The slice that marks stay in; None in 3-D."""
        return None if self.brush.sphere else (plane, index)

    def grow_region(self, seed: Voxel, plane: Plane, erase: bool) -> None:
        """Label what is connected to a voxel and has like values."""
        if not self.scene.layers:
            self.said.emit("Region growing needs the volume under the labels.", "error")
            return
        array, tolerance, within = self.scene.layers[0].array, self.tolerance, None if self.brush.sphere else plane
        self.operate(
            "Region growing", lambda _: operations.flood(array, seed, tolerance, within), erase=erase, add=not erase
        )

    def grow(self) -> None:
        """Add what lies within the margin."""
        self.operate("Grow", lambda one: operations.grow(one.array, one.active, self.margin_mm, self._spacing()))

    def shrink(self) -> None:
        """Take the margin off."""
        self.operate("Shrink", lambda one: operations.shrink(one.array, one.active, self.margin_mm, self._spacing()))

    def smooth(self) -> None:
        """Round off."""
        self.operate("Smooth", lambda one: operations.smooth(one.array, one.active, self.margin_mm, self._spacing()))

    def keep_largest(self) -> None:
        """Remove all islands but the largest."""
        self.operate("Keep largest island", lambda one: operations.islands(one.array, one.active))

    def remove_islands(self) -> None:
        """Remove islands below the set volume."""
        self.operate(
            "Remove small islands",
            lambda one: operations.islands(
                one.array, one.active, at_least_voxels=max(1, round(self.least_ml / one.voxel_ml))
            ),
        )

    def interpolate(self, plane: Plane) -> None:
        """Fill the empty slices of a plane between labelled ones."""
        self.operate("Interpolate", lambda one: operations.interpolate(one.array, one.active, plane), add=True)

    def combine(self, other: int | None, how: Boolean) -> None:
        """The active label together with, common with or without another one, or itself as it was read (None)."""

        def work(one: LabelMap) -> Result:
            mask = one.original(one.active) if other is None else one.array == other
            return operations.boolean(one.array, one.active, mask, how)

        self.operate({"union": "Union", "intersection": "Intersection", "difference": "Difference"}[how], work)

    def copy_slice(self, plane: Plane, by: int) -> None:
        """Copy the active label of the slice shown to its neighbour and go there."""
        source = self.scene.cursor[plane.across]
        target = source + (-by if plane.flip_across else by)
        labels = self.labels
        if labels is None or not self.able():
            return
        self.refiner.accept()
        try:
            box, mask = operations.copied_slice(labels.array, labels.active, plane, source, target)
        except Problem as problem:
            self.said.emit(" ".join(filter(None, (problem.what, problem.fix))), "error")
            return
        labels.stroke()
        labels.put(box, mask)
        labels.finish("copy slice")
        self.scene.step(plane, by)

    def _spacing(self) -> tuple[float, float, float]:
        return spacing_zyx_mm(self.scene.geometry)

    # Keeping

    def _edited(self) -> None:
        if self.labels is not None and self.labels.path is not None:
            self.autosave.touch()
        else:
            self.saved.emit("edits are not kept")
        self.changed.emit()

    def _take(self) -> Write:
        return self.labels.snapshot() if self.labels is not None else lambda: None

    def _take_up(self, labels: LabelMap) -> None:
        try:
            count = labels.take_up()
        except Problem as problem:
            labels.path = None  # what cannot be read is not overwritten
            self.said.emit(" ".join(filter(None, (problem.what, problem.fix, "Edits are not kept."))), "error")
            return
        if count:
            slices = "1 slice" if count == 1 else f"{count} slices"
            self.said.emit(f"Edits of {slices} from last time taken up again; Undo drops them.", "dim")

    def _count(self, labels: LabelMap) -> None:
        def then(found: dict[int, int]) -> None:
            if labels is self.labels and not labels.take_count(found):
                self._count(labels)

        self._background.background(labels.count, then=then, failed=lambda _: None, owner=labels)
