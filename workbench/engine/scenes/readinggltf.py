"""GLB and glTF files through trimesh: every node's mesh or points where it stands, with materials and textures."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import trimesh
from numpy.typing import NDArray

from workbench.core.job import JobCancelled
from workbench.core.problem import InputError, Problem
from workbench.core.scenes import NOWHERE, Placement, ReadGroup, ReadThing, Thing
from workbench.core.words import count, spaced
from workbench.engine.scenes.columns import to_bytes
from workbench.engine.scenes.keeping import Known, Shelf, keep_mesh, keep_points
from workbench.engine.scenes.pictures import keep_picture, near
from workbench.engine.scenes.readingmeshes import damaged

UPRIGHT = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""glTF has y up; scenes have z up."""
MOST_JSON_BYTES = 64 << 20
MOST_NODES = 20_000
MOST_DEPTH = 64
COMPONENTS = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


def read_gltf(path: Path, shelf: Shelf) -> tuple[list[ReadThing], list[str], list[Path], list[ReadGroup]]:
    """The things of a file, what to know of them, the files beside it that it refers to, and its groups.

    Raises InputError for damaged files, and for claims that the file cannot hold.
    """
    described = _described(path)
    beside = _check(path, described)
    notes = ["y is up in this file: it was turned, so that z is"]
    asked = described.get("extensionsRequired") or []
    if asked:
        notes.append(f"Asks for extensions: {', '.join(map(str, asked))[:120]}")
    with path.open("rb") as file:
        kind = "glb" if file.read(4) == b"glTF" else "gltf"
    try:
        scene = trimesh.load_scene(path, file_type=kind, process=False)
        things, groups = _things(path, scene, _places(described), shelf, notes)
    except (Problem, JobCancelled, MemoryError):
        raise
    except Exception as error:  # the library raises what it likes
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise damaged(path, "glTF", "a whole and undamaged glTF 2.0 file", said.replace(str(path), path.name)) from None
    if not things:
        raise damaged(path, "glTF", "at least one mesh with triangles, or points", "none")
    return things, notes, beside, groups


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        head = file.read(20)
        if head[:4] == b"glTF":
            version, _, length, kind = struct.unpack_from("<IIII", head.ljust(20, b"\0"), 4)
            if version != 2 or kind != 0x4E4F534A or length > path.stat().st_size - 20:
                raise damaged(
                    path, "glTF", "version 2 and a whole JSON part", f"version {version}, {spaced(length)} bytes of it"
                )
            said = file.read(min(length, MOST_JSON_BYTES))
        else:
            file.seek(0)
            said = file.read(min(MOST_JSON_BYTES, path.stat().st_size))
    try:
        found = json.loads(said)
    except (ValueError, RecursionError) as error:
        raise damaged(path, "glTF", "a description in JSON", str(error)[:100]) from None
    if not isinstance(found, dict):
        raise damaged(path, "glTF", "a description in JSON", type(found).__name__)
    return found


def _check(path: Path, described: dict[str, Any]) -> list[Path]:
    """What would make the library allocate, or walk, what the file does not hold; the files that it refers to."""
    held, beside = path.stat().st_size, list[Path]()
    for one in _rows(described, "buffers") + _rows(described, "images"):
        uri = one.get("uri")
        if isinstance(uri, str) and not uri.startswith("data:"):
            file = near(path, uri)
            if file is None:
                raise damaged(path, "glTF", f"the file {uri[:80]} beside it", "no such file")
            beside.append(file)
            held += file.stat().st_size
    for at, one in enumerate(_rows(described, "accessors")):
        rows, kind = one.get("count"), WIDTHS.get(str(one.get("type")))
        size = COMPONENTS.get(one.get("componentType") or 0)
        if not isinstance(rows, int) or rows < 0 or kind is None or size is None:
            raise damaged(path, "glTF", "accessors of a count and a type", f"accessor {at}: {str(one)[:80]}")
        if rows * kind * size > held:
            raise damaged(
                path, "glTF", f"{spaced(rows * kind * size)} bytes of numbers", f"files of {spaced(held)} bytes"
            )
    nodes = _rows(described, "nodes")
    if len(nodes) > MOST_NODES:
        raise damaged(path, "glTF", f"at most {spaced(MOST_NODES)} nodes", spaced(len(nodes)))
    _check_tree(path, nodes)
    return beside


