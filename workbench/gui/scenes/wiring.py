"""Lines and filled faces in the driver's memory: boxes, cameras, measures, axes, the floor."""

from __future__ import annotations

import numpy as np

from workbench.gui.scenes import gl as g
from workbench.gui.scenes import wires
from workbench.gui.scenes.device import Device
from workbench.gui.scenes.gl import Buffer
from workbench.gui.scenes.items import Passed
from workbench.gui.scenes.scene import Seen

Sent = tuple[Buffer, int, int]
"""A buffer, the vertex array that reads it, and how many elements it has."""


class Wiring:
    """Made anew when it is drawn after something has changed."""

    def __init__(self, device: Device, scene: Seen) -> None:
        self._device, self._scene = device, scene
        self.axes = self.grid = True
        """Whether these are drawn beside what is in the scene."""
        self._lines: Sent | None = None
        self._faces: Sent | None = None
        self._stale = True

    def outdate(self) -> None:
        """Lines are others: another scene, theme, choice or setting."""
        self._stale = True

    def draw(self, passed: Passed, *, filled: bool = True) -> None:
        """Into the bound framebuffer; lines alone, as far as they hide what is behind, where it is not `filled`."""
        if self._stale:
            self._make()
        gl, gaze = self._device.gl, passed.gaze
        if self._faces is not None and filled:
            self._device.program("faces").use(whole=gaze.whole, clips=passed.clips, clip_count=len(passed.clips))
            gl.glBindVertexArray(self._faces[1])
            gl.glDrawArrays(g.TRIANGLES, 0, self._faces[2])
        if self._lines is not None:
            self._device.program("lines").use(
                whole=gaze.whole, picture=(gaze.width, gaze.height), ratio=float(passed.ratio), bias=1e-5,
                least=0.004 if filled else 0.5,
            )  # fmt: skip
            gl.glBindVertexArray(self._lines[1])
            gl.glDrawArraysInstanced(g.TRIANGLE_STRIP, 0, 4, self._lines[2])
        gl.glBindVertexArray(0)

    def _make(self) -> None:
        self._stale = False
        self.close()
        gl = self._device.gl
        lines = wires.lines_of(self._scene, axes=self.axes, grid=self.grid)
        if len(lines):
            buffer, bound = Buffer(gl, lines.nbytes), gl.made("VertexArrays")
            buffer.send(0, lines.view(np.uint8))
            gl.glBindVertexArray(bound)
            for at, count, kind, offset in ((0, 3, g.FLOAT, 0), (1, 3, g.FLOAT, 12), (2, 4, g.UNSIGNED_BYTE, 24),
                                            (3, 1, g.FLOAT, 28)):  # fmt: skip
                buffer.feed(at, count, kind, stride=lines.itemsize, offset=offset, scaled=at == 2, each=1)
            self._lines = buffer, bound, len(lines)
        corners = wires.faces_of(self._scene)
        if len(corners):
            buffer, bound = Buffer(gl, corners.nbytes), gl.made("VertexArrays")
            buffer.send(0, corners.view(np.uint8))
            gl.glBindVertexArray(bound)
            buffer.feed(0, 3, g.FLOAT, stride=corners.itemsize)
            buffer.feed(1, 4, g.UNSIGNED_BYTE, stride=corners.itemsize, offset=12, scaled=True)
            self._faces = buffer, bound, len(corners)
        gl.glBindVertexArray(0)

    def close(self) -> None:
        """Give everything back."""
        for found in (self._lines, self._faces):
            if found is not None:
                found[0].close()
                self._device.gl.deleted("VertexArrays", found[1])
        self._lines = self._faces = None
