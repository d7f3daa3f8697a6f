"""Strategies whose text side learns: context before all texts (M5), or both sides whole (M1)."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from workbench.engine.video.imagelanguage import ImageLanguage

from .base import Encoded, Frozen, Options, Seen, mean_of
from .tuned import FullTuning

SPREAD = 0.02
"""Deviation of context tokens at first: CoOp's."""


class TextContext(Frozen):
    """M5: learned tokens before every text (CoOp, Zhou and others, IJCV 2022); pictures stay as they are."""

    order_blind = True
    speaks = True

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        width = cast(Any, backbone.texts).token_width
        self.context = nn.Parameter(SPREAD * torch.randn(options.context, width))

    def read(self, pixels: Tensor, seen: Seen) -> Encoded:
        return Encoded(mean_of(seen.frames), seen.frames, self.named())

    def words(self, texts: Sequence[str]) -> Tensor:
        found: Tensor = cast(Any, self.backbone.texts).after(self.context, texts)
        return found


class BothSides(FullTuning):
    """M1: every weight of both sides learns (ViFi-CLIP, Rasheed and others, CVPR 2023).

    Where texts go through a frozen sentence encoder, as in the backbone that comes along, their side is the
    projection behind it.
    """

    speaks = True

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        self.texts = copy.deepcopy(backbone.texts).requires_grad_(True)

    def encode(self, pixels: Tensor, seen: Seen | None = None) -> Encoded:
        return dataclasses.replace(super().encode(pixels, seen), names=self.named())

    def words(self, texts: Sequence[str]) -> Tensor:
        return cast(Tensor, self.texts(texts))

    def text_side(self) -> list[nn.Module]:
        # The copy is among the strategy's own weights; a sentence encoder is not.
        return [cast(nn.Module, cast(Any, self.texts).encoder)]
