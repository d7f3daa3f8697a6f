"""An encoder cut in two: the frozen lower layers run once, their output is kept, the upper ones learn."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from workbench.core.problem import InputError
from workbench.engine import adapters


def freeze(encoder: nn.Module, depth: int) -> None:
    """Stop the embeddings and the first `depth` layers from learning, and the pooler, which is not used.

    Raises InputError on field 'frozen_layers' when there are fewer layers than that.
    """
    _, count = adapters.layers(encoder)
    if depth > count:
        raise InputError(
            "There are not that many layers to freeze.",
            expected=f"0 to {count} for this backbone",
            received=str(depth),
            fix="Freeze fewer layers, or choose a deeper backbone.",
            field="frozen_layers",
        )
    depths = adapters.depths(encoder)
    for name, parameter in encoder.named_parameters():
        parameter.requires_grad = "pooler" not in name and (depth == 0 or depths[name] > depth)


class _Through(nn.Module):
    """Stands where the embeddings stood and hands on what the frozen layers gave."""

    def forward(self, input_ids: Tensor | None = None, inputs_embeds: Tensor | None = None, *_: Any, **__: Any) -> Any:
        return inputs_embeds


def halves(encoder: nn.Module, depth: int) -> tuple[nn.Module, nn.Module] | None:
    """The encoder cut behind layer `depth`, sharing its layers; None where it cannot be cut.

    Architectures differ, so the two halves must first give what the whole gives.
    """
    name, _ = adapters.layers(encoder)
    if depth == 0 or not isinstance(getattr(encoder, "embeddings", None), nn.Module):
        return None
    stack = encoder.get_submodule(name)
    kept: dict[int, Any] = {id(stack): stack, id(encoder.embeddings): encoder.embeddings}
    bottom, top = copy.deepcopy(encoder, dict(kept)), copy.deepcopy(encoder, dict(kept))
    above, _, leaf = name.rpartition(".")
    setattr(bottom.get_submodule(above), leaf, nn.ModuleList(list(stack.children())[:depth]))
    setattr(top.get_submodule(above), leaf, nn.ModuleList(list(stack.children())[depth:]))
    top.embeddings = _Through()
    return (bottom, top) if _same(encoder, bottom, top) else None


@torch.no_grad()
def _same(encoder: nn.Module, bottom: nn.Module, top: nn.Module) -> bool:
    was, device = encoder.training, next(encoder.parameters()).device
    for part in (encoder, bottom, top):
        part.eval()
    ids = torch.arange(10, 22, device=device).reshape(2, 6)
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]], device=device)
    try:
        whole = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        below = bottom(input_ids=ids, attention_mask=mask).last_hidden_state
        cut_up = top(inputs_embeds=below, attention_mask=mask).last_hidden_state
    except (TypeError, AttributeError, ValueError, RuntimeError, IndexError):
        return False
    finally:
        encoder.train(was)
    return bool(torch.allclose(whole[0], cut_up[0], atol=1e-4))
