"""Things drawn into the bound framebuffer: in pieces whose cost is measured, and clear ones in their order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from workbench.gui.scenes import gl as g
from workbench.gui.scenes.device import Device
from workbench.gui.scenes.items import Item, Passed
from workbench.gui.scenes.scene import Seen

PIECE_S = 0.015
"""What one piece may take to draw."""
LEAST_ELEMENTS = 10_000
"""Fewer cost more in being begun than in being drawn."""
Draw = Callable[[Item, int, int], None]
"""Draws a thing's elements from one up to another."""


def draw_piece(
    device: Device, draw: Draw, item: Item, first: int, *, until_s: float, cost_s: float
) -> tuple[int, float]:
    """Draw elements of a thing from `first` on, as many as the time allows; up to where that came, and what an element
    costs, of which `cost_s` is what was known."""
    began = time.perf_counter()
    may = min(PIECE_S, max(until_s - began, 0.0)) / cost_s
    last = min(item.ready, first + max(LEAST_ELEMENTS, int(may)))
    draw(item, first, last)
    device.gl.glFinish()
    took = (time.perf_counter() - began) / (last - first)
    return last, max(took, 0.7 * cost_s) if last - first >= LEAST_ELEMENTS else cost_s


def draw_clear(device: Device, draw: Draw, items: Iterable[Item], scene: Seen, passed: Passed) -> None:
    """Clear meshes over the picture, hidden by its depth, the farthest first; of each the back before the front."""
    gl, seen = device.gl, passed.gaze.seen

    def nearness(item: Item) -> float:
        bounds = scene.bounds([item.node.id])
        return float(seen[2, :3] @ (bounds[0] + bounds[1])) / 2 if bounds is not None else 0.0

    gl.glEnable(g.DEPTH_TEST)
    gl.glEnable(g.BLEND)
    gl.glBlendFunc(g.ONE, g.ONE_LESS)
    gl.glDepthMask(0)
    gl.glEnable(g.CULL_FACE)
    for item in sorted((one for one in items if one.clear and one.ready), key=nearness):
        for side in (0x0404, 0x0405):  # without the front, then without the back
            gl.glCullFace(side)
            draw(item, 0, item.ready)
    gl.glDisable(g.CULL_FACE)
    gl.glDisable(g.BLEND)
