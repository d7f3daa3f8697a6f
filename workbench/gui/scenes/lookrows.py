"""Which settings of a look can be set, in what order, and when each makes sense."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from workbench.core.scenes import MeshDoc, Node, PointsDoc, RadianceDoc, VolumeDoc
from workbench.gui.scenes import looks
from workbench.gui.volumes.looks import LOOKS, fitting

Choices = Sequence[tuple[Any, str]]


def _always(look: Any, node: Node) -> bool:
    return True


@dataclasses.dataclass(frozen=True)
class LookRow:
    """A setting: a `choice` among `choices` of the node, a `switch`, a `share` from 0 to 1, a `number`, a `colour`."""

    field: str
    title: str
    kind: Literal["choice", "switch", "share", "number", "colour"]
    choices: Callable[[Node], Choices] | None = None
    low: float = 0.0
    high: float = 1e9
    step: float = 1.0
    suffix: str = ""
    fits: bool = False
    """Whether 0 leaves the number to the program, of From and To where both are 0."""
    when: Callable[[Any, Node], bool] = _always
    tip: str = ""


def _plainly(*pairs: tuple[Any, str]) -> Callable[[Node], Choices]:
    return lambda node: pairs


def _maps(node: Node) -> Choices:
    return [(name, name) for name in looks.MAPS]


def _points_ways(node: Node) -> Choices:
    return looks.ways_of_points(node.thing) if isinstance(node.thing, PointsDoc) else []


def _mesh_ways(node: Node) -> Choices:
    thing = node.thing
    found: list[tuple[str, str]] = [("auto", "automatic")]
    if isinstance(thing, MeshDoc):
        found += [("texture", "texture")] if thing.texture else []
        found += [("colours", "vertex colours")] if thing.colours else []
    return [*found, ("height", "height (z)"), ("normals", "normals"), ("plain", "one colour")]


def _presets(node: Node) -> Choices:
    if not isinstance(node.thing, VolumeDoc):
        return []
    return [(name, words) for name, words in LOOKS.items() if fitting(name, node.thing.file.meta)]


def mapped(look: Any, node: Node) -> bool:
    """Whether numbers are seen through a colour map."""
    if isinstance(node.thing, PointsDoc):
        way, column = looks.way_of_points(node.thing, look)
        return way == looks.HEIGHT or (column is not None and column.kind == "scalar")
    return bool(getattr(look, "colour_by", "") in ("height", "score") or getattr(look, "mode", "") in ("density",))


def _plain(look: Any, node: Node) -> bool:
    if isinstance(node.thing, PointsDoc):
        return looks.way_of_points(node.thing, look)[0] == looks.ONE_COLOUR
    bare = isinstance(node.thing, MeshDoc) and not (node.thing.colours or node.thing.texture)
    return bool(look.colour_by == "plain" or (look.colour_by == "auto" and bare))


def _field(look: Any, node: Node) -> bool:
    return isinstance(node.thing, RadianceDoc) and bool(node.thing.field)


_MAP = (
    LookRow("colour_map", "Colours", "choice", _maps, when=mapped),
    LookRow("reversed", "Reversed", "switch", when=mapped),
    LookRow("low", "From", "number", low=-1e9, step=0.1, fits=True, when=mapped,
            tip="Value of the map's low end; From and To both 0: what the values have"),
    LookRow("high", "To", "number", low=-1e9, step=0.1, fits=True, when=mapped, tip="Value of the map's high end"),
)  # fmt: skip
_OPACITY = LookRow("opacity", "Opacity", "share")
ROWS: Mapping[str, tuple[LookRow, ...]] = {
    "points": (
        LookRow("colour_by", "Colour by", "choice", _points_ways),
        *_MAP,
        LookRow("colour", "Colour", "colour", when=_plain),
        LookRow("size", "Size", "number", low=0.001, high=1000, step=0.5, tip="In pixels, or in units of the scene"),
        LookRow("size_in_scene", "In scene units", "switch", tip="The size is in units of the scene, not in pixels"),
        LookRow("round", "Round", "switch"),
        _OPACITY,
        LookRow("shading", "Shading", "choice", _plainly(
            ("eye-dome", "eye-dome"), ("normals", "by normals"), ("none", "none"))),
    ),
    "mesh": (
        LookRow("colour_by", "Colour by", "choice", _mesh_ways),
        *_MAP,
        LookRow("colour", "Colour", "colour", when=_plain),
        _OPACITY,
        LookRow("shading", "Shading", "choice", _plainly(("smooth", "smooth"), ("flat", "flat"), ("none", "none"))),
        LookRow("edges", "Edges", "switch"),
        LookRow("both_sides", "Both sides", "switch"),
    ),
    "volume": (
        LookRow("mode", "Mode", "choice", _plainly(
            ("volume", "volume"), ("maximum", "maximum"), ("surface", "surface"))),
        LookRow("preset", "Colours", "choice", _presets),
        _OPACITY,
    ),
    "radiance": (
        LookRow("rendered_by", "Drawn from", "choice", _plainly(
            ("grid", "the grid"), ("field", "the trained field")), when=_field),
        LookRow("mode", "Shows", "choice", _plainly(
            ("colour", "colour"), ("density", "density"), ("maximum", "maximum density"))),
        LookRow("colour_map", "Colours", "choice", _maps, when=lambda look, node: look.mode != "colour"),
        LookRow("strength", "Strength", "number", low=0.01, high=100, step=0.1),
        LookRow("threshold", "Threshold", "share", tip="Alphas below it are not drawn"),
        _OPACITY,
    ),
    "boxes": (
        LookRow("colour_by", "Colour by", "choice", _plainly(
            ("label", "label"), ("score", "score"), ("plain", "one colour"))),
        LookRow("colour_map", "Colours", "choice", _maps, when=lambda look, node: look.colour_by == "score"),
        LookRow("colour", "Colour", "colour", when=_plain),
        LookRow("line_px", "Line", "number", low=0.5, high=20, step=0.5, suffix=" px"),
        LookRow("fill", "Fill", "share"),
        LookRow("labels", "Labels", "switch"),
        LookRow("least_score", "Least score", "share"),
        _OPACITY,
    ),
    "cameras": (
        LookRow("colour_by", "Colour by", "choice", _plainly(("held-out", "held out"), ("plain", "one colour"))),
        LookRow("colour", "Colour", "colour", when=_plain),
        LookRow("size", "Frustum", "number", low=0.0, high=1e6, step=0.1, fits=True,
                tip="Length of a frustum; 0 fits it"),
        LookRow("pictures", "Photographs", "switch"),
        LookRow("box", "Box", "switch"),
        _OPACITY,
    ),
}  # fmt: skip
