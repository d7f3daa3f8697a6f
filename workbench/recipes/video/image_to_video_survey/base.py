"""What every strategy is: a module from frames to a video vector and frame vectors, and what it declares of itself.

B clips of T frames of S pixels, P patches and a prefix (class) token each; C the backbone's width, D that of the
space which pictures and texts share.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.engine.video.imagelanguage import ImageLanguage


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Clips as a strategy sees them: `video` (B, D) and `frames` (B, T, D), both in the space of the texts.

    `names` (K, D) are the classes' vectors where the text side learns as well.
    """

    video: Tensor
    frames: Tensor
    names: Tensor | None = None


@dataclasses.dataclass(frozen=True)
class Options:
    """Sizes that strategies are built with; `frames` is T, the same for all."""

    frames: int = 8
    depth: int = 4
    bottleneck: int = 2
    """The backbone's width over an ST-Adapter's; AIM's is narrower by another factor of 2."""
    rank: int = 8
    prompts: int = 8
    context: int = 8
    """Learned tokens before every text."""
    last_blocks: int = 1
    ladder: int = 8
    """The backbone's width over the ladder's."""
    integration: int = 64
    temporal: int = 24
    distil: float = 1.0


def mean_of(frames: Tensor) -> Tensor:
    """The mean of normalised frame vectors: (B, T, D) to (B, D)."""
    return F.normalize(frames, dim=-1).mean(1)


def by_clip(rows: Tensor, clips: int) -> Tensor:
    """(B · T, …) as (B, T, …)."""
    return rows.reshape(clips, -1, *rows.shape[1:])


def copied(backbone: ImageLanguage) -> ImageLanguage:
    """A backbone whose picture side is its own; the text side is shared."""
    found = copy.copy(backbone)
    found._modules = dict(backbone._modules)
    found.vision, found.projection = copy.deepcopy(backbone.vision), copy.deepcopy(backbone.projection)
    return found


class Strategy(nn.Module):
    """One way of adding time to a backbone that knows pictures.

    `enters` says whether gradient runs through the backbone, `changes` whether its own weights are altered,
    `starts_as_zero_shot` whether an untrained one gives what F0 gives, `order_blind` whether it cannot know the order
    of frames.
    """

    enters: ClassVar[bool] = False
    changes: ClassVar[bool] = False
    starts_as_zero_shot: ClassVar[bool] = True
    order_blind: ClassVar[bool] = False
    needs: ClassVar[str] = "frames"
    """What of a frozen backbone is read: 'frames' (frame vectors), 'blocks' (all blocks' outputs), '' (nothing)."""

    asked_in_training_only: ClassVar[bool] = False
    """Whether the frozen backbone is not needed once training is over."""

    speaks: ClassVar[bool] = False
    """Whether it has learned words of its own: `words` gives the vectors of all texts then."""

    classes: Sequence[str] = ()
    """The classes of its task as texts, for a strategy that speaks."""

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__()
        self.options = options
        self.dim, self.width, self.heads = int(backbone.dim), int(backbone.width), int(backbone.heads)
        # Kept out of the modules where nothing of it learns, so that neither checkpoints nor counts hold it.
        self._held = [backbone]

    @property
    def backbone(self) -> ImageLanguage:
        """The backbone this strategy looks through."""
        return self._held[0]

    def encode(self, pixels: Tensor, seen: Seen | None = None) -> Encoded:
        """Normalised frames (B, T, 3, S, S), and what the frozen backbone has seen in them, where that is kept."""
        raise NotImplementedError

    def words(self, texts: Sequence[str]) -> Tensor:
        """Vectors (K, D) of texts by a strategy that speaks."""
        raise NotImplementedError

    def named(self) -> Tensor | None:
        """The vectors of its task's classes (K, D); None for a strategy that does not speak, and for other tasks."""
        return self.words(self.classes) if self.speaks and self.classes else None

    def text_side(self) -> list[nn.Module]:
        """What of the backbone's text side a training step works with."""
        return [self.backbone.texts, self.backbone.texts.encoder] if self.speaks else []  # type: ignore[list-item]

    def extra_loss(self, pixels: Tensor, seen: Seen | None, found: Encoded) -> Tensor | None:
        """A term (B,) that only this strategy's training has, or None."""
        return None

    def new_parameters(self) -> int:
        """How many numbers learn, heads not counted."""
        return sum(one.numel() for one in self.parameters() if one.requires_grad)


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a frozen backbone gives for frames: `frames` (B, T, D) and, where asked, `blocks` of (B, T, N, C)."""

    frames: Tensor
    blocks: tuple[Tensor, ...] = ()


def look(backbone: ImageLanguage, pixels: Tensor, *, blocks: bool) -> Seen:
    """The frozen backbone's view of frames (B, T, 3, S, S), without gradient."""
    clips = len(pixels)
    with torch.no_grad():
        hidden: Sequence[Tensor] = backbone.hidden(pixels.flatten(0, 1))
        frames = by_clip(backbone.pooled(hidden[-1]), clips)
    kept = tuple(by_clip(one, clips) for one in hidden) if blocks else ()
    return Seen(frames, kept)


class Frozen(Strategy):
    """A strategy that leaves the backbone as it is and reads what it gives; `read` is what is learned."""

    def encode(self, pixels: Tensor, seen: Seen | None = None) -> Encoded:
        return self.read(pixels, seen or look(self.backbone, pixels, blocks=self.needs == "blocks"))

    def read(self, pixels: Tensor, seen: Seen) -> Encoded:
        """What is made of the backbone's view."""
        raise NotImplementedError


class Tuned(Strategy):
    """A strategy whose gradient enters the backbone: it holds a vision tower of its own, which is all its module."""

    enters = True
    changes = True
    needs = ""

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        own = copied(backbone)
        super().__init__(own, options)
        self.vision, self.projection = own.vision.requires_grad_(False), own.projection.requires_grad_(False)

    def encode(self, pixels: Tensor, seen: Seen | None = None) -> Encoded:
        hidden = self.backbone.hidden(pixels.flatten(0, 1))
        frames = by_clip(self.backbone.pooled(hidden[-1]), len(pixels))
        return Encoded(mean_of(frames), frames)
