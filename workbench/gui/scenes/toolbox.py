"""Everything that is done on the canvas: its tools, its views, what is selected, measured, cut and drawn there."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QSize, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QInputDialog, QMenu

from workbench.core.scenes import Box, BoxesDoc, CamerasDoc, MeasureDoc, Node, PointsDoc
from workbench.gui.actions import make_action
from workbench.gui.savedialog import ask_where, write_png
from workbench.gui.scenes import measurelist, placing, trees
from workbench.gui.scenes.boxing import BoxTool
from workbench.gui.scenes.edits import SwapEdit, TreeEdit, new_id
from workbench.gui.scenes.gizmo import TransformTool
from workbench.gui.scenes.measuring import MeasureTool
from workbench.gui.scenes.planetool import PlaneTool
from workbench.gui.scenes.scene import matrix_of, placement_of
from workbench.gui.scenes.selecting import How, Mask
from workbench.gui.scenes.tools import BrushTool, LassoTool, RectangleTool, RegionTool, Tool
from workbench.gui.scenes.valuedialog import ValueDialog
from workbench.gui.volumes.toolrow import ToolRow

if TYPE_CHECKING:
    from workbench.gui.scenes.page import ScenesPage

PICTURE_FACTOR = 2
"""A saved picture has so many times the pixels of the canvas along each side."""
LABEL = "object"


class ToolBox(QObject):
    """`told` carries a line about what to do now, or what was done."""

    told = Signal(str)
    tool_changed = Signal(str)
    """The name of the tool that has the mouse; empty while it navigates."""

    def __init__(self, page: ScenesPage) -> None:
        super().__init__(page)
        self.page, self.scene, self.canvas = page, page.scene, page.canvas
        self.now = ""
        self._stroke = 0
        self._dragged: dict[str, Node] = {}
        self._camera = ("", 0)
        self._held_box: tuple[Node, int] | None = None
        takes = page.cropping.takes
        self.brush = BrushTool(self.canvas, takes)
        transform = TransformTool(self.canvas, self.canvas.gaze, self._middle, lambda: self._box() is not None)
        box = BoxTool(self.canvas, self.canvas.gaze, self._floor, self._reach)
        self.tools: dict[str, Tool] = {
            "transform": transform, "box": RectangleTool(self.canvas, takes), "lasso": LassoTool(self.canvas, takes),
            "brush": self.brush, "distance": MeasureTool(self.canvas, self.canvas.gaze, 2),
            "angle": MeasureTool(self.canvas, self.canvas.gaze, 3), "new-box": box,
        }  # fmt: skip
        self.planes = PlaneTool(self.canvas, self.scene, self.canvas.gaze)
        self.planes.moved.connect(self._drag_plane)
        self._shows_planes = False
        self._make_actions()
        self.row = ToolRow(self._groups(), self._menu())
        transform.dragged.connect(self._drag)
        transform.finished.connect(self._drop)
        box.drawn.connect(self.add_box)
        box.told.connect(self._tell_hint)
        for tool in self.tools.values():
            if isinstance(tool, RegionTool):
                tool.drawn.connect(self._select)
            elif isinstance(tool, MeasureTool):
                tool.measured.connect(self.add_measure)
                tool.told.connect(self._tell_hint)
        self.scene.chosen_changed.connect(self.follow)
        self.scene.selected.connect(lambda _: self.follow())
        self.scene.rearranged.connect(self.follow)
        self.scene.changed.connect(lambda _: self.follow())
        self.scene.cut.connect(self.follow)
        self.page.state.changed.connect(self.follow)
        self.canvas.picked.connect(self._picked)
        self.follow()

    # Tools

    def use(self, name: str) -> None:
        """Give the mouse to a tool; to navigation for none, or for the one that has it."""
        before, self.now = self.now, "" if name == self.now else name
        if before:
            self.tools[before].leave()
        self.canvas.tool = self.tools.get(self.now) or (self.planes if self._shows_planes else None)
        if self.now:
            self.canvas.setCursor(self.tools[self.now].cursor)
        else:
            self.canvas.unsetCursor()
        for one in self.tools:
            self.acts[one].setChecked(one == self.now)
        self.acts["navigate"].setChecked(not self.now)
        self.canvas.update()
        self.canvas.setFocus()
        self.told.emit(self.hint())
        self.tool_changed.emit(self.now)

    def show_planes(self, shown: bool) -> None:
        """While the panel of clip planes is seen, the planes have handles where no tool has the mouse."""
        self._shows_planes = shown
        if not self.now:
            self.canvas.tool = self.planes if shown else None
            self.canvas.update()

    def _drag_plane(self, axis: int, at: float) -> None:
        plane = self.page.cutting.plane(axis)
        if plane is not None:
            self.page.cutting.set_plane(axis, at, flipped=plane.normal[axis] < 0, key=f"drag {axis}")

    def hint(self) -> str:
        """What the tool waits for."""
        return self.tools[self.now].hint if self.now else ""

    def _tell_hint(self, words: str) -> None:
        self.told.emit(words if self.now else "")

    def _escape(self) -> None:
        self.use("") if self.now else self.scene.choose(())

    def _picked(self, found: tuple[str, int, NDArray[np.float64]] | None) -> None:
        if self.now:
            return
        self.scene.choose([found[0]] if found is not None else [])
        kind = self.scene.nodes[found[0]].kind if found is not None else ""
        if found is not None and kind == "boxes":
            self.page.properties.boxes.mark(found[1])
        elif found is not None and kind == "cameras":
            self._camera = (found[0], found[1])
        if found is not None:
            self.told.emit(f"{self.scene.nodes[found[0]].name}: {self.page.state.place_words(found[2])}")

    # Selecting

    def _select(self, region: Mask, how: How) -> None:
        self.page.cropping.select_region(region, self.canvas.gaze().whole, how)

    def clouds(self) -> list[Node]:
        """The clouds that can be selected from by value: chosen ones, or all that are shown."""
        chosen = trees.with_below(self.scene, self.scene.chosen) or self.scene.nodes.values()
        return [one for one in chosen if isinstance(one.thing, PointsDoc) and self.scene.is_shown(one.id)]

    def select_value(self) -> None:
        """Ask for classes or a range of the first chosen cloud."""
        clouds = self.clouds()
        if clouds:
            ValueDialog(self.page, clouds[0], self.page.cropping.select_column).open()

    # Moving, turning, scaling

    def _box(self) -> tuple[Node, int] | None:
        """The one box that is marked in the panel, with what holds it: handles move it, not all boxes."""
        chosen = self.scene.chosen
        node = self.scene.nodes[chosen[0]] if len(chosen) == 1 else None
        if node is None or not isinstance(node.thing, BoxesDoc):
            return None
        at = self.page.properties.boxes.marked()
        return (node, at) if 0 <= at < len(node.thing.boxes) else None

    def _middle(self) -> NDArray[np.float64] | None:
        marked = self._box()
        if marked is not None:
            world = self.scene.world(marked[0].id)
            box = marked[0].thing.boxes[marked[1]]  # type: ignore[union-attr]
            return np.asarray(world[:3, :3] @ np.array(box.centre) + world[:3, 3])
        if not self.scene.chosen:
            return None
        bounds = self.scene.bounds(self.scene.chosen)
        if bounds is None:
            return self.scene.world(self.scene.chosen[0])[:3, 3]
        return np.asarray((bounds[0] + bounds[1]) / 2)

    def _drag(self, change: NDArray[np.float64]) -> None:
        if not self._dragged:
            self._stroke = self.page.trees.stroke()
            self._dragged = {one: self.scene.nodes[one] for one in trees.tops(self.scene, self.scene.chosen)}
            self._held_box = self._box()
        if self._held_box is not None:
            self._drag_box(*self._held_box, change)
            return
        nodes = []
        for name, first in self._dragged.items():
            above = self.scene.world(first.parent) if first.parent else np.eye(4)
            moved = np.linalg.inv(above) @ change @ above @ matrix_of(first.placement)
            nodes.append(msgspec.structs.replace(self.scene.nodes[name], placement=placement_of(moved)))
        self.page.trees.put(nodes, "move", stroke=self._stroke)

    def _drag_box(self, first: Node, at: int, change: NDArray[np.float64]) -> None:
        doc, world = first.thing, self.scene.world(first.id)
        assert isinstance(doc, BoxesDoc)
        box = placing.box_moved(doc.boxes[at], np.linalg.inv(world) @ change @ world)
        boxes = (*doc.boxes[:at], box, *doc.boxes[at + 1 :])
        node = msgspec.structs.replace(first, thing=msgspec.structs.replace(doc, boxes=boxes))
        self.page.trees.put([node], "move a box", stroke=self._stroke)

    def _drop(self) -> None:
        self._dragged = {}

    # Measuring

    def add_measure(self, one: MeasureDoc) -> None:
        """Another measure, in the tree; what is chosen stays so, since selecting and moving work on that."""
        after = measurelist.with_measure(self.scene, one)
        self.page.document.push(TreeEdit(self.scene, after, text="measure", choose=self.scene.chosen))
        self.told.emit(self.hint())

    def remove_measures(self) -> None:
        """None."""
        after = measurelist.without_measures(self.scene)
        self.page.document.push(TreeEdit(self.scene, after, text="delete measures"))

    # Boxes

    def _floor(self, x: float, y: float) -> float:
        """The height of what lies under the pointer, else of the scene's ground."""
        found = self.canvas.pick(x, y)
        if found is not None:
            return float(found[2][2])
        bounds = self.scene.bounds()
        return float(bounds[0][2]) if bounds is not None else 0.0

    def _reach(self) -> float:
        bounds = self.scene.bounds()
        return float(np.linalg.norm(bounds[1] - bounds[0])) if bounds is not None else 1.0

    def add_box(self, box: Box) -> None:
        """A box in scene coordinates, into the chosen boxes, or new ones."""
        holder = next((self.scene.nodes[one] for one in self.scene.chosen
                       if isinstance(self.scene.nodes[one].thing, BoxesDoc)), None)  # fmt: skip
        if holder is None or not isinstance(holder.thing, BoxesDoc):
            box = msgspec.structs.replace(box, label=LABEL)
            self.page.trees.add([Node(new_id(), "boxes", BoxesDoc((box,), names=(LABEL,)))], "draw a box")
            self.page.properties.boxes.mark(0)
            return
        doc = holder.thing
        label = doc.boxes[-1].label if doc.boxes else LABEL
        box = msgspec.structs.replace(placing.box_moved(box, np.linalg.inv(self.scene.world(holder.id))), label=label)
        doc = msgspec.structs.replace(doc, boxes=(*doc.boxes, box), names=tuple(dict.fromkeys([*doc.names, label])))
        self.page.trees.put([msgspec.structs.replace(holder, thing=doc)], "draw a box")
        self.page.properties.boxes.mark(len(doc.boxes) - 1)

    # Views

    def cameras(self) -> list[Node]:
        """Posed photographs that one can look through: chosen ones, or all."""
        nodes = [self.scene.nodes[one] for one in self.scene.chosen]
        every = [one for one in nodes if one.kind == "cameras"] or self.scene.nodes.values()
        return [one for one in every if isinstance(one.thing, CamerasDoc) and one.thing.images]

    def through(self) -> None:
        """See what the camera saw that was clicked last; from there, what the next one saw."""
        node = next(iter(self.cameras()), None)
        if node is None or not isinstance(node.thing, CamerasDoc):
            return
        now, many = self.canvas.through, len(node.thing.images)
        at = (now[1] + 1) % many if now is not None and now[0] == node.id else 0
        if now is None and self._camera[0] == node.id:
            at = min(max(self._camera[1], 0), many - 1)
        self.canvas.look_through(node.id, at)
        self.told.emit(f"Photograph {at + 1} of {many}: {Path(node.thing.images[at].path).name}")

    def opposite(self) -> None:
        """From the other side: turned about the upright through the point that one looks at."""
        view = self.scene.view
        turn = placing.turned(np.array([0.0, 0.0, 1.0]), math.pi, np.array(view.about))
        self.canvas.navigator.go(msgspec.structs.replace(view, pose=placement_of(turn @ matrix_of(view.pose))))

    def orthographic(self) -> None:
        """Parallel lines stay parallel, and what is looked at as large as it was; or back."""
        view = self.scene.view
        pose, about = matrix_of(view.pose), np.array(view.about)
        across = 2 * math.tan(math.radians(view.height_deg) / 2)
        if not view.orthographic:
            away = max(float((pose[:3, 3] - about) @ pose[:3, 2]), 1e-9)
            self.scene.look_from(msgspec.structs.replace(view, orthographic=True, height=away * across))
            return
        shift = view.height / across - float((pose[:3, 3] - about) @ pose[:3, 2])
        pose[:3, 3] += pose[:3, 2] * shift
        self.scene.look_from(msgspec.structs.replace(view, orthographic=False, pose=placement_of(pose)))

    def keep_view(self) -> None:
        """Ask for a name, and keep where one looks from."""
        dialog = QInputDialog(self.page)
        dialog.setWindowTitle("Keep viewpoint")
        dialog.setLabelText("Name")
        names = {one.name for one in self.page.state.views}
        dialog.setTextValue(trees.free_name("view", names.__contains__))
        dialog.textValueSelected.connect(lambda name: self.add_view(name.strip()) if name.strip() else None)
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.open()

    def add_view(self, name: str) -> None:
        """Keep where one looks from; a view of that name is replaced."""
        state = self.page.state
        rest = tuple(one for one in state.views if one.name != name)
        after = (*rest, msgspec.structs.replace(self.scene.view, name=name))
        self.page.document.push(SwapEdit(state.set_views, state.views, after, text="keep a viewpoint"))

    def remove_view(self, name: str) -> None:
        """Keep one viewpoint less."""
        state = self.page.state
        after = tuple(one for one in state.views if one.name != name)
        self.page.document.push(SwapEdit(state.set_views, state.views, after, text="delete a viewpoint"))

    def see(self, name: str) -> None:
        """Look from a kept viewpoint."""
        for one in self.page.state.views:
            if one.name == name:
                self.canvas.navigator.go(one)
                self.told.emit(f"Viewpoint: {name}")

    def step_view(self, by: int) -> None:
        """Look from the next kept viewpoint."""
        views = self.page.state.views
        if not views:
            return
        names = [one.name for one in views]
        now = names.index(self.scene.view.name) if self.scene.view.name in names else -1 if by > 0 else 0
        self.see(names[(now + by) % len(names)])

    def save_picture(self) -> None:
        """Ask where, and write what is seen, with more pixels than the screen shows."""
        beside = Path(self.page.recent[0]).parent if self.page.recent else Path.home()
        ask_where(self.page, "Save what is seen", beside / "scene", {"PNG pictures (*.png)": ".png"},
                  then=self._picture, failed=self.page.failed_with)  # fmt: skip

    def _picture(self, path: Path) -> None:
        size = QSize(self.canvas.width() * PICTURE_FACTOR, self.canvas.height() * PICTURE_FACTOR)
        make = self.canvas.picture_work(size)
        self.page.asking.work(
            f"Writing {path.name}", lambda: write_png(make(), path),
            lambda _: self.told.emit(f"Saved {path.name}: {size.width()} × {size.height()} pixels"),
        )  # fmt: skip

    # Building

    def _make_actions(self) -> None:
        crop, tools = self.page.cropping, tuple(self.tools)
        doing: dict[str, Callable[[], object]] = {
            "frame": self.canvas.fit_chosen, "all": self.canvas.fit, "front": lambda: self.canvas.look("front"),
            "right": lambda: self.canvas.look("right"), "top": lambda: self.canvas.look("top"),
            "opposite": self.opposite, "orthographic": self.orthographic, "keep-view": self.keep_view,
            "next-view": lambda: self.step_view(1), "previous-view": lambda: self.step_view(-1),
            "picture": self.save_picture, "fine": self.page.finely.press, "turntable": self.page.filming.turntable,
            "path": self.page.filming.path, "through": self.through, "navigate": self._escape,
            "smaller": lambda: self.brush.resize(0.8), "larger": lambda: self.brush.resize(1.25),
            "select-all": crop.select_all, "select-none": crop.select_none, "invert": crop.invert,
            "select-value": self.select_value, "hide": crop.hide, "keep": lambda: crop.hide(others=True),
            "unhide": crop.unhide, "split": crop.split,
            "delete": self.delete, "unmeasure": self.remove_measures,
        }  # fmt: skip
        self.acts: dict[str, QAction] = {}
        for name, do in doing.items():
            self.acts[name] = make_action(self.canvas, f"view.scene.{name}", do, checkable=name in ("navigate",))
        for name in tools:
            use = functools.partial(self.use, name)
            self.acts[name] = make_action(self.canvas, f"view.scene.{name}", use, checkable=True)
        self.acts["navigate"].setChecked(True)
        self.acts["fine"].setVisible(self.canvas.plain)
        self.page.finely.offered.connect(self.acts["fine"].setVisible)

    def delete(self) -> None:
        """The selected points and faces, or else what is chosen."""
        if self.scene.selection:
            self.page.cropping.delete()
        else:
            self.page.trees.remove()

    def _groups(self) -> list[list[QAction]]:
        acts = self.acts | self.page.acts
        names = (
            ("undo", "redo"), ("navigate", "transform"), ("box", "lasso", "brush", "invert"),
            ("hide", "keep", "unhide", "split", "delete"), ("distance", "angle", "new-box", "clip"),
            ("frame", "all", "orthographic", "keep-view", "picture", "fine"),
        )  # fmt: skip
        return [[acts[one] for one in some if one in acts] for some in names]

    def _menu(self) -> QMenu:
        menu = QMenu(self.page)
        for at, group in enumerate(self._groups()):
            if at:
                menu.addSeparator()
            menu.addActions(group)
        menu.addSeparator()
        views, gone = menu.addMenu("Viewpoints"), menu.addMenu("Delete viewpoint")
        for inner, do in ((views, self.see), (gone, self.remove_view)):
            inner.aboutToShow.connect(functools.partial(self._list_views, inner, do))
            menu.aboutToShow.connect(lambda inner=inner: inner.setEnabled(bool(self.page.state.views)))
        shown = {id(one) for group in self._groups() for one in group}
        menu.addActions([one for one in self.acts.values() if id(one) not in shown])
        return menu

    def _list_views(self, menu: QMenu, do: Callable[[str], object]) -> None:
        menu.clear()
        for one in self.page.state.views:
            menu.addAction(one.name, functools.partial(do, one.name))

    def follow(self) -> None:
        """What can be done now."""
        scene = self.scene
        some, selected, chosen = bool(scene.nodes), bool(scene.selection), bool(scene.chosen)
        able = {
            "hide": selected, "keep": selected, "split": selected, "select-none": selected,
            "delete": selected or chosen, "select-value": bool(self.clouds()),
            "unhide": any(one.hidden for one in scene.nodes.values()),
            "unmeasure": any(one.kind == "measure" for one in scene.nodes.values()),
            "transform": chosen, "next-view": bool(self.page.state.views),
            "previous-view": bool(self.page.state.views), "path": len(self.page.state.views) > 1,
            "through": bool(self.cameras()),
        }  # fmt: skip
        for name, act in self.acts.items():
            act.setEnabled(some and able.get(name, True))
        if self.now == "transform" and not chosen:
            self.use("")
        self.canvas.unit = self.page.state.unit
        self.canvas.update()
