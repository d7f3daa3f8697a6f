"""Sentences as what the model reads: streams of words in windows, and reading them with the model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.engine.devices import Place
from workbench.engine.text.examples import TaggedSentence

from .windows import IGNORED, Windows, cut, stitch

CACHE_BYTES = 1 << 30
"""Outputs of the frozen layers are kept up to this size; beyond it they are computed each time."""
READ_BATCH = 64


def masked_mean(features: Tensor, mask: Tensor) -> Tensor:
    """The mean over real positions: (B, T, d) and (B, T) to (B, d)."""
    share = mask.to(features.dtype).unsqueeze(-1)
    return (features * share).sum(1) / share.sum(1).clamp(min=1)


@dataclasses.dataclass
class Stream:
    """A corpus as windows: labels (N, T) with IGNORED where none stands, and what the frozen layers gave."""

    sentences: Sequence[TaggedSentence]
    words: list[str]
    gold: NDArray[np.int64]
    """(words,) positions in the tag set"""
    sentence: NDArray[np.int64]
    """(words,) the sentence each word belongs to"""
    windows: Windows
    labels: NDArray[np.int64]
    lower: Tensor | None = None

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def labels_per_window(self) -> float:
        return float((self.labels != IGNORED).sum()) / max(len(self), 1)

    def inputs(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """What the encoder is given for some windows, and the mask."""
        at = torch.as_tensor(rows)
        ids = torch.from_numpy(self.windows.ids)[at] if self.lower is None else self.lower[at]
        return ids, torch.from_numpy(self.windows.mask)[at]

    def batch(self, rows: Sequence[int]) -> dict[str, Tensor]:
        inputs, mask = self.inputs(rows)
        return {"inputs": inputs, "mask": mask, "labels": torch.from_numpy(self.labels)[torch.as_tensor(rows)]}


def stream(
    tokenizer: Any, sentences: Sequence[TaggedSentence], tags: Sequence[str], *, length: int, overlap: bool = True
) -> Stream:
    """Sentences joined to one stream of words and cut into windows; a tag not in `tags` is IGNORED."""
    number = {tag: place for place, tag in enumerate(tags)}
    words = [word for one in sentences for word in one.tokens]
    gold = np.array([number.get(tag, IGNORED) for one in sentences for tag in one.tags], np.int64)
    sentence = np.repeat(np.arange(len(sentences)), [len(one.tokens) for one in sentences])
    windows = cut(tokenizer, words, length=length, overlap=overlap)
    return Stream(sentences, words, gold, sentence, windows, windows.labels(gold))


class Shared(Protocol):
    """The model as a reader needs it: its encoder, possibly in halves, and the features all tasks share."""

    @property
    def halves(self) -> tuple[tuple[nn.Module, nn.Module] | None]: ...
    @property
    def width(self) -> int: ...
    def shared(self, inputs: Tensor, mask: Tensor) -> Tensor: ...
    def eval(self) -> Any: ...


class Reader:
    """Runs the model over streams: caching what is frozen, probabilities of words, pooled features."""

    def __init__(self, model: Shared, place: Place) -> None:
        self.model, self.place = model, place

    def _batches(self, count: int) -> Iterator[range]:
        return (range(at, min(at + READ_BATCH, count)) for at in range(0, count, READ_BATCH))

    @torch.no_grad()
    def cache(self, one: Stream) -> None:
        """Keep the frozen layers' output, unless nothing is frozen or it would take too much memory."""
        parts = self.model.halves[0]
        if parts is None or not len(one) or one.windows.ids.size * self.model.width * 4 > CACHE_BYTES:
            return
        bottom = parts[0].eval()
        one.lower = torch.cat([
            bottom(**dict(zip(("input_ids", "attention_mask"), self._on_device(one, rows), strict=True)))
            .last_hidden_state.cpu()
            for rows in self._batches(len(one))
        ])  # fmt: skip

    def _on_device(self, one: Stream, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        inputs, mask = one.inputs(rows)
        return inputs.to(self.place.device), mask.to(self.place.device)

    @torch.no_grad()
    def features(self, one: Stream, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Shared features (B, T, d) and mask (B, T) of some windows, at inference."""
        self.model.eval()
        inputs, mask = self._on_device(one, rows)
        with self.place.autocast():
            return self.model.shared(inputs, mask).float(), mask

    @torch.no_grad()
    def probabilities(self, one: Stream, branch: nn.Module) -> NDArray[np.float32]:
        """(words, classes): each word read from the window that has it in the middle."""
        found = []
        for rows in self._batches(len(one)):
            features, _ = self.features(one, rows)
            found.append(branch(features).softmax(-1).cpu().numpy())
        return stitch(one.windows, np.concatenate(found), len(one.words))

    @torch.no_grad()
    def pooled(self, one: Stream, most: int) -> NDArray[np.float32]:
        """Masked means (at most `most`, d), spread evenly over the stream."""
        rows = spread(len(one), most)
        found = []
        for at in self._batches(len(rows)):
            features, mask = self.features(one, [rows[place] for place in at])
            found.append(masked_mean(features, mask).cpu().numpy())
        return np.concatenate(found)


def spread(count: int, most: int) -> list[int]:
    """At most `most` positions, evenly over `count`."""
    return [int(at) for at in np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))]
