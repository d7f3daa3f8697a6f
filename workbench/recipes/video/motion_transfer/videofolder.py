"""Video transformers in Hugging Face folders (VideoMAE, TimeSformer, ViViT): what they say of a whole clip.

Unlike a classifier of clips (engine/video/videomodels.py), one that was only pretrained will do: its head is not read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn

from workbench.core.problem import InputError
from workbench.engine import backbone_folders, backbones
from workbench.engine.video.framing import as_pixels, preparation
from workbench.engine.video.videomodels import KINDS, evenly


class VideoTransformer(nn.Module):
    """An encoder of clips: `prepared` makes them ready, `forward` gives a vector (B, width) each.

    VideoMAE is averaged over its tokens, the others are read from their class token.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, encoder: nn.Module, folder: Path) -> None:
        super().__init__()
        config: Any = encoder.config
        self.encoder, self.width = encoder, int(config.hidden_size)
        self.frames, self.image_px = int(config.num_frames), int(config.image_size)
        self.averaged = config.model_type == "videomae"
        _, usual_mean, usual_spread = KINDS[config.model_type]
        mean, spread, self.stretches = preparation(folder, usual_mean, usual_spread, stretches=False)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor(spread).view(3, 1, 1), persistent=False)

    def prepared(self, clips: NDArray[np.uint8]) -> Tensor:
        """Clips (B, T, H, W, 3) of bytes as the encoder takes them, (B, frames, 3, S, S), evenly spread over the T."""
        chosen = np.ascontiguousarray(clips[:, evenly(clips.shape[1], self.frames)])
        pixels = as_pixels(chosen, self.image_px, self.mean, self.spread, stretches=self.stretches)
        return pixels.view(len(clips), self.frames, *pixels.shape[1:])

    def forward(self, pixels: Tensor) -> Tensor:
        tokens: Tensor = self.encoder(pixels).last_hidden_state
        return tokens.mean(1) if self.averaged else tokens[:, 0]


def load(address: str) -> VideoTransformer:
    """The encoder in a folder; raises InputError where there is none, or none that can be read safely."""
    if not address:
        raise _fault("No video model is named.", "a VideoMAE, TimeSformer or ViViT folder", "nothing",
                     "Choose a folder, or another model.", "")  # fmt: skip
    folder = Path(address).expanduser()
    try:
        kind = str(json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type", ""))
    except (OSError, ValueError, AttributeError) as error:
        raise _fault("This folder holds no video model.", "config.json and model.safetensors", str(error)[:120],
                     "Choose the folder that holds config.json itself.", address) from None  # fmt: skip
    if kind not in KINDS:
        raise _fault("This is another kind of model.", ", ".join(KINDS), kind or "no model_type",
                     "Choose a video transformer's folder.", address)  # fmt: skip
    if not any(one.suffix == ".safetensors" for one in backbone_folders.list_weights(folder)):
        raise _fault("This video model has no weights that can be read safely.", "model.safetensors", "none",
                     "Save it again with save_pretrained.", address)  # fmt: skip
    return VideoTransformer(_encoder(folder), folder)


def _encoder(folder: Path) -> nn.Module:
    from transformers import AutoModel

    backbones.quiet()
    try:
        encoder, found = AutoModel.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32,
            output_loading_info=True, ignore_mismatched_sizes=True,
        )  # fmt: skip
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise _fault("The weights of this video model cannot be read.", "complete weights that fit config.json",
                     str(error).splitlines()[0][:200], "Copy the folder again.", str(folder)) from None  # fmt: skip
    # A pooler, or the last norm of a model that was trained without one, may be new; a layer may not.
    lost = sorted(name for name in found["missing_keys"] if ".layer" in name)
    lost += sorted(str(one[0]) for one in found["mismatched_keys"])
    if lost:
        raise _fault("The weights of this video model do not fit its config.json.", "a tensor for every layer",
                     f"{len(lost)} missing or of another shape, such as {lost[0]}", "Copy the folder again.",
                     str(folder))  # fmt: skip
    model: nn.Module = encoder
    return model


def _fault(what: str, expected: str, received: str, fix: str, place: str) -> InputError:
    return InputError(what, expected=expected, received=received, fix=fix, field="video_model", place=place)
