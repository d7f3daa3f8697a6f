"""Video classifiers in Hugging Face format: VideoMAE, TimeSformer and ViViT, frozen, behind one face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.engine import backbone_folders, backbones
from workbench.engine.backbone_folders import fault

from .framing import as_pixels, preparation
from .texttowers import json_of

KINDS = {
    "videomae": ("VideoMAEForVideoClassification", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "timesformer": ("TimesformerForVideoClassification", (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)),
    "vivit": ("VivitForVideoClassification", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
"""model_type to its class in transformers, and how its pictures are normalised where its folder does not say."""


class VideoClassifier(nn.Module):
    """A network that names clips of `frames` frames of `image_px` pixels by `labels`; `kind` is its model_type."""

    def __init__(self, network: nn.Module, kind: str, normalised: tuple[Any, Any, bool]) -> None:
        super().__init__()
        self.network, self.kind = network, kind
        config: Any = network.config
        self.frames, self.image_px = int(config.num_frames), int(config.image_size)
        self.labels = tuple(str(config.id2label[at]) for at in range(config.num_labels))
        mean, std, self.stretches = normalised
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).reshape(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(3, 1, 1), persistent=False)

    def prepared(self, clips: NDArray[np.uint8] | Tensor) -> Tensor:
        """Clips (B, T, H, W, 3), uint8, as the network takes them: (B, frames, 3, S, S), evenly spread over the T."""
        if clips.ndim != 5 or not clips.shape[1]:
            raise ValueError(f"clips are (B, T, H, W, 3) with at least one frame, not {tuple(clips.shape)}")
        chosen = clips[:, evenly(clips.shape[1], self.frames)]
        pixels = as_pixels(chosen, self.image_px, self.mean, self.std, stretches=self.stretches)
        return pixels.reshape(len(clips), self.frames, *pixels.shape[1:])

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (B, K) of pixels (B, frames, 3, S, S)."""
        found: Tensor = self.network(pixel_values=pixels).logits
        return found

    @torch.no_grad()
    def scores(self, clips: NDArray[np.uint8] | Tensor) -> Tensor:
        """Probabilities (B, K) of the labels for clips (B, T, H, W, 3), uint8, of any length and size."""
        found: Tensor = self(self.prepared(clips)).softmax(-1)
        return found


def evenly(there: int, wanted: int) -> NDArray[np.int64]:
    """`wanted` places out of `there` frames, each in the middle of its part; some come twice where there are fewer."""
    return np.minimum(((np.arange(wanted) + 0.5) * there / wanted).astype(np.int64), there - 1)


def load(address: str | Path) -> VideoClassifier:
    """The video classifier behind an address, in eval mode, in single precision.

    Raises InputError on field 'backbone' where the folder holds no such model, is damaged, or lacks its classifier.
    """
    import transformers

    folder = backbone_folders.locate(str(address))
    kind = str(json_of(folder / "config.json").get("model_type", "none"))
    if kind not in KINDS:
        raise fault(
            "This is no video classifier.",
            expected=f"model_type {', '.join(KINDS)}, fine-tuned to classify",
            received=f"model_type {kind!r}",
            fix="Choose a VideoMAE, TimeSformer or ViViT folder.",
            place=folder,
        )
    files = backbone_folders.list_weights(folder)
    for path in files or [folder / "model.safetensors"]:
        if path.suffix != ".safetensors" or not path.is_file():
            raise fault(
                "The weights of this video classifier are missing or no safetensors.",
                expected="model.safetensors",
                received=path.name if path.is_file() else f"no {path.name}",
                fix="Copy them into the folder; other formats are converted with save_pretrained.",
                place=folder,
            )
        backbone_folders.read_header(path)
    name, mean, std = KINDS[kind]
    backbones.quiet()
    try:
        network, found = getattr(transformers, name).from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, output_loading_info=True,
            ignore_mismatched_sizes=True,
        )  # fmt: skip
    except Exception as error:  # the library raises anything from KeyError to its own classes here
        raise _unfit(folder, f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}") from None
    lost = sorted({*found["missing_keys"], *(str(one[0]) for one in found["mismatched_keys"])})
    if any(one.startswith("classifier.") for one in lost):
        raise fault(
            "This model cannot name clips: its weights have no classifier that fits.",
            expected="a model that was fine-tuned to classify",
            received=f"no {lost[0]}" + (f" and {len(lost) - 1} more" if len(lost) > 1 else ""),
            fix="Choose a fine-tuned model, not a pretrained one.",
            place=folder,
        )
    if lost:
        raise _unfit(folder, f"{len(lost)} missing or of another shape, such as {lost[0]!r}")
    return VideoClassifier(network.eval(), kind, preparation(folder, mean, std, stretches=False)).eval()


def _unfit(folder: Path, received: str) -> Exception:
    return fault(
        "The weights of this video classifier do not fit its config.json.",
        expected="complete weights that fit",
        received=received,
        fix="Copy or download the folder again.",
        place=folder,
    )
