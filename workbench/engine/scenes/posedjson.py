"""Posed photographs as JSON: nerfstudio's and instant-ngp's transforms.json, and Blender's one file for each part.

Poses are camera-to-world in OpenGL axes and, as these programs write them, with z up: coordinates are taken as they
stand. Sources: nerfstudio's data conventions, instant-ngp's nerf_dataset_tips, paper 09.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from workbench.core.problem import InputError
from workbench.core.scenes import CamerasDoc, Lens
from workbench.engine.scenes.posedframes import (
    PICTURES,
    Account,
    CameraAxes,
    Floats,
    Frame,
    assembled,
    find_picture,
    fitted,
    named,
    picture_size,
)

BLENDER_PARTS = ("train", "val", "test")
MOST_BYTES = 512 << 20
NGP_SCALE, NGP_OFFSET = 0.33, 0.5
LENS_MODELS = ("PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "OPENCV_FISHEYE", "PERSPECTIVE")
_NUMBERS = ("fl_x", "fl_y", "cx", "cy", "w", "h", "k1", "k2", "k3", "k4", "p1", "p2", "camera_angle_x",
            "camera_angle_y", "x_fov", "y_fov")  # fmt: skip
_FLAT = 1e-9


class _Box(NamedTuple):
    """The ends of a file's box, None where it has none; `loose` as CamerasDoc has it."""

    ends: tuple[Floats, Floats] | None = None
    loose: bool = False


def read_json(path: Path, *, repair: bool = False, axes: CameraAxes = "opengl") -> CamerasDoc:
    """The photographs of one transforms.json; `val` and `test` files and names are held out. Raises InputError."""
    held_out = path.stem.endswith(("_val", "_test"))
    frames, account, box = _read(path, held_out=held_out)
    beside = [part for part in BLENDER_PARTS if path.name != (name := f"transforms_{part}.json")
              and path.name.startswith("transforms_") and (path.parent / name).is_file()]  # fmt: skip
    if beside:
        account.tell(f"Beside it lie {' and '.join(f'transforms_{one}.json' for one in beside)}, which were not read: "
                     "choose the folder to have all.")  # fmt: skip
    return assembled(frames, account, path, repair=repair, axes=axes, box=box.ends, loose=box.loose)


def read_blender(folder: Path, *, repair: bool = False, axes: CameraAxes = "opengl") -> CamerasDoc:
    """All of transforms_train.json, transforms_val.json and transforms_test.json; the last two are held out."""
    whole, frames, box = Account(), list[Frame](), _Box()
    for part in BLENDER_PARTS:
        path = folder / f"transforms_{part}.json"
        if path.is_file():
            found, account, there = _read(path, held_out=part != "train")
            frames += found
            box = box if box.ends else there
            whole.of += account.of
            for why, names in account.left_out.items():
                whole.left_out.setdefault(why, []).extend(names)
            for note in account.notes:
                whole.tell(note)
    return assembled(frames, whole, folder, repair=repair, axes=axes, box=box.ends, loose=box.loose)


def _wrong(what: str, path: Path, *, expected: str, received: str) -> InputError:
    return InputError(what, expected=expected, received=received[:300], place=str(path),
                      fix="Write the file anew with the program that it came from.")  # fmt: skip


