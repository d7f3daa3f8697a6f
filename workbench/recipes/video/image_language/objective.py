"""What the training loop is given: batches of pairs, and the symmetric contrastive loss over them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.engine.video.imagelanguage import ImageLanguage as Network

from .data import Pairs, shortened
from .recipe import ImageLanguage

HIGHEST_SCALE = 100.0
"""CLIP's bound on the factor, which keeps training stable."""


def info_nce(pictures: Tensor, texts: Tensor, scale: Tensor, same: Tensor) -> Tensor:
    """The mean symmetric InfoNCE of B pairs (Radford et al., 2021, figure 3); vectors (B, D) of any length.

    `same` (B, B) is True where picture and text belong together: on the diagonal, and where captions are the same;
    those share the probability that a pair would have alone. `scale` multiplies cosines, at most by HIGHEST_SCALE.
    """
    cosines = functional.normalize(pictures, dim=-1) @ functional.normalize(texts, dim=-1).T
    logits = scale.clamp(max=HIGHEST_SCALE) * cosines
    wanted = same.to(logits) / same.sum(1, keepdim=True)
    return (functional.cross_entropy(logits, wanted) + functional.cross_entropy(logits.T, wanted)) / 2


class Contrastive:
    """Which caption belongs to which picture. What chance does is drawn by seed, step and position alone."""

    def __init__(self, network: Network, pairs: Pairs, params: ImageLanguage, *, seed: int, shortens: bool) -> None:
        self.model: nn.Module = network
        self.network, self.pairs, self.params = network, pairs, params
        self.seed, self.shortens, self.steps = seed, shortens, 0

    @property
    def examples(self) -> int:
        return len(self.pairs)

    def progress(self, fraction: float) -> None:
        """Before each step: what chance does next depends on how many there were."""
        self.steps += 1

    def caption(self, index: int) -> str:
        """One of a picture's captions; generated ones may be shortened."""
        chance = np.random.default_rng((self.seed, self.steps, index))
        captions = self.pairs.captions[index]
        found = captions[int(chance.integers(len(captions)))]
        return shortened(found, chance, self.params.left_out) if self.shortens else found

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Pictures (B, S, S, 3) as bytes, the frozen vectors of their captions (B, W), and whose captions are alike."""
        captions = [self.caption(at) for at in indices]
        numbers = {one: at for at, one in enumerate(dict.fromkeys(captions))}
        of = torch.tensor([numbers[one] for one in captions])
        described = self.network.texts.described(captions).cpu()  # type: ignore[operator]
        return {
            "images": torch.from_numpy(self.pairs.images[indices]), "described": described,
            "same": of[:, None] == of[None],
        }  # fmt: skip

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(len(batch["images"]))

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """The sum over the batch's pairs."""
        network = self.network
        texts = network.texts.projection(batch["described"])  # type: ignore[operator]
        pictures = network(network.prepared(batch["images"]))
        return info_nce(pictures, texts, network.logit_scale.exp(), batch["same"]) * len(pictures)

    def state(self) -> dict[str, int]:
        return {"steps": self.steps}

    def load_state(self, state: dict[str, int]) -> None:
        self.steps = state["steps"]
