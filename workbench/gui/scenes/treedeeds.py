"""What a person does with the tree: names, eyes, groups, copies, order; each an edit that can be undone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject, QPoint
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from workbench.core.scenes import Node
from workbench.gui.actions import make_action
from workbench.gui.scenes import trees
from workbench.gui.scenes.edits import PutEdit, TreeEdit
from workbench.gui.scenes.tree import SceneTree

if TYPE_CHECKING:
    from workbench.gui.scenes.page import ScenesPage

ONE_STEP_S = 1.0
"""Changes of one setting that follow each other as quickly are undone together."""


class TreeDeeds(QObject):
    """Listens to the tree and makes edits of the page's document."""

    def __init__(self, page: ScenesPage, tree: SceneTree) -> None:
        super().__init__(page)
        self.page, self.tree, self.scene = page, tree, page.scene
        doing = {
            "rename": tree.rename, "show": self.toggle, "alone": self.show_alone, "duplicate": self.duplicate,
            "group": self.group, "remove": self.remove,
        }  # fmt: skip
        self.acts: dict[str, QAction] = {
            name: make_action(tree, f"view.scenetree.{name}", do) for name, do in doing.items()
        }
        self._stroke, self._stroke_key, self._stroke_s = 0, "", 0.0
        tree.rows.renamed.connect(self.rename)
        tree.rows.moved.connect(self.move)
        tree.rows.shown.connect(lambda name, shown: self.show([name], shown))
        tree.menu_wanted.connect(self._menu)
        self.scene.chosen_changed.connect(self.follow)
        self.scene.rearranged.connect(self.follow)
        self.follow()

    def follow(self) -> None:
        """What can be done with what is chosen."""
        for name, act in self.acts.items():
            act.setEnabled(bool(self.scene.nodes) if name == "alone" else bool(self.scene.chosen))

    def stroke(self, key: str = "") -> int:
        """A number for edits that are one step: another one each time, but for the same key in quick succession."""
        now_s = time.monotonic()
        if not key or key != self._stroke_key or now_s - self._stroke_s > ONE_STEP_S:
            self._stroke += 1
        self._stroke_key, self._stroke_s = key, now_s
        return self._stroke

    # Deeds

    def put(self, nodes: Iterable[Node], text: str, *, stroke: int = 0) -> None:
        """Replace nodes."""
        some = [one for one in nodes if self.scene.nodes.get(one.id) != one]
        if some:
            self.page.document.push(PutEdit(self.scene, some, text=text, stroke=stroke))

    def add(self, nodes: Sequence[Node], text: str, *, instead_of: Sequence[str] = ()) -> None:
        """New nodes at the end of the tree, or below their parents; they are chosen. Others may go in the same step."""
        gone = {one.id for one in trees.with_below(self.scene, [one for one in instead_of if one in self.scene.nodes])}
        after = [one for one in trees.with_added(self.scene, nodes) if one.id not in gone]
        names = {one.id for one in nodes}
        first = [one.id for one in nodes if one.parent not in names]
        self.page.document.push(TreeEdit(self.scene, after, text=text, choose=first))

    def rename(self, name: str, wanted: str) -> None:
        """Another name."""
        self.put([msgspec.structs.replace(self.scene.nodes[name], name=wanted)], "rename")

    def move(self, names: Sequence[str], parent: str, at: int) -> None:
        """Below another parent, where they seem to stand."""
        after = trees.moved(self.scene, names, parent, at)
        if after is not None and after != list(self.scene.nodes.values()):
            self.page.document.push(TreeEdit(self.scene, after, text="regroup", choose=names))

    def show(self, names: Iterable[str], shown: bool) -> None:
        """Show or hide."""
        nodes = [self.scene.nodes[one] for one in names]
        self.put((msgspec.structs.replace(one, shown=shown) for one in nodes), "show" if shown else "hide")

    def toggle(self) -> None:
        """Hide what is chosen, or show it where some of it is hidden."""
        chosen = self.scene.chosen
        self.show(chosen, not all(self.scene.nodes[one].shown for one in chosen))

    def show_alone(self) -> None:
        """Hide all that is neither chosen nor above nor below what is; where that is so already, show everything."""
        kept: set[str] = set()
        for name in self.scene.chosen:
            kept |= {one.id for one in self.scene.below(name)}
            node = self.scene.nodes[name]
            while node.parent:
                kept.add(node.parent)
                node = self.scene.nodes[node.parent]
        every = self.scene.nodes.values()
        alone = bool(kept) and any(one.shown != (one.id in kept) for one in every)
        wanted = (msgspec.structs.replace(one, shown=not alone or one.id in kept) for one in every)
        self.put(wanted, "show alone" if alone else "show all")

    def duplicate(self) -> None:
        """Copies beside what is chosen."""
        after, made = trees.copies(self.scene, self.scene.chosen)
        if made:
            self.page.document.push(TreeEdit(self.scene, after, text="duplicate", choose=made))

    def group(self) -> None:
        """What is chosen in a group of its own."""
        found = trees.grouped(self.scene, self.scene.chosen, "group")
        if found is not None:
            self.page.document.push(TreeEdit(self.scene, found[0], text="group", choose=[found[1]]))
            self.tree.rename()

    def ungroup(self) -> None:
        """What stands in the chosen group takes its place."""
        name = self.scene.chosen[0]
        inner = [one.id for one in self.scene.standing_in(name)]
        after = trees.ungrouped(self.scene, name)
        self.page.document.push(TreeEdit(self.scene, after, text="ungroup", choose=inner))

    def remove(self) -> None:
        """Out of the scene."""
        if self.scene.chosen:
            after = trees.without(self.scene, self.scene.chosen)
            self.page.document.push(TreeEdit(self.scene, after, text="remove"))

    def _menu(self, at: QPoint) -> None:
        menu = QMenu(self.tree)
        for name in ("rename", "show", "alone"):
            menu.addAction(self.acts[name])
        menu.addSeparator()
        for name in ("duplicate", "group"):
            menu.addAction(self.acts[name])
        if [self.scene.nodes[one].kind for one in self.scene.chosen] == ["group"]:
            menu.addAction("Ungroup", self.ungroup)
        menu.addSeparator()
        for act in self.page.chosen_acts():
            menu.addAction(act)
        menu.addAction(self.acts["remove"])
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)
