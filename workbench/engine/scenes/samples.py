"""Things to look at without any file: a hill with trees and a house, a knotted ring that stands on it, a head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import trimesh
from numpy.typing import NDArray

from workbench.core.scenefiles import SceneSample
from workbench.engine.scenes.keeping import Told, untold
from workbench.engine.text import cache

SEED = 9
Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
SIDE_M = 120.0
GROUND, TREES, TREE_POINTS, HOUSE_POINTS = 600_000, 60, 5_000, 60_000
STATUE_AT_M = np.array([66.0, 74.0])
CLASSES = {"ground": 2, "low": 3, "high": 5, "building": 6}
ROOF, WALL = np.array([0.62, 0.27, 0.19]), np.array([0.87, 0.83, 0.73])
Points = tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.float64]]
"""Coordinates (N, 3) in metres, classes (N,), colours (N, 3) from 0 to 1."""


def write_sample(name: SceneSample, folder: Path, told: Told = untold) -> Path:
    """The file of a sample below `folder`, made once."""
    if name == "head":
        from workbench.engine.medical.samples import write_sample as write_head

        told(0, 1, "drawing a head")
        return write_head(folder) / "phantom_t1.nii.gz"
    out = folder / NAMES[name]
    folder.mkdir(parents=True, exist_ok=True)
    told(0, 1, f"making {out.name}")
    return cache.keep(out, MAKERS[name])


def height_m(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The hill's height at places (N,) from 0 to SIDE_M, in metres."""
    u, v = x / SIDE_M * 2 - 1, y / SIDE_M * 2 - 1
    hill = 22 * np.exp(-3 * ((u - 0.2) ** 2 + (v - 0.1) ** 2))
    waves = (
        1.6 * np.sin(4.1 * u + 1) * np.cos(3.3 * v) + 0.7 * np.sin(9 * u * v + 5 * v) + 0.3 * np.cos(17 * u - 11 * v)
    )
    found: NDArray[np.float64] = hill + waves
    return found


def terrain(chance: np.random.Generator) -> Points:
    """The ground with grass, trees of two kinds, and a house with a gabled roof."""
    parts = [_ground(chance), _house(chance, np.array([32.0, 40.0]))]
    for _ in range(TREES):
        at = chance.uniform(6, SIDE_M - 6, 2)
        if np.abs(at - [32, 40]).max() > 14 and np.linalg.norm(at - STATUE_AT_M) > 11:
            parts.append(_tree(chance, at))
    points, classes, colours = (np.concatenate([one[at] for one in parts]) for at in range(3))
    return points, classes, np.clip(colours, 0, 1)


def _ground(chance: np.random.Generator) -> Points:
    x, y = chance.uniform(0, SIDE_M, (2, GROUND))
    grass = chance.random(GROUND) < 0.15
    z = height_m(x, y) + np.where(grass, chance.exponential(0.12, GROUND), chance.normal(0, 0.015, GROUND))
    path = np.abs(y - 60 - 14 * np.sin(x / 19)) < 1.6
    colour = np.where(path[:, None], [0.62, 0.56, 0.47], [0.33, 0.44, 0.2]) + chance.normal(0, 0.035, (GROUND, 1))
    colour = np.where((grass & ~path)[:, None], colour * [0.9, 1.15, 0.8], colour)
    classes = np.where(grass & ~path, CLASSES["low"], CLASSES["ground"]).astype(np.uint8)
    return np.stack([x, y, z], axis=1), classes, colour


def _tree(chance: np.random.Generator, at: NDArray[np.float64]) -> Points:
    tall, wide, is_fir = chance.uniform(7, 14), chance.uniform(1.8, 3.4), chance.random() < 0.5
    trunk = TREE_POINTS // 12
    up = chance.random(TREE_POINTS)
    around = chance.uniform(0, 2 * np.pi, TREE_POINTS)
    share = np.sqrt(chance.uniform(0.55, 1, TREE_POINTS))
    if is_fir:
        radius, z = wide * (1 - up) * share, tall * (0.15 + 0.85 * up)
    else:
        polar = np.arccos(1 - 2 * up)
        radius, z = wide * np.sin(polar) * share, tall * 0.68 - tall * 0.3 * np.cos(polar) * share
    radius[:trunk], z[:trunk] = 0.22, tall * 0.4 * up[:trunk]
    tint = np.array([0.12, 0.3, 0.16]) if is_fir else np.array([0.24, 0.42, 0.13])
    colour = tint * (0.75 + 0.5 * (z / tall))[:, None] + chance.normal(0, 0.04, (TREE_POINTS, 1))
    colour[:trunk] = [0.36, 0.27, 0.2]
    x, y = at[0] + radius * np.cos(around), at[1] + radius * np.sin(around)
    ground = float(height_m(at[:1], at[1:])[0])
    return np.stack([x, y, ground + z], axis=1), np.full(TREE_POINTS, CLASSES["high"], np.uint8), colour


