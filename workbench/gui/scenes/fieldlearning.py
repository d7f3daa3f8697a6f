"""Learning radiance fields of photographs of the scene: a run is started, grows in the scene, leaves its grid there.

The run is a job like any other: the job panel pauses and stops it, and it goes on when the scene is closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from workbench.core.job import JobState
from workbench.core.params import values_of
from workbench.core.posing import read_as
from workbench.core.problem import InputError, ProblemRecord
from workbench.core.scenes import (
    AS_THEY_ARE,
    CamerasDoc,
    MeshDoc,
    Node,
    PointsDoc,
    PoseReading,
    RadianceDoc,
    RadianceMeta,
)
from workbench.gui.actions import make_action
from workbench.gui.scenes import trees
from workbench.gui.scenes.edits import TreeEdit, new_id
from workbench.gui.scenes.growing import Course, GrowingCard, Grown
from workbench.gui.scenes.scene import extent_of
from workbench.store.runfolder import RunConfig, RunFolder

if TYPE_CHECKING:
    from workbench.gui.scenes.page import ScenesPage

RECIPE, SLOT, PRESET = "radiance-field", "pictures", "desk"
LOOKED_MS = 1000
FROM_FIELD = {"rendered_by": "field"}


def seen_from_fields(nodes: Sequence[Node]) -> list[Node]:
    """Nodes that were read with their fields drawn from these, and surfaces that stand where a field does hidden."""
    fields = {one.parent for one in nodes if isinstance(one.thing, RadianceDoc) and one.thing.field}
    found = []
    for one in nodes:
        if isinstance(one.thing, RadianceDoc) and one.thing.field:
            found.append(msgspec.structs.replace(one, look=one.look | FROM_FIELD))
        elif one.parent and one.parent in fields and isinstance(one.thing, PointsDoc | MeshDoc):
            found.append(msgspec.structs.replace(one, shown=False))
        else:
            found.append(one)
    return found


class FieldLearning(QObject):
    """Starts runs on chosen photographs and puts their grids into the scene as they come."""

    recipe_wanted = Signal(str, object, object)
    """A recipe's id, its inputs by slot, and knobs by name."""

    def __init__(self, page: ScenesPage) -> None:
        super().__init__(page)
        self.page, self.scene, self._link = page, page.scene, page.link
        self._courses: dict[str, Course] = {}
        """Runs that are listened to, from the first look at each until its end."""
        self._told: set[str] = set()
        self._looking = False
        self.card = GrowingCard(self._link)
        page.below_tree.addWidget(self.card)
        self.acts = {
            "start": make_action(page, "scenes.learn-field", self.start),
            "further": make_action(page, "scenes.learn-further", self.go_on),
            "with": make_action(page, "scenes.learn-field-with", self.set_up),
        }
        page.top.add(self.acts["start"])
        page.top.add(self.acts["further"])
        page.top.add_rare(self.acts["with"])
        page.more_acts += self.acts.values()
        self._timer = QTimer(self, interval=LOOKED_MS)
        self._timer.timeout.connect(self._look)
        for signal in (self.scene.chosen_changed, self.scene.rearranged, self.scene.changed):
            signal.connect(self.follow)
        self.follow()

    @property
    def node(self) -> Node | None:
        """The photographs that are chosen; the last of several."""
        for name in reversed(self.scene.chosen):
            node = self.scene.nodes.get(name)
            if node is not None and isinstance(node.thing, CamerasDoc):
                return node
        return None

    def follow(self, *_: object) -> None:
        """Something else is chosen, or there are other nodes."""
        for name, act in self.acts.items():
            found = self._can_go_on() if name == "further" else self.node
            able = found is not None and RECIPE in self.page.recipes
            act.setEnabled(able)
            act.setVisible(able)
        if not self._timer.isActive() and self._names():
            self._timer.start()

    # Starting

    def _source(self) -> str:
        """The file that the chosen photographs were read from; empty where there is none, which is told."""
        node = self.node
        if node is None or not node.source or not Path(node.source).exists():
            self.page.failed_with(ProblemRecord(
                "These photographs stand in no file that a field could be learned from.",
                expected="a transforms.json or a COLMAP folder", received=(node.source if node else "") or "none",
                fix="Read their file into the scene again, or export them first.", severity="input",
            ))  # fmt: skip
            return ""
        return node.source

    def _reading(self) -> PoseReading:
        """How the run is to read its file to see what the scene shows."""
        node = self.node
        return node.thing.reading if node is not None and isinstance(node.thing, CamerasDoc) else AS_THEY_ARE

    def set_up(self) -> None:
        """Open the recipe with the chosen photographs; nothing is started."""
        source = self._source()
        if source:
            self.recipe_wanted.emit(RECIPE, {SLOT: source}, msgspec.to_builtins(self._reading()))

    def start(self) -> None:
        """Learn a field of the chosen photographs with the recipe's usual values; its node comes at once."""
        node, source = self.node, self._source()
        if node is None or not source:
            return
        recipe = self.page.recipes[RECIPE]
        reading = self._reading()
        params = values_of(recipe.preset(PRESET)) | msgspec.to_builtins(reading)
        config = RunConfig(recipe=RECIPE, params=params, inputs={SLOT: source},
                           preset=PRESET, recipe_version=recipe.version, title=f"Field of {node.name}")  # fmt: skip
        self.page.banner.dismiss()
        self._link.background(lambda: self._link.runner.submit(config), then=lambda run: self._started(node, run),
                              failed=self.page.failed_with, owner=self)  # fmt: skip

    def _started(self, node: Node, run: RunFolder) -> None:
        self._link.runs_changed.emit()
        thing = node.thing
        assert isinstance(thing, CamerasDoc)
        low, high = thing.low, thing.high
        box = extent_of(thing)
        if (low is None or high is None) and box is not None:
            low, high = (tuple(map(float, one)) for one in box)  # type: ignore[assignment]
        meta = RadianceMeta(low, high) if low is not None and high is not None else RadianceMeta()
        now = self.scene.nodes.get(node.id, node)
        parent = now.parent if now.parent in self.scene.nodes else ""
        made = Node(
            new_id(), f"field of {node.name}", RadianceDoc("", (0, 0, 0), meta, str(run.path)), parent,
            placement=now.placement, source=str(run.path), made=f"learned from {node.name}", look=dict(FROM_FIELD),
        )  # fmt: skip
        self.page.trees.add([made], "learn a field")
        told = []
        if how := read_as(thing.reading):
            told.append(f"The field is learned from the photographs as the scene shows them: {how}.")
        if self.page.canvas.plain:
            told.append("Without OpenGL the field is seen once its grid is there; how far it is stands below the tree.")
        if told:
            self.page.note(told)

    def _can_go_on(self) -> Node | None:
        """The chosen field whose run has kept it, so that another one may learn it further."""
        node = self.scene.nodes.get(self.scene.chosen[-1]) if self.scene.chosen else None
        if node is None or not isinstance(node.thing, RadianceDoc) or not node.thing.field:
            return None
        run = Path(node.thing.field)
        return node if all((run / one).is_file() for one in ("run.json", "model/workbench.json")) else None

    def go_on(self) -> None:
        """Learn the chosen field further: as long again, with the same values and photographs, in a run of its own."""
        node = self._can_go_on()
        if node is None or not isinstance(node.thing, RadianceDoc):
            return
        before = RunFolder(Path(node.thing.field))

        def submit() -> RunFolder:
            was = before.config()
            if was.recipe != RECIPE:
                raise InputError("This field was not learned from photographs here.", expected=f"a run of {RECIPE}",
                                 received=was.recipe, fix="Learn a field of the photographs first.")  # fmt: skip
            return self._link.runner.submit(msgspec.structs.replace(
                was, params=was.params | {"continue_from": str(before.path)}, forked_from=before.id, created=0.0,
                title=f"{node.name}, further", claim="", arm="", sweep="",
            ))  # fmt: skip

        self.page.banner.dismiss()
        self._link.background(submit, then=lambda run: self._went_on(node, run), failed=self.page.failed_with,
                              owner=self)  # fmt: skip

    def _went_on(self, node: Node, run: RunFolder) -> None:
        """The field that is gone on with is hidden: both at once would be seen through each other."""
        self._link.runs_changed.emit()
        assert isinstance(node.thing, RadianceDoc)
        thing = RadianceDoc("", (0, 0, 0), node.thing.meta, str(run.path))
        now = self.scene.nodes.get(node.id, node)
        made = msgspec.structs.replace(
            now, id=new_id(), name=f"{node.name}, further", thing=thing, source=str(run.path), shown=True,
            made=f"learned further from {node.name}", look=now.look | FROM_FIELD,
        )  # fmt: skip
        if made.parent not in self.scene.nodes:
            made = msgspec.structs.replace(made, parent="")
        after = [msgspec.structs.replace(one, shown=False) if one.id == node.id else one
                 for one in trees.with_added(self.scene, [made])]  # fmt: skip
        self.page.document.push(TreeEdit(self.scene, after, text="learn a field further", choose=[made.id]))

    # Growing

    def _growing(self) -> list[Node]:
        """Nodes of fields whose grids are not in the scene yet."""
        return [one for one in self.scene.nodes.values()
                if isinstance(one.thing, RadianceDoc) and one.thing.field and not one.thing.grid]  # fmt: skip

    def _names(self) -> dict[str, str]:
        """Names of fields by the runs that are to be listened to: those without a grid, and those not at their end."""
        fields = {str(one.thing.field): one.name for one in self.scene.nodes.values()
                  if isinstance(one.thing, RadianceDoc) and one.thing.field}  # fmt: skip
        wanted = [str(getattr(one.thing, "field", "")) for one in self._growing()]
        return {one: fields[one] for one in (*wanted, *self._courses) if one in fields and one not in self._told}

    def _look(self) -> None:
        names = self._names()
        if not names:
            self._timer.stop()
            self.card.hide()
            return
        if self._looking or not self.page.isVisible():
            return
        self._looking = True
        courses = {one: self._courses.setdefault(one, Course(Path(one))) for one in names}

        def work() -> dict[str, Grown]:
            return {run: one.hear() for run, one in courses.items()}

        self._link.background(work, then=self._take, failed=lambda _: self._take({}), owner=self)

    def _take(self, found: dict[str, Grown]) -> None:
        self._looking = False
        for run, one in found.items():
            nodes = [node for node in self._growing() if getattr(node.thing, "field", "") == run]
            if one.grid is not None and nodes:
                # No edit of a person's: undo goes on to take back what was done, and the grid is filled in again.
                self.scene.put([msgspec.structs.replace(node, thing=one.grid) for node in nodes])
                self.page.keeping.autosave.touch()
            if one.over:
                self._courses.pop(run, None)
                if one.grid is None:
                    self._told.add(run)
                    self._tell_of_end(Path(run), one.state)
        self._tell_how_far(found)

    def _tell_how_far(self, found: dict[str, Grown]) -> None:
        """The run that the worker is at, or else the first that waits for it."""
        names = self._names()
        under_way = [one for one in found if one in names and not found[one].over]
        if not under_way:
            self.card.hide()
            return
        now = next((one for one in under_way if Path(one).name == self._link.state.running), under_way[0])
        self.card.show_run(Path(now).name, names[now], found[now])

    def _tell_of_end(self, run: Path, state: JobState) -> None:
        how = {"failed": "was ended by a fault", "cancelled": "was cancelled"}.get(state.phase, "has finished")
        fix = "Go on with it, or take its node out of the scene."
        record = state.problem or ProblemRecord(f"The run {how} before its field was there.", severity="input",
                                                fix=fix, place=run.name)  # fmt: skip
        self.page.banner.show_problem(record, ("Go on learning", lambda: self._resume(run)))

    def _resume(self, run: Path) -> None:
        """Let an ended run go on from where it was kept."""
        self.page.banner.dismiss()

        def listen(_: object) -> None:
            self._told.discard(str(run))
            self.follow()

        self._link.deliver(self._link.runner.resume(run.name), then=listen, failed=self.page.failed_with, owner=self)
