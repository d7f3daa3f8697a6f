"""How much of a model learns: everything, the last layers, a head, or a small adapter (peft).

The layers are found as the longest nn.ModuleList, so any stack of blocks works; what stands
before it counts as depth 0, what stands behind it (norms, poolers, heads) as the top.
"""

from __future__ import annotations

import copy
import re
import sys
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from workbench.core.problem import InputError
from workbench.engine.backbones import load_tokenizer, quiet, resolve


class Adaptation(Protocol):
    """The knobs read here; core.mixins.TextEncoder has them."""

    @property
    def adapt(self) -> str: ...
    @property
    def last_layers(self) -> int: ...
    @property
    def rank(self) -> int: ...
    @property
    def layer_decay(self) -> float: ...


class Rates(Adaptation, Protocol):
    """Adaptation beside core.mixins.Training's rates."""

    @property
    def learning_rate(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...


def adapt(model: nn.Module, params: Adaptation) -> nn.Module:
    """The model with requires_grad set as the knobs ask; 'lora' and 'ia3' return a peft model.

    Heads and freshly initialised weights always learn. Raises InputError where the model has no
    layers to choose from.
    """
    if params.adapt == "full":
        return model.requires_grad_(True)
    if params.adapt in ("lora", "ia3"):
        return _with_adapter(model, params)
    learning = _head_names(model)
    if params.adapt == "last layers":
        learning |= _top_names(model, params.last_layers)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name in learning
    return model


def trainable_count(model: nn.Module) -> int:
    """How many numbers learn."""
    return sum(one.numel() for one in model.parameters() if one.requires_grad)


def layers(model: nn.Module) -> tuple[str, int]:
    """The name of the stack of layers and its length: the longest nn.ModuleList, ('', 0) without one."""
    lists = [(name, len(one)) for name, one in model.named_modules() if isinstance(one, nn.ModuleList)]
    return max(lists, key=lambda one: one[1], default=("", 0))


def depths(model: nn.Module) -> dict[str, int]:
    """Every parameter's depth: 0 before the layers, 1 … count in them, count + 1 behind.

    Embeddings count as 0 wherever they are registered.
    """
    stack, count = layers(model)
    inside = re.compile(rf"{re.escape(stack)}\.(\d+)\.") if stack else None
    encoder = _encoder_ids(model)
    found, reached = {}, not count
    for name, one in model.named_parameters():
        within = inside.match(name) if inside else None
        reached = reached or within is not None
        is_first = id(one) in encoder and (not reached or re.search(r"embed|\bwte\b|\bwpe\b", name))
        found[name] = int(within[1]) + 1 if within else 0 if is_first else count + 1
    return found


def parameter_groups(model: nn.Module, params: Rates) -> list[dict[str, Any]]:
    """Optimizer groups: the rate falls by layer_decay per layer towards the input.

    Norms and biases (everything of one dimension) get no weight decay.
    """
    depth_by_name = depths(model)
    top = max(depth_by_name.values())
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, one in model.named_parameters():
        if not one.requires_grad:
            continue
        depth = depth_by_name[name] if params.layer_decay < 1 else top
        decays = one.ndim > 1
        group = groups.setdefault(
            (depth, decays),
            {
                "params": [],
                "lr": params.learning_rate * params.layer_decay ** (top - depth),
                "weight_decay": params.weight_decay if decays else 0.0,
            },
        )
        group["params"].append(one)
    return list(groups.values())


def _head_names(model: nn.Module) -> set[str]:
    """Parameters outside the encoder, and those that no checkpoint has trained yet."""
    fresh: frozenset[str] = getattr(model, "fresh_weights", frozenset())
    encoder = _encoder_ids(model)
    return {name for name, one in model.named_parameters() if id(one) not in encoder or name in fresh}


def _encoder_ids(model: nn.Module) -> set[int]:
    """The ids of the parameters that belong to the encoder, all but the head's."""
    plain: Any = model.get_base_model() if is_adapted(model) else model  # type: ignore[operator]
    return {id(one) for one in getattr(plain, "base_model", plain).parameters()}


def _top_names(model: nn.Module, wanted: int) -> set[str]:
    _, count = layers(model)
    if not count:
        raise InputError(
            "This backbone has no layers to choose from.",
            expected="a stack of layers",
            received=type(model).__name__,
            fix="Choose another adaptation: full, linear probe or lora.",
            field="adapt",
        )
    return {name for name, depth in depths(model).items() if depth > max(count - wanted, 0)}


def _with_adapter(model: nn.Module, params: Adaptation) -> nn.Module:
    from peft import IA3Config, LoraConfig, PeftConfig, get_peft_model

    targets, shrinking = _target_names(model)
    heads = _head_modules(model)
    config: PeftConfig
    if params.adapt == "lora":
        config = LoraConfig(
            r=params.rank, lora_alpha=2 * params.rank, lora_dropout=0.05, target_modules=targets, modules_to_save=heads
        )
    else:
        config = IA3Config(target_modules=targets, feedforward_modules=shrinking, modules_to_save=heads)
    return get_peft_model(model, config)


def _target_names(model: nn.Module) -> tuple[list[str], list[str]]:
    """Linear layers of the stack by full name, and those of them that shrink (ends of feed-forwards)."""
    from transformers.pytorch_utils import Conv1D

    stack, _ = layers(model)
    found = {
        name: one
        for name, one in model.named_modules()
        if isinstance(one, (nn.Linear, Conv1D)) and name.startswith(stack + ".")
    }
    if not stack or not found:
        raise InputError(
            "This backbone has no linear layers that an adapter could sit on.",
            expected="a stack of layers with linear layers inside",
            received=type(model).__name__,
            fix="Choose another adaptation: full or linear probe.",
            field="adapt",
        )
    return list(found), [name for name, one in found.items() if _shrinks(one)]


def _shrinks(layer: nn.Module) -> bool:
    """Whether a linear layer has more inputs than outputs; Conv1D keeps its weight as (in, out)."""
    rows, columns = layer.weight.shape  # type: ignore[misc]
    return bool(columns > rows if isinstance(layer, nn.Linear) else rows > columns)


def _head_modules(model: nn.Module) -> list[str] | None:
    """The head's innermost modules; a head tied to the embeddings (masked words) stays as it is."""
    encoder = _encoder_ids(model)
    owned = {name: {id(tensor) for tensor in one.parameters(recurse=False)} for name, one in model.named_modules()}
    base = set(getattr(model, "base_model", model).modules())
    heads = {name: own for name, own in owned.items() if own and model.get_submodule(name) not in base}
    is_tied = any(own & encoder for own in heads.values())
    return None if is_tied else list(heads) or None


def is_adapted(model: nn.Module) -> bool:
    """Whether this is a peft model (asked without importing peft, which takes a second)."""
    peft = sys.modules.get("peft")
    return peft is not None and isinstance(model, peft.PeftModel)


def merged(model: nn.Module) -> nn.Module:
    """A copy on the CPU with adapters folded into the weights; a plain model is returned as it is."""
    if not is_adapted(model):
        return model
    copied: Any = copy.deepcopy(model).cpu()
    plain: nn.Module = copied.merge_and_unload()
    return plain


def save_model(model: nn.Module, tokenizer: Any, folder: Path) -> None:
    """Write a model as a Hugging Face folder in safetensors: merged, with its adapter beside it.

    `folder` holds config.json, model.safetensors and the tokenizer; an adapter goes to
    `folder`/adapter.
    """
    quiet()
    folder.mkdir(parents=True, exist_ok=True)
    adapted: Any = model
    if is_adapted(model):
        adapted.save_pretrained(str(folder / "adapter"), safe_serialization=True)
    plain: Any = merged(model)
    plain.save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)


def load_model(folder: Path) -> tuple[nn.Module, Any]:
    """A saved model with the head it was saved with, and its tokenizer; raises InputError."""
    import transformers

    resolve(str(folder))
    quiet()
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    kind = getattr(transformers, (config.architectures or ["AutoModel"])[0], transformers.AutoModel)
    model = kind.from_pretrained(folder, config=config, dtype=torch.float32, local_files_only=True, weights_only=True)
    return model.eval(), load_tokenizer(folder)
