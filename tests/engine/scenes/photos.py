"""Small posed photographs on disk for tests: coloured pictures, poses around the origin, any JSON around them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from workbench.engine.scenes.tracing import looking

WIDTH, HEIGHT = 16, 12
LENS: dict[str, Any] = {"fl_x": 20.0, "fl_y": 21.0, "cx": 8.5, "cy": 5.75, "w": WIDTH, "h": HEIGHT}


def picture(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT), mode: str = "RGB", seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"RGB": 3, "RGBA": 4, "L": 1}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    Image.fromarray(pixels.squeeze(), mode=None).save(path)
    return path


def poses(count: int, radius: float = 3.0) -> np.ndarray:
    angles = 2 * np.pi * np.arange(count) / count
    return np.stack([looking(radius * np.array([np.cos(a), np.sin(a), 0.4]), np.zeros(3)) for a in angles])


def frames(folder: Path, turned: np.ndarray, size: tuple[int, int] = (WIDTH, HEIGHT)) -> list[dict[str, Any]]:
    """Pictures in `folder`/images and the frames that name them."""
    names = [f"images/{number:03d}.png" for number in range(len(turned))]
    for number, name in enumerate(names):
        picture(folder / name, size, seed=number)
    return [{"file_path": name, "transform_matrix": pose.tolist()} for name, pose in zip(names, turned, strict=True)]


def write_json(folder: Path, entries: Sequence[Any], name: str = "transforms.json", **keys: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps({**LENS, **keys, "frames": list(entries)}))
    return path


def folder_of(folder: Path, count: int = 4, **keys: Any) -> Path:
    return write_json(folder, frames(folder, poses(count)), **keys)
