"""Points and meshes in the driver's memory: sent in pieces, drawn in pieces, each as large as its time allows."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from workbench.core.scenes import MeshDoc, Node, PointsDoc
from workbench.gui.scenes import gl as g
from workbench.gui.scenes.boxshapes import MARK
from workbench.gui.scenes.colouring import marks, shades
from workbench.gui.scenes.device import Device
from workbench.gui.scenes.gaze import Gaze
from workbench.gui.scenes.gl import Buffer, Program
from workbench.gui.scenes.looks import NORMALS, MeshLook, PointsLook, colour_table, look_of
from workbench.gui.scenes.scene import Seen, box_corners
from workbench.gui.scenes.textures import picture_texture, read_picture, table_texture

PIECE = 1 << 17
"""Points, vertices or faces that are sent at a time."""
DOTS = 40_000
"""Vertices of a mesh that are seen while there is no time for its faces."""
LEAST_S = 0.02
BEHIND = -1e-5
"""How far clear faces lie behind where they are, so that an opaque one in the same place is seen, not both in spots."""
SHADINGS = ("none", "eye-dome", "normals")


Make = Callable[[Callable[[], Any], Callable[[Any], None]], None]
"""Does work on another thread, and hands what came out to the second on this one, with the context current."""


class Passed(msgspec.Struct, frozen=True):
    """What every drawing of a picture shares."""

    gaze: Gaze
    ratio: float
    clips: NDArray[np.float32]
    """(N, 4): nothing is drawn where the first three · x exceed the fourth."""


class Item(Protocol):
    """A thing in the driver's memory."""

    node: Node
    cost_s: float
    """What an element took to draw of late."""

    @property
    def ready(self) -> int:
        """How many elements may be drawn."""

    @property
    def clear(self) -> bool:
        """Whether it is drawn after opaque things, over them."""

    def send(self, until_s: float) -> bool:
        """Send some, until a time of perf_counter; whether all is there."""

    def restyle(self, node: Node) -> None:
        """Another look, placement or hidden part of the same thing."""

    def reselect(self) -> None:
        """Other elements are selected."""

    def draw(self, passed: Passed, number: int, first: int, last: int) -> None:
        """Draw elements into the bound framebuffer; `number` is what the picture knows the node by."""

    def draw_dots(self, passed: Passed, number: int, seconds: float) -> bool:
        """Where there is no time to draw all and a beginning would be misleading: as dots; whether it did."""

    def close(self) -> None:
        """Give everything back."""


def accent() -> tuple[float, float, float]:
    """The colour of what is selected."""
    return MARK[0] / 255, MARK[1] / 255, MARK[2] / 255


