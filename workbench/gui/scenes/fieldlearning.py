"""Learning radiance fields of photographs of the scene: a run is started, grows in the scene, leaves its grid there.

The run is a job like any other: the job panel pauses and stops it, and it goes on when the scene is closed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from workbench.core import events as ev
from workbench.core.params import values_of
from workbench.core.problem import ProblemRecord
from workbench.core.scenes import CamerasDoc, MeshDoc, Node, PointsDoc, RadianceDoc, RadianceMeta
from workbench.gui.actions import make_action
from workbench.gui.scenes.edits import new_id
from workbench.gui.scenes.scene import extent_of
from workbench.store.asked import is_over
from workbench.store.runfolder import EventTail, RunConfig, RunFolder

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


class Grown(msgspec.Struct, frozen=True):
    """What came of a run since it was last looked at: its grid, or the end of it."""

    grid: RadianceDoc | None = None
    ended: str = ""
    problem: ProblemRecord | None = None


class FieldLearning(QObject):
    """Starts runs on chosen photographs and puts their grids into the scene as they come."""

    recipe_wanted = Signal(str, object, object)
    """A recipe's id, its inputs by slot, and knobs by name."""

    def __init__(self, page: ScenesPage) -> None:
        super().__init__(page)
        self.page, self.scene, self._link = page, page.scene, page.link
        self._tails: dict[str, EventTail] = {}
        self._told: set[str] = set()
        self._looking = False
        self.acts = {
            "start": make_action(page, "scenes.learn-field", self.start),
            "with": make_action(page, "scenes.learn-field-with", self.set_up),
        }
        page.top.add(self.acts["start"])
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
        able = self.node is not None and RECIPE in self.page.recipes
        for act in self.acts.values():
            act.setEnabled(able)
            act.setVisible(able)
        if not self._timer.isActive() and self._growing():
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

    def set_up(self) -> None:
        """Open the recipe with the chosen photographs; nothing is started."""
        source = self._source()
        if source:
            self.recipe_wanted.emit(RECIPE, {SLOT: source}, {})

    def start(self) -> None:
        """Learn a field of the chosen photographs with the recipe's usual values; its node comes at once."""
        node, source = self.node, self._source()
        if node is None or not source:
            return
        recipe = self.page.recipes[RECIPE]
        config = RunConfig(recipe=RECIPE, params=values_of(recipe.preset(PRESET)), inputs={SLOT: source},
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
        if self.page.canvas.plain:
            self.page.note(
                ["Without OpenGL the field is seen once its grid is there; the job panel tells how far it is."]
            )

    # Growing

    def _growing(self) -> list[Node]:
        """Nodes of fields whose grids are not in the scene yet."""
        return [one for one in self.scene.nodes.values()
                if isinstance(one.thing, RadianceDoc) and one.thing.field and not one.thing.grid]  # fmt: skip

    def _look(self) -> None:
        fields = dict.fromkeys(str(getattr(one.thing, "field", "")) for one in self._growing())
        growing = [one for one in fields if one not in self._told]
        if not growing:
            self._timer.stop()
            return
        if self._looking or not self.page.isVisible():
            return
        self._looking = True
        tails = {one: self._tails.setdefault(one, EventTail(RunFolder(Path(one)).events_path)) for one in growing}

        def work() -> dict[str, Grown]:
            return {one: grown(Path(one), tail) for one, tail in tails.items()}

        self._link.background(work, then=self._take, failed=lambda _: self._take({}), owner=self)

    def _take(self, found: dict[str, Grown]) -> None:
        self._looking = False
        for run, one in found.items():
            nodes = [node for node in self._growing() if getattr(node.thing, "field", "") == run]
            if one.grid is not None and nodes:
                # No edit of a person's: undo goes on to take back what was done, and the grid is filled in again.
                self.scene.put([msgspec.structs.replace(node, thing=one.grid) for node in nodes])
                self.page.keeping.autosave.touch()
                self._tails.pop(run, None)
            elif one.ended:
                self._told.add(run)
                self._tails.pop(run, None)
                record = one.problem or ProblemRecord(
                    f"The run was {one.ended} before its field was there.", severity="input",
                    fix="Resume it on its page, or take its node out of the scene.", place=Path(run).name,
                )  # fmt: skip
                self.page.banner.show_problem(record)


def grown(run: Path, tail: EventTail) -> Grown:
    """What a run has told since the last look; runs on any thread."""
    grid, ended, problem = None, "", None
    for one in tail.read():
        if isinstance(one, ev.Artifact) and one.kind == "radiance-grid":
            grid = _grid(run, one) or grid
        elif isinstance(one, ev.Failed):
            ended, problem = "ended by a fault", one.problem
        elif isinstance(one, ev.Cancelled):
            ended = "cancelled"
        elif isinstance(one, ev.Finished):
            ended = "finished"
    return Grown(grid, ended if is_over(run) else "", problem)


def _grid(run: Path, one: ev.Artifact) -> RadianceDoc | None:
    try:
        path = run / one.path
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
        meta = msgspec.convert(one.meta, RadianceMeta)
    except (OSError, ValueError):
        return None
    if len(shape) != 4 or shape[3] != 4 or not math.prod(shape):
        return None
    return RadianceDoc(str(path), (shape[0], shape[1], shape[2]), meta, str(run))
