"""Strategies that change weights which the image model has: all (M1), some (M2), or by low-rank matrices (M4)."""

from __future__ import annotations

from torch import nn

from workbench.engine.video.imagelanguage import ImageLanguage

from .base import Options, Tuned


class FullTuning(Tuned):
    """M1: everything learns but the text side, the video is the mean over frames.

    ViFi-CLIP (Rasheed and others, CVPR 2023) tunes both sides: see speaking.BothSides.
    """

    order_blind = True

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        self.requires_grad_(True)


class LastBlocks(Tuned):
    """M2: the last blocks learn, and what comes after them."""

    order_blind = True

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        blocks = list(self.backbone.blocks)
        for one in blocks[max(0, len(blocks) - options.last_blocks) :]:
            one.requires_grad_(True)
        self.projection.requires_grad_(True)
        for name, part in self.vision.named_children():
            if name in ("post_layernorm", "head"):
                part.requires_grad_(True)


class LayerNorms(Tuned):
    """M2: only the gains and biases of layer norms learn."""

    order_blind = True

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        for part in self.vision.modules():
            if isinstance(part, nn.LayerNorm):
                part.requires_grad_(True)


class Biases(Tuned):
    """M2: only biases learn (BitFit, Ben Zaken and others, ACL 2022)."""

    order_blind = True

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        super().__init__(backbone, options)
        for name, one in self.vision.named_parameters():
            one.requires_grad_(name.endswith("bias"))


class LowRank(Tuned):
    """M4: low-rank matrices beside the queries' and values' weights (LoRA, Hu and others, ICLR 2022); alpha is 2r."""

    order_blind = True
    changes = True

    def __init__(self, backbone: ImageLanguage, options: Options) -> None:
        from peft import LoraConfig, inject_adapter_in_model

        super().__init__(backbone, options)
        inject_adapter_in_model(
            LoraConfig(r=options.rank, lora_alpha=2 * options.rank, target_modules=["q_proj", "v_proj"]), self.vision
        )
