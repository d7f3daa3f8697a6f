"""A segmenter of torsos that has learned nothing, saved as a run saves its model."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from workbench.recipes.medical.hi_end_mae.method import make_encoder, make_segmenter
from workbench.recipes.medical.hi_end_mae.recipe import HiEndMae

SHAPE = {
    "crop": 12, "patch": 6, "width": 24, "layers": 4, "heads": 4, "taps": "1, 2, 3, 4", "features": 2,
    "window_low": -175.0, "window_high": 250.0,
}  # fmt: skip


def save_untrained(folder: Path, *, spacing_mm: float = 4.0, finds: bool = True) -> str:
    """The model's folder, with weights and card; it calls most voxels Liver, or with `finds` False none."""
    params = HiEndMae(**SHAPE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = make_segmenter(make_encoder(params), params, classes=3)
    bias = network.out.get_submodule("conv.conv").bias
    with torch.no_grad():  # chance must not decide whether there is anything to export
        bias.copy_(torch.tensor([0.0, 3.0, 0.0] if finds else [30.0, 0.0, 0.0]))
    weights = {name: one.contiguous() for name, one in network.state_dict().items()}
    save_file(weights, folder / "segmenter.safetensors")
    card = {
        "task": "segmentation", "shape": SHAPE, "spacing_mm": [spacing_mm] * 3, "run": "untrained",
        "config": {"recipe": "hi-end-mae"},
        "labels": [{"value": 1, "name": "Liver"}, {"value": 2, "name": "Spleen"}],
    }  # fmt: skip
    (folder / "workbench.json").write_text(json.dumps(card))
    return str(folder)
