"""Encoder weights from and to other programs: the paper's published file, and MONAI's ViT.

Only safetensors, or torch files read with weights_only: nothing is unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from workbench.core.problem import InputError
from workbench.engine.published import read_tensors

from .networks import Encoder, positions

PUBLISHED = "module.encoder."
"""What stands before the encoder's names in hi_end_mae_10k.pth (below `state_dict`)."""
MONAI = (("patch_embed.proj", "patch_embedding.patch_embeddings.1"), ("mlp.fc1", "mlp.linear1"),
         ("mlp.fc2", "mlp.linear2"), ("attn.proj", "attn.out_proj"))  # fmt: skip


def load_published(encoder: Encoder, path: Path) -> None:
    """Put published weights into an encoder of the same shape.

    Takes `state_dict` of a .pth, a plain state dict, or safetensors, with names from `module.encoder.`,
    `encoder.` or without a prefix. Positions are fixed and computed, so those in the file are left. Raises
    InputError where the file cannot be read safely or belongs to another shape.
    """
    tensors = _encoder_part(read_tensors(path))
    own = encoder.state_dict()
    lacking = sorted(own.keys() - tensors.keys())
    odd = [name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape]
    if lacking or odd:
        name = (lacking or sorted(odd))[0]
        received = "nothing of that name" if lacking else f"{tuple(tensors[name].shape)}"
        raise InputError(
            "These weights belong to another encoder.",
            expected=f"{name} of shape {tuple(own[name].shape)}",
            received=received,
            fix="Set patch, width, layers and heads as the weights have them (published: 12, 1536, 12, 16).",
            field="weights",
            place=str(path),
        )
    encoder.load_state_dict({name: tensors[name].to(own[name].dtype) for name in own})


def _encoder_part(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    for prefix in (PUBLISHED, PUBLISHED.removeprefix("module.")):
        part = {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}
        if part:
            return part
    return {name: one for name, one in tensors.items() if isinstance(one, Tensor)}


def published_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An encoder's state under the names of the published file."""
    return {PUBLISHED + name: one for name, one in state.items()}


def monai_names(state: Mapping[str, Tensor], *, grid: int) -> dict[str, Tensor]:
    """An encoder's state for MONAI's ViT(proj_type="perceptron", qkv_bias=True), without a class token.

    MONAI's own norms of a cross-attention that a plain ViT never uses are not in it: load it with strict=False.
    """
    found: dict[str, Tensor] = {}
    for name, one in state.items():
        if name == "cls_token":
            continue
        value = one.flatten(1) if name == "patch_embed.proj.weight" else one
        for ours, theirs in MONAI:
            name = name.replace(ours, theirs)  # noqa: PLW2901
        found[name] = value
    width = int(state["norm.weight"].shape[0])
    return found | {"patch_embedding.position_embeddings": positions(grid, width)}
