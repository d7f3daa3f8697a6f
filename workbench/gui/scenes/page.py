"""The 3D page: things in space in one tree, seen together, edited with one undo stack, kept in a project.

Others add to it: `page.scene` is what is seen, `page.document` takes edits (gui/scenes/edits.py; `page.trees.add` puts
new nodes in, `page.trees.put` replaces some), `page.add_panel(widget)` puts a panel at the right, `page.top` has
room for buttons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from workbench.core.problem import ProblemRecord
from workbench.core.recipe import Recipe
from workbench.core.scenes import SceneRead
from workbench.gui.actions import make_action
from workbench.gui.filespage import FilesPage
from workbench.gui.films.beside import Beside
from workbench.gui.link import Link
from workbench.gui.scenes.opening import Opening
from workbench.gui.scenes.scene import Scene
from workbench.gui.scenes.start import start_place
from workbench.gui.scenes.state import State, nodes_of, sampled_words
from workbench.gui.scenes.tree import SceneTree
from workbench.gui.scenes.treedeeds import TreeDeeds
from workbench.gui.theme import theme
from workbench.gui.topline import TabChooser
from workbench.gui.undo import Document
from workbench.gui.working import WorkingLine

TREE_PX = 260
SUFFIXES = (
    ".ply", ".pcd", ".xyz", ".csv", ".txt", ".pts", ".las", ".laz", ".obj", ".stl", ".glb", ".gltf", ".off", ".nii",
    ".nii.gz", ".nrrd", ".nhdr", ".mha", ".npz", ".json", ".scene",
)  # fmt: skip
FILTER = f"3D files ({' '.join(f'*{one}' for one in SUFFIXES)})"


class ScenesPage(FilesPage):
    """The tree stands at the left, the scene in the middle, panels at the right."""

    def __init__(self, link: Link, chooser: TabChooser) -> None:
        super().__init__(link, chooser, "Scene")
        self.recipes: Mapping[str, Recipe] = {}
        self.scene = Scene(self)
        self.state = State(self.scene)
        self.document = Document(self)
        self.opening = Opening(link, self)
        self.start = start_place(files=self.ask_files, folder=self.ask_folder, sample=self.opening.open_sample)
        self.tree = SceneTree(self.scene)
        self.canvas = QWidget()
        self.place(self._parts())
        self.working = WorkingLine(self.opening.cancel)
        self.column.addWidget(self.working)
        self._beside = QHBoxLayout()
        self._beside.setSpacing(theme().pixels(12))
        self._beside.addWidget(self.places, 1)
        self.column.addLayout(self._beside, 1)
        self.beside = Beside(self, self._beside)
        self.trees = TreeDeeds(self, self.tree)
        self._make_actions()
        self._wire()
        self.start.show_recent([])
        self.follow()

    def add_panel(self, panel: QWidget) -> None:
        """A panel at the right of the scene, at the right of those that are there already."""
        self.beside.add(panel)

    def chosen_acts(self) -> list[QAction]:
        """What a menu offers for what is chosen."""
        return [self.acts["export"]]

    @property
    def viewing(self) -> bool:
        return bool(self.scene.nodes)

    # What is remembered

    def values(self) -> dict[str, Any]:
        """The files of late, by path."""
        return {"recent": self.recent}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Back to what was remembered; anything else is passed by."""
        self.take_recent(values)

    def closed(self) -> None:
        """Let go of what is read."""
        self.opening.cancel()

    # Reading

    def open_paths(self, paths: Sequence[str]) -> None:
        """Read files and folders into the scene, beside what is there."""
        self.banner.dismiss()
        self.wish = paths[0]
        self.opening.open(paths)

    def open_listed(self, path: str) -> None:
        self.open_paths([path])

    def ask_files(self) -> None:
        """Choose files to read."""
        self.ask("Read into the scene", QFileDialog.FileMode.ExistingFiles, self.open_paths, FILTER)

    def ask_folder(self) -> None:
        """Choose a folder to read."""
        self.ask("Read a folder into the scene", QFileDialog.FileMode.Directory, self.open_paths)

    def close_scene(self) -> None:
        """Back to the start."""
        self.opening.cancel()
        self.banner.dismiss()
        self.document.clear()
        self.state.clear()
        self.follow()

    def _read(self, path: str, found: SceneRead) -> None:
        first = not self.scene.nodes
        nodes, origin, told = nodes_of(found, self.state, path)
        self.state.origin = origin
        if found.unit and first:
            self.state.set_unit(found.unit)
        self.trees.add(nodes, f"read {Path(path).name}")
        self.note([*told, *sampled_words(nodes), *found.notes])
        self.remember(path)
        self.follow()

    def _failed(self, path: str, record: ProblemRecord) -> None:
        self.wish = path
        self.failed_with(record)

    # Building

    def _parts(self) -> QWidget:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.tree, 1)
        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.addWidget(left)
        parts.addWidget(self.canvas)
        parts.setStretchFactor(1, 1)
        parts.setSizes([theme().pixels(TREE_PX), theme().pixels(1000)])
        return parts

    def _make_actions(self) -> None:
        doing = {
            "file": self.ask_files, "folder": self.ask_folder, "sample": self.opening.open_sample,
            "close": self.close_scene, "export": lambda: None,
        }  # fmt: skip
        self.acts = {name: make_action(self, f"scenes.{name}", do) for name, do in doing.items()}
        undo, redo = self.document.actions(self, ("view.scene.undo", "view.scene.redo"))
        self.acts |= {"undo": undo, "redo": redo}
        for name in ("folder", "export"):
            self.top.add(self.acts[name])
        self.top.add_rare(self.acts["close"])
        self.top.add(self.acts["file"], primary=True)

    def _wire(self) -> None:
        self.opening.read.connect(self._read)
        self.opening.failed.connect(self._failed)
        self.opening.progress.connect(lambda doing, share: self.working.tell([doing], share))
        self.scene.rearranged.connect(self.follow)

    def follow(self) -> None:
        some = bool(self.scene.nodes)
        self.places.setCurrentWidget(self.looking if some else self.start)
        for name in ("close", "export"):
            self.acts[name].setEnabled(some)
            self.acts[name].setVisible(some)
