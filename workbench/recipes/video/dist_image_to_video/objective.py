"""What training lowers: the cross-entropy of every task's classes, with soft targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from workbench.engine.video.dist import soft_loss

from .alter import Blend, Mirrors, altered, blended, drawn, targets
from .data import Part
from .networks import GRADIENT, Recogniser
from .recipe import BLIND, DIST, PATCHES, DistImageToVideo

KEPT_BYTES = 1 << 30
"""Of frozen features that are kept in memory."""
TOGETHER = 64
"""Clips at once where nothing is learned."""


class Naming:
    """Clips to learn from, for fit.

    With `keep`, what a frozen encoder says of clips that are never altered is computed once, for every arm alike, as
    long as it fits into KEPT_BYTES.
    """

    model: nn.Module

    def __init__(
        self, model: Recogniser, clips: Part, tasks: Mapping[str, Sequence[str]], params: DistImageToVideo, *,
        keep: bool = False,
    ) -> None:  # fmt: skip
        self.model, self.network, self.clips, self.params = model, model, clips, params
        self.counts = {name: len(names) for name, names in tasks.items()}
        self.mirrors = Mirrors.of(tasks)
        self.frames = torch.from_numpy(clips.frames)
        self.labels = {name: torch.from_numpy(one) for name, one in clips.labels.items()}
        self.known: list[Tensor] | None = None
        if keep and self._can_keep():
            self.known = self._seen()

    @property
    def examples(self) -> int:
        """How many clips there are."""
        return len(self.clips)

    def collate(self, indices: list[int]) -> dict[str, Any]:
        """Frames (B, F, H, W, 3) uint8 and each task's classes (B,), altered, and how they are to be blended."""
        at = torch.tensor(indices)
        labels = {name: one[at] for name, one in self.labels.items()}
        frames, labels = altered(self.frames[at], labels, self.params, self.mirrors)
        batch = {"frames": frames, "labels": labels, **packed(drawn(len(at), self.network.seer.image_px, self.params))}
        return batch if self.known is None else {**batch, "hidden": [one[at] for one in self.known]}

    def weight(self, batch: dict[str, Any]) -> float:
        """Clips in the batch."""
        return float(len(batch["frames"]))

    def loss(self, batch: dict[str, Any]) -> Tensor:
        """The sum over clips and tasks."""
        blend = unpacked(batch)
        pixels = blended(prepared(self.network, batch["frames"]), blend)
        logits, _ = self.model(pixels, batch.get("hidden"))
        each = [
            soft_loss(logits[name], targets(one, self.counts[name], self.params.smoothing, blend))
            for name, one in batch["labels"].items()
        ]
        return torch.stack(each).sum()

    def parameter_groups(self) -> list[dict[str, Any]]:
        """New weights at the rate, the encoder's own at a share of it."""
        return self.network.groups(self.params)

    def _can_keep(self) -> bool:
        network, params = self.network, self.params
        changed = params.flip or params.crop < 1 or params.jitter or params.grey or params.mixup or params.cutmix
        tokens = 1 + network.sizes.grid**2
        rows = {DIST: network.sizes.seen * tokens * network.seer.layers, PATCHES: network.frames * tokens}
        count = len(self.clips) * rows.get(network.arm, network.frames) * network.seer.width
        return not changed and network.arm not in (*GRADIENT, BLIND) and 4 * count <= KEPT_BYTES

    @torch.no_grad()
    def _seen(self) -> list[Tensor]:
        found = []
        for at in range(0, len(self.frames), TOGETHER):
            pixels = prepared(self.network, self.frames[at : at + TOGETHER])
            found.append([one.cpu() for one in self.network.seen(pixels)])
        return [torch.cat(one) for one in zip(*found, strict=True)]


def prepared(model: Recogniser, frames: Tensor) -> Tensor:
    """Frames (B, F, H, W, 3) uint8 as the encoder takes them, (B, F, 3, S, S)."""
    found = model.seer.prepared(frames)
    return found.view(len(frames), -1, *found.shape[1:])


def packed(blend: Blend | None) -> dict[str, Tensor]:
    """A blend as tensors, which batches are made of."""
    if blend is None:
        return {}
    box = torch.tensor(blend.box if blend.box is not None else [], dtype=torch.int64)
    return {"partners": blend.partners, "share": torch.tensor(blend.share), "box": box}


def unpacked(batch: Mapping[str, Any]) -> Blend | None:
    """The batch's blend again."""
    if "partners" not in batch:
        return None
    box = batch["box"].tolist()
    return Blend(batch["partners"], float(batch["share"]), (box[0], box[1], box[2], box[3]) if box else None)
