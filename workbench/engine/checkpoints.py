"""State on disk without pickle: tensors in safetensors, everything else as a JSON skeleton.

A tree of dicts, lists, tensors and plain values becomes state.safetensors + state.json; the
skeleton holds {"@tensor": name} where a tensor stood and {"@pairs": [...]} for dicts whose keys
are not all text (optimizers key their state by number).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from workbench.core.problem import KnownTrouble

TENSORS, SKELETON = "state.safetensors", "state.json"


def write(folder: Path, tree: Any) -> None:
    """Write a tree of dicts, lists, tensors and plain values into a folder."""
    tensors: dict[str, torch.Tensor] = {}
    skeleton = _pack(tree, "", tensors)
    save_file(_unshared(tensors), folder / TENSORS)
    (folder / SKELETON).write_bytes(msgspec.json.encode(skeleton))


def read(folder: Path) -> Any:
    """The tree that was written, tensors on the CPU; tuples come back as lists.

    Raises KnownTrouble when the folder is incomplete or damaged.
    """
    try:
        tensors = load_file(folder / TENSORS)
        return _unpack(msgspec.json.decode((folder / SKELETON).read_bytes()), tensors)
    except (OSError, SafetensorError, msgspec.DecodeError, KeyError) as error:
        raise KnownTrouble(
            "The checkpoint of this run cannot be read.",
            expected=f"{TENSORS} and {SKELETON} as a run wrote them",
            received=str(error),
            fix="Delete the run's checkpoint folder and resume: it starts over.",
            place=str(folder),
        ) from None


def _pack(node: Any, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(node, torch.Tensor):
        tensors[path] = node.detach()
        return {"@tensor": path}
    if isinstance(node, Mapping):
        if all(isinstance(key, str) and not key.startswith("@") for key in node):
            return {key: _pack(value, f"{path}/{key}", tensors) for key, value in node.items()}
        return {"@pairs": [[key, _pack(value, f"{path}/{key}", tensors)] for key, value in node.items()]}
    if isinstance(node, (list, tuple)):
        return [_pack(value, f"{path}/{place}", tensors) for place, value in enumerate(node)]
    return node


def _unpack(node: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    if isinstance(node, dict):
        if "@tensor" in node:
            return tensors[node["@tensor"]]
        if "@pairs" in node:
            return {key: _unpack(value, tensors) for key, value in node["@pairs"]}
        return {key: _unpack(value, tensors) for key, value in node.items()}
    if isinstance(node, list):
        return [_unpack(value, tensors) for value in node]
    return node


def _unshared(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Contiguous CPU tensors, none a view of another, as safetensors asks for."""
    seen: set[int] = set()
    ready = {}
    for name, tensor in tensors.items():
        copy = tensor.cpu().contiguous()
        storage = copy.untyped_storage()
        shared = storage.data_ptr() in seen or storage.nbytes() != copy.numel() * copy.element_size()
        ready[name] = copy.clone() if shared and copy.numel() else copy
        seen.add(storage.data_ptr())
    return ready


def learned(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """What training changes: parameters with a gradient, and the buffers that are saved (not copied)."""
    saved = model.state_dict(keep_vars=True).keys()
    tensors = {name: one.detach() for name, one in model.named_parameters() if one.requires_grad}
    return tensors | {name: one for name, one in model.named_buffers() if name in saved}


@torch.no_grad()
def copy_into(tensors: Mapping[str, torch.Tensor], values: Mapping[str, torch.Tensor]) -> None:
    """Overwrite tensors in place by values of the same names; raises KnownTrouble where they do not fit."""
    if tensors.keys() != values.keys() or any(tensors[name].shape != values[name].shape for name in tensors):
        raise KnownTrouble(
            "The checkpoint belongs to another model.",
            expected=f"{len(tensors)} tensors of this model",
            received=f"{len(values)} tensors, names or shapes differ",
            fix="Start a new run: the backbone or the adaptation has changed since.",
        )
    for name, tensor in tensors.items():
        tensor.copy_(values[name])