def _document(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _wrong("The file is too large for poses.", path, expected=f"at most {MOST_BYTES >> 20} MB",
                         received=f"{path.stat().st_size >> 20} MB")  # fmt: skip
        document = _decoded(path.read_bytes())
    except OSError as error:
        raise _wrong("The file cannot be read.", path, expected="a readable file", received=str(error)) from None
    except (ValueError, RecursionError) as error:
        raise _wrong("This is not JSON.", path, expected="a transforms.json", received=str(error)) from None
    if not isinstance(document, dict):
        raise _wrong("The file holds no poses.", path, expected="an object with `frames`",
                     received=type(document).__name__)  # fmt: skip
    if not isinstance(document.get("frames"), list) or not document["frames"]:
        received = f"`frames` is {_kind(document.get('frames'))}; keys: {', '.join(list(document)[:12])}"
        raise _wrong("The file holds no frames.", path, expected="a list `frames` with poses", received=received)
    return document


def _decoded(text: bytes) -> Any:
    """JSON, also with the NaN that Python writes into it and the standard does not know."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


def _kind(value: Any) -> str:
    return "missing" if value is None else "an empty list" if value == [] else f"a {type(value).__name__}"


def _read(path: Path, *, held_out: bool) -> tuple[list[Frame], Account, _Box]:
    document = _document(path)
    account = Account(of=len(document["frames"]))
    kept_back = _names(document, "test_filenames") | _names(document, "val_filenames")
    frames, unusual = [], 0
    for number, entry in enumerate(document["frames"]):
        if not isinstance(entry, dict) or not isinstance(entry.get("file_path"), str):
            account.leave(f"frame {number}", "name no picture")
            continue
        name = entry["file_path"]
        pose = _pose(entry.get("transform_matrix"))
        if pose is None:
            account.leave(name, "are no 4 × 4 matrix of numbers")
            continue
        folder = path.parent
        picture = find_picture(name, (folder,))
        if picture is None and (
            picture := find_picture(Path(name.replace("\\", "/")).name, (folder / "images", folder))
        ):
            unusual += 1
        if picture is None:
            account.leave(name, "have no picture")
        elif (size := picture_size(picture)) is None:
            account.leave(name, "have a picture that cannot be read")
        else:
            lens = _lens({**document, **entry}, size, path, account)
            if lens is None:
                account.leave(name, "have a picture of another shape than their lens")
            else:
                frames.append(Frame(name, picture, lens, pose, held_out or name in kept_back))
    if unusual:
        account.tell(f"{unusual} pictures do not lie where the file says, but beside it; these were taken.")
    _tell_of_pictures_without_pose(frames, account)
    return frames, account, _box(document, account)


def _names(document: Mapping[str, Any], key: str) -> set[str]:
    found = document.get(key)
    return {one for one in found if isinstance(one, str)} if isinstance(found, list) else set()


def _pose(entry: Any) -> Floats | None:
    try:
        pose = np.array(entry, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if pose.shape == (3, 4):
        pose = np.vstack([pose, [0, 0, 0, 1]])
    return pose if pose.shape == (4, 4) else None


def _number(entry: Mapping[str, Any], key: str, path: Path) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(f"`{key}` is not a number.", path, expected="a number", received=repr(value))
    return float(value)


def _lens(entry: Mapping[str, Any], size: tuple[int, int], path: Path, account: Account) -> Lens | None:
    """The lens of a picture of `size` (width, height) in pixels."""
    found = {key: _number(entry, key, path) for key in _NUMBERS}
    width, height = found["w"] or size[0], found["h"] or size[1]
    if not (1 <= width <= 1e6 and 1 <= height <= 1e6):
        raise _wrong("The pictures' size makes no sense.", path, expected="w and h from 1 to 1,000,000",
                     received=f"{width:g} × {height:g}")  # fmt: skip
    fx = found["fl_x"] or _focal(width, found["camera_angle_x"], found["x_fov"])
    fy = found["fl_y"] or _focal(height, found["camera_angle_y"], found["y_fov"])
    if fx is None and fy is None:
        raise _wrong("The focal length is missing.", path, expected="fl_x or camera_angle_x, for all or for each frame",
                     received="neither")  # fmt: skip
    fx, fy = fx or fy or 0.0, fy or fx or 0.0
    cx, cy = found["cx"], found["cy"]
    k1, k2, k3, k4, p1, p2 = (found[key] or 0.0 for key in ("k1", "k2", "k3", "k4", "p1", "p2"))
    if "ftheta_p0" in entry or "latlong" in entry:
        raise _wrong("The lens is of a kind that cannot be read.", path, expected=", ".join(LENS_MODELS),
                     received="F-theta or latitude and longitude")  # fmt: skip
    model = str(entry.get("camera_model", "OPENCV")).upper()
    if model not in LENS_MODELS:
        raise _wrong(
            "The lens is of a kind that cannot be read.", path, expected=", ".join(LENS_MODELS), received=model
        )
    fisheye = model == "OPENCV_FISHEYE" or entry.get("is_fisheye") is True
    lens = Lens(int(width), int(height), fx, fy, width / 2 if cx is None else cx, height / 2 if cy is None else cy,
                k1, k2, p1, p2, k3, k4, fisheye)  # fmt: skip
    fit = fitted(lens, size)
    if fit is not None and fit is not lens:
        stated = f"{int(width)} × {int(height)}"
        account.tell(f"Pictures are {size[0]} × {size[1]} where the file says {stated}: lenses were scaled with them.")
    return fit


def _focal(side: float, angle_rad: float | None, angle_deg: float | None) -> float | None:
    """The focal length in pixels that makes `side` pixels span an angle."""
    angle = angle_rad if angle_rad is not None else math.radians(angle_deg) if angle_deg is not None else None
    if angle is None or not _FLAT < angle < math.pi - _FLAT:
        return None
    return 0.5 * side / math.tan(0.5 * angle)


def _box(document: Mapping[str, Any], account: Account) -> _Box:
    """The box in the file's coordinates: `aabb` as it stands, or instant-ngp's cube of `aabb_scale`."""
    try:
        if "aabb" in document:
            low, high = np.asarray(document["aabb"], np.float64).reshape(2, 3)
            return _Box((low, high))
        if "aabb_scale" not in document:
            return _Box()
        side = float(document["aabb_scale"])
        scale = float(document.get("scale", NGP_SCALE))
        offset = np.broadcast_to(np.asarray(document.get("offset", NGP_OFFSET), np.float64), 3)
        if not (side > 0 and scale > 0):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        account.tell("The file's box is not made of numbers; it was left out.")
        return _Box()
    # instant-ngp: position · scale + offset lies in the cube of `aabb_scale` around (½, ½, ½).
    with np.errstate(over="ignore"):
        return _Box(((0.5 - side / 2 - offset) / scale, (0.5 + side / 2 - offset) / scale), loose=True)


def _tell_of_pictures_without_pose(frames: list[Frame], account: Account) -> None:
    posed = {frame.path for frame in frames}
    alone = [path.name for folder in sorted({path.parent for path in posed}) for path in sorted(folder.iterdir())
             if path.suffix.lower() in PICTURES and path not in posed and not _is_extra(path)]  # fmt: skip
    alone = [
        name for name in alone if name not in {Path(one).name for names in account.left_out.values() for one in names}
    ]
    if alone:
        account.tell(f"{len(alone)} pictures have no pose and are not used: {named(alone)}.")


def _is_extra(path: Path) -> bool:
    """Whether a picture is a depth or normal map beside the photograph (Blender's test folders have them)."""
    return any(word in path.stem for word in ("_depth", "_normal", "_alpha"))


def write_transforms(path: Path, doc: CamerasDoc) -> None:
    """A transforms.json that nerfstudio and instant-ngp read; pictures stay where they are and are named from there.

    Lenses that all photographs share stand once at the top. Raises InputError where there is nothing to write.
    """
    if not doc.images:
        raise InputError(
            "There are no photographs to write.", expected="at least one", received="none", place=str(path)
        )
    shared = len({one.lens for one in doc.images}) == 1
    frames = []
    for one in doc.images:
        frame: dict[str, Any] = {"file_path": _from(path.parent, Path(one.path))}
        frame |= {} if shared else _lens_keys(one.lens)
        frames.append(frame | {"transform_matrix": [list(one.pose[row : row + 4]) for row in range(0, 16, 4)]})
    document = (_lens_keys(doc.images[0].lens) if shared else {}) | _box_keys(doc) | {"frames": frames}
    if any(one.held_out for one in doc.images):
        for key, held in (("train_filenames", False), ("test_filenames", True)):
            document[key] = [frame["file_path"] for frame, one in zip(frames, doc.images, strict=True)
                             if one.held_out is held]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2))


