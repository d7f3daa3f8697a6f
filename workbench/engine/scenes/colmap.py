"""COLMAP's sparse models, text and binary: lenses, poses and points as its files have them.

Poses are world-to-camera in OpenCV axes (x right, y down, z ahead), as a quaternion (w, x, y, z) and a translation;
pixels are counted from the outer corner of the first one, as ours are. Source: COLMAP's "Output Format" page. Whatever
a file claims to hold is believed only as far as the file is long.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.core.problem import InputError
from workbench.core.scenes import Lens
from workbench.core.words import spaced

Floats = NDArray[np.floating[Any]]
MODELS: dict[str, tuple[int, tuple[str, ...], bool]] = {
    "SIMPLE_PINHOLE": (0, ("f", "cx", "cy"), False),
    "PINHOLE": (1, ("fx", "fy", "cx", "cy"), False),
    "SIMPLE_RADIAL": (2, ("f", "cx", "cy", "k1"), False),
    "RADIAL": (3, ("f", "cx", "cy", "k1", "k2"), False),
    "OPENCV": (4, ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"), False),
    "OPENCV_FISHEYE": (5, ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4"), True),
    "SIMPLE_RADIAL_FISHEYE": (8, ("f", "cx", "cy", "k1"), True),
    "RADIAL_FISHEYE": (9, ("f", "cx", "cy", "k1", "k2"), True),
}
"""Each lens model's number, what its parameters are, and whether they bend the angle and not the plane."""
_UNREAD = {6: "FULL_OPENCV", 7: "FOV", 10: "THIN_PRISM_FISHEYE", 11: "RAD_TAN_THIN_PRISM_FISHEYE"}
_NAMES = {number: name for name, (number, _, _) in MODELS.items()}
_LONGEST_NAME = 4096
_POINT_2D = 24
_TRACK = 8


@dataclass(frozen=True)
class View:
    """A photograph of a model: its name, its lens' number and its world-to-camera turn and shift."""

    number: int
    name: str
    lens: int
    quaternion: tuple[float, float, float, float]
    shift: tuple[float, float, float]


@dataclass(frozen=True)
class SparsePoints:
    """What was matched between photographs: `positions` (N, 3) float64, `colours` (N, 3) uint8, and per point the
    mean reprojection error in pixels (N,) float32 and in how many photographs it was seen (N,) uint32."""

    positions: Floats
    colours: NDArray[np.uint8]
    error_px: Floats
    seen_in: NDArray[np.uint32]


@dataclass
class Model:
    """A sparse model as its files have it."""

    lenses: dict[int, Lens]
    views: list[View]
    points: SparsePoints | None = None
    notes: list[str] = field(default_factory=list)


def wrong(what: str, path: Path, *, expected: str, received: str, fix: str = "") -> InputError:
    """An error in one of the model's files."""
    fix = fix or "Write the model anew with COLMAP (model_converter)."
    return InputError(what, expected=expected, received=received[:300], place=str(path), fix=fix)


def has_model(folder: Path) -> bool:
    """Whether a folder holds lenses and poses, in either form."""
    return any((folder / f"cameras{end}").is_file() and (folder / f"images{end}").is_file() for end in (".bin", ".txt"))


def read_model(folder: Path) -> Model:
    """The model of a folder, binary before text as COLMAP has it. Raises InputError naming file and place."""
    binary = (folder / "cameras.bin").is_file() and (folder / "images.bin").is_file()
    end = ".bin" if binary else ".txt"
    cameras, images, points = (folder / f"{name}{end}" for name in ("cameras", "images", "points3D"))
    model = Model(_binary_lenses(cameras), list(_binary_views(images))) if binary else Model(
        _text_lenses(cameras), list(_text_views(images)))  # fmt: skip
    if points.is_file():
        model.points = _finite(_binary_points(points) if binary else _text_points(points), model.notes)
    if binary and (folder / "images.txt").is_file():
        model.notes.append("The model lies there in binary and in text; the binary one was read.")
    return model


def _finite(points: SparsePoints, notes: list[str]) -> SparsePoints:
    good = np.isfinite(points.positions).min(axis=1, initial=True)
    if good.all():
        return points
    notes.append(
        f"{spaced(int((~good).sum()))} of {spaced(len(good))} matched points are not finite and were left out."
    )
    return SparsePoints(points.positions[good], points.colours[good], points.error_px[good], points.seen_in[good])