class PointsItem:
    """A point cloud: places, colours and marks in buffers of their own."""

    def __init__(self, device: Device, scene: Seen, node: Node) -> None:
        """Raises KnownTrouble where there is no memory for it, OSError or ValueError where an array is gone."""
        thing = node.thing
        if not isinstance(thing, PointsDoc):
            raise TypeError(node.kind)
        self.node, self.thing = node, thing
        self.cost_s = 60e-9
        self._device, self._scene = device, scene
        self._look = look_of(node)
        gl, count = device.gl, thing.count
        self._places_array: Any = scene.array(thing.positions)
        normal = next((one for one in thing.columns if one.kind == "normal"), None)
        self._normals_array: Any = scene.array(normal.path) if normal is not None else None
        self._hidden: Any = scene.array(node.hidden) if node.hidden else None
        self._places, self._shades, self._marks = Buffer(gl, 12 * count), Buffer(gl, 4 * count), Buffer(gl, count)
        self._normals = Buffer(gl, 12 * count) if normal is not None else None
        self._sent = 0
        self._shaded, self._marked = count, count
        """Up to where changed colours and marks were sent again."""
        self._bound = gl.made("VertexArrays")
        gl.glBindVertexArray(self._bound)
        self._places.feed(0, 3, g.FLOAT)
        self._shades.feed(1, 4, g.UNSIGNED_BYTE, scaled=True)
        self._marks.feed(2, 1, g.UNSIGNED_BYTE, whole=True)
        if self._normals is not None:
            self._normals.feed(3, 3, g.FLOAT)
        gl.glBindVertexArray(0)

    @property
    def ready(self) -> int:
        return self._sent

    @property
    def clear(self) -> bool:
        return False

    @property
    def look(self) -> PointsLook:
        """How it is drawn."""
        return self._look if isinstance(self._look, PointsLook) else PointsLook()

    def send(self, until_s: float) -> bool:
        while self._sent < self.thing.count:
            first, last = self._sent, min(self._sent + PIECE, self.thing.count)
            self._places.send(12 * first, np.asarray(self._places_array[first:last], np.float32))
            if self._normals is not None:
                self._normals.send(12 * first, np.asarray(self._normals_array[first:last], np.float32))
            self._send_shades(first, last)
            self._send_marks(first, last)
            self._sent = last
            self._device.gl.check("points were sent")
            if time.perf_counter() > until_s:
                return False
        while self._marked < self.thing.count or self._shaded < self.thing.count:
            if self._marked < self.thing.count:
                first, self._marked = self._marked, min(self._marked + 8 * PIECE, self.thing.count)
                self._send_marks(first, self._marked)
            else:
                first, self._shaded = self._shaded, min(self._shaded + PIECE, self.thing.count)
                self._send_shades(first, self._shaded)
            if time.perf_counter() > until_s:
                return self._marked >= self.thing.count and self._shaded >= self.thing.count
        return True

    def _send_shades(self, first: int, last: int) -> None:
        self._shades.send(4 * first, shades(self._scene, self.thing, self.look, first, last))

    def _send_marks(self, first: int, last: int) -> None:
        self._marks.send(first, marks(self._hidden, self._scene.selection.get(self.node.id), first, last))

    def restyle(self, node: Node) -> None:
        before, self.node = self.node, node
        if node.hidden != before.hidden:
            self._hidden = self._scene.array(node.hidden) if node.hidden else None
            self._marked = 0
        if node.look != before.look:
            was, self._look = self.look, look_of(node)
            if _paint(was) != _paint(self.look):
                self._shaded = 0

    def reselect(self) -> None:
        self._marked = 0

    def draw(self, passed: Passed, number: int, first: int, last: int) -> None:
        gl, look, gaze = self._device.gl, self.look, passed.gaze
        gl.glDisable(g.BLEND)
        normals = self._normals is not None and look.shading == NORMALS
        shading = SHADINGS.index(look.shading) if normals or look.shading != NORMALS else 1
        wide = look.size * passed.ratio
        self._device.program("points").use(
            placed=self._scene.world(self.node.id), seen=gaze.seen, projected=gaze.projection,
            size=float(look.size if look.size_in_scene else wide),
            unit_px=1 / gaze.pixel_size(1.0) if look.size_in_scene else 0.0, least_px=float(passed.ratio),
            orthographic=gaze.view.orthographic, shading=shading, accent=accent(), clips=passed.clips,
            clip_count=len(passed.clips), disc=look.round and (wide > 2.5 or look.size_in_scene),
            opacity=float(look.opacity), node=np.uint32(number),
        )  # fmt: skip
        gl.glBindVertexArray(self._bound)
        gl.glDrawArrays(g.POINTS, first, last - first)
        gl.glBindVertexArray(0)

    def draw_dots(self, passed: Passed, number: int, seconds: float) -> bool:
        return False  # a beginning of a cloud is an even sample

    def close(self) -> None:
        for one in (self._places, self._shades, self._marks, self._normals):
            if one is not None:
                one.close()
        self._device.gl.deleted("VertexArrays", self._bound)


