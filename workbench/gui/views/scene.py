"""Things in space under the time slider: points, meshes, radiance grids, boxes, cameras; a run's turn together."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.core import events as ev
from workbench.core.documents import read
from workbench.core.problem import ProblemRecord
from workbench.core.scenes import (
    BoxesDoc,
    CamerasDoc,
    Column,
    MeshDoc,
    Node,
    PointsDoc,
    RadianceDoc,
    RadianceMeta,
    Viewpoint,
)
from workbench.core.words import spaced
from workbench.gui.buttons import tool_button
from workbench.gui.scenes.canvas import SceneCanvas
from workbench.gui.scenes.scene import Read, Scene
from workbench.gui.views import reading
from workbench.gui.views.base import Rows, View
from workbench.gui.views.classes import ClassSwitches
from workbench.store.ply import Ply, read_ply

_COLOURS, _NORMALS = ("red", "green", "blue"), ("nx", "ny", "nz")
CLEAR_EXP = -30.0
"""A density, as a logarithm, of which nothing is seen."""
_KNOWN = {"x", "y", "z", "alpha", *_COLOURS, *_NORMALS}


@dataclasses.dataclass
class Content:
    """Nodes, arrays by the names that the nodes' things know them by, a caption, and a table."""

    nodes: list[Node]
    arrays: dict[str, NDArray[Any]]
    caption: str
    columns: Sequence[str]
    rows: Rows
    classes: Sequence[tuple[str, tuple[int, int, int]]] = ()
    """Names of what voxels are, and the colours that these have."""


class Shared:
    """Where all views of a run look from."""

    _known: ClassVar[weakref.WeakValueDictionary[Path, Shared]] = weakref.WeakValueDictionary()

    def __init__(self) -> None:
        self.view: Viewpoint | None = None
        self.scenes: weakref.WeakSet[RunScene] = weakref.WeakSet()

    @classmethod
    def of(cls, folder: Path) -> Shared:
        """The one of a run's folder, for as long as a view of it lives."""
        found = cls._known.get(folder)
        if found is None:
            found = cls._known[folder] = cls()
        return found

    def look_from(self, view: Viewpoint) -> None:
        """All views of the run look from here."""
        if view != self.view:
            self.view = view
            for one in list(self.scenes):
                one.look_from(view)


class RunScene(Scene):
    """A scene some of whose arrays lie in memory."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.held: dict[str, NDArray[Any]] = {}

    def reader(self) -> Read:
        held, other = self.held, super().reader()  # those of other content are another mapping

        def read(path: str) -> NDArray[np.generic]:
            found = held.get(path)
            return found if found is not None else other(path)

        return read


class SceneView(View):
    """What stands in one artifact, seen from where all views of the run look from."""

    name = "Scene"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene = RunScene(self)
        self.canvas = SceneCanvas(self.scene)
        self.canvas.hint = ""
        self._shared: Shared | None = None
        self._table: tuple[Sequence[str], Rows] = ((), [])
        self.scene.viewed.connect(self._viewed)
        self.canvas.troubled.connect(self._troubled)
        self._folder: Path | None = None
        self.to_scene = self.add_action("view.to-scene", self.open_in_scene)
        self.scene_button = tool_button("mdi6.cube-send", self.to_scene.toolTip(), self.to_scene.trigger,
                                        name="Open in the scene")  # fmt: skip
        self.scene_button.setParent(self.canvas)
        self.scene_button.move(4, 4)  # the axes stand at the right
        self.scene_button.hide()
        self.recolour()
        self.set_body(self.make_body())
        self.setFocusProxy(self.canvas)

    def make_body(self) -> QWidget:
        """The canvas, and what else the view has."""
        return self.canvas

    def recolour(self) -> None:
        """The canvas is black in both themes; the button brings its ground along."""
        self.scene_button.setStyleSheet(f"background: {self.tokens.surface}; border-radius: 4px")

    def open_in_scene(self) -> None:
        """Put this artifact into the scene of the 3D page, under the run's own file; nothing of the run is altered."""
        window: Any = self.window()
        if self._folder is not None and self.artifact is not None and hasattr(window, "open_choice"):
            path = reading.inside(self._folder, self.artifact.path)
            window.open_choice("scenes").open_paths([str(path)])

    def show_artifact(self, folder: Path, artifact: ev.Artifact) -> None:
        self._folder = folder
        shared = Shared.of(folder.resolve())
        if shared is not self._shared:
            if self._shared is not None:
                self._shared.scenes.discard(self.scene)
            self._shared = shared
            shared.scenes.add(self.scene)
        super().show_artifact(folder, artifact)

    def draw(self, content: Content) -> None:
        if self._shared is not None and self._shared.view is not None:
            self.scene.look_from(self._shared.view)
        self.scene.held = content.arrays
        self.scene.set_nodes(content.nodes)
        self._table = (content.columns, content.rows)
        self.set_caption(content.caption)
        self.scene_button.setVisible(hasattr(self.window(), "open_choice"))

    def clear(self, hint: str) -> None:
        self.scene.set_nodes(())
        self.scene_button.hide()
        super().clear(hint)

    def rows(self) -> tuple[Sequence[str], Rows]:
        return self._table

    def _viewed(self) -> None:
        if self._shared is not None:
            self._shared.look_from(self.scene.view)

    def _troubled(self, record: ProblemRecord) -> None:
        self.set_caption(record.what)


