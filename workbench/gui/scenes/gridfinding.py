"""Boxes and labels of a radiance grid of the scene, found by a trained NeRF-MAE model; undo takes them out again."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from PySide6.QtCore import QObject
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QFileDialog, QMenu

from workbench.core.gridreading import GridReading
from workbench.core.modelcards import CARD, read_object, what_is_in
from workbench.core.problem import InputError, ProblemRecord
from workbench.core.scenefiles import SceneWriteWish, SceneWritten, WriteThing
from workbench.core.scenes import Column, Node, PointsDoc, RadianceDoc
from workbench.core.volumes import Triple
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.closingwork import PageWork
from workbench.gui.filespage import ask_paths
from workbench.gui.scenes.edits import new_id
from workbench.gui.scenes.subsets import present_in, save
from workbench.store.home import Home
from workbench.store.modelfolders import first_model, model_folders

if TYPE_CHECKING:
    from workbench.gui.scenes.page import ScenesPage

RECIPE = "nerf-mae"
FINDS = frozenset(("labels", "boxes"))
EXPECTED = "the run, or the model folder, of NeRF-MAE with the task 'labels', 'boxes' or both"


class Finder(msgspec.Struct, frozen=True):
    """A model that finds something in radiance grids."""

    path: str
    title: str


def finder_of(folder: Path) -> Finder | None:
    """What finds boxes or labels in a folder, by its card; None where nothing does."""
    card = read_object(folder / CARD)
    config, tasks = card.get("config"), card.get("tasks")
    if not isinstance(config, dict) or config.get("recipe") != RECIPE or not isinstance(tasks, list):
        return None
    able = sorted(FINDS & {one for one in tasks if isinstance(one, str)})
    run = folder.parent.name if folder.name == "model" else folder.name
    return Finder(str(folder), f"{' and '.join(able).capitalize()}  ·  {run}") if able else None


def finders(home: Home) -> list[Finder]:
    """Every model that finds something in grids: those of runs from the newest on, then other folders."""
    return [one for folder in model_folders(home, home.models / RECIPE) if (one := finder_of(folder)) is not None]


class GridFinding(QObject):
    """Asks which model, lets the worker find, puts boxes and named points beside the grid."""

    def __init__(self, page: ScenesPage) -> None:
        super().__init__(page)
        self.page, self.scene, self._link = page, page.scene, page.link
        self.asking = Asking(page.link, self, failed=page.failed_with)
        self.asking.changed.connect(lambda doing: page.tell("finding", doing, self.asking.fraction))
        self.act = make_action(page, "scenes.find-boxes", self.ask)
        page.top.add(self.act)
        page.more_acts.append(self.act)
        page.working.stop.clicked.connect(lambda _=False: self.asking.cancel())
        page.leaving.connect(self.asking.cancel)
        page.more_works.append(self.work)
        for signal in (self.scene.chosen_changed, self.scene.rearranged, self.scene.changed):
            signal.connect(self.follow)
        self.follow()

    @property
    def node(self) -> Node | None:
        """The radiance grid that is chosen; the last of several."""
        for name in reversed(self.scene.chosen):
            node = self.scene.nodes.get(name)
            if node is not None and isinstance(node.thing, RadianceDoc) and node.thing.grid:
                return node
        return None

    def follow(self, *_: object) -> None:
        """Something else is chosen, or there are other nodes."""
        able = self.node is not None and RECIPE in self.page.recipes
        self.act.setEnabled(able)
        self.act.setVisible(able)

    def work(self) -> PageWork:
        """What ends with the window."""
        asking = self.asking
        return PageWork(asking.doing, "Nothing is put into the scene.", asking.cancel, lambda: bool(asking.doing))

    # Which model

    def ask(self) -> None:
        """Offer the models that are kept."""
        home = self._link.home
        self.asking.work("Looking for models", lambda: finders(home), self._offer)

    def _offer(self, found: Sequence[Finder]) -> None:
        menu = QMenu(self.page)
        menu.setToolTipsVisible(True)
        for one in found:
            menu.addAction(one.title, functools.partial(self.find, one.path)).setToolTip(one.path)
        if not found:
            menu.addAction("No trained NeRF-MAE model is kept yet").setEnabled(False)
        menu.addSeparator()
        menu.addAction("Choose a model's folder…", self._ask_folder)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(QCursor.pos())

    def _ask_folder(self) -> None:
        ask_paths(self.page, "Choose a trained NeRF-MAE model", QFileDialog.FileMode.Directory,
                  lambda paths: self.find(paths[0]))  # fmt: skip

    # Finding

    def find(self, folder: str) -> None:
        """Find boxes and labels in the chosen grid with a model."""
        node = self.node
        if node is None:
            return
        self.page.banner.dismiss()

        def work() -> tuple[str, Path]:
            model = first_model([Path(folder)], finder_of)
            if model is None:
                raise InputError("This model finds neither boxes nor labels in radiance grids.", expected=EXPECTED,
                                 received=what_is_in(Path(folder)), fix="Choose another model.",
                                 place=folder)  # fmt: skip
            return model.path, self.page.keeping.folder() / f"grid-{uuid.uuid4().hex[:8]}.npz"

        self.asking.work("Reading the model's description", work, lambda found: self._write(node, *found))

    def _write(self, node: Node, model: str, out: Path) -> None:
        """The grid as a file that the model reads, in its own coordinates."""
        assert isinstance(node.thing, RadianceDoc)
        wish = SceneWriteWish((WriteThing(node.thing, node.name),), str(out), replace=True)
        arguments = {name: getattr(wish, name) for name in wish.__struct_fields__}
        self.asking.ask("Writing the grid", "scene-write", SceneWritten, lambda _: self._apply(node, model, out),
                        **arguments)  # fmt: skip

    def _apply(self, node: Node, model: str, out: Path) -> None:
        inputs = {"grid": str(out), "fit": True}
        self.asking.apply("Finding boxes and labels", (RECIPE, model), GridReading,
                          lambda found: self._labelled(node, out, found), inputs=inputs)  # fmt: skip

    def _labelled(self, node: Node, out: Path, found: GridReading) -> None:
        folder = self.page.keeping.folder

        def work() -> PointsDoc | None:
            out.unlink(missing_ok=True)
            return named_points(found, folder()) if found.labels else None

        self.asking.work("Naming voxels", work, lambda points: self._put(node, found, points))

    def _put(self, node: Node, found: GridReading, points: PointsDoc | None) -> None:
        """As one edit: the boxes, and the named voxels as points, where the grid stands."""
        now = self.scene.nodes.get(node.id)
        if now is None:
            self.page.note([f"{node.name} is no longer in the scene: nothing was put beside it."])
            return
        made = f"found in {now.name}"
        nodes = []
        if found.boxes.boxes:
            nodes.append(Node(new_id(), f"boxes in {now.name}", found.boxes, now.parent, placement=now.placement,
                              made=made))  # fmt: skip
        if points is not None:
            nodes.append(Node(new_id(), f"labels of {now.name}", points, now.parent, placement=now.placement,
                              made=made, look={"colour_by": "column:class"}))  # fmt: skip
        if not nodes:
            self.page.failed_with(ProblemRecord(
                "Nothing was found in this grid.", expected="boxes with a score worth showing, or voxels with a class",
                received="none", fix="Try another model, or one that was trained for longer.", severity="input",
            ))  # fmt: skip
            return
        self.page.trees.add(nodes, "find boxes and labels")
        self.page.note([f"{len(found.boxes.boxes)} boxes were found. Undo takes them out again.", *found.notes])


def named_points(found: GridReading, folder: Path) -> PointsDoc | None:
    """The voxels that have a class, (N, 3) at their middles in the grid's frame; None for none. Runs on any thread.

    They lie in an order of which every beginning is an even sample. Raises OSError and ValueError.
    """
    labels = np.load(found.labels, allow_pickle=False)
    places = np.argwhere(labels > 0)
    if not len(places):
        return None
    places = places[np.random.default_rng(0).permutation(len(places))]
    low, high = np.array(found.meta.low), np.array(found.meta.high)
    positions = (low + (high - low) * (places + 0.5) / labels.shape).astype(np.float32)
    classes = np.ascontiguousarray(labels[tuple(places.T)])
    names = {str(at): name for at, name in enumerate(found.names) if at}
    column = Column("class", "class", save(folder, classes), float(classes.min()), float(classes.max()), names=names,
                    present=present_in(classes))  # fmt: skip
    return PointsDoc(save(folder, positions), len(positions), _triple(positions.min(0)), _triple(positions.max(0)),
                     columns=(column,))  # fmt: skip


def _triple(values: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Triple:
    return float(values[0]), float(values[1]), float(values[2])
