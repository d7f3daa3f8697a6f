"""Tiny image-language models in Hugging Face format, with weights from a seed, written for tests."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
)

WORDS = ("a", "red", "green", "blue", "circle", "square", "ring", "moves", "left", "right", "grows")
VISION = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2,
          "image_size": 32, "patch_size": 16}  # fmt: skip
TEXT = {"vocab_size": 20, "hidden_size": 12, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
        "max_position_embeddings": 16, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip


def tokenizer() -> PreTrainedTokenizerFast:
    """Words by number; every text ends with its end token, as CLIP's do."""
    vocabulary = {name: at for at, name in enumerate(("[PAD]", "[BOS]", "[EOS]", "[UNK]", *WORDS))}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[BOS] $A [EOS]", special_tokens=[("[BOS]", 1), ("[EOS]", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", bos_token="[BOS]", eos_token="[EOS]", unk_token="[UNK]"
    )


def clip(folder: Path, *, seed: int = 0) -> Path:
    """A CLIP folder: 3 blocks of 16 channels, 4 patches, meeting in 8 dimensions."""
    torch.manual_seed(seed)
    CLIPModel(CLIPConfig(vision_config=VISION, text_config=TEXT, projection_dim=8)).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def siglip(folder: Path, *, seed: int = 0) -> Path:
    """A SigLIP folder: no class token, a pooling head, meeting in 16 dimensions."""
    torch.manual_seed(seed)
    text = TEXT | {"hidden_size": 16, "projection_size": 16}
    SiglipModel(SiglipConfig(vision_config=VISION, text_config=text)).save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