class PointsView(SceneView):
    """A PLY of points: x, y, z, red, green, blue, nx, ny, nz, and any further property as a scalar."""

    name = "Points"

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        found = read_ply(reading.inside(folder, artifact.path))
        arrays: dict[str, NDArray[Any]] = {}
        order = np.random.default_rng(0).permutation(len(found.vertices))  # every beginning an even sample of all
        shuffled = Ply(found.vertices[order])
        thing = _points(shuffled, arrays)
        kinds = [one.name for one in thing.columns]
        caption = " · ".join([f"{spaced(thing.count)} points", *kinds])
        places = arrays["positions"]
        rows = [[axis, float(places[:, k].min()), float(places[:, k].max())] for k, axis in enumerate("xyz")]
        return Content(
            [Node("points", artifact.title or "points", thing)], arrays, caption, ("axis", "from", "to"),
            rows if thing.count else [],
        )  # fmt: skip


def _points(found: Ply, arrays: dict[str, NDArray[Any]]) -> PointsDoc:
    positions = np.ascontiguousarray(found.columns("x", "y", "z"), np.float32)
    finite = np.isfinite(positions).all(axis=1)
    arrays["positions"] = positions[finite]
    columns = []
    for name, names, kind in (("colour", _COLOURS, "colour"), ("normal", _NORMALS, "normal")):
        values = found.columns(*names)
        if values is not None:
            arrays[name] = values[finite].astype(np.uint8 if kind == "colour" else np.float32)
            columns.append(Column(name, "colour" if kind == "colour" else "normal", name))
    for name in found.vertices.dtype.names or ():
        if name not in _KNOWN:
            values = found.vertices[name][finite]
            arrays[f"column {name}"] = values
            if values.dtype.kind in "iu" and values.dtype.itemsize == 1:  # whole small numbers are classes
                columns.append(Column(name, "class", f"column {name}"))
            else:
                known = values[np.isfinite(values)]
                low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
                columns.append(Column(name, "scalar", f"column {name}", low, high))
    places = arrays["positions"]
    low_, high_ = _box(places)
    return PointsDoc("positions", len(places), low_, high_, columns=tuple(columns))


class MeshView(SceneView):
    """A PLY of triangles, with normals and colours of its vertices where it has them."""

    name = "Mesh"

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        path = reading.inside(folder, artifact.path)
        found = read_ply(path)
        if found.faces is None:
            raise reading.damaged(path, "faces", "only vertices")
        arrays: dict[str, NDArray[Any]] = {
            "vertices": np.ascontiguousarray(found.columns("x", "y", "z"), np.float32), "faces": found.faces,
        }  # fmt: skip
        normals, colours = found.columns(*_NORMALS), found.columns(*_COLOURS)
        if normals is not None:
            arrays["normals"] = normals.astype(np.float32)
        if colours is not None:
            arrays["colours"] = np.hstack([colours, np.full((len(colours), 1), 255)]).astype(np.uint8)
        low, high = _box(arrays["vertices"])
        count, faces = len(arrays["vertices"]), len(found.faces)
        thing = MeshDoc(
            "vertices", "faces", count, faces, low, high, normals="normals" if normals is not None else "",
            colours="colours" if colours is not None else "",
        )  # fmt: skip
        caption = f"{spaced(faces)} faces · {spaced(count)} vertices"
        return Content([Node("mesh", artifact.title or "mesh", thing)], arrays, caption, ("faces", "vertices"),
                       [[faces, count]])  # fmt: skip


class RadianceView(SceneView):
    """A radiance grid, walked through along the lines of sight; where its voxels have classes, with a switch for each.

    Classes that hide the others from outside are off at first.
    """

    name = "Radiance grid"

    def make_body(self) -> QWidget:
        self.classes = ClassSwitches()
        self.classes.switched.connect(self._again)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.canvas, 1)
        column.addWidget(self.classes)
        return body

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        path = reading.inside(folder, artifact.path)
        thing = _radiance(path, _meta(artifact, path))
        x, y, z = thing.shape
        size = np.subtract(thing.meta.high, thing.meta.low)
        caption = f"{x} × {y} × {z} · " + " × ".join(f"{one:.3g}" for one in size)
        rows = [[axis, thing.shape[k], thing.meta.low[k], thing.meta.high[k]] for k, axis in enumerate("xyz")]
        arrays: dict[str, NDArray[Any]] = {}
        classes: list[tuple[str, tuple[int, int, int]]] = []
        part = artifact.parts.get("labels", "")
        if part:
            grid, labels = reading.array(path, ndim=4), reading.array(reading.inside(folder, part), ndim=3)
            if labels.shape != grid.shape[:3]:
                raise reading.damaged(path, f"labels of {thing.shape}", str(labels.shape))
            found = _classes(grid, labels, thing.meta)
            classes = [(name, colour) for _, name, colour in found]
            off = [value for value, name, _ in found if self.classes.is_off(name)]
            if off:
                key = f"{path} without {off}"
                arrays[key] = _without(grid, labels, off, thing.meta)
                thing = msgspec.structs.replace(thing, grid=key)
        return Content([Node("grid", artifact.title or "grid", thing)], arrays, caption,
                       ("axis", "voxels", "from", "to"), rows, classes)  # fmt: skip

    def draw(self, content: Content) -> None:
        super().draw(content)
        self.classes.show_classes(content.classes)

    def clear(self, hint: str) -> None:
        self.classes.show_classes(())
        super().clear(hint)

    def _again(self) -> None:
        """Another class is seen or hidden."""
        if self._folder is not None and self.artifact is not None:
            self.show_artifact(self._folder, self.artifact)