def _rows(described: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = described.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _check_tree(path: Path, nodes: list[dict[str, Any]]) -> None:
    parent = [-1] * len(nodes)
    for at, one in enumerate(nodes):
        children = one.get("children")
        for child in children if isinstance(children, list) else []:
            if not isinstance(child, int) or not 0 <= child < len(nodes) or parent[child] >= 0:
                raise damaged(path, "glTF", "nodes in a tree", f"child {child!r} of node {at}")
            parent[child] = at
    for at in range(len(nodes)):
        depth, up = 0, parent[at]
        while up >= 0:
            depth, up = depth + 1, parent[up]
            if depth > max(MOST_DEPTH, 1):
                raise damaged(
                    path, "glTF", f"nodes at most {MOST_DEPTH} deep, without circles", f"node {at} below more"
                )


def _places(described: dict[str, Any]) -> dict[str, int]:
    """The place of each node in the file by its name: the library keeps them in no order."""
    return {str(one.get("name", at)): at for at, one in reversed(list(enumerate(_rows(described, "nodes"))))}


def _things(
    path: Path, scene: Any, places: dict[str, int], shelf: Shelf, notes: list[str]
) -> tuple[list[ReadThing], list[ReadGroup]]:  # fmt: skip
    things, kept, others = dict[str, ReadThing](), dict[str, Thing](), dict[str, int]()
    names = sorted(scene.graph.nodes_geometry, key=lambda node: (places.get(str(node), len(places)), str(node)))
    for number, node in enumerate(names):
        shelf.told(number, len(names), "things")
        matrix, geometry_name = scene.graph.get(node)
        geometry = scene.geometry[geometry_name]
        if geometry_name not in kept:
            found = _kept(geometry, shelf, path)
            if found is None:
                kind = type(geometry).__name__
                others[kind] = others.get(kind, 0) + 1
                continue
            kept[geometry_name] = found
        # Far vertices under a turn: their origin is part of where the node stands, not of the thing.
        origin = np.eye(4)
        origin[:3, 3] = getattr(kept[geometry_name], "origin", NOWHERE)
        place = UPRIGHT @ np.asarray(matrix, np.float64) @ origin
        if not np.isfinite(place).all():
            raise damaged(path, "glTF", "finite transforms", f"node {node}")
        # The library makes names up for the parts of a mesh of several.
        name = str(node) if str(node) in places and str(node) != "world" else str(geometry_name)
        thing: Any = msgspec.structs.replace(kept[geometry_name], origin=NOWHERE)
        things[str(node)] = ReadThing(name, thing, _placement(place))
    notes += [f"{count(many, kind)} left out" for kind, many in others.items()]
    if len(things) == 1:
        (one,) = things.values()
        return [ReadThing(path.stem, one.thing, one.placement)], []
    groups, parents = _groups(path, scene, list(things), notes)
    return [msgspec.structs.replace(one, parent=parents.get(node, path.stem)) for node, one in things.items()], groups


def _groups(
    path: Path, scene: Any, nodes: list[str], notes: list[str]
) -> tuple[list[ReadGroup], dict[str, str]]:  # fmt: skip
    """The groups that things stand in, outer ones first, and which group each node's thing stands in; none where the
    file has no tree worth the name. One with several tops gets a group with the file's name around them."""
    tree = scene.graph.transforms
    above = {str(child): str(parent) for child, parent in tree.parents.items()}
    base, chains = str(scene.graph.base_frame), dict[str, list[str]]()
    for node in nodes:
        chain, up = list[str](), above.get(node, base)
        while up != base:
            chain.append(up)
            up = above.get(up, base)
        chains[node] = chain
    holders = dict.fromkeys(one for chain in chains.values() for one in reversed(chain))
    if not holders:
        return [], {}
    local = {one: UPRIGHT @ _edge(tree, above.get(one, base), one) @ UPRIGHT.T for one in holders}
    if not all(np.isfinite(one).all() and abs(np.linalg.det(one[:3, :3])) > 1e-12 for one in local.values()):
        notes.append("Its groups were left out: one of them stands squeezed flat")
        return [], {}
    inside = {node: node if node in holders else next(iter(chain), "") for node, chain in chains.items()}
    tops = {one for one in (*holders, *nodes) if above.get(one, base) == base}
    ids = {one: f"#{at}" for at, one in enumerate(holders)}
    file = [ReadGroup("#", path.stem)] if len(tops) > 1 else []
    root = "#" if file else ""
    groups = [ReadGroup(ids[one], one, _placement(local[one]), ids.get(above.get(one, base), root)) for one in holders]
    return [*file, *groups], {node: ids.get(at, root) for node, at in inside.items()}


def _edge(tree: Any, parent: str, child: str) -> NDArray[np.float64]:
    """What takes a node's coordinates to its parent's, (4, 4)."""
    found = tree.edge_data.get((parent, child), {}).get("matrix")
    return np.eye(4) if found is None else np.asarray(found, np.float64)


def _placement(matrix: NDArray[np.float64]) -> Placement:
    return tuple(float(one) for one in matrix.reshape(16))  # type: ignore[return-value]


def _kept(geometry: Any, shelf: Shelf, path: Path) -> Thing | None:
    if isinstance(geometry, trimesh.PointCloud):
        own = geometry.colors
        tints: NDArray[Any] = np.zeros((0, 4)) if own is None else np.asarray(own)
        known = [Known("colour", "colour", np.uint8)] if len(tints) == len(geometry.vertices) else []
        values = [to_bytes(tints[:, :3])] if known else []
        return keep_points(shelf, np.asarray(geometry.vertices), known, values) if len(geometry.vertices) else None
    if not isinstance(geometry, trimesh.Trimesh) or not len(geometry.faces):
        return None
    colours, uv, texture, notes = _surface(geometry, shelf)
    # What the file has: asking for `vertex_normals` would make some up.
    said = geometry._cache.cache.get("vertex_normals")
    normals: NDArray[Any] | None = said if said is not None and len(said) == len(geometry.vertices) else None
    return keep_mesh(
        shelf, np.asarray(geometry.vertices), np.asarray(geometry.faces), normals=normals, colours=colours, uv=uv,
        texture=texture, notes=notes, place=path.name,
    )  # fmt: skip


def _surface(geometry: Any, shelf: Shelf) -> tuple[NDArray[Any] | None, NDArray[Any] | None, str, list[str]]:
    """Colours (V, 4) and texture coordinates of a mesh, its texture, and what could not be read of it."""
    many, visual = len(geometry.vertices), geometry.visual
    own = geometry.vertex_attributes.get("color")
    uv, texture, notes, tint = None, "", list[str](), None
    if visual.kind == "texture":
        material = visual.material
        found = getattr(material, "baseColorTexture", None)
        uv = np.asarray(visual.uv, np.float64) if visual.uv is not None and len(visual.uv) == many else None
        if found is not None and uv is not None:
            try:
                texture = keep_picture(shelf, found)
            except InputError as problem:
                notes.append(problem.what)
        factor = getattr(material, "baseColorFactor", None)
        tint = np.asarray(factor, np.float64) if factor is not None and len(factor) == 4 else None
    elif visual.kind == "vertex":
        own = visual.vertex_colors
    colours = _four(own, many)
    if tint is not None and not (tint == (255 if tint.max() > 1 else 1)).all():
        factor = to_bytes(tint, 1.0 if tint.max() > 1 else 255.0)
        base = np.full((many, 4), 255, np.uint8) if colours is None else colours
        colours = (base.astype(np.uint16) * factor // 255).astype(np.uint8)
    return colours, uv if texture else None, texture, notes


def _four(own: Any, many: int) -> NDArray[np.uint8] | None:
    if own is None or len(own) != many:
        return None
    values = np.asarray(own)
    scale = 255.0 if values.dtype.kind == "f" else 1 / 257 if values.dtype == np.uint16 else 1.0
    colours = to_bytes(values, scale)
    return colours if colours.shape[1] == 4 else np.column_stack([colours, np.full(many, 255, np.uint8)])
