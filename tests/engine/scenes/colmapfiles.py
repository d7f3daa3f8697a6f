"""COLMAP's files, written here from its description of the format alone, so that readers are tested against it.

https://colmap.github.io/format.html: little endian; cameras.bin holds a uint64 count, then per camera int32 id, int32
model, uint64 width, uint64 height, doubles; images.bin a uint64 count, then per image uint32 id, 4 + 3 doubles, uint32
camera, a zero-ended name, a uint64 count and per match two doubles and a uint64; points3D.bin a uint64 count, then per
point uint64 id, 3 doubles, 3 bytes, a double, a uint64 count and per track element two uint32.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

MODEL_NUMBERS = {"SIMPLE_PINHOLE": 0, "PINHOLE": 1, "SIMPLE_RADIAL": 2, "RADIAL": 3, "OPENCV": 4, "OPENCV_FISHEYE": 5,
                 "FULL_OPENCV": 6, "FOV": 7}  # fmt: skip


@dataclass
class Camera:
    number: int
    model: str
    width: int
    height: int
    params: list[float]


@dataclass
class Image:
    number: int
    quaternion: list[float]
    shift: list[float]
    camera: int
    name: str
    matches: int = 2


@dataclass
class Point:
    number: int
    at: list[float]
    rgb: tuple[int, int, int] = (1, 2, 3)
    error: float = 0.5
    track: int = 2


def write_binary(folder: Path, cameras: list[Camera], images: list[Image], points: list[Point]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    out = struct.pack("<Q", len(cameras))
    for camera in cameras:
        out += struct.pack("<iiQQ", camera.number, MODEL_NUMBERS[camera.model], camera.width, camera.height)
        out += b"".join(struct.pack("<d", one) for one in camera.params)
    (folder / "cameras.bin").write_bytes(out)
    out = struct.pack("<Q", len(images))
    for image in images:
        out += struct.pack("<I", image.number) + struct.pack("<4d", *image.quaternion)
        out += struct.pack("<3d", *image.shift) + struct.pack("<I", image.camera)
        out += image.name.encode() + b"\0" + struct.pack("<Q", image.matches)
        out += b"".join(struct.pack("<ddQ", 1.5 * one, 2.5, 2**64 - 1) for one in range(image.matches))
    (folder / "images.bin").write_bytes(out)
    out = struct.pack("<Q", len(points))
    for point in points:
        out += struct.pack("<Q", point.number) + struct.pack("<3d", *point.at) + bytes(point.rgb)
        out += struct.pack("<d", point.error) + struct.pack("<Q", point.track)
        out += b"".join(struct.pack("<II", 1, one) for one in range(point.track))
    (folder / "points3D.bin").write_bytes(out)


def _exact(number: float) -> str:
    return repr(float(number))


def write_text(folder: Path, cameras: list[Camera], images: list[Image], points: list[Point]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# Camera list", f"# Number of cameras: {len(cameras)}"]
    lines += [" ".join(map(str, [c.number, c.model, c.width, c.height, *map(_exact, c.params)])) for c in cameras]
    (folder / "cameras.txt").write_text("\n".join(lines) + "\n")
    lines = ["# Image list with two lines of data per image:"]
    for image in images:
        numbers = " ".join(map(_exact, [*image.quaternion, *image.shift]))
        lines += [f"{image.number} {numbers} {image.camera} {image.name}",
                  " ".join(f"{1.5 * one} 2.5 -1" for one in range(image.matches))]  # fmt: skip
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    lines = ["# 3D point list"]
    for point in points:
        track = " ".join(f"1 {one}" for one in range(point.track))
        lines.append(" ".join(map(str, [point.number, *map(_exact, point.at), *point.rgb, point.error])) + " " + track)
    (folder / "points3D.txt").write_text("\n".join(lines) + "\n")
