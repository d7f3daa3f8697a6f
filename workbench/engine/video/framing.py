"""From frames to what a network takes: one size, the middle of the picture, normalised as the model was trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from workbench.engine.backbone_folders import fault

from .texttowers import json_of


def as_pixels(frames: NDArray[Any] | Tensor, edge: int, mean: Tensor, std: Tensor, *, stretches: bool) -> Tensor:
    """Frames (B, T, H, W, 3) or (N, H, W, 3), uint8, as an encoder takes them: (B·T, 3, edge, edge) float.

    The shorter side becomes `edge`, the middle is cut out; with `stretches` the whole picture is made square instead.
    Then `mean` (3, 1, 1) is taken off and divided by `std`, on whose device all of it happens. Raises ValueError for
    frames of another make.
    """
    if isinstance(frames, np.ndarray) and not frames.flags.writeable:
        frames = frames.copy()  # of a memory map, say: torch warns of what it could not write to
    pixels = torch.as_tensor(frames).to(mean.device)
    if pixels.dtype != torch.uint8 or pixels.ndim not in {4, 5} or pixels.shape[-1] != 3:
        raise ValueError(f"frames are uint8 (B, T, H, W, 3) or (N, H, W, 3), not {pixels.dtype} {tuple(pixels.shape)}")
    pixels = pixels.reshape(-1, *pixels.shape[-3:]).permute(0, 3, 1, 2)
    height, width = pixels.shape[-2:]
    if (height, width) != (edge, edge):
        short = min(height, width)
        size = (edge, edge) if stretches else (round(height * edge / short), round(width * edge / short))
        pixels = functional.interpolate(pixels.contiguous(), size, mode="bicubic", antialias=True)
        top, left = (size[0] - edge) // 2, (size[1] - edge) // 2
        pixels = pixels[:, :, top : top + edge, left : left + edge]
    return (pixels.float() / 255 - mean) / std


def preparation(
    folder: Path, mean: Sequence[float], std: Sequence[float], *, stretches: bool
) -> tuple[Sequence[float], Sequence[float], bool]:
    """Mean, spread, and whether pictures are stretched, by preprocessor_config.json; what is given where it is silent.

    Raises InputError on field 'backbone' where it cannot be read or says something else.
    """
    path = folder / "preprocessor_config.json"
    told = json_of(path) if path.is_file() else {}
    found = told.get("image_mean", mean), told.get("image_std", std)
    for one in found:
        if not (isinstance(one, list | tuple) and len(one) == 3 and all(isinstance(part, int | float) for part in one)):
            raise fault(
                "preprocessor_config.json does not say how pictures are normalised.",
                expected="image_mean and image_std of three numbers",
                received=str(one)[:80],
                fix="Restore the file from where the model came.",
                place=path,
            )
    return *found, not told.get("do_center_crop", not stretches)
