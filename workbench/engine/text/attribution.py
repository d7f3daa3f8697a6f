"""Which words speak for a class: integrated gradients on the word embeddings.

Source: Sundararajan, Taly, Yan, "Axiomatic Attribution for Deep Networks", 2017. The scores of all
words add up to the difference between what the model says of the text and of a text of blanks.
"""

from __future__ import annotations

import dataclasses
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workbench.core.documents import Span, SpannedText

STEPS = 24
MICRO_BATCH = 8
ROUNDS = 4

Target = int | tuple[int, int] | None


@dataclasses.dataclass(frozen=True)
class Attribution:
    """`values` per piece (T,) and what they add up to: the log-probability here minus at the baseline.

    `offsets` are the pieces' characters, (0, 0) for special tokens; `words` their word numbers.
    """

    offsets: list[tuple[int, int]]
    words: list[int | None]
    values: np.ndarray
    target: int
    here: float
    baseline: float

    @property
    def missing(self) -> float:
        """What the values fall short of `here - baseline`: the error of the numerical integral."""
        return float(self.values.sum()) - (self.here - self.baseline)


def integrated_gradients(
    model: nn.Module, tokenizer: Any, text: str, target: Target = None, *, max_length: int = 128
) -> SpannedText:
    """A heat over the words of a text, -1 … 1, for the class `target` (default: the predicted one).

    For a model with logits per token (B, T, K) the target is (character, class): the token at that
    character is explained. Everything is computed on the model's device, without touching its
    gradients or its mode.
    """
    found = attribute(model, tokenizer, text, target, max_length=max_length)
    words = [(*span, sum(float(found.values[at]) for at in pieces)) for span, pieces in _words(found)]
    largest = max((abs(value) for *_, value in words), default=0.0) or 1.0
    spans = [Span(begin, end, "", round(value / largest, 4)) for begin, end, value in words]
    names = getattr(getattr(model, "config", None), "id2label", None) or {}
    label = str(names.get(found.target, found.target))
    note = f"towards {label}: log-probability {found.here:.2f}, without the words {found.baseline:.2f}"
    return SpannedText(text, spans, note=note)


def attribute(
    model: nn.Module, tokenizer: Any, text: str, target: Target = None, *, max_length: int = 128, steps: int = STEPS
) -> Attribution:
    """The attribution of every piece; nodes are doubled until the sum is within 2 % of what it must be."""
    device = next((one.device for one in [*model.parameters(), *model.buffers()]), torch.device("cpu"))
    encoded = tokenizer(
        text, truncation=True, max_length=max_length, return_offsets_mapping=True, return_special_tokens_mask=True
    )
    offsets = [(int(begin), int(end)) for begin, end in encoded["offset_mapping"]]
    inputs = {
        name: torch.tensor([encoded[name]], device=device)
        for name in ("attention_mask", "token_type_ids")
        if name in encoded
    }
    ids = torch.tensor([encoded["input_ids"]], device=device)
    special = torch.tensor(encoded["special_tokens_mask"], device=device).bool()
    was_training = model.training
    model.eval()
    try:
        with torch.enable_grad():
            path = _Path(model, tokenizer, ids, special, inputs)
            place, wanted = _aim(path, target, offsets)
            for attempt in range(ROUNDS):
                values = path.integrate(place, wanted, steps=steps * 2**attempt)
                here, baseline = path.score(1.0, place, wanted), path.score(0.0, place, wanted)
                if abs(float(values.sum()) - (here - baseline)) <= 0.02 * max(abs(here - baseline), 0.05):
                    break
    finally:
        model.train(was_training)
    return Attribution(offsets, encoded.word_ids(), values, wanted, here, baseline)


class _Path:
    """The straight line from a text of blanks (share 0) to the text (share 1), in embedding space."""

    def __init__(
        self, model: nn.Module, tokenizer: Any, ids: Tensor, special: Tensor, inputs: dict[str, Tensor]
    ) -> None:
        self.model, self.inputs = model, inputs
        lookup: Any = model.get_input_embeddings()  # type: ignore[operator]
        blank = next((one for one in (tokenizer.mask_token_id, tokenizer.pad_token_id) if one is not None), None)
        self.text = lookup(ids).detach()  # (1, T, d)
        empty = torch.zeros_like(self.text) if blank is None else lookup(torch.full_like(ids, blank)).detach()
        self.start = torch.where(special[None, :, None], self.text, empty)

    def logits(self, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (S, T, d) at some shares of the way, and the model's logits there."""
        at = self.start + shares[:, None, None] * (self.text - self.start)
        at = at.requires_grad_()
        repeated = {name: one.expand(len(shares), -1) for name, one in self.inputs.items()}
        return at, self.model(inputs_embeds=at, **repeated).logits

    def log_probability(self, shares: Tensor, place: int | None, wanted: int) -> tuple[Tensor, Tensor]:
        at, logits = self.logits(shares)
        rows = logits if place is None else logits[:, place]
        return at, torch.log_softmax(rows.float(), -1)[:, wanted]

    def score(self, share: float, place: int | None, wanted: int) -> float:
        """The target's log-probability at one point of the way."""
        with torch.no_grad():
            return float(self.log_probability(self._shares([share]), place, wanted)[1][0])

    def integrate(self, place: int | None, wanted: int, *, steps: int) -> np.ndarray:
        """The mean gradient along the way times the way, (T,), by Gauss-Legendre quadrature."""
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        total = torch.zeros_like(self.text[0], dtype=torch.float32)
        for begin in range(0, steps, MICRO_BATCH):
            shares = self._shares((nodes[begin : begin + MICRO_BATCH] + 1) / 2)
            at, scores = self.log_probability(shares, place, wanted)
            (slope,) = torch.autograd.grad(scores.sum(), at)
            share_of = torch.as_tensor(
                weights[begin : begin + MICRO_BATCH] / 2, dtype=torch.float32, device=slope.device
            )
            total += (slope.float() * share_of[:, None, None]).sum(0)
        change = (self.text - self.start)[0].float()
        return np.asarray((total * change).sum(-1).double().cpu())

    def _shares(self, shares: Any) -> Tensor:
        return torch.as_tensor(np.asarray(shares), dtype=self.text.dtype, device=self.text.device)


def _aim(path: _Path, target: Target, offsets: list[tuple[int, int]]) -> tuple[int | None, int]:
    """The token (None for a model with one answer a text) and class to explain."""
    with torch.no_grad():
        logits = path.logits(path._shares([1.0]))[1]
    character, wanted = target if isinstance(target, tuple) else (0, target)
    if logits.ndim == 2:
        return None, int(logits[0].argmax()) if wanted is None else wanted
    inside = [at for at, (begin, end) in enumerate(offsets) if begin <= character < end]
    place = inside[0] if inside else 0
    return place, int(logits[0, place].argmax()) if wanted is None else wanted


def _words(found: Attribution) -> list[tuple[tuple[int, int], list[int]]]:
    """The characters of every word and its pieces."""
    pieces = [at for at, (begin, end) in enumerate(found.offsets) if end > begin and found.words[at] is not None]
    words = [list(some) for _, some in groupby(pieces, key=lambda at: found.words[at])]
    return [((found.offsets[some[0]][0], found.offsets[some[-1]][1]), some) for some in words]
