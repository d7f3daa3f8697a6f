"""Operations on what is chosen in the scene: tried on a sample, carried out in the worker, put in as one edit."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from PySide6.QtCore import QObject

from workbench.core.problem import ProblemRecord, record_of
from workbench.core.sceneprocess import OPERATIONS, SceneProcessed, SceneProcessWish, Standing, operation
from workbench.core.scenes import MeshDoc, Node, PointsDoc
from workbench.core.words import spaced, took
from workbench.gui.actions import make_action
from workbench.gui.asking import Asking
from workbench.gui.closingwork import PageWork
from workbench.gui.scenes import trees
from workbench.gui.scenes.edits import PutEdit, TreeEdit, new_id
from workbench.gui.scenes.looks import COLUMN, NORMALS
from workbench.gui.scenes.processpanel import ProcessPanel
from workbench.gui.scenes.processpart import PartFiles, Parts, can_be_processed, made_of, named
from workbench.gui.scenes.processpreview import ProcessPreview, preview_nodes
from workbench.gui.scenes.scene import matrix_of, placement_of
from workbench.gui.scenes.selecting import Mask
from workbench.gui.undo import Edit

if TYPE_CHECKING:
    from workbench.gui.scenes.page import ScenesPage

SAMPLE = 50_000
"""Points that a preview is made of."""
OF_ANOTHER_COLUMN = ("low", "high", "only", "without")
"""Settings of a look that speak of the column that was coloured by before."""


class Processing(QObject):
    """Ties the panel to the page: what is chosen goes to the worker, what comes back is seen or becomes an edit."""

    def __init__(self, page: ScenesPage) -> None:
        super().__init__(page)
        self.page, self.scene = page, page.scene
        self.panel = ProcessPanel()
        self.panel.hide()
        self.asking = Asking(page.link, self, failed=self._failed)
        self.preview = ProcessPreview(page.canvas, self.scene)
        self.parts = Parts()
        self._edit: Edit | None = None
        doing = {
            "process": self.toggle, "process-preview": self.try_it, "process-apply": self.apply,
            "process-stop": self.stop, "process-before": self.compare,
        }  # fmt: skip
        self.acts = {
            name: make_action(page, f"scenes.{name}", do, checkable=name in ("process", "process-before"))
            for name, do in doing.items()
        }
        page.top.add(self.acts["process"])
        page.add_panel(self.panel)
        for name, button in self.panel.keyed().items():
            button.clicked.connect(lambda _=False, name=name: self.acts[name].trigger())
        self._wire()
        self.follow()

    def _wire(self) -> None:
        page, panel = self.page, self.panel
        panel.which.activated.connect(lambda _: self._another())
        panel.other.activated.connect(lambda _: self.preview.close())
        panel.part.clicked.connect(lambda _=False: self._other_part())
        self.asking.changed.connect(self._tell)
        self.scene.chosen_changed.connect(self._chosen)
        self.scene.rearranged.connect(self._left)
        self.scene.rearranged.connect(self.follow)
        self.scene.changed.connect(lambda _: self.follow())
        self.scene.selected.connect(lambda _: self.follow())
        page.document.changed.connect(self._edited)
        page.working.stop.clicked.connect(lambda _=False: self.stop() if self.panel.isHidden() else None)
        page.beside.crowded_out.connect(self.follow)
        self.preview.closed.connect(self._unseen)
        page.leaving.connect(self.closed)
        page.more_works.append(self.work)

    # What can be done

    @property
    def node(self) -> Node | None:
        """The cloud or mesh that is chosen, else of which something is selected; the last one of several."""
        for name in (*reversed(self.scene.chosen), *reversed(self.scene.selection if not self.scene.chosen else ())):
            node = self.scene.nodes.get(name)
            if can_be_processed(node):
                return node
        return None

    def selected(self, node: Node | None) -> Mask | None:
        """What is selected of a thing, where the operation can keep to that."""
        mask = self.scene.selection.get(node.id) if node is not None else None
        return mask if node is not None and self.panel.operation.takes_part(node.kind) else None

    def toggle(self) -> None:
        """Show the panel or hide it; work that is under way goes on."""
        self.panel.setVisible(self.panel.isHidden() and bool(self.scene.nodes))
        if self.panel.isHidden():
            self.preview.close()
        if self.asking.doing:
            self._tell(self.asking.doing)
        self.follow()
        self.page.changed.emit()

    def follow(self) -> None:
        """Something else is chosen, shown or under way: enable what can be done now."""
        node, panel, busy = self.node, self.panel, bool(self.asking.doing)
        some = bool(self.scene.nodes)
        if not some:
            panel.hide()
            self.preview.close()
        panel.offer(lambda one: node is None or one.takes(node.kind))
        mask = self.selected(node)
        panel.offer_part(mask is not None)
        many = int(np.count_nonzero(self.scene.selection[node.id])) if node and node.id in self.scene.selection else 0
        panel.on.setText(named(node, many, part=mask is not None and panel.part.isChecked(), whole_only=mask is None))
        others = [one for one in self.scene.nodes.values()
                  if isinstance(one.thing, PointsDoc | MeshDoc) and node is not None and one.id != node.id]  # fmt: skip
        panel.show_others([(one.id, one.name) for one in others])
        fits = node is not None and panel.operation.takes(node.kind)
        ready = fits and not busy and (not panel.operation.other or bool(others))
        can = {
            "process": some, "process-preview": ready and panel.operation.previews, "process-apply": ready,
            "process-stop": busy, "process-before": self.preview.showing or self._place_of_edit() is not None,
        }  # fmt: skip
        for name, able in can.items():
            self.acts[name].setEnabled(able)
        self.acts["process"].setVisible(some)
        self.acts["process"].setChecked(not panel.isHidden())
        before = self.preview.before if self.preview.showing else self._place_of_edit() == "undone"
        self.acts["process-before"].setChecked(before)
        for name, button in panel.keyed().items():
            button.setEnabled(can[name])
        panel.before.setChecked(before)
        panel.before.setVisible(can["process-before"])

    def _chosen(self) -> None:
        node, panel = self.node, self.panel
        if node is not None and not panel.operation.takes(node.kind):
            first = next(name for name, one in OPERATIONS.items() if one.reads == node.kind)
            panel.which.setCurrentIndex(panel.which.findData(first))
            self._another()
        else:
            self.follow()

    def _other_part(self) -> None:
        """The selection or the whole."""
        self.preview.close()
        self.follow()

    def _another(self) -> None:
        """Another operation."""
        self.preview.close()
        self.panel.show_operation()
        self.panel.show_result(None)
        self.panel.conclude("")
        self._edit = None
        self.follow()

    # Doing it

    def try_it(self) -> None:
        """Show what comes of it for a sample."""
        self._ask(sample=SAMPLE)

    def apply(self) -> None:
        """Carry it out on all of it."""
        self._ask(sample=0)

    def stop(self) -> None:
        """End the operation."""
        if self.asking.doing:
            self.asking.cancel()
            self.parts.drop()
            self.panel.conclude("Stopped: nothing was changed.")
            self.follow()

    def _left(self) -> None:
        """The scene was closed, and not only emptied by an edit: what comes of it is not for the next one."""
        if not self.scene.nodes and not self.page.document.stack.count():
            self.stop()

    def work(self) -> PageWork:
        """What ends with the window: an operation may take minutes."""
        return PageWork(self.asking.doing, "The scene stays as it is.", self.stop, lambda: bool(self.asking.doing))

    def closed(self) -> None:
        """The page goes."""
        self.asking.cancel()
        self.preview.close()
        self.parts.drop()

    def compare(self) -> None:
        """Show how it was before, or how it is now: in the preview, else by undoing and redoing the edit."""
        if self.preview.showing:
            self.preview.show_before(not self.preview.before)
        elif self._place_of_edit() == "done":
            self.page.document.undo()
        elif self._place_of_edit() == "undone":
            self.page.document.redo()
        self.follow()

    def _ask(self, *, sample: int) -> None:
        node, panel = self.node, self.panel
        if node is None or self.asking.doing:
            return
        self.preview.close()
        self.parts.drop()
        panel.form.clear_problems()
        panel.show_result(None)
        other = self.scene.nodes.get(str(panel.other.currentData())) if panel.operation.other else None
        mask = self.selected(node) if panel.part.isChecked() else None
        try:
            folder = self.page.keeping.folder() if mask is not None or not sample else None
        except OSError as error:
            self._failed(record_of(error))
            return
        wish = SceneProcessWish(panel.operation.name, self._standing(node), panel.form.values(),
                                self._standing(other) if other is not None else None, sample,
                                str(folder) if folder is not None and not sample else "")  # fmt: skip
        if mask is None or folder is None:
            self._send(node, other, wish, None)
        else:
            # A mask of ten million points takes longer to write than a frame.
            self.asking.work("Writing the selection", functools.partial(self.parts.write, folder, mask, node.hidden),
                             lambda files: self._send(node, other, wish, files))  # fmt: skip
        self.follow()

    def _send(self, node: Node, other: Node | None, wish: SceneProcessWish, files: PartFiles | None) -> None:
        title = operation(wish.operation).title
        if files is not None:
            wish = msgspec.structs.replace(wish, on=msgspec.structs.replace(wish.on, selected=files.selected))

        def then(found: SceneProcessed) -> None:
            if wish.sample:
                self._show(node, other, wish, found, files)
            else:
                self.parts.drop()
                self._put(node, wish, found)

        self.asking.ask(f"{title}, preview" if wish.sample else title, "scene-process", SceneProcessed, then,
                        **msgspec.to_builtins(wish))  # fmt: skip

    def _standing(self, node: Node) -> Standing:
        thing: Any = node.thing
        return Standing(thing, placement_of(self.scene.world(node.id)), node.name, node.hidden)

    def _unseen(self) -> None:
        """The preview is closed."""
        if not self.asking.doing:
            self.parts.drop()
        self.follow()

    def _tell(self, doing: str) -> None:
        self.panel.say_far(doing, self.asking.words, self.asking.fraction)
        # Work that goes on behind a hidden panel is told, and can be stopped, on the page's own line.
        self.page.tell("processing", doing if self.panel.isHidden() else "", self.asking.fraction)
        if not doing:
            self.follow()

    def _failed(self, record: ProblemRecord) -> None:
        self.parts.drop()
        self.panel.conclude("")
        left = self.panel.form.show_problems([msgspec.structs.replace(record, others=()), *record.others])
        if left:
            self.page.failed_with(record)
        self.follow()

    # What came of it

    def _show(
        self, node: Node, other: Node | None, wish: SceneProcessWish, found: SceneProcessed, files: PartFiles | None
    ) -> None:  # fmt: skip
        on = msgspec.structs.replace(node, placement=wish.on.world, parent="")
        beside = None
        if other is not None and wish.other is not None:
            beside = msgspec.structs.replace(other, placement=wish.other.world, parent="")
        before, after = preview_nodes(on, beside, found, files.gone if files is not None else "")
        told = f"{spaced(found.seen)} of {spaced(found.of)} points"
        of = ", of those that are selected" if files is not None else ""
        self.preview.show_nodes(before, after, f"Preview of {self.panel.operation.title.lower()} on {told}{of}")
        self.panel.show_result(found, "Preview", self.page.state.unit)
        self.panel.conclude(f"Nothing in the scene was changed ({took(found.seconds)}).")
        self.follow()

    def _put(self, node: Node, wish: SceneProcessWish, found: SceneProcessed) -> None:
        """As one edit: new things beside the old one, which is hidden, or the old one with columns or elsewhere."""
        now, title = self.scene.nodes.get(node.id), self.panel.operation.title
        edit: Edit | None = None
        if found.made:
            made = made_of(title, node, found.seen if wish.on.selected else 0)
            edit = self._added(now or _alone(node, wish), found, title, made)
        elif now is not None and now.thing is node.thing:
            edit = PutEdit(self.scene, [self._changed(now, found)], text=title.lower())
        if edit is None:
            self.panel.conclude("What it was done to has changed meanwhile: nothing was put into the scene.")
            return
        self._edit = None
        self.page.document.push(edit)
        self._edit = edit
        self.panel.show_result(found, title, self.page.state.unit)
        self.panel.conclude(f"{_came(found)} in {took(found.seconds)}. Undo takes it back.")
        self.follow()

    def _added(self, base: Node, found: SceneProcessed, title: str, made: str) -> Edit:
        """A tree with the new things in the place of the old one, which is hidden where they stand for all of it."""
        parent, group = base.parent, []
        if len(found.made) > 1:
            group = [Node(new_id(), f"{base.name} {title.lower()}", parent=parent, made=made)]
            parent = group[0].id
        nodes = [Node(new_id(), one.name, one.thing, parent, placement=base.placement, made=made)
                 for one in found.made]  # fmt: skip
        after = trees.with_added(self.scene, [*group, *nodes])
        hidden = [msgspec.structs.replace(one, shown=False) if one.id == base.id and not found.part else one
                  for one in after]  # fmt: skip
        return TreeEdit(self.scene, hidden, text=title.lower(), choose=[one.id for one in group or nodes])

    def _changed(self, node: Node, found: SceneProcessed) -> Node:
        changes: dict[str, Any] = {}
        if found.thing is not None:
            changes["thing"] = found.thing
        if found.world is not None:
            above = self.scene.world(node.parent) if node.parent else None
            world = matrix_of(found.world)
            changes["placement"] = placement_of(world if above is None else np.linalg.inv(above) @ world)
        elif found.thing is not None:
            changes["look"] = coloured(node, found)
        return msgspec.structs.replace(node, **changes)

    def _edited(self) -> None:
        """Another edit, undo or redo: what a preview shows may be gone."""
        self.preview.close()
        self.follow()

    def _place_of_edit(self) -> str | None:
        """'done' where the operation was the last edit, 'undone' where it is the next to be done again."""
        stack, edit = self.page.document.stack, self._edit
        if edit is None:
            return None
        at = stack.index()
        if at > 0 and stack.command(at - 1) is edit:
            return "done"
        return "undone" if at < stack.count() and stack.command(at) is edit else None


def coloured(node: Node, found: SceneProcessed) -> dict[str, Any]:
    """The look of a cloud that is coloured by what was added to it."""
    kept = {key: value for key, value in node.look.items() if key not in OF_ANOTHER_COLUMN}
    kind = next((one.kind for one in found.thing.columns if one.name == found.column), "") if found.thing else ""
    return kept | {"colour_by": NORMALS if kind == "normal" else f"{COLUMN}{found.column}"}


def _alone(node: Node, wish: SceneProcessWish) -> Node:
    """A node that was removed meanwhile, at the top of the tree where it stood."""
    return msgspec.structs.replace(node, parent="", placement=wish.on.world)


def _came(found: SceneProcessed) -> str:
    parts: Sequence[str] = [
        f"{len(found.made)} new in the scene" if found.made else "",
        f"Coloured by {found.column}" if found.thing is not None and found.world is None else "",
        "Moved" if found.world is not None else "",
    ]  # fmt: skip
    return "; ".join(filter(None, parts)) or "Done"
