"""Pretraining of the encoder without any medical image: name the texture of every pixel of a generated scene.

Shapes of four kinds with textures of six lie on soft grounds, and on crops of scikit-image's bundled pictures
where those are installed. No brain phantom is among them. Naming pixels, and not whole pictures, asks the fine
maps as well, which a segmentation reads.
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
RADIUS_PIXELS = (2.5, 18.0)
PHOTOGRAPHED = 0.3
"""Share of the scenes that lie on a photograph."""
NAMES = len(TEXTURES) + 1
GROUND_WEIGHT = 0.3


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
class Scenes:
    """The task's pictures by number, without end: the same number and seed always give the same picture and names."""

    seed: int
    channels: int = 3
    photographs: dict[str, Floats] = dataclasses.field(default_factory=pictures)

    def scene(self, number: int) -> tuple[Floats, NDArray[np.int64]]:
        """A picture (channels, 64, 64), standardised, and each pixel's name (64, 64): 0 the ground, else a texture.

        One to four shapes from the size of a few pixels to a quarter of the picture, each with its own brightness
        in each channel, lie on soft ground or on a photograph.
        """
        rng = np.random.default_rng((self.seed, number))
        at = shapes.displaced(shapes.grid((SIDE, SIDE)), rng, amplitude=1.5, cells=3)
        image = self._ground(rng)
        names = np.zeros((SIDE, SIDE), np.int64)
        for _ in range(int(rng.integers(1, 5))):
            texture, shape = int(rng.integers(len(TEXTURES))), SHAPES[int(rng.integers(len(SHAPES)))]
            radius = float(np.exp(rng.uniform(*np.log(RADIUS_PIXELS))))
            centre = rng.uniform(-(SIDE / 2 - radius) * 0.9, (SIDE / 2 - radius) * 0.9, 2)
            level = _level(at, shape, centre, radius, shapes.rotation((float(rng.uniform(0, np.pi)),)))
            share = shapes.coverage(level, float(rng.uniform(0.8, 2.5)))
            pattern = _texture(rng, TEXTURES[texture], at)
            channel = rng.uniform(-1, 1, (self.channels, 2)).astype(np.float32)
            # A shape must stand out in at least one channel, or there is nothing to name.
            channel[int(rng.integers(self.channels)), 0] = 1.2 * (1 if rng.random() < 0.5 else -1)
            for one, (offset, contrast) in zip(image, channel, strict=True):
                shapes.paint(one, share, offset + (np.float32(0.3) + abs(contrast) * np.float32(0.7)) * pattern)
            names[share > 0.5] = texture + 1
        image = image + rng.standard_normal(image.shape, dtype=np.float32) * np.float32(rng.uniform(0, 0.25))
        mean, spread = image.mean((1, 2), keepdims=True), image.std((1, 2), keepdims=True)
        return ((image - mean) / np.maximum(spread, np.float32(1e-4))).astype(np.float32), names

    def batch(self, first: int, count: int) -> tuple[Tensor, Tensor]:
        """Pictures (B, channels, 64, 64) and names (B, 64, 64) of `count` numbers from `first`."""
        images, names = zip(*(self.scene(number) for number in range(first, first + count)), strict=True)
        return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(names))

    def _ground(self, rng: np.random.Generator) -> Floats:
        photographs = list(self.photographs.values())
        if rng.random() < PHOTOGRAPHED and photographs:
            raw = _crop(rng, photographs[int(rng.integers(len(photographs)))], self.channels)
            mean, spread = raw.mean((1, 2), keepdims=True), raw.std((1, 2), keepdims=True)
            found: Floats = (raw - mean) / np.maximum(spread, 1e-3) * np.float32(rng.uniform(0.3, 1))
            return found
        soft = shapes.low_frequency(rng, (SIDE, SIDE), float(rng.uniform(1, 4)))
        grounds = []
        for _ in range(self.channels):
            shared = soft * np.float32(rng.uniform(-0.6, 0.6))
            own = np.float32(0.3) * shapes.low_frequency(rng, (SIDE, SIDE), float(rng.uniform(2, 8)))
            grounds.append(shared + own * np.float32(rng.uniform(0, 1)))
        return np.stack(grounds)


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


class Namer(nn.Module):
    """The encoder with a slim feature pyramid (Lin et al. 2017) on all five maps, so that each scale learns."""

    def __init__(self, encoder: EfficientEncoder | ResidualEncoder, width: int = 32) -> None:
        super().__init__()
        self.encoder = encoder
        self.beside = nn.ModuleList(nn.Conv2d(one, width, 1) for one in encoder.widths)
        self.out = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, NAMES, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to logits (B, NAMES, H, W)."""
        maps = self.encoder(images)
        found = self.beside[-1](maps[-1])
        for layer, one in zip(reversed(self.beside[:-1]), reversed(maps[:-1]), strict=True):
            found = layer(one) + F.interpolate(found, size=one.shape[2:], mode="bilinear")
        return F.interpolate(self.out(found), size=images.shape[2:], mode="bilinear")


def naming_loss(logits: Tensor, names: Tensor) -> Tensor:
    """Cross-entropy over pixels (B, NAMES, H, W), the ground, which fills most of a picture, at 0.3."""
    weight = torch.tensor([GROUND_WEIGHT] + [1.0] * len(TEXTURES), device=logits.device)
    return F.cross_entropy(logits.float(), names, weight=weight)


@torch.no_grad()
def overlap(model: nn.Module, task: Scenes, *, first: int, count: int, device: Any) -> float:
    """The mean over textures of intersection over union, on `count` pictures from number `first`."""
    model.eval()
    both, either = np.zeros(len(TEXTURES)), np.zeros(len(TEXTURES))
    for start in range(first, first + count, 64):
        images, names = task.batch(start, min(64, first + count - start))
        guess = model(images.to(device)).argmax(1).cpu()
        for at in range(len(TEXTURES)):
            mine, true = guess == at + 1, names == at + 1
            both[at] += int((mine & true).sum())
            either[at] += int((mine | true).sum())
    return float(np.mean(both / np.maximum(either, 1)))
