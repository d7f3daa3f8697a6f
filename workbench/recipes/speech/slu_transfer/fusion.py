"""What a frozen text encoder makes of every prefix of slots, worked out once before training."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from workbench.engine import backbones
from workbench.engine.devices import Place

from .networks import SLOTS

TOGETHER = 64


def prefixes(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Nothing, then every action, every action with an object, and with a location too; `words` are `slot=value`."""
    by_slot = [[one for one in words if one.startswith(f"{slot}=")] for slot in SLOTS]
    return [chosen for count in range(len(SLOTS) + 1) for chosen in itertools.product(*by_slot[:count])]


def sentence(prefix: Sequence[str]) -> str:
    """A prefix as the text encoder reads it: the values in words, `none` left out."""
    said = [one.partition("=")[2] for one in prefix]
    return " ".join(one for one in said if one != "none") or "a command"


@torch.no_grad()
def read(backbone: str, words: Sequence[str], place: Place) -> tuple[Tensor, Tensor]:
    """The text encoder's mean states (N, D) of unit length for each prefix, and each prefix's row (words³,).

    A prefix is numbered to the base of the decoder's vocabulary, whose slot words begin at 2. Raises InputError
    where the backbone cannot be loaded.
    """
    tokenizer = backbones.load_tokenizer(backbone)
    encoder = backbones.load_encoder(backbone).to(place.device).eval()
    found = prefixes(words)
    rows = []
    for start in range(0, len(found), TOGETHER):
        texts = [sentence(one) for one in found[start : start + TOGETHER]]
        batch = tokenizer(texts, padding=True, return_tensors="pt").to(place.device)
        states = encoder(**batch).last_hidden_state.float()
        mask = batch["attention_mask"][..., None]
        rows.append(torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1).cpu())
    base, places = len(words) + 2, {word: at + 2 for at, word in enumerate(words)}
    index = torch.zeros(base ** len(SLOTS), dtype=torch.long)
    for row, prefix in enumerate(found):
        number = 0
        for word in prefix:
            number = number * base + places[word]
        index[number] = row
    return torch.cat(rows), index
