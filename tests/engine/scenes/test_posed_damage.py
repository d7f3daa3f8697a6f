"""Hundreds of damaged files of posed photographs: each is read into sound data or refused with an InputError."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.scenes.colmapfiles import Camera, Image, Point, write_binary, write_text
from tests.engine.scenes.photos import HEIGHT, WIDTH, folder_of, picture, poses
from workbench.core.problem import InputError
from workbench.core.scenes import CamerasDoc
from workbench.engine.scenes.colmap import quaternion_of
from workbench.engine.scenes.posed import read_scene
from workbench.engine.scenes.posedframes import poses_of

ODD: tuple[Any, ...] = (
    None,
    True,
    "x",
    "",
    -1,
    0,
    1e308,
    10**30,
    [],
    {},
    [[]],
    float("nan"),
    float("inf"),
    "\0",
    [None] * 4,
)


def _check(doc: CamerasDoc) -> None:
    """What a document promises, whatever it was read from."""
    assert doc.images
    turns = poses_of(doc)[:, :3, :3]
    assert np.isfinite(poses_of(doc)).all()
    assert np.allclose(turns @ turns.transpose(0, 2, 1), np.eye(3), atol=1e-5)
    assert (np.linalg.det(turns) > 0).all()
    for one in doc.images:
        assert Path(one.path).is_file() and min(one.lens.fx, one.lens.fy) > 0
        assert (one.lens.width, one.lens.height) == (WIDTH, HEIGHT)
    if doc.low is not None and doc.high is not None:
        assert (np.array(doc.low) < doc.high).all()


def _tried(folder: Path, path: Path, damaged: Iterator[bytes]) -> tuple[int, int]:
    """How many damaged files were read, and how many were refused."""
    read = refused = 0
    whole = path.read_bytes()
    for data in damaged:
        path.write_bytes(data)
        try:
            _check(read_scene(folder).cameras)
            read += 1
        except InputError as error:
            assert error.what and error.expected and error.place
            refused += 1
    path.write_bytes(whole)
    return read, refused


def _flipped(whole: bytes, count: int, seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 1, 3, 20))):
            data[rng.randrange(len(data))] = rng.choice(b"0123456789.-e ") if rng.random() < 0.7 else rng.randrange(256)
        yield bytes(data[: rng.randrange(len(data))] if rng.random() < 0.25 else data)


def test_that_json_with_anything_in_any_place_is_read_or_refused(tmp_path: Path) -> None:
    path = folder_of(tmp_path, 3, aabb_scale=2, scale=0.33, offset=[0.5, 0.5, 0.5], k1=0.1, camera_model="OPENCV")
    document = json.loads(path.read_text())
    places: list[Callable[[Any], tuple[Any, Any]]] = [
        *[lambda whole, key=key: (whole, key) for key in document],
        *[
            lambda whole, key=key: (whole["frames"][1], key)
            for key in ("file_path", "transform_matrix", "k1", "w", "cx")
        ],
        lambda whole: (whole["frames"], 1),
        lambda whole: (whole["frames"][1]["transform_matrix"], 2),
        lambda whole: (whole["frames"][1]["transform_matrix"][2], 1),
        lambda whole: (whole["offset"], 1),
    ]

    def damaged() -> Iterator[bytes]:
        for place in places:
            for odd in ODD:
                whole = json.loads(json.dumps(document))
                holder, key = place(whole)
                holder[key] = odd
                yield json.dumps(whole).encode()

    read, refused = _tried(tmp_path, path, damaged())
    print(f"{read + refused} odd JSON files: {read} read, {refused} refused")
    assert read > 100 and refused > 40


def test_that_json_with_flipped_bytes_is_read_or_refused(tmp_path: Path) -> None:
    path = folder_of(tmp_path, 3)
    read, refused = _tried(tmp_path, path, _flipped(path.read_bytes(), 150, 90))
    print(f"{read + refused} damaged JSON files: {read} read, {refused} refused")
    assert read > 10 and refused > 50


@pytest.mark.parametrize("form", ["binary", "text"])
def test_that_models_with_flipped_bytes_are_read_or_refused(tmp_path: Path, form: str) -> None:
    images = []
    for number, pose in enumerate(poses(3)):
        picture(tmp_path / "images" / f"{number}.png", seed=number)
        inverse = np.linalg.inv(pose @ np.diag([1.0, -1, -1, 1]))
        images.append(Image(number, list(quaternion_of(inverse[:3, :3])), list(inverse[:3, 3]), 1, f"{number}.png"))
    cameras = [Camera(1, "OPENCV", WIDTH, HEIGHT, [20.0, 20.0, 8.0, 6.0, 0.1, 0.0, 0.0, 0.0])]
    points = [Point(number, [0.1 * number, 0.0, 1.0]) for number in range(20)]
    folder = tmp_path / "sparse" / "0"
    (write_binary if form == "binary" else write_text)(folder, cameras, images, points)
    read = refused = 0
    for number, name in enumerate(("cameras", "images", "points3D")):
        path = folder / f"{name}{'.bin' if form == 'binary' else '.txt'}"
        found = _tried(tmp_path, path, _flipped(path.read_bytes(), 60, 90 + number))
        read, refused = read + found[0], refused + found[1]
    print(f"{read + refused} damaged {form} models: {read} read, {refused} refused")
    assert read > 30 and refused > 30