def _house(chance: np.random.Generator, at: NDArray[np.float64]) -> Points:
    half, walls, roof = np.array([7.0, 5.0]), 5.5, 3.5
    base = float(height_m(at[:1], at[1:])[0]) - 0.6
    many = HOUSE_POINTS // 2
    across, along = chance.uniform(-1, 1, (2, many))
    top = np.stack([across * (half[0] + 0.5), along * (half[1] + 0.5), walls + roof * (1 - np.abs(along))], axis=1)
    side, run, up = chance.integers(0, 4, many), chance.uniform(-1, 1, many), chance.random(many)
    gable = np.where(side < 2, walls + roof * (1 - np.abs(run)), walls)
    wall = np.stack([
        np.where(side < 2, np.where(side == 0, -half[0], half[0]), run * half[0]),
        np.where(side < 2, run * half[1], np.where(side == 2, -half[1], half[1])), up * gable,
    ], axis=1)  # fmt: skip
    colour = np.concatenate([
        ROOF + chance.normal(0, 0.03, (many, 1)), WALL + chance.normal(0, 0.02, (many, 1)),
    ])  # fmt: skip
    window = (np.abs((run * 3) % 2 - 1) < 0.45) & (np.abs(up * gable - 3) < 0.8)
    colour[many:][window] = [0.23, 0.29, 0.36]
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    points = np.concatenate([top, wall])
    points[:, :2] = points[:, :2] @ turn.T + at
    points[:, 2] += base
    return points, np.full(len(points), CLASSES["building"], np.uint8), colour


def _write_terrain(out: Path) -> None:
    chance = np.random.default_rng(SEED)
    points, classes, colours = terrain(chance)
    order = np.argsort(points[:, 1], kind="stable")  # as a scanner flies over it
    points, classes, colours = points[order], classes[order], colours[order]
    header = laspy.LasHeader(version="1.4", point_format=7)
    header.offsets, header.scales = np.zeros(3), np.full(3, 0.001)
    header.vlrs.append(laspy.vlrs.known.WktCoordinateSystemVlr('LOCAL_CS["made up",UNIT["metre",1]]'))
    header.global_encoding.wkt = True
    cloud = laspy.LasData(header)
    cloud.x, cloud.y, cloud.z = points.T
    cloud.classification = classes
    light = colours @ np.array([0.3, 0.59, 0.11])
    cloud.intensity = np.clip(light * 40_000 + chance.normal(0, 1_200, len(points)), 0, 65_535).astype(np.uint16)
    cloud.return_number = np.where(classes == CLASSES["high"], chance.integers(1, 4, len(points)), 1).astype(np.uint8)
    cloud.number_of_returns = np.where(classes == CLASSES["high"], 3, 1).astype(np.uint8)
    for at, name in enumerate(("red", "green", "blue")):
        cloud[name] = np.rint(colours[:, at] * 255).astype(np.uint16) * 257
    with out.open("wb") as file:
        cloud.write(file, do_compress=True)


def knot(turns: int = 700, around: int = 64) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.uint8]]:
    """A trefoil's tube about the z axis, its seams closed: (V, 3) vertices, (F, 3) faces, (V, 4) colours."""
    t = np.linspace(0, 2 * np.pi, turns, endpoint=False)
    line = np.stack([np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -np.sin(3 * t)], axis=1)
    ahead = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    side = np.cross(ahead, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    over = np.cross(side, ahead)
    phi = np.linspace(0, 2 * np.pi, around, endpoint=False)
    radius = 0.55 * (1 + 0.06 * np.cos(8 * phi[None] + 12 * t[:, None]))
    ring = np.cos(phi)[None, :, None] * side[:, None] + np.sin(phi)[None, :, None] * over[:, None]
    vertices = (line[:, None] + radius[..., None] * ring).reshape(-1, 3)
    row, column = np.meshgrid(np.arange(turns), np.arange(around), indexing="ij")
    one, two = row * around + column, row * around + (column + 1) % around
    three, four = (row + 1) % turns * around + column, (row + 1) % turns * around + (column + 1) % around
    faces = np.concatenate(
        [np.stack([one, two, four], -1).reshape(-1, 3), np.stack([one, four, three], -1).reshape(-1, 3)]
    )
    hue = np.stack([0.5 + 0.5 * np.cos(t + shift) for shift in (0.0, 2.1, 4.2)], axis=1)
    colour = np.repeat(0.25 + 0.6 * hue, around, axis=0)
    return vertices, faces, np.column_stack([np.rint(colour * 255), np.full(len(colour), 255)]).astype(np.uint8)


def _write_statue(out: Path) -> None:
    vertices, faces, colours = knot()
    ring = trimesh.Trimesh(vertices, faces, vertex_colors=colours, process=False)
    plinth = trimesh.creation.cylinder(radius=2.2, height=0.8, sections=96)
    plinth.visual.vertex_colors = np.full((len(plinth.vertices), 4), (196, 190, 180, 255), np.uint8)
    # The ring stands on its edge on the plinth, the plinth on the hill; glTF has y up.
    ground = float(height_m(STATUE_AT_M[:1], STATUE_AT_M[1:])[0])
    place = Y_UP.copy()
    place[:3, 3] = Y_UP[:3, :3] @ [*STATUE_AT_M, ground + 0.3]
    edge = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 3.9], [0, 0, 0, 1]])
    scene = trimesh.Scene()
    scene.add_geometry(plinth, node_name="plinth", geom_name="plinth", transform=place)
    scene.add_geometry(ring, node_name="knotted ring", geom_name="knotted ring", transform=place @ edge)
    library: Any = trimesh.exchange.gltf
    out.write_bytes(library.export_glb(scene))


NAMES: Mapping[SceneSample, str] = {"terrain": "terrain.laz", "statue": "statue.glb"}
MAKERS: Mapping[SceneSample, Callable[[Path], None]] = {"terrain": _write_terrain, "statue": _write_statue}
