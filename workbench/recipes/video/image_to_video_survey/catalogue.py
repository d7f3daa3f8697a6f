"""The strategies by the names that the form has for them."""

from __future__ import annotations

import torch

from workbench.engine.video.imagelanguage import ImageLanguage

from . import frozen, inserted, side, speaking, tuned
from .base import Options, Strategy
from .recipe import ImageToVideo

MADE: dict[str, type[Strategy]] = {
    "zero_shot": frozen.ZeroShot, "linear_probe": frozen.LinearProbe, "post_transformer": frozen.PostTransformer,
    "post_gru": frozen.PostGru, "post_convolution": frozen.PostConvolution, "layer_decoder": frozen.LayerDecoder,
    "ladder": side.Ladder, "dist": side.DistSide, "distilled": frozen.Distilled, "full_tuning": tuned.FullTuning,
    "both_sides": speaking.BothSides,
    "last_blocks": tuned.LastBlocks, "layer_norms": tuned.LayerNorms, "biases": tuned.Biases,
    "st_adapter": inserted.StAdapted, "aim": inserted.Aim, "low_rank": tuned.LowRank, "prompts": inserted.Prompted,
    "text_context": speaking.TextContext, "divided_time": inserted.DividedTime, "token_shift": inserted.TokenShift,
}  # fmt: skip


def options_of(params: ImageToVideo, frames: int) -> Options:
    """The sizes that the form asks for."""
    return Options(
        frames=frames, depth=params.depth, bottleneck=params.bottleneck, rank=params.rank, prompts=params.prompt_tokens,
        context=params.prompt_tokens,
        last_blocks=params.blocks_tuned, ladder=params.ladder_share, integration=params.integration,
        temporal=params.temporal, distil=params.distillation,
    )  # fmt: skip


def build(name: str, backbone: ImageLanguage, options: Options, *, seed: int) -> Strategy:
    """A strategy that has learned nothing yet; the same seed gives the same weights, and chance elsewhere stays."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MADE[name](backbone, options)
