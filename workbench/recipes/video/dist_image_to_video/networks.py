"""What names clips: DiST, and what it is compared with, on one image-language encoder with one kind of head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from workbench.engine.video.dist import Dist, DistSizes, TextLogits, begin
from workbench.engine.video.imagelanguage import ImageLanguage
from workbench.engine.video.stadapter import StAdapters

from .recipe import ADAPTER, BLIND, DIST, FULL, PATCHES, TOKENS, DistImageToVideo

GRADIENT = (ADAPTER, FULL)
"""Arms whose gradients go through the image encoder."""


class Head(nn.Module):
    """A projection for each task, then cosines with the classes' vectors: those of their names, or learned ones."""

    def __init__(self, width: int, tasks: Mapping[str, Tensor], *, learned: bool, scale: float) -> None:
        super().__init__()
        self.tasks = nn.ModuleDict()
        for name, vectors in tasks.items():
            if learned:
                self.tasks[name] = nn.Linear(width, len(vectors))
            else:
                project = nn.Linear(width, vectors.shape[1], bias=False)
                self.tasks[name] = nn.Sequential(project, TextLogits(vectors, scale))
        begin(self)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """(B, width) to each task's logits (B, classes)."""
        return {name: part(features) for name, part in self.tasks.items()}


class OverTime(nn.Module):
    """A transformer of two layers over what the encoder says of each frame, or of each patch of each frame."""

    def __init__(self, width: int, heads: int, *, frames: int, tokens: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.moments = nn.Parameter(torch.zeros(1, frames, 1, width))
        self.places = nn.Parameter(torch.zeros(1, 1, tokens, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        for one in (self.moments, self.places):
            nn.init.trunc_normal_(one, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, N, C) to (B, C), the mean over all."""
        held = self.norm(tokens) + self.moments + self.places
        found: Tensor = self.body(held.flatten(1, 2)).mean(1)
        return found


class Recogniser(nn.Module):
    """An image-language encoder, what an arm puts beside or into it, and a head.

    `texts` are each task's class vectors (classes, dim). Only `new` is saved, and for FULL the encoder's vision.
    """

    def __init__(self, seer: ImageLanguage, texts: Mapping[str, Tensor], params: DistImageToVideo) -> None:
        super().__init__()
        self.arm, self.frames = params.arm, params.frames
        self.seer = seer.requires_grad_(False)
        self.sizes = sizes_of(seer, params)
        self.new = nn.ModuleDict()
        width, frames = seer.width, params.frames
        if self.arm in (DIST, BLIND):
            self.new["dist"] = Dist(self.sizes)
            width = params.integration
        else:
            self.new["norm"] = nn.LayerNorm(width)
        if self.arm in (TOKENS, PATCHES, FULL):
            count = 1 + self.sizes.grid**2 if self.arm == PATCHES else 1
            self.new["time"] = OverTime(width, seer.heads, frames=frames, tokens=count)
        if self.arm == ADAPTER:
            bottleneck = max(1, width // 2)
            prefix = int(seer.has_class_token)
            self.new["adapters"] = StAdapters(
                seer.vision, width=width, bottleneck=bottleneck, frames=frames, prefix=prefix
            )
        if self.arm == FULL:
            _learn_blocks(seer)
        self.new["head"] = Head(width, texts, learned=params.classes == "learned vectors", scale=params.scale)

    def forward(
        self, pixels: Tensor, hidden: Sequence[Tensor] | None = None
    ) -> tuple[dict[str, Tensor], Tensor | None]:  # fmt: skip
        """Prepared frames (B, F, 3, S, S) to each task's logits, and where the spatial query looked (B, T, h, w).

        `hidden` is what `seen` gave for these clips, where that is known already.
        """
        attention = None
        hidden = self.seen(pixels) if hidden is None else hidden
        if "dist" in self.new:
            found = self.new["dist"](pixels, [one.flatten(0, 1) for one in hidden])
            features, attention = found.features, found.attention
        else:
            last = hidden[-1]
            held = self.new["norm"](last)
            features = self.new["time"](held) if "time" in self.new else held.mean((1, 2))
        return self.new["head"](features), attention

    def seen(self, pixels: Tensor) -> list[Tensor]:
        """What this arm takes from the encoder: for DiST each block's output (B, T, 1 + h · w, C), else the last one's
        for every frame, the class token alone where patches are not read."""
        shown = pixels[:, :: self.sizes.gamma] if "dist" in self.new else pixels
        flat = shown.flatten(0, 1)
        if self.arm == BLIND:
            rows = flat.new_zeros(*shown.shape[:2], 1 + self.sizes.grid**2, self.seer.width)
            return [rows] * self.seer.layers
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.arm in GRADIENT):
            found = [one.view(*shown.shape[:2], *one.shape[1:]) for one in self.seer.hidden(flat)]
        if "dist" in self.new:
            return found
        return [found[-1] if self.arm == PATCHES else found[-1][:, :, :1]]

    def groups(self, params: DistImageToVideo) -> list[dict[str, Any]]:
        """Optimizer groups: new weights at the rate, the encoder's own at a share of it; only matrices decay."""
        found = []
        for part, rate in ((self.new, params.learning_rate), (self.seer, params.learning_rate * params.encoder_rate)):
            learning = [one for one in part.parameters() if one.requires_grad]
            for decays in (True, False):
                chosen = [one for one in learning if (one.ndim > 1) == decays]
                if chosen:
                    found.append({"params": chosen, "lr": rate, "weight_decay": params.weight_decay * decays})
        return found

    def saved(self) -> dict[str, Tensor]:
        """What was learned, by name: the frozen encoder is not in it."""
        kept = {f"new.{name}": one for name, one in self.new.state_dict().items()}
        own = self.seer.named_parameters()
        return kept | {f"seer.{name}": one.detach() for name, one in own if one.requires_grad}


def _learn_blocks(seer: ImageLanguage) -> None:
    """Everything of the vision model that the last block's output follows from."""
    seer.vision.requires_grad_(True)
    for name in ("post_layernorm", "head"):
        if (part := getattr(seer.vision, name, None)) is not None:
            part.requires_grad_(False)


def sizes_of(seer: ImageLanguage, params: DistImageToVideo) -> DistSizes:
    """DiST's sizes on an encoder: its own patch, width and blocks, the rest as the knobs say."""
    return DistSizes(
        channels=seer.width, blocks=seer.layers, patch=seer.patch, grid=seer.image_px // seer.patch,
        frames=params.frames, gamma=params.gamma, integration=params.integration, temporal=params.temporal,
        repeats=params.repeats, shared=0, taps=taps_of(params.taps, seer.layers),
        spread=params.spread,
    )  # fmt: skip


def taps_of(words: str, blocks: int) -> tuple[int, ...]:
    """The blocks that 'all' or numbers from 1 name, from 0."""
    from workbench.core.problem import InputError

    if words.strip().lower() in ("", "all"):
        return ()
    try:
        found = tuple(sorted({int(one) - 1 for one in words.replace(",", " ").split()}))
    except ValueError:
        found = (-1,)
    if not found or any(not 0 <= one < blocks for one in found):
        raise InputError(
            "These are not blocks of the image encoder.", expected=f"'all', or numbers from 1 to {blocks}",
            received=words, fix="Correct the list.", field="taps",
        )  # fmt: skip
    return found
