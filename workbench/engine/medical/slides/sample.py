"""A slide for looking around without any file: drawn by the physics of stains, the same every time.

Concentrations of haematoxylin and eosin become light by Beer and Lambert's law. It looks like glands in
stroma and means nothing medically.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from workbench.engine.medical.slides.writing import write_pyramid

NAME = "stained-phantom.tif"
WIDTH, HEIGHT, MPP = 5120, 3840, 0.5
SEED = 17
STAINS = np.array([[0.651, 0.701, 0.290], [0.216, 0.801, 0.558]], np.float32)
"""Optical density of haematoxylin and eosin in red, green and blue (Ruifrok and Johnston, 2001)."""
GLANDS, NUCLEI, CROWDS = 170, 15_000, 9
BAND = 512


def write_sample(folder: Path) -> Path:
    """The phantom below `folder` as a pyramid at 20× (0.5 µm per pixel); returns its path. Written once."""
    path = folder / NAME
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_pyramid(path, draw(), mpp=MPP)
    return path


def draw(width: int = WIDTH, height: int = HEIGHT, seed: int = SEED) -> np.ndarray:
    """Glands in stroma on glass, uint8 (height, width, 3); glands and nuclei are as dense at any size."""
    rng = np.random.default_rng(seed)
    tissue = _tissue(rng, width, height)
    blue, pink = np.zeros((height, width), np.float32), _stroma(rng, width, height)
    share = width * height / (WIDTH * HEIGHT)
    for _ in range(round(NUCLEI * share)):
        _nucleus(rng, blue, rng.uniform(0, width), rng.uniform(0, height), 5.0)
    for _ in range(round(CROWDS * share)):  # as where lymphocytes gather
        x, y, spread = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(60, 160)
        for _ in range(round(spread * 4)):
            _nucleus(rng, blue, x + rng.normal(0, spread), y + rng.normal(0, spread), 4.0)
    for _ in range(round(GLANDS * share)):
        _gland(rng, blue, pink)
    return _light(rng, blue, pink, tissue)


def _smooth(rng: np.random.Generator, width: int, height: int, cell: int) -> np.ndarray:
    """Noise in about [-1, 1] that changes over `cell` pixels."""
    coarse = rng.standard_normal((height // cell + 3, width // cell + 3)).astype(np.float32)
    zoomed = ndimage.zoom(ndimage.gaussian_filter(coarse, 0.8), cell, order=1)
    found = zoomed[cell // 2 : cell // 2 + height, cell // 2 : cell // 2 + width]
    return np.asarray(found / max(float(np.abs(coarse).std()), 1e-6))


def _tissue(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Two pieces with ragged edges, as 0 (glass) to 1."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    rough = _smooth(rng, width, height, 256) * 0.10 + _smooth(rng, width, height, 64) * 0.02
    left = 1 - np.hypot((x / width - 0.34) / 0.27, (y / height - 0.5) / 0.38)
    right = 1 - np.hypot((x / width - 0.79) / 0.15, (y / height - 0.46) / 0.31)
    return np.asarray(np.clip((np.maximum(left, right) + rough) * 40, 0, 1))


def _stroma(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Eosin in wavy fibres."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    bent = _smooth(rng, width, height, 128) * 26
    along = x * 0.35 + y * 0.8 + bent * 2
    fibres = np.sin(along * 0.16) * 0.06 + np.sin(along * 0.43 + bent * 0.1) * 0.05
    return np.asarray(0.55 + fibres + _smooth(rng, width, height, 32) * 0.06, np.float32)


def _nucleus(rng: np.random.Generator, blue: np.ndarray, x: float, y: float, radius: float) -> None:
    """An ellipse of haematoxylin with a darker rim."""
    reach = int(radius * 2)
    left, top = int(x) - reach, int(y) - reach
    if left < 0 or top < 0 or left + 2 * reach >= blue.shape[1] or top + 2 * reach >= blue.shape[0]:
        return
    v, u = np.mgrid[0 : 2 * reach, 0 : 2 * reach].astype(np.float32) - reach
    turn, long = rng.uniform(0, np.pi), rng.uniform(1.0, 1.7)
    a, b = u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)
    away = np.hypot(a / (radius * long), b / (radius / long))
    inside = np.clip((1 - away) * 4, 0, 1) * (0.75 + 0.35 * np.clip(away, 0, 1)) * rng.uniform(0.8, 1.2)
    box = blue[top : top + 2 * reach, left : left + 2 * reach]
    np.maximum(box, inside, out=box)


def _gland(rng: np.random.Generator, blue: np.ndarray, pink: np.ndarray) -> None:
    """A lumen, a paler epithelium around it, and its nuclei along the base."""
    height, width = blue.shape
    radius = rng.uniform(45, 95)
    reach = int(radius * 1.5)
    x, y = rng.uniform(reach, max(width - reach, reach + 1)), rng.uniform(reach, max(height - reach, reach + 1))
    left, top = int(x) - reach, int(y) - reach
    box = np.s_[max(top, 0) : top + 2 * reach, max(left, 0) : left + 2 * reach]
    v, u = np.mgrid[0 : pink[box].shape[0], 0 : pink[box].shape[1]].astype(np.float32) - reach
    waves = sum(rng.uniform(0.02, 0.09) * np.sin(k * np.arctan2(v, u) + rng.uniform(0, 6.3)) for k in (2, 3, 5))
    away = np.hypot(u, v) / radius - waves
    inside = away < 1
    pink[box][inside], blue[box][inside] = 0.34, 0.06
    lumen = away < rng.uniform(0.35, 0.6)
    pink[box][lumen], blue[box][lumen] = 0.02, 0.0
    for angle in np.arange(0, 2 * np.pi, 11 / radius):
        out = radius * (0.84 + rng.normal(0, 0.03))
        _nucleus(rng, blue, x + out * np.cos(angle), y + out * np.sin(angle), rng.uniform(4.5, 6.5))


def _light(rng: np.random.Generator, blue: np.ndarray, pink: np.ndarray, tissue: np.ndarray) -> np.ndarray:
    out = np.empty((*blue.shape, 3), np.uint8)
    for y in range(0, blue.shape[0], BAND):  # bands keep the floats of a large picture small
        band = np.s_[y : y + BAND]
        density = np.stack([blue[band], pink[band]], axis=-1) * tissue[band][..., None]
        light = 244 * np.exp(-np.clip(density, 0, None) @ STAINS * 1.25)
        out[band] = np.clip(light + rng.normal(0, 2.0, light.shape), 0, 255)
    return out
