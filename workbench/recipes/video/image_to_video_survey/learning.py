"""One cell of the grid: a strategy and a head learn a task; what the frozen backbone sees is kept for all alike."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.engine.devices import Place
from workbench.engine.video.costs import Cost, measure
from workbench.engine.video.imagelanguage import ImageLanguage

from .base import Seen, Strategy, look
from .tasks import Head, Part, Scored

AT_ONCE = 64
"""Clips that are looked at together outside of training."""
KEPT_BYTES = 1 << 30
"""What the frozen backbone saw is kept up to so much; beyond it, it looks again."""


class Views:
    """What the frozen backbone sees of parts' clips, looked at once for all strategies that read it.

    Only training is spared the second look: what a step costs is measured without (`cost_of`), for all alike.
    """

    def __init__(self, backbone: ImageLanguage, place: Place) -> None:
        self.backbone, self.place = backbone, place
        self._known: dict[tuple[int, bool], Seen] = {}
        self._arrays: dict[int, Any] = {}

    def of(self, clips: NDArray[np.uint8], needs: str) -> Seen | None:
        """All that is seen of N clips, on the CPU; None where nothing is read, or it would take too much memory."""
        if not needs:
            return None
        blocks = needs == "blocks"
        found = self._known.get((id(clips), blocks)) or self._known.get((id(clips), True))
        if found is None and (not blocks or self._bytes(clips) <= KEPT_BYTES):
            if blocks:  # one task's blocks at a time
                held = {id(one) for one in self._arrays.values() if one.shape == clips.shape}
                self._known = {key: seen for key, seen in self._known.items() if not key[1] or key[0] in held}
            parts = [
                look(self.backbone, self.pixels(clips[at : at + AT_ONCE]), blocks=blocks)
                for at in range(0, len(clips), AT_ONCE)
            ]
            found = Seen(
                torch.cat([one.frames.cpu() for one in parts]),
                tuple(
                    torch.cat([one.cpu() for one in level]) for level in zip(*(p.blocks for p in parts), strict=True)
                ),
            )
            self._known[id(clips), blocks] = found
            self._arrays[id(clips)] = clips  # so that no other array gets its id
        return found

    def pixels(self, clips: NDArray[np.uint8] | Tensor) -> Tensor:
        """Clips (B, T, H, W, 3) uint8 as the backbone takes them, (B, T, 3, S, S)."""
        count, frames = clips.shape[:2]
        flat = self.backbone.prepared(torch.as_tensor(clips).to(self.place.device))
        return flat.reshape(count, frames, *flat.shape[1:])

    def _bytes(self, clips: NDArray[np.uint8]) -> int:
        one = self.backbone
        tokens = (one.image_px // one.patch) ** 2 + 1
        return int(clips.shape[0] * clips.shape[1] * tokens * one.width * one.layers * 4)


def chosen(seen: Seen | None, indices: list[int], device: torch.device) -> Seen | None:
    """Some clips of what was seen."""
    if seen is None:
        return None
    return Seen(seen.frames[indices].to(device), tuple(one[indices].to(device) for one in seen.blocks))


class Cell:
    """The objective of one training: strategy and head on the training part of a task."""

    def __init__(self, strategy: Strategy, head: Head, part: Part, texts: Tensor | None, views: Views) -> None:
        self.strategy, self.head, self.part, self.texts, self.views = strategy, head, part, texts, views
        self.model: nn.Module = nn.ModuleDict({"strategy": strategy, "head": head})
        self.seen = views.of(part.clips, strategy.needs)

    @property
    def examples(self) -> int:
        return len(self.part)

    def collate(self, indices: list[int]) -> dict[str, Any]:
        batch: dict[str, Any] = {
            "clips": torch.from_numpy(self.part.clips[indices]), "target": torch.from_numpy(self.part.target[indices]),
        }  # fmt: skip
        if self.texts is not None:
            batch["text"] = self.texts[indices]
            batch["words"] = [self.part.texts[one] for one in indices]
        if self.seen is not None:
            batch["frames"], batch["blocks"] = self.seen.frames[indices], [one[indices] for one in self.seen.blocks]
        return batch

    def weight(self, batch: dict[str, Any]) -> float:
        return float(len(batch["target"]))

    def loss(self, batch: dict[str, Any]) -> Tensor:
        pixels, text = self.views.pixels(batch["clips"]), batch.get("text")
        if text is not None and self.strategy.speaks:
            text = self.strategy.words(batch["words"])
        seen = Seen(batch["frames"], tuple(batch["blocks"])) if "frames" in batch else None
        found = self.strategy.encode(pixels, seen)
        loss = self.head.loss(self.head.outputs(found, text), batch["target"], text)
        extra = self.strategy.extra_loss(pixels, seen, found)
        return loss if extra is None else loss + extra.sum()


def judge(strategy: Strategy, head: Head, part: Part, texts: Tensor | None, views: Views) -> Scored:
    """A part of a task's data, scored."""
    device = views.place.device
    strategy.eval()
    head.eval()
    needs = "" if strategy.asked_in_training_only else strategy.needs
    seen, outputs = views.of(part.clips, needs), []
    with torch.no_grad(), views.place.autocast():
        text = None if texts is None else texts.to(device)
        if text is not None and strategy.speaks:
            some_texts = (part.texts[at : at + AT_ONCE] for at in range(0, len(part), AT_ONCE))
            text = torch.cat([strategy.words(one).to(device) for one in some_texts])
        for at in range(0, len(part), AT_ONCE):
            some = list(range(at, min(at + AT_ONCE, len(part))))
            found = strategy.encode(views.pixels(part.clips[some]), chosen(seen, some, device))
            outputs.append(head.outputs(found, None if text is None else text[some]))
        return head.scored(torch.cat(outputs), part, text)


def cost_of(cell: Cell, batch: int, *, learning_rate: float, weight_decay: float) -> Cost:
    """What a training step costs; the frozen backbone looks anew in each, and weights of `cell` move."""
    model, views = cell.model.to(cell.views.place.device), cell.views
    plain = copy.copy(cell)
    plain.seen = None
    learning = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=learning_rate, weight_decay=weight_decay)
    given = {
        name: one.to(views.place.device) if isinstance(one, Tensor) else one
        for name, one in plain.collate([at % len(cell.part) for at in range(batch)]).items()
    }
    model.train()

    def step() -> None:
        with views.place.autocast():
            loss = plain.loss(given) / batch
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    held = [model] if cell.strategy.enters else [model, views.backbone.vision, views.backbone.projection]
    held += cell.strategy.text_side()
    return measure(step, models=held, optimizer=optimizer, place=views.place, repeats=3)
