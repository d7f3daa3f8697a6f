"""How things of the 3D page are drawn: settings by kind, kept in `Node.look`, and the colours that they name.

A node's look holds only what differs from its kind's defaults, as plain values; what is unknown or damaged there is
passed by, so that a project of another version opens.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from workbench.core.scenes import Column, Node, PointsDoc

MAPS: Mapping[str, str] = {
    "viridis": "viridis", "cividis": "cividis", "plasma": "plasma", "inferno": "inferno", "grey": "CET-L1",
    "fire": "CET-L3", "ocean": "CET-L7", "blue–red": "CET-D1", "hue": "CET-C1",
}  # fmt: skip
"""Perceptually even colour maps: names for a person to those of the library (matplotlib, Peter Kovesi's colorcet)."""
MapName = str
Rgb = tuple[int, int, int]
PLAIN: Rgb = (196, 202, 214)
AUTOMATIC, HEIGHT, NORMALS, ONE_COLOUR, FILE_COLOURS = "auto", "height", "normals", "plain", "colours"
COLUMN = "column:"
"""Before a column's name: coloured by that column (`column:intensity`)."""


class PointsLook(msgspec.Struct, frozen=True, omit_defaults=True):
    """`colour_by` is auto, plain, height (along `height_axis` of the scene), normals, or `column:<name>`.

    Automatic is the file's first colours, else its first classes, else the height. `low` and `high` bound what the
    colour map spans (both 0: what the values have). `size` is in pixels, or in scene units where `size_in_scene`.
    """

    colour_by: str = AUTOMATIC
    colour_map: MapName = "viridis"
    low: float = 0.0
    high: float = 0.0
    reversed: bool = False
    colour: Rgb = PLAIN
    size: float = 2.0
    size_in_scene: bool = False
    round: bool = True
    opacity: float = 1.0
    shading: Literal["none", "eye-dome", "normals"] = "eye-dome"
    only: tuple[float, float] | None = None
    """Points of the coloured scalar outside of this range are not drawn."""
    without: tuple[int, ...] = ()
    """Classes of the coloured column that are not drawn."""


class MeshLook(msgspec.Struct, frozen=True, omit_defaults=True):
    """`colour_by` is auto (texture, else vertex colours, else plain), plain, colours, texture, normals or height."""

    colour_by: str = AUTOMATIC
    colour_map: MapName = "viridis"
    low: float = 0.0
    high: float = 0.0
    reversed: bool = False
    colour: Rgb = PLAIN
    opacity: float = 1.0
    shading: Literal["smooth", "flat", "none"] = "smooth"
    edges: bool = False
    """Edges of the triangles are drawn as well."""
    both_sides: bool = True


class VolumeLook(msgspec.Struct, frozen=True, omit_defaults=True):
    """A transfer function by the delivered name `preset` (gui/volumes/looks.LOOKS), or `points` of one's own: value,
    colour, opacity of a millimetre, in rising order; `level` is where the surface of mode `surface` lies."""

    mode: Literal["volume", "maximum", "surface"] = "volume"
    preset: str = "auto"
    points: tuple[tuple[float, Rgb, float], ...] = ()
    level: float | None = None
    opacity: float = 1.0


class RadianceLook(msgspec.Struct, frozen=True, omit_defaults=True):
    """`mode` is what of the grid is seen; alphas below `threshold` are not drawn, the others are multiplied with
    `strength`. `rendered_by` is the grid in the window, or the trained field in the worker where there is one."""

    mode: Literal["colour", "density", "maximum"] = "colour"
    colour_map: MapName = "viridis"
    strength: float = 1.0
    threshold: float = 0.02
    opacity: float = 1.0
    rendered_by: Literal["grid", "field"] = "grid"
    shows: Literal["colour", "depth", "normals"] = "colour"
    """Of a trained field."""
    exposure: float = 0.0
    """In stops."""


class BoxesLook(msgspec.Struct, frozen=True, omit_defaults=True):
    """Boxes with a score below `least_score` are not drawn, nor those whose label is in `without`."""

    colour_by: Literal["label", "score", "plain"] = "label"
    colour_map: MapName = "viridis"
    colour: Rgb = PLAIN
    line_px: float = 2.0
    fill: float = 0.08
    labels: bool = True
    least_score: float = 0.0
    without: tuple[str, ...] = ()
    opacity: float = 1.0


class CamerasLook(msgspec.Struct, frozen=True, omit_defaults=True):
    """`size` is the length of a frustum in scene units; 0 fits it to how far apart the cameras stand."""

    colour_by: Literal["held-out", "plain"] = "held-out"
    colour: Rgb = PLAIN
    size: float = 0.0
    pictures: bool = True
    """The photographs are seen in their frustums, as far as there is memory for them."""
    box: bool = True
    """The box of what the photographs show is drawn, where it is known."""
    opacity: float = 1.0


Look = PointsLook | MeshLook | VolumeLook | RadianceLook | BoxesLook | CamerasLook
KINDS: Mapping[str, type[Look]] = {
    "points": PointsLook, "mesh": MeshLook, "volume": VolumeLook, "radiance": RadianceLook, "boxes": BoxesLook,
    "cameras": CamerasLook,
}  # fmt: skip


def look_of(node: Node) -> Look | None:
    """How a node is drawn; None for a group. Settings that are unknown or do not fit are as delivered."""
    kind = KINDS.get(node.kind)
    if kind is None:
        return None
    try:
        return msgspec.convert(node.look, kind)
    except msgspec.ValidationError:
        return msgspec.convert(_fitting(node.look, kind), kind)


def _fitting(look: Mapping[str, Any], kind: type[Look]) -> dict[str, Any]:
    """The settings that each fit by themselves."""
    found = {}
    for name, value in look.items():
        try:
            msgspec.convert({name: value}, kind)
        except msgspec.ValidationError:
            continue
        found[name] = value
    return found


def with_look(node: Node, look: Look) -> Node:
    """The node drawn another way."""
    return msgspec.structs.replace(node, look=msgspec.to_builtins(look))


@functools.lru_cache(maxsize=32)
def colour_table(name: str, *, backwards: bool = False) -> NDArray[np.uint8]:
    """A colour map from its low end to its high one, (256, 3) uint8; an unknown name is viridis."""
    found = pg.colormap.get(MAPS.get(name, "viridis"))
    table = np.asarray(found.map(np.linspace(0.0, 1.0, 256), mode="byte"))[:, :3].astype(np.uint8)
    return np.ascontiguousarray(table[::-1] if backwards else table)


def column_named(thing: PointsDoc, name: str) -> Column | None:
    """A column of a cloud by its name."""
    return next((one for one in thing.columns if one.name == name), None)


def ways_of_points(thing: PointsDoc) -> list[tuple[str, str]]:
    """What a cloud can be coloured by: the setting and its words."""
    own = [(COLUMN + one.name, one.name) for one in thing.columns if one.kind != "normal"]
    normals = [(NORMALS, "normals")] if any(one.kind == "normal" for one in thing.columns) else []
    return [(AUTOMATIC, "automatic"), *own, (HEIGHT, "height (z)"), *normals, (ONE_COLOUR, "one colour")]


def way_of_points(thing: PointsDoc, look: PointsLook) -> tuple[str, Column | None]:
    """What a cloud is coloured by in the end, never automatic: `column:<name>` with its column, height, normals or
    plain; what is not there is as automatic."""
    way = look.colour_by
    if way.startswith(COLUMN):
        column = column_named(thing, way.removeprefix(COLUMN))
        if column is not None and column.kind != "normal":
            return way, column
    elif way == NORMALS:
        normal = next((one for one in thing.columns if one.kind == "normal"), None)
        if normal is not None:
            return NORMALS, normal
    elif way in (HEIGHT, ONE_COLOUR):
        return way, None
    for kind in ("colour", "class"):
        for one in thing.columns:
            if one.kind == kind:
                return COLUMN + one.name, one
    return HEIGHT, None


def span_of_points(thing: PointsDoc, look: PointsLook) -> tuple[float, float]:
    """What the colour map spans, in the values' own unit; heights are the thing's own z, without its origin."""
    if look.low != look.high:
        return look.low, look.high
    way, column = way_of_points(thing, look)
    low, high = (column.low, column.high) if column is not None and way != HEIGHT else (thing.low[2], thing.high[2])
    return (low, high) if high > low else (low, low + 1.0)
