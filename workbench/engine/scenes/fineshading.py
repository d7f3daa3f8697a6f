"""How pictures of a scene are lit and laid over one another, pixel by pixel, as the window's own shaders do it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.core.finepictures import FineWish

Pixels = NDArray[np.float32]
DOME_STRENGTH, DOME_PX, DOME_MOST = 12.0, 1.4, 0.1
"""Eye-dome lighting (Boucheny 2009) as the window's shader has it: how dark, how far around, the most that counts."""
AROUND = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7), (-0.7, -0.7))


def distances(raw: Pixels, near: float, far: float, *, orthographic: bool) -> Pixels:
    """How far the renderer's depths (h, w) lie along the view axis, infinite where nothing is.

    In perspective it gives distances itself.
    """
    if not orthographic:
        return np.where(np.isfinite(raw) & (raw < far), raw, np.inf).astype(np.float32)
    return np.where(raw < 1.0, near + raw * (far - near), np.inf).astype(np.float32)


def dome(colours: Pixels, depth: Pixels, wish: FineWish) -> Pixels:
    """Colours (h, w, 3) darkened where neighbours lie before them."""
    if wish.view.orthographic:
        away = (depth - wish.near) / max(wish.far - wish.near, 1e-12) * 6.0
    else:
        away = np.log2(np.maximum(depth, 1e-12))
    rows, columns = np.arange(depth.shape[0])[:, None], np.arange(depth.shape[1])[None]
    total = np.zeros(depth.shape, np.float32)
    there = np.isfinite(depth)
    for right, down in AROUND:
        step = round(right * DOME_PX * wish.ratio), round(down * DOME_PX * wish.ratio)
        at = (np.clip(rows + step[1], 0, depth.shape[0] - 1), np.clip(columns + step[0], 0, depth.shape[1] - 1))
        with np.errstate(invalid="ignore"):
            gain = np.clip(away - away[at], 0.0, DOME_MOST)
        total += np.where(there & there[at], gain, 0.0)
    return np.asarray(colours * np.exp(-DOME_STRENGTH * total / len(AROUND))[..., None], np.float32)


def facing(coded: NDArray[np.uint8]) -> Pixels:
    """Normals (h, w, 3) of length 1 from the colours that they were drawn as; 0 where a thing has none."""
    normals = coded.astype(np.float32) / 127.5 - 1.0
    size = np.linalg.norm(normals, axis=-1, keepdims=True)
    return np.where(size > 0.3, normals / np.maximum(size, 1e-6), 0.0).astype(np.float32)


def lamp(colours: Pixels, normals: Pixels, sight: Pixels, ambient: float) -> Pixels:
    """Colours as a lamp at the eye lights them, from both sides; `sight` (h, w, 3) are lines of sight of length 1."""
    share = np.abs(np.einsum("hwc,hwc->hw", normals, sight))
    known = np.any(normals != 0.0, axis=-1)
    return np.asarray(colours * np.where(known, ambient + (1 - ambient) * share, 1.0)[..., None], np.float32)


def sights(wish: FineWish) -> Pixels:
    """Lines of sight through the pixels' middles in the scene's axes, (h, w, 3), of length 1."""
    pose = np.asarray(wish.view.pose, np.float64).reshape(4, 4)
    if wish.view.orthographic:
        return np.broadcast_to(-pose[:3, 2], (wish.height, wish.width, 3)).astype(np.float32)
    scale = 2 * np.tan(np.radians(wish.view.height_deg) / 2) / wish.height
    across = (np.arange(wish.width) + 0.5 - wish.width / 2) * scale
    up = (wish.height / 2 - np.arange(wish.height) - 0.5) * scale
    found = np.empty((wish.height, wish.width, 3), np.float32)
    found[..., 0], found[..., 1], found[..., 2] = across[None], up[:, None], -1.0
    found /= np.linalg.norm(found, axis=-1, keepdims=True)
    return np.asarray(found @ pose[:3, :3].T.astype(np.float32), np.float32)


class Laid:
    """A picture that layers are laid into, opaque ones first: colours times alpha, and how far what is seen lies."""

    def __init__(self, height: int, width: int) -> None:
        self.rgba = np.zeros((height, width, 4), np.float32)
        self.depth = np.full((height, width), np.inf, np.float32)
        self._opaque = self.depth.copy()

    def lay(self, colours: Pixels, depth: Pixels, opacity: float) -> None:
        """Colours (h, w, 3) where they lie before what is opaque; of a clear thing only what is nearest is seen."""
        seen = np.isfinite(depth) & (depth <= self._opaque)
        share = np.float32(opacity)
        if opacity >= 1.0:
            np.copyto(self.rgba[..., :3], colours, where=seen[..., None])
            np.copyto(self.rgba[..., 3], np.float32(255), where=seen)
            np.copyto(self._opaque, depth, where=seen)
        else:
            self.rgba[seen] *= 1 - share
            self.rgba[seen, :3] += colours[seen] * share
            self.rgba[seen, 3] += 255 * share
        # Lines are seen through what is clear; where that is all, it is how far one sees.
        behind = seen & ~np.isfinite(self._opaque)
        self.depth = np.where(behind, np.minimum(self.depth, depth), np.minimum(self._opaque, self.depth))

    def done(self) -> tuple[NDArray[np.uint8], Pixels]:
        """The picture and its depths."""
        return np.clip(self.rgba + 0.5, 0, 255).astype(np.uint8), self.depth
