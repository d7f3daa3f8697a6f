"""A field given by formula, and photographs of it: a sphere with three coloured sides in an empty box."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from workbench.core.scenes import Lens
from workbench.engine.scenes.fieldrendering import lens_rays, pictured
from workbench.engine.scenes.fields import Field, FieldFacts
from workbench.engine.scenes.fieldviews import Photograph, Photographs, chosen
from workbench.engine.scenes.tracing import looking

LOW, HIGH = (-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)
RADIUS, CENTRE = 0.5, (0.1, -0.05, 0.0)


class Ball(Field):
    """A sphere of one density, coloured by where a point lies from its centre."""

    def __init__(self, density: float = 200.0) -> None:
        super().__init__(LOW, HIGH)
        self.dense = density

    def seen(self, points: Tensor) -> tuple[Tensor, Tensor | None]:
        return ((points - torch.tensor(CENTRE)).norm(dim=1) < RADIUS).float() * self.dense, None

    def coloured(self, features: Tensor | None, points: Tensor, directions: Tensor) -> Tensor:
        return 0.5 + (points - torch.tensor(CENTRE)).clamp(-RADIUS, RADIUS) * 0.8

    @property
    def facts(self) -> FieldFacts:
        return FieldFacts("voxels", LOW, HIGH)


def pose(number: int, count: int, distance: float = 2.2) -> tuple[float, ...]:
    """One of `count` poses around the ball, up and down by turns."""
    turn = 2 * np.pi * number / count
    eye = distance * np.array([np.cos(turn), np.sin(turn), 0.35 * (-1) ** number])
    return tuple(float(one) for one in looking(eye, np.array(CENTRE)).reshape(16))


def photographs(count: int = 14, size: int = 20) -> Photographs:
    """Photographs on nothing, every seventh held out."""
    lens, ball, taken = Lens(size, size, size * 1.2, size * 1.2, size / 2, size / 2), Ball(), []
    for number in range(count):
        found = pictured(ball, lens_rays(pose(number, count), lens), 96, torch.zeros(3))
        rgba = torch.cat([found.rgb / found.alpha[:, None].clamp(min=1e-3), found.alpha[:, None]], 1)
        pixels = (rgba.clamp(0, 1) * 255).round().to(torch.uint8).view(size, size, 4).numpy()
        taken.append(Photograph(pixels, lens, pose(number, count), number % 7 == 3, f"{number}.png"))
    return chosen(taken, LOW, HIGH)
