"""A volume's transfer function: opacity by value with handles, over how often each value occurs."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.core.scenes import Node, VolumeDoc
from workbench.gui.link import Link
from workbench.gui.scenes.looks import VolumeLook, look_of
from workbench.gui.scenes.scene import Scene
from workbench.gui.sidepanel import words
from workbench.gui.theme import theme
from workbench.gui.volumes.looks import Look, automatic_name
from workbench.gui.volumes.looks import look_of as delivered
from workbench.gui.volumes.lookstrip import LookStrip
from workbench.gui.volumes.tones import Tones, counted


class TransferStrip(QWidget):
    """`changed` carries points (value, colour, opacity), the surface's level, and whether it goes on from before."""

    changed = Signal(object, float, bool)

    def __init__(self, link: Link, scene: Scene) -> None:
        super().__init__()
        self._link, self._scene = link, scene
        self._path = ""
        self._tones: Tones | None = None
        self._node: Node | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().pixels(4))
        self.caption = words("Opacity by value", "dim")
        self.strip = LookStrip()
        self.strip.changed.connect(self._changed)
        column.addWidget(self.caption)
        column.addWidget(self.strip)

    def show_node(self, node: Node | None) -> None:
        """Another volume, or the same after a change; None hides the strip."""
        self._node = node
        self.setVisible(node is not None)
        if node is None or not isinstance(node.thing, VolumeDoc):
            return
        file = node.thing.file
        if file.path != self._path:
            self._path, self._tones = file.path, None
            path = file.path

            def work() -> Tones:
                array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
                return counted(array, file.meta.geometry)

            self._link.background(work, then=lambda found: self._counted(path, found), owner=self)
        self._show()

    def _counted(self, path: str, found: Tones) -> None:
        if path == self._path:
            self._tones = found
            self._show()

    def look(self) -> Look | None:
        """The transfer function as it is; None before the values are counted."""
        node, tones = self._node, self._tones
        look = look_of(node) if node is not None else None
        if tones is None or node is None or not isinstance(look, VolumeLook) or not isinstance(node.thing, VolumeDoc):
            return None
        base = delivered(look.preset, node.thing.file.meta, tones.low, tones.high)
        level = base.level if look.level is None else look.level
        return Look(look.points or base.points, level)

    def _show(self) -> None:
        node = self._node
        unit = node.thing.file.meta.unit if node is not None and isinstance(node.thing, VolumeDoc) else ""
        self.strip.show_look(self.look(), self._tones, unit)
        named = automatic_name(node.thing.file.meta) if node is not None and isinstance(node.thing, VolumeDoc) else ""
        self.caption.setToolTip(f"Delivered: {named}; drag a handle to make one's own" if named else "")

    def _changed(self, look: Look, goes_on: bool) -> None:
        self.changed.emit(look.points, look.level, goes_on)
