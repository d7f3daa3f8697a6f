"""The tasks, fine to coarse: what is asked of a strategy, with which head and loss, and how it is scored.

Heads are the same for all strategies and begin so that an untrained strategy is compared with texts as F0 is. B clips
of T frames, D the width of the shared space.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from .base import Encoded
from .frozen import begun, zeroed

Floats = NDArray[np.float32]
HEAD_WIDTH = 64
"""Width of the heads that have layers of their own."""


@dataclasses.dataclass(frozen=True)
class Part:
    """One part (training, validation, test) of a task's data.

    `clips` (N, T, H, W, 3) uint8; `target` (N,) class, place of the caption or answer, or (N, 2) first and last frame;
    `texts` N captions, questions or queries (empty for VAR).
    """

    clips: NDArray[np.uint8]
    target: NDArray[np.int64]
    texts: list[str]
    groups: list[str]
    """What kind of question each is; empty elsewhere."""

    def __len__(self) -> int:
        return len(self.target)


@dataclasses.dataclass(frozen=True)
class TaskData:
    """A task's name, the kind of its head, its classes or answers (in words), and its three parts."""

    name: str
    kind: str
    names: list[str]
    prompts: list[str]
    """Each class as a text to compare with."""
    train: Part
    validation: Part
    test: Part


@dataclasses.dataclass(frozen=True)
class Scored:
    """How a part went: the `headline` metric, further ones, and for each item whether it is right (N,) from 0 to 1."""

    headline: float
    more: dict[str, float]
    right: Floats
    predicted: NDArray[np.int64]
    """(N,) class or answer, (N, 5) best clips of a caption, or (N, 2) first and last frame."""
    sure: Floats


class Head(nn.Module):
    """What a task adds to a strategy; `metric` names its headline."""

    metric: ClassVar[str] = "accuracy"

    def outputs(self, found: Encoded, text: Tensor | None) -> Tensor:
        """What predictions and losses are made of; `text` (B, D) are the vectors of the items' texts."""
        raise NotImplementedError

    def loss(self, outputs: Tensor, target: Tensor, text: Tensor | None) -> Tensor:
        """The sum of the batch's loss."""
        raise NotImplementedError

    def scored(self, outputs: Tensor, part: Part, text: Tensor | None) -> Scored:
        """All of a part's outputs judged at once."""
        raise NotImplementedError


class Naming(Head):
    """VAR: the cosine to each class's name; the map on name vectors starts as the identity, the scale stays."""

    names: Tensor

    def __init__(self, names: Tensor, scale: float) -> None:
        super().__init__()
        self.register_buffer("names", F.normalize(names, dim=-1), persistent=False)
        self.scale = scale
        self.map = zeroed(nn.Linear(names.shape[1], names.shape[1], bias=False))

    def outputs(self, found: Encoded, text: Tensor | None) -> Tensor:
        given = self.names if found.names is None else F.normalize(found.names, dim=-1)
        names = F.normalize(given + self.map(given), dim=-1)
        return self.scale * F.normalize(found.video, dim=-1) @ names.T

    def loss(self, outputs: Tensor, target: Tensor, text: Tensor | None) -> Tensor:
        return F.cross_entropy(outputs, target, reduction="sum")

    def scored(self, outputs: Tensor, part: Part, text: Tensor | None) -> Scored:
        shares = outputs.float().softmax(1).cpu().numpy()
        predicted = shares.argmax(1)
        right = (predicted == part.target).astype(np.float32)
        return Scored(float(right.mean()), {}, right, predicted, shares.max(1))


