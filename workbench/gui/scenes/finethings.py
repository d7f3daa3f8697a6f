"""Points and meshes of a scene as folders of arrays, as Open3D's off-screen renderer is sent them."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from workbench.core.finepictures import MOST_FACES, MOST_POINTS, FineThing
from workbench.core.scenes import MeshDoc, PointsDoc
from workbench.core.words import spaced
from workbench.gui.scenes.cutlines import planes_of, uncut
from workbench.gui.scenes.items import smooth_normals
from workbench.gui.scenes.looks import MeshLook, PointsLook, colour_table
from workbench.gui.scenes.scene import box_corners
from workbench.gui.scenes.splatter import Shot, Standing, points_of
from workbench.gui.scenes.textures import read_picture

AMBIENT_OF_MESHES, AMBIENT_OF_POINTS = 0.28, 0.35
"""Of light from the eye, as the window's own shaders have it."""
LEAST_POINTS = 1000
"""So many of a cloud are drawn however many others have."""
Arrays = dict[str, NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class FineThings:
    """What is to be drawn, the nodes that are seen in it, and what a person should know of it."""

    things: tuple[FineThing, ...]
    drawn: frozenset[str]
    notes: tuple[str, ...]


def things_of(shot: Shot, folder: Path) -> FineThings:
    """Write what is not in the folder yet, and delete there what is no longer shown; runs on any thread.

    Things whose arrays are gone or damaged, and meshes of too many faces, are left to the coarse picture.
    """
    things: list[FineThing] = []
    drawn, notes = [], []
    every = sum(one.node.thing.count for one in shot.nodes if isinstance(one.node.thing, PointsDoc))
    left = MOST_FACES
    for known in shot.nodes:
        name = known.node.name or known.node.id
        try:
            match known.node.thing, known.look:
                case PointsDoc() as cloud, PointsLook() as look:
                    share = cloud.count * MOST_POINTS // max(every, MOST_POINTS)
                    most = min(cloud.count, max(share, LEAST_POINTS))
                    things += _points(shot, known, cloud, look, most=most, folder=folder)
                    if most < cloud.count:
                        notes.append(f"{name}: {spaced(most)} of {spaced(cloud.count)} points")
                case MeshDoc() as mesh, MeshLook() as look if mesh.face_count <= left:
                    things += _mesh(shot, known, mesh, look, folder)
                    left -= mesh.face_count
                case MeshDoc(), MeshLook():
                    notes.append(f"{name} has too many faces: drawn coarsely")
                    continue
                case _:
                    continue
        except (OSError, ValueError):
            notes.append(f"{name} cannot be read, or sent: drawn coarsely")
            continue
        drawn.append(known.node.id)
    _tidy(folder, {one.folder for one in things})
    return FineThings(tuple(things), frozenset(drawn), tuple(notes))


def _tidy(folder: Path, wanted: set[str]) -> None:
    for one in folder.iterdir() if folder.is_dir() else ():
        if str(one) not in wanted:
            shutil.rmtree(one, ignore_errors=True)


def _key(shot: Shot, known: Standing, *more: Any) -> str:
    """The same for what is drawn alike: the viewpoint is no part of it."""
    told = [known.node.thing, known.node.hidden, known.node.look, shot.clips, shot.accent, *more]
    made = hashlib.blake2b(msgspec.json.encode(told), digest_size=16)
    made.update(known.placed.tobytes())
    if known.selected is not None:
        made.update(np.packbits(known.selected).tobytes())
    return made.hexdigest()


def _write(thing: FineThing, arrays: Arrays) -> None:
    """Put its arrays into its folder, which is named so when it is whole."""
    place = Path(thing.folder)
    making = place.with_name(f"{place.name}.new")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()  # where the folder is gone, whoever wanted this is gone too
    for name, array in arrays.items():
        np.save(making / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
    making.rename(place)


# Points


def _points(
    shot: Shot, known: Standing, cloud: PointsDoc, look: PointsLook, *, most: int, folder: Path
) -> Iterator[FineThing]:  # fmt: skip
    normal = next((one for one in cloud.columns if one.kind == "normal"), None)
    lit = look.shading == "normals" and normal is not None
    light: Literal["lamp", "none", "eye-dome"] = "lamp" if lit else "none" if look.shading == "none" else "eye-dome"
    size = _size_px(shot, cloud, known, look)
    key = _key(shot, known, most)
    thing = FineThing(
        f"{key} {size:g}", str(folder / key), "points", size, look.opacity, light, AMBIENT_OF_POINTS if lit else 0.0
    )  # fmt: skip
    if not (folder / key).is_dir():
        found = points_of(shot, known, cloud, look, most)
        kept = uncut(found.places, planes_of(shot.clips))
        arrays: Arrays = {"places": found.places[kept].astype(np.float32), "colours": found.colours[kept]}
        if lit and normal is not None:
            own = np.asarray(shot.load(normal.path)[:most], np.float64)[found.indices[kept]]
            arrays["normals"] = _turned(known, own)
        if not kept.any():
            return
        _write(thing, arrays)
    yield thing


def _size_px(shot: Shot, cloud: PointsDoc, known: Standing, look: PointsLook) -> float:
    """The renderer draws a cloud's points in one size: what is in the scene's unit is as large as in its middle."""
    if not look.size_in_scene:
        return max(1.0, look.size * shot.ratio)
    middle = known.moved(box_corners(cloud.low, cloud.high).mean(axis=0)[None])
    away = max(float(shot.gaze.project(middle)[0, 2]), shot.gaze.near)
    return float(np.clip(round(look.size / max(shot.gaze.pixel_size(away), 1e-12)), 1, 64))


# Meshes


def _mesh(shot: Shot, known: Standing, mesh: MeshDoc, look: MeshLook, folder: Path) -> Iterator[FineThing]:
    """Its faces, and those that are selected as a thing of their own, which has one colour."""
    normals = look.shading != "none" or look.colour_by == "normals"
    some = known.selected is not None and bool(known.selected.any())
    for picked in (False, True) if some else (False,):
        key = _key(shot, known, picked)
        thing = FineThing(
            key, str(folder / key), "mesh", 1.0, look.opacity, "none" if look.shading == "none" else "lamp",
            AMBIENT_OF_MESHES, look.colour_by == "normals" and not picked,
        )  # fmt: skip
        if not (folder / key).is_dir():
            arrays = _mesh_arrays(shot, known, mesh, look, picked=picked, normals=normals)
            if not len(arrays["faces"]):
                continue
            _write(thing, arrays)
        yield thing


def _mesh_arrays(
    shot: Shot, known: Standing, mesh: MeshDoc, look: MeshLook, *, picked: bool, normals: bool
) -> Arrays:  # fmt: skip
    own, every = np.asarray(shot.load(mesh.vertices), np.float64), np.asarray(shot.load(mesh.faces), np.int64)
    places = known.moved(own)
    # Faces are cut away whole, by their middles.
    kept = uncut(places[every].mean(axis=1), planes_of(shot.clips)) if shot.clips else np.ones(len(every), bool)
    if known.node.hidden:
        kept &= ~np.asarray(shot.load(known.node.hidden), bool)
    if known.selected is not None:
        kept &= known.selected == picked
    faces = every[kept]
    colours, picture = _colours(shot, known, mesh, look, places)
    arrays: Arrays = {"places": places.astype(np.float32), "colours": colours, "faces": faces.astype(np.uint32)}
    if picked:
        arrays["colours"] = np.broadcast_to(np.array(shot.accent, np.uint8), colours.shape)
    elif picture is not None:
        arrays |= {"texture": picture, "spots": np.asarray(shot.load(mesh.uv), np.float32)}
    if look.shading == "flat":
        corners = {name: one[faces.ravel()] for name, one in arrays.items() if name not in ("faces", "texture")}
        arrays |= {**corners, "faces": np.arange(faces.size, dtype=np.uint32).reshape(-1, 3)}
        a, b, c = (places[faces[:, at]] for at in range(3))
        arrays["normals"] = np.repeat(_unit(np.cross(b - a, c - a)), 3, axis=0)
    elif normals:
        arrays["normals"] = _turned(known, shot.load(mesh.normals) if mesh.normals else smooth_normals(own, every))
    return arrays


def _colours(
    shot: Shot, known: Standing, mesh: MeshDoc, look: MeshLook, places: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Colours of the vertices (V, 3), white where there is a picture, and that picture."""
    if look.colour_by in ("auto", "texture") and mesh.texture and mesh.uv:
        image = read_picture(mesh.texture)
        if not image.isNull():
            rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
            return np.full((len(places), 3), 255, np.uint8), rows[..., :3].copy()
    if look.colour_by in ("auto", "texture", "colours") and mesh.colours:
        return np.asarray(shot.load(mesh.colours)[:, :3], np.uint8), None
    if look.colour_by == "height":
        heights = known.moved(box_corners(mesh.low, mesh.high))[:, 2]
        low, high = (look.low, look.high) if look.low != look.high else (heights.min(), heights.max())
        share = np.clip((places[:, 2] - low) / max(high - low, 1e-12), 0, 1)
        return colour_table(look.colour_map, backwards=look.reversed)[(share * 255 + 0.5).astype(np.uint8)], None
    return np.tile(np.array(look.colour, np.uint8), (len(places), 1)), None


def _turned(known: Standing, normals: NDArray[Any]) -> NDArray[np.float32]:
    """A thing's own normals (n, 3) in the scene, of length 1, or 0 where there is none."""
    return _unit(np.nan_to_num(normals) @ np.linalg.pinv(known.placed[:3, :3]))


def _unit(found: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-30), np.float32)
