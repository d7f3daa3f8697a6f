"""Features thought up by hand: colour and local binary patterns, the baseline without any learning."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2gray
from skimage.feature import local_binary_pattern

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

BINS = 8
RADII = ((8, 1), (16, 2))
"""Points and radius (px) of the patterns."""


def colour_histograms(tiles: Pixels) -> Floats:
    """Shares of eight steps of red, green and blue, (N, 24)."""
    steps = (tiles // (256 // BINS)).reshape(len(tiles), -1, 3)
    shares = [[(steps[..., channel] == one).mean(1) for one in range(BINS)] for channel in range(3)]
    return np.asarray(shares, np.float32).reshape(3 * BINS, -1).T.copy()


def described(tiles: Pixels) -> Floats:
    """Colour histograms, colour means and spreads, and uniform patterns at two radii, (N, 58)."""
    flat = tiles.reshape(len(tiles), -1, 3).astype(np.float32) / 255
    patterns = np.stack([_patterns(one) for one in tiles])
    return np.concatenate([colour_histograms(tiles), flat.mean(1), flat.std(1), patterns], 1).astype(np.float32)


def _patterns(tile: Pixels) -> Floats:
    grey = (rgb2gray(tile) * 255).astype(np.uint8)
    shares = []
    for points, radius in RADII:
        codes = local_binary_pattern(grey, points, radius, method="uniform")
        shares.append(np.bincount(codes.astype(int).ravel(), minlength=points + 2) / codes.size)
    return np.concatenate(shares).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Handmade:
    """The features on one scale each: mean 0 and spread 1 over the tiles that pretraining may see."""

    middle: Floats
    spread: Floats

    @classmethod
    def scaled_by(cls, tiles: Pixels) -> Handmade:
        """Scales from unlabelled tiles (N, H, W, 3)."""
        found = described(tiles)
        return cls(found.mean(0), np.maximum(found.std(0), 1e-6).astype(np.float32))

    def __call__(self, tiles: Pixels) -> Floats:
        """Features (N, 58)."""
        return np.asarray((described(tiles) - self.middle) / self.spread, np.float32)
