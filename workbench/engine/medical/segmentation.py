"""What training.fit optimises for segmentation, and prediction of whole volumes; 2-D and 3-D alike.

Images are (C, *space) float32. Targets are nested or separate regions, (K, *space) of 0 and 1, read
with a sigmoid each, or one map of classes (1, *space), read with a softmax.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from monai.losses.dice import DiceCELoss, DiceLoss
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.core.mixins import Training
from workbench.engine.devices import Place

Floats = NDArray[np.float32]
Reading = Literal["regions", "classes"]


class Patches(Protocol):
    """Training data: `sample` may cut, flip and shade with the generator it is given, and nothing else by chance."""

    def __len__(self) -> int: ...

    def sample(self, index: int, chance: np.random.Generator) -> tuple[Floats, Floats]:
        """An image (C, *space) and its target (K, *space)."""


class RegionLoss(nn.Module):
    """`dice_weight` · (1 − soft Dice) + (1 − `dice_weight`) · cross-entropy, summed over the batch.

    Soft Dice is taken per channel. With `pooled` its sums run over the whole (micro-)batch, which is
    steadier where many images hold nothing; otherwise over each image. Regions get a sigmoid and binary
    cross-entropy, classes a softmax (MONAI's DiceCELoss), the background left out of Dice.
    """

    def __init__(self, reading: Reading = "regions", *, dice_weight: float = 0.5, pooled: bool = True) -> None:
        super().__init__()
        self.reading, self.dice_weight = reading, dice_weight
        self.dice: nn.Module = DiceLoss(sigmoid=True, batch=pooled, smooth_nr=1.0, smooth_dr=1.0)
        self.both: nn.Module = DiceCELoss(
            softmax=True, to_onehot_y=True, include_background=False, batch=pooled, smooth_nr=1.0, smooth_dr=1.0,
            lambda_dice=dice_weight, lambda_ce=1 - dice_weight,
        )  # fmt: skip

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits (B, K, *space) against targets (B, K or 1, *space), to a scalar: mean per image × B."""
        logits = logits.float()
        if self.reading == "classes":
            total: Tensor = self.both(logits, target) * len(logits)
            return total
        cross = F.binary_cross_entropy_with_logits(logits, target)
        overlap: Tensor = self.dice(logits, target)
        return (self.dice_weight * overlap + (1 - self.dice_weight) * cross) * len(logits)


class Segmentation:
    """The objective for fit: a network on patches.

    `rates` multiplies the learning rate of parameters whose names begin so, e.g. {"encoder.": 0.1}.
    What chance does to a patch depends on the seed, the step and the patch alone, so a resumed run
    sees what an uninterrupted one would.
    """

    def __init__(
        self,
        model: nn.Module,
        patches: Patches,
        params: Training,
        *,
        seed: int,
        loss: nn.Module | None = None,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self.model, self.patches, self.params, self.seed = model, patches, params, seed
        self.criterion = loss or RegionLoss()
        self.rates = dict(rates or {})
        self.steps = 0

    @property
    def examples(self) -> int:
        return len(self.patches)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups by rate; vectors (norms, biases) are spared weight decay."""
        groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for name, one in self.model.named_parameters():
            if one.requires_grad:
                factor = next((rate for start, rate in self.rates.items() if name.startswith(start)), 1.0)
                groups.setdefault((factor, one.ndim > 1), []).append(one)
        return [
            {"params": chosen, "lr": self.params.learning_rate * factor,
             "weight_decay": self.params.weight_decay if matrix else 0.0}
            for (factor, matrix), chosen in groups.items()
        ]  # fmt: skip

    def progress(self, fraction: float) -> None:
        """Before each step: what chance does next depends on how many there were."""
        self.steps += 1

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        """Images (B, C, *space) and targets (B, K, *space)."""
        pairs = [self.patches.sample(index, np.random.default_rng((self.seed, self.steps, index))) for index in indices]
        images, targets = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
        return {"image": images, "target": targets}

    def weight(self, batch: dict[str, Tensor]) -> float:
        return float(len(batch["image"]))

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        found: Tensor = self.criterion(self.model(batch["image"]), batch["target"])
        return found

    def state(self) -> dict[str, int]:
        return {"steps": self.steps}

    def load_state(self, state: dict[str, int]) -> None:
        self.steps = state["steps"]


# Whole volumes ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Windows:
    """How a volume is gone through: window in voxels, share of overlap, windows at once."""

    size: tuple[int, ...]
    overlap: float = 0.25
    batch: int = 8
    reading: Reading = "regions"


def probabilities(
    model: nn.Module,
    image: Floats,
    windows: Windows,
    place: Place,
    *,
    told: Callable[[], object] = lambda: None,
) -> Floats:
    """Probabilities (K, z, y, x) of a volume (C, z, y, x), by MONAI's sliding window with Gaussian weights.

    A window of two lengths reads the volume slice by slice. `told` is called before each batch of
    windows and may raise to end the work.
    """
    flat = len(windows.size) == 2
    batch = torch.from_numpy(np.ascontiguousarray(np.swapaxes(image, 0, 1) if flat else image[None]))

    def predict(part: Tensor) -> Tensor:
        told()
        with place.autocast():
            logits = model(part).float()
        share: Tensor = logits.sigmoid() if windows.reading == "regions" else logits.softmax(1)
        return share

    model.eval()
    with torch.inference_mode():
        found: Tensor = sliding_window_inference(
            batch, windows.size, windows.batch, predict, overlap=windows.overlap, mode="gaussian",
            sw_device=place.device, device="cpu",
        )  # type: ignore[assignment]  # fmt: skip
    array: Floats = found.numpy()
    return np.ascontiguousarray(np.swapaxes(array, 0, 1) if flat else array[0])


def entropy(share: Floats) -> Floats:
    """The mean over regions of each probability's binary entropy in bits, (K, *space) to (*space)."""
    safe = np.clip(share, 1e-6, 1 - 1e-6)
    bits = -(safe * np.log2(safe) + (1 - safe) * np.log2(1 - safe))
    found: Floats = bits.mean(0)
    return found


def regions_of(labels: NDArray[Any], regions: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
    """A label map (*space) as regions (K, *space), each made of some labels; nested ones share labels."""
    return np.stack([np.isin(labels, one) for one in regions])


def standardise(image: Floats) -> Floats:
    """Each channel of a volume (C, *space) to mean 0 and deviation 1 over what is not background.

    Background is what lies below a tenth of the channel's 99th percentile.
    """
    found = np.empty_like(image, dtype=np.float32)
    for channel, values in enumerate(image):
        body = values[values > 0.1 * np.percentile(values, 99)]
        chosen = body if body.size else values
        found[channel] = (values - chosen.mean()) / max(float(chosen.std()), 1e-6)
    return found
