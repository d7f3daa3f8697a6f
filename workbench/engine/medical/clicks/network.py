"""A small 3-D U-Net from an image, the mask as it is and marks to the mask as it should be, of whatever structure.

Marks are channels beside the mask of the round before, as in DeepGrow (Sakinis et al., arXiv:1903.08205), DeepEdit
(Diaz-Pinto et al., arXiv:2305.10655) and, for the mask, RITM (Sofiiuk et al., arXiv:2102.06583). They are drawn in
millimetres, and a level halves only the axes that are about as fine as the finest, so that one set of weights serves
thin and thick slices, and single ones. (MONAI's blocks would do, but importing MONAI takes several seconds, which the
first click would wait for.)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from workbench.core.problem import InputError
from workbench.engine.devices import has_tiles
from workbench.engine.medical.refine import Floats, Question

WEIGHTS, CARD = "click-refiner.safetensors", "click-refiner.json"
CHANNELS = ("values", "mask so far", "marks for", "marks against", "like what is wanted", "like what is not")
MARK_MM = 10.0
"""At this distance from a mark its map has fallen to 1/e."""
ALIKE = 3.0
"""Values that differ by this many standard deviations of the noise are alike to 1/e."""
LEAST_NOISE = 0.005
HALVED_WITHIN = 1.6
"""An axis is halved on a level if its voxels are at most so many times as long as the finest axis' are."""
Pool = tuple[int, int, int]


class Shape(msgspec.Struct, frozen=True):
    """How large the network is: channels of its levels, from the finest."""

    widths: tuple[int, ...] = (16, 32, 48, 64)


