"""The text sides of image-language backbones: a frozen sentence encoder, or the model's own tower."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.engine import backbones
from workbench.engine.backbone_folders import fault

_MOST_TEXTS = 20_000


class SentenceTexts(nn.Module):
    """A frozen sentence encoder (mean over its tokens) under a learned projection, width → dim.

    The encoder is shared by all that use it, is no part of the state, and is only loaded when a text comes.
    """

    def __init__(self, address: str, width: int, dim: int) -> None:
        super().__init__()
        self.address = address
        self.projection = nn.Linear(width, dim, bias=False)

    def described(self, texts: Sequence[str]) -> Tensor:
        """The frozen encoder's sentence vectors (K, width), of unit length."""
        found = _sentences(self.address)(texts).to(self.projection.weight)
        if found.shape[1] != self.projection.in_features:
            raise fault(
                "The text encoder does not fit the image-language model.",
                expected=f"vectors of {self.projection.in_features}",
                received=f"{found.shape[1]} from {self.address}",
                fix="Restore the description of the model from where it came.",
            )
        return found

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Text vectors (K, dim)."""
        return cast(Tensor, self.projection(self.described(texts)))

    @property
    def encoder(self) -> nn.Module:
        """The frozen encoder, loaded where it was not yet."""
        return _sentences(self.address).encoder

    @property
    def token_width(self) -> int:
        """Width of the encoder's tokens."""
        return int(cast(Any, self.encoder).config.hidden_size)

    def after(self, context: Tensor, texts: Sequence[str]) -> Tensor:
        """Text vectors (K, dim) of texts that begin with learned tokens (n, token_width); gradient reaches them."""
        found = _sentences(self.address).after(context, texts)
        return cast(Tensor, self.projection(found.to(self.projection.weight)))


class _Sentences:
    """A sentence encoder at inference, with what it was asked before."""

    def __init__(self, address: str) -> None:
        self.encoder = backbones.load_encoder(address).eval().requires_grad_(False)
        self.tokenizer = backbones.load_tokenizer(address)
        self.known: dict[str, Tensor] = {}

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> Tensor:
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        if len(self.known) + len(new) > _MOST_TEXTS:
            self.known.clear()
            new = list(dict.fromkeys(texts))
        for start in range(0, len(new), 64):
            part = new[start : start + 64]
            tokens = self.tokenizer(part, padding=True, truncation=True, max_length=128, return_tensors="pt")
            states = self.encoder(**tokens).last_hidden_state
            seen = tokens["attention_mask"][..., None].to(states)
            means = (states * seen).sum(1) / seen.sum(1)
            self.known |= zip(part, functional.normalize(means, dim=-1), strict=True)
        return torch.stack([self.known[text] for text in texts])

    def after(self, context: Tensor, texts: Sequence[str]) -> Tensor:
        """Sentence vectors (K, width), of unit length, of texts with learned tokens (n, width) after the first one."""
        longest = 128 - len(context)
        tokens = self.tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt")
        words = cast(Any, self.encoder).get_input_embeddings()(tokens["input_ids"])
        spliced, seen = _spliced(words, context), tokens["attention_mask"]
        seen = torch.cat([seen.new_ones(len(seen), len(context)), seen], 1)
        states = self.encoder(inputs_embeds=spliced, attention_mask=seen).last_hidden_state
        shares = seen[..., None].to(states)
        return functional.normalize((states * shares).sum(1) / shares.sum(1), dim=-1)


def _spliced(words: Tensor, context: Tensor) -> Tensor:
    """Embeddings (K, L, C) with the same further ones (n, C) after the first of each text."""
    further = context.to(words)[None].expand(len(words), -1, -1)
    return torch.cat([words[:, :1], further, words[:, 1:]], 1)


@functools.lru_cache(maxsize=2)
def _sentences(address: str) -> _Sentences:
    return _Sentences(address)


class TowerTexts(nn.Module):
    """CLIP's or SigLIP's own text tower with its tokenizer."""

    def __init__(self, tower: nn.Module, projection: nn.Module, tokenizer: Any, *, pads_to_longest: bool) -> None:
        super().__init__()
        self.tower, self.projection, self.tokenizer = tower, projection, tokenizer
        self.longest = cast(Any, tower).config.max_position_embeddings
        # SigLIP's text vector is the last place, padding included: it was always trained at full length.
        self.padding = "longest" if pads_to_longest else "max_length"

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Text vectors (K, dim)."""
        return self._told(self._tokens(texts, self.longest))

    @property
    def encoder(self) -> nn.Module:
        """The tower."""
        return self.tower

    @property
    def token_width(self) -> int:
        """Width of the tower's tokens."""
        return int(cast(Any, self.tower).config.hidden_size)

    def after(self, context: Tensor, texts: Sequence[str]) -> Tensor:
        """Text vectors (K, dim) of texts that begin with learned tokens (n, token_width); gradient reaches them.

        CoOp (Zhou and others, IJCV 2022): the tower is told of places that it has no word for, and what is looked up
        for these is replaced.
        """
        count = len(context)
        tokens = self._tokens(texts, self.longest - count)
        ids = tokens["input_ids"]
        # Any word but the end, by which CLIP finds the place that it answers from.
        tokens["input_ids"] = torch.cat([ids[:, :1], ids[:, :1].expand(-1, count), ids[:, 1:]], 1)
        if "attention_mask" in tokens:
            seen = tokens["attention_mask"]
            tokens["attention_mask"] = torch.cat([seen.new_ones(len(seen), count), seen], 1)

        def replace(_module: nn.Module, _given: Any, words: Tensor) -> Tensor:
            further = context.to(words)[None].expand(len(words), -1, -1)
            return torch.cat([words[:, :1], further, words[:, 1 + count :]], 1)

        hook = cast(Any, self.tower).get_input_embeddings().register_forward_hook(replace)
        try:
            return self._told(tokens)
        finally:
            hook.remove()

    def _tokens(self, texts: Sequence[str], longest: int) -> dict[str, Tensor]:
        tokens = self.tokenizer(
            list(texts), padding=self.padding, truncation=True, max_length=longest, return_tensors="pt"
        )
        device = next(self.tower.parameters()).device
        told = ("input_ids", "attention_mask") if self.padding == "longest" else ("input_ids",)
        return {name: tokens[name].to(device) for name in told}

    def _told(self, tokens: dict[str, Tensor]) -> Tensor:
        return cast(Tensor, self.projection(self.tower(**tokens).pooler_output))


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer of a text tower, fast or not; raises InputError on field 'backbone' where it cannot be read."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library raises anything from KeyError to its own classes here
        raise fault(
            "The model's tokenizer cannot be read.",
            expected="tokenizer.json, or the vocabulary files of its text tower",
            received=f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}",
            fix="Copy the tokenizer's files into the folder, next to config.json.",
            place=folder,
        ) from None


def json_of(path: Path) -> dict[str, Any]:
    """A JSON object from a model's folder; raises InputError on field 'backbone' where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
        received = f"a {type(found).__name__}"
    except FileNotFoundError:
        received = "no such file"
    except (OSError, ValueError) as error:
        received = str(error)
    raise fault(
        f"The model's {path.name} cannot be read.",
        expected="a JSON object",
        received=received,
        fix="Choose a model's folder as save_pretrained writes it, with all its files.",
        place=path,
    )