def _paint(look: PointsLook) -> PointsLook:
    """What of a look a point's colour follows from."""
    return msgspec.structs.replace(look, size=0.0, size_in_scene=False, round=True, opacity=1.0, shading="none")


class MeshItem:
    """A mesh: vertices with what is known of them, then faces."""

    def __init__(self, device: Device, scene: Seen, node: Node, make: Make) -> None:
        """`make` does work on another thread; raises KnownTrouble where there is no memory for it, OSError or
        ValueError where an array is gone."""
        thing = node.thing
        if not isinstance(thing, MeshDoc):
            raise TypeError(node.kind)
        self.node, self.thing = node, thing
        self.cost_s = 200e-9
        self._device, self._scene = device, scene
        self._look = look_of(node)
        gl = device.gl
        self._bound = gl.made("VertexArrays")
        gl.glBindVertexArray(self._bound)
        self._vertices: list[tuple[Buffer, Any, int]] = []
        for at, path, wide, kind in (
            (0, thing.vertices, 3, g.FLOAT), (1, thing.normals, 3, g.FLOAT), (2, thing.colours, 4, g.UNSIGNED_BYTE),
            (3, thing.uv, 2, g.FLOAT),
        ):  # fmt: skip
            if path:
                width = wide * (4 if kind == g.FLOAT else 1)
                buffer = Buffer(gl, width * thing.vertex_count)
                buffer.feed(at, wide, kind, scaled=True)
                self._vertices.append((buffer, scene.array(path), width))
        self._faces_array: Any = scene.array(thing.faces)
        self._faces = Buffer(gl, 12 * thing.face_count)
        gl.glBindBuffer(g.ELEMENTS, self._faces.name)
        gl.glBindVertexArray(0)
        self._sent = self._sent_faces = 0
        self._hidden: Any = scene.array(node.hidden) if node.hidden else None
        self._marks: Buffer | None = None
        self._marked = 0
        self._marks_texture = self._picture = self._table = 0
        self._tabled = ("", False)
        self._dots: Buffer | None = None
        self._closed = False
        if not thing.normals:
            vertices: Any = scene.array(thing.vertices)
            make(lambda: smooth_normals(vertices, self._faces_array), self._take_normals)
        if thing.texture and thing.uv:
            make(lambda: read_picture(thing.texture), self._take_picture)

    def _take_normals(self, normals: NDArray[np.float32]) -> None:
        """Normals that the file did not have; until they are there, faces have their own."""
        if self._closed:
            return
        gl = self._device.gl
        gl.glBindVertexArray(self._bound)
        buffer = Buffer(gl, normals.nbytes)
        buffer.feed(1, 3, g.FLOAT)
        gl.glBindVertexArray(0)
        self._vertices.append((buffer, normals, 12))
        for first in range(0, len(normals), PIECE):
            buffer.send(12 * first, normals[first : first + PIECE])

    def _take_picture(self, picture: QImage) -> None:
        if not self._closed and not picture.isNull():
            self._picture = picture_texture(self._device, picture)

    @property
    def ready(self) -> int:
        return self._sent_faces

    @property
    def clear(self) -> bool:
        return self.look.opacity < 0.999

    @property
    def look(self) -> MeshLook:
        """How it is drawn."""
        return self._look if isinstance(self._look, MeshLook) else MeshLook()

    def send(self, until_s: float) -> bool:
        thing = self.thing
        while self._sent < thing.vertex_count:
            first, self._sent = self._sent, min(self._sent + PIECE, thing.vertex_count)
            for buffer, array, width in self._vertices:
                values = array[first : self._sent]
                buffer.send(width * first, np.asarray(values, np.float32 if values.dtype.kind == "f" else np.uint8))
            if time.perf_counter() > until_s:
                return False
        while self._sent_faces < thing.face_count:
            first, last = self._sent_faces, min(self._sent_faces + PIECE, thing.face_count)
            self._faces.send(12 * first, np.asarray(self._faces_array[first:last], np.uint32))
            self._sent_faces = last
            self._device.gl.check("a mesh was sent")
            if time.perf_counter() > until_s:
                return False
        return self._send_marks(until_s)

    def _send_marks(self, until_s: float) -> bool:
        selected = self._scene.selection.get(self.node.id)
        if self._marks is None and self._hidden is None and selected is None:
            return True
        count = self.thing.face_count
        if self._marks is None:
            gl = self._device.gl
            self._marks, self._marked = Buffer(gl, count), 0
            self._marks_texture = gl.made("Textures")
            gl.glBindTexture(g.BUFFER_TEXTURE, self._marks_texture)
            gl.glTexBuffer(g.BUFFER_TEXTURE, g.R8UI, self._marks.name)
            gl.check("marks of faces were sent")
        while self._marked < count:
            first, self._marked = self._marked, min(self._marked + 8 * PIECE, count)
            self._marks.send(first, marks(self._hidden, selected, first, self._marked))
            if time.perf_counter() > until_s:
                break
        return self._marked >= count

    def restyle(self, node: Node) -> None:
        before, self.node = self.node, node
        if node.hidden != before.hidden:
            self._hidden = self._scene.array(node.hidden) if node.hidden else None
            self._marked = 0
        if node.look != before.look:
            self._look = look_of(node)

    def reselect(self) -> None:
        self._marked = 0

    def draw_dots(self, passed: Passed, number: int, seconds: float) -> bool:
        few = self.thing.face_count <= DOTS or self.ready < self.thing.face_count
        if few or self.ready * self.cost_s <= max(seconds, LEAST_S):
            return False
        gl = self._device.gl
        if self._dots is None:
            rng = np.random.default_rng(0)
            chosen = rng.integers(0, self.thing.vertex_count, min(DOTS, self.thing.vertex_count)).astype(np.uint32)
            self._dots = Buffer(gl, chosen.nbytes)
            self._dots.send(0, chosen)
        program = self._use(passed, number, 0)
        normals = any(width == 12 for _, _, width in self._vertices[1:])
        program.set(dotted=1, marked=0, shading=0 if normals and self.look.shading != "none" else 2,
                    dot_px=float(3 * passed.ratio))  # fmt: skip
        gl.glBindVertexArray(self._bound)
        gl.glBindBuffer(g.ELEMENTS, self._dots.name)
        gl.glDrawElements(g.POINTS, min(DOTS, self.thing.vertex_count), g.UNSIGNED_INT, None)
        gl.glBindBuffer(g.ELEMENTS, self._faces.name)
        gl.glBindVertexArray(0)
        self._cut(passed, on=False)
        return True

    def draw(self, passed: Passed, number: int, first: int, last: int) -> None:
        gl, look, gaze = self._device.gl, self.look, passed.gaze
        program = self._use(passed, number, first)
        colour = look.colour
        gl.glBindVertexArray(self._bound)
        gl.glDrawElements(g.TRIANGLES, 3 * (last - first), g.UNSIGNED_INT, ctypes.c_void_p(12 * first))
        if look.edges:
            gl.glPolygonMode(0x0408, 0x1B01)
            dark = sum(colour) > 380 or self._painted(look)
            program.set(
                bias=2e-5 if not gaze.view.orthographic else 1e-4, shading=2, painted=0, blended=0, marked=0,
                plain=(0.05, 0.06, 0.08, 1.0) if dark else (0.9, 0.92, 0.95, 1.0),
            )  # fmt: skip
            gl.glDrawElements(g.TRIANGLES, 3 * (last - first), g.UNSIGNED_INT, ctypes.c_void_p(12 * first))
            gl.glPolygonMode(0x0408, 0x1B02)
        gl.glBindVertexArray(0)
        self._cut(passed, on=False)

    def _cut(self, passed: Passed, *, on: bool) -> None:
        """Leave out what lies beyond the cuts; other programs do not say how far that is."""
        for at in range(len(passed.clips)):
            (self._device.gl.glEnable if on else self._device.gl.glDisable)(g.CLIP_DISTANCE + at)

    def _use(self, passed: Passed, number: int, first: int) -> Program:
        """The program, set for this mesh from face `first` on; what is cut off is left out until `_cut` says else."""
        self._cut(passed, on=True)
        look, gaze = self.look, passed.gaze
        placed = self._scene.world(self.node.id)
        turned = np.eye(4)
        turned[:3, :3] = np.linalg.pinv(placed[:3, :3]).T
        painted = self._painted(look)
        self._bind_textures(painted, look)
        colour = tuple(one / 255 for one in look.colour)
        span = (look.low, look.high) if look.low != look.high else self._heights(placed)
        program = self._device.program("mesh")
        program.use(
            placed=placed, seen=gaze.seen, projected=gaze.projection, turned=turned, bias=BEHIND if self.clear else 0.0,
            shading=("smooth", "flat", "none").index(look.shading), painted=painted,
            marked=self._marks is not None, orthographic=gaze.view.orthographic, one_sided=not look.both_sides,
            blended=self.clear, first=first, plain=(*colour, look.opacity), accent=accent(), span=span,
            picture=0, table=1, marks=2, dotted=0, node=np.uint32(number), clips=passed.clips,
            clip_count=len(passed.clips),
        )  # fmt: skip
        self._device.gl.glVertexAttrib3f(1, 0.0, 0.0, 0.0)  # without normals the shader takes those of the faces
        return program

    def _painted(self, look: MeshLook) -> int:
        thing = self.thing
        textured, coloured = bool(self._picture), bool(thing.colours)
        way = look.colour_by
        if way in ("auto", "texture") and textured:
            return 2
        if way in ("auto", "colours", "texture") and coloured:
            return 1
        return {"normals": 3, "height": 4}.get(way, 0)

    def _heights(self, placed: NDArray[np.float64]) -> tuple[float, float]:
        corners = box_corners(self.thing.low, self.thing.high)
        z = corners @ placed[2, :3] + placed[2, 3]
        return float(z.min()), float(z.max())

    def _bind_textures(self, painted: int, look: MeshLook) -> None:
        device = self._device
        if painted == 2:
            device.sample(0, g.FLAT, self._picture)
        if painted == 4:
            wanted = (look.colour_map, look.reversed)
            if self._tabled != wanted:
                device.gl.deleted("Textures", self._table)
                self._table = table_texture(device, colour_table(look.colour_map, backwards=look.reversed))
                self._tabled = wanted
            device.sample(1, g.FLAT, self._table)
        if self._marks is not None:
            device.sample(2, g.BUFFER_TEXTURE, self._marks_texture)

    def close(self) -> None:
        self._closed = True
        gl = self._device.gl
        for buffer, _, _ in self._vertices:
            buffer.close()
        self._faces.close()
        for one in (self._marks, self._dots):
            if one is not None:
                one.close()
        for texture in (self._marks_texture, self._picture, self._table):
            gl.deleted("Textures", texture)
        gl.deleted("VertexArrays", self._bound)


def smooth_normals(vertices: NDArray[Any], faces: NDArray[Any]) -> NDArray[np.float32]:
    """Normals of vertices (V, 3), those of their faces by area; runs on any thread."""
    points, corners = np.asarray(vertices, np.float32), np.asarray(faces, np.int64)
    across = np.cross(points[corners[:, 1]] - points[corners[:, 0]], points[corners[:, 2]] - points[corners[:, 0]])
    found = np.zeros(points.shape, np.float64)
    for corner in range(3):
        for axis in range(3):
            found[:, axis] += np.bincount(corners[:, corner], across[:, axis], len(points))
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-30), np.float32)
