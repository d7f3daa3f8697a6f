"""Posed photographs without a file: a room and an object, photographed from a seed and written as nerfstudio's folders.

`sample_cameras` is what `sample:room` and `sample:object` stand for. A folder is written once and then only read.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from workbench.core.posing import PosedSample
from workbench.core.problem import InputError, did_you_mean
from workbench.core.scenes import CamerasDoc, Lens, PosedImage
from workbench.engine.scenes import objects, rooms
from workbench.engine.scenes.boxrows import rows_of, to_voxels
from workbench.engine.scenes.gridfiles import write_grid
from workbench.engine.scenes.posedframes import Floats, placement_of
from workbench.engine.scenes.posedjson import read_json, write_transforms

SAMPLES = ("room", "object")
HELD_OUT_EVERY = 8
"""Every eighth photograph is never learned from."""
JSON = "transforms.json"
Told = Callable[[int, int], None]


def sample_cameras(
    name: str, folder: Path, *, images: int = 24, size: int = 64, seed: int = 0, tell: Told | None = None
) -> CamerasDoc:
    """The photographs of a sample, written into a folder of `folder` unless they lie there; every eighth is held out.

    `tell` hears of how many are drawn. Raises InputError for an unknown name.
    """
    _check(name)
    home = folder / f"{name}-{seed}-{images}x{size}"
    if not (home / JSON).is_file():
        (write_room if name == "room" else write_object)(seed, home, images=images, size=size, tell=tell)
    return read_json(home / JSON)


def write_sample(
    name: str, seed: int, folder: Path, *, images: int = 24, size: int = 64, tell: Told | None = None
) -> PosedSample:
    """A sample's photographs in `folder` and, of a room, what is exactly known of it beside them.

    That is `grid.npz` (NeRF-MAE's keys), its boxes in voxels `grid_boxes.npy` (N, 7) and labels `grid_labels.npy`
    (X, Y, Z) uint8. Raises InputError for an unknown name.
    """
    _check(name)
    write = write_room if name == "room" else write_object
    cameras = write(seed, folder, images=images, size=size, tell=tell)
    files = _write_grid(rooms.make_room(seed), folder) if name == "room" else ()
    return PosedSample(str(folder), cameras, (str(folder / JSON), *files))


def _write_grid(room: rooms.Room, folder: Path) -> tuple[str, ...]:
    rgba, labels, meta = rooms.grid(room)
    rows = to_voxels(rows_of(room.boxes().boxes), meta, rgba.shape[:3])
    paths = folder / "grid.npz", folder / "grid_boxes.npy", folder / "grid_labels.npy"
    write_grid(paths[0], rgba, meta)
    np.save(paths[1], rows)
    np.save(paths[2], labels)
    return tuple(map(str, paths))


def _check(name: str) -> None:
    if name not in SAMPLES:
        raise InputError(f"There is no sample scene {name!r}.", expected=", ".join(SAMPLES), received=name,
                         fix=did_you_mean(name, SAMPLES))  # fmt: skip


def write_room(seed: int, folder: Path, *, images: int = 24, size: int = 64, tell: Told | None = None) -> CamerasDoc:
    """A room's photographs and their transforms.json in `folder`, with the grid's cube as the box."""
    room = rooms.make_room(seed)
    lens, meta = rooms.lens(size), rooms.cube(room)
    poses = rooms.orbit_poses(room, images, seed)
    return _written(folder, poses, lens, lambda pose: rooms.render(room, pose, lens)[0], (meta.low, meta.high),
                    tell=tell)  # fmt: skip


def write_object(seed: int, folder: Path, *, images: int = 24, size: int = 64, tell: Told | None = None) -> CamerasDoc:
    """An object's photographs on nothing (with opacity) and their transforms.json in `folder`."""
    thing = objects.make_object(seed)
    lens, poses = objects.lens(size), objects.hemisphere_poses(images, seed)
    return _written(folder, poses, lens, lambda pose: objects.render(thing, pose, lens)[0], thing.bounds(), tell=tell)


def _written(
    folder: Path, poses: Floats, lens: Lens, render: Callable[[Floats], rooms.Bytes],
    box: tuple[rooms.Triple, rooms.Triple], *, tell: Told | None,
) -> CamerasDoc:  # fmt: skip
    """Into a folder beside it first, so that one that was interrupted never looks whole."""
    from PIL import Image

    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        (part / "images").mkdir()
        listed = []
        for number, pose in enumerate(poses):
            path = part / "images" / f"{number:04d}.png"
            Image.fromarray(np.ascontiguousarray(render(pose))).save(path)
            held_out = number % HELD_OUT_EVERY == 0 and len(poses) > 1
            listed.append(PosedImage(str(path), lens, placement_of(pose), held_out))
            if tell is not None:
                tell(number + 1, len(poses))
        write_transforms(part / JSON, CamerasDoc(tuple(listed), *box))
        _moved(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return read_json(folder / JSON)


def _moved(part: Path, folder: Path) -> None:
    """Everything into its folder, the list of poses last; pictures that an older list there names are gone."""
    old: set[Path] = set()
    if (folder / JSON).is_file():
        with contextlib.suppress(InputError):
            old = {Path(one.path) for one in read_json(folder / JSON).images}
        (folder / JSON).unlink()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    new = {folder / "images" / path.name for path in (part / "images").iterdir()}
    for path in new:
        (part / "images" / path.name).replace(path)
    for path in old - new:
        if path.parent == folder / "images":
            path.unlink(missing_ok=True)
    (part / JSON).replace(folder / JSON)
