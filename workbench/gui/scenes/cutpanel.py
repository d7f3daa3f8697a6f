"""The panel of clip planes: the scene is cut open along x, y and z, with sliders over its extent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QPushButton, QSlider, QWidget

from workbench.core.scenes import ClipPlane
from workbench.core.volumes import Triple
from workbench.gui.scenes.edits import SwapEdit
from workbench.gui.scenes.numberbox import NumberBox
from workbench.gui.sidepanel import SidePanel, words
from workbench.gui.theme import theme

if TYPE_CHECKING:
    from workbench.gui.scenes.page import ScenesPage

WIDTH_PX = 248
STEPS = 1000


class CutPanel(SidePanel):
    """A plane for each axis; what lies beyond it, or before it when turned, is not drawn."""

    def __init__(self, page: ScenesPage) -> None:
        super().__init__("Clip planes", WIDTH_PX)
        self.page, self.scene = page, page.scene
        column = self.make_column(right_px=8)
        column.addWidget(words("Clip planes", "heading"))
        self.on: list[QCheckBox] = []
        self.flipped: list[QCheckBox] = []
        self.sliders: list[QSlider] = []
        self.numbers: list[NumberBox] = []
        for axis in range(3):
            column.addWidget(self._axis(axis))
        self.clear = QPushButton("No planes")
        self.clear.setToolTip("Show the whole scene again")
        self.clear.clicked.connect(lambda _=False: self._push((), "remove clip planes", ""))
        column.addWidget(self.clear)
        column.addStretch(1)
        self.scene.cut.connect(self.follow)
        self.scene.rearranged.connect(self.follow)
        self.hide()

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        self.follow()

    # What there is

    def plane(self, axis: int) -> ClipPlane | None:
        """The plane across an axis; None where there is none."""
        for one in self.scene.clips:
            along = np.abs(one.normal)
            if along[axis] > 0.999 * np.linalg.norm(along):
                return one
        return None

    def extent(self, axis: int) -> tuple[float, float]:
        """From where to where the scene reaches along an axis."""
        bounds = self.scene.bounds()
        if bounds is None:
            return 0.0, 1.0
        low, high = float(bounds[0][axis]), float(bounds[1][axis])
        return (low, high) if high > low else (low, low + 1e-3)

    def follow(self) -> None:
        """Show the planes as they are."""
        if self.isHidden():
            return
        for axis in range(3):
            plane = self.plane(axis)
            low, high = self.extent(axis)
            at = plane.distance * plane.normal[axis] if plane is not None else high
            share = min(max((at - low) / (high - low), 0.0), 1.0)
            for widget, value in ((self.on[axis], plane is not None and plane.on),
                                  (self.flipped[axis], plane is not None and plane.normal[axis] < 0)):  # fmt: skip
                widget.setChecked(bool(value))
            self.sliders[axis].blockSignals(True)
            self.sliders[axis].setValue(round(share * STEPS))
            self.sliders[axis].blockSignals(False)
            self.numbers[axis].fill(at)
        self.clear.setEnabled(bool(self.scene.clips))

    # Changes

    def set_plane(self, axis: int, at: float, *, on: bool = True, flipped: bool = False, key: str = "") -> None:
        """Cut across an axis at a scene coordinate."""
        normal = [0.0, 0.0, 0.0]
        normal[axis] = -1.0 if flipped else 1.0
        there: Triple = (normal[0], normal[1], normal[2])
        new = ClipPlane(there, at * normal[axis], on)
        old = self.plane(axis)
        after = tuple(new if one is old else one for one in self.scene.clips)
        self._push(after if old is not None else (*after, new), "clip", key)

    def _push(self, after: tuple[ClipPlane, ...], text: str, key: str) -> None:
        if after != self.scene.clips:
            stroke = f"clip {self.page.trees.stroke(key)}" if key else ""
            edit = SwapEdit(self.scene.set_clips, self.scene.clips, after, text=text, stroke=stroke)
            self.page.document.push(edit)

    def _slid(self, axis: int, step: int) -> None:
        low, high = self.extent(axis)
        self.set_plane(
            axis, low + (high - low) * step / STEPS, flipped=self.flipped[axis].isChecked(), key=f"clip {axis}"
        )

    def _switched(self, axis: int) -> None:
        self.set_plane(axis, self.numbers[axis].value(), on=self.on[axis].isChecked(),
                       flipped=self.flipped[axis].isChecked())  # fmt: skip

    def _typed(self, axis: int, at: float) -> None:
        self.set_plane(axis, at, flipped=self.flipped[axis].isChecked(), key=f"clip {axis}")

    def _axis(self, axis: int) -> QWidget:
        name, px = "xyz"[axis], theme().pixels
        on, flipped, slider = QCheckBox(name), QCheckBox("other side"), QSlider(Qt.Orientation.Horizontal)
        number = NumberBox(-1e9, 1e9, 0.1)
        number.setFixedWidth(px(76))
        on.setToolTip(f"Cut the scene across {name}")
        flipped.setToolTip(f"Cut away what lies before the plane, not what lies beyond it, along {name}")
        for widget, told in ((on, f"Cut across {name}"), (flipped, f"Other side along {name}"),
                             (slider, f"Where to cut across {name}"), (number, f"Place along {name}")):  # fmt: skip
            widget.setAccessibleName(told)
        slider.setRange(0, STEPS)
        slider.setPageStep(STEPS // 20)
        on.clicked.connect(lambda _=False: self._switched(axis))
        flipped.clicked.connect(lambda _=False: self._switched(axis))
        slider.valueChanged.connect(lambda step: self._slid(axis, step))
        number.valueChanged.connect(lambda value: self._typed(axis, value))
        self.on.append(on)
        self.flipped.append(flipped)
        self.sliders.append(slider)
        self.numbers.append(number)
        whole = QWidget()
        grid = QGridLayout(whole)
        grid.setContentsMargins(0, 0, 0, px(8))
        line = QHBoxLayout()
        line.addWidget(on)
        line.addStretch(1)
        line.addWidget(flipped)
        grid.addLayout(line, 0, 0, 1, 2)
        grid.addWidget(slider, 1, 0)
        grid.addWidget(number, 1, 1)
        grid.setColumnStretch(0, 3)
        grid.setColumnStretch(1, 1)
        return whole
