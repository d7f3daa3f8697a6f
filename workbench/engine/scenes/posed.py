"""Posed photographs: a transforms.json, a folder of Blender's or a COLMAP model, read into one document and written.

The document's axes are the scene's (z up); the way there from the file's coordinates is kept. Pictures are loaded,
made smaller and freed of their lens's distortion here, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from workbench.core.problem import InputError
from workbench.core.scenes import AS_THEY_ARE, UNMOVED, CamerasDoc, Placement, PoseReading
from workbench.engine.scenes.colmap import SparsePoints, has_model, read_model
from workbench.engine.scenes.colmapdocs import colmap_cameras, write_colmap
from workbench.engine.scenes.photographs import load_pixels, shrunk, undistorted
from workbench.engine.scenes.posedframes import (
    Account,
    CameraAxes,
    Floats,
    Frame,
    assembled,
    common_point,
    fitted,
    picture_size,
    placement_of,
    poses_of,
)
from workbench.engine.scenes.posedjson import BLENDER_PARTS, read_blender, read_json, write_transforms
from workbench.engine.scenes.runnames import is_run

__all__ = ["PosedScene", "load_pixels", "read_posed", "read_scene", "shrunk", "undistorted",
           "with_held_out", "write_colmap", "write_transforms"]  # fmt: skip
CAMERA_DISTANCE = 4.0
"""The cameras' mean distance from what they look at once a scene is rescaled, as instant-ngp's converter has it."""
KINDS = "transforms.json, transforms_train.json (Blender), COLMAP's cameras and images in sparse/0, or a run's folder"


@dataclass(frozen=True)
class PosedScene:
    """Photographs in the scene's axes; `placement` (row by row) takes the file's coordinates there."""

    cameras: CamerasDoc
    kind: str
    placement: Placement = UNMOVED
    points: SparsePoints | None = None
    """In the scene's axes too."""


def looks_posed(path: Path) -> bool:
    """Whether a file or folder is named as posed photographs are."""
    return bool(_json_of(path)) or _model_of(path) is not None


def _json_of(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix.lower() == ".json" else None
    named = [path / "transforms.json", *(path / f"transforms_{part}.json" for part in BLENDER_PARTS)]
    return next((one for one in named if one.is_file()), None)


def _model_of(path: Path) -> Path | None:
    if path.is_file():
        path = path.parent if path.stem in ("cameras", "images", "points3D") else path / "nothing"
    parts = ("", "sparse/0", "sparse", "colmap/sparse/0", "colmap/sparse", "0")
    return next((path / part for part in parts if has_model(path / part)), None)


def read_posed(path: Path, reading: PoseReading = AS_THEY_ARE) -> CamerasDoc:
    """The photographs of a file or folder, in the scene's axes; `notes` say what was left out, repaired or guessed.

    Raises InputError where nothing can be used, or where poses are mirrored.
    """
    return read_scene_as(path, reading).cameras


def read_scene_as(path: Path, reading: PoseReading) -> PosedScene:
    """The photographs of a file or folder as they are asked for; raises as `read_scene`."""
    return read_scene(path, repair=reading.repair, axes=reading.axes, upright=reading.upright or None)


def read_scene(
    path: Path, *, repair: bool = False, axes: CameraAxes = "opengl", upright: bool | None = None, rescale: bool = False
) -> PosedScene:
    """The photographs of a file or folder, and what comes with them.

    `repair` puts mirrored poses right; `axes` are the camera axes of a JSON file. `upright` turns the cameras' mean up
    to +z: by default where the file's own axes are arbitrary (COLMAP). `rescale` moves what they look at to the origin
    and makes their mean distance CAMERA_DISTANCE. Raises InputError.
    """
    path = Path(path)
    reading = PoseReading(repair, axes, bool(upright))
    if not path.exists():
        raise InputError("There are no photographs here.", expected=KINDS, received="a path that does not exist",
                         fix="Choose another file or folder.", place=str(path))  # fmt: skip
    if is_run(path):
        scene = PosedScene(_of_run(path, repair=repair), "run")
        upright = False if upright is None else upright
    elif found := _json_of(path):
        blender = path.is_dir() and found.name != "transforms.json"
        cameras = (read_blender(path, repair=repair, axes=axes) if blender
                   else read_json(found, repair=repair, axes=axes))  # fmt: skip
        scene = PosedScene(cameras, "Blender" if blender else "transforms.json")
        upright = False if upright is None else upright
    elif folder := _model_of(path):
        model = read_model(folder)
        cameras = colmap_cameras(model, folder, path if path.is_dir() else path.parent)
        scene = PosedScene(cameras, "COLMAP", points=model.points)
        upright = True if upright is None else upright
    else:
        raise InputError("There are no posed photographs here.", expected=KINDS, received=_listing(path),
                         fix="Choose the folder that holds transforms.json or sparse/.", place=str(path))  # fmt: skip
    placed = _placed(scene, _way(poses_of(scene.cameras), upright=upright, rescale=rescale))
    return replace(placed, cameras=msgspec.structs.replace(placed.cameras, reading=reading))


def _of_run(path: Path, *, repair: bool) -> CamerasDoc:
    """A run's photographs, whose pictures lie where they lay when it was started."""
    from workbench.engine.scenes.readingruns import run_cameras

    doc = run_cameras(path)
    account, frames = Account(of=len(doc.images)), list[Frame]()
    for one, pose in zip(doc.images, poses_of(doc), strict=True):
        picture = Path(one.path)
        size = picture_size(picture) if picture.is_file() else None
        fit = fitted(one.lens, size) if size else None
        if fit is None:
            account.leave(picture.name, "have no picture any more, or one of another shape")
        else:
            frames.append(Frame(picture.name, picture, fit, pose, one.held_out))
    for note in doc.notes:
        account.tell(note)
    box = (np.array(doc.low), np.array(doc.high)) if doc.low is not None and doc.high is not None else None
    return assembled(frames, account, path, repair=repair, box=box)


def _listing(path: Path) -> str:
    if path.is_file():
        return path.name
    names = sorted(one.name for one in path.iterdir())
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "") if names else "an empty folder"


