"""Edges of meshes at rest: all meshes drawn once more, with several samples to a pixel of which the mean is seen.

Who is seen in a pixel and how far it is stays what one sample in its middle says, so that clicks and lines of sight are
exact. Clear meshes become a picture of their own, which is laid over what lines of sight showed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from workbench.core.problem import Problem
from workbench.gui.scenes import gl as g
from workbench.gui.scenes.device import Device, Sheet
from workbench.gui.scenes.gl import draw_buffers, trouble
from workbench.gui.scenes.items import Item, MeshItem, Passed
from workbench.gui.scenes.pieces import draw_clear, draw_piece
from workbench.gui.scenes.scene import Seen

SAMPLES = 4
"""What every OpenGL 3.3 has."""
MOST_PX = 1_500_000
"""Pixels with all their samples, 32 bytes each, that there are at a time; a larger picture is made in strips."""
MOST_FACES = 5_000_000
"""More are not drawn once more, which would take seconds in software; a number, as a measured time would smooth edges
on an idle machine and not on a busy one."""
DEARER = 2.0
"""What an element costs with several samples, until it was measured."""


class Smoothing:
    """Makes the means of a picture in pieces, see `advance`; they are there once it is `done`."""

    def __init__(self, device: Device, scene: Seen) -> None:
        self._device, self._scene = device, scene
        self._able = device.gl.integer(g.MAX_SAMPLES) >= SAMPLES
        self._samples: _Samples | None = None
        self._opaque: Sheet | None = None
        self._clear: Sheet | None = None
        self._steps: Iterator[None] | None = None
        self._until_s = self.drawn = 0.0
        """`drawn` is the share of it that is there."""
        self.done = False
        self._costs: dict[str, float] = {}

    @property
    def opaque(self) -> Sheet | None:
        """Colours of opaque meshes times the half of what they cover of a pixel."""
        return self._opaque if self.done else None

    @property
    def clear(self) -> Sheet | None:
        """Clear meshes, as far as nothing opaque hides them."""
        return self._clear if self.done else None

    def reset(self) -> None:
        """A new picture."""
        self._steps, self.done, self.drawn = None, False, 0.0
        if self._samples is not None:
            self._samples.close()
            self._samples = None

    def wanted(self, items: Sequence[Item]) -> bool:
        """Whether there are meshes, all of them sent, that may be drawn once more."""
        meshes = [one for one in items if isinstance(one, MeshItem)]
        sent = all(one.ready >= one.thing.face_count for one in meshes)
        return self._able and bool(meshes) and sent and sum(one.ready for one in meshes) <= MOST_FACES

    def advance(self, passed: Passed, items: Sequence[Item], numbers: Mapping[str, int], until_s: float) -> bool:
        """Draw pieces of what is shown, at least one; whether nothing is left to draw."""
        if self.done or not self.wanted(items):
            return True
        self._until_s = until_s
        try:
            if self._steps is None:
                self._begin(passed)
                self._steps = self._draw(passed, [one for one in items if isinstance(one, MeshItem)], numbers)
            while next(self._steps, self) is not self:
                if time.perf_counter() >= until_s:
                    return False
        except Problem:  # no memory for so many samples
            self._able = False
            self.reset()
            return True
        self.reset()
        self.done, self.drawn = True, 1.0
        return True

    def _begin(self, passed: Passed) -> None:
        wide, high = passed.gaze.width, passed.gaze.height
        if self._opaque is None or (self._opaque.width, self._opaque.height) != (wide, high):
            self.close()
            self._opaque = Sheet(self._device, wide, high)
            self._clear = Sheet(self._device, wide, high)
        self._samples = _Samples(self._device, wide, min(high, max(1, MOST_PX // wide)))

    def _draw(self, passed: Passed, items: Sequence[Item], numbers: Mapping[str, int]) -> Iterator[None]:
        """All of it; pauses after pieces."""
        gl, samples, opaque, clear = self._device.gl, self._samples, self._opaque, self._clear
        assert samples is not None and opaque is not None and clear is not None
        high, whole = passed.gaze.height, max(1, sum(one.ready for one in items if not one.clear))

        def draw(item: Item, first: int, last: int) -> None:
            item.draw(passed, numbers[item.node.id], first, last)

        for low in range(0, high, samples.height):
            samples.bind(low, high)
            samples.erase(g.COLOUR_BIT | g.DEPTH_BIT)
            there = 0
            for item in items:
                first, cost_s = 0, self._costs.get(item.node.id, DEARER * item.cost_s)
                while not item.clear and first < item.ready:
                    samples.bind(low, high)
                    gl.glEnable(g.DEPTH_TEST)
                    gl.glDepthFunc(g.LEQUAL)
                    gl.glDepthMask(1)
                    gl.glDisable(g.BLEND)
                    before = first
                    first, cost_s = draw_piece(self._device, draw, item, first, until_s=self._until_s, cost_s=cost_s)
                    there += first - before
                    self.drawn = (low + samples.height * there / whole) / (high + samples.height)
                    yield
                self._costs[item.node.id] = cost_s
            samples.resolve(opaque, low)
            samples.bind(low, high)
            samples.erase(g.COLOUR_BIT)
            draw_clear(self._device, draw, items, self._scene, passed)
            samples.resolve(clear, low)
            gl.check("edges were smoothed")
            yield

    def close(self) -> None:
        """Give everything back."""
        self.reset()
        for one in (self._opaque, self._clear):
            if one is not None:
                one.close()
        self._opaque = self._clear = None


class _Samples:
    """A strip of a picture, as wide as this, with several samples to a pixel."""

    def __init__(self, device: Device, width: int, height: int) -> None:
        """Raises KnownTrouble where there is no memory for it."""
        self._gl = gl = device.gl
        self.width, self.height = width, height
        self._frame = gl.made("Framebuffers")
        gl.glBindFramebuffer(g.FRAMEBUFFER, self._frame)
        self._buffers = [self._buffer(g.ATTACHMENT, g.RGBA8), self._buffer(g.DEPTH_ATTACHMENT, g.DEPTH24)]
        draw_buffers(gl, [g.ATTACHMENT])
        state = gl.glCheckFramebufferStatus(g.FRAMEBUFFER)
        try:
            gl.check("memory was taken for edges")
            if state != g.COMPLETE:
                raise trouble("OpenGL has no framebuffer of several samples.", hex(state))
        except Problem:
            self.close()
            raise

    def _buffer(self, place: int, kind: int) -> int:
        gl, name = self._gl, self._gl.made("Renderbuffers")
        gl.glBindRenderbuffer(g.RENDERBUFFER, name)
        gl.glRenderbufferStorageMultisample(g.RENDERBUFFER, SAMPLES, kind, self.width, self.height)
        gl.glFramebufferRenderbuffer(g.FRAMEBUFFER, place, g.RENDERBUFFER, name)
        return name

    def bind(self, low: int, high: int) -> None:
        """Draw the rows from `low` on, of a picture of `high` rows, from now on."""
        self._gl.glBindFramebuffer(g.FRAMEBUFFER, self._frame)
        self._gl.glViewport(0, -low, self.width, high)

    def erase(self, what: int) -> None:
        """Nothing is seen, or nothing is near."""
        self._gl.glDepthMask(1)
        self._gl.glClearColor(0.0, 0.0, 0.0, 0.0)
        self._gl.glClear(what)

    def resolve(self, into: Sheet, low: int) -> None:
        """Put the means of the samples into a picture's rows from `low` on."""
        gl, rows = self._gl, min(self.height, into.height - low)
        gl.glBindFramebuffer(g.READ_FRAMEBUFFER, self._frame)
        gl.glBindFramebuffer(g.DRAW_FRAMEBUFFER, into.frame)
        gl.glBlitFramebuffer(0, 0, self.width, rows, 0, low, self.width, low + rows, g.COLOUR_BIT, g.NEAREST)

    def close(self) -> None:
        """Give it back."""
        self._gl.deleted("Framebuffers", self._frame)
        for one in self._buffers:
            self._gl.deleted("Renderbuffers", one)
