"""What can be done to clouds and meshes: each operation's knobs, what it reads and gives; its question and answer.

Lengths are in the scene's unit, and everything is measured in scene coordinates: a thing that stands scaled is
processed as it is seen. A length of 0 is worked out from the spacing of the points, where a knob's help says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from workbench.core.params import Params, knob
from workbench.core.problem import InputError, did_you_mean
from workbench.core.scenes import UNMOVED, MeshDoc, Placement, PointsDoc, ReadThing

LONG = 1e6
"""No length is longer than this."""
Reads = Literal["points", "mesh", "either"]
Gives = Literal["a new cloud", "a new mesh", "columns", "a placement"]


class Normals(Params):
    """Normals of the surface that the points lie on."""

    neighbours: int = knob(20, "Points that the surface is fitted to at each point", low=3, high=200, unit="points")
    radius: float = knob(0.0, "Only neighbours within this distance; 0: however far they are", low=0, high=LONG,
                         unit="scene units", more=True)  # fmt: skip
    facing: Literal["consistent", "up", "outwards", "either way"] = knob(
        "consistent", "Which side they point to: alike with their neighbours' (a spanning tree), up, away from the "
        "middle, or as they come",
    )  # fmt: skip


class DownSample(Params):
    """Fewer points."""

    method: Literal["voxel", "poisson disk", "random"] = knob(
        "voxel", "The mean of each cell of a grid, points that are nowhere closer than the spacing, or an even share"
    )
    spacing: float = knob(0.05, "Side of a cell, or least distance of two points", low=1e-6, high=LONG,
                          unit="scene units", log=True, when={"method": ("voxel", "poisson disk")})  # fmt: skip
    share: float = knob(0.1, "How many of the points are kept", low=1e-6, high=1.0, when={"method": ("random",)})
    seed: int = knob(0, "Where chance begins", low=0, high=2**31 - 1, more=True, when={"method": ("poisson disk",)})


class Outliers(Params):
    """Points that stand apart."""

    method: Literal["statistical", "radius"] = knob(
        "statistical", "By the mean distance to their neighbours, or by how many are near"
    )
    neighbours: int = knob(20, "Neighbours that the mean distance is taken over", low=2, high=200, unit="points",
                           when={"method": ("statistical",)})  # fmt: skip
    deviations: float = knob(2.0, "How far above the mean that may be", low=0.1, high=20.0,
                             unit="standard deviations", when={"method": ("statistical",)})  # fmt: skip
    radius: float = knob(0.0, "Where neighbours are counted; 0: four spacings", low=0, high=LONG, unit="scene units",
                         when={"method": ("radius",)})  # fmt: skip
    least: int = knob(6, "How many must be there", low=1, high=1000, unit="points", label="Least neighbours",
                      when={"method": ("radius",)})  # fmt: skip
    keep: bool = knob(False, "Keep them, marked in a class column, in place of leaving them out", label="Only mark")


class Planes(Params):
    """Planes, the largest first (RANSAC)."""

    most: int = knob(6, "At most so many planes", low=1, high=50, label="Planes at most")
    distance: float = knob(0.0, "How far from a plane its points may lie; 0: one and a half spacings", low=0, high=LONG,
                           unit="scene units")  # fmt: skip
    least: float = knob(
        0.03, "A plane has at least this share of all points", low=0.0001, high=1.0, label="Least share"
    )
    tries: int = knob(2000, "Planes through three random points that are tried", low=10, high=100_000, more=True)
    apart: bool = knob(False, "A cloud of its own for each plane, and one for the rest", label="Split the cloud")
    seed: int = knob(0, "Where chance begins", low=0, high=2**31 - 1, more=True)


class Clusters(Params):
    """Heaps of points that lie close together (DBSCAN)."""

    distance: float = knob(0.0, "Points this close are neighbours; 0: three spacings", low=0, high=LONG,
                           unit="scene units")  # fmt: skip
    least: int = knob(10, "Neighbours that make a point the core of a cluster", low=1, high=10_000, unit="points",
                      label="Least neighbours")  # fmt: skip
    smallest: int = knob(20, "Clusters of fewer points count as noise", low=1, high=10_000_000, unit="points",
                         label="Smallest cluster")  # fmt: skip
    apart: bool = knob(False, "A cloud of its own for each of the twenty largest", label="Split the cloud")


class Register(Params):
    """Move one thing onto another that shows the same."""

    method: Literal["global, then ICP", "ICP", "global"] = knob(
        "global, then ICP", "From anywhere by matching features, from nearby by closest points, or both"
    )
    spacing: float = knob(0.0, "Spacing that both are thinned to; 0: a hundredth of their size", low=0, high=LONG,
                          unit="scene units")  # fmt: skip
    features: Literal["RANSAC", "fast"] = knob(
        "RANSAC", "How matches of features are sorted out: RANSAC, or Fast Global Registration",
        when={"method": ("global, then ICP", "global")},
    )  # fmt: skip
    fit: Literal["point to plane", "point to point"] = knob(
        "point to plane", "What ICP makes small", when={"method": ("global, then ICP", "ICP")}
    )
    reach: float = knob(0.0, "Pairs of points farther apart than this do not count; 0: twice the spacing", low=0,
                        high=LONG, unit="scene units")  # fmt: skip
    tries: int = knob(200_000, "Triples of matches that RANSAC tries", low=1000, high=10_000_000, more=True,
                      when={"features": ("RANSAC",)})  # fmt: skip
    seed: int = knob(0, "Where chance begins", low=0, high=2**31 - 1, more=True)


class Distances(Params):
    """How far each point is from another thing."""

    most: float = knob(0.0, "Farther ones are told as this far; 0: as they are", low=0, high=LONG, unit="scene units",
                       label="At most")  # fmt: skip


class SurfaceOf(Params):
    """A mesh of the surface that the points lie on."""

    method: Literal["poisson", "alpha shape", "ball pivoting"] = knob(
        "poisson", "A smooth closed surface through oriented points, the faces of a ball that touches points only, or "
        "a ball rolled over them",
    )  # fmt: skip
    depth: int = knob(8, "Halvings of the box: the finest detail is its side over two to the power of this", low=4,
                      high=12, when={"method": ("poisson",)})  # fmt: skip
    trim: float = knob(10.0, "Cut away what is farther than so many spacings from every point; 0: keep it closed",
                       low=0, high=1000, unit="spacings", when={"method": ("poisson",)})  # fmt: skip
    alpha: float = knob(0.0, "Radius of the ball; 0: six spacings", low=0, high=LONG, unit="scene units",
                        when={"method": ("alpha shape",)})  # fmt: skip
    radius: float = knob(0.0, "Radius of the smallest ball, twice and four times as large ones follow; 0: two spacings",
                         low=0, high=LONG, unit="scene units", when={"method": ("ball pivoting",)})  # fmt: skip
    neighbours: int = knob(30, "For normals, where the cloud has none", low=3, high=200, unit="points", more=True)


class SampleMesh(Params):
    """Points on a mesh."""

    method: Literal["uniform", "poisson disk"] = knob("uniform", "By chance, or evenly far from each other")
    count: int = knob(100_000, "How many points", low=1, high=20_000_000, unit="points", log=True)
    seed: int = knob(0, "Where chance begins", low=0, high=2**31 - 1, more=True)


class CleanMesh(Params):
    """Mend what programs trip over."""

    merge: float = knob(0.0, "Vertices this close become one; 0: only those at the same place", low=0, high=LONG,
                        unit="scene units", label="Merge within")  # fmt: skip
    edges: bool = knob(True, "Of three or more faces at an edge keep the two largest", label="Make manifold")
    smallest: float = knob(0.0, "Leave out pieces with fewer faces than this share of the largest piece's", low=0.0,
                           high=1.0, label="Smallest piece")  # fmt: skip
    holes: float = knob(0.0, "Close holes whose rim fits into a ball of this radius; 0: none", low=0, high=LONG,
                        unit="scene units", label="Close holes")  # fmt: skip
    turn: bool = knob(True, "Turn faces so that neighbours agree on the outside", label="Turn faces alike")


class Decimate(Params):
    """Fewer faces, where they matter least (quadric error)."""

    by: Literal["share", "faces"] = knob("share", "What tells how many are kept")
    share: float = knob(0.25, "Faces that are kept", low=0.0001, high=1.0, when={"by": ("share",)})
    faces: int = knob(10_000, "Faces that are kept", low=4, high=100_000_000, log=True, when={"by": ("faces",)})


class Smooth(Params):
    """Even out noise without shrinking (Taubin)."""

    rounds: int = knob(10, "How often", low=1, high=1000)
    forth: float = knob(0.5, "Step towards the neighbours' mean (λ)", low=0.01, high=1.0, label="λ", more=True)
    back: float = knob(-0.53, "Step back from it (μ), longer than λ", low=-1.1, high=-0.01, label="μ", more=True)


@dataclasses.dataclass(frozen=True)
class Operation:
    """What can be done: `reads` says to what, `other` what the second thing is for, where there is one."""

    name: str
    title: str
    help: str
    params: type[Params]
    reads: Reads
    gives: tuple[Gives, ...]
    other: str = ""

    @property
    def previews(self) -> bool:
        """Whether it can be seen on a sample first: meshes are processed whole."""
        return self.reads != "mesh"

    def takes(self, kind: str) -> bool:
        """Whether it works on things of this kind."""
        return kind == self.reads or (self.reads == "either" and kind in ("points", "mesh"))

    def takes_part(self, kind: str) -> bool:
        """Whether it works on what is selected of a thing of this kind: a mesh is never mended in a part."""
        return self.takes(kind) and (kind == "points" or "a new mesh" not in self.gives)


OPERATIONS: Mapping[str, Operation] = {
    one.name: one
    for one in (
        Operation("normals", "Normals", "Which way the surface faces at each point", Normals, "points", ("columns",)),
        Operation("down-sample", "Down-sample", "Fewer points, evenly spread", DownSample, "points", ("a new cloud",)),
        Operation("outliers", "Outliers", "Leave out or mark points that stand apart", Outliers, "points",
                  ("a new cloud", "columns")),
        Operation("planes", "Planes", "Find planes and tell which points lie on them", Planes, "points",
                  ("columns", "a new cloud")),
        Operation("clusters", "Clusters", "Find heaps of points that lie close together", Clusters, "points",
                  ("columns", "a new cloud")),
        Operation("register", "Register", "Move a thing onto another that shows the same", Register, "either",
                  ("a placement", "columns"), "stays where it is"),
        Operation("distances", "Distances", "How far each point is from another thing", Distances, "points",
                  ("columns",), "is measured from"),
        Operation("surface", "Surface", "Make a mesh of a cloud", SurfaceOf, "points", ("a new mesh",)),
        Operation("clean", "Clean up", "Merge vertices, take out bad faces, close holes", CleanMesh, "mesh",
                  ("a new mesh",)),
        Operation("decimate", "Decimate", "Fewer faces", Decimate, "mesh", ("a new mesh",)),
        Operation("smooth", "Smooth", "Even out noise without shrinking", Smooth, "mesh", ("a new mesh",)),
        Operation("sample", "Sample points", "Make a cloud of a mesh", SampleMesh, "mesh", ("a new cloud",)),
    )
}  # fmt: skip


def operation(name: str) -> Operation:
    """The declaration of an operation; raises InputError where there is none of this name."""
    if name not in OPERATIONS:
        raise InputError("There is no such operation.", expected=", ".join(OPERATIONS), received=name,
                         fix=did_you_mean(name, OPERATIONS), field="operation")  # fmt: skip
    return OPERATIONS[name]


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A thing and what takes its coordinates to the scene's; `hidden` are its points or faces that were cropped away,
    `selected` those that alone are worked on, where named (bool arrays in files)."""

    thing: PointsDoc | MeshDoc
    world: Placement = UNMOVED
    name: str = ""
    hidden: str = ""
    selected: str = ""


class SceneProcessWish(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An operation on a thing; the question `scene-process`. `sample` tries it on so many points only (0: all).

    Arrays of what comes of it are written below `folder`, or into the home's cache where none is named.
    """

    operation: str
    on: Standing
    knobs: dict[str, Any] = {}
    other: Standing | None = None
    sample: int = 0
    folder: str = ""


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A number that an operation tells of its result; `text` stands in its place where it is no number."""

    name: str
    value: float | None = None
    unit: str = ""
    text: str = ""


class Histogram(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many values lie between each pair of neighbouring `edges` (one more than counts)."""

    title: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    unit: str = ""


class SceneProcessed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of it: new things that stand where the old one stands, the old thing with columns added, or a place.

    `world` takes the thing's coordinates to the scene's from now on. Of `of` points `seen` were looked at. Where only
    what was selected is in `made`, it is a `part`: the old thing goes on to be seen.
    """

    operation: str
    made: tuple[ReadThing, ...] = ()
    thing: PointsDoc | None = None
    column: str = ""
    """The added column to colour by."""
    world: Placement | None = None
    facts: tuple[Fact, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    notes: tuple[str, ...] = ()
    seen: int = 0
    of: int = 0
    seconds: float = 0.0
    part: bool = False