def _way(poses: Floats, *, upright: bool, rescale: bool) -> Floats:
    """From the file's coordinates to the scene's, a (4, 4) similarity."""
    way = np.eye(4)
    if upright:
        way[:3, :3] = turned_onto(poses[:, :3, 1].mean(0), np.array([0.0, 0, 1]))
    if rescale and len(poses) > 1:
        moved = way @ poses
        centre = common_point(moved)
        distance = float(np.linalg.norm(moved[:, :3, 3] - centre, axis=1).mean())
        if np.isfinite(distance) and distance > 1e-9:
            scale = CAMERA_DISTANCE / distance
            way = np.block([[scale * way[:3, :3], (-scale * centre)[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])
    return way


def turned_onto(one: Floats, other: Floats) -> Floats:
    """The smallest turn (3, 3) that takes the direction of `one` (3,) to that of `other`; none for a zero one."""
    length = float(np.linalg.norm(one))
    if length < 1e-6:
        return np.eye(3)
    a, b = one / length, other / np.linalg.norm(other)
    axis, cos = np.cross(a, b), float(a @ b)
    if cos < -1 + 1e-9:  # opposite: any half turn about an axis across
        across = np.cross(a, [1.0, 0, 0] if abs(a[0]) < 0.9 else [0, 1.0, 0])
        across /= np.linalg.norm(across)
        return 2 * np.outer(across, across) - np.eye(3)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    found: Floats = np.eye(3) + cross + cross @ cross / (1 + cos)
    return found


def _placed(scene: PosedScene, way: Floats) -> PosedScene:
    if np.array_equal(way, np.eye(4)):
        return scene
    scale = float(np.cbrt(np.linalg.det(way[:3, :3])))
    images = []
    for one, pose in zip(scene.cameras.images, poses_of(scene.cameras), strict=True):
        moved = way @ pose
        moved[:3, :3] /= scale
        images.append(msgspec.structs.replace(one, pose=placement_of(moved)))
    low, high = _moved_box(scene.cameras, way)
    cameras = msgspec.structs.replace(scene.cameras, images=tuple(images), low=low, high=high)
    points = scene.points
    if points is not None:
        positions = points.positions @ way[:3, :3].T + way[:3, 3]
        points = SparsePoints(positions, points.colours, points.error_px, points.seen_in)
        cameras = _boxed(cameras, positions)
    return PosedScene(cameras, scene.kind, placement_of(way), points)


def _moved_box(cameras: CamerasDoc, way: Floats) -> tuple[Any, Any]:
    """The axis-parallel box around a moved one."""
    if cameras.low is None or cameras.high is None:
        return None, None
    corners = np.stack(np.meshgrid(*zip(cameras.low, cameras.high, strict=True)), -1).reshape(-1, 3)
    moved = corners @ way[:3, :3].T + way[:3, 3]
    return tuple(map(float, moved.min(0))), tuple(map(float, moved.max(0)))


def _boxed(cameras: CamerasDoc, positions: Floats) -> CamerasDoc:
    """With a box around nearly all matched points, where the file has none."""
    positions = positions[np.isfinite(positions).all(1)]
    if cameras.low is not None or len(positions) < 16:
        return cameras
    low, high = np.percentile(positions, [1, 99], axis=0)
    margin = 0.1 * (high - low) + 1e-6
    note = "The box was guessed: it holds 98 % of the matched points along each axis, and a tenth more."
    return msgspec.structs.replace(cameras, low=tuple(map(float, low - margin)), high=tuple(map(float, high + margin)),
                                   notes=(*cameras.notes, note))  # fmt: skip


def with_held_out(cameras: CamerasDoc, every: int = 8) -> CamerasDoc:
    """The document with every `every`-th photograph kept for testing, as LLFF's splits are; unchanged if some are."""
    if any(one.held_out for one in cameras.images) or len(cameras.images) < 2:
        return cameras
    images = (msgspec.structs.replace(one, held_out=number % every == 0) for number, one in enumerate(cameras.images))
    note = f"Every {every}th photograph was kept for testing: the file does not say which."
    return msgspec.structs.replace(cameras, images=tuple(images), notes=(*cameras.notes, note))
