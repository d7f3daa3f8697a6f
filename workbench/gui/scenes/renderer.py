"""Draws a scene into a picture: what it is made of stands in the driver's memory, opaque things first, in pieces.

A picture is begun with `begin`, goes on with `advance` as long as one has time, and is seen with `present` at any time;
what is drawn while something moves is the beginning of what is drawn at rest.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from PySide6.QtCore import QObject
from PySide6.QtGui import QImage

from workbench.core.problem import KnownTrouble, ProblemRecord, record_of
from workbench.core.scenes import MeshDoc, Node, PointsDoc, RadianceDoc, Viewpoint, VolumeDoc
from workbench.gui.autosave import Background
from workbench.gui.scenes import gl as g
from workbench.gui.scenes.device import Device, Edges, Target
from workbench.gui.scenes.gaze import Gaze
from workbench.gui.scenes.items import Item, MeshItem, Passed, PointsItem
from workbench.gui.scenes.layers import layered
from workbench.gui.scenes.looks import RadianceLook, look_of
from workbench.gui.scenes.photographs import Photographs
from workbench.gui.scenes.pieces import draw_clear, draw_piece
from workbench.gui.scenes.rays import Elsewhere, RaysItem
from workbench.gui.scenes.scene import Seen
from workbench.gui.scenes.selecting import marked
from workbench.gui.scenes.shaders import MOST_CLIPS
from workbench.gui.scenes.smoothing import Smoothing
from workbench.gui.scenes.veil import Veil
from workbench.gui.scenes.wiring import Wiring

NOBODY = 0xFFFFFFFF


class Renderer:
    """Made once there is OpenGL; everything on one thread, see gui/scenes/drawing.py."""

    def __init__(
        self, scene: Seen, failed: Callable[[ProblemRecord], None], background: Background,
        woken: Callable[[], None], owner: QObject, *, device: Device | None = None,
    ) -> None:  # fmt: skip
        """Raises KnownTrouble where this display has no OpenGL 3.3.

        `failed` hears what goes wrong with one thing, `woken` that another thread has made something ready; what
        comes back there is dropped when `owner` is gone.
        """
        self.scene, self._failed, self._background = scene, failed, background
        self._woken, self._owner = woken, owner
        self.device = device or Device()
        self.wiring = Wiring(self.device, scene)
        self.photographs = True
        """Whether they are seen in their frustums."""
        self.strength = 12.0
        """Of eye-dome lighting."""
        self.items: dict[str, Item] = {}
        self.rays: dict[str, RaysItem] = {}
        self.elsewhere: dict[str, Elsewhere] = {}
        self._layered: tuple[list[tuple[Elsewhere, float]], list[Elsewhere]] = ([], [])
        """Pictures of fields that the worker rendered."""
        self._veil = Veil(self.device)
        self._smoothing = Smoothing(self.device, scene)
        self._photographs = Photographs(self.device, scene)
        self._numbers: dict[str, int] = {}
        self._broken: dict[str, object] = {}
        """Things that could not be sent, so that they are not tried and told again and again."""
        self._target: Target | None = None
        self._passed: Passed | None = None
        self.sketched = False
        """Whether something in the picture is only dots, and it must be begun anew to be whole."""
        self.solid = False
        """Whether all opaque things that were sent are drawn."""
        self._at: dict[str, int] = {}
        """How many elements of each item are in the picture."""

    # What stands in the driver's memory

    def sync(self) -> None:
        """Take up the nodes as they are now."""
        nodes = self.scene.nodes
        for name, item in list(self.items.items()):
            if name not in nodes or nodes[name].thing is not item.node.thing:
                self.items.pop(name).close()
        for name, one in list(self.rays.items()):
            if name not in nodes or nodes[name].thing is not one.node.thing:
                self.rays.pop(name).close()
        self.elsewhere = {name: made for name, made in self.elsewhere.items() if name in nodes}
        for node in nodes.values():
            known = self.items.get(node.id) or self.rays.get(node.id)
            if known is not None:
                if known.node is not node:
                    self._try(node, functools.partial(known.restyle, node))
            elif self.scene.is_shown(node.id) and self._broken.get(node.id) is not node.thing:
                self._make(node)
        self.wiring.outdate()
        self._photographs.outdate()
        self._veil.doubt()

    def _make(self, node: Node) -> None:
        device, scene = self.device, self.scene
        self._numbers.setdefault(node.id, len(self._numbers) + 1)
        if isinstance(node.thing, PointsDoc):
            self._try(node, lambda: self.items.__setitem__(node.id, PointsItem(device, scene, node)))
        elif isinstance(node.thing, MeshDoc):
            make = functools.partial(self._make_ready, node)
            self._try(node, lambda: self.items.__setitem__(node.id, MeshItem(device, scene, node, make)))
        elif isinstance(node.thing, RadianceDoc | VolumeDoc) and _has_array(node.thing):
            make = functools.partial(self._make_ready, node)
            self._try(node, lambda: self.rays.__setitem__(node.id, RaysItem(device, scene, node, make)))

    def _make_ready(self, node: Node, work: Callable[[], Any], take: Callable[[Any], None]) -> None:
        """Work on another thread for a thing, then take it up and draw anew."""

        def then(found: Any) -> None:
            if self.device.current():
                self._try(node, functools.partial(take, found))
                self._woken()

        def failed(record: ProblemRecord) -> None:
            self._break(node, record)
            self._woken()

        self._background.background(work, then=then, failed=failed, owner=self._owner)

    def _try(self, node: Node, do: Callable[[], object]) -> object:
        """Do something with a thing; where it fails, leave the thing out and tell of it."""
        try:
            return do()
        except Exception as error:  # one damaged file or full memory must not take the picture away
            self._break(node, _told(node, error))
            return None

    def _break(self, node: Node, found: ProblemRecord) -> None:
        self._broken[node.id] = node.thing
        item = self.items.pop(node.id, None) or self.rays.pop(node.id, None)
        if item is not None and self.device.current():
            self._smoothing.reset()  # it draws all that was there when it began
            item.close()
        self._failed(msgspec.structs.replace(found, place=found.place or node.name))

    def broken(self) -> list[str]:
        """Names of what is shown and cannot be drawn."""
        nodes = self.scene.nodes
        return [nodes[name].name for name, thing in self._broken.items()
                if name in nodes and nodes[name].thing is thing and self.scene.is_shown(name)]  # fmt: skip

    def waiting(self) -> list[str]:
        """Names of what is shown and cannot be drawn before another thread is done, or all of it is sent."""
        return [one.node.name for name, one in self.rays.items() if not one.ready and self.scene.is_shown(name)]

    def notes(self) -> list[str]:
        """What a person should know of the picture."""
        said = [f"{one} is being made ready" for one in self.waiting()]
        said += [f"{one.node.name}: {one.note}" for one in self.rays.values() if one.note]
        broken = self.broken()
        return [*said, f"Cannot be drawn: {', '.join(broken[:5])}"] if broken else said

    def _make_photographs(self, work: Callable[[], Any], take: Callable[[Any], None]) -> None:
        def then(found: Any) -> None:
            if self.device.current():
                take(found)
                self._woken()

        self._background.background(work, then=then, failed=self._failed, owner=self._owner)

    def reselect(self, names: set[str]) -> None:
        """Other elements of these nodes are selected."""
        for name in names & self.items.keys():
            self.items[name].reselect()
        self.wiring.outdate()

    def send(self, until_s: float) -> bool:
        """Send some of what is not there yet; whether all is."""
        whole = True
        self._photographs.ask(self._make_photographs)
        things: list[tuple[str, Item | RaysItem]] = [*self.items.items(), *self.rays.items()]
        for name, item in things:
            if not self.scene.is_shown(name):
                continue
            whole = self._try(item.node, functools.partial(item.send, until_s)) is not False and whole
            if time.perf_counter() > until_s:
                break
        return whole

    # A picture

    def begin(self, gaze: Gaze, ratio: float) -> None:
        """A new picture; raises KnownTrouble where there is no memory for it."""
        if self._target is None or (self._target.width, self._target.height) != (gaze.width, gaze.height):
            if self._target is not None:
                self._target.close()
                self._target = None
            self._target = Target(self.device, gaze.width, gaze.height)
        on = [(*one.normal, one.distance) for one in self.scene.clips if one.on][:MOST_CLIPS]
        self._passed = Passed(gaze, ratio, np.array(on, np.float32).reshape(-1, 4))
        self._at = {}
        self.sketched = self.solid = False
        self._veil.reset()
        self._smoothing.reset()
        self._target.clear()

    def advance(self, until_s: float, *, moving: bool = False) -> bool:
        """Go on drawing: opaque things, each for an equal share of the time, then, unless things are `moving`, their
        edges and what light passes through; whether all that was sent is drawn."""
        if self._target is None or self._passed is None:
            return True
        gl = self.device.gl
        self._target.bind(self._target.opaque)
        gl.glEnable(g.DEPTH_TEST)
        gl.glDepthFunc(g.LEQUAL)
        gl.glDepthMask(1)
        left = [one for one in self._shown() if not one.clear and self._at.get(one.node.id, 0) < one.ready]
        for count, item in zip(range(len(left), 0, -1), left, strict=True):
            share = max(0.0, until_s - time.perf_counter()) / count
            if moving and item.draw_dots(self._passed, self._numbers[item.node.id], share):
                self.sketched = True
            else:
                self._draw_until(item, time.perf_counter() + share)
        gl.check("the scene was drawn")
        self.solid = all(self._at.get(one.node.id, 0) >= one.ready for one in self._shown() if not one.clear)
        if not self.solid:
            return False
        if moving:
            return True
        if not self._smoothing.advance(self._passed, self._shown(), self._numbers, until_s):
            return False
        rays = self._walked()
        if not rays:
            return True
        if time.perf_counter() >= until_s:
            return False
        if not self._veil.begun:
            self._make_walls(self._target, self._passed)
        done = self._veil.advance(self._target, self._passed, rays, until_s)
        gl.check("lines of sight were walked")
        return done

    def drawn(self) -> float:
        """The share of the picture that is there: of its opaque elements, then of its edges, of its lines of sight."""
        if not self.solid:
            opaque = [one for one in self._shown() if not one.clear]
            there = sum(min(self._at.get(one.node.id, 0), one.ready) for one in opaque)
            return there / max(sum(one.ready for one in opaque), 1)
        if not self._smoothing.done and self._smoothing.wanted(self._shown()):
            return self._smoothing.drawn
        return self._veil.drawn if self._walked() else 1.0

    def _walked(self) -> list[RaysItem]:
        """What is drawn by walking lines of sight."""
        view = self._passed.gaze.view if self._passed is not None else None
        return [one for name, one in self.rays.items()
                if one.ready and self.scene.is_shown(name) and self._frame(name, view) is None]  # fmt: skip

    def _frame(self, name: str, view: Viewpoint | None) -> Elsewhere | None:
        """The worker's picture of a field, where it is wanted and of this view."""
        made, look = self.elsewhere.get(name), look_of(self.scene.nodes[name])
        wanted = isinstance(look, RadianceLook) and look.rendered_by == "field"
        return made if made is not None and wanted and made.view == view else None

    def _layers(self, view: Viewpoint) -> list[tuple[Elsewhere, float]]:
        """Pictures of fields for this view with their opacities, farther ones first; several are sorted by pixel."""
        shown = [(made, look.opacity if (look := look_of(self.scene.nodes[name])) is not None else 1.0)
                 for name, made in self.elsewhere.items()
                 if self._frame(name, view) is made and self.scene.is_shown(name)]  # fmt: skip
        if len(shown) < 2:
            return shown
        if [(id(made), opacity) for made, opacity in shown] != [(id(made), one) for made, one in self._layered[0]]:
            self._layered = shown, layered(shown)
        return [(one, 1.0) for one in self._layered[1]]

    def _draw_until(self, item: Item, until_s: float) -> None:
        """Draw pieces of an item, at least one."""
        name = item.node.id
        while self._at.get(name, 0) < item.ready:
            first = self._at.get(name, 0)
            self._at[name], item.cost_s = draw_piece(
                self.device, self._draw, item, first, until_s=until_s, cost_s=item.cost_s
            )
            if time.perf_counter() >= until_s:
                return

    def _draw(self, item: Item, first: int, last: int) -> None:
        if self._passed is not None:
            item.draw(self._passed, self._numbers[item.node.id], first, last)

    def _shown(self) -> list[Item]:
        return [one for name, one in self.items.items() if self.scene.is_shown(name)]

    def present(self, *, taps: int = 8) -> QImage:
        """The picture of what is drawn so far, with lines and clear things."""
        target, passed = self._target, self._passed
        if target is None or passed is None:
            return QImage()
        gl, gaze = self.device.gl, passed.gaze
        edges = self._edges(target)
        self._light(target, passed, edges, taps)
        self._lay_wires(target, passed)
        rays = self._walked()
        if rays:
            if not self._veil.begun:
                self._make_walls(target, passed)
                self._veil.coarse(target, passed, rays)
            self._veil.lay(target, edges)
        self._veil.lay_frames(target, passed, self._layers(gaze.view), edges)
        self._lay_clear(target, passed)
        gl.check("the picture was finished")
        return target.image()

    def _edges(self, target: Target) -> Edges | None:
        """What says how much of a pixel meshes cover, once that is known."""
        found = self._smoothing.opaque
        return Edges(found.texture, target.shade) if found is not None else None

    def _light(self, target: Target, passed: Passed, edges: Edges | None, taps: int) -> None:
        """The picture of what is opaque."""
        gl, gaze = self.device.gl, passed.gaze
        target.bind(target.flat)
        gl.glDisable(g.DEPTH_TEST)
        gl.glDisable(g.BLEND)
        self.device.sample(0, g.FLAT, target.shade)
        self.device.sample(1, g.FLAT, target.depth)
        self.device.sample(2, g.FLAT, edges.fine if edges is not None else 0)
        self.device.program("lit").use(
            shade=0, depth=1, near=float(gaze.near), far=float(gaze.far), radius=float(1.4 * passed.ratio),
            strength=self.strength if self._domed() else 0.0, orthographic=gaze.view.orthographic, taps=taps,
            fine=2, smoothed=edges is not None, mixed=self._mixed(),
        )  # fmt: skip
        self.device.screen()

    def _mixed(self) -> bool:
        """Whether points are seen, which are not drawn with several samples."""
        return any(isinstance(one, PointsItem) for one in self._shown())

    def _lay_clear(self, target: Target, passed: Passed) -> None:
        """Clear meshes over the picture."""
        made = self._smoothing.clear
        if made is not None and not self._mixed():
            target.bind(target.flat)
            made.lay()
        else:
            target.bind(target.over)
            draw_clear(self.device, self._draw, self._shown(), self.scene, passed)

    def _domed(self) -> bool:
        """Whether something is seen that eye-dome lighting shades."""
        points = (one for one in self._shown() if isinstance(one, PointsItem))
        return any(one.look.shading != "none" for one in points)

    def _lay_wires(self, target: Target, passed: Passed) -> None:
        """Photographs and lines over the picture, hidden by what is opaque."""
        gl = self.device.gl
        target.bind(target.over)
        gl.glEnable(g.DEPTH_TEST)
        gl.glEnable(g.BLEND)
        gl.glBlendFunc(g.ONE, g.ONE_LESS)
        gl.glDepthMask(0)
        if self.photographs:
            self._photographs.draw(passed)
        self.wiring.draw(passed)
        gl.glDisable(g.BLEND)

    def _make_walls(self, target: Target, passed: Passed) -> None:
        """Where lines of sight end: what is opaque, and lines, so that these are seen within clear things."""
        gl = self.device.gl
        target.copy_walls()
        gl.glEnable(g.DEPTH_TEST)
        gl.glDisable(g.BLEND)
        gl.glDepthMask(1)
        self.wiring.draw(passed, filled=False)
        gl.glDepthMask(0)

    def whom(self, x: int, y: int, reach: int) -> tuple[str, int, float] | None:
        """What is seen nearest to a pixel, within `reach` pixels: node, element, and distance along the view axis."""
        if self._target is None or self._passed is None:
            return None
        who, depth = self._target.beneath(x, y, reach)
        rows, columns = np.nonzero(who[:, :, 0])
        if not len(rows):
            return None
        left, low = max(0, x - reach), max(0, self._target.height - 1 - y - reach)
        away = (columns + left - x) ** 2 + (rows + low - (self._target.height - 1 - y)) ** 2
        best = int(np.argmin(away))
        number, element = (int(one) for one in who[rows[best], columns[best]])
        element = -1 if element == NOBODY else element
        name = next((key for key, value in self._numbers.items() if value == number), "")
        return name, element, self._passed.gaze.depth_of(float(depth[rows[best], columns[best]]))

    def where(self, names: set[str]) -> np.ndarray:
        """In which pixels these nodes are seen, (h, w) bool, rows from above."""
        if self._target is None:
            return np.zeros((1, 1), bool)
        numbers = [self._numbers[one] for one in names if one in self._numbers]
        return np.asarray(np.isin(self._target.everyone()[..., 0], np.array(numbers, np.uint32)))

    def lit(self) -> np.ndarray:
        """In which pixels something is seen that is selected, (h, w) bool, rows from above."""
        if self._target is None:
            return np.zeros((1, 1), bool)
        who, masks = self._target.everyone(), self.scene.selection
        return marked(who[..., 0], who[..., 1], {self._numbers[key]: one for key, one in masks.items()
                                                 if key in self._numbers})  # fmt: skip

    def close(self) -> None:
        """Give everything back."""
        if self.device.current():
            for item in self.items.values():
                item.close()
            for walked in self.rays.values():
                walked.close()
            self._veil.close()
            self._smoothing.close()
            self._photographs.close()
            self.wiring.close()
            if self._target is not None:
                self._target.close()
        self.items, self.rays, self._target = {}, {}, None
        self.device.close()


def _told(node: Node, error: Exception) -> ProblemRecord:
    if isinstance(error, OSError | ValueError):
        found = KnownTrouble(
            f"What “{node.name}” consists of is gone or damaged.", expected="its arrays in the cache",
            received=str(error), fix="Read its file again.", place=node.source or node.name,
        )  # fmt: skip
        return found.record()
    return record_of(error)


def _has_array(thing: RadianceDoc | VolumeDoc) -> bool:
    """A field without a grid is only seen as the worker renders it."""
    return bool(thing.file.path if isinstance(thing, VolumeDoc) else thing.grid)