def quaternion_of(turn: Floats) -> tuple[float, float, float, float]:
    """A turn (3, 3) as (w, x, y, z) with w not below zero."""
    from scipy.spatial.transform import Rotation

    w, x, y, z = (float(one) for one in Rotation.from_matrix(turn).as_quat(canonical=True, scalar_first=True))
    return w, x, y, z


def pose_of(view: View) -> Floats:
    """Camera-to-world (4, 4) in OpenGL axes: the inverse, with the columns y and z negated; NaN from a bad one."""
    pose = np.full((4, 4), np.nan)
    quaternion = np.array(view.quaternion)
    length = float(np.linalg.norm(quaternion)) if (np.abs(quaternion) < 1e9).all() else np.inf
    if not 1e-9 < length < 1e9:
        return pose
    w, x, y, z = quaternion / length
    turn = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip
    pose = np.eye(4)
    pose[:3, :3] = turn.T * [1, -1, -1]
    pose[:3, 3] = -turn.T @ np.array(view.shift)
    return pose


def view_of(number: int, name: str, lens: int, pose: Floats) -> View:
    """The opposite of `pose_of`."""
    turn = (pose[:3, :3] * [1, -1, -1]).T
    x, y, z = (float(one) for one in -turn @ pose[:3, 3])
    return View(number, name, lens, quaternion_of(turn), (x, y, z))


def _lens(model: str, width: int, height: int, numbers: Sequence[float], path: Path) -> Lens:
    _, names, fisheye = MODELS[model]
    if len(numbers) != len(names):
        raise wrong(f"A {model} lens has the wrong number of parameters.", path, expected=", ".join(names),
                    received=f"{len(numbers)} numbers")  # fmt: skip
    if not (0 < width < 1 << 20 and 0 < height < 1 << 20):
        raise wrong("The pictures' size makes no sense.", path, expected="1 to 1,048,575 pixels",
                    received=f"{width} × {height}")  # fmt: skip
    keys = dict(zip(names, map(float, numbers), strict=True))
    focal = keys.pop("f", 0.0)
    return Lens(width, height, keys.pop("fx", focal), keys.pop("fy", focal), keys.pop("cx"), keys.pop("cy"), **keys,
                fisheye=fisheye)  # fmt: skip


def _unknown(model: str, path: Path) -> InputError:
    return wrong(f"The lens model {model} cannot be read.", path, expected=", ".join(MODELS), received=model,
                 fix="Undistort the photographs with COLMAP (image_undistorter), and choose the result.")  # fmt: skip


class _Bytes:
    """A binary file, read piece by piece; a piece that is not there is an InputError with its place."""

    def __init__(self, path: Path) -> None:
        self.path, self.at = path, 0
        try:
            self.data = path.read_bytes()
        except OSError as error:
            raise wrong("The file cannot be read.", path, expected="a file", received=str(error)) from None

    def take(self, form: str) -> tuple[Any, ...]:
        """The next numbers of a `struct` form."""
        size = struct.calcsize(form)
        self.need(size)
        found = struct.unpack_from(form, self.data, self.at)
        self.at += size
        return found

    def need(self, size: int) -> None:
        """Raise InputError where fewer bytes are left."""
        if self.at + size > len(self.data):
            raise wrong("The file ends early.", self.path,
                        expected=f"{spaced(size)} bytes from byte {spaced(self.at)} on",
                        received=f"{spaced(len(self.data) - self.at)} bytes")  # fmt: skip

    def count(self, least: int) -> int:
        """A number of entries of at least so many bytes each: no more than there can be."""
        (found,) = self.take("<Q")
        if found * least > len(self.data) - self.at:
            raise wrong("The file claims more entries than it can hold.", self.path,
                        expected=f"at most {spaced((len(self.data) - self.at) // least)}",
                        received=spaced(found))  # fmt: skip
        return int(found)

    def name(self) -> str:
        """Text up to a zero byte."""
        end = self.data.find(b"\0", self.at, self.at + _LONGEST_NAME)
        if end < 0:
            raise wrong("A photograph's name does not end.", self.path, expected="a zero byte after the name",
                        received=f"none within {spaced(_LONGEST_NAME)} bytes from byte {spaced(self.at)}")  # fmt: skip
        found = self.data[self.at : end].decode("utf-8", "replace")
        self.at = end + 1
        return found


