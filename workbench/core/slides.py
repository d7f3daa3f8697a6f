"""Whole-slide images as the window and the worker talk of them; coordinates are level-0 pixels (x, y).

A viewer's zoom k shows one pixel for 2^k × 2^k level-0 pixels and is cut into tiles of TILE_PX, whatever
levels and tiles the file has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

TILE_PX = 512
OBJECTIVE_MPP = 10.0
"""Magnification × µm per pixel: scanners call 0.5 µm per pixel 20×."""


class LevelInfo(msgspec.Struct, frozen=True, array_like=True):
    """Width and height in pixels, and how many level-0 pixels one pixel spans."""

    width: int
    height: int
    downsample: float


class HeatMap(msgspec.Struct, frozen=True):
    """Scores of square tiles over a slide.

    `tiles` are corners (x, y), `tile_px` their width, both in level-0 pixels; `scores` holds under each
    name one number in [0, 1] per tile.
    """

    tiles: tuple[tuple[int, int], ...] = ()
    tile_px: float = 0.0
    scores: dict[str, tuple[float, ...]] = {}


class SlideMeta(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `meta` of a Slide artifact; `mpp` is µm per level-0 pixel, None where it is not known."""

    mpp: float | None = None
    tiles: tuple[tuple[int, int], ...] = ()
    tile_px: float = 0.0
    scores: dict[str, tuple[float, ...]] = {}
    title: str = ""

    @property
    def heat(self) -> HeatMap | None:
        """The scores over the slide, if there are any."""
        return HeatMap(self.tiles, self.tile_px, self.scores) if self.tiles and self.scores else None


class SlideInfo(msgspec.Struct, frozen=True):
    """A slide as it was opened.

    `thumbnail` is a JPEG of the whole slide; `coarsest` the last zoom that can be read tile by tile,
    beyond which the thumbnail is all there is; `tissue` the share of it that shows tissue; `grid` how
    many tiles of 256 pixels at 0.5 µm hold tissue, None where that cannot be told.
    """

    path: str
    title: str
    reader: str
    vendor: str
    levels: tuple[LevelInfo, ...]
    mpp: float | None
    thumbnail: bytes
    coarsest: int
    tissue: float
    grid: int | None
    associated: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def heat_problem(heat: HeatMap) -> str:
    """What is wrong with a heat map, in a few words; empty where nothing is."""
    if not heat.tile_px > 0:
        return f"tile_px is {heat.tile_px}"
    for name, scores in heat.scores.items():
        if len(scores) != len(heat.tiles):
            return f"{len(scores)} scores {name!r} for {len(heat.tiles)} tiles"
        if not all(0 <= score <= 1 for score in scores):
            return f"scores {name!r} outside 0 to 1"
    return ""


def geojson(heat: HeatMap, names: Sequence[str] = ()) -> bytes:
    """Tiles with their scores as a GeoJSON feature collection that QuPath takes in as objects.

    Polygons in level-0 pixels, scores under `measurements`; all of them, or only `names`.
    """
    chosen = {name: heat.scores[name] for name in names or heat.scores}
    side = heat.tile_px
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [_ring(x, y, side)]},
            "properties": {"objectType": "tile", "measurements": {name: values[at] for name, values in chosen.items()}},
        }
        for at, (x, y) in enumerate(heat.tiles)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def _ring(x: float, y: float, side: float) -> list[list[float]]:
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]


def slide_meta(meta: Mapping[str, Any]) -> SlideMeta:
    """An artifact's meta as a SlideMeta; raises msgspec.ValidationError when it is none."""
    return msgspec.convert(meta, SlideMeta)
