"""What is told of a thing in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.measures import measured
from workbench.core.scenes import CamerasDoc, MeasureDoc, MeshDoc, Node, PointsDoc, RadianceDoc, VolumeDoc
from workbench.core.words import spaced
from workbench.gui.scenes.measurelist import places_of
from workbench.gui.scenes.scene import Scene
from workbench.gui.scenes.state import State

Row = tuple[str, str]


def facts_of(node: Node, scene: Scene, state: State) -> list[Row]:
    """Names and values, most wanted first."""
    thing: Any = node.thing
    rows: list[Row] = []
    match thing:
        case PointsDoc():
            of = f" of {spaced(thing.of)}" if thing.of > thing.count else ""
            rows = [("Points", spaced(thing.count) + of), *_columns(thing)]
        case MeshDoc():
            more = [word for word in ("normals", "colours", "texture") if getattr(thing, word)]
            rows = [("Faces", spaced(thing.face_count)), ("Vertices", spaced(thing.vertex_count)),
                    ("Has", ", ".join(more) or "positions only")]  # fmt: skip
        case RadianceDoc():
            sides = " × ".join(map(str, thing.shape)) if thing.grid else "none yet"
            rows = [("Grid", sides), ("Density", thing.meta.density),
                    *([("Field", Path(thing.field).name)] if thing.field else [])]  # fmt: skip
        case VolumeDoc():
            meta = thing.file.meta
            rows = [("Volume", meta.modality or "values"), *([("Unit", meta.unit)] if meta.unit else [])]
        case CamerasDoc():
            held = sum(one.held_out for one in thing.images)
            rows = [("Photographs", spaced(len(thing.images))), *([("Held out", spaced(held))] if held else [])]
        case MeasureDoc():
            rows = _measure(node, scene, state)
        case None:
            rows = [("Holds", spaced(sum(1 for _ in scene.below(node.id)) - 1) + " things")]
        case _:
            rows = [("Boxes", spaced(len(thing.boxes)))]
    return [*rows, *_cropped(node, scene), *_extent(node, scene, state), *_origin(node, state), *_from(node)]


def _measure(node: Node, scene: Scene, state: State) -> list[Row]:
    places = places_of(scene, node)
    if len(places) < 2:
        return []
    sides = [("Distance", (0, 1))] if len(places) == 2 else [("First side", (1, 0)), ("Other side", (1, 2))]
    along = [(f"{name}, along axes", f"{_triple(places[b] - places[a])} {state.unit}") for name, (a, b) in sides]
    lengths = [(name, measured([places[a].tolist(), places[b].tolist()], state.unit)) for name, (a, b) in sides]
    angle = [("Angle", measured(places.tolist(), state.unit))] if len(places) > 2 else []
    where = [(f"Place {at + 1}", state.place_words(one)) for at, one in enumerate(places)]
    return [*angle, *lengths, *(along if len(places) == 2 else []), *where]


def _columns(thing: PointsDoc) -> list[Row]:
    names = [one.name for one in thing.columns]
    return [("Columns", ", ".join(names))] if names else []


def _cropped(node: Node, scene: Scene) -> list[Row]:
    if not node.hidden:
        return []
    try:
        many = scene.remembered(("cropped", node.id), lambda: int(np.count_nonzero(scene.array(node.hidden))))
    except (OSError, ValueError):
        return [("Cropped", "its mask cannot be read")]
    return [("Cropped", f"{spaced(many)} are hidden")]


def _extent(node: Node, scene: Scene, state: State) -> list[Row]:
    own = scene.extent(node.thing) if node.kind != "measure" else None
    seen = scene.bounds([node.id])
    if own is None or seen is None:
        return []
    # Along its own axes: the box around a thing that was turned is larger than the thing.
    size = (own[1] - own[0]) * np.linalg.norm(scene.world(node.id)[:3, :3], axis=0)
    return [("Size", f"{_triple(size)} {state.unit}"), ("Middle", state.place_words((seen[0] + seen[1]) / 2))]


def _origin(node: Node, state: State) -> list[Row]:
    own = getattr(node.thing, "origin", (0.0, 0.0, 0.0))
    moves = (spaced(-one).replace("-", "−") if one else "0" for one in own)
    return [("Moved by", ", ".join(moves))] if any(own) else []


def _from(node: Node) -> list[Row]:
    rows = [("From", node.source)] if node.source else []
    rows += [("Made", node.made)] if node.made else []
    notes: Sequence[str] = getattr(node.thing, "notes", ())
    return [*rows, *(("Note", one) for one in notes)]


def _triple(vector: Sequence[float] | np.ndarray[Any, Any]) -> str:
    return " × ".join(f"{float(one):.4g}" for one in vector)