def _classes(
    grid: NDArray[Any], labels: NDArray[Any], meta: RadianceMeta
) -> list[tuple[int, str, tuple[int, int, int]]]:  # fmt: skip
    """The classes of a grid's voxels but 0, which is nothing: their values, names and mean colours. A class of which
    nothing can be seen is not among them."""
    found, names = [], meta.names
    for value in np.unique(labels).tolist():
        voxels = grid[labels == value]
        if value > 0 and (voxels[:, 3] > _clear(meta)).any():
            mean = np.asarray(voxels[:, :3], np.float32).mean(axis=0)
            red, green, blue = (int(one) for one in np.rint(255 * np.clip(mean, 0, 1)))
            name = (names[value] if value < len(names) else "").strip() or f"class {value}"
            found.append((value, name, (red, green, blue)))
    return found


def _without(grid: NDArray[Any], labels: NDArray[Any], off: Sequence[int], meta: RadianceMeta) -> NDArray[Any]:
    """A grid in which nothing is where voxels have one of these classes."""
    found = np.array(grid)
    found[np.isin(labels, off), 3] = _clear(meta)
    return found


def _clear(meta: RadianceMeta) -> float:
    """The density of nothing."""
    return CLEAR_EXP if meta.density == "exp" else 0.0


class BoxesView(SceneView):
    """Boxes with labels and scores, over the radiance grid of the artifact's part `grid` where it has one."""

    name = "Boxes"

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        path = reading.inside(folder, artifact.path)
        doc = read(path, BoxesDoc)
        nodes = []
        part = artifact.parts.get("grid", "")
        if part:
            grid = reading.inside(folder, part)
            nodes.append(Node("grid", "grid", _radiance(grid, _meta(artifact, path))))
        nodes.append(Node("boxes", artifact.title or "boxes", doc))
        names = list(dict.fromkeys(one.label for one in doc.boxes if one.label))
        many = f"{len(doc.boxes)} boxes" if len(doc.boxes) != 1 else "1 box"
        rows = [[one.label, "" if one.score is None else one.score, *one.centre, *one.size, one.yaw_rad]
                for one in doc.boxes]  # fmt: skip
        columns = ("label", "score", "x", "y", "z", "size x", "size y", "size z", "yaw (rad)")
        return Content(nodes, {}, " · ".join([many, *names[:6]]), columns, rows)


class CamerasView(SceneView):
    """Where photographs were taken from; held-out ones in another colour."""

    name = "Cameras"

    def read(self, folder: Path, artifact: ev.Artifact) -> Content:
        doc = read(reading.inside(folder, artifact.path), CamerasDoc)
        held = sum(one.held_out for one in doc.images)
        caption = f"{len(doc.images)} photographs" + (f" · {held} held out" if held else "")
        rows = [[Path(one.path).name, one.pose[3], one.pose[7], one.pose[11], int(one.held_out)] for one in doc.images]
        nodes: list[Node] = [Node("cameras", artifact.title or "cameras", doc)]
        return Content(nodes, {}, caption, ("photograph", "x", "y", "z", "held out"), rows)


def _meta(artifact: ev.Artifact, path: Path) -> RadianceMeta:
    try:
        return msgspec.convert(artifact.meta or {}, RadianceMeta)
    except msgspec.ValidationError as error:
        raise reading.damaged(path, "a RadianceMeta in the artifact's meta", str(error)) from None


def _radiance(path: Path, meta: RadianceMeta) -> RadianceDoc:
    grid = reading.array(path, ndim=4)
    if grid.shape[3] != 4:
        raise reading.damaged(path, "(X, Y, Z, 4): red, green, blue and density", str(grid.shape))
    x, y, z = grid.shape[:3]
    return RadianceDoc(str(path), (x, y, z), meta)


def _box(places: NDArray[np.float32]) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    if not len(places):
        return (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
    low, high = places.min(axis=0), places.max(axis=0)
    return (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))
