"""Photographs in the frustums of their cameras: small, read on another thread, as many as there is memory for."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtGui import QImage

from workbench.core.scenes import CamerasDoc
from workbench.gui.scenes import gl as g
from workbench.gui.scenes.device import Device
from workbench.gui.scenes.gl import Buffer
from workbench.gui.scenes.items import Make, Passed
from workbench.gui.scenes.looks import CamerasLook, look_of
from workbench.gui.scenes.scene import Seen
from workbench.gui.scenes.textures import picture_texture, read_picture
from workbench.gui.scenes.wires import frustum, frustum_size

SIDE_PX = 192
MOST = 400
"""Photographs; some 40 MB of textures."""
AT_A_TIME = 8
CORNER = np.dtype([("place", np.float32, 3), ("spot", np.float32, 2)])


class Photographs:
    """Textures by path, and where they are seen."""

    def __init__(self, device: Device, scene: Seen) -> None:
        self._device, self._scene = device, scene
        self._textures: dict[str, int] = {}
        self._asked: set[str] = set()
        self._buffer: Buffer | None = None
        self._bound = 0
        self._seen: list[str] = []

    def ask(self, make: Make) -> None:
        """Read some that are wanted and not there, until a limit."""
        wanted = [path for path, _ in self._wanted() if path not in self._asked][: MOST - len(self._asked)]
        if not wanted or len(self._asked) - len(self._textures) >= AT_A_TIME:
            return
        some = wanted[:AT_A_TIME]
        self._asked.update(some)

        def take(pictures: list[QImage]) -> None:
            for path, picture in zip(some, pictures, strict=True):
                self._textures[path] = 0 if picture.isNull() else picture_texture(self._device, picture)
            self.outdate()

        make(lambda: [read_picture(one, SIDE_PX) for one in some], take)

    def _wanted(self) -> list[tuple[str, Any]]:
        """Paths, and the corners (4, 3) that they are seen between: from the upper left, clockwise."""
        found: list[tuple[str, Any]] = []
        for node in self._scene.nodes.values():
            look = look_of(node)
            if not (isinstance(node.thing, CamerasDoc) and isinstance(look, CamerasLook) and look.pictures):
                continue
            if not self._scene.is_shown(node.id):
                continue
            length, placed = frustum_size(node.thing, look), self._scene.world(node.id)
            turn, shift = placed[:3, :3].T, placed[:3, 3]
            found += [(one.path, frustum(one, length)[1:] @ turn + shift) for one in node.thing.images]
        return found

    def outdate(self) -> None:
        """Cameras came, went or stand elsewhere."""
        if self._buffer is not None:
            self._buffer.close()
            self._device.gl.deleted("VertexArrays", self._bound)
        self._buffer = None

    def _make(self) -> None:
        gl = self._device.gl
        there = [(path, corners) for path, corners in self._wanted() if self._textures.get(path)]
        self._seen = [path for path, _ in there]
        rows = np.zeros((len(there), 4), CORNER)
        for at, (_, corners) in enumerate(there):
            rows["place"][at] = corners[[0, 3, 1, 2]]  # a strip
            rows["spot"][at] = [(0, 1), (0, 0), (1, 1), (1, 0)]
        self._buffer, self._bound = Buffer(gl, rows.nbytes), gl.made("VertexArrays")
        if there:
            self._buffer.send(0, rows.reshape(-1).view(np.uint8))
        gl.glBindVertexArray(self._bound)
        self._buffer.feed(0, 3, g.FLOAT, stride=CORNER.itemsize)
        self._buffer.feed(1, 2, g.FLOAT, stride=CORNER.itemsize, offset=12)
        gl.glBindVertexArray(0)

    def draw(self, passed: Passed) -> None:
        """Draw them, hidden by what is opaque."""
        if not self._textures:
            return
        if self._buffer is None:
            self._make()
        gl = self._device.gl
        self._device.program("photograph").use(whole=passed.gaze.whole, picture=0, opacity=0.9, clips=passed.clips,
                                               clip_count=len(passed.clips))  # fmt: skip
        gl.glBindVertexArray(self._bound)
        for at, path in enumerate(self._seen):
            self._device.sample(0, g.FLAT, self._textures[path])
            gl.glDrawArrays(g.TRIANGLE_STRIP, 4 * at, 4)
        gl.glBindVertexArray(0)

    def close(self) -> None:
        """Give everything back."""
        self.outdate()
        for texture in self._textures.values():
            self._device.gl.deleted("Textures", texture)
        self._textures = {}
