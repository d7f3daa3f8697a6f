"""Weights that others published: read without unpickling anything."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from workbench.core.problem import InputError


def read_tensors(path: Path, *, field: str = "weights") -> dict[str, Tensor]:
    """The tensors of a safetensors file, or of a torch file of tensors alone (below `state_dict`, where it has one).

    Raises InputError, on `field`, for what cannot be read or would have to be unpickled.
    """
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise InputError(
            "The weights cannot be read.",
            expected="a safetensors file, or a torch file of tensors alone",
            received=str(error)[:200],
            fix="Convert the file to safetensors where it was made; files that need unpickling are refused.",
            field=field,
            place=str(path),
        ) from None
    found = found.get("state_dict", found) if isinstance(found, Mapping) else {}
    return {name: one for name, one in found.items() if isinstance(one, Tensor)} if isinstance(found, Mapping) else {}
