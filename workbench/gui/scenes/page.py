"""The 3D page: things in space in one tree, seen together, edited with one undo stack, kept in a project.

Others add to it: `page.scene` is what is seen, `page.document` takes edits (gui/scenes/edits.py; `page.trees.add` puts
new nodes in, `page.trees.put` replaces some), `page.add_panel(widget)` puts a panel at the right, `page.top` has
room for buttons.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCursor
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from workbench.core.posing import remedy_of
from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.scenefiles import SAMPLES
from workbench.core.scenes import AS_THEY_ARE, NOWHERE, CamerasDoc, Node, PoseReading, SceneRead
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.banner import Remedy
from workbench.gui.beside import Beside
from workbench.gui.card import Caption
from workbench.gui.closingwork import PageWork
from workbench.gui.filespage import TITLE_PX, FilesPage
from workbench.gui.link import Link
from workbench.gui.scenes.canvas import SceneCanvas
from workbench.gui.scenes.cropping import Cropping
from workbench.gui.scenes.cutpanel import CutPanel
from workbench.gui.scenes.exporting import Exporting
from workbench.gui.scenes.fieldlearning import seen_from_fields
from workbench.gui.scenes.filming import Filming
from workbench.gui.scenes.finely import Finely
from workbench.gui.scenes.keeping import Keeping
from workbench.gui.scenes.livefields import LiveFields
from workbench.gui.scenes.opening import Opening
from workbench.gui.scenes.projects import SUFFIX
from workbench.gui.scenes.properties import PropertiesPanel
from workbench.gui.scenes.scene import Scene
from workbench.gui.scenes.start import start_place
from workbench.gui.scenes.state import UNITS, State, nodes_of, sampled_words
from workbench.gui.scenes.toolbox import ToolBox
from workbench.gui.scenes.tree import SceneTree
from workbench.gui.scenes.treedeeds import TreeDeeds
from workbench.gui.theme import theme
from workbench.gui.topline import TabChooser
from workbench.gui.undo import Document
from workbench.gui.working import WorkingLine

TREE_PX = 252
LEAST_PX = 520
"""The tree and the canvas together get no narrower for a panel."""
GOOD_PX = 860
"""Where they would, panels stand one above the other."""
SUFFIXES = (
    ".ply", ".pcd", ".xyz", ".csv", ".txt", ".pts", ".las", ".laz", ".obj", ".stl", ".glb", ".gltf", ".off", ".nii",
    ".nii.gz", ".nrrd", ".nhdr", ".mha", ".npz", ".json", ".scene",
)  # fmt: skip
FILTER = f"3D files ({' '.join(f'*{one}' for one in SUFFIXES)})"


PHOTOGRAPHS = {
    "room": "A room, photographed all around: posed photographs",
    "object": "An object, photographed all around: posed photographs",
}


class ScenesPage(FilesPage):
    """The tree stands at the left, the scene in the middle, panels at the right."""

    leaving = Signal()
    """The page goes: whoever works for it lets go."""

    def __init__(self, link: Link, chooser: TabChooser) -> None:
        super().__init__(link, chooser, "Scene")
        self.recipes: Mapping[str, Recipe] = {}
        self.scene = Scene(self)
        self.state = State(self.scene)
        self.document = Document(self)
        self.opening = Opening(link, self)
        self.start = start_place(
            files=self.ask_files, folder=self.ask_folder, sample=self.open_sample, others=self.offer_samples
        )
        self.tree = SceneTree(self.scene)
        self.canvas = SceneCanvas(self.scene)
        self.asking = Asking(link, self, failed=self.failed_with)
        self.working = WorkingLine(self._stop)
        self._doing: dict[str, tuple[str, float]] = {}
        self._otherwise: dict[str, Sequence[str]] = {}
        """Nodes whose place is taken by what is read anew, by path."""
        self.keeping = Keeping(self)
        self.cropping = Cropping(self, self.keeping.folder)
        self.trees = TreeDeeds(self, self.tree)
        self.exporting = Exporting(self)
        self.filming = Filming(self)
        self.fields = LiveFields(link, self.scene, self.canvas, self)
        self.finely = Finely(link, self.canvas, self, failed=self.failed_with)
        self.more_acts: list[QAction] = []
        """What others offer for what is chosen; shown where it can be done."""
        self.more_works: list[Callable[[], PageWork]] = []
        """What others do for it, which ends with the window as well."""
        self._make_actions()
        self.toolbox = ToolBox(self)
        self.told = Caption(role="small")
        self.kept = Caption(role="small")
        self.place(self._parts())
        self.side = QWidget()
        panels = QHBoxLayout(self.side)
        panels.setContentsMargins(0, 0, 0, 0)
        across = QHBoxLayout()
        for row in (panels, across):
            row.setSpacing(theme().pixels(12))
        across.addWidget(self.places, 1)
        across.addWidget(self.side)
        self.column.addLayout(across, 1)
        self.column.addLayout(self._footer())
        self.beside = Beside(self, panels, LEAST_PX, self.places, good_px=GOOD_PX)
        self.properties, self.cutting = PropertiesPanel(self), CutPanel(self)
        for panel in (self.cutting, self.properties):
            self.add_panel(panel)
        self._wire()
        self.start.show_recent([])
        self.follow()

    def add_panel(self, panel: QWidget) -> None:
        """A panel at the right of the scene, at the right of those that are there already."""
        self.beside.add(panel)

    def chosen_acts(self) -> list[QAction]:
        """What a menu offers for what is chosen."""
        more = [one for one in self.more_acts if one.isEnabled()]
        return [*more, self.toolbox.acts["frame"], self.acts["export"]]

    @property
    def viewing(self) -> bool:
        return bool(self.scene.nodes)

    @property
    def occupied(self) -> bool:
        """Whether something stands in the scene."""
        return self.viewing

    def shows(self, run: str) -> bool:
        """Whether a run's field stands in the scene."""
        return any(Path(getattr(one.thing, "field", "")).name == run for one in self.scene.nodes.values())

    def works(self) -> list[PageWork]:
        """What would end with the window."""
        asking, filming = self.exporting.asking, self.filming
        lost = "The file is not written."
        writing = PageWork(asking.doing, lost, asking.cancel, lambda: bool(asking.doing))
        film = PageWork(filming.doing, lost, filming.stop, lambda: bool(filming.doing))
        return [one for one in (writing, film, *(more() for more in self.more_works)) if one.doing]

    # What is remembered

    def values(self) -> dict[str, Any]:
        """The files of late, by path, and whether the properties are seen."""
        return {"recent": self.recent, "properties": not self.properties.isHidden()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered; anything else is passed by."""
        self.take_recent(values)
        self.properties.setVisible(values.get("properties") is not False)
        self.follow()

    def opened(self) -> None:
        self.keeping.seek()
        self.properties.prepare()

    def closed(self) -> None:
        """Let go of what is read, and leave the scene to the next window."""
        self._stop()
        self.leaving.emit()
        self.fields.leave()
        self.finely.leave()
        self.keeping.leave()

    # Reading

    def open_paths(self, paths: Sequence[str]) -> None:
        """Read files and folders into the scene, beside what is there; a project takes its place."""
        self.banner.dismiss()
        self.wish = paths[0]
        projects = [one for one in paths if one.lower().endswith(SUFFIX)]
        if projects:
            self.keeping.open(projects[0])
        else:
            self.opening.open(paths)

    def open_listed(self, path: str) -> None:
        self.open_paths([path])

    def ask_files(self) -> None:
        """Choose files to read."""
        self.ask("Read into the scene", QFileDialog.FileMode.ExistingFiles, self.open_paths, FILTER)

    def ask_folder(self) -> None:
        """Choose a folder to read."""
        self.ask("Read a folder into the scene", QFileDialog.FileMode.Directory, self.open_paths)

    def open_sample(self, name: str = "") -> None:
        """Read a sample by its name beside what is there; those that stand in one scene for none."""
        self.banner.dismiss()
        self.wish = ""
        if name in PHOTOGRAPHS:
            self.opening.open_photographs(name)
        else:
            self.opening.open_sample(name)

    def offer_samples(self) -> None:
        """A menu of everything that is made on demand; what is chosen is read beside what is there."""
        menu = QMenu(self)
        for name, words in SAMPLES.items():
            menu.addAction(words, functools.partial(self.open_sample, name))
        for scene, told in PHOTOGRAPHS.items():
            menu.addAction(told, functools.partial(self.open_sample, scene))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(QCursor.pos())

    def close_scene(self) -> None:
        """Back to the start; what is in no project file is asked about."""
        self.keeping.ask_before("Close the scene?", self._close)

    def _close(self) -> None:
        self._stop()
        self.banner.dismiss()
        self.toolbox.use("")
        self.document.clear()
        self.state.clear()
        self.keeping.drop()
        self.follow()

    def _read(self, path: str, found: SceneRead) -> None:
        if not self.scene.nodes:
            self.state.origin = NOWHERE
            self.state.set_unit(found.unit or UNITS[0])
        nodes, self.state.origin, told = nodes_of(found, self.state, path)
        nodes = seen_from_fields(nodes)
        before = self._otherwise.pop(path, ())
        self.trees.add(nodes, f"read {Path(path).name}", instead_of=before)
        said = [*told, *sampled_words(nodes), *(f"In {Path(path).name}: {one}" for one in found.notes)]
        if said and self.banner.record is None:  # a file that failed stays told of
            self.note(said, *self._remedies(path, nodes))
        self.remember(path)
        self.follow()

    def _failed(self, path: str, record: ProblemRecord) -> None:
        self.wish = path
        self.failed_with(record)
        remedy = remedy_of(record.what)
        if remedy is not None:
            reading = remedy.after(AS_THEY_ARE)
            self.banner.show_problem(record, (remedy.button, lambda: self._read_otherwise(path, reading)))

    def _remedies(self, path: str, nodes: Sequence[Node]) -> list[Remedy]:
        """What helps where photographs that were read stand oddly: they are read otherwise, in their own place."""
        found: dict[str, Callable[[], None]] = {}
        for one in nodes:
            if not isinstance(one.thing, CamerasDoc):
                continue
            for remedy in filter(None, map(remedy_of, one.thing.notes)):
                reading = remedy.after(one.thing.reading)
                if reading != one.thing.reading:
                    found[remedy.button] = functools.partial(
                        self._read_otherwise, path, reading, tuple(node.id for node in nodes)
                    )
        return list(found.items())

    def _read_otherwise(self, path: str, reading: PoseReading, instead_of: Sequence[str] = ()) -> None:
        self.banner.dismiss()
        self._otherwise[path] = instead_of
        self.opening.open_as(path, reading)

    # Building

    def _parts(self) -> QWidget:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.tree, 1)
        self.below_tree = column
        """For what others tell of things in the tree."""
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().pixels(6))
        column.addWidget(self.toolbox.row)
        column.addWidget(self.canvas, 1)
        parts = QSplitter(Qt.Orientation.Horizontal)
        for part in (left, right):
            parts.addWidget(part)
        parts.setStretchFactor(1, 1)
        parts.setSizes([theme().pixels(TREE_PX), theme().pixels(1000)])
        parts.setCollapsible(1, False)  # the tree may be pushed aside
        return parts

    def _footer(self) -> QHBoxLayout:
        """A line that is always as high, so that the canvas keeps its size while something is under way."""
        line = QHBoxLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.addStrut(self.working.sizeHint().height())
        line.addWidget(self.working, 3)
        line.addWidget(self.told, 3)
        line.addWidget(self.kept, 2)
        self.kept.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return line

    def _make_actions(self) -> None:
        doing = {
            "file": self.ask_files, "folder": self.ask_folder, "sample": self.open_sample,
            "samples": self.offer_samples,
            "close": self.close_scene, "export": self.exporting.ask, "open": self.keeping.ask_open,
            "save": self.keeping.save, "save-as": self.keeping.save_as,
        }  # fmt: skip
        self.acts = {name: make_action(self, f"scenes.{name}", do) for name, do in doing.items()}
        show = {"scenes.properties": lambda: self._toggle(self.properties)}
        self.acts |= {"properties": make_action(self, "scenes.properties", show["scenes.properties"], checkable=True)}
        self.acts |= {
            "clip": make_action(self.canvas, "view.scene.clip", lambda: self._toggle(self.cutting), checkable=True)
        }
        undo, redo = self.document.actions(self, ("view.scene.undo", "view.scene.redo"))
        self.acts |= {"undo": undo, "redo": redo}
        for name in ("folder", "save", "export", "properties"):
            self.top.add(self.acts[name])
        for name in ("samples", "open", "save-as", "close"):
            self.top.add_rare(self.acts[name])
        self.top.add(self.acts["file"], primary=True)

    def _wire(self) -> None:
        self.opening.read.connect(self._read)
        self.opening.failed.connect(self._failed)
        self.opening.progress.connect(lambda doing, share: self.tell("opening", doing, share))
        self.asking.changed.connect(lambda doing: self.tell("asking", doing, self.asking.fraction))
        self.canvas.troubled.connect(self.failed_with)
        self.toolbox.told.connect(self._say)
        self.keeping.told.connect(lambda words: self.kept.set_whole(words if self.scene.nodes else ""))
        self.scene.rearranged.connect(self.follow)
        self.scene.selected.connect(lambda _: self._say(""))
        self.beside.crowded_out.connect(self.follow)
        self.state.changed.connect(lambda: self.tree.rows.set_unit(self.state.unit))
        self.tree.rows.set_unit(self.state.unit)

    def _say(self, words: str) -> None:
        """Below the canvas: what the tool waits for or what was clicked, and what is selected."""
        said = words or self.toolbox.hint()
        self.told.set_whole("" if not self.scene.nodes else "   ·   ".join(filter(None, (self.cropping.words(), said))))

    def tell(self, who: str, doing: str, share: float = -1.0) -> None:
        """What is under way, by who does it; nothing for no words."""
        self._doing[who] = (doing, share)
        under_way = [one for one in self._doing.values() if one[0]]
        self.working.tell([one[0] for one in under_way], under_way[0][1] if len(under_way) == 1 else -1.0)

    def _stop(self) -> None:
        for one in (self.opening, self.asking, self.exporting.asking):
            one.cancel()
        self.filming.stop()

    def _toggle(self, panel: QWidget) -> None:
        panel.setVisible(panel.isHidden())
        self.follow()
        self.changed.emit()

    def follow(self) -> None:
        some = bool(self.scene.nodes)
        self.places.setCurrentWidget(self.looking if some else self.start)
        if some and self.side.isHidden():  # not in one turn with the picture: both together are felt
            QTimer.singleShot(0, self.side, lambda: self.side.setVisible(bool(self.scene.nodes)))
        elif not some:
            self.side.hide()
        # A stack is as wide as the widest of its places, seen or not.
        policy = QSizePolicy.Policy.Ignored if some else QSizePolicy.Policy.Preferred
        self.start.setSizePolicy(policy, policy)
        for name in ("close", "export", "save", "save-as", "properties"):
            self.acts[name].setEnabled(some)
            self.acts[name].setVisible(some)
        for name, panel in (("properties", self.properties), ("clip", self.cutting)):
            self.acts[name].setChecked(not panel.isHidden())
        self.toolbox.show_planes(not self.cutting.isHidden())
        self.top.tell(Path(self.state.path).stem if some and self.state.path else "", least_px=TITLE_PX)
        self.kept.set_whole(self.keeping.words() if some else "")
