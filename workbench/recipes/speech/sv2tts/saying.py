"""The synthesiser's training: batches of lines with their speakers' vectors, and its losses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.engine.speech.features import valid

from .data import Line, numbered
from .recipe import ATTENTION
from .synthesiser import Synthesiser

Floats = NDArray[np.float32]

LENGTHS_WEIGHT = 0.1
STOP_WEIGHT = 0.5


class Saying:
    """Lines by position; `vectors` (N, D) holds what the synthesiser is told of each line's voice.

    Where the synthesiser has a table, `rows` names each line's row in it, and `vectors` are not used. Lines that are
    not `timed` teach no lengths.
    """

    def __init__(
        self, model: Synthesiser, lines: Sequence[Line], vectors: Floats, names: dict[str, int], *,
        rows: Sequence[int] = (), timed: bool = True,
    ) -> None:  # fmt: skip
        self.model: nn.Module = model
        self.synthesiser = model
        self.lines, self.names, self.rows, self.timed = lines, names, list(rows), timed
        self.vectors = torch.from_numpy(vectors)
        self.lengths = [len(one.mels) for one in lines]
        mean, deviation = model.mean.cpu(), model.deviation.cpu()
        self.frames = [(torch.from_numpy(one.mels) - mean) / deviation for one in lines]

    @property
    def examples(self) -> int:
        return len(self.lines)

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Phones (B, P), their counts (B,), lengths (B, P), frames (B, T, bins), frame counts (B,), vectors (B, D)."""
        pad = nn.utils.rnn.pad_sequence
        chosen = [self.lines[at] for at in indices]
        phones = [torch.tensor(numbered(one.phones, self.names)) for one in chosen]
        batch = {
            "phones": pad(phones, batch_first=True),
            "counts": torch.tensor([len(one) for one in phones]),
            "lengths": pad([torch.tensor(one.lengths) for one in chosen], batch_first=True),
            "frames": pad([self.frames[at] for at in indices], batch_first=True),
            "frame_counts": torch.tensor([self.lengths[at] for at in indices]),
            "vectors": self.vectors[indices],
        }
        return batch | ({"rows": torch.tensor([self.rows[at] for at in indices])} if self.rows else {})

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(batch["frame_counts"].sum())

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """L1 and squared error of frames, of phones' log lengths, and, with attention, of the end."""
        if self.synthesiser.table is not None:
            batch = batch | {"vectors": self.synthesiser.table(batch["rows"])}
        made = self.model(batch)
        there = valid(batch["frame_counts"], batch["frames"].shape[1])
        total = frame_error(made["frames"], batch["frames"], there)
        if self.timed:
            phones = batch["phones"] > 0
            off = (made["lengths"].float() - (1.0 + batch["lengths"]).log()).square()
            total = total + LENGTHS_WEIGHT * (off * phones).sum() * there.sum() / phones.sum()
        if self.synthesiser.size.aligner == ATTENTION:
            total = total + frame_error(made["before"], batch["frames"], there)
            last = (batch["frame_counts"] - 1) // self.synthesiser.size.reduction
            steps = torch.arange(made["stop"].shape[1], device=last.device)
            ends = F.binary_cross_entropy_with_logits(made["stop"].float(), (steps >= last[:, None]).float())
            total = total + STOP_WEIGHT * ends * there.sum()
        found: Tensor = total
        return found


def frame_error(made: Tensor, wanted: Tensor, there: Tensor) -> Tensor:
    """The sum over frames (B, T) that are there of absolute and squared error, each the mean over bins."""
    off = made.float() - wanted
    found: Tensor = ((off.abs() + off.square()).mean(-1) * there).sum()
    return found