class Retrieving(Head):
    """VTR: symmetric InfoNCE between clips and captions, with a learned temperature; equal captions count as one."""

    metric = "R@1"

    def __init__(self, dim: int, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale).log())
        self.map = zeroed(nn.Linear(dim, dim, bias=False))

    def outputs(self, found: Encoded, text: Tensor | None) -> Tensor:
        return F.normalize(found.video, dim=-1)

    def told(self, text: Tensor) -> Tensor:
        """Captions' vectors (B, D) in the space of the clips, of length 1."""
        given = F.normalize(text, dim=-1)
        return F.normalize(given + self.map(given), dim=-1)

    def loss(self, outputs: Tensor, target: Tensor, text: Tensor | None) -> Tensor:
        if text is None:
            raise ValueError("retrieval needs captions")
        logits = self.scale.exp().clamp(max=100) * outputs @ self.told(text).T
        same = (target[:, None] == target[None, :]).float()
        shares = same / same.sum(1, keepdim=True)
        return (
            F.cross_entropy(logits, shares, reduction="sum") + F.cross_entropy(logits.T, shares, reduction="sum")
        ) / 2

    def scored(self, outputs: Tensor, part: Part, text: Tensor | None) -> Scored:
        if text is None:
            raise ValueError("retrieval needs captions")
        likeness = (outputs @ self.told(text).T).detach().float().cpu().numpy()  # clips × captions
        same = part.target[:, None] == part.target[None, :]
        more: dict[str, float] = {}
        ranks = {}
        for name, table, match in (("text to video", likeness.T, same.T), ("video to text", likeness, same)):
            best = np.where(match, table, -np.inf).max(1, keepdims=True)
            # Clips that are liked as much as the right one come before it: ties are not luck.
            ranks[name] = 1 + ((table >= best) & ~match).sum(1)
            for top in (1, 5, 10):
                more[f"{name} R@{top}"] = float((ranks[name] <= top).mean())
            more[f"{name} median rank"] = float(np.median(ranks[name]))
        right = (ranks["text to video"] <= 1).astype(np.float32)
        order = np.argsort(-likeness.T, axis=1, kind="stable")[:, :5]
        return Scored(float(right.mean()), more, right, order, likeness.T.max(1))


class Mixer(nn.Module):
    """Frames' vectors and a text's vector, mixed by two layers of a transformer."""

    def __init__(self, dim: int, frames: int) -> None:
        super().__init__()
        self.frames, self.text = nn.Linear(dim, HEAD_WIDTH), nn.Linear(dim, HEAD_WIDTH)
        self.places = nn.Parameter(torch.zeros(1, frames, HEAD_WIDTH))
        begun(self.places)
        layer = nn.TransformerEncoderLayer(HEAD_WIDTH, 4, 2 * HEAD_WIDTH, dropout=0.0, activation="gelu",
                                           batch_first=True, norm_first=True)  # fmt: skip
        self.layers = nn.TransformerEncoder(layer, 2, nn.LayerNorm(HEAD_WIDTH), enable_nested_tensor=False)
        self.scale = dim**0.5

    def forward(self, found: Encoded, text: Tensor) -> Tensor:
        """(B, T + 2, w): the text's place, the video's, the frames'."""
        frames = self.frames(F.normalize(found.frames, dim=-1) * self.scale) + self.places
        whole = self.frames(F.normalize(found.video, dim=-1) * self.scale)[:, None]
        told = self.text(F.normalize(text, dim=-1) * self.scale)
        # The words also meet each frame directly: two layers find out late which frames a query is about.
        mixed: Tensor = self.layers(torch.cat([told[:, None], whole, frames + told[:, None] * frames], 1))
        return mixed


class Answering(Head):
    """VideoQA: the question's place after two layers over question, video and frames names an answer."""

    def __init__(self, dim: int, frames: int, answers: int) -> None:
        super().__init__()
        self.mixer, self.out = Mixer(dim, frames), nn.Linear(HEAD_WIDTH, answers)

    def outputs(self, found: Encoded, text: Tensor | None) -> Tensor:
        if text is None:
            raise ValueError("questions are needed")
        answered: Tensor = self.out(self.mixer(found, text)[:, 0])
        return answered

    def loss(self, outputs: Tensor, target: Tensor, text: Tensor | None) -> Tensor:
        return F.cross_entropy(outputs, target, reduction="sum")

    def scored(self, outputs: Tensor, part: Part, text: Tensor | None) -> Scored:
        shares = outputs.float().softmax(1).cpu().numpy()
        predicted = shares.argmax(1)
        right = (predicted == part.target).astype(np.float32)
        kinds = {one: float(right[[group == one for group in part.groups]].mean()) for one in sorted(set(part.groups))}
        return Scored(float(right.mean()), kinds, right, predicted, shares.max(1))


