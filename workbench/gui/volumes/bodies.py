"""What of a case stands in space, as nodes that the scene's canvas draws: a volume, and surfaces of the labels."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from workbench.core.problem import InputError, ProblemRecord
from workbench.core.scenes import MeshDoc, Node, VolumeDoc
from workbench.core.volumes import Geometry, VolumeFile
from workbench.gui.autosave import Background
from workbench.gui.scenes.gaze import triple
from workbench.gui.scenes.items import smooth_normals
from workbench.gui.scenes.looks import MeshLook, VolumeLook, with_look
from workbench.gui.scenes.scene import Scene as Space
from workbench.gui.volumes.labelmap import LabelMap
from workbench.gui.volumes.looks import Look
from workbench.gui.volumes.scene import Layer, Scene
from workbench.gui.volumes.surfaces import surface_of
from workbench.gui.volumes.tones import Tones, counted

Mode = Literal["volume", "maximum", "surface"]
MODES: tuple[Mode, ...] = ("volume", "maximum", "surface")
AGAIN_AFTER_MS = 700
"""Surfaces are made anew when nobody has painted for this long."""
CLEAR = 0.35
"""Opacity of the largest surface, where others may lie inside it."""
NO_VOLUME = "There is no volume to draw here, only labels. Their surfaces can be shown."
NO_SURFACES = "Nothing of the shown labels is in the volume yet. Paint, and its surface appears here."
HIDDEN = "All that is painted is hidden."
MAKING = "Making surfaces …"
VOLUME = "volume"
_serial = itertools.count(1)
Meshed = tuple[dict[int, MeshDoc], dict[str, NDArray[Any]]]
"""Surfaces by label, and their arrays by name."""


class Bodies(QObject):
    """Keeps `space` as the case is, while somebody watches."""

    counted = Signal()
    """Another volume is drawn, or none; its values are known."""
    filled = Signal(bool)
    """Something of another extent is shown; whether it is another case as well."""
    arranged = Signal()
    """What stands, or what is said, may be another."""
    troubled = Signal(object)
    """A ProblemRecord."""

    def __init__(self, case: Scene, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.case, self._background = case, background
        self.space = Space(self)
        self.tones: Tones | None = None
        """What values the drawn volume has; without its voxels."""
        self.look: Look | None = None
        """None before a person or the pane chose one: as delivered."""
        self.mode: Mode = "volume"
        self.sequence = 0
        self.meshes: dict[int, MeshDoc] = {}
        """Surfaces by label."""
        self.volume = self.surfaces = False
        """What is wanted."""
        self.smooth = True
        """Whether the voxels' steps are taken out of the surfaces."""
        self.awake = False
        """Whether somebody watches."""
        self._layer: Layer | None = None
        self._thing: VolumeDoc | None = None
        self._made: LabelMap | None = None
        self._making, self._stale = False, True
        self._extent: tuple[object, str] = (None, "")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(AGAIN_AFTER_MS)
        self._timer.timeout.connect(self._make_surfaces)
        case.edited.connect(lambda _: self._outdate())
        case.restyled.connect(self._restyled)

    # What is wanted

    @property
    def layer(self) -> Layer | None:
        """The volume that is drawn."""
        layers = self.case.layers
        return layers[self.sequence if self.sequence < len(layers) else 0] if layers else None

    @property
    def hint(self) -> str:
        """What is said where nothing stands."""
        if self.volume:
            return NO_VOLUME
        waits = self._making or (self.case.labels is not None and (self._stale or self.case.labels is not self._made))
        return MAKING if waits else HIDDEN if self.meshes else NO_SURFACES

    def show(self, *, volume: bool, surfaces: bool) -> None:
        """Draw the volume, the labels' surfaces, or both."""
        self.volume, self.surfaces = volume, surfaces
        self.wake()

    def show_sequence(self, at: int) -> None:
        """Draw another of the case's volumes."""
        self.sequence = at
        self.wake()

    def show_look(self, look: Look | None, mode: Mode) -> None:
        """Draw the volume by this look and mode from now on."""
        self.look, self.mode = look, mode
        self._arrange()

    def show_smooth(self, smooth: bool) -> None:
        """Make the surfaces anew with or without the voxels' steps."""
        if smooth != self.smooth:
            self.smooth, self._stale = smooth, True
            self.wake()

    def wake(self) -> None:
        """Make what is wanted and not there, where somebody watches."""
        if not self.awake:
            return
        if self.layer is not self._layer:
            self._count(self.layer if self.volume else None)
        if self.surfaces and (self._stale or self.case.labels is not self._made):
            self._make_surfaces()
        self._arrange()

    def _restyled(self) -> None:
        labels = self.case.labels
        if labels is not None and labels is self._made and any(one not in self._values for one in labels.values):
            self._outdate()
        self.wake()

    _values: tuple[int, ...] = ()
    """Labels that were looked for when surfaces were made last."""

    def _outdate(self) -> None:
        self._stale = True
        if self.awake and self.surfaces:
            self._timer.start()

    # Making

    def _count(self, layer: Layer | None) -> None:
        """Take up another volume, or none; its values are counted off the GUI thread."""
        if self._layer is None and layer is None and self.layer is not None:
            return
        self._layer, self.tones, self._thing = layer, None, None
        if layer is None:
            self.counted.emit()
            return
        name = f"volume {next(_serial)}"
        self._thing = VolumeDoc(VolumeFile(name, layer.meta))
        self.space.lend({name: layer.array})

        def then(tones: Tones) -> None:
            if layer is self._layer:
                self.tones = tones
                self.counted.emit()

        self._background.background(
            lambda: counted(layer.array, layer.meta.geometry), then=then, failed=self.troubled.emit, owner=self
        )

    def _make_surfaces(self) -> None:
        """Make the surfaces of all labels off the GUI thread, then show them."""
        labels = self.case.labels
        if self._making or not self.awake:
            return
        self._stale = False
        if labels is None:
            self.meshes, self._made = {}, None
            self._arrange()
            return
        self._making = True
        geometry, values = self.case.geometry, tuple(labels.values)

        def then(found: Meshed) -> None:
            self._making = False
            if labels is self.case.labels:
                self._made, self._values = labels, values
                self.meshes, arrays = found
                self.space.lend(arrays)
            self._arrange()
            if self._stale:
                self._timer.start()
            elif labels is not self.case.labels:
                self.wake()

        def failed(record: ProblemRecord) -> None:
            self._making = False
            self.troubled.emit(record)

        work = functools.partial(meshed, labels.array, values, geometry, smooth=self.smooth)
        self._background.background(work, then=then, failed=failed, owner=self)

    # Standing

    def _arrange(self) -> None:
        """Nodes as things are wanted now; what has not changed is left alone."""
        if self._made is not self.case.labels:  # of another case, or of none
            self.meshes, self._made = {}, None
        nodes = self._nodes()
        known = self.space.nodes
        if [one.id for one in nodes] != list(known) or any(one.thing is not known[one.id].thing for one in nodes):
            self.space.set_nodes(nodes)
        else:
            changed = [one for one in nodes if one != known[one.id]]
            if changed:
                self.space.put(changed)
        surfaces = any(one.shown for one in nodes if one.id != VOLUME)
        shown = "volume" if self.volume and self._thing else "surfaces" if surfaces else ""
        extent = ((self.case.geometry, self.case.shape), shown)
        if shown and extent != self._extent:
            other, self._extent = extent[0] != self._extent[0], extent
            self.filled.emit(other)
        self.arranged.emit()

    def _nodes(self) -> list[Node]:
        found = []
        if self._thing is not None and self._layer is not None:
            look = VolumeLook(mode=self.mode)
            if self.look is not None:
                look = VolumeLook(mode=self.mode, points=self.look.points, level=self.look.level)
            node = Node(VOLUME, self._layer.title or "volume", self._thing, shown=self.volume)
            found.append(with_look(node, look))
        labels = self._made
        if labels is None:
            return found
        visible = self.case.style.visible
        shown = [one for one in self.meshes if visible and one in labels.values and one not in labels.hidden]
        outer = max(shown, key=self._size, default=0) if len(shown) > 1 and not self.volume else 0
        for value, mesh in self.meshes.items():
            colour = labels.colour(value)
            look_ = MeshLook(
                colour=(colour.red(), colour.green(), colour.blue()), opacity=CLEAR if value == outer else 1.0
            )
            node = Node(node_of(value), labels.name(value), mesh, shown=self.surfaces and value in shown)
            found.append(with_look(node, look_))
        return found

    def _size(self, value: int) -> float:
        """Of the box around a surface."""
        mesh = self.meshes[value]
        return float(np.prod(np.subtract(mesh.high, mesh.low)))


def meshed(labels: NDArray[Any], values: Sequence[int], geometry: Geometry, *, smooth: bool = True) -> Meshed:
    """The surfaces of labels (z, y, x); runs on any thread."""
    meshes: dict[int, MeshDoc] = {}
    arrays: dict[str, NDArray[Any]] = {}
    for value in values:
        try:
            found = surface_of(labels, value, geometry, smooth=smooth)
        except InputError:  # a label of which nothing is painted yet has no surface
            continue
        at, faces = found.vertices, found.faces.astype(np.uint32)
        vertices, corners, normals = (f"surface {next(_serial)}" for _ in range(3))
        arrays |= {vertices: at, corners: faces, normals: smooth_normals(at, faces)}
        low, high = triple(at.min(axis=0)), triple(at.max(axis=0))
        meshes[value] = MeshDoc(vertices, corners, len(at), len(faces), low, high, normals=normals)
    return meshes, arrays


def node_of(value: int) -> str:
    """The id of a label's node."""
    return f"label {value}"