def _binary_lenses(path: Path) -> dict[int, Lens]:
    data, found = _Bytes(path), {}
    for _ in range(data.count(24)):
        number, model, width, height = data.take("<IiQQ")
        if model not in _NAMES:
            raise _unknown(_UNREAD.get(model, f"number {model}"), path)
        names = MODELS[_NAMES[model]][1]
        found[number] = _lens(_NAMES[model], width, height, data.take(f"<{len(names)}d"), path)
    return found


def _binary_views(path: Path) -> Iterator[View]:
    data = _Bytes(path)
    for _ in range(data.count(73)):
        number, w, x, y, z, a, b, c, lens = data.take("<I7dI")
        name = data.name()
        matched = data.count(_POINT_2D)
        data.at += matched * _POINT_2D
        yield View(number, name, lens, (w, x, y, z), (a, b, c))


def _binary_points(path: Path) -> SparsePoints:
    data = _Bytes(path)
    count = data.count(51)
    positions, colours = np.empty((count, 3)), np.empty((count, 3), np.uint8)
    error, seen = np.empty(count), np.empty(count, np.uint32)
    for row in range(count):
        _, x, y, z, red, green, blue, off = data.take("<Q3d3Bd")
        positions[row], colours[row], error[row] = (x, y, z), (red, green, blue), off
        seen[row] = (tracks := data.count(_TRACK))
        data.at += tracks * _TRACK
    return SparsePoints(positions, colours, _narrow(error), seen)


def _narrow(error: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return error.astype(np.float32)


def _lines(path: Path) -> list[str]:
    """Lines without comments; empty ones count (a photograph without matches has an empty second line)."""
    try:
        text = path.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        raise wrong("The file cannot be read.", path, expected="a text file", received=str(error)) from None
    return [line.strip() for line in text.splitlines() if not line.lstrip().startswith("#")]


def _text_lenses(path: Path) -> dict[int, Lens]:
    found = {}
    for line in filter(None, _lines(path)):
        words = line.split()
        if len(words) < 5:
            raise wrong("A line of lenses is too short.", path, expected="CAMERA_ID MODEL WIDTH HEIGHT PARAMS",
                        received=line)  # fmt: skip
        if words[1] not in MODELS:
            raise _unknown(words[1], path)
        try:
            number, width, height = int(words[0]), int(words[2]), int(words[3])
            numbers = [float(word) for word in words[4:]]
        except ValueError:
            raise wrong("A line of lenses holds what is no number.", path,
                        expected="CAMERA_ID MODEL WIDTH HEIGHT PARAMS", received=line) from None  # fmt: skip
        found[number] = _lens(words[1], width, height, numbers, path)
    return found


def _text_views(path: Path) -> Iterator[View]:
    lines, at = _lines(path), 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line:
            continue
        words = line.split(maxsplit=9)
        try:
            number, lens, numbers = int(words[0]), int(words[8]), [float(word) for word in words[1:8]]
            name = words[9]
        except (ValueError, IndexError):
            raise wrong("A line of poses is malformed.", path, received=line,
                        expected="IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME") from None  # fmt: skip
        w, x, y, z, a, b, c = numbers
        yield View(number, name, lens, (w, x, y, z), (a, b, c))
        # The second line lists matched pixels and may be empty; files without these lines exist and are read too.
        if at < len(lines) and not _is_pose(lines[at]):
            at += 1


def _is_pose(line: str) -> bool:
    """Whether a line is a pose and not matched pixels, which are numbers only."""
    words = line.split(maxsplit=9)
    if len(words) < 10:
        return False
    try:
        [float(word) for word in words[9].split()]
    except ValueError:
        return True
    return False


def _text_points(path: Path) -> SparsePoints:
    rows, colours, errors, seen = [], [], [], []
    for line in filter(None, _lines(path)):
        words = line.split()
        try:
            rows.append([float(word) for word in words[1:4]])
            colours.append([min(max(int(word), 0), 255) for word in words[4:7]])
            errors.append(float(words[7]))
            if len(rows[-1]) + len(colours[-1]) != 6:
                raise ValueError
        except (ValueError, IndexError):
            raise wrong("A line of points is malformed.", path, received=line,
                        expected="POINT3D_ID X Y Z R G B ERROR TRACK[]") from None  # fmt: skip
        seen.append((len(words) - 8) // 2)
    return SparsePoints(
        np.array(rows, np.float64).reshape(-1, 3), np.array(colours, np.uint8).reshape(-1, 3),
        _narrow(np.array(errors)), np.array(seen, np.uint32),
    )  # fmt: skip
