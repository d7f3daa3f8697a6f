"""Published encoders: UNI's pytorch_model.bin (timm's names) or a folder in Hugging Face's layout, as Dinov2Model.

Only safetensors, or torch files read with weights_only: nothing is unpickled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import Dinov2Config, Dinov2Model

from workbench.core.problem import InputError
from workbench.engine.published import read_tensors

HEAD_WIDTH = 64
"""Of ViT-S, -B and -L, and so of UNI: heads are not told by the weights."""
_PLAIN = {
    "cls_token": "embeddings.cls_token", "pos_embed": "embeddings.position_embeddings",
    "mask_token": "embeddings.mask_token",
    "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
    "norm.weight": "layernorm.weight", "norm.bias": "layernorm.bias",
}  # fmt: skip
_BLOCK = {
    "norm1": "norm1", "norm2": "norm2", "attn.proj": "attention.output.dense", "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}  # fmt: skip
_PARTS = ("query", "key", "value")


def load_published(path: Path) -> Dinov2Model:
    """The encoder of a file or of a folder, its shape told by its weights.

    Raises InputError where it cannot be read safely, or is no vision transformer of DINOv2's kind.
    """
    if path.is_dir() and (path / "config.json").is_file():
        return _folder(path)
    if path.is_dir():
        names = ("model.safetensors", "pytorch_model.bin")
        path = next((path / name for name in names if (path / name).is_file()), path)
    tensors = read_tensors(path)
    try:
        config, state = translated(tensors)
    except (KeyError, IndexError, ValueError) as error:
        raise _unlike(path, f"no {error}") from None
    # Transformers renames what it loads as its versions ask for; it warns of what it lacks, and so would go on.
    loaded: Any = Dinov2Model.from_pretrained(None, config=config, state_dict=state, output_loading_info=True)
    told: Mapping[str, Any] = loaded[1]
    lacking = sorted(set(map(str, told["missing_keys"])) - {"embeddings.mask_token"})  # published by few
    if lacking or told["unexpected_keys"] or told["mismatched_keys"]:
        odd = (*lacking, *map(str, told["unexpected_keys"]), *map(str, told["mismatched_keys"]))
        raise _unlike(path, f"without or with another shape of {', '.join(odd)}"[:200])
    found: Dinov2Model = loaded[0]
    found.train(False)
    return found


def _folder(path: Path) -> Dinov2Model:
    try:
        model: Dinov2Model = Dinov2Model.from_pretrained(path, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, SafetensorError, RuntimeError) as error:
        raise _unlike(path, str(error)[:200]) from None
    model.train(False)
    return model


def translated(tensors: Mapping[str, Tensor]) -> tuple[Dinov2Config, dict[str, Tensor]]:
    """timm's names to Transformers', the fused qkv of each block split into three, and the shape they tell.

    Raises KeyError where a tensor that tells the shape is missing, ValueError for shapes that are none.
    """
    kernel, positions = tensors["patch_embed.proj.weight"], tensors["pos_embed"]
    width, patch = int(kernel.shape[0]), int(kernel.shape[-1])
    side = round((positions.shape[1] - 1) ** 0.5)
    if side**2 + 1 != positions.shape[1]:
        raise ValueError(f"square grid of positions beside one class token, but {positions.shape[1]} of them")
    numbers = {int(found[1]) for name in tensors if (found := re.match(r"blocks\.(\d+)\.", name))}
    config = Dinov2Config(
        hidden_size=width, num_hidden_layers=max(numbers) + 1, num_attention_heads=max(1, width // HEAD_WIDTH),
        patch_size=patch, image_size=side * patch, mlp_ratio=int(tensors["blocks.0.mlp.fc1.weight"].shape[0]) // width,
        layerscale_value=1.0,
    )  # fmt: skip
    state: dict[str, Tensor] = {}
    for name, one in tensors.items():
        state.update(_renamed(name, one))
    if "blocks.0.ls1.gamma" not in tensors:  # a ViT without LayerScale is one whose scales are 1
        ones = {f"encoder.layer.{at}.layer_scale{k}.lambda1": torch.ones(width) for at in numbers for k in (1, 2)}
        state |= ones
    return config, state


def _renamed(name: str, one: Tensor) -> dict[str, Tensor]:
    if name in _PLAIN:
        return {_PLAIN[name]: one}
    found = re.match(r"blocks\.(\d+)\.(.+)\.(weight|bias|gamma)$", name)
    if not found:
        return {}  # a classifier's head, or what other programs keep beside the weights
    layer, part, kind = f"encoder.layer.{found[1]}", found[2], found[3]
    if part == "attn.qkv":
        return {f"{layer}.attention.attention.{which}.{kind}": piece.clone()
                for which, piece in zip(_PARTS, one.chunk(3), strict=True)}  # fmt: skip
    if part in ("ls1", "ls2"):
        return {f"{layer}.layer_scale{part[-1]}.lambda1": one}
    return {f"{layer}.{_BLOCK[part]}.{kind}": one} if part in _BLOCK else {}


def _unlike(path: Path, received: str) -> InputError:
    return InputError(
        "These weights belong to another network.",
        expected="a vision transformer as UNI's (timm's names: patch_embed, pos_embed, blocks.0 …, norm), or a folder "
        "with config.json and model.safetensors of a DINOv2 model",
        received=received,
        fix="Choose UNI's pytorch_model.bin, or an encoder that this program saved.",
        field="weights",
        place=str(path),
    )
