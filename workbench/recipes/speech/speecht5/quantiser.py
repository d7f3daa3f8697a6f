"""The shared code space: encoder states snapped to codes by Gumbel-softmax, some states replaced by theirs.

Section 2.3, equations 4 (nearest code) and 5 (diversity); as in wav2vec 2.0 (Baevski and others, 2020) and the
published code, the choice is learned through a straight-through Gumbel-softmax, product-quantised in groups.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HOTTEST, COLDEST, COOLING = 2.0, 0.5, 0.999995
MIXED = 0.1
"""The share of time steps whose state is replaced by its code; the same steps for all of a batch."""


@dataclasses.dataclass(frozen=True)
class Coded:
    """Codes (B, N, width); how many codes are in use, out of `groups · codes`: soft (for the loss) and hard."""

    codes: Tensor
    soft_perplexity: Tensor
    hard_perplexity: Tensor


class Quantiser(nn.Module):
    """`groups` codebooks of `codes` vectors each; the chosen ones side by side are a state's code."""

    def __init__(self, width: int, groups: int, codes: int) -> None:
        super().__init__()
        self.groups, self.codes = groups, codes
        self.choose = nn.Linear(width, groups * codes)
        self.book = nn.Parameter(torch.rand(groups, codes, width // groups))
        nn.init.normal_(self.choose.weight, 0.0, 1.0)
        nn.init.zeros_(self.choose.bias)

    @property
    def total(self) -> int:
        """Codes of all groups together."""
        return self.groups * self.codes

    def forward(self, states: Tensor, mask: Tensor, temperature: float) -> Coded:
        """States (B, N, width) with mask (B, N) to codes; at inference the likeliest code, without chance."""
        logits = self.choose(states).float().unflatten(-1, (self.groups, self.codes))
        chosen = F.one_hot(logits.argmax(-1), self.codes).to(logits.dtype)
        real = mask.bool()
        hard = _perplexity(chosen[real])
        soft = _perplexity(logits.softmax(-1)[real])
        if self.training:
            chosen = F.gumbel_softmax(logits, tau=temperature, hard=True, dim=-1)
        codes = torch.einsum("bngc,gcw->bngw", chosen, self.book.float()).flatten(2)
        return Coded(codes.to(states.dtype), soft, hard)

    def diversity(self, coded: Coded) -> Tensor:
        """The loss that keeps codes in use: (codes − perplexity) / codes, 0 where all are used alike (equation 5)."""
        return (self.total - coded.soft_perplexity) / self.total


def _perplexity(shares: Tensor) -> Tensor:
    """The exponential of the entropy of the mean choice (N, groups, codes), summed over groups."""
    mean = shares.mean(0)
    return torch.exp(-(mean * (mean + 1e-7).log()).sum(-1)).sum()


def temperature(step: int) -> float:
    """Gumbel's temperature at a step: from 2 down to 0.5 by a constant factor."""
    return max(HOTTEST * COOLING**step, COLDEST)


def mixed(states: Tensor, codes: Tensor, share: float = MIXED) -> Tensor:
    """States (B, N, width), a random share of the time steps replaced by codes; the steps come from torch's chance."""
    count = round(states.shape[1] * share)
    where = torch.randperm(states.shape[1])[:count].to(states.device)
    found = states.clone()
    found[:, where] = codes[:, where]
    return found