def _from(folder: Path, picture: Path) -> str:
    try:
        return Path(os.path.relpath(picture.absolute(), folder.absolute())).as_posix()
    except ValueError:  # another drive
        return picture.absolute().as_posix()


def _lens_keys(lens: Lens) -> dict[str, Any]:
    keys: dict[str, Any] = {"camera_model": "OPENCV_FISHEYE" if lens.fisheye else "OPENCV"}
    keys |= {"camera_angle_x": 2 * math.atan(0.5 * lens.width / lens.fx), "fl_x": lens.fx, "fl_y": lens.fy,
             "cx": lens.cx, "cy": lens.cy, "w": lens.width, "h": lens.height}  # fmt: skip
    bends = ("k1", "k2", "k3", "k4", "p1", "p2")
    return keys | ({name: getattr(lens, name) for name in bends} if lens.is_distorted else {})


def _box_keys(doc: CamerasDoc) -> dict[str, Any]:
    """The box exactly, unless it is loose, and as the cube around it that instant-ngp knows."""
    if doc.low is None or doc.high is None:
        return {}
    low, high = np.asarray(doc.low), np.asarray(doc.high)
    scale = 1 / float((high - low).max())
    exact = {} if doc.loose else {"aabb": [list(doc.low), list(doc.high)]}
    return exact | {"aabb_scale": 1, "scale": scale, "offset": [float(one) for one in 0.5 - scale * (low + high) / 2]}