class Grounding(Head):
    """TVG: for each frame how much it begins, ends and belongs to what the query says; CE and 1-D IoU loss."""

    metric = "mIoU"

    def __init__(self, dim: int, frames: int) -> None:
        super().__init__()
        self.mixer, self.out = Mixer(dim, frames), nn.Linear(HEAD_WIDTH, 3)

    def outputs(self, found: Encoded, text: Tensor | None) -> Tensor:
        if text is None:
            raise ValueError("queries are needed")
        logits: Tensor = self.out(self.mixer(found, text)[:, 2:])
        return logits  # (B, T, 3)

    def loss(self, outputs: Tensor, target: Tensor, text: Tensor | None) -> Tensor:
        first, last, inside = outputs.unbind(-1)
        at = torch.arange(outputs.shape[1], device=outputs.device)
        truth = ((at >= target[:, :1]) & (at <= target[:, 1:])).float()
        share = torch.sigmoid(inside)
        both, either = (share * truth).sum(1), (share + truth - share * truth).sum(1)
        return (
            F.cross_entropy(first, target[:, 0], reduction="sum") + F.cross_entropy(last, target[:, 1], reduction="sum")
            + F.binary_cross_entropy_with_logits(inside, truth, reduction="none").mean(1).sum()
            + (1 - both / either.clamp(min=1e-6)).sum()
        )  # fmt: skip

    def span(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest first and last frame (B, 2), and how sure they are (B,)."""
        first, last, inside = outputs.float().cpu().unbind(-1)
        begins, ends = first.log_softmax(1), last.log_softmax(1)
        # Belonging counts for the whole of a span: inside it, against what it leaves outside.
        belongs = F.pad(F.logsigmoid(inside) - F.logsigmoid(-inside), (1, 0)).cumsum(1)
        spans = belongs[:, None, 1:] - belongs[:, :-1, None]  # (B, start, end)
        frames = outputs.shape[1]
        total = begins[:, :, None] + ends[:, None, :] + spans
        total = total.masked_fill(torch.ones(frames, frames).tril(-1).bool(), -torch.inf).flatten(1)
        best = total.argmax(1)
        return torch.stack([best // frames, best % frames], 1), total.softmax(1).max(1).values

    def scored(self, outputs: Tensor, part: Part, text: Tensor | None) -> Scored:
        spans, sure = self.span(outputs)
        predicted = spans.numpy()
        found = iou(predicted, part.target)
        more = {f"R@1 at IoU {one}": float((found >= one).mean()) for one in (0.5, 0.7)}
        return Scored(float(found.mean()), more, found, predicted, sure.numpy())


def iou(one: NDArray[np.int64], other: NDArray[np.int64]) -> Floats:
    """Overlap of spans (N, 2) of first and last frame, both counted: (N,)."""
    both = np.minimum(one[:, 1], other[:, 1]) - np.maximum(one[:, 0], other[:, 0]) + 1
    either = np.maximum(one[:, 1], other[:, 1]) - np.minimum(one[:, 0], other[:, 0]) + 1
    found: Floats = (np.maximum(both, 0) / either).astype(np.float32)
    return found


def head_of(task: TaskData, *, dim: int, scale: float, names: Tensor, seed: int) -> Head:
    """A task's head; the same seed gives the same weights."""
    frames = int(task.train.clips.shape[1])
    return make_head(task.kind, dim=dim, frames=frames, answers=len(task.names), scale=scale, names=names, seed=seed)


def make_head(
    kind: str, *, dim: int, frames: int, answers: int, scale: float, names: Tensor, seed: int
) -> Head:  # fmt: skip
    """The head of a kind of task; `names` (K, D) are the vectors of classes, `scale` the factor on cosines."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "naming":
            return Naming(names, scale)
        if kind == "retrieval":
            return Retrieving(dim, scale)
        return Answering(dim, frames, answers) if kind == "questions" else Grounding(dim, frames)
