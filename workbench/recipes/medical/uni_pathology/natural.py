"""Squares of the photographs that the libraries bring along: what networks of everyday pictures have seen."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.core.problem import KnownTrouble

Pixels = NDArray[np.uint8]

PICTURES = {
    "skimage": ("data", ("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png",
                         "grass.png", "gravel.png", "hubble_deep_field.jpg", "motorcycle_left.png", "rocket.jpg")),
    "sklearn": ("datasets/images", ("china.jpg", "flower.jpg")),
}  # fmt: skip
"""No tissue, cell or retina is among them."""


def photographs() -> list[Pixels]:
    """The pictures (H, W, 3) that are installed; raises KnownTrouble where there are none."""
    found = []
    for package, (folder, names) in PICTURES.items():
        spec = importlib.util.find_spec(package)
        root = Path(spec.origin).parent / folder if spec and spec.origin else Path()
        for name in names:
            if (root / name).is_file():
                with Image.open(root / name) as image:
                    found.append(np.asarray(image.convert("RGB")))
    if not found:
        raise KnownTrouble(
            "There is no photograph to learn from.",
            expected="the pictures that scikit-image and scikit-learn bring along",
            received="none of them",
            fix="Install scikit-image with its data, or pretrain on slides.",
        )
    return found


def squares(count: int, size: int, *, seed: int) -> Pixels:
    """Random squares (count, size, size, 3) at one to three times their size, every picture as often as the others."""
    chance = np.random.default_rng((seed, 4711))
    pictures, found = photographs(), np.empty((count, size, size, 3), np.uint8)
    for at in range(count):
        picture = pictures[at % len(pictures)]
        high, wide = picture.shape[:2]
        side = int(min(high, wide, round(size * chance.uniform(1, 3))))
        top, left = int(chance.integers(high - side + 1)), int(chance.integers(wide - side + 1))
        piece = Image.fromarray(picture[top : top + side, left : left + side])
        found[at] = np.asarray(piece.resize((size, size), Image.Resampling.BOX))
    return found
