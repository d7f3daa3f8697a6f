"""What light passes through (volumes, radiance grids) as one clear picture over the opaque one: small while something
moves, as large as the picture at rest, in square parts whose cost is measured."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QImage

from workbench.gui.scenes import gl as g
from workbench.gui.scenes.device import Device, Edges, Sheet, Target
from workbench.gui.scenes.items import Passed
from workbench.gui.scenes.rays import COARSE, FINE, Elsewhere, RaysItem
from workbench.gui.scenes.textures import picture_texture
from workbench.gui.volumes import tiling


class Veil:
    """Draws ray-walked things in order of distance, and pictures of fields that were rendered elsewhere."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._coarse: Sheet | None = None
        self._fine: Sheet | None = None
        self._tiles: tiling.Tiles | None = None
        self._begun = self._small = False
        self._costs = {COARSE: tiling.Cost(caution=0.75), FINE: tiling.Cost()}
        self._frames: dict[int, tuple[Elsewhere, int, int]] = {}
        """Pictures that lie in the driver's memory; kept here as well, since a number may come again."""

    @property
    def begun(self) -> bool:
        """Whether the fine picture is at least begun."""
        return self._begun

    @property
    def drawn(self) -> float:
        """The share of the fine picture that is there."""
        return self._tiles.drawn if self._tiles is not None else float(self._begun)

    def reset(self) -> None:
        """A new picture."""
        self._begun = self._small = False
        self._tiles = None

    def doubt(self) -> None:
        """Something else is drawn from now on, which may cost more."""
        for cost in self._costs.values():
            cost.doubt()

    def coarse(self, target: Target, passed: Passed, items: Sequence[RaysItem]) -> None:
        """The small picture, as large as may be drawn at once."""
        size = tiling.small(QSize(target.width, target.height), self._costs[COARSE].affordable())
        if self._coarse is None or (self._coarse.width, self._coarse.height) != (size.width(), size.height()):
            if self._coarse is not None:
                self._coarse.close()
            self._coarse = Sheet(self._device, size.width(), size.height())
        self._coarse.bind()
        self._draw(target, passed, items, COARSE, QRect(0, 0, size.width(), size.height()))
        self._small = True

    def advance(self, target: Target, passed: Passed, items: Sequence[RaysItem], until_s: float) -> bool:
        """Draw parts of the fine picture, at least one; whether all of it is drawn."""
        if not self._begun:
            self._begin(target, passed, items)
        if self._tiles is None or self._fine is None:
            return True
        self._fine.bind()
        while self._tiles:
            part = self._tiles.next()
            self._draw(target, passed, items, FINE, part)
            if time.perf_counter() >= until_s:
                break
        if not self._tiles:
            self._tiles = None
        return self._tiles is None

    def _begin(self, target: Target, passed: Passed, items: Sequence[RaysItem]) -> None:
        """The fine picture starts as the coarse one, enlarged."""
        if not self._small:  # nothing was ready when the picture was begun: the coarse one is still of an earlier scene
            self.coarse(target, passed, items)
        if self._fine is None or (self._fine.width, self._fine.height) != (target.width, target.height):
            if self._fine is not None:
                self._fine.close()
            self._fine = Sheet(self._device, target.width, target.height)
        self._fine.bind()
        self._device.gl.glClearColor(0.0, 0.0, 0.0, 0.0)
        self._device.gl.glClear(g.COLOUR_BIT)
        if self._coarse is not None:
            self._coarse.lay()
        self._tiles = tiling.Tiles(QSize(target.width, target.height), self._costs[FINE])
        self._begun = True

    def _draw(self, target: Target, passed: Passed, items: Sequence[RaysItem], pace: float, part: QRect) -> None:
        """All things in a part of the bound picture, the farthest first."""
        began = time.perf_counter()
        gl = self._device.gl
        gl.glDisable(g.DEPTH_TEST)
        gl.glEnable(g.SCISSOR_TEST)
        gl.glScissor(part.x(), part.y(), part.width(), part.height())
        gl.glClearColor(0.0, 0.0, 0.0, 0.0)
        gl.glClear(g.COLOUR_BIT)
        gl.glEnable(g.BLEND)
        gl.glBlendFunc(g.ONE, g.ONE_LESS)
        seen = passed.gaze.seen
        for item in sorted(items, key=lambda one: float(seen[2, :3] @ one.middle())):
            item.draw(passed, target.walls, pace)
        gl.glDisable(g.BLEND)
        gl.glDisable(g.SCISSOR_TEST)
        gl.glFinish()
        self._costs[pace].took(part.width() * part.height(), time.perf_counter() - began)

    def lay(self, target: Target, edges: Edges | None) -> None:
        """The finest picture there is over the target's."""
        sheet = self._fine if self._begun else self._coarse
        if sheet is not None:
            target.bind(target.flat)
            sheet.lay(edges)

    def lay_frames(
        self, target: Target, passed: Passed, frames: Sequence[tuple[Elsewhere, float]], edges: Edges | None
    ) -> None:
        """Pictures of fields with their opacities, over the target's in this order, hidden by what lies before."""
        wanted = {id(made) for made, _ in frames}
        for number in [one for one in self._frames if one not in wanted]:
            self._drop_frame(number)
        for made, opacity in frames:
            self._lay_frame(target, passed, made, opacity, edges)

    def _lay_frame(self, target: Target, passed: Passed, made: Elsewhere, opacity: float, edges: Edges | None) -> None:
        gl, gaze = self._device.gl, passed.gaze
        if id(made) not in self._frames:
            self._frames[id(made)] = made, picture_texture(self._device, made.frame), self._distances(made)
        _, *textures = self._frames[id(made)]
        target.bind(target.flat)
        gl.glDisable(g.DEPTH_TEST)
        gl.glEnable(g.BLEND)
        gl.glBlendFunc(g.ONE, g.ONE_LESS)
        for unit, name in enumerate((*textures, target.depth, edges.fine if edges is not None else 0)):
            self._device.sample(unit, g.FLAT, name)
        self._device.program("frame").use(
            frame=0, far_off=1, depth=2, near=float(gaze.near), far=float(gaze.far), opacity=float(opacity),
            orthographic=gaze.view.orthographic, fine=3, smoothed=edges is not None,
        )  # fmt: skip
        self._device.screen()
        gl.glDisable(g.BLEND)

    def _distances(self, made: Elsewhere) -> int:
        rows = np.ascontiguousarray(made.depth[::-1], np.float32)
        name = self._device.gl.texture(g.FLAT, smooth=False)
        high, wide = rows.shape
        self._device.gl.glTexImage2D(g.FLAT, 0, g.R32F, wide, high, 0, g.RED, g.FLOAT, g.address(rows))
        self._device.gl.check("a picture's distances were sent")
        return name

    def _drop_frame(self, number: int) -> None:
        _, *textures = self._frames.pop(number)
        for name in textures:
            self._device.gl.deleted("Textures", name)

    def close(self) -> None:
        """Give everything back."""
        for one in (self._coarse, self._fine):
            if one is not None:
                one.close()
        self._coarse = self._fine = None
        for number in list(self._frames):
            self._drop_frame(number)


def straight(frame: QImage) -> QImage:
    """A frame as the shader reads it: colours that are not multiplied with their alpha."""
    return frame.convertToFormat(QImage.Format.Format_RGBA8888)
