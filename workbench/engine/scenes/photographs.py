"""The pictures of posed photographs: loaded, made smaller, and freed of what their lens bends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workbench.core.problem import InputError
from workbench.core.scenes import Lens, PosedImage
from workbench.engine.scenes.lenses import bent, pixels_of
from workbench.engine.scenes.posedframes import fitted, scaled

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
_NARROWEST, _WIDEST = 16.0, 0.25
_BISECTIONS = 40
_MOST_ON_RIM = 257


def load_pixels(image: PosedImage) -> Bytes:
    """The picture (h, w, 3) or, with opacity, (h, w, 4) uint8, as it is stored (never turned by EXIF).

    Sixteen-bit grey is brought to eight. Raises InputError where it cannot be read or no longer fits its lens.
    """
    from PIL import Image

    try:
        with Image.open(image.path) as picture:
            if picture.mode.startswith("I") or picture.mode == "F":
                deep = np.asarray(picture, np.float64)
                high = 65535.0 if picture.mode != "F" else 1.0
                grey = (deep / high * 255 + 0.5).clip(0, 255).astype(np.uint8)
                pixels = np.repeat(grey[..., None], 3, 2)
            else:
                clear = picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info
                pixels = np.asarray(picture.convert("RGBA" if clear else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError("The photograph cannot be read.", expected="PNG, JPEG, WebP, BMP or TIFF",
                         received=str(error)[:200], fix="Copy it again.", place=image.path) from None  # fmt: skip
    if fitted(image.lens, (pixels.shape[1], pixels.shape[0])) != image.lens:
        raise InputError("The photograph has changed its size.", expected=f"{image.lens.width} × {image.lens.height}",
                         received=f"{pixels.shape[1]} × {pixels.shape[0]}", fix="Read the folder again.",
                         place=str(Path(image.path)))  # fmt: skip
    return pixels


def shrunk(pixels: Bytes, lens: Lens, longest_px: int) -> tuple[Bytes, Lens]:
    """A picture whose longer side has at most `longest_px` (0: any), and its lens.

    Each pixel is the mean of those that it touches; colours of half-clear ones are weighted by their opacity.
    """
    import torch  # takes seconds, and reading poses needs none of it

    longest = max(lens.width, lens.height)
    if not longest_px or longest <= longest_px:
        return pixels, lens
    size = max(1, round(lens.width * longest_px / longest)), max(1, round(lens.height * longest_px / longest))
    weighted = _weighted(pixels.astype(np.float32))
    block = torch.from_numpy(weighted).permute(2, 0, 1)[None]
    small = torch.nn.functional.interpolate(block, size[::-1], mode="area")[0].permute(1, 2, 0).numpy()
    return _merged(small), scaled(lens, size[0] / lens.width, size[1] / lens.height, size)


def _weighted(pixels: Floats) -> Floats:
    """Colours times opacity, where there is one."""
    if pixels.shape[-1] != 4:
        return pixels
    return np.concatenate([pixels[..., :3] * (pixels[..., 3:] / 255), pixels[..., 3:]], -1)


def _merged(pixels: Floats) -> Bytes:
    """The opposite of `_weighted`, as bytes."""
    if pixels.shape[-1] == 4:
        pixels = np.concatenate([pixels[..., :3] * (255 / np.maximum(pixels[..., 3:], 1e-3)), pixels[..., 3:]], -1)
    found: Bytes = np.rint(pixels).clip(0, 255).astype(np.uint8)
    return found


def undistorted(pixels: Bytes, lens: Lens) -> tuple[Bytes, Lens]:
    """The picture as a pinhole lens would have taken it, of the same size, and that lens.

    Its focal lengths are the least with which every pixel was seen, so that no black corners are learned from. Raises
    InputError for a lens whose numbers leave nothing to see.
    """
    if not lens.is_distorted:
        return pixels, lens
    straight = straight_lens(lens)
    x, y = _source(straight, lens, pixels_of(straight))
    weighted = _weighted(pixels.astype(np.float32))
    at = np.stack([y - 0.5, x - 0.5])
    found = np.stack([ndimage.map_coordinates(weighted[..., channel], at, order=1, mode="nearest")
                      for channel in range(pixels.shape[-1])], -1)  # fmt: skip
    return _merged(found), straight


def _source(straight: Lens, lens: Lens, pixels: Floats) -> tuple[Floats, Floats]:
    """Where the straight picture's pixels (…, 2) lie in the bent one."""
    plane = (pixels - [straight.cx, straight.cy]) / [straight.fx, straight.fy]
    seen = bent(plane, lens)
    return seen[..., 0] * lens.fx + lens.cx, seen[..., 1] * lens.fy + lens.cy


def straight_lens(lens: Lens) -> Lens:
    """The widest pinhole lens of the same size, middle and pixel shape that sees only what the lens saw."""

    def zoomed(zoom: float) -> Lens:
        return Lens(lens.width, lens.height, lens.fx * zoom, lens.fy * zoom, lens.cx, lens.cy)

    narrow, wide = _NARROWEST, _WIDEST
    if not _is_seen(zoomed(narrow), lens):
        raise InputError("The lens's distortion makes no sense.", expected="coefficients that bend a picture a little",
                         received=f"k1 {lens.k1:g}, k2 {lens.k2:g}, k3 {lens.k3:g}, k4 {lens.k4:g}, p1 {lens.p1:g}, "
                                  f"p2 {lens.p2:g}", fix="Calibrate the camera again.")  # fmt: skip
    if _is_seen(zoomed(wide), lens):
        return zoomed(wide)
    for _ in range(_BISECTIONS):
        middle = float(np.sqrt(narrow * wide))
        narrow, wide = (middle, wide) if _is_seen(zoomed(middle), lens) else (narrow, middle)
    return zoomed(narrow)


def _is_seen(straight: Lens, lens: Lens) -> bool:
    """Whether the straight picture's rim and rays to it fall into the bent picture, one after the other outwards."""
    left, right, top, bottom = 0.5, lens.width - 0.5, 0.5, lens.height - 0.5
    x = np.linspace(left, right, min(lens.width, _MOST_ON_RIM))
    y = np.linspace(top, bottom, min(lens.height, _MOST_ON_RIM))
    sides = [
        *((x, np.full_like(x, end)) for end in (top, bottom)),
        *((np.full_like(y, end), y) for end in (left, right)),
    ]
    rim = np.concatenate([np.stack(side, 1) for side in sides])
    middle = np.array([lens.cx, lens.cy])
    rays = middle + np.linspace(0, 1, 9)[:, None, None] * (rim - middle)
    u, v = _source(straight, lens, rays)
    inside = (u >= 0) & (u <= lens.width) & (v >= 0) & (v <= lens.height)
    out = np.hypot((u - lens.cx) / lens.fx, (v - lens.cy) / lens.fy)
    return bool(inside.all() and (np.diff(out, axis=0) > 0).all())
