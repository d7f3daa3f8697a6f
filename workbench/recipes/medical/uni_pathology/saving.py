"""What a run leaves: the encoder in Hugging Face's layout, the labelled tiles as neighbours, the pooling, a card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from workbench.core.job import Job
from workbench.engine.medical.phantoms.histology import MPP

from .data import Data
from .encoders import Describe, Network
from .networks import Abmil
from .recipe import HISTOLOGY, UniPathology

Floats = NDArray[np.float32]


def save(
    job: Job,
    describe: Describe,
    data: Data,
    *,
    labelled: Floats,
    pooling: Abmil | None,
    slide_classes: tuple[str, ...],
    params: UniPathology,
) -> None:
    """Write model/; nothing in it needs unpickling."""
    folder = job.model_folder()
    if isinstance(describe, Network):
        describe.model.save_pretrained(folder / "encoder", safe_serialization=True)
    else:
        _put(folder / "handmade.safetensors", middle=describe.middle, spread=describe.spread)
    _put(folder / "labelled.safetensors", features=labelled, labels=data.labelled.labels)
    if pooling is not None:
        tensors = {name: one.contiguous() for name, one in pooling.state_dict().items()}
        save_file(tensors, folder / "pooling.safetensors")
    generated = (job.inputs.get("tiles") or HISTOLOGY.address) == HISTOLOGY.address
    licence = "Published UNI weights are CC BY-NC-ND 4.0: what is trained on their output is for non-commercial use."
    job.write_card(
        task="pathology", encoder=params.encoder, tile=params.tile, mpp=MPP if generated else params.spacing,
        classes=list(data.classes), slides=list(data.labelled.slides), slide_classes=list(slide_classes),
        pooling=[labelled.shape[1], params.mil_width, params.mil_attention] if pooling is not None else None,
        licence=licence if params.encoder == "weights" else "",
    )  # fmt: skip


def _put(path: Path, **arrays: NDArray[Any]) -> None:
    save_file({name: torch.from_numpy(np.ascontiguousarray(one)) for name, one in arrays.items()}, path)
