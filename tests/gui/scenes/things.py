"""Small things in space whose places are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.core.scenes import (
    Box,
    BoxesDoc,
    CamerasDoc,
    Column,
    Lens,
    MeshDoc,
    Node,
    PointsDoc,
    PosedImage,
    RadianceDoc,
    RadianceMeta,
    VolumeDoc,
)
from workbench.core.volumes import VolumeFile, VolumeMeta
from workbench.gui.scenes.gaze import looking


def kept(folder: Path, name: str, array: np.ndarray) -> str:
    np.save(folder / f"{name}.npy", array)
    return str(folder / f"{name}.npy")


def square(folder: Path, *, z: float = 0.0, colour: tuple = (255, 0, 0), side: int = 60, name: str = "square") -> Node:
    """Points that fill −1 … 1 in x and y, in an order of which every beginning is an even sample."""
    at = np.linspace(-1, 1, side)
    x, y = np.meshgrid(at, at)
    order = np.random.default_rng(3).permutation(x.size)
    places = np.stack([x.ravel(), y.ravel(), np.full(x.size, z)], axis=1)[order].astype(np.float32)
    columns = (
        Column("rgb", "colour", kept(folder, f"{name}-rgb", np.tile(np.uint8(colour), (x.size, 1)))),
        Column("east", "scalar", kept(folder, f"{name}-east", places[:, 0].copy()), -1.0, 1.0),
        Column("side", "class", kept(folder, f"{name}-side", (places[:, 0] > 0).astype(np.uint8))),
    )
    path = kept(folder, name, places)
    return Node(name, name, PointsDoc(path, x.size, (-1.0, -1.0, z), (1.0, 1.0, z), columns=columns))


def wall(folder: Path, *, z: float = 0.0, name: str = "wall", **look: object) -> Node:
    """Two triangles that fill −1 … 1 in x and y."""
    vertices = np.array([[-1, -1, z], [1, -1, z], [1, 1, z], [-1, 1, z]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)
    paths = kept(folder, f"{name}-vertices", vertices), kept(folder, f"{name}-faces", faces)
    return Node(name, name, MeshDoc(*paths, 4, 2, (-1.0, -1.0, z), (1.0, 1.0, z)), look=look)


def grid(folder: Path, *, name: str = "grid", **look: object) -> Node:
    """A radiance grid over −1 … 1 whose middle is solid green."""
    values = np.zeros((16, 16, 16, 4), np.float32)
    values[4:12, 4:12, 4:12] = (0, 1, 0, 1)
    meta = RadianceMeta((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
    return Node(name, name, RadianceDoc(kept(folder, name, values), (16, 16, 16), meta), look=look)


def volume(folder: Path, *, name: str = "volume", **look: object) -> Node:
    """A volume whose middle is bright; its millimetres are scene units."""
    z, y, x = np.ogrid[:24, :24, :24]
    inside = np.sqrt((z - 11.5) ** 2 + (y - 11.5) ** 2 + (x - 11.5) ** 2) < 8
    return Node(name, name, VolumeDoc(VolumeFile(kept(folder, name, (inside * 900).astype(np.int16)), VolumeMeta())),
                look=look)  # fmt: skip


def boxes(name: str = "boxes") -> Node:
    found = (Box((0, 0, 0), (1, 1, 1), 0.3, "chair", 0.9), Box((3, 0, 0), (1, 2, 1), 0.0, "table", 0.2))
    return Node(name, name, BoxesDoc(found, ("chair", "table")))


def cameras(name: str = "cameras") -> Node:
    lens = Lens(64, 48, 50.0, 50.0, 32.0, 24.0)
    at = [np.array([4 * np.cos(a), 4 * np.sin(a), 1.0]) for a in (0.0, 2.0, 4.0)]
    images = tuple(PosedImage("none.png", lens, looking(one, np.zeros(3), np.array([0, 0, 1.0])), k == 2)
                   for k, one in enumerate(at))  # fmt: skip
    return Node(name, name, CamerasDoc(images))
