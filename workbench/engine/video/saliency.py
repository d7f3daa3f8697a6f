"""Where an image-language model looks in a frame: attention rollout, or relevance for one of the classes.

Rollout (Abnar and Zuidema 2020) follows attention alone through the layers; it is the same whatever was asked.
Relevance (Chefer, Gur and Wolf 2021, equations 5 and 6) weighs each layer's attention by its gradient with respect
to the class's score, and drops what speaks against it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

if TYPE_CHECKING:
    from workbench.engine.video.recognising import ZeroShot

Floats = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Look:
    """A map (rows, columns) from 0 to 1 over `box`: left, top, right, bottom as shares of the frame."""

    values: Floats
    box: tuple[float, float, float, float]


def look(recogniser: ZeroShot, frame: NDArray[np.uint8], label: int | None) -> Look:
    """Where it looks in a frame (H, W, 3) for the class of that number, or (None) at all."""
    model = recogniser.model
    pixels = model.prepared(torch.from_numpy(np.array(frame))[None, None])
    with torch.enable_grad():
        attentions, pooled = _attended(model, pixels)
        if label is None:
            weights = rolled_out([one.detach().mean(1) for one in attentions])
        else:
            text = recogniser.texts[label].clone().to(pooled)  # a tensor that a graph may hold
            score = (functional.normalize(pooled, dim=-1) @ text).sum()
            gradients = torch.autograd.grad(score, attentions)
            weights = relevance([one.detach() for one in attentions], list(gradients))
    grid = on_patches(weights[0], int(pixels.shape[-2] // model.patch), int(pixels.shape[-1] // model.patch))
    box = (0.0, 0.0, 1.0, 1.0) if model.stretches else crop_box(frame.shape[0], frame.shape[1])
    return Look(grid, box)


def _attended(model: Any, pixels: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    """Attention weights (1, heads, 1 + P, 1 + P) of every layer, part of the graph, and the image vector (1, dim)."""
    vision = model.vision
    before = vision.config._attn_implementation
    # Fused attention keeps no weights.
    vision.set_attn_implementation("eager")
    try:
        found = vision(pixel_values=pixels.requires_grad_(), output_attentions=True)
        return tuple(found.attentions), model.projection(found.pooler_output)
    finally:
        vision.set_attn_implementation(before)


def rolled_out(layers: list[torch.Tensor]) -> torch.Tensor:
    """Attention (N, S, S) of layers, means over heads, followed from the last to the first: (N, S, S)."""
    eye = torch.eye(layers[0].shape[-1]).to(layers[0])
    found = eye.expand_as(layers[0])
    for one in layers:
        found = (0.5 * one + 0.5 * eye) @ found
    return found


def relevance(layers: list[torch.Tensor], gradients: list[torch.Tensor]) -> torch.Tensor:
    """Relevance (N, S, S) of positions from attention (N, heads, S, S) and the score's gradient by it."""
    eye = torch.eye(layers[0].shape[-1]).to(layers[0])
    found = eye.expand(len(layers[0]), *eye.shape)
    for one, by in zip(layers, gradients, strict=True):
        found = found + (by * one).clamp(min=0).mean(1) @ found
    return found - eye


def on_patches(weights: torch.Tensor, rows: int, columns: int) -> Floats:
    """What the patches are to the picture (rows, columns), 0 to 1: to its class token, or where a model has none
    to all patches alike."""
    patches = rows * columns
    leading = weights.shape[-1] - patches
    row = weights[0, leading:] if leading > 0 else weights.mean(0)
    grid = row.reshape(rows, columns).float()
    low, high = grid.min(), grid.max()
    scaled: Floats = ((grid - low) / (high - low).clamp(min=1e-12)).cpu().numpy().astype(np.float32)
    return scaled


def crop_box(high: int, wide: int) -> tuple[float, float, float, float]:
    """The middle square of a frame, as shares of it."""
    side = min(high, wide)
    left, top = (wide - side) / 2 / wide, (high - side) / 2 / high
    return left, top, 1 - left, 1 - top
