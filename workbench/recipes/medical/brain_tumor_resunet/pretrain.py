"""Pretraining of the encoder without any medical image: textures in shapes, and crops of photographs.

24 classes are a texture of six in a shape of four; one more class for each of scikit-image's bundled
pictures that is there. No brain phantom is among them.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.core.mixins import Training
from workbench.engine.medical.phantoms import shapes

from .networks import EfficientEncoder, ResidualEncoder

Floats = NDArray[np.float32]
TEXTURES = ("fine grain", "coarse grain", "stripes", "checks", "dots", "flat")
SHAPES = ("disc", "ring", "box", "cross")
PICTURES = (
    "astronaut.png", "coffee.png", "retina.jpg", "ihc.png", "brick.png", "grass.png", "gravel.png", "chelsea.png",
    "coins.png", "moon.png", "camera.png", "rocket.jpg", "hubble_deep_field.jpg", "cell.png",
)  # fmt: skip
SIDE = 64


def pictures() -> dict[str, Floats]:
    """The bundled pictures that are installed, (3, H, W) from 0 to 1; none where scikit-image is absent."""
    import importlib.util

    from PIL import Image

    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        return {}
    folder, found = Path(spec.origin).parent / "data", dict[str, Floats]()
    for name in PICTURES:
        if (folder / name).is_file():
            with Image.open(folder / name) as image:
                array: Floats = np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
            found[Path(name).stem] = np.ascontiguousarray(array.transpose(2, 0, 1))
    return found


@dataclasses.dataclass
class Pictures:
    """The task's images by number, without end: the same number and seed always give the same image and class."""

    seed: int
    channels: int = 3
    photographs: dict[str, Floats] = dataclasses.field(default_factory=pictures)

    @property
    def classes(self) -> list[str]:
        """Class names, the 24 generated ones first."""
        return [f"{one} {shape}" for one in TEXTURES for shape in SHAPES] + list(self.photographs)

    def image(self, number: int) -> tuple[Floats, int]:
        """An image (channels, 64, 64), standardised, and its class."""
        rng = np.random.default_rng((self.seed, number))
        kind = int(rng.integers(len(self.classes)))
        own = len(TEXTURES) * len(SHAPES)
        if kind < own:
            raw = _generated(rng, TEXTURES[kind // len(SHAPES)], SHAPES[kind % len(SHAPES)], self.channels)
        else:
            raw = _crop(rng, list(self.photographs.values())[kind - own], self.channels)
        raw = raw + rng.standard_normal(raw.shape, dtype=np.float32) * np.float32(rng.uniform(0, 0.12) * raw.std())
        mean, spread = raw.mean((1, 2), keepdims=True), raw.std((1, 2), keepdims=True)
        return (raw - mean) / np.maximum(spread, np.float32(1e-4)), kind


def _generated(rng: np.random.Generator, texture: str, shape: str, channels: int) -> Floats:
    """A textured shape on a soft ground, both with their own brightness in each channel."""
    at = shapes.displaced(shapes.grid((SIDE, SIDE)), rng, amplitude=1.5, cells=3)
    radius = float(rng.uniform(8, 22))
    centre = rng.uniform(-(SIDE / 2 - radius) * 0.8, (SIDE / 2 - radius) * 0.8, 2)
    turned = shapes.rotation((float(rng.uniform(0, np.pi)),))
    share = shapes.coverage(_level(at, shape, centre, radius, turned), 1.5)
    pattern = _texture(rng, texture, at)
    ground = shapes.low_frequency(rng, (SIDE, SIDE), float(rng.uniform(1, 4)))
    channel = rng.uniform(-1, 1, (channels, 3)).astype(np.float32)
    # A shape must stand out in at least one channel, or there is nothing to name.
    channel[int(rng.integers(channels)), 0] = 1.5 * (1 if rng.random() < 0.5 else -1)
    image = np.empty((channels, SIDE, SIDE), np.float32)
    for number, (offset, contrast, soft) in enumerate(channel):
        ground_here = soft * np.float32(0.5) * ground
        shapes.paint(ground_here, share, offset + (np.float32(0.5) + np.abs(contrast)) * pattern)
        image[number] = ground_here
    return image


def _level(
    at: shapes.Coordinates, shape: str, centre: NDArray[np.float64], radius: float, turned: NDArray[np.float64]
) -> Floats:
    middle = (float(centre[0]), float(centre[1]))
    if shape == "box":
        return shapes.superellipsoid(at, middle, (radius * 0.8, radius * 0.8), power=8.0, turned=turned)
    if shape == "cross":
        arms = [(radius, radius * 0.3), (radius * 0.3, radius)]
        levels = [shapes.superellipsoid(at, middle, one, power=8.0, turned=turned) for one in arms]
        return np.maximum(*levels)
    disc = shapes.superellipsoid(at, middle, (radius, radius * 0.85), turned=turned)
    return np.minimum(disc, np.float32(radius * 0.35) - disc) if shape == "ring" else disc


def _texture(rng: np.random.Generator, texture: str, at: shapes.Coordinates) -> Floats:
    if texture == "fine grain":
        return rng.standard_normal((SIDE, SIDE), dtype=np.float32) * np.float32(0.8)
    if texture == "coarse grain":
        return shapes.low_frequency(rng, (SIDE, SIDE), 14)
    if texture == "flat":
        return np.zeros((SIDE, SIDE), np.float32)
    angle, step = float(rng.uniform(0, np.pi)), float(rng.uniform(4, 8))
    turned = shapes.rotation((angle,))
    u, v = (
        (np.float32(turned[0, k]) * at[0] + np.float32(turned[1, k]) * at[1]) * np.float32(2 * np.pi / step)
        for k in range(2)
    )
    if texture == "stripes":
        waves: Floats = np.sin(u)
        return waves
    if texture == "checks":
        return np.sign(np.sin(u)) * np.sign(np.sin(v))
    dots: Floats = np.where(np.sin(u) + np.sin(v) > 1.0, np.float32(1.5), np.float32(-0.3))
    return dots


def _crop(rng: np.random.Generator, picture: Floats, channels: int) -> Floats:
    """A square of a picture at a random size, turned and with its colours mixed."""
    _, high, wide = picture.shape
    side = int(rng.integers(SIDE, max(SIDE + 1, min(high, wide, 3 * SIDE) + 1)))
    top, left = int(rng.integers(high - side + 1)), int(rng.integers(wide - side + 1))
    crop = torch.from_numpy(picture[:, top : top + side, left : left + side])[None]
    small = F.interpolate(crop, size=(SIDE, SIDE), mode="area")[0].numpy()
    turned = np.rot90(small, int(rng.integers(4)), (1, 2))
    mix = rng.dirichlet((1.0, 1.0, 1.0), channels).astype(np.float32)
    mixed: Floats = np.einsum("oc,chw->ohw", mix, turned[:, :, :: 1 if rng.random() < 0.5 else -1])
    return mixed


class Classifier(nn.Module):
    """The encoder with a linear layer on the means of all five maps, so that each scale learns."""

    def __init__(self, encoder: EfficientEncoder | ResidualEncoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(sum(encoder.widths), classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, 64, 64) to logits (B, classes)."""
        logits: Tensor = self.head(torch.cat([one.mean((2, 3)) for one in self.encoder(images)], 1))
        return logits


class Naming:
    """The objective for fit: name texture and shape, or the picture, of `examples` images."""

    def __init__(self, model: Classifier, task: Pictures, params: Training, *, examples: int) -> None:
        self.model: nn.Module = model
        self.task, self.params, self.examples = task, params, examples

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Images (B, C, 64, 64) and classes (B,)."""
        images, kinds = zip(*(self.task.image(index) for index in indices), strict=True)
        return {"image": torch.from_numpy(np.stack(images)), "kind": torch.tensor(kinds)}

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(len(batch["kind"]))

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        return F.cross_entropy(self.model(batch["image"]).float(), batch["kind"], reduction="sum")


@torch.no_grad()
def accuracy(model: nn.Module, task: Pictures, *, first: int, count: int, device: Any) -> float:
    """The share of images `first` to `first + count` that are named right."""
    model.eval()
    hits = 0
    for start in range(first, first + count, 64):
        images, kinds = zip(*(task.image(n) for n in range(start, min(start + 64, first + count))), strict=True)
        guess = model(torch.from_numpy(np.stack(images)).to(device)).argmax(1).cpu()
        hits += int((guess == torch.tensor(kinds)).sum())
    return hits / count