class Block(nn.Module):
    """Two 3 × 3 × 3 convolutions with group norm around a shortcut: (B, C, z, y, x) to (B, D, z, y, x)."""

    def __init__(self, inward: int, outward: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(inward, outward, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(outward // 8, outward)
        self.second = nn.Conv3d(outward, outward, 3, padding=1, bias=False)
        self.norm_2 = nn.GroupNorm(outward // 8, outward)

    def forward(self, x: Tensor) -> Tensor:
        first = F.silu(self.norm(_convolved(self.first, x)))
        return F.silu(self.norm_2(_convolved(self.second, first)) + first)


def _convolved(layer: nn.Module, x: Tensor) -> Tensor:
    """The layer's answer; a single slice meets only its kernels' middle, which is the same at a third of the work.

    (And in bfloat16 the gradients of convolutions over one slice end the process: oneDNN 3.12, torch 2.13.)
    """
    if x.shape[2] > 1 or not isinstance(layer, nn.Conv3d):
        found: Tensor = layer(x)
        return found
    side = layer.kernel_size[0]
    return F.conv2d(x[:, :, 0], layer.weight[:, :, side // 2], layer.bias, padding=side // 2)[:, :, None]


class ClickNetwork(nn.Module):
    """Logits (B, 1, z, y, x) of the label from CHANNELS (B, 6, z, y, x) whose voxels measure `spacing_mm` (z, y, x)."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape or Shape()
        widths = self.shape.widths
        self.down = nn.ModuleList(Block(a, b) for a, b in zip((len(CHANNELS), *widths), widths, strict=False))
        pairs = list(itertools.pairwise(widths))
        self.narrow = nn.ModuleList(nn.Conv3d(coarse, fine, 1) for fine, coarse in pairs)
        self.up = nn.ModuleList(Block(2 * fine, fine) for fine, _ in pairs)
        self.head = nn.Conv3d(widths[0], 1, 1)

    def forward(self, x: Tensor, spacing_mm: Sequence[float]) -> Tensor:
        halved = pools(x.shape[2:], spacing_mm, len(self.down) - 1)
        size, kept = x.shape[2:], list[Tensor]()
        x = _whole(x, halved)
        for level, block in enumerate(self.down):
            x = block(x)
            if level < len(halved):
                kept.append(x)
                x = F.max_pool3d(x, halved[level])
        for level in reversed(range(len(kept))):
            wide = F.interpolate(_convolved(self.narrow[level], x), kept[level].shape[2:], mode="trilinear")
            x = self.up[level](torch.cat([kept[level], wide], 1))
        with torch.autocast(x.device.type, enabled=False):
            logits = self.head(x.float())
        found: Tensor = logits[..., : size[0], : size[1], : size[2]]
        return found

    def shares(self, question: Question) -> Floats:
        """A candidate for refine(): shares (z, y, x) of a question's voxels."""
        x = torch.from_numpy(channels(question))[None]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=x.shape[2] > 1 and has_tiles()):
            found: Floats = torch.sigmoid(self(x, question.spacing_mm))[0, 0].numpy()
        return found


def pools(shape: Sequence[int], spacing_mm: Sequence[float], levels: int) -> list[Pool]:
    """By what each level is halved (z, y, x): only axes about as fine as the finest, and longer than one voxel."""
    size, pitch, found = list(shape), list(spacing_mm), []
    for _ in range(levels):
        finest = min((one for one, count in zip(pitch, size, strict=True) if count > 1), default=0.0)
        z, y, x = (
            2 if count > 1 and one <= HALVED_WITHIN * finest else 1 for one, count in zip(pitch, size, strict=True)
        )
        found.append((z, y, x))
        size = [-(-count // by) for count, by in zip(size, found[-1], strict=True)]
        pitch = [one * by for one, by in zip(pitch, found[-1], strict=True)]
    return found


def _whole(x: Tensor, halved: Sequence[Pool]) -> Tensor:
    """Grown by its border until every level halves without a rest: few sizes, so that kernels are made once."""
    by = np.prod(halved, axis=0).tolist()
    more = [-size % one for size, one in zip(x.shape[2:], by, strict=True)]
    return F.pad(x, (0, more[2], 0, more[1], 0, more[0]), mode="replicate")


def channels(question: Question) -> Floats:
    """CHANNELS (6, z, y, x) of a question; the mask so far is what is shown, else the label as it was."""
    from scipy import ndimage

    values = question.values
    smooth = ndimage.gaussian_filter(values, [0.0 if size == 1 else 1.0 for size in values.shape])
    noise = max(float(np.median(np.abs(values - smooth))) * 1.48, LEAST_NOISE)
    mask = question.shown if question.shown is not None else question.prior
    found = np.zeros((len(CHANNELS), *values.shape), np.float32)
    found[0] = 2 * values - 1
    if mask is not None:
        found[1] = mask
    for at, marks in ((2, question.wanted), (3, question.unwanted)):
        if marks.any():
            away_mm = ndimage.distance_transform_edt(~marks, sampling=question.spacing_mm)
            found[at] = np.exp(-away_mm / MARK_MM)
            found[at + 2] = np.exp(-_apart(smooth, smooth[marks]) / (ALIKE * noise))
    return found


def _apart(values: Floats, marked: Floats) -> Floats:
    """How far each value is from the nearest of the marked ones."""
    known = np.sort(marked)
    after = np.searchsorted(known, values).clip(1, max(len(known) - 1, 1))
    above = known[np.minimum(after, len(known) - 1)]
    found: Floats = np.minimum(np.abs(values - known[after - 1]), np.abs(values - above))
    return found


def save(network: ClickNetwork, folder: Path, facts: dict[str, Any]) -> None:
    """Write weights (half precision) and what they are into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: one.half().contiguous() for name, one in network.state_dict().items()}, folder / WEIGHTS)
    said = {"network": "click refiner", "shape": msgspec.to_builtins(network.shape), "facts": facts}
    (folder / CARD).write_bytes(msgspec.json.format(msgspec.json.encode(said), indent=2) + b"\n")


class _Said(msgspec.Struct, frozen=True):
    network: str
    shape: Shape


def load(folder: Path) -> ClickNetwork:
    """The network of a folder that `save` wrote; raises InputError where it is missing or something else."""
    try:
        said = msgspec.json.decode((folder / CARD).read_bytes(), type=_Said)
        network = ClickNetwork(said.shape)
        network.load_state_dict({name: one.float() for name, one in load_file(folder / WEIGHTS).items()})
    except (OSError, msgspec.DecodeError, SafetensorError, RuntimeError, ValueError) as error:
        raise InputError(
            "The network that refines by clicks cannot be read.", expected=f"{CARD} and {WEIGHTS}",
            received=str(error)[:300], fix="Install the program again, or refine by geodesic distance.",
            place=str(folder),
        ) from None  # fmt: skip
    return network.eval()
