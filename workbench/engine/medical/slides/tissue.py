"""Where a slide holds tissue: coloured areas of its thumbnail, without specks and pinholes.

The rule of CLAM's segmentation: saturation of HSV, a median, a threshold, a closing, small parts dropped.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import ndimage
from skimage import filters, morphology

FIXED = 8
"""The saturation (0 to 255) that counts as colour."""


def saturation(rgb: np.ndarray) -> np.ndarray:
    """HSV's saturation of uint8 (h, w, 3) as uint8 (h, w)."""
    high, low = rgb.max(axis=-1).astype(np.uint16), rgb.min(axis=-1).astype(np.uint16)
    return np.asarray(((high - low) * 255 // np.maximum(high, 1)).astype(np.uint8))


def tissue_mask(
    rgb: np.ndarray,
    *,
    threshold: int | Literal["otsu"] = FIXED,
    median: int = 7,
    close: int = 4,
    min_area: float = 0.0005,
    min_hole: float = 0.0005,
) -> np.ndarray:
    """Which pixels of a thumbnail show tissue: bool (h, w) for uint8 (h, w, 3).

    `threshold` is the least saturation (0 to 255), or Otsu's choice, never below 8, so that a blank
    slide stays blank; `median` and `close` are widths in pixels; parts and holes smaller than
    `min_area` and `min_hole`, shares of the picture, are dropped and filled.
    """
    colour = ndimage.median_filter(saturation(rgb), size=median, mode="nearest")
    least = float(threshold) if threshold != "otsu" else max(_otsu(colour), float(FIXED))
    mask = colour > least
    if close > 1:
        # Beyond the edge nothing is known: padding keeps the closing from eating tissue there.
        padded = np.pad(mask, close, mode="edge")
        mask = ndimage.binary_closing(padded, np.ones((close, close), bool))[close:-close, close:-close]
    pixels = mask.size
    mask = morphology.remove_small_objects(mask, max_size=max(round(min_area * pixels), 1))
    return np.asarray(morphology.remove_small_holes(mask, max_size=max(round(min_hole * pixels), 1)))


def _otsu(colour: np.ndarray) -> float:
    return float(filters.threshold_otsu(colour)) if colour.min() < colour.max() else float(FIXED)
