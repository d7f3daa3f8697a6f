"""Things in space and the scene that they stand in: the files their arrays lie in, what these mean, where they stand.

A scene's axes are right-handed, z is up, lengths are in the scene's own `unit`. A thing's coordinates are small: what
a file adds to them (eastings in the millions) is its `origin`, kept in double precision and never lost. A placement is
a 4 × 4 matrix, row by row, that takes a node's coordinates to its parent's. Arrays are `.npy` files that a viewer maps.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

from workbench.core.volumes import Triple, VolumeFile

Placement = tuple[
    float, float, float, float, float, float, float, float, float, float, float, float, float, float, float, float
]
UNMOVED: Placement = (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
NOWHERE: Triple = (0.0, 0.0, 0.0)
DensityKind = Literal["alpha", "relu", "exp"]
"""What a grid stores as density: alpha itself, max(d, 0) of a unit step, or the logarithm of it (exp activation)."""
ALPHA_STEP = 0.01
"""The step that densities become alphas over: 1 − exp(−density · 0.01), as NeRF-MAE's files are read (paper 09)."""


MOST_LISTED = 256
"""Classes of a column that are listed one by one: instances of a scan may be millions."""


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of every point: (N,) numbers or classes, (N, 3) uint8 colours or float32 normals, in `path`."""

    name: str
    kind: Literal["scalar", "class", "colour", "normal"]
    path: str
    low: float = 0.0
    high: float = 0.0
    """Least and greatest finite value of a scalar."""
    unit: str = ""
    names: dict[str, str] = {}
    """Names of classes by value, as far as they are known."""
    present: tuple[int, ...] = ()
    """The classes that occur, in rising order; none where they are more than MOST_LISTED, or nobody looked."""


class PointsDoc(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="thing", tag="points"):
    """A point cloud: `positions` is (N, 3) float32, to which `origin` is added.

    Points lie in an order of which every beginning is an even sample of all, so that a viewer draws as many as it has
    time for; `order` (N,) holds each point's place in the file. `of` counts the file's points: more than N where only
    a sample was read. Points that are not finite were left out, which a note tells.
    """

    positions: str
    count: int
    low: Triple
    high: Triple
    origin: Triple = NOWHERE
    of: int = 0
    order: str = ""
    columns: tuple[Column, ...] = ()
    notes: tuple[str, ...] = ()


class MeshDoc(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="thing", tag="mesh"):
    """Triangles: `vertices` (V, 3) float32, `faces` (F, 3) uint32; per vertex `normals` (V, 3) float32, `colours`
    (V, 4) uint8 and `uv` (V, 2) float32 (v upwards) into the picture `texture`, where the file has them."""

    vertices: str
    faces: str
    vertex_count: int
    face_count: int
    low: Triple
    high: Triple
    origin: Triple = NOWHERE
    normals: str = ""
    colours: str = ""
    uv: str = ""
    texture: str = ""
    notes: tuple[str, ...] = ()


class VolumeDoc(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="thing", tag="volume"):
    """A scalar volume: its array and geometry as core/volumes.py has them; LPS millimetres are scene coordinates."""

    file: VolumeFile


class RadianceMeta(msgspec.Struct, frozen=True, omit_defaults=True):
    """The box that a radiance grid fills and what its density means; `meta` of a RadianceGrid artifact.

    The grid is (X, Y, Z, 4): red, green, blue from 0 to 1, and density. Voxel (i, j, k) is centred at
    low + (high − low) · ((i, j, k) + ½) / (X, Y, Z). `names` are those of the classes of its voxels, where the artifact
    has a part `labels` (X, Y, Z) uint8; 0 is nothing.
    """

    low: Triple = NOWHERE
    high: Triple = (1.0, 1.0, 1.0)
    density: DensityKind = "alpha"
    title: str = ""
    names: tuple[str, ...] = ()


class RadianceDoc(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="thing", tag="radiance"):
    """Colour and density in space: a grid to look at, and the trained field (a model folder) to render, if there is
    one."""

    grid: str
    shape: tuple[int, int, int]
    meta: RadianceMeta = RadianceMeta()
    field: str = ""
    notes: tuple[str, ...] = ()


class Lens(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a camera projects: pixels, with (0, 0) the outer corner of the first one; distortion as OpenCV defines it."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0
    fisheye: bool = False

    @property
    def is_distorted(self) -> bool:
        """Whether straight lines are seen bent."""
        return self.fisheye or any((self.k1, self.k2, self.p1, self.p2, self.k3, self.k4))

    @property
    def height_deg(self) -> float:
        """The angle that the picture's height spans."""
        return math.degrees(2 * math.atan(0.5 * self.height / self.fy))


class PosedImage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A photograph and where it was taken from: `pose` takes camera coordinates (x right, y up, looking along −z) to
    the scene's."""

    path: str
    lens: Lens
    pose: Placement
    held_out: bool = False
    """Kept for testing: never learned from."""


