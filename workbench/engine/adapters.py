"""How much of a model learns: everything, the last layers, a head, or a small adapter (peft).

The layers are found as the longest nn.ModuleList, so any stack of blocks works; what stands
before it counts as depth 0, what stands behind it (norms, poolers, heads) as the top.
"""

from __future__ import annotations

import copy
import re
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


def depth_of(name: str, stack: str, count: int) -> int:
    """The depth of a parameter by name: 0 before the layers, 1 … count in them, count + 1 behind."""
    within = re.match(rf"{re.escape(stack)}\.(\d+)\.", name) if stack else None
    if within:
        return int(within[1]) + 1
    return 0 if "embed" in name or "wte" in name or "wpe" in name else count + 1


def parameter_groups(model: nn.Module, params: Rates) -> list[dict[str, Any]]:
    """Optimizer groups: the rate falls by layer_decay per layer towards the input.

    Norms and biases (everything of one dimension) get no weight decay.
    """
    stack, count = layers(model)
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, one in model.named_parameters():
        if not one.requires_grad:
            continue
        depth = depth_of(name, stack, count) if params.layer_decay < 1 else count + 1
        decays = one.ndim > 1
        group = groups.setdefault(
            (depth, decays),
            {
                "params": [],
                "lr": params.learning_rate * params.layer_decay ** (count + 1 - depth),
                "weight_decay": params.weight_decay if decays else 0.0,
            },
        )
        group["params"].append(one)
    return list(groups.values())


def _head_names(model: nn.Module) -> set[str]:
    """Parameters outside the encoder, and those that no checkpoint has trained yet."""
    fresh: frozenset[str] = getattr(model, "fresh_weights", frozenset())
    base = getattr(model, "base_model", model)
    inside = set() if base is model else {id(one) for one in base.parameters()}
    if base is model:
        inside = {id(one) for one in model.parameters()}
    return {name for name, one in model.named_parameters() if id(one) not in inside or name in fresh}


def _top_names(model: nn.Module, wanted: int) -> set[str]:
    stack, count = layers(model)
    if not count:
        raise InputError(
            "This backbone has no layers to choose from.",
            expected="a stack of layers",
            received=type(model).__name__,
            fix="Choose another adaptation: full, linear probe or lora.",
            field="adapt",
        )
    least = count - wanted + 1
    return {name for name, _ in model.named_parameters() if depth_of(name, stack, count) >= least}


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
    stack, _ = layers(model)
    found = {
        name: one for name, one in model.named_modules() if isinstance(one, nn.Linear) and name.startswith(stack + ".")
    }
    if not stack or not found:
        raise InputError(
            "This backbone has no linear layers that an adapter could sit on.",
            expected="a stack of layers with nn.Linear inside",
            received=type(model).__name__,
            fix="Choose another adaptation: full or linear probe.",
            field="adapt",
        )
    return list(found), [name for name, one in found.items() if one.in_features > one.out_features]


def _head_modules(model: nn.Module) -> list[str] | None:
    """Children that hold a head; heads tied to the embeddings (masked words) stay as they are."""
    base = getattr(model, "base_model", model)
    shared = {id(one) for one in base.parameters()}
    heads = [
        name
        for name, child in model.named_children()
        if child is not base and any(True for _ in child.parameters())
        and not any(id(one) in shared for one in child.parameters())
    ]  # fmt: skip
    if base is not model:
        return heads or None
    return None


def merged(model: nn.Module) -> nn.Module:
    """A copy on the CPU with adapters folded into the weights; a plain model is returned as it is."""
    from peft import PeftModel

    if not isinstance(model, PeftModel):
        return model
    plain: nn.Module = copy.deepcopy(model).cpu().merge_and_unload()
    return plain


def save_model(model: nn.Module, tokenizer: Any, folder: Path) -> None:
    """Write a model as a Hugging Face folder in safetensors: merged, with its adapter beside it.

    `folder` holds config.json, model.safetensors and the tokenizer; an adapter goes to
    `folder`/adapter.
    """
    from peft import PeftModel

    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, PeftModel):
        model.save_pretrained(str(folder / "adapter"), safe_serialization=True)
    merged(model).save_pretrained(folder)  # type: ignore[operator]
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)


def load_model(folder: Path) -> tuple[nn.Module, Any]:
    """A saved model with the head it was saved with, and its tokenizer; raises InputError."""
    import transformers

    resolve(str(folder))
    quiet()
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    kind = getattr(transformers, (config.architectures or ["AutoModel"])[0])
    model = kind.from_pretrained(folder, config=config, dtype=torch.float32, local_files_only=True)
    return model.eval(), load_tokenizer(folder)
