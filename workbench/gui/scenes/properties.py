"""The panel of what is chosen: facts, where it stands in numbers, how it is drawn, its boxes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtWidgets import QComboBox, QGridLayout, QPushButton, QWidget

from workbench.core.scenes import BoxesDoc, Node, VolumeDoc
from workbench.gui.card import Caption
from workbench.gui.scenes import looks
from workbench.gui.scenes.boxeditor import BoxEditor
from workbench.gui.scenes.edits import SwapEdit
from workbench.gui.scenes.factrows import FactRows
from workbench.gui.scenes.factsof import facts_of
from workbench.gui.scenes.lookform import LookForm, with_setting
from workbench.gui.scenes.numberbox import NumberBox
from workbench.gui.scenes.placing import Pose, placement_from, pose_of
from workbench.gui.scenes.scene import matrix_of, placement_of
from workbench.gui.scenes.state import UNITS
from workbench.gui.scenes.transferstrip import TransferStrip
from workbench.gui.sidepanel import SidePanel, words
from workbench.gui.theme import theme
from workbench.gui.warmup import in_turns

if TYPE_CHECKING:
    from workbench.gui.scenes.page import ScenesPage

WIDTH_PX = 300
FACTS = 8
"""Facts that most things have."""
LIKELY = ("points", "mesh", "cameras", "radiance", "volume", "boxes")
"""What is opened, most often first."""
PLACES = (("position", "Position", 0.1, ""), ("turn_deg", "Turn", 5.0, "°"), ("scale", "Scale", 0.1, ""))


class PropertiesPanel(SidePanel):
    """Changes are edits of the page's document; several chosen things of one kind are changed together."""

    def __init__(self, page: ScenesPage) -> None:
        super().__init__("Properties", WIDTH_PX)
        self.page, self.scene = page, page.scene
        self._prepared = False
        column = self.make_column(right_px=8)
        self.title = Caption("Properties", role="heading")  # a long name must not widen the panel
        column.addWidget(self.title)
        self.facts = FactRows()
        column.addWidget(self.facts)
        self._look_title = words("Look", "heading")
        self.look = LookForm()
        self.look.changed.connect(self._set_look)
        self.transfer = TransferStrip(page.link, page.scene)
        self.transfer.changed.connect(self._set_transfer)
        self._place_title = words("Place", "heading")
        self.place = self._make_place()
        self.boxes = BoxEditor()
        self.boxes.changed.connect(self._set_boxes)
        for widget in (self.boxes, self._look_title, self.look, self.transfer, self._place_title, self.place):
            column.addWidget(widget)
        column.addStretch(1)
        self.scene.chosen_changed.connect(self.follow)
        self.scene.rearranged.connect(self.follow)
        self.scene.changed.connect(lambda _: self.follow())
        page.state.changed.connect(self.follow)
        self.follow()

    @property
    def node(self) -> Node | None:
        """What is chosen; the last of several."""
        return self.scene.nodes.get(self.scene.chosen[-1]) if self.scene.chosen else None

    def follow(self) -> None:
        """Show what is chosen as it is now."""
        if self.isHidden():
            return
        node, many = self.node, len(self.scene.chosen)
        self.title.set_whole("Nothing is chosen" if node is None else f"{many} things" if many > 1 else node.name)
        self.facts.show_facts(facts_of(node, self.scene, self.page.state) if node is not None and many == 1 else [])
        drawn = node is not None and node.kind in looks.KINDS
        self._look_title.setVisible(drawn)
        self.look.show_node(node)
        self.transfer.show_node(node if node is not None and isinstance(node.thing, VolumeDoc) else None)
        self._place_title.setVisible(node is not None)
        self.place.setVisible(node is not None)
        self.boxes.show_node(node if many == 1 else None)
        if node is not None:
            self._fill_place(pose_of(node.placement))

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.follow()

    def prepare(self) -> None:
        """Make and dress what the first thing needs while nothing else is to be done: at once it would be felt."""
        if not self._prepared:
            self._prepared = True
            self.look.prepare(LIKELY)
            self.facts.reserve(FACTS)
            numbers = [box for some in (*self.numbers.values(), *self.boxes.numbers.values()) for box in some]
            rest = (self.title, self.facts, self.unit, self.reset, self.place, self.boxes, self.transfer)
            # Only widgets that Python has made: of others it is not told when they go.
            in_turns(iter([one.ensurePolished for one in (*numbers, *rest)]), self)

    # Looks

    def _alike(self) -> list[Node]:
        node = self.node
        every = [self.scene.nodes[one] for one in self.scene.chosen]
        return [one for one in every if node is not None and one.kind == node.kind]

    def _set_look(self, field: str, value: Any) -> None:
        self._put([with_setting(one, field, value) for one in self._alike()], "change the look", f"look {field}")

    def _set_transfer(self, points: Any, level: float, goes_on: bool) -> None:
        nodes = [with_setting(with_setting(one, "points", points), "level", level) for one in self._alike()]
        self._put(nodes, "change the transfer function", "transfer")

    def _set_boxes(self, doc: BoxesDoc, text: str, key: str) -> None:
        node = self.node
        if node is not None:
            self._put([msgspec.structs.replace(node, thing=doc)], text, key and f"boxes {key}")

    def _put(self, nodes: list[Node], text: str, key: str) -> None:
        key = key and f"{key} {' '.join(one.id for one in nodes)}"
        self.page.trees.put(nodes, text, stroke=self.page.trees.stroke(key) if key else 0)

    # Places

    def _make_place(self) -> QWidget:
        whole = QWidget()
        grid = QGridLayout(whole)
        px = theme().pixels
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(px(6))
        grid.setVerticalSpacing(px(4))
        self.numbers: dict[str, list[NumberBox]] = {}
        for at, (name, title, step, suffix) in enumerate(PLACES):
            grid.addWidget(words(title, "dim"), at, 0)
            self.numbers[name] = [NumberBox(-1e9, 1e9, step, suffix) for _ in range(3)]
            for axis, box in enumerate(self.numbers[name]):
                box.setAccessibleName(f"{title} {'xyz'[axis]}")
                box.setToolTip(f"{title} along {'xyz'[axis]}" if name != "turn_deg" else f"Turn about {'xyz'[axis]}")
                box.valueChanged.connect(lambda _, name=name: self._move(name))
                grid.addWidget(box, at, 1 + axis)
        grid.addWidget(words("Unit", "dim"), 3, 0)
        self.unit = QComboBox()
        self.unit.addItems(UNITS)
        self.unit.setAccessibleName("Unit of lengths")
        self.unit.setToolTip("What lengths of this scene are told in; nothing is converted")
        self.unit.textActivated.connect(self._set_unit)
        grid.addWidget(self.unit, 3, 1)
        self.reset = QPushButton("Reset place")
        self.reset.setToolTip("As its file placed it; what was moved to the scene's origin stays so")
        self.reset.clicked.connect(lambda _=False: self._reset())
        grid.addWidget(self.reset, 3, 2, 1, 2)
        return whole

    def _fill_place(self, pose: Pose) -> None:
        for name, boxes in self.numbers.items():
            for box, value in zip(boxes, getattr(pose, name), strict=True):
                box.fill(value)
                box.setEnabled(pose.exact or name == "position")
        self.unit.setCurrentText(self.page.state.unit)

    def _move(self, name: str) -> None:
        x, y, z = (box.value() for box in self.numbers[name])
        if name == "scale" and 0.0 in (x, y, z):  # flat things cannot be turned back
            self.follow()
            return
        there: Any = {name: (x, y, z)}
        self._place(lambda pose: dataclasses.replace(pose, **there), f"place {name}")

    def _place(self, change: Callable[[Pose], Pose], key: str) -> None:
        node = self.node
        if node is None:
            return
        pose = pose_of(node.placement)
        if pose.exact:
            placement = placement_from(change(pose))
        else:  # a sheared placement is only shifted
            matrix = matrix_of(node.placement).copy()
            matrix[:3, 3] = change(pose).position
            placement = placement_of(matrix)
        self._put([msgspec.structs.replace(node, placement=placement)], "place", key)

    def _reset(self) -> None:
        node = self.node
        if node is not None:
            home = self.page.state.home_of(node)
            self._put([msgspec.structs.replace(node, placement=home)], "reset the place", "")

    def _set_unit(self, unit: str) -> None:
        state = self.page.state
        if unit != state.unit:
            self.page.document.push(SwapEdit(state.set_unit, state.unit, unit, text="change the unit"))