class PoseReading(msgspec.Struct, frozen=True, omit_defaults=True):
    """How photographs are read whose poses are not as they should be.

    `repair` puts mirrored poses right, which is a guess; `axes` are the camera axes of a JSON file; `upright` turns the
    cameras' mean up to +z, as it always is with COLMAP's.
    """

    repair: bool = False
    axes: Literal["opengl", "opencv"] = "opengl"
    upright: bool = False


AS_THEY_ARE = PoseReading()


class CamerasDoc(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="thing", tag="cameras"):
    """Posed photographs, and the box that what they show lies in where it is known.

    A `loose` box is the outer bound of all there is (instant-ngp's cube), which may be far larger than that. `reading`
    is how the file was asked for: whoever reads it again gets these poses only so.
    """

    images: tuple[PosedImage, ...]
    low: Triple | None = None
    high: Triple | None = None
    notes: tuple[str, ...] = ()
    loose: bool = False
    reading: PoseReading = AS_THEY_ARE


class Box(msgspec.Struct, frozen=True, omit_defaults=True):
    """A box: its centre, its sides along its own axes, and how far it is turned about z, counter-clockwise from above;
    a score where it was found and not given."""

    centre: Triple
    size: Triple
    yaw_rad: float = 0.0
    label: str = ""
    score: float | None = None


class BoxesDoc(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="thing", tag="boxes"):
    """Boxes with labels; content of a Boxes artifact. `names` are the labels in their order, for steady colours."""

    boxes: tuple[Box, ...]
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class MeasureDoc(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="thing", tag="measure"):
    """A distance of two points, or an angle at the second of three."""

    points: tuple[Triple, ...]
    notes: tuple[str, ...] = ()


Thing = PointsDoc | MeshDoc | VolumeDoc | RadianceDoc | CamerasDoc | BoxesDoc | MeasureDoc
ThingKind = Literal["group", "points", "mesh", "volume", "radiance", "cameras", "boxes", "measure"]


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the scene's tree; without a thing it is a group.

    `source` is the file that the thing was read from, `made` says of which node and by what it was made otherwise.
    `look` is how it is drawn, by the names of its kind's settings (gui/scenes/looks.py).
    """

    id: str
    name: str
    thing: Thing | None = None
    parent: str = ""
    shown: bool = True
    placement: Placement = UNMOVED
    source: str = ""
    made: str = ""
    hidden: str = ""
    """A (N,) bool array of points or faces that were cropped away, `.npy`; empty: none."""
    look: dict[str, Any] = {}
    home: Placement = UNMOVED
    """Where its file placed it, which a reset goes back to."""

    @property
    def kind(self) -> ThingKind:
        """What stands here."""
        return self.thing.__struct_config__.tag if self.thing is not None else "group"  # type: ignore[return-value]


class Viewpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """From where a scene is seen: `pose` as a photograph's; `about` is the point that orbiting turns around.

    `height_deg` is the angle over the picture's height; orthographic views show `height` units instead.
    """

    pose: Placement
    about: Triple = NOWHERE
    height_deg: float = 50.0
    orthographic: bool = False
    height: float = 1.0
    name: str = ""


class ClipPlane(msgspec.Struct, frozen=True, omit_defaults=True):
    """Nothing is drawn where normal · x > distance, in scene coordinates."""

    normal: Triple
    distance: float
    on: bool = True


class Measure(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is measured, in scene coordinates, as projects had it before measures stood in the tree."""

    points: tuple[Triple, ...]
    name: str = ""


class SceneDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """A project: the tree from top to bottom, and how it is seen. Source files are not part of it.

    `measures` are those of older projects, and become nodes. `origin` was taken off all coordinates when the first
    thing with large ones was read.
    """

    nodes: tuple[Node, ...] = ()
    unit: str = "m"
    origin: Triple = NOWHERE
    view: Viewpoint | None = None
    views: tuple[Viewpoint, ...] = ()
    clips: tuple[ClipPlane, ...] = ()
    measures: tuple[Measure, ...] = ()
    version: int = 1


class SceneReadWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A file or folder to read; the question `scene-read`. `most_points` bounds what is read of a cloud; the rest says
    how posed photographs are read, see PoseReading."""

    path: str
    most_points: int = 50_000_000
    repair: bool = False
    axes: Literal["opengl", "opencv"] = "opengl"
    upright: bool = False

    @property
    def poses(self) -> PoseReading:
        """How posed photographs are read."""
        return PoseReading(self.repair, self.axes, self.upright)


class ReadThing(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing of a file, with a name for the tree and where it stands in the file's coordinates."""

    name: str
    thing: Thing
    placement: Placement = UNMOVED
    parent: str = ""
    """The group that it stands in: the id of one of the file's, or else the name of one that is not moved."""


class ReadGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """A group of a file; `placement` takes its coordinates to those of the group `parent` (an id), or to the file's."""

    id: str
    name: str
    placement: Placement = UNMOVED
    parent: str = ""


class SceneRead(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a file held; arrays lie in the home's cache by the file's content. Groups come before those inside them."""

    things: tuple[ReadThing, ...]
    notes: tuple[str, ...] = ()
    unit: str = ""
    groups: tuple[ReadGroup, ...] = ()
