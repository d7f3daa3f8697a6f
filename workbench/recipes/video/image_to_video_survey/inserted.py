"""Strategies that put new modules into the image model's blocks: adapters (M3), prompts (M5), time inside (M6).

Everything is hung in by hooks: blocks stay what they are, and what they give is what the backbone reads.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.engine.video.imagelanguage import ImageLanguage
from workbench.engine.video.stadapter import StAdapters

from .base import Encoded, Options, Seen, Tuned, by_clip
from .frozen import begun, zeroed


def given(arguments: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
    """A block's input, however it was handed over."""
    found: Tensor = arguments[0] if arguments else named["hidden_states"]
    return found


def instead(tokens: Tensor, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The same arguments with another input."""
    if arguments:
        return (tokens, *arguments[1:]), named
    return arguments, {**named, "hidden_states": tokens}


class Inserted(Tuned):
    """A backbone with new modules inside; `changes` is False: its own weights stay."""

    changes = False

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        self.blocks_n, self._frames = int(backbone.layers), options.frames
        self.prefix = int(backbone.has_class_token)
        self.stack: list[Any] = list(self.backbone.blocks)

    def clips(self, tokens: Tensor) -> Tensor:
        """(B · T, N, C) as (B, T, N, C)."""
        return by_clip(tokens, len(tokens) // self._frames)

    def encode(self, pixels: Tensor, seen: Seen | None = None) -> Encoded:
        self._frames = pixels.shape[1]
        return super().encode(pixels, seen)


class Bottleneck(nn.Module):
    """Down, GELU, up; the last layer starts at 0, so that it adds nothing at first."""

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.down, self.act, self.up = nn.Linear(width, narrow), nn.GELU(), zeroed(nn.Linear(narrow, width))

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.up(self.act(self.down(tokens)))
        return found


class StAdapted(Inserted):
    """M3 with ST-Adapters before each block (Pan and others, NeurIPS 2022)."""

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        self.adapters = StAdapters(
            self.vision, width=self.width, bottleneck=self.width // options.bottleneck, frames=options.frames,
            prefix=self.prefix,
        )  # fmt: skip


class Aim(Inserted):
    """M3 as AIM (Yang and others, ICLR 2023): the frozen attention is used a second time, over time.

    First over the T tokens of each place, through an adapter; then over space with an adapter after it; an adapter
    beside the MLP counts half. Attention alone does not know which frame is which, so each has a learned position.
    """

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        narrow = max(1, self.width // (2 * options.bottleneck))
        self.time, self.space, self.joint = (
            nn.ModuleList(Bottleneck(self.width, narrow) for _ in range(self.blocks_n)) for _ in range(3)
        )
        self.places = nn.Parameter(torch.zeros(1, options.frames, 1, self.width))
        self._within = False
        self.stack[0].register_forward_pre_hook(self._placed, with_kwargs=True)
        for block, time, space, joint in zip(self.stack, self.time, self.space, self.joint, strict=True):
            block.register_forward_pre_hook(self._over_time(block, time), with_kwargs=True)
            block.self_attn.register_forward_hook(self._after_attention(space))
            block.mlp.register_forward_hook(lambda _, args, out, add=joint: out + 0.5 * add(args[0]))

    def _placed(self, _: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        tokens = self.clips(given(arguments, named)) + self.places[:, : self._frames]
        return instead(tokens.flatten(0, 1), arguments, named)

    def _over_time(self, block: Any, adapter: nn.Module) -> Any:
        def before(_: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
            tokens = given(arguments, named)
            rows = self.clips(block.layer_norm1(tokens)).transpose(1, 2)  # (B, N, T, C)
            self._within = True
            seen = block.self_attn(hidden_states=rows.flatten(0, 1), attention_mask=None)[0]
            self._within = False
            over = seen.unflatten(0, rows.shape[:2]).transpose(1, 2).flatten(0, 1)
            return instead(tokens + adapter(over), arguments, named)

        return before

    def _after_attention(self, adapter: nn.Module) -> Any:
        def after(_: nn.Module, __: Any, out: tuple[Tensor, Any]) -> Any:
            return out if self._within else (out[0] + adapter(out[0]), *out[1:])

        return after


class DividedTime(Inserted):
    """M6 with attention over time before that over space (TimeSformer, Bertasius and others, ICML 2021).

    The new attention's last projection starts at 0.
    """

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        self.norms = nn.ModuleList(nn.LayerNorm(self.width) for _ in range(self.blocks_n))
        self.attentions = nn.ModuleList(
            nn.MultiheadAttention(self.width, self.heads, batch_first=True) for _ in range(self.blocks_n)
        )
        self.places = nn.Parameter(torch.zeros(1, options.frames, self.width))
        begun(self.places)
        for one in self.attentions:
            zeroed(one.out_proj)
        for block, norm, attention in zip(self.stack, self.norms, self.attentions, strict=True):
            block.register_forward_pre_hook(self._over_time(norm, attention), with_kwargs=True)

    def _over_time(self, norm: nn.Module, attention: nn.Module) -> Any:
        def before(_: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
            tokens = given(arguments, named)
            rows = self.clips(norm(tokens)).transpose(1, 2)  # (B, N, T, C)
            flat = rows.flatten(0, 1) + self.places[:, : self._frames]
            seen = attention(flat, flat, flat, need_weights=False)[0]
            over = seen.unflatten(0, rows.shape[:2]).transpose(1, 2).flatten(0, 1)
            return instead(tokens + over, arguments, named)

        return before


class TokenShift(Inserted):
    """M6 by moving a quarter of the attention's input channels to the next frame and a quarter to the one before
    (TSM, Lin and others, ICCV 2019; TokShift, Zhang and others, 2021).

    A shift has no weights: with the blocks frozen it would only disturb them, so they learn along.
    """

    changes = True
    starts_as_zero_shot = False

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        self.requires_grad_(True)
        for block in self.stack:
            block.layer_norm1.register_forward_hook(lambda _, __, out: self._shifted(out))

    def _shifted(self, tokens: Tensor) -> Tensor:
        clips, part = self.clips(tokens), tokens.shape[-1] // 4
        # The frame after the last one, and the one before the first, are nothing.
        on = F.pad(clips[:, :-1, :, :part], (0, 0, 0, 0, 1, 0))
        back = F.pad(clips[:, 1:, :, part : 2 * part], (0, 0, 0, 0, 0, 1))
        return torch.cat([on, back, clips[..., 2 * part :]], -1).flatten(0, 1)


class Prompted(Inserted):
    """M5: learned tokens that each block's attention also looks at (VPT-deep, Jia and others, ECCV 2022).

    One of them is made from what all frames' class tokens show (as in EZ-CLIP, Ahmad and others, 2023).

    What attention makes of the prompts themselves is dropped, as VPT-deep replaces them in the next block. A learned
    text context is a strategy of its own (speaking.TextContext).
    """

    starts_as_zero_shot = False

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        self.prompts = nn.ParameterList(
            nn.Parameter(torch.zeros(options.prompts, self.width)) for _ in range(self.blocks_n)
        )
        begun(*self.prompts)
        self.time = nn.ModuleList(nn.Conv1d(self.width, self.width, 3, padding=1, groups=self.width)
                                  for _ in range(self.blocks_n))  # fmt: skip
        self.temporal = nn.ModuleList(nn.Linear(self.width, self.width) for _ in range(self.blocks_n))
        for block, prompts, time, mix in zip(self.stack, self.prompts, self.time, self.temporal,
                                             strict=True):  # fmt: skip
            attention = block.self_attn
            attention.register_forward_pre_hook(self._add(block, prompts, time, mix), with_kwargs=True)
            attention.register_forward_hook(lambda _, __, out: (out[0][:, : -self._added], *out[1:]))

    def _add(self, block: Any, prompts: Tensor, time: nn.Module, mix: nn.Module) -> Any:
        def before(_: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
            tokens = given(arguments, named)  # after the block's first norm
            first = self.clips(tokens)[:, :, 0] if self.prefix else self.clips(tokens).mean(2)  # (B, T, C)
            over = mix(time(first.transpose(1, 2)).transpose(1, 2)).flatten(0, 1)[:, None]
            learned = block.layer_norm1(prompts).expand(len(tokens), -1, -1)
            self._added = learned.shape[1] + 1
            return instead(torch.cat([tokens, learned, over], 1), arguments, named)

        return before
